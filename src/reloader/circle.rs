//! Modules that import each other, in the middle of what they do.
//!
//! Most often an order is found in which each comes after those it imports. A package that binds a
//! name, imports a module that takes that name, and takes another one from it in turn, has none: there
//! a fresh import runs the one while the other waits at its import statement, and so do we when no
//! other order will do.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fed::Fed;
use super::passing::News;
use super::unit::{Failed, Unit};
use crate::apply::{Facts, Work, text};
use crate::modules::resolve;
use crate::outline::Statement;
use crate::report::ModuleReport;

/// How far a unit has come.
pub(super) struct Progress<'py> {
    /// What the modules that were worked on have to say to others.
    pub facts: HashMap<String, Rc<Facts<'py>>>,
    /// Containers that modules have filled in others.
    pub fed: Vec<Fed>,
    /// How many of those have been told to modules outside of the order.
    pub told: usize,
    /// As the order.
    pub reports: Vec<Option<ModuleReport>>,
    /// Of modules outside of it.
    pub outside: Vec<ModuleReport>,
    /// What each module has seen of the facts of the others.
    pub seen: HashMap<String, usize>,
    pub stamp: usize,
    pub stamps: HashMap<String, usize>,
    /// The dicts of modules that were edited.
    pub reloaded: Vec<Bound<'py, PyDict>>,
    pub news: News<'py>,
    /// Edited modules that were begun with, and those that were done with.
    pub begun: BTreeSet<String>,
    pub done: BTreeSet<String>,
    /// Something has changed in this round.
    pub moved: bool,
    /// The module that failed while another one waited for it.
    inner: Option<Failed>,
}

impl<'py> Progress<'py> {
    pub fn new(count: usize, news: News<'py>) -> Self {
        Self {
            facts: HashMap::new(),
            fed: Vec::new(),
            told: 0,
            outside: Vec::new(),
            reports: (0..count).map(|_| None).collect(),
            seen: HashMap::new(),
            stamp: 0,
            stamps: HashMap::new(),
            reloaded: Vec::new(),
            news,
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
            moved: false,
            inner: None,
        }
    }

    /// Notes what a module has to say to others.
    pub fn tell(&mut self, name: &str, found: Facts<'py>) {
        if found.rebound.is_empty() && found.dirty.is_empty() {
            return;
        }
        self.stamp += 1;
        self.stamps.insert(name.to_owned(), self.stamp);
        match self.facts.get_mut(name) {
            Some(earlier) => Rc::make_mut(earlier).join(found),
            None => {
                self.facts.insert(name.to_owned(), Rc::new(found));
            }
        }
        if let Some(found) = self.facts.get(name) {
            self.news.hear(name, found);
        }
        self.moved = true;
    }
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Before an import statement runs: the modules it names, if they are still to be brought up
    /// to date (only once it is known that there is no other way), and what new ones may change.
    pub(super) fn ahead(
        &self,
        work: &mut Work<'k, 'py>,
        progress: &mut Progress<'py>,
        package: &str,
        statement: &Statement,
    ) -> PyResult<()> {
        if !self.interleaved {
            return self.expect(work, package, statement);
        }
        for import in &statement.imports {
            let module = resolve(package, import.level, &import.module);
            let inner = import.name.as_ref().map(|name| format!("{module}.{name}"));
            for name in std::iter::once(module).chain(inner) {
                if !self.edited.contains_key(&name) || progress.begun.contains(&name) {
                    continue;
                }
                let Some(at) = self.order.iter().position(|r| *r.name == *name) else {
                    continue;
                };
                let aside = work.set_aside();
                let outcome = self.visit(work, progress, 0, at);
                work.take_up(aside);
                if let Err(failed) = outcome {
                    let error = failed.error.clone_ref(self.kit.py);
                    progress.inner = Some(failed);
                    return Err(error);
                }
            }
        }
        self.expect(work, package, statement)
    }

    /// Which module failed, and whether it came too early for one that it imports from.
    pub(super) fn blame(&self, progress: &mut Progress<'py>, name: &str, error: PyErr) -> Failed {
        if let Some(inner) = progress.inner.take() {
            return inner;
        }
        let py = self.kit.py;
        let missing = error.is_instance_of::<PyImportError>(py);
        let module = missing.then(|| error.value(py).getattr("name").ok());
        let module = module.flatten().filter(|m| !m.is_none()).map(|m| text(&m));
        let early = module
            .filter(|m| m != name && self.edited.contains_key(m) && !progress.done.contains(m));
        Failed {
            name: name.to_owned(),
            error,
            early,
        }
    }

    /// That a fresh process would miss nothing. `last`: who is told of what cannot be found out.
    pub(super) fn nothing_missed(
        &self,
        work: &mut Work<'k, 'py>,
        last: &str,
    ) -> Result<(), Failed> {
        let (name, error) = match work.misses() {
            Ok(None) => return Ok(()),
            Ok(Some(found)) => found,
            Err(error) => (last.to_owned(), error),
        };
        Err(Failed {
            name,
            error,
            early: None,
        })
    }

    /// Whether there is another order in which a unit might do that failed: one in which modules run
    /// in the middle of others; then one in which the module that the name was missed of comes later,
    /// so that it is the other one that waits.
    pub(super) fn reorder(&mut self, failed: &Failed) -> bool {
        let Some(early) = &failed.early else {
            return false;
        };
        if !self.interleaved {
            self.interleaved = true;
            self.circular = true;
            return true;
        }
        let place = |name: &String| self.order.iter().position(|r| *r.name == **name);
        let (Some(from), Some(to)) = (place(early), place(&failed.name)) else {
            return false;
        };
        if from > to {
            return false;
        }
        let module = self.order.remove(from);
        self.order.insert(to, module);
        true
    }
}
