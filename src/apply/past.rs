//! What edited functions ran until now, for those who ask what an old call of one had done: its text
//! is in no file any more; and what was in containers and classes, and what names meant, that this edit
//! changed.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::module::Run;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Tells the helpers of what was edited since they were told last.
    pub(super) fn past(&mut self) -> PyResult<()> {
        let (texts, mark) = self.work.past;
        let names = std::mem::replace(&mut self.computed.1, self.facts.rebound.len());
        let codes = self.registry_helper("CODES")?.cast_into::<PyDict>()?;
        for (function, code) in self.work.tx.codes_since(mark) {
            // The first is what ran; later ones are of this edit. Kept with the function, so that
            // no other one gets its address.
            codes.set_default(function.as_ptr() as usize, (function, code))?;
        }
        let keep = self.registry_helper("keep_name")?;
        for (name, before, _) in self.facts.rebound.get(names..).unwrap_or_default() {
            keep.call1((&self.job.dict, name, before))?;
        }
        let keep = self.registry_helper("keep_contents")?;
        for (container, before) in self.work.tx.contents_since(mark) {
            keep.call1((container, before))?;
        }
        let keep = self.registry_helper("keep_entry")?;
        for entry in self.work.tx.entries_since(mark) {
            keep.call1(entry)?;
        }
        if let Some(new) = self.work.texts.get(texts..).filter(|new| !new.is_empty()) {
            let known = self.registry_helper("TEXTS")?;
            for (filename, version) in new {
                known.set_item(&**filename, version.text())?;
            }
        }
        self.work.past = (self.work.texts.len(), self.work.tx.mark());
        Ok(())
    }
}
