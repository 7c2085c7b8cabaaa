//! The conductor: one check, top to bottom; the trigger mode; who may enter.

mod again;
pub mod gate;
mod gone;
mod arrivals;
mod check;
mod circle;
mod coming;
mod commands;
mod dependents;
mod deserted;
mod described;
mod dry_run;
mod elsewhere;
mod ended;
mod failure;
mod fed;
mod foreseen;
mod find;
mod homes;
mod hooks;
mod linecache;
mod loaded;
mod namespaces;
mod notice;
mod order;
mod outdated;
mod passing;
mod pulse;
mod rules;
mod stars;
mod unit;
mod whole;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::apply::Orphans;
use crate::modules::{Ledger, Places, survey};
use crate::report::{ModuleReport, Report};
use crate::watch::{Mode, Notifier, Probe, Watcher};
use gate::Gate;
use pulse::Pulse;
use rules::Rules;

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

/// How a changed module is brought up to date. Values are those of `pyreload_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// What the edit touches runs again, nothing else.
    #[default]
    Incremental = 0,
    /// The whole body runs again.
    Full = 1,
    /// It is left alone, and the report says so.
    Skip = 2,
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

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self::Internal(format!("an operation of the interpreter failed: {error}"))
    }
}

/// Who hears of a check while it runs. Called with the GIL held and no lock of ours held.
pub trait Listener {
    /// Whether `before` wants to be asked: working the plan out costs time.
    fn wants_plan(&self) -> bool {
        true
    }
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
    watch: Watch,
    poll_interval: Duration,
    debounce_ms: u32,
    notifier: Mutex<Option<Notifier>>,
    gate: Gate,
    rules: Rules,
    ledger: Arc<Ledger>,
    places: Places,
    watcher: Mutex<Watcher>,
    probe: Arc<Probe>,
    pulse: Pulse,
    /// When the last check began, for polling.
    checked: Mutex<Option<Instant>>,
    /// Modules that want another look at the next check, whatever the watcher says.
    backlog: Mutex<BTreeSet<String>>,
    /// Submodules that stay imported after a unit that failed, and that their packages do not know.
    loose: Mutex<Vec<String>>,
    /// Modules that units which failed had imported: when these are mended, they are new.
    brought: Mutex<BTreeSet<String>>,
    /// Files beside those of tracked modules that came or were saved since the start.
    strangers: Mutex<std::collections::HashSet<std::path::PathBuf>>,
    /// Files of the user whose modules cannot be reloaded: name and fingerprint. A change is said.
    binaries: Mutex<std::collections::BTreeMap<std::path::PathBuf, (String, u128)>>,
    /// Definitions that are gone from their modules, and may come back.
    departed: Mutex<Vec<crate::apply::Departed>>,
    /// Modules that nobody imports any more.
    deserted: Mutex<deserted::Deserted>,
    /// See `commands`.
    scripts: commands::Scripts,
    /// How much is kept of modules that may be gone.
    enough: Mutex<gone::Enough>,
    /// Python objects that are held: the namespaces, and `sys.modules` for the pulse.
    namespaces: Mutex<Vec<Py<PyDict>>>,
    /// Names that keep an object which is gone from where they have it.
    orphans: Mutex<Arc<Orphans>>,
    modules: Mutex<Option<Py<PyDict>>>,
    pending: AtomicUsize,
    checks: AtomicU64,
    reloads: AtomicU64,
}

/// The ledgers of this process, by interpreter epoch. Only the newest is of use.
static LEDGER: Mutex<Option<(u64, Arc<Ledger>)>> = Mutex::new(None);

fn ledger(epoch: u64) -> Arc<Ledger> {
    let mut slot = LEDGER.lock();
    match &*slot {
        Some((known, ledger)) if *known == epoch => Arc::clone(ledger),
        _ => {
            let fresh = Arc::new(Ledger::default());
            *slot = Some((epoch, Arc::clone(&fresh)));
            fresh
        }
    }
}

