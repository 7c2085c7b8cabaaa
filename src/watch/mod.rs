//! Which files may have changed, as cheaply as the system can say it.
//!
//! On Linux a watcher owns one inotify descriptor, and whoever asks reads it: the kernel queues
//! an event before the `close` of the writer returns, so an edit that was finished before the
//! question is always in the answer. (A mark set by a watcher thread is not: the thread may not
//! have run yet.) There is no thread here, except the `Notifier`'s, for those who ask for it.
//!
//! Where events are not to be had (network file systems, no watches left, other systems) the
//! files of that directory are looked at with `stat`, decided for each directory by itself.
//!
//! What a watcher names may have changed; whether it did, only the content tells.

#[cfg_attr(not(target_os = "linux"), path = "no_queue.rs")]
mod queue;
mod notifier;
mod places;
mod probe;
mod sys;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files::Stamp;
use places::{Looked, PlaceId, Places, Use, Whom};
use queue::{Event, Queue};

pub use notifier::{Notifier, Tell, Timing};
pub use probe::Probe;
pub use sys::generation;

/// A file that was created and whose `close` was not seen is taken for whole when it has not
/// changed for this long: it was linked into place, or its writer keeps it open.
const QUIET: Duration = Duration::from_millis(100);

/// How a watcher finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// By events, and by looking where there are none.
    #[default]
    Events,
    /// By looking only.
    Sweep,
}

/// What may have changed since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Watched files, exactly as they were named to `watch_file`, sorted: written, replaced,
    /// created, removed, or behind a symlink or directory that was.
    pub files: Vec<PathBuf>,
    /// Others in the watched directories, sorted: `.py` files, and directories, that came, went
    /// or were written.
    pub strangers: Vec<PathBuf>,
    /// Anything may have changed: the kernel lost events, or this is the first look in a forked
    /// child. `files` is then not complete.
    pub overflow: bool,
}

impl News {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.strangers.is_empty() && !self.overflow
    }
}

/// Figures for `pyreload_stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Directories whose files are seen by events.
    pub watched_directories: usize,
    /// Directories whose files are looked at.
    pub polled_directories: usize,
    /// Watches that the kernel keeps for this, those on the way to a directory included.
    pub watches: usize,
}

/// A created file whose writer may still be at work.
struct Fresh {
    stamp: Option<Stamp>,
    since: Instant,
}

/// Watches files. See the module's page.
pub struct Watcher {
    queue: Option<Queue>,
    probe: Arc<Probe>,
    places: Places,
    fresh: HashMap<(PlaceId, Box<OsStr>), Fresh>,
    /// Told at the next `take`: what changed while it was being found a watch.
    overflow: bool,
}

impl Watcher {
    /// A watcher of nothing yet. `Err` only when the system has no descriptor left for it;
    /// `Mode::Sweep` needs none.
    pub fn new(mode: Mode) -> io::Result<Self> {
        sys::count_forks();
        let (queue, probe) = open_queue(mode)?;
        Ok(Self {
            queue,
            probe: Arc::new(probe),
            places: Places::default(),
            fresh: HashMap::new(),
            overflow: false,
        })
    }

    /// Watches a file, which need not exist; whether it was not watched before. When this
    /// returns, each later change is news; so watch first, then read.
    pub fn watch_file(&mut self, path: &Path) -> bool {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let id = self.places.find(dir).unwrap_or_else(|| {
            let id = self.places.create(dir);
            self.places.attach(self.queue.as_ref(), id);
            id
        });
        let Some(place) = self.places.places.get_mut(&id) else {
            return false;
        };
        let new = !place.names.contains_key(name);
        if new {
            place.names.insert(name.into(), places::Name::default());
            self.places.attach_name(self.queue.as_ref(), id, name);
        }
        self.mark();
        new
    }

    /// Whether a file is watched.
    pub fn watches(&self, path: &Path) -> bool {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let place = self.places.find(dir);
        place
            .and_then(|id| self.places.places.get(&id))
            .is_some_and(|place| place.names.contains_key(name))
    }

