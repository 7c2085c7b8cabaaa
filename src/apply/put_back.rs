//! Attributes of the module's own classes that a branch or a call had set, put back before that runs again:
//! it finds what the body of the class says, as in a fresh process, and may set something else this time.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::assigned::{Assigned, target};
use super::collections::mergeable;
use super::function::identical;
use super::kit::text;
use super::module::Run;
use super::partners::alike;
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Statement, Uses};
use crate::plan::Functions;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Puts those back that the old form of a statement had set, and no other one.
    pub(super) fn put_back_members(&mut self, at: usize, statement: &Statement) -> PyResult<()> {
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(());
        };
        if !matches!(statement.kind, Kind::Compound | Kind::Expr) || !self.work.merge {
            return Ok(());
        }
        let mut paths = match self.job.changes.edits_definitions() {
            true => Functions::of(old.outline).writes(&was.uses.calls),
            false => self.functions.writes(&was.uses.calls),
        };
        paths.extend(was.uses.writes.iter().cloned());
        for path in paths {
            let Some((class, attribute)) = path.split_once('.') else {
                continue;
            };
            let binders: Vec<usize> = self.binders(class).collect();
            let body = &self.job.new.outline.body;
            let above = match binders[..] {
                [only] => only < at && body[only].kind == Kind::Class,
                _ => false,
            };
            if above && !attribute.contains('.') && !self.sets_besides(at, class, &path) {
                self.put_back(class, attribute)?;
            }
        }
        Ok(())
    }

    /// Whether another statement sets an attribute of a class, too.
    fn sets_besides(&self, at: usize, class: &str, path: &String) -> bool {
        let body = &self.job.new.outline.body;
        self.mutators(class).filter(|other| *other != at).any(|at| {
            let uses = &body[at].uses;
            uses.writes.contains(path) || self.functions.writes(&uses.calls).contains(path)
        })
    }

    /// Gives a class what its body says under a name; takes the name away where it says nothing.
    pub(super) fn put_back(&mut self, class: &str, attribute: &str) -> PyResult<()> {
        let kit = self.work.kit;
        let Some(owner) = self.job.dict.get_item(class)? else {
            return Ok(());
        };
        if !kit.is_class(&owner) || !kit.defined_in(&owner, &self.job.dict)? {
            return Ok(());
        }
        let Some(had) = kit.class_entry(&owner, attribute)? else {
            return Ok(());
        };
        // What is counted up, or made once and kept, is the program's; containers are merged. Of functions the
        // one below is asked for to be called.
        let path = format!("{class}.{attribute}");
        if mergeable(&had) || !kit.is_function(&had) && self.is_kept(&path) {
            return Ok(());
        }
        let key = PyString::new(kit.py, attribute).into_any();
        if !self.class_binds(class, attribute) {
            // `__doc__` and the like cannot be taken from a class.
            if let Err(error) = self.work.tx.del_class_entry(kit, &owner, &key) {
                log::debug!("{path} stays for a statement that sets it: {error}");
            }
            return Ok(());
        }
        let module = self.job.dict.get_item("__name__")?;
        let module = module.map(|name| text(&name)).unwrap_or_default();
        let there = Assigned {
            owner: owner.clone(),
            name: attribute.to_owned(),
            had: Some(had.clone()),
            path: (module, path),
        };
        let (module, path) = &there.path;
        let function = kit.is_function(&had);
        if function && text(&had.getattr("__qualname__")?) == *path {
            return Ok(());
        }
        let base = told(self.put_over(&there)).flatten();
        let base = base.or_else(|| self.base_in(module, path));
        let base = base.or_else(|| self.function_of(module, path));
        match base.filter(|base| !base.is(&had)) {
            Some(base) => self.work.tx.set_class_entry(kit, &owner, &key, &base),
            None => Ok(()),
        }
    }

    /// Whether an attribute of a class that nothing sets any more keeps what it is: the program has set it since,
    /// or goes on with it.
    pub(super) fn stays_set(&mut self, class: &Bound<'py, PyAny>, path: &str) -> PyResult<bool> {
        let kit = self.work.kit;
        let (Some(old), Some((root, attribute))) = (self.job.old, path.split_once('.')) else {
            return Ok(false);
        };
        let Some(had) = kit.class_entry(class, attribute)? else {
            return Ok(false);
        };
        if !kit.is_function(&had) && self.is_kept(&path.to_owned()) {
            return Ok(true);
        }
        let changed = self.job.changes.items.iter();
        let changed = changed.filter(|c| c.what == What::Changed);
        let gone = self.job.changes.removed.iter().copied();
        let gone: Vec<usize> = gone.chain(changed.filter_map(|c| c.old)).collect();
        let mut known = false;
        for at in gone {
            let statement = &old.outline.body[at];
            if target(old, statement).as_deref() != Some(path) {
                continue;
            }
            let unknown = self.unknown(old, root, &[at]);
            let scratch = self.before.copy()?;
            let given = self.helper("attribute")?;
            let Ok(given) = given.call1((old.slice(statement), scratch, unknown)) else {
                continue;
            };
            let given = given.get_item(2)?;
            known = true;
            let functions = kit.is_function(&had) && kit.is_function(&given);
            if had.is(&given)
                || identical(&had, &given)
                || functions && alike(&had, &given)
                || mergeable(&given) && had.eq(&given).unwrap_or(false)
            {
                return Ok(false);
            }
        }
        if known {
            self.work.notes.push(format!(
                "what had set {path} is gone from the file, but the program has set it since; it is kept"
            ));
        }
        // A container that a call had set may have anything in it by now.
        Ok(known || mergeable(&had))
    }

    /// Whether something that sets an attribute of a class reads it, too.
    fn is_kept(&self, path: &String) -> bool {
        let keeps = |uses: &Uses| uses.writes.contains(path) && uses.reads.contains(path);
        let outlines = [Some(self.job.new), self.job.old];
        let mut body = outlines
            .into_iter()
            .flatten()
            .flat_map(|s| s.outline.body.iter());
        body.any(|s| {
            // Of a class what any of its methods does.
            let (reads, writes) = (s.later.reads.contains(path), s.later.writes.contains(path));
            keeps(&s.uses) || reads && writes
        })
    }
}
