//! Real code: the standard libraries of the CPythons that pyenv installed.
//!
//! A sample of the files; all of them with `PYRELOAD_FULL=1`.

use pyreload::outline::{self, Kind, Outline};
use pyreload::text;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Python {
    program: PathBuf,
    pub(crate) library: PathBuf,
    minor: u32,
}

/// The CPythons from 3.9 on, in the order of their versions.
pub(crate) fn pythons() -> Vec<Python> {
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = root.expect("PYENV_ROOT or HOME").join("versions");
    let mut found: Vec<Python> = fs::read_dir(&versions)
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; install CPythons with pyenv",
                versions.display()
            )
        })
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let minor: u32 = name.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
            let home = entry.path();
            (minor >= 9).then(|| Python {
                program: home.join(format!("bin/python3.{minor}")),
                library: home.join(format!("lib/python3.{minor}")),
                minor,
            })
        })
        .collect();
    found.sort_by_key(|python| python.minor);
    assert!(!found.is_empty(), "no CPython in {}", versions.display());
    found
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if path.ends_with("site-packages") {
                continue;
            }
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            out.push(path);
        }
    }
}

/// Every `step`-th file of a library, or all; an uneven step meets other files in each version.
pub(crate) fn sample(python: &Python, step: usize) -> Vec<PathBuf> {
    let mut all = Vec::new();
    sources(&python.library, &mut all);
    assert!(
        all.len() > 500,
        "{} has {} files",
        python.library.display(),
        all.len()
    );
    let full = std::env::var_os("PYRELOAD_FULL").is_some();
    let step = if full { 1 } else { step };
    all.into_iter()
        .skip(python.minor as usize % step)
        .step_by(step)
        .collect()
}

fn run(python: &Python, script: &str, paths: &[PathBuf]) -> Vec<String> {
    let mut child = Command::new(&python.program)
        .args(["-I", "-W", "ignore", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", python.program.display()));
    let mut input = child.stdin.take().unwrap();
    let lines: String = paths
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", python.program.display());
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), paths.len());
    out.lines().map(str::to_owned).collect()
}

const COMPILES: &str = "
import sys
for path in sys.stdin.read().splitlines():
    try:
        compile(open(path, 'rb').read(), path, 'exec', dont_inherit=True)
        print('compiles')
    except (SyntaxError, ValueError, RecursionError) as error:
        print(type(error).__name__)
";

fn read(path: &Path) -> Result<Outline, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let text = text::decode(&bytes).map_err(|error| error.to_string())?;
    outline::read(&text.source).map_err(|error| error.to_string())
}

/// Files that a CPython compiles and that have no outline, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[test]
fn whatever_cpython_compiles_has_an_outline() {
    let (mut bytes, mut time, mut files) = (0_u64, Duration::ZERO, 0);
    let mut wrong = Vec::new();
    for python in pythons() {
        let paths = sample(&python, 43);
        let mut refused: Vec<(PathBuf, String)> = Vec::new();
        for path in paths {
            bytes += fs::metadata(&path).map_or(0, |data| data.len());
            files += 1;
            let start = Instant::now();
            let result = read(&path);
            time += start.elapsed();
            if let Err(error) = result {
                refused.push((path, error));
            }
        }
        let paths: Vec<PathBuf> = refused.iter().map(|(path, _)| path.clone()).collect();
        for ((path, error), verdict) in refused.iter().zip(run(&python, COMPILES, &paths)) {
            let known = EXCEPTIONS.iter().any(|(end, _)| path.ends_with(end));
            if verdict == "compiles" && !known {
                wrong.push(format!("3.{}: {}: {error}", python.minor, path.display()));
            }
        }
    }
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{files} files, {megabytes:.1} MB, {:.1} MB/s",
        megabytes / time.as_secs_f64()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn names(value: &Value) -> BTreeSet<String> {
    let names = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

fn roots<'a>(paths: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    paths
        .into_iter()
        .map(|path| path.split('.').next().unwrap_or("").to_owned())
        .collect()
}

/// Where the outline and the symbol table disagree.
fn disagreements(outline: &Outline, symbols: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_definition = |kind| matches!(kind, Kind::Function | Kind::Class);
    let definitions: Vec<_> = outline
        .body
        .iter()
        .filter(|s| is_definition(s.kind))
        .collect();
    let expected = symbols["definitions"].as_array().expect("definitions");
    assert_eq!(definitions.len(), expected.len());
    for (statement, expected) in definitions.iter().zip(expected) {
        assert_eq!(statement.name, expected[0].as_str().unwrap());
        let (found, expect) = (roots(&statement.later.reads), names(&expected[1]));
        // For the table, `x += 1` only writes x, and a class body that binds a name never
        // reads the module's.
        let (written, shadowed) = (&statement.later.global_writes, names(&expected[2]));
        let known = |name: &&String| written.contains(name) || shadowed.contains(*name);
        // What functions import when they are called is local to them.
        let late = |name: &&String| statement.late.iter().any(|import| import.bound == **name);
        let mut difference: Vec<_> = found.difference(&expect).collect();
        difference.retain(|name| !known(name) && !late(name));
        difference.extend(expect.difference(&found));
        if !difference.is_empty() {
            wrong.push(format!("{} reads {difference:?}", statement.name));
        }
    }
    let statements = || outline.body.iter();
    let bound: BTreeSet<String> = statements()
        .flat_map(|s| s.uses.binds.iter().chain(&s.uses.deletes))
        .cloned()
        .collect();
    let (expect, annotated) = (names(&symbols["bound"]), names(&symbols["annotated"]));
    let difference: Vec<_> = bound
        .symmetric_difference(&expect)
        .filter(|name| !annotated.contains(*name))
        .collect();
    if !difference.is_empty() {
        wrong.push(format!("binds {difference:?}"));
    }
    let read = roots(statements().flat_map(|s| &s.uses.reads));
    let missed: Vec<_> = names(&symbols["read"]).difference(&read).cloned().collect();
    if !missed.is_empty() {
        wrong.push(format!("does not read {missed:?}"));
    }
    wrong
}

#[test]
fn names_mean_what_cpythons_symbol_table_says() {
    let pythons = pythons();
    // 3.11 and before have no scopes of their own for type parameters, 3.14 has some for
    // annotations; what the table says is the plainest there.
    let python = pythons
        .iter()
        .rev()
        .find(|python| python.minor <= 11)
        .expect("CPython to 3.11");
    let paths = sample(python, 11);
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (path, line) in paths
        .iter()
        .zip(run(python, include_str!("symbols.py"), &paths))
    {
        let symbols: Value = serde_json::from_str(&line).unwrap();
        let Ok(outline) = read(path) else { continue };
        if symbols.get("error").is_none() {
            compared += 1;
            let found = disagreements(&outline, &symbols);
            wrong.extend(
                found
                    .into_iter()
                    .map(|text| format!("{}: {text}", path.display())),
            );
        }
    }
    println!("{compared} files compared");
    assert!(
        compared > 20 && wrong.is_empty(),
        "{compared} files\n{}",
        wrong.join("\n")
    );
}
