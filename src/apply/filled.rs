//! Statements that run again, and what they did when they ran before: names that nobody can list,
//! entries in containers of other modules. What cannot be told from what the program did stays, and
//! is said.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::kit::text;
use super::module::Run;
use super::work::Poured;
use crate::outline::{Kind, Statement};

/// A container of another module, and what was in it.
pub(super) struct Filled<'py> {
    name: String,
    container: Bound<'py, PyAny>,
    had: Bound<'py, PyAny>,
    /// Nothing of what the statement had put there before is left.
    emptied: bool,
}

impl Filled<'_> {
    /// Whether something was in it, and is not all there is now.
    fn over_others(&self) -> PyResult<bool> {
        if self.emptied {
            return Ok(false);
        }
        let (before, now) = (self.had.len()?, self.container.len()?);
        if before == 0 || now != before {
            return Ok(before > 0);
        }
        let values = |container: &Bound<'_, PyAny>| match container.cast::<PyDict>() {
            Ok(dict) => dict.values().iter().map(|v| v.as_ptr() as usize).collect(),
            Err(_) => container.cast::<PyList>().map_or_else(
                |_| Vec::new(),
                |list| list.iter().map(|v| v.as_ptr() as usize).collect(),
            ),
        };
        Ok(values(&self.had) != values(&self.container))
    }
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Takes names out of the module that `globals()[name] = ...` on this line may have bound, and
    /// that nothing else does: those that are not there when it has run it does not bind any more.
    pub(super) fn hide_unlisted(
        &self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyDict>> {
        let hidden = PyDict::new(self.work.kit.py);
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(hidden);
        };
        let new = self.job.new.outline;
        let opaque = was.uses.opaque || self.functions.opaque(&was.uses.calls);
        if !opaque || new.star || old.outline.star {
            return Ok(hidden);
        }
        let mut read = self.functions.later_reads(&statement.uses);
        let paths = statement.uses.reads.iter();
        read.extend(paths.filter_map(|p| p.split('.').next()).map(str::to_owned));
        let bodies = new.body.iter().chain(&old.outline.body);
        let written: BTreeSet<&String> = bodies.flat_map(|s| &s.later.global_writes).collect();
        for (key, value) in self.before.iter() {
            let name = text(&key);
            let listed = |outline: &crate::outline::Outline| {
                !outline.index().writers(&outline.body, &name).is_empty()
            };
            if name.starts_with("__")
                || self.work.kit.is_exact(&value, &self.work.kit.module)
                || !self.job.dict.contains(&key)?
                || read.contains(&name)
                || written.contains(&name)
                || listed(new)
                || listed(old.outline)
            {
                continue;
            }
            self.job.dict.del_item(&key)?;
            hidden.set_item(key, value)?;
        }
        Ok(hidden)
    }

    /// Puts those back that are not bound again.
    pub(super) fn show_unlisted(
        &mut self,
        hidden: &Bound<'py, PyDict>,
        statement: &Statement,
    ) -> PyResult<()> {
        let mut names = Vec::new();
        for (key, value) in hidden.iter() {
            if !self.job.dict.contains(&key)? {
                names.push(text(&key));
                self.job.dict.set_item(key, value)?;
            }
        }
        if !names.is_empty() {
            self.work.notes.push(format!(
                "line {} does not bind {} now; whether it did before cannot be told, so that it stays",
                statement.span.line,
                names.join(", ")
            ));
        }
        Ok(())
    }

    /// A statement that looks at all names of its module sees those that came later, too, and all in
    /// the order in which they came.
    pub(super) fn note_looks(&mut self, statement: &Statement) {
        let looks = |path: &String| matches!(path.as_str(), "vars" | "globals" | "locals" | "dir");
        let binds = &statement.uses.binds;
        if statement.uses.opaque && !binds.is_empty() && statement.uses.calls.iter().any(looks) {
            self.work.notes.push(format!(
                "line {} looks at all names of the module, also at those of lines below, and makes \
                 {} of them",
                statement.span.line,
                binds.join(", ")
            ));
        }
    }

    /// The containers of other modules that a statement fills: lists that it imports, and for a call
    /// which stands alone globals of the functions that it calls, and what their parameters have by
    /// default.
    pub(super) fn filled(
        &mut self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Vec<Filled<'py>>> {
        let kit = self.work.kit;
        let mut out: Vec<Filled<'py>> = Vec::new();
        // `X += [1]`, `X.append(1)`, where X comes from another module.
        for name in &statement.uses.mutates {
            let imported = &self.job.new.outline.imported;
            if imported.contains(name)
                && let Some(container) = self.job.dict.get_item(name)?
                && container.is_exact_instance_of::<PyList>()
            {
                let emptied = self.pour_back(at, name, &container).unwrap_or(false);
                let had = container.call_method0("copy")?;
                let name = name.clone();
                out.push(Filled {
                    name,
                    container,
                    had,
                    emptied,
                });
            }
        }
        if statement.kind != Kind::Expr {
            return Ok(out);
        }
        for path in &statement.uses.calls {
            let Some(function) = self.resolve(path).filter(|f| kit.is_function(f)) else {
                continue;
            };
            let globals = function.getattr("__globals__")?.cast_into::<PyDict>()?;
            if globals.is(&self.job.dict) {
                continue;
            }
            let code = function.getattr("__code__")?;
            let mut containers = Vec::new();
            for name in code.getattr("co_names")?.try_iter()? {
                let name = name?;
                if let Some(value) = globals.get_item(&name)? {
                    containers.push((text(&name), value));
                }
            }
            let defaults = function.getattr("__defaults__")?;
            let parameters = code.getattr("co_varnames")?;
            if !defaults.is_none() {
                let taken: usize = code.getattr("co_argcount")?.extract()?;
                let first = taken - defaults.len()?;
                for (at, value) in defaults.try_iter()?.enumerate() {
                    let name = text(&parameters.get_item(first + at)?);
                    containers.push((name, value?));
                }
            }
            for (name, container) in containers {
                let kind = container.is_exact_instance_of::<PyDict>()
                    || container.is_exact_instance_of::<PyList>();
                if kind && !out.iter().any(|f| f.container.is(&container)) {
                    let had = container.call_method0("copy")?;
                    out.push(Filled {
                        name,
                        container,
                        had,
                        emptied: false,
                    });
                }
            }
        }
        Ok(out)
    }

    /// Takes out of a list of another module what the statement had put there when it ran before, so
    /// that it is not there twice. Whether nothing of that is left.
    fn pour_back(&mut self, at: usize, name: &str, into: &Bound<'py, PyAny>) -> PyResult<bool> {
        let by = (self.job.dict.as_ptr() as usize, at);
        let poured = &mut self.work.poured;
        if let Some(known) = poured.iter().position(|p| p.by == by && p.into.is(into)) {
            let items = poured.swap_remove(known).items;
            if self.take_out(into, &items)? {
                return Ok(true);
            }
        }
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(true);
        };
        let tx = &self.work.tx;
        let space = tx.first_copy(&self.job.dict);
        let space = space.unwrap_or_else(|| self.before.clone()).copy()?;
        if !space.get_item(name)?.is_some_and(|list| list.is(into)) {
            return Ok(true);
        }
        for path in &was.uses.reads {
            if let Some(value) = space.get_item(path)?
                && let Some(items) = self.work.first_contents(&value)
            {
                space.set_item(path, items)?;
            }
        }
        let added = self.helper("added")?;
        let items = added.call1((old.slice(was), name, space))?;
        self.take_out(into, items.cast::<PyList>()?)
    }

    fn take_out(&mut self, of: &Bound<'py, PyAny>, items: &Bound<'py, PyList>) -> PyResult<bool> {
        if items.is_empty() {
            return Ok(true);
        }
        self.work.tx.container(of)?;
        let taken = self.helper("take_out")?.call1((of, items))?;
        taken.extract()
    }

    /// Says which of them it changed: what it had put there when it ran before is still in it.
    pub(super) fn note_filled(
        &mut self,
        at: usize,
        filled: Vec<Filled<'py>>,
        statement: &Statement,
    ) -> PyResult<()> {
        for filled in filled {
            if let (Ok(list), Ok(had)) = (
                filled.container.cast_exact::<PyList>(),
                filled.had.cast_exact::<PyList>(),
            ) && statement.uses.mutates.contains(&filled.name)
                && list.len() >= had.len()
                && had.iter().zip(list.iter()).all(|(a, b)| a.is(&b))
            {
                self.work.poured.push(Poured {
                    by: (self.job.dict.as_ptr() as usize, at),
                    into: filled.container.clone(),
                    items: list.get_slice(had.len(), list.len()),
                });
            }
            if filled.over_others()? {
                self.work.notes.push(format!(
                    "{} ran again over what it had put into {}: what it does not put there now is \
                     left, what is new stands last",
                    self.job.new.first_line(statement),
                    filled.name
                ));
            }
        }
        Ok(())
    }
}
