//! The behaviour cases of `tests/cases`, and the shared examples where they stand beside the
//! project, with the library as it is built for this test run.
//!
//! The Python side is `tests/run_cases.py`; this file only finds the pieces.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The library that `PYRELOAD_LIB` names, else the cdylib that belongs to this test program: cargo puts
/// both into the same profile folder, the library either there or, when only tests were built, in its
/// `deps`.
fn library() -> PathBuf {
    if let Some(named) = env::var_os("PYRELOAD_LIB") {
        return PathBuf::from(named);
    }
    let program = env::current_exe().expect("path of the test program");
    let deps = program.parent().expect("deps folder");
    let name = format!(
        "{}pyreload{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    );
    let places = [
        deps.join(&name),
        deps.parent().expect("profile folder").join(&name),
    ];
    let newest = places
        .iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max();
    newest
        .unwrap_or_else(|| panic!("no library at {places:?}"))
        .1
        .clone()
}

/// An interpreter for the runner itself: CPython 3.11 or later, from PATH or pyenv.
fn python() -> PathBuf {
    let mut found: Vec<PathBuf> = env::var_os("PYRELOAD_RUNNER_PYTHON")
        .into_iter()
        .map(Into::into)
        .collect();
    found.extend(["python3", "python3.13", "python3.12", "python3.11"].map(PathBuf::from));
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pyenv")));
    if let Some(versions) = pyenv.and_then(|dir| dir.join("versions").read_dir().ok()) {
        found.extend(
            versions
                .flatten()
                .map(|version| version.path().join("bin/python3")),
        );
    }
    let modern = "import sys; sys.exit(sys.version_info < (3, 11))";
    found
        .into_iter()
        .find(|exe| {
            Command::new(exe)
                .args(["-c", modern])
                .output()
                .is_ok_and(|out| out.status.success())
        })
        .expect("a CPython 3.11 or later on PATH or under pyenv, to run tests/run_cases.py")
}

fn start(script: &str, arguments: &[&str]) -> Output {
    Command::new(python())
        .arg(root().join("tests").join(script))
        .args(arguments)
        .env("PYRELOAD_LIB", library())
        .output()
        .expect("the runner starts")
}

fn run(script: &str, arguments: &[&str]) {
    let output = start(script, arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script} {arguments:?}\n{text}\n{errors}"
    );
    // a runner that found nothing to run must not pass
    let last = text.lines().last().unwrap_or_default();
    assert!(
        last.ends_with(" passed, 0 failed") && !last.starts_with("0 "),
        "{text}\n{errors}"
    );
}

/// With the Pythons in between a third of them; all by `bash tests/run.sh long`.
#[test]
fn cases_hold_on_every_python() {
    run("run_cases.py", &["-v", "--between", "3"]);
}

/// With the Pythons in between by `bash tests/run.sh long`.
#[test]
fn cases_that_need_no_state_hold_in_full_mode() {
    run("run_cases.py", &["-v", "--ends", "--policy", "full"]);
}

/// What the cases expect is what a fresh process prints: independent of the library. Most say nothing of
/// it, and are compared with one wherever they run. All, with each Python, by `bash tests/run.sh long`.
#[test]
fn cases_agree_with_a_restart() {
    run("run_cases.py", &["-v", "--stated", "--engine", "restart"]);
}

/// Without any reloader nearly all must fail, of which some are tried; what passes is about edits that
/// change nothing.
#[test]
fn cases_can_fail() {
    let exe = python();
    let exe = exe.to_str().expect("a path in UTF-8");
    let arguments = ["--engine", "none", "--every", "5", "--python", exe];
    let output = start("run_cases.py", &arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let words: Vec<&str> = last
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let [passed, "passed", failed, "failed"] = words[..] else {
        panic!("{text}")
    };
    let (passed, failed): (usize, usize) = (passed.parse().unwrap(), failed.parse().unwrap());
    assert!(
        failed > 200 && passed * 20 < failed,
        "{passed} of {failed} pass with no reloader"
    );
}

#[test]
fn shared_examples_hold_on_every_python() {
    let shared: &Path = &root().join("../shared/cases");
    if shared.join("run_cases.py").exists() {
        run("run_shared_cases.py", &["-v"]);
    } else {
        eprintln!("not run: there are no shared examples beside the project");
    }
}
