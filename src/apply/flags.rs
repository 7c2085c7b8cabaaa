//! Globals that functions set when they are called: before such a call runs again they say that it has not
//! run, and they are what their module gives them when it is gone. See flags.py.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::compile::Source;
use super::function::{identical, plain};
use super::module::Run;
use super::registry::told;
use super::work::SetThere;
use crate::outline::Statement;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Before a statement runs again that calls functions of the module which set globals.
    pub(super) fn lower_own_flags(&mut self, was: Option<&Statement>) -> PyResult<()> {
        if let (Some(old), Some(was)) = (self.job.old, was) {
            let called = told(self.callee(old, was, &self.before.clone()));
            told(called.map_or(Ok(()), |called| self.lower_flags(&called)));
        }
        Ok(())
    }

    /// Before a statement calls these again.
    pub(super) fn lower_flags(&mut self, callables: &Bound<'py, PyList>) -> PyResult<()> {
        let raised = self.registry_helper("raised")?.call1((callables,))?;
        for (module, name) in raised.extract::<Vec<(String, String)>>()? {
            let key = (module, name);
            // A second call of the same, which did nothing then, does nothing now.
            if self.work.lowered.insert(key.clone()) {
                self.give_base(&key.0, &key.1)?;
            }
        }
        Ok(())
    }

    /// What a call of the old text that is gone had set in other modules.
    pub(super) fn unset_globals(
        &mut self,
        found: &Bound<'py, PyAny>,
        old: &Source<'_>,
        statement: &Statement,
    ) -> PyResult<()> {
        if !found.getattr("globals")?.is_truthy()? {
            return Ok(());
        }
        let (text, line) = (old.slice(statement), statement.span.line);
        let bodies = self.inlined(old, statement)?;
        let told = self.registry_helper("told_globals")?;
        let told = told.call1((text, line, bodies, &self.before))?;
        for (module, name) in told.extract::<Vec<(String, String)>>()? {
            if let Some((was, base)) = self.give_base(&module, &name)? {
                self.work.set.push(SetThere {
                    first: false,
                    module: module.clone(),
                    name: name.clone(),
                    old: Some(was.clone()),
                    new: Some(base),
                });
                self.tell_set((module, name), statement)?;
            }
        }
        Ok(())
    }

    /// Binds a name of a module to what the statements there give it. What it was and what it is now.
    fn give_base(
        &mut self,
        module: &str,
        name: &str,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let Some(found) = self.work.kit.sys_modules.get_item(module)? else {
            return Ok(None);
        };
        let space = found.getattr("__dict__")?.cast_into::<PyDict>()?;
        let base = match self.job.old {
            Some(old) if space.is(&self.job.dict) => self.import_value(old, name),
            _ => self.base_in(module, name),
        };
        let (Some(base), Some(was)) = (base, space.get_item(name)?) else {
            return Ok(None);
        };
        if !plain(&base) || identical(&base, &was) {
            return Ok(None);
        }
        self.work.tx.dict(&space)?;
        space.set_item(name, &base)?;
        Ok(Some((was, base)))
    }
}
