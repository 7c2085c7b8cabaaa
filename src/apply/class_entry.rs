//! The entries of a class: set, deleted, put into order.

use std::collections::HashMap;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyString, PyTuple, PyType};

use super::consumed::of_ctypes;
use super::kit::{Kit, text};
use crate::interp::forget_lookups;

const NEW: &str = "__new__";
/// What lays out instances of a class of `ctypes`.
const FIELDS: &str = "_fields_";

/// Sets an entry of a class. Assigning would not do that for all names: of those that the metaclass
/// deals with (`__class__`, `__name__`, a property) it gives the class itself another one.
pub(super) fn put<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<()> {
    if of_ctypes(class) {
        // `type.__setattr__` refuses those; and they would be laid out again.
        if text(name) != FIELDS {
            return class.setattr(name.cast::<PyString>()?, value);
        }
    } else if !is_taken(kit, class, &text(name))? {
        return kit.type_setattr.call1((class, name, value)).map(drop);
    }
    entries(kit, class)?.set_item(name, value)?;
    forget_lookups(class.cast::<PyType>()?);
    Ok(())
}

/// Deletes an entry of a class.
pub(super) fn take<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let ctypes = of_ctypes(class);
    if ctypes && text(name) != FIELDS {
        return class.delattr(name.cast::<PyString>()?);
    }
    if ctypes || is_taken(kit, class, &text(name))? {
        entries(kit, class)?.del_item(name)?;
        forget_lookups(class.cast::<PyType>()?);
        return Ok(());
    }
    let own = text(name) == NEW && !has_stand_in(kit, class)?;
    kit.type_delattr.call1((class, name))?;
    if own && made_by_object(kit, class)? {
        stand_in(kit, class)?;
    }
    Ok(())
}

/// Whether an attribute of that name of the class is the metaclass's, which does something else than
/// to set an entry.
fn is_taken<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>, name: &str) -> PyResult<bool> {
    // What these say of a class stands among its entries.
    const KEPT_THERE: [&str; 7] = [
        "__module__",
        "__doc__",
        "__abstractmethods__",
        "__annotations__",
        "__annotate__",
        "__type_params__",
        "__qualname__",
    ];
    if KEPT_THERE.contains(&name) {
        return Ok(false);
    }
    for base in class.get_type().getattr("__mro__")?.try_iter()? {
        let base = base?;
        let Some(found) = kit.class_entry(&base, name)? else {
            continue;
        };
        let kind = found.get_type();
        return Ok(kind.hasattr("__set__")? || kind.hasattr("__delete__")?);
    }
    Ok(false)
}

/// The very dict of a class. Whoever writes into it tells the interpreter (`forget_lookups`).
fn entries<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    Ok(kit.entries(class)?.cast_into::<PyDict>()?)
}

/// Sets an attribute of a class that is no entry of it. Bases are where `__new__` comes from, too:
/// `true` when the class has got one that stands in for it.
pub(super) fn set_part<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    name: &'static str,
    value: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    let plain = made_by_object(kit, class)?;
    kit.type_setattr.call1((class, name, value))?;
    let needed = !plain && made_by_object(kit, class)?;
    if needed {
        stand_in(kit, class)?;
    }
    Ok(needed)
}

fn made_by_object<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<bool> {
    let found = kit
        .object
        .get_type()
        .getattr("__getattribute__")?
        .call1((class, NEW))?;
    Ok(found.is(&kit.object.getattr(NEW)?))
}

/// A class that once found a `__new__` in Python code goes on to call through the slot for such,
/// also when it finds that of `object` alone: CPython keeps what is there. Through that slot
/// `object.__new__` refuses the arguments that are for `__init__`. So a builtin takes its place
/// that does what `object.__new__` does for a class which never had another.
fn stand_in<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<()> {
    let owner = kit
        .py
        .import("weakref")?
        .getattr("ref")?
        .call1((class,))?
        .unbind();
    let make = move |arguments: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>| {
        make(&owner, arguments, keywords)
    };
    let make = PyCFunction::new_closure(kit.py, Some(c"__new__"), None, make)?;
    kit.type_setattr.call1((class, NEW, make)).map(drop)
}

/// Whether the class has a `__new__` that stands in for one that is gone.
pub(super) fn has_stand_in<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<bool> {
    Ok(kit.class_entry(class, NEW)?.is_some_and(|e| stands_in(&e)))
}

