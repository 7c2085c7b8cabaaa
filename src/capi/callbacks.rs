//! Header, chapter 7.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::Arc;

use super::entry::{self, Fault, Out};
use super::handle::{self, pyreload_reloader};
use super::listeners;
use super::report::{pyreload_module_report, pyreload_report};
use super::status::pyreload_status;
use crate::callbacks::UserData;

/// A source file of a tracked module changed on disk. Sent on a thread of the
/// library's, without Python, while nothing has been reloaded yet. Use it to
/// wake the program's own loop, which then calls pyreload_check(). The thread
/// exists from the first registration for this event on, until the reloader ends;
/// with PYRELOAD_WATCH_OFF there is none, and nothing is sent.
pub const PYRELOAD_EVENT_SOURCE_CHANGED: u32 = 1 << 0;
/// A check found work and did none of it yet; pyreload_event_report() has the
/// plan. A callback that returns non-zero cancels the check.
pub const PYRELOAD_EVENT_BEFORE_RELOAD: u32 = 1 << 1;
/// One module is up to date again.
pub const PYRELOAD_EVENT_MODULE_RELOADED: u32 = 1 << 2;
/// One module could not be brought up to date and kept its version.
pub const PYRELOAD_EVENT_MODULE_FAILED: u32 = 1 << 3;
/// A check that found work is done; pyreload_event_report() is complete.
pub const PYRELOAD_EVENT_AFTER_RELOAD: u32 = 1 << 4;

/// All of them.
const EVENTS: u32 = PYRELOAD_EVENT_SOURCE_CHANGED
    | PYRELOAD_EVENT_BEFORE_RELOAD
    | PYRELOAD_EVENT_MODULE_RELOADED
    | PYRELOAD_EVENT_MODULE_FAILED
    | PYRELOAD_EVENT_AFTER_RELOAD;

/// What a callback is told. Lives until the callback returns.
#[derive(Default)]
pub struct pyreload_event {
    pub(super) kind: u32,
    pub(super) path: Option<CString>,
    pub(super) module: Option<pyreload_module_report>,
    pub(super) report: Option<Arc<pyreload_report>>,
}

/// Told of the events it was registered for. All but SOURCE_CHANGED come on the
/// thread that called the check, attached (GIL held), so it may use the Python
/// C API; an exception it leaves set is logged and cleared. SOURCE_CHANGED
/// comes on the library's thread, not attached: signal the program's loop, and
/// return.
///
/// The value returned counts for BEFORE_RELOAD only: non-zero cancels.
pub type pyreload_callback_fn = Option<
    unsafe extern "C-unwind" fn(
        reloader: *mut pyreload_reloader,
        event: *const pyreload_event,
        user_data: *mut c_void,
    ) -> c_int,
>;

/// Frees user_data. Called once, on any thread, with no lock held; whether a
/// thread state is attached is not defined. NULL where there is nothing to
/// free.
pub type pyreload_free_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// The function in an `Option` of one.
pub(super) trait NotNull {
    type Function;
}

impl<F> NotNull for Option<F> {
    type Function = F;
}

/// # 7. Callbacks
///
/// Registers callback for events (PYRELOAD_EVENT_ bits). They are called in the
/// order of registration. id_out may be NULL.
///
/// Adding is idempotent, so set-up code may run twice. With a key, a
/// registration under the same key is replaced in its place, and its user_data
/// freed, unless the new one has the same. Without one (NULL), the same callback
/// with the same user_data is registered once: a second call replaces its events
/// and gives its id.
///
/// Python: none. Threads: any; during a check it counts from the next event on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_add_callback(
    reloader: *mut pyreload_reloader,
    key: *const c_char,
    events: u32,
    callback: pyreload_callback_fn,
    user_data: *mut c_void,
    free_user_data: pyreload_free_fn,
    id_out: *mut u64,
) -> pyreload_status {
    entry::status(|| {
        // First of all, so that it is freed whatever is wrong with the rest.
        // SAFETY: the caller's, see "Callbacks" in the header.
        let user_data = unsafe { UserData::new(user_data, free_user_data) };
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::optional(id_out, 0) };
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let key = unsafe { entry::optional_text(key, "key") }?;
        if events == 0 || events & !EVENTS != 0 {
            return Err(Fault::argument(
                "events are none or more than the PYRELOAD_EVENT_ bits",
            ));
        }
        let callback = callback.ok_or_else(|| Fault::argument("callback is NULL"))?;
        let same = |a: handle::CallbackFn, b: handle::CallbackFn| std::ptr::fn_addr_eq(a, b);
        let id = reloader
            .registry
            .add(key, events, callback, user_data, same)
            .ok_or_else(|| Fault::argument("this reloader was destroyed"))?;
        if events & PYRELOAD_EVENT_SOURCE_CHANGED != 0
            && let Err(why) = listeners::tell_changes(&reloader)
        {
            reloader.registry.remove(id);
            return Err(why.into());
        }
        out.set(id);
        Ok(())
    })
}

/// Ends a registration: the callback is not called again. A call of it that is
/// in progress, here or on another thread, runs to its end; free_user_data says
/// when the last use is over. Ids are never used again. PYRELOAD_ERR_NOT_FOUND
/// when there is none.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_remove_callback(
    reloader: *mut pyreload_reloader,
    id: u64,
) -> pyreload_status {
    entry::status(|| {
        if handle::borrow(reloader)?.registry.remove(id) {
            return Ok(());
        }
        let sentence = format!("there is no callback with the id {id}");
        Err(Fault::new(
            pyreload_status::PYRELOAD_ERR_NOT_FOUND,
            sentence,
        ))
    })
}

/// Which event: one PYRELOAD_EVENT_ bit.
///
/// Python: none. Threads: any. So it is for the three below.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_event_kind(event: *const pyreload_event) -> u32 {
    entry::value(0, || {
        // SAFETY: the caller's: NULL or an event.
        unsafe { event.as_ref() }.map_or(0, |event| event.kind)
    })
}

/// The source file that changed, for SOURCE_CHANGED; NULL when it could be any
/// of them, since so much changed at once that events were lost. Else NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_event_path(event: *const pyreload_event) -> *const c_char {
    entry::value(std::ptr::null(), || {
        // SAFETY: the caller's: NULL or an event.
        let path = unsafe { event.as_ref() }.and_then(|event| event.path.as_ref());
        path.map_or(std::ptr::null(), |path| path.as_ptr())
    })
}

/// The module, for MODULE_RELOADED and MODULE_FAILED; else NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_event_module(
    event: *const pyreload_event,
) -> *const pyreload_module_report {
    entry::value(std::ptr::null(), || {
        // SAFETY: the caller's: NULL or an event.
        let module = unsafe { event.as_ref() }.and_then(|event| event.module.as_ref());
        module.map_or(std::ptr::null(), std::ptr::from_ref)
    })
}

/// The plan, for BEFORE_RELOAD; the result, for AFTER_RELOAD; else NULL. Owned
/// by the event: do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_event_report(
    event: *const pyreload_event,
) -> *const pyreload_report {
    entry::value(std::ptr::null(), || {
        // SAFETY: the caller's: NULL or an event.
        let report = unsafe { event.as_ref() }.and_then(|event| event.report.as_ref());
        report.map_or(std::ptr::null(), Arc::as_ptr)
    })
}
