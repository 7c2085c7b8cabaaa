//! What a statement fills by the way, seen before and after it runs: `A = reg.add("a", 1)` puts something
//! into `reg.items`, and those who read that are told.

use pyo3::prelude::*;

use super::execute::copied;
use super::module::{Run, container};
use crate::outline::Statement;

/// A path, what was there, and what that had in it.
pub(super) type ByWay<'py> = (String, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

impl<'py> Run<'_, '_, '_, 'py> {
    /// What a statement that is about to run may fill by the way.
    pub(super) fn before_filling(&self, statement: &Statement) -> Vec<ByWay<'py>> {
        let paths = self.functions.filled_by_the_way(statement).into_iter();
        let found = paths.filter(|path| path.contains('.')).filter_map(|path| {
            let value = self.attribute(&path)?;
            // Of what is in it: there may be any amount of data below.
            let copy = container(&value).then(|| copied(&value, 1).ok()).flatten();
            Some((path, value, copy))
        });
        found.collect()
    }

    /// Tells of what has other contents now, or is something else.
    pub(super) fn tell_filling(&mut self, before: Vec<ByWay<'py>>, statement: &Statement) {
        for (path, was, copy) in before {
            let Some(now) = self.attribute(&path) else {
                continue;
            };
            // Objects of the program may not want to be compared.
            let same = now.is(&was) && copy.is_none_or(|copy| now.eq(copy).unwrap_or(false));
            if same || super::function::plain(&was) && now.eq(&was).unwrap_or(false) {
                continue;
            }
            let why = format!("which line {} puts something into", statement.span.line);
            self.dirty.fill(path, why);
        }
    }
}
