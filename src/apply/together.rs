//! Which object a name is bound to in the end: the one that was, the new one, or one of both that
//! another name has.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::collections::{mergeable, of_one_kind, refill};
use super::function::{Wanted, find, identical, is_alias, plain};
use super::kit::{Kit, reference_count, text};
use super::module::{Chain, Run};
use super::work::Replaced;
use crate::outline::{Kind, Outline, Statement, Value, fills_argument};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether an object was there before, or another statement has bound it to a name.
    fn has_other_name(
        &self,
        statement: &Statement,
        object: &Bound<'py, PyAny>,
        ours: isize,
    ) -> PyResult<bool> {
        // The name's own reference and ours: nobody else has it.
        if reference_count(object) <= 1 + ours {
            return Ok(false);
        }
        if self.before.iter().any(|(_, value)| value.is(object)) {
            return Ok(true);
        }
        // A function of another module that has a name there: no partner of what this module had.
        if let Ok(home) = object.getattr("__globals__")
            && !home.is(&self.job.dict)
            && let Ok(home) = home.cast_into::<PyDict>()
            && home.iter().any(|(_, value)| value.is(object))
        {
            return Ok(true);
        }
        Ok(statement.kind == Kind::Assign
            && self.job.dict.iter().any(|(key, value)| {
                value.is(object) && !statement.uses.binds.contains(&text(&key))
            }))
    }

    /// Whether the container that a name is bound to is the module's own, and the new one was made
    /// for it: then the old one gets the contents. One that something else has stays what it is.
    fn takes_contents(
        &self,
        statement: &Statement,
        name: &str,
        new: &Bound<'py, PyAny>,
        ours: isize,
    ) -> bool {
        let binds = &statement.uses.binds;
        let held = || {
            let is = |name: &&String| {
                let value = self.job.dict.get_item(name).ok().flatten();
                value.is_some_and(|value| value.is(new))
            };
            // Those of its names, and ours; and who compares it with what it was before `X += [1]` ran.
            let names = binds.iter().filter(is).count();
            let compared = statement.uses.mutates.iter().any(|n| n == name);
            reference_count(new) > names as isize + ours + isize::from(compared)
        };
        if statement.value != Value::Container && (statement.alias || held()) {
            return false;
        }
        self.job.old.is_none_or(|old| {
            let body = &old.outline.body;
            let mut writers = old.outline.index().writers(body, name).into_iter();
            // What a call gave may be what something else has: `TABLE = load()`, which is `{}` now.
            // `TABLE += [1]` goes on with that.
            let fresh = statement.value == Value::Container && statement.kind == Kind::Assign;
            let shared = |was: &Statement| {
                let given = was.kind == Kind::Assign && was.value == Value::Other;
                // `TABLE["a"] = load()` puts something into it, whoever has that.
                was.uses.binds.iter().any(|bound| bound == name) && (was.alias || given && fresh)
            };
            !writers.any(|at| shared(&body[at]))
        })
    }

    /// Which object a name is bound to in the end. `ours`: how many references we have to the new one.
    pub(super) fn bring_together(
        &mut self,
        at: usize,
        statement: &'a Statement,
        name: &str,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        ours: isize,
    ) -> PyResult<Bound<'py, PyAny>> {
        if old.is(new) || identical(old, new) && !mergeable(old) {
            return Ok(old.clone());
        }
        if plain(new) {
            return Ok(new.clone());
        }
        // An object that was there before under another name was not made by this statement:
        // the name means that one now, and the old one stays what it is.
        if statement.kind == Kind::Import
            || is_alias(self.work.kit, name, old, &self.before)?
            || self.has_other_name(statement, new, ours)?
        {
            return Ok(new.clone());
        }
        if statement.lambdas && self.old_statement(at).is_some_and(|was| was.lambdas) {
            if let Some(base) = self.bases.get(name) {
                self.work.same_inside(old, base, 0)?;
            }
            self.work.lines = statement.span.line..=statement.span.end_line;
            self.work.reconcile_inside(old, new, 0)?;
        }
        if mergeable(old)
            && of_one_kind(old, new)
            && self.takes_contents(statement, name, new, ours)
        {
            let mutators: Vec<usize> = self.mutators(name).collect();
            let end = self
                .binders(name)
                .find(|i| *i > at && !mutators.contains(i));
            let last = mutators
                .iter()
                .copied()
                .rfind(|i| *i > at && end.is_none_or(|end| *i < end));
            let base = self.bases.get(name).cloned();
            let base = base.or_else(|| self.base_of_made(at, name, new));
            if let Some(last) = last {
                let live = old.call_method0("copy")?;
                self.work.tx.container(old)?;
                let merge = std::mem::replace(&mut self.work.merge, false);
                let outcome = self.work.update_container(old, new, None, name);
                self.work.merge = merge;
                outcome?;
                self.chains.push(Chain {
                    name: name.to_owned(),
                    object: old.clone(),
                    live,
                    base,
                    last,
                });
                return Ok(old.clone());
            }
            if let Some(base) = &base {
                self.work.same_inside(old, base, 0)?;
            }
            let written = statement.uses.reads.is_empty() && statement.uses.calls.is_empty();
            self.note_registered(name, old, base.as_ref(), written)?;
            self.work.update_container(old, new, base.as_ref(), name)?;
            return Ok(old.clone());
        }
        if statement.kind == Kind::Assign && !same_origin(old, new) {
            return Ok(new.clone());
        }
        if statement.kind == Kind::Class
            && let Some(kept) = self.wrapped_class(old, new)?
        {
            return Ok(kept);
        }
        let mut old = old.clone();
        if let (Kind::Function, Some(was)) = (statement.kind, self.old_statement(at))
            && was.kind == Kind::Function
            && self.work.kit.is_function(&old)
            && !old.getattr("__globals__")?.is(&self.job.dict)
            && find(
                self.work.kit,
                &old,
                Wanted {
                    name: &was.name,
                    line: was.span.line,
                    placed: None,
                },
                &self.job.dict,
            )?
            .is_none()
        {
            // The program put something else in its place (a mock); whoever held the function
            // itself gets the new code all the same.
            if let Some(original) = self.search(&was.name, was.span.line)? {
                self.work.notes.push(format!(
                    "{name} had been replaced by the program; it is the module's own again"
                ));
                old = original;
            }
        }
        self.work.literals = self.class_literals(at)?;
        let outcome = self.work.reconcile(&old, new, None);
        self.work.literals = None;
        outcome
    }

    /// A class that a function wraps now, or did: its instances are to have the new one all the same.
    fn wrapped_class(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let (Some(was), Some(twin)) = (class_inside(kit, old)?, class_inside(kit, new)?) else {
            return Ok(None);
        };
        if kit.is_class(old) == kit.is_class(new)
            || !same_origin(&was, &twin)
            || !kit.defined_in(&was, &self.job.dict)?
            || !kit.defined_in(&twin, &self.job.dict)?
        {
            return Ok(None);
        }
        let living = self.work.update_class(&was, &twin)?;
        if kit.is_class(new) {
            return Ok(Some(living));
        }
        // What `functools.wraps` left of the twin in the functions around it.
        let mut wrapper = new.clone();
        while kit.is_function(&wrapper) {
            let attributes = wrapper.getattr("__dict__")?.cast_into::<PyDict>()?;
            self.work.copied_entries(&attributes, &twin, &living)?;
            match attributes.get_item("__wrapped__")? {
                Some(inner) if inner.is(&twin) => {
                    attributes.set_item("__wrapped__", &living)?;
                    break;
                }
                Some(inner) => wrapper = inner,
                None => break,
            }
        }
        Ok(Some(new.clone()))
    }

    /// An earlier definition of a name that a later one binds again: functions made by it that
    /// somebody registered follow.
    pub(super) fn adopt_earlier(
        &mut self,
        at: usize,
        statement: &'a Statement,
        name: &str,
        new: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let (Kind::Function, Some(new), Some(was)) = (statement.kind, new, self.old_statement(at))
        else {
            return Ok(());
        };
        if self.work.kit.is_function(new)
            && let Some(original) = self.search(&was.name, was.span.line)?
        {
            let kept = self.work.update_function(&original, new, None)?;
            self.job.dict.set_item(name, &kept)?;
            self.work.replaced.push(Replaced {
                from: new.clone(),
                to: kept,
                lived: false,
            });
        }
        Ok(())
    }

    /// The merge of a list whose items stand by what they are, in a heap or sorted: what the program
    /// has put there is found wherever it stands. Whether it is one, and the program changed it.
    fn merged_by_value(&mut self, chain: &Chain<'py>, fresh: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Some(base) = chain.base.as_ref().filter(|_| self.work.merge) else {
            return Ok(false);
        };
        if !chain.object.is_exact_instance_of::<PyList>() || base.eq(&chain.live).unwrap_or(true) {
            return Ok(false);
        }
        let outline: &Outline = self.job.new.outline;
        let body = &outline.body;
        let mut called: Vec<&str> = Vec::new();
        for at in self.mutators(&chain.name) {
            for path in &body[at].uses.calls {
                called.push(path);
                for definition in outline.index().writers(body, path) {
                    called.extend(body[definition].later.calls.iter().map(String::as_str));
                }
            }
        }
        called.retain(|path| fills_argument(path));
        if called.is_empty() {
            return Ok(false);
        }
        let name = |path: &str| path.rsplit('.').next().unwrap_or(path).starts_with("heap");
        let heap = called.into_iter().any(name);
        let merge = self.helper("in_order")?;
        Ok(merge.call1((&chain.object, fresh, base, heap)).is_ok())
    }

    pub(super) fn end_chain(&mut self, chain: &Chain<'py>) -> PyResult<()> {
        let fresh = chain.object.call_method0("copy")?;
        // Back to what the program had, then the same merge as for a single statement. The log knows
        // that since the chain began; one more copy in it, and what is inside were not the
        // statements' own any more.
        refill(&chain.object, &chain.live)?;
        if let Some(base) = &chain.base {
            self.work.same_inside(&chain.live, base, 0)?;
        }
        self.note_registered(&chain.name, &chain.live, chain.base.as_ref(), false)?;
        self.work.reconcile_inside(&chain.live, &fresh, 0)?;
        if self.merged_by_value(chain, &fresh)? {
            return Ok(());
        }
        self.work
            .update_container(&chain.object, &fresh, chain.base.as_ref(), &chain.name)?;
        Ok(())
    }
}

/// A class, or the one that a function says it wraps.
fn class_inside<'py>(
    kit: &Kit<'py>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut value = value.clone();
    for _ in 0..16 {
        if kit.is_class(&value) {
            return Ok(Some(value));
        }
        if !kit.is_function(&value) {
            break;
        }
        match value.getattr("__dict__")?.get_item("__wrapped__") {
            Ok(inner) => value = inner,
            Err(_) => break,
        }
    }
    Ok(None)
}

/// Whether two objects say that they are the same definition.
fn same_origin(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> bool {
    let name = |value: &Bound<'_, PyAny>| value.getattr("__qualname__").map(|n| text(&n)).ok();
    old.get_type().is(new.get_type()) && name(old) == name(new)
}
