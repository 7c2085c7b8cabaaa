//! Modules that merely hold a name that changed elsewhere. There may be thousands of them, and a
//! new object in the old one's place is all they need: no outline, no plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxHashMap;

use super::dependents::serves;
use super::unit::Unit;
use crate::apply::{self, Facts, Work, identical, plain};
use crate::interp::word;
use crate::modules::{ANY, Record, Taken, may_be, resolve, shared};
use crate::report::{Action, Cause, Change, ChangeKind, ModuleReport, Outcome, Text};

/// What became of a module that was to be passed by.
pub(super) enum Passed {
    /// It needs more than that; nothing was done.
    No,
    /// Nothing that it takes has changed.
    Untouched,
    /// It has the new objects.
    Done(ModuleReport),
}

/// What is known of the changes, in the words of `Taken`: names are compared by their addresses.
pub(super) struct News<'py> {
    py: Python<'py>,
    hooks: [Bound<'py, PyString>; 2],
    keys: FxHashMap<*const u8, Bound<'py, PyString>>,
    /// By the address of the module's name; while there are few, looking through them is faster.
    at: FxHashMap<*const u8, usize>,
    told: Vec<Told<'py>>,
    /// Whether the host has namespaces that follow.
    hosted: bool,
    /// What modules have under another name (`from m import X as Y`), each once: that name, the old
    /// object and the new one. The host may have taken it from there.
    pub aliases: Vec<(String, Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Room for what is found in one module: `Taken` and `Rebound`, by position.
    found: Vec<(usize, usize)>,
}

/// What changed in a module.
struct Told<'py> {
    module: Arc<str>,
    /// A `__getattr__` of the module gives names that nobody can list, or another module has set one,
    /// and it depends on when it was taken whether that is seen.
    serves: bool,
    /// Names at its top level that are bound anew, or differ in what can be reached from them.
    names: Vec<Arc<str>>,
    rebound: Vec<Rebound<'py>>,
}

/// A name that is bound to another object.
struct Rebound<'py> {
    name: Arc<str>,
    /// The old object and the new one; `None` when the name came or went.
    objects: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    reason: Text,
}

/// Of so many modules, or fewer, each is looked at.
const FEW: usize = 4;

impl<'py> News<'py> {
    /// None yet.
    pub fn new(py: Python<'py>, hosted: bool) -> Self {
        Self {
            py,
            hosted,
            aliases: Vec::new(),
            hooks: ["__reload_keep__", "__reload_policy__"].map(|n| word(py, n)),
            keys: FxHashMap::default(),
            at: FxHashMap::default(),
            told: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Hears of the facts about a module, in the place of what was said about it before.
    pub fn hear(&mut self, module: &str, facts: &Facts<'py>) {
        let module = shared(module);
        let root = |path: &String| shared(path.split('.').next().unwrap_or(path));
        let mut names: Vec<Arc<str>> = facts.rebound.iter().map(|r| shared(&r.0)).collect();
        names.extend(facts.dirty.values.keys().map(root));
        names.extend(facts.dirty.behaviour.keys().map(root));
        names.sort_unstable();
        names.dedup();
        let rebound = facts.rebound.iter().map(|(name, old, new)| Rebound {
            name: shared(name),
            objects: old.clone().zip(new.clone()),
            reason: [&*module, ".", name, " changed"].concat().into(),
        });
        let told = Told {
            serves: serves(facts) || !facts.set.is_empty(),
            names,
            rebound: rebound.collect(),
            module: Arc::clone(&module),
        };
        match self.at.get(&module.as_ptr()) {
            Some(at) => self.told[*at] = told,
            None => {
                self.at.insert(module.as_ptr(), self.told.len());
                self.told.push(told);
            }
        }
    }

    fn alias(&mut self, bound: &str, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) {
        let known = |(name, was, _): &(String, Bound<'py, PyAny>, _)| name == bound && was.is(old);
        if self.hosted && !self.aliases.iter().any(known) {
            let alias = (bound.to_owned(), old.clone(), new.clone());
            self.aliases.push(alias);
        }
    }

    fn about(&self, module: &Arc<str>) -> Option<&Told<'py>> {
        if self.told.len() > FEW {
            return self.at.get(&module.as_ptr()).map(|at| &self.told[*at]);
        }
        self.told.iter().find(|t| Arc::ptr_eq(&t.module, module))
    }

    /// What there is to know about what is taken, if it may differ.
    fn concerning(&self, taken: &Taken) -> Option<&[Rebound<'py>]> {
        if taken.module.ends_with(ANY) {
            let mut told = self.told.iter().filter(|_| !taken.idle);
            let meant = told.any(|told| may_be(&told.module, &taken.module));
            return meant.then_some(&[]);
        }
        let told = self.about(&taken.module);
        let inner = || taken.inner.as_ref().and_then(|inner| self.about(inner));
        let hit = |told: &&Told<'py>| match &taken.name {
            Some(name) if **name != *"*" => {
                told.serves || told.names.iter().any(|n| Arc::ptr_eq(n, name))
            }
            _ => true,
        };
        match told.filter(hit) {
            Some(told) => Some(&told.rebound),
            None => inner()
                .or_else(|| self.below(taken))
                .map(|_| told.map_or(&[][..], |t| &t.rebound)),
        }
    }

    /// `import a`, and something looks at it: a module in that package, which others have imported.
    fn below(&self, taken: &Taken) -> Option<&Told<'py>> {
        let whole = !taken.idle && taken.name.is_none();
        let inside = |told: &&Told<'py>| {
            let rest = told.module.strip_prefix(&*taken.module);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        self.told.iter().filter(|_| whole).find(inside)
    }

