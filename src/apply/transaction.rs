//! The undo log: what was changed, newest last, with the old values kept alive.
//!
//! Old values are let go of only when the transaction ends, so that no destructor or weak
//! reference callback runs Python code in the middle of a change.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString};

use super::class_entry::{arrange, has_stand_in, put, set_part, take};
use super::helpers::remembered;
use super::kit::Kit;
use super::undo::{Undo, is_other_container, items_of, undo};
use crate::interp::word;

/// The attributes of a function that an update may change.
const FUNCTION_PARTS: [&str; 7] = [
    "__defaults__",
    "__kwdefaults__",
    "__annotations__",
    "__doc__",
    "__name__",
    "__qualname__",
    "__module__",
];

/// Everything that one unit changed.
#[derive(Default)]
pub struct Transaction<'py> {
    log: Vec<Undo<'py>>,
    /// Dicts of modules that are remembered as soon as anything may change them: see `dict_later`.
    later: Vec<Bound<'py, PyDict>>,
    /// From now on anything may.
    loud: bool,
    /// How much had been logged when `classes_that_differ` was asked last.
    asked: usize,
    /// Classes that have got a `__new__` in the place of one that is gone.
    pub stood_in: Vec<Bound<'py, PyAny>>,
}

impl<'py> Transaction<'py> {
    /// Nothing changed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much was logged: a point to roll back to.
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// Remembers a dict, entries and order. The copy that it keeps, not to be changed.
    pub fn dict(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let before = dict.copy()?;
        self.log.push(Undo::Dict {
            dict: dict.clone(),
            before: before.clone(),
        });
        Ok(before)
    }

    /// The same for a module of which only code is changed, so that nothing of this unit touches
    /// its names until a statement runs, here or elsewhere: most edits end before that, and the
    /// copy costs as much as the module has names.
    pub fn dict_later(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        if self.loud {
            return self.dict(dict);
        }
        self.later.push(dict.clone());
        Ok(dict.clone())
    }

    /// Statements are about to run, which may reach any module.
    pub fn expect_all(&mut self) -> PyResult<()> {
        self.loud = true;
        for dict in std::mem::take(&mut self.later) {
            self.module(&dict)?;
        }
        Ok(())
    }

    /// Remembers what a module's names are bound to, and its annotations. The copy of its dict.
    pub fn module(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let before = self.dict(dict)?;
        if let Some(annotations) = before.get_item(word(dict.py(), "__annotations__"))? {
            self.container(&annotations)?;
        }
        Ok(before)
    }

