//! Functions and classes of which only parts changed.

use std::collections::BTreeSet;

use pyo3::prelude::*;

use super::annotations::{annotates, lazy, may_annotate_inside};
use super::kit::text;
use super::lines::Moved;
use super::made::other_names;
use super::module::Run;
use super::registry::told;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};
use crate::plan::{Chains, affected_head, reordered, rewritten};
use crate::report::{Action, ChangeKind};

/// `__name` inside `class C` is `_C__name`.
pub(super) fn mangled(name: &str, class: Option<&str>) -> String {
    match class {
        Some(class) if name.starts_with("__") && !name.ends_with("__") => {
            let class = class.trim_start_matches('_');
            if class.is_empty() {
                name.to_owned()
            } else {
                format!("_{class}{name}")
            }
        }
        _ => name.to_owned(),
    }
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// A class or compound of which only parts changed, or are affected by what changed.
    pub fn members(&mut self, at: usize, statement: &'a Statement, why: &str) -> PyResult<()> {
        let changes: &'a Changes = self.job.changes;
        let (partner, what) = changes.at(at);
        let old = match (self.job.old, partner) {
            (Some(source), Some(index)) => {
                let outline = source.outline;
                &outline.body[index]
            }
            _ => return self.run_whole(at, statement, why),
        };
        let inner = match what {
            What::Inner(inner) => Some(inner),
            _ => None,
        };
        if statement.kind == Kind::Class {
            let class = self.job.dict.get_item(&statement.name)?;
            let Some(class) = class.filter(|c| self.work.kit.is_class(c)) else {
                return self.run_whole(at, statement, why);
            };
            // A base or a decorator that is another object now: known only since it was made.
            let header = affected_head(statement, &self.functions, &self.dirty);
            if header.is_some() || !self.work.kit.defined_in(&class, &self.job.dict)? {
                return self.run_whole(at, statement, why);
            }
            if !self.update_told(at, &class, old, inner)? {
                return self.run_whole(at, statement, why);
            }
            if let Some(inner) = inner {
                crate::plan::members(statement, inner, "", &mut self.dirty);
            }
            return Ok(());
        }
        let Some(inner) = inner else {
            return self.run_whole(at, statement, why);
        };
        self.compound(old, statement, inner, &[], None, "")
    }

    fn run_whole(&mut self, at: usize, statement: &'a Statement, why: &str) -> PyResult<()> {
        self.execute(at, statement, why)
    }

    /// Functions inside `if`, `try`, `with` and the like whose bodies changed.
    fn compound(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        inner: &'a Changes,
        chain: &[&'a Statement],
        class: Option<&Bound<'py, PyAny>>,
        prefix: &str,
    ) -> PyResult<()> {
        let mut chain = chain.to_vec();
        chain.push(new);
        for change in &inner.items {
            let Some(was) = change.old.map(|at| &old.body[at]) else {
                continue;
            };
            let part = &new.body[change.new];
            let holder = match class {
                Some(class) => self
                    .work
                    .kit
                    .class_entry(class, &mangled(&part.name, Some(&self.class_name(class)?)))?,
                None => self.job.dict.get_item(&part.name)?,
            };
            match &change.what {
                What::Body => {
                    if self.patch(holder.as_ref(), &chain, was, part, class, prefix)? {
                        let name = format!("{prefix}{}", part.name);
                        self.dirty
                            .acts(&name, format!("which changed on line {}", part.span.line));
                        self.note(
                            ChangeKind::Function,
                            Action::Updated,
                            &name,
                            part,
                            "its body changed",
                        );
                    }
                }
                What::Inner(deeper) if part.kind == Kind::Class => {
                    if let Some(live) = holder.filter(|h| self.work.kit.is_class(h)) {
                        self.update_members(&live, was, part, Some(deeper), &chain, prefix)?;
                    }
                }
                _ => self.moved.push(Moved {
                    old: was,
                    new: part,
                    chain: chain.clone(),
                }),
            }
        }
        Ok(())
    }

    pub(super) fn class_name(&self, class: &Bound<'py, PyAny>) -> PyResult<String> {
        Ok(text(&class.getattr("__name__")?))
    }

    /// Brings a live class up to date statement by statement. False when it must be made by its
    /// whole statement: something makes more of it than its body says.
    pub(super) fn update_members(
        &mut self,
        class: &Bound<'py, PyAny>,
        old: &'a Statement,
        new: &'a Statement,
        inner: Option<&'a Changes>,
        around: &[&'a Statement],
        prefix: &str,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let mut chain = around.to_vec();
        chain.push(new);
        let path = format!("{prefix}{}.", new.name);
        let partner = |at: usize| -> Option<(&'a Statement, Option<&'a What>)> {
            match inner {
                Some(changes) => {
                    let change = changes.items.get(at).filter(|c| c.new == at)?;
                    Some((&old.body[change.old?], Some(&change.what)))
                }
                None => old.body.get(at).map(|s| (s, None)),
            }
        };
        // Which statements of the body run again, with all that fill what one of them fills.
        let mut again = inner.map_or_else(BTreeSet::new, |inner| rewritten(new, inner));
        let chains = Chains::of(old, new, inner);
        loop {
            let more = self.affected_parts(new, inner, &path, &partner, &again);
            let more = chains.whole(more);
            if more == again {
                break;
            }
            again = more;
        }
        for (at, member) in new.body.iter().enumerate() {
            if !member.applied.is_empty() && !again.contains(&at) {
                let name = mangled(&member.name, Some(&self.class_name(class)?));
                if let Some(value) = kit.class_entry(class, &name)? {
                    self.work.renew(&value, &self.job.dict)?;
                }
            }
        }
        // A definition of a name is gone that has others (`@x.setter`): made from those alone.
        if let Some(changes) = inner {
            let kept: BTreeSet<usize> = changes.items.iter().filter_map(|c| c.old).collect();
            let lost: BTreeSet<&String> = old
                .body
                .iter()
                .enumerate()
                .filter(|(at, _)| !kept.contains(at))
                .flat_map(|(_, m)| &m.uses.binds)
                .collect();
            again.extend(new.body.iter().enumerate().filter_map(|(at, member)| {
                member
                    .uses
                    .binds
                    .iter()
                    .any(|n| lost.contains(n))
                    .then_some(at)
            }));
        }
        // All definitions of a name, when one of several runs again (`@x.setter`).
        let several: BTreeSet<&String> = new
            .body
            .iter()
            .enumerate()
            .filter(|(at, _)| again.contains(at))
            .flat_map(|(_, m)| &m.uses.binds)
            .collect();
        for (at, member) in new.body.iter().enumerate() {
            if member.uses.binds.iter().any(|n| several.contains(n)) {
                again.insert(at);
            }
        }
        let bound: BTreeSet<&String> = new.body.iter().flat_map(|m| &m.uses.binds).collect();
        let gone: Vec<&String> = old
            .body
            .iter()
            .flat_map(|m| &m.uses.binds)
            .filter(|n| !bound.contains(n))
            .collect();
        if around.is_empty() {
            let mut named: BTreeSet<&String> = gone.iter().copied().collect();
            for at in &again {
                named.extend(&new.body[*at].uses.binds);
                named.extend(partner(*at).iter().flat_map(|(was, _)| &was.uses.binds));
            }
            let declared = self.declared_names(old, new, inner);
            named.extend(&declared);
            if told(self.looked_at(new, &named)).unwrap_or(false) {
                return Ok(false);
            }
        }
        let annotated: BTreeSet<&String> = new.body.iter().flat_map(annotates).collect();
        let unannotated: Vec<&String> = old
            .body
            .iter()
            .flat_map(annotates)
            .filter(|n| !annotated.contains(n))
            .collect();
        let lazy = lazy(kit, self.job.new);
        let reordered = inner.is_some_and(|changes| reordered(new, changes));
        if again
            .iter()
            .any(|&at| may_annotate_inside(self.job.new, &new.body[at]))
            || lazy && reordered && self.annotates_any(new)
        {
            return Ok(false);
        }
        let (reannotated, apart) = if lazy {
            self.annotated_members(old, new)
        } else {
            (false, true)
        };
        let annotate = if reannotated {
            if !apart || self.work.generated(class)? || self.processed(class, old)? {
                return Ok(false);
            }
            let Some(made) = self.class_annotate(class, new, &chain)? else {
                return Ok(false);
            };
            Some(made)
        } else {
            None
        };
        let documented =
            |body: &[Statement]| body.first().is_some_and(|m| m.kind == Kind::Docstring);
        let doc_gone = documented(&old.body) && !documented(&new.body);
        // A field without a default binds nothing, and is a field all the same.
        let fewer = !gone.is_empty() || !unannotated.is_empty();
        if !again.is_empty() || fewer || doc_gone || reordered {
            let touches_slots = again
                .iter()
                .any(|&at| new.body[at].uses.binds.iter().any(|n| n == "__slots__"))
                || gone.iter().any(|n| *n == "__slots__");
            // `__doc__ = ...` of the text above it: one entry, two statements.
            let documents = |body: &[Statement]| {
                body.iter().any(|m| {
                    let uses = &m.uses;
                    uses.binds.iter().chain(&uses.reads).any(|n| n == "__doc__")
                })
            };
            let doc_again = again.iter().any(|&at| new.body[at].kind == Kind::Docstring);
            if (doc_gone || doc_again) && (documents(&new.body) || documents(&old.body)) {
                return Ok(false);
            }
            // `locals()[name] = ...`: nobody knows which names they bound.
            let opaque = |body: &[Statement]| body.iter().any(|m| m.uses.opaque);
            if touches_slots
                || opaque(&old.body)
                || opaque(&new.body)
                || self.work.generated(class)?
                || self.processed(class, old)?
                || (old.decorators != 0 && other_names(old, new))
                || self.told_owner(class, &gone, new, |at| reordered || again.contains(&at))?
            {
                return Ok(false);
            }
        }
        if !again.is_empty() || !gone.is_empty() || reordered {
            self.work.tx.class_order(kit, class)?;
        }
        if !again.is_empty() && !self.run_members(class, new, &again, &chain, &partner, &chains)? {
            return Ok(false);
        }
        if let Some(annotate) = annotate {
            self.work.annotate_as(class, &annotate)?;
        } else if lazy && !again.is_empty() {
            self.work.forget_annotations(class)?;
        }
        let own = self.class_name(class)?;
        for name in gone {
            if self.set_by_module(&format!("{path}{name}")) {
                continue;
            }
            let key = mangled(name, Some(&own));
            if let Some(was) = kit.class_entry(class, &key)? {
                let key = pyo3::types::PyString::new(kit.py, &key);
                self.work.lose(class, key.as_any(), &was)?;
                self.work.tx.del_class_entry(kit, class, key.as_any())?;
                self.note(
                    ChangeKind::Function,
                    Action::Removed,
                    &format!("{path}{name}"),
                    old,
                    "it is gone from the file",
                );
            }
        }
        self.implied_hash(class, &bound)?;
        for name in unannotated.into_iter().filter(|_| !lazy) {
            let last = !self.annotates_any(new);
            self.drop_annotation(class, &mangled(name, Some(&own)), last)?;
        }
        if reordered && !lazy {
            self.order_annotations(class, new)?;
        }
        if old.body.first().is_some_and(|m| m.kind == Kind::Docstring)
            && new.body.first().is_none_or(|m| m.kind != Kind::Docstring)
        {
            let none = kit.py.None().into_bound(kit.py);
            self.work.tx.set_class_entry(
                kit,
                class,
                pyo3::types::PyString::new(kit.py, "__doc__").as_any(),
                &none,
            )?;
        }
        for (at, member) in new.body.iter().enumerate() {
            if again.contains(&at) {
                continue;
            }
            let Some((was, what)) = partner(at) else {
                continue;
            };
            let entry = kit.class_entry(class, &mangled(&member.name, Some(&own)))?;
            match what {
                Some(What::Body) => {
                    let name = format!("{path}{}", member.name);
                    if self.patch(entry.as_ref(), &chain, was, member, Some(class), &path)? {
                        self.dirty
                            .acts(&name, format!("which changed on line {}", member.span.line));
                        self.note(
                            ChangeKind::Function,
                            Action::Updated,
                            &name,
                            member,
                            "its body changed",
                        );
                    }
                }
                Some(What::Inner(deeper)) if member.kind == Kind::Class => {
                    if let Some(live) = entry.filter(|e| kit.is_class(e))
                        && !self.update_members(&live, was, member, Some(deeper), &chain, &path)?
                    {
                        return Ok(false);
                    }
                }
                Some(What::Inner(deeper)) => {
                    self.compound(was, member, deeper, &chain, Some(class), &path)?;
                }
                _ => self.moved.push(Moved {
                    old: was,
                    new: member,
                    chain: chain.clone(),
                }),
            }
        }
        if !again.is_empty() || reordered {
            let order: Vec<String> = new
                .body
                .iter()
                .flat_map(|m| &m.uses.binds)
                .map(|name| mangled(name, Some(&own)))
                .collect();
            self.work.tx.order_class(kit, class, &order)?;
        }
        if kit.version >= (3, 13) {
            let line = pyo3::types::PyInt::new(kit.py, new.span.line);
            let key = pyo3::types::PyString::new(kit.py, "__firstlineno__");
            self.work
                .tx
                .set_class_entry(kit, class, key.as_any(), line.as_any())?;
        }
        if !again.is_empty() || inner.is_some() {
            self.static_attributes(class, &chain, old)?;
            self.work.finish_class(class)?;
            self.metaclass_changed(class, inner, new)?;
        }
        Ok(true)
    }
}
