//! The few objects of the interpreter that applying needs, looked up once a check.
//!
//! Nothing of this is kept between checks: statics that hold Python objects do not survive
//! `Py_FinalizeEx` and a new `Py_Initialize`.

use std::cell::{OnceCell, RefCell};
use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

use crate::interp::{library, module_table, utf8, word};
use pyo3::exceptions::{PyKeyError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyString, PyTuple, PyType};
use rustc_hash::FxHashSet;

use super::turns::Turns;
use crate::interp::symbol;

/// An object that is looked up when it is first used: most checks need a few of them.
pub struct Late<'py> {
    py: Python<'py>,
    module: &'static str,
    /// An attribute, or an attribute of one; empty for the module.
    path: &'static str,
    found: OnceCell<Bound<'py, PyAny>>,
}

impl<'py> Late<'py> {
    fn new(py: Python<'py>, module: &'static str, path: &'static str) -> Self {
        let found = OnceCell::new();
        Self {
            py,
            module,
            path,
            found,
        }
    }

    fn find(&self) -> PyResult<Bound<'py, PyAny>> {
        let mut at = library(self.py, self.module)?;
        for name in self.path.split('.').filter(|name| !name.is_empty()) {
            at = at.getattr(word(self.py, name))?;
        }
        Ok(at)
    }
}

impl<'py> std::ops::Deref for Late<'py> {
    type Target = Bound<'py, PyAny>;

    fn deref(&self) -> &Self::Target {
        // These are as old as Python and only a program that deletes builtins could miss one;
        // what uses None in its place gets a TypeError, and the unit is rolled back.
        self.found.get_or_init(|| {
            self.find().unwrap_or_else(|error| {
                log::warn!("{}.{}: {error}", self.module, self.path);
                self.py.None().into_bound(self.py)
            })
        })
    }
}

/// Names of attributes that are asked for once for each function.
#[derive(Clone, Copy)]
pub enum Word {
    Code,
    Globals,
    FirstLine,
    CodeName,
    Constants,
    Replace,
}

const WORDS: [&str; 6] = [
    "__code__",
    "__globals__",
    "co_firstlineno",
    "co_name",
    "co_consts",
    "replace",
];

/// Types and functions of the running interpreter.
pub struct Kit<'py> {
    pub py: Python<'py>,
    pub compile: Late<'py>,
    pub exec: Late<'py>,
    pub eval: Late<'py>,
    pub function: Late<'py>,
    pub code: Late<'py>,
    pub cell: Late<'py>,
    pub module: Late<'py>,
    pub property: Late<'py>,
    pub staticmethod: Late<'py>,
    pub classmethod: Late<'py>,
    pub object: Late<'py>,
    pub type_setattr: Late<'py>,
    pub type_delattr: Late<'py>,
    pub object_setattr: Late<'py>,
    pub gc: Late<'py>,
    /// The type of the usual loader for files.
    pub loader: Late<'py>,
    weak_at: OnceCell<usize>,
    pub(super) sys: Late<'py>,
    pub(super) turns: Turns,
    pub sys_modules: Bound<'py, PyDict>,
    /// `(3, 11)`.
    pub version: (u8, u8),
    words: [OnceCell<Bound<'py, PyString>>; WORDS.len()],
    fresh: RefCell<Fresh<'py>>,
    /// The names of what `replaced` gives code anew: without and with constants.
    anew: [OnceCell<Bound<'py, PyTuple>>; 2],
    /// The namespace of registry.py.
    pub helper: OnceCell<Bound<'py, PyDict>>,
    /// That of skeleton.py.
    pub skeleton: OnceCell<Bound<'py, PyDict>>,
    /// That of flask.py.
    pub flask: OnceCell<Bound<'py, PyDict>>,
    /// That of rehearsal.py.
    pub rehearsal: OnceCell<Bound<'py, PyDict>>,
    /// That of remembered.py.
    pub remembered: OnceCell<Bound<'py, PyDict>>,
    /// That of twins.py.
    pub twins: OnceCell<Bound<'py, PyDict>>,
}

/// Code objects of the new text. A function that has one was made or brought up to date in this
/// run: its line says nothing of where it stood in the old text.
#[derive(Default)]
pub struct Fresh<'py> {
    /// Not looked into so far.
    roots: Vec<Bound<'py, PyAny>>,
    /// Kept, so that no address is used twice.
    seen: Vec<Bound<'py, PyAny>>,
    addresses: FxHashSet<usize>,
}

type CallMethod = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

type Get = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

type SetClosure = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> i32;

