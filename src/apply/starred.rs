//! Names that come from other modules and that statements of this one bind, too: overrides below a star
//! import.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kit::{module_of, text};
use super::module::Run;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};
use crate::plan::rebound_later;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// `from base import *`, `NAMES = NAMES + [1]`: a statement that runs again between a star import
    /// and what binds the same name below it finds what the star import gives, for as long.
    pub(super) fn after_star(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        if !self.job.new.outline.star {
            return Ok(());
        }
        let mut names: BTreeSet<String> = self.functions.later_reads(&statement.uses);
        let reads = statement.uses.reads.iter();
        names.extend(reads.map(|path| path.split('.').next().unwrap_or(path).to_owned()));
        // What its branches do not bind is left as it is.
        let binds = statement.uses.binds.iter();
        names.extend(binds.filter(|_| statement.kind == Kind::Compound).cloned());
        for name in names {
            let binders: Vec<usize> = self.binders(&name).collect();
            let Some(last) = binders.iter().copied().filter(|i| *i >= at).max() else {
                continue;
            };
            let above = binders.into_iter().filter(|i| *i < at).max();
            if let Some((star, given)) = self.star_above(&name, at)?
                && above.is_none_or(|above| above < star)
                && !self
                    .job
                    .dict
                    .get_item(&name)?
                    .is_some_and(|now| now.is(&given))
            {
                if !self.parked.contains_key(&name) {
                    let live = self.before.get_item(&name)?;
                    self.parked.insert(name.clone(), (live, last));
                }
                self.job.dict.set_item(&name, given)?;
            }
        }
        Ok(())
    }

    /// The same for a class that extends one of its own name, `class Form(Form)`, if its body runs.
    pub(super) fn class_after_star(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        let runs = |inner: &Changes| {
            let mut items = inner.items.iter();
            items.any(|c| matches!(c.what, What::Added | What::Changed | What::Header(_)))
        };
        let own = statement.uses.reads.iter().any(|path| {
            let root = path.split('.').next().unwrap_or(path);
            root == statement.name
        });
        match self.what(at) {
            What::Inner(inner) if !runs(inner) => Ok(()),
            _ if own && statement.kind == Kind::Class => self.after_star(at, statement),
            _ => Ok(()),
        }
    }

    /// Whether the program had put something in the place of what a statement imports: of a module, or of
    /// a definition. What else a module has it may have bound to another object since.
    pub(super) fn is_put_over_import(
        &self,
        statement: &Statement,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let package = self.package()?;
        let mut rebinds = self.job.rebinds.iter().chain(self.job.lost);
        if rebinds.any(|rebind| rebind.name == name) {
            return Ok(false);
        }
        for import in statement.imports.iter().filter(|i| i.bound == name) {
            let module = crate::modules::resolve(&package, import.level, &import.module);
            let path = match import.name {
                None if !import.aliased => name,
                _ => module.as_str(),
            };
            let Some(found) = kit.sys_modules.get_item(path)? else {
                continue;
            };
            let given = match &import.name {
                None => Some(found),
                Some(inner) => {
                    let space = found.getattr("__dict__")?.cast_into::<PyDict>()?;
                    // What comes from there may have been another definition when it was imported.
                    let defined = |of: &Bound<'py, PyAny>| {
                        (kit.is_function(of) || kit.is_class(of)) && text(&module_of(of)) == module
                    };
                    match space.get_item(inner)? {
                        Some(own) if kit.is_exact(&own, &kit.module) => Some(own),
                        own => own.filter(|own| defined(own) && !defined(value)),
                    }
                }
            };
            if given.is_some_and(|given| !given.is(value)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// After a star import ran: what it gives, but for the names that statements below it bind, which
    /// have its value until then.
    pub(super) fn take_starred(
        &mut self,
        at: usize,
        statement: &Statement,
        had: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        for (key, value) in self.job.dict.copy()?.iter() {
            let name = text(&key);
            let parked = match self.parked.get(&name) {
                Some((_, last)) if *last == at => self.parked.remove(&name),
                _ => None,
            };
            let was = match parked {
                Some((live, _)) => live,
                None => had.get_item(&key)?,
            };
            if was.as_ref().is_some_and(|was| was.is(&value)) {
                continue;
            }
            let line = statement.span.line;
            self.dirty
                .value(&name, format!("which was imported on line {line}"));
            let star = self.star_import(&name, at + 1)?.map(|(star, _)| star);
            match rebound_later(self.job.new.outline, at, &name).max(star) {
                Some(last) => {
                    self.parked.entry(name).or_insert((was, last));
                }
                None => self.facts.rebound.push((name, was, Some(value))),
            }
        }
        Ok(())
    }

    /// Whether the old text had imported what a name is bound to, and bound it in no other way.
    pub(super) fn is_imported(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Some(old) = self.job.old else {
            return Ok(false);
        };
        let body = &old.outline.body;
        let mut imported = false;
        for at in old.outline.index().writers(body, name) {
            let statement = &body[at];
            if statement.kind != Kind::Import && !statement.uses.mutates.iter().any(|n| n == name) {
                return Ok(false);
            }
            imported |= statement.kind == Kind::Import;
        }
        if imported {
            return Ok(true);
        }
        let star = self.star_among(old.outline, name, 0..usize::MAX)?;
        Ok(star.is_some_and(|(_, given)| given.is(value)))
    }
}
