//! Docstrings that decorators look at: `HELP[f.__name__] = f.__doc__`.

use pyo3::prelude::*;

use super::module::Run;
use crate::outline::{Kind, Statement};

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whether the decorators of a function whose docstring is another one may look at that.
    pub(super) fn doc_looked_at(&self, old: &Statement, new: &Statement) -> PyResult<bool> {
        let Some(source) = self.job.old else {
            return Ok(false);
        };
        if new.kind != Kind::Function || new.decorators == 0 {
            return Ok(false);
        }
        let callables = self.callables(new)?;
        if callables.is_empty() {
            return Ok(false);
        }
        let texts = (source.slice(old), self.job.new.slice(new));
        let looks = self.registry_helper("doc_looks")?;
        looks.call1((callables, texts.0, texts.1))?.is_truthy()
    }
}
