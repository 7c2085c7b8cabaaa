//! Attributes that statements give classes of the module by `setattr`, also in loops: those that such
//! a statement does not set any more are gone.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::compile::Source;
use super::kit::text;
use super::module::Run;
use crate::outline::{Kind, Statement};

/// Whether a statement may set attributes in this way, as far as its text says.
fn computes(source: &Source<'_>, statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Expr | Kind::Compound)
        && !statement.uses.mutates.is_empty()
        && source.slice(statement).contains("setattr(")
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// After a statement of the old text ran in its new form, or is gone: what it had set and nothing
    /// sets now goes, where the program left it alone. Where the names cannot be told, all stays.
    pub(super) fn drop_set(&mut self, was: usize) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let statement = &old.outline.body[was];
        if !computes(old, statement) {
            return Ok(());
        }
        let kit = self.work.kit;
        for name in &statement.uses.mutates {
            let Some(class) = self.job.dict.get_item(name)? else {
                continue;
            };
            if !kit.is_class(&class) || !kit.defined_in(&class, &self.job.dict)? {
                continue;
            }
            let scratch = self.before.copy()?;
            self.all_as_it_was(&scratch, statement)?;
            let unknown = self.unknown_contents(old, name, &[was]);
            let Some(had) = self.set_by(old.slice(statement), name, scratch, unknown) else {
                continue;
            };
            let mut gone = Vec::new();
            for (key, value) in had.iter() {
                let attribute = text(&key);
                // An item that cannot be told is on the left, and is equal to all.
                if let Some(now) = kit.class_entry(&class, &attribute)?
                    && (value.is(&now) || value.eq(&now).unwrap_or(false))
                {
                    gone.push((key, attribute));
                }
            }
            if gone.is_empty() {
                continue;
            }
            let Some(stays) = self.set_now(name) else {
                continue;
            };
            for (key, attribute) in gone {
                if stays.contains(&attribute) {
                    continue;
                }
                if self.class_binds(name, &attribute) {
                    self.put_back(name, &attribute)?;
                    self.dirty
                        .value(format!("{name}.{attribute}"), "which nothing sets any more");
                    continue;
                }
                // `__doc__` and the like cannot be taken from a class.
                if self.work.tx.del_class_entry(kit, &class, &key).is_ok() {
                    self.dirty
                        .value(format!("{name}.{attribute}"), "which is gone");
                }
            }
        }
        Ok(())
    }

    /// The attributes that statements of the new text give a class from outside its body; `None` where
    /// that cannot be told.
    fn set_now(&self, class: &str) -> Option<BTreeSet<String>> {
        let mut out = BTreeSet::new();
        let inside = format!("{class}.");
        for at in self.mutators(class) {
            let statement = &self.job.new.outline.body[at];
            let uses = &statement.uses;
            let called = self.functions.writes(&uses.calls);
            let writes = uses.writes.iter().chain(&called);
            let known = out.len();
            out.extend(
                writes
                    .filter_map(|path| path.strip_prefix(&inside))
                    .map(str::to_owned),
            );
            if statement.kind == Kind::Class
                || out.len() > known && !computes(self.job.new, statement)
            {
                continue;
            }
            let scratch = self.job.dict.copy().ok()?;
            let text_now = self.job.new.slice(statement);
            let set = self.set_by(text_now, class, scratch, Vec::new())?;
            out.extend(set.keys().iter().map(|key| text(&key)));
        }
        Some(out)
    }

    /// What a statement gives attributes of a class, by their names.
    fn set_by(
        &self,
        statement: &str,
        class: &str,
        scratch: Bound<'py, PyDict>,
        unknown: Vec<String>,
    ) -> Option<Bound<'py, PyDict>> {
        let sets = self.helper("sets").ok()?;
        let found = sets.call1((statement, class, scratch, unknown));
        let found = found.inspect_err(|error| log::debug!("{class}: {error}"));
        found.ok()?.cast_into().ok()
    }
}
