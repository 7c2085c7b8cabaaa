//! The idle path: may there be news? Asked before every event of the host, from any thread,
//! also while another one is in the middle of `Watcher::take`.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::sys;

#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// What `Watcher::has_news` needs, shared, so that no lock stands before it.
#[derive(Debug)]
pub struct Probe {
    /// Somebody has to look, whatever the kernel says: directories without events, files
    /// whose writer may be at work, a child without a queue of its own yet.
    look: AtomicBool,
    /// The process that the descriptors belong to.
    generation: AtomicU32,
    #[cfg(target_os = "linux")]
    ready: Option<Ready>,
}

/// The descriptors that tell whether the queue is empty.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Ready {
    /// For our eyes only: two threads that wait on one epoll descriptor can hide an event from
    /// each other for a moment.
    epoll: OwnedFd,
    /// For the host's event loop.
    notify: OwnedFd,
}

impl Probe {
    /// Without a queue.
    pub(super) fn blind() -> Self {
        Self {
            look: AtomicBool::new(false),
            generation: AtomicU32::new(sys::generation()),
            #[cfg(target_os = "linux")]
            ready: None,
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn of(queue: BorrowedFd<'_>) -> std::io::Result<Self> {
        let ready = Ready {
            epoll: sys::epoll_of(queue)?,
            notify: sys::epoll_of(queue)?,
        };
        Ok(Self {
            ready: Some(ready),
            ..Self::blind()
        })
    }

    /// Whether `Watcher::take` may have something to tell. One system call at most; no
    /// allocation, no lock. An event of a file that was closed before this call is never missed.
    #[inline]
    pub fn has_news(&self) -> bool {
        // Acquire: what made `take` raise the mark is seen by whoever sees the mark.
        if self.look.load(Ordering::Acquire) || self.is_foreign() {
            return true;
        }
        #[cfg(target_os = "linux")]
        if let Some(ready) = &self.ready {
            return sys::is_ready(ready.epoll.as_raw_fd());
        }
        false
    }

    /// A descriptor that is readable while the queue has events; `None` without a queue. It must
    /// only be waited on (poll, select, epoll), never read or closed. It keeps its number in a
    /// forked child, and belongs to the child's own queue after the first `Watcher::take` there.
    pub fn notify_fd(&self) -> Option<i32> {
        #[cfg(target_os = "linux")]
        return self.ready.as_ref().map(|ready| ready.notify.as_raw_fd());
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Whether this process was forked from the one that the descriptors belong to. Reading
    /// them would take the parent's events away.
    pub(super) fn is_foreign(&self) -> bool {
        self.generation.load(Ordering::Relaxed) != sys::generation()
    }

    pub(super) fn set_look(&self, look: bool) {
        self.look.store(look, Ordering::Release);
    }

    /// Declares the probe to be this process's own.
    pub(super) fn adopt(&self) {
        self.generation.store(sys::generation(), Ordering::Relaxed);
    }

    /// Looks at another queue from now on, under the same descriptors.
    #[cfg(target_os = "linux")]
    pub(super) fn move_to(&self, queue: BorrowedFd<'_>) -> std::io::Result<()> {
        let Some(ready) = &self.ready else {
            return Ok(());
        };
        sys::replace(&ready.epoll, sys::epoll_of(queue)?)?;
        sys::replace(&ready.notify, sys::epoll_of(queue)?)
    }
}
