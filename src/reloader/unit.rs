//! One unit: changed modules that import each other, and those that use them. Applied whole or
//! not at all.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::circle::Progress;
use super::dependents::{Inbound, inbound, mentions};
use super::elsewhere::Others;
use super::fed::Fed;
use super::order::Order;
use super::passing::{News, Passed};
use super::{Flags, Policy, Reloader, described, hooks, stars};
use crate::apply::{self, Facts, Job, Kit, Rehearsal, Source, Work};
use crate::diff;
use crate::modules::{Failure, Record, Version};
use crate::outline::{Kind, Outline, Statement};
use crate::plan::{self, Anew, Mark, Plan};
use crate::report::{Cause, ModuleReport, Outcome};

/// A module whose file changed.
pub(super) struct Edited {
    pub record: Arc<Record>,
    pub version: Arc<Version>,
    pub cause: Cause,
    /// The module is somewhere else now: the new module spec.
    pub moved: Option<Py<PyAny>>,
}

/// A failure: which module, and what was raised.
pub(super) struct Failed {
    pub name: String,
    pub error: PyErr,
    /// The module of this unit that it missed a name of, which had not got to its end.
    pub early: Option<String>,
}

/// How often another way is tried: another order where modules that import each other miss names,
/// objects that are made anew where they lack what their classes give now.
const ATTEMPTS: usize = 4;

/// Rounds in which facts go round a cycle of imports before it is cut.
const ROUNDS: usize = 4;

pub(super) struct Unit<'u, 'k, 'py> {
    pub reloader: &'u Reloader,
    pub kit: &'k Kit<'py>,
    pub flags: Flags,
    pub edited: BTreeMap<String, Edited>,
    /// Edited modules and their dependents, each after those it imports.
    pub order: Vec<Arc<Record>>,
    /// Which of `order` nobody imports.
    ends: Vec<bool>,
    /// Some module of `order` comes before one that it imports.
    pub circular: bool,
    /// An import statement that runs brings the module it names up to date first.
    pub interleaved: bool,
    /// Modules that can be imported now and could not before.
    pub appeared: &'u BTreeSet<String>,
    /// What was asked for each of `edited`, before anything was done.
    policies: RefCell<HashMap<Arc<str>, Policy>>,
    /// Names of modules that are made anew, since what they mean lacks what its class gives now.
    pub anew: BTreeMap<String, BTreeSet<String>>,
    /// By module: see `foresee`.
    foreseen: HashMap<String, Rehearsal<'py>>,
}

impl<'u, 'k, 'py> Unit<'u, 'k, 'py> {
    pub fn new(
        reloader: &'u Reloader,
        kit: &'k Kit<'py>,
        flags: Flags,
        edited: Vec<Edited>,
        order: Order,
        appeared: &'u BTreeSet<String>,
    ) -> Self {
        let edited = edited
            .into_iter()
            .map(|e| (e.record.name.to_string(), e))
            .collect();
        Self {
            reloader,
            kit,
            flags,
            edited,
            order: order.modules,
            ends: order.ends,
            circular: order.circular,
            interleaved: false,
            appeared,
            policies: RefCell::default(),
            anew: BTreeMap::new(),
            foreseen: HashMap::new(),
        }
    }

    /// The modules whose files changed.
    pub fn names(&self) -> Vec<String> {
        self.edited.keys().cloned().collect()
    }