impl Reloader {
    /// Tracks what is imported; reloads nothing.
    pub fn new(py: Python<'_>, options: Options) -> Result<Arc<Self>, Error> {
        let mode = if options.watch == Watch::Auto {
            Mode::Events
        } else {
            Mode::Sweep
        };
        let watcher = Watcher::new(mode)
            .map_err(|error| Error::Os(format!("files cannot be watched: {error}")))?;
        let modules: Bound<'_, PyDict> = py
            .import("sys")?
            .getattr("modules")?
            .cast_into()
            .map_err(PyErr::from)?;
        let probe = watcher.probe();
        let epoch = crate::interp::epoch().unwrap_or(0);
        let reloader = Arc::new(Self {
            mode: AtomicU32::new(options.trigger_mode),
            watch: options.watch,
            poll_interval: Duration::from_millis(u64::from(options.poll_interval_ms.max(10))),
            debounce_ms: options.debounce_ms,
            notifier: Mutex::new(None),
            gate: Gate::default(),
            rules: Rules::new(options.scope),
            ledger: ledger(epoch),
            places: Places::of(py)?,
            watcher: Mutex::new(watcher),
            probe,
            pulse: Pulse::new(&modules),
            checked: Mutex::new(None),
            backlog: Mutex::default(),
            loose: Mutex::default(),
            brought: Mutex::default(),
            strangers: Mutex::default(),
            binaries: Mutex::default(),
            enough: Mutex::default(),
            namespaces: Mutex::default(),
            orphans: Mutex::default(),
            departed: Mutex::default(),
            deserted: Mutex::default(),
            scripts: Mutex::default(),
            modules: Mutex::new(Some(modules.unbind())),
            pending: AtomicUsize::new(0),
            checks: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
        });
        if let Some(main) = py
            .import("sys")?
            .getattr("modules")?
            .cast::<PyDict>()
            .map_err(PyErr::from)?
            .get_item("__main__")?
            && let Ok(dict) = main
                .getattr("__dict__")
                .and_then(|d| Ok(d.cast_into::<PyDict>()?))
        {
            reloader.namespaces.lock().push(dict.unbind());
        }
        reloader.discover(py)?;
        Ok(reloader)
    }

