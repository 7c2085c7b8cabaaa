//! What can be asked about Python without being attached to it.
//!
//! Several of these functions are exported by every libpython and yet are not in the stable ABI
//! of 3.9, so they are looked up by name.

use std::borrow::Cow;
use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::sync::OnceLock;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Refusal;
use super::symbols::symbol;

/// A `PyThreadState *` or `PyInterpreterState *` that is only compared.
type Opaque = *mut c_void;

/// What is looked up by name.
struct Symbols {
    is_finalizing: Option<unsafe extern "C" fn() -> c_int>,
    current_thread_state: Option<unsafe extern "C" fn() -> Opaque>,
    interpreter_of: Option<unsafe extern "C" fn(Opaque) -> Opaque>,
    main_interpreter: Option<unsafe extern "C" fn() -> Opaque>,
    first_interpreter: Option<unsafe extern "C" fn() -> Opaque>,
    next_interpreter: Option<unsafe extern "C" fn(Opaque) -> Opaque>,
    this_thread: Option<unsafe extern "C" fn() -> c_ulong>,
    as_utf8: Option<unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::Py_ssize_t) -> *const u8>,
    /// Major and minor version.
    version: (u32, u32),
    free_threaded: bool,
    version_text: String,
}

fn symbols() -> &'static Symbols {
    static SYMBOLS: OnceLock<Symbols> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        // SAFETY: it returns a static text, at any time.
        let text = unsafe { CStr::from_ptr(ffi::Py_GetVersion()) }
            .to_string_lossy()
            .into_owned();
        // SAFETY: each name has had the signature of its field in every CPython from 3.9 on
        // that exports it.
        unsafe {
            Symbols {
                is_finalizing: either(c"Py_IsFinalizing", c"_Py_IsFinalizing"),
                current_thread_state: either(
                    c"PyThreadState_GetUnchecked",
                    c"_PyThreadState_UncheckedGet",
                ),
                interpreter_of: lookup(c"PyThreadState_GetInterpreter"),
                main_interpreter: lookup(c"PyInterpreterState_Main"),
                first_interpreter: lookup(c"PyInterpreterState_Head"),
                next_interpreter: lookup(c"PyInterpreterState_Next"),
                this_thread: lookup(c"PyThread_get_thread_ident"),
                as_utf8: lookup(c"PyUnicode_AsUTF8AndSize"),
                version: version_of(&text),
                free_threaded: text.contains("free-threading build"),
                version_text: text,
            }
        }
    })
}

