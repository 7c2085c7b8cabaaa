//! Who wants to hear of what: registrations with keys and ids, and user data that frees itself.
//!
//! Nothing here knows C or Python types: the kind of function is a parameter, and who delivers
//! an event passes the call itself.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Frees user data. It is the host's, and must not unwind.
pub type FreeFn = unsafe extern "C-unwind" fn(user_data: *mut c_void);

/// A pointer of the host, freed by the host's function when the last use is over.
#[derive(Debug)]
pub struct UserData {
    pointer: *mut c_void,
    free: Mutex<Option<FreeFn>>,
}

// SAFETY: the library never looks behind the pointer. The header says that callbacks and free
// functions come on any thread, so the host hands over only what can be used that way.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    /// Takes over `pointer`; from here on it is freed exactly once, whatever happens.
    ///
    /// # Safety
    /// `free` may be called with `pointer`, once, on any thread.
    pub unsafe fn new(pointer: *mut c_void, free: Option<FreeFn>) -> Arc<Self> {
        Arc::new(Self {
            pointer,
            free: Mutex::new(free),
        })
    }

    /// The host's pointer.
    pub fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    /// `newcomer` is the same pointer, handed over again: there is one thing to free, so one of
    /// the two forgets how.
    fn absorb(&self, newcomer: &Self) {
        if let Some(free) = newcomer.free.lock().take() {
            *self.free.lock() = Some(free);
        }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free.get_mut().take() {
            // SAFETY: the promise given to `new`. Drop runs once.
            unsafe { free(self.pointer) };
        }
    }
}

/// One registration.
#[derive(Debug)]
pub struct Subscriber<F> {
    id: u64,
    key: Option<String>,
    events: u32,
    function: F,
    user_data: Arc<UserData>,
    ended: AtomicBool,
}

impl<F: Copy> Subscriber<F> {
    /// The function to call.
    pub fn function(&self) -> F {
        self.function
    }

    /// The pointer to call it with.
    pub fn user_data(&self) -> *mut c_void {
        self.user_data.pointer()
    }

    /// It was removed or replaced: do not call it again.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
struct Inner<F> {
    last_id: u64,
    closed: bool,
    subscribers: Vec<Arc<Subscriber<F>>>,
}

/// All registrations of one reloader, in the order they were made.
#[derive(Debug)]
pub struct Registry<F> {
    inner: Mutex<Inner<F>>,
}

impl<F> Default for Registry<F> {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                last_id: 0,
                closed: false,
                subscribers: Vec::new(),
            }),
        }
    }
}

impl<F: Copy> Registry<F> {
    /// Registers `function` for `events` and gives the id. Under a key that is taken, or, without
    /// keys, with the same function and user data, the earlier registration is replaced in its
    /// place. `same` says whether two functions are one. `None` once the registry is closed.
    pub fn add(
        &self,
        key: Option<&str>,
        events: u32,
        function: F,
        user_data: Arc<UserData>,
        same: impl Fn(F, F) -> bool,
    ) -> Option<u64> {
        // Whatever is let go of below is freed when the lock is open again.
        let mut replaced = None;
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            return None;
        }
        let pointer = user_data.pointer();
        let place = inner.subscribers.iter().position(|s| match key {
            Some(key) => s.key.as_deref() == Some(key),
            None => s.key.is_none() && same(s.function, function) && s.user_data() == pointer,
        });
        let mut user_data = user_data;
        let mut id = None;
        if let Some(place) = place {
            let old = &inner.subscribers[place];
            if key.is_none() {
                id = Some(old.id);
            }
            if old.user_data() == pointer && (key.is_none() || !pointer.is_null()) {
                old.user_data.absorb(&user_data);
                user_data = Arc::clone(&old.user_data);
            }
        }
        let id = id.unwrap_or_else(|| {
            inner.last_id += 1;
            inner.last_id
        });
        let key = key.map(str::to_owned);
        let ended = AtomicBool::new(false);
        let new = Arc::new(Subscriber {
            id,
            key,
            events,
            function,
            user_data,
            ended,
        });
        match place {
            Some(place) => replaced = Some(std::mem::replace(&mut inner.subscribers[place], new)),
            None => inner.subscribers.push(new),
        }
        drop(inner);
        if let Some(old) = replaced {
            old.ended.store(true, Ordering::Release);
        }
        Some(id)
    }

    /// Ends a registration; `false` when there is none of this id.
    pub fn remove(&self, id: u64) -> bool {
        let mut inner = self.inner.lock();
        let Some(place) = inner.subscribers.iter().position(|s| s.id == id) else {
            return false;
        };
        let gone = inner.subscribers.remove(place);
        drop(inner);
        gone.ended.store(true, Ordering::Release);
        true
    }

    /// Whether anybody wants one of `events`.
    pub fn wants(&self, events: u32) -> bool {
        self.inner
            .lock()
            .subscribers
            .iter()
            .any(|s| s.events & events != 0)
    }

    /// Calls `call` for each who wants `event`, in order of registration, with no lock held: it
    /// may add and remove registrations, also its own.
    pub fn deliver(&self, event: u32, mut call: impl FnMut(&Subscriber<F>)) {
        let now: Vec<_> = {
            let inner = self.inner.lock();
            inner
                .subscribers
                .iter()
                .filter(|s| s.events & event != 0)
                .cloned()
                .collect()
        };
        for subscriber in now {
            if !subscriber.ended() {
                call(&subscriber);
            }
        }
    }

    /// Ends all registrations, and takes no new ones.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let gone = std::mem::take(&mut inner.subscribers);
        drop(inner);
        for subscriber in &gone {
            subscriber.ended.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