    /// The first copy that it keeps of a dict: what was in it before anything was changed.
    pub fn first_copy(&self, of: &Bound<'py, PyDict>) -> Option<Bound<'py, PyDict>> {
        self.log.iter().find_map(|undo| match undo {
            Undo::Dict { dict, before } if dict.is(of) => Some(before.clone()),
            _ => None,
        })
    }

    /// The same of a list, dict or set, and where in the log that is. See `Work::first_contents`.
    pub fn first_noted(&self, of: &Bound<'py, PyAny>) -> Option<(usize, Bound<'py, PyAny>)> {
        let mut log = self.log.iter().enumerate();
        log.find_map(|(at, undo)| match undo {
            Undo::List { list, before } if list.is(of) => Some((at, before.clone().into_any())),
            Undo::Dict { dict, before } if dict.is(of) => Some((at, before.clone().into_any())),
            Undo::Set { set, before } if set.is(of) => Some((at, before.clone())),
            _ => None,
        })
    }

    /// What a class had by this name before any change, where that was another value.
    pub fn first_entry(&self, of: &Bound<'py, PyAny>, entry: &str) -> Option<Bound<'py, PyAny>> {
        let before = self.log.iter().find_map(|undo| match undo {
            Undo::ClassEntry {
                class,
                name,
                before,
            } if class.is(of) && super::kit::text(name) == entry => Some(before.clone()),
            _ => None,
        });
        before.flatten()
    }

    /// The entries that a class had before any change.
    pub fn class_before(
        &self,
        kit: &Kit<'py>,
        of: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let entries = kit.class_dict(of)?;
        for undo in self.log.iter().rev() {
            match undo {
                Undo::ClassEntry {
                    class,
                    name,
                    before,
                } if class.is(of) => match before {
                    Some(before) => entries.set_item(name, before)?,
                    None if entries.contains(name)? => entries.del_item(name)?,
                    None => (),
                },
                _ => (),
            }
        }
        Ok(entries)
    }

    /// Whether a class has another value by this name, or one where it had none.
    pub fn has_other_entry(&self, of: &Bound<'py, PyAny>, entry: &str) -> bool {
        self.log.iter().any(|undo| match undo {
            Undo::ClassEntry { class, name, .. } => class.is(of) && super::kit::text(name) == entry,
            _ => false,
        })
    }

    /// Entries that classes had not before, with their names.
    pub(super) fn new_entries(
        &self,
    ) -> impl Iterator<Item = (&Bound<'py, PyAny>, &Bound<'py, PyAny>)> {
        self.log.iter().filter_map(|undo| match undo {
            Undo::ClassEntry {
                class,
                name,
                before: None,
            } => Some((class, name)),
            _ => None,
        })
    }

    /// The code that a function had before any change, where that was another.
    pub fn first_code(&self, of: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        self.log.iter().find_map(|undo| match undo {
            Undo::Function { function, code, .. } | Undo::Code { function, code }
                if function.is(of) =>
            {
                Some(code.clone())
            }
            _ => None,
        })
    }

    /// Functions and the code that each had, of what was logged from a point on.
    pub fn codes_since(
        &self,
        mark: usize,
    ) -> impl Iterator<Item = (&Bound<'py, PyAny>, &Bound<'py, PyAny>)> {
        let log = self.log.get(mark..).unwrap_or_default();
        log.iter().filter_map(|undo| match undo {
            Undo::Function { function, code, .. } | Undo::Code { function, code } => {
                Some((function, code))
            }
            _ => None,
        })
    }

    /// Containers and what was in each, of what was logged from a point on.
    pub fn contents_since(
        &self,
        mark: usize,
    ) -> impl Iterator<Item = (&Bound<'py, PyAny>, &Bound<'py, PyAny>)> {
        let log = self.log.get(mark..).unwrap_or_default();
        log.iter().filter_map(|undo| match undo {
            Undo::List { list, before } => Some((list.as_any(), before.as_any())),
            Undo::Dict { dict, before } => Some((dict.as_any(), before.as_any())),
            Undo::Set { set, before } => Some((set.as_any(), before)),
            _ => None,
        })
    }

    /// Classes and what one of their entries was, of what was logged from a point on.
    pub fn entries_since(
        &self,
        mark: usize,
    ) -> impl Iterator<Item = (&Bound<'py, PyAny>, &Bound<'py, PyAny>, &Bound<'py, PyAny>)> {
        let log = self.log.get(mark..).unwrap_or_default();
        log.iter().filter_map(|undo| match undo {
            Undo::ClassEntry {
                class,
                name,
                before: Some(before),
            } => Some((class, name, before)),
            _ => None,
        })
    }

    /// Remembers one entry of a dict, which is there and will be.
    pub fn entry(
        &mut self,
        dict: &Bound<'py, PyDict>,
        key: &Bound<'py, PyString>,
        before: &Bound<'py, PyAny>,
    ) {
        self.log.push(Undo::Entry {
            dict: dict.clone(),
            key: key.clone(),
            before: before.clone(),
        });
    }

    /// Remembers what a container holds; nothing for other objects.
    pub fn container(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict)?;
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            let before = list.get_slice(0, list.len());
            self.log.push(Undo::List {
                list: list.clone(),
                before,
            });
        } else if let Ok(set) = value.cast_exact::<PySet>() {
            let before = set.call_method0("copy")?;
            self.log.push(Undo::Set {
                set: set.clone(),
                before,
            });
        } else if is_other_container(value) {
            self.log.extend(items_of(value)?);
        }
        Ok(())
    }

    /// The same, and those that are in it: `table["a"]["b"].append(1)`.
    pub fn containers(&mut self, value: &Bound<'py, PyAny>, deep: usize) -> PyResult<()> {
        self.container(value)?;
        let inner: Vec<_> = if let Ok(dict) = value.cast_exact::<PyDict>() {
            dict.iter().map(|(_, item)| item).filter(holds).collect()
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            list.iter().filter(holds).collect()
        } else {
            Vec::new()
        };
        if deep > 0 {
            for item in inner {
                self.containers(&item, deep - 1)?;
            }
        }
        Ok(())
    }

    /// Remembers all of a function.
    pub fn function(&mut self, kit: &Kit<'py>, function: &Bound<'py, PyAny>) -> PyResult<()> {
        let mut parts = Vec::new();
        for name in FUNCTION_PARTS {
            // Reading __annotations__ runs code on 3.14; there the function that makes them is
            // what is kept.
            if name == "__annotations__" {
                if kit.version >= (3, 14) {
                    parts.push(("__annotate__", function.getattr("__annotate__")?));
                } else {
                    let copy = function.getattr(name)?.call_method0("copy")?;
                    parts.push((name, copy));
                }
                continue;
            }
            parts.push((name, function.getattr(name)?));
        }
        if kit.version >= (3, 12) {
            parts.push(("__type_params__", function.getattr("__type_params__")?));
        }
        self.log.push(Undo::Function {
            function: function.clone(),
            code: function.getattr("__code__")?,
            closure: function.getattr("__closure__")?,
            parts,
            dict: function
                .getattr("__dict__")?
                .cast_into::<PyDict>()?
                .copy()?,
        });
        Ok(())
    }

