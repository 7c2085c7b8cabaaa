//! Containers that a module fills in others: what those, and who reads them, are told.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use pyo3::prelude::*;

use super::circle::Progress;
use super::dependents::Inbound;
use super::unit::{Failed, Unit};
use crate::apply::{Facts, Work};
use crate::modules::{Record, Version, resolve};
use crate::outline::{Import, Outline, Statement};
use crate::plan::{Dirty, Holding};

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

impl<'py> Progress<'py> {
    /// Notes what a module has put into containers of others, and which of their names it has set.
    pub fn feed(&mut self, by: &str, work: &mut Work<'_, 'py>) {
        for set in work.set.drain(..) {
            let facts = Rc::make_mut(self.facts.entry(set.module).or_default());
            if set.first {
                facts.set.push((set.name.clone(), by.to_owned()));
            }
            facts.join(Facts {
                rebound: vec![(set.name, set.old, set.new)],
                ..Facts::default()
            });
        }
        for (module, name) in work.fed.drain(..) {
            let facts = Rc::make_mut(self.facts.entry(module.clone()).or_default());
            let why = format!("which {by} puts something into");
            facts.dirty.fill(name.clone(), why);
            self.hear(module, name, by, false);
        }
    }

    /// Notes what acts differently in other modules for what a module has put there.
    pub fn hold(&mut self, by: &str, holding: Holding) {
        for (module, paths) in holding {
            let facts = Rc::make_mut(self.facts.entry(module.clone()).or_default());
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
            self.hear(module, name, by, true);
        }
    }

    /// A module has new facts, which `by` brought about.
    fn hear(&mut self, module: String, name: String, by: &str, acts: bool) {
        self.stamp += 1;
        self.stamps.insert(module.clone(), self.stamp);
        if let Some(facts) = self.facts.get(&module) {
            self.news.hear(&module, facts);
        }
        self.fed.push(Fed {
            module,
            name,
            by: by.to_owned(),
            stamp: self.stamp,
            acts,
        });
        self.moved = true;
    }

    /// Those of a module that it has not seen so far.
    pub fn fed_to(&self, module: &str, since: usize) -> Vec<&Fed> {
        let all = self.fed.iter();
        all.filter(|fed| fed.module == module && fed.stamp > since && !fed.acts)
            .collect()
    }
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Leaves out names that another module sets only now, where they were taken before that one had
    /// come to it.
    pub(super) fn in_time(
        &self,
        around: &mut Inbound<'py>,
        outline: &Outline,
        record: &Record,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) {
        for (module, found) in facts {
            for (name, by) in &found.set {
                let from = format!("{module}.{name}");
                if !around.rebinds.iter().any(|rebind| rebind.from == from) {
                    continue;
                }
                let after = self.brought(outline, record, by);
                around.rebinds.retain(|rebind| {
                    let takes = |s: &Statement| {
                        s.imports.iter().any(|i| match rebind.star {
                            true => i.bound == "*",
                            false => i.bound == rebind.name,
                        })
                    };
                    let taken = outline.body.iter().rposition(takes);
                    rebind.from != from || taken.is_none_or(|taken| taken >= after)
                });
            }
        }
    }

    /// The statement that imports a module for the first time, directly or not. That of one which is
    /// not imported at all is 0 where it was there before, and else none.
    fn brought(&self, outline: &Outline, record: &Record, by: &str) -> usize {
        let package = record.package.read();
        self.reloader.ledger.with_graph(|graph| {
            let (Some(own), Some(by)) = (graph.find(&record.name), graph.find(by)) else {
                return 0;
            };
            let reaches = |name: &str| {
                let id = graph.find(name);
                id.is_some_and(|id| {
                    id == by || graph.closure(&[id], |id| graph.targets(id)).contains(&by)
                })
            };
            let brings = |import: &Import| {
                let module = resolve(&package, import.level, &import.module);
                let inner = import.name.as_ref().map(|name| format!("{module}.{name}"));
                reaches(&module) || inner.is_some_and(|inner| reaches(&inner))
            };
            let mut body = outline.body.iter();
            match body.position(|s| s.imports.iter().any(brings)) {
                Some(place) => place,
                None if graph.place(own) < graph.place(by) => usize::MAX,
                None => 0,
            }
        })
    }

