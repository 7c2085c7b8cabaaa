//! One entry of the undo log, and how it is undone.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString};

use super::class_entry::{arrange, put, set_part, take};
use super::compile::shifted;
use super::kit::{Kit, Word};

/// What a change was made to, and what was there before.
pub(super) enum Undo<'py> {
    /// Put a dict back, entry by entry, in its old order.
    Dict {
        dict: Bound<'py, PyDict>,
        before: Bound<'py, PyDict>,
    },
    /// Put one entry of a dict back.
    Entry {
        dict: Bound<'py, PyDict>,
        key: Bound<'py, PyString>,
        before: Bound<'py, PyAny>,
    },
    List {
        list: Bound<'py, PyList>,
        before: Bound<'py, PyList>,
    },
    Set {
        set: Bound<'py, PySet>,
        before: Bound<'py, PyAny>,
    },
    /// A function: code and closure are one entry, since each alone would not fit the other.
    Function {
        function: Bound<'py, PyAny>,
        code: Bound<'py, PyAny>,
        closure: Bound<'py, PyAny>,
        parts: Vec<(&'static str, Bound<'py, PyAny>)>,
        dict: Bound<'py, PyDict>,
    },
    Code {
        function: Bound<'py, PyAny>,
        code: Bound<'py, PyAny>,
    },
    /// Put the lines of a function's code back, which nobody but the function knew.
    Lines {
        function: Bound<'py, PyAny>,
        delta: i64,
    },
    ClassEntry {
        class: Bound<'py, PyAny>,
        name: Bound<'py, PyAny>,
        before: Option<Bound<'py, PyAny>>,
    },
    /// Put the entries of a class, all there again, into their old order.
    ClassOrder {
        class: Bound<'py, PyAny>,
        names: Vec<String>,
    },
    ClassAttribute {
        class: Bound<'py, PyAny>,
        name: &'static str,
        before: Bound<'py, PyAny>,
    },
    Attribute {
        object: Bound<'py, PyAny>,
        name: String,
        before: Option<Bound<'py, PyAny>>,
    },
    InstanceClass {
        object: Bound<'py, PyAny>,
        before: Bound<'py, PyAny>,
    },
    Cell {
        cell: Bound<'py, PyAny>,
        before: Option<Bound<'py, PyAny>>,
    },
    /// Call this with these arguments.
    Call {
        callable: Bound<'py, PyAny>,
        arguments: Bound<'py, pyo3::types::PyTuple>,
    },
}

/// Undoes one change.
pub(super) fn undo<'py>(kit: &Kit<'py>, entry: &Undo<'py>) -> PyResult<()> {
    match entry {
        Undo::Dict { dict, before } => restore_dict(dict, before),
        Undo::Entry { dict, key, before } => dict.set_item(key, before),
        Undo::List { list, before } => list.set_slice(0, list.len(), before),
        Undo::Set { set, before } => {
            set.call_method1("intersection_update", (before,))?;
            set.call_method1("update", (before,)).map(drop)
        }
        Undo::Function {
            function,
            code,
            closure,
            parts,
            dict,
        } => {
            if !function.getattr("__closure__")?.is(closure) {
                kit.set_closure(function, closure)?;
            }
            set_code(kit, function, code)?;
            for (name, value) in parts {
                function.setattr(*name, value)?;
            }
            let now = function.getattr("__dict__")?.cast_into::<PyDict>()?;
            restore_dict(&now, dict)
        }
        Undo::Code { function, code } => set_code(kit, function, code),
        Undo::Lines { function, delta } => {
            let code = function.getattr(kit.word(Word::Code))?;
            set_code(kit, function, &shifted(kit, &code, -delta)?.0)
        }
        Undo::ClassEntry {
            class,
            name,
            before,
        } => match before {
            Some(value) => put(kit, class, name, value),
            None if kit.class_entry(class, &super::kit::text(name))?.is_none() => Ok(()),
            None => take(kit, class, name),
        },
        Undo::ClassOrder { class, names } => arrange(kit, class, names),
        Undo::ClassAttribute {
            class,
            name,
            before,
        } => set_part(kit, class, name, before).map(drop),
        Undo::Attribute {
            object,
            name,
            before,
        } => match before {
            Some(value) => object.setattr(name.as_str(), value),
            None if object.hasattr(name.as_str())? => object.delattr(name.as_str()),
            None => Ok(()),
        },
        Undo::InstanceClass { object, before } => kit
            .object_setattr
            .call1((object, "__class__", before))
            .map(drop),
        Undo::Cell { cell, before } => match before {
            Some(value) => cell.setattr("cell_contents", value),
            None => cell.delattr("cell_contents"),
        },
        Undo::Call {
            callable,
            arguments,
        } => callable.call1(arguments.clone()).map(drop),
    }
}

/// Assigns `__code__`. From 3.13 on a change between plain function, generator and coroutine
/// warns, and under `-W error` the warning would be an exception half way.
pub fn set_code<'py>(
    kit: &Kit<'py>,
    function: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
) -> PyResult<()> {
    const KINDS: u32 = 0x20 | 0x80 | 0x200;
    if kit.version >= (3, 13) {
        let flags = |c: &Bound<'py, PyAny>| c.getattr("co_flags")?.extract::<u32>();
        if (flags(&function.getattr("__code__")?)? ^ flags(code)?) & KINDS != 0 {
            let warnings = kit.py.import("warnings")?;
            let guard = warnings.getattr("catch_warnings")?.call0()?;
            guard.call_method0("__enter__")?;
            warnings.call_method1("simplefilter", ("ignore",))?;
            let outcome = function.setattr("__code__", code);
            let none = kit.py.None();
            guard.call_method1("__exit__", (&none, &none, &none))?;
            return outcome;
        }
    }
    function.setattr(kit.word(Word::Code), code)
}

/// Entry by entry: a cleared dict would be visible to other threads.
fn restore_dict<'py>(dict: &Bound<'py, PyDict>, before: &Bound<'py, PyDict>) -> PyResult<()> {
    for key in dict.keys() {
        if !before.contains(&key)? {
            dict.del_item(&key)?;
        }
    }
    for (key, value) in before.iter() {
        match dict.get_item(&key)? {
            Some(now) if now.is(&value) => {}
            _ => dict.set_item(&key, &value)?,
        }
    }
    // A name that was deleted and set again stands at the end.
    follow_order(dict, before)
}

/// Puts the keys of a dict into the order of another that has the same ones.
pub(super) fn follow_order<'py>(
    dict: &Bound<'py, PyDict>,
    other: &Bound<'py, PyDict>,
) -> PyResult<()> {
    let wanted = other.keys();
    let current = dict.keys();
    let same = (0..wanted.len())
        .take_while(|&at| match (wanted.get_item(at), current.get_item(at)) {
            (Ok(a), Ok(b)) => a.is(&b) || a.eq(&b).unwrap_or(false),
            _ => false,
        })
        .count();
    // Behind the first that stands elsewhere, all are moved.
    for at in same..wanted.len() {
        let key = wanted.get_item(at)?;
        if let Some(value) = dict.get_item(&key)? {
            dict.del_item(&key)?;
            dict.set_item(&key, value)?;
        }
    }
    Ok(())
}
