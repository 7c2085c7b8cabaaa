//! Definitions that somebody else has put another function over: `core.run = patched`. The module's
//! own function lives on where that one keeps it, and is what an edit is about.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::assigned::Assigned;
use super::kit::{module_of, text};
use super::module::Run;
use super::registry::told;
use crate::outline::{Kind, Statement};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Where the name of a plain function, or its entry in a class, has a function of another module
    /// by now: the module's own is given what the edit made. True: what is there stays there.
    pub(super) fn covered(
        &mut self,
        statement: &Statement,
        was: Option<&Statement>,
        there: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let plain = |s: &Statement| s.kind == Kind::Function && s.decorators == 0;
        let Some(was) = was.filter(|was| plain(was) && plain(statement)) else {
            return Ok(false);
        };
        if !kit.is_function(there)
            || !kit.is_function(new)
            || kit.globals_of(there)?.is(&self.job.dict)
        {
            return Ok(false);
        }
        let Some(own) = self.search(&was.name, was.span.line)? else {
            return Ok(false);
        };
        if own.is(new) || !self.work.reconcile(&own, new, class)?.is(&own) {
            return Ok(false);
        }
        self.placed.insert(own.as_ptr() as usize);
        let name = text(&own.getattr("__qualname__")?);
        self.work.notes.push(format!(
            "{name} was replaced by {}.{}, which stays in its place",
            text(&module_of(there)),
            text(&there.getattr("__qualname__")?),
        ));
        Ok(true)
    }

    /// `original = core.run` above `core.run = patched`, and `core.run = logged(core.run)`: such a
    /// statement sees what the other module gives, not what itself or the one below put there. That is
    /// put in its place while the statement runs.
    pub(super) fn uncover_attributes(
        &mut self,
        at: usize,
        statement: &'a Statement,
    ) -> PyResult<Vec<(Assigned<'py>, Bound<'py, PyAny>)>> {
        let mut out = Vec::new();
        let body = &self.job.new.outline.body;
        let reads = statement.uses.reads.iter().filter(|p| p.contains('.'));
        // `core.Class.make.__func__`
        let bare = |path: &'a String| {
            path.strip_suffix(".__func__")
                .or_else(|| path.strip_suffix(".fget"))
                .unwrap_or(path)
        };
        for path in reads.map(bare) {
            let root = path.split('.').next().unwrap_or(path);
            // Of `core.Class.run = ...` the first two names are told.
            let put = |at: usize| {
                let said = |written: &String| {
                    written == path
                        || path.starts_with(&format!("{written}."))
                            && self.job.new.slice(&body[at]).starts_with(path)
                };
                body[at].uses.writes.iter().any(said)
            };
            // What a line above put there is what it sees.
            if self
                .mutators(root)
                .find(|at| put(*at))
                .is_none_or(|first| first < at)
            {
                continue;
            }
            let Some(there) = told(self.assigned(path)).flatten() else {
                continue;
            };
            if let Some(own) = told(self.put_over(&there)).flatten() {
                self.put_attribute(&there, &own)?;
                out.push((there, own));
            }
        }
        Ok(out)
    }

    /// After it ran: what the statement has not put something over again is as it was.
    pub(super) fn cover_attributes(
        &mut self,
        uncovered: Vec<(Assigned<'py>, Bound<'py, PyAny>)>,
    ) -> PyResult<()> {
        for (there, own) in uncovered {
            let now = match self.work.kit.is_class(&there.owner) {
                true => self.work.kit.class_entry(&there.owner, &there.name)?,
                false => Some(there.owner.getattr(&*there.name)?),
            };
            if let Some(had) = there
                .had
                .as_ref()
                .filter(|_| now.is_some_and(|now| now.is(&own)))
            {
                self.put_attribute(&there, had)?;
            }
        }
        Ok(())
    }

    /// The function that this module has put another one over, if it has it still: inside that one, or
    /// under a name of its own.
    pub(super) fn put_over(&self, there: &Assigned<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let (module, path) = &there.path;
        let own = |value: &Bound<'py, PyAny>| -> PyResult<bool> {
            let Some(value) = self.function_in(value)? else {
                return Ok(false);
            };
            if text(&value.getattr("__qualname__")?) != *path {
                return Ok(false);
            }
            let space = kit.globals_of(&value)?.cast_into::<PyDict>()?;
            let name = space.get_item("__name__")?;
            Ok(name.is_some_and(|name| text(&name) == *module))
        };
        let Some(had) = &there.had else {
            return Ok(None);
        };
        if self.function_in(had)?.is_none() || own(had)? {
            return Ok(None);
        }
        // As it stood there: of the same kind.
        let found = self.original(had, &own)?;
        match found {
            Some(found) if kit.is_function(&found) && !kit.is_function(had) => {
                Ok(Some(had.get_type().call1((found,))?))
            }
            found => Ok(found),
        }
    }

    /// A function itself, or the one in a property or a static method.
    fn function_in(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        if kit.is_function(value) {
            return Ok(Some(value.clone()));
        }
        let method = [&kit.staticmethod, &kit.classmethod];
        let part = if kit.is_exact(value, &kit.property) {
            "fget"
        } else if method.iter().any(|kind| kit.is_exact(value, kind)) {
            "__func__"
        } else {
            return Ok(None);
        };
        Ok(Some(value.getattr(part)?).filter(|inner| kit.is_function(inner)))
    }

    /// What a function was put over: inside it, or under a name of the module.
    fn original(
        &self,
        had: &Bound<'py, PyAny>,
        own: &dyn Fn(&Bound<'py, PyAny>) -> PyResult<bool>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (mut todo, mut met) = (vec![had.clone()], Vec::new());
        while let Some(value) = todo.pop() {
            if met.len() > 16 || met.contains(&(value.as_ptr() as usize)) {
                continue;
            }
            met.push(value.as_ptr() as usize);
            if own(&value)? {
                return Ok(Some(value));
            }
            let Some(function) = self.function_in(&value)? else {
                continue;
            };
            if let Ok(cells) = function.getattr("__closure__")?.cast_into::<PyTuple>() {
                let inside = cells.iter().filter_map(|c| c.getattr("cell_contents").ok());
                todo.extend(inside);
            }
        }
        for value in self.before.values().iter() {
            if own(&value)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn put_attribute(&mut self, of: &Assigned<'py>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.work.kit;
        let key = PyString::new(kit.py, &of.name).into_any();
        if kit.is_class(&of.owner) {
            return self.work.tx.set_class_entry(kit, &of.owner, &key, value);
        }
        let space = of.owner.getattr("__dict__")?.cast_into::<PyDict>()?;
        self.work.tx.dict(&space)?;
        space.set_item(&key, value)
    }
}