    pub(super) fn module(&self, name: &str) -> PyResult<Option<Bound<'py, PyModule>>> {
        Ok(self
            .kit
            .sys_modules
            .get_item(name)?
            .and_then(|m| m.cast_into().ok()))
    }

    fn work(&self) -> Work<'k, 'py> {
        let mut work = Work::new(self.kit);
        work.orphans = Arc::clone(&self.reloader.orphans.lock());
        work
    }

    /// Applies the unit. The reports of its modules, in the order they were worked on.
    pub fn apply(&mut self) -> Vec<ModuleReport> {
        // A unit may be applied once more, when others have brought what it lacked.
        self.anew.clear();
        self.foreseen = self.foresee();
        let mut work = self.work();
        let modules = self.kit.sys_modules.len();
        let mut outcome = self.run(&mut work);
        for _ in 0..ATTEMPTS {
            let Err(failed) = &outcome else { break };
            if !self.reorder(failed) && !self.renew(&work, failed) {
                break;
            }
            let problems = self.undo(&mut work, 0);
            log::debug!("tried again in another way; left over: {problems:?}");
            // With the frames in its traceback.
            drop(outcome);
            self.end(work, false);
            work = self.work();
            outcome = self.run(&mut work);
        }
        let (mut reports, failed) = match outcome {
            Ok(reports) => (reports, false),
            Err(failed) => {
                let brought = self.imported_since(modules);
                let attempt = self.attempt(&failed.error, &brought);
                let problems = self.undo(&mut work, 0);
                self.reloader.brought.lock().extend(brought);
                if let Err(error) = self.note_loose() {
                    log::debug!("submodules that stay imported cannot be told: {error}");
                }
                (self.failure(&failed, attempt, problems), true)
            }
        };
        if !failed {
            if !work.orphaned.is_empty() {
                work.orphans = Arc::default();
                let mut orphans = self.reloader.orphans.lock();
                if let Some(known) = Arc::get_mut(&mut orphans) {
                    known.extend(std::mem::take(&mut work.orphaned));
                }
            }
            for edited in self.edited.values() {
                let record = &edited.record;
                if self.policy(edited) == Policy::Skip {
                    *record.failed.lock() = Some(Box::new(Failure {
                        print: edited.version.print(),
                        saved: None,
                        error: "left alone".to_owned(),
                        import: false,
                        attempt: Arc::default(),
                    }));
                    continue;
                }
                *record.failed.lock() = None;
                if edited.cause == Cause::Dependency {
                    continue;
                }
                let known = self.reloader.imports_as(record, &edited.version);
                record.set_version(Arc::clone(&edited.version));
                record.reloads.fetch_add(1, Ordering::Relaxed);
                if !known {
                    self.reloader.ledger.reindex(&record.name);
                }
                self.reloader.ledger.reindex_spelled(&record.name);
            }
        }
        self.end(work, !failed);
        if self.flags.force {
            for report in &mut reports {
                if report.outcome == Outcome::Unchanged {
                    report.outcome = Outcome::Reloaded;
                }
            }
        }
        reports
    }

    pub(super) fn policy(&self, edited: &Edited) -> Policy {
        if self.flags.force {
            return Policy::Full;
        }
        let name = &edited.record.name;
        if let Some(known) = self.policies.borrow().get(name) {
            return *known;
        }
        let own = hooks::policy_of_text(&edited.version).or_else(|| {
            let module = self.module(&edited.record.name).ok().flatten();
            let set = module.and_then(|m| hooks::policy(&m.dict()))?;
            // With the line that set it, it goes.
            let ended = hooks::sets_policy(&edited.record.version())
                && !hooks::sets_policy(&edited.version);
            (!ended).then_some(set)
        });
        let rules = &self.reloader.rules;
        let policy = rules.policy(name).or(own).unwrap_or_default();
        self.policies.borrow_mut().insert(Arc::clone(name), policy);
        policy
    }

    pub(super) fn run(&self, work: &mut Work<'k, 'py>) -> Result<Vec<ModuleReport>, Failed> {
        let hosted = !self.reloader.namespaces.lock().is_empty();
        let modules = self.kit.sys_modules.len();
        let mut progress = Progress::new(self.order.len(), News::new(self.kit.py, hosted));
        for round in 0..ROUNDS {
            progress.moved = false;
            for at in 0..self.order.len() {
                self.visit(work, &mut progress, round, at)?;
                self.outside(work, &mut progress)?;
            }
            if !progress.moved || !self.circular {
                break;
            }
        }
        let Progress {
            facts,
            reports,
            outside,
            reloaded,
            news,
            ..
        } = progress;
        let last = self.order.last().map_or("", |record| &record.name);
        let fail = |error: PyErr| Failed {
            name: last.to_owned(),
            error,
            early: None,
        };
        self.nothing_missed(work, last)?;
        work.notes.clear();
        self.new_homes(work, &facts, modules);
        if let Err(error) = self.successors(work, &facts) {
            log::debug!("who holds what came in another's place keeps it: {error}");
        }
        self.namespaces(work, &facts, &news.aliases).map_err(fail)?;
        // Asked for closures only.
        if !work.nested.is_empty() {
            let held = self.reloader.namespaces.lock();
            work.places = held.iter().map(|n| n.bind(self.kit.py).clone()).collect();
            drop(held);
            for record in &self.order {
                work.places
                    .extend(self.module(&record.name).map_err(fail)?.map(|m| m.dict()));
            }
        }
        work.finish().map_err(fail)?;
        hooks::after(&reloaded, &mut work.tx).map_err(fail)?;
        let mut out: Vec<ModuleReport> = reports
            .into_iter()
            .flatten()
            .chain(outside)
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

    /// Brings one module of the order up to date.
    pub(super) fn visit(
        &self,
        work: &mut Work<'k, 'py>,
        progress: &mut Progress<'py>,
        round: usize,
        at: usize,
    ) -> Result<(), Failed> {
        let record = &self.order[at];
        let name = &*record.name;
        let fail = |error: PyErr| Failed {
            name: name.to_owned(),
            error,
            early: None,
        };
        let facts = &progress.facts;
        if facts.is_empty() && !self.edited.contains_key(name) {
            return Ok(());
        }
        let plain = !self.edited.contains_key(name) && !self.anew.contains_key(name);
        if !self.circular && self.ends[at] && plain {
            let news = &mut progress.news;
            match self.pass(work, news, record).map_err(fail)? {
                Passed::No => {}
                Passed::Untouched => return Ok(()),
                Passed::Done(report) => {
                    progress.reports[at] = Some(report);
                    return Ok(());
                }
            }
        }
        let since = progress.seen.get(name).copied().unwrap_or(0);
        let is_new = |module: &String| progress.stamps.get(module).is_some_and(|s| *s > since);
        let fresh: HashMap<String, Rc<Facts<'py>>> = if facts.is_empty() {
            HashMap::new()
        } else {
            self.sources(name, facts)
                .into_iter()
                .filter(|module| *module != *name && is_new(module))
                .filter_map(|module| facts.get(&module).map(|f| (module.clone(), Rc::clone(f))))
                .collect()
        };
        let own = progress.fed_to(name, since).len();
        progress.seen.insert(name.to_owned(), progress.stamp);
        let edited = self.edited.get(name).filter(|_| round == 0);
        let edited = edited.filter(|_| progress.begun.insert(name.to_owned()));
        if edited.is_none() && fresh.is_empty() && own == 0 {
            return Ok(());
        }
        let Some(module) = self.module(name).map_err(fail)? else {
            return Ok(());
        };
        let dict = module.dict();
        work.notes.clear();
        let outcome = match edited {
            Some(edited) => {
                let policy = self.policy(edited);
                if policy != Policy::Skip {
                    progress.reloaded.push(dict.clone());
                }
                self.edited(work, (edited, policy), &module, &fresh, progress)
            }
            None => {
                let own = progress.fed_to(name, since);
                self.dependent(work, name, &dict, &fresh, &own)
            }
        };
        let outcome = outcome.map_err(|error| self.blame(progress, name, error))?;
        progress.done.insert(name.to_owned());
        self.who_asks(work);
        progress.feed(name, work);
        progress.hold(name, std::mem::take(&mut work.holding));
        let Some((found, mut report)) = outcome else {
            return Ok(());
        };
        report.notes.append(&mut work.notes);
        match &mut progress.reports[at] {
            Some(earlier) => {
                earlier.changes.append(&mut report.changes);
                earlier.notes.append(&mut report.notes);
            }
            place => *place = Some(report),
        }
        progress.tell(name, found);
        Ok(())
    }

    /// The modules whose facts a module can see: those it imports, and its own submodules.
    pub(super) fn sources(
        &self,
        name: &str,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) -> Vec<String> {
        let Some(record) = self.reloader.ledger.get(name) else {
            return Vec::new();
        };
        let mut out = crate::modules::forward(&record);
        if let Some(edited) = self.edited.get(name) {
            out.extend(crate::modules::targets(&record, &edited.version));
        }
        super::loaded::spell(&mut out, facts);
        out.extend(self.spelled_elsewhere(&record, facts));
        if **record.package.read() == *name {
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

    /// A module whose own file changed.
    pub(super) fn edited(
        &self,
        work: &mut Work<'k, 'py>,
        (edited, policy): (&Edited, Policy),
        module: &Bound<'py, PyModule>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
        progress: &mut Progress<'py>,
    ) -> PyResult<Option<(Facts<'py>, ModuleReport)>> {
        let kit = self.kit;
        let record = &edited.record;
        let dict = module.dict();
        let mut report = self.blank(record, edited.cause);
        if policy == Policy::Skip {
            report.outcome = Outcome::Skipped;
            report
                .notes
                .push("its policy is to be left alone".to_owned());
            return Ok(Some((Facts::default(), report)));
        }
        crate::interp::audit(kit.py, &record.name, &record.path.read().to_string_lossy())?;
        report
            .notes
            .extend(hooks::complaint(&dict, &edited.version));
        hooks::before(&dict, &mut work.tx)?;
        if let Some(spec) = &edited.moved {
            self.move_module(work, &dict, spec.bind(kit.py), &record.name)?;
        }
        let filename = record.filename();
        let running = record.version();
        let empty = Outline::default();
        let parsed = kit.detach(|| (running.outline().is_ok(), edited.version.outline().is_ok()));
        work.merge = policy != Policy::Full;
        let new_outline = match edited.version.outline() {
            Ok(outline) if parsed.1 && !self.special_loader(&dict)? => outline,
            _ => return self.whole(work, edited, &dict, &filename, report).map(Some),
        };
        let known = running.known && parsed.0;
        if known {
            work.texts.push((filename.clone(), running.clone()));
        }
        let old_outline = match running.outline() {
            Ok(outline) if known => outline,
            _ => &empty,
        };
        let changes = diff::compare(old_outline, new_outline);
        let new = Source::new(kit.py, edited.version.text(), new_outline, &filename)?;
        let between = edited.version.differs(&running);
        new.judge(kit, &diff::doubts(new_outline, new.text, between, &changes))?;
        let old = Source::new(kit.py, running.text(), old_outline, &filename)?;
        let package = record.package.read().clone();
        let mut around = inbound(kit, new_outline, &package, &dict, facts)?;
        // Names that a star import of the old text had brought, and that are gone where it took them
        // from: whether the new text still has that import or not.
        let lost = if old_outline.star {
            inbound(kit, old_outline, &package, &dict, facts)?.rebinds
        } else {
            Vec::new()
        };
        self.loaded(&mut around, new_outline, record, &dict, facts)?;
        self.in_time(&mut around, new_outline, record, facts);
        self.tell_appeared(new_outline, &package, &mut around.outside);
        let fed = progress.fed_to(&record.name, 0);
        self.deliver(&mut around.outside, new_outline, record, &fed);
        let mut anew = Anew::new(
            described::anew(kit, (old_outline, new_outline), &changes, &dict)?,
            self.outdated_in(&record.name, &mut report),
        );
        stars::moved(
            kit,
            (old_outline, new_outline),
            &changes,
            (&package, &dict),
            &mut around,
        )?;
        let memory = RefCell::default();
        let elsewhere = Others::new(self, &package, &memory);
        let make = |anew: &Anew, outside: &plan::Dirty| {
            plan::make_with(
                old_outline,
                new_outline,
                &changes,
                outside,
                anew,
                &elsewhere,
            )
        };
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
            let make = |outside: &plan::Dirty| make(&anew, outside);
            self.planned(make, (&package, &dict), new_outline, &around.for_plan())
        };
        report.notes.extend(plan.notes.iter().cloned());
        let keep = hooks::keep(&dict);
        let taken = || self.taken(&record.name);
        let mut found = loop {
            let job = Job {
                dict: dict.clone(),
                old: known.then_some(&old),
                new: &new,
                changes: &changes,
                plan: &plan,
                outside: &around.outside,
                rebinds: &around.rebinds,
                lost: &lost,
                was: &around.was,
                taken: (self.order.len() > 1).then_some(&taken),
                others: &|name| self.version(name),
                elsewhere: &elsewhere,
                keep: &keep,
                anew: &anew,
                foreseen: self.foreseen.get(&*record.name),
            };
            // What is changed from here on is put back alone.
            work.snapshot = None;
            let before = work.tx.mark();
            work.stuck_on = None;
            let begun = progress.begun.len();
            let mut ahead = |work: &mut Work<'k, 'py>, statement: &Statement| {
                self.ahead(work, progress, &package, statement)
            };
            let ran = apply::run(work, &job, &mut ahead);
            match (ran, work.stuck_on.take()) {
                (Ok(found), _) => break found,
                // On an object that was set up before, a statement may be refused ("conflicting
                // option") that a fresh process would accept: the object is made anew then.
                (Err(error), Some(name))
                    if known
                        && progress.begun.len() == begun
                        && anew.names.insert(name.clone()) =>
                {
                    let make = |outside: &plan::Dirty| make(&anew, outside);
                    let around = around.for_plan();
                    let again = self.planned(make, (&package, &dict), new_outline, &around);
                    if again.steps == plan.steps {
                        return Err(error);
                    }
                    log::debug!("{}: {name} is made anew: {error}", record.name);
                    self.undo(work, before);
                    // What the second attempt logs is told anew.
                    work.past.1 = work.past.1.min(before);
                    work.lowered.clear();
                    work.lowering.clear();
                    let body = &new_outline.body;
                    let class = body.iter().any(|s| s.kind == Kind::Class && s.name == name);
                    if !class {
                        report.notes.push(format!(
                            "{name} was made anew; what holds the old one keeps it"
                        ));
                    }
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

    /// A module that uses others that changed.
    pub(super) fn dependent(
        &self,
        work: &mut Work<'k, 'py>,
        name: &str,
        dict: &Bound<'py, PyDict>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
        fed: &[&Fed],
    ) -> PyResult<Option<(Facts<'py>, ModuleReport)>> {
        let kit = self.kit;
        let Some(record) = self.reloader.ledger.get(name) else {
            return Ok(None);
        };
        let version = self.in_force(&record);
        // Who imports it may read `C.size` where it has only the name C.
        let serves = !self.reloader.ledger.importers(name).is_empty();
        if !version.known
            || fed.is_empty()
                && !mentions(&version.glance(), facts, serves)
                && !self.lends(&record, &version, facts)
        {
            return Ok(None);
        }
        if !self.reloader.rules.track(&self.reloader.places, &record)
            || self
                .reloader
                .rules
                .policy(name)
                .or_else(|| hooks::policy(dict))
                == Some(Policy::Skip)
        {
            return Ok(None);
        }
        kit.detach(|| version.outline().is_ok());
        let Ok(outline) = version.outline() else {
            return Ok(None);
        };
        let package = record.package.read().clone();
        let mut around: Inbound<'py> = inbound(kit, outline, &package, dict, facts)?;
        self.loaded(&mut around, outline, &record, dict, facts)?;
        self.in_time(&mut around, outline, &record, facts);
        stars::lost(kit, outline, (&package, dict), &mut around)?;
        self.deliver(&mut around.outside, outline, &record, fed);
        if around.is_empty() && !self.anew.contains_key(name) {
            return Ok(None);
        }
        let filename = record.filename();
        let source = Source::new(kit.py, version.text(), outline, &filename)?;
        let changes = diff::unchanged(outline);
        let memory = RefCell::default();
        let elsewhere = Others::new(self, &package, &memory);
        let mut report = self.blank(&record, Cause::Dependency);
        let outdated = self.outdated_in(name, &mut report);
        let anew = Anew::new(BTreeSet::new(), outdated);
        let outside = around.for_plan();
        let make = |outside: &plan::Dirty| {
            plan::make_with(outline, outline, &changes, outside, &anew, &elsewhere)
        };
        let plan: Plan = self.planned(make, (&package, dict), outline, &outside);
        let keep = hooks::keep(dict);
        let taken = || self.taken(name);
        let job = Job {
            dict: dict.clone(),
            old: Some(&source),
            new: &source,
            changes: &changes,
            plan: &plan,
            outside: &around.outside,
            rebinds: &around.rebinds,
            lost: &[],
            was: &around.was,
            taken: (self.order.len() > 1).then_some(&taken),
            others: &|name| self.version(name),
            elsewhere: &elsewhere,
            keep: &keep,
            anew: &anew,
            foreseen: self.foreseen.get(name),
        };
        let mut found = apply::run(work, &job, &mut |_, _| Ok(()))?;
        // What it merely passes on is for those that import it from there.
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
}
