//! The few objects of the interpreter that applying needs, looked up once a check.
//!
//! Nothing of this is kept between checks: statics that hold Python objects do not survive
//! `Py_FinalizeEx` and a new `Py_Initialize`.

use std::ffi::c_void;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// Types and functions of the running interpreter.
pub struct Kit<'py> {
    pub py: Python<'py>,
    pub compile: Bound<'py, PyAny>,
    pub exec: Bound<'py, PyAny>,
    pub eval: Bound<'py, PyAny>,
    pub function: Bound<'py, PyAny>,
    pub code: Bound<'py, PyAny>,
    pub cell: Bound<'py, PyAny>,
    pub module: Bound<'py, PyAny>,
    pub property: Bound<'py, PyAny>,
    pub staticmethod: Bound<'py, PyAny>,
    pub classmethod: Bound<'py, PyAny>,
    pub object: Bound<'py, PyAny>,
    pub type_setattr: Bound<'py, PyAny>,
    pub type_delattr: Bound<'py, PyAny>,
    pub object_setattr: Bound<'py, PyAny>,
    pub gc: Bound<'py, PyAny>,
    pub sys_modules: Bound<'py, PyDict>,
    /// `(3, 11)`.
    pub version: (u8, u8),
    set_closure: Option<SetClosure>,
}

type SetClosure = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> i32;

impl<'py> Kit<'py> {
    /// Looks everything up.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let builtins = py.import("builtins")?;
        let types = py.import("types")?;
        let sys = py.import("sys")?;
        let object = builtins.getattr("object")?;
        let type_ = builtins.getattr("type")?;
        let version = py.version_info();
        Ok(Self {
            py,
            compile: builtins.getattr("compile")?,
            exec: builtins.getattr("exec")?,
            eval: builtins.getattr("eval")?,
            function: types.getattr("FunctionType")?,
            code: types.getattr("CodeType")?,
            cell: types.getattr("CellType")?,
            module: types.getattr("ModuleType")?,
            property: builtins.getattr("property")?,
            staticmethod: builtins.getattr("staticmethod")?,
            classmethod: builtins.getattr("classmethod")?,
            type_setattr: type_.getattr("__setattr__")?,
            type_delattr: type_.getattr("__delattr__")?,
            object_setattr: object.getattr("__setattr__")?,
            object,
            gc: py.import("gc")?.into_any(),
            sys_modules: sys.getattr("modules")?.cast_into()?,
            version: (version.major, version.minor),
            set_closure: symbol("PyFunction_SetClosure").map(|found| {
                // SAFETY: that is the C signature of this function in every CPython 3
                // (Include/cpython/funcobject.h).
                unsafe { std::mem::transmute::<*mut c_void, SetClosure>(found) }
            }),
        })
    }

    /// Exactly a Python function.
    pub fn is_function(&self, value: &Bound<'_, PyAny>) -> bool {
        value.get_type().is(&self.function)
    }

    /// What `functools.lru_cache` makes of a function.
    pub fn is_cache(&self, value: &Bound<'_, PyAny>) -> bool {
        value
            .get_type()
            .name()
            .is_ok_and(|name| name == "_lru_cache_wrapper")
    }

    /// Exactly of this type.
    pub fn is_exact(&self, value: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>) -> bool {
        value.get_type().is(kind)
    }

    /// A class of any metaclass.
    pub fn is_class(&self, value: &Bound<'_, PyAny>) -> bool {
        value.is_instance_of::<PyType>()
    }

    /// Sets `__closure__`, which Python code cannot. `Err` where this CPython does not export it.
    pub fn set_closure(
        &self,
        function: &Bound<'py, PyAny>,
        cells: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let Some(set) = self.set_closure else {
            return Err(PyRuntimeError::new_err(
                "PyFunction_SetClosure is not exported",
            ));
        };
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
        let entries = class.getattr("__dict__")?;
        if entries.contains(name)? {
            Ok(Some(entries.get_item(name)?))
        } else {
            Ok(None)
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

    /// `value.__class__ is a class of the module whose dict this is`, judged by `__module__`.
    pub fn defined_in(
        &self,
        value: &Bound<'py, PyAny>,
        dict: &Bound<'py, PyDict>,
    ) -> PyResult<bool> {
        if self.is_function(value) {
            return Ok(value.getattr("__globals__")?.is(dict));
        }
        if self.is_class(value) {
            let name = dict.get_item("__name__")?;
            return match (value.getattr("__module__"), name) {
                (Ok(module), Some(name)) => module.eq(name),
                _ => Ok(false),
            };
        }
        Ok(false)
    }
}

/// The address of a symbol of the CPython in this process.
#[cfg(unix)]
pub fn symbol(name: &str) -> Option<*mut c_void> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: RTLD_DEFAULT searches the global scope; the name is NUL-terminated.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The address of a symbol of the CPython in this process.
#[cfg(not(unix))]
pub fn symbol(_name: &str) -> Option<*mut c_void> {
    None
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

/// A Python string as Rust text; lone surrogates become the replacement character.
pub fn text(value: &Bound<'_, PyAny>) -> String {
    match value.cast::<PyString>() {
        Ok(string) => string.to_string_lossy().into_owned(),
        Err(_) => value
            .str()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default(),
    }
}
