//! Which directories are watched for which files, and what an event there means for them.
//!
//! A *place* is a directory as the host names it; a *node* is a real directory with a watch. A
//! place has one node for its files, and one for each directory on the way there: when one of
//! those is moved, or a symlink on the way is given another target, the place is found anew.
//! Each step is "watch, then look", so that a change between the two is an event.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::queue::{Queue, Want, Watch};
use super::sys;
use crate::files::{self, Look};

/// As many symlinks as the kernel follows, and as many second looks as a path is worth.
const MAX_STEPS: u32 = 40;

pub(super) type PlaceId = u32;

/// Whom an event concerns: a file, or with `None` a whole place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Whom {
    pub(super) place: PlaceId,
    pub(super) name: Option<Box<OsStr>>,
}

/// What a node is watched for.
#[derive(Debug)]
pub(super) enum Use {
    /// It is the directory of this place.
    Files(PlaceId),
    /// The entry of this name is on the way to somebody.
    Entry(Box<OsStr>, Whom),
    /// It is on the way to somebody.
    Way(Whom),
}

pub(super) struct Node {
    path: PathBuf,
    want: Want,
    watch: Watch,
    pub(super) uses: Vec<Use>,
}

pub(super) struct Place {
    /// As the host names it; what is reported begins with exactly this.
    pub(super) path: PathBuf,
    /// The files to be seen.
    pub(super) names: FxHashMap<Box<OsStr>, Name>,
    pub(super) polled: bool,
    /// Nodes may name it.
    attached: bool,
    /// The symlinks in it, listed after its watch was set: with thousands of files to watch, one
    /// listing is cheaper than a `readlink` each. It holds until events are read, for each
    /// later change of an entry is an event.
    links: Option<Vec<OsString>>,
}

/// A file of a place.
#[derive(Default)]
pub(super) struct Name {
    /// In a polled place, how it looked last.
    pub(super) looked: Option<Box<Looked>>,
    /// It was a symlink when it was last looked at, and nodes may name it.
    pub(super) linked: bool,
}

/// How a file looked, and what was in it while its stamp is too fresh to be trusted.
pub(super) struct Looked {
    look: Look,
    print: Option<u128>,
}

impl Looked {
    pub(super) fn at(path: &Path) -> Self {
        let look = Look::at(path);
        // Read after the look: a write between the two shows as a change, not as none.
        let print = if look.settled() { None } else { print(path) };
        Self { look, print }
    }

    /// Looks again; whether it may not be what it was.
    pub(super) fn again(&mut self, path: &Path) -> bool {
        let now = Look::at(path);
        if now.proves_same_as(&self.look) {
            return false;
        }
        // Read also when just settled: the last write may be younger than the last look.
        let print = print(path);
        let same = now.stamp == self.look.stamp && print.is_some() && print == self.print;
        *self = Self {
            look: now,
            print: print.filter(|_| !now.settled()),
        };
        !same
    }
}

/// What is in a file; `None` when that cannot be read.
fn print(path: &Path) -> Option<u128> {
    files::read(path).ok().map(|(bytes, _)| xxh3_128(&bytes))
}

#[derive(Default)]
pub(super) struct Places {
    pub(super) places: FxHashMap<PlaceId, Place>,
    by_path: HashMap<PathBuf, PlaceId>,
    /// Files come folder by folder: where the last one was.
    recent: Cell<PlaceId>,
    pub(super) nodes: HashMap<i32, Node>,
    by_real_path: HashMap<PathBuf, i32>,
    last_id: PlaceId,
    /// How many places are polled; asked for each file that is added.
    polled: usize,
    /// Places that have a list of their symlinks.
    listed: Vec<PlaceId>,
}

impl Places {
    pub(super) fn find(&self, dir: &Path) -> Option<PlaceId> {
        // The same bytes are the same path; other bytes may be, too.
        let recent = self.recent.get();
        if let Some(place) = self.places.get(&recent)
            && place.path.as_os_str() == dir.as_os_str()
        {
            return Some(recent);
        }
        let found = self.by_path.get(dir).copied();
        self.recent.set(found.unwrap_or(recent));
        found
    }

    /// Begins a place; it is polled until `attach` finds that it can be watched.
    pub(super) fn create(&mut self, dir: &Path) -> PlaceId {
        self.last_id += 1;
        self.polled += 1;
        let place = Place {
            path: dir.to_owned(),
            names: FxHashMap::default(),
            polled: true,
            attached: false,
            links: None,
        };
        self.places.insert(self.last_id, place);
        self.by_path.insert(dir.to_owned(), self.last_id);
        self.last_id
    }

