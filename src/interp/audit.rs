//! Audit events (PEP 578).

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

use pyo3::prelude::*;

use super::symbol;

type Audit = unsafe extern "C" fn(*const c_char, *const c_char, ...) -> c_int;

/// Tells the hooks of the program, if it has any, that a module is about to be reloaded. They may
/// refuse.
pub fn audit(py: Python<'_>, module: &str, path: &str) -> PyResult<()> {
    const EVENT: &CStr = c"pyreload.reload";
    // Where there is no hook, the C function returns before it makes any object.
    static FOUND: OnceLock<Option<Audit>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let found = symbol(c"PySys_Audit")?;
        // SAFETY: the function has had this type since 3.8, where it came in.
        Some(unsafe { std::mem::transmute::<*mut c_void, Audit>(found) })
    });
    let texts = (CString::new(module), CString::new(path));
    let (Some(audit), (Ok(name), Ok(file))) = (found, texts) else {
        let event = EVENT.to_string_lossy();
        let sys = super::library(py, "sys")?;
        sys.call_method1("audit", (event, module, path))?;
        return Ok(());
    };
    // SAFETY: the GIL is held; the format takes two texts in UTF-8 that end in NUL.
    let refused = unsafe { audit(EVENT.as_ptr(), c"ss".as_ptr(), name.as_ptr(), file.as_ptr()) };
    match refused {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}
