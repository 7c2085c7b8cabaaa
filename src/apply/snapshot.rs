//! What registries had before an edit, for one that fails to put back: see snapshot.py.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::kit::Kit;
use super::module::Run;
use super::work::Work;

impl<'py> Run<'_, '_, '_, 'py> {
    /// The registries of what the old version of a statement called, and of what the new one calls.
    pub(super) fn watch(
        &mut self,
        before: Bound<'py, PyList>,
        after: Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let snapshot = match &self.work.snapshot {
            Some(snapshot) => snapshot.clone(),
            None => {
                let snapshot = self.registry_helper("Snapshot")?.call0()?;
                let none = PyTuple::empty(self.work.kit.py);
                self.work.tx.call(snapshot.getattr("restore")?, none);
                self.work.snapshot = Some(snapshot.clone());
                self.work.kept_since.clear();
                snapshot
            }
        };
        self.tell_anew()?;
        let known = self.kept()?;
        let helper = self.registry_helper("Registry")?;
        let found = helper.call1((before, after, &snapshot, &self.job.dict))?;
        self.put_back_from(known)?;
        Ok(found)
    }

    /// How much the snapshot of registries has.
    pub(super) fn kept(&self) -> PyResult<usize> {
        match &self.work.snapshot {
            Some(snapshot) => snapshot.getattr("kept")?.len(),
            None => Ok(0),
        }
    }

    /// What it got since it had so much is put back if the edit fails.
    pub(super) fn put_back_from(&mut self, known: usize) -> PyResult<()> {
        if let Some(snapshot) = &self.work.snapshot
            && snapshot.getattr("kept")?.len()? > known
        {
            let first = PyTuple::new(self.work.kit.py, [known])?;
            let mark = self.work.tx.mark();
            // What was put back meanwhile is in neither.
            let since = &mut self.work.kept_since;
            since.retain(|&(had, at)| had < known && at < mark);
            since.push((known, mark));
            self.work.tx.call(snapshot.getattr("put_back")?, first);
        }
        Ok(())
    }
}

impl<'py> Work<'_, 'py> {
    /// After a unit was applied and its undo log is gone: what statements had registered with `atexit` and
    /// register no more is unregistered.
    pub fn leave_exits(kit: &Kit<'py>) -> PyResult<()> {
        match kit.helper.get() {
            Some(names) => {
                let exits = names.as_any().get_item("EXITS")?;
                exits.call_method0("push").map(drop)
            }
            None => Ok(()),
        }
    }

    /// What was in a list, dict or set before anything was changed, if it was noted: in the undo log, or
    /// as a registry.
    pub fn first_contents(&self, of: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let logged = self.tx.first_noted(of);
        match self.first_kept(of) {
            Ok(Some((at, kept))) if logged.as_ref().is_none_or(|(other, _)| at < *other) => {
                Some(kept)
            }
            _ => logged.map(|(_, contents)| contents),
        }
    }

    /// The same of a registry, and where in the undo log that is.
    fn first_kept(&self, of: &Bound<'py, PyAny>) -> PyResult<Option<(usize, Bound<'py, PyAny>)>> {
        let Some(snapshot) = &self.snapshot else {
            return Ok(None);
        };
        let kept = snapshot.getattr("kept")?.cast_into::<PyDict>()?;
        let place = of.as_ptr() as usize;
        let Some(found) = kept.get_item(place)? else {
            return Ok(None);
        };
        let (container, items): (Bound<'py, PyAny>, Bound<'py, PyAny>) = found.extract()?;
        let number = kept.keys().index(place)?;
        let mut since = self.kept_since.iter().rev();
        let at = since.find(|(had, _)| *had <= number).map(|(_, at)| *at);
        let Some(at) = at.filter(|_| container.is(of)) else {
            return Ok(None);
        };
        if let Ok(set) = of.cast_exact::<PySet>() {
            return Ok(Some((at, set.get_type().call1((items,))?)));
        }
        let alike = items.get_type().is(of.get_type());
        Ok(alike.then_some((at, items)))
    }
}
