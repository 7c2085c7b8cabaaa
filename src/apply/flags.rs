//! Globals that functions set when they are called: before such a call runs again they say that it has not
//! run, and they are what their module gives them when it is gone. See flags.py.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::compile::Source;
use super::function::{identical, plain};
use super::kit::text;
use super::module::Run;
use super::registry::told;
use super::work::SetThere;
use crate::outline::{Kind, Statement};

/// So many statements below one that sets a global are asked whether they set it, too.
const FEW: usize = 32;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Notes which names the module has bound to other plain values.
    pub(super) fn note_anew(&mut self) {
        let rebound = self.facts.rebound.iter();
        let rebound = rebound.filter(|(.., new)| new.as_ref().is_some_and(plain));
        let names = rebound.map(|(name, ..)| (self.job.dict.clone(), name.clone()));
        self.work.anew.extend(names);
    }

    /// Tells the texts about registries of them.
    pub(super) fn tell_anew(&mut self) -> PyResult<()> {
        if self.work.anew.is_empty() {
            return Ok(());
        }
        let mut names: Vec<(String, String)> = Vec::new();
        for (dict, name) in std::mem::take(&mut self.work.anew) {
            if let Some(module) = dict.get_item("__name__")? {
                names.push((text(&module), name));
            }
        }
        let known = self.registry_helper("ANEW")?;
        known.call_method1("update", (names,)).map(drop)
    }

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
        for (module, name, told) in self.told_globals(old, statement)? {
            let Some((was, mut base)) = self.base_of_global(&module, &name, &told)? else {
                continue;
            };
            if let Some(later) = self.set_below(0, &module, &name)? {
                base = later;
            }
            self.bind_there(&module, &name, &base)?;
            self.work.set.push(SetThere {
                first: false,
                module: module.clone(),
                name: name.clone(),
                old: Some(was),
                new: Some(base),
            });
            self.tell_set((module, name), &[], statement)?;
        }
        Ok(())
    }

    /// Before a call runs again with other arguments: what it had set in other modules and may set no more.
    pub(super) fn take_back_globals(
        &mut self,
        found: &Bound<'py, PyAny>,
        old: &Source<'_>,
        was: &Statement,
    ) -> PyResult<()> {
        if found.getattr("globals")?.is_truthy()? {
            for (module, name, told) in self.told_globals(old, was)? {
                if let Some((_, base)) = self.base_of_global(&module, &name, &told)? {
                    self.bind_there(&module, &name, &base)?;
                }
            }
        }
        Ok(())
    }

    /// What calls in a statement set names of other modules to, as far as its text tells.
    fn told_globals(
        &self,
        source: &Source<'_>,
        statement: &Statement,
    ) -> PyResult<Vec<(String, String, Bound<'py, PyAny>)>> {
        if statement.uses.calls.is_empty() {
            return Ok(Vec::new());
        }
        let (text, line) = (source.slice(statement), statement.span.line);
        let bodies = self.inlined(source, statement)?;
        let told = self.registry_helper("told_globals")?;
        let found = told.call1((text, line, bodies, &self.job.dict))?;
        found.extract()
    }

    /// What the last of the statements from one on sets such a name to.
    fn set_below(
        &self,
        first: usize,
        module: &str,
        name: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let source = self.job.new;
        let mut last = None;
        let calls = |s: &&Statement| {
            matches!(s.kind, Kind::Expr | Kind::Assign) && !s.uses.calls.is_empty()
        };
        let below = source.outline.body.iter().skip(first).filter(calls);
        for statement in below.take(FEW) {
            for (there, what, value) in self.told_globals(source, statement)? {
                if there == module && what == name {
                    last = Some(value);
                }
            }
        }
        Ok(last)
    }

    /// After a statement ran that set such a name again, from `old` to `new`: what the program had set stays,
    /// and what a statement below sets counts.
    pub(super) fn settle_global(
        &mut self,
        at: usize,
        (module, name): (&str, &str),
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !plain(new) {
            return Ok(new.clone());
        }
        let mut kept = self.set_below(at + 1, module, name)?;
        if let (None, Some(source), Some(was)) = (&kept, self.job.old, self.old_statement(at)) {
            let told = self.told_globals(source, was)?;
            let mut told = told.iter().filter(|(m, n, _)| m == module && n == name);
            let set = |(.., value): &(String, String, Bound<'py, PyAny>)| {
                identical(value, new) && !identical(value, old)
            };
            if told.any(set) {
                kept = Some(old.clone());
            }
        }
        match kept {
            Some(kept) => {
                self.bind_there(module, name, &kept)?;
                Ok(kept)
            }
            None => Ok(new.clone()),
        }
    }

    fn bind_there(&mut self, module: &str, name: &str, value: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some(found) = self.work.kit.sys_modules.get_item(module)? {
            let space = found.getattr("__dict__")?.cast_into::<PyDict>()?;
            self.work.tx.dict(&space)?;
            space.set_item(name, value)?;
        }
        Ok(())
    }

    /// What a name of another module is, and what the statements there give it; `None` where it is not
    /// what it was `told`.
    fn base_of_global(
        &self,
        module: &str,
        name: &str,
        told: &Bound<'py, PyAny>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let Some(found) = self.work.kit.sys_modules.get_item(module)? else {
            return Ok(None);
        };
        let space = found.getattr("__dict__")?.cast_into::<PyDict>()?;
        let was = space.get_item(name)?.filter(|was| identical(was, told));
        Ok(was.zip(self.base_in(module, name)))
    }

    /// Binds a name of a module to what the statements there give it.
    fn give_base(&mut self, module: &str, name: &str) -> PyResult<()> {
        let Some(found) = self.work.kit.sys_modules.get_item(module)? else {
            return Ok(());
        };
        let space = found.getattr("__dict__")?.cast_into::<PyDict>()?;
        let base = match self.job.old {
            Some(old) if space.is(&self.job.dict) => self.import_value(old, name),
            _ => self.base_in(module, name),
        };
        let (Some(base), Some(was)) = (base, space.get_item(name)?) else {
            return Ok(());
        };
        if plain(&base) && !identical(&base, &was) {
            self.work.tx.dict(&space)?;
            space.set_item(name, &base)?;
            let lowered = (space, name.to_owned(), was, base);
            self.work.lowering.push(lowered);
        }
        Ok(())
    }

    /// After the statement ran: what it did not set had been set by somebody else.
    pub(super) fn raise_flags(&mut self) -> PyResult<()> {
        for (space, name, was, base) in std::mem::take(&mut self.work.lowering) {
            if space
                .get_item(&name)?
                .is_some_and(|now| identical(&now, &base))
            {
                space.set_item(name, was)?;
            }
        }
        Ok(())
    }
}
