//! What a fresh process would miss: names that are gone while statements of the module still read them when
//! it is imported, or while other modules still import them. Such an edit fails as the import would.
//!
//! It is told when all modules of a unit are up to date, since another one may have brought the name by then.

use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::annotations::lazy;
use super::kit::{Kit, text};
use super::module::Run;
use super::work::Work;
use crate::outline::{Kind, Statement, surely_reads};

/// What each import asks of the namespace that it stands in.
const OF_IMPORT: [&str; 5] = [
    "__name__",
    "__package__",
    "__spec__",
    "__path__",
    "__builtins__",
];

/// What a module would miss.
pub struct Missed<'py> {
    dict: Bound<'py, PyDict>,
    what: What<'py>,
}

enum What<'py> {
    /// This name, if the module does not have it, and code that reads it where it stands.
    Name(String, Bound<'py, PyAny>),
    /// What this import statement asks for.
    Import(Bound<'py, PyAny>),
}

impl<'py> Missed<'py> {
    /// The name of the module, and what its import would fail with; `None` if it would not.
    fn error(&self, kit: &Kit<'py>) -> PyResult<Option<(String, PyErr)>> {
        let module = self.dict.get_item("__name__")?;
        let module = module.map(|name| text(&name)).unwrap_or_default();
        let tried = match &self.what {
            What::Name(name, _) if self.dict.contains(name)? => return Ok(None),
            What::Name(_, code) => kit.exec.call1((code, &self.dict)),
            What::Import(code) => {
                let aside = PyDict::new(kit.py);
                for name in OF_IMPORT {
                    if let Some(value) = self.dict.get_item(name)? {
                        aside.set_item(name, value)?;
                    }
                }
                kit.exec.call1((code, aside))
            }
        };
        Ok(tried.err().map(|error| (module, error)))
    }
}

impl<'py> Work<'_, 'py> {
    /// The first module that misses something, and what its import would fail with.
    pub fn misses(&mut self) -> PyResult<Option<(String, PyErr)>> {
        for missed in std::mem::take(&mut self.missed) {
            if let Some(found) = missed.error(self.kit)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// A name of the module is gone: is there a statement that reads it whatever happens?
    pub(super) fn miss_name(&mut self, name: &str) -> PyResult<()> {
        let (kit, source) = (self.work.kit, self.job.new);
        let builtins = kit.py.import("builtins")?.dict();
        if self.job.keep.contains(name) || builtins.contains(name)? {
            return Ok(());
        }
        let body = &source.outline.body;
        for at in source.outline.index().readers(body, name) {
            let statement = &body[at];
            // What stands above may bind any name.
            if body.range(0..at).any(|above| above.uses.opaque) {
                break;
            }
            let slice = source.slice(statement);
            let lazy =
                lazy(kit, source) || source.outline.future.iter().any(|f| f == "annotations");
            let found = match statement.kind {
                Kind::MainGuard => None,
                _ => surely_reads(slice, name, lazy),
            };
            let Some(offset) = found else { continue };
            let before = slice.get(..offset).unwrap_or_default();
            let lines = before.matches('\n').count();
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
            let line = statement.span.line as usize + lines;
            let code = source.name_at(kit, line, column, name)?;
            self.work.missed.push(Missed {
                dict: self.job.dict.clone(),
                what: What::Name(name.to_owned(), code),
            });
            break;
        }
        Ok(())
    }

    /// What a statement imports is gone from where it comes from.
    pub(super) fn miss_import(&mut self, statement: &Statement) -> PyResult<()> {
        let source = self.job.new;
        // A fresh process would not import a module whose file is gone.
        if statement.kind == Kind::Import && Path::new(source.filename).exists() {
            self.work.missed.push(Missed {
                dict: self.job.dict.clone(),
                what: What::Import(source.statement(self.work.kit, statement)?),
            });
        }
        Ok(())
    }
}
