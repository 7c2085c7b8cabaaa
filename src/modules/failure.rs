//! Versions that could not be applied, and what would have to change before they are tried again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::{self, Look, Stamp};
use crate::text;

/// A version that was tried and could not be applied.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Fingerprint of the bytes.
    pub print: u128,
    /// When its file was written, where another save of the same bytes is to try them again.
    pub saved: Option<Stamp>,
    /// What was said about it.
    pub error: String,
    /// It failed because a module could not be imported, which may appear without this file
    /// changing.
    pub import: bool,
    /// What it was tried with.
    pub attempt: Arc<Attempt>,
}

impl PartialEq for Failure {
    /// Whether there is nothing to say that was not said.
    fn eq(&self, other: &Self) -> bool {
        let prints = |failure: &Self| -> Vec<u128> {
            let beside = failure.attempt.beside.iter();
            beside.map(|file| file.print).collect()
        };
        self.print == other.print
            && self.import == other.import
            && self.error == other.error
            && prints(self) == prints(other)
    }
}

impl Failure {
    /// Whether trying this version again would only fail again.
    pub fn stands(&self, version: &super::Version) -> bool {
        self.print == version.print()
            && !self.import
            && !self.attempt.over.load(Ordering::Relaxed)
            && (self.saved.is_none() || self.saved == version.look.stamp)
            && self.attempt.beside.iter().all(Beside::is_same)
    }
}

/// What the modules of one unit that failed have in common.
#[derive(Debug, Default)]
pub struct Attempt {
    /// One of them has its old text again: the others may do without it.
    over: AtomicBool,
    /// Files of modules that it imported, or tried to, and that nobody tracks.
    beside: Vec<Beside>,
}

impl Attempt {
    /// One that had to do with these files.
    pub fn with(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            over: AtomicBool::new(false),
            beside: files.into_iter().map(Beside::of).collect(),
        }
    }

    /// One of its modules goes another way.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A file as it was when something failed.
#[derive(Debug)]
struct Beside {
    path: PathBuf,
    look: Look,
    print: u128,
}

impl Beside {
    fn of(path: PathBuf) -> Self {
        let look = Look::at(&path);
        let print = print_of(&path);
        Self { path, look, print }
    }

    fn is_same(&self) -> bool {
        Look::at(&self.path).proves_same_as(&self.look) || print_of(&self.path) == self.print
    }
}

/// The fingerprint of what a file has now; of none where it cannot be read.
fn print_of(path: &std::path::Path) -> u128 {
    files::read(path).map_or(0, |(bytes, _)| text::fingerprint(&bytes))
}
