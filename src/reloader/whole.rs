//! Modules that run as one piece of code, or that moved to another file.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::unit::{Edited, Unit};
use crate::apply::{Facts, Work, run_whole, text};
use crate::report::{ModuleReport, Outcome};

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Runs a module as one piece of code.
    pub(super) fn whole(
        &self,
        work: &mut Work<'k, 'py>,
        edited: &Edited,
        dict: &Bound<'py, PyDict>,
        filename: &str,
        mut report: ModuleReport,
    ) -> PyResult<(Facts<'py>, ModuleReport)> {
        let kit = self.kit;
        let loader = dict
            .get_item("__loader__")?
            .filter(|l| l.hasattr("source_to_code").unwrap_or(false));
        let code = match loader {
            Some(loader) => {
                let bytes = edited.version.text().as_bytes();
                loader.call_method1(
                    "source_to_code",
                    (pyo3::types::PyBytes::new(kit.py, bytes), filename),
                )?
            }
            None => kit
                .compile
                .call1((edited.version.text(), filename, "exec", 0, true, -1))?,
        };
        let names = |source: &str| -> BTreeSet<String> {
            let table = kit
                .py
                .import("symtable")
                .and_then(|s| s.call_method1("symtable", (source, filename, "exec")));
            let Ok(table) = table else {
                return BTreeSet::new();
            };
            table
                .call_method0("get_symbols")
                .and_then(|symbols| {
                    symbols
                        .try_iter()?
                        .filter_map(|s| {
                            let s = s.ok()?;
                            let bound = s.call_method0("is_assigned").ok()?.is_truthy().ok()?
                                || s.call_method0("is_imported").ok()?.is_truthy().ok()?;
                            bound
                                .then(|| s.call_method0("get_name").ok())
                                .flatten()
                                .map(|n| Ok(text(&n)))
                        })
                        .collect()
                })
                .unwrap_or_default()
        };
        let (had, has) = (
            names(edited.record.version().text()),
            names(edited.version.text()),
        );
        let gone: BTreeSet<String> = had.difference(&has).cloned().collect();
        let mut found = run_whole(work, dict, &code, &gone)?;
        work.merge = true;
        report.changes = std::mem::take(&mut found.changes);
        report
            .notes
            .push("its statements cannot be told apart here; it ran whole".to_owned());
        report.outcome = Outcome::Reloaded;
        Ok((found, report))
    }

    /// Whether the module's loader makes other code of the source than `compile()` does.
    pub(super) fn special_loader(&self, dict: &Bound<'py, PyDict>) -> PyResult<bool> {
        let Some(loader) = dict.get_item(self.kit.name("__loader__"))? else {
            return Ok(false);
        };
        let usual = &*self.kit.loader;
        if loader.get_type().is(usual) {
            return Ok(false);
        }
        let Ok(own) = loader.get_type().getattr("source_to_code") else {
            return Ok(false);
        };
        Ok(!own.is(usual.getattr("source_to_code")?) && {
            // `InspectLoader.source_to_code` is `compile()` as well.
            let inspect = self
                .kit
                .py
                .import("importlib.abc")?
                .getattr("InspectLoader")?;
            !own.is(inspect.getattr("source_to_code")?)
        })
    }

    /// A module became a package, or the other way round.
    pub(super) fn move_module(
        &self,
        work: &mut Work<'k, 'py>,
        dict: &Bound<'py, PyDict>,
        spec: &Bound<'py, PyAny>,
        name: &str,
    ) -> PyResult<()> {
        work.tx.dict(dict)?;
        dict.set_item("__spec__", spec)?;
        dict.set_item("__loader__", spec.getattr("loader")?)?;
        dict.set_item("__file__", spec.getattr("origin")?)?;
        dict.set_item("__cached__", spec.getattr("cached")?)?;
        dict.set_item("__package__", spec.getattr("parent")?)?;
        let locations = spec.getattr("submodule_search_locations")?;
        if !locations.is_none() {
            return dict.set_item("__path__", locations);
        }
        if dict.contains("__path__")? {
            dict.del_item("__path__")?;
        }
        let prefix = format!("{name}.");
        work.tx.dict(&self.kit.sys_modules)?;
        for (key, module) in self.kit.sys_modules.copy()?.iter() {
            let Some(child) = text(&key).strip_prefix(&prefix).map(str::to_owned) else {
                continue;
            };
            self.kit.sys_modules.del_item(&key)?;
            if dict.get_item(&child)?.is_some_and(|v| v.is(&module)) {
                dict.del_item(&child)?;
            }
        }
        Ok(())
    }
}
