//! Classes brought up to date in place: entries are moved from a newly made twin to the class
//! that instances, subclasses and registries know.

use std::collections::{BTreeSet, HashMap};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::class_entry::{put, stands_in};
use super::data::nobodys;
use super::function::is_alias;
use super::kit::{is_above, reference_count, text};
use super::made::{holds, is_field, is_lazy_type, living_inside};
use super::work::{Replaced, Work};

/// Entries that belong to one class object and mean nothing in another.
const PRIVATE: [&str; 7] = [
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
        let bases = self.made_bases(old, new)?;
        let left = self.left_by_makers(old, new)?;
        if !old.getattr("__bases__")?.eq(&bases)? {
            match self.tx.set_class_attribute(kit, old, "__bases__", &bases) {
                Ok(()) => {}
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
        if self.fields(old)? != fields {
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

    /// What the constructor of a data class or named tuple takes: names, defaults, options. Empty
    /// for others.
    fn fields(&self, class: &Bound<'py, PyAny>) -> PyResult<String> {
        let mut all = String::new();
        for mark in ["__dataclass_fields__", "_fields", "_field_defaults"] {
            if let Some(fields) = self.kit.class_entry(class, mark)? {
                all.push_str(&text(&fields.repr()?.into_any()));
            }
        }
        Ok(all)
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
    fn move_entries(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        target: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
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
                Some(was) if self.is_state(&key, &was, &value)? => was,
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

    /// The function that lives on in the place of a new one; else that one.
    pub fn living(&self, new: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let mut twins = self.twins.iter();
        let found = twins.find(|(twin, _)| twin.is(new));
        found.map_or(new, |(_, old)| old).clone()
    }

    /// `alias = wrapper(method)` in a class body was given the new function: what it keeps is to be
    /// the one that lives on.
    pub fn wrapped_twins(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.kit;
        let lives: HashMap<usize, Bound<'py, PyAny>> = self
            .twins
            .iter()
            .map(|(new, old)| (new.as_ptr() as usize, old.clone()))
            .collect();
        if lives.is_empty() {
            return Ok(());
        }
        self.twins.clear();
        let live = |value: &Bound<'py, PyAny>| lives.get(&(value.as_ptr() as usize));
        for entry in kit.class_dict(class)?.values().iter() {
            let function = match kit.is_function(&entry) {
                true => entry,
                false => match entry.getattr("__func__") {
                    Ok(inner) if kit.is_function(&inner) => inner,
                    _ => continue,
                },
            };
            if let Ok(cells) = function.getattr("__closure__")?.cast::<PyTuple>() {
                for cell in cells.iter() {
                    if let Ok(content) = cell.getattr("cell_contents")
                        && let Some(old) = live(&content)
                    {
                        self.tx.set_cell(&cell, old)?;
                    }
                }
            }
            if let Ok(inner) = function.getattr("__wrapped__")
                && let Some(old) = live(&inner)
            {
                self.tx.set_attribute(&function, "__wrapped__", old)?;
            }
        }
        Ok(())
    }

    /// Takes the function that makes a class's annotations (3.14+) from the entries of its twin.
    /// Reading `__annotate__` would leave an entry in a class that has none.
    pub fn annotate_as(
        &mut self,
        class: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        const MADE_BY: &str = "__annotate_func__";
        let kit = self.kit;
        if kit.version < (3, 14) {
            return Ok(());
        }
        let name = |name: &str| PyString::new(kit.py, name).into_any();
        match twin.get_item(MADE_BY)? {
            Some(function) => {
                self.tx
                    .set_class_entry(kit, class, &name(MADE_BY), &function)?;
            }
            None if kit.class_entry(class, MADE_BY)?.is_some() => {
                self.tx.del_class_entry(kit, class, &name(MADE_BY))?;
            }
            None => {}
        }
        self.forget_annotations(class)
    }

    /// Drops the annotations that a class has made; it makes them again when somebody asks.
    pub fn forget_annotations(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        const CACHE: &str = "__annotations_cache__";
        let kit = self.kit;
        if kit.class_entry(class, CACHE)?.is_some() {
            let name = PyString::new(kit.py, CACHE).into_any();
            self.tx.del_class_entry(kit, class, &name)?;
        }
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
                Some(names) => names.contains(&key),
                // A field of `namedtuple(...)` is nobody's but the call's.
                None => is_field(&value)? || kit.defined_in(&value, &self.dict)?,
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

    /// Cells through which functions know their class (`__class__`, the `cls` of a frozen
    /// dataclass) are made to hold `to`.
    pub fn redirect_cells(
        &mut self,
        value: &Bound<'py, PyAny>,
        from: &Bound<'py, PyAny>,
        to: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut todo = vec![value.clone()];
        let mut seen = BTreeSet::new();
        while let Some(value) = todo.pop() {
            if !seen.insert(value.as_ptr() as usize) || seen.len() > 64 {
                continue;
            }
            if kit.is_function(&value) {
                if kit.version >= (3, 14) {
                    todo.push(value.getattr("__annotate__")?);
                }
                if kit.version >= (3, 12) {
                    let parameters = value.getattr("__type_params__")?;
                    for parameter in parameters.try_iter()? {
                        todo.push(parameter?);
                    }
                }
                let closure = value.getattr("__closure__")?;
                let Ok(cells) = closure.cast::<PyTuple>() else {
                    continue;
                };
                for cell in cells.iter() {
                    match cell.getattr("cell_contents") {
                        Ok(content) if content.is(from) => self.tx.set_cell(&cell, to)?,
                        // `__classdict__` of code that looks names up in the class when called.
                        Ok(content)
                            if content.is_exact_instance_of::<PyDict>()
                                && content.is(&kit.entries(from)?) =>
                        {
                            self.tx.set_cell(&cell, &kit.entries(to)?)?;
                        }
                        Ok(content) if kit.is_function(&content) => todo.push(content),
                        _ => {}
                    }
                }
                if let Ok(inner) = value.getattr("__wrapped__") {
                    todo.push(inner);
                }
                continue;
            }
            if kit.is_class(&value) || value.is_none() {
                continue;
            }
            if kit.version >= (3, 12) && is_lazy_type(&value)? {
                // The functions that compute a bound, a default or an alias have no name.
                let parts = kit.gc.call_method1("get_referents", (&value,))?;
                for part in parts.try_iter()? {
                    let part = part?;
                    if kit.is_function(&part) {
                        todo.push(part);
                    }
                }
                continue;
            }
            for part in ["fget", "fset", "fdel", "__func__", "func", "__wrapped__"] {
                if let Ok(inner) = value.getattr(part)
                    && kit.is_function(&inner)
                {
                    todo.push(inner);
                }
            }
        }
        Ok(())
    }

    /// After entries changed: abstract methods of the class and its subclasses, models that
    /// compiled a schema, instances that want to be told.
    pub fn finish_class(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.kit;
        if !self.classes.iter().any(|c| c.is(class)) {
            self.classes.push(class.clone());
        }
        let abc = kit.py.import("abc")?.getattr("ABCMeta")?;
        if class.is_instance(&abc)? {
            self.update_abstract(class, 0)?;
            if let Ok(reset) = kit
                .py
                .import("_abc")
                .and_then(|m| m.getattr("_reset_caches"))
            {
                reset.call1((class,))?;
            }
        }
        Ok(())
    }

    /// What `ABCMeta.__new__` computes, for a class that exists and its subclasses
    /// (`abc.update_abstractmethods` has come with 3.10 only).
    fn update_abstract(&mut self, class: &Bound<'py, PyAny>, depth: usize) -> PyResult<()> {
        let kit = self.kit;
        let mut names: BTreeSet<String> = BTreeSet::new();
        let is_abstract = |value: &Bound<'py, PyAny>| {
            value
                .getattr("__isabstractmethod__")
                .and_then(|v| v.is_truthy())
                .unwrap_or(false)
        };
        for (name, value) in kit.class_dict(class)?.iter() {
            if is_abstract(&value) {
                names.insert(text(&name));
            }
        }
        // From the whole MRO, not from what the bases say of themselves: that may be old still.
        for base in class.getattr("__mro__")?.try_iter()?.skip(1) {
            for (name, value) in kit.class_dict(&base?)?.iter() {
                if is_abstract(&value)
                    && let Ok(key) = name.cast::<pyo3::types::PyString>()
                    && class.getattr(key).is_ok_and(|v| is_abstract(&v))
                {
                    names.insert(text(&name));
                }
            }
        }
        let now: BTreeSet<String> = match class.getattr("__abstractmethods__") {
            Ok(set) => set
                .try_iter()?
                .map(|n| n.map(|n| text(&n)))
                .collect::<PyResult<_>>()?,
            Err(_) => BTreeSet::new(),
        };
        if now != names {
            let set = pyo3::types::PyFrozenSet::new(kit.py, &names)?;
            self.tx
                .set_class_attribute(kit, class, "__abstractmethods__", set.as_any())?;
        }
        if depth < 16 {
            for sub in class.call_method0("__subclasses__")?.try_iter()? {
                self.update_abstract(&sub?, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Binds the new class; instances, subclasses and holders are moved over at the end of the
    /// unit (`heap`).
    fn replace_class(
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
        for (name, value) in have.iter() {
            let key = text(&name);
            let dunder = key.starts_with("__") && key.ends_with("__");
            if !want.contains(&name)?
                && !members.contains(&key)
                && !dunder
                && !PRIVATE.contains(&key.as_str())
                && !left.contains(&key)
                && !is_slot(&value)?
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
        self.finish_class(new)?;
        Ok(new.clone())
    }

    /// CPython lets instances change between classes only if both put `__dict__` on the same base:
    /// not between `class C:` and `class C(Generic[T]):`, whose layouts are equal all the same.
    /// With an empty plain class in front of its bases, the new class is one that instances of
    /// the old one can be moved to. `None` where that is not the hindrance, or does not help.
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
        let builtin = kit.object.get_type();
        let entries = PyDict::new(kit.py);
        entries.set_item("__module__", new.getattr("__module__")?)?;
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
        made.setattr("__qualname__", new.getattr("__qualname__")?)?;
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

    /// Whether a metaclass or decorator made more of the class than its body says, so that a
    /// change of the body must go through them again.
    pub fn generated(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kit = self.kit;
        let meta = class.get_type();
        let abc = kit.py.import("abc")?.getattr("ABCMeta")?;
        let plain = meta.is(kit.object.get_type()) || meta.is(&abc);
        if !plain {
            // Protocol and typing.Generic classes have no metaclass code that looks at bodies.
            let name = text(&meta.getattr("__name__")?);
            if name != "_ProtocolMeta" {
                let new = meta.getattr("__new__")?;
                let init = meta.getattr("__init__")?;
                let own = |f: &Bound<'py, PyAny>| kit.is_function(f);
                if own(&new) || own(&init) || name == "EnumMeta" || name == "EnumType" {
                    return Ok(true);
                }
            }
        }
        let entries = class.getattr("__dict__")?;
        for mark in [
            "__dataclass_fields__",
            "__attrs_attrs__",
            "_fields",
            "__total__",
            "__protocol_attrs__",
            "__pydantic_fields__",
        ] {
            if entries.contains(mark)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether somebody but the class itself, our log and the caller's one reference holds
    /// it: only then must the heap be asked who.
    pub fn held_elsewhere(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        self.held_beyond(class, 0)
    }

    /// The same where so many more references are known.
    pub fn held_beyond(&self, class: &Bound<'py, PyAny>, known: usize) -> PyResult<bool> {
        let own = |items: Vec<Bound<'py, PyAny>>| items.iter().filter(|i| i.is(class)).count();
        let method = self.kit.py.import("types")?.getattr("MethodType")?;
        let mut known = 1 + known + self.tx.references(class);
        known += own(class
            .getattr("__mro__")?
            .try_iter()?
            .collect::<PyResult<_>>()?);
        let mut by_methods = false;
        for (_, value) in self.kit.class_dict(class)?.iter() {
            if !by_methods && self.has_cell(&value, class)? {
                by_methods = true;
                known += 1;
            }
            if is_slot(&value)? && value.getattr("__objclass__").is_ok_and(|c| c.is(class)) {
                known += 1;
            }
            if value.get_type().is(&method) && value.getattr("__self__")?.is(class) {
                known += 1;
            }
        }
        if self.is_enum(class)? {
            known += self.held_by_members(class)?;
        }
        Ok(reference_count(class) > known as isize)
    }
}

/// A slot or one of the getters that every class has: part of the layout.
fn is_slot(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type().name()?.to_string();
    Ok(kind == "member_descriptor" || kind == "getset_descriptor")
}

/// What each named tuple has beside its fields.
fn of_named_tuple(name: &str) -> bool {
    ["_make", "_replace", "_asdict", "_fields", "_field_defaults"].contains(&name)
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