    /// Remembers only the code: for functions that moved.
    pub fn code(&mut self, function: &Bound<'py, PyAny>, code: Bound<'py, PyAny>) {
        self.log.push(Undo::Code {
            function: function.clone(),
            code,
        });
    }

    /// Remembers that a function got its own code, so many lines further down.
    pub fn lines(&mut self, function: &Bound<'py, PyAny>, delta: i64) {
        self.log.push(Undo::Lines {
            function: function.clone(),
            delta,
        });
    }

    /// Sets an entry of a class, past its metaclass' `__setattr__`.
    pub fn set_class_entry(
        &mut self,
        kit: &Kit<'py>,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = kit.class_entry(class, &super::kit::text(name))?;
        if before.as_ref().is_some_and(|b| b.is(value)) {
            return Ok(());
        }
        put(kit, class, name, value)?;
        self.log.push(Undo::ClassEntry {
            class: class.clone(),
            name: name.clone(),
            before,
        });
        Ok(())
    }

    /// Deletes an entry of a class.
    pub fn del_class_entry(
        &mut self,
        kit: &Kit<'py>,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = kit.class_entry(class, &super::kit::text(name))?;
        take(kit, class, name)?;
        if super::kit::text(name) == "__new__" && has_stand_in(kit, class)? {
            self.stood_in.push(class.clone());
        }
        self.log.push(Undo::ClassEntry {
            class: class.clone(),
            name: name.clone(),
            before,
        });
        Ok(())
    }

    /// Remembers the order of a class's entries; to be called before any of them changes.
    pub fn class_order(&mut self, kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let names = kit
            .class_dict(class)?
            .keys()
            .iter()
            .map(|k| super::kit::text(&k))
            .collect();
        self.log.push(Undo::ClassOrder {
            class: class.clone(),
            names,
        });
        Ok(())
    }

    /// Brings entries of a class into this order. Needs no log entry but that of `class_order`.
    pub fn order_class(
        &mut self,
        kit: &Kit<'py>,
        class: &Bound<'py, PyAny>,
        wanted: &[String],
    ) -> PyResult<()> {
        arrange(kit, class, wanted)
    }

    /// Sets an attribute that is not an entry of the class dict, such as `__bases__`.
    pub fn set_class_attribute(
        &mut self,
        kit: &Kit<'py>,
        class: &Bound<'py, PyAny>,
        name: &'static str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = class.getattr(name)?;
        let stands_in = set_part(kit, class, name, value)?;
        self.log.push(Undo::ClassAttribute {
            class: class.clone(),
            name,
            before,
        });
        if stands_in {
            self.stood_in.push(class.clone());
            self.log.push(Undo::ClassEntry {
                class: class.clone(),
                name: PyString::new(kit.py, "__new__").into_any(),
                before: None,
            });
        }
        Ok(())
    }

    /// Remembers an attribute of a class, no entry of it, that was just set.
    pub fn has_set(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &'static str,
        before: &Bound<'py, PyAny>,
    ) {
        self.log.push(Undo::ClassAttribute {
            class: class.clone(),
            name,
            before: before.clone(),
        });
    }

    /// Sets an attribute of any object.
    pub fn set_attribute(
        &mut self,
        object: &Bound<'py, PyAny>,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = object.getattr(name).ok();
        object.setattr(name, value)?;
        self.log.push(Undo::Attribute {
            object: object.clone(),
            name: name.to_owned(),
            before,
        });
        Ok(())
    }

    /// Gives an instance another class.
    pub fn set_class(
        &mut self,
        object: &Bound<'py, PyAny>,
        class: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = object.get_type().into_any();
        object
            .py()
            .import("builtins")?
            .getattr("object")?
            .getattr("__setattr__")?
            .call1((object, "__class__", class))?;
        self.log.push(Undo::InstanceClass {
            object: object.clone(),
            before,
        });
        Ok(())
    }

    /// Sets what a cell holds.
    pub fn set_cell(
        &mut self,
        cell: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let before = cell.getattr("cell_contents").ok();
        cell.setattr("cell_contents", value)?;
        self.log.push(Undo::Cell {
            cell: cell.clone(),
            before,
        });
        Ok(())
    }

    /// Remembers an entry of a class that somebody else is about to change, or has changed.
    pub fn class_entry(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        before: Option<Bound<'py, PyAny>>,
    ) {
        self.log.push(Undo::ClassEntry {
            class: class.clone(),
            name: name.clone(),
            before,
        });
    }

    /// Remembers an attribute that somebody else is about to change.
    pub fn attribute(&mut self, object: &Bound<'py, PyAny>, name: &str) {
        let before = object.getattr(name).ok();
        self.log.push(Undo::Attribute {
            object: object.clone(),
            name: name.to_owned(),
            before,
        });
    }

