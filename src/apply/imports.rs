//! Names that come from other modules.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::function::identical;
use super::module::{Run, container};
use crate::interp::word;
use crate::outline::{Outline, Statement};
use crate::report::{Action, ChangeKind};

/// What `__all__` says; `None` where it says nothing that can be read.
pub fn public_names(dict: &Bound<'_, PyDict>) -> PyResult<Option<Vec<String>>> {
    let all = dict.get_item(word(dict.py(), "__all__"))?;
    Ok(all.and_then(|all| all.extract().ok()))
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// The paths under which the module knows what is at a path in another one.
    pub(super) fn imported_as(&self, module: &str, path: &str) -> PyResult<Vec<String>> {
        let Some(there) = self.work.kit.sys_modules.get_item(module)? else {
            return Ok(Vec::new());
        };
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let object = there.getattr(first).ok();
        let outline = self.job.new.outline;
        let mut out = BTreeSet::new();
        for at in outline.index().importing(&outline.body) {
            for import in &outline.body[at].imports {
                let bound = match &*import.bound {
                    "*" => first,
                    bound => bound,
                };
                let Some(value) = self.job.dict.get_item(bound)? else {
                    continue;
                };
                if value.is(&there) {
                    out.insert(format!("{bound}.{path}"));
                } else if object.as_ref().is_some_and(|object| value.is(object)) {
                    let dot = if rest.is_empty() { "" } else { "." };
                    out.insert(format!("{bound}{dot}{rest}"));
                }
            }
        }
        Ok(out.into_iter().collect())
    }

    /// Gives names that were imported from changed modules their new values.
    pub(super) fn take_imports(&mut self, at: usize, statement: &Statement) -> PyResult<()> {
        if statement.imports.is_empty() {
            return Ok(());
        }
        self.dirty.imported(at);
        self.dirty.imported_over(statement, self.job.outside);
        let rebinds = self.job.rebinds;
        let mut asked = false;
        for rebind in rebinds {
            let here = statement.imports.iter().any(|i| {
                if rebind.star {
                    i.bound == "*"
                } else {
                    i.bound == rebind.name && i.name.is_some()
                }
            });
            // What another statement binds as well is not the star import's to take away.
            let binder = match rebind.star && rebind.new.is_none() {
                true => self.binders(&rebind.name).last(),
                false => None,
            };
            if !here {
                continue;
            }
            if rebind.star && rebind.new.is_none() && !asked {
                // `__all__` may still name it.
                asked = true;
                self.miss_import(statement)?;
            }
            if let Some(binder) = binder
                && self.star_import(&rebind.name, binder + 1)?.is_none()
            {
                continue;
            }
            // Of several statements that import the name this is the one that counts, and an earlier
            // one has run: what the program has is put aside.
            let parked = self.parked.get(&rebind.name);
            let parked = parked.filter(|(_, last)| *last == at);
            let now = match parked {
                Some((live, _)) => live.clone(),
                None => self.job.dict.get_item(&rebind.name)?,
            };
            let follows = match (&rebind.old, &now) {
                // A number that was made again is equal and another object.
                (Some(old), Some(now)) => old.is(now) || !container(now) && identical(old, now),
                (None, None) => rebind.star,
                // A star import takes a name over that came from an earlier statement.
                (None, Some(_)) if rebind.star => {
                    let last = self.star_value(&rebind.name)?;
                    !self.bound_after(statement, &rebind.name)
                        && last.zip(rebind.new.as_ref()).is_some_and(|(a, b)| a.is(b))
                }
                // A name that was missing there and is missing here.
                (Some(_), None) => false,
                // It was missing there for a while.
                (None, Some(now)) => self.work.orphans.has(&self.job.dict, &rebind.name, now),
            };
            if !follows {
                // A statement below binds the name, too; those before it read what comes from there.
                let given = rebind.star && rebind.new.is_some();
                if given && self.binders(&rebind.name).any(|i| i > at) {
                    let why = format!("which comes from {}", rebind.from);
                    self.dirty.value(&rebind.name, why);
                }
                continue;
            }
            // Public no more, or gone, in one of the modules that it could come from.
            let other = match rebind.star && rebind.new.is_none() {
                true => self.star_value(&rebind.name)?,
                false => None,
            };
            if other.is_some()
                && other
                    .as_ref()
                    .zip(now.as_ref())
                    .is_some_and(|(a, b)| a.is(b))
            {
                continue;
            }
            let value = other.or_else(|| rebind.new.clone());
            // Importers are told of what the program had, not of what an earlier statement bound.
            let put_aside = match &value {
                Some(_) => self.parked.remove(&rebind.name),
                None => None,
            };
            if let (None, true, Some(now)) = (&value, rebind.star, &now)
                && self.is_submodule(&rebind.name, now)?
            {
                continue;
            }
            match &value {
                Some(new) => self.job.dict.set_item(&rebind.name, new)?,
                None if now.is_none() => continue,
                None if rebind.star => self.job.dict.del_item(&rebind.name)?,
                None => {
                    if let Some(now) = &now {
                        self.work.orphaned.add(&self.job.dict, &rebind.name, now);
                    }
                    self.work.notes.push(format!(
                        "{} is gone from where it was imported; {} keeps what it had",
                        rebind.from, rebind.name
                    ));
                    self.miss_import(statement)?;
                    continue;
                }
            }
            let why = format!("which comes from {}", rebind.from);
            self.dirty.value(&rebind.name, why);
            let action = if value.is_some() {
                Action::Rebound
            } else {
                Action::Removed
            };
            self.note(
                ChangeKind::Import,
                action,
                &rebind.name,
                statement,
                &format!("{} changed", rebind.from),
            );
            let was = put_aside.map_or(now, |(live, _)| live);
            self.facts.rebound.push((rebind.name.clone(), was, value));
        }
        Ok(())
    }

    /// What the star imports of the new text give for a name; the last one wins.
    pub(super) fn star_value(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.star_import(name, 0)?.map(|(_, value)| value))
    }

    /// The last star import, from a statement on, that gives a name, and what it gives.
    pub(super) fn star_import(
        &self,
        name: &str,
        from: usize,
    ) -> PyResult<Option<(usize, Bound<'py, PyAny>)>> {
        self.star_among(self.job.new.outline, name, from..usize::MAX)
    }

    /// The same of those above a statement.
    pub(super) fn star_above(
        &self,
        name: &str,
        at: usize,
    ) -> PyResult<Option<(usize, Bound<'py, PyAny>)>> {
        self.star_among(self.job.new.outline, name, 0..at)
    }

    /// The same of a text, among the statements at these places.
    pub(super) fn star_among(
        &self,
        outline: &Outline,
        name: &str,
        places: std::ops::Range<usize>,
    ) -> PyResult<Option<(usize, Bound<'py, PyAny>)>> {
        if !outline.star {
            return Ok(None);
        }
        let package = self.package()?;
        let end = places.end.min(outline.body.len());
        for at in (places.start..end).rev() {
            let statement = &outline.body[at];
            let imports = statement.imports.iter().rev();
            for import in imports.filter(|i| i.bound == "*") {
                let module = crate::modules::resolve(&package, import.level, &import.module);
                let Some(module) = self.work.kit.sys_modules.get_item(module)? else {
                    continue;
                };
                let public = match module.getattr("__all__") {
                    Ok(all) => all.contains(name)?,
                    Err(_) => !name.starts_with('_'),
                };
                if public && let Ok(value) = module.getattr(name) {
                    return Ok(Some((at, value)));
                }
            }
        }
        Ok(None)
    }

    /// An import gave what was there before: another thing only if its own module says so, of a
    /// container that was filled anew.
    pub(super) fn imported_again(&mut self, name: &str) {
        self.dirty.same(name);
        if let Some(why) = self.job.outside.values.get(name) {
            self.dirty.value(name, why.clone());
        }
    }

    /// Whether a statement after this one binds the name.
    pub(super) fn bound_after(&self, statement: &Statement, name: &str) -> bool {
        let body = &self.job.new.outline.body;
        self.binders(name)
            .any(|at| body[at].span.start > statement.span.start)
    }
}
