//! Which statements of a module deal with a name: what a plan asks, so that it need not look at
//! all of them.
//!
//! Answers may name too many statements, never too few: names are told apart by a hash alone,
//! and a statement that was edited since the index was made is answered for by what it was and
//! by what it is.

use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::{Kind, Row, Statement, Uses};

/// How many statements may have changed before all are indexed anew.
const STALE: usize = 32;

/// Which statements deal with which names.
#[derive(Debug, Clone)]
pub struct Index {
    made: Arc<Made>,
    /// Statements that are not as they were when it was made.
    stale: Vec<u32>,
}

/// What stands in the bodies of classes, by the hashes of names.
#[derive(Debug, Default)]
pub struct Members {
    all: FxHashSet<u64>,
    /// Those that calls have made: they may be descriptors.
    made: FxHashSet<u64>,
}

impl Members {
    fn add(&mut self, statement: &Statement) {
        for inner in &statement.body {
            if !inner.name.is_empty() {
                let name = hash(&inner.name);
                self.all.insert(name);
                if inner.kind == Kind::Assign && !inner.applied.is_empty() {
                    self.made.insert(name);
                }
            }
            self.add(inner);
        }
    }

    /// Whether anything may be under this name, in whatever class.
    pub fn has(&self, name: &str) -> bool {
        self.all.contains(&hash(name))
    }

    /// Whether a call may have made it.
    pub fn has_made(&self, name: &str) -> bool {
        self.made.contains(&hash(name))
    }
}

#[derive(Debug, Default)]
struct Made {
    now: Names,
    later: Names,
    /// As `later`, of statements that bind or change a name that is `live`.
    live_later: Names,
    writers: Names,
    importing: Vec<u32>,
    /// Statements such as `M = L`, `M = D["a"]`.
    renaming: Vec<u32>,
    /// The hashes of names whose objects import-time code may use, itself or by what it calls, and
    /// of those that something may have wrapped.
    live: FxHashSet<u64>,
    members: Members,
    /// Some statement wraps something: see `wraps`.
    wraps: bool,
}

/// For each name a list of places, in `links`, the last one first.
#[derive(Debug, Default)]
struct Names {
    last: FxHashMap<u64, u32>,
    links: Vec<(u32, u32)>,
}

const END: u32 = u32::MAX;

impl Names {
    fn add(&mut self, name: &str, place: u32) {
        let next = u32::try_from(self.links.len()).unwrap_or(END);
        let last = self.last.entry(hash(name)).or_insert(END);
        if *last != END && self.links[*last as usize].0 == place {
            return;
        }
        self.links.push((place, *last));
        *last = next;
    }

    fn of(&self, name: &str) -> impl Iterator<Item = u32> {
        self.of_hash(hash(name))
    }

    fn of_hash(&self, name: u64) -> impl Iterator<Item = u32> {
        let mut at = self.last.get(&name).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let (place, next) = *self.links.get(at as usize)?;
            at = next;
            Some(place)
        })
    }
}