    /// Remembers what an object has in the slot of this name, if it has such.
    pub fn slot(&mut self, kit: &Kit<'py>, object: &Bound<'py, PyAny>, name: &str) -> PyResult<()> {
        for class in super::kit::mro(object.get_type().as_any()) {
            let Some(slot) = kit.class_entry(&class, name)? else {
                continue;
            };
            if slot.get_type().name()? == "member_descriptor" {
                match slot.call_method1("__get__", (object, &class)) {
                    Ok(had) => self.call(
                        slot.getattr("__set__")?,
                        (object, had).into_pyobject(kit.py)?,
                    ),
                    Err(_) => self.attribute(object, name),
                }
            }
            break;
        }
        Ok(())
    }

    /// How many references to an object the log itself holds.
    pub fn references(&self, object: &Bound<'py, PyAny>) -> usize {
        let is = |held: &Bound<'py, PyAny>| usize::from(held.is(object));
        let may = |held: &Option<Bound<'py, PyAny>>| held.as_ref().map_or(0, is);
        self.log
            .iter()
            .map(|entry| match entry {
                Undo::ClassEntry { class, before, .. } => is(class) + may(before),
                Undo::ClassOrder { class, .. } => is(class),
                Undo::ClassAttribute { class, before, .. } => is(class) + is(before),
                Undo::Attribute { object, before, .. } => is(object) + may(before),
                Undo::InstanceClass { object, before } => is(object) + is(before),
                Undo::Function { function, .. }
                | Undo::Code { function, .. }
                | Undo::Lines { function, .. } => is(function),
                Undo::Cell { before, .. } => may(before),
                _ => 0,
            })
            .sum()
    }

    /// Empties a cache of `functools`. When all is undone it remembers what it did before: what statements
    /// of the edit had computed is not what the old text gives.
    pub fn forget(&mut self, kit: &Kit<'py>, cache: &Bound<'py, PyAny>) -> PyResult<()> {
        let clear = cache.getattr("cache_clear")?;
        let (undo, arguments) = match remembered(kit, cache) {
            Ok(Some((remember, pairs))) => (remember, vec![cache.clone(), pairs]),
            Ok(None) => (clear.clone(), Vec::new()),
            Err(error) => {
                log::debug!("what a cache remembers cannot be told: {error}");
                (clear.clone(), Vec::new())
            }
        };
        clear.call0()?;
        self.call(undo, pyo3::types::PyTuple::new(kit.py, arguments)?);
        Ok(())
    }

    /// A call that undoes what the caller has done.
    pub fn call(
        &mut self,
        callable: Bound<'py, PyAny>,
        arguments: Bound<'py, pyo3::types::PyTuple>,
    ) {
        self.log.push(Undo::Call {
            callable,
            arguments,
        });
    }

    /// The classes that have gained or lost names, or have other bases, since this was asked last, and
    /// whether some have other bases.
    pub(super) fn classes_that_differ(
        &mut self,
        kit: &Kit<'py>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, bool)> {
        let from = std::mem::replace(&mut self.asked, self.log.len());
        let (mut classes, mut rebased): (Vec<Bound<'py, PyAny>>, _) = (Vec::new(), false);
        for entry in self.log.iter().skip(from) {
            let class = match entry {
                Undo::ClassEntry {
                    class,
                    name,
                    before,
                } => {
                    // No method, in the eyes of `__subclasshook__`.
                    let lacks =
                        |value: Option<&Bound<'py, PyAny>>| value.is_none_or(|v| v.is_none());
                    let now = kit.class_entry(class, &super::kit::text(name))?;
                    if lacks(before.as_ref()) == lacks(now.as_ref()) {
                        continue;
                    }
                    class
                }
                Undo::ClassAttribute { class, name, .. } if *name == "__bases__" => {
                    rebased = true;
                    class
                }
                _ => continue,
            };
            if !classes.iter().any(|known| known.is(class)) {
                classes.push(class.clone());
            }
        }
        Ok((classes, rebased))
    }

    /// Puts everything back that was logged after `mark`. What cannot be put back is returned as
    /// sentences.
    pub fn roll_back_to(&mut self, kit: &Kit<'py>, mark: usize) -> Vec<String> {
        // What is logged from here on has not been asked about.
        self.asked = self.asked.min(mark);
        let mut problems = Vec::new();
        let mut undone = Vec::new();
        while self.log.len() > mark {
            let Some(entry) = self.log.pop() else { break };
            if let Err(error) = undo(kit, &entry) {
                problems.push(format!("could not be put back: {error}"));
            }
            undone.push(entry);
        }
        drop(undone);
        problems
    }
}

/// Whether something is a container that can be put back.
fn holds(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PySet>()
}
