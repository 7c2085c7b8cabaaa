//! Methods that a class has no more and inherits now: whoever holds the one that was (a bound method in
//! a callback) calls what the class gives by that name.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::kit::text;
use super::work::{Lost, Work};

impl<'py> Work<'_, 'py> {
    /// Notes that a class loses an entry.
    pub(super) fn lose(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.forget_stored(class, was)?;
        self.note_lost(class, name, was);
        Ok(())
    }

    /// Notes what the class that takes another one's place has no more of its own statements' entries.
    pub(super) fn lose_replaced(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        members: &BTreeSet<String>,
    ) -> PyResult<()> {
        let want = self.kit.class_dict(new)?;
        for (name, value) in self.kit.class_dict(old)?.iter() {
            if members.contains(&text(&name)) && !want.contains(&name)? {
                self.note_lost(new, &name, &value);
            }
        }
        Ok(())
    }

    /// Notes what a class does not inherit any more from one that its module does not have any more:
    /// a base that got another name, most often.
    pub(super) fn lose_bases(
        &mut self,
        class: &Bound<'py, PyAny>,
        ancestors: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let now = class.getattr("__mro__")?;
        let mut hidden: BTreeSet<String> = BTreeSet::new();
        for ancestor in ancestors.try_iter()? {
            let ancestor = ancestor?;
            let still = now
                .try_iter()?
                .any(|class| class.is_ok_and(|class| class.is(&ancestor)));
            let gone = !still && !self.has_home(&ancestor)?;
            for (name, value) in self.kit.class_dict(&ancestor)?.iter() {
                if hidden.insert(text(&name)) && gone {
                    self.note_lost(class, &name, &value);
                }
            }
        }
        Ok(())
    }

    /// Whether a class is what its name means in its module.
    fn has_home(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let modules = class.py().import("sys")?.getattr("modules")?;
        let home = modules.call_method1("get", (class.getattr("__module__")?,))?;
        let path = text(&class.getattr("__qualname__")?);
        if home.is_none() || path.contains('<') {
            return Ok(true); // nobody can tell
        }
        // As it is stored: a module's `__getattr__` would run.
        let Ok(names) = home.getattr("__dict__")?.cast_into::<PyDict>() else {
            return Ok(true);
        };
        let mut parts = path.split('.');
        let mut at = names.get_item(parts.next())?;
        for name in parts {
            let Some(owner) = at.filter(|owner| self.kit.is_class(owner)) else {
                return Ok(false);
            };
            at = self.kit.class_entry(&owner, name)?;
        }
        Ok(at.is_some_and(|at| at.is(class)))
    }

    fn note_lost(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
    ) {
        let wraps = self.kit.is_exact(was, &self.kit.classmethod)
            || self.kit.is_exact(was, &self.kit.staticmethod);
        let function = match wraps {
            true => was.getattr("__func__").unwrap_or_else(|_| was.clone()),
            false => was.clone(),
        };
        if self.kit.is_function(&function) {
            self.lost.push(Lost {
                class: class.clone(),
                name: text(name),
                kind: was.get_type().into_any(),
                function,
            });
        }
    }

    /// Gives methods that are gone the code of those that are inherited in their place, once all classes
    /// of the module are what they are to be.
    pub(super) fn inherit(&mut self) -> PyResult<()> {
        let kit = self.kit;
        for lost in std::mem::take(&mut self.lost) {
            let class = &lost.class;
            let mro = class.getattr("__mro__")?.cast_into::<PyTuple>()?;
            let mut heir = None;
            for base in mro.iter() {
                if let Some(found) = kit.class_entry(&base, &lost.name)? {
                    heir = Some(found);
                    break;
                }
            }
            let Some(mut heir) = heir.filter(|heir| heir.get_type().is(&lost.kind)) else {
                continue;
            };
            if !kit.is_function(&heir) {
                heir = heir.getattr("__func__")?;
            }
            let function = &lost.function;
            let same =
                |name| -> PyResult<bool> { Ok(heir.getattr(name)?.is(&function.getattr(name)?)) };
            // Globals cannot be exchanged.
            if heir.is(function) || !kit.is_function(&heir) || !same("__globals__")? {
                continue;
            }
            self.tx.function(kit, function)?;
            let code = heir.getattr(kit.name("__code__"))?;
            let fresh = (!heir.getattr(kit.name("__closure__"))?.is_none()).then_some(&heir);
            if self.give_code(function, &code, Some(class), fresh)? {
                for name in ["__defaults__", "__kwdefaults__", "__doc__", "__qualname__"] {
                    function.setattr(name, heir.getattr(name)?)?;
                }
            }
        }
        Ok(())
    }
}
