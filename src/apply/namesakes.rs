//! Definitions of one name, of which some are known to a registry alone: `@size.register` above one
//! `def _` after the other.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::compile::Source;
use super::function::{Wanted, plain, search};
use super::kit::{Word, is_text};
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
            return self.made_itself(statement, ours.then_some(value));
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

    /// What a definition of the old text made: `value`, to which its name is bound, or, where a decorator
    /// gave back nothing, the function that it got.
    pub(super) fn made_itself(
        &mut self,
        was: &Statement,
        value: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match value {
            Some(value) if plain(&value) && was.kind == Kind::Function && was.decorators != 0 => {
                self.search(&was.name, was.span.line)
            }
            value => Ok(value),
        }
    }

    /// The same for what the new text made just now; the function that was gets its code. `made` is what
    /// the old text had made.
    pub(super) fn fresh_itself(
        &mut self,
        statement: &Statement,
        value: Option<Bound<'py, PyAny>>,
        made: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let bare = value.as_ref().is_some_and(plain);
        if !bare || statement.kind != Kind::Function || statement.decorators == 0 {
            return Ok(value);
        }
        let kit = self.work.kit;
        let holders = kit.gc.call_method1("get_referrers", (&self.job.dict,))?;
        for holder in holders.try_iter()? {
            let function = holder?;
            if !kit.is_function(&function) {
                continue;
            }
            let code = kit.code_of(&function)?;
            if !kit.is_fresh(&code)
                || !is_text(&code.getattr(kit.word(Word::CodeName))?, &statement.name)
                || !code
                    .getattr(kit.word(Word::FirstLine))?
                    .eq(statement.span.line)?
            {
                continue;
            }
            if let Some(made) = made.filter(|made| kit.is_function(made)) {
                self.work.update_function(made, &function, None)?;
            }
            return Ok(Some(function));
        }
        Ok(None)
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

    /// What is new in a registry stands before what statements further down told it.
    pub(super) fn put_in_order(
        &self,
        at: usize,
        statement: &Statement,
        found: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        if !matches!(statement.kind, Kind::Function | Kind::Class)
            || !found.call_method0("waits")?.is_truthy()?
        {
            return Ok(());
        }
        // The next ones tell it as a rule; if they do not, ever more are asked.
        let (mut later, mut batch) = (PyList::empty(self.work.kit.py), 4);
        for below in self.job.new.outline.body.iter().skip(at + 1) {
            let tells = below.kind == Kind::Class || below.decorators != 0;
            if !tells || !matches!(below.kind, Kind::Function | Kind::Class) {
                continue;
            }
            let Some(value) = self.job.dict.get_item(&below.name)? else {
                continue;
            };
            later.append(value)?;
            if later.len() == batch {
                if found.call_method1("place", (&later,))?.is_truthy()? {
                    return Ok(());
                }
                later = PyList::empty(self.work.kit.py);
                batch *= 8;
            }
        }
        if !later.is_empty() {
            found.call_method1("place", (later,))?;
        }
        Ok(())
    }

    /// The function that a statement defines, in what its decorators made of it.
    pub(super) fn function_inside(
        &self,
        statement: &Statement,
        made: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if statement.kind != Kind::Function {
            return Ok(None);
        }
        let kit = self.work.kit;
        let mut found = None;
        search(kit, made, &self.job.dict, &mut |candidate| {
            let own = || -> PyResult<bool> {
                let code = kit.code_of(candidate)?;
                let line = code.getattr(kit.word(Word::FirstLine))?;
                Ok(kit.globals_of(candidate)?.is(&self.job.dict)
                    && line.extract::<u32>()? == statement.span.line
                    && is_text(&code.getattr(kit.word(Word::CodeName))?, &statement.name))
            };
            if kit.is_function(candidate) && own().unwrap_or(false) {
                found = Some(candidate.clone());
            }
            found.is_some()
        })?;
        Ok(found)
    }

    /// What other statements call that may tell a registry of what this one defines: not functions of
    /// the module that fill nothing.
    pub(super) fn told_by_others(&self, at: usize, name: &str) -> PyResult<Bound<'py, PyList>> {
        let outline = self.job.new.outline;
        let out = PyList::empty(self.work.kit.py);
        // `@route(limit())`: what is called for the sake of the decorator is not told of it.
        let decorates = |was: &Statement, path: &String| {
            was.applied.is_empty() || was.applied.iter().any(|(applied, _)| applied == path)
        };
        let told = |path: &String| {
            let was = self.old_statement(at);
            was.is_some_and(|was| was.uses.calls.contains(path) && decorates(was, path))
        };
        let own = |path: &String| {
            let root = path.split('.').next().unwrap_or(path);
            path == name || !told(path) && !self.functions.paths([root]).is_empty()
        };
        let readers = outline.index().readers(&outline.body, name).into_iter();
        for reader in readers.filter(|reader| *reader != at) {
            let reader: &Statement = &outline.body[reader];
            let uses = &reader.uses;
            let calls_own = !uses.calls.is_empty()
                && uses.calls.iter().all(own)
                && self.functions.mutations(&uses.calls).is_empty();
            if uses.mutates.is_empty() && uses.writes.is_empty() && calls_own {
                continue;
            }
            let found = match reader.kind {
                Kind::Function | Kind::Class => self.callables(reader)?,
                _ => self.callee(self.job.new, reader, &self.job.dict)?,
            };
            out.call_method1("extend", (found,))?;
            // A container of the module that it fills.
            for name in uses.mutates.iter().chain(&uses.reads) {
                out.append(self.attribute(name).filter(super::module::container))?;
            }
        }
        Ok(out)
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
