//! The C API as C programs see it: each program of `tests/capi` is compiled and run against the
//! same library file with every Python of the machine, once linked and once through `dlopen`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library that `PYRELOAD_LIB` names, else the one that `cargo test` built, beside this test program.
fn library() -> PathBuf {
    let library = std::env::var_os("PYRELOAD_LIB").map_or_else(
        || {
            let exe = std::env::current_exe().expect("own path");
            exe.parent().expect("deps").join("libpyreload.so")
        },
        PathBuf::from,
    );
    assert!(library.exists(), "there is no {}", library.display());
    library
}

fn scratch() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
    fs::create_dir_all(&dir).expect("scratch folder");
    dir
}

fn output(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let out = command.output().unwrap_or_else(|e| panic!("{shown}: {e}"));
    assert!(
        out.status.success(),
        "{shown}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("UTF-8")
}

struct Python {
    version: String,
    cflags: Vec<String>,
    ldflags: Vec<String>,
}

fn pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let list = output(Command::new("bash").arg(root().join("tests/pythons.sh")));
        let ask = |python: &str, what: &str| {
            output(
                Command::new(python)
                    .arg(root().join("examples_c/pyflags.py"))
                    .arg(what),
            )
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
        };
        list.lines()
            .map(|python| Python {
                version: ask(python, "--version").concat(),
                cflags: ask(python, "--cflags"),
                ldflags: ask(python, "--ldflags"),
            })
            .collect()
    })
}

/// The names of all functions that the header declares.
fn exported() -> Vec<String> {
    let header = fs::read_to_string(root().join("include/pyreload.h")).expect("header");
    let mut names: Vec<String> = header
        .split("PYRELOAD_API")
        .skip(1)
        .filter_map(|text| {
            let (before, _) = text.split_once('(')?;
            let name = before
                .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                .next()?;
            name.starts_with("pyreload_").then(|| name.to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    assert!(
        names.len() > 40,
        "the header declares {} functions",
        names.len()
    );
    names
}

fn programs() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/capi"))
        .expect("tests/capi")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "c" || e == "cpp"))
        .collect();
    files.sort();
    files
}

/// For the dlopen form: each call goes through the address that `dlsym` gives.
fn dl_calls() -> PathBuf {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    WRITTEN
        .get_or_init(|| {
            let mut text = String::new();
            for name in exported() {
                writeln!(
                    text,
                    "#define {name}(...) (((__typeof__(&{name}))host_symbol(\"{name}\"))(__VA_ARGS__))"
                )
                .expect("String");
            }
            let dir = scratch().join("include");
            fs::create_dir_all(&dir).expect("folder");
            fs::write(dir.join("dl_calls.h"), text).expect("dl_calls.h");
            dir
        })
        .clone()
}

fn compile(source: &Path, python: Option<&Python>, dlopened: bool) -> PathBuf {
    let library = library();
    let version = python.map_or("none", |p| p.version.as_str());
    let form = if dlopened { "dlopen" } else { "linked" };
    let stem = source.file_stem().expect("name").to_string_lossy();
    let program = scratch().join(format!("{stem}-{version}-{form}"));
    let cpp = source.extension().is_some_and(|e| e == "cpp");
    let mut cc = Command::new(if cpp { "c++" } else { "cc" });
    cc.arg(if cpp { "-std=c++17" } else { "-std=gnu99" })
        .args(["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"])
        .arg("-o")
        .arg(&program)
        .arg(source)
        .arg(format!("-I{}", root().join("include").display()));
    if dlopened {
        cc.arg(format!("-I{}", dl_calls().display()))
            .arg(format!("-DHOST_DLOPEN=\"{}\"", library.display()));
    }
    if let Some(python) = python {
        cc.args(&python.cflags);
    }
    if dlopened {
        cc.arg("-ldl");
    } else {
        // The file by its path: beside it lies an archive of the same name.
        cc.arg(&library);
        cc.arg(format!(
            "-Wl,-rpath,{}",
            library.parent().expect("deps").display()
        ));
    }
    if let Some(python) = python {
        cc.args(&python.ldflags);
    }
    output(&mut cc);
    program
}

