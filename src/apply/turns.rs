//! How long a thread has the GIL before another one may ask for it, while functions and classes are brought up
//! to date: a thread that gets its turn in between sees new code without what it asks for.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::kit::Kit;

/// In seconds. For so long a thread waits before it may ask; nearly all edits are applied in less.
const TURN: f64 = 0.05;

/// After so long in one check other threads get their turns as ever: those that compute would keep it
/// waiting each time.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whether turns are long.
#[derive(Default)]
pub struct Turns {
    /// They have become so in this check.
    begun: Cell<bool>,
    /// How long they were before, and since when they are.
    long: Cell<Option<(f64, Instant)>>,
}

/// Turns that have become long end with it.
pub struct LongTurns<'k, 'py>(&'k Kit<'py>);

impl<'py> Kit<'py> {
    /// What ends long turns, when all is done for which they were begun.
    pub fn turns(&self) -> LongTurns<'_, 'py> {
        LongTurns(self)
    }

    /// Begins long turns, once in a check: a function or a class is about to be brought up to date.
    pub(super) fn begin_turns(&self) {
        if self.turns.begun.replace(true) {
            return;
        }
        if let Ok(Some(before)) = self.lengthen() {
            self.turns.long.set(Some((before, Instant::now())));
            // Threads that wait for the GIL ask anew, and wait as long as they are to now.
            self.py.detach(std::thread::yield_now);
        }
    }

    fn lengthen(&self) -> PyResult<Option<f64>> {
        let before = self.turn()?;
        if before >= TURN {
            return Ok(None);
        }
        self.set_turn(TURN)?;
        Ok(Some(before))
    }

    /// Whether other threads had to wait for so long that they get their turns.
    pub fn tire(&self) {
        if let Some((_, since)) = self.turns.long.get()
            && since.elapsed() > PATIENCE
        {
            self.end_turns();
        }
    }

    fn end_turns(&self) {
        let Some((before, _)) = self.turns.long.take() else {
            return;
        };
        // A module may have asked for something else.
        let ours = self.turn().is_ok_and(|now| (now - TURN).abs() < 1e-5);
        if ours && let Err(error) = self.set_turn(before) {
            log::debug!("threads keep their long turns: {error}");
        }
    }

    /// Lets other threads run meanwhile, but where turns are long.
    pub fn detach<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.turns.long.get() {
            Some(_) => work(),
            None => self.py.detach(work),
        }
    }

    fn turn(&self) -> PyResult<f64> {
        let get = self.sys.getattr(self.name("getswitchinterval"))?;
        get.call0()?.extract()
    }

    fn set_turn(&self, seconds: f64) -> PyResult<()> {
        let set = self.sys.getattr(self.name("setswitchinterval"))?;
        set.call1((seconds,)).map(drop)
    }
}

impl Drop for LongTurns<'_, '_> {
    fn drop(&mut self) {
        self.0.end_turns();
    }
}
