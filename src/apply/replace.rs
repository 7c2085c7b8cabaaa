//! Classes that cannot be changed in place: a new one takes over.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::class::{PRIVATE, is_slot};
use super::class_entry::put;
use super::kit::text;
use super::made::is_field;
use super::work::{Replaced, Work};

impl<'py> Work<'_, 'py> {
    /// Binds the new class; instances, subclasses and holders are moved over at the end of the
    /// unit (`heap`).
    pub(super) fn replace_class(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        why: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let anchored = self.anchored(old, new)?;
        let new = anchored.as_ref().unwrap_or(new);
        let qualname = text(&old.getattr("__qualname__")?);
        self.notes.push(format!(
            "{qualname} is a new class, since {why}; instances were moved to it where they could be"
        ));
        self.move_entries(old, new, new)?;
        // What the program had put on the class, it finds on the new one.
        let left = self.left_by_makers(old, new)?;
        let members = self.members.get(&qualname).cloned().unwrap_or_default();
        let (have, want) = (self.kit.class_dict(old)?, self.kit.class_dict(new)?);
        let named = have.contains("_fields")?;
        let table = |key: &str| key.starts_with('_') && key.ends_with('_');
        let is_enum = self.is_enum(old)?;
        for (name, value) in have.iter() {
            let key = text(&name);
            let dunder = key.starts_with("__") && key.ends_with("__");
            if !want.contains(&name)?
                && !members.contains(&key)
                && !dunder
                && !PRIVATE.contains(&key.as_str())
                && !left.contains(&key)
                && !is_slot(&value)?
                && !(is_enum && table(&key))
                && !(named && (of_named_tuple(&key) || is_field(&value)?))
            {
                put(self.kit, new, &name, &value)?;
            }
        }
        self.lose_replaced(old, new, &members)?;
        self.replaced.push(Replaced {
            from: old.clone(),
            to: new.clone(),
            lived: true,
        });
        self.note_gone(old)?;
        self.finish_class(new)?;
        Ok(new.clone())
    }

    /// CPython lets instances change between classes only if both put `__dict__` on the same base:
    /// not between `class C:` and `class C(Generic[T]):`, whose layouts are equal all the same.
    /// With an empty plain class in front of its bases, the new class is one that instances of
    /// the old one can be moved to, and a base that those derived from it can have. `None` where there
    /// are none of either, or where that is not the hindrance, or does not help.
    fn anchored(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.kit;
        let meta = new.get_type();
        let known = ["type", "ABCMeta", "_ProtocolMeta"];
        let (before, after) = (old.getattr("__base__")?, new.getattr("__base__")?);
        if before.is(&after)
            || !before.is(&*kit.object)
            || !known.contains(&text(&meta.getattr("__name__")?).as_str())
            || kit.class_entry(new, "__slots__")?.is_some()
            || kit.class_entry(new, "__dict__")?.is_none()
            || !new
                .getattr("__dictoffset__")?
                .eq(old.getattr("__dictoffset__")?)?
            || !new
                .getattr("__basicsize__")?
                .eq(old.getattr("__basicsize__")?)?
        {
            return Ok(None);
        }
        // Whoever goes through its bases finds it there.
        if self.subclasses(old)?.is_empty() && self.instances(std::slice::from_ref(old))?.is_empty()
        {
            return Ok(None);
        }
        let builtin = kit.object.get_type();
        let entries = PyDict::new(kit.py);
        if let Ok(module) = new.getattr("__module__") {
            entries.set_item("__module__", module)?;
        }
        entries.set_item("__doc__", kit.py.None())?;
        let anchor = builtin.call1((new.getattr("__name__")?, PyTuple::empty(kit.py), entries))?;
        let mut bases = vec![anchor];
        for base in new.getattr("__bases__")?.try_iter()? {
            bases.push(base?);
        }
        let entries = kit.class_dict(new)?;
        for name in PRIVATE {
            if entries.contains(name)? {
                entries.del_item(name)?;
            }
        }
        // Refused where the bases' `__init_subclass__` asks for keywords.
        let arguments = (
            new.getattr("__name__")?,
            PyTuple::new(kit.py, bases)?,
            entries,
        );
        let Ok(made) = meta.call1(arguments) else {
            return Ok(None);
        };
        let qualname = new.getattr("__qualname__")?;
        self.notes.push(format!(
            "{} has an empty class of its name in front of its bases until a restart: what it has made, \
             and what is derived from it, stays what it is by that",
            text(&qualname)
        ));
        made.setattr("__qualname__", qualname)?;
        self.replaced.push(Replaced {
            from: new.clone(),
            to: made.clone(),
            lived: false,
        });
        for (_, value) in kit.class_dict(new)?.iter() {
            self.redirect_cells(&value, new, &made)?;
        }
        Ok(Some(made))
    }
}

/// What each named tuple has beside its fields.
fn of_named_tuple(name: &str) -> bool {
    ["_make", "_replace", "_asdict", "_fields", "_field_defaults"].contains(&name)
}
