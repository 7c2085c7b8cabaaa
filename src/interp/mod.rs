//! The way into Python: is there one, is it ours, and is it still the same.
//!
//! Each entry attaches in two steps. A raw `PyGILState_Ensure` comes first, since PyO3 only
//! counts how often a thread attached and would believe a count that is out of date: host code
//! below us may have let go of the GIL in the meantime. `Python::try_attach` inside it then
//! finds the GIL held, whatever the count says.
//!
//! An interpreter has an *epoch*: the first is 1, and each `Py_Initialize` that follows a
//! `Py_FinalizeEx` starts the next one. Whoever holds Python objects notes the epoch they came
//! from, and [`enter`] refuses when it is over.

mod audit;
mod compiled;
mod dicts;
mod probe;
mod symbols;
mod words;

pub use audit::audit;
pub use compiled::{compiled, keep_compiled};
pub use dicts::DictClock;
pub use probe::utf8;

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple, PyType};

pub use symbols::symbol;
pub use words::word;

/// Makes the interpreter forget what it found in a class whose dict was written.
pub fn forget_lookups(class: &Bound<'_, PyType>) {
    // SAFETY: a class, and the GIL is held.
    unsafe { ffi::PyType_Modified(class.as_ptr().cast()) }
}

/// Counts the interpreters that this process had, from 1.
pub type Epoch = u64;

/// Why there is no way into Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `Py_Initialize` was not called, or `Py_FinalizeEx` was.
    NotInitialized,
    /// `Py_FinalizeEx` is at work.
    Finalizing,
    /// The epoch that was asked for is over.
    Ended,
    /// This thread is attached to a sub-interpreter.
    SubInterpreter,
    /// Python forbids it here: a garbage collection is visiting objects.
    Forbidden,
    /// The running Python is one that this library does not serve; why.
    Unsupported(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInitialized => "Python is not initialized; call Py_Initialize() first",
            Self::Finalizing => "Python is finalizing",
            Self::Ended => {
                "the interpreter this reloader was created in has been finalized; destroy the \
                 reloader and create a new one"
            }
            Self::SubInterpreter => {
                "this thread is attached to a sub-interpreter; only the main interpreter is served"
            }
            Self::Forbidden => "Python is collecting garbage on this thread",
            Self::Unsupported(why) => why,
        })
    }
}

/// The epoch times four, plus one of the phases below.
static STATE: AtomicU64 = AtomicU64::new(0);
/// No interpreter of ours: before the first [`open`], and once `Py_FinalizeEx` is done.
const DEAD: u64 = 0;
const OPEN: u64 = 1;
/// `Py_FinalizeEx` has begun: nobody gets in any more.
const CLOSING: u64 = 2;

/// Calls that are inside Python now, on all threads.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
/// How long `Py_FinalizeEx` waits for them. CPython ends a thread that still runs by force,
/// and up to 3.13 that takes the whole process down when frames of ours are on its stack.
const PATIENCE: Duration = Duration::from_secs(5);

