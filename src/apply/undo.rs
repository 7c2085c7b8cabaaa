//! One entry of the undo log, and how it is undone.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyList, PySet, PySlice, PyString, PyTuple, PyType,
};
use rustc_hash::FxHashSet;

use super::class_entry::{put, put_in_order, set_part, take};
use super::compile::shifted;
use super::kit::{Kit, Word, is_heap_type};

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
            // Past what a class that is derived from it does.
            let kind = set.py().get_type::<PySet>();
            kind.call_method1("intersection_update", (set, before))?;
            kind.call_method1("update", (set, before))?;
            // Of items that are equal those that were there may not have come back.
            let had: FxHashSet<usize> = before
                .try_iter()?
                .map(|item| item.map(|item| item.as_ptr() as usize))
                .collect::<PyResult<_>>()?;
            let mut others = false;
            for item in kind.call_method1("__iter__", (set,))?.try_iter()? {
                others |= !had.contains(&(item?.as_ptr() as usize));
            }
            if !others {
                return Ok(());
            }
            kind.call_method1("clear", (set,))?;
            kind.call_method1("update", (set, before)).map(drop)
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
        Undo::ClassOrder { class, names } => put_in_order(kit, class, names),
        Undo::ClassAttribute {
            class,
            name,
            before,
        } => set_part(kit, class, name, before).map(drop),
        Undo::Attribute {
            object,
            name,
            before,
        } => {
            // Its class may refuse, as a frozen one does, or do something else besides.
            let own = |method: &str| kit.object.getattr(method);
            let by_class = object.is_instance_of::<PyType>();
            match before {
                Some(value) if by_class => object.setattr(name.as_str(), value),
                Some(value) => own("__setattr__")?.call1((object, name, value)).map(drop),
                None if !object.hasattr(name.as_str())? => Ok(()),
                None if by_class => object.delattr(name.as_str()),
                None => own("__delattr__")?.call1((object, name)).map(drop),
            }
        }
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

/// Whether this is a container of another kind than the exact dicts, lists and sets, which can be put back
/// all the same: of a class that is derived from these, a deque, a bytearray, an array.
pub(super) fn is_other_container(value: &Bound<'_, PyAny>) -> bool {
    // Those that are derived from them first: a look at flags.
    if value.cast::<PyDict>().is_ok() || value.cast::<PyList>().is_ok() {
        return !value.is_exact_instance_of::<PyDict>() && !value.is_exact_instance_of::<PyList>();
    }
    // SAFETY: the object is alive while it is borrowed; its type is asked, and nothing called.
    if unsafe { ffi::PySequence_Check(value.as_ptr()) } == 0 {
        return value.is_instance_of::<PySet>() && !value.is_exact_instance_of::<PySet>();
    }
    !value.is_instance_of::<PyString>()
        && !value.is_instance_of::<PyTuple>()
        && !value.is_instance_of::<PyBytes>()
        && (value.is_instance_of::<PyByteArray>() || of_library(value).is_some())
}

/// How many items a container has that can be put back; its class may count in another way.
pub(super) fn size(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(dict.len());
    }
    if let Ok(list) = value.cast::<PyList>() {
        return Ok(list.len());
    }
    match value.cast::<PySet>() {
        Ok(set) => Ok(set.len()),
        Err(_) => match (value.cast::<PyByteArray>(), of_library(value)) {
            (Ok(bytes), _) => Ok(bytes.len()),
            (_, Some(kind)) => kind.call_method1("__len__", (value,))?.extract(),
            _ => Ok(0),
        },
    }
}

/// The class of a library that a deque or an array is of.
fn of_library<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let modules = value.py().import("sys").ok()?.getattr("modules").ok()?;
    let modules = modules.cast_into::<PyDict>().ok()?;
    [("collections", "deque"), ("array", "array")]
        .iter()
        .find_map(|(module, name)| {
            // Who has one has imported its module.
            let kind = modules.get_item(module).ok()??.getattr(*name).ok()?;
            // Its class is asked and not the object, which may give itself out for another one.
            let own = value.get_type();
            own.is_subclass(&kind).ok()?.then_some(kind)
        })
}

