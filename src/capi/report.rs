//! Header, chapter 8.

use std::ffi::{CString, c_char, c_int};
use std::ptr::null;
use std::sync::{Arc, OnceLock};

use super::entry::{self, c_text};
use crate::report::{Action, Cause, Change, ChangeKind, ModuleReport, Outcome, Report};

/// What became of one module in one check.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_outcome {
    /// No answer: there was no such module report.
    PYRELOAD_OUTCOME_NONE = 0,
    /// Only definitions changed. They were updated in place; no other code of the
    /// module ran.
    PYRELOAD_OUTCOME_PATCHED = 1,
    /// Some of its top-level statements ran again, because they changed or
    /// because something they use did.
    PYRELOAD_OUTCOME_EXECUTED = 2,
    /// Its whole body ran again.
    PYRELOAD_OUTCOME_RELOADED = 3,
    /// The file changed, the program did not: comments, blank lines, layout. Only
    /// line numbers were updated.
    PYRELOAD_OUTCOME_UNCHANGED = 4,
    /// New code raised or could not be compiled. The module kept its version; it
    /// is tried again when its file, or one it depends on, changes again.
    PYRELOAD_OUTCOME_FAILED = 5,
    /// Not tried yet: the file is missing or still being written, or a module it
    /// imports failed. It is tried again at the next check.
    PYRELOAD_OUTCOME_DEFERRED = 6,
    /// It changed and cannot be reloaded: a C extension, __main__, a module without
    /// its source, or one that put something else in its place in `sys.modules`.
    PYRELOAD_OUTCOME_SKIPPED = 7,
}

/// Why a module is in a report.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_cause {
    /// No answer.
    PYRELOAD_CAUSE_NONE = 0,
    /// Its own source changed.
    PYRELOAD_CAUSE_SOURCE = 1,
    /// It uses a module that changed.
    PYRELOAD_CAUSE_DEPENDENCY = 2,
    /// pyreload_reload() named it.
    PYRELOAD_CAUSE_REQUEST = 3,
}

/// What kind of thing changed inside a module.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_change_kind {
    /// No answer.
    PYRELOAD_CHANGE_NONE = 0,
    /// A function, method, property or other descriptor.
    PYRELOAD_CHANGE_FUNCTION = 1,
    /// A class: its bases, its decorators, its attributes.
    PYRELOAD_CHANGE_CLASS = 2,
    /// A name assigned at the top level.
    PYRELOAD_CHANGE_VARIABLE = 3,
    /// An import at the top level.
    PYRELOAD_CHANGE_IMPORT = 4,
    /// Any other top-level statement: a call, an `if`, a loop, a `with`.
    PYRELOAD_CHANGE_STATEMENT = 5,
}

/// What was done about it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_action {
    /// No answer.
    PYRELOAD_ACTION_NONE = 0,
    /// The name is new.
    PYRELOAD_ACTION_ADDED = 1,
    /// The same object has the new code: all references see it.
    PYRELOAD_ACTION_UPDATED = 2,
    /// The name is bound to a new object: references taken earlier keep the old.
    PYRELOAD_ACTION_REBOUND = 3,
    /// The name is gone from the module.
    PYRELOAD_ACTION_REMOVED = 4,
    /// The statement ran again.
    PYRELOAD_ACTION_EXECUTED = 5,
    /// It could not be done in place, or not at all:
    /// pyreload_change_reason() says what stays old.
    PYRELOAD_ACTION_KEPT = 6,
}

/// What one check found and did. Immutable, and holds nothing of Python: it may
/// be read by several threads, outlive its reloader, and be freed after
/// Py_FinalizeEx().
#[derive(Debug)]
pub struct pyreload_report {
    data: Report,
    /// Made when first asked for: a constant with a thousand readers makes a thousand of them.
    modules: OnceLock<Vec<pyreload_module_report>>,
    text: OnceLock<CString>,
    json: OnceLock<CString>,
}

