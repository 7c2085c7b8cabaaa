//! Have modules been imported since the last look? Asked before every event of the host, so
//! without the GIL: the number of entries of `sys.modules` is read where CPython keeps it.

use std::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Watches the size of `sys.modules`.
#[derive(Debug)]
pub struct Pulse {
    /// The place of `ma_used` in the dict; null when it was not found or may not be read.
    used: AtomicPtr<isize>,
    seen: AtomicIsize,
}

impl Pulse {
    /// Finds the place. `keep` holds the dict for as long as the pulse is asked.
    pub fn new(modules: &Bound<'_, PyDict>) -> Self {
        let pulse = Self {
            used: AtomicPtr::new(std::ptr::null_mut()),
            seen: AtomicIsize::new(-1),
        };
        if trusted(modules.py()) {
            pulse.used.store(place(modules), Ordering::Release);
        }
        pulse
    }

    /// All modules that are there now have been looked at.
    pub fn mark(&self, modules: &Bound<'_, PyDict>) {
        self.seen.store(
            isize::try_from(modules.len()).unwrap_or(-1),
            Ordering::Relaxed,
        );
    }

    /// All modules are to be looked at again.
    pub fn forget(&self) {
        self.seen.store(-1, Ordering::Relaxed);
    }

    /// Whether nothing was imported since. False when that cannot be told.
    #[inline]
    pub fn is_still(&self) -> bool {
        let used = self.used.load(Ordering::Acquire);
        if used.is_null() {
            return false;
        }
        // SAFETY: the reloader keeps a reference to the dict and calls `stop` before it lets go
        // of it, so the memory is there. Another thread may write the word at the same time: an
        // aligned word is read whole, and an old value only delays the look to the next call.
        let now = unsafe { std::ptr::read_volatile(used) };
        now == self.seen.load(Ordering::Relaxed)
    }

    /// The dict may go away: never read it again.
    pub fn stop(&self) {
        self.used.store(std::ptr::null_mut(), Ordering::Release);
    }
}

/// `ma_used` follows the object header in every CPython 3 (Include/cpython/dictobject.h).
fn place(dict: &Bound<'_, PyDict>) -> *mut isize {
    let header = std::mem::size_of::<pyo3::ffi::PyObject>();
    dict.as_ptr().wrapping_byte_add(header).cast()
}

/// Proves by trial that the place is right on this CPython.
fn trusted(py: Python<'_>) -> bool {
    let probe = PyDict::new(py);
    for size in 0..70_isize {
        // SAFETY: a dict object is larger than its header and one word in every CPython.
        if unsafe { std::ptr::read_volatile(place(&probe)) } != size {
            return false;
        }
        if probe.set_item(size, size).is_err() {
            return false;
        }
    }
    true
}