    pub(super) fn drop_place(&mut self, queue: Option<&Queue>, id: PlaceId) {
        self.detach(queue, |whom| whom.place == id);
        if let Some(place) = self.places.remove(&id) {
            self.by_path.remove(&place.path);
            self.polled -= usize::from(place.polled);
        }
    }

    pub(super) fn polled(&self) -> usize {
        self.polled
    }

    /// Watches the way to a place and its directory, or says in the log why it is polled.
    pub(super) fn attach(&mut self, queue: Option<&Queue>, id: PlaceId) {
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        let path = place.path.clone();
        let names: Vec<_> = place.names.keys().cloned().collect();
        if std::mem::replace(&mut place.attached, true) {
            self.detach(queue, |w| w.place == id);
        }
        let whom = Whom {
            place: id,
            name: None,
        };
        let outcome = match queue {
            None => Err(io::Error::other(
                "events are switched off, or not to be had",
            )),
            Some(queue) => self.walk(queue, &path, &whom, true),
        };
        match outcome {
            Ok(()) => {
                if let Some(place) = self.places.get_mut(&id) {
                    self.polled -= usize::from(std::mem::replace(&mut place.polled, false));
                    place.links = list_links(&path);
                    self.listed.push(id);
                }
                for name in &names {
                    self.attach_name(queue, id, name);
                }
            }
            Err(error) => self.poll(queue, id, &error),
        }
    }

    /// From now on the files of a place are looked at.
    fn poll(&mut self, queue: Option<&Queue>, id: PlaceId, why: &io::Error) {
        self.detach(queue, |w| w.place == id);
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        log::info!(
            "no file events for {}: {why}; its files are polled",
            place.path.display()
        );
        self.polled += usize::from(!std::mem::replace(&mut place.polled, true));
        for (name, state) in &mut place.names {
            let looked = Looked::at(&place.path.join(&**name));
            *state = Name {
                looked: Some(Box::new(looked)),
                linked: false,
            };
        }
    }

    /// Whether a name is that of a file watched by events, which is no symlink.
    pub(super) fn is_plain(&self, id: PlaceId, name: &OsStr) -> bool {
        self.places.get(&id).is_some_and(|place| {
            let known = place.names.get(name);
            !place.polled && known.is_some_and(|n| !n.linked && n.looked.is_none())
        })
    }

    /// Looks at a file that is new, or may have become another kind of thing: a symlink is
    /// followed, and watched on all its way.
    pub(super) fn attach_name(&mut self, queue: Option<&Queue>, id: PlaceId, name: &OsStr) {
        let Some(place) = self.places.get_mut(&id) else {
            return;
        };
        let Some(state) = place.names.get_mut(name) else {
            return;
        };
        let Some(queue) = queue.filter(|_| !place.polled) else {
            state.looked = Some(Box::new(Looked::at(&place.path.join(name))));
            return;
        };
        state.looked = None;
        let is_link = match &place.links {
            Some(links) => links.iter().any(|link| link == name),
            None => fs::read_link(place.path.join(name)).is_ok(),
        };
        let was_link = std::mem::replace(&mut state.linked, is_link);
        let way = is_link.then(|| place.path.join(name));
        if was_link {
            self.detach(Some(queue), |w| {
                w.place == id && w.name.as_deref() == Some(name)
            });
        }
        if let Some(path) = way {
            let whom = Whom {
                place: id,
                name: Some(name.into()),
            };
            if let Err(error) = self.walk(queue, &path, &whom, false) {
                self.poll(Some(queue), id, &error);
            }
        }
    }

    /// Events are about to be read: what was listed may be out of date.
    pub(super) fn forget_links(&mut self) {
        for id in self.listed.drain(..) {
            if let Some(place) = self.places.get_mut(&id) {
                place.links = None;
            }
        }
    }

    /// Takes back all that is watched for those that `gone` names.
    pub(super) fn detach(&mut self, queue: Option<&Queue>, gone: impl Fn(&Whom) -> bool) {
        let mut unused = Vec::new();
        for (id, node) in &mut self.nodes {
            node.uses.retain(|u| match u {
                Use::Files(place) => !gone(&Whom {
                    place: *place,
                    name: None,
                }),
                Use::Entry(_, whom) | Use::Way(whom) => !gone(whom),
            });
            if node.uses.is_empty() {
                unused.push(*id);
            }
        }
        for id in unused {
            self.drop_node(queue, id);
        }
    }

