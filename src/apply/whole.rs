//! A module run whole, as one piece of code: where its statements cannot be told apart, or the
//! module's own loader changes what it compiles.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::facts::Facts;
use super::kit::{reference_count, text};
use super::module::container;
use super::work::Work;
use crate::report::{Action, Change, ChangeKind};

/// Runs `code` in the module's dict, then brings what it bound together with what was. `gone` are
/// the names that only the old text bound.
pub fn run_whole<'py>(
    work: &mut Work<'_, 'py>,
    dict: &Bound<'py, PyDict>,
    code: &Bound<'py, PyAny>,
    gone: &BTreeSet<String>,
) -> PyResult<Facts<'py>> {
    let kit = work.kit;
    work.dict = dict.clone();
    work.members.clear();
    work.tx.expect_all()?;
    work.tx.dict(dict)?;
    let before = dict.copy()?;
    for (_, value) in before.iter() {
        work.tx.container(&value)?;
    }
    super::annotations::clear(dict)?;
    kit.exec.call1((code, dict))?;
    let mut facts = Facts {
        executed: true,
        ..Facts::default()
    };
    for (key, new) in dict.copy()?.iter() {
        let name = text(&key);
        if name.starts_with("__") && name.ends_with("__") {
            continue;
        }
        let Some(old) = before.get_item(&key)? else {
            facts.rebound.push((name.clone(), None, Some(new)));
            facts.dirty.value(&name, "which is new");
            continue;
        };
        if old.is(&new) {
            continue;
        }
        // Beside the references of the dict, of its copy and ours: what others have is not taken over.
        let own = reference_count(&new) <= 3;
        let kept = if container(&old) && own && old.get_type().is(new.get_type()) {
            work.update_container(&old, &new, None, &name)?;
            facts.dirty.value(&name, "which changed");
            old.clone()
        } else {
            work.reconcile(&old, &new, None)?
        };
        if kept.is(&old) {
            facts.dirty.acts(&name, "which ran again");
        } else {
            facts.dirty.value(&name, "which changed");
            facts
                .rebound
                .push((name.clone(), Some(old.clone()), Some(kept.clone())));
        }
        if !kept.is(&new) {
            dict.set_item(&key, kept)?;
        }
    }
    super::registry::told(work.forget_answers());
    for name in gone {
        if let Some(old) = before.get_item(name)?
            && dict.get_item(name)?.is_some_and(|now| now.is(&old))
        {
            dict.del_item(name)?;
            facts.dirty.value(name, "which is gone");
            facts.rebound.push((name.clone(), Some(old), None));
            facts.changes.push(Change {
                kind: ChangeKind::Variable,
                action: Action::Removed,
                name: name.as_str().into(),
                line: 0,
                reason: "it is gone from the file".into(),
            });
        }
    }
    Ok(facts)
}
