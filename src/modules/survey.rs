//! What is in `sys.modules`: names, files, and whose they are.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};

/// Where the interpreter keeps what is not the user's.
#[derive(Debug, Clone, Default)]
pub struct Places {
    stdlib: Vec<PathBuf>,
}

impl Places {
    /// Asks the interpreter.
    pub fn of(py: Python<'_>) -> PyResult<Self> {
        let paths = py.import("sysconfig")?.call_method0("get_paths")?;
        let mut stdlib = Vec::new();
        for key in ["stdlib", "platstdlib"] {
            if let Ok(path) = paths.get_item(key).and_then(|p| p.extract::<PathBuf>()) {
                if let Ok(real) = path.canonicalize() {
                    stdlib.push(real);
                }
                stdlib.push(path);
            }
        }
        Ok(Self { stdlib })
    }

    /// In a folder for installed packages.
    pub fn is_installed(&self, path: &Path) -> bool {
        path.components().any(|c| {
            let c = c.as_os_str();
            c == "site-packages" || c == "dist-packages"
        })
    }

    /// Part of the standard library.
    pub fn is_stdlib(&self, path: &Path) -> bool {
        !self.is_installed(path) && self.stdlib.iter().any(|dir| path.starts_with(dir))
    }
}

/// One entry of `sys.modules`.
pub struct Seen<'py> {
    /// The key.
    pub name: String,
    pub module: Bound<'py, PyModule>,
    /// Its Python source; `None` when it has none.
    pub path: Option<PathBuf>,
    /// Its shared library, if it is a C extension.
    pub extension: Option<PathBuf>,
    /// What `__file__` says as text: `co_filename` of its code.
    pub filename: String,
    /// It is being imported right now.
    pub unfinished: bool,
}

impl Seen<'_> {
    /// The address of the module object.
    pub fn id(&self) -> usize {
        self.module.as_ptr() as usize
    }
}

/// The modules in `sys.modules`, in the order they were imported, each object once. `known` tells
/// which need no look.
pub fn survey<'py>(
    modules: &Bound<'py, PyDict>,
    known: &dyn Fn(&str, &Bound<'py, PyAny>) -> bool,
) -> PyResult<Vec<Seen<'py>>> {
    let mut out = Vec::new();
    // A copy: looking at a module may import another (lazy modules do).
    for (key, value) in modules.copy()?.iter() {
        let Ok(key) = key.cast_into::<PyString>() else {
            continue;
        };
        let name = key.to_string_lossy().into_owned();
        if known(&name, &value) {
            continue;
        }
        let Ok(module) = value.cast_into::<PyModule>() else {
            continue;
        };
        out.push(look(name, module));
    }
    Ok(out)
}

fn look<'py>(name: String, module: Bound<'py, PyModule>) -> Seen<'py> {
    // The dict, not attributes: a module's own __getattr__ must not run for this.
    let dict = module.dict();
    let entry = |name: &str| dict.get_item(name).ok().flatten().filter(|v| !v.is_none());
    let spec = entry("__spec__");
    let unfinished = spec
        .as_ref()
        .and_then(|s| s.getattr("_initializing").ok())
        .is_some_and(|v| v.is_truthy().unwrap_or(false));
    let file = entry("__file__").or_else(|| {
        let spec = spec.as_ref()?;
        let located = spec.getattr("has_location").ok()?.is_truthy().ok()?;
        if located {
            spec.getattr("origin").ok().filter(|o| !o.is_none())
        } else {
            None
        }
    });
    let filename = file
        .as_ref()
        .and_then(|f| f.extract::<String>().ok())
        .unwrap_or_default();
    let file = file.and_then(|f| f.extract::<PathBuf>().ok());
    let kind = file
        .as_ref()
        .and_then(|p| p.extension()?.to_str().map(str::to_owned));
    let (mut path, mut extension) = (None, None);
    match (kind.as_deref().unwrap_or(""), file) {
        ("py" | "pyw", file) => path = file,
        ("so" | "pyd" | "dylib", file) => extension = file,
        // A script without an ending, loaded by its path.
        ("", Some(file)) if file.is_file() => path = Some(file),
        _ => {}
    }
    Seen {
        name,
        module,
        path,
        extension,
        filename,
        unfinished,
    }
}

/// The package of a module, against which its relative imports are resolved.
pub fn module_package(module: &Bound<'_, PyModule>) -> String {
    let dict = module.dict();
    if let Ok(Some(package)) = dict.get_item("__package__")
        && let Ok(text) = package.extract::<String>()
    {
        return text;
    }
    let name: String = dict
        .get_item("__name__")
        .ok()
        .flatten()
        .and_then(|n| n.extract().ok())
        .unwrap_or_default();
    if dict.contains("__path__").unwrap_or(false) {
        return name;
    }
    name.rsplit_once('.')
        .map_or_else(String::new, |(head, _)| head.to_owned())
}
