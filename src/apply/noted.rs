//! Attributes that what runs again puts on functions: `@tag("a")`, where `tag` says `f.tag = name`.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::function::identical;
use super::kit::text;
use super::module::{Run, container};
use crate::outline::{Kind, Statement};

/// What functions had on them, by the names that a statement gives to what it calls something for.
pub(super) type Noted<'py> = BTreeMap<String, Bound<'py, PyDict>>;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What is on the functions that a statement is about to put something on: those that its
    /// decorators are given, those that a call gives, and those that are handed to a call.
    pub(super) fn noted(&self, at: usize, statement: &'a Statement) -> PyResult<Noted<'py>> {
        let mut out = Noted::new();
        let decorated = |s: &Statement| s.decorators != 0;
        let notes = match statement.kind {
            Kind::Function => decorated(statement) || self.old_statement(at).is_some_and(decorated),
            Kind::Assign => !statement.applied.is_empty(),
            Kind::Expr => !statement.uses.calls.is_empty(),
            _ => false,
        };
        if !notes {
            return Ok(out);
        }
        let handed = (statement.kind == Kind::Expr).then_some(&statement.uses.reads);
        let handed = handed.into_iter().flatten().filter(|p| !p.contains('.'));
        for name in statement.uses.binds.iter().chain(handed) {
            let live = match self.parked.get(name) {
                Some((live, _)) if statement.kind != Kind::Expr => live.clone(),
                _ if statement.kind == Kind::Expr => self.job.dict.get_item(name)?,
                _ => self.before.get_item(name)?,
            };
            if let Some(live) = live.filter(|live| self.work.kit.is_function(live)) {
                let state = live.getattr("__dict__")?.cast_into::<PyDict>()?;
                out.insert(name.clone(), state.copy()?);
            }
        }
        Ok(out)
    }

    /// Tells which of these attributes are others now on a function that stays the object it is, for
    /// those who read them alone.
    pub(super) fn compare_noted(
        &mut self,
        name: &str,
        noted: &Noted<'py>,
        kept: &Bound<'py, PyAny>,
        why: &str,
    ) -> PyResult<()> {
        let Some(had) = noted.get(name) else {
            return Ok(());
        };
        if !self.work.kit.is_function(kept) {
            return Ok(());
        }
        let has = kept.getattr("__dict__")?.cast_into::<PyDict>()?;
        // A container is another one, whatever is in it: who took it is to have that.
        let same = |was: &Bound<'py, PyAny>, now: &Bound<'py, PyAny>| {
            was.is(now) || !container(was) && identical(was, now)
        };
        for (key, was) in had.iter() {
            let now = has.get_item(&key)?;
            if !now.is_some_and(|now| same(&was, &now)) {
                self.note_attribute(name, &text(&key), why);
            }
        }
        for key in has.keys() {
            if !had.contains(&key)? {
                self.note_attribute(name, &text(&key), why);
            }
        }
        Ok(())
    }

    fn note_attribute(&mut self, name: &str, attribute: &str, why: &str) {
        // What a definition says of itself is told apart.
        if !attribute.starts_with("__") {
            self.dirty.value(format!("{name}.{attribute}"), why);
        }
    }
}
