//! Brings what happens in a check to the callbacks of its reloader.

use std::sync::Arc;

use pyo3::prelude::*;

use super::callbacks::{
    PYRELOAD_EVENT_AFTER_RELOAD, PYRELOAD_EVENT_BEFORE_RELOAD, PYRELOAD_EVENT_MODULE_FAILED,
    PYRELOAD_EVENT_MODULE_RELOADED, pyreload_event,
};
use super::entry;
use super::handle::Borrowed;
use super::report::{pyreload_module_report, pyreload_report};
use crate::reloader::Listener;
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
            let function = subscriber.function();
            let (handle, user_data) = (self.reloader.handle(), subscriber.user_data());
            // SAFETY: the host's function, with what the header promises it: the GIL is held, the
            // event lives longer than the call, and the user data is not freed before it ends.
            let answer = entry::host(|| unsafe { function(handle, event, user_data) });
            agreed &= answer == 0;
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
