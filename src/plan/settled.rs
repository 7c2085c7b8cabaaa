//! Questions about what functions do that are answered: the same are asked for one statement after
//! the other.

use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefMut;

use super::given::GIVEN;
use super::remade::MADE;
use super::{Dirty, Functions, root};
use crate::outline::{Members, Uses};

/// So many calls and members are asked about for what functions do with what they are given, in one
/// plan or while it is applied. Where hundreds of classes and functions deal with each other there is
/// no end to it: then it is as if nothing were known of what functions are given, and a note says so.
pub(super) const BUDGET: u32 = 100_000;

/// What was asked about for one question.
#[derive(Default)]
pub(super) struct Seen {
    /// Calls, as `differs_on` asks about them.
    calls: FxHashSet<String>,
    /// Members of what is at paths, by their numbers.
    members: FxHashSet<Member>,
    /// Bodies, by their addresses, that do with what they have at hand what they did.
    bodies: FxHashSet<usize>,
}

/// A path and a name of something there, by their numbers: thousands of them are asked about again and
/// again.
pub(super) type Member = (u32, u32);

impl Seen {
    /// Whether a call was not asked about before.
    pub fn insert(&mut self, asked: &str) -> bool {
        !self.calls.contains(asked) && self.calls.insert(asked.to_owned())
    }
}

/// What is known while no more differs: of plain questions, and of those that also ask what functions
/// do with what they are given.
#[derive(Default)]
pub(super) struct Settled {
    stamp: u64,
    /// Calls, as `differs_on` asks about them, that do what they did.
    same: [FxHashSet<String>; 2],
    /// Members that do what they did, and have the value that they had.
    members: [FxHashSet<Member>; 2],
    bodies: FxHashSet<usize>,
    /// Paths at which nothing has another value.
    valued: [FxHashSet<String>; 2],
    /// Whether anything at a path, or in it, may act differently.
    within: FxHashMap<String, bool>,
}

