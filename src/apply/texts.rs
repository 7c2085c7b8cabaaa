//! Copies of docstrings: tables of commands and objects that took the text of a function.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use rustc_hash::FxHashSet;

use super::kit::{reference_count, text};
use super::module::Run;
use super::work::{Replaced, Work};

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whoever took the text of a function from it has that very object: `self.help = function.__doc__`.
    pub(super) fn copies_of_text(
        &mut self,
        before: Bound<'py, PyAny>,
        after: Bound<'py, PyAny>,
    ) -> PyResult<()> {
        // Words are one object wherever they stand, and texts that a module has as well, in it.
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if before.is_none() || text(&before).chars().all(word) {
            return Ok(());
        }
        // Held by us and by the code.
        let known = 2 + self.work.tx.references(&before);
        if reference_count(&before) <= known as isize
            || self.job.dict.values().iter().any(|value| value.is(&before))
        {
            return Ok(());
        }
        self.work.replaced.push(Replaced {
            from: before,
            to: after,
            lived: false,
        });
        Ok(())
    }
}

impl<'py> Work<'_, 'py> {
    /// Containers with these texts in them that the garbage collector does not look at, since there is
    /// nothing in them but such: they are in others that it knows.
    pub(super) fn untracked_holders(
        &self,
        texts: &FxHashSet<usize>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let gc = &self.kit.gc;
        let all = gc.call_method0("get_objects")?.cast_into::<PyList>()?;
        let referents = gc.getattr("get_referents")?.call1(all.to_tuple())?;
        let tracked = gc.getattr("is_tracked")?;
        let has = |value: Bound<'py, PyAny>| texts.contains(&(value.as_ptr() as usize));
        let (mut out, mut seen) = (Vec::new(), FxHashSet::default());
        for holder in referents.cast_into::<PyList>()?.iter() {
            let found = if let Ok(dict) = holder.cast_exact::<PyDict>() {
                dict.iter().any(|(_, value)| has(value))
            } else if let Ok(list) = holder.cast_exact::<PyList>() {
                list.iter().any(has)
            } else if let Ok(tuple) = holder.cast_exact::<PyTuple>() {
                tuple.iter().any(has)
            } else {
                false
            };
            if found
                && seen.insert(holder.as_ptr() as usize)
                && !tracked.call1((&holder,))?.is_truthy()?
            {
                out.push(holder);
            }
        }
        Ok(out)
    }
}
