//! Definitions of one name, of which some are known to a registry alone: `@size.register` above one
//! `def _` after the other.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::compile::Source;
use super::function::Wanted;
use super::module::Run;
use super::registry::told;
use crate::outline::{Kind, Statement};

/// The last statement of a text that binds a name.
fn last_binder(source: &Source<'_>, name: &str) -> Option<usize> {
    let body = &source.outline.body;
    body.iter()
        .rposition(|s| s.uses.binds.iter().any(|bound| bound == name))
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What a definition of the old text made that is gone, and that nothing takes the place of. Asked
    /// before anything moved.
    pub(super) fn made_by_gone(
        &mut self,
        old: &Source<'a>,
        at: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let statement = &old.outline.body[at];
        let name = &statement.name;
        let mut came = self.binders(name);
        let succeeded = came.any(|new| self.job.changes.at(new).0.is_none());
        drop(came);
        if succeeded {
            return Ok(None);
        }
        if last_binder(old, name) == Some(at) {
            let Some(value) = self.before.get_item(name)? else {
                return Ok(None);
            };
            let ours = self.ours(old, statement, name, &value, &BTreeSet::new())?;
            return Ok(ours.then_some(value));
        }
        if statement.kind != Kind::Function || statement.decorators == 0 {
            return Ok(None);
        }
        let wanted = Wanted {
            name,
            line: statement.span.line,
            placed: None,
        };
        // What the decorators hold is at hand.
        match self.stray(statement, wanted, false)? {
            Some(found) => Ok(Some(found)),
            None => self.search(name, statement.span.line),
        }
    }

    /// Whether a name's object is what another definition of that name made, which there is still, and
    /// which a registry has: it remains that definition's, whatever the name is bound to now.
    pub(super) fn is_of_another(
        &mut self,
        at: usize,
        statement: &Statement,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let (Kind::Function, Some(old)) = (statement.kind, self.job.old) else {
            return Ok(false);
        };
        let Some(last) = last_binder(old, &statement.name) else {
            return Ok(false);
        };
        let Some(other) = self.job.changes.new_of(last).filter(|other| *other != at) else {
            return Ok(false);
        };
        let other = &self.job.new.outline.body[other];
        if other.kind != Kind::Function
            || other.name != statement.name
            || other.decorators == 0
            || !self.work.kit.is_function(value)
        {
            return Ok(false);
        }
        Ok(told(self.is_registered(other, value)).unwrap_or(false))
    }

    /// Whether a registry that a definition tells of itself has an object.
    fn is_registered(&mut self, by: &Statement, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let callables = self.callables(by)?;
        if callables.is_empty() {
            return Ok(false);
        }
        let none = PyList::empty(self.work.kit.py);
        let found = self.watch(callables, none)?;
        found.call_method1("look", (value,))?;
        found.getattr("old")?.is_truthy()
    }
}
