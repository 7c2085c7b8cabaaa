//! Names as Python strings: made once for an interpreter, for making one and looking it up among
//! those that are interned costs several times what it is then used for.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;

use super::{Epoch, epoch};

/// The strings of one interpreter, by the address and the length of the text.
struct Words {
    epoch: Epoch,
    made: FxHashMap<(usize, usize), Py<PyString>>,
}

static WORDS: Mutex<Option<Words>> = Mutex::new(None);

/// A name as an interned string.
pub fn word<'py>(py: Python<'py>, name: &'static str) -> Bound<'py, PyString> {
    let Some(epoch) = epoch() else {
        return PyString::intern(py, name);
    };
    let key = (name.as_ptr() as usize, name.len());
    {
        let words = WORDS.lock();
        if let Some(words) = &*words
            && words.epoch == epoch
            && let Some(made) = words.made.get(&key)
        {
            return made.bind(py).clone();
        }
    }
    let made = PyString::intern(py, name);
    let mut words = WORDS.lock();
    let of_epoch = match words.take() {
        Some(words) if words.epoch == epoch => words,
        old => {
            // Those of an interpreter that is gone are not to be touched.
            std::mem::forget(old);
            Words {
                epoch,
                made: FxHashMap::default(),
            }
        }
    };
    let of_epoch = words.insert(of_epoch);
    of_epoch.made.insert(key, made.clone().unbind());
    made
}

/// Lets go of them: the interpreter is about to end.
pub(super) fn forget(_: Python<'_>) {
    let words = WORDS.lock().take();
    drop(words);
}
