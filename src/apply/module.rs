//! One module brought up to date: its plan, statement by statement, in its own dict.
//!
//! Old and new objects are brought together right after each statement, so that the next one
//! (a subclass, a decorator, a default argument, a registry) already sees the object that
//! lives on.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};
use rustc_hash::FxHashSet;

use super::collections::mergeable;
use super::compile::Source;
use super::facts::Facts;
use super::function::Wanted;
use super::kit::Kit;
use super::lines::Moved;
use super::patch::{Patched, clear_cache};
use super::registry::told;
use super::rehearsal::Rehearsal;
use super::work::Work;
use crate::diff::{Changes, What};
use crate::modules::Version;
use crate::outline::{Kind, Outline, Row, Statement};
use crate::plan::{
    Affected, Dirty, Elsewhere, Functions, GAVE_UP, Mark, Plan, Step, acting, affected_statement,
    chosen_by,
};
use crate::report::{self, Action, ChangeKind};

/// A name that a module took from another one, whose value there changed.
pub struct Rebind<'py> {
    /// The name here.
    pub name: String,
    /// What it was there; `None` when it is new there.
    pub old: Option<Bound<'py, PyAny>>,
    /// What it is there now; `None` when it is gone.
    pub new: Option<Bound<'py, PyAny>>,
    /// Which module and name it comes from, for the report.
    pub from: String,
    /// It came by `from m import *`.
    pub star: bool,
}

/// What is to be done to one module.
pub struct Job<'a, 'py> {
    pub dict: Bound<'py, PyDict>,
    /// The version that runs; `None` when its text is not known.
    pub old: Option<&'a Source<'a>>,
    pub new: &'a Source<'a>,
    pub changes: &'a Changes,
    pub plan: &'a Plan,
    /// What changed around the module, in its own words.
    pub outside: &'a Dirty,
    pub rebinds: &'a [Rebind<'py>],
    /// The same, by the star imports of the old text.
    pub lost: &'a [Rebind<'py>],
    /// What paths into changed modules (`m.X`) meant before.
    pub was: &'a [(String, Bound<'py, PyAny>)],
    /// Tells which names other modules take from it: those are to know what differs. `None` when
    /// none imports it.
    pub taken: Option<&'a dyn Fn() -> Taken>,
    /// The version of another module that is in force.
    pub others: &'a dyn Fn(&str) -> Option<Arc<Version>>,
    /// What functions of other modules do.
    pub elsewhere: &'a dyn Elsewhere,
    /// Names whose value at run time is never overwritten.
    pub keep: &'a BTreeSet<String>,
    /// Names that are made anew, since a statement refuses the object that lives.
    pub anew: &'a crate::plan::Anew,
    /// What import had given, where that can be told no more: others are edited by now.
    pub foreseen: Option<&'a Rehearsal<'py>>,
}

/// What the importers of a module can see of it: these names of it, or (`None`) all.
pub type Taken = Option<BTreeSet<String>>;

/// See `Run::lifted`.
pub(super) type Lifted<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
);

/// A container that is being made anew by several statements.
pub(super) struct Chain<'py> {
    pub name: String,
    pub object: Bound<'py, PyAny>,
    /// What the program had in it.
    pub live: Bound<'py, PyAny>,
    /// What import had put in it.
    pub base: Option<Bound<'py, PyAny>>,
    pub last: usize,
}