    fn key(&mut self, name: &Arc<str>) -> Bound<'py, PyString> {
        let key = self.keys.entry(name.as_ptr());
        key.or_insert_with(|| PyString::intern(self.py, name))
            .clone()
    }
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Gives a module that nobody imports the new objects, if that is all there is to do.
    pub(super) fn pass(
        &self,
        work: &mut Work<'k, 'py>,
        news: &mut News<'py>,
        record: &Record,
    ) -> PyResult<Passed> {
        let reloader = self.reloader;
        let name = &*record.name;
        let version = record.version();
        let package = record.package.read();
        if !version.known || **package == *name {
            return Ok(Passed::No);
        }
        if !version.has_takes() {
            self.kit.detach(|| version.takes(&package).is_some());
        }
        let Some(takes) = version.takes(&package) else {
            return Ok(Passed::No);
        };
        let mut found = std::mem::take(&mut news.found);
        found.clear();
        let mut touched = false;
        for (place, taken) in takes.iter().enumerate() {
            let Some(rebound) = news.concerning(taken) else {
                continue;
            };
            if !taken.idle {
                return Ok(Passed::No);
            }
            touched = true;
            if news.about(&taken.module).is_some_and(|told| told.serves) {
                return Ok(Passed::No);
            }
            for (at, one) in rebound.iter().enumerate() {
                if !taken
                    .name
                    .as_ref()
                    .is_some_and(|n| Arc::ptr_eq(n, &one.name))
                {
                    continue;
                }
                if one.objects.is_none() {
                    return Ok(Passed::No);
                }
                found.push((place, at));
            }
        }
        if !touched {
            return Ok(Passed::Untouched);
        }
        let Some(module) = self.module(name)? else {
            return Ok(Passed::Untouched);
        };
        let dict = module.dict();
        for hook in &news.hooks {
            if dict.contains(hook)? {
                return Ok(Passed::No);
            }
        }
        if reloader.rules.policy(name).is_some() || !reloader.rules.track(&reloader.places, record)
        {
            return Ok(Passed::No);
        }
        let mut changes = Vec::with_capacity(found.len());
        let mut aliases = Vec::new();
        for &(place, at) in &found {
            let taken = &takes[place];
            let key = news.key(&taken.bound);
            let Some(one) = news.about(&taken.module).map(|told| &told.rebound[at]) else {
                continue;
            };
            let Some((old, new)) = &one.objects else {
                continue;
            };
            // What the program put there is not what was imported. An equal number or text is: an import
            // that asks for another name of the same value keeps the object that was there.
            let data =
                |now: &Bound<'py, PyAny>| plain(now) || now.is_exact_instance_of::<PyTuple>();
            let imported =
                |now: &Bound<'py, PyAny>| now.is(old) || data(now) && identical(now, old);
            let Some(now) = dict.get_item(&key)?.filter(imported) else {
                continue;
            };
            work.tx.entry(&dict, &key, &now);
            dict.set_item(&key, new)?;
            if taken.bound != one.name {
                aliases.push((Arc::clone(&taken.bound), now, new.clone()));
            }
            changes.push(Change {
                kind: ChangeKind::Import,
                action: Action::Rebound,
                name: Arc::clone(&taken.bound),
                line: taken.line,
                reason: Arc::clone(&one.reason),
            });
        }
        news.found = found;
        for (bound, old, new) in aliases {
            news.alias(&bound, &old, &new);
        }
        if changes.is_empty() {
            return Ok(Passed::Untouched);
        }
        let mut report = self.blank(record, Cause::Dependency);
        report.outcome = Outcome::Patched;
        report.changes = changes;
        Ok(Passed::Done(report))
    }

    /// The names that other modules of the unit take from one.
    pub(super) fn taken(&self, name: &str) -> apply::Taken {
        let known = |module: &str| self.reloader.ledger.get(module);
        // A package sees its submodules, whether it imports them or not.
        if name
            .rsplit_once('.')
            .is_some_and(|(package, _)| known(package).is_some())
        {
            return None;
        }
        let importers = self.reloader.ledger.importers(name);
        let mut out = BTreeSet::new();
        let edited = self.edited.keys().map(String::as_str);
        for importer in importers.iter().map(|i| &**i).chain(edited) {
            let Some(record) = known(importer) else {
                continue;
            };
            let version = match self.edited.get(importer) {
                Some(edited) => Arc::clone(&edited.version),
                None => record.version(),
            };
            let package = record.package.read();
            for (level, module, names) in version.imports() {
                let module = resolve(&package, *level, module);
                if names.is_empty() && may_be(name, &module) {
                    return None;
                }
                let whole = match module.strip_prefix(name) {
                    Some("") => names.is_empty() || names.iter().any(|n| n == "*"),
                    Some(rest) => names.is_empty() && rest.starts_with('.'),
                    None => names.iter().any(|n| {
                        let rest = name.strip_prefix(module.as_str());
                        rest.and_then(|rest| rest.strip_prefix('.')) == Some(n)
                    }),
                };
                if whole {
                    return None;
                }
                if module == name {
                    out.extend(names.iter().cloned());
                }
            }
        }
        Some(out)
    }
}
