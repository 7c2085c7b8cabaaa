//! One module brought up to date: its plan, statement by statement, in its own dict.
//!
//! Old and new objects are brought together right after each statement, so that the next one
//! (a subclass, a decorator, a default argument, a registry) already sees the object that
//! lives on.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::compile::Source;
use super::function::{Wanted, find, identical};
use super::kit::text;
use super::lines::Moved;
use super::registry::holds;
use super::work::{Replaced, Work};
use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Statement, Value};
use crate::plan::{Dirty, Functions, Mark, Plan, affected, rebound_later};
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
    /// What paths into changed modules (`m.X`) meant before.
    pub was: &'a [(String, Bound<'py, PyAny>)],
    /// Names whose value at run time is never overwritten.
    pub keep: &'a BTreeSet<String>,
}

/// What came of it.
#[derive(Default)]
pub struct Facts<'py> {
    /// Names that are bound to another object now: name, old, new.
    pub rebound: Vec<(String, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>)>,
    /// What differs, in paths relative to the module.
    pub dirty: Dirty,
    /// For the report.
    pub changes: Vec<report::Change>,
    /// A statement of the module ran.
    pub executed: bool,
}

/// A container that is being made anew by several statements.
struct Chain<'py> {
    name: String,
    object: Bound<'py, PyAny>,
    /// What the program had in it.
    live: Bound<'py, PyAny>,
    /// What import had put in it.
    base: Option<Bound<'py, PyAny>>,
    last: usize,
}

pub(super) struct Run<'w, 'k, 'a, 'py> {
    pub work: &'w mut Work<'k, 'py>,
    pub job: &'w Job<'a, 'py>,
    pub facts: Facts<'py>,
    pub functions: Functions<'a>,
    pub dirty: Dirty,
    /// The module's dict as it was.
    pub before: Bound<'py, PyDict>,
    pub moved: Vec<Moved<'a>>,
    /// Names that hold the value of an earlier definition for now; the live value; where the
    /// definition stands that gave it.
    parked: BTreeMap<String, (Option<Bound<'py, PyAny>>, usize)>,
    chains: Vec<Chain<'py>>,
    /// How much was dirty when cached results were last thrown away.
    cleared: usize,
    bases: BTreeMap<String, Bound<'py, PyAny>>,
}

/// Applies a job. On an error the caller rolls the transaction back.
pub fn run<'a, 'py>(work: &mut Work<'_, 'py>, job: &Job<'a, 'py>) -> PyResult<Facts<'py>> {
    work.dict = job.dict.clone();
    work.members = job
        .old
        .map(|old| class_members(&old.outline.body))
        .unwrap_or_default();
    work.tx.dict(&job.dict)?;
    if let Some(annotations) = job.dict.get_item("__annotations__")? {
        work.tx.container(&annotations)?;
    }
    let before = job.dict.copy()?;
    let mut run = Run {
        functions: Functions::of(job.new.outline),
        dirty: job.outside.clone(),
        facts: Facts::default(),
        before,
        moved: Vec::new(),
        parked: BTreeMap::new(),
        chains: Vec::new(),
        cleared: 0,
        bases: BTreeMap::new(),
        work,
        job,
    };
    run.prepare()?;
    let body: &'a [Statement] = &job.new.outline.body;
    for (at, statement) in body.iter().enumerate() {
        run.step(at, statement)?;
    }
    for name in run.parked.keys().cloned().collect::<Vec<_>>() {
        run.unpark(&name)?;
    }
    run.remove()?;
    run.kept_names()?;
    run.shift_lines()?;
    run.clear_caches()?;
    run.export();
    Ok(run.facts)
}

