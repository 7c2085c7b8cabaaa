//! Values that are data and nothing else: to make one anew loses no more than the value.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple, PyType};

use super::kit::text;
use super::module::Run;
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
    /// Whether all that a statement binds is data.
    pub(super) fn gave_data(&self, statement: &Statement) -> PyResult<bool> {
        // A function is brought up to date where it is.
        if statement.kind == Kind::Function {
            return Ok(true);
        }
        let uses = &statement.uses;
        for name in uses.binds.iter().chain(&uses.mutates) {
            if let Some(value) = self.job.dict.get_item(name)?
                && !is_data(&value, 0)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_data(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
    let all = |items: Vec<Bound<'_, PyAny>>| -> PyResult<bool> {
        for item in items {
            if depth >= DEEPEST || !is_data(&item, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    if let Ok(dict) = value.cast::<PyDict>() {
        return all(dict.values().iter().take(MOST).collect());
    }
    if let Ok(list) = value.cast::<PyList>() {
        return all(list.iter().take(MOST).collect());
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return all(tuple.iter().take(MOST).collect());
    }
    if let Ok(set) = value.cast::<PySet>() {
        return all(set.iter().take(MOST).collect());
    }
    if let Ok(set) = value.cast::<PyFrozenSet>() {
        return all(set.iter().take(MOST).collect());
    }
    let class = value.get_type();
    let module = text(&class.getattr("__module__")?);
    match module.split('.').next().unwrap_or_default() {
        "builtins" => Ok(is_plain(&class)),
        module => Ok(OF_VALUES.contains(&module) || is_value_class(&class)),
    }
}

/// Numbers, texts and the like; not functions, iterators or files.
fn is_plain(class: &Bound<'_, PyType>) -> bool {
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
