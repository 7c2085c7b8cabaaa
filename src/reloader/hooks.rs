//! What a module's author has a say in.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Policy;
use crate::apply::Transaction;
use crate::interp::word;
use crate::modules::Version;
use crate::outline::Kind;

const NAME: &str = "__reload_policy__";

fn parse(text: &str) -> Option<Policy> {
    match text {
        "full" => Some(Policy::Full),
        "incremental" => Some(Policy::Incremental),
        "skip" => Some(Policy::Skip),
        _ => None,
    }
}

/// `__reload_policy__` of a module: "full", "incremental" or "skip".
pub(super) fn policy(dict: &Bound<'_, PyDict>) -> Option<Policy> {
    parse(
        &dict
            .get_item(word(dict.py(), NAME))
            .ok()??
            .extract::<String>()
            .ok()?,
    )
}

/// The policy that a new text sets as a plain string: it counts for the edit that brings it.
pub(super) fn policy_of_text(version: &Version) -> Option<Policy> {
    parse(written(version)?)
}

/// Whether a text sets a policy, however it says which.
pub(super) fn sets_policy(version: &Version) -> bool {
    let outline = version.outline().as_ref();
    outline.is_ok_and(|o| !o.index().writers(&o.body, NAME).is_empty())
}

fn written(version: &Version) -> Option<&str> {
    let outline = version.outline().as_ref().ok()?;
    let found = outline.index().writers(&outline.body, NAME).into_iter();
    let statement = found
        .map(|at| &outline.body[at])
        .rfind(|s| s.kind == Kind::Assign && s.name == NAME)?;
    let text = version
        .text()
        .get(statement.span.start as usize..statement.span.end as usize)?;
    let value = text.split_once('=')?.1.trim();
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.or_else(|| value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')))
}

/// A sentence about a policy that does not exist.
pub(super) fn complaint(dict: &Bound<'_, PyDict>, version: &Version) -> Option<String> {
    let text = match written(version) {
        Some(text) => text.to_owned(),
        None => dict
            .get_item(word(dict.py(), NAME))
            .ok()??
            .extract::<String>()
            .ok()?,
    };
    parse(&text).is_none().then(|| {
        format!("{NAME} = {text:?} is none of \"full\", \"incremental\", \"skip\"; taken as \"incremental\"")
    })
}

/// `__reload_keep__`: names whose value at run time is never overwritten.
pub(super) fn keep(dict: &Bound<'_, PyDict>) -> BTreeSet<String> {
    let Ok(Some(names)) = dict.get_item(word(dict.py(), "__reload_keep__")) else {
        return BTreeSet::new();
    };
    if let Ok(one) = names.extract::<String>() {
        return BTreeSet::from([one]);
    }
    names
        .try_iter()
        .map(|names| names.filter_map(|n| n.ok()?.extract().ok()).collect())
        .unwrap_or_default()
}

/// Calls `__before_reload__()`, if the module has one.
pub(super) fn before<'py>(dict: &Bound<'py, PyDict>, tx: &mut Transaction<'py>) -> PyResult<()> {
    match dict.get_item(word(dict.py(), "__before_reload__"))? {
        Some(hook) => {
            tx.expect_all()?;
            hook.call0().map(drop)
        }
        None => Ok(()),
    }
}

/// Calls `__after_reload__(old)` of the modules that have one, with copies of their namespaces as
/// they were.
pub(super) fn after<'py>(
    modules: &[Bound<'py, PyDict>],
    tx: &mut Transaction<'py>,
) -> PyResult<()> {
    for dict in modules {
        let Some(hook) = dict.get_item(word(dict.py(), "__after_reload__"))? else {
            continue;
        };
        tx.expect_all()?;
        let old = match tx.first_copy(dict) {
            // The log's own must stay as it is: an exception in the hook puts everything back.
            Some(before) => before.copy()?,
            None => dict.copy()?,
        };
        hook.call1((old,))?;
    }
    Ok(())
}
