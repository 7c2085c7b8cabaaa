//! Containers of other modules that a statement fills by itself: `HOSTS += ["a"]` below
//! `from defaults import *`. What it puts there is read off its text, and goes before it runs again,
//! or when it is gone from the file.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::base::chain;
use super::compile::Source;
use super::kit::{module_of, text};
use super::module::{Run, container};
use super::registry::told;
use crate::outline::{Kind, Statement};

/// A container of another module, and what a statement puts there.
pub(super) struct Put<'py> {
    into: Bound<'py, PyAny>,
    items: Bound<'py, PyAny>,
    /// The module whose name leads to it, and that name.
    owner: (String, String),
    /// What the statements of that module give it.
    base: Option<Bound<'py, PyAny>>,
}

/// One that a statement which is about to run had filled.
pub(super) struct Emptied<'py> {
    into: Bound<'py, PyAny>,
    owner: (String, String),
    had: Bound<'py, PyAny>,
    /// Of a list: where its items stood.
    place: Option<Bound<'py, PyAny>>,
    /// What is left.
    rest: Bound<'py, PyAny>,
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Takes out what the statement had put into another module's container when it ran before.
    pub(super) fn empty_others(&mut self, at: usize) -> PyResult<Option<Emptied<'py>>> {
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(None);
        };
        // A module that runs whole does all again that it did.
        if !self.work.merge {
            return Ok(None);
        }
        let number = self.job.changes.at(at).0;
        self.undo(old, was, number)
    }

    /// What a statement that is gone from the file had put there. False where it is not of that kind.
    pub(super) fn retract_from_others(&mut self, at: usize) -> PyResult<bool> {
        let Some(old) = self.job.old else {
            return Ok(false);
        };
        let statement = &old.outline.body[at];
        let Some(emptied) = self.undo(old, statement, Some(at))? else {
            return Ok(false);
        };
        self.tell_others(emptied, statement)?;
        Ok(true)
    }

    /// After it ran: items of a list go where they had been, and who reads the container is told.
    pub(super) fn tell_others(
        &mut self,
        emptied: Emptied<'py>,
        statement: &Statement,
    ) -> PyResult<()> {
        let Emptied {
            into,
            owner,
            had,
            place,
            rest,
        } = emptied;
        self.helper("place")?.call1((&into, place, &had, rest))?;
        if !into.eq(&had).unwrap_or(false) {
            self.feed(vec![owner], statement)?;
        }
        Ok(())
    }

    fn undo(
        &mut self,
        old: &Source<'_>,
        statement: &Statement,
        number: Option<usize>,
    ) -> PyResult<Option<Emptied<'py>>> {
        let Some(put) = told(self.put(old, statement, number)).flatten() else {
            return Ok(None);
        };
        self.work.tx.container(&put.into)?;
        let had = put.into.call_method0("copy")?;
        let undo = self.helper("undo")?;
        let place = told(undo.call1((&put.into, put.items, put.base)));
        let rest = put.into.call_method0("copy")?;
        Ok(Some(Emptied {
            into: put.into,
            owner: put.owner,
            had,
            place,
            rest,
        }))
    }

    pub(super) fn put(
        &self,
        old: &Source<'_>,
        statement: &Statement,
        number: Option<usize>,
    ) -> PyResult<Option<Put<'py>>> {
        let uses = &statement.uses;
        let ([name], Some(number)) = (uses.mutates.as_slice(), number) else {
            return Ok(None);
        };
        let kinds = [Kind::AugAssign, Kind::Assign, Kind::Expr, Kind::Compound];
        if !kinds.contains(&statement.kind) {
            return Ok(None);
        }
        // What the module itself makes is followed statement by statement.
        let body = &old.outline.body;
        let own = chain(old.outline, name, usize::MAX)
            .is_some_and(|(origin, _)| body[origin].kind != Kind::Import);
        if own || self.before.get_item(name)?.is_none() {
            return Ok(None);
        }
        // What it read may have been brought up to date in place.
        let tx = &self.work.tx;
        let space = tx.first_copy(&self.job.dict);
        let space = space.unwrap_or_else(|| self.before.clone()).copy()?;
        for path in &uses.reads {
            if path != name
                && let Some(value) = space.get_item(path)?
                && let Some(items) = self.work.first_contents(&value)
            {
                space.set_item(path, items)?;
            }
        }
        self.as_it_was(&space, statement)?;
        let unknown = self.unknown(old, name, &[number]);
        let direct = self.helper("direct")?;
        let found = direct.call1((old.slice(statement), name, space, unknown));
        // Another kind of statement, or one whose effect its text does not tell.
        let Ok(found) = found else { return Ok(None) };
        let (into, items, root, keys, (class, last)) = found.extract::<(
            Bound<'py, PyAny>,
            Bound<'py, PyAny>,
            Bound<'py, PyAny>,
            Bound<'py, PyList>,
            (Option<Bound<'py, PyAny>>, String),
        )>()?;
        if !container(&into) {
            return Ok(None);
        }
        let owner = match &class {
            Some(class) => {
                let module = text(&module_of(class));
                // Of the module itself: it is followed there.
                if self
                    .job
                    .dict
                    .get_item("__name__")?
                    .is_some_and(|own| text(&own) == module)
                {
                    return Ok(None);
                }
                let name = text(&class.getattr("__qualname__")?);
                Some((module, format!("{name}.{last}")))
            }
            None => self.owner(old, &root, &last)?,
        };
        let Some(owner) = owner else {
            return Ok(None);
        };
        // What a module had that is not watched, nobody can tell.
        if (self.job.others)(&owner.0).is_none() {
            return Ok(None);
        }
        let mut base = self.base_in(&owner.0, &owner.1);
        for key in keys.iter() {
            base = base.and_then(|base| base.get_item(key).ok());
        }
        Ok(Some(Put {
            into,
            items,
            owner,
            base,
        }))
    }

    /// The module that the old text has a container from, and its name there.
    fn owner(
        &self,
        old: &Source<'_>,
        root: &Bound<'py, PyAny>,
        last: &str,
    ) -> PyResult<Option<(String, String)>> {
        let package = self.package()?;
        for at in old.outline.index().importing(&old.outline.body) {
            for import in &old.outline.body[at].imports {
                let name = match import.name.as_deref() {
                    Some(name) if name != "*" && import.bound == last => name,
                    _ => last,
                };
                let module = crate::modules::resolve(&package, import.level, &import.module);
                let Some(found) = self.work.kit.sys_modules.get_item(&module)? else {
                    continue;
                };
                let Ok(space) = found.getattr("__dict__")?.cast_into::<PyDict>() else {
                    continue;
                };
                if space.get_item(name)?.is_some_and(|value| value.is(root)) {
                    return Ok(Some((module, name.to_owned())));
                }
            }
        }
        Ok(None)
    }

    /// What the statements of another module give a container, as far as it can be told.
    pub(super) fn base_in(&self, module: &str, name: &str) -> Option<Bound<'py, PyAny>> {
        let kit = self.work.kit;
        let version = (self.job.others)(module)?;
        kit.detach(|| version.outline().is_ok());
        let outline = version.outline().as_ref().ok()?;
        let source = Source::new(kit.py, version.text(), outline, "").ok()?;
        let body = &outline.body;
        let links: Vec<&Statement> = match name.split_once('.') {
            // What the body of a class gives it.
            Some((class, name)) => {
                let mut classes = body.iter().filter(|s| s.kind == Kind::Class);
                let class = classes.rfind(|s| s.name == class)?;
                vec![class.body.iter().rfind(|member| member.name == name)?]
            }
            None => {
                let (_, links) = chain(outline, name, usize::MAX)?;
                links.into_iter().map(|at| &body[at]).collect()
            }
        };
        let texts: Vec<&str> = links.iter().map(|link| source.slice(link)).collect();
        let name = name.rsplit('.').next().unwrap_or(name);
        let found = kit.sys_modules.get_item(module).ok()??;
        let space = found.getattr("__dict__").ok()?;
        let contents = self.helper("contents").ok()?;
        let none = PyTuple::empty(kit.py);
        contents.call1((texts, &none, name, space, &none)).ok()
    }

    /// The function of another module that something was put over, and that nobody holds any more, made again.
    /// `None` where more than its text makes it what it was: decorators, a class that it asks by `super`.
    pub(super) fn function_of(&self, module: &str, path: &str) -> Option<Bound<'py, PyAny>> {
        let kit = self.work.kit;
        let version = (self.job.others)(module)?;
        kit.detach(|| version.outline().is_ok());
        let outline = version.outline().as_ref().ok()?;
        let space = kit.sys_modules.get_item(module).ok()??;
        let space = space.getattr("__dict__").ok()?.cast_into::<PyDict>().ok()?;
        let filename = text(&space.get_item("__file__").ok()??);
        let source = Source::new(kit.py, version.text(), outline, &filename).ok()?;
        let (chain, name) = match path.split_once('.') {
            Some((class, name)) => (vec![only(&outline.body, class)?], name),
            None => (Vec::new(), path),
        };
        let statement = match chain.first() {
            Some(class) if class.kind == Kind::Class && class.decorators == 0 => {
                only(&class.body, name)?
            }
            Some(_) => return None,
            None => only(&outline.body, name)?,
        };
        if statement.kind != Kind::Function || statement.decorators != 0 {
            return None;
        }
        let code = source.definition(kit, &chain, statement).ok()?;
        if code.getattr("co_freevars").ok()?.len().ok()? > 0 {
            return None;
        }
        // By itself, for its defaults.
        let own = PyDict::new(kit.py);
        let slice = source.slice(statement);
        let alone = match chain.is_empty() {
            true => slice.to_owned(),
            // The lines of its body stand further in than that.
            false => format!("if 1:\n {slice}"),
        };
        kit.exec.call1((alone, &space, &own)).ok()?;
        let function = own.get_item(&statement.name).ok()??;
        function.setattr("__code__", code).ok()?;
        function.setattr("__qualname__", path).ok()?;
        Some(function)
    }
}

/// The statement that binds a name, where there is one only.
fn only<'o>(body: impl IntoIterator<Item = &'o Statement>, name: &str) -> Option<&'o Statement> {
    let binds = |s: &&Statement| s.uses.binds.iter().any(|bound| bound == name);
    let mut binders = body.into_iter().filter(binds);
    binders.next().filter(|_| binders.next().is_none())
}
