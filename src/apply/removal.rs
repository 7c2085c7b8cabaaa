//! Names whose statement is gone from the file.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::annotations::may_annotate_inside;
use super::compile::Source;
use super::function::{Wanted, find, plain};
use super::kit::{is_above, text};
use super::module::Run;
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Statement, Value};
use crate::plan::{Functions, affected_statement};
use crate::report::{Action, ChangeKind};

/// The names that a statement binds, or functions that it calls.
fn written_by(functions: &Functions<'_>, statement: &Statement) -> BTreeSet<String> {
    let mut names = functions.global_writes(&statement.uses.calls);
    names.extend(statement.uses.binds.iter().cloned());
    names
}

/// Whether a text begins with a string.
fn documented(source: &Source<'_>) -> bool {
    let first = source.outline.body.first();
    first.is_some_and(|s| s.kind == Kind::Docstring)
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Names whose statement is gone.
    pub(super) fn remove(&mut self) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let gone = self.gone(old);
        self.drop_annotations(old)?;
        self.module_annotations()?;
        self.drop_attributes()?;
        self.drop_star(old)?;
        self.drop_unlisted(old)?;
        self.drop_names(old, gone)?;
        if documented(old) && !documented(self.job.new) && self.binders("__doc__").next().is_none()
        {
            self.module_docstring()?;
        }
        Ok(())
    }

    /// Names that are gone and hid builtins, or what a star import gives: who reads them while the module
    /// is brought up to date is to get that.
    pub(super) fn uncover(&mut self) -> PyResult<()> {
        self.work.leaving.clear();
        let Some(old) = self.job.old else {
            return Ok(());
        };
        if documented(old) && !documented(self.job.new) {
            self.dirty.value("__doc__", "which is gone");
        }
        let mut gone = self.gone(old);
        self.note_leaving(&gone)?;
        self.miss_later(old)?;
        self.miss_arguments_outside()?;
        if !gone.is_empty() {
            let builtins = self.work.kit.py.import("builtins")?.dict();
            gone.retain(|(_, name)| {
                let hidden = builtins.contains(name).unwrap_or(false)
                    || self.star_value(name).is_ok_and(|given| given.is_some());
                !name.starts_with("__") && hidden
            });
        }
        self.drop_names(old, gone)
    }

    /// Names that the author wants left alone.
    pub(super) fn kept_names(&mut self) -> PyResult<()> {
        for name in self.job.keep {
            if let Some(value) = self.before.get_item(name)? {
                self.job.dict.set_item(name, value)?;
                self.facts.rebound.retain(|(n, ..)| n != name);
                self.dirty.clean(name);
            }
        }
        Ok(())
    }

    /// What old statements bound that are gone or changed, where no statement of the new text does.
    fn gone(&self, old: &Source<'a>) -> Vec<(&'a Statement, String)> {
        let had = Functions::of(old.outline);
        let body = &old.outline.body;
        let changed = self.job.changes.items.iter();
        let changed = changed.filter(|c| matches!(c.what, What::Changed | What::Header(_)));
        let removed = self.job.changes.removed.iter().copied();
        let mut gone = Vec::new();
        for at in changed.filter_map(|c| c.old).chain(removed) {
            let names = written_by(&had, &body[at]);
            gone.extend(names.into_iter().map(|name| (&body[at], name)));
        }
        self.not_written(old, &had, &mut gone);
        // Of several that bound a name, the last had given it its value.
        let mut last: BTreeMap<String, u32> = BTreeMap::new();
        for (statement, name) in &gone {
            let line = last.entry(name.clone()).or_default();
            *line = statement.span.line.max(*line);
        }
        gone.retain(|(statement, name)| {
            last.get(name) == Some(&statement.span.line) && self.binders(name).next().is_none()
        });
        gone
    }

    /// What functions declare `global` and set no more, where a statement that stays had called them.
    fn not_written(
        &self,
        old: &Source<'a>,
        had: &Functions<'_>,
        gone: &mut Vec<(&'a Statement, String)>,
    ) {
        let body = &old.outline.body;
        let functions = self.job.changes.items.iter().filter_map(|change| {
            let old = &body[change.old?];
            Some((old, &self.job.new.outline.body[change.new]))
        });
        let mut names = BTreeSet::new();
        for (was, is) in functions {
            let written = was.later.global_writes.iter();
            names.extend(written.filter(|name| !is.later.global_writes.contains(name)));
        }
        if names.is_empty() {
            return;
        }
        for statement in body {
            let written = had.global_writes(&statement.uses.calls);
            let written = written.into_iter().filter(|name| names.contains(name));
            gone.extend(written.map(|name| (statement, name)));
        }
    }

    fn drop_names(&mut self, old: &Source<'a>, gone: Vec<(&'a Statement, String)>) -> PyResult<()> {
        let mut written = BTreeSet::new();
        let mut bound = BTreeSet::new();
        if !gone.is_empty() {
            let later = old.outline.body.iter().flat_map(|s| &s.later.global_writes);
            written.extend(later.cloned());
            let body = self.job.new.outline.body.iter();
            bound.extend(body.flat_map(|s| written_by(&self.functions, s)));
        }
        for (statement, name) in gone {
            let name = &name;
            if bound.contains(name) || name == "*" || statement.kind == Kind::MainGuard {
                continue;
            }
            let Some(value) = self.job.dict.get_item(name)? else {
                continue;
            };
            // A star import of the new text has the name as well.
            let starred = self.star_value(name)?;
            let there = starred.as_ref().is_some_and(|other| other.is(&value));
            if there || self.is_submodule(name, &value)? {
                continue;
            }
            if !self.ours(old, statement, name, &value, &written)? {
                // What looks like nobody's may be the work of an `exec`.
                if self.job.new.outline.body.iter().any(|s| s.uses.opaque) {
                    continue;
                }
                self.work.notes.push(format!(
                    "{name} is gone from the file, but the program had put its own value there; it is kept"
                ));
                continue;
            }
            if let Some(other) = starred {
                self.job.dict.set_item(name, &other)?;
                self.dirty
                    .value(name, "which comes from another module now");
                self.facts
                    .rebound
                    .push((name.clone(), Some(value), Some(other)));
                continue;
            }
            match name.as_str() {
                // Every module has one.
                "__doc__" => self.module_docstring()?,
                _ => self.job.dict.del_item(name)?,
            }
            told(self.unregister(statement, &value));
            let kit = self.work.kit;
            if kit.is_class(&value) && kit.defined_in(&value, &self.job.dict)? {
                self.work.note_gone(&value)?;
            }
            self.miss_name(name)?;
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
        Ok(())
    }

    /// The string that the text begins with, or `None`, as the module's `__doc__`.
    pub(super) fn module_docstring(&self) -> PyResult<()> {
        let (kit, source) = (self.work.kit, self.job.new);
        self.job.dict.set_item("__doc__", kit.py.None())?;
        if let Some(first) = source.outline.body.first()
            && first.kind == Kind::Docstring
        {
            let code = source.statement(kit, first)?;
            kit.exec.call1((code, &self.job.dict))?;
        }
        Ok(())
    }

    /// Names that came with a star import that is gone.
    fn drop_star(&mut self, old: &Source<'_>) -> PyResult<()> {
        let stars = |source: &Source<'_>| -> BTreeSet<(u32, String)> {
            let imports = source.outline.body.iter().flat_map(|s| &s.imports);
            imports
                .filter(|i| i.bound == "*")
                .map(|i| (i.level, i.module.clone()))
                .collect()
        };
        if !old.outline.star {
            return Ok(());
        }
        let package = self.package()?;
        let mut dropped = BTreeSet::new();
        for (level, module) in stars(old).difference(&stars(self.job.new)) {
            let module = crate::modules::resolve(&package, *level, module);
            let source = self.work.kit.sys_modules.get_item(&module)?;
            dropped.insert(module);
            let Some(module) = source else {
                continue;
            };
            let Ok(source) = module.getattr("__dict__")?.cast_into::<PyDict>() else {
                continue;
            };
            let index = old.outline.index();
            for (key, theirs) in source.copy()?.iter() {
                let name = text(&key);
                let Some(ours) = self.job.dict.get_item(&name)? else {
                    continue;
                };
                // A number that counts on over there is what it was at import here.
                let counted = !ours.is(&theirs)
                    && plain(&ours)
                    && ours.get_type().is(theirs.get_type())
                    && index.writers(&old.outline.body, &name).is_empty();
                if !(ours.is(&theirs) || counted)
                    || self.is_submodule(&name, &theirs)?
                    || name.starts_with("__")
                    || self.binders(&name).next().is_some()
                    || self.star_value(&name)?.is_some()
                {
                    continue;
                }
                self.job.dict.del_item(&name)?;
                self.dirty.value(&name, "which is gone");
                self.facts.rebound.push((name, Some(ours), None));
            }
        }
        // What is gone there as well, or is another object there since this check.
        for lost in self.job.lost {
            let (Some(theirs), true) = (&lost.old, lost.star) else {
                continue;
            };
            let source = lost.from.rsplit_once('.').map_or("", |(source, _)| source);
            if lost.new.is_some() && !dropped.contains(source) {
                continue;
            }
            let now = self.job.dict.get_item(&lost.name)?;
            if now.is_some_and(|now| now.is(theirs))
                && !self.is_submodule(&lost.name, theirs)?
                && self.binders(&lost.name).next().is_none()
                && self.star_value(&lost.name)?.is_none()
            {
                self.job.dict.del_item(&lost.name)?;
                self.dirty.value(&lost.name, "which is gone");
                let gone = (lost.name.clone(), Some(theirs.clone()), None);
                self.facts.rebound.push(gone);
            }
        }
        Ok(())
    }

    /// A submodule is an attribute of its package for as long as it is imported.
    pub(super) fn is_submodule(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        if !self.job.dict.contains("__path__")? {
            return Ok(false);
        }
        let child = format!("{}.{name}", self.package()?);
        let module = self.work.kit.sys_modules.get_item(child)?;
        Ok(module.is_some_and(|m| m.is(value)))
    }

    pub(super) fn package(&self) -> PyResult<String> {
        Ok(self
            .job
            .dict
            .get_item("__package__")?
            .map(|p| text(&p))
            .unwrap_or_default())
    }

    /// Annotations of module names that the new text does not annotate (up to 3.13; later ones are
    /// computed by a function).
    pub(super) fn drop_annotations(&mut self, old: &Source<'_>) -> PyResult<()> {
        let Some(found) = self
            .job
            .dict
            .get_item(self.work.kit.name("__annotations__"))?
        else {
            return Ok(());
        };
        let Ok(annotations) = found.cast_into_exact::<PyDict>() else {
            return Ok(());
        };
        let annotated = |source: &Source<'_>, from: usize, to: usize| -> BTreeSet<String> {
            let mut out = BTreeSet::new();
            for statement in source.outline.body.range(from..to) {
                if source.annotates(statement) {
                    out.insert(statement.name.clone());
                } else if may_annotate_inside(source, statement) {
                    out.extend(statement.uses.binds.iter().cloned());
                }
            }
            out
        };
        // Statements that both texts share annotate what they did.
        let changes = self.job.changes;
        let from = changes.shared_begin();
        let end = changes.shared_end();
        let all = (self.job.new.outline.body.len(), old.outline.body.len());
        let were = annotated(
            old,
            from.min(all.1),
            (all.1 + end).saturating_sub(all.0).min(all.1),
        );
        if were.is_empty() {
            return Ok(());
        }
        let now = annotated(self.job.new, 0, all.0);
        if now.is_empty() {
            // The compiler makes the dict for the first annotation only.
            return self.job.dict.del_item("__annotations__");
        }
        for name in were.difference(&now) {
            if annotations.contains(name)? {
                self.work.tx.dict(&annotations)?;
                annotations.del_item(name)?;
            }
        }
        Ok(())
    }

    /// Annotations of module names stand in the order of the text (up to 3.13).
    pub(super) fn module_annotations(&mut self) -> PyResult<()> {
        let new = self.job.new;
        let body = &new.outline.body;
        let mut items = self.job.changes.items.iter();
        if !items.any(|c| c.what != What::Body && new.annotates(&body[c.new])) {
            return Ok(());
        }
        let Some(found) = self
            .job
            .dict
            .get_item(self.work.kit.name("__annotations__"))?
        else {
            return Ok(());
        };
        let Ok(annotations) = found.cast_into_exact::<PyDict>() else {
            return Ok(());
        };
        let mut wanted: Vec<&str> = Vec::new();
        for statement in body.iter().filter(|s| new.annotates(s)) {
            let name = statement.name.as_str();
            if annotations.contains(name)? && !wanted.contains(&name) {
                wanted.push(name);
            }
        }
        let keys = annotations.keys();
        let have: Vec<String> = keys.iter().map(|k| text(&k)).collect();
        let have = have.iter().filter(|k| wanted.contains(&k.as_str()));
        if have.eq(wanted.iter()) {
            return Ok(());
        }
        self.work.tx.dict(&annotations)?;
        for name in wanted {
            if let Some(value) = annotations.get_item(name)? {
                annotations.del_item(name)?;
                annotations.set_item(name, value)?;
            }
        }
        Ok(())
    }

    /// Whether a name still has the value that the module gave it.
    pub(super) fn ours(
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
                    placed: None,
                };
                Ok(find(kit, value, wanted, &self.job.dict)?.is_some()
                    // A decorator that gave back something else altogether.
                    || statement.decorators != 0
                        && (!kit.is_function(value) || made_by(statement, value)?))
            }
            Kind::Class if kit.is_class(value) => {
                let above = || -> PyResult<bool> {
                    let name = self.job.dict.get_item("__name__")?;
                    Ok(text(&value.getattr("__qualname__")?) == statement.name
                        && name.is_some_and(|n| {
                            value.getattr("__module__").is_ok_and(|m| is_above(&m, &n))
                        }))
                };
                Ok(kit.defined_in(value, &self.job.dict)? || above()?)
            }
            Kind::Class => Ok(statement.decorators != 0),
            Kind::Import => Ok(!self.is_put_over_import(statement, name, value)?),
            // What the module made (a lambda, a list) is its own whatever became of it.
            Kind::Assign
                if statement.value == Value::Pure
                    && !written.contains(name)
                    && value.hash().is_ok()
                    && !kit.defined_in(value, &self.job.dict)? =>
            {
                let Some(code) = old.value(kit, statement) else {
                    return Ok(true);
                };
                // A name that it read may have got another value since.
                let (body, index, own) = (&old.outline.body, old.outline.index(), name);
                let again = |path: &String| {
                    let name = path.split('.').next().unwrap_or(path);
                    name == own || index.writers(body, name).len() > 1
                };
                if statement.uses.reads.iter().any(again)
                    || affected_statement(statement, &self.functions, &self.dirty).is_some()
                {
                    return Ok(true);
                }
                let scratch = self.before.copy()?;
                let same = |a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>| {
                    a.is(b) || a.eq(b).unwrap_or(true)
                };
                // What is not even equal to itself made once more tells nothing.
                match (
                    kit.eval.call1((&code, &scratch)),
                    kit.eval.call1((&code, &scratch)),
                ) {
                    (Ok(was), Ok(again)) => Ok(same(&was, value)
                        || !same(&was, &again) && was.get_type().is(value.get_type())),
                    _ => Ok(true),
                }
            }
            _ => Ok(true),
        }
    }
}

/// Whether a function is one that a decorator of this definition makes, and that knows nothing of what
/// it was given.
fn made_by(statement: &Statement, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let qualname = text(&value.getattr("__qualname__")?);
    let Some((maker, _)) = qualname.split_once(".<locals>.") else {
        return Ok(false);
    };
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let mut calls = statement.uses.calls.iter();
    Ok(calls.any(|path| last(path) == last(maker)))
}