/// # Safety
/// `F` is an `extern "C"` function pointer of the signature that `name` has.
pub(super) unsafe fn lookup<F: Copy>(name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    let address = symbol(name)?;
    // SAFETY: the caller's promise, and the sizes are the same.
    Some(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
}

/// # Safety
/// As for [`lookup`], for both names.
unsafe fn either<F: Copy>(name: &CStr, older: &CStr) -> Option<F> {
    // SAFETY: the caller's promise.
    unsafe { lookup(name).or_else(|| lookup(older)) }
}

/// The text of a string without a copy; `None` when it has lone surrogates. The stable ABI has
/// this from 3.10 on, and asked thousands of times the way around it through `bytes` is felt.
pub fn utf8<'a>(string: &'a Bound<'_, PyString>) -> Option<Cow<'a, str>> {
    let Some(as_utf8) = symbols().as_utf8 else {
        return string.extract().map(Cow::Owned).ok();
    };
    let mut size = 0;
    // SAFETY: it is a string, the GIL is held, and there is room for the size.
    let data = unsafe { as_utf8(string.as_ptr(), &raw mut size) };
    if data.is_null() {
        drop(PyErr::take(string.py()));
        return None;
    }
    // SAFETY: these are that many bytes, and they live and stand still as long as the string.
    let bytes = unsafe { std::slice::from_raw_parts(data, usize::try_from(size).unwrap_or(0)) };
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

fn version_of(text: &str) -> (u32, u32) {
    let mut parts = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Whether this library can serve the running Python at all.
pub(super) fn serves() -> Result<(), Refusal> {
    let python = symbols();
    let version = python.version_text.split(' ').next().unwrap_or("?");
    if python.version < (3, 9) {
        let why = format!("Python {version} is too old; this library serves 3.9 and newer");
        return Err(Refusal::Unsupported(why));
    }
    if python.free_threaded {
        let why = format!("Python {version} is a free-threaded build, which is not served yet");
        return Err(Refusal::Unsupported(why));
    }
    Ok(())
}

/// Whether `PyGILState_Ensure` may be called now, on this thread.
pub(super) fn attachable() -> Result<(), Refusal> {
    // SAFETY: it may be called at any time.
    if unsafe { ffi::Py_IsInitialized() } == 0 {
        return Err(Refusal::NotInitialized);
    }
    let python = symbols();
    if let Some(is_finalizing) = python.is_finalizing
        // SAFETY: it reads one word, at any time.
        && unsafe { is_finalizing() } != 0
    {
        return Err(Refusal::Finalizing);
    }
    if other_interpreter_is_current(python) {
        return Err(Refusal::SubInterpreter);
    }
    Ok(())
}

/// With the GIL: it is that of the main interpreter. A thread whose first thread state was made
/// for a sub-interpreter is attached to that one by `PyGILState_Ensure`.
pub(super) fn is_main() -> Result<(), Refusal> {
    let python = symbols();
    // SAFETY: the GIL is held, so there is a current thread state.
    let current = unsafe { ffi::PyThreadState_Get() }.cast();
    if belongs_to_main(python, current) {
        Ok(())
    } else {
        Err(Refusal::SubInterpreter)
    }
}

/// `state` must be a thread state of the calling thread, so that it stays valid.
fn belongs_to_main(python: &Symbols, state: Opaque) -> bool {
    match (python.interpreter_of, python.main_interpreter) {
        // SAFETY: Python is initialized, and `state` is this thread's own.
        (Some(of), Some(main)) => unsafe { of(state) == main() },
        _ => true,
    }
}

/// Whether this thread holds the GIL through a thread state of a sub-interpreter. Up to 3.11
/// `PyGILState_Ensure` would then wait for a GIL that this very thread holds.
fn other_interpreter_is_current(python: &Symbols) -> bool {
    if only_main_exists(python) {
        return false;
    }
    let Some(current_thread_state) = python.current_thread_state else {
        return false;
    };
    // SAFETY: Python is initialized; it reads one pointer.
    let current = unsafe { current_thread_state() };
    if current.is_null() {
        return false;
    }
    if python.version >= (3, 12) {
        // From 3.12 on the current thread state is kept per thread: this one is ours.
        return !belongs_to_main(python, current);
    }
    // SAFETY: Python is initialized; it reads a slot of this thread.
    let own: Opaque = unsafe { ffi::PyGILState_GetThisThreadState() }.cast();
    if current == own {
        return !belongs_to_main(python, own);
    }
    // Up to 3.11 there is one current thread state for all threads. Is it of this thread?
    let (Some(this_thread), offset) = (python.this_thread, thread_id_offset(python.version)) else {
        return false;
    };
    // SAFETY: the holder of the GIL has a thread state with its thread's id at this place. Should
    // it end meanwhile, the memory is that of a small heap block and can still be read; the second
    // look finds out that the value means nothing.
    let owner = unsafe { current.byte_add(offset).cast::<c_ulong>().read_volatile() };
    // SAFETY: as above.
    let again = unsafe { current_thread_state() };
    // SAFETY: it may be called at any time.
    owner == unsafe { this_thread() } && again == current
}

/// Without sub-interpreters there is nothing to find out, and nothing to get wrong.
fn only_main_exists(python: &Symbols) -> bool {
    match (python.first_interpreter, python.next_interpreter) {
        (Some(first), Some(next)) => {
            // SAFETY: Python is initialized; it reads one pointer.
            let head = unsafe { first() };
            // SAFETY: the main interpreter, which is the last of the list, lives as long as
            // Python does; a newer one that is just being ended could only be read as itself.
            head.is_null() || unsafe { next(head) }.is_null()
        }
        _ => true,
    }
}

/// Where `PyThreadState.thread_id` stands on 64-bit systems.
fn thread_id_offset(version: (u32, u32)) -> usize {
    if version >= (3, 11) { 152 } else { 176 }
}

/// Has [`super::finalized`] called at the end of `Py_FinalizeEx`.
pub(super) fn at_exit() -> Result<(), &'static str> {
    // SAFETY: the GIL is held, and the function lives as long as the process: the library is
    // linked with `-z nodelete`.
    if unsafe { ffi::Py_AtExit(Some(super::finalized)) } == 0 {
        Ok(())
    } else {
        Err("all places for exit functions are taken")
    }
}

/// Has [`super::in_forked_child`] called in child processes, where there are such.
pub(super) fn at_fork() {
    #[cfg(unix)]
    // SAFETY: the function lives as long as the process, and only stores two numbers.
    unsafe {
        libc::pthread_atfork(None, None, Some(super::in_forked_child))
    };
}
