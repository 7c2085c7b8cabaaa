//! What every exported function does before and after its own work.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

use super::status::pyreload_status;
use crate::interp::Refusal;
use crate::reloader::Error;

/// Why a call failed: the status, and the sentence for `pyreload_last_error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: pyreload_status,
    pub(super) sentence: String,
}

impl Fault {
    pub(super) fn new(status: pyreload_status, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
        }
    }

    pub(super) fn argument(sentence: impl Into<String>) -> Self {
        Self::new(pyreload_status::PYRELOAD_ERR_ARGUMENT, sentence)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        use pyreload_status as s;
        match error {
            Error::Argument(why) => Self::new(s::PYRELOAD_ERR_ARGUMENT, why),
            Error::NotFound(why) => Self::new(s::PYRELOAD_ERR_NOT_FOUND, why),
            Error::Busy => Self::new(
                s::PYRELOAD_ERR_BUSY,
                "another thread is inside this reloader",
            ),
            Error::Reentrant => Self::new(
                s::PYRELOAD_ERR_REENTRANT,
                "this call came out of a callback, or out of code that a check is running",
            ),
            Error::Interpreter(why) => Self::new(s::PYRELOAD_ERR_INTERPRETER, why),
            Error::Unsupported(why) => Self::new(s::PYRELOAD_ERR_UNSUPPORTED, why),
            Error::Os(why) => Self::new(s::PYRELOAD_ERR_OS, why),
            Error::Cancelled => Self::new(
                s::PYRELOAD_ERR_CANCELLED,
                "a BEFORE_RELOAD callback said no",
            ),
            Error::Internal(why) => Self::new(s::PYRELOAD_ERR_INTERNAL, why),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Unsupported(_) => pyreload_status::PYRELOAD_ERR_UNSUPPORTED,
            _ => pyreload_status::PYRELOAD_ERR_INTERPRETER,
        };
        Self::new(status, refusal.to_string())
    }
}

/// The entrance of a function that returns a status.
pub(super) fn status(work: impl FnOnce() -> Result<(), Fault>) -> pyreload_status {
    set_last_error("");
    let fault = match guarded(work) {
        Ok(Ok(())) => {
            // A call that came out of a callback may have failed meanwhile; that is not ours.
            set_last_error("");
            return pyreload_status::PYRELOAD_OK;
        }
        Ok(Err(fault)) => fault,
        Err(panic) => Fault::new(pyreload_status::PYRELOAD_ERR_INTERNAL, panic),
    };
    set_last_error(&fault.sentence);
    fault.status
}

/// The entrance of a function that cannot fail. It leaves the last error alone; `fallback` is its
/// answer when there is a bug in it.
pub(super) fn value<R>(fallback: R, work: impl FnOnce() -> R) -> R {
    guarded(work).unwrap_or_else(|panic| {
        log::error!("{panic}");
        fallback
    })
}

/// Runs `work`; a panic becomes a sentence.
pub(super) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let _inside = Depth::set(INSIDE.with(Cell::get) + 1);
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let place = PANIC.with(|panic| panic.borrow_mut().take());
        // Dropping a payload may panic; then it is better leaked.
        let text = payload_text(payload.as_ref()).to_owned();
        std::mem::forget(payload);
        format!("bug in pyreload: {text}{}", place.unwrap_or_default())
    })
}

/// Calls back into the host. A panic in there is the host's own again, and is printed if the host
/// wants it printed.
pub(super) fn host<R>(call: impl FnOnce() -> R) -> R {
    let _outside = Depth::set(0);
    call()
}

thread_local! {
    /// How many of our functions are on the stack of this thread, above the last call of the host.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic was raised: " (file:line)".
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// `None` is "".
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

struct Depth(u32);

impl Depth {
    fn set(depth: u32) -> Self {
        Self(INSIDE.with(|inside| inside.replace(depth)))
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        INSIDE.with(|inside| inside.set(self.0));
    }
}

/// The default hook of Rust prints to the host's stderr. Ours keeps quiet about panics that we
/// catch, and hands all others to the hook that was there.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if INSIDE.try_with(Cell::get).unwrap_or(0) == 0 {
                return before(info);
            }
            let place = info
                .location()
                .map(|l| format!(" ({}:{})", l.file(), l.line()));
            let _ = PANIC.try_with(|panic| *panic.borrow_mut() = place);
        }));
    });
}

fn payload_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
}

fn set_last_error(sentence: &str) {
    // A thread that is ending may have lost its thread-locals.
    let _ = LAST_ERROR.try_with(|last| {
        *last.borrow_mut() = (!sentence.is_empty()).then(|| c_text(sentence));
    });
}

/// The sentence of this thread; valid until the next [`set_last_error`].
pub(super) fn last_error() -> *const c_char {
    let text = LAST_ERROR.try_with(|last| last.borrow().as_ref().map(|text| text.as_ptr()));
    text.ok().flatten().unwrap_or(c"".as_ptr())
}

/// A text for C. NUL bytes in it would end it early and are shown instead.
pub(super) fn c_text(text: &str) -> CString {
    CString::new(text)
        .unwrap_or_else(|_| CString::new(text.replace('\0', "\\0")).unwrap_or_default())
}

/// A path for C: its bytes as the operating system has them.
pub(super) fn c_path(path: &Path) -> CString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        // A path never has NUL bytes in it.
        CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
    }
    #[cfg(not(unix))]
    c_text(&path.to_string_lossy())
}

/// An argument that is text.
///
/// # Safety
/// `pointer` is NULL or a text that ends in NUL and lives as long as `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Fault> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(pointer, name) }?
        .ok_or_else(|| Fault::argument(format!("{name} is NULL")))
}

/// An argument that is text or NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str()
        .map(Some)
        .map_err(|_| Fault::argument(format!("{name} is not UTF-8")))
}

/// A place where a result goes. It is written at once, so that it is written on failure too.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL or may be written, also later in this call.
    pub(super) unsafe fn optional(place: *mut T, until_then: T) -> Self {
        let out = Self(place);
        out.set(until_then);
        out
    }

    /// # Safety
    /// As for `optional`.
    pub(super) unsafe fn required(place: *mut T, name: &str, until_then: T) -> Result<Self, Fault> {
        if place.is_null() {
            return Err(Fault::argument(format!("{name} is NULL")));
        }
        // SAFETY: the caller's promise.
        Ok(unsafe { Self::optional(place, until_then) })
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.0.is_null()
    }

    pub(super) fn set(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: it may be written, as promised when it was made. What is there is not ours
            // to drop.
            unsafe { self.0.write(value) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> String {
        // SAFETY: it is a text, and no call comes between.
        unsafe { CStr::from_ptr(last_error()) }
            .to_str()
            .expect("UTF-8")
            .to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_with_a_sentence() {
        let answer = status(|| panic!("unexpected {}", 7));
        assert_eq!(answer, pyreload_status::PYRELOAD_ERR_INTERNAL);
        assert!(
            last().starts_with("bug in pyreload: unexpected 7 (src"),
            "{}",
            last()
        );
        assert_eq!(status(|| Ok(())), pyreload_status::PYRELOAD_OK);
        assert_eq!(last(), "");
        assert_eq!(value(5, || panic!("no answer")), 5);
    }
}
