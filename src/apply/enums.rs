//! Enumerations: the members that exist stay the objects they are.

use std::collections::BTreeSet;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyType};

use super::attributes::sets;
use super::compile::Source;
use super::kit::text;
use super::module::Run;
use super::work::{Replaced, Work};
use crate::outline::{Kind, Statement};

/// The tables that `EnumMeta` keeps, by CPython version; those that exist are rebuilt.
const VALUE_TABLES: [&str; 4] = [
    "_value2member_map_",
    "_unhashable_values_",
    "_unhashable_values_map_",
    "_hashable_values_",
];

impl<'py> Run<'_, '_, '_, 'py> {
    /// What the old `__init__` or `__new__` of an enumeration had set on its members, and the new ones
    /// did not set on those of its twin.
    pub(super) fn left_on_members(
        &self,
        at: usize,
        live: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Vec<String>)>> {
        let mut out = Vec::new();
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(out);
        };
        if was.kind != Kind::Class {
            return Ok(out);
        }
        let texts = member_makers(old, was);
        let is_enum = |class: &Bound<'py, PyAny>| -> PyResult<bool> {
            Ok(self.work.kit.is_class(class) && self.work.is_enum(class)?)
        };
        if texts.is_empty() || !is_enum(live)? || !is_enum(twin)? {
            return Ok(out);
        }
        let fresh = twin.getattr("_member_map_")?.cast_into::<PyDict>()?;
        for (name, member) in live.getattr("_member_map_")?.cast_into::<PyDict>()?.iter() {
            let Some(made) = fresh.get_item(&name)? else {
                continue;
            };
            let made = made.getattr("__dict__")?;
            let has = member.getattr("__dict__")?.cast_into::<PyDict>()?;
            let mut left = Vec::new();
            for key in has.keys() {
                let set = |key: &str| texts.iter().any(|text| sets(text, key));
                if !made.contains(&key)? && set(&text(&key)) {
                    left.push(text(&key));
                }
            }
            if !left.is_empty() {
                out.push((member, left));
            }
        }
        Ok(out)
    }
}

/// The texts of the `__init__` and `__new__` of a class and of its bases in the same module.
fn member_makers<'s>(source: &'s Source<'_>, class: &Statement) -> Vec<&'s str> {
    let body = &source.outline.body;
    let makes = |part: &&Statement| matches!(part.name.as_str(), "__init__" | "__new__");
    let (mut out, mut seen) = (Vec::new(), BTreeSet::new());
    let mut todo = vec![class];
    while let Some(class) = todo.pop() {
        out.extend(
            class
                .body
                .iter()
                .filter(makes)
                .map(|part| source.slice(part)),
        );
        for name in &class.head.reads {
            let writers = source.outline.index().writers(body, name).into_iter();
            let bases = writers.filter(|at| body[*at].kind == Kind::Class && seen.insert(*at));
            todo.extend(bases.map(|at| &body[at]).collect::<Vec<_>>());
        }
    }
    out
}

