//! Numbers of the module that functions count up which are called while it is imported:
//! `global total; total += n`. What a statement had added is taken off before it runs again, and when
//! it is gone: see counted.py.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt};

use super::compile::Source;
use super::module::Run;
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::{Functions, Mark};

/// So many statements that stand below one and count as well are left out of the number while it runs.
const MOST: usize = 64;

/// A name, and what is to be added to the number that it is bound to.
type Counts<'py> = Vec<(String, Bound<'py, PyAny>)>;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Before a statement runs: what it had added so far goes, and what those below it had, for it to
    /// see the number as it was above them. What is to be added again after it ran.
    pub(super) fn count_back(
        &mut self,
        at: usize,
        statement: &'a Statement,
        written: &BTreeSet<String>,
    ) -> PyResult<Counts<'py>> {
        let writes = |was: &Statement| !self.functions.global_writes(&was.uses.calls).is_empty();
        let calls = |was: &Statement| !was.uses.calls.is_empty();
        let was = self.old_statement(at);
        // With the functions as they are now that is known at once.
        let body = &self.job.new.outline.body;
        let mut items = self.job.changes.items.iter();
        let mut edited =
            || items.any(|c| body[c.new].kind == Kind::Function && c.what != What::Same);
        let removed = || !self.job.changes.removed.is_empty();
        let asks = !written.is_empty()
            || was.is_some_and(writes)
            || (calls(statement) || was.is_some_and(calls)) && (removed() || edited());
        let old = self.job.old.filter(|old| asks && self.counts(old));
        let Some(old) = old else {
            return Ok(Vec::new());
        };
        let changes = self.job.changes;
        let own = changes.at(at).0;
        let had = Functions::of(old.outline);
        let writes = |at: usize| had.global_writes(&old.outline.body[at].uses.calls);
        let mut names: BTreeSet<String> = written.clone();
        names.extend(own.map(writes).unwrap_or_default());
        names.retain(|name| !statement.uses.binds.contains(name));
        self.retain_counters(&mut names);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(own) = own {
            for (name, count) in self.counted(old, own, &names)? {
                match count {
                    Some(count) => self.count(&name, &count.neg()?)?,
                    None => self.note_uncounted(&name),
                }
            }
        }
        let mut later = Vec::new();
        let body = &old.outline.body;
        for place in 0..body.len() {
            let below = changes.new_of(place).is_some_and(|new| new > at);
            if below && !writes(place).is_disjoint(&names) {
                later.push(place);
                if later.len() == MOST {
                    break;
                }
            }
        }
        let mut back = Vec::new();
        for place in later {
            for (name, count) in self.counted(old, place, &names)? {
                // Of those that cannot be told nothing is taken off, and nothing added again.
                let Some(count) = count else { continue };
                self.count(&name, &count.neg()?)?;
                back.push((name, count));
            }
        }
        Ok(back)
    }

    /// After it ran.
    pub(super) fn count_again(&mut self, back: Counts<'py>) -> PyResult<()> {
        for (name, count) in back {
            self.count(&name, &count)?;
        }
        Ok(())
    }

    /// What a statement had added that is gone.
    pub(super) fn uncount(&mut self, old: &Source<'_>, at: usize) -> PyResult<()> {
        let statement = &old.outline.body[at];
        if statement.uses.calls.is_empty() || !self.counts(old) {
            return Ok(());
        }
        let had = Functions::of(old.outline);
        let mut names = had.global_writes(&statement.uses.calls);
        self.retain_counters(&mut names);
        if names.is_empty() {
            return Ok(());
        }
        for (name, count) in self.counted(old, at, &names)? {
            let Some(count) = count else {
                self.note_uncounted(&name);
                continue;
            };
            let before = self.job.dict.get_item(&name)?;
            self.count(&name, &count.neg()?)?;
            let after = self.job.dict.get_item(&name)?;
            self.facts.rebound.push((name.clone(), before, after));
            self.dirty
                .value(name, "to which a statement that is gone had added");
        }
        Ok(())
    }

    /// Those that are bound to a number which stays: no statement runs that binds it anew.
    fn retain_counters(&self, names: &mut BTreeSet<String>) {
        let anew = |name: &String| {
            let mut binders = self.binders(name);
            binders.any(|at| {
                let step = self.job.plan.step(at);
                step.is_some_and(|step| matches!(step.mark, Mark::Run | Mark::RunIf))
            })
        };
        names.retain(|name| {
            let value = self.job.dict.get_item(name).ok().flatten();
            let number = value.is_some_and(|value| {
                value.is_exact_instance_of::<PyInt>() || value.is_exact_instance_of::<PyFloat>()
            });
            number && !anew(name)
        });
    }

    /// Whether functions of the old text bind names of the module at all.
    fn counts(&self, old: &Source<'_>) -> bool {
        let mut body = old.outline.body.iter();
        *self
            .counting
            .get_or_init(|| body.any(|s| !s.later.global_writes.is_empty()))
    }

    fn note_uncounted(&mut self, name: &str) {
        self.work.notes.push(format!(
            "what a line had added to {name} cannot be told; that stays in it"
        ));
    }

    /// What an old statement had added to which of these names; `None` where that cannot be told.
    fn counted(
        &self,
        old: &Source<'_>,
        at: usize,
        names: &BTreeSet<String>,
    ) -> PyResult<Vec<(String, Option<Bound<'py, PyAny>>)>> {
        let statement = &old.outline.body[at];
        let scratch = self.before.copy()?;
        self.as_it_was(&scratch, statement)?;
        let unknown = self.unknown(old, "", &[at]);
        let bodies = self.inlined(old, statement)?;
        let counted = self.helper("counted")?;
        let found = counted.call1((old.slice(statement), bodies, scratch, unknown));
        let Some(found) = told(found.and_then(|found| Ok(found.cast_into::<PyDict>()?))) else {
            return Ok(Vec::new());
        };
        let mut counts = Vec::new();
        for (name, count) in found.iter() {
            let name: String = name.extract()?;
            if names.contains(&name) {
                counts.push((name, (!count.is_none()).then_some(count)));
            }
        }
        Ok(counts)
    }

    fn count(&self, name: &str, by: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some(value) = self.job.dict.get_item(name)? {
            self.job.dict.set_item(name, value.add(by)?)?;
        }
        Ok(())
    }
}
