//! Names that statements such as `globals().update(...)` had put into a module, taken out again.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::compile::Source;
use super::kit::text;
use super::module::Run;
use crate::diff::What;
use crate::outline::Statement;
use crate::report::{Action, ChangeKind};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Names that came by statements that are gone or changed, where it can be told which those
    /// were, and that no statement of the new text gives.
    pub(super) fn drop_unlisted(&mut self, old: &Source<'a>) -> PyResult<()> {
        let items = self.job.changes.items.iter();
        let changed = items
            .filter(|c| c.what == What::Changed)
            .filter_map(|c| c.old);
        let gone: Vec<usize> = self
            .job
            .changes
            .removed
            .iter()
            .copied()
            .chain(changed)
            .collect();
        let gone = gone
            .into_iter()
            .filter(|at| old.outline.body[*at].uses.opaque);
        let gone: Vec<usize> = gone.collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut stays = BTreeSet::new();
        let new = self.job.new;
        for statement in new.outline.body.iter().filter(|s| s.uses.opaque) {
            let Some(names) = self.names_put(new, statement, &self.job.dict) else {
                return Ok(());
            };
            stays.extend(names.keys().iter().map(|name| text(&name)));
        }
        for at in gone {
            let statement = &old.outline.body[at];
            let Some(names) = self.names_put(old, statement, &self.before) else {
                continue;
            };
            for (key, given) in names.iter() {
                let name = text(&key);
                let Some(value) = self.job.dict.get_item(&key)? else {
                    continue;
                };
                if !value.is(&given)
                    || name.starts_with("__")
                    || stays.contains(&name)
                    || self.binders(&name).next().is_some()
                    || self.star_value(&name)?.is_some()
                    || self.is_submodule(&name, &value)?
                {
                    continue;
                }
                self.job.dict.del_item(&key)?;
                self.dirty.value(&name, "which is gone");
                self.note(
                    ChangeKind::Variable,
                    Action::Removed,
                    &name,
                    statement,
                    "what had put it there is gone",
                );
                self.facts.rebound.push((name, Some(value), None));
            }
        }
        Ok(())
    }

    /// What a statement put into the module, if that can be told without calling anything.
    fn names_put(
        &self,
        source: &Source<'_>,
        statement: &Statement,
        namespace: &Bound<'py, PyDict>,
    ) -> Option<Bound<'py, PyDict>> {
        let names = self.helper("names").ok()?;
        let unknown: Vec<&String> = self.job.outside.values.keys().collect();
        let found = names
            .call1((source.slice(statement), namespace, unknown))
            .ok()?;
        found.cast_into().ok()
    }
}
