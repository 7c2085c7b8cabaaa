//! Named tuples that a module describes after it made them: `Event.time.__doc__ = "..."`.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::apply::Kit;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline};

/// The names of those that lose a description: nothing else tells what was there before it than
/// the call that made the class.
pub(super) fn anew<'py>(
    kit: &Kit<'py>,
    (old, new): (&Outline, &Outline),
    changes: &Changes,
    dict: &Bound<'py, PyDict>,
) -> PyResult<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    let changed = changes.items.iter().filter(|c| c.what == What::Changed);
    let gone = changes.removed.iter().copied();
    for at in gone.chain(changed.filter_map(|c| c.old)) {
        for path in &old.body[at].uses.writes {
            let Some((name, _)) = path.split_once('.') else {
                continue;
            };
            let writers = new.index().writers(&new.body, name);
            let made =
                |at: &usize| new.body[*at].kind == Kind::Assign && new.body[*at].name == name;
            if out.contains(name)
                || writers
                    .iter()
                    .any(|at| new.body[*at].uses.writes.contains(path))
                || !writers.iter().any(made)
            {
                continue;
            }
            if let Some(class) = dict.get_item(name)?.filter(|value| kit.is_class(value))
                && kit.class_entry(&class, "_fields")?.is_some()
                && kit.defined_in(&class, dict)?
            {
                out.insert(name.to_owned());
            }
        }
    }
    Ok(out)
}