/// The part of a report that is about one module. Belongs to its report.
#[derive(Debug)]
pub struct pyreload_module_report {
    name: CString,
    path: CString,
    outcome: pyreload_outcome,
    cause: pyreload_cause,
    error: Option<CString>,
    traceback: Option<CString>,
    error_line: u32,
    changes: Vec<pyreload_change>,
    notes: Vec<CString>,
}

/// One change inside one module. Belongs to its report.
#[derive(Debug)]
pub struct pyreload_change {
    kind: pyreload_change_kind,
    action: pyreload_action,
    name: CString,
    line: u32,
    reason: CString,
}

impl pyreload_report {
    pub(super) fn new(data: Report) -> Self {
        Self {
            data,
            modules: OnceLock::new(),
            text: OnceLock::new(),
            json: OnceLock::new(),
        }
    }

    pub(super) fn data(&self) -> &Report {
        &self.data
    }

    fn modules(&self) -> &[pyreload_module_report] {
        self.modules.get_or_init(|| {
            let modules = self.data.modules.iter();
            modules.map(pyreload_module_report::new).collect()
        })
    }
}

impl pyreload_module_report {
    pub(super) fn new(module: &ModuleReport) -> Self {
        use pyreload_cause as c;
        use pyreload_outcome as o;
        Self {
            name: c_text(&module.name),
            path: c_text(&module.path),
            outcome: match module.outcome {
                Outcome::Patched => o::PYRELOAD_OUTCOME_PATCHED,
                Outcome::Executed => o::PYRELOAD_OUTCOME_EXECUTED,
                Outcome::Reloaded => o::PYRELOAD_OUTCOME_RELOADED,
                Outcome::Unchanged => o::PYRELOAD_OUTCOME_UNCHANGED,
                Outcome::Failed => o::PYRELOAD_OUTCOME_FAILED,
                Outcome::Deferred => o::PYRELOAD_OUTCOME_DEFERRED,
                Outcome::Skipped => o::PYRELOAD_OUTCOME_SKIPPED,
            },
            cause: match module.cause {
                Cause::Source => c::PYRELOAD_CAUSE_SOURCE,
                Cause::Dependency => c::PYRELOAD_CAUSE_DEPENDENCY,
                Cause::Request => c::PYRELOAD_CAUSE_REQUEST,
            },
            error: module.error.as_deref().map(c_text),
            traceback: module.traceback.as_deref().map(c_text),
            error_line: module.error_line,
            changes: module.changes.iter().map(pyreload_change::new).collect(),
            notes: module.notes.iter().map(|note| c_text(note)).collect(),
        }
    }
}

impl pyreload_change {
    fn new(change: &Change) -> Self {
        use pyreload_action as a;
        use pyreload_change_kind as k;
        Self {
            kind: match change.kind {
                ChangeKind::Function => k::PYRELOAD_CHANGE_FUNCTION,
                ChangeKind::Class => k::PYRELOAD_CHANGE_CLASS,
                ChangeKind::Variable => k::PYRELOAD_CHANGE_VARIABLE,
                ChangeKind::Import => k::PYRELOAD_CHANGE_IMPORT,
                ChangeKind::Statement => k::PYRELOAD_CHANGE_STATEMENT,
            },
            action: match change.action {
                Action::Added => a::PYRELOAD_ACTION_ADDED,
                Action::Updated => a::PYRELOAD_ACTION_UPDATED,
                Action::Rebound => a::PYRELOAD_ACTION_REBOUND,
                Action::Removed => a::PYRELOAD_ACTION_REMOVED,
                Action::Executed => a::PYRELOAD_ACTION_EXECUTED,
                Action::Kept => a::PYRELOAD_ACTION_KEPT,
            },
            name: c_text(&change.name),
            line: change.line,
            reason: c_text(&change.reason),
        }
    }
}