    /// Whether this file would still be waited for, or nobody could tell, if its writer were at
    /// work: else each time that it was news, it had been closed before.
    pub fn may_be_unfinished(&self, path: &Path) -> bool {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return true;
        };
        let Some(id) = self.places.find(dir) else {
            return true;
        };
        self.places.places.get(&id).is_none_or(|p| p.polled)
            || self.fresh.contains_key(&(id, name.into()))
    }

    /// All files that are watched.
    pub fn files(&self) -> Vec<PathBuf> {
        let all = self.places.places.values();
        all.flat_map(|place| place.names.keys().map(|name| place.path.join(&**name)))
            .collect()
    }

    /// How many files are watched.
    pub fn file_count(&self) -> usize {
        self.places.places.values().map(|p| p.names.len()).sum()
    }

    /// Watches a file no longer, and its directory when that was the last one in it.
    pub fn unwatch(&mut self, path: &Path) {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let Some(id) = self.places.find(dir) else {
            return;
        };
        let Some(place) = self.places.places.get_mut(&id) else {
            return;
        };
        let Some(old) = place.names.remove(name) else {
            return;
        };
        if place.names.is_empty() {
            self.places.drop_place(self.queue.as_ref(), id);
        } else if old.linked {
            let is_it = |w: &Whom| w.place == id && w.name.as_deref() == Some(name);
            self.places.detach(self.queue.as_ref(), is_it);
        }
        self.mark();
    }

    /// Whether `take` may have something to tell; see `Probe::has_news`.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.probe.has_news()
    }

    /// The part of it that answers `has_news`, for threads that must not wait for this one.
    pub fn probe(&self) -> Arc<Probe> {
        Arc::clone(&self.probe)
    }

    /// A descriptor for the host's event loop; see `Probe::notify_fd`. Polled directories do not
    /// make it readable.
    pub fn notify_fd(&self) -> Option<i32> {
        self.probe.notify_fd()
    }

    /// Figures.
    pub fn counts(&self) -> Counts {
        let polled = self.places.polled();
        Counts {
            watched_directories: self.places.places.len() - polled,
            polled_directories: polled,
            watches: self.places.nodes.len(),
        }
    }

    /// What may have changed since the last time. Does not wait.
    pub fn take(&mut self) -> News {
        let mut found = Found::default();
        if self.probe.is_foreign() {
            self.begin_anew();
        }
        found.overflow = std::mem::take(&mut self.overflow);
        found.renamed = found.overflow || !self.fresh.is_empty();
        self.places.forget_links();
        self.read_queue(&mut found);
        self.follow(&mut found);
        self.wait_for_writers(&mut found);
        for (id, name) in &found.files {
            if found.renamed || !self.places.is_plain(*id, name) {
                self.places.attach_name(self.queue.as_ref(), *id, name);
            }
        }
        self.sweep(&mut found);
        self.mark();
        self.tell(found)
    }

    /// Raises or takes away the probe's mark.
    fn mark(&self) {
        let look = self.overflow || !self.fresh.is_empty() || self.places.polled() > 0;
        self.probe.set_look(look);
    }

    /// In a forked child: a queue of its own, for the inherited one is the parent's.
    fn begin_anew(&mut self) {
        self.places.forget_nodes();
        self.fresh.clear();
        if self.queue.is_some() {
            self.queue = Queue::new()
                .and_then(|queue| {
                    #[cfg(target_os = "linux")]
                    self.probe.move_to(queue.as_fd())?;
                    Ok(queue)
                })
                .inspect_err(|error| log::warn!("no file events in a forked process: {error}"))
                .ok();
        }
        let ids: Vec<_> = self.places.places.keys().copied().collect();
        for id in ids {
            self.places.attach(self.queue.as_ref(), id);
        }
        self.probe.adopt();
        self.overflow = true;
    }

    fn read_queue(&mut self, found: &mut Found) {
        let Some(queue) = &mut self.queue else { return };
        let (places, fresh) = (&self.places, &mut self.fresh);
        let outcome = queue.read(|event| match event {
            Event::Overflow => (found.overflow, found.renamed) = (true, true),
            Event::Gone(wd) => {
                found.renamed = true;
                found.gone.push(wd);
            }
            Event::Changed {
                wd,
                name,
                is_dir,
                written,
            } => {
                found.renamed |= !written;
                for_each_whom(places, wd, name, |place, own| {
                    fresh.remove(&(place, name.into()));
                    found.entry(places, place, own, is_dir);
                });
            }
            Event::Created { wd, name, is_dir } => {
                found.renamed = true;
                for_each_whom(places, wd, name, |place, own| match own {
                    Own::Name(name) if !is_dir && counts(places, place, name) => {
                        let fresh_one = Fresh {
                            stamp: None,
                            since: Instant::now(),
                        };
                        fresh.insert((place, name.into()), fresh_one);
                    }
                    _ => found.entry(places, place, own, is_dir),
                });
            }
        });
        if let Err(error) = outcome {
            log::warn!("file events cannot be read: {error}");
            found.overflow = true;
        }
    }

    /// Finds anew what stands behind directories and symlinks that changed.
    fn follow(&mut self, found: &mut Found) {
        let queue = self.queue.as_ref();
        for wd in std::mem::take(&mut found.gone) {
            for use_ in self.places.drop_node(queue, wd) {
                match use_ {
                    Use::Files(place) => found.place(place),
                    Use::Entry(_, whom) | Use::Way(whom) => found.whom(whom),
                }
            }
        }
        if found.overflow {
            // Among the lost events may be one about a directory.
            found.places.extend(self.places.places.keys());
        }
        for id in std::mem::take(&mut found.places) {
            self.places.attach(queue, id);
            if let Some(place) = self.places.places.get(&id) {
                found
                    .files
                    .extend(place.names.keys().map(|name| (id, name.clone())));
            }
        }
    }

    /// A created file is news when it is closed. One that comes whole, as a link or symlink,
    /// never is: its creation counts, or that it stays as it is.
    fn wait_for_writers(&mut self, found: &mut Found) {
        let places = &self.places;
        self.fresh.retain(|(id, name), fresh| {
            let Some(place) = places.places.get(id) else {
                return false;
            };
            let meta = fs::symlink_metadata(place.path.join(&**name)).ok();
            let whole = match &meta {
                None => true,
                Some(meta) => meta.is_symlink() || links(meta) > 1,
            };
            let stamp = meta.as_ref().map(Stamp::of);
            if fresh.stamp != stamp {
                *fresh = Fresh {
                    stamp,
                    since: Instant::now(),
                };
            }
            let done = whole || fresh.since.elapsed() >= QUIET;
            if done {
                found.entry(places, *id, Own::Name(name), false);
            }
            !done
        });
    }

    /// Looks at the files for which there are no events.
    fn sweep(&mut self, found: &mut Found) {
        for (id, place) in self.places.places.iter_mut().filter(|(_, p)| p.polled) {
            for (name, state) in &mut place.names {
                let path = place.path.join(&**name);
                // One that was never looked at has just become polled.
                let changed = state
                    .looked
                    .as_mut()
                    .is_none_or(|looked| looked.again(&path));
                if changed {
                    found.files.insert((*id, name.clone()));
                }
                state
                    .looked
                    .get_or_insert_with(|| Box::new(Looked::at(&path)));
            }
        }
    }

    fn tell(&self, found: Found) -> News {
        let path = |(id, name): (PlaceId, Box<OsStr>)| {
            self.places
                .places
                .get(&id)
                .map(|place| place.path.join(&*name))
        };
        let mut files: Vec<_> = found.files.into_iter().filter_map(path).collect();
        let mut strangers: Vec<_> = found.strangers.into_iter().filter_map(path).collect();
        files.sort_unstable();
        strangers.sort_unstable();
        News {
            files,
            strangers,
            overflow: found.overflow,
        }
    }
}

