//! Classes brought up to date in place: entries are moved from a newly made twin to the class
//! that instances, subclasses and registries know.

use std::collections::BTreeSet;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::class_entry::stands_in;
use super::consumed::laid_out_otherwise;
use super::data::nobodys;
use super::function::is_alias;
use super::kit::{is_above, text};
use super::made::{holds, is_field, living_inside};
use super::work::{Replaced, Work};

/// Entries that belong to one class object and mean nothing in another.
pub(super) const PRIVATE: [&str; 7] = [
    "__dict__",
    "__weakref__",
    "_abc_impl",
    "__classcell__",
    "__classdictcell__",
    "__annotations_cache__",
    "__slotnames__",
];

impl<'py> Work<'_, 'py> {
    /// Makes the class `old` what its twin `new` is. The class that is to be bound: `old`, or
    /// `new` where the layout leaves no other way.
    pub fn update_class(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        if old.is(new) {
            return Ok(old.clone());
        }
        if self.is_enum(old)? && self.is_enum(new)? && old.get_type().is(new.get_type()) {
            return self.update_enum(old, new);
        }
        if !old.get_type().is(new.get_type()) {
            return self.replace_class(old, new, "its metaclass changed");
        }
        if slots(self, old)? != slots(self, new)? {
            return self.replace_class(old, new, "its slots changed");
        }
        if laid_out_otherwise(old, new)? {
            return self.replace_class(old, new, "its fields have another layout");
        }
        let outgrown = self.outgrown(old, new)?;
        self.outgrown.extend(outgrown);
        let bases = self.made_bases(old, new)?;
        let left = self.left_by_makers(old, new)?;
        if !old.getattr("__bases__")?.eq(&bases)? {
            let ancestors = old.getattr("__mro__")?;
            match self.tx.set_class_attribute(kit, old, "__bases__", &bases) {
                Ok(()) => self.lose_bases(old, &ancestors)?,
                Err(error) if error.is_instance_of::<PyTypeError>(kit.py) => {
                    return self.replace_class(old, new, "its bases have another layout");
                }
                Err(error) => return Err(error),
            }
        }
        let fields = self.fields(old)?;
        self.keep_fields(old, new)?;
        self.tx.class_order(kit, old)?;
        self.move_entries(old, new, old)?;
        self.drop_entries(old, new, &left)?;
        let order: Vec<String> = kit
            .class_dict(new)?
            .keys()
            .iter()
            .map(|k| text(&k))
            .collect();
        self.tx.order_class(kit, old, &order)?;
        if !self.fields(old)?.alike(kit, &fields) {
            self.reshaped.push(old.clone());
        }
        self.finish_class(old)?;
        // A twin that decorators, metaclass or __init_subclass__ told others about: they get the
        // class that lives on.
        self.replaced.push(Replaced {
            from: new.clone(),
            to: old.clone(),
            lived: false,
        });
        Ok(old.clone())
    }

    /// The bases of `new`, where those that the same statement made (a decorator that returns a
    /// class derived from the one it got) are brought together with those of `old`.
    fn made_bases(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (before, after) = (old.getattr("__bases__")?, new.getattr("__bases__")?);
        let before: Vec<_> = before.try_iter()?.collect::<PyResult<_>>()?;
        let mut bases = Vec::new();
        for (at, base) in after.try_iter()?.enumerate() {
            let base = base?;
            let kept = match before.get(at) {
                Some(was) if self.is_replaced(was, &base) => base,
                Some(was)
                    if self
                        .replaced
                        .iter()
                        .any(|r| r.from.is(&base) && r.to.is(was)) =>
                {
                    was.clone()
                }
                Some(was) if !was.is(&base) && self.same_definition(was, &base)? => {
                    self.update_class(was, &base)?
                }
                _ => base,
            };
            bases.push(kept);
        }
        Ok(PyTuple::new(self.kit.py, bases)?.into_any())
    }

    /// Whether `new` has taken the place of the class `old` already.
    fn is_replaced(&self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> bool {
        let mut all = self.replaced.iter();
        all.any(|r| r.lived && r.from.is(old) && r.to.is(new))
    }

    /// Whether two classes are two makings of one definition of the module being worked on.
    fn same_definition(&self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> PyResult<bool> {
        Ok(self.kit.defined_in(old, &self.dict)?
            && self.kit.defined_in(new, &self.dict)?
            && old
                .getattr("__qualname__")?
                .eq(new.getattr("__qualname__")?)?)
    }

    /// Whether the fields of a class changed whose instances cannot change: those that the module
    /// itself made are made again, nothing that the program did to them can be lost.
    pub fn values_reshaped(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        if !self.reshaped.iter().any(|c| c.is(class)) {
            return Ok(false);
        }
        if self.kit.class_entry(class, "_fields")?.is_some() {
            return Ok(true);
        }
        let Some(parameters) = self.kit.class_entry(class, "__dataclass_params__")? else {
            return Ok(false);
        };
        parameters.getattr("frozen")?.is_truthy()
    }

    /// A method bound to one class as the same method of another.
    pub fn bound_to(
        &self,
        value: Bound<'py, PyAny>,
        from: &Bound<'py, PyAny>,
        to: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method = self.kit.py.import("types")?.getattr("MethodType")?;
        if value.get_type().is(&method) && value.getattr("__self__")?.is(from) {
            return method.call1((value.getattr("__func__")?, to));
        }
        Ok(value)
    }

    /// Moves the entries of `new`, brought together with those of `old`, into `target`.
    pub(super) fn move_entries(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        target: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let path = text(&new.getattr("__qualname__")?);
        let (before, after) = (kit.class_dict(old)?, kit.class_dict(new)?);
        let other = if target.is(old) { new } else { old };
        let first = self.twins.len();
        for (_, value) in after.iter() {
            self.redirect_cells(&value, other, target)?;
        }
        if target.is(old) {
            self.annotate_as(old, &after)?;
        }
        // Other names of functions, and what holds them, last: by then it is known what these have
        // become.
        let mut entries: Vec<_> = after.iter().collect();
        entries.sort_by_cached_key(|(name, value)| {
            let was = before.get_item(name).ok().flatten();
            let alias =
                was.is_some_and(|was| is_alias(kit, &text(name), &was, &before).unwrap_or(false));
            (holds(value), alias)
        });
        let mut done: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
        for (name, value) in entries {
            let key = text(&name);
            if PRIVATE.contains(&key.as_str()) || key == "__annotate_func__" || is_slot(&value)? {
                continue;
            }
            let value = living_inside(self.bound_to(value, other, target)?, &done)?;
            let known = done.iter().find(|(made, _)| made.is(&value)); // `alias = method`
            let kept = match before.get_item(&name)? {
                Some(was) if self.is_state(&format!("{path}.{key}"), &was, &value)? => was,
                _ if let Some((_, kept)) = known => kept.clone(),
                // Its package has told it that it is of there.
                Some(was) if key == "__module__" && is_above(&was, &value) => was,
                Some(was) if is_alias(kit, &key, &was, &before)? => self.living(&value),
                Some(was) => {
                    // Lambdas in a table live on, whoever has taken them from there.
                    self.reconcile_inside(&was, &value, 0)?;
                    self.reconcile(&was, &value, Some(target))?
                }
                None => value.clone(),
            };
            self.set_entry(target, &name, &kept)?;
            // That two attributes are False does not make one of them the other.
            if !nobodys(&value) {
                done.push((value, kept));
            }
        }
        let outer: Vec<_> = self.twins.drain(..first).collect();
        self.wrapped_twins(target)?;
        self.twins = outer;
        Ok(())
    }

    /// Deletes what the old source had put into the class and the new one does not.
    fn drop_entries(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        left: &BTreeSet<String>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let qualname = text(&old.getattr("__qualname__")?);
        let members = self.members.get(&qualname).cloned();
        let (have, want) = (kit.class_dict(old)?, kit.class_dict(new)?);
        let generated = ["__dataclass_fields__", "__attrs_attrs__"]
            .iter()
            .any(|mark| have.contains(mark).unwrap_or(false));
        for (name, value) in have.iter() {
            let key = text(&name);
            let fixed = PRIVATE.contains(&key.as_str()) || is_slot(&value)? || stands_in(&value);
            if want.contains(&name)? || fixed {
                continue;
            }
            let ours = match &members {
                // That of a named tuple is nobody's but the statement's, and only annotated there.
                _ if is_field(&value)? => true,
                Some(names) => names.contains(&key),
                None => kit.defined_in(&value, &self.dict)?,
            };
            let dunder = key.starts_with("__") && key.ends_with("__");
            // What the class statement and its decorators make; the program puts functions there.
            let made =
                dunder && (generated || !kit.is_function(&value) || self.library_made(&value)?);
            if ours || made || left.contains(&key) {
                self.lose(old, &name, &value)?;
                self.tx.del_class_entry(kit, old, &name)?;
            }
        }
        Ok(())
    }

    /// Whether a method was put on by a decorator of the standard library (`total_ordering`).
    fn library_made(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let globals = value.getattr("__globals__")?;
        let functools = self.kit.py.import("functools")?.dict();
        Ok(globals.is(&functools) || globals.is(&self.dict))
    }
}

/// A slot or one of the getters that every class has: part of the layout.
pub(super) fn is_slot(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type().name()?.to_string();
    Ok(kind == "member_descriptor" || kind == "getset_descriptor")
}

fn slots<'py>(work: &Work<'_, 'py>, class: &Bound<'py, PyAny>) -> PyResult<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for (name, value) in work.kit.class_dict(class)?.iter() {
        let kind = value.get_type().name()?.to_string();
        if kind == "member_descriptor" {
            out.insert(text(&name));
        }
    }
    // With __slots__ a class has neither of its own unless they are named; without, it has both.
    for (offset, name) in [
        ("__dictoffset__", "__dict__"),
        ("__weakrefoffset__", "__weakref__"),
    ] {
        if class.getattr(offset)?.extract::<isize>()? != 0 {
            out.insert(name.to_owned());
        }
    }
    Ok(out)
}