/// What `read` finds in the thing; `none` when there is no thing.
///
/// # Safety
/// `thing` is NULL or lives as long as the call, and as what `read` gives.
unsafe fn ask<'a, T: 'a, R>(thing: *const T, none: R, read: impl FnOnce(&'a T) -> R) -> R {
    // SAFETY: the caller's promise.
    unsafe { thing.as_ref() }.map_or(none, read)
}

fn text_or_null(text: Option<&CString>) -> *const c_char {
    text.map_or(null(), |text| text.as_ptr())
}

/// # 8. Reports
///
/// Reading one never fails: for NULL, or an index that is too large, the answer
/// is NULL or 0. All of this section but _free is Python: none, Threads: any.
///
/// Frees a report and all that was read from it.
///
/// Python: none. Threads: exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_free(report: *mut pyreload_report) {
    entry::value((), || {
        if !report.is_null() {
            // SAFETY: it came out of a check as one count of an Arc, and ends here once.
            drop(unsafe { Arc::from_raw(report) });
        }
    });
}

/// The whole report as lines of text for a console. Never NULL; "" for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_text(report: *const pyreload_report) -> *const c_char {
    // SAFETY: the caller's: NULL or a report.
    entry::value(c"".as_ptr(), || unsafe {
        ask(report, c"".as_ptr(), |r| {
            r.text.get_or_init(|| c_text(&r.data.text())).as_ptr()
        })
    })
}

/// The whole report as one JSON object, for bindings. Never NULL; "{}" for NULL.
///
/// Its members are dry_run, duration_ns and modules; those of a module name,
/// path, outcome, cause, error, traceback, error_line, changes and notes; those of
/// a change kind, action, name, line and reason. Values of an enum are the last
/// word of the constant in lower case: "patched". What is unknown is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_json(report: *const pyreload_report) -> *const c_char {
    // SAFETY: the caller's: NULL or a report.
    entry::value(c"{}".as_ptr(), || unsafe {
        ask(report, c"{}".as_ptr(), |r| {
            r.json.get_or_init(|| c_text(&r.data.json())).as_ptr()
        })
    })
}

/// Nanoseconds the check took.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_duration_ns(report: *const pyreload_report) -> u64 {
    // SAFETY: the caller's: NULL or a report.
    entry::value(0, || unsafe { ask(report, 0, |r| r.data.duration_ns) })
}

/// 1 when it says what would be done, with PYRELOAD_CHECK_DRY_RUN; else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_is_dry_run(report: *const pyreload_report) -> c_int {
    // SAFETY: the caller's: NULL or a report.
    entry::value(0, || unsafe {
        ask(report, 0, |r| c_int::from(r.data.dry_run))
    })
}

/// How many modules are in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_len(report: *const pyreload_report) -> usize {
    // SAFETY: the caller's: NULL or a report.
    entry::value(0, || unsafe { ask(report, 0, |r| r.data.modules.len()) })
}

/// How many of them had this pyreload_outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_count(
    report: *const pyreload_report,
    outcome: c_int,
) -> usize {
    // SAFETY: the caller's: NULL or a report.
    entry::value(0, || unsafe {
        ask(report, 0, |r| {
            r.data
                .modules
                .iter()
                .filter(|m| m.outcome as c_int == outcome)
                .count()
        })
    })
}

/// One of them, in the order they were worked on: a module comes after those it
/// imports.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_report_module(
    report: *const pyreload_report,
    index: usize,
) -> *const pyreload_module_report {
    // SAFETY: the caller's: NULL or a report.
    entry::value(null(), || unsafe {
        ask(report, null(), |r| {
            r.modules().get(index).map_or(null(), std::ptr::from_ref)
        })
    })
}

/// The name in sys.modules.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_name(
    module: *const pyreload_module_report,
) -> *const c_char {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| m.name.as_ptr())
    })
}

/// The source file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_path(
    module: *const pyreload_module_report,
) -> *const c_char {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| m.path.as_ptr())
    })
}