pub(super) struct Run<'w, 'k, 'a, 'py> {
    pub work: &'w mut Work<'k, 'py>,
    pub job: &'w Job<'a, 'py>,
    pub facts: Facts<'py>,
    pub functions: Functions<'a>,
    pub dirty: Dirty,
    /// See `Run::outside_with_members`.
    pub outside: OnceCell<Dirty>,
    /// The module's dict as it was.
    pub before: Bound<'py, PyDict>,
    pub moved: Vec<Moved<'a>>,
    /// Functions that got their new code, which is at its new line.
    pub placed: FxHashSet<usize>,
    /// Names that hold the value of an earlier definition for now; the live value; where the
    /// definition stands that gave it.
    pub parked: BTreeMap<String, (Option<Bound<'py, PyAny>>, usize)>,
    pub chains: Vec<Chain<'py>>,
    /// Containers out of which a statement's items were taken; where they stood; what was in there
    /// before that, and after it.
    pub lifted: Vec<Lifted<'py>>,
    /// The last step that fills something.
    pub last_fill: OnceCell<usize>,
    /// How much was dirty when cached results were last thrown away.
    pub cleared: usize,
    /// Whose were. What such a function remembers since then it has been asked by statements that
    /// ran again, and a restart would have it too.
    pub emptied: BTreeSet<String>,
    /// See `Run::counts`.
    pub counting: OnceCell<bool>,
    /// Whether the module has functions that may have results in store.
    pub caching: Option<bool>,
    pub bases: BTreeMap<String, Bound<'py, PyAny>>,
    /// What was worked out of these before they were asked for.
    pub replayed: RefCell<BTreeMap<String, Bound<'py, PyAny>>>,
    /// Attributes of classes that statements of the new text set: `C.attr`.
    pub written: BTreeSet<&'a str>,
    /// Attributes of classes that nothing sets any more, and that have what their bodies say again.
    pub unset: BTreeSet<String>,
    /// Of statements that ran: the numbers of their annotations that came into force (3.14+).
    pub annotated: BTreeMap<usize, BTreeSet<usize>>,
    /// Names that statements have bound anew.
    pub remade: BTreeSet<String>,
    /// Statements of which the undo log has what they change in place, the paths that they name, and
    /// the objects (by their addresses) of which it has the attributes.
    pub remembered: (FxHashSet<usize>, FxHashSet<String>, FxHashSet<usize>),
    /// Containers of the module out of which statements that are gone were taken, with the reason.
    pub refilled: BTreeMap<String, String>,
    /// Old statements whose effect on a container was taken back.
    pub retracted: BTreeSet<usize>,
    /// Functions whose results are forgotten, and how many new bindings helpers know (`past`).
    pub computed: (BTreeSet<String>, usize),
    /// What import had given of objects that statements change, and why one of these failed.
    pub rehearsal: Option<Rehearsal<'py>>,
    pub forgiven: Option<PyErr>,
}

/// Applies a job. On an error the caller rolls the transaction back.
/// `before_import` hears of statements with imports that are about to run.
pub fn run<'k, 'a, 'py>(
    work: &mut Work<'k, 'py>,
    job: &Job<'a, 'py>,
    before_import: &mut dyn FnMut(&mut Work<'k, 'py>, &Statement) -> PyResult<()>,
) -> PyResult<Facts<'py>> {
    work.kit.forget_fresh();
    work.dict = job.dict.clone();
    work.members = job
        .old
        .map(|old| class_members(&old.outline.body, &job.plan.steps))
        .unwrap_or_default();
    let new: &'a Row = &job.new.outline.body;
    let steps = job.plan.steps.iter();
    let written: BTreeSet<&'a str> = steps
        .flat_map(|step| &new[step.new].uses.writes)
        .map(String::as_str)
        .collect();
    for (class, names) in &mut work.members {
        names.retain(|name| !written.contains(format!("{class}.{name}").as_str()));
    }
    let before = if binds_nothing(work.kit, job) {
        work.tx.dict_later(&job.dict)?
    } else {
        work.tx.expect_all()?;
        work.tx.module(&job.dict)?
    };
    let public = super::imports::public_names(&job.dict)?;
    let mut run = Run {
        functions: Functions::of(job.new.outline).with(job.elsewhere),
        dirty: super::aside::around(job),
        outside: OnceCell::new(),
        counting: OnceCell::new(),
        facts: Facts::default(),
        before,
        moved: Vec::new(),
        placed: FxHashSet::default(),
        parked: BTreeMap::new(),
        lifted: Vec::new(),
        last_fill: OnceCell::new(),
        chains: Vec::new(),
        cleared: 0,
        emptied: BTreeSet::new(),
        caching: None,
        bases: BTreeMap::new(),
        replayed: RefCell::default(),
        written,
        unset: BTreeSet::new(),
        annotated: BTreeMap::new(),
        remade: BTreeSet::new(),
        remembered: Default::default(),
        refilled: BTreeMap::new(),
        retracted: BTreeSet::new(),
        computed: Default::default(),
        rehearsal: None,
        forgiven: None,
        work,
        job,
    };
    run.rehearsal = told(run.rehearse()).flatten();
    run.watch_buffers()?;
    run.prepare()?;
    run.uncover()?;
    run.retract_calls()?;
    run.leave_early()?;
    run.bind_early()?;
    run.steps(before_import)?;
    run.place_items();
    run.note_moved();
    for name in run.parked.keys().cloned().collect::<Vec<_>>() {
        run.unpark(&name)?;
    }
    run.remove()?;
    run.work.inherit()?;
    run.miss_abstract()?;
    run.annotations()?;
    run.kept_names()?;
    run.shift_lines()?;
    run.dirty.imported(run.job.new.outline.body.len());
    run.clear_caches()?;
    run.finish_rehearsal()?;
    if super::imports::public_names(&run.job.dict)? != public {
        // Decorators collect into it, so that no statement of its own need have run.
        run.dirty.value("__all__", "which changed");
    }
    run.export();
    if run.functions.gave_up() && !job.plan.notes.iter().any(|note| note == GAVE_UP) {
        run.work.notes.push(GAVE_UP.to_owned());
    }
    run.facts.settle();
    run.note_anew();
    run.order_names()?;
    run.note_unseen();
    Ok(run.facts)
}

