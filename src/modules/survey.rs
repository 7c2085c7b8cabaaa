//! What is in `sys.modules`: names, files, and whose they are.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString, PyType};

use crate::interp::utf8;

/// Where the interpreter keeps what is not the user's.
#[derive(Debug, Clone, Default)]
pub struct Places {
    stdlib: Vec<PathBuf>,
}

impl Places {
    /// Asks the interpreter.
    pub fn of(py: Python<'_>) -> PyResult<Self> {
        let mut stdlib = Vec::new();
        let mut add = |path: PathBuf| {
            if let Ok(real) = path.canonicalize()
                && real != path
            {
                stdlib.push(real);
            }
            stdlib.push(path);
        };
        // `sysconfig` knows, but to import it and have it work all its paths out costs a small
        // program's start more than everything else here.
        let sys = py.import("sys")?;
        let file = py.import("os")?.getattr("__file__");
        if let Ok(Ok(file)) = file.map(|f| f.extract::<PathBuf>())
            && let Some(folder) = file.parent()
            && cfg!(unix)
        {
            add(folder.to_owned());
            let version = py.version_info();
            let library: PathBuf = sys.getattr("platlibdir")?.extract()?;
            let python = format!("python{}.{}", version.major, version.minor);
            for prefix in ["base_exec_prefix", "exec_prefix"] {
                let prefix: PathBuf = sys.getattr(prefix)?.extract()?;
                let path = prefix.join(&library).join(&python);
                if path != folder {
                    add(path);
                }
            }
        } else {
            let paths = py.import("sysconfig")?.call_method0("get_paths")?;
            for key in ["stdlib", "platstdlib"] {
                if let Ok(path) = paths.get_item(key).and_then(|p| p.extract::<PathBuf>()) {
                    add(path);
                }
            }
        }
        // Where it is packed, `os` is frozen and names a folder that need not be there.
        let version = py.version_info();
        let packed = format!("python{}{}.zip", version.major, version.minor);
        for path in sys.getattr("path")?.try_iter()? {
            if let Ok(path) = path.and_then(|p| p.extract::<PathBuf>())
                && path.file_name().is_some_and(|name| *name == *packed)
            {
                add(path);
            }
        }
        stdlib.dedup();
        Ok(Self { stdlib })
    }

    /// In a folder for installed packages.
    pub fn is_installed(&self, path: &Path) -> bool {
        let installed = |part: &str| part == "site-packages" || part == "dist-packages";
        match plain(path) {
            Some(text) => ["/site-packages/", "/dist-packages/"]
                .iter()
                .any(|part| text.contains(part)),
            None => path
                .components()
                .any(|c| c.as_os_str().to_str().is_some_and(installed)),
        }
    }

    /// Part of the standard library.
    pub fn is_stdlib(&self, path: &Path) -> bool {
        let plain = plain(path);
        let within = |dir: &PathBuf| match (plain, dir.to_str()) {
            (Some(path), Some(dir)) => path
                .strip_prefix(dir)
                .is_some_and(|rest| rest.starts_with('/')),
            _ => path.starts_with(dir),
        };
        self.stdlib.iter().any(within) && !self.is_installed(path)
    }
}

/// A path as text, if comparing texts is comparing paths.
fn plain(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|_| cfg!(unix))?;
    let bytes = text.as_bytes();
    let odd = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    (!bytes.windows(2).any(odd)).then_some(text)
}

/// One entry of `sys.modules`.
pub struct Seen<'py> {
    /// The key.
    pub name: String,
    pub module: Bound<'py, PyModule>,
    /// Its Python source; `None` when it has none.
    pub path: Option<PathBuf>,
    /// What it runs, if that is no source: the library of a C extension, a `.pyc` alone.
    pub binary: Option<PathBuf>,
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
    let view = View::new(modules.py());
    // A copy: looking at a module may import another (lazy modules do).
    for (key, value) in modules.copy()?.iter() {
        if let Some(seen) = view.see(&key, &value, known) {
            out.push(seen);
        }
    }
    Ok(out)
}

