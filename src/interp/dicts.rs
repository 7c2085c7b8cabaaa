//! Was a dict changed? Asked without the GIL, so of a number that stands somewhere in memory.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::probe::lookup;
use super::{Epoch, epoch};

/// A number that is another one after a dict was changed.
#[derive(Debug)]
pub struct DictClock {
    /// Null when it was not found or may not be read any more.
    place: AtomicPtr<u64>,
    exact: bool,
}

impl DictClock {
    /// Finds the number for `dict`, which has to be kept until `stop`.
    pub fn of(dict: &Bound<'_, PyDict>) -> Self {
        let py = dict.py();
        let (place, exact) = if trusted(py, tag) {
            (tag(dict), true)
        } else if let Some(counter) = count_changes(dict) {
            (counter.as_ptr(), true)
        } else if size_of::<usize>() == size_of::<u64>() && trusted(py, used) {
            (used(dict), false)
        } else {
            (std::ptr::null_mut(), false)
        };
        Self {
            place: AtomicPtr::new(place),
            exact,
        }
    }

    /// The number now; `None` when there is none.
    #[inline]
    pub fn now(&self) -> Option<u64> {
        let place = self.place.load(Ordering::Acquire);
        if place.is_null() {
            return None;
        }
        // SAFETY: the word is a counter that lives as long as the process, or one of the dict's,
        // whose owner calls `stop` before it lets go of it. Another thread may write it at the
        // same time: an aligned word is read whole, and an old value only delays what follows
        // from it to the next call.
        Some(unsafe { place.read_volatile() })
    }

    /// Whether no change leaves the number as it was. Else it is the number of the entries, which
    /// one that goes and one that comes leave alone.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The dict may go away: its memory is never read again.
    pub fn stop(&self) {
        self.place.store(std::ptr::null_mut(), Ordering::Release);
    }
}

/// `ma_used` follows the object header in every CPython 3 (Include/cpython/dictobject.h).
fn used(dict: &Bound<'_, PyDict>) -> *mut u64 {
    let header = size_of::<ffi::PyObject>();
    dict.as_ptr().wrapping_byte_add(header).cast()
}

/// Up to 3.13 `ma_version_tag` comes next: PEP 509.
fn tag(dict: &Bound<'_, PyDict>) -> *mut u64 {
    used(dict).wrapping_byte_add(size_of::<isize>())
}

/// Proves by trial that a word of a dict changes with its entries on this CPython, and only then.
fn trusted(py: Python<'_>, place: fn(&Bound<'_, PyDict>) -> *mut u64) -> bool {
    let dict = PyDict::new(py);
    let word = place(&dict);
    if !word.is_aligned() {
        return false;
    }
    // SAFETY: a dict object is larger than its header and two words in every CPython.
    let now = || unsafe { word.read_volatile() };
    let steps = if std::ptr::fn_addr_eq(place, used as fn(&Bound<'_, PyDict>) -> *mut u64) {
        grows(&dict, &now)
    } else {
        ticks(&dict, &now)
    };
    steps.unwrap_or(false)
}

fn grows(dict: &Bound<'_, PyDict>, now: &dyn Fn() -> u64) -> PyResult<bool> {
    for size in 0..70_u64 {
        if now() != size {
            return Ok(false);
        }
        dict.set_item(size, size)?;
    }
    Ok(true)
}

fn ticks(dict: &Bound<'_, PyDict>, now: &dyn Fn() -> u64) -> PyResult<bool> {
    let mut seen = vec![now()];
    for round in 0..70_u64 {
        // One comes, one is another, one goes and comes again: the size is the same.
        dict.set_item(round, round)?;
        seen.push(now());
        dict.set_item(round, dict)?;
        seen.push(now());
        dict.del_item(round)?;
        seen.push(now());
        dict.set_item(round, round)?;
        seen.push(now());
        dict.get_item(round)?;
        if seen.last() != Some(&now()) {
            return Ok(false);
        }
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    Ok(seen.len() == all)
}

/// How often any dict that is watched was about to be changed.
static CHANGES: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn changes(
    _event: c_int,
    _dict: *mut ffi::PyObject,
    _key: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
) -> c_int {
    CHANGES.fetch_add(1, Ordering::Release);
    0
}

type Callback = unsafe extern "C" fn(
    c_int,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> c_int;

/// From 3.12 on CPython calls a function before it changes a dict that is watched, and has eight
/// such functions in each interpreter. One of them is ours, for all reloaders.
fn count_changes(dict: &Bound<'_, PyDict>) -> Option<&'static AtomicU64> {
    static WATCHER: Mutex<Option<(Epoch, c_int)>> = Mutex::new(None);
    // SAFETY: the signatures are those of Include/cpython/dictobject.h since 3.12.
    let (add, watch) = unsafe {
        (
            lookup::<unsafe extern "C" fn(Callback) -> c_int>(c"PyDict_AddWatcher")?,
            lookup::<unsafe extern "C" fn(c_int, *mut c_void) -> c_int>(c"PyDict_Watch")?,
        )
    };
    let epoch = epoch().unwrap_or(0);
    let mut known = WATCHER.lock();
    let id = match *known {
        Some((of, id)) if of == epoch => id,
        _ => {
            // SAFETY: the GIL is held, and the function lives as long as the process: the
            // library is linked with `-z nodelete`.
            let id = unsafe { add(changes) };
            if id < 0 {
                drop(PyErr::take(dict.py()));
                return None;
            }
            *known = Some((epoch, id));
            id
        }
    };
    // SAFETY: the GIL is held, and it is a dict.
    if unsafe { watch(id, dict.as_ptr().cast()) } != 0 {
        drop(PyErr::take(dict.py()));
        return None;
    }
    Some(&CHANGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notices(py: Python<'_>, found: impl Fn(&Bound<'_, PyDict>) -> Option<DictClock>) -> bool {
        let dict = PyDict::new(py);
        for n in 0..20 {
            dict.set_item(n, n).expect("it fits");
        }
        let Some(clock) = found(&dict) else {
            return false;
        };
        let before = clock.now();
        assert!(before.is_some());
        assert!(dict.get_item(3).is_ok() && clock.now() == before);
        dict.del_item(3).expect("it is there");
        dict.set_item(30, 30).expect("it fits");
        clock.now() != before
    }

    #[test]
    fn one_that_goes_and_one_that_comes_are_noticed() {
        Python::initialize();
        Python::attach(|py| {
            assert!(notices(py, |dict| Some(DictClock::of(dict))));
            let watched = |dict: &Bound<'_, PyDict>| {
                let counter = count_changes(dict)?;
                Some(DictClock {
                    place: AtomicPtr::new(counter.as_ptr()),
                    exact: true,
                })
            };
            assert_eq!(notices(py, watched), py.version_info() >= (3, 12));
            let dict = PyDict::new(py);
            let clock = DictClock::of(&dict);
            assert!(clock.is_exact());
            clock.stop();
            assert_eq!(clock.now(), None);
        });
    }

    #[test]
    fn the_number_of_entries_is_found() {
        Python::initialize();
        Python::attach(|py| assert!(trusted(py, used)));
    }
}
