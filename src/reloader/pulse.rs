//! Have modules been imported since the last look? Asked before every event of the host, so
//! without the GIL.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::interp::DictClock;

/// Watches `sys.modules`.
#[derive(Debug)]
pub struct Pulse {
    clock: DictClock,
    /// What the clock said at the last look; `UNSEEN` when another one is wanted.
    seen: AtomicU64,
}

/// No clock says this.
const UNSEEN: u64 = u64::MAX;

/// A moment at which all modules are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

impl Pulse {
    /// `modules` has to be kept for as long as the pulse is asked.
    pub fn new(modules: &Bound<'_, PyDict>) -> Self {
        Self {
            clock: DictClock::of(modules),
            seen: AtomicU64::new(UNSEEN),
        }
    }

    /// Now: to be taken before the modules are looked at, so that one that another thread imports
    /// meanwhile is looked at the next time.
    pub fn moment(&self) -> Moment {
        Moment(self.clock.now().unwrap_or(UNSEEN))
    }

    /// All modules that were there at that moment have been looked at.
    pub fn mark(&self, at: Moment) {
        self.seen.store(at.0, Ordering::Relaxed);
    }

    /// All modules are to be looked at again.
    pub fn forget(&self) {
        self.seen.store(UNSEEN, Ordering::Relaxed);
    }

    /// Whether nothing was imported since. False when that cannot be told.
    #[inline]
    pub fn is_still(&self) -> bool {
        let now = self.clock.now();
        now.is_some_and(|now| now == self.seen.load(Ordering::Relaxed))
    }

    /// Whether `is_still` cannot be deceived by a module that goes while another one comes.
    pub fn is_exact(&self) -> bool {
        self.clock.is_exact()
    }

    /// The dict may go away: never read it again.
    pub fn stop(&self) {
        self.clock.stop();
    }
}
