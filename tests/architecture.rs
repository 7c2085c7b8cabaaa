//! The layers of `src/lib.rs` are tested, not drawn.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The `pub mod` lines of lib.rs, in order: a module may use those above it.
fn order() -> Vec<String> {
    fs::read_to_string(root().join("lib.rs"))
        .expect("lib.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")?
                .strip_suffix(';')
                .map(str::to_owned)
        })
        .collect()
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn no_module_imports_one_below_it() {
    let order = order();
    assert!(order.len() > 8, "lib.rs lists the modules: {order:?}");
    let mut wrong = Vec::new();
    for (rank, module) in order.iter().enumerate() {
        let mut files = Vec::new();
        sources(&root().join(module), &mut files);
        assert!(!files.is_empty(), "{module} has no files");
        for file in files {
            let text = fs::read_to_string(&file).expect("source");
            for part in text.split("crate::").skip(1) {
                let name: String = part
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if let Some(used) = order.iter().position(|m| *m == name)
                    && used > rank
                {
                    wrong.push(format!("{}: {module} uses {name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn python_and_unsafe_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for module in order() {
        let mut files = Vec::new();
        sources(&root().join(&module), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("source");
            let pure = [
                "text", "outline", "diff", "plan", "report", "files", "watch",
            ];
            if pure.contains(&module.as_str()) && text.contains("pyo3") {
                wrong.push(format!(
                    "{}: pyo3 in a layer without Python",
                    file.display()
                ));
            }
            if module != "capi" && text.contains("no_mangle") {
                wrong.push(format!(
                    "{}: exported function outside capi",
                    file.display()
                ));
            }
            let rooms = [
                "files",
                "watch",
                "interp",
                "modules",
                "apply",
                "callbacks",
                "reloader",
                "capi",
            ];
            let uses_unsafe = text.lines().any(|l| {
                let code = l.split("//").next().unwrap_or("");
                code.contains("unsafe {")
                    || code.contains("unsafe fn")
                    || code.contains("unsafe impl")
            });
            if uses_unsafe && !rooms.contains(&module.as_str()) {
                wrong.push(format!("{}: unsafe outside its rooms", file.display()));
            }
            if text.lines().count() > 700 {
                wrong.push(format!(
                    "{}: {} lines",
                    file.display(),
                    text.lines().count()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
