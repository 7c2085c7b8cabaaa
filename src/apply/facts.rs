//! What came of bringing a module up to date, for those who import it and for the report.

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use crate::plan::Dirty;
use crate::report;

/// A name, what it was bound to, and what it is bound to now.
pub type Rebound<'py> = (String, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// What came of it.
#[derive(Clone, Default)]
pub struct Facts<'py> {
    /// Names that are bound to another object now: name, old, new.
    pub rebound: Vec<Rebound<'py>>,
    /// What differs, in paths relative to the module.
    pub dirty: Dirty,
    /// For the report.
    pub changes: Vec<report::Change>,
    /// A statement of the module ran.
    pub executed: bool,
    /// Names that another module has set, which is named too, and that had been what the module itself
    /// had made them: who took them before keeps what it took.
    pub set: Vec<(String, String)>,
}

impl<'py> Facts<'py> {
    /// Of a name that several statements bound one after the other, what it was before the first
    /// and is after the last.
    pub(super) fn settle(&mut self) {
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        let mut settled: Vec<Rebound<'py>> = Vec::with_capacity(self.rebound.len());
        for (name, old, new) in self.rebound.drain(..) {
            match places.get(&name) {
                Some(at) => settled[*at].2 = new,
                None => {
                    places.insert(name.clone(), settled.len());
                    settled.push((name, old, new));
                }
            }
        }
        self.rebound = settled;
    }

    /// Facts of a second round: of a name that was bound twice, the last value counts, for those who
    /// have the first one and for those who have got to know the one in between.
    pub fn join(&mut self, mut later: Self) {
        for (name, old, new) in later.rebound.drain(..) {
            for entry in self.rebound.iter_mut().filter(|(n, ..)| *n == name) {
                entry.2 = new.clone();
            }
            self.rebound.push((name, old, new));
        }
        self.dirty.append(&mut later.dirty);
        self.set.append(&mut later.set);
    }
}