/// The names that each class of a source binds, by qualified name.
fn class_members(body: &[Statement]) -> BTreeMap<String, BTreeSet<String>> {
    fn walk(body: &[Statement], prefix: &str, out: &mut BTreeMap<String, BTreeSet<String>>) {
        for statement in body {
            match statement.kind {
                Kind::Class => {
                    let path = format!("{prefix}{}", statement.name);
                    let names: &mut BTreeSet<String> = out.entry(path.clone()).or_default();
                    for member in &statement.body {
                        names.extend(member.uses.binds.iter().cloned());
                    }
                    walk(&statement.body, &format!("{path}."), out);
                }
                Kind::Compound => walk(&statement.body, prefix, out),
                _ => {}
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(body, "", &mut out);
    out
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    fn change(&self, at: usize) -> Option<&'a Change> {
        let changes: &'a Changes = self.job.changes;
        changes.items.iter().find(|c| c.new == at)
    }

    fn old_statement(&self, at: usize) -> Option<&'a Statement> {
        let old: &'a Source<'a> = self.job.old?;
        old.outline.body.get(self.change(at)?.old?)
    }

    /// Remembers what the statements that are to run may change in place, and works out what
    /// import had put into containers that are to be made anew.
    fn prepare(&mut self) -> PyResult<()> {
        let mut seen = BTreeSet::new();
        for step in &self.job.plan.steps {
            if !matches!(step.mark, Mark::Run | Mark::RunIf | Mark::Members) {
                continue;
            }
            let uses = &self.job.new.outline.body[step.new].uses;
            let names = uses.reads.iter().chain(&uses.mutates).chain(&uses.binds);
            for path in names {
                if seen.insert(path.clone())
                    && let Some(value) = self.resolve(path)
                {
                    self.work.tx.container(&value)?;
                }
            }
        }
        if let Some(old) = self.job.old
            && self.work.merge
        {
            let names: BTreeSet<&String> = self
                .job
                .plan
                .steps
                .iter()
                .filter(|s| matches!(s.mark, Mark::Run | Mark::RunIf))
                .flat_map(|s| &self.job.new.outline.body[s.new].uses.binds)
                .collect();
            for name in names {
                let is_container = self.before.get_item(name)?.is_some_and(|v| container(&v));
                if is_container && let Some(base) = self.import_value(old, name) {
                    self.bases.insert(name.clone(), base);
                }
            }
        }
        Ok(())
    }

    /// `m.X` as an object, if every part is there and all but the last are modules.
    fn resolve(&self, path: &str) -> Option<Bound<'py, PyAny>> {
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

    /// The value that the old statements gave a name at import, made again aside, where making
    /// it has no effect but the value.
    fn import_value(&self, old: &Source<'_>, name: &str) -> Option<Bound<'py, PyAny>> {
        let body = &old.outline.body;
        let origin = body.iter().rposition(|s| {
            s.uses.binds.iter().any(|n| n == name) && !s.uses.mutates.iter().any(|n| n == name)
        })?;
        if body[origin].value == Value::Other {
            return None;
        }
        let scratch = self.before.copy().ok()?;
        self.as_it_was(&scratch, &body[origin]).ok()?;
        for statement in body[origin..].iter().enumerate().filter_map(|(at, s)| {
            (at == 0 || s.uses.mutates.iter().any(|n| n == name)).then_some(s)
        }) {
            let simple = statement.kind != Kind::Compound
                && statement.uses.mutates.iter().all(|n| n == name)
                && statement.uses.calls.iter().all(|path| {
                    path.strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with('.'))
                        || statement.value != Value::Other
                });
            if !simple {
                return None;
            }
            let code = old.statement(self.work.kit, statement).ok()?;
            self.work.kit.exec.call1((code, &scratch)).ok()?;
        }
        scratch.get_item(name).ok()?
    }

    /// Lets names of changed modules mean in `scratch` what they meant before.
    fn as_it_was(&self, scratch: &Bound<'py, PyDict>, reader: &Statement) -> PyResult<()> {
        for (path, old) in self.job.was {
            if !reader
                .uses
                .reads
                .iter()
                .any(|read| read == path || read.starts_with(&format!("{path}.")))
            {
                continue;
            }
            // Stand-ins for the modules on the way, with the one attribute as it was.
            let mut holder: Bound<'py, PyAny> = scratch.as_any().clone();
            let parts: Vec<&str> = path.split('.').collect();
            for (at, part) in parts.iter().enumerate() {
                let dict = holder.cast::<PyDict>().map_err(PyErr::from)?.clone();
                if at + 1 == parts.len() {
                    dict.set_item(part, old)?;
                    break;
                }
                let Some(module) = dict.get_item(part)? else {
                    break;
                };
                let stand_in = self
                    .work
                    .kit
                    .py
                    .import("types")?
                    .getattr("SimpleNamespace")?
                    .call0()?;
                let state = stand_in.getattr("__dict__")?.cast_into::<PyDict>()?;
                state.update(
                    module
                        .getattr("__dict__")?
                        .cast::<pyo3::types::PyMapping>()?,
                )?;
                dict.set_item(part, stand_in)?;
                holder = state.into_any();
            }
        }
        Ok(())
    }

    fn step(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        self.take_imports(statement)?;
        let step = &self.job.plan.steps[at];
        let mark = match step.mark {
            Mark::RunIf
                if affected(&statement.uses, &self.functions, &self.dirty).is_none()
                    && crate::plan::remade(statement, &self.dirty).is_none() =>
            {
                Mark::Keep
            }
            // A class that stands still but for a name that its body reads.
            Mark::Members
                if !matches!(self.change(at).map(|c| &c.what), Some(What::Inner(_)))
                    && !self.dirty.reimports(statement)
                    && affected(&statement.uses, &self.functions, &self.dirty).is_none() =>
            {
                Mark::Keep
            }
            ref mark => mark.clone(),
        };
        match mark {
            Mark::Run | Mark::RunIf => self.execute(at, statement, &step.why)?,
            Mark::Patch => {
                if let Some(old) = self.old_statement(at) {
                    let holder = self.job.dict.get_item(&statement.name)?;
                    let patched = self.patch(holder.as_ref(), &[], old, statement, None, "")?;
                    self.dirty.acts(
                        &statement.name,
                        format!("which changed on line {}", statement.span.line),
                    );
                    if patched {
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
            Mark::Members => self.members(at, statement, &step.why)?,
            Mark::Keep => {
                if let Some(old) = self.old_statement(at) {
                    self.moved.push(Moved {
                        old,
                        new: statement,
                        chain: Vec::new(),
                    });
                }
                let binds: Vec<String> = statement.uses.binds.clone();
                for name in &binds {
                    if self.parked.get(name).is_some_and(|(_, last)| *last == at) {
                        self.unpark(name)?;
                        self.dirty.clean(name);
                    } else if statement.kind != Kind::Import
                        && !statement.uses.mutates.contains(name)
                    {
                        self.dirty.clean(name);
                    }
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

    /// Gives names that were imported from changed modules their new values.
    fn take_imports(&mut self, statement: &Statement) -> PyResult<()> {
        if statement.imports.is_empty() {
            return Ok(());
        }
        let rebinds = self.job.rebinds;
        for rebind in rebinds {
            let here = statement.imports.iter().any(|i| {
                if rebind.star {
                    i.bound == "*"
                } else {
                    i.bound == rebind.name && i.name.is_some()
                }
            });
            if !here {
                continue;
            }
            let now = self.job.dict.get_item(&rebind.name)?;
            let follows = match (&rebind.old, &now) {
                (Some(old), Some(now)) => old.is(now),
                (None, None) => rebind.star,
                // A star import takes a name over that came from an earlier statement.
                (None, Some(_)) if rebind.star => !self.bound_after(statement, &rebind.name),
                // A name that was missing there and is missing here.
                (Some(_), None) => false,
                (None, Some(_)) => false,
            };
            if !follows {
                continue;
            }
            match &rebind.new {
                Some(new) => self.job.dict.set_item(&rebind.name, new)?,
                None if rebind.star => self.job.dict.del_item(&rebind.name)?,
                None => {
                    self.work.notes.push(format!(
                        "{} is gone from where it was imported; {} keeps what it had",
                        rebind.from, rebind.name
                    ));
                    continue;
                }
            }
            let why = format!("which comes from {}", rebind.from);
            self.dirty.value(&rebind.name, why);
            let action = if rebind.new.is_some() {
                Action::Rebound
            } else {
                Action::Removed
            };
            self.note(
                ChangeKind::Import,
                action,
                &rebind.name,
                statement,
                &format!("{} changed", rebind.from),
            );
            self.facts
                .rebound
                .push((rebind.name.clone(), now, rebind.new.clone()));
        }
        Ok(())
    }

    /// Whether a statement after this one binds the name.
    fn bound_after(&self, statement: &Statement, name: &str) -> bool {
        self.job
            .new
            .outline
            .body
            .iter()
            .any(|s| s.span.start > statement.span.start && s.uses.binds.iter().any(|n| n == name))
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
            name: name.to_owned(),
            line: at.span.line,
            reason: why.to_owned(),
        });
    }

    fn unpark(&mut self, name: &str) -> PyResult<()> {
        if let Some((value, _)) = self.parked.remove(name) {
            match value {
                Some(value) => self.job.dict.set_item(name, value)?,
                None if self.job.dict.contains(name)? => self.job.dict.del_item(name)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Runs one statement in the module's dict and brings what it bound together with what was.
    pub fn execute(&mut self, at: usize, statement: &'a Statement, why: &str) -> PyResult<()> {
        self.clear_caches()?;
        let kit = self.work.kit;
        let dict = self.job.dict.clone();
        let outline = self.job.new.outline;
        let mut names: BTreeSet<String> = statement.uses.binds.iter().cloned().collect();
        names.extend(statement.uses.deletes.iter().cloned());
        names.extend(self.functions.global_writes(&statement.uses.calls));
        names.remove("*");
        let copies: Vec<(String, Bound<'py, PyAny>, Bound<'py, PyAny>)> = statement
            .uses
            .mutates
            .iter()
            .filter_map(|name| {
                let value = dict.get_item(name).ok()??;
                if !container(&value) {
                    return None;
                }
                Some((
                    name.clone(),
                    value.clone(),
                    value.call_method0("copy").ok()?,
                ))
            })
            .collect();
        let star = statement
            .imports
            .iter()
            .any(|i| i.bound == "*")
            .then(|| dict.copy())
            .transpose()?;
        let annotate = (kit.version >= (3, 14))
            .then(|| dict.get_item("__annotate__"))
            .transpose()?
            .flatten();
        let registries = match self.before.get_item(&statement.name)? {
            Some(old) if !statement.name.is_empty() => {
                let mut found = self.registries(statement)?;
                found.retain(|r| holds(r, &old).unwrap_or(false));
                for registry in &found {
                    self.work.tx.container(registry)?;
                }
                found
            }
            _ => Vec::new(),
        };
        let opened = super::idioms::open(self.work, &statement.uses)?;
        let ran = if statement.kind == Kind::Compound {
            self.run_branches(at, statement)
        } else {
            self.job
                .new
                .statement(kit, statement)
                .and_then(|code| kit.exec.call1((code, &dict)).map(drop))
        };
        opened.close()?;
        if let Err(error) = ran {
            if statement.kind == Kind::Expr {
                self.work.stuck_on = statement.uses.mutates.first().cloned();
            }
            return Err(error);
        }
        self.facts.executed = true;
        if let (Some(old), Some(new)) = (
            self.before.get_item(&statement.name)?,
            dict.get_item(&statement.name)?,
        ) && !old.is(&new)
        {
            // The definition told a registry of itself again: what it had put there before goes,
            // also where the key is another one now.
            for registry in &registries {
                if holds(registry, &new)? {
                    self.unregister(registry, &old)?;
                }
            }
        }
        if statement.kind == Kind::Docstring {
            // Run alone it is the module's docstring again, and the compiler says so.
            self.note(
                ChangeKind::Statement,
                Action::Executed,
                &first_line(self.job.new, statement),
                statement,
                why,
            );
            return Ok(());
        }
        if let Some(annotate) = annotate
            && !dict
                .get_item("__annotate__")?
                .is_some_and(|now| now.is(&annotate))
        {
            dict.set_item("__annotate__", annotate)?;
        }
        if let Some(star) = star {
            for (key, value) in dict.iter() {
                let name = text(&key);
                match star.get_item(&key)? {
                    Some(was) if was.is(&value) => {}
                    was => {
                        self.dirty.value(
                            &name,
                            format!("which was imported on line {}", statement.span.line),
                        );
                        self.facts.rebound.push((name, was, Some(value)));
                    }
                }
            }
        }
        let changed_on = format!("which changed on line {}", statement.span.line);
        let mut reported = false;
        for name in &names {
            let new = dict.get_item(name)?;
            let last = rebound_later(outline, at, name);
            if let Some(last) = last
                && !statement.uses.mutates.contains(name)
                && !new
                    .as_ref()
                    .is_some_and(|n| container(n) && statement.value == Value::Container)
            {
                // Not the definition that counts in the end: bound for those in between only.
                if !self.parked.contains_key(name) {
                    self.parked
                        .insert(name.clone(), (self.before.get_item(name)?, last));
                }
                self.adopt_earlier(at, statement, name, new.as_ref())?;
                self.dirty.value(name, changed_on.clone());
                continue;
            }
            let old = match self.parked.remove(name) {
                Some((live, _)) => live,
                None => self.before.get_item(name)?,
            };
            if self.job.keep.contains(name) && old.is_some() {
                // The author wants the value of run time: put back at once, as if nothing ran.
                dict.set_item(name, old)?;
                continue;
            }
            let (kept, action, differs) = match (&old, &new) {
                (None, None) => continue,
                (Some(_), None) => (None, Action::Removed, true),
                (None, Some(new)) => (Some(new.clone()), Action::Added, true),
                (Some(old), Some(new)) => {
                    let kept = self.bring_together(at, statement, name, old, new)?;
                    let same = kept.is(old);
                    let action = if same {
                        Action::Updated
                    } else {
                        Action::Rebound
                    };
                    (Some(kept), action, !same)
                }
            };
            if let (Some(kept), Some(new)) = (&kept, &new)
                && !kept.is(new)
            {
                dict.set_item(name, kept)?;
            }
            let definition = matches!(statement.kind, Kind::Function | Kind::Class);
            if differs {
                self.dirty.value(name, changed_on.clone());
                self.facts
                    .rebound
                    .push((name.clone(), old.clone(), kept.clone()));
            } else if definition {
                self.dirty.acts(name, changed_on.clone());
                if let Some(Change {
                    what: What::Header(Some(inner)),
                    ..
                }) = self.change(at)
                {
                    crate::plan::members(statement, inner, "", &mut self.dirty);
                }
            } else if let (Some(old), Some(new)) = (&old, &new)
                && container(old)
                && !old.is(new)
            {
                self.dirty.value(name, changed_on.clone());
            } else if kept.as_ref().is_some_and(|k| kit.is_class(k))
                && !old
                    .as_ref()
                    .zip(new.as_ref())
                    .is_some_and(|(old, new)| old.is(new))
            {
                // A class made by a call (`namedtuple(...)`): what was made of it may differ.
                self.dirty.value(name, changed_on.clone());
            } else if kept.as_ref().is_some_and(|k| kit.is_function(k)) {
                self.dirty.acts(name, changed_on.clone());
            } else {
                // The same object, or an equal immutable: nothing for its readers to do.
                self.dirty.clean(name);
                continue;
            }
            let kind = match statement.kind {
                Kind::Function => ChangeKind::Function,
                Kind::Class => ChangeKind::Class,
                Kind::Import => ChangeKind::Import,
                _ => ChangeKind::Variable,
            };
            self.note(kind, action, name, statement, why);
            reported = true;
        }
        for (name, object, copy) in copies {
            if !names.contains(&name) && !object.eq(&copy)? {
                self.dirty.value(&name, changed_on.clone());
            }
        }
        for name in &statement.uses.mutates {
            if !names.contains(name) && dict.get_item(name)?.is_some_and(|v| !container(&v)) {
                self.dirty.value(name, changed_on.clone());
            }
        }
        if !reported {
            self.note(
                ChangeKind::Statement,
                Action::Executed,
                &first_line(self.job.new, statement),
                statement,
                why,
            );
        }
        Ok(())
    }

    /// Runs a compound statement. Names that only a branch binds which does not run any more go.
    fn run_branches(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        const TELL: &str = "__pyreload_bound__";
        let kit = self.work.kit;
        let dict = self.job.dict.clone();
        let code = self.job.new.branches(kit, statement)?;
        let told = PySet::empty(kit.py)?;
        dict.set_item(TELL, told.getattr("update")?)?;
        let ran = kit.exec.call1((code, &dict));
        dict.del_item(TELL)?;
        ran?;
        let body = &self.job.new.outline.body;
        for name in &statement.uses.binds {
            let elsewhere = body
                .iter()
                .enumerate()
                .any(|(i, s)| i != at && s.uses.binds.iter().any(|n| n == name));
            let untouched = match (self.before.get_item(name)?, dict.get_item(name)?) {
                (Some(old), Some(new)) => old.is(&new),
                _ => false,
            };
            if untouched && !elsewhere && !told.contains(name)? {
                dict.del_item(name)?;
            }
        }
        Ok(())
    }

    /// Which object a name is bound to in the end.
    fn bring_together(
        &mut self,
        at: usize,
        statement: &'a Statement,
        name: &str,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if old.is(new) || identical(old, new) && !container(old) {
            return Ok(old.clone());
        }
        if container(old) && old.get_type().is(new.get_type()) {
            let links: Vec<usize> = (at + 1..self.job.new.outline.body.len())
                .take_while(|&i| {
                    let uses = &self.job.new.outline.body[i].uses;
                    !uses.binds.iter().any(|n| n == name) || uses.mutates.iter().any(|n| n == name)
                })
                .filter(|&i| {
                    self.job.new.outline.body[i]
                        .uses
                        .mutates
                        .iter()
                        .any(|n| n == name)
                })
                .collect();
            let base = self.bases.get(name).cloned();
            if let Some(&last) = links.last() {
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
            self.work.update_container(old, new, base.as_ref(), name)?;
            return Ok(old.clone());
        }
        // An object that was there before under another name was not made by this statement:
        // the name means that one now, and the old one stays what it is.
        if statement.kind == Kind::Import
            || self.before.values().iter().any(|value| value.is(new))
            || (statement.kind == Kind::Assign && !same_origin(old, new))
        {
            return Ok(new.clone());
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
        self.work.reconcile(&old, new, None)
    }

    /// An earlier definition of a name that a later one binds again: functions made by it that
    /// somebody registered follow.
    fn adopt_earlier(
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

    fn end_chain(&mut self, chain: &Chain<'py>) -> PyResult<()> {
        let fresh = chain.object.call_method0("copy")?;
        self.work.tx.container(&chain.object)?;
        // Back to what the program had, then the same merge as for a single statement.
        let merge = std::mem::replace(&mut self.work.merge, false);
        let outcome = self
            .work
            .update_container(&chain.object, &chain.live, None, &chain.name);
        self.work.merge = merge;
        outcome?;
        self.work
            .update_container(&chain.object, &fresh, chain.base.as_ref(), &chain.name)?;
        Ok(())
    }

    /// A function of this module that no name leads to, found through the heap.
    pub fn search(&mut self, name: &str, line: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let wanted = Wanted { name, line };
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

    /// Names whose statement is gone.
    fn remove(&mut self) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let written: BTreeSet<String> = old
            .outline
            .body
            .iter()
            .flat_map(|s| s.later.global_writes.iter().cloned())
            .collect();
        let had = Functions::of(old.outline);
        let effects = |functions: &Functions<'_>, statement: &Statement| -> BTreeSet<String> {
            let mut names = functions.global_writes(&statement.uses.calls);
            names.extend(statement.uses.binds.iter().cloned());
            names
        };
        let bound: BTreeSet<String> = self
            .job
            .new
            .outline
            .body
            .iter()
            .flat_map(|s| effects(&self.functions, s))
            .collect();
        let mut gone: Vec<(&Statement, String)> = Vec::new();
        for change in &self.job.changes.items {
            if let (Some(at), What::Changed | What::Header(_)) = (change.old, &change.what) {
                let statement = &old.outline.body[at];
                gone.extend(effects(&had, statement).into_iter().map(|n| (statement, n)));
            }
        }
        for &at in &self.job.changes.removed {
            let statement = &old.outline.body[at];
            gone.extend(effects(&had, statement).into_iter().map(|n| (statement, n)));
        }
        self.drop_annotations(old)?;
        for (statement, name) in gone {
            let name = &name;
            if bound.contains(name) || name == "*" || statement.kind == Kind::MainGuard {
                continue;
            }
            let Some(value) = self.job.dict.get_item(name)? else {
                continue;
            };
            if !self.ours(old, statement, name, &value, &written)? {
                self.work.notes.push(format!(
                    "{name} is gone from the file, but the program had put its own value there; it is kept"
                ));
                continue;
            }
            if let Some(other) = self.from_star(name)? {
                // A star import of the new text has the name as well.
                if !other.is(&value) {
                    self.job.dict.set_item(name, &other)?;
                    self.dirty
                        .value(name, "which comes from another module now");
                    self.facts
                        .rebound
                        .push((name.clone(), Some(value), Some(other)));
                }
                continue;
            }
            self.job.dict.del_item(name)?;
            for registry in self.registries(statement)? {
                self.unregister(&registry, &value)?;
            }
            self.dirty.value(name, "which is gone");
            let kind = match statement.kind {
                Kind::Function => ChangeKind::Function,
                Kind::Class => ChangeKind::Class,
                Kind::Import => ChangeKind::Import,
                _ => ChangeKind::Variable,
            };
            self.note(
                kind,
                Action::Removed,
                name,
                statement,
                "it is gone from the file",
            );
            self.facts.rebound.push((name.clone(), Some(value), None));
        }
        if old
            .outline
            .body
            .first()
            .is_some_and(|s| s.kind == Kind::Docstring)
            && self
                .job
                .new
                .outline
                .body
                .first()
                .is_none_or(|s| s.kind != Kind::Docstring)
        {
            self.job.dict.set_item("__doc__", self.work.kit.py.None())?;
        }
        Ok(())
    }

    /// What the star imports of the new text give for a name; the last one wins.
    fn from_star(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.job.new.outline.star {
            return Ok(None);
        }
        let package = self
            .job
            .dict
            .get_item("__package__")?
            .map(|p| text(&p))
            .unwrap_or_default();
        let imports = self
            .job
            .new
            .outline
            .body
            .iter()
            .rev()
            .flat_map(|s| s.imports.iter().rev());
        for import in imports.filter(|i| i.bound == "*") {
            let module = crate::modules::resolve(&package, import.level, &import.module);
            let Some(module) = self.work.kit.sys_modules.get_item(module)? else {
                continue;
            };
            let public = match module.getattr("__all__") {
                Ok(all) => all.contains(name)?,
                Err(_) => !name.starts_with('_'),
            };
            if public && let Ok(value) = module.getattr(name) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Annotations of module names that the new text does not annotate (up to 3.13; later ones are
    /// computed by a function).
    fn drop_annotations(&mut self, old: &Source<'_>) -> PyResult<()> {
        let Some(found) = self.job.dict.get_item("__annotations__")? else {
            return Ok(());
        };
        let Ok(annotations) = found.cast_into_exact::<PyDict>() else {
            return Ok(());
        };
        let annotated = |source: &Source<'_>| -> BTreeSet<String> {
            let body = source.outline.body.iter();
            body.filter(|s| matches!(s.kind, Kind::Annotation | Kind::Assign))
                .filter(|s| {
                    let rest = source.slice(s).strip_prefix(s.name.as_str());
                    rest.is_some_and(|r| r.trim_start().starts_with(':'))
                })
                .map(|s| s.name.clone())
                .collect()
        };
        let now = annotated(self.job.new);
        if now.is_empty() && !annotated(old).is_empty() {
            // The compiler makes the dict for the first annotation only.
            return self.job.dict.del_item("__annotations__");
        }
        for name in annotated(old).difference(&now) {
            if annotations.contains(name)? {
                self.work.tx.dict(&annotations)?;
                annotations.del_item(name)?;
            }
        }
        Ok(())
    }

    /// Whether a name still has the value that the module gave it.
    fn ours(
        &self,
        old: &Source<'_>,
        statement: &Statement,
        name: &str,
        value: &Bound<'py, PyAny>,
        written: &BTreeSet<String>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        match statement.kind {
            Kind::Function => {
                let wanted = Wanted {
                    name: &statement.name,
                    line: statement.span.line,
                };
                Ok(find(kit, value, wanted, &self.job.dict)?.is_some()
                    // A decorator that gave back something else altogether.
                    || (statement.decorators != 0 && !kit.is_function(value)))
            }
            Kind::Class => Ok(!kit.is_class(value) && statement.decorators != 0
                || kit.defined_in(value, &self.job.dict)?),
            Kind::Assign if statement.value == Value::Pure && !written.contains(name) => {
                let Some(code) = old.value(kit, statement) else {
                    return Ok(true);
                };
                let scratch = self.before.copy()?;
                match kit.eval.call1((code, &scratch)) {
                    Ok(was) => Ok(was.is(value) || was.eq(value).unwrap_or(true)),
                    Err(_) => Ok(true),
                }
            }
            _ => Ok(true),
        }
    }

    /// Names that the author wants left alone.
    fn kept_names(&mut self) -> PyResult<()> {
        for name in self.job.keep {
            if let Some(value) = self.before.get_item(name)? {
                self.job.dict.set_item(name, value)?;
                self.facts.rebound.retain(|(n, ..)| n != name);
                self.dirty.clean(name);
            }
        }
        Ok(())
    }

    /// Cached results of functions that now give something else.
    pub(super) fn clear_caches(&mut self) -> PyResult<()> {
        let dirty = self.dirty.values.len() + self.dirty.behaviour.len();
        if dirty == self.cleared {
            return Ok(());
        }
        self.cleared = dirty;
        for path in self
            .functions
            .paths()
            .map(str::to_owned)
            .collect::<Vec<_>>()
        {
            if self
                .functions
                .acts_differently(std::slice::from_ref(&path), &self.dirty)
                .is_none()
            {
                continue;
            }
            let mut parts = path.split('.');
            let Some(first) = parts.next() else { continue };
            let Some(mut value) = self.job.dict.get_item(first)? else {
                continue;
            };
            let mut found = true;
            for part in parts {
                match self
                    .work
                    .kit
                    .is_class(&value)
                    .then(|| self.work.kit.class_entry(&value, part))
                {
                    Some(Ok(Some(entry))) => value = entry,
                    _ => {
                        found = false;
                        break;
                    }
                }
            }
            if found {
                clear_cache(&value)?;
            }
        }
        Ok(())
    }

    fn export(&mut self) {
        let paths: Vec<String> = self.functions.paths().map(str::to_owned).collect();
        for path in paths {
            if let Some(why) = self
                .functions
                .acts_differently(std::slice::from_ref(&path), &self.dirty)
            {
                let why = why
                    .strip_prefix(&format!("calls {path}, "))
                    .map(str::to_owned)
                    .unwrap_or(why);
                self.facts.dirty.acts(path, why);
            }
        }
        self.facts.dirty.values.append(&mut self.dirty.values);
        self.facts.dirty.behaviour.append(&mut self.dirty.behaviour);
    }
}

/// Forgets what an `lru_cache` (perhaps inside a static or class method) has remembered.
pub(super) fn clear_cache(value: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut at = value.clone();
    for _ in 0..4 {
        if at.get_type().name()?.to_string() == "_lru_cache_wrapper" {
            return at.call_method0("cache_clear").map(drop);
        }
        let inner = at
            .getattr("__func__")
            .or_else(|_| at.getattr("fget"))
            .or_else(|_| at.getattr("__wrapped__"));
        match inner {
            Ok(inner) => at = inner,
            Err(_) => break,
        }
    }
    Ok(())
}

/// Whether two objects say that they are the same definition.
fn same_origin(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> bool {
    let name = |value: &Bound<'_, PyAny>| value.getattr("__qualname__").map(|n| text(&n)).ok();
    old.get_type().is(new.get_type()) && name(old) == name(new)
}

/// Exactly a list, dict or set.
pub(super) fn container(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PySet>()
}

pub(super) fn first_line(source: &Source<'_>, statement: &Statement) -> String {
    source
        .slice(statement)
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .to_owned()
}

impl Facts<'_> {
    /// The same facts once more, for another reader.
    pub fn share(&self) -> Self {
        Self {
            rebound: self.rebound.clone(),
            dirty: self.dirty.clone(),
            changes: Vec::new(),
            executed: self.executed,
        }
    }

    /// Facts of a second round: of a name that was bound twice, the last value counts.
    pub fn join(&mut self, mut later: Self) {
        for (name, old, new) in later.rebound.drain(..) {
            match self.rebound.iter_mut().find(|(n, ..)| *n == name) {
                Some(entry) => entry.2 = new,
                None => self.rebound.push((name, old, new)),
            }
        }
        self.dirty.values.append(&mut later.dirty.values);
        self.dirty.behaviour.append(&mut later.dirty.behaviour);
    }
}
