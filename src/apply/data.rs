//! Values that are data and nothing else: to make one anew loses no more than the value.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PyModule, PySet, PyString, PyTuple, PyType};

use super::function::{identical, plain, same_repr};
use super::kit::{module_of, text};
use super::members::mangled;
use super::module::{Run, container};
use crate::outline::{Kind, Statement};

/// Modules of the standard library, and packages, whose objects are values.
const OF_VALUES: [&str; 14] = [
    "_decimal",
    "array",
    "collections",
    "datetime",
    "decimal",
    "fractions",
    "ipaddress",
    "numpy",
    "pandas",
    "pathlib",
    "re",
    "sympy",
    "uuid",
    "zoneinfo",
];
/// How deep in containers, and how many of their items.
const DEEPEST: usize = 4;
const MOST: usize = 256;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whether what a statement gives is made anew for what it gives to what it calls.
    pub(super) fn makes_other(&self, statement: &Statement) -> PyResult<bool> {
        Ok(self.gave_data(statement)? || self.asked_differs(statement)?)
    }

    /// Whether all that a statement binds is data.
    pub(super) fn gave_data(&self, statement: &Statement) -> PyResult<bool> {
        // A function is brought up to date where it is.
        if matches!(statement.kind, Kind::Function | Kind::Expr) {
            return Ok(true);
        }
        let uses = &statement.uses;
        let collects = self.functions.gives_all(statement) || self.hands_module(statement);
        for name in uses.binds.iter().chain(&uses.mutates) {
            if let Some(value) = self.job.dict.get_item(name)?
                && !is_data(&value, 0)?
                && !(collects && self.is_collected(&value, 0)?)
                && !(uses.binds.contains(name) && self.is_definition(&value)?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The containers in the one that lives, where what a statement makes now is no other data than
    /// what import had given it, and nothing else fills it.
    pub(super) fn parts_of_equal(
        &self,
        name: &str,
        live: &Bound<'py, PyAny>,
        made: &Bound<'py, PyAny>,
    ) -> Option<Vec<usize>> {
        let base = self.bases.get(name)?;
        let alone = container(live) && container(made) && self.mutators(name).next().is_none();
        (alone && same_data(base, made, 0)).then(|| containers_in(live))
    }

    /// Whether this is a container of functions and classes of the module, of modules, and of data.
    fn is_collected(&self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<bool> {
        let kit = self.work.kit;
        let items: Vec<Bound<'py, PyAny>> = if let Ok(dict) = value.cast_exact::<PyDict>() {
            dict.values().iter().take(MOST).collect()
        } else if container(value) || value.is_exact_instance_of::<PyTuple>() {
            value.try_iter()?.take(MOST).collect::<PyResult<_>>()?
        } else {
            return Ok(self.is_definition(value)?
                || kit.is_exact(value, &kit.module)
                || is_data(value, 1)?);
        };
        for item in items {
            if depth >= DEEPEST || !self.is_collected(&item, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether this is a function or class of the module, under another name of it, or one of another
    /// module.
    fn is_definition(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kit = self.work.kit;
        if !kit.is_function(value) && !kit.is_class(value) {
            return Ok(false);
        }
        let name = value.getattr("__name__")?;
        let own = self.job.dict.get_item(&name)?;
        if own.is_some_and(|own| own.is(value)) {
            return Ok(true);
        }
        let module = module_of(value);
        let Ok(module) = module.cast::<PyString>() else {
            return Ok(false);
        };
        // Not by asking it: it may have a `__getattr__`.
        let module = kit.sys_modules.get_item(module)?;
        let module = module.and_then(|module| module.cast_into::<PyModule>().ok());
        let there = module.map(|module| module.dict().get_item(&name));
        Ok(there
            .transpose()?
            .flatten()
            .is_some_and(|there| there.is(value)))
    }

    /// Whether a statement gives what it calls a module: `collect(handlers)`.
    fn hands_module(&self, statement: &Statement) -> bool {
        let kit = self.work.kit;
        let uses = &statement.uses;
        let mut given = uses.reads.iter().filter(|path| !uses.calls.contains(path));
        let is_module = |value: &Bound<'py, PyAny>| kit.is_exact(value, &kit.module);
        statement.kind == Kind::Assign
            && given.any(|path| self.resolve(path).as_ref().is_some_and(is_module))
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// The same of a statement in the body of the class at this path (`C.` or `C.D.`).
    pub(super) fn gave_data_in(&self, path: &str, member: &Statement) -> PyResult<bool> {
        if member.kind == Kind::Function {
            return Ok(true);
        }
        let mut parts = path.trim_end_matches('.').split('.');
        let first = parts.next().unwrap_or_default();
        let Some(mut class) = self.job.dict.get_item(first)? else {
            return Ok(true);
        };
        for part in parts {
            class = class.getattr(part)?;
        }
        for name in &member.uses.binds {
            let key = mangled(
                name,
                class.getattr("__name__").ok().map(|n| text(&n)).as_deref(),
            );
            // What a field of a named tuple is by default, stands elsewhere.
            let defaults = self.work.kit.class_entry(&class, "_field_defaults")?;
            let default = defaults.map(|all| all.get_item(&key)).and_then(Result::ok);
            let value = match default {
                Some(value) => Some(value),
                None => self.work.kit.class_entry(&class, &key)?,
            };
            if let Some(value) = value
                && !is_data(&value, 0)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(super) fn is_data(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    let all = |items: Vec<Bound<'_, PyAny>>| -> PyResult<bool> {
        for item in items {
            if depth >= DEEPEST || !is_data(&item, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let class = value.get_type();
    let module = text(&module_of(&class));
    // Named tuples too; not what a program derives from a list or dict, which is its own.
    if let Ok(tuple) = value.cast::<PyTuple>()
        && (value.is_exact_instance_of::<PyTuple>() || class.hasattr("_fields")?)
    {
        return all(tuple.iter().take(MOST).collect());
    }
    if matches!(&*module, "builtins" | "collections") {
        if let Ok(dict) = value.cast::<PyDict>() {
            return all(dict.values().iter().take(MOST).collect());
        }
        let items = value.is_exact_instance_of::<PyList>()
            || value.is_exact_instance_of::<PySet>()
            || value.is_exact_instance_of::<PyFrozenSet>()
            || module == "collections";
        if items {
            return all(value.try_iter()?.take(MOST).collect::<PyResult<_>>()?);
        }
    }
    match module.split('.').next().unwrap_or_default() {
        "builtins" => Ok(is_plain(&class)),
        module => Ok(OF_VALUES.contains(&module) || is_value_class(&class)),
    }
}

/// A value that statements have in common by chance: Python makes constants once.
pub(super) fn nobodys(value: &Bound<'_, PyAny>) -> bool {
    is_plain(&value.get_type())
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyFrozenSet>()
}

/// Numbers, texts and the like; not functions, iterators or files.
pub(super) fn is_plain(class: &Bound<'_, PyType>) -> bool {
    const PLAIN: [&str; 12] = [
        "NoneType",
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "ellipsis",
        "float",
        "int",
        "memoryview",
        "range",
        "slice",
        "str",
    ];
    class
        .name()
        .is_ok_and(|name| PLAIN.contains(&&*text(name.as_any())))
}

/// Enumerations, and dataclasses that are frozen: objects that nobody can change.
fn is_value_class(class: &Bound<'_, PyType>) -> bool {
    let has = |name: &str| class.hasattr(name).unwrap_or(false);
    let frozen = || -> PyResult<bool> {
        class
            .getattr("__dataclass_params__")?
            .getattr("frozen")?
            .is_truthy()
    };
    has("__dataclass_params__") && frozen().unwrap_or(false)
        || has("_member_map_") && has("_value2member_map_")
}

/// Whether two values are equal, and nothing but plain values in lists, dicts and sets: no object of a
/// program is asked. Dicts in another order are not the same.
fn same_data(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    let same = |a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>| same_data(a, b, depth + 1);
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyDict>(), b.cast_exact::<PyDict>()) {
        let mut pairs = a.iter().zip(b.iter());
        return a.len() == b.len()
            && pairs.all(|((key, a), (other, b))| {
                only_plain(&key) && identical(&key, &other) && same(&a, &b)
            });
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyList>(), b.cast_exact::<PyList>()) {
        return a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b));
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PySet>(), b.cast_exact::<PySet>()) {
        // In one order, as one who goes through them would see.
        return a.len() == b.len()
            && a.iter()
                .zip(b.iter())
                .all(|(a, b)| only_plain(&a) && identical(&a, &b));
    }
    only_plain(a) && identical(a, b)
}

/// Whether a value can not change, and has nothing in it that a program made.
fn only_plain(value: &Bound<'_, PyAny>) -> bool {
    match value.cast_exact::<PyTuple>() {
        Ok(items) => items.iter().all(|item| only_plain(&item)),
        Err(_) => plain(value),
    }
}

/// The addresses of all lists, dicts and sets that are in one.
pub(super) fn containers_in(value: &Bound<'_, PyAny>) -> Vec<usize> {
    fn walk(value: &Bound<'_, PyAny>, depth: usize, out: &mut Vec<usize>) {
        if depth > DEEPEST || !container(value) {
            return;
        }
        out.push(value.as_ptr() as usize);
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            dict.iter()
                .for_each(|(_, item)| walk(&item, depth + 1, out));
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            list.iter().for_each(|item| walk(&item, depth + 1, out));
        }
    }
    let mut out = Vec::new();
    walk(value, 0, &mut out);
    out
}

/// Whether two values of one type are equal paths, or equal times, of the standard library.
pub(super) fn of_library(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = text(&module_of(&a.get_type()));
    let known = |zone: &Bound<'_, PyAny>| {
        let kind = zone.get_type().getattr("__module__");
        zone.is_none() || kind.is_ok_and(|kind| text(&kind) == "datetime")
    };
    // Another zone may be the program's own.
    let equal = match kind.as_str() {
        "pathlib" | "pathlib._local" => true,
        "datetime" => a.getattr("tzinfo").map_or(true, |zone| known(&zone)),
        _ => false,
    };
    Ok(equal && same_repr(a, b))
}