impl<'py> Work<'_, 'py> {
    /// Whether this is an enumeration.
    pub fn is_enum(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        class.is_instance(&self.kit.py.import("enum")?.getattr("EnumMeta")?)
    }

    /// Names and values of the members, in order, for comparison. Empty for what has none.
    pub fn enum_members(&self, class: &Bound<'py, PyAny>) -> PyResult<Vec<String>> {
        if !self.kit.is_class(class) || !self.is_enum(class)? {
            return Ok(Vec::new());
        }
        let members = class.getattr("_member_map_")?.cast_into::<PyDict>()?;
        let mut out = Vec::new();
        for (name, member) in members.iter() {
            let value = member.getattr("_value_").and_then(|v| v.repr());
            let value = value.map(|v| text(v.as_any())).unwrap_or_default();
            out.push(format!("{}={value}", text(&name)));
        }
        Ok(out)
    }

    /// Makes the enumeration `old` what its twin `new` is. Members of the same name stay the same
    /// objects; members whose payload cannot change (the int of an `IntEnum`) are replaced.
    pub fn update_enum(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        let py = kit.py;
        let had = old.getattr("_member_map_")?.cast_into::<PyDict>()?;
        let has = new.getattr("_member_map_")?.cast_into::<PyDict>()?;
        let bases = new.getattr("__bases__")?;
        if !old.getattr("__bases__")?.eq(&bases)? {
            match self.tx.set_class_attribute(kit, old, "__bases__", &bases) {
                Ok(()) => {}
                // `Enum` and `str, Enum`: a member of the one cannot become one of the other.
                Err(error) if error.is_instance_of::<PyTypeError>(py) => {
                    return self.replace_enum(old, new, &had, &has);
                }
                Err(error) => return Err(error),
            }
        }
        self.tx.class_order(kit, old)?;
        // Everything but members first: methods, properties, constants.
        let (before, after) = (kit.class_dict(old)?, kit.class_dict(new)?);
        for (_, value) in after.iter() {
            self.redirect_cells(&value, new, old)?;
        }
        self.annotate_as(old, &after)?;
        let internal = |key: &str| {
            VALUE_TABLES.contains(&key)
                || matches!(
                    key,
                    "_member_map_"
                        | "_member_names_"
                        | "__dict__"
                        | "__weakref__"
                        | "_abc_impl"
                        | "__annotate_func__"
                        | "__annotations_cache__"
                )
        };
        let names: Vec<String> = has.keys().iter().map(|k| text(&k)).collect();
        for (name, value) in after.iter() {
            let key = text(&name);
            if internal(&key) || names.contains(&key) {
                continue;
            }
            let value = self.bound_to(value, new, old)?;
            let kept = match before.get_item(&name)? {
                Some(was) => self.reconcile(&was, &value, Some(old))?,
                None => value,
            };
            self.tx.set_class_entry(kit, old, &name, &kept)?;
        }
        // Now the members, in the new order.
        let map = PyDict::new(py);
        let mut passed = Vec::new();
        let mut pairs: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
        for (name, fresh) in has.iter() {
            let canonical = text(&fresh.getattr("_name_")?);
            let kept = if let Some(pair) = pairs.iter().find(|(f, _)| f.is(&fresh)) {
                pair.1.clone()
            } else {
                let member = match had.get_item(&name)? {
                    // Unless the name was an alias of another member until now.
                    Some(member)
                        if canonical == text(&name)
                            && canonical == text(&member.getattr("_name_")?)
                            && same_payload(&member, &fresh)? =>
                    {
                        member
                    }
                    _ if let Some(member) = self.composite(old, &has, &fresh)? => member,
                    found => {
                        let member = self.adopt(old, &fresh)?;
                        if let Some(was) = found {
                            self.notes.push(format!(
                                "{}.{canonical} is a new object: its value cannot be changed in place; \
                                 who held the old one holds this one, where that can be seen",
                                text(&old.getattr("__qualname__")?)
                            ));
                            if canonical == text(&was.getattr("_name_")?) {
                                passed.push(Replaced {
                                    from: was,
                                    to: member.clone(),
                                    lived: true,
                                });
                            }
                        }
                        member
                    }
                };
                let state = member.getattr("__dict__")?.cast_into::<PyDict>()?;
                if !member.is(&fresh) {
                    self.tx.dict(&state)?;
                    for (key, value) in fresh.getattr("__dict__")?.cast_into::<PyDict>()?.iter() {
                        state.set_item(key, value)?;
                    }
                }
                state.set_item("__objclass__", old)?;
                pairs.push((fresh.clone(), member.clone()));
                member
            };
            map.set_item(&name, &kept)?;
            let entry = match after.get_item(&name)? {
                // 3.11+: an enum.property stands for the member; older ones keep the member.
                Some(entry) if entry.is(&fresh) => kept.clone(),
                Some(entry) => {
                    if entry.hasattr("member")? {
                        entry.setattr("member", &kept)?;
                    }
                    entry
                }
                None => continue,
            };
            self.tx.set_class_entry(kit, old, &name, &entry)?;
        }
        for (name, _) in had.iter() {
            if !has.contains(&name)? && kit.class_entry(old, &text(&name))?.is_some() {
                self.tx.del_class_entry(kit, old, &name)?;
            }
        }
        self.drop_enum_entries(old, &before, &after)?;
        self.tables(old, new, &had, &map, &pairs)?;
        self.replaced.extend(passed);
        let order: Vec<String> = after.keys().iter().map(|k| text(&k)).collect();
        self.tx.order_class(kit, old, &order)?;
        self.finish_class(old)?;
        self.replaced.push(Replaced {
            from: new.clone(),
            to: old.clone(),
            lived: false,
        });
        Ok(old.clone())
    }

    /// The twin takes over, and who has a member has the one of that name there.
    fn replace_enum(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        had: &Bound<'py, PyDict>,
        has: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kept = self.replace_class(old, new, "its members are of another kind")?;
        for (name, from) in had.iter() {
            if let Some(to) = has.get_item(&name)? {
                self.replaced.push(Replaced {
                    from,
                    to,
                    lived: true,
                });
            }
        }
        Ok(kept)
    }

    /// The object that a flag has for several bits, which is to be the member `fresh` now: one that
    /// operators made, or a member whose name is gone.
    fn composite(
        &self,
        old: &Bound<'py, PyAny>,
        has: &Bound<'py, PyDict>,
        fresh: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let flag = self.kit.py.import("enum")?.getattr("Flag")?;
        let value = fresh.getattr("_value_")?;
        let several = |bits: i128| bits & (bits - 1) != 0;
        if !fresh.is_instance(&flag)? || !value.extract().is_ok_and(several) {
            return Ok(None);
        }
        let known = old.getattr("_value2member_map_")?;
        let Ok(member) = known.get_item(&value) else {
            return Ok(None);
        };
        let named = has.contains(member.getattr("_name_")?)?;
        Ok((!named && same_payload(&member, fresh)?).then_some(member))
    }

    /// Combinations of flags that the program made stay the objects they are, and so do those that
    /// had a name, where the new version has such: they say of themselves what it says.
    fn combinations(
        &mut self,
        new: &Bound<'py, PyAny>,
        now: &Bound<'py, PyDict>,
        fresh: &Bound<'py, PyDict>,
        pairs: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) -> PyResult<Bound<'py, PyDict>> {
        let kit = self.kit;
        let out = PyDict::new(kit.py);
        let flag = kit.py.import("enum")?.getattr("Flag")?;
        if !new.cast::<PyType>()?.is_subclass(&flag)? {
            return Ok(out);
        }
        for (value, member) in now.iter() {
            // One that has its name for other bits now is no combination of those that it had.
            if fresh.contains(&value)? || pairs.iter().any(|(_, kept)| kept.is(&member)) {
                continue;
            }
            // Refused where a bit of it is gone.
            let Ok(made) = new.call1((&value,)) else {
                continue;
            };
            if !made.get_type().is(new) || !same_payload(&member, &made)? {
                continue;
            }
            let state = member.getattr("__dict__")?.cast_into::<PyDict>()?;
            let owner = state.get_item("__objclass__")?;
            self.tx.dict(&state)?;
            state.call_method0("clear")?;
            state.update(made.getattr("__dict__")?.cast::<PyMapping>()?)?;
            if let Some(owner) = owner.filter(|_| made.hasattr("__objclass__").unwrap_or(false)) {
                state.set_item("__objclass__", owner)?;
            }
            out.set_item(value, member)?;
        }
        Ok(out)
    }

    /// The members of the twin of an enumeration, taken before that was brought together with the one
    /// that lives, and the living ones.
    pub(super) fn members_of_twin(
        members: &Bound<'py, PyAny>,
        kept: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let living = kept.getattr("_member_map_")?.cast_into::<PyDict>()?;
        let mut out = Vec::new();
        for (name, from) in members.cast::<PyDict>()?.iter() {
            if let Some(to) = living.get_item(&name)?.filter(|to| !to.is(&from)) {
                out.push((from, to));
            }
        }
        Ok(out)
    }

    /// How often an enumeration is held by its own members.
    pub(super) fn held_by_members(&self, class: &Bound<'py, PyAny>) -> PyResult<usize> {
        let mut known = 0;
        let mut seen = std::collections::HashSet::new();
        for table in ["_member_map_", "_value2member_map_"] {
            let members = class.getattr(table)?.cast_into::<PyDict>()?;
            for (_, member) in members.iter() {
                if !member.get_type().is(class) || !seen.insert(member.as_ptr() as usize) {
                    continue;
                }
                let owner = member
                    .getattr("__dict__")?
                    .cast_into::<PyDict>()?
                    .get_item("__objclass__")?;
                known += 1 + usize::from(owner.is_some_and(|c| c.is(class)));
            }
        }
        Ok(known)
    }

    fn drop_enum_entries(
        &mut self,
        old: &Bound<'py, PyAny>,
        before: &Bound<'py, PyDict>,
        after: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        let qualname = text(&old.getattr("__qualname__")?);
        let Some(members) = self.members.get(&qualname).cloned() else {
            return Ok(());
        };
        for (name, _) in before.iter() {
            let key = text(&name);
            if members.contains(&key)
                && !after.contains(&name)?
                && self.kit.class_entry(old, &key)?.is_some()
            {
                self.tx.del_class_entry(self.kit, old, &name)?;
            }
        }
        Ok(())
    }

    /// A new member, made by the twin, becomes one of the class that lives on.
    fn adopt(
        &mut self,
        old: &Bound<'py, PyAny>,
        fresh: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.tx.set_class(fresh, old).is_ok() {
            return Ok(fresh.clone());
        }
        // Up to 3.11 an int member cannot change its class: made again in the right one.
        let kit = self.kit;
        let kind = old.getattr("_member_type_")?;
        let value = fresh.getattr("_value_")?;
        let member = kind.getattr("__new__")?.call1((old, &value))?;
        for name in ["_value_", "_name_", "_sort_order_"] {
            if let Ok(part) = fresh.getattr(name) {
                kit.object_setattr.call1((&member, name, part))?;
            }
        }
        Ok(member)
    }

    /// The look-up tables, rebuilt in place: other code may hold them.
    fn tables(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        had: &Bound<'py, PyDict>,
        map: &Bound<'py, PyDict>,
        pairs: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) -> PyResult<()> {
        let py = self.kit.py;
        let kept = |member: &Bound<'py, PyAny>| {
            pairs
                .iter()
                .find(|(fresh, _)| fresh.is(member))
                .map_or_else(|| member.clone(), |(_, m)| m.clone())
        };
        self.tx.dict(had)?;
        had.call_method0("clear")?;
        had.update(map.as_mapping())?;
        let (names, fresh_names) = (
            old.getattr("_member_names_")?,
            new.getattr("_member_names_")?,
        );
        self.tx.container(&names)?;
        names
            .cast_into::<PyList>()?
            .set_slice(0, usize::MAX >> 1, &fresh_names)?;
        for table in VALUE_TABLES {
            let (Ok(now), Ok(fresh)) = (old.getattr(table), new.getattr(table)) else {
                continue;
            };
            if let (Ok(now), Ok(fresh)) = (now.cast::<PyDict>(), fresh.cast::<PyDict>()) {
                self.tx.dict(now)?;
                let fresh = fresh.copy()?;
                let more = match table {
                    "_value2member_map_" => self.combinations(new, now, &fresh, pairs)?,
                    _ => PyDict::new(self.kit.py),
                };
                now.call_method0("clear")?;
                for (value, member) in fresh.iter() {
                    now.set_item(value, kept(&member))?;
                }
                now.update(more.as_mapping())?;
            } else if let (Ok(now), Ok(fresh)) = (now.cast::<PyList>(), fresh.cast::<PyList>()) {
                self.tx.container(now.as_any())?;
                now.set_slice(0, now.len(), fresh)?;
            }
        }
        for (_, member) in pairs {
            if member.hasattr("_inverted_")? {
                member
                    .getattr("__dict__")?
                    .set_item("_inverted_", py.None())?;
            }
        }
        Ok(())
    }
}

/// Whether the immutable part of two members (the int, the str) is equal.
fn same_payload(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> PyResult<bool> {
    for kind in ["int", "str", "float", "bytes", "tuple"] {
        let kind = old.py().import("builtins")?.getattr(kind)?;
        if old.is_instance(&kind)? || new.is_instance(&kind)? {
            return Ok(old.is_instance(&kind)?
                && new.is_instance(&kind)?
                && kind.call1((old.getattr("_value_")?,)).and_then(|a| {
                    new.getattr("_value_")
                        .and_then(|v| kind.call1((v,)))
                        .and_then(|b| a.eq(b))
                })?);
        }
    }
    Ok(true)
}