thread_local! {
    /// The share that this thread has in `IN_FLIGHT`.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Told that an epoch ends, while Python still works. `quiet` is false when calls are still
/// inside, so that what they use must not be taken from them.
pub type AtClose = fn(py: Python<'_>, epoch: Epoch, quiet: bool);

/// `sys.modules` as the interpreter itself has it.
pub fn module_table(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // SAFETY: the GIL is held; the table is borrowed for as long as the interpreter lives, and
    // this takes a reference of its own.
    let table = unsafe { Bound::from_borrowed_ptr_or_err(py, ffi::PyImport_GetModuleDict())? };
    Ok(table.cast_into()?)
}

/// A module of the standard library. Taken from `sys.modules` where it is there, which costs a
/// tenth of an import statement.
pub fn library<'py>(py: Python<'py>, name: &'static str) -> PyResult<Bound<'py, PyAny>> {
    match module_table(py)?.get_item(word(py, name))? {
        Some(module) => Ok(module),
        None => py.import(name).map(Bound::into_any),
    }
}

/// The epoch that is open, if one is.
pub fn epoch() -> Option<Epoch> {
    let state = STATE.load(Ordering::SeqCst);
    (state & 3 == OPEN).then_some(state >> 2)
}

/// How many forks lie between this process and the one that loaded the library.
pub fn fork_generation() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

static FORKS: AtomicU64 = AtomicU64::new(0);

/// In a child process only the thread that forked is left.
#[cfg(unix)]
extern "C" fn in_forked_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    IN_FLIGHT.store(DEPTH.try_with(Cell::get).unwrap_or(0), Ordering::SeqCst);
}

/// Goes into the interpreter of `epoch`.
pub fn enter<R>(epoch: Epoch, f: impl FnOnce(Python<'_>) -> R) -> Result<R, Refusal> {
    beside(epoch, || attach(f))?
}

/// Runs `f` while the interpreter of `epoch` is there and will not go away, without attaching.
pub fn beside<R>(epoch: Epoch, f: impl FnOnce() -> R) -> Result<R, Refusal> {
    let _flight = Flight::begin();
    let state = STATE.load(Ordering::SeqCst);
    if state >> 2 != epoch || state & 3 == DEAD {
        return Err(Refusal::Ended);
    }
    if state & 3 == CLOSING {
        return Err(Refusal::Finalizing);
    }
    Ok(f())
}

/// Goes into the interpreter that is there now, whichever it is, and begins its epoch if this is
/// the first time. `at_close` is called when the epoch ends; it is the same function each time.
pub fn open<R>(at_close: AtClose, f: impl FnOnce(Python<'_>, Epoch) -> R) -> Result<R, Refusal> {
    let _flight = Flight::begin();
    if STATE.load(Ordering::SeqCst) & 3 == CLOSING {
        return Err(Refusal::Finalizing);
    }
    probe::serves()?;
    attach(|py| begin(py, at_close).map(|epoch| f(py, epoch)))?
}

/// Starts an epoch unless one is open, and arranges for its end.
fn begin(py: Python<'_>, at_close: AtClose) -> Result<Epoch, Refusal> {
    if let Some(epoch) = epoch() {
        return Ok(epoch);
    }
    static FORK_HOOK: OnceLock<()> = OnceLock::new();
    FORK_HOOK.get_or_init(probe::at_fork);
    let epoch = (STATE.load(Ordering::SeqCst) >> 2) + 1;
    let unready = |why: &dyn fmt::Display| {
        Refusal::Unsupported(format!("Python takes no exit function: {why}"))
    };
    probe::at_exit().map_err(|why| unready(&why))?;
    let closer = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        close(args.py(), epoch, at_close);
    };
    PyCFunction::new_closure(py, Some(c"pyreload_close"), None, closer)
        .and_then(|closer| py.import("atexit")?.call_method1("register", (closer,)))
        .map_err(|err| unready(&err))?;
    STATE.store(epoch << 2 | OPEN, Ordering::SeqCst);
    Ok(epoch)
}

/// Python's `atexit`: shuts the gate, then waits for those who are inside.
fn close(py: Python<'_>, epoch: Epoch, at_close: AtClose) {
    let open = epoch << 2 | OPEN;
    let closing = epoch << 2 | CLOSING;
    if STATE
        .compare_exchange(open, closing, Ordering::SeqCst, Ordering::SeqCst)
        .is_err()
    {
        return;
    }
    // Py_FinalizeEx may have been called from inside a call of ours; that one cannot be waited for.
    let own = DEPTH.with(Cell::get);
    let quiet = py.detach(|| {
        let until = Instant::now() + PATIENCE;
        loop {
            if IN_FLIGHT.load(Ordering::SeqCst) <= own {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    if !quiet {
        log::warn!("Python is finalized while calls are still running in other threads");
    }
    at_close(py, epoch, quiet && own == 0);
    words::forget(py);
    compiled::forget(py);
}

/// The last thing in `Py_FinalizeEx`, when no Python is left.
extern "C" fn finalized() {
    let state = STATE.load(Ordering::SeqCst);
    STATE.store(state & !3, Ordering::SeqCst);
}

/// A call that counts in `IN_FLIGHT`.
struct Flight;

impl Flight {
    fn begin() -> Self {
        // Before the state is read: `close` changes the state and then looks at the count, so
        // one of the two sees the other.
        IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
        IN_FLIGHT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Attaches, runs `f` with no exception set, and leaves all as it was.
fn attach<R>(f: impl FnOnce(Python<'_>) -> R) -> Result<R, Refusal> {
    probe::attachable()?;
    let _gil = Gil::ensure();
    probe::is_main()?;
    let _pending = Pending::take();
    Python::try_attach(f).ok_or(Refusal::Forbidden)
}

/// The GIL, and the state it was in.
struct Gil(ffi::PyGILState_STATE);

impl Gil {
    fn ensure() -> Self {
        // SAFETY: Python is initialized, is not finalizing, and no sub-interpreter is current on
        // this thread: `probe::attachable` said so.
        Self(unsafe { ffi::PyGILState_Ensure() })
    }
}

impl Drop for Gil {
    fn drop(&mut self) {
        // SAFETY: it pairs with the Ensure above, on the same thread.
        unsafe { ffi::PyGILState_Release(self.0) }
    }
}

/// The exception that was set when the host called.
struct Pending([*mut ffi::PyObject; 3]);

impl Pending {
    #[allow(deprecated, reason = "its successor is not in the stable ABI of 3.9")]
    fn take() -> Self {
        let mut parts = [std::ptr::null_mut(); 3];
        let [kind, value, traceback] = &mut parts;
        // SAFETY: the GIL is held, and the three places are ours.
        unsafe { ffi::PyErr_Fetch(kind, value, traceback) };
        Self(parts)
    }
}

impl Drop for Pending {
    #[allow(deprecated, reason = "its successor is not in the stable ABI of 3.9")]
    fn drop(&mut self) {
        let [kind, value, traceback] = self.0;
        // SAFETY: the GIL is held, and the three references came from PyErr_Fetch. Three NULLs
        // clear what `f` may have left.
        unsafe { ffi::PyErr_Restore(kind, value, traceback) };
    }
}