impl<'py> Kit<'py> {
    /// Runs Python code of ours in a namespace that is no module: what is ours must not show up in
    /// `sys.modules`. It is compiled once in a process, and kept in `compiled` as `marshal` writes it: no
    /// Python object stays.
    pub fn run_helpers(
        &self,
        compiled: &OnceLock<Vec<u8>>,
        texts: &[(&str, &str)],
        names: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        let marshal = self.py.import("marshal")?;
        let codes = match compiled.get() {
            Some(bytes) => marshal.call_method1("loads", (PyBytes::new(self.py, bytes),))?,
            None => {
                let mut codes = Vec::new();
                for (name, text) in texts {
                    codes.push(self.compile.call1((*text, *name, "exec"))?);
                }
                let codes = PyList::new(self.py, codes)?.into_any();
                let bytes = marshal.call_method1("dumps", (&codes,))?.extract()?;
                compiled.get_or_init(|| bytes);
                codes
            }
        };
        for code in codes.try_iter()? {
            self.exec.call1((code?, names))?;
        }
        Ok(())
    }

    /// Looks everything up.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        // One process has one Python, whatever interpreters come and go in it.
        static VERSION: OnceLock<(u8, u8)> = OnceLock::new();
        let version = VERSION.get_or_init(|| {
            let version = py.version_info();
            (version.major, version.minor)
        });
        let late = |from, name| Late::new(py, from, name);
        Ok(Self {
            py,
            compile: late("builtins", "compile"),
            exec: late("builtins", "exec"),
            sys: late("sys", ""),
            turns: Turns::default(),
            eval: late("builtins", "eval"),
            function: late("types", "FunctionType"),
            code: late("types", "CodeType"),
            cell: late("types", "CellType"),
            module: late("types", "ModuleType"),
            property: late("builtins", "property"),
            staticmethod: late("builtins", "staticmethod"),
            classmethod: late("builtins", "classmethod"),
            type_setattr: late("builtins", "type.__setattr__"),
            type_delattr: late("builtins", "type.__delattr__"),
            object_setattr: late("builtins", "object.__setattr__"),
            object: late("builtins", "object"),
            gc: late("gc", ""),
            loader: late("importlib.machinery", "SourceFileLoader"),
            weak_at: OnceCell::new(),
            sys_modules: module_table(py)?,
            version: *version,
            words: std::array::from_fn(|_| OnceCell::new()),
            fresh: RefCell::default(),
            anew: std::array::from_fn(|_| OnceCell::new()),
            helper: OnceCell::new(),
            remembered: OnceCell::new(),
            skeleton: OnceCell::new(),
            flask: OnceCell::new(),
            rehearsal: OnceCell::new(),
            twins: OnceCell::new(),
        })
    }

    /// The name of an attribute, made once.
    pub fn word(&self, name: Word) -> &Bound<'py, PyString> {
        let at = name as usize;
        self.words[at].get_or_init(|| word(self.py, WORDS[at]))
    }

    /// Any other name.
    pub fn name(&self, name: &'static str) -> Bound<'py, PyString> {
        word(self.py, name)
    }

    /// Forgets which code is new: another run begins.
    pub fn forget_fresh(&self) {
        self.fresh.take();
    }

    /// Puts these in the place of the code objects that are known, which it returns.
    pub fn swap_fresh(&self, other: Fresh<'py>) -> Fresh<'py> {
        self.fresh.replace(other)
    }

    /// This code, and what is nested in it, comes from the new text.
    pub fn note_fresh(&self, code: &Bound<'py, PyAny>) {
        self.fresh.borrow_mut().roots.push(code.clone());
    }

    /// Whether this code comes from the new text.
    pub fn is_fresh(&self, code: &Bound<'_, PyAny>) -> bool {
        let mut fresh = self.fresh.borrow_mut();
        while let Some(root) = fresh.roots.pop() {
            if !fresh.addresses.insert(root.as_ptr() as usize) {
                continue;
            }
            if let Ok(constants) = root.getattr(self.word(Word::Constants))
                && let Ok(constants) = constants.cast::<PyTuple>()
            {
                fresh
                    .roots
                    .extend(constants.iter().filter(|c| self.is_exact(c, &self.code)));
            }
            fresh.seen.push(root);
        }
        fresh.addresses.contains(&(code.as_ptr() as usize))
    }

    /// Exactly a Python function.
    pub fn is_function(&self, value: &Bound<'_, PyAny>) -> bool {
        value.get_type().is(&*self.function)
    }

    /// Whether somebody would hear of it if this code object went.
    pub fn is_watched(&self, code: &Bound<'_, PyAny>) -> bool {
        let offset = *self.weak_at.get_or_init(|| {
            let offset = self.code.getattr("__weakrefoffset__");
            offset.and_then(|at| at.extract()).unwrap_or_default()
        });
        if offset == 0 || !self.is_exact(code, &self.code) {
            return true;
        }
        // SAFETY: it is a code object, and the type says that this far into one the pointer to the
        // first weak reference stands; the GIL is held.
        !unsafe { code.as_ptr().byte_add(offset).cast::<*mut c_void>().read() }.is_null()
    }

    /// `function.__code__`.
    pub fn code_of(&self, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static GET: OnceLock<Option<Get>> = OnceLock::new();
        self.of_function(&GET, c"PyFunction_GetCode", Word::Code, function)
    }

    /// `function.__globals__`.
    pub fn globals_of(&self, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static GET: OnceLock<Option<Get>> = OnceLock::new();
        self.of_function(&GET, c"PyFunction_GetGlobals", Word::Globals, function)
    }

    /// What a function has; at once where it is exactly one, and this CPython exports the way.
    fn of_function(
        &self,
        get: &OnceLock<Option<Get>>,
        name: &CStr,
        word: Word,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let get = get.get_or_init(|| {
            // SAFETY: that is the C signature of both functions in every CPython 3
            // (Include/cpython/funcobject.h).
            symbol(name).map(|found| unsafe { std::mem::transmute::<*mut c_void, Get>(found) })
        });
        match get {
            // SAFETY: it is a function; what it gives is borrowed from it.
            Some(get) if self.is_function(function) => unsafe {
                Bound::from_borrowed_ptr_or_err(self.py, get(function.as_ptr()))
            },
            _ => function.getattr(self.word(word)),
        }
    }

    /// What `functools.lru_cache` makes of a function.
    pub fn is_cache(&self, value: &Bound<'_, PyAny>) -> bool {
        let kind = || value.get_type().name();
        // Asked of every value that changes: the name costs.
        !super::plain(value) && kind().is_ok_and(|name| name == "_lru_cache_wrapper")
    }

    /// Exactly of this type.
    pub fn is_exact(&self, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>) -> bool {
        value.get_type().is(kind)
    }

    /// A class of any metaclass.
    pub fn is_class(&self, value: &Bound<'_, PyAny>) -> bool {
        value.is_instance_of::<PyType>()
    }

    /// `code.replace(co_firstlineno=line, co_consts=constants)`, which is called for each function
    /// of a module when lines are inserted: without a dict of arguments, where this CPython can.
    pub fn replaced(
        &self,
        code: &Bound<'py, PyAny>,
        line: &Bound<'py, PyInt>,
        constants: Option<&Bound<'py, PyTuple>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static CALL: OnceLock<Option<CallMethod>> = OnceLock::new();
        let call = CALL.get_or_init(|| {
            let found = symbol(c"PyObject_VectorcallMethod")?;
            // SAFETY: that is the C signature of this function since 3.9
            // (Include/cpython/abstract.h).
            Some(unsafe { std::mem::transmute::<*mut c_void, CallMethod>(found) })
        });
        let (first, second) = (self.word(Word::FirstLine), self.word(Word::Constants));
        let replace = self.word(Word::Replace);
        let Some(call) = call else {
            let arguments = PyDict::new(self.py);
            arguments.set_item(first, line)?;
            if let Some(constants) = constants {
                arguments.set_item(second, constants)?;
            }
            return code.call_method(replace, (), Some(&arguments));
        };
        let names = match &self.anew[usize::from(constants.is_some())] {
            names if let Some(names) = names.get() => names,
            names => {
                let made = match constants {
                    Some(_) => PyTuple::new(self.py, [first, second])?,
                    None => PyTuple::new(self.py, [first])?,
                };
                names.get_or_init(|| made)
            }
        };
        let constants = constants.map_or(std::ptr::null_mut(), |c| c.as_ptr());
        let arguments = [code.as_ptr(), line.as_ptr(), constants];
        // SAFETY: the object, no other argument by position, and one value for each of the names;
        // all of them are alive. What comes back is a new reference, or NULL with an exception.
        unsafe {
            let made = call(replace.as_ptr(), arguments.as_ptr(), 1, names.as_ptr());
            Bound::from_owned_ptr_or_err(self.py, made)
        }
    }

    /// Sets `__closure__`, which Python code cannot. `Err` where this CPython does not export it.
    pub fn set_closure(
        &self,
        function: &Bound<'py, PyAny>,
        cells: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let Some(found) = symbol(c"PyFunction_SetClosure") else {
            return Err(PyRuntimeError::new_err(
                "PyFunction_SetClosure is not exported",
            ));
        };
        // SAFETY: that is the C signature of this function in every CPython 3
        // (Include/cpython/funcobject.h).
        let set = unsafe { std::mem::transmute::<*mut c_void, SetClosure>(found) };
        // SAFETY: `function` is a function object (the callers checked its type) and `cells`
        // a tuple of cells or None; the callers set matching code next.
        if unsafe { set(function.as_ptr(), cells.as_ptr()) } == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(self.py))
        }
    }

    /// A cell with this content.
    pub fn new_cell(&self, content: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.cell.call1((content,))
    }

    /// `cls.__dict__[name]`, without descriptors; `None` when the class itself has none.
    pub fn class_entry(
        &self,
        class: &Bound<'py, PyAny>,
        name: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let entries = class.getattr(self.name("__dict__"))?;
        let name = PyString::new(self.py, name);
        match entries.get_item(name) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<PyKeyError>(self.py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The very dict of a class, only to be compared or put into a cell: it must not be written.
    pub fn entries(&self, class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let proxy = class.getattr("__dict__")?;
        self.gc.call_method1("get_referents", (proxy,))?.get_item(0)
    }

    /// The entries of a class as a plain dict.
    pub fn class_dict(&self, class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(self.py);
        out.update(
            class
                .getattr("__dict__")?
                .cast::<pyo3::types::PyMapping>()?,
        )?;
        Ok(out)
    }

    /// Whether a function or class is of the module whose dict this is. A package may have told
    /// classes of its submodules that they are its own; then their methods know better.
    pub fn defined_in(
        &self,
        value: &Bound<'py, PyAny>,
        dict: &Bound<'py, PyDict>,
    ) -> PyResult<bool> {
        if self.is_function(value) {
            return Ok(value.getattr(self.word(Word::Globals))?.is(dict));
        }
        if self.is_class(value) {
            let name = dict.get_item(self.name("__name__"))?;
            let (Ok(module), Some(name)) = (value.getattr(self.name("__module__")), name) else {
                return Ok(false);
            };
            if module.eq(&name)? || !is_above(&module, &name) {
                return module.eq(&name);
            }
            for entry in self.class_dict(value)?.values().iter() {
                if self.is_function(&entry) && entry.getattr(self.word(Word::Globals))?.is(dict) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Whether a module is a package around another one, by their names.
pub fn is_above(module: &Bound<'_, PyAny>, inner: &Bound<'_, PyAny>) -> bool {
    let rest = text(inner);
    let rest = rest.strip_prefix(text(module).as_str());
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// References to an object, as `ob_refcnt` counts them.
pub fn reference_count(value: &Bound<'_, PyAny>) -> isize {
    // SAFETY: a Bound is a valid object and the GIL is held.
    unsafe { ffi::Py_REFCNT(value.as_ptr()) as isize }
}

/// A tuple of Python objects.
pub fn tuple<'py>(py: Python<'py>, items: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, items)
}

/// Whether a value is the Python string of a text.
pub fn is_text(value: &Bound<'_, PyAny>, text: &str) -> bool {
    value
        .cast::<PyString>()
        .is_ok_and(|string| utf8(string).is_some_and(|own| own == text))
}

/// The classes that a class is derived from, with itself. Not by `PyTypeMethods::mro`: that keeps the
/// name of the attribute from one life of the interpreter to the next.
pub fn mro<'py>(class: &Bound<'py, PyAny>) -> Bound<'py, PyTuple> {
    let found = class.getattr("__mro__");
    let found = found.and_then(|mro| Ok(mro.cast_into::<PyTuple>()?));
    found.unwrap_or_else(|_| PyTuple::empty(class.py()))
}

/// What a class or function says of its module; an empty text where it was made in a namespace without a name.
pub fn module_of<'py>(value: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let told = value.getattr(word(value.py(), "__module__"));
    told.unwrap_or_else(|_| PyString::new(value.py(), "").into_any())
}

/// A Python string as Rust text; lone surrogates become the replacement character.
pub fn text(value: &Bound<'_, PyAny>) -> String {
    match value.cast::<PyString>() {
        Ok(string) => utf8(string)
            .unwrap_or_else(|| string.to_string_lossy())
            .into_owned(),
        Err(_) => value
            .str()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default(),
    }
}

/// Whether a class is made at run time: by a class statement, as a rule.
pub(super) fn is_heap_type(kind: &Bound<'_, PyType>) -> bool {
    // SAFETY: the type is alive while it is borrowed, and so are its flags.
    let flags = unsafe { ffi::PyType_GetFlags(kind.as_type_ptr()) };
    flags & ffi::Py_TPFLAGS_HEAPTYPE != 0
}
