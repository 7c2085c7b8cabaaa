//! Containers that a module fills in others: what those, and who reads them, are told.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;

use super::circle::Progress;
use super::unit::{Failed, Unit};
use crate::apply::Work;
use crate::modules::{Record, Version, resolve};
use crate::outline::Outline;
use crate::plan::{Dirty, Holding};
use crate::report::ModuleReport;

/// A container that has other items now.
pub(super) struct Fed {
    /// Whose it is.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// The module that put them there.
    pub by: String,
    /// When.
    pub stamp: usize,
    /// It has what it had, and that acts differently.
    pub acts: bool,
}

impl Progress<'_> {
    /// Notes what a module has put into containers of others.
    pub fn feed(&mut self, by: &str, fed: Vec<(String, String)>) {
        for (module, name) in fed {
            self.stamp += 1;
            self.stamps.insert(module.clone(), self.stamp);
            let facts = self.facts.entry(module.clone()).or_default();
            let why = format!("which {by} puts something into");
            facts.dirty.fill(name.clone(), why);
            self.news.hear(&module, facts);
            self.fed.push(Fed {
                module,
                name,
                by: by.to_owned(),
                stamp: self.stamp,
                acts: false,
            });
            self.moved = true;
        }
    }

    /// Notes what acts differently in other modules for what a module has put there.
    pub fn hold(&mut self, by: &str, holding: Holding) {
        for (module, paths) in holding {
            let facts = self.facts.entry(module.clone()).or_default();
            let known = &facts.dirty.behaviour;
            let paths: Vec<String> = paths
                .into_iter()
                .filter(|p| !known.contains_key(p))
                .collect();
            let Some(name) = paths.first().cloned() else {
                continue;
            };
            for path in paths {
                facts
                    .dirty
                    .acts(path, format!("which holds what changed in {by}"));
            }
            self.stamp += 1;
            self.stamps.insert(module.clone(), self.stamp);
            self.news.hear(&module, facts);
            self.fed.push(Fed {
                module,
                name,
                by: by.to_owned(),
                stamp: self.stamp,
                acts: true,
            });
            self.moved = true;
        }
    }

    /// Those of a module that it has not seen so far.
    pub fn fed_to(&self, module: &str, since: usize) -> Vec<&Fed> {
        let all = self.fed.iter();
        all.filter(|fed| fed.module == module && fed.stamp > since && !fed.acts)
            .collect()
    }
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// The version of a module that runs, or will when the unit is applied.
    pub(super) fn in_force(&self, record: &Record) -> Arc<Version> {
        match self.edited.get(&*record.name) {
            Some(edited) => Arc::clone(&edited.version),
            None => record.version(),
        }
    }

    /// The same by the name of the module; `None` where its text is not known.
    pub(super) fn version(&self, name: &str) -> Option<Arc<Version>> {
        let record = self.reloader.ledger.get(name)?;
        Some(self.in_force(&record)).filter(|version| version.known)
    }

    /// Modules that do not import what was edited, and see containers that it filled.
    pub(super) fn outside(
        &self,
        work: &mut Work<'k, 'py>,
        progress: &mut Progress<'py>,
    ) -> Result<Vec<ModuleReport>, Failed> {
        let mut reports = Vec::new();
        if progress.fed.is_empty() {
            return Ok(reports);
        }
        let fed: Vec<&str> = progress.fed.iter().map(|fed| &*fed.module).collect();
        for record in self.reloader.outsiders(&fed, &self.order) {
            let name = &*record.name;
            let fail = |error: PyErr| Failed {
                name: name.to_owned(),
                error,
                early: None,
            };
            let Some(module) = self.module(name).map_err(fail)? else {
                continue;
            };
            let facts = &progress.facts;
            let sources = self.sources(name, facts).into_iter();
            let sources = sources.filter(|source| *source != name);
            let seen: HashMap<String, _> = sources
                .filter_map(|source| Some((source.clone(), facts.get(&source)?.share())))
                .collect();
            work.notes.clear();
            let own = progress.fed_to(name, 0);
            let found = self.dependent(work, name, &module.dict(), &seen, &own);
            let Some((found, mut report)) = found.map_err(fail)? else {
                continue;
            };
            report.notes.append(&mut work.notes);
            reports.push(report);
            progress.facts.insert(name.to_owned(), found);
        }
        Ok(reports)
    }
}

/// Puts them where the module imports the one that filled them: what it made of them above that
/// was made before.
pub(super) fn deliver(outside: &mut Dirty, outline: &Outline, package: &str, fed: &[&Fed]) {
    for Fed { name, by, .. } in fed {
        let brings = |import: &crate::outline::Import| {
            let module = resolve(package, import.level, &import.module);
            let inner = import.name.as_ref().map(|name| format!("{module}.{name}"));
            module == *by || inner.is_some_and(|inner| inner == *by)
        };
        let body = &outline.body;
        let direct = body.iter().position(|s| s.imports.iter().any(brings));
        // Else by way of another one.
        let last = || body.iter().rposition(|s| !s.imports.is_empty());
        if let Some(place) = direct.or_else(last) {
            let why = format!("which {by} puts something into");
            let there = outside.filled_at.entry(place).or_default();
            there.insert(name.clone(), why);
        }
    }
}
