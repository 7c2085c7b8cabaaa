//! Attributes of the module's own classes that a branch or a call had set, put back before that runs again:
//! it finds what the body of the class says, as in a fresh process, and may set something else this time.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::assigned::Assigned;
use super::collections::mergeable;
use super::kit::text;
use super::module::Run;
use super::registry::told;
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
        let had = Functions::of(old.outline);
        let mut paths = had.writes(&was.uses.calls);
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
        // Of numbers that are counted up what a statement had added is taken off, and containers are merged.
        let counts = had.is_instance_of::<pyo3::types::PyInt>()
            || had.is_instance_of::<pyo3::types::PyFloat>();
        let path = format!("{class}.{attribute}");
        if mergeable(&had) || counts && self.is_counted(&path) {
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

    /// Whether something that sets an attribute of a class reads it, too.
    fn is_counted(&self, path: &String) -> bool {
        let counts = |uses: &Uses| uses.writes.contains(path) && uses.reads.contains(path);
        let mut body = self.job.new.outline.body.iter();
        body.any(|s| counts(&s.uses) || counts(&s.later))
    }
}
