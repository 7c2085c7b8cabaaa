//! Does a module that is seen for the first time run what is in its file?
//!
//! The file may have been edited between the import and this moment. The file's own change time
//! settles most cases without reading anything: a file that did not change since this process
//! began holds what was imported. Else the header of the `.pyc` is asked, which was written from
//! the source that was imported; and last, live code is compared with what the file compiles to.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple};

use super::kept::Packer;
use super::ledger::Version;
use super::survey::View;
use crate::files::{self, Reader};
use crate::outline::{Kind, Outline, Statement};
use crate::text;

/// Where a text comes from, to compile it as the import system did.
pub struct Origin<'a> {
    pub path: &'a Path,
    pub filename: &'a str,
}

/// When this process began, by the clock that stamps files, in nanoseconds since 1970.
fn process_start_ns() -> i64 {
    static START: OnceLock<i64> = OnceLock::new();
    *START.get_or_init(|| {
        // The change time of the process's own folder in /proc; a moment before now elsewhere,
        // which sends every module through the comparison of code.
        files::stamp(Path::new("/proc/self/stat")).map_or(0, |_| started_linux("self").unwrap_or(0))
    })
}

#[cfg(target_os = "linux")]
fn started_linux(process: &str) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Field 22, counted after the command, which may contain anything: clock ticks since boot.
    let ticks: i64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    // When the machine was booted, by the clock of files: `btime` of /proc/stat has whole seconds only,
    // and what was written in the second before the process began would look doubtful.
    let boot = clock_ns(libc::CLOCK_REALTIME)? - clock_ns(libc::CLOCK_BOOTTIME)?;
    // USER_HZ is 100 on every Linux that CPython runs on. Files are stamped by a clock of up to 10 ms;
    // a little more is taken off, so that a doubtful file is compared and not trusted.
    Some(boot + ticks * 10_000_000 - 20_000_000)
}

#[cfg(target_os = "linux")]
fn clock_ns(clock: libc::clockid_t) -> Option<i64> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to the struct that it is given, and to nothing else.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut now) };
    (failed == 0).then_some(now.tv_sec * 1_000_000_000 + now.tv_nsec)
}

#[cfg(not(target_os = "linux"))]
fn started_linux(_process: &str) -> Option<i64> {
    None
}

/// Reads the files of modules that are seen for the first time.
pub struct FirstLook<'py> {
    pub view: View<'py>,
    reader: Reader,
    packer: Packer,
}

impl<'py> FirstLook<'py> {
    /// For any number of modules.
    pub fn new(py: Python<'py>) -> Self {
        Self {
            view: View::new(py),
            reader: Reader::default(),
            packer: Packer::default(),
        }
    }

    /// What the file of a module has. `Version::known` says whether it is what the module runs.
    /// `None` when there is no such file, or it is no text.
    pub fn running_version(
        &mut self,
        module: &Bound<'py, PyModule>,
        origin: &Origin<'_>,
    ) -> Option<Version> {
        let (bytes, look) = self.reader.read(origin.path).ok()?;
        let stamp = look.stamp?;
        let text = match loader_text(&self.view, module, origin.path) {
            Some(told) => Cow::Owned(told),
            None => match text::borrow(bytes) {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Owned(text::decode(bytes).ok()?.source),
            },
        };
        let print = match text {
            // It is the text that is compared, if ever.
            Cow::Borrowed(_) => None,
            Cow::Owned(_) => Some(text::fingerprint(bytes)),
        };
        let known = stamp.ctime_ns < process_start_ns()
            || match pyc_agrees(module, &stamp) {
                // One that nobody brings up to date may have been another source's before the import.
                Pyc::Other => {
                    !writes_bytecode(module.py())
                        && (transforms(&self.view, module)
                            || code_agrees(module, origin.filename, &text, true).unwrap_or(false))
                }
                Pyc::Younger => true,
                // Its header has whole seconds: two saves of one size within one look alike, so
                // the code is asked too. A name that is not there was then taken out by the
                // program.
                Pyc::Same => code_agrees(module, origin.filename, &text, false).unwrap_or(false),
                Pyc::None => {
                    transforms(&self.view, module)
                        || code_agrees(module, origin.filename, &text, true).unwrap_or(false)
                }
            };
        let packer = &mut self.packer;
        Some(Version::packed(&text, packer, print, look, known))
    }
}