    /// Forgets a node whose directory is not what it was, and gives back what it was used for.
    pub(super) fn drop_node(&mut self, queue: Option<&Queue>, id: i32) -> Vec<Use> {
        let Some(node) = self.nodes.remove(&id) else {
            return Vec::new();
        };
        if self.by_real_path.get(&node.path) == Some(&id) {
            self.by_real_path.remove(&node.path);
        }
        if let Some(queue) = queue {
            queue.remove(node.watch);
        }
        node.uses
    }

    /// Forgets all nodes: their queue is gone.
    pub(super) fn forget_nodes(&mut self) {
        self.nodes.clear();
        self.by_real_path.clear();
    }

    fn watch(&mut self, queue: &Queue, dir: &Path, want: Want, use_: Use) -> io::Result<()> {
        if let Some(id) = self.by_real_path.get(dir)
            && let Some(node) = self.nodes.get_mut(id)
            && node.want >= want
        {
            node.uses.push(use_);
            return Ok(());
        }
        let watch = queue.add(dir, want)?;
        let id = watch.id();
        let path = dir.to_owned();
        let node = self.nodes.entry(id).or_insert(Node {
            path,
            want,
            watch,
            uses: Vec::new(),
        });
        node.want = node.want.max(want);
        node.uses.push(use_);
        self.by_real_path.insert(dir.to_owned(), id);
        Ok(())
    }

    /// Goes a path component by component as the kernel does, watching each step. What is
    /// missing is waited for. `Err` when some part cannot be watched.
    fn walk(&mut self, queue: &Queue, path: &Path, whom: &Whom, is_dir: bool) -> io::Result<()> {
        let path = std::path::absolute(path)?;
        let mut todo = Vec::new();
        let mut cur = PathBuf::from("/");
        push_components(&mut todo, &path);
        let mut steps = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                cur.pop();
                continue;
            }
            let next = cur.join(&name);
            let entry = |want| (want, Use::Entry(name.as_os_str().into(), whom.clone()));
            let (want, use_) = match fs::read_link(&next) {
                // Not a symlink; for the last part of a file's path this is the end of the way.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                    if todo.is_empty() && !is_dir {
                        let (want, use_) = entry(Want::Files);
                        refuse_remote(&cur)?;
                        return self.watch(queue, &cur, want, use_);
                    }
                    let step = if todo.is_empty() {
                        refuse_remote(&next)?;
                        self.watch(queue, &next, Want::Files, Use::Files(whom.place))
                    } else {
                        self.watch(queue, &next, Want::Itself, Use::Way(whom.clone()))
                    };
                    match step {
                        Ok(()) => {
                            cur = next;
                            continue;
                        }
                        // Without the right to list a directory on the way (/home, 0711) its
                        // removal is not seen; that is no reason to poll what is below.
                        Err(e)
                            if e.kind() == io::ErrorKind::PermissionDenied && !todo.is_empty() =>
                        {
                            cur = next;
                            continue;
                        }
                        Err(e) if is_missing(&e) => entry(Want::Entries),
                        Err(e) => return Err(e),
                    }
                }
                Ok(_) => entry(Want::Entries),
                Err(e) if is_missing(&e) => entry(Want::Entries),
                Err(e) => return Err(e),
            };
            self.watch(queue, &cur, want, use_)?;
            // Watched; now it counts.
            match fs::read_link(&next) {
                Ok(target) => {
                    if target.is_absolute() {
                        cur = PathBuf::from("/");
                    }
                    push_components(&mut todo, &target);
                }
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                    let need_dir = is_dir || !todo.is_empty();
                    if need_dir && fs::symlink_metadata(&next).is_ok_and(|m| !m.is_dir()) {
                        // A file where a directory should be, which is waited for.
                        return Ok(());
                    }
                    todo.push(name);
                }
                Err(e) if is_missing(&e) => return Ok(()),
                Err(e) => return Err(e),
            }
            steps += 1;
            if steps > MAX_STEPS {
                return Err(io::Error::other("too many symlinks on the way"));
            }
        }
        Ok(())
    }
}

/// The parts of a path, the last one first.
fn push_components(todo: &mut Vec<OsString>, path: &Path) {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    todo.extend(parts);
}

/// The symlinks in a directory; `None` when it cannot be listed.
fn list_links(dir: &Path) -> Option<Vec<OsString>> {
    let mut links = Vec::new();
    for entry in fs::read_dir(dir).ok()? {
        let entry = entry.ok()?;
        if entry.file_type().ok()?.is_symlink() {
            links.push(entry.file_name());
        }
    }
    Some(links)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn refuse_remote(dir: &Path) -> io::Result<()> {
    if sys::is_remote(dir) {
        return Err(io::Error::other("a network or user-space file system"));
    }
    Ok(())
}
