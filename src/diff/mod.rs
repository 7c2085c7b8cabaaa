//! Outline against outline: what became of each statement.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::outline::{Kind, Outline, Statement};

mod context;
mod matching;
mod order;

pub use context::{Doubts, doubts};

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing but, perhaps, its position (compare the spans).
    Same,
    /// A function whose header is the same and whose body differs.
    Body,
    /// A class (same header) whose body differs, or a compound of which only function
    /// bodies differ: the comparison of its parts (`Statement::body`).
    Inner(Changes),
    /// A function or class whose header differs. For a class also the comparison of its body.
    Header(Option<Changes>),
    /// Any other statement: its text differs.
    Changed,
    /// It is new.
    Added,
}

/// One statement of the new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its index in the new body.
    pub new: usize,
    /// Its partner in the old body; `None` when added.
    pub old: Option<usize>,
    /// What became of it.
    pub what: What,
    /// It is a function of which nothing but annotations differ: `What::Body` or `What::Header`.
    pub hints: bool,
}

/// The comparison of two bodies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// One entry for each new statement, in source order; but none for those that both outlines
    /// share at their beginnings, in the same place, and at their ends, perhaps in another (`at`
    /// speaks of those too).
    pub items: Vec<Change>,
    /// Indices of old statements without a partner.
    pub removed: Vec<usize>,
    /// Of the body of a statement: names that the old one bound and the new one does not.
    pub gone: Vec<String>,
    /// How many statements are shared at the beginning.
    before: usize,
    /// How many statements there are.
    count: usize,
    /// How many there were.
    old_count: usize,
}

/// Compares two outlines of one module. Takes time in proportion to the statements that they do
/// not share (times the logarithm of their number), whatever the edit was.
pub fn compare(old: &Outline, new: &Outline) -> Changes {
    // Those after the edit may be shared as well, but stand elsewhere.
    let (before, after) = new.shared_with(old);
    let (old, new) = (&old.body, &new.body);
    let olds = old.range(before..old.len() - after);
    let news = new.range(before..new.len() - after);
    let middle = bodies(&olds.collect::<Vec<_>>(), &news.collect::<Vec<_>>());
    let items = middle.items.into_iter().map(|change| Change {
        new: before + change.new,
        old: change.old.map(|at| before + at),
        what: change.what,
        hints: change.hints,
    });
    Changes {
        items: items.collect(),
        removed: middle.removed.iter().map(|at| before + at).collect(),
        gone: Vec::new(),
        before,
        count: new.len(),
        old_count: old.len(),
    }
}

/// Compares the bodies of two statements.
fn insides(old: &Statement, new: &Statement) -> Changes {
    let (before, after) = (old.body.iter(), new.body.iter());
    let mut changes = bodies(&before.collect::<Vec<_>>(), &after.collect::<Vec<_>>());
    let names = |statement: &Statement| -> BTreeSet<String> {
        let binds = statement.body.iter().flat_map(|part| &part.uses.binds);
        binds.cloned().collect()
    };
    changes.gone = names(old).difference(&names(new)).cloned().collect();
    changes
}

/// Compares two bodies.
fn bodies(old: &[&Statement], new: &[&Statement]) -> Changes {
    let partners = matching::partners(old, new);
    let mut kept = vec![false; old.len()];
    let mut items = Vec::with_capacity(new.len());
    for (index, (statement, partner)) in new.iter().zip(partners).enumerate() {
        let (what, hints) = match partner {
            Some(at) => {
                kept[at] = true;
                let what = what_became(old[at], statement);
                let function = matches!(what, What::Body | What::Header(None));
                (what, function && statement.differs_in_hints(old[at]))
            }
            None => (What::Added, false),
        };
        items.push(Change {
            new: index,
            old: partner,
            what,
            hints,
        });
    }
    let removed = (0..old.len()).filter(|index| !kept[*index]).collect();
    Changes {
        items,
        removed,
        gone: Vec::new(),
        before: 0,
        count: new.len(),
        old_count: old.len(),
    }
}

