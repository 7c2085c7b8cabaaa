//! Outline against outline: what became of each statement.

use crate::outline::Outline;

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

/// Compares two outlines of one module.
pub fn compare(_old: &Outline, _new: &Outline) -> Changes {
    Changes::default()
}