impl<'a> Functions<'a> {
    /// What is known while no more differs, but for names that nothing reads.
    fn settled(&self, dirty: &Dirty) -> RefMut<'_, Settled> {
        let mut settled = self.settled.borrow_mut();
        let stamp = dirty.stamp();
        if settled.stamp != stamp {
            let (index, body) = (self.outline().index(), &self.outline().body);
            // Methods read their class by `self` and `cls`.
            let read = |name: &str| {
                name.is_empty()
                    || index.has_later(body, name, 1)
                    || index.has_later(body, "globals", 1)
                    || !index.readers(body, name).is_empty()
                    || self.defines_class(name)
            };
            let matters = dirty
                .news(settled.stamp)
                .is_none_or(|mut news| news.any(read));
            if matters {
                *settled = Settled::default();
            }
            settled.stamp = stamp;
        }
        settled
    }

    /// One thing more is asked about; false when that was enough.
    pub(super) fn may_ask(&self) -> bool {
        if !self.deep.get() {
            return true;
        }
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether more would have been asked.
    pub fn gave_up(&self) -> bool {
        self.budget.get() == 0
    }

    /// Whether a call is known to do what it did.
    pub(super) fn is_same(&self, asked: &str, dirty: &Dirty) -> bool {
        let deep = usize::from(self.deep.get());
        self.settled(dirty).same[deep].contains(asked)
    }

    /// None of all that was asked about for one question acts differently.
    pub(super) fn all_same(&self, seen: Seen, dirty: &Dirty) {
        let deep = usize::from(self.deep.get());
        // In the middle of asking what a descriptor gives, that is taken to be the same.
        let whole = self.asking.borrow().is_empty();
        if whole && !seen.calls.is_empty() && (deep == 0 || !self.gave_up()) {
            let mut settled = self.settled(dirty);
            settled.same[deep].extend(seen.calls);
            settled.members[deep].extend(seen.members);
            settled.bodies.extend(seen.bodies);
        }
    }

    /// The number of a path or name.
    pub(super) fn number(&self, name: &str) -> u32 {
        if let Some(known) = self.numbers.borrow().get(name) {
            return *known;
        }
        let mut numbers = self.numbers.borrow_mut();
        let number = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbers.insert(name.to_owned(), number);
        number
    }

    /// Whether a member is still to be asked about.
    pub(super) fn is_new(&self, member: Member, dirty: &Dirty, seen: &mut Seen) -> bool {
        let deep = usize::from(self.deep.get());
        !self.settled(dirty).members[deep].contains(&member) && seen.members.insert(member)
    }

    /// Why what a body of the module has at hand acts differently when what it calls deals with that: a
    /// method is asked once for all classes that have it from a base.
    pub(super) fn body_given_differs(
        &self,
        uses: &'a Uses,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        if !self.deep.get() {
            return None;
        }
        let body = std::ptr::from_ref(uses).addr();
        if self.settled(dirty).bodies.contains(&body) || !seen.bodies.insert(body) {
            return None;
        }
        self.given_differs((uses, None), false, dirty, seen)
    }

    /// Why calling a path is something else now, as a question of its own.
    pub(super) fn differs_alone(&self, path: &str, dirty: &Dirty) -> Option<String> {
        let mut seen = Seen::default();
        let why = self.differs(path, dirty, &mut seen);
        if why.is_none() {
            self.all_same(seen, dirty);
        }
        why
    }

    /// Whether the attribute or method at this path gives something else than it did.
    pub fn gives_other(&self, path: &str, dirty: &Dirty) -> bool {
        self.value_differs_once(path, dirty).is_some() || self.differs_alone(path, dirty).is_some()
    }

    fn members(&self) -> &(&Members, Members) {
        let outline = self.outline();
        self.members
            .get_or_init(|| outline.index().members(&outline.body))
    }

    /// Whether anything in the body of some class may be under this name.
    pub(super) fn may_stand_in_class(&self, member: &str) -> bool {
        let (then, since) = self.members();
        then.has(member) || since.has(member)
    }

    /// Whether a descriptor may be under this name in some class.
    pub(super) fn may_be_described(&self, member: &str) -> bool {
        let (then, since) = self.members();
        then.has_made(member) || since.has_made(member)
    }

    /// Whether an attribute of this name may be something else, of whatever it is one: by what stands
    /// in classes, and by what differs.
    pub(super) fn may_differ(&self, member: &str, dirty: &Dirty) -> bool {
        self.may_stand_in_class(member)
            || dirty.mentions(member)
            || dirty.mentions(MADE)
            || self.may_stand_in_class("__getattr__")
            || self.deep.get() && dirty.mentions(&GIVEN[1..])
    }

    /// Whether nothing is known of what is at a path, but for what `dirty` itself says of it.
    pub(super) fn is_nothing(&self, path: &str, dirty: &Dirty) -> bool {
        if path.contains('(') {
            return false;
        }
        match path.rsplit_once('.') {
            Some((_, member)) => self.is_unknown(root(path)) || !self.may_differ(member, dirty),
            None => !self.deep.get() && self.is_unknown(path),
        }
    }

    /// Why what is at a path has another value, asked once.
    pub(super) fn value_differs_once(&self, path: &str, dirty: &Dirty) -> Option<String> {
        let deep = usize::from(self.deep.get());
        if self.settled(dirty).valued[deep].contains(path) {
            return None;
        }
        let why = self.value_differs(path, dirty);
        if why.is_none() {
            self.settled(dirty).valued[deep].insert(path.to_owned());
        }
        why
    }

    /// Whether anything at a path, or in it, may act differently, asked once.
    pub(super) fn within_once(
        &self,
        path: &str,
        dirty: &Dirty,
        ask: impl FnOnce() -> bool,
    ) -> bool {
        let known = self.settled(dirty).within.get(path).copied();
        known.unwrap_or_else(|| {
            let found = ask();
            self.settled(dirty).within.insert(path.to_owned(), found);
            found
        })
    }
}
