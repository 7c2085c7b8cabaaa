//! Questions about what functions do that are answered: the same are asked for one statement after
//! the other.

use std::cell::RefMut;
use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Dirty, Functions};

/// So many calls and members are asked about for what functions do with what they are given, in one
/// plan or while it is applied. Where hundreds of classes and functions deal with each other there is
/// no end to it: then it is as if nothing were known of what functions are given, and a note says so.
pub(super) const BUDGET: u32 = 100_000;

/// What is known while no more differs: of plain questions, and of those that also ask what functions
/// do with what they are given.
#[derive(Default)]
pub(super) struct Settled {
    stamp: u64,
    /// Calls, as `differs_on` asks about them, that do what they did.
    same: [FxHashSet<String>; 2],
    /// Paths at which nothing has another value.
    valued: [FxHashSet<String>; 2],
    /// Whether anything at a path, or in it, may act differently.
    within: FxHashMap<String, bool>,
}

impl Functions<'_> {
    /// What is known while no more differs, but for names that nothing reads.
    fn settled(&self, dirty: &Dirty) -> RefMut<'_, Settled> {
        let mut settled = self.settled.borrow_mut();
        let stamp = dirty.stamp();
        if settled.stamp != stamp {
            let (index, body) = (self.outline().index(), &self.outline().body);
            // Methods read their class by `self` and `cls`.
            let read = |name: &str| {
                name.is_empty()
                    || index.has_later(name, 1)
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
    pub(super) fn all_same(&self, seen: BTreeSet<String>, dirty: &Dirty) {
        let deep = usize::from(self.deep.get());
        if deep == 0 || !self.gave_up() {
            self.settled(dirty).same[deep].extend(seen);
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
