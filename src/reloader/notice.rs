//! What is known between two checks: how much waits, and who is to be woken for it.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::gate::Guard;
use super::{Error, Reloader, Watch};
use crate::watch::{Mode, Notifier, Timing};

/// Hears of files that changed, on the notifier's thread.
pub type Tell = Box<dyn FnMut(&[PathBuf]) + Send>;

impl Reloader {
    /// Keeps everybody else out, for work of the caller's that must not meet a check.
    pub fn enter(&self) -> Result<Guard<'_>, Error> {
        self.gate.try_enter()
    }

    /// Whether this thread is inside a call that keeps others out.
    pub fn is_inside(&self) -> bool {
        self.gate.is_mine()
    }

    /// How many source files are known to have changed since the last check. When there is news,
    /// the files are looked at, but the news is left for the check: whoever waits for it on the
    /// descriptor is not to miss it.
    pub fn pending(&self) -> usize {
        if self.watch == Watch::Off {
            return 0;
        }
        if !self.probe.has_news() {
            return self.pending.load(Ordering::Relaxed);
        }
        let stale = |record: &crate::modules::Record| {
            let path = record.path.read().clone();
            self.watcher.lock().watches(&path)
                && self.rules.track(&self.places, record)
                && self.is_stale(record, &path)
        };
        self.ledger
            .all()
            .iter()
            .filter(|record| stale(record))
            .count()
    }

    /// Has `tell` called with the files that changed, some time after they did, on a thread that
    /// is started for it; an empty list means that it could be any. Once is enough: later calls
    /// do nothing, and so does the first one where nothing is to be watched.
    pub fn tell_changes(&self, tell: Tell) -> Result<(), Error> {
        let mut slot = self.notifier.lock();
        if slot.is_some() || self.watch == Watch::Off {
            return Ok(());
        }
        let mode = if self.watch == Watch::Auto {
            Mode::Events
        } else {
            Mode::Sweep
        };
        let debounce = Duration::from_millis(u64::from(self.debounce_ms));
        let timing = Timing {
            debounce,
            poll_interval: self.poll_interval,
        };
        let notifier = Notifier::start(mode, timing, tell)
            .map_err(|error| Error::Os(format!("files cannot be watched: {error}")))?;
        // Files that are added meanwhile wait for the lock of the slot.
        for path in self.watcher.lock().files() {
            notifier.watch_file(&path);
        }
        *slot = Some(notifier);
        Ok(())
    }

    /// Ends the thread of `tell_changes`. After it `tell` does not run, unless this is called
    /// from within it.
    pub fn stop_telling(&self) {
        let notifier = self.notifier.lock().take();
        drop(notifier);
    }
}
