//! Statements that only stand in another order now: what they had told registries stands in that
//! order, as after a restart, without their being run again.

use std::ops::RangeInclusive;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::module::Run;
use super::registry::told;
use super::work::Work;
use crate::outline::{Kind, Statement};
use crate::plan::Mark;

/// So many statements between the first and the last one that moved are looked at.
const MOST: usize = 1000;

impl<'k, 'a, 'py> Run<'_, 'k, 'a, 'py> {
    /// Takes the steps of the plan.
    pub(super) fn steps(
        &mut self,
        before_import: &mut dyn FnMut(&mut Work<'k, 'py>, &Statement) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut crossed = self.crossed().into_iter().peekable();
        for step in &self.job.plan.steps {
            while let Some(stretch) = crossed.next_if(|c| *c.end() < step.new) {
                self.reorder(&stretch);
            }
            let statement = &self.job.new.outline.body[step.new];
            if !statement.imports.is_empty() && matches!(step.mark, Mark::Run | Mark::RunIf) {
                before_import(self.work, statement)?;
            }
            self.step(step, statement)?;
        }
        for stretch in crossed {
            self.reorder(&stretch);
        }
        Ok(())
    }
}

impl Run<'_, '_, '_, '_> {
    /// The stretches of the new text within which what may tell registries stands elsewhere.
    pub(super) fn crossed(&self) -> Vec<RangeInclusive<usize>> {
        match self.job.plan.reordered.is_empty() {
            true => Vec::new(),
            false => self.job.changes.crossed(),
        }
    }

    /// Brings the entries of registries that a stretch tells into the order of the new text.
    pub(super) fn reorder(&mut self, stretch: &RangeInclusive<usize>) {
        told(self.reorder_entries(stretch));
    }

    fn runs(&self, at: usize) -> bool {
        let step = self.job.plan.step(at);
        step.is_some_and(|step| matches!(step.mark, Mark::Run | Mark::RunIf))
    }

    fn reorder_entries(&mut self, stretch: &RangeInclusive<usize>) -> PyResult<()> {
        let py = self.work.kit.py;
        let (callables, made, calls) = (PyList::empty(py), PyList::empty(py), PyList::empty(py));
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let new = self.job.new.outline;
        let mut first: Option<&Statement> = None;
        let items = self.job.changes.items.iter();
        let items = items.filter(|change| stretch.contains(&change.new));
        for change in items.take(MOST) {
            let (at, statement) = (change.new, &new.body[change.new]);
            let Some(was) = change.old else { continue };
            let before = &old.outline.body[was];
            match before.kind {
                Kind::Function | Kind::Class => {
                    // Of several definitions of a name only the last one is at hand.
                    let alone = new.index().writers(&new.body, &statement.name).len() == 1;
                    let found = self.callables(before)?;
                    if let Some(value) = self.job.dict.get_item(&statement.name)?
                        && alone
                        && !found.is_empty()
                    {
                        callables.call_method1("extend", (found,))?;
                        made.append((was, at, value))?;
                    }
                }
                // One that ran again has told them anew.
                Kind::Expr if !before.uses.calls.is_empty() && !self.runs(at) => {
                    let found = self.callee(old, before, &self.before)?;
                    if !found.is_empty() {
                        callables.call_method1("extend", (found,))?;
                        let bodies = self.inlined(old, before)?;
                        calls.append((was, at, old.slice(before), before.span.line, bodies))?;
                    }
                }
                _ => continue,
            }
            first = first.or(Some(statement));
        }
        let Some(first) = first.filter(|_| made.len() + calls.len() > 1) else {
            return Ok(());
        };
        let found = self.watch(PyList::empty(py), callables)?;
        let reorder = self.registry_helper("reorder")?;
        let fed = reorder.call1((found, made, calls, &self.before))?;
        self.feed(fed.extract()?, first)
    }
}
