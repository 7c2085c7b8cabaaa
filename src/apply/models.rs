//! Models that compiled a schema from their fields do it again, and so does what was made of them
//! (`models.py`).

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// Before a statement runs, which may make objects of them or classes derived from them.
    pub(super) fn models_so_far(&mut self) -> PyResult<()> {
        let from = std::mem::replace(&mut self.modelled, self.classes.len());
        if from < self.modelled {
            self.renew_models(from)?;
        }
        Ok(())
    }

    /// All of them, when nobody has a class any more that was only made to bring the old one up to date.
    pub(super) fn models(&mut self) -> PyResult<()> {
        let notes = self.renew_models(0)?;
        self.notes.extend(notes);
        Ok(())
    }

    fn renew_models(&mut self, from: usize) -> PyResult<Vec<String>> {
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        let kit = self.kit;
        if !kit.sys_modules.contains("pydantic")? {
            return Ok(Vec::new());
        }
        // Models may have them inside.
        let reshaped = self.refielded.clone();
        let mut changed = Vec::new();
        for class in self.classes.iter().skip(from) {
            if kit.class_entry(class, "__pydantic_decorators__")?.is_some() {
                changed.push((class.clone(), self.tx.class_before(kit, class)?));
            }
        }
        if changed.is_empty() && reshaped.is_empty() {
            return Ok(Vec::new());
        }
        let helper = PyDict::new(kit.py);
        helper.set_item("__name__", "pyreload/models.py")?;
        let texts = [("pyreload/models.py", include_str!("models.py"))];
        kit.run_helpers(&COMPILED, &texts, &helper)?;
        let models = helper
            .as_any()
            .get_item("Models")?
            .call1((changed, reshaped))?;
        let mut entries = Vec::new();
        for class in models.getattr("classes")?.try_iter()? {
            let class = class?;
            entries.push((kit.class_dict(&class)?, class));
        }
        for adapter in models.getattr("adapters")?.try_iter()? {
            self.tx.dict(adapter?.getattr("__dict__")?.cast()?)?;
        }
        let outcome = models.call_method0("renew");
        for (before, class) in entries {
            self.log_entries(&class, &before)?;
        }
        outcome?.extract()
    }

    /// Remembers for the undo log what somebody else did to the entries of a class.
    pub(super) fn log_entries(
        &mut self,
        class: &Bound<'py, PyAny>,
        before: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        let after = self.kit.class_dict(class)?;
        for (name, value) in before.iter() {
            if !after.get_item(&name)?.is_some_and(|now| now.is(&value)) {
                self.tx.class_entry(class, &name, Some(value));
            }
        }
        for name in after.keys() {
            if !before.contains(&name)? {
                self.tx.class_entry(class, &name, None);
            }
        }
        Ok(())
    }
}