/// The source as the module's own loader gives it, where that is not what the file has (a loader
/// that translates or decrypts).
pub fn loader_text<'py>(
    view: &View<'py>,
    module: &Bound<'py, PyModule>,
    path: &Path,
) -> Option<String> {
    let loader = view.own_loader(module)?;
    let own = loader.get_type().getattr("get_data").ok()?;
    let usual = view.ordinary()?.getattr("get_data").ok()?;
    if own.is(&usual) {
        return None;
    }
    let data: Vec<u8> = loader
        .call_method1("get_data", (path.to_str()?,))
        .ok()?
        .extract()
        .ok()?;
    Some(text::decode(&data).ok()?.source)
}

/// Whether the module's loader makes code in a way of its own (it rewrites assertions, adds checks
/// of types): what the file compiles to says nothing of what the module runs.
fn transforms<'py>(view: &View<'py>, module: &Bound<'py, PyModule>) -> bool {
    let (Some(loader), Some(usual)) = (view.own_loader(module), view.ordinary()) else {
        return false;
    };
    let kind = loader.get_type();
    ["exec_module", "get_code", "source_to_code"]
        .iter()
        .any(|way| match (kind.getattr(*way), usual.getattr(*way)) {
            (Ok(own), Ok(usual)) => !own.is(&usual),
            _ => true,
        })
}

/// Whether the import system brings a `.pyc` up to date.
fn writes_bytecode(py: Python<'_>) -> bool {
    let told = || {
        py.import("sys")?
            .getattr("dont_write_bytecode")?
            .is_truthy()
    };
    !told().unwrap_or(false)
}

/// What the module's `.pyc` says of its source.
enum Pyc {
    /// There is none to ask.
    None,
    /// It was made from another source.
    Other,
    /// It was made from a source of this size and second.
    Same,
    /// The same, and after the source changed for the last time.
    Younger,
}

fn pyc_agrees(module: &Bound<'_, PyModule>, stamp: &files::Stamp) -> Pyc {
    let header = || -> Option<(std::path::PathBuf, [u8; 16])> {
        // The module's own `__cached__` is gone from 3.15 on.
        let spec = module.dict().get_item("__spec__").ok()??;
        let cached: std::path::PathBuf = spec.getattr("cached").ok()?.extract().ok()?;
        let mut header = [0_u8; 16];
        std::io::Read::read_exact(&mut std::fs::File::open(&cached).ok()?, &mut header).ok()?;
        Some((cached, header))
    };
    let Some((cached, header)) = header() else {
        return Pyc::None;
    };
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if word(4) != 0 {
        return Pyc::None;
    }
    // Both are cut to 32 bits there (importlib._bootstrap_external).
    let seconds = (stamp.mtime_ns.div_euclid(1_000_000_000) & 0xffff_ffff) as u32;
    if word(8) != seconds || word(12) != (stamp.size & 0xffff_ffff) as u32 {
        return Pyc::Other;
    }
    match files::stamp(&cached) {
        Some(made) if made.mtime_ns > stamp.ctime_ns => Pyc::Younger,
        _ => Pyc::Same,
    }
}

/// Compiles the text and compares functions and plain constants with the live ones.
fn code_agrees(
    module: &Bound<'_, PyModule>,
    filename: &str,
    source: &str,
    complete: bool,
) -> PyResult<bool> {
    let py = module.py();
    let builtins = py.import("builtins")?;
    let types = py.import("types")?;
    let (code_type, function) = (types.getattr("CodeType")?, types.getattr("FunctionType")?);
    let code = builtins
        .getattr("compile")?
        .call1((source, filename, "exec", 0, true))?;
    let dict = module.dict();
    let entry = |name: &str| dict.get_item(name).ok().flatten();
    let Ok(outline) = crate::outline::read(source) else {
        return compare(
            &code,
            &entry,
            &dict,
            &code_type,
            &function,
            &BTreeSet::new(),
        );
    };
    let required = if complete {
        defined(&outline)
    } else {
        BTreeSet::new()
    };
    Ok(
        compare(&code, &entry, &dict, &code_type, &function, &required)?
            && constants_agree(&dict, source, &outline, &builtins)?,
    )
}

/// Functions and classes that a module has once it was imported: not those of a branch that may
/// not have been taken, and none whose name something else takes away.
fn defined(outline: &Outline) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for statement in &outline.body {
        for name in &statement.uses.deletes {
            names.remove(name.as_str());
        }
        if matches!(statement.kind, Kind::Function | Kind::Class) {
            names.insert(statement.name.as_str());
        } else {
            // Compound statements tell what they bind, and what they may delete.
            for name in &statement.uses.binds {
                names.remove(name.as_str());
            }
        }
    }
    names
}

