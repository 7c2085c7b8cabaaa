//! Whether a default counts, or what a statement below it had bound in its place: see
//! `plan::passed_on`.

use pyo3::prelude::*;

use super::function::{Wanted, find, identical};
use super::module::{Run, container};
use crate::outline::{Kind, Statement, Value};
use crate::plan::{Affected, affected_statement, passed_on};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What becomes of a statement that did not change: see `affected_statement`.
    pub(super) fn affected(
        &self,
        at: usize,
        statement: &'a Statement,
    ) -> PyResult<Option<Affected>> {
        let affected = affected_statement(statement, &self.functions, &self.dirty);
        if let Some(affected) = affected {
            return self.but_for_makers(at, statement, affected);
        }
        for (name, why) in passed_on(statement, &self.functions, &self.dirty) {
            if self.default_counts(at, name)? != Some(false) {
                return Ok(Some(Affected::Runs(why)));
            }
        }
        for (default, below, name) in &self.job.plan.overridden {
            if *default == at
                && (self.default_of(*below, name) != Some(at)
                    || self.default_counts(*below, name)? != Some(true))
            {
                let why = format!("{name} was overridden");
                return Ok(Some(Affected::Runs(why)));
            }
        }
        Ok(None)
    }

    /// The statement of the new text that had given a name its value above one of the old text.
    fn default_of(&self, below: usize, name: &str) -> Option<usize> {
        let above = self.old_above(self.job.changes.at(below).0?, name)?;
        self.job.changes.new_of(above)
    }

    /// The last statement of the old text above this place that binds a name.
    fn old_above(&self, place: usize, name: &str) -> Option<usize> {
        let old = self.job.old?.outline;
        let writers = old.index().writers(&old.body, name).into_iter();
        let binds = |at: &usize| old.body[*at].uses.binds.iter().any(|n| n == name);
        writers.filter(|at| *at < place).filter(binds).last()
    }

    /// Whether a name has the value that stands above a statement which binds it perhaps; `None` where
    /// that cannot be told.
    fn default_counts(&self, at: usize, name: &str) -> PyResult<Option<bool>> {
        let (Some(old), Some(place)) = (self.job.old, self.job.changes.at(at).0) else {
            return Ok(None);
        };
        let Some(live) = self.before.get_item(name)? else {
            return Ok(None);
        };
        // An import of it had failed since: what it had is kept for want of another.
        if self.work.orphans.has(&self.job.dict, name, &live) {
            return Ok(None);
        }
        let kit = self.work.kit;
        let above = self.old_above(place, name);
        let same = |value: &Bound<'py, PyAny>| value.is(&live) || identical(value, &live);
        let came = |star: bool| {
            let mut rebinds = self.job.rebinds.iter();
            let rebind = rebinds.find(|r| r.star == star && r.name == name);
            rebind.and_then(|rebind| rebind.old.as_ref())
        };
        let from = above.map_or(0, |above| above + 1);
        if let Some((_, given)) = self.star_among(old.outline, name, from..place)? {
            return Ok(Some(same(came(true).unwrap_or(&given))));
        }
        if let Some(theirs) = came(true).filter(|_| old.outline.star) {
            return Ok(Some(same(theirs)));
        }
        let Some(above) = above else {
            return Ok(Some(false));
        };
        let statement = &old.outline.body[above];
        Ok(Some(match statement.kind {
            Kind::Function => {
                let wanted = Wanted {
                    name: &statement.name,
                    line: statement.span.line,
                    placed: None,
                };
                find(kit, &live, wanted, &self.job.dict)?.is_some()
            }
            Kind::Import => match came(false) {
                Some(theirs) => same(theirs),
                None => return Ok(None),
            },
            Kind::Assign if statement.value == Value::Pure => {
                let Some(code) = old.value(kit, statement) else {
                    return Ok(None);
                };
                let made = kit.eval.call1((code, self.before.copy()?));
                // `data = None`, and a container in its place.
                made.is_ok_and(|made| made.is(&live) || !container(&live) && same(&made))
                    // The program gave it another one.
                    || !self.may_bind(&old.outline.body[place], name, &live)?
            }
            _ if self.may_bind(&old.outline.body[place], name, &live)? => return Ok(None),
            _ => true,
        }))
    }

    /// Whether a statement of the old text may have bound a name to this value, as far as its text says.
    fn may_bind(
        &self,
        statement: &Statement,
        name: &str,
        live: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let Some(old) = self.job.old else {
            return Ok(true);
        };
        let span = statement.span;
        let (text, space) = (old.slice(statement), &self.before);
        let last = span.line + u32::try_from(text.lines().count()).unwrap_or(u32::MAX / 2);
        let said = self
            .helper("may_bind")?
            .call1((text, name, live, space, span.line, last));
        // A text that could not be read says nothing.
        said.map_or(Ok(true), |said| said.is_truthy())
    }
}
