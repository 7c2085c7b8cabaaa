//! One unit: changed modules that import each other, and those that use them. Applied whole or
//! not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::dependents::{Inbound, inbound};
use super::{Flags, Policy, Reloader, hooks};
use crate::apply::{self, Facts, Job, Kit, Source, Work, run_whole, text};
use crate::diff;
use crate::modules::{Failure, Record, Version};
use crate::outline::Outline;
use crate::plan::{self, Mark, Plan};
use crate::report::{self, Action, Cause, ChangeKind, ModuleReport, Outcome};

/// A module whose file changed.
pub(super) struct Edited {
    pub record: Arc<Record>,
    pub version: Arc<Version>,
    pub cause: Cause,
    /// The module is somewhere else now: the new module spec.
    pub moved: Option<Py<PyAny>>,
}

/// A failure: which module, and what was raised.
struct Failed {
    name: String,
    error: PyErr,
}

/// Rounds in which facts go round a cycle of imports before it is cut.
const ROUNDS: usize = 4;

pub(super) struct Unit<'u, 'k, 'py> {
    reloader: &'u Reloader,
    kit: &'k Kit<'py>,
    flags: Flags,
    edited: BTreeMap<String, Edited>,
    /// Edited modules and their dependents, each after those it imports.
    order: Vec<String>,
    /// Modules that can be imported now and could not before.
    appeared: &'u BTreeSet<String>,
}

impl<'u, 'k, 'py> Unit<'u, 'k, 'py> {
    pub fn new(
        reloader: &'u Reloader,
        kit: &'k Kit<'py>,
        flags: Flags,
        edited: Vec<Edited>,
        order: Vec<String>,
        appeared: &'u BTreeSet<String>,
    ) -> Self {
        let edited = edited
            .into_iter()
            .map(|e| (e.record.name.clone(), e))
            .collect();
        Self {
            reloader,
            kit,
            flags,
            edited,
            order,
            appeared,
        }
    }

    /// The modules whose files changed.
    pub fn names(&self) -> Vec<String> {
        self.edited.keys().cloned().collect()
    }

