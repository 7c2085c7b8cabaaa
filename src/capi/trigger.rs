//! Header, chapter 4.

use super::check::{Target, report_to_c, run};
use super::entry::{self, Fault, Out};
use super::handle::{self, pyreload_reloader};
use super::report::pyreload_report;
use super::status::pyreload_status;
use crate::interp;
use crate::reloader::{Error, Flags};

/// No trigger asks for a check: only pyreload_check() and pyreload_reload() do.
pub const PYRELOAD_TRIGGER_NONE: u32 = 0;
/// Before a script file is run, from its first line, with or without debugger.
pub const PYRELOAD_TRIGGER_SCRIPT: u32 = 1 << 0;
/// Before a single command: a console line, a notebook cell.
pub const PYRELOAD_TRIGGER_COMMAND: u32 = 1 << 1;
/// Before a function is called because something happened: a signal, a click, a
/// timer, a message.
pub const PYRELOAD_TRIGGER_EVENT: u32 = 1 << 2;
/// Bits 16 to 30 are the program's own kinds of dispatch. This is the first.
pub const PYRELOAD_TRIGGER_USER: u32 = 1 << 16;
/// Every trigger, also the program's own.
pub const PYRELOAD_TRIGGER_ALL: u32 = u32::MAX;

/// Bits that a trigger can be of.
const KINDS: u32 =
    PYRELOAD_TRIGGER_SCRIPT | PYRELOAD_TRIGGER_COMMAND | PYRELOAD_TRIGGER_EVENT | 0x7FFF_0000;

/// # 4. Triggers
///
/// Says which triggers ask for a check, as PYRELOAD_TRIGGER_ bits; replaces
/// what was set. A switch "autoreload on/off" in a menu is this function. Bits
/// that are no trigger's do nothing, so PYRELOAD_TRIGGER_ALL can be taken apart.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_set_trigger_mode(
    reloader: *mut pyreload_reloader,
    mode: u32,
) -> pyreload_status {
    entry::status(|| {
        handle::borrow(reloader)?.set_mode(mode);
        Ok(())
    })
}

/// The bits that are set; PYRELOAD_TRIGGER_NONE for NULL.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_trigger_mode(reloader: *const pyreload_reloader) -> u32 {
    entry::value(0, || {
        handle::mode(reloader).unwrap_or(PYRELOAD_TRIGGER_NONE)
    })
}

/// Call this just before a dispatch. When kind (one PYRELOAD_TRIGGER_ bit) is
/// in the trigger mode, it is pyreload_check(reloader, 0, report_out); else it
/// does nothing and is PYRELOAD_OK. report_out may be NULL; it gets NULL when
/// there was nothing to do.
///
/// What it costs when nothing changed: a kind that is switched off is one atomic
/// read; one that is on asks the operating system whether it has anything to
/// tell, one small system call, whatever the number of modules. It does not
/// touch Python for that. An edit whose file was closed before this call is
/// seen by it. Where the system has no events to offer (network file systems,
/// no more watches, PYRELOAD_WATCH_OFF), the tracked files of the folders
/// concerned are looked at, one system call per file.
///
/// The status may be ignored: whatever it is, the dispatch can go on, with the
/// code as it is.
///
/// Python: attaches, if there is work. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_trigger(
    reloader: *mut pyreload_reloader,
    kind: u32,
    report_out: *mut *mut pyreload_report,
) -> pyreload_status {
    entry::status(|| {
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::optional(report_out, std::ptr::null_mut()) };
        if kind & !KINDS != 0 || !kind.is_power_of_two() {
            return Err(Fault::argument(
                "kind is not exactly one PYRELOAD_TRIGGER_ bit",
            ));
        }
        if handle::mode(reloader)? & kind == 0 {
            return Ok(());
        }
        let reloader = handle::borrow(reloader)?;
        // Whether there is news is not a question while a check of this thread is at work.
        if reloader.reloader.is_inside() {
            return Err(Error::Reentrant.into());
        }
        // It reads memory of Python's, which must not go away meanwhile.
        if interp::beside(reloader.epoch, || reloader.reloader.quiet())? {
            return Ok(());
        }
        report_to_c(run(&reloader, &Target::Changed, Flags::default())?, &out)
    })
}

/// Call this just after a dispatch: modules it imported are tracked from here
/// on. Each check does the same, so this only shortens the time in which an
/// edit of a freshly imported file could be missed.
///
/// Python: attaches. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_track_imports(
    reloader: *mut pyreload_reloader,
) -> pyreload_status {
    entry::status(|| {
        let reloader = handle::borrow(reloader)?;
        Ok(reloader.python(|py| reloader.reloader.track_imports(py))??)
    })
}
