//! Reloader handles. A handle points to a slot on the heap that is never given back, so that one
//! which was destroyed is found out instead of crashing.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use pyo3::prelude::*;

use super::callbacks::pyreload_callback_fn;
use super::entry::Fault;
use super::report::pyreload_report;
use crate::callbacks::Registry;
use crate::interp::{self, Epoch};
use crate::reloader::Reloader;

/// A reloader: the tracked modules of one interpreter, the watcher of their
/// files, and the callbacks. Most programs have one.
#[derive(Debug, Default)]
pub struct pyreload_reloader {
    /// `ALIVE` and, below it, the trigger mode: a trigger that is switched off reads this and
    /// nothing else.
    word: AtomicU64,
    state: Mutex<State>,
}

const ALIVE: u64 = 1 << 32;

/// So many ended handles are remembered before the oldest slot is used again.
const MEMORY: usize = 256;

#[derive(Debug, Default)]
struct State {
    /// Which use of the slot this is.
    serial: u64,
    /// How often destroy is due.
    owners: u32,
    /// Calls that use it now.
    users: u32,
    body: Option<Arc<Body>>,
}

/// What is behind a handle.
pub(super) struct Body {
    pub(super) reloader: Arc<Reloader>,
    pub(super) epoch: Epoch,
    pub(super) registry: Registry<CallbackFn>,
    pub(super) last_report: Mutex<Option<Arc<pyreload_report>>>,
    name: Option<String>,
}

/// A callback that is not NULL.
pub(super) type CallbackFn = <pyreload_callback_fn as super::callbacks::NotNull>::Function;

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All reloaders of the process.
#[derive(Default)]
struct Table {
    named: HashMap<String, Ticket>,
    bodies: Vec<Weak<Body>>,
    /// Slots that can be used again, the longest unused first.
    ended: VecDeque<&'static pyreload_reloader>,
    last_serial: u64,
}

fn table() -> &'static Mutex<Table> {
    static TABLE: std::sync::OnceLock<Mutex<Table>> = std::sync::OnceLock::new();
    TABLE.get_or_init(Mutex::default)
}

fn slot(handle: *const pyreload_reloader) -> Result<&'static pyreload_reloader, Fault> {
    if handle.is_null() {
        return Err(Fault::argument("reloader is NULL"));
    }
    if !handle.is_aligned() {
        return Err(Fault::argument(
            "reloader is not a handle from pyreload_create()",
        ));
    }
    // SAFETY: the header says that a handle comes from pyreload_create(), and the slots it gives
    // out are never given back.
    Ok(unsafe { &*handle })
}

fn ended() -> Fault {
    Fault::argument("this reloader was destroyed")
}

/// The trigger mode behind a handle, with one atomic read.
pub(super) fn mode(handle: *const pyreload_reloader) -> Result<u32, Fault> {
    let word = slot(handle)?.word.load(Ordering::Relaxed);
    // The lower half is the mode.
    if word & ALIVE == 0 {
        Err(ended())
    } else {
        Ok(word as u32)
    }
}

/// A reloader for the length of one call. It cannot end meanwhile.
pub(super) struct Borrowed {
    slot: &'static pyreload_reloader,
    serial: u64,
    body: Arc<Body>,
}

impl std::ops::Deref for Borrowed {
    type Target = Body;
    fn deref(&self) -> &Body {
        &self.body
    }
}

impl Borrowed {
    /// The handle that C knows.
    pub(super) fn handle(&self) -> *mut pyreload_reloader {
        std::ptr::from_ref(self.slot).cast_mut()
    }

    /// What is behind the handle, to be held weakly.
    pub(super) fn body(&self) -> &Arc<Body> {
        &self.body
    }

    /// Something to find the reloader again, which does not keep it alive.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            slot: self.slot,
            serial: self.serial,
        }
    }

    pub(super) fn set_mode(&self, mode: u32) {
        // The slot is in use by this call, so it is alive until the end of it.
        self.slot
            .word
            .store(ALIVE | u64::from(mode), Ordering::Relaxed);
        self.reloader.set_trigger_mode(mode);
    }

    /// Goes into the interpreter of this reloader.
    pub(super) fn python<R>(&self, f: impl FnOnce(Python<'_>) -> R) -> Result<R, Fault> {
        Ok(interp::enter(self.epoch, f)?)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut state = self.slot.state.lock();
        state.users -= 1;
        end_if_unused(self.slot, state);
    }
}

/// Borrows what is behind a handle.
pub(super) fn borrow(handle: *const pyreload_reloader) -> Result<Borrowed, Fault> {
    let slot = slot(handle)?;
    let mut state = slot.state.lock();
    let body = state.body.clone().ok_or_else(ended)?;
    state.users += 1;
    Ok(Borrowed {
        slot,
        serial: state.serial,
        body,
    })
}

