//! Header, chapter 2.

use std::ffi::{c_char, c_int};

use super::entry;

/// How a call ended.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_status {
    /// It did what it says.
    PYRELOAD_OK = 0,
    /// The check ran, but at least one module kept its previous version. The
    /// report is written and says which and why.
    PYRELOAD_ERR_RELOAD = 1,
    /// A NULL where none is allowed, an unknown flag, text that is not UTF-8,
    /// options of no known size, or a handle that was destroyed.
    PYRELOAD_ERR_ARGUMENT = 2,
    /// There is no such module, callback or rule.
    PYRELOAD_ERR_NOT_FOUND = 3,
    /// Another thread is inside a serialized function of this reloader. Nothing
    /// was done.
    PYRELOAD_ERR_BUSY = 4,
    /// The call came out of a callback, or out of Python code that a check is
    /// running on this thread. Nothing was done.
    PYRELOAD_ERR_REENTRANT = 5,
    /// Python is not initialized, is finalizing, was finalized since this
    /// reloader was created, or this thread is attached to a sub-interpreter.
    PYRELOAD_ERR_INTERPRETER = 6,
    /// The running Python is older than this library supports or a free-threaded
    /// build, or the module has no Python source.
    PYRELOAD_ERR_UNSUPPORTED = 7,
    /// The operating system refused; for example no more files can be watched.
    PYRELOAD_ERR_OS = 8,
    /// A BEFORE_RELOAD callback said no. The changes stay pending.
    PYRELOAD_ERR_CANCELLED = 9,
    /// A bug in this library. What was begun has been put back; the handle can
    /// still be used. Please report it, with pyreload_last_error().
    PYRELOAD_ERR_INTERNAL = 10,
}

/// # 2. Errors
///
/// The name of a status, such as "PYRELOAD_ERR_BUSY"; "unknown status" for a
/// value this version does not have. Never NULL.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn pyreload_status_string(status: c_int) -> *const c_char {
    entry::value(c"unknown status".as_ptr(), || {
        let name = match status {
            0 => c"PYRELOAD_OK",
            1 => c"PYRELOAD_ERR_RELOAD",
            2 => c"PYRELOAD_ERR_ARGUMENT",
            3 => c"PYRELOAD_ERR_NOT_FOUND",
            4 => c"PYRELOAD_ERR_BUSY",
            5 => c"PYRELOAD_ERR_REENTRANT",
            6 => c"PYRELOAD_ERR_INTERPRETER",
            7 => c"PYRELOAD_ERR_UNSUPPORTED",
            8 => c"PYRELOAD_ERR_OS",
            9 => c"PYRELOAD_ERR_CANCELLED",
            10 => c"PYRELOAD_ERR_INTERNAL",
            _ => c"unknown status",
        };
        name.as_ptr()
    })
}

/// One sentence on why the last call on this thread failed; "" when it did not.
/// Each function that returns pyreload_status begins by clearing it, so it is
/// never about an older call. Valid until the next such call on this thread.
/// Never NULL.
///
/// Python: none. Threads: any; each has its own.
#[unsafe(no_mangle)]
pub extern "C" fn pyreload_last_error() -> *const c_char {
    entry::value(c"".as_ptr(), entry::last_error)
}
