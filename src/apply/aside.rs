//! Statements that look at all names of their module, run on a copy of those above them.

use std::collections::{BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::imports::public_names;
use super::kit::{reference_count, text};
use super::module::{Job, Run};
use super::undo::follow_order;
use crate::outline::Statement;
use crate::plan::{Dirty, looks_at_all, with_names};

/// Names that are not there while a statement runs, and the order in which all stood.
pub(super) struct Below<'py> {
    order: Bound<'py, PyDict>,
    hidden: Bound<'py, PyDict>,
}

/// What differs around a module.
pub(super) fn around(job: &Job<'_, '_>) -> Dirty {
    let old = job.old.map(|old| old.outline);
    let mut out = with_names((old, job.new.outline), job.changes, job.plan, job.outside);
    if Run::annotated_less(job) {
        out.value("__annotations__", "which has fewer names");
    }
    out
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// `__all__ = [name for name in globals()]` does not see what is gone, nor what comes below it.
    /// `false` when it has run among all names, since what it made holds them: `SPACE = globals()`.
    pub(super) fn run_aside(&self, at: usize, statement: &'a Statement) -> PyResult<bool> {
        let names = self.names_above(at)?;
        let code = self.job.new.statement(self.work.kit, statement)?;
        self.work.kit.exec.call1((&code, &names))?;
        if reference_count(&names) > 1 {
            self.work.kit.exec.call1((code, &self.job.dict))?;
            return Ok(false);
        }
        for name in &statement.uses.binds {
            if let Some(value) = names.get_item(name)? {
                self.job.dict.set_item(name, value)?;
            }
        }
        Ok(true)
    }

    /// A copy of the names that stand above a statement, in the order of the text.
    fn names_above(&self, at: usize) -> PyResult<Bound<'py, PyDict>> {
        let names = self.job.dict.copy()?;
        let body = &self.job.new.outline.body;
        let mut hidden: BTreeSet<&String> =
            body.iter().skip(at).flat_map(|s| &s.uses.binds).collect();
        if let Some(old) = self.job.old {
            hidden.extend(old.outline.body.iter().flat_map(|s| &s.uses.binds));
        }
        for name in hidden {
            if names.contains(name)? && !self.binders(name).any(|i| i < at) {
                names.del_item(name)?;
            }
        }
        self.in_order(at, &names)
    }

    /// The same for a statement that gives all names to what it calls, or goes through them: the
    /// others are not there while it runs.
    pub(super) fn hide_below(
        &self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Option<Below<'py>>> {
        if !self.functions.sees_all(statement) {
            return Ok(None);
        }
        let dict = &self.job.dict;
        let (order, hidden) = (dict.copy()?, dict.copy()?);
        let above = self.names_above(at)?;
        for name in above.keys() {
            hidden.del_item(name)?;
        }
        for name in hidden.keys() {
            dict.del_item(name)?;
        }
        follow_order(dict, &above)?;
        Ok(Some(Below { order, hidden }))
    }

    /// Puts these back where they were.
    pub(super) fn show_below(&self, below: Option<Below<'py>>) -> PyResult<()> {
        let Some(Below { order, hidden }) = below else {
            return Ok(());
        };
        let dict = &self.job.dict;
        for (name, value) in hidden.iter() {
            if !dict.contains(&name)? {
                dict.set_item(name, value)?;
            }
        }
        // A copy: what is let go may run code that binds names.
        for (name, value) in dict.copy()?.iter() {
            order.set_item(name, value)?;
        }
        follow_order(dict, &order)
    }

    /// Puts the names of a module to which an edit brought some into the order of the file, where
    /// others take all of its names: a star import, or what goes through them, gives that on.
    pub(super) fn order_names(&self) -> PyResult<()> {
        let mut rebound = self.facts.rebound.iter();
        if !rebound.any(|(_, old, new)| old.is_none() && new.is_some())
            || self.job.taken.is_none_or(|taken| taken().is_some())
        {
            return Ok(());
        }
        let end = self.job.new.outline.body.len();
        let ordered = self.in_order(end, &self.job.dict.copy()?)?;
        follow_order(&self.job.dict, &ordered)
    }

    /// Statements that do something with all names and were not run again, since to do it twice may
    /// be wrong: said of the names that they have not seen.
    pub(super) fn note_unseen(&mut self) {
        const LOOKS: [&str; 4] = ["locals", "globals", "vars", "dir"];
        let came: Vec<&String> = self
            .facts
            .rebound
            .iter()
            .filter(|(_, old, new)| old.is_none() && new.is_some())
            .map(|(name, ..)| name)
            .collect();
        if came.is_empty() {
            return;
        }
        let mut notes = Vec::new();
        for (at, statement) in self.job.new.outline.body.iter().enumerate() {
            let uses = &statement.uses;
            let looks = |path: &String| LOOKS.contains(&path.as_str());
            if !uses.opaque
                || !uses.calls.iter().any(looks)
                || looks_at_all(uses)
                || self.job.plan.steps.iter().any(|step| step.new == at)
            {
                continue;
            }
            let mut names = came.iter();
            if let Some(name) = names.find(|name| self.binders(name).any(|i| i < at)) {
                notes.push(format!(
                    "line {} does something with all names of the module; it did not run again, and has \
                     not seen {name}",
                    statement.span.line
                ));
            }
        }
        self.work.notes.extend(notes);
    }

    /// The names in the order in which a restart binds them: a module keeps the one in which they
    /// came, and those that an edit brought stand last.
    fn in_order(&self, end: usize, names: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let py = names.py();
        let package = self.package()?;
        let name = self.job.dict.get_item("__name__")?.map(|n| text(&n));
        let own = format!("{}.", name.unwrap_or_default());
        let mut places: HashMap<String, (usize, usize)> = HashMap::new();
        for (at, statement) in self.job.new.outline.body.iter().enumerate().take(end) {
            let mut count = 0;
            let mut place = |name: String| {
                count += 1;
                places.entry(name).or_insert((at, count));
            };
            for import in &statement.imports {
                let module = crate::modules::resolve(&package, import.level, &import.module);
                // A package has its submodule before what is taken from that.
                if let Some(inner) = module.strip_prefix(&own)
                    && let Some(inner) = inner.split('.').next()
                {
                    place(inner.to_owned());
                }
                if import.bound != "*" {
                    place(import.bound.clone());
                    continue;
                }
                let Some(module) = self.work.kit.sys_modules.get_item(module)? else {
                    continue;
                };
                let Ok(dict) = module.getattr("__dict__")?.cast_into::<PyDict>() else {
                    continue;
                };
                match public_names(&dict)? {
                    Some(all) => all.into_iter().for_each(&mut place),
                    None => dict
                        .keys()
                        .iter()
                        .map(|key| text(&key))
                        .filter(|name| !name.starts_with('_'))
                        .for_each(&mut place),
                }
            }
            // In which order one statement binds several is not known: in that in which they stand.
            for name in &statement.uses.binds {
                places.entry(name.clone()).or_insert((at, 0));
            }
        }
        let mut items: Vec<_> = names.iter().collect();
        // What the import system put there is first; what the program did, last.
        items.sort_by_key(|(name, _)| {
            let name = text(name);
            let place = places.get(&name).copied();
            (place.is_none() && !name.starts_with("__"), place)
        });
        let out = PyDict::new(py);
        for (name, value) in items {
            out.set_item(name, value)?;
        }
        Ok(out)
    }
}
