//! Classes of which something else than their body made a part: decorators, descriptors.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::function::Wanted;
use super::members::mangled;
use super::module::Run;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};

/// Whether two versions of a class body bind other names: a decorator may look at them.
pub(super) fn other_names(old: &Statement, new: &Statement) -> bool {
    let names = |class: &Statement| -> BTreeSet<String> {
        class
            .body
            .iter()
            .flat_map(|m| m.uses.binds.iter().cloned())
            .collect()
    };
    names(old) != names(new)
}

/// What of a metaclass has a say when it makes a class.
const MAKES: [&str; 4] = ["__new__", "__init__", "__call__", "__prepare__"];

/// Whether a class makes classes.
pub(super) fn is_metaclass(class: &Bound<'_, PyAny>) -> bool {
    class
        .cast::<PyType>()
        .is_ok_and(|c| c.is_subclass_of::<PyType>().unwrap_or(false))
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Classes are not made again because what made them has changed: they keep their identity, and
    /// what the program gave them. That is said.
    pub(super) fn metaclass_note(
        &mut self,
        class: &Bound<'py, PyAny>,
        inner: Option<&Changes>,
        new: &Statement,
    ) -> PyResult<()> {
        if !is_metaclass(class) {
            return Ok(());
        }
        let items = inner.iter().flat_map(|changes| &changes.items);
        for change in items.filter(|change| !matches!(change.what, What::Same)) {
            let name = new.body[change.new].name.as_str();
            if MAKES.contains(&name) {
                self.work.notes.push(format!(
                    "classes that {} made keep what it gave them then: its {name} changed",
                    self.class_name(class)?
                ));
            }
        }
        Ok(())
    }

    /// Whether a class decorator (or `__init_subclass__`) put something else in the place of
    /// plain methods, so that a new method must go through it as well.
    pub(super) fn processed(&self, class: &Bound<'py, PyAny>, old: &Statement) -> PyResult<bool> {
        if old.decorators == 0 {
            return Ok(false);
        }
        let kit = self.work.kit;
        let own = self.class_name(class)?;
        for member in &old.body {
            if member.kind != Kind::Function || member.decorators != 0 {
                continue;
            }
            let Some(entry) = kit.class_entry(class, &mangled(&member.name, Some(&own)))? else {
                continue;
            };
            let implicit = ["__new__", "__init_subclass__", "__class_getitem__"]
                .contains(&member.name.as_str());
            let wanted = Wanted {
                name: &member.name,
                line: member.span.line,
                placed: None,
            };
            if !implicit && !wanted.is(kit, &entry) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether something that is gone had told the class of itself (`__set_name__`): only a class
    /// that is made anew does not have it in its books.
    pub(super) fn told_owner(&self, class: &Bound<'py, PyAny>, gone: &[&String]) -> PyResult<bool> {
        let kit = self.work.kit;
        let own = self.class_name(class)?;
        for name in gone {
            if let Some(entry) = kit.class_entry(class, &mangled(name, Some(&own)))?
                && !kit.is_function(&entry)
                && !kit.is_class(&entry)
                && let Ok(told) = entry.get_type().getattr("__set_name__")
                && kit.is_function(&told)
                && !self.library(&told)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a function is of the standard library's `functools`.
    fn library(&self, function: &Bound<'py, PyAny>) -> PyResult<bool> {
        let functools = self.work.kit.py.import("functools")?.dict();
        Ok(function.getattr("__globals__")?.is(&functools))
    }
}
