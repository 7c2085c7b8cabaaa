//! Brings what happens in a check to the callbacks of its reloader.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use super::callbacks::{
    PYRELOAD_EVENT_AFTER_RELOAD, PYRELOAD_EVENT_BEFORE_RELOAD, PYRELOAD_EVENT_MODULE_FAILED,
    PYRELOAD_EVENT_MODULE_RELOADED, PYRELOAD_EVENT_SOURCE_CHANGED, pyreload_event,
};
use super::entry;
use super::handle::{Body, Borrowed, CallbackFn, pyreload_reloader};
use super::report::{pyreload_module_report, pyreload_report};
use crate::callbacks::Subscriber;
use crate::reloader::{Error, Listener};
use crate::report::{ModuleReport, Report};

/// The callbacks of one reloader.
pub(super) struct Listeners<'a> {
    reloader: &'a Borrowed,
}

impl<'a> Listeners<'a> {
    pub(super) fn new(reloader: &'a Borrowed) -> Self {
        Self { reloader }
    }

    /// Calls everybody who wants this event; `false` when somebody answered with non-zero. With a
    /// `veto` nobody is asked after that.
    fn send(&self, py: Python<'_>, event: &pyreload_event, veto: bool) -> bool {
        let mut agreed = true;
        self.reloader.registry.deliver(event.kind, |subscriber| {
            if veto && !agreed {
                return;
            }
            agreed &= call(subscriber, self.reloader.handle(), event) == 0;
            if let Some(left) = PyErr::take(py) {
                log::warn!("a callback left an exception set, which is cleared: {left}");
            }
        });
        agreed
    }

    fn send_report(&self, py: Python<'_>, kind: u32, report: &Report, veto: bool) -> bool {
        if !self.reloader.registry.wants(kind) {
            return true;
        }
        let report = Some(Arc::new(pyreload_report::new(report.clone())));
        self.send(
            py,
            &pyreload_event {
                kind,
                report,
                ..pyreload_event::default()
            },
            veto,
        )
    }
}

impl Listener for Listeners<'_> {
    fn wants_plan(&self) -> bool {
        self.reloader.registry.wants(PYRELOAD_EVENT_BEFORE_RELOAD)
    }

    fn before(&mut self, py: Python<'_>, plan: &Report) -> bool {
        self.send_report(py, PYRELOAD_EVENT_BEFORE_RELOAD, plan, true)
    }

    fn module(&mut self, py: Python<'_>, module: &ModuleReport) {
        let kind = if module.outcome.is_current() {
            PYRELOAD_EVENT_MODULE_RELOADED
        } else {
            PYRELOAD_EVENT_MODULE_FAILED
        };
        if self.reloader.registry.wants(kind) {
            let module = Some(pyreload_module_report::new(module));
            self.send(
                py,
                &pyreload_event {
                    kind,
                    module,
                    ..pyreload_event::default()
                },
                false,
            );
        }
    }

    fn after(&mut self, py: Python<'_>, report: &Report) {
        self.send_report(py, PYRELOAD_EVENT_AFTER_RELOAD, report, false);
    }
}

/// The GIL is held, unless the event is SOURCE_CHANGED.
fn call(
    subscriber: &Subscriber<CallbackFn>,
    handle: *mut pyreload_reloader,
    event: &pyreload_event,
) -> std::ffi::c_int {
    let function = subscriber.function();
    let user_data = subscriber.user_data();
    // SAFETY: the host's function, with what the header promises it: it is called in the state
    // that belongs to the event, which lives longer than the call, and the user data is not freed
    // before it ends.
    entry::host(|| unsafe { function(handle, event, user_data) })
}

/// Has SOURCE_CHANGED sent from now on.
pub(super) fn tell_changes(reloader: &Borrowed) -> Result<(), Error> {
    // The thread must not keep the reloader alive: it is ended when the reloader is.
    let body = Arc::downgrade(reloader.body());
    let handle = Handle(reloader.handle());
    reloader
        .reloader
        .tell_changes(Box::new(move |files: &[PathBuf]| {
            let Some(body) = body.upgrade() else { return };
            // Who panics here has no caller to answer to.
            if let Err(panic) = entry::guarded(|| send_changes(&body, &handle, files)) {
                log::error!("{panic}");
            }
        }))
}

fn send_changes(body: &Body, handle: &Handle, files: &[PathBuf]) {
    let kind = PYRELOAD_EVENT_SOURCE_CHANGED;
    let mut paths: Vec<_> = files.iter().map(|file| Some(entry::c_path(file))).collect();
    if paths.is_empty() {
        paths.push(None);
    }
    for path in paths {
        let event = pyreload_event {
            kind,
            path,
            ..pyreload_event::default()
        };
        body.registry.deliver(kind, |subscriber| {
            call(subscriber, handle.0, &event);
        });
    }
}

/// The handle, on its way to the thread that sends SOURCE_CHANGED.
struct Handle(*mut pyreload_reloader);

// SAFETY: a slot is shared by all threads and never given back.
unsafe impl Send for Handle {}