/// The entries of the log that put such a container back, the last one first. Past what its class does
/// when it is changed: what that keeps in step is put back for itself.
pub(super) fn items_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Vec<Undo<'py>>> {
    let py = value.py();
    let call = |kind: &Bound<'py, PyAny>, method: &str, arguments: Vec<Bound<'py, PyAny>>| {
        let arguments = std::iter::once(value.clone()).chain(arguments);
        let arguments: Vec<_> = arguments.collect();
        PyResult::Ok(Undo::Call {
            callable: kind.getattr(method)?,
            arguments: PyTuple::new(py, arguments)?,
        })
    };
    if let Ok(dict) = value.cast::<PyDict>() {
        let ordered = py.import("collections")?.getattr("OrderedDict")?;
        // One that keeps its order beside its entries has to be asked itself.
        if value.get_type().is_subclass(&ordered)? {
            let mut log = Vec::new();
            for item in ordered.call_method1("items", (value,))?.try_iter()? {
                let (key, item) = item?.extract()?;
                log.push(call(&ordered, "__setitem__", vec![key, item])?);
            }
            log.reverse();
            log.push(call(&ordered, "clear", Vec::new())?);
            return Ok(log);
        }
        // A copy would be made by the methods of a class that has its own.
        let before = PyDict::new(py);
        for (key, item) in dict.iter() {
            before.set_item(key, item)?;
        }
        let dict = dict.clone();
        return Ok(vec![Undo::Dict { dict, before }]);
    }
    if let Ok(list) = value.cast::<PyList>() {
        let before = list.get_slice(0, list.len());
        let list = list.clone();
        return Ok(vec![Undo::List { list, before }]);
    }
    if let Ok(set) = value.cast::<PySet>() {
        let before = PySet::empty(py)?;
        py.get_type::<PySet>()
            .call_method1("update", (&before, set))?;
        return Ok(vec![Undo::Set {
            set: set.clone(),
            before: before.into_any(),
        }]);
    }
    let all = PySlice::full(py).into_any();
    if value.is_instance_of::<PyByteArray>() {
        let kind = py.get_type::<PyByteArray>().into_any();
        let before = kind.call1((value,))?;
        return Ok(vec![call(&kind, "__setitem__", vec![all, before])?]);
    }
    let Some(kind) = of_library(value) else {
        return Ok(Vec::new());
    };
    if kind.getattr("__name__")?.eq("array")? {
        let before = kind.call_method1("__getitem__", (value, &all))?;
        return Ok(vec![call(&kind, "__setitem__", vec![all, before])?]);
    }
    let before = PyList::empty(py);
    for item in kind.call_method1("__iter__", (value,))?.try_iter()? {
        before.append(item?)?;
    }
    Ok(vec![
        call(&kind, "extend", vec![before.into_any()])?,
        call(&kind, "clear", Vec::new())?,
    ])
}

/// Whether the hash of a key is for the program to say.
fn has_own_hash(key: &Bound<'_, PyAny>) -> bool {
    is_heap_type(&key.get_type()) || key.is_instance_of::<PyTuple>()
}

/// Whether two dicts have the same objects in the same order; no code of theirs is asked for it.
fn is_same(dict: &Bound<'_, PyDict>, other: &Bound<'_, PyDict>) -> bool {
    let text = |key: &Bound<'_, PyAny>| key.is_exact_instance_of::<PyString>();
    let same = |a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>| {
        a.is(b) || text(a) && text(b) && a.eq(b).unwrap_or(false)
    };
    let mut pairs = dict.iter().zip(other.iter());
    dict.len() == other.len() && pairs.all(|(a, b)| same(&a.0, &b.0) && a.1.is(&b.1))
}

/// Entry by entry where that can be: a cleared dict would be visible to other threads.
fn restore_dict<'py>(dict: &Bound<'py, PyDict>, before: &Bound<'py, PyDict>) -> PyResult<()> {
    let same =
        is_same(dict, before) || restore_entries(dict, before).is_ok() && is_same(dict, before);
    if same && !dict.iter().any(|(key, _)| has_own_hash(&key)) {
        return Ok(());
    }
    // A key may have another hash now than when it was put there, and is not found by it: as the copy
    // knows the old ones, everything comes from there.
    let held = dict.copy()?;
    dict.clear();
    let put = dict.update(before.as_mapping());
    // What only the failed edit had put there goes when all is back.
    drop(held);
    put
}

fn restore_entries<'py>(dict: &Bound<'py, PyDict>, before: &Bound<'py, PyDict>) -> PyResult<()> {
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