/// The hash of a name.
pub fn hash(name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(name.as_bytes());
    hasher.finish()
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// The names that some code reads or calls.
fn read(uses: &Uses) -> impl Iterator<Item = &str> {
    uses.reads.iter().chain(&uses.calls).map(|path| root(path))
}

/// The names that functions defined by a statement deal with when they are called.
fn later(statement: &Statement) -> impl Iterator<Item = &str> {
    let uses = &statement.later;
    let written = uses.mutates.iter().chain(&uses.global_writes);
    read(uses).chain(written.map(String::as_str))
}

/// The names that a statement binds, deletes or changes in place when it runs.
fn written(statement: &Statement) -> impl Iterator<Item = &str> {
    let uses = &statement.uses;
    let names = uses.binds.iter().chain(&uses.deletes).chain(&uses.mutates);
    names.chain(&uses.global_writes).map(String::as_str)
}

impl Index {
    pub(super) fn of(body: &Row) -> Self {
        let mut made = Made::default();
        for (place, statement) in (0_u32..).zip(body) {
            read(&statement.uses).for_each(|name| made.now.add(name, place));
            later(statement).for_each(|name| made.later.add(name, place));
            written(statement).for_each(|name| made.writers.add(name, place));
            if imports(statement) {
                made.importing.push(place);
            }
            if statement.given_of().is_some() {
                made.renaming.push(place);
            }
            made.members.add(statement);
            made.wraps |= wraps(statement);
        }
        made.find_live(body);
        Self {
            made: Arc::new(made),
            stale: Vec::new(),
        }
    }

    /// The index of a body in which the statements at these places are others. `None` when it is
    /// time to make it anew.
    pub(super) fn with(&self, body: &Row, places: Range<usize>) -> Option<Self> {
        let mut stale = self.stale.clone();
        for place in places {
            let place = u32::try_from(place).ok()?;
            if !stale.contains(&place) {
                stale.push(place);
            }
        }
        (stale.len() <= STALE && body.len() < END as usize).then(|| Self {
            made: Arc::clone(&self.made),
            stale,
        })
    }

    fn places<'a, I: Iterator<Item = &'a str>>(
        &self,
        names: &Names,
        body: &'a Row,
        name: &str,
        of: impl Fn(&'a Statement) -> I,
    ) -> Vec<usize> {
        let mut out: Vec<usize> = names.of(name).map(|place| place as usize).collect();
        for &place in &self.stale {
            if of(&body[place as usize]).any(|n| n == name) {
                out.push(place as usize);
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Statements that read a name when they run.
    pub fn readers(&self, body: &Row, name: &str) -> Vec<usize> {
        self.places(&self.made.now, body, name, |s| read(&s.uses))
    }

    /// Statements that define functions which read or change a name when they are called.
    pub fn later(&self, body: &Row, name: &str) -> Vec<usize> {
        self.places(&self.made.later, body, name, later)
    }

    /// Whether so many statements do: one that is another since the index was made may count twice.
    pub fn has_later(&self, body: &Row, name: &str, so_many: usize) -> bool {
        let stale = self.stale.iter().map(|place| &body[*place as usize]);
        let stale = stale.filter(|statement| later(statement).any(|n| n == name));
        let known = self.made.later.of(name).map(|_| ());
        known
            .chain(stale.map(|_| ()))
            .nth(so_many.saturating_sub(1))
            .is_some()
    }

    /// Of those, the ones whose functions may be called while the module is imported, and those
    /// that may remember what they gave: a constant may have thousands of readers that are neither.
    pub fn live_later(&self, body: &Row, name: &str) -> Vec<usize> {
        if self
            .stale
            .iter()
            .any(|at| !self.settled(&body[*at as usize]))
        {
            return self.later(body, name);
        }
        self.places(&self.made.live_later, body, name, later)
    }

    /// Whether a statement makes no name live that was not so when the index was made.
    fn settled(&self, statement: &Statement) -> bool {
        let known = |name: &str| {
            let name = hash(name);
            self.made.live.contains(&name) || !self.made.writers.last.contains_key(&name)
        };
        read(&statement.uses).all(known)
            && (!wraps(statement) || written(statement).all(known))
            && (!written(statement).any(|n| self.made.live.contains(&hash(n)))
                || later(statement).all(known))
    }

    /// Statements that bind, delete or change a name when they run.
    pub fn writers(&self, body: &Row, name: &str) -> Vec<usize> {
        self.places(&self.made.writers, body, name, written)
    }

    /// Whether something in the module may have wrapped a function.
    pub fn wraps_any(&self, body: &Row) -> bool {
        let stale = || self.stale.iter().map(|place| &body[*place as usize]);
        self.made.wraps || stale().any(wraps)
    }

    /// What stands in classes: when the index was made, and in statements that are others since.
    pub fn members(&self, body: &Row) -> (&Members, Members) {
        let mut stale = Members::default();
        for &place in &self.stale {
            stale.add(&body[place as usize]);
        }
        (&self.made.members, stale)
    }

    /// Statements that import something.
    pub fn importing(&self, body: &Row) -> Vec<usize> {
        self.such(&self.made.importing, |place| imports(&body[place]))
    }

    /// Statements that give names what another name is bound to, or what is in that: `M = L`.
    pub fn renaming(&self, body: &Row) -> Vec<usize> {
        self.such(&self.made.renaming, |place| {
            body[place].given_of().is_some()
        })
    }

    fn such(&self, made: &[u32], is: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut out: Vec<usize> = made.iter().map(|p| *p as usize).collect();
        let stale = self.stale.iter().map(|place| *place as usize);
        out.extend(stale.filter(|place| is(*place)));
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl Made {
    fn find_live(&mut self, body: &Row) {
        let mut todo: Vec<u64> = Vec::new();
        for statement in body {
            todo.extend(read(&statement.uses).map(hash));
            if wraps(statement) {
                todo.extend(written(statement).map(hash));
            }
        }
        while let Some(name) = todo.pop() {
            if self.live.insert(name) {
                for place in self.writers.of_hash(name) {
                    todo.extend(later(&body[place as usize]).map(hash));
                }
            }
        }
        for (place, statement) in (0_u32..).zip(body) {
            if written(statement).any(|name| self.live.contains(&hash(name))) {
                later(statement).for_each(|name| self.live_later.add(name, place));
            }
        }
    }
}

/// Whether something in a statement may have wrapped a function: it may have results in store.
fn wraps(statement: &Statement) -> bool {
    statement.decorators != 0
        || statement.kind == Kind::Assign && !statement.later.reads.is_empty()
        || statement.body.iter().any(wraps)
}

/// Imports in the bodies of classes count.
fn imports(statement: &Statement) -> bool {
    !statement.imports.is_empty() || statement.body.iter().any(imports)
}