fn compare<'py>(
    code: &Bound<'py, PyAny>,
    entry: &dyn Fn(&str) -> Option<Bound<'py, PyAny>>,
    globals: &Bound<'py, PyDict>,
    code_type: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    required: &BTreeSet<&str>,
) -> PyResult<bool> {
    let named = |live: &Bound<'py, PyAny>, name: &str| {
        live.get_type().is(function)
            && live.getattr("__globals__").is_ok_and(|g| g.is(globals))
            && live
                .getattr("__code__")
                .and_then(|c| c.getattr("co_name")?.extract::<String>())
                .is_ok_and(|n| n == name)
    };
    // Of several definitions of a name (the branches of an `if`) any may be the live one.
    let mut by_name: Codes<'py> = Codes::new();
    gather(code, code_type, &mut by_name)?;
    for (name, codes) in by_name {
        let Some(live) = entry(&name) else {
            // A definition of the file that the module does not have.
            if required.contains(name.as_str()) {
                return Ok(false);
            }
            continue;
        };
        let any = |live: &Bound<'py, PyAny>, codes: &[Bound<'py, PyAny>]| -> PyResult<bool> {
            let own = live.getattr("__code__")?;
            for code in codes {
                if own.eq(code)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        // Decorators put wrappers in the place of functions: those are not looked into.
        if named(&live, &name) {
            if !any(&live, &codes)? {
                return Ok(false);
            }
        } else if live.is_instance_of::<pyo3::types::PyType>() && codes.len() == 1 {
            let entries = live.getattr("__dict__")?;
            let mut methods: Codes<'py> = Codes::new();
            gather(&codes[0], code_type, &mut methods)?;
            for (method, codes) in methods {
                // Methods that decorators or name mangling hide are not looked for.
                let Ok(found) = entries.get_item(&method) else {
                    continue;
                };
                // A decorator may have derived another class from it, with methods of the same names.
                let own = found
                    .getattr("__qualname__")
                    .is_ok_and(|own| own.eq(format!("{name}.{method}")).unwrap_or(false));
                if own && named(&found, &method) && !any(&found, &codes)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

type Codes<'py> = std::collections::BTreeMap<String, Vec<Bound<'py, PyAny>>>;

/// The code objects among the constants of another, by name.
fn gather<'py>(
    code: &Bound<'py, PyAny>,
    code_type: &Bound<'py, PyAny>,
    out: &mut Codes<'py>,
) -> PyResult<()> {
    for constant in code.getattr("co_consts")?.cast_into::<PyTuple>()?.iter() {
        if constant.get_type().is(code_type) {
            out.entry(constant.getattr("co_name")?.extract()?)
                .or_default()
                .push(constant);
        }
    }
    Ok(())
}

/// Constants that only their own statement binds, and that no function writes.
fn constants_agree(
    dict: &Bound<'_, PyDict>,
    source: &str,
    outline: &Outline,
    builtins: &Bound<'_, PyModule>,
) -> PyResult<bool> {
    let mut written: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for statement in &outline.body {
        for name in statement
            .uses
            .binds
            .iter()
            .chain(&statement.uses.mutates)
            .chain(&statement.later.global_writes)
        {
            *written.entry(name).or_default() += 1;
        }
    }
    let literal = builtins.py().import("ast")?.getattr("literal_eval")?;
    // A star import may give any of the names above it another value.
    let is_star = |s: &Statement| s.imports.iter().any(|i| i.bound == "*");
    let last_star = outline.body.iter().rposition(is_star);
    for statement in outline.body.iter().skip(last_star.map_or(0, |at| at + 1)) {
        if statement.kind != Kind::Assign || written.get(statement.name.as_str()) != Some(&1) {
            continue;
        }
        let text = &source[statement.span.start as usize..statement.span.end as usize];
        let Some((_, value)) = text.split_once('=') else {
            continue;
        };
        let Ok(value) = literal.call1((value.trim(),)) else {
            continue;
        };
        // A place that others fill says nothing.
        if value.is_none() || value.hash().is_err() {
            continue;
        }
        match dict.get_item(&statement.name)? {
            Some(live) if live.eq(&value)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn process_start_is_known_to_some_hundredths_of_a_second() {
        let now = || super::clock_ns(libc::CLOCK_REALTIME).unwrap();
        let before = now();
        let mut child = std::process::Command::new("sleep")
            .arg("10")
            .spawn()
            .unwrap();
        let after = now();
        let started = super::started_linux(&child.id().to_string()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(before - 50_000_000 < started, "{before} {started}");
        assert!(started <= after, "{started} {after}");
    }
}