    fn module(&self, name: &str) -> PyResult<Option<Bound<'py, PyModule>>> {
        Ok(self
            .kit
            .sys_modules
            .get_item(name)?
            .and_then(|m| m.cast_into().ok()))
    }

    /// Applies the unit. The reports of its modules, in the order they were worked on.
    pub fn apply(&self) -> Vec<ModuleReport> {
        let mut work = Work::new(self.kit);
        let outcome = self.run(&mut work);
        let (mut reports, failed) = match outcome {
            Ok(reports) => (reports, None),
            Err(failed) => {
                let problems = work.tx.roll_back_to(self.kit, 0);
                (self.failure(&failed, problems), Some(failed))
            }
        };
        if failed.is_none() {
            for edited in self.edited.values() {
                let record = &edited.record;
                if self.policy(edited) == Policy::Skip {
                    *record.failed.lock() = Some(Failure {
                        print: edited.version.print,
                        error: "left alone".to_owned(),
                        import: false,
                    });
                    continue;
                }
                *record.failed.lock() = None;
                if edited.cause == Cause::Dependency {
                    continue;
                }
                record.set_version(Arc::clone(&edited.version));
                record.reloads.fetch_add(1, Ordering::Relaxed);
                self.reloader.ledger.reindex(&record.name);
            }
        }
        if self.flags.force {
            for report in &mut reports {
                if report.outcome == Outcome::Unchanged {
                    report.outcome = Outcome::Reloaded;
                }
            }
        }
        reports
    }

    fn policy(&self, edited: &Edited) -> Policy {
        if self.flags.force {
            return Policy::Full;
        }
        let own = hooks::policy_of_text(&edited.version).or_else(|| {
            self.module(&edited.record.name)
                .ok()
                .flatten()
                .and_then(|m| hooks::policy(&m.dict()))
        });
        self.reloader
            .rules
            .policy(&edited.record.name)
            .or(own)
            .unwrap_or_default()
    }

    fn run(&self, work: &mut Work<'k, 'py>) -> Result<Vec<ModuleReport>, Failed> {
        let mut facts: HashMap<String, Facts<'py>> = HashMap::new();
        let mut reports: BTreeMap<String, ModuleReport> = BTreeMap::new();
        // What each module has seen of the facts of the others.
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut stamp = 0_usize;
        let mut stamps: HashMap<String, usize> = HashMap::new();
        let mut olds: Vec<(Bound<'py, PyDict>, Bound<'py, PyDict>)> = Vec::new();
        for round in 0..ROUNDS {
            let mut moved = false;
            for name in &self.order {
                let fail = |error: PyErr| Failed {
                    name: name.clone(),
                    error,
                };
                let since = seen.get(name).copied().unwrap_or(0);
                let is_new = |module: &String| stamps.get(module).is_some_and(|s| *s > since);
                let fresh: HashMap<String, Facts<'py>> = if facts.is_empty() {
                    HashMap::new()
                } else {
                    self.sources(name, &facts)
                        .into_iter()
                        .filter(|module| module != name && is_new(module))
                        .filter_map(|module| {
                            facts.get(&module).map(|f| (module.clone(), f.share()))
                        })
                        .collect()
                };
                seen.insert(name.clone(), stamp);
                let edited = self.edited.get(name).filter(|_| round == 0);
                if edited.is_none() && fresh.is_empty() {
                    continue;
                }
                let Some(module) = self.module(name).map_err(fail)? else {
                    continue;
                };
                let dict = module.dict();
                work.notes.clear();
                let outcome = match edited {
                    Some(edited) => {
                        if self.policy(edited) != Policy::Skip {
                            olds.push((dict.clone(), dict.copy().map_err(fail)?));
                        }
                        self.edited(work, edited, &module, &fresh)
                    }
                    None => self.dependent(work, name, &dict, &fresh),
                };
                let Some((found, mut report)) = outcome.map_err(fail)? else {
                    continue;
                };
                report.notes.append(&mut work.notes);
                match reports.get_mut(name) {
                    Some(earlier) => {
                        earlier.changes.append(&mut report.changes);
                        earlier.notes.append(&mut report.notes);
                    }
                    None => {
                        reports.insert(name.clone(), report);
                    }
                }
                if !found.rebound.is_empty() || !found.dirty.is_empty() {
                    stamp += 1;
                    stamps.insert(name.clone(), stamp);
                    match facts.get_mut(name) {
                        Some(earlier) => earlier.join(found),
                        None => {
                            facts.insert(name.clone(), found);
                        }
                    }
                    moved = true;
                }
            }
            if !moved || facts.len() < 2 && round > 0 {
                break;
            }
        }
        let last = self.order.last().cloned().unwrap_or_default();
        let fail = |error: PyErr| Failed {
            name: last.clone(),
            error,
        };
        work.notes.clear();
        self.namespaces(work, &facts).map_err(fail)?;
        let held = self.reloader.namespaces.lock();
        work.places = held.iter().map(|n| n.bind(self.kit.py).clone()).collect();
        drop(held);
        for name in &self.order {
            work.places
                .extend(self.module(name).map_err(fail)?.map(|m| m.dict()));
        }
        work.finish().map_err(fail)?;
        for (dict, old) in &olds {
            hooks::after(dict, old).map_err(fail)?;
        }
        let mut out: Vec<ModuleReport> = self
            .order
            .iter()
            .filter_map(|name| reports.remove(name))
            .filter(|r| {
                r.cause != Cause::Dependency
                    || r.outcome != Outcome::Unchanged
                    || !r.changes.is_empty()
                    || !r.notes.is_empty()
            })
            .collect();
        if let Some(first) = out.first_mut() {
            first.notes.append(&mut work.notes);
        }
        Ok(out)
    }

    /// The modules whose facts a module can see: those it imports, and its own submodules.
    fn sources(&self, name: &str, facts: &HashMap<String, Facts<'py>>) -> Vec<String> {
        let Some(record) = self.reloader.ledger.get(name) else {
            return Vec::new();
        };
        let mut out = crate::modules::forward(&record);
        if let Some(edited) = self.edited.get(name) {
            out.extend(crate::modules::targets(&record, &edited.version));
        }
        if *record.package.read() == name {
            let prefix = format!("{name}.");
            out.extend(
                facts
                    .keys()
                    .filter(|module| module.starts_with(&prefix))
                    .cloned(),
            );
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    fn blank(&self, record: &Record, cause: Cause) -> ModuleReport {
        ModuleReport {
            name: record.name.clone(),
            path: record.path.read().to_string_lossy().into_owned(),
            outcome: Outcome::Unchanged,
            cause,
            error: None,
            traceback: None,
            error_line: 0,
            changes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A module whose own file changed.
    fn edited(
        &self,
        work: &mut Work<'k, 'py>,
        edited: &Edited,
        module: &Bound<'py, PyModule>,
        facts: &HashMap<String, Facts<'py>>,
    ) -> PyResult<Option<(Facts<'py>, ModuleReport)>> {
        let kit = self.kit;
        let record = &edited.record;
        let dict = module.dict();
        let mut report = self.blank(record, edited.cause);
        let policy = self.policy(edited);
        if policy == Policy::Skip {
            report.outcome = Outcome::Skipped;
            report
                .notes
                .push("its policy is to be left alone".to_owned());
            return Ok(Some((Facts::default(), report)));
        }
        kit.py.import("sys")?.call_method1(
            "audit",
            (
                "pyreload.reload",
                record.name.as_str(),
                record.path.read().to_string_lossy().as_ref(),
            ),
        )?;
        report
            .notes
            .extend(hooks::complaint(&dict, &edited.version));
        hooks::before(&dict)?;
        if let Some(spec) = &edited.moved {
            self.move_module(work, &dict, spec.bind(kit.py), &record.name)?;
        }
        let filename = record.filename.read().clone();
        let running = record.version();
        let empty = Outline::default();
        let parsed = kit
            .py
            .detach(|| (running.outline().is_ok(), edited.version.outline().is_ok()));
        work.merge = policy != Policy::Full;
        let new_outline = match edited.version.outline() {
            Ok(outline) if parsed.1 && !self.special_loader(&dict)? => outline,
            _ => return self.whole(work, edited, &dict, &filename, report).map(Some),
        };
        let known = running.known && parsed.0;
        let old_outline = match running.outline() {
            Ok(outline) if known => outline,
            _ => &empty,
        };
        let changes = diff::compare(old_outline, new_outline);
        let new = Source::new(kit.py, &edited.version.text, new_outline, &filename)?;
        let old = Source::new(kit.py, &running.text, old_outline, &filename)?;
        let package = record.package.read().clone();
        let mut around = inbound(kit, new_outline, &package, &dict, facts)?;
        around.outside.appeared = self.appeared_in(new_outline, &package);
        let mut plan = if policy == Policy::Full
            || !known
            || edited.moved.is_some()
            || new_outline.future != old_outline.future
        {
            let why = if self.flags.force {
                "the whole module was asked for"
            } else if policy == Policy::Full {
                "the module's policy is to run whole"
            } else if edited.moved.is_some() {
                "the module has moved to another file"
            } else if known {
                "its __future__ imports changed"
            } else {
                "the text of the version that ran is not known"
            };
            if !known {
                report.notes.push(
                    "the file had changed between the import and the first look; it ran whole"
                        .to_owned(),
                );
            }
            plan::full(new_outline, &changes, why)
        } else {
            plan::make(old_outline, new_outline, &changes, &around.for_plan())
        };
        report.notes.extend(plan.notes.iter().cloned());
        let keep = hooks::keep(&dict);
        let mut anew = BTreeSet::new();
        let mut found = loop {
            let job = Job {
                dict: dict.clone(),
                old: known.then_some(&old),
                new: &new,
                changes: &changes,
                plan: &plan,
                outside: &around.outside,
                rebinds: &around.rebinds,
                was: &around.was,
                keep: &keep,
            };
            let before = work.tx.mark();
            work.stuck_on = None;
            match (apply::run(work, &job), work.stuck_on.take()) {
                (Ok(found), _) => break found,
                // On an object that was set up before, a statement may be refused ("conflicting
                // option") that a fresh process would accept: the object is made anew then.
                (Err(error), Some(name)) if known && anew.insert(name.clone()) => {
                    let again = plan::make_with(
                        old_outline,
                        new_outline,
                        &changes,
                        &around.for_plan(),
                        &anew,
                    );
                    if again.steps == plan.steps {
                        return Err(error);
                    }
                    log::debug!("{}: {name} is made anew: {error}", record.name);
                    work.tx.roll_back_to(kit, before);
                    report.notes.push(format!(
                        "{name} was made anew; what holds the old one keeps it"
                    ));
                    plan = again;
                }
                (Err(error), _) => return Err(error),
            }
        };
        work.merge = true;
        report.changes = std::mem::take(&mut found.changes);
        report.outcome =
            if plan.steps.iter().all(|s| s.mark == Mark::Run) && policy == Policy::Full || !known {
                Outcome::Reloaded
            } else if found.executed {
                Outcome::Executed
            } else if report.changes.is_empty() {
                Outcome::Unchanged
            } else {
                Outcome::Patched
            };
        Ok(Some((found, report)))
    }

    /// Names whose import failed, or was not tried, since the module was not there.
    fn appeared_in(&self, outline: &Outline, package: &str) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        if self.appeared.is_empty() {
            return out;
        }
        for statement in outline
            .body
            .iter()
            .filter(|s| s.kind == crate::outline::Kind::Compound)
        {
            for import in &statement.imports {
                let module = crate::modules::resolve(package, import.level, &import.module);
                let inner = import.name.as_ref().map(|n| format!("{module}.{n}"));
                if self.appeared.contains(&module)
                    || inner.is_some_and(|n| self.appeared.contains(&n))
                {
                    out.insert(import.bound.clone());
                }
            }
        }
        out
    }

    /// A module that uses others that changed.
    fn dependent(
        &self,
        work: &mut Work<'k, 'py>,
        name: &str,
        dict: &Bound<'py, PyDict>,
        facts: &HashMap<String, Facts<'py>>,
    ) -> PyResult<Option<(Facts<'py>, ModuleReport)>> {
        let kit = self.kit;
        let Some(record) = self.reloader.ledger.get(name) else {
            return Ok(None);
        };
        let version = match self.edited.get(name) {
            Some(edited) => Arc::clone(&edited.version),
            None => record.version(),
        };
        if !version.known || !mentions(&version.text, facts) {
            return Ok(None);
        }
        let path = record.path.read().clone();
        if !self
            .reloader
            .rules
            .tracks(&self.reloader.places, name, &path)
            || self
                .reloader
                .rules
                .policy(name)
                .or_else(|| hooks::policy(dict))
                == Some(Policy::Skip)
        {
            return Ok(None);
        }
        kit.py.detach(|| version.outline().is_ok());
        let Ok(outline) = version.outline() else {
            return Ok(None);
        };
        let package = record.package.read().clone();
        let around: Inbound<'py> = inbound(kit, outline, &package, dict, facts)?;
        if around.is_empty() {
            return Ok(None);
        }
        let filename = record.filename.read().clone();
        let source = Source::new(kit.py, &version.text, outline, &filename)?;
        let changes = diff::unchanged(outline);
        let plan: Plan = plan::make(outline, outline, &changes, &around.for_plan());
        let keep = hooks::keep(dict);
        let job = Job {
            dict: dict.clone(),
            old: Some(&source),
            new: &source,
            changes: &changes,
            plan: &plan,
            outside: &around.outside,
            rebinds: &around.rebinds,
            was: &around.was,
            keep: &keep,
        };
        let mut found = apply::run(work, &job)?;
        // What it merely passes on is for those that import it from there.
        let mut report = self.blank(&record, Cause::Dependency);
        report.changes = std::mem::take(&mut found.changes);
        report.outcome = if found.executed {
            Outcome::Executed
        } else {
            Outcome::Patched
        };
        if report.changes.is_empty() && work.notes.is_empty() {
            report.outcome = Outcome::Unchanged;
        }
        Ok(Some((found, report)))
    }

    /// Runs a module as one piece of code.
    fn whole(
        &self,
        work: &mut Work<'k, 'py>,
        edited: &Edited,
        dict: &Bound<'py, PyDict>,
        filename: &str,
        mut report: ModuleReport,
    ) -> PyResult<(Facts<'py>, ModuleReport)> {
        let kit = self.kit;
        let loader = dict
            .get_item("__loader__")?
            .filter(|l| l.hasattr("source_to_code").unwrap_or(false));
        let code = match loader {
            Some(loader) => {
                let bytes = edited.version.text.as_bytes();
                loader.call_method1(
                    "source_to_code",
                    (pyo3::types::PyBytes::new(kit.py, bytes), filename),
                )?
            }
            None => {
                kit.compile
                    .call1((edited.version.text.as_str(), filename, "exec", 0, true, -1))?
            }
        };
        let names = |source: &str| -> BTreeSet<String> {
            let table = kit
                .py
                .import("symtable")
                .and_then(|s| s.call_method1("symtable", (source, filename, "exec")));
            let Ok(table) = table else {
                return BTreeSet::new();
            };
            table
                .call_method0("get_symbols")
                .and_then(|symbols| {
                    symbols
                        .try_iter()?
                        .filter_map(|s| {
                            let s = s.ok()?;
                            let bound = s.call_method0("is_assigned").ok()?.is_truthy().ok()?
                                || s.call_method0("is_imported").ok()?.is_truthy().ok()?;
                            bound
                                .then(|| s.call_method0("get_name").ok())
                                .flatten()
                                .map(|n| Ok(text(&n)))
                        })
                        .collect()
                })
                .unwrap_or_default()
        };
        let (had, has) = (
            names(&edited.record.version().text),
            names(&edited.version.text),
        );
        let gone: BTreeSet<String> = had.difference(&has).cloned().collect();
        let mut found = run_whole(work, dict, &code, &gone)?;
        work.merge = true;
        report.changes = std::mem::take(&mut found.changes);
        report
            .notes
            .push("its statements cannot be told apart here; it ran whole".to_owned());
        report.outcome = Outcome::Reloaded;
        Ok((found, report))
    }

    /// Whether the module's loader makes other code of the source than `compile()` does.
    fn special_loader(&self, dict: &Bound<'py, PyDict>) -> PyResult<bool> {
        let Some(loader) = dict.get_item("__loader__")? else {
            return Ok(false);
        };
        let Ok(own) = loader.get_type().getattr("source_to_code") else {
            return Ok(false);
        };
        let usual = self
            .kit
            .py
            .import("importlib.machinery")?
            .getattr("SourceFileLoader")?;
        Ok(!own.is(usual.getattr("source_to_code")?) && {
            // `InspectLoader.source_to_code` is `compile()` as well.
            let inspect = self
                .kit
                .py
                .import("importlib.abc")?
                .getattr("InspectLoader")?;
            !own.is(inspect.getattr("source_to_code")?)
        })
    }

    /// A module became a package, or the other way round.
    fn move_module(
        &self,
        work: &mut Work<'k, 'py>,
        dict: &Bound<'py, PyDict>,
        spec: &Bound<'py, PyAny>,
        name: &str,
    ) -> PyResult<()> {
        work.tx.dict(dict)?;
        dict.set_item("__spec__", spec)?;
        dict.set_item("__loader__", spec.getattr("loader")?)?;
        dict.set_item("__file__", spec.getattr("origin")?)?;
        dict.set_item("__cached__", spec.getattr("cached")?)?;
        dict.set_item("__package__", spec.getattr("parent")?)?;
        let locations = spec.getattr("submodule_search_locations")?;
        if !locations.is_none() {
            return dict.set_item("__path__", locations);
        }
        if dict.contains("__path__")? {
            dict.del_item("__path__")?;
        }
        let prefix = format!("{name}.");
        work.tx.dict(&self.kit.sys_modules)?;
        for (key, module) in self.kit.sys_modules.copy()?.iter() {
            let Some(child) = text(&key).strip_prefix(&prefix).map(str::to_owned) else {
                continue;
            };
            self.kit.sys_modules.del_item(&key)?;
            if dict.get_item(&child)?.is_some_and(|v| v.is(&module)) {
                dict.del_item(&child)?;
            }
        }
        Ok(())
    }

    /// The host's own namespaces follow what they imported.
    fn namespaces(
        &self,
        work: &mut Work<'k, 'py>,
        facts: &HashMap<String, Facts<'py>>,
    ) -> PyResult<()> {
        let py = self.kit.py;
        let namespaces: Vec<Bound<'py, PyDict>> = self
            .reloader
            .namespaces
            .lock()
            .iter()
            .map(|n| n.bind(py).clone())
            .collect();
        let names: BTreeSet<&String> = facts.keys().collect();
        for namespace in namespaces {
            for module in &names {
                self.host_star(work, &namespace, module, &facts[*module])?;
                for (name, old, new) in &facts[*module].rebound {
                    let (Some(old), Some(new)) = (old, new) else {
                        continue;
                    };
                    if let Some(now) = namespace.get_item(name)?
                        && now.is(old)
                    {
                        follow(work, &namespace, name, &now, new)?;
                    }
                    // Under another name there (`import X as Y`): told by the object, if the
                    // module itself does not hold it any more.
                    let gone = match self.module(module)? {
                        Some(m) => !m.dict().values().iter().any(|v| v.is(old)),
                        None => false,
                    };
                    if gone && !shared_value(old) {
                        for (key, value) in namespace.copy()?.iter() {
                            if value.is(old) {
                                follow(work, &namespace, &text(&key), &value, new)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A namespace that has every public name of a module, and more than one, got them with
    /// `from m import *`: it gains and loses names with the module.
    fn host_star(
        &self,
        work: &mut Work<'k, 'py>,
        namespace: &Bound<'py, PyDict>,
        module: &str,
        facts: &Facts<'py>,
    ) -> PyResult<()> {
        let came: Vec<_> = facts
            .rebound
            .iter()
            .filter(|(_, old, _)| old.is_none())
            .collect();
        let went: Vec<_> = facts
            .rebound
            .iter()
            .filter(|(.., new)| new.is_none())
            .collect();
        if came.is_empty() && went.is_empty() {
            return Ok(());
        }
        let Some(module) = self.module(module)? else {
            return Ok(());
        };
        let dict = module.dict();
        if namespace.is(&dict) || dict.contains("__all__")? {
            return Ok(());
        }
        let mut public = 0;
        for (key, value) in dict.iter() {
            let name = text(&key);
            if name.starts_with('_') || came.iter().any(|(n, ..)| *n == name) {
                continue;
            }
            public += 1;
            let old = facts
                .rebound
                .iter()
                .find(|(n, ..)| *n == name)
                .and_then(|(_, old, _)| old.clone());
            if !namespace
                .get_item(&name)?
                .is_some_and(|v| v.is(&value) || old.is_some_and(|o| v.is(&o)))
            {
                return Ok(());
            }
        }
        for (name, old, _) in went.iter().filter(|(n, ..)| !n.starts_with('_')) {
            public += 1;
            let (Some(old), Some(now)) = (old, namespace.get_item(name)?) else {
                return Ok(());
            };
            if !now.is(old) {
                return Ok(());
            }
        }
        if public < 2 {
            return Ok(());
        }
        let string = |name: &str| pyo3::types::PyString::new(self.kit.py, name).into_any();
        for (name, _, new) in came {
            if let Some(new) = new
                && !name.starts_with('_')
                && !namespace.contains(name)?
            {
                namespace.set_item(name, new)?;
                let undo = pyo3::types::PyTuple::new(self.kit.py, [string(name)])?;
                work.tx.call(namespace.getattr("__delitem__")?, undo);
            }
        }
        for (name, old, _) in went.into_iter().filter(|(n, ..)| !n.starts_with('_')) {
            let Some(old) = old else { continue };
            namespace.del_item(name)?;
            let undo = pyo3::types::PyTuple::new(self.kit.py, [string(name), old.clone()])?;
            work.tx.call(namespace.getattr("__setitem__")?, undo);
        }
        Ok(())
    }

    /// The reports of a unit that was rolled back.
    fn failure(&self, failed: &Failed, problems: Vec<String>) -> Vec<ModuleReport> {
        let py = self.kit.py;
        let error = failed.error.value(py);
        let sentence = last_line(self.kit, error.as_any());
        let import = failed.error.is_instance_of::<PyImportError>(py);
        let mut out = Vec::new();
        let mut names: Vec<&String> = self.edited.keys().collect();
        if !self.edited.contains_key(&failed.name) {
            names.push(&failed.name);
        }
        for name in names {
            let (record, cause) = match self.edited.get(name) {
                Some(edited) => (Arc::clone(&edited.record), edited.cause),
                None => match self.reloader.ledger.get(name) {
                    Some(record) => (record, Cause::Dependency),
                    None => continue,
                },
            };
            let own = *name == failed.name;
            let text = if own {
                sentence.clone()
            } else {
                format!("{} failed: {sentence}", failed.name)
            };
            let mut again = false;
            if let Some(edited) = self.edited.get(name) {
                let failure = Failure {
                    print: edited.version.print,
                    error: text.clone(),
                    import,
                };
                let mut slot = record.failed.lock();
                again = slot.as_ref() == Some(&failure);
                *slot = Some(failure);
                drop(slot);
                // Looked at again when anything changes: another module of the unit may be the
                // one that is mended.
                self.reloader.backlog.lock().insert(name.clone());
            }
            if again && !self.flags.force {
                continue;
            }
            let mut report = self.blank(&record, cause);
            report.outcome = if own {
                Outcome::Failed
            } else {
                Outcome::Deferred
            };
            report.error = Some(text);
            if own {
                report.traceback = traceback(self.kit, &failed.error);
                report.error_line = error_line(self.kit, &failed.error, &record.filename.read());
                report.notes.clone_from(&problems);
            }
            out.push(report);
        }
        out
    }

    /// The plan as a report, for a dry run.
    pub fn plan(&self) -> Vec<ModuleReport> {
        let mut out = Vec::new();
        for name in &self.order {
            let Some(edited) = self.edited.get(name) else {
                continue;
            };
            let record = &edited.record;
            let running = record.version();
            let mut report = self.blank(record, edited.cause);
            match (running.outline(), edited.version.outline()) {
                (Ok(old), Ok(new)) if running.known => {
                    let changes = diff::compare(old, new);
                    let full = self.policy(edited) == Policy::Full;
                    let plan = if full {
                        plan::full(new, &changes, "the whole module is asked for")
                    } else {
                        plan::make(old, new, &changes, &plan::Dirty::default())
                    };
                    report.outcome = planned(&plan, full);
                    report.notes.extend(plan.notes.iter().cloned());
                    report.changes = steps(&plan, old, new, &edited.version.text);
                }
                (_, Err(error)) => {
                    report.outcome = Outcome::Failed;
                    report.error = Some(error.message.clone());
                    report.error_line = error.line;
                }
                _ => report.outcome = Outcome::Reloaded,
            }
            if self.policy(edited) == Policy::Skip {
                report.outcome = Outcome::Skipped;
                report.changes.clear();
            }
            out.push(report);
        }
        out
    }
}

fn planned(plan: &Plan, full: bool) -> Outcome {
    if full {
        Outcome::Reloaded
    } else if plan
        .steps
        .iter()
        .any(|s| matches!(s.mark, Mark::Run | Mark::RunIf))
    {
        Outcome::Executed
    } else if plan.idle() {
        Outcome::Unchanged
    } else {
        Outcome::Patched
    }
}

fn steps(plan: &Plan, old: &Outline, new: &Outline, source: &str) -> Vec<report::Change> {
    use crate::outline::Kind;
    let kind = |k: Kind| match k {
        Kind::Function => ChangeKind::Function,
        Kind::Class => ChangeKind::Class,
        Kind::Import => ChangeKind::Import,
        Kind::Assign | Kind::Annotation | Kind::AugAssign => ChangeKind::Variable,
        _ => ChangeKind::Statement,
    };
    let mut out = Vec::new();
    for step in plan.steps.iter().filter(|s| s.mark != Mark::Keep) {
        let statement = &new.body[step.new];
        let slice = source
            .get(statement.span.start as usize..statement.span.end as usize)
            .unwrap_or("");
        out.push(report::Change {
            kind: kind(statement.kind),
            action: match (&step.mark, step.old) {
                (Mark::Patch | Mark::Members, _) => Action::Updated,
                (_, None) => Action::Added,
                _ => Action::Executed,
            },
            name: if statement.name.is_empty() {
                slice.lines().next().unwrap_or("").trim().to_owned()
            } else {
                statement.name.clone()
            },
            line: statement.span.line,
            reason: step.why.clone(),
        });
    }
    for &at in &plan.removed {
        let statement = &old.body[at];
        out.push(report::Change {
            kind: kind(statement.kind),
            action: Action::Removed,
            name: statement
                .uses
                .binds
                .first()
                .cloned()
                .unwrap_or_else(|| statement.name.clone()),
            line: statement.span.line,
            reason: "it is gone from the file".to_owned(),
        });
    }
    out
}

/// Binds a name of a host's namespace, in a way that can be undone.
fn follow<'py>(
    work: &mut Work<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    name: &str,
    was: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<()> {
    namespace.set_item(name, new)?;
    let undo = namespace.getattr("__setitem__")?;
    let arguments = pyo3::types::PyTuple::new(
        namespace.py(),
        [
            pyo3::types::PyString::new(namespace.py(), name).into_any(),
            was.clone(),
        ],
    )?;
    work.tx.call(undo, arguments);
    Ok(())
}

/// Whether equal values that have nothing to do with each other may be this one object: small
/// ints, interned strings, None. By identity alone nothing can be said of those.
fn shared_value(value: &Bound<'_, PyAny>) -> bool {
    let kind = value
        .get_type()
        .name()
        .map(|n| n.to_string())
        .unwrap_or_default();
    matches!(
        kind.as_str(),
        "NoneType" | "bool" | "int" | "str" | "bytes" | "ellipsis" | "NotImplementedType"
    ) || (matches!(kind.as_str(), "tuple" | "frozenset") && value.len().unwrap_or(0) == 0)
}

/// Whether a text has any of the names that changed: else it need not be read closer.
fn mentions(text: &str, facts: &HashMap<String, Facts<'_>>) -> bool {
    if text.contains("*") && text.contains("import *") {
        return true;
    }
    facts.values().any(|f| {
        f.rebound
            .iter()
            .map(|(name, ..)| name.as_str())
            .chain(
                f.dirty
                    .values
                    .keys()
                    .map(|p| p.rsplit('.').next().unwrap_or(p)),
            )
            .chain(
                f.dirty
                    .behaviour
                    .keys()
                    .map(|p| p.split('.').next().unwrap_or(p)),
            )
            .any(|name| text.contains(name))
    })
}

fn last_line(kit: &Kit<'_>, error: &Bound<'_, PyAny>) -> String {
    let lines = kit
        .py
        .import("traceback")
        .and_then(|t| t.call_method1("format_exception_only", (error.get_type(), error)))
        .and_then(|l| l.extract::<Vec<String>>())
        .unwrap_or_default();
    lines
        .iter()
        .rev()
        .find(|l| !l.starts_with(' ') && !l.trim().is_empty())
        .map_or_else(|| text(error), |l| l.trim().to_owned())
}

fn traceback(kit: &Kit<'_>, error: &PyErr) -> Option<String> {
    let value = error.value(kit.py);
    let lines: Vec<String> = kit
        .py
        .import("traceback")
        .and_then(|t| {
            t.call_method1(
                "format_exception",
                (value.get_type(), value, error.traceback(kit.py)),
            )
        })
        .and_then(|l| l.extract())
        .ok()?;
    Some(lines.concat())
}

fn error_line(kit: &Kit<'_>, error: &PyErr, filename: &str) -> u32 {
    let value = error.value(kit.py);
    let mut line = 0;
    let mut at = error.traceback(kit.py).map(Bound::into_any);
    while let Some(entry) = at {
        let file = entry
            .getattr("tb_frame")
            .and_then(|f| f.getattr("f_code"))
            .and_then(|c| c.getattr("co_filename"))
            .map(|f| text(&f))
            .unwrap_or_default();
        if file == filename {
            line = entry
                .getattr("tb_lineno")
                .and_then(|l| l.extract())
                .unwrap_or(line);
        }
        at = entry.getattr("tb_next").ok().filter(|n| !n.is_none());
    }
    if value.is_instance_of::<pyo3::exceptions::PySyntaxError>()
        && value
            .getattr("filename")
            .is_ok_and(|f| text(&f) == filename)
    {
        line = value
            .getattr("lineno")
            .and_then(|l| l.extract())
            .unwrap_or(line);
    }
    line
}
