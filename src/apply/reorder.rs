//! Statements that only stand in another order now: what they had told registries stands in that
//! order, as after a restart, without their being run again.

use std::ops::RangeInclusive;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::module::Run;
use super::registry::told;
use super::work::Work;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::Mark;

/// So many statements between the first and the last one that moved are looked at.
const MOST: usize = 1000;
/// The place in the old text of what is not there.
const NEW: usize = 1 << 62;
/// So many statements below a new call.
const NEXT: usize = 64;

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
            let calls = statement.kind == Kind::Expr && !statement.uses.calls.is_empty();
            if calls && step.mark == Mark::Run && *self.what(step.new) == What::Added {
                told(self.reorder_entries(step.new..=step.new + NEXT, Some(step.new)));
            }
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
        told(self.reorder_entries(stretch.clone(), None));
    }

    fn runs(&self, at: usize) -> bool {
        let step = self.job.plan.step(at);
        step.is_some_and(|step| matches!(step.mark, Mark::Run | Mark::RunIf))
    }

    /// `came`: a call that is new and has run; what it told stands at the end.
    fn reorder_entries(
        &mut self,
        stretch: RangeInclusive<usize>,
        came: Option<usize>,
    ) -> PyResult<()> {
        let py = self.work.kit.py;
        let (callables, made, calls) = (PyList::empty(py), PyList::empty(py), PyList::empty(py));
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let new = self.job.new.outline;
        let mut first: Option<&Statement> = None;
        let last = (*stretch.end()).min(new.body.len().saturating_sub(1));
        for at in (*stretch.start()..=last).take(MOST) {
            let statement = &new.body[at];
            // One that is new comes after all that was there; below it none has run so far.
            let (source, before, was, namespace) = match self.job.changes.at(at).0 {
                Some(was) if came.is_none() && self.runs(at) && statement.kind == Kind::Expr => {
                    (self.job.new, statement, was, &self.job.dict)
                }
                Some(was) => (old, &old.outline.body[was], was, &self.before),
                None if came == Some(at) => (self.job.new, statement, NEW, &self.job.dict),
                None => continue,
            };
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
                Kind::Expr if !before.uses.calls.is_empty() => {
                    let found = self.callee(source, before, namespace)?;
                    if !found.is_empty() {
                        callables.call_method1("extend", (found,))?;
                        let bodies = self.inlined(source, before)?;
                        let (text, line) = (source.slice(before), before.span.line);
                        let fresh = std::ptr::eq(before, statement);
                        calls.append((was, at, text, line, bodies, namespace, fresh))?;
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
        let fed = reorder.call1((found, made, calls))?;
        self.feed(fed.extract()?, first)
    }
}
