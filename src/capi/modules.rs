//! Header, chapter 6.

use std::ffi::{CString, c_char, c_int};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::entry::{self, Fault, Out};
use super::handle::{self, pyreload_reloader};
use super::python;
use super::status::pyreload_status;
use crate::reloader::{Error, ModuleRow, ModuleState, Policy};

/// How a module in sys.modules stands with a reloader.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_module_state {
    /// No answer: there was no such entry.
    PYRELOAD_MODULE_NONE = 0,
    /// It runs the code that is in its file.
    PYRELOAD_MODULE_CURRENT = 1,
    /// Its file is newer than the code that runs: a check is due, or failed.
    PYRELOAD_MODULE_STALE = 2,
    /// The scope or a rule leaves it out.
    PYRELOAD_MODULE_EXCLUDED = 3,
    /// It has no Python source: built in, frozen, or a C extension.
    PYRELOAD_MODULE_NO_SOURCE = 4,
}

/// How a changed module is brought up to date.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_policy {
    /// What the edit touches runs again, and nothing else. The default.
    PYRELOAD_POLICY_INCREMENTAL = 0,
    /// Its whole body runs again.
    PYRELOAD_POLICY_FULL = 1,
    /// It is left alone, and the report says so.
    PYRELOAD_POLICY_SKIP = 2,
}

/// The modules a reloader knew at one moment. Immutable, like a report.
pub struct pyreload_module_list {
    rows: Vec<Row>,
}

struct Row {
    name: CString,
    path: Option<CString>,
    state: pyreload_module_state,
    user: bool,
    reload_count: u64,
}

impl From<ModuleRow> for Row {
    fn from(row: ModuleRow) -> Self {
        Self {
            name: entry::c_text(&row.name),
            path: row.path.as_deref().map(entry::c_text),
            state: match row.state {
                ModuleState::Current => pyreload_module_state::PYRELOAD_MODULE_CURRENT,
                ModuleState::Stale => pyreload_module_state::PYRELOAD_MODULE_STALE,
                ModuleState::Excluded => pyreload_module_state::PYRELOAD_MODULE_EXCLUDED,
                ModuleState::NoSource => pyreload_module_state::PYRELOAD_MODULE_NO_SOURCE,
            },
            user: row.user,
            reload_count: row.reload_count,
        }
    }
}

/// # 6. Which modules
///
/// A rule is the dotted name of a module and stands for it and all below it:
/// the rule "shapes" covers "shapes.round", not "shapes2". Of the rules that
/// cover a module the longest wins; without one the scope decides. Rules may
/// name modules that are not imported yet. Adding one again changes nothing;
/// adding the opposite replaces it.
///
/// Tracks the modules that module_name stands for.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_include(
    reloader: *mut pyreload_reloader,
    module_name: *const c_char,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let module = unsafe { entry::text(module_name, "module_name") }?;
        Ok(reloader.reloader.include(module)?)
    })
}

/// Leaves alone the modules that module_name stands for.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_exclude(
    reloader: *mut pyreload_reloader,
    module_name: *const c_char,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let module = unsafe { entry::text(module_name, "module_name") }?;
        Ok(reloader.reloader.exclude(module)?)
    })
}

/// Takes back the rule for exactly this name, or PYRELOAD_ERR_NOT_FOUND.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_forget_rule(
    reloader: *mut pyreload_reloader,
    module_name: *const c_char,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let module = unsafe { entry::text(module_name, "module_name") }?;
        Ok(reloader.reloader.forget_rule(module)?)
    })
}

/// Says how exactly this module is brought up to date from now on: policy is a
/// pyreload_policy. It need not be imported yet. What a module says about
/// itself comes second.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_set_policy(
    reloader: *mut pyreload_reloader,
    module_name: *const c_char,
    policy: c_int,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let module = unsafe { entry::text(module_name, "module_name") }?;
        let policy = match policy {
            0 => Policy::Incremental,
            1 => Policy::Full,
            2 => Policy::Skip,
            _ => {
                return Err(Fault::argument(format!(
                    "policy has the unknown value {policy}"
                )));
            }
        };
        Ok(reloader.reloader.set_policy(module, policy)?)
    })
}

/// Lists all modules in sys.modules as they stand now, by name; what was
/// imported since the last check is tracked from here on.
///
/// Python: attaches. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_modules(
    reloader: *mut pyreload_reloader,
    list_out: *mut *mut pyreload_module_list,
) -> pyreload_status {
    entry::status(|| {
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::required(list_out, "list_out", std::ptr::null_mut()) }?;
        let reloader = handle::borrow(reloader)?;
        let rows = reloader.python(|py| {
            reloader.reloader.track_imports(py)?;
            reloader.reloader.modules(py)
        })??;
        let rows = rows.into_iter().map(Row::from).collect();
        out.set(Box::into_raw(Box::new(pyreload_module_list { rows })));
        Ok(())
    })
}

/// Frees a list and all that was read from it.
///
/// Python: none. Threads: exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_free(list: *mut pyreload_module_list) {
    entry::value((), || {
        if !list.is_null() {
            // SAFETY: it came from pyreload_modules(), and ends here once.
            drop(unsafe { Box::from_raw(list) });
        }
    });
}

