//! Names that statements such as `globals().update(...)` had put into a module, taken out again.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::compile::Source;
use super::kit::text;
use super::module::Run;
use crate::outline::Statement;
use crate::report::{Action, ChangeKind};

/// What the names of a module are called in `skeleton.py`.
const NAMES: &str = "__names__";

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Names that came by statements that are gone.
    pub(super) fn drop_unlisted(&mut self, old: &Source<'a>) -> PyResult<()> {
        let body = &old.outline.body;
        let removed = &self.job.changes.removed;
        let gone = removed.iter().copied().filter(|at| body[*at].uses.opaque);
        for was in gone.collect::<Vec<_>>() {
            self.drop_put(was, None)?;
        }
        Ok(())
    }

    /// After a statement of the old text ran in its new form, or is gone: names that it had put there,
    /// where it can be told which those were, and that nothing gives now. `hidden`: what was taken out
    /// before it ran.
    pub(super) fn drop_put(
        &mut self,
        was: usize,
        hidden: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let statement = &old.outline.body[was];
        if !statement.uses.opaque {
            return Ok(());
        }
        let scratch = self.before.copy()?;
        self.all_as_it_was(&scratch, statement)?;
        let mut unknown = self.unknown_contents(old, NAMES, &[was]);
        unknown.extend(self.job.outside.values.keys().cloned());
        let Some(names) = self.names_put(old, statement, &scratch, &unknown) else {
            return Ok(());
        };
        let mut gone = Vec::new();
        for (key, given) in names.iter() {
            let name = text(&key);
            let found = match hidden.map(|hidden| hidden.get_item(&key)).transpose()? {
                Some(Some(value)) => Some(value),
                _ => self.job.dict.get_item(&key)?,
            };
            // An item that cannot be told is on the left, and is equal to all.
            if let Some(value) = found
                && (given.is(&value) || given.eq(&value).unwrap_or(false))
                && !name.starts_with("__")
                && self.binders(&name).next().is_none()
                && self.star_value(&name)?.is_none()
                && !self.is_submodule(&name, &value)?
            {
                gone.push((key, name, value));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let mut stays = BTreeSet::new();
        let new = self.job.new;
        for statement in new.outline.body.iter().filter(|s| s.uses.opaque) {
            let outside: Vec<String> = self.job.outside.values.keys().cloned().collect();
            let Some(names) = self.names_put(new, statement, &self.job.dict, &outside) else {
                return Ok(());
            };
            stays.extend(names.keys().iter().map(|name| text(&name)));
        }
        for (key, name, value) in gone {
            if stays.contains(&name) {
                continue;
            }
            match hidden {
                Some(hidden) if hidden.contains(&key)? => hidden.del_item(&key)?,
                _ => self.job.dict.del_item(&key)?,
            }
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
        Ok(())
    }

    /// What a statement put into the module, if that can be told without calling anything.
    fn names_put(
        &self,
        source: &Source<'_>,
        statement: &Statement,
        namespace: &Bound<'py, PyDict>,
        unknown: &[String],
    ) -> Option<Bound<'py, PyDict>> {
        let names = self.helper("names").ok()?;
        let found = names.call1((source.slice(statement), namespace, unknown));
        let found = found.inspect_err(|error| log::debug!("{}: {error}", statement.span.line));
        found.ok()?.cast_into().ok()
    }
}
