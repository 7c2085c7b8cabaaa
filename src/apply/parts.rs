//! Which statements of a class body run again, and what those before them had made.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::members::Body;
use super::module::Run;
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Statement, Value};
use crate::plan::{
    Affected, Chains, Dirty, FRESH, Mark, affected_head, affected_statement, calls_edited,
    data_changed, filled, makes_otherwise, reordered, root, tell_hints,
};

/// Names that a class body deletes are not there for a statement that runs alone: those that bind
/// them run with it, and so does the `del`.
pub(super) fn with_deleted(body: &Body<'_, '_, '_>, mut again: BTreeSet<usize>) -> BTreeSet<usize> {
    let (old, new) = (&body.old.body, &body.new.body);
    let deleting = |member: &&Statement| !member.uses.deletes.is_empty();
    let deleting = || old.iter().chain(new.iter()).filter(deleting);
    if again.is_empty() && body.inner.is_none_or(|inner| inner.removed.is_empty())
        || deleting().next().is_none()
    {
        return again;
    }
    let names: BTreeSet<&String> = deleting().flat_map(|m| &m.uses.deletes).collect();
    let deals = |member: &Statement, name: &String| {
        let uses = &member.uses;
        let here = [&uses.binds, &uses.deletes, &uses.mutates];
        here.iter().any(|names| names.contains(name))
    };
    let reads = |member: &Statement, name: &String| {
        let mut roots = member.uses.reads.iter().map(|path| path.split('.').next());
        roots.any(|root| root == Some(name))
    };
    // A `del` that is gone.
    let removed = body.inner.map_or(&[][..], |inner| &inner.removed);
    let gone = |name: &String| {
        removed
            .iter()
            .any(|at| old[*at].uses.deletes.contains(name))
    };
    let was = |at: usize, name: &String| {
        let partner = body.partner(at);
        partner.is_some_and(|(was, _)| was.uses.deletes.contains(name))
    };
    loop {
        let before = again.len();
        for name in &names {
            let touches =
                |&at: &usize| deals(&new[at], name) || reads(&new[at], name) || was(at, name);
            if gone(name) || again.iter().any(touches) {
                let more = new.iter().enumerate().filter(|(_, m)| deals(m, name));
                again.extend(more.map(|(at, _)| at));
            }
        }
        if again.len() == before {
            return again;
        }
    }
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether a class differs by methods alone, and runs as a whole only since a decorator is to see
    /// them: to those who make instances it is what it was, as one that is not decorated would be.
    pub(super) fn only_by_methods(&self, at: usize, class: &Statement) -> bool {
        let (Some(was), What::Inner(inner)) = (self.old_statement(at), self.what(at)) else {
            return false;
        };
        let step = self.job.plan.step(at);
        // Had it to run for what it reads, that is the same after all.
        let stands = step.is_some_and(|step| match step.mark {
            Mark::Members => affected_head(class, &self.functions, &self.dirty).is_none(),
            Mark::RunIf => affected_statement(class, &self.functions, &self.dirty).is_none(),
            _ => false,
        });
        stands && !data_changed(was, class, inner) && !reordered(class, inner)
    }

    /// Whether a definition that ran again is the object that it had `made`, which has the new code now.
    /// Who calls it hears of that as of an edit of a body: that something holds it is no news.
    pub(super) fn only_acts_otherwise(
        &self,
        at: usize,
        statement: &Statement,
        made: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let now = self.job.dict.get_item(&statement.name)?;
        Ok(now.zip(made).is_some_and(|(now, made)| now.is(made))
            && match statement.kind {
                Kind::Function => true,
                Kind::Class => self.only_by_methods(at, statement),
                _ => false,
            })
    }

    /// Whether a statement of the class body at this path runs again for what it gives to what it
    /// calls: it made data.
    fn given_in(&self, path: &str, member: &Statement) -> bool {
        if member.kind != Kind::Class {
            return told(self.gave_data_in(path, member)).unwrap_or(false);
        }
        let inside = format!("{path}{}.", member.name);
        let mut parts = member.body.iter();
        parts.any(
            |part| match affected_statement(part, &self.functions, &self.dirty) {
                Some(Affected::Runs(_)) => true,
                Some(Affected::Given { .. }) => self.given_in(&inside, part),
                Some(Affected::Acts(_)) | None => false,
            },
        )
    }

    /// Before classes in the body of one are made again: what those who make them tell of that is put
    /// back should the edit fail.
    pub(super) fn watch_remade(
        &mut self,
        class: &Bound<'py, PyAny>,
        new: &'a Statement,
    ) -> PyResult<()> {
        let found = PyList::empty(self.work.kit.py);
        let mut todo: Vec<&Statement> = new.body.iter().collect();
        while let Some(part) = todo.pop() {
            if part.kind != Kind::Class {
                continue;
            }
            if self.functions.remade(part, &self.dirty).is_some() {
                for value in self.callables_in(Some(class), part)?.iter() {
                    found.append(value)?;
                }
            }
            todo.extend(part.body.iter());
        }
        if !found.is_empty() {
            self.watch(PyList::empty(self.work.kit.py), found)?;
        }
        Ok(())
    }

    /// The statements of a class body that run again because they changed, because of what they
    /// read, or because they are asked for. Tells what differs for it.
    pub(super) fn affected_parts(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        asked: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let (new, path) = (body.new, body.path.as_str());
        // Names of the class body, as its statements read them: among what differs for so long.
        let mut local: (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let value = |dirty: &mut Dirty, name: &String, why: &str, local: &mut Vec<String>| {
            if !dirty.values.contains_key(name) {
                dirty.value(name, why);
                local.push(name.clone());
            }
        };
        let acts = |dirty: &mut Dirty, name: &String, why: &str, local: &mut Vec<String>| {
            if !dirty.behaviour.contains_key(name) {
                dirty.acts(name, why);
                local.push(name.clone());
            }
        };
        let mut again: BTreeSet<usize> = BTreeSet::new();
        let mut in_place: BTreeSet<usize> = BTreeSet::new();
        for (at, member) in new.body.iter().enumerate() {
            let what = body
                .inner
                .and_then(|c| c.items.get(at).filter(|c| c.new == at))
                .map(|c| &c.what);
            let changed = match what {
                Some(What::Changed) if told(self.only_declared(body, at)) == Some(true) => {
                    asked.contains(&at)
                }
                Some(What::Added | What::Changed | What::Header(_)) => true,
                Some(What::Inner(inner)) if calls_edited(member, inner, &self.functions) => true,
                Some(What::Body) if self.member_looked_at(body, at) => true,
                Some(What::Body | What::Inner(_) | What::Same) | None => {
                    asked.contains(&at)
                        || self.dirty.reimports(member)
                        || self.functions.remade(member, &self.dirty).is_some()
                        || self.functions.member_made(member, &self.dirty).is_some()
                        || match affected_statement(member, &self.functions, &self.dirty) {
                            Some(Affected::Runs(_)) => true,
                            Some(Affected::Given { .. }) => self.given_in(path, member),
                            Some(Affected::Acts(why)) => {
                                let why = format!("which {why}");
                                acts(&mut self.dirty, &member.name, &why, &mut local.1);
                                self.dirty.acts(format!("{path}{}", member.name), why);
                                false
                            }
                            None => false,
                        }
                }
            };
            if !changed && read_inside(new, member) {
                // Edited in place, and called by its own name below.
                let mut within = Dirty::default();
                match what {
                    Some(What::Body) if member.decorators == 0 => {
                        within.acts(&member.name, "which changed");
                    }
                    Some(What::Inner(inner)) => {
                        crate::plan::members(member, inner, "", &mut within);
                    }
                    _ => {}
                }
                if !within.is_empty() {
                    in_place.insert(at);
                }
                for (path, why) in &within.values {
                    value(&mut self.dirty, path, why, &mut local.0);
                }
                for (path, why) in &within.behaviour {
                    acts(&mut self.dirty, path, why, &mut local.1);
                }
            }
            if !changed || member.kind == Kind::Other {
                continue;
            }
            again.insert(at);
            self.dirty
                .overwrite(path.trim_end_matches('.'), std::iter::once(member));
            let line = member.span.line;
            let why = format!("which changed on line {line}");
            let hints = |was| self.functions.only_hints(was, member, &self.dirty);
            if body.partner(at).is_some_and(|(was, _)| hints(was)) && !read_inside(new, member) {
                tell_hints(&format!("{path}{}", member.name), line, &mut self.dirty);
                continue;
            }
            let stands = matches!(what, Some(What::Same) | None);
            if stands && member.kind == Kind::Function && makes_otherwise(new, member) {
                let made = format!("{}{FRESH}", path.trim_end_matches('.'));
                self.dirty.acts(made, why.clone());
            }
            for name in filled(new, member) {
                value(&mut self.dirty, name, &why, &mut local.0);
                self.dirty.value(format!("{path}{name}"), why.clone());
            }
            for name in &member.uses.binds {
                // Decorated otherwise it may be another kind of thing; with other bases another
                // class, which what is derived from it must know.
                let other = |was: &Statement| match member.kind {
                    Kind::Class => true,
                    _ => was.decorators != member.decorators,
                };
                if !matches!(member.kind, Kind::Function | Kind::Class) {
                    value(&mut self.dirty, name, &why, &mut local.0);
                    self.dirty.value(format!("{path}{name}"), why.clone());
                    continue;
                }
                acts(&mut self.dirty, name, "which changed", &mut local.1);
                // What it has by default, perhaps, or what wraps it.
                self.dirty.acts(format!("{path}{name}"), why.clone());
                if body.partner(at).is_some_and(|(was, _)| other(was)) {
                    value(&mut self.dirty, name, &why, &mut local.0);
                    if member.kind == Kind::Function {
                        // `T = {"a": C.a}`: a class method is bound to the class, others are not.
                        self.dirty.value(format!("{path}{name}"), why.clone());
                    }
                }
            }
        }
        // What runs again sees the new ones, which are brought together with the old ones after that.
        let runs = |at: &usize| {
            let name = &new.body[*at].name;
            let mut below = again.range(at + 1..).map(|at| &new.body[*at].uses.reads);
            below.any(|reads| reads.iter().any(|path| root(path) == name))
        };
        in_place.retain(runs);
        again.extend(in_place);
        for name in local.0 {
            self.dirty.values.remove(&name);
        }
        for name in local.1 {
            self.dirty.behaviour.remove(&name);
        }
        again
    }

    /// Whether the decorators of a method of which only the body differs see another kind of function.
    fn member_looked_at(&self, body: &Body<'_, 'a, 'py>, at: usize) -> bool {
        let (member, class) = (&body.new.body[at], Some(body.class));
        let partner = body.partner(at);
        partner.is_some_and(|(was, _)| self.kind_looked_at(class, was, member))
    }

    /// What import had given a class attribute, made again from its old text and that of the
    /// statements of the body that filled it: with what the names of the module meant then.
    pub(super) fn class_base(
        &self,
        statement: &'a Statement,
        name: &str,
        chains: &Chains<'_>,
        names: &Bound<'py, PyDict>,
    ) -> Option<Bound<'py, PyAny>> {
        let old = self.job.old?;
        if statement.value != Value::Container && !statement.display {
            return None;
        }
        let links = chains.before(name);
        let then = self.before.copy().ok()?;
        // What it reads tells something else by now: that much is not known, but for names that were
        // bound to something else.
        let known = |path: &str| {
            let root = path.split('.').next().unwrap_or(path);
            self.job.was.iter().any(|(was, _)| was == path)
                || self.job.rebinds.iter().any(|rebind| rebind.name == root)
        };
        let lost = |link: &Statement| {
            let reads = link.uses.reads.iter();
            let mut differing = reads.filter(|path| self.dirty.touches(path)).peekable();
            affected_statement(link, &self.functions, &self.dirty).is_some()
                && (differing.peek().is_none() || !differing.all(|path| known(path)))
        };
        if links.len() > 1 || statement.display || lost(statement) {
            let links = match links.is_empty() {
                true => vec![statement],
                false => links,
            };
            for link in &links {
                self.as_it_was(&then, link).ok()?;
            }
            then.update(names.as_mapping()).ok()?;
            return self.filled_in_class(old, name, &links, &then);
        }
        self.as_it_was(&then, statement).ok()?;
        let code = old.value(self.work.kit, statement)?;
        self.work.kit.eval.call1((code, &then, names)).ok()
    }
}

/// Whether other statements of a class body read what this one binds.
fn read_inside(class: &Statement, member: &Statement) -> bool {
    let reads = class.body.iter().flat_map(|member| &member.uses.reads);
    let mut roots = reads.map(|path| root(path));
    roots.any(|name| name == member.name)
}