/// # Safety
/// `list` is NULL or one that lives as long as `'a`.
unsafe fn row<'a>(list: *const pyreload_module_list, index: usize) -> Option<&'a Row> {
    // SAFETY: the caller's promise.
    unsafe { list.as_ref() }?.rows.get(index)
}

/// How many there are; 0 for NULL. Below, index is less than this; a larger one
/// gives NULL or 0.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_len(list: *const pyreload_module_list) -> usize {
    entry::value(0, || {
        // SAFETY: the caller's: NULL or a list.
        unsafe { list.as_ref() }.map_or(0, |list| list.rows.len())
    })
}

/// The name in sys.modules.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_name(
    list: *const pyreload_module_list,
    index: usize,
) -> *const c_char {
    entry::value(std::ptr::null(), || {
        // SAFETY: the caller's: NULL or a list.
        unsafe { row(list, index) }.map_or(std::ptr::null(), |row| row.name.as_ptr())
    })
}

/// The source file; NULL when there is none.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_path(
    list: *const pyreload_module_list,
    index: usize,
) -> *const c_char {
    entry::value(std::ptr::null(), || {
        // SAFETY: the caller's: NULL or a list.
        let path = unsafe { row(list, index) }.and_then(|row| row.path.as_ref());
        path.map_or(std::ptr::null(), |path| path.as_ptr())
    })
}

/// A pyreload_module_state.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_state(
    list: *const pyreload_module_list,
    index: usize,
) -> pyreload_module_state {
    entry::value(pyreload_module_state::PYRELOAD_MODULE_NONE, || {
        // SAFETY: the caller's: NULL or a list.
        unsafe { row(list, index) }
            .map_or(pyreload_module_state::PYRELOAD_MODULE_NONE, |row| row.state)
    })
}

/// 1 when the module is the user's own: it has Python source, which lies
/// neither in the standard library nor in a site-packages or dist-packages
/// folder. Else 0. This is what a "reload modules" dialog shows first.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_is_user(
    list: *const pyreload_module_list,
    index: usize,
) -> c_int {
    entry::value(0, || {
        // SAFETY: the caller's: NULL or a list.
        unsafe { row(list, index) }.map_or(0, |row| c_int::from(row.user))
    })
}

/// How often it was brought up to date since it is tracked.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_list_reload_count(
    list: *const pyreload_module_list,
    index: usize,
) -> u64 {
    entry::value(0, || {
        // SAFETY: the caller's: NULL or a list.
        unsafe { row(list, index) }.map_or(0, |row| row.reload_count)
    })
}

/// Keeps a namespace of the program up to date: a dict in which it runs commands
/// or scripts (__main__'s is tracked from the start). Names it got with
/// `from m import X` follow the module, as they would in a tracked module. A
/// name got under `as` is known by its object only, where a namespace has no
/// source: it follows too, unless that object is a small int, a bool, a str
/// that is a word, or None, which anybody may hold. `__file__` of a script
/// and `In` of IPython are source.
/// dict is a PyObject * of type dict, borrowed; the reloader holds a reference
/// until pyreload_forget_namespace() or pyreload_destroy().
///
/// Python: attaches. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_track_namespace(
    reloader: *mut pyreload_reloader,
    dict: *mut ffi::PyObject,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a live object.
        unsafe {
            with_dict(&reloader, dict, |py, dict| {
                reloader.reloader.track_namespace(py, dict)
            })
        }
    })
}

/// Lets go of a namespace; PYRELOAD_ERR_NOT_FOUND when it is not tracked.
///
/// Python: attaches. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_forget_namespace(
    reloader: *mut pyreload_reloader,
    dict: *mut ffi::PyObject,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a live object.
        unsafe {
            with_dict(&reloader, dict, |py, dict| {
                reloader.reloader.forget_namespace(py, dict)
            })
        }
    })
}

/// # Safety
/// `dict` is NULL or a live Python object that stays so during the call.
unsafe fn with_dict(
    reloader: &handle::Borrowed,
    dict: *mut ffi::PyObject,
    work: impl FnOnce(Python<'_>, &Bound<'_, PyDict>) -> Result<(), Error>,
) -> Result<(), Fault> {
    if dict.is_null() {
        return Err(Fault::argument("dict is NULL"));
    }
    reloader.python(|py| {
        // SAFETY: it is not NULL, the GIL is held, and the caller promises the rest.
        let object = unsafe { Bound::from_borrowed_ptr(py, dict) };
        let dict = object
            .cast::<PyDict>()
            .map_err(|_| Fault::argument("dict is not a dict"))?;
        Ok(work(py, dict)?)
    })?
}

/// Makes `import NAME` (NULL: "pyreload") work in this interpreter and act on
/// this reloader: autoreload(enabled, script=True, command=True, event=False),
/// check(), modules(), reload(name), include(name), exclude(name),
/// policy(name, "full" | "incremental" | "skip"), last_report(). Calling it
/// again changes nothing. PYRELOAD_ERR_ARGUMENT when another module has that
/// name. After pyreload_destroy() these functions raise RuntimeError.
///
/// Python: attaches. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_install_module(
    reloader: *mut pyreload_reloader,
    name: *const c_char,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let name = unsafe { entry::optional_text(name, "name") }?.unwrap_or("pyreload");
        reloader.python(|py| {
            let _alone = reloader.reloader.enter()?;
            python::install(py, &reloader, name)
        })?
    })
}
