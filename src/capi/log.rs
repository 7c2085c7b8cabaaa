//! Header, chapter 9.

use std::ffi::{c_char, c_int, c_void};
use std::sync::{Arc, Once};

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::RwLock;

use super::callbacks::pyreload_free_fn;
use super::entry::{self, Fault, c_text};
use super::status::pyreload_status;
use crate::callbacks::UserData;

/// How important a log line is. A sink gets its level and all before it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_log_level {
    PYRELOAD_LOG_OFF = 0,
    PYRELOAD_LOG_ERROR = 1,
    PYRELOAD_LOG_WARN = 2,
    PYRELOAD_LOG_INFO = 3,
    PYRELOAD_LOG_DEBUG = 4,
    PYRELOAD_LOG_TRACE = 5,
}

/// Takes one line of log, without newline. Called on any thread, also on
/// several at once. It must not call Python, and of pyreload nothing.
pub type pyreload_log_fn = Option<
    unsafe extern "C-unwind" fn(
        level: pyreload_log_level,
        target: *const c_char,
        message: *const c_char,
        user_data: *mut c_void,
    ),
>;

struct Sink {
    function:
        unsafe extern "C-unwind" fn(pyreload_log_level, *const c_char, *const c_char, *mut c_void),
    user_data: Arc<UserData>,
}

static SINK: RwLock<Option<Arc<Sink>>> = RwLock::new(None);

struct ToSink;

impl Log for ToSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pyreload")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(sink) = SINK.read().clone() else {
            return;
        };
        let level = match record.level() {
            Level::Error => pyreload_log_level::PYRELOAD_LOG_ERROR,
            Level::Warn => pyreload_log_level::PYRELOAD_LOG_WARN,
            Level::Info => pyreload_log_level::PYRELOAD_LOG_INFO,
            Level::Debug => pyreload_log_level::PYRELOAD_LOG_DEBUG,
            Level::Trace => pyreload_log_level::PYRELOAD_LOG_TRACE,
        };
        let target = c_text(record.target());
        let message = c_text(&record.args().to_string());
        let user_data = sink.user_data.pointer();
        // SAFETY: the host's function. The texts live longer than the call, and the user data is
        // not freed before the last sink is let go of.
        entry::host(|| unsafe {
            (sink.function)(level, target.as_ptr(), message.as_ptr(), user_data);
        });
    }

    fn flush(&self) {}
}

/// # 9. Log
///
/// Sends the library's log lines up to level (a pyreload_log_level) to sink;
/// NULL ends that. One sink per process; a new one replaces the old, whose
/// user_data is freed once no thread is in it. Without a sink nothing is written
/// anywhere: the library never prints.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_set_log(
    level: c_int,
    sink: pyreload_log_fn,
    user_data: *mut c_void,
    free_user_data: pyreload_free_fn,
) -> pyreload_status {
    entry::status(|| {
        // First of all, so that it is freed whatever is wrong with the rest.
        // SAFETY: the caller's, see "Callbacks" in the header.
        let user_data = unsafe { UserData::new(user_data, free_user_data) };
        let level = match level {
            0 => LevelFilter::Off,
            1 => LevelFilter::Error,
            2 => LevelFilter::Warn,
            3 => LevelFilter::Info,
            4 => LevelFilter::Debug,
            5 => LevelFilter::Trace,
            _ => {
                return Err(Fault::argument(format!(
                    "level has the unknown value {level}"
                )));
            }
        };
        if !is_ours() {
            let sentence = "this process has another logger of Rust's log crate; use that";
            return Err(Fault::new(
                pyreload_status::PYRELOAD_ERR_UNSUPPORTED,
                sentence,
            ));
        }
        let new = sink.map(|function| {
            Arc::new(Sink {
                function,
                user_data,
            })
        });
        log::set_max_level(if new.is_some() {
            level
        } else {
            LevelFilter::Off
        });
        // The old one is let go of when the lock is open again.
        let old = std::mem::replace(&mut *SINK.write(), new);
        drop(old);
        Ok(())
    })
}

/// Whether the logger of this process is ours. It is, unless a Rust host that links this crate
/// has set its own.
fn is_ours() -> bool {
    static ONCE: Once = Once::new();
    static OURS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    ONCE.call_once(|| {
        let ours = log::set_logger(&ToSink).is_ok();
        OURS.store(ours, std::sync::atomic::Ordering::Relaxed);
    });
    OURS.load(std::sync::atomic::Ordering::Relaxed)
}
