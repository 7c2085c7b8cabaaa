//! A thread that says when watched files changed and then stayed quiet for a while. It exists
//! only when asked for, and never touches Python.

use std::collections::BTreeSet;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Mode, Probe, Watcher, sys};

/// A file that never comes to rest is told of after this many debounce times all the same.
const MAX_DEBOUNCES: u32 = 20;

/// When a notifier speaks.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long the files must have been quiet.
    pub debounce: Duration,
    /// How often those are looked at for which there are no events.
    pub poll_interval: Duration,
}

/// What a notifier calls with the files that changed, as they were named to `watch_file`. An
/// empty list means that it could be any of them.
pub type Tell = Box<dyn FnMut(&[PathBuf]) + Send>;

/// Calls a closure when watched files changed. Dropping it ends the thread.
pub struct Notifier {
    shared: Arc<Shared>,
    thread: ManuallyDrop<JoinHandle<()>>,
    generation: u32,
}

struct Shared {
    watcher: Mutex<Watcher>,
    probe: Arc<Probe>,
    stop: AtomicBool,
    /// Written to when the thread has to look up from its sleep.
    #[cfg(target_os = "linux")]
    bell: (
        std::os::unix::net::UnixStream,
        std::os::unix::net::UnixStream,
    ),
}

impl Notifier {
    /// Starts the thread.
    pub fn start(mode: Mode, timing: Timing, tell: Tell) -> io::Result<Self> {
        let watcher = Watcher::new(mode)?;
        let shared = Arc::new(Shared {
            probe: watcher.probe(),
            watcher: Mutex::new(watcher),
            stop: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            bell: bell()?,
        });
        let its = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("pyreload-notify".to_owned())
            .spawn(move || its.run(timing, tell))?;
        let generation = sys::generation();
        Ok(Self {
            shared,
            thread: ManuallyDrop::new(thread),
            generation,
        })
    }

    /// Watches a file from now on.
    pub fn watch_file(&self, path: &Path) {
        if self.is_own() {
            self.shared.watcher.lock().watch_file(path);
            self.ring();
        }
    }

    /// Watches a file no longer.
    pub fn unwatch(&self, path: &Path) {
        if self.is_own() {
            self.shared.watcher.lock().unwatch(path);
        }
    }

    /// Whether the thread exists in this process: in a forked child it does not, and its lock
    /// may be held for ever.
    pub fn is_own(&self) -> bool {
        self.generation == sys::generation()
    }

    /// Ends the thread's sleep.
    fn ring(&self) {
        #[cfg(target_os = "linux")]
        {
            use std::io::Write;
            // When the pipe is full the thread is about to wake up anyway.
            let _ = (&self.shared.bell.1).write(&[1]);
        }
        #[cfg(not(target_os = "linux"))]
        self.thread.thread().unpark();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // In a forked child there is no thread to wait for, and its handle must not even be
        // given back: the C library may have given the same one to a new thread.
        if self.is_own() {
            self.ring();
            // SAFETY: taken once, here, and `self` is not used again.
            let thread = unsafe { ManuallyDrop::take(&mut self.thread) };
            // From within `tell` it would wait for itself; the thread ends on its own.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn run(&self, timing: Timing, mut tell: Tell) {
        let mut files = BTreeSet::new();
        let mut overflow = false;
        // The first and the last change not told yet.
        let mut since: Option<(Instant, Instant)> = None;
        while !self.stop.load(Ordering::Acquire) {
            let due = since.map(|(first, last)| {
                (last + timing.debounce).min(first + timing.debounce * MAX_DEBOUNCES)
            });
            if self.rest(
                due.map(|at| at.saturating_duration_since(Instant::now())),
                timing,
            ) {
                let news = self.watcher.lock().take();
                if !news.files.is_empty() || news.overflow {
                    let now = Instant::now();
                    since = Some((since.map_or(now, |(first, _)| first), now));
                    files.extend(news.files);
                    overflow |= news.overflow;
                }
            } else if due.is_some_and(|at| at <= Instant::now()) {
                let list: Vec<_> = std::mem::take(&mut files).into_iter().collect();
                since = None;
                let all = std::mem::take(&mut overflow);
                // A panic of the callback must not end the thread silently; there is nobody to
                // hand it to, so it is logged and the thread goes on.
                let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    tell(if all { &[] } else { &list });
                }));
                if told.is_err() {
                    log::error!("a callback for changed sources panicked");
                }
            }
        }
    }

    /// Sleeps until there may be news (`true`) or the time is over (`false`).
    fn rest(&self, time: Option<Duration>, timing: Timing) -> bool {
        let polled = self.watcher.lock().counts().polled_directories > 0;
        let waits_for_writer = self.probe.has_news();
        // Rounded up: waking a little too early would be waking twice.
        let ms = |d: Duration| i32::try_from(d.as_millis() + 1).unwrap_or(i32::MAX);
        let interval = if polled {
            timing.poll_interval
        } else {
            super::QUIET
        };
        let look_after = (polled || waits_for_writer).then_some(interval);
        let timeout = [time, look_after].into_iter().flatten().min();
        let rang = self.sleep(timeout.map_or(-1, ms));
        rang || (look_after.is_some() && timeout == look_after)
    }

    #[cfg(target_os = "linux")]
    fn sleep(&self, timeout_ms: i32) -> bool {
        use std::io::Read;
        use std::os::fd::AsRawFd;
        // A negative number is skipped by poll.
        let queue = self.probe.notify_fd().unwrap_or(-1);
        let [news, rang] = sys::wait([queue, self.bell.0.as_raw_fd()], timeout_ms);
        if rang {
            let mut rest = [0; 64];
            let _ = (&self.bell.0).read(&mut rest);
        }
        news || rang
    }

    #[cfg(not(target_os = "linux"))]
    fn sleep(&self, timeout_ms: i32) -> bool {
        let forever = Duration::from_secs(3600);
        let time = u64::try_from(timeout_ms).map_or(forever, Duration::from_millis);
        thread::park_timeout(time);
        false
    }
}

#[cfg(target_os = "linux")]
fn bell() -> io::Result<(
    std::os::unix::net::UnixStream,
    std::os::unix::net::UnixStream,
)> {
    let (out, into) = std::os::unix::net::UnixStream::pair()?;
    out.set_nonblocking(true)?;
    into.set_nonblocking(true)?;
    Ok((out, into))
}