fn what_became(old: &Statement, new: &Statement) -> What {
    if old.print == new.print {
        return What::Same;
    }
    let same_header = old.header == new.header;
    match new.kind {
        Kind::Function if same_header => What::Body,
        Kind::Function => What::Header(None),
        Kind::Class if same_header => What::Inner(insides(old, new)),
        Kind::Class => What::Header(Some(insides(old, new))),
        Kind::Compound | Kind::MainGuard if same_header => What::Inner(insides(old, new)),
        _ => What::Changed,
    }
}

impl Changes {
    /// The partner of a new statement, and what became of it.
    pub fn at(&self, new: usize) -> (Option<usize>, &What) {
        if new < self.before {
            return (Some(new), &What::Same);
        }
        match self.items.get(new - self.before) {
            Some(change) => (change.old, &change.what),
            // `count` and `old_count` differ by what came and went before it.
            None => ((new + self.old_count).checked_sub(self.count), &What::Same),
        }
    }

    /// Whether a new statement is a function that differs from its partner in annotations alone.
    pub fn hints(&self, new: usize) -> bool {
        let at = new.checked_sub(self.before);
        at.and_then(|at| self.items.get(at))
            .is_some_and(|change| change.hints)
    }

    /// The new statements that have a partner, each with it.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).filter_map(|new| Some((self.at(new).0?, new)))
    }

    /// The new statement whose partner this old one is.
    pub fn new_of(&self, old: usize) -> Option<usize> {
        if old < self.before {
            return Some(old);
        }
        let after = self.count - self.before - self.items.len();
        if old + after >= self.old_count {
            return (old + self.count).checked_sub(self.old_count);
        }
        let found = self.items.iter().find(|change| change.old == Some(old));
        found.map(|change| change.new)
    }

    /// New statements that stand elsewhere among the others than their partners did: as few as say so.
    pub fn moved(&self) -> Vec<usize> {
        let paired = self.items.iter().filter_map(|c| Some((c.old?, c.new)));
        let (olds, news): (Vec<usize>, Vec<usize>) = paired.unzip();
        if olds.is_sorted() {
            return Vec::new();
        }
        let stay = order::rising(&olds);
        let mut stay = stay.into_iter().peekable();
        let places = news.into_iter().enumerate();
        let moved = places.filter(|(at, _)| stay.next_if_eq(at).is_none());
        moved.map(|(_, new)| new).collect()
    }

    /// Whether definitions that were there are gone, or others stand in their places or inside of them: what
    /// functions did they may do no more.
    pub fn edits_definitions(&self) -> bool {
        let edits = |c: &Change| matches!(c.what, What::Body | What::Inner(_) | What::Header(_));
        !self.removed.is_empty() || self.items.iter().any(edits)
    }

    /// The stretches of new statements within which some stand in another order than before.
    pub fn crossed(&self) -> Vec<RangeInclusive<usize>> {
        let paired: Vec<(usize, usize)> = self
            .items
            .iter()
            .filter_map(|c| Some((c.old?, c.new)))
            .collect();
        // What is still to come, seen from each place.
        let mut lowest = vec![usize::MAX; paired.len() + 1];
        for (at, (old, _)) in paired.iter().enumerate().rev() {
            lowest[at] = lowest[at + 1].min(*old);
        }
        let (mut out, mut highest, mut first) = (Vec::new(), 0, 0);
        for (at, (old, new)) in paired.iter().enumerate() {
            highest = highest.max(*old);
            if highest < lowest[at + 1] {
                if first < at {
                    out.push(paired[first].1..=*new);
                }
                first = at + 1;
            }
        }
        out
    }

    /// How many statements both share at their beginnings.
    pub fn shared_begin(&self) -> usize {
        self.before
    }

    /// Where the statements that both share at their ends begin, in the new text.
    pub fn shared_end(&self) -> usize {
        self.before + self.items.len()
    }

    /// Nothing changed but, perhaps, positions and the order of statements.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.items.iter().all(|change| change.what == What::Same)
    }
}

/// The comparison of an outline with itself.
pub fn unchanged(outline: &Outline) -> Changes {
    Changes {
        items: Vec::new(),
        removed: Vec::new(),
        gone: Vec::new(),
        before: outline.body.len(),
        count: outline.body.len(),
        old_count: outline.body.len(),
    }
}
