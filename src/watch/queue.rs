//! The kernel's queue of events (Linux): one inotify descriptor, read without waiting on the
//! thread that asks.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

/// Holds some hundred events; the kernel's queue is read until it is empty.
const BUFFER_BYTES: usize = 16 * 1024;
/// `struct inotify_event` without the name, which is padded to as much (inotify(7)).
const HEADER_BYTES: usize = 16;
/// With a name of NAME_MAX bytes and its end.
const LARGEST_EVENT_BYTES: usize = HEADER_BYTES + 256;

/// What a directory is watched for. A watch only ever gains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    /// That the directory itself is moved or removed: it is part of a path that counts.
    Itself,
    /// Also that entries come and go: a symlink on the way, or something that is missing.
    Entries,
    /// Also that files in it are written.
    Files,
}

impl Want {
    /// So narrow that reading files raises nothing: no `OPEN`, `ACCESS` or `CLOSE_NOWRITE`.
    /// Three more are left out on purpose. `MODIFY` comes while a file is being written, and
    /// first of all for the truncation with which editors begin: a check between that and the
    /// write would load an empty module; `CLOSE_WRITE` follows when it is whole. It also follows
    /// a write through a mapping, once that is gone. (A `truncate` by path, with no descriptor,
    /// raises `MODIFY` alone and is not noticed.) `ATTRIB` means touch, chmod and chown, which
    /// change no content. `CLOSE_WRITE` itself also comes for a descriptor that was opened for
    /// writing and wrote nothing; the content tells.
    fn mask(self) -> WatchMask {
        let itself = WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR
            | WatchMask::MASK_ADD
            // Temporary files that were removed while still open are nobody's business.
            | WatchMask::EXCL_UNLINK;
        let entries =
            WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVED_FROM | WatchMask::MOVED_TO;
        match self {
            Self::Itself => itself,
            Self::Entries => itself | entries,
            Self::Files => itself | entries | WatchMask::CLOSE_WRITE,
        }
    }
}

/// One event, in our words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The kernel had no room left: some events are lost.
    Overflow,
    /// The directory behind this watch was moved, removed or unmounted.
    Gone(i32),
    /// A name in it was given away, taken away, or its file was written and closed.
    Changed {
        wd: i32,
        name: &'a OsStr,
        is_dir: bool,
        /// It was written and closed: what had the name before has it still.
        written: bool,
    },
    /// A new name; when it is a file, its writer may still be at work.
    Created {
        wd: i32,
        name: &'a OsStr,
        is_dir: bool,
    },
}

/// A watch, for taking it back.
#[derive(Debug)]
pub(super) struct Watch(WatchDescriptor);

impl Watch {
    pub(super) fn id(&self) -> i32 {
        self.0.get_watch_descriptor_id()
    }
}

pub(super) struct Queue {
    inotify: Inotify,
    buffer: Box<[u8]>,
}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: Inotify::init()?,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
        })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    pub(super) fn add(&self, dir: &Path, want: Want) -> io::Result<Watch> {
        self.inotify.watches().add(dir, want.mask()).map(Watch)
    }

    pub(super) fn remove(&self, watch: Watch) {
        // It fails when the directory is gone, and then there is nothing to take back.
        let _ = self.inotify.watches().remove(watch.0);
    }

    /// Hands over all events there are.
    pub(super) fn read(&mut self, mut each: impl FnMut(Event<'_>)) -> io::Result<()> {
        loop {
            let events = match self.inotify.read_events(&mut self.buffer) {
                Ok(events) => events,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            // Had there been more, it would have been given to us as well: no need to ask again.
            let mut room = BUFFER_BYTES;
            for event in events {
                room = room.saturating_sub(2 * HEADER_BYTES + event.name.map_or(0, OsStr::len));
                let (mask, wd) = (event.mask, event.wd.get_watch_descriptor_id());
                let is_dir = mask.contains(EventMask::ISDIR);
                let gone = EventMask::DELETE_SELF
                    | EventMask::MOVE_SELF
                    | EventMask::UNMOUNT
                    | EventMask::IGNORED;
                each(match event.name {
                    _ if mask.contains(EventMask::Q_OVERFLOW) => Event::Overflow,
                    _ if mask.intersects(gone) => Event::Gone(wd),
                    Some(name) if mask.contains(EventMask::CREATE) => {
                        Event::Created { wd, name, is_dir }
                    }
                    Some(name) => Event::Changed {
                        wd,
                        name,
                        is_dir,
                        written: mask == EventMask::CLOSE_WRITE,
                    },
                    None => continue,
                });
            }
            if room > LARGEST_EVENT_BYTES {
                return Ok(());
            }
        }
    }
}