/// Looks at modules. What it needs of the interpreter is looked up once for all of them.
pub struct View<'py> {
    py: Python<'py>,
    names: [OnceCell<Bound<'py, PyString>>; 8],
    /// The loader of ordinary files.
    ordinary: OnceCell<Option<Bound<'py, PyAny>>>,
}

/// Positions in `View::names`.
#[derive(Clone, Copy)]
enum Word {
    Spec,
    Initializing,
    File,
    Name,
    Package,
    Loader,
    Path,
    SpecName,
}

const WORDS: [&str; 8] = [
    "__spec__",
    "_initializing",
    "__file__",
    "__name__",
    "__package__",
    "__loader__",
    "__path__",
    "name",
];

impl<'py> View<'py> {
    /// Nothing is looked up yet.
    pub fn new(py: Python<'py>) -> Self {
        Self {
            py,
            names: std::array::from_fn(|_| OnceCell::new()),
            ordinary: OnceCell::new(),
        }
    }

    fn key(&self, word: Word) -> &Bound<'py, PyString> {
        let at = word as usize;
        self.names[at].get_or_init(|| crate::interp::word(self.py, WORDS[at]))
    }

    fn entry(&self, dict: &Bound<'py, PyDict>, word: Word) -> Option<Bound<'py, PyAny>> {
        let found = dict.get_item(self.key(word)).ok().flatten();
        found.filter(|v| !v.is_none())
    }

    /// One entry of `sys.modules`, if it is a module and not `known`.
    pub fn see(
        &self,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        known: &dyn Fn(&str, &Bound<'py, PyAny>) -> bool,
    ) -> Option<Seen<'py>> {
        let key = key.cast::<PyString>().ok()?;
        let name = utf8(key).unwrap_or_else(|| key.to_string_lossy());
        if known(&name, value) {
            return None;
        }
        let module = value.cast::<PyModule>().ok()?;
        Some(self.look(name.into_owned(), module.clone()))
    }

    /// The name and file of a module that has put something else in its place, told by a method of that:
    /// `sys.modules[__name__] = Settings()`.
    pub fn stands_for(
        &self,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> Option<(String, PathBuf)> {
        if value.is_instance_of::<PyModule>() || value.is_none() {
            return None;
        }
        let class = value
            .cast::<PyType>()
            .map_or_else(|_| value.get_type(), Clone::clone);
        // Not `vars`: a class may say something else of itself.
        let entries = class.as_any().getattr("__dict__").ok()?;
        for entry in entries.call_method0("values").ok()?.try_iter().ok()? {
            let entry = entry.ok()?;
            if entry.get_type().name().ok()? != "function" {
                continue;
            }
            let space = entry
                .getattr("__globals__")
                .ok()?
                .cast_into::<PyDict>()
                .ok()?;
            if !space.get_item("__name__").ok()??.eq(key).ok()? {
                return None;
            }
            let file = self.entry(&space, Word::File)?.extract::<PathBuf>().ok()?;
            let source = file.extension().is_some_and(|kind| kind == "py");
            return source.then_some((key.extract().ok()?, file));
        }
        None
    }

    fn look(&self, name: String, module: Bound<'py, PyModule>) -> Seen<'py> {
        // The dict, not attributes: a module's own __getattr__ must not run for this.
        let dict = module.dict();
        let spec = self.entry(&dict, Word::Spec);
        let unfinished = spec
            .as_ref()
            .and_then(|s| s.getattr(self.key(Word::Initializing)).ok())
            .is_some_and(|v| v.is_truthy().unwrap_or(false));
        let file = self.entry(&dict, Word::File).or_else(|| {
            let spec = spec.as_ref()?;
            let located = spec.getattr("has_location").ok()?.is_truthy().ok()?;
            if located {
                spec.getattr("origin").ok().filter(|o| !o.is_none())
            } else {
                None
            }
        });
        let text = file.as_ref().and_then(|f| f.cast::<PyString>().ok());
        let filename = text.and_then(utf8).unwrap_or_default().into_owned();
        // Python's encoding of file names decides, which all have ASCII in common.
        let file = match filename.is_ascii() && !filename.is_empty() {
            true => Some(PathBuf::from(&filename)),
            false => file.as_ref().and_then(|f| f.extract::<PathBuf>().ok()),
        };
        let kind = file.as_ref().and_then(|p| p.extension()?.to_str());
        let (mut path, mut binary) = (None, None);
        match (kind.unwrap_or(""), &file) {
            ("py" | "pyw", _) => path = file,
            ("so" | "pyd" | "dylib" | "pyc", _) => binary = file,
            // A script without an ending, loaded by its path.
            ("", Some(script)) if script.is_file() => path = file,
            _ => {}
        }
        Seen {
            name,
            module,
            path,
            binary,
            filename,
            unfinished,
        }
    }

    /// The name that a module was imported under: its own, whatever key it is found by.
    pub fn own_name(&self, module: &Bound<'py, PyModule>) -> Option<Bound<'py, PyAny>> {
        let dict = module.dict();
        self.entry(&dict, Word::Spec)
            .and_then(|spec| spec.getattr(self.key(Word::SpecName)).ok())
            .or_else(|| self.entry(&dict, Word::Name))
    }

    /// Whether a module's `__file__` is what the import system found for it, or that was never asked.
    /// Others were made by a loader that has its own ways and gave them the `__file__` of another.
    pub fn located(&self, module: &Bound<'py, PyModule>, filename: &str) -> bool {
        self.entry(&module.dict(), Word::Spec).is_none_or(|spec| {
            let origin = spec.getattr("origin").and_then(|o| o.extract::<String>());
            let located = spec.getattr("has_location").and_then(|l| l.is_truthy());
            located.unwrap_or(true) && origin.is_ok_and(|origin| origin == filename)
        })
    }

    /// The usual loader for files.
    pub(super) fn ordinary(&self) -> Option<&Bound<'py, PyAny>> {
        let find = || {
            crate::interp::library(self.py, "importlib.machinery")
                .and_then(|m| m.getattr(crate::interp::word(self.py, "SourceFileLoader")))
                .ok()
        };
        self.ordinary.get_or_init(find).as_ref()
    }

    /// The loader of a module, unless it is the usual one for files.
    pub(super) fn own_loader(&self, module: &Bound<'py, PyModule>) -> Option<Bound<'py, PyAny>> {
        let loader = self.entry(&module.dict(), Word::Loader)?;
        let ordinary = self.ordinary();
        (!ordinary.is_some_and(|o| loader.get_type().is(o))).then_some(loader)
    }

    /// The package of a module, against which its relative imports are resolved.
    pub fn package(&self, module: &Bound<'py, PyModule>) -> String {
        let dict = module.dict();
        let text = |value: Bound<'py, PyAny>| {
            let text = value.cast_into::<PyString>().ok()?;
            utf8(&text).map(Cow::into_owned)
        };
        if let Some(package) = self.entry(&dict, Word::Package).and_then(text) {
            return package;
        }
        let name = self.entry(&dict, Word::Name).and_then(text);
        let name = name.unwrap_or_default();
        if self.entry(&dict, Word::Path).is_some() {
            return name;
        }
        name.rsplit_once('.')
            .map_or_else(String::new, |(head, _)| head.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_known_wherever_it_is() {
        Python::initialize();
        Python::attach(|py| {
            let sys = py.import("sys").expect("there");
            let search = sys.getattr("path").expect("a list");
            let version = py.version_info();
            let packed = format!("/opt/app/python{}{}.zip", version.major, version.minor);
            search.call_method1("append", (&packed,)).expect("a list");
            let places = Places::of(py).expect("it is known");
            search.call_method1("remove", (&packed,)).expect("it is in");
            let file = py.import("json").and_then(|m| m.getattr("__file__"));
            let file: PathBuf = file.and_then(|f| f.extract()).expect("a path");
            assert!(places.is_stdlib(&file), "{}", file.display());
            assert!(places.is_stdlib(&Path::new(&packed).join("json/__init__.py")));
            assert!(!places.is_stdlib(Path::new("/opt/app/plugins.zip/m.py")));
            let beside = file.ancestors().nth(2).expect("a folder");
            for installed in ["site-packages/m.py", "dist-packages/p/m.py"] {
                let path = beside.join(installed);
                assert!(places.is_installed(&path) && !places.is_stdlib(&path));
            }
        });
    }
}