/// What became of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_outcome(
    module: *const pyreload_module_report,
) -> pyreload_outcome {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(pyreload_outcome::PYRELOAD_OUTCOME_NONE, || unsafe {
        ask(module, pyreload_outcome::PYRELOAD_OUTCOME_NONE, |m| {
            m.outcome
        })
    })
}

/// Why it is here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_cause(
    module: *const pyreload_module_report,
) -> pyreload_cause {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(pyreload_cause::PYRELOAD_CAUSE_NONE, || unsafe {
        ask(module, pyreload_cause::PYRELOAD_CAUSE_NONE, |m| m.cause)
    })
}

/// For FAILED and DEFERRED, one sentence on why; else NULL. An exception reads
/// as Python prints its last line: "NameError: name 'x' is not defined".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_error(
    module: *const pyreload_module_report,
) -> *const c_char {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| text_or_null(m.error.as_ref()))
    })
}

/// The traceback as Python prints it, when an exception was the reason; else
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_traceback(
    module: *const pyreload_module_report,
) -> *const c_char {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| text_or_null(m.traceback.as_ref()))
    })
}

/// The line of the source file where it went wrong, counted from 1; 0 when not
/// known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_error_line(
    module: *const pyreload_module_report,
) -> u32 {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(0, || unsafe { ask(module, 0, |m| m.error_line) })
}

/// How many changes were found in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_len(
    module: *const pyreload_module_report,
) -> usize {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(0, || unsafe { ask(module, 0, |m| m.changes.len()) })
}

/// One of them, in the order of the source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_change(
    module: *const pyreload_module_report,
    index: usize,
) -> *const pyreload_change {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| {
            m.changes.get(index).map_or(null(), std::ptr::from_ref)
        })
    })
}

/// How many notes there are about it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_note_count(
    module: *const pyreload_module_report,
) -> usize {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(0, || unsafe { ask(module, 0, |m| m.notes.len()) })
}

/// One of them: a sentence a person should read, such as which fallback was
/// taken, or what needs a restart, and why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_module_report_note(
    module: *const pyreload_module_report,
    index: usize,
) -> *const c_char {
    // SAFETY: the caller's: NULL or a module report.
    entry::value(null(), || unsafe {
        ask(module, null(), |m| text_or_null(m.notes.get(index)))
    })
}

/// What kind of thing changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_change_what(
    change: *const pyreload_change,
) -> pyreload_change_kind {
    // SAFETY: the caller's: NULL or a change.
    entry::value(pyreload_change_kind::PYRELOAD_CHANGE_NONE, || unsafe {
        ask(change, pyreload_change_kind::PYRELOAD_CHANGE_NONE, |c| {
            c.kind
        })
    })
}

/// What was done about it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_change_action(change: *const pyreload_change) -> pyreload_action {
    // SAFETY: the caller's: NULL or a change.
    entry::value(pyreload_action::PYRELOAD_ACTION_NONE, || unsafe {
        ask(change, pyreload_action::PYRELOAD_ACTION_NONE, |c| c.action)
    })
}

/// Its qualified name, such as "Rect.area"; for a statement, its first line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_change_name(change: *const pyreload_change) -> *const c_char {
    // SAFETY: the caller's: NULL or a change.
    entry::value(null(), || unsafe {
        ask(change, null(), |c| c.name.as_ptr())
    })
}

/// Its first line in the new source, counted from 1; in the old one, if it was
/// removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_change_line(change: *const pyreload_change) -> u32 {
    // SAFETY: the caller's: NULL or a change.
    entry::value(0, || unsafe { ask(change, 0, |c| c.line) })
}

/// Why it was done, in a clause: "reads X, which changed on line 3". "" when
/// there is nothing to say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_change_reason(change: *const pyreload_change) -> *const c_char {
    // SAFETY: the caller's: NULL or a change.
    entry::value(null(), || unsafe {
        ask(change, null(), |c| c.reason.as_ptr())
    })
}
