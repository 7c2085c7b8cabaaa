//! Objects whose constructors ask something of what they are given, `self.hp = kind.hp()`, where that
//! gives something else now.
//!
//! The plan knows by names alone that a constructor may do so (`Affected::Given`), which is too little
//! to make an object anew; here the objects are at hand.

use std::collections::BTreeSet;

use pyo3::prelude::*;

use super::data::nobodys;
use super::kit::{mro, text};
use super::makes::{FIRST, MOST, names_in};
use super::module::{Run, container};
use crate::outline::{Kind, Statement};

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whether the one object that a statement made asks something that differs of what it was given.
    pub(super) fn asked_differs(&self, statement: &Statement) -> PyResult<bool> {
        let ([name], Kind::Assign) = (&statement.uses.binds[..], statement.kind) else {
            return Ok(false);
        };
        let Some(live) = self.job.dict.get_item(name)? else {
            return Ok(false);
        };
        let class = live.get_type().into_any();
        let uses = &statement.uses;
        let made = |path: &&String| self.resolve(path).is_some_and(|called| called.is(&class));
        if container(&live) || uses.calls.iter().filter(made).count() != 1 {
            return Ok(false);
        }
        let names = self.asked_at_first(&class)?;
        if names.is_empty() {
            return Ok(false);
        }
        for path in &uses.reads {
            let Some(given) = self.resolve(path).filter(|given| !given.is(&class)) else {
                continue;
            };
            if self.given_differs(path, &given, &names)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what a constructor is given, or an instance that is made for it alone, gives something
    /// else where it is asked for one of these names.
    fn given_differs(
        &self,
        path: &str,
        given: &Bound<'py, PyAny>,
        names: &BTreeSet<String>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        if kit.is_exact(given, &kit.module) {
            let mut paths = names.iter().map(|name| format!("{path}.{name}"));
            return Ok(paths.any(|path| self.functions.gives_other(&path, &self.dirty)));
        }
        if nobodys(given) || container(given) {
            return Ok(false);
        }
        match kit.is_class(given) {
            // `App(Config)`, which asks the class itself, `App(Config())`, `App(Kind.ORC)`.
            true => self.any_differs(path, given, names),
            false => self.any_differs(path, given.get_type().as_any(), names),
        }
    }

    /// Whether one of these names means something else of an object of a class, which has this path.
    fn any_differs(
        &self,
        path: &str,
        class: &Bound<'py, PyAny>,
        names: &BTreeSet<String>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        for owner in mro(class).iter().filter(|owner| !owner.is(&*kit.object)) {
            let known = text(&owner.getattr("__qualname__")?);
            let here = kit.defined_in(&owner, &self.job.dict)?;
            for name in kit.class_dict(&owner)?.keys().iter() {
                let name = text(&name);
                if !names.contains(&name) || name.starts_with("__") {
                    continue;
                }
                let path = match here {
                    true => format!("{known}.{name}"),
                    false => format!("{path}.{name}"),
                };
                if self.functions.gives_other(&path, &self.dirty) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The names that are asked for while an object of a class is made.
    fn asked_at_first(&self, class: &Bound<'py, PyAny>) -> PyResult<BTreeSet<String>> {
        let kit = self.work.kit;
        let mut todo: Vec<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
        let (mut seen, mut out) = (BTreeSet::new(), BTreeSet::new());
        let bases: Vec<_> = mro(class).iter().collect();
        while let Some(name) = todo.pop() {
            if !seen.insert(name.clone()) || seen.len() > MOST {
                continue;
            }
            for base in &bases {
                let entry = kit.class_entry(base, &name)?;
                let Some(function) = entry.filter(|entry| kit.is_function(entry)) else {
                    continue;
                };
                let mut found = Vec::new();
                names_in(kit, &function.getattr("__code__")?, &mut found)?;
                out.extend(found.iter().cloned());
                todo.extend(found);
            }
        }
        Ok(out)
    }
}
