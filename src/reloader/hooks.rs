//! What a module's author has a say in.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Policy;

/// `__reload_policy__` of a module: "full", "incremental" or "skip".
pub(super) fn policy(dict: &Bound<'_, PyDict>) -> Option<Policy> {
    let text: String = dict.get_item("__reload_policy__").ok()??.extract().ok()?;
    match text.as_str() {
        "full" => Some(Policy::Full),
        "incremental" => Some(Policy::Incremental),
        "skip" => Some(Policy::Skip),
        other => {
            log::warn!("__reload_policy__ = {other:?} is none of 'full', 'incremental', 'skip'");
            None
        }
    }
}

/// `__reload_keep__`: names whose value at run time is never overwritten.
pub(super) fn keep(dict: &Bound<'_, PyDict>) -> BTreeSet<String> {
    let Ok(Some(names)) = dict.get_item("__reload_keep__") else { return BTreeSet::new() };
    if let Ok(one) = names.extract::<String>() {
        return BTreeSet::from([one]);
    }
    names
        .try_iter()
        .map(|names| names.filter_map(|n| n.ok()?.extract().ok()).collect())
        .unwrap_or_default()
}

/// Calls `__before_reload__()`, if the module has one.
pub(super) fn before(dict: &Bound<'_, PyDict>) -> PyResult<()> {
    match dict.get_item("__before_reload__")? {
        Some(hook) => hook.call0().map(drop),
        None => Ok(()),
    }
}

/// Calls `__after_reload__(old)`, if the module has one, with a copy of the namespace as it was.
pub(super) fn after(dict: &Bound<'_, PyDict>, old: &Bound<'_, PyDict>) -> PyResult<()> {
    match dict.get_item("__after_reload__")? {
        Some(hook) => hook.call1((old,)).map(drop),
        None => Ok(()),
    }
}
