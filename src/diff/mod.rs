//! Outline against outline: what became of each statement.

use crate::outline::{Kind, Outline, Statement};

mod matching;
mod order;

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
}

/// The comparison of two bodies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// One entry for each new statement, in source order.
    pub items: Vec<Change>,
    /// Indices of old statements without a partner.
    pub removed: Vec<usize>,
}

/// Compares two outlines of one module. Takes time in proportion to the statements (times the
/// logarithm of their number), whatever the edit was.
pub fn compare(old: &Outline, new: &Outline) -> Changes {
    bodies(&old.body, &new.body)
}

/// Compares two bodies.
fn bodies(old: &[Statement], new: &[Statement]) -> Changes {
    let partners = matching::partners(old, new);
    let mut kept = vec![false; old.len()];
    let mut items = Vec::with_capacity(new.len());
    for (index, (statement, partner)) in new.iter().zip(partners).enumerate() {
        let what = match partner {
            Some(at) => {
                kept[at] = true;
                what_became(&old[at], statement)
            }
            None => What::Added,
        };
        items.push(Change {
            new: index,
            old: partner,
            what,
        });
    }
    let removed = (0..old.len()).filter(|index| !kept[*index]).collect();
    Changes { items, removed }
}

fn what_became(old: &Statement, new: &Statement) -> What {
    if old.print == new.print {
        return What::Same;
    }
    let same_header = old.header == new.header;
    match new.kind {
        Kind::Function if same_header => What::Body,
        Kind::Function => What::Header(None),
        Kind::Class if same_header => What::Inner(bodies(&old.body, &new.body)),
        Kind::Class => What::Header(Some(bodies(&old.body, &new.body))),
        Kind::Compound | Kind::MainGuard if same_header => {
            What::Inner(bodies(&old.body, &new.body))
        }
        _ => What::Changed,
    }
}

impl Changes {
    /// Nothing changed but, perhaps, positions and the order of statements.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.items.iter().all(|change| change.what == What::Same)
    }
}

/// The comparison of an outline with itself.
pub fn unchanged(outline: &Outline) -> Changes {
    let same = |at| Change {
        new: at,
        old: Some(at),
        what: What::Same,
    };
    Changes {
        items: (0..outline.body.len()).map(same).collect(),
        removed: Vec::new(),
    }
}
