//! Functions of the CPython in this process, looked up by name: those that every libpython
//! exports and that are not in the stable ABI of 3.9.

use std::ffi::{CStr, c_void};

/// The address of a symbol of the CPython in this process.
#[cfg(unix)]
pub fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: RTLD_DEFAULT searches the global scope; the name ends in NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The address of a symbol of the CPython in this process. There is no global scope here: it is
/// looked for in the DLL that Python lies in.
#[cfg(windows)]
pub fn symbol(name: &CStr) -> Option<*mut c_void> {
    use std::ffi::{c_char, c_int};

    const FROM_ADDRESS: u32 = 4;
    const UNCHANGED_REFCOUNT: u32 = 2;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, inside: *const c_void, module: *mut *mut c_void)
        -> c_int;
        fn GetProcAddress(module: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    // A text among the DLL's own data; the address of a function might be that of a thunk of ours.
    // SAFETY: it returns a static text, at any time.
    let inside = unsafe { pyo3::ffi::Py_GetVersion() };
    let mut module = std::ptr::null_mut();
    let flags = FROM_ADDRESS | UNCHANGED_REFCOUNT;
    // SAFETY: with these flags the address may be any, and `module` is ours to be written.
    if unsafe { GetModuleHandleExW(flags, inside.cast(), &raw mut module) } == 0 {
        return None;
    }
    // SAFETY: the module is loaded, since Python runs in it; the name ends in NUL.
    let found = unsafe { GetProcAddress(module, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The address of a symbol of the CPython in this process: not to be had on this system.
#[cfg(not(any(unix, windows)))]
pub fn symbol(_name: &CStr) -> Option<*mut c_void> {
    None
}
