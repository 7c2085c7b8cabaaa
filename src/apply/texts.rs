//! Copies of docstrings: tables of commands and objects that took the text of a function.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use rustc_hash::FxHashSet;

use super::attributes::own_state;
use super::holders::Moves;
use super::kit::{Kit, reference_count, text};
use super::module::Run;
use super::registry::told;
use super::work::{Replaced, Work};

/// Of so many objects at a time it is asked what they refer to.
const BATCH: usize = 10_000;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whoever took the text of a function from it has that very object: `self.help = function.__doc__`.
    pub(super) fn copies_of_text(&mut self, before: Bound<'py, PyAny>, after: Bound<'py, PyAny>) {
        let Some(old) = self.job.old else {
            return;
        };
        if before.is_none() || after.is_none() {
            return;
        }
        // Equal texts of one module are one object, and words wherever they stand.
        let said = text(&before);
        let first = said.lines().map(str::trim).find(|line| !line.is_empty());
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let alone = |line: &str| memchr::memmem::find_iter(old.text.as_bytes(), line).count() == 1;
        if said.chars().all(word) || !first.is_some_and(alone) {
            return;
        }
        // Held by us and by the code.
        let known = 2 + self.work.tx.references(&before);
        if reference_count(&before) > known as isize {
            self.work.texts_of.push((before, after));
        }
    }
}

/// What decorators make of a docstring to keep it, of the old one and of the new one: as it stands, without its
/// indentation, its first line. Words alone say nothing.
pub(super) fn made_of<'py>(
    kit: &Kit<'py>,
    before: &Bound<'py, PyAny>,
    after: &Bound<'py, PyAny>,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    if before.is_none() || after.is_none() {
        return Ok(Vec::new());
    }
    let clean = match kit.sys_modules.get_item("inspect")? {
        Some(inspect) => Some(inspect.getattr("cleandoc")?),
        None => None,
    };
    let forms = |said: &Bound<'py, PyAny>| -> PyResult<Vec<String>> {
        let said = text(said);
        let clean = match &clean {
            Some(clean) => text(&clean.call1((&said,))?),
            None => said.clone(),
        };
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        Ok(vec![said.trim().to_owned(), said, clean, first])
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let pairs = forms(before)?.into_iter().zip(forms(after)?);
    let pairs = pairs.filter(|(was, now)| was != now && !was.chars().all(word));
    let pairs = pairs.map(|(was, now)| (was, PyString::new(kit.py, &now).into_any()));
    Ok(pairs.collect())
}

impl<'py> Work<'_, 'py> {
    /// What an object, or a function, has made of a docstring and kept among its attributes.
    pub(super) fn say_anew(
        &mut self,
        object: &Bound<'py, PyAny>,
        made: &[(String, Bound<'py, PyAny>)],
    ) -> PyResult<()> {
        let state = match made.is_empty() || self.kit.is_class(object) {
            true => None,
            false => own_state(object)?,
        };
        let Some(state) = state else { return Ok(()) };
        for (name, value) in state.copy()?.iter() {
            let said = value.cast_exact::<PyString>().map(|said| text(said));
            let found = said
                .ok()
                .and_then(|said| made.iter().find(|(was, _)| *was == said));
            if let Some((_, now)) = found {
                self.tx.dict(&state)?;
                state.set_item(name, now)?;
            }
        }
        Ok(())
    }

    /// Gives those who have such a text the new one. An edit does not fail for it.
    pub(super) fn hand_over_texts(&mut self) {
        let all = std::mem::take(&mut self.texts_of).into_iter();
        let all = all.map(|(from, to)| Replaced {
            from,
            to,
            lived: false,
        });
        let moves = Moves::new(all.collect());
        if !moves.is_empty() {
            told(self.hand_over_texts_in(&moves));
        }
    }

    fn hand_over_texts_in(&mut self, moves: &Moves<'py>) -> PyResult<()> {
        let from: Vec<&Bound<'py, PyAny>> = moves.from().collect();
        let mut holders: Vec<_> = self.holders_of_many(&from)?.iter().collect();
        let texts: FxHashSet<usize> = from.iter().map(|text| text.as_ptr() as usize).collect();
        holders.extend(self.untracked_holders(&texts)?);
        let mut tuples = Vec::new();
        for holder in holders {
            if holder.is_exact_instance_of::<PyTuple>() {
                tuples.push(holder);
            } else {
                told(self.hand_over_in(&holder, &|value| Ok(moves.of(value).cloned())));
            }
        }
        self.hand_over_tuples(moves, &tuples, &HashSet::new())
    }

    /// Containers with these texts in them that the garbage collector does not look at, since there is
    /// nothing in them but such: they are in others that it knows.
    fn untracked_holders(&self, texts: &FxHashSet<usize>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let gc = &self.kit.gc;
        let all = gc.call_method0("get_objects")?.cast_into::<PyList>()?;
        let referents = gc.getattr("get_referents")?;
        let tracked = gc.getattr("is_tracked")?;
        let has = |value: Bound<'py, PyAny>| texts.contains(&(value.as_ptr() as usize));
        let (mut out, mut seen) = (Vec::new(), FxHashSet::default());
        for from in (0..all.len()).step_by(BATCH) {
            let some = all.get_slice(from, from + BATCH).to_tuple();
            for holder in referents.call1(some)?.cast_into::<PyList>()?.iter() {
                let container = holder.is_exact_instance_of::<PyDict>()
                    || holder.is_exact_instance_of::<PyList>()
                    || holder.is_exact_instance_of::<PyTuple>();
                if !container
                    || !seen.insert(holder.as_ptr() as usize)
                    || tracked.call1((&holder,))?.is_truthy()?
                {
                    continue;
                }
                let found = if let Ok(dict) = holder.cast_exact::<PyDict>() {
                    dict.iter().any(|(_, value)| has(value))
                } else if let Ok(list) = holder.cast_exact::<PyList>() {
                    list.iter().any(has)
                } else if let Ok(tuple) = holder.cast_exact::<PyTuple>() {
                    tuple.iter().any(has)
                } else {
                    false
                };
                if found {
                    out.push(holder);
                }
            }
        }
        Ok(out)
    }
}