/// Whether an entry was put there by `stand_in`.
pub(super) fn stands_in(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyCFunction>()
        && value
            .getattr("__name__")
            .is_ok_and(|name| text(&name) == NEW)
        && value
            .getattr("__self__")
            .is_ok_and(|of| !of.is_none() && !of.is_instance_of::<PyType>())
}

/// Makes an instance as if the class `owner` had no `__new__`: with the next one that there is.
fn make(
    owner: &Py<PyAny>,
    arguments: &Bound<'_, PyTuple>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let py = arguments.py();
    let owner = owner.bind(py).call0()?;
    let class = arguments.get_item(0)?;
    let object = py.get_type::<PyAny>();
    let plain = object.getattr(NEW)?;
    let (mut above, mut overridden) = (false, false);
    for base in class.getattr("__mro__")?.try_iter()? {
        let base = base?;
        if base.is(&object) {
            break;
        }
        let entry = base.getattr("__dict__")?.get_item(NEW).ok();
        let is_owner = base.is(&owner);
        if let Some(entry) = entry.filter(|e| !is_owner && !stands_in(e)) {
            if above {
                let next = base.getattr(NEW)?;
                return Ok(next.call(arguments, keywords)?.unbind());
            }
            overridden |= !entry.is(&plain);
        }
        above |= is_owner;
    }
    if overridden {
        // Called from another `__new__`: that is to leave the arguments away.
        return Ok(plain.call(arguments, keywords)?.unbind());
    }
    let more = arguments.len() > 1 || keywords.is_some_and(|k| !k.is_empty());
    if more && class.getattr("__init__")?.is(object.getattr("__init__")?) {
        let name = text(&class.getattr("__name__")?);
        return Err(PyTypeError::new_err(format!("{name}() takes no arguments")));
    }
    Ok(plain.call1((class,))?.unbind())
}

/// Puts the entries of a class, which are all there again, into the order that they had, with those that
/// `arrange` leaves where they are. The values are what they were: nothing but the order is changed, and
/// nobody can look in between.
pub(super) fn put_in_order<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    wanted: &[String],
) -> PyResult<()> {
    let entries = entries(kit, class)?;
    let now: Vec<_> = entries.keys().iter().collect();
    let names = now.iter().map(text);
    let same = names.zip(wanted).take_while(|(now, was)| now == *was);
    let same = same.count();
    if same == wanted.len() {
        return Ok(());
    }
    // By the very strings that are there: those are interned.
    let keys: HashMap<String, _> = now[same..].iter().map(|key| (text(key), key)).collect();
    for key in wanted[same..].iter().filter_map(|name| keys.get(name)) {
        if let Some(value) = entries.get_item(key)? {
            entries.del_item(key)?;
            entries.set_item(key, value)?;
        }
    }
    forget_lookups(class.cast::<PyType>()?);
    Ok(())
}

/// Moves entries of a class until those in `wanted` stand in that order; others go behind them.
/// An entry is moved by taking it out and putting it back, which no Python code sees: it is
/// held meanwhile, and `type.__setattr__` calls nothing. Not done when the order is right.
pub(super) fn arrange<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    wanted: &[String],
) -> PyResult<()> {
    let entries = kit.class_dict(class)?;
    // `type` refuses to delete its own attributes, and getters are found by no order.
    let fixed = |name: &str, value: &Bound<'py, PyAny>| {
        let kind = value
            .get_type()
            .name()
            .map(|n| n.to_string())
            .unwrap_or_default();
        kind == "getset_descriptor"
            || kind == "member_descriptor"
            || name.starts_with("__") && !kit.is_function(value)
    };
    let now: Vec<String> = entries
        .iter()
        .filter(|(name, value)| !fixed(&text(name), value))
        .map(|(name, _)| text(&name))
        .collect();
    let mut left: std::collections::HashSet<&String> = now.iter().collect();
    let order: Vec<&String> = wanted
        .iter()
        .chain(&now)
        .filter(|name| left.remove(name))
        .collect();
    let same = order
        .iter()
        .zip(&now)
        .take_while(|(a, b)| **a == *b)
        .count();
    for name in &order[same..] {
        if let Some(value) = entries.get_item(name.as_str())? {
            let name = pyo3::types::PyString::new(kit.py, name).into_any();
            take(kit, class, &name)?;
            put(kit, class, &name, &value)?;
        }
    }
    Ok(())
}
