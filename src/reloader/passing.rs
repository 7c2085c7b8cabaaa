//! Modules that merely hold a name that changed elsewhere. There may be thousands of them, and a
//! new object in the old one's place is all they need: no outline, no plan.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;

use super::dependents::serves;
use super::unit::Unit;
use crate::apply::{Facts, Work};
use crate::modules::Taken;
use crate::report::{Action, Cause, Change, ChangeKind, ModuleReport, Outcome};

/// What became of a module that was to be passed by.
pub(super) enum Passed {
    /// It needs more than that; nothing was done.
    No,
    /// Nothing that it takes has changed.
    Untouched,
    /// It has the new objects.
    Done(ModuleReport),
}

/// The strings that are looked up in each module.
pub(super) struct Words<'py> {
    py: Python<'py>,
    hooks: [Bound<'py, PyString>; 2],
    names: FxHashMap<Box<str>, Bound<'py, PyString>>,
    /// Whether the host has namespaces that follow.
    hosted: bool,
    /// What modules have under another name (`from m import X as Y`), each once: that name, the old
    /// object and the new one. The host may have taken it from there.
    pub aliases: Vec<(String, Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

impl<'py> Words<'py> {
    pub fn new(py: Python<'py>, hosted: bool) -> Self {
        Self {
            py,
            hosted,
            aliases: Vec::new(),
            hooks: ["__reload_keep__", "__reload_policy__"].map(|n| PyString::intern(py, n)),
            names: FxHashMap::default(),
        }
    }

    fn alias(&mut self, bound: &str, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) {
        let known = |(name, was, _): &(String, Bound<'py, PyAny>, _)| name == bound && was.is(old);
        if self.hosted && !self.aliases.iter().any(known) {
            let alias = (bound.to_owned(), old.clone(), new.clone());
            self.aliases.push(alias);
        }
    }

    fn name(&mut self, name: &str) -> Bound<'py, PyString> {
        if let Some(found) = self.names.get(name) {
            return found.clone();
        }
        let made = PyString::intern(self.py, name);
        self.names.insert(name.into(), made.clone());
        made
    }
}

/// The facts about a module. Most often one or two modules changed: comparing beats hashing.
fn about<'f, 'py>(facts: &'f HashMap<String, Facts<'py>>, module: &str) -> Option<&'f Facts<'py>> {
    if facts.len() > 4 {
        return facts.get(module);
    }
    let mut all = facts.iter();
    all.find_map(|(name, found)| (name == module).then_some(found))
}

/// Whether facts say anything about what is taken.
fn concerns(facts: &HashMap<String, Facts<'_>>, taken: &Taken) -> bool {
    if !taken.inner.is_empty() && about(facts, &taken.inner).is_some() {
        return true;
    }
    let Some(found) = about(facts, &taken.module) else {
        return false;
    };
    let Some(name) = taken.name.as_deref().filter(|name| *name != "*") else {
        return true;
    };
    if serves(found) {
        return true;
    }
    let of = |path: &String| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    found.rebound.iter().any(|(changed, ..)| changed == name)
        || found.dirty.values.keys().any(of)
        || found.dirty.behaviour.keys().any(of)
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Gives a module that nobody imports the new objects, if that is all there is to do.
    pub(super) fn pass(
        &self,
        work: &mut Work<'k, 'py>,
        words: &mut Words<'py>,
        name: &str,
        facts: &HashMap<String, Facts<'py>>,
    ) -> PyResult<Passed> {
        let reloader = self.reloader;
        let Some(record) = reloader.ledger.get(name) else {
            return Ok(Passed::Untouched);
        };
        let version = record.version();
        let package = record.package.read();
        if !version.known || *package == name {
            return Ok(Passed::No);
        }
        if !version.has_takes() {
            self.kit.py.detach(|| version.takes(&package).is_some());
        }
        let Some(takes) = version.takes(&package) else {
            return Ok(Passed::No);
        };
        let mut found: Vec<(&Taken, &str, &Bound<'py, PyAny>, &Bound<'py, PyAny>)> = Vec::new();
        let mut touched = false;
        for taken in takes.iter().filter(|taken| concerns(facts, taken)) {
            if !taken.idle {
                return Ok(Passed::No);
            }
            touched = true;
            if about(facts, &taken.module).is_some_and(serves) {
                return Ok(Passed::No);
            }
            let rebound = about(facts, &taken.module).map(|f| f.rebound.as_slice());
            for (changed, old, new) in rebound.unwrap_or_default() {
                if taken.name.as_deref() != Some(changed) {
                    continue;
                }
                let (Some(old), Some(new)) = (old, new) else {
                    return Ok(Passed::No);
                };
                found.push((taken, changed, old, new));
            }
        }
        if !touched {
            return Ok(Passed::Untouched);
        }
        let Some(module) = self.module(name)? else {
            return Ok(Passed::Untouched);
        };
        let dict = module.dict();
        for hook in &words.hooks {
            if dict.contains(hook)? {
                return Ok(Passed::No);
            }
        }
        let rules = &reloader.rules;
        if rules.policy(name).is_some()
            || !rules.tracks(&reloader.places, name, &record.path.read())
        {
            return Ok(Passed::No);
        }
        let mut report = None;
        for (taken, changed, old, new) in found {
            let key = words.name(&taken.bound);
            // What the program put there is not what was imported.
            if !dict.get_item(&key)?.is_some_and(|now| now.is(old)) {
                continue;
            }
            work.tx.entry(&dict, &key, old);
            dict.set_item(&key, new)?;
            if *taken.bound != *changed {
                words.alias(&taken.bound, old, new);
            }
            let report = report.get_or_insert_with(|| self.blank(&record, Cause::Dependency));
            report.outcome = Outcome::Patched;
            report.changes.push(Change {
                kind: ChangeKind::Import,
                action: Action::Rebound,
                name: taken.bound.to_string(),
                line: taken.line,
                reason: [&*taken.module, ".", changed, " changed"].concat(),
            });
        }
        Ok(report.map_or(Passed::Untouched, Passed::Done))
    }
}
