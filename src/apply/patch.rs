//! Functions of which only the body changed: the live function gets new code.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::alike::{acts_alike, docstring};
use super::function::{Wanted, find, same_code, search};
use super::kit::{Kit, reference_count};
use super::module::Run;
use super::registry::told;
use super::transaction::Transaction;
use crate::outline::Statement;
use crate::plan::{path_that_acts, tell_doc, tell_hints};
use crate::report::{Action, ChangeKind};

/// What became of a function whose body is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// There is no such function any more, or it cannot have that code.
    No,
    /// It has the new code, and does what it did.
    Alike,
    /// It has the new code.
    Acts,
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Gives the live function that `old` made the code of `new`. `holder` is what its name is
    /// bound to, `chain` the blocks around it.
    pub fn patch(
        &mut self,
        holder: Option<&Bound<'py, PyAny>>,
        chain: &[&'a Statement],
        old: &'a Statement,
        new: &'a Statement,
        class: Option<&Bound<'py, PyAny>>,
        prefix: &str,
    ) -> PyResult<Patched> {
        let kit = self.work.kit;
        let wanted = Wanted {
            name: &old.name,
            line: old.span.line,
            placed: Some(&self.placed),
        };
        let found = match holder {
            Some(value) => find(kit, value, wanted, &self.job.dict)?,
            None => None,
        };
        if found.is_none() {
            self.note_replaced(holder, old, prefix);
        }
        let function = match found {
            Some(function) => function,
            None => match self.search(&old.name, old.span.line)? {
                Some(function) => function,
                None => {
                    // Compiled all the same: a body that does not compile must not go unnoticed.
                    self.job.new.definition(kit, chain, new)?;
                    return Ok(Patched::No);
                }
            },
        };
        let code = self.job.new.definition(kit, chain, new)?;
        self.stale_lines(new)?;
        let was = function.getattr(kit.name("__code__"))?;
        if !self.work.give_code(&function, &code, class, None)? {
            let name = format!("{prefix}{}", new.name);
            self.note(
                ChangeKind::Function,
                Action::Kept,
                &name,
                new,
                "it needs a variable that it has no cell for",
            );
            return Ok(Patched::No);
        }
        self.placed.insert(function.as_ptr() as usize);
        self.documentation(&function, holder, &was, &code)?;
        let alike = told(acts_alike(kit, &was, &code)).unwrap_or(false);
        // Held by us and by the log. More: a loop or a factory made other functions from it.
        if reference_count(&was) > 2 && !same_code(kit, &was, &code)? {
            self.work.codes.push((was.clone(), code.clone()));
            self.work.siblings.insert(was.as_ptr() as usize);
            self.work.nested.push((was, code));
        }
        if let Some(holder) = holder {
            // What is the function itself has no results in store.
            if !holder.is(&function) {
                clear_cache(kit, &mut self.work.tx, holder, &self.job.dict)?;
            }
            if let Some(class) = class {
                self.work.forget_stored(class, holder)?;
            }
        }
        Ok(match alike {
            true => Patched::Alike,
            false => Patched::Acts,
        })
    }

    /// Tells who calls a function of the module that it has another body.
    pub(super) fn tell_patched(
        &mut self,
        at: usize,
        patched: Patched,
        old: &Statement,
        new: &Statement,
    ) {
        let line = new.span.line;
        if self.job.changes.hints(at) || patched == Patched::Alike {
            tell_hints(&new.name, line, &mut self.dirty);
            return tell_doc(&new.name, line, &mut self.dirty);
        }
        let path = path_that_acts(self.job.new.outline, at, old);
        self.dirty
            .acts(path, format!("which changed on line {line}"));
    }

    /// The docstring follows, also where a wrapper copied it.
    fn documentation(
        &mut self,
        function: &Bound<'py, PyAny>,
        holder: Option<&Bound<'py, PyAny>>,
        was: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let (before, after) = (docstring(kit, was)?, docstring(kit, code)?);
        if before.eq(&after)? {
            return Ok(());
        }
        let mut objects = vec![function.clone()];
        if let Some(holder) = holder.filter(|h| !h.is(function)) {
            // A wrapper without a text is one that copied none, unless it says whose it copied.
            if !before.is_none() || !kit.is_function(holder) {
                objects.push(holder.clone());
            }
            search(kit, holder, &self.job.dict, &mut |object| {
                let mut at = Some(object.clone());
                for _ in 0..8 {
                    let wraps = |o: &Bound<'py, PyAny>| kit.is_function(o) || kit.is_cache(o);
                    at = at
                        .filter(wraps)
                        .and_then(|object| object.getattr(kit.name("__wrapped__")).ok());
                    if at.as_ref().is_some_and(|inner| inner.is(function)) {
                        objects.push(object.clone());
                        break;
                    }
                }
                false
            })?;
        }
        let made = super::texts::made_of(kit, &before, &after)?;
        for object in &objects {
            self.work.say_anew(object, &made)?;
            // A getter's text is a property's own only where it was given; else it follows.
            if let Ok(now) = object.getattr("__doc__")
                && now.eq(&before)?
                && !self.work.kit.is_class(object)
            {
                // Not every wrapper lets its text be changed.
                let _ = self.work.tx.set_attribute(object, "__doc__", &after);
            }
            // `functools.wraps` around a cache copies the dict of that, where a text is an entry.
            if kit.is_function(object)
                && let Ok(state) = object.getattr("__dict__")?.cast_into::<PyDict>()
                && let Some(now) = state.get_item("__doc__")?
                && now.eq(&before)?
            {
                self.work.tx.dict(&state)?;
                state.set_item("__doc__", &after)?;
            }
        }
        self.copies_of_text(before, after);
        Ok(())
    }
}

/// Forgets what an `lru_cache` (perhaps inside a static or class method, or a wrapper that says
/// nothing of what it wraps) has remembered; and again, should the edit fail.
pub(super) fn clear_cache<'py>(
    kit: &Kit<'py>,
    tx: &mut Transaction<'py>,
    value: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyDict>,
) -> PyResult<()> {
    let mut at = value.clone();
    for _ in 0..4 {
        if kit.is_cache(&at) {
            // It may have been put around another one.
            tx.forget(kit, &at)?;
        }
        let inner = at
            .getattr(kit.name("__func__"))
            .or_else(|_| at.getattr(kit.name("fget")))
            .or_else(|_| at.getattr(kit.name("__wrapped__")));
        match inner {
            Ok(inner) => at = inner,
            Err(_) => break,
        }
    }
    if !kit.is_function(&at) || at.getattr(kit.name("__closure__"))?.is_none() {
        return Ok(());
    }
    let mut caches = Vec::new();
    search(kit, &at, globals, &mut |object| {
        let ours = kit.is_cache(object)
            && object
                .getattr(kit.name("__wrapped__"))
                .and_then(|f| f.getattr("__globals__"))
                .is_ok_and(|found| found.is(globals));
        if ours {
            caches.push(object.clone());
        }
        false
    })?;
    for cache in caches {
        tx.forget(kit, &cache)?;
    }
    Ok(())
}
