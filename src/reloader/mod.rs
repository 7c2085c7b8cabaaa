//! The conductor: one check, top to bottom; the trigger mode; who may enter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::report::{ModuleReport, Report};

/// Which modules are tracked before any rule. Values are those of `pyreload_scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    #[default]
    User = 0,
    Installed = 1,
    None = 2,
}

/// How files are watched. Values are those of `pyreload_watch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watch {
    #[default]
    Auto = 0,
    Poll = 1,
    Off = 2,
}

/// Settings of a reloader.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub trigger_mode: u32,
    pub scope: Scope,
    pub watch: Watch,
    pub poll_interval_ms: u32,
    pub debounce_ms: u32,
}

/// How a check is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    pub dry_run: bool,
    pub rescan: bool,
    pub force: bool,
}

/// Why a call did not do what it says. Each maps to one `pyreload_status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Argument(String),
    NotFound(String),
    Busy,
    Reentrant,
    Interpreter(String),
    Unsupported(String),
    Os(String),
    Cancelled,
    Internal(String),
}

/// Who hears of a check while it runs. Called with the GIL held and no lock of ours held.
pub trait Listener {
    /// The plan, before anything is done; `false` cancels.
    fn before(&mut self, py: Python<'_>, plan: &Report) -> bool;
    /// One module is done (or failed).
    fn module(&mut self, py: Python<'_>, module: &ModuleReport);
    /// All done.
    fn after(&mut self, py: Python<'_>, report: &Report);
}

/// How a module in `sys.modules` stands. Values are those of `pyreload_module_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    Current = 1,
    Stale = 2,
    Excluded = 3,
    NoSource = 4,
}

/// A row of the module list.
#[derive(Debug, Clone)]
pub struct ModuleRow {
    pub name: String,
    pub path: Option<String>,
    pub state: ModuleState,
    /// Neither standard library nor site-packages, and it has a source: the user's own.
    pub user: bool,
    pub reload_count: u64,
}

/// Figures for `pyreload_stats`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    pub tracked_modules: u64,
    pub watched_directories: u64,
    /// Directories whose files are looked at with stat, since events are not to be had.
    pub polled_directories: u64,
    pub tracked_source_bytes: u64,
    pub checks: u64,
    pub reloads: u64,
}

/// A reloader. All methods take `&self`; serialized ones (check, reload, namespaces) refuse a
/// second thread with `Busy` and a re-entrant call with `Reentrant`.
pub struct Reloader {
    mode: AtomicU32,
}

impl Reloader {
    /// Tracks what is imported; reloads nothing.
    pub fn new(_py: Python<'_>, options: Options) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            mode: AtomicU32::new(options.trigger_mode),
        }))
    }
    pub fn trigger_mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }
    pub fn set_trigger_mode(&self, mode: u32) {
        self.mode.store(mode, Ordering::Relaxed);
    }
    /// Whether a check would find nothing: no Python, no lock, no allocation; one system call.
    pub fn quiet(&self) -> bool {
        false
    }
    /// `None` when no file changed. `Err` only when the check did not run; module failures are in
    /// the report.
    pub fn check(
        &self,
        _py: Python<'_>,
        _flags: Flags,
        _l: &mut dyn Listener,
    ) -> Result<Option<Report>, Error> {
        Ok(None)
    }
    pub fn reload(
        &self,
        _py: Python<'_>,
        _module: &str,
        _flags: Flags,
        _l: &mut dyn Listener,
    ) -> Result<Option<Report>, Error> {
        Ok(None)
    }
    pub fn track_imports(&self, _py: Python<'_>) -> Result<(), Error> {
        Ok(())
    }
    pub fn pending(&self) -> usize {
        0
    }
    pub fn include(&self, _module: &str) -> Result<(), Error> {
        Ok(())
    }
    pub fn exclude(&self, _module: &str) -> Result<(), Error> {
        Ok(())
    }
    pub fn forget_rule(&self, _module: &str) -> Result<(), Error> {
        Ok(())
    }
    pub fn modules(&self, _py: Python<'_>) -> Result<Vec<ModuleRow>, Error> {
        Ok(Vec::new())
    }
    pub fn track_namespace(&self, _py: Python<'_>, _dict: &Bound<'_, PyDict>) -> Result<(), Error> {
        Ok(())
    }
    pub fn forget_namespace(
        &self,
        _py: Python<'_>,
        _dict: &Bound<'_, PyDict>,
    ) -> Result<(), Error> {
        Ok(())
    }
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
    /// A descriptor that becomes readable when a tracked file changed; -1 where there is none.
    pub fn notify_fd(&self) -> i32 {
        -1
    }
    /// Lets go of all Python objects. After it only `quiet` and dropping are of use.
    pub fn release(&self, _py: Python<'_>) {}
}
