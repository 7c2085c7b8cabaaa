//! Code of statements that may run once more: what an edit does not touch is compiled once, and not
//! at each edit that makes it run again.

use parking_lot::Mutex;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::{Epoch, epoch};

/// Longer texts are data, and seldom run twice.
const LONGEST: usize = 8_192;
/// So many bytes of text, and no more, have their code kept: a few hundred statements.
const MOST: usize = 32_768;
/// What a code object is beside what its text says.
const EACH: usize = 128;

/// The code objects of one interpreter, by the hash of all that they were made of.
struct Compiled {
    epoch: Epoch,
    made: FxHashMap<u128, Py<PyAny>>,
    size: usize,
}

static COMPILED: Mutex<Option<Compiled>> = Mutex::new(None);

/// The code that was kept under this key.
pub fn compiled<'py>(py: Python<'py>, key: u128) -> Option<Bound<'py, PyAny>> {
    let epoch = epoch()?;
    let kept = COMPILED.lock();
    let kept = kept.as_ref().filter(|kept| kept.epoch == epoch)?;
    Some(kept.made.get(&key)?.bind(py).clone())
}

/// Keeps the code of a text of this size.
pub fn keep_compiled(key: u128, size: usize, code: &Bound<'_, PyAny>) {
    let Some(epoch) = epoch().filter(|_| size <= LONGEST) else {
        return;
    };
    let size = size + EACH;
    let mut slot = COMPILED.lock();
    let (kept, full) = match slot.take() {
        Some(kept) if kept.epoch == epoch && kept.size + size <= MOST => (Some(kept), None),
        other => (None, other),
    };
    let kept = slot.insert(kept.unwrap_or_else(|| Compiled {
        epoch,
        made: FxHashMap::default(),
        size: 0,
    }));
    kept.size += size;
    kept.made.insert(key, code.clone().unbind());
    // Somebody may hear of it when an object goes.
    drop(slot);
    match full {
        Some(full) if full.epoch == epoch => drop(full),
        // Those of an interpreter that is gone are not to be touched.
        full => std::mem::forget(full),
    }
}

/// Lets go of them: the interpreter is about to end.
pub(super) fn forget(_: Python<'_>) {
    let kept = COMPILED.lock().take();
    drop(kept);
}
