//! What a check found and did, as plain data. No Python object in it.

use std::sync::Arc;

use serde::Serialize;

mod render;

/// What became of one module in one check. Values are those of `pyreload_outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Patched = 1,
    Executed = 2,
    Reloaded = 3,
    Unchanged = 4,
    Failed = 5,
    Deferred = 6,
    Skipped = 7,
}

/// Why a module is in a report. Values are those of `pyreload_cause`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    Source = 1,
    Dependency = 2,
    Request = 3,
}

/// What kind of thing changed. Values are those of `pyreload_change_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Function = 1,
    Class = 2,
    Variable = 3,
    Import = 4,
    Statement = 5,
}

/// What was done about it. Values are those of `pyreload_action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Added = 1,
    Updated = 2,
    Rebound = 3,
    Removed = 4,
    Executed = 5,
    /// It could not be done in place, or not at all: the reason says what stays old.
    Kept = 6,
}

/// A text that many modules have in common: of thousands that a change is passed on to, each has
/// the same reason.
pub type Text = Arc<str>;

/// One change inside one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub kind: ChangeKind,
    pub action: Action,
    /// Qualified name (`Rect.area`); for a statement its first line.
    pub name: Text,
    /// First line in the new source, from 1; in the old one when removed.
    pub line: u32,
    /// Why it was done, in a clause: "reads X, which changed on line 3". May be empty.
    pub reason: Text,
}

/// The part of a report about one module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleReport {
    pub name: Text,
    pub path: Text,
    pub outcome: Outcome,
    pub cause: Cause,
    pub error: Option<String>,
    pub traceback: Option<String>,
    pub error_line: u32,
    pub changes: Vec<Change>,
    /// Sentences a person should read: fallbacks taken, what needs a restart, and why.
    pub notes: Vec<String>,
}

/// What one check found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    pub modules: Vec<ModuleReport>,
    pub dry_run: bool,
    pub duration_ns: u64,
}