/// A handle and which use of its slot is meant.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    slot: &'static pyreload_reloader,
    pub(super) serial: u64,
}

impl Ticket {
    pub(super) fn borrow(self) -> Result<Borrowed, Fault> {
        let borrowed = borrow(self.slot)?;
        if borrowed.serial == self.serial {
            Ok(borrowed)
        } else {
            Err(ended())
        }
    }
}

/// Gives out a handle for a new reloader; or, when `name` is taken meanwhile, for the older one.
pub(super) fn give_out(
    reloader: Arc<Reloader>,
    epoch: Epoch,
    name: Option<&str>,
) -> *mut pyreload_reloader {
    let mode = reloader.trigger_mode();
    let name = name.map(str::to_owned);
    let body = Arc::new(Body {
        reloader,
        epoch,
        registry: Registry::default(),
        last_report: Mutex::default(),
        name: name.clone(),
    });
    let mut table = table().lock();
    if let Some(older) = name.as_deref().and_then(|name| table.claim(name)) {
        drop(table);
        let_go(&body);
        return older;
    }
    table.bodies.retain(|body| body.strong_count() > 0);
    table.bodies.push(Arc::downgrade(&body));
    table.last_serial += 1;
    let serial = table.last_serial;
    let slot = if table.ended.len() > MEMORY {
        table.ended.pop_front()
    } else {
        None
    };
    let slot: &'static pyreload_reloader =
        slot.unwrap_or_else(|| Box::leak(Box::new(pyreload_reloader::default())));
    *slot.state.lock() = State {
        serial,
        owners: 1,
        users: 0,
        body: Some(body),
    };
    slot.word.store(ALIVE | u64::from(mode), Ordering::Relaxed);
    if let Some(name) = name {
        table.named.insert(name, Ticket { slot, serial });
    }
    std::ptr::from_ref(slot).cast_mut()
}

/// The reloader of this name, with one more destroy due. `None` also when the interpreter it was
/// created in is gone.
pub(super) fn named(name: &str) -> Option<*mut pyreload_reloader> {
    table().lock().claim(name)
}

impl Table {
    fn claim(&self, name: &str) -> Option<*mut pyreload_reloader> {
        let ticket = *self.named.get(name)?;
        let mut state = ticket.slot.state.lock();
        let body = state.body.as_ref()?;
        if state.serial != ticket.serial || state.owners == 0 || interp::epoch() != Some(body.epoch)
        {
            return None;
        }
        state.owners += 1;
        Some(std::ptr::from_ref(ticket.slot).cast_mut())
    }
}

/// One destroy. The last one ends the reloader, at once or when the calls that use it are over.
pub(super) fn destroy(handle: *mut pyreload_reloader) {
    let Ok(slot) = slot(handle) else { return };
    let mut state = slot.state.lock();
    if state.owners == 0 {
        return;
    }
    state.owners -= 1;
    end_if_unused(slot, state);
}

fn end_if_unused(slot: &'static pyreload_reloader, mut state: parking_lot::MutexGuard<'_, State>) {
    if state.owners > 0 || state.users > 0 {
        return;
    }
    let Some(body) = state.body.take() else {
        return;
    };
    let serial = state.serial;
    slot.word.store(0, Ordering::Relaxed);
    // The table is locked before a slot, never after it.
    drop(state);
    {
        let mut table = table().lock();
        if let Some(name) = &body.name
            && table
                .named
                .get(name)
                .is_some_and(|ticket| ticket.serial == serial)
        {
            table.named.remove(name);
        }
        table.ended.push_back(slot);
    }
    let_go(&body);
}

/// Frees what a reloader holds, with Python if there still is one.
fn let_go(body: &Body) {
    body.registry.close();
    // Without the GIL: the thread that is waited for may be in a callback that wants it.
    let _ = interp::enter(body.epoch, |py| py.detach(|| body.reloader.stop_telling()));
    body.reloader.stop_telling();
    *body.last_report.lock() = None;
    if let Err(why) = interp::enter(body.epoch, |py| body.reloader.release(py)) {
        log::debug!("a reloader ends without Python: {why}");
        body.reloader.abandon();
    }
}

/// Python ends: no reloader of it may hold an object any longer.
pub(super) fn python_ends(py: Python<'_>, epoch: Epoch, quiet: bool) {
    let bodies: Vec<_> = table()
        .lock()
        .bodies
        .iter()
        .filter_map(Weak::upgrade)
        .collect();
    for body in bodies.iter().filter(|body| body.epoch == epoch) {
        if quiet {
            body.reloader.release(py);
        } else {
            body.reloader.abandon();
        }
    }
}
