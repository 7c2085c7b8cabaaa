//! `app.config.from_object(Config)` runs again where a value of `Config` is another one: what else the
//! configuration had by then stays.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::kit::text;
use super::module::Run;
use crate::outline::{Kind, Statement};
use crate::plan::configures;

/// A configuration, and what it had.
pub(super) type Configured<'py> = (Bound<'py, PyDict>, Bound<'py, PyDict>);

impl<'py> Run<'_, '_, '_, 'py> {
    /// Before a statement runs again for values of what it configures something by.
    pub(super) fn before_configuring(
        &mut self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Option<Configured<'py>>> {
        let same = matches!(self.what(at), crate::diff::What::Same);
        let (Kind::Expr, true, [call]) = (statement.kind, same, &*statement.uses.calls) else {
            return Ok(None);
        };
        // All of it is another one.
        let whole = |path: &String| self.dirty.values.contains_key(path);
        if !configures(call) || statement.uses.reads.iter().any(whole) {
            return Ok(None);
        }
        let path = call.rsplit_once('.').map_or("", |(path, _)| path);
        let Some(Ok(config)) = self
            .attribute(path)
            .map(|found| found.cast_into::<PyDict>())
        else {
            return Ok(None);
        };
        let before = self.work.tx.dict(&config)?;
        Ok(Some((config, before)))
    }

    /// After it has run: entries of which nothing differs are what they were.
    pub(super) fn after_configuring(
        &mut self,
        configured: Option<Configured<'py>>,
    ) -> PyResult<()> {
        let Some((config, before)) = configured else {
            return Ok(());
        };
        let set = self
            .work
            .kit
            .py
            .get_type::<PyDict>()
            .getattr("__setitem__")?;
        for (key, was) in before.iter() {
            let Some(now) = config.get_item(&key)? else {
                continue;
            };
            let name = key.cast_exact::<PyString>().map(|key| text(key));
            if !now.is(&was) && name.is_ok_and(|name| !self.dirty.mentions(&name)) {
                set.call1((&config, key, was))?;
            }
        }
        Ok(())
    }
}