/// Runs a program to its end; its own alarm is 100 s, this one only guards against a stop.
fn run(program: &Path) -> Result<(), String> {
    let log = program.with_extension("log");
    let out = fs::File::create(&log).expect("log");
    let mut child = Command::new(program)
        .env("PYRELOAD_LIBRARY", library())
        .env("TMPDIR", scratch())
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("log"))
        .stderr(out)
        .spawn()
        .expect("the program starts");
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if start.elapsed() > Duration::from_secs(150) {
            child.kill().expect("kill");
            child.wait().expect("wait");
            return Err(format!("{}: did not end", program.display()));
        }
        sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    let said = fs::read(&log).expect("log");
    Err(format!(
        "{}: {status}\n{}",
        program.display(),
        String::from_utf8_lossy(&said)
    ))
}

fn everywhere(name: &str) {
    let source = root().join("tests/capi").join(name);
    let mut failures = Vec::new();
    for python in pythons() {
        // The table of the dlopen form is one of macros, which the C++ header does not survive.
        let forms: &[bool] = if name.ends_with(".cpp") {
            &[false]
        } else {
            &[false, true]
        };
        for &dlopened in forms {
            let program = compile(&source, Some(python), dlopened);
            failures.extend(run(&program).err());
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

macro_rules! programs {
    ($($test:ident: $file:literal),* $(,)?) => {
        $(#[test] fn $test() { everywhere($file); })*

        /// No program may lie there without being run.
        #[test]
        fn each_program_is_run() {
            let run = [$($file,)* "no_python.c"];
            for file in programs() {
                let name = file.file_name().expect("name").to_string_lossy().into_owned();
                assert!(run.contains(&name.as_str()), "{name} is in no test");
            }
        }
    };
}

programs! {
    chapter_1_version: "version.c",
    chapter_2_errors: "errors.c",
    chapter_3_reloader: "reloader.c",
    chapter_4_trigger: "trigger.c",
    chapter_5_check: "check.c",
    chapter_6_modules: "modules.c",
    chapter_7_callbacks: "callbacks.c",
    chapter_8_reports: "reports.c",
    chapter_9_log: "log.c",
    null_and_malformed_arguments_are_a_status: "arguments.c",
    the_gil_is_left_as_it_was_found: "gil.c",
    a_second_thread_is_told_busy_and_a_callback_reentrant: "threads.c",
    subinterpreters_are_refused_and_never_hang: "subinterpreters.c",
    python_may_end_and_start_again: "lifetimes.c",
    python_may_end_while_a_check_runs: "in_flight.c",
    the_library_may_be_closed_before_python_ends: "dlclose.c",
    the_cpp_layer_ends_what_it_owns: "hpp.cpp",
}

#[test]
fn without_a_python_loading_says_what_is_missing() {
    let program = compile(&root().join("tests/capi/no_python.c"), None, true);
    run(&program).unwrap_or_else(|e| panic!("{e}"));
}

/// What README shows first must compile as it stands there.
#[test]
fn the_example_of_the_readme_compiles() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, rest) = readme.split_once("```c\n").expect("an example in C");
    let (code, _) = rest.split_once("```").expect("its end");
    let file = scratch().join("readme.c");
    fs::write(
        &file,
        format!("{code}\nint main(void) {{ start(); on_click(0); return 0; }}\n"),
    )
    .expect("readme.c");
    for python in pythons() {
        output(
            Command::new("cc")
                .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"])
                .arg(format!("-I{}", root().join("include").display()))
                .args(&python.cflags)
                .arg(&file),
        );
    }
}

#[test]
fn each_exported_function_is_called_by_a_program() {
    let text: String = programs()
        .iter()
        .map(|file| fs::read_to_string(file).expect("program"))
        .collect();
    let missing: Vec<String> = exported()
        .into_iter()
        .filter(|name| !text.contains(&format!("{name}(")))
        .collect();
    assert!(missing.is_empty(), "in no program: {missing:?}");
}