/// Whether a job only gives functions new code: no statement runs, and the module's names stay
/// bound to what they are.
fn binds_nothing(kit: &Kit<'_>, job: &Job<'_, '_>) -> bool {
    let mut items = job.changes.items.iter();
    let mut steps = job.plan.steps.iter();
    job.old.is_some()
        && job.rebinds.is_empty()
        && job.lost.is_empty()
        && job.keep.is_empty()
        && job.changes.removed.is_empty()
        && items.all(|change| matches!(change.what, What::Same | What::Body))
        && steps.all(|step| matches!(step.mark, Mark::Patch | Mark::Keep))
        // There the module's function of annotations is made anew.
        && kit.version < (3, 14)
}

/// The names that each class that a plan is about bound in the old text, by qualified name.
fn class_members(body: &Row, steps: &[Step]) -> BTreeMap<String, BTreeSet<String>> {
    fn walk(statement: &Statement, prefix: &str, out: &mut BTreeMap<String, BTreeSet<String>>) {
        match statement.kind {
            Kind::Class => {
                let path = format!("{prefix}{}", statement.name);
                let names: &mut BTreeSet<String> = out.entry(path.clone()).or_default();
                for member in &statement.body {
                    names.extend(member.uses.binds.iter().cloned());
                }
                let inner = format!("{path}.");
                statement.body.iter().for_each(|s| walk(s, &inner, out));
            }
            Kind::Compound => statement.body.iter().for_each(|s| walk(s, prefix, out)),
            _ => {}
        }
    }
    let mut out = BTreeMap::new();
    for statement in steps.iter().filter_map(|step| body.get(step.old?)) {
        walk(statement, "", &mut out);
    }
    out
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether a statement of the module gives a class this attribute (`C.attr`) after its body.
    pub(super) fn set_by_module(&self, path: &str) -> bool {
        self.written.contains(path)
    }

    /// A statement runs although only code was to change (see `binds_nothing`): what the names are
    /// bound to is told from what they were, and goes back should the edit fail.
    pub(super) fn bind_later(&mut self) -> PyResult<()> {
        if self.before.is(&self.job.dict) {
            self.work.tx.expect_all()?;
            self.before = self.work.tx.module(&self.job.dict)?;
        }
        Ok(())
    }

    /// What became of a statement of the new text.
    pub(super) fn what(&self, at: usize) -> &'a What {
        let changes: &'a Changes = self.job.changes;
        changes.at(at).1
    }

    pub(super) fn old_statement(&self, at: usize) -> Option<&'a Statement> {
        let old: &'a Source<'a> = self.job.old?;
        old.outline.body.get(self.job.changes.at(at).0?)
    }

    /// Remembers what the statements that are to run may change in place, and works out what
    /// import had put into containers that are to be made anew.
    pub(super) fn prepare(&mut self) -> PyResult<()> {
        for step in &self.job.plan.steps {
            if matches!(step.mark, Mark::Run | Mark::RunIf | Mark::Members) {
                self.remember(step.new)?;
            }
        }
        if let Some(old) = self.job.old
            && self.work.merge
        {
            let mut bases = Vec::new();
            let steps = self.job.plan.steps.iter();
            for step in steps.filter(|s| matches!(s.mark, Mark::Run | Mark::RunIf)) {
                // `TABLE = t = {}` makes one object, whatever name it is filled by.
                let binds = &self.job.new.outline.body[step.new].uses.binds;
                let is_container = |name| -> PyResult<_> {
                    Ok(self.before.get_item(name)?.is_some_and(|v| mergeable(&v)))
                };
                let mut any = false;
                for name in binds {
                    any |= is_container(name)?;
                }
                for name in binds.iter().filter(|_| any) {
                    let known = self.replayed.borrow_mut().remove(name);
                    if let Some(base) = known.or_else(|| self.import_value(old, name)) {
                        bases.push((name.clone(), base));
                    }
                }
            }
            self.bases.extend(bases);
        }
        Ok(())
    }

    /// `m.X` as an object, if every part is there and all but the last are modules.
    pub(super) fn resolve(&self, path: &str) -> Option<Bound<'py, PyAny>> {
        if !path.contains('.') {
            return self.job.dict.get_item(path).ok()?;
        }
        let mut parts = path.split('.');
        let mut value = self.job.dict.get_item(parts.next()?).ok()??;
        for part in parts {
            if !self.work.kit.is_exact(&value, &self.work.kit.module) {
                return Some(value);
            }
            value = value.getattr(part).ok()?;
        }
        Some(value)
    }

    /// What stands elsewhere and has nothing else done to it: statements without a step.
    fn note_moved(&mut self) {
        let Some(old) = self.job.old else { return };
        let (changes, plan) = (self.job.changes, self.job.plan);
        let (old, new): (&'a Row, &'a Row) = (&old.outline.body, &self.job.new.outline.body);
        let end = changes.shared_end();
        let shifted = new.len() > end
            && changes
                .at(end)
                .0
                .is_some_and(|at| old[at].span.line != new[end].span.line);
        let tail = if shifted { end..new.len() } else { 0..0 };
        for at in changes.items.iter().map(|change| change.new).chain(tail) {
            if let (Some(was), What::Same) = changes.at(at)
                && plan.step(at).is_none()
            {
                self.moved.push(Moved {
                    old: &old[was],
                    new: &new[at],
                    chain: Vec::new(),
                });
            }
        }
    }

    pub(super) fn step(&mut self, step: &Step, statement: &'a Statement) -> PyResult<()> {
        let at = step.new;
        self.work.kit.tire();
        // A star import that stands still is no step; what it gives counts below it.
        let passed = self.parked.iter().filter(|(_, (_, last))| *last < at);
        for name in passed.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.unpark(&name)?;
            self.dirty.clean(&name);
        }
        self.take_imports(at, statement)?;
        let remade = self.functions.tell_made(statement, &mut self.dirty);
        if let Some(why) = &remade
            && let Some(class) = self.job.dict.get_item(&statement.name)?
            && self.work.kit.is_class(&class)
        {
            self.work.remade(&class, &format!("it {why}"))?;
        }
        let mark = match step.mark {
            Mark::RunIf | Mark::Acts if remade.is_none() => {
                match self.affected(at, statement)? {
                    Some(Affected::Runs(_)) => Mark::RunIf,
                    Some(Affected::Given { .. }) if statement.kind == Kind::Class => Mark::Members,
                    Some(Affected::Given { .. }) if self.makes_other(statement)? => Mark::RunIf,
                    // Its own edit counts all the same.
                    affected => match (self.what(at), affected) {
                        (What::Body, _) => Mark::Patch,
                        (What::Inner(_), _) => Mark::Members,
                        (_, Some(Affected::Acts(_) | Affected::Given { acts: true, .. })) => {
                            Mark::Acts
                        }
                        _ => Mark::Keep,
                    },
                }
            }
            // A class that stands still but for a name that its body reads.
            Mark::Members
                if !matches!(self.what(at), What::Inner(_))
                    && !self.unsets(statement)
                    && !self.dirty.reimports(statement)
                    && affected_statement(statement, &self.functions, &self.dirty).is_none() =>
            {
                Mark::Keep
            }
            ref mark => mark.clone(),
        };
        if mark != Mark::Keep {
            if matches!(statement.kind, Kind::Function | Kind::Class) {
                self.expect_gains(at, statement);
                self.work.kit.begin_turns();
            }
            for name in chosen_by(statement, self.job.new.outline) {
                let line = statement.span.line;
                self.dirty
                    .acts(name, format!("which line {line} has a part in"));
            }
            self.functions.tell_holders(statement, &mut self.dirty);
            let told = self.functions.told_elsewhere(statement);
            self.work.holding.extend(told);
        }
        if matches!(mark, Mark::Run | Mark::RunIf | Mark::Members) {
            self.work.renew_siblings()?;
        }
        match mark {
            Mark::Run | Mark::RunIf => self.execute(at, statement, &step.why)?,
            Mark::Patch => {
                if let Some(old) = self.old_statement(at)
                    && self.body_looked_at(old, statement)
                {
                    self.decorate_again(at, old, statement, &step.why)?;
                } else if let Some(old) = self.old_statement(at) {
                    let holder = self.job.dict.get_item(&statement.name)?;
                    let patched = self.patch(holder.as_ref(), &[], old, statement, None, "")?;
                    if let Some(holder) = holder.filter(|_| !statement.applied.is_empty()) {
                        self.work.renew(&holder, &self.job.dict)?;
                    }
                    self.tell_patched(at, patched, old, statement);
                    if patched != Patched::No {
                        self.note(
                            ChangeKind::Function,
                            Action::Updated,
                            &statement.name,
                            statement,
                            &step.why,
                        );
                    }
                }
            }
            Mark::Members => {
                self.class_after_star(at, statement)?;
                self.members(at, statement, &step.why)?;
            }
            Mark::Keep | Mark::Acts => {
                if let Some(old) = self.old_statement(at) {
                    self.moved.push(Moved {
                        old,
                        new: statement,
                        chain: Vec::new(),
                    });
                }
                let star = self.parked.iter().filter(|(_, (_, last))| *last == at);
                let mut binds: BTreeSet<String> = star.map(|(name, _)| name.clone()).collect();
                binds.extend(statement.uses.binds.iter().cloned());
                for name in &binds {
                    if self.parked.get(name).is_some_and(|(_, last)| *last == at) {
                        self.unpark(name)?;
                        match statement.kind {
                            Kind::Import => self.imported_again(name),
                            _ => self.dirty.clean(name),
                        }
                    } else if !statement.uses.mutates.contains(name)
                        // Also below `try:`.
                        && !statement.imports.iter().any(|i| i.bound == *name || i.bound == "*")
                    {
                        self.dirty.clean(name);
                    }
                }
                if mark == Mark::Acts {
                    if let Some(value) = self.job.dict.get_item(&statement.name)? {
                        self.work.renew(&value, &self.job.dict)?;
                    }
                    self.dirty
                        .acts(&statement.name, format!("which {}", step.why));
                }
            }
        }
        let runs = matches!(mark, Mark::Run | Mark::RunIf);
        let what = self.what(at);
        self.functions
            .tell_declared(statement, what, runs, &mut self.dirty);
        told(self.work.forget_answers());
        self.work.twins.clear();
        self.work.made.clear();
        if let Some(was) = self.job.changes.at(at).0 {
            self.retract_gone(was)?;
        }
        for name in &statement.uses.binds {
            let below = format!("{name}.");
            let of_name = |path: &String| path == name || path.starts_with(&below);
            let again: Vec<String> = self
                .refilled
                .keys()
                .filter(|p| of_name(p))
                .cloned()
                .collect();
            for path in again {
                if let Some(why) = self.refilled.remove(&path) {
                    self.dirty.fill(path, why);
                }
            }
        }
        let ended: Vec<usize> = (0..self.chains.len())
            .filter(|&i| self.chains[i].last == at)
            .collect();
        for index in ended.into_iter().rev() {
            let chain = self.chains.remove(index);
            self.end_chain(&chain)?;
        }
        Ok(())
    }

    /// The statements of the new text that bind a name.
    pub(super) fn binders(&self, name: &str) -> impl Iterator<Item = usize> {
        let outline: &'a Outline = self.job.new.outline;
        let mut found = outline.index().writers(&outline.body, name);
        found.retain(|at| outline.body[*at].uses.binds.iter().any(|n| n == name));
        found.into_iter()
    }

    /// The statements of the new text that change what a name is bound to in place.
    pub(super) fn mutators(&self, name: &str) -> impl Iterator<Item = usize> {
        self.functions.changing(name).into_iter()
    }

    pub fn note(
        &mut self,
        kind: ChangeKind,
        action: Action,
        name: &str,
        at: &Statement,
        why: &str,
    ) {
        self.facts.changes.push(report::Change {
            kind,
            action,
            name: name.into(),
            line: at.span.line,
            reason: why.into(),
        });
    }

    pub(super) fn unpark(&mut self, name: &str) -> PyResult<()> {
        if let Some((value, _)) = self.parked.remove(name) {
            match value {
                Some(value) => self.job.dict.set_item(name, value)?,
                None if self.job.dict.contains(name)? => self.job.dict.del_item(name)?,
                None => {}
            }
        }
        Ok(())
    }

    /// A function of this module that no name leads to, found through the heap.
    pub fn search(&mut self, name: &str, line: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let wanted = Wanted {
            name,
            line,
            placed: Some(&self.placed),
        };
        for holder in kit
            .gc
            .call_method1("get_referrers", (&self.job.dict,))?
            .try_iter()?
        {
            let holder = holder?;
            if wanted.is(kit, &holder) {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// Cached results of functions that now give something else.
    pub(super) fn clear_caches(&mut self) -> PyResult<()> {
        let dirty = self.dirty.len();
        if dirty == self.cleared {
            return Ok(());
        }
        // What goes through the whole module pays where it is asked after one class upon the other.
        let again = std::mem::replace(&mut self.cleared, dirty) > 0;
        if again
            && !*self
                .caching
                .get_or_insert_with(|| self.functions.wraps_any())
        {
            return Ok(());
        }
        let names = acting(self.job.new.outline, &self.dirty);
        for path in self.functions.wrapped(names) {
            if self.emptied.contains(&path)
                || self
                    .functions
                    .acts_differently(std::slice::from_ref(&path), &self.dirty)
                    .is_none()
                    && self.functions.acts_given(&path, &self.dirty).is_none()
            {
                continue;
            }
            let mut parts = path.split('.');
            let Some(first) = parts.next() else { continue };
            let Some(mut value) = self.job.dict.get_item(first)? else {
                continue;
            };
            let (mut found, mut owner) = (true, None);
            for part in parts {
                match self
                    .work
                    .kit
                    .is_class(&value)
                    .then(|| self.work.kit.class_entry(&value, part))
                {
                    Some(Ok(Some(entry))) => owner = Some(std::mem::replace(&mut value, entry)),
                    _ => {
                        found = false;
                        break;
                    }
                }
            }
            if found {
                clear_cache(self.work.kit, &mut self.work.tx, &value, &self.job.dict)?;
                if let Some(class) = owner {
                    self.work.forget_stored(&class, &value)?;
                }
                self.emptied.insert(path);
            }
        }
        Ok(())
    }
}

/// Exactly a list, dict or set.
pub(super) fn container(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PySet>()
}
