//! Header, chapter 5.

use std::ffi::c_char;
use std::sync::Arc;

use super::entry::{self, Fault, Out};
use super::handle::{self, Borrowed, pyreload_reloader};
use super::listeners::Listeners;
use super::report::pyreload_report;
use super::status::pyreload_status;
use crate::reloader::Flags;
use crate::report::ModuleReport;

/// Find out and report what would be done; change nothing, run nothing.
pub const PYRELOAD_CHECK_DRY_RUN: u32 = 1 << 0;
/// Read every tracked file and compare its content, not only those whose size
/// or time stamps differ. For file systems with clocks not to be trusted.
pub const PYRELOAD_CHECK_RESCAN: u32 = 1 << 1;
/// Only for pyreload_reload(): run the whole module, even if unchanged.
pub const PYRELOAD_CHECK_FORCE: u32 = 1 << 2;

/// # 5. Check and reload
///
/// Brings every tracked module up to date with its source, whatever the trigger
/// mode: changed modules and those that use what changed in them, each after
/// the modules it imports. flags are PYRELOAD_CHECK_ bits or 0. report_out may
/// be NULL; it gets NULL when no file changed.
///
/// PYRELOAD_OK: all is up to date. PYRELOAD_ERR_RELOAD: some modules kept their
/// version; the report is written and the others are up to date.
/// PYRELOAD_ERR_CANCELLED: a callback said no.
///
/// Python: attaches. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_check(
    reloader: *mut pyreload_reloader,
    flags: u32,
    report_out: *mut *mut pyreload_report,
) -> pyreload_status {
    entry::status(|| {
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::optional(report_out, std::ptr::null_mut()) };
        let reloader = handle::borrow(reloader)?;
        let flags = read_flags(flags, PYRELOAD_CHECK_DRY_RUN | PYRELOAD_CHECK_RESCAN)?;
        report_to_c(run(&reloader, &Target::Changed, flags)?, &out)
    })
}

/// The same for one module, by its name in sys.modules ("package.module"), and
/// for what uses it. Works on excluded modules too. PYRELOAD_ERR_NOT_FOUND when
/// it is not imported, PYRELOAD_ERR_UNSUPPORTED when it has no Python source.
///
/// Python: attaches. Threads: serialized.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_reload(
    reloader: *mut pyreload_reloader,
    module_name: *const c_char,
    flags: u32,
    report_out: *mut *mut pyreload_report,
) -> pyreload_status {
    entry::status(|| {
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::optional(report_out, std::ptr::null_mut()) };
        let reloader = handle::borrow(reloader)?;
        // SAFETY: the caller's: NULL or a text.
        let module = unsafe { entry::text(module_name, "module_name") }?;
        let known = PYRELOAD_CHECK_DRY_RUN | PYRELOAD_CHECK_RESCAN | PYRELOAD_CHECK_FORCE;
        let flags = read_flags(flags, known)?;
        report_to_c(run(&reloader, &Target::Module(module), flags)?, &out)
    })
}

/// How many source files are known to have changed since the last check. For a
/// mark in the user interface. 0 for NULL, and with PYRELOAD_WATCH_OFF.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_pending(reloader: *const pyreload_reloader) -> usize {
    entry::value(0, || {
        handle::borrow(reloader).map_or(0, |r| r.reloader.pending())
    })
}

fn read_flags(flags: u32, known: u32) -> Result<Flags, Fault> {
    if flags & !known != 0 {
        return Err(Fault::argument(format!(
            "flags have the unknown bits {:#x}",
            flags & !known
        )));
    }
    Ok(Flags {
        dry_run: flags & PYRELOAD_CHECK_DRY_RUN != 0,
        rescan: flags & PYRELOAD_CHECK_RESCAN != 0,
        force: flags & PYRELOAD_CHECK_FORCE != 0,
    })
}

/// What a check is about.
pub(super) enum Target<'a> {
    /// Whatever changed.
    Changed,
    /// This one.
    Module(&'a str),
}

/// Runs a check and tells the callbacks.
pub(super) fn run(
    reloader: &Borrowed,
    target: &Target<'_>,
    flags: Flags,
) -> Result<Option<Arc<pyreload_report>>, Fault> {
    let report = reloader.python(|py| {
        let mut listeners = Listeners::new(reloader);
        match target {
            Target::Changed => reloader.reloader.check(py, flags, &mut listeners),
            Target::Module(name) => reloader.reloader.reload(py, name, flags, &mut listeners),
        }
    })??;
    let report = report.map(|report| Arc::new(pyreload_report::new(report)));
    if let Some(report) = &report {
        note(report);
        let before = reloader.last_report.lock().replace(Arc::clone(report));
        drop(before);
    }
    Ok(report)
}

/// Writes a report to the log: what went wrong as warnings, the rest as information.
fn note(report: &pyreload_report) {
    if !log::log_enabled!(log::Level::Warn) {
        return;
    }
    for module in report
        .data()
        .modules
        .iter()
        .filter(|m| !m.outcome.is_current())
    {
        log::warn!("{}", kept(module));
    }
    if log::log_enabled!(log::Level::Info) {
        for line in report.data().text().lines() {
            log::info!("{line}");
        }
    }
}

fn kept(module: &ModuleReport) -> String {
    let why = module
        .error
        .as_deref()
        .or(module.notes.first().map(String::as_str));
    format!(
        "module '{}' kept its version: {}",
        module.name,
        why.unwrap_or("see the report")
    )
}

/// Hands a report to C; modules that kept their version make it a failure.
pub(super) fn report_to_c(
    report: Option<Arc<pyreload_report>>,
    out: &Out<*mut pyreload_report>,
) -> Result<(), Fault> {
    let Some(report) = report else { return Ok(()) };
    let verdict = match report
        .data()
        .modules
        .iter()
        .find(|m| !m.outcome.is_current())
    {
        None => Ok(()),
        Some(module) => Err(Fault::new(
            pyreload_status::PYRELOAD_ERR_RELOAD,
            kept(module),
        )),
    };
    if out.is_wanted() {
        out.set(Arc::into_raw(report).cast_mut());
    }
    verdict
}
