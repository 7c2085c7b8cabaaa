//! What registries had before an edit, for one that fails to put back: see snapshot.py.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::module::Run;

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
                snapshot
            }
        };
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
            self.work.tx.call(snapshot.getattr("put_back")?, first);
        }
        Ok(())
    }
}
