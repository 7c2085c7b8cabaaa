//! Statements that only stand in another order now: what they had told registries stands in that
//! order, as after a restart, without their being run again.

use std::ops::RangeInclusive;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::module::Run;
use super::registry::told;
use super::work::Work;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::Mark;

/// So many statements between the first and the last one that moved are looked at, and so many calls
/// among them.
const MOST: usize = 1000;
const CALLS: usize = 50;
/// So many statements below a new call, and so many new calls.
const NEXT: usize = 12;
const NEW: usize = 16;

/// `menu.add(a)`, also of `a = menu.add("a")`.
fn is_call(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Expr | Kind::Assign) && !statement.uses.calls.is_empty()
}

/// What tells registries: its callables, its place in the old text and in the new one, and what it made
/// or the call that it is.
type Teller<'py> = Bound<'py, PyTuple>;

impl<'k, 'a, 'py> Run<'_, 'k, 'a, 'py> {
    /// Takes the steps of the plan.
    pub(super) fn steps(
        &mut self,
        before_import: &mut dyn FnMut(&mut Work<'k, 'py>, &Statement) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut came = 0;
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
            let calls = is_call(statement);
            if calls && step.mark == Mark::Run && *self.what(step.new) == What::Added {
                came += 1;
                if came <= NEW {
                    told(self.place_new(step.new));
                }
            }
        }
        for stretch in crossed {
            self.reorder(&stretch);
        }
        Ok(())
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// The stretches of the new text within which what may tell registries stands elsewhere.
    fn crossed(&self) -> Vec<RangeInclusive<usize>> {
        match self.job.plan.reordered.is_empty() {
            true => Vec::new(),
            false => self.job.changes.crossed(),
        }
    }

    fn runs(&self, at: usize) -> bool {
        let step = self.job.plan.step(at);
        step.is_some_and(|step| matches!(step.mark, Mark::Run | Mark::RunIf))
    }

    /// Brings the entries of registries that a stretch tells into the order of the new text.
    fn reorder(&mut self, stretch: &RangeInclusive<usize>) {
        if stretch.end() - stretch.start() < MOST {
            told(self.reorder_entries(stretch.clone()));
        }
    }

    fn reorder_entries(&mut self, stretch: RangeInclusive<usize>) -> PyResult<()> {
        let tellers = PyList::empty(self.work.kit.py);
        let first = &self.job.new.outline.body[*stretch.start()];
        let mut calls = 0;
        for at in stretch {
            if let Some(teller) = self.teller(at, self.runs(at))? {
                tellers.append(teller)?;
                calls += usize::from(self.job.new.outline.body[at].kind == Kind::Expr);
            }
        }
        if calls > CALLS {
            return Ok(());
        }
        let groups = self.registry_helper("groups")?.call1((tellers,))?;
        for group in groups.try_iter()? {
            let (callables, items) = group?.extract::<(Bound<'py, PyList>, Bound<'py, PyAny>)>()?;
            let found = self.watch(PyList::empty(self.work.kit.py), callables)?;
            let fed = self.registry_helper("reorder")?.call1((found, items))?;
            self.feed(fed.extract()?, first)?;
        }
        Ok(())
    }

    /// What a call told that is new goes before what those below it have told.
    fn place_new(&mut self, at: usize) -> PyResult<()> {
        let body = &self.job.new.outline.body;
        let Some(own) = self.teller(at, true)? else {
            return Ok(());
        };
        let tellers = PyList::new(self.work.kit.py, [own])?;
        for below in at + 1..body.len().min(at + NEXT) {
            if let Some(teller) = self.teller(below, false)? {
                tellers.append(teller)?;
            }
        }
        let groups = self.registry_helper("groups")?.call1((tellers,))?;
        for group in groups.try_iter()? {
            let (callables, items) = group?.extract::<(Bound<'py, PyList>, Bound<'py, PyAny>)>()?;
            if items.get_item(0)?.get_item(1)?.extract::<usize>()? == at {
                let found = self.watch(PyList::empty(self.work.kit.py), callables)?;
                let fed = self.registry_helper("came")?.call1((found, items))?;
                self.feed(fed.extract()?, &body[at])?;
            }
        }
        Ok(())
    }

    /// A statement as a teller, if it is one; `ran`: it has run, and what it did is that of the new text.
    fn teller(&self, at: usize, ran: bool) -> PyResult<Option<Teller<'py>>> {
        let (py, new) = (self.work.kit.py, self.job.new.outline);
        let statement = &new.body[at];
        let was = self.job.changes.at(at).0;
        let old = self
            .job
            .old
            .zip(was)
            .map(|(old, was)| (old, &old.outline.body[was]));
        if matches!(statement.kind, Kind::Function | Kind::Class) {
            // Of several definitions of a name only the last one is at hand.
            let alone = new.index().writers(&new.body, &statement.name).len() == 1;
            let found = self.callables(old.map_or(statement, |(_, before)| before))?;
            let value = self.job.dict.get_item(&statement.name)?;
            let (Some(value), Some(was)) = (value.filter(|_| alone && !found.is_empty()), was)
            else {
                return Ok(None);
            };
            return Ok(Some((found, was, at, value, py.None()).into_pyobject(py)?));
        }
        let (source, call, namespace) = match old {
            Some((old, before)) if !ran => (old, before, &self.before),
            None if !ran => return Ok(None),
            _ => (self.job.new, statement, &self.job.dict),
        };
        if !is_call(call) {
            return Ok(None);
        }
        let found = self.callee(source, call, namespace)?;
        if found.is_empty() {
            return Ok(None);
        }
        let bodies = self.inlined(source, call)?;
        let (text, line) = (source.slice(call), call.span.line);
        let call = (text, line, bodies, namespace, ran).into_pyobject(py)?;
        let was = was.unwrap_or(usize::MAX / 2);
        Ok(Some((found, was, at, py.None(), call).into_pyobject(py)?))
    }
}