/// What `take` has found so far.
#[derive(Default)]
struct Found {
    files: BTreeSet<(PlaceId, Box<OsStr>)>,
    strangers: BTreeSet<(PlaceId, Box<OsStr>)>,
    /// Places to be found anew.
    places: BTreeSet<PlaceId>,
    /// Watches whose directory is not what it was.
    gone: Vec<i32>,
    overflow: bool,
    /// Something else happened than that files were written: a name may mean another thing now.
    renamed: bool,
}

impl Found {
    fn whom(&mut self, whom: Whom) {
        match whom.name {
            None => self.place(whom.place),
            Some(name) => {
                self.files.insert((whom.place, name));
            }
        }
    }

    fn place(&mut self, id: PlaceId) {
        self.places.insert(id);
    }

    /// An entry of a watched directory came, went or was written.
    fn entry(&mut self, places: &Places, id: PlaceId, own: Own<'_>, is_dir: bool) {
        match own {
            Own::Whom(whom) => self.whom(whom.clone()),
            Own::Name(name) => {
                let known = places
                    .places
                    .get(&id)
                    .is_some_and(|p| p.names.contains_key(name));
                if known {
                    self.files.insert((id, name.into()));
                } else if is_dir || is_source(name) {
                    self.strangers.insert((id, name.into()));
                }
            }
        }
    }
}

/// What an event's name means for a user of the node.
#[derive(Clone, Copy)]
enum Own<'a> {
    /// It is an entry of the place's own directory.
    Name(&'a OsStr),
    /// It is on the way to somebody.
    Whom(&'a Whom),
}

fn for_each_whom<'a>(
    places: &'a Places,
    wd: i32,
    name: &'a OsStr,
    mut each: impl FnMut(PlaceId, Own<'a>),
) {
    // Events of a watch that was taken back meanwhile find no node.
    let Some(node) = places.nodes.get(&wd) else {
        return;
    };
    for use_ in &node.uses {
        match use_ {
            Use::Files(place) => each(*place, Own::Name(name)),
            Use::Entry(entry, whom) if **entry == *name => each(whom.place, Own::Whom(whom)),
            Use::Entry(..) | Use::Way(_) => {}
        }
    }
}

fn counts(places: &Places, id: PlaceId, name: &OsStr) -> bool {
    is_source(name)
        || places
            .places
            .get(&id)
            .is_some_and(|p| p.names.contains_key(name))
}

fn is_source(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".py")
}

/// How many names a file has.
fn links(meta: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(meta);
    #[cfg(not(unix))]
    {
        let _ = meta;
        1
    }
}

fn open_queue(mode: Mode) -> io::Result<(Option<Queue>, Probe)> {
    #[cfg(target_os = "linux")]
    if mode == Mode::Events {
        let queue = Queue::new()?;
        let probe = Probe::of(queue.as_fd())?;
        return Ok((Some(queue), probe));
    }
    let _ = mode;
    Ok((None, Probe::blind()))
}

#[cfg(test)]
mod tests;