    /// Lists of subclasses are for those who ask for them: nobody is told where no text does.
    pub(super) fn who_asks(&self, work: &mut Work<'k, 'py>) {
        const LIST: &str = "__subclasses__";
        let listed = |name: &str| name.ends_with(LIST);
        if !work.fed.iter().any(|(_, name)| listed(name)) {
            return;
        }
        let asks = |version: Arc<Version>| version.glance().contains(LIST);
        let mut order = self.order.iter();
        let any = order.any(|record| asks(self.in_force(record)));
        let told = |module: &str| self.version(module).is_some_and(asks);
        work.fed
            .retain(|(module, name)| !listed(name) || any || told(module));
    }

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

    /// Modules that do not import what was edited, and see containers that it filled: before those that
    /// import both.
    pub(super) fn outside(
        &self,
        work: &mut Work<'k, 'py>,
        progress: &mut Progress<'py>,
    ) -> Result<(), Failed> {
        let new = &progress.fed[progress.told..];
        if new.is_empty() {
            return Ok(());
        }
        let since = new[0].stamp - 1;
        let fed: Vec<&str> = new.iter().map(|fed| &*fed.module).collect();
        let outsiders = self.reloader.outsiders(&fed, &self.order);
        // Those that were filled themselves come first: they import none of the others.
        let own = fed.iter().filter_map(|name| self.reloader.ledger.get(name));
        let is_known = |name: &str| {
            let mut known = self.order.iter().chain(&outsiders);
            known.any(|record| *record.name == *name)
        };
        let mut own: Vec<Arc<Record>> = own.filter(|record| !is_known(&record.name)).collect();
        own.dedup_by(|a, b| a.name == b.name);
        own.extend(outsiders.iter().map(Arc::clone));
        let outsiders = own;
        progress.told = progress.fed.len();
        for record in outsiders {
            let name = &*record.name;
            let fail = |error: PyErr| Failed {
                name: name.to_owned(),
                error,
                early: None,
            };
            let Some(module) = self.module(name).map_err(fail)? else {
                continue;
            };
            let (facts, stamps) = (&progress.facts, &progress.stamps);
            let sources = self.sources(name, facts).into_iter();
            let is_new = |source: &String| stamps.get(source).is_some_and(|s| *s > since);
            let sources = sources.filter(|source| *source != name && is_new(source));
            let seen: HashMap<String, _> = sources
                .filter_map(|source| Some((source.clone(), Rc::clone(facts.get(&source)?))))
                .collect();
            work.notes.clear();
            let own = progress.fed_to(name, since);
            let found = self.dependent(work, name, &module.dict(), &seen, &own);
            let Some((found, mut report)) = found.map_err(fail)? else {
                continue;
            };
            report.notes.append(&mut work.notes);
            progress.outside.push(report);
            progress.tell(name, found);
        }
        Ok(())
    }

    /// Puts what a module is filled with where it imports the one that fills it: what it made of that
    /// above was made before. Of one that does not import it only functions can see it, later.
    pub(super) fn deliver(
        &self,
        outside: &mut Dirty,
        outline: &Outline,
        record: &Record,
        fed: &[&Fed],
    ) {
        let package = record.package.read();
        for Fed { name, by, .. } in fed {
            let brings = |import: &Import| {
                let module = resolve(&package, import.level, &import.module);
                let inner = import.name.as_ref().map(|name| format!("{module}.{name}"));
                module == *by || inner.is_some_and(|inner| inner == *by)
            };
            let body = &outline.body;
            let direct = body.iter().position(|s| s.imports.iter().any(brings));
            // Else by way of another one, or by a name that is computed.
            let computed = |s: &Statement| {
                let by_call = s.uses.calls.iter().any(|call| call == "__import__");
                let of = |i: &Import| ["importlib", "pkgutil", "runpy"].contains(&&*i.module);
                by_call || s.imports.iter().any(of)
            };
            let last = || {
                let reaches = self.order.iter().any(|other| other.name == record.name)
                    || body.iter().any(computed);
                let last = || body.iter().rposition(|s| !s.imports.is_empty());
                reaches.then(last).flatten()
            };
            let place = direct.or_else(last).unwrap_or(body.len());
            let why = format!("which {by} puts something into");
            let there = outside.filled_at.entry(place).or_default();
            there.insert(name.clone(), why);
        }
    }
}
