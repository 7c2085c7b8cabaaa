//! What `linecache` has of files that are applied: tracebacks and `inspect` ask it for lines, and it
//! takes a file of the same size and time for the same file. A debugger does not even ask for these.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::unit::Unit;

/// Entries that were taken out, with the keys they had.
pub(super) struct Taken<'py> {
    cache: Bound<'py, PyDict>,
    entries: Vec<(String, Bound<'py, PyAny>)>,
}

impl<'py> Unit<'_, '_, 'py> {
    /// Lets it read the files of the unit anew, if somebody has asked for lines of them. `None` where
    /// it had none.
    pub(super) fn forget_lines(&self) -> PyResult<Option<Taken<'py>>> {
        let Some(module) = self.kit.sys_modules.get_item("linecache")? else {
            return Ok(None);
        };
        let Ok(cache) = module.getattr("cache")?.cast_into::<PyDict>() else {
            return Ok(None);
        };
        let mut entries = Vec::new();
        for edited in self.edited.values() {
            let record = &edited.record;
            for name in [record.filename(), record.shown()] {
                let Some(entry) = cache.get_item(&*name)? else {
                    continue;
                };
                // One that only says how to get the lines has none yet.
                if entry.len()? > 1 {
                    cache.del_item(&*name)?;
                    entries.push((name.to_string(), entry));
                }
            }
        }
        Ok((!entries.is_empty()).then_some(Taken { cache, entries }))
    }
}

impl Taken<'_> {
    /// The old code goes on: so do its lines.
    pub(super) fn put_back(self) -> PyResult<()> {
        let mut entries = self.entries.into_iter();
        entries.try_for_each(|(name, entry)| self.cache.set_item(name, entry))
    }
}
