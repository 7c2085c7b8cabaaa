//! Who may enter: one thread at a time, and no thread twice.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;
use crate::interp;

/// Lets one call in and turns others away at once: waiting while holding the GIL is how
/// embedders deadlock.
#[derive(Debug, Default)]
pub struct Gate {
    /// The thread that is inside, as a token of [`me`]; 0 when nobody is.
    inside: AtomicU64,
}

/// The stay of one call inside a [`Gate`]. It leaves when dropped.
#[derive(Debug)]
pub struct Guard<'a> {
    gate: &'a Gate,
}

impl Gate {
    /// `Busy` when another thread is inside, `Reentrant` when this one is.
    pub fn try_enter(&self) -> Result<Guard<'_>, Error> {
        let token = interp::fork_generation() << THREAD_BITS | me();
        let enter = |from| {
            self.inside
                .compare_exchange(from, token, Ordering::Acquire, Ordering::Relaxed)
        };
        match enter(0) {
            Ok(_) => Ok(Guard { gate: self }),
            Err(other) if thread_of(other) == me() => Err(Error::Reentrant),
            // A child process has only the thread that forked. Whoever else was inside stayed
            // in the parent, and would keep the gate shut for good.
            Err(other)
                if other >> THREAD_BITS != interp::fork_generation() && enter(other).is_ok() =>
            {
                Ok(Guard { gate: self })
            }
            Err(_) => Err(Error::Busy),
        }
    }

    /// Whether this very thread is inside.
    pub fn is_mine(&self) -> bool {
        thread_of(self.inside.load(Ordering::Relaxed)) == me()
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.gate.inside.store(0, Ordering::Release);
    }
}

/// Bits of a token that number the thread; those above them count the forks.
const THREAD_BITS: u32 = 48;

/// A number for this thread, never 0 and never used again.
fn me() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static ME: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    ME.with(|me| *me)
}

fn thread_of(token: u64) -> u64 {
    token & ((1 << THREAD_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_call_of_a_thread_is_reentrant_and_of_another_busy() {
        let gate = Gate::default();
        let guard = gate.try_enter().expect("free");
        assert!(gate.is_mine());
        assert_eq!(gate.try_enter().err(), Some(Error::Reentrant));
        std::thread::scope(|s| {
            s.spawn(|| {
                assert!(!gate.is_mine());
                assert_eq!(gate.try_enter().err(), Some(Error::Busy));
            });
        });
        drop(guard);
        assert!(gate.try_enter().is_ok());
    }
}