    /// The trigger mode.
    #[inline]
    pub fn trigger_mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }

    /// Replaces the trigger mode.
    pub fn set_trigger_mode(&self, mode: u32) {
        self.mode.store(mode, Ordering::Relaxed);
    }

    /// Whether a check would find nothing: no Python, no waiting for a lock, no allocation; one
    /// system call.
    #[inline]
    pub fn quiet(&self) -> bool {
        // Modules that want another look; when somebody is busy with the list there is work too.
        if !self.pulse.is_still() || self.backlog.try_lock().is_none_or(|b| !b.is_empty()) {
            return false;
        }
        if self.watch == Watch::Poll {
            // Somebody else's look at the clock is as good as ours.
            return self
                .checked
                .try_lock()
                .is_none_or(|checked| checked.is_some_and(|at| at.elapsed() < self.poll_interval));
        }
        !self.probe.has_news()
    }

    /// New modules are tracked from now on.
    pub fn track_imports(&self, py: Python<'_>) -> Result<(), Error> {
        self.discover(py).map(drop)
    }

    /// Adds a rule that tracks.
    pub fn include(&self, module: &str) -> Result<(), Error> {
        self.rules.set(module, true)?;
        self.look_again();
        Ok(())
    }

    /// Adds a rule that leaves alone.
    pub fn exclude(&self, module: &str) -> Result<(), Error> {
        self.rules.set(module, false)?;
        self.look_again();
        Ok(())
    }

    /// Takes a rule back.
    pub fn forget_rule(&self, module: &str) -> Result<(), Error> {
        self.rules.forget(module)?;
        self.look_again();
        Ok(())
    }

    /// How `module`, and nothing below it, is brought up to date from now on.
    pub fn set_policy(&self, module: &str, policy: Policy) -> Result<(), Error> {
        self.rules.set_policy(module, policy)
    }

    /// Keeps a namespace of the host up to date.
    pub fn track_namespace(&self, py: Python<'_>, dict: &Bound<'_, PyDict>) -> Result<(), Error> {
        let _inside = self.gate.try_enter()?;
        let mut namespaces = self.namespaces.lock();
        if !namespaces.iter().any(|n| n.bind(py).is(dict)) {
            namespaces.push(dict.clone().unbind());
        }
        Ok(())
    }

    /// Lets go of a namespace.
    pub fn forget_namespace(&self, py: Python<'_>, dict: &Bound<'_, PyDict>) -> Result<(), Error> {
        let _inside = self.gate.try_enter()?;
        let mut namespaces = self.namespaces.lock();
        let Some(at) = namespaces.iter().position(|n| n.bind(py).is(dict)) else {
            return Err(Error::NotFound("this namespace is not tracked".to_owned()));
        };
        let gone = namespaces.remove(at);
        // Letting go of it may run Python code: not under the lock.
        drop(namespaces);
        drop(gone);
        if let Some(known) = Arc::get_mut(&mut self.orphans.lock()) {
            known.forget(dict);
        }
        Ok(())
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        let counts = self.watcher.lock().counts();
        let records = self.ledger.all();
        Stats {
            tracked_modules: records.len() as u64,
            watched_directories: counts.watched_directories as u64,
            polled_directories: counts.polled_directories as u64,
            tracked_source_bytes: records.iter().map(|r| r.version().size() as u64).sum(),
            checks: self.checks.load(Ordering::Relaxed),
            reloads: self.reloads.load(Ordering::Relaxed),
        }
    }

    /// A descriptor that becomes readable when a tracked file changed; -1 where there is none.
    pub fn notify_fd(&self) -> i32 {
        self.probe.notify_fd().unwrap_or(-1)
    }

    /// Lets go of all Python objects. After it only `quiet` and dropping are of use; a second
    /// call does nothing.
    pub fn release(&self, _py: Python<'_>) {
        self.pulse.stop();
        let namespaces = std::mem::take(&mut *self.namespaces.lock());
        let modules = self.modules.lock().take();
        let departed = std::mem::take(&mut *self.departed.lock());
        let deserted = std::mem::take(&mut *self.deserted.lock());
        drop((namespaces, modules, departed, deserted));
    }

    /// The interpreter is gone: forgets all Python objects, so that dropping does not decref them.
    pub fn abandon(&self) {
        self.pulse.stop();
        for namespace in std::mem::take(&mut *self.namespaces.lock()) {
            std::mem::forget(namespace);
        }
        if let Some(modules) = self.modules.lock().take() {
            std::mem::forget(modules);
        }
        for departed in std::mem::take(&mut *self.departed.lock()) {
            std::mem::forget(departed.object);
        }
        std::mem::take(&mut *self.deserted.lock()).abandon();
    }

    /// All modules in `sys.modules` as they stand now.
    pub fn modules(&self, py: Python<'_>) -> Result<Vec<ModuleRow>, Error> {
        let modules: Bound<'_, PyDict> = py
            .import("sys")?
            .getattr("modules")?
            .cast_into()
            .map_err(PyErr::from)?;
        let mut rows = Vec::new();
        for seen in survey(&modules, &|_, _| false)? {
            let record = self.ledger.get(&seen.name);
            let tracked = seen
                .path
                .as_ref()
                .is_some_and(|p| self.rules.tracks(&self.places, &seen.name, p));
            let state = match (&seen.path, &record) {
                (None, _) => ModuleState::NoSource,
                (Some(_), _) if !tracked || seen.name == "__main__" => ModuleState::Excluded,
                (Some(path), Some(record)) if self.is_stale(record, path) => ModuleState::Stale,
                (Some(_), _) => ModuleState::Current,
            };
            let user = seen
                .path
                .as_ref()
                .is_some_and(|p| !self.places.is_stdlib(p) && !self.places.is_installed(p));
            rows.push(ModuleRow {
                name: seen.name,
                path: seen.path.map(|p| p.to_string_lossy().into_owned()),
                state,
                user,
                reload_count: record.map_or(0, |r| r.reloads.load(Ordering::Relaxed)),
            });
        }
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }
}

// SAFETY is not needed here: every part is Send and Sync by itself. The assertion keeps it so.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Reloader>();
};
