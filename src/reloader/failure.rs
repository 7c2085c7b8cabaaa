//! What is said of a unit that was rolled back.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyImportError, PySyntaxError};
use pyo3::prelude::*;

use super::unit::{Failed, Unit};
use crate::apply::{Kit, text};
use crate::modules::{Attempt, Failure, Record};
use crate::report::{Cause, ModuleReport, Outcome};

/// So many errors are looked at of which each was raised while the next one was handled.
const CHAIN: usize = 8;

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// A report that says nothing yet.
    pub(super) fn blank(&self, record: &Record, cause: Cause) -> ModuleReport {
        ModuleReport {
            name: Arc::clone(&record.name),
            path: record.shown(),
            outcome: Outcome::Unchanged,
            cause,
            error: None,
            traceback: None,
            error_line: 0,
            changes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Notes the submodules that a unit which was rolled back had imported: they stay imported, and
    /// their packages, whose names are what they were, do not know them.
    pub(super) fn note_loose(&self) -> PyResult<()> {
        let known = |name: &str| self.reloader.ledger.get(name).is_some();
        let parents: Vec<&str> = self.edited.keys().map(String::as_str).collect();
        for (name, module) in self.kit.sys_modules.iter() {
            let name = text(&name);
            let Some((parent, last)) = name.rsplit_once('.') else {
                continue;
            };
            if !parents.contains(&parent) || known(&name) || module.is_none() {
                continue;
            }
            if let Some(package) = self.module(parent)?
                && !package.dict().contains(last)?
            {
                self.reloader.loose.lock().push(name);
            }
        }
        Ok(())
    }

    /// Binds those in their packages, as their import would have done, when these are brought up to
    /// date.
    pub(super) fn bind_loose(&self) -> PyResult<()> {
        let mut loose = std::mem::take(&mut *self.reloader.loose.lock());
        let mut bound = Ok(());
        loose.retain(|name| {
            let Some((parent, last)) = name.rsplit_once('.') else {
                return false;
            };
            if !self.edited.contains_key(parent) {
                return true;
            }
            let bind = || -> PyResult<()> {
                if let (Some(package), Some(module)) = (self.module(parent)?, self.module(name)?)
                    && !package.dict().contains(last)?
                {
                    package.dict().set_item(last, module)?;
                }
                Ok(())
            };
            if let Err(error) = bind() {
                bound = Err(error);
            }
            false
        });
        self.reloader.loose.lock().append(&mut loose);
        bound
    }

    /// What the modules of a unit that failed are tried again for: files that the error came through,
    /// and those of modules that were imported meanwhile. To be asked before anything is put back.
    pub(super) fn attempt(&self, error: &PyErr, brought: &[String]) -> Arc<Attempt> {
        let py = self.kit.py;
        let mut files = BTreeSet::new();
        for error in chain(py, error) {
            files_of(py, &error, &mut files);
        }
        let places = &self.reloader.places;
        // A change of those that are tracked is noticed anyway.
        files.retain(|path| {
            path.is_absolute()
                && !places.is_stdlib(path)
                && self.reloader.ledger.of_path(path).is_empty()
        });
        for name in brought {
            if let Ok(Some(module)) = self.module(name)
                && let Ok(Some(file)) = module.dict().get_item("__file__")
                && let Ok(path) = file.extract::<PathBuf>()
                && !places.is_stdlib(&path)
                && !places.is_installed(&path)
            {
                files.insert(path);
            }
        }
        Arc::new(Attempt::with(files))
    }

    /// Who formats an error of an import has the module imported for names that may have been meant
    /// (CPython 3.12+, `traceback._compute_suggestion_error`): one that was just taken out would run again.
    fn suggest_nothing(&self, error: &PyErr) {
        let value = error.value(self.kit.py);
        let there = |name: &Bound<'py, PyAny>| self.kit.sys_modules.contains(name);
        if error.is_instance_of::<PyImportError>(self.kit.py)
            && let Ok(name) = value.getattr("name")
            && !there(&name).unwrap_or(false)
            && value.hasattr("name_from").unwrap_or(false)
            && let Err(error) = value.setattr("name_from", self.kit.py.None())
        {
            log::debug!("an error of an import keeps what it is about: {error}");
        }
    }

    /// The reports of a unit that was rolled back.
    pub(super) fn failure(
        &self,
        failed: &Failed,
        attempt: Arc<Attempt>,
        problems: Vec<String>,
    ) -> Vec<ModuleReport> {
        let py = self.kit.py;
        for error in chain(py, &failed.error) {
            self.suggest_nothing(&error);
        }
        let error = failed.error.value(py);
        let sentence = last_line(self.kit, error.as_any());
        let import = failed.error.is_instance_of::<PyImportError>(py);
        let mut out = Vec::new();
        let mut names: Vec<&String> = self.edited.keys().collect();
        if !self.edited.contains_key(&failed.name) {
            names.push(&failed.name);
        }
        // One that was not edited itself, which comes last, is told of once with those that were.
        let mut all_again = true;
        for name in names {
            let (record, cause) = match self.edited.get(name) {
                Some(edited) => (Arc::clone(&edited.record), edited.cause),
                None => match self.reloader.ledger.get(name) {
                    Some(record) => (record, Cause::Dependency),
                    None => continue,
                },
            };
            let own = *name == failed.name;
            let text = if own {
                sentence.clone()
            } else {
                format!("{} failed: {sentence}", failed.name)
            };
            let mut again = all_again;
            if let Some(edited) = self.edited.get(name) {
                let failure = Failure {
                    print: edited.version.print(),
                    saved: edited.version.look.stamp,
                    error: text.clone(),
                    import,
                    attempt: Arc::clone(&attempt),
                };
                let mut slot = record.failed.lock();
                again = slot.as_deref() == Some(&failure);
                all_again &= again;
                *slot = Some(Box::new(failure));
                drop(slot);
                // Looked at again when anything changes: another module of the unit may be the
                // one that is mended.
                self.reloader.backlog.lock().insert(name.clone());
            }
            if again && !self.flags.force {
                continue;
            }
            let mut report = self.blank(&record, cause);
            report.outcome = if own {
                Outcome::Failed
            } else {
                Outcome::Deferred
            };
            report.error = Some(text);
            if own {
                report.traceback = traceback(self.kit, &failed.error);
                report.error_line = error_line(self.kit, &failed.error, &record.filename());
                report.notes.clone_from(&problems);
            }
            out.push(report);
        }
        out
    }
}

pub(super) fn last_line(kit: &Kit<'_>, error: &Bound<'_, PyAny>) -> String {
    let lines = kit
        .py
        .import("traceback")
        .and_then(|t| t.call_method1("format_exception_only", (error.get_type(), error)))
        .and_then(|l| l.extract::<Vec<String>>())
        .unwrap_or_default();
    lines
        .iter()
        .rev()
        .find(|l| !l.starts_with(' ') && !l.trim().is_empty())
        .map_or_else(|| text(error), |l| l.trim().to_owned())
}

pub(super) fn traceback(kit: &Kit<'_>, error: &PyErr) -> Option<String> {
    let value = error.value(kit.py);
    let lines: Vec<String> = kit
        .py
        .import("traceback")
        .and_then(|t| {
            t.call_method1(
                "format_exception",
                (value.get_type(), value, error.traceback(kit.py)),
            )
        })
        .and_then(|l| l.extract())
        .ok()?;
    Some(lines.concat())
}

pub(super) fn error_line(kit: &Kit<'_>, error: &PyErr, filename: &str) -> u32 {
    let value = error.value(kit.py);
    let mut line = 0;
    let mut at = error.traceback(kit.py).map(Bound::into_any);
    while let Some(entry) = at {
        let file = entry
            .getattr("tb_frame")
            .and_then(|f| f.getattr("f_code"))
            .and_then(|c| c.getattr("co_filename"))
            .map(|f| text(&f))
            .unwrap_or_default();
        if file == filename {
            line = entry
                .getattr("tb_lineno")
                .and_then(|l| l.extract())
                .unwrap_or(line);
        }
        at = entry.getattr("tb_next").ok().filter(|n| !n.is_none());
    }
    if value.is_instance_of::<PySyntaxError>()
        && value
            .getattr("filename")
            .is_ok_and(|f| text(&f) == filename)
    {
        line = value
            .getattr("lineno")
            .and_then(|l| l.extract())
            .unwrap_or(line);
    }
    line
}

/// An error, and those that were handled when it was raised.
fn chain(py: Python<'_>, error: &PyErr) -> Vec<PyErr> {
    let before = |error: &PyErr| {
        error.cause(py).or_else(|| {
            let context = error.value(py).getattr("__context__").ok()?;
            (!context.is_none()).then(|| PyErr::from_value(context))
        })
    };
    let first = Some(error.clone_ref(py));
    std::iter::successors(first, before).take(CHAIN).collect()
}

/// The files of the code that an error came through, and the one whose text it is about.
fn files_of(py: Python<'_>, error: &PyErr, files: &mut BTreeSet<PathBuf>) {
    let value = error.value(py);
    if value.is_instance_of::<PySyntaxError>()
        && let Ok(path) = value.getattr("filename").and_then(|f| f.extract())
    {
        files.insert(path);
    }
    let mut at = error.traceback(py).map(Bound::into_any);
    while let Some(entry) = at {
        let code = entry.getattr("tb_frame").and_then(|f| f.getattr("f_code"));
        if let Ok(path) = code.and_then(|c| c.getattr("co_filename")?.extract()) {
            files.insert(path);
        }
        at = entry.getattr("tb_next").ok().filter(|n| !n.is_none());
    }
}
