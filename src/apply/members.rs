//! Functions and classes of which only parts changed.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::annotations::{lazy, may_annotate_inside};
use super::collections::{mergeable, of_one_kind};
use super::data::nobodys;
use super::function::is_alias;
use super::kit::text;
use super::lines::Moved;
use super::made::{living_inside, other_names};
use super::module::Run;
use super::parts::Partner;
use super::registry::told;
use super::work::{Replaced, Work};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement, Value};
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

/// The names that a statement of a class body may annotate.
fn annotates(member: &Statement) -> impl Iterator<Item = &String> {
    let own = (member.kind == Kind::Annotation).then_some(&member.name);
    member.uses.binds.iter().chain(own)
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

    /// Runs some statements of a class body over the live class.
    fn run_members(
        &mut self,
        class: &Bound<'py, PyAny>,
        new: &'a Statement,
        again: &BTreeSet<usize>,
        chain: &[&'a Statement],
        partner: &Partner<'_, 'a>,
        chains: &Chains<'a>,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let members: Vec<&Statement> = again.iter().map(|&at| &new.body[at]).collect();
        // Statements that share a line, or a one-line body, cannot be taken apart.
        let shared = new
            .body
            .windows(2)
            .any(|pair| pair[0].span.end_line == pair[1].span.line)
            || new.body.iter().any(|m| m.span.line == new.span.def_line);
        if shared {
            return Ok(false);
        }
        self.clear_caches()?;
        let code = self.job.new.class_part(kit, chain, &members)?;
        if code.getattr("co_freevars")?.len()? > 0 {
            return Ok(false);
        }
        let names = kit.class_dict(class)?;
        let annotations = names.get_item("__annotations__")?;
        if let Some(annotations) = &annotations {
            let copy = annotations.call_method0("copy")?.cast_into::<PyDict>()?;
            let own = self.class_name(class)?;
            for name in members.iter().flat_map(|m| annotates(m)) {
                let name = mangled(name, Some(&own));
                if copy.contains(&name)? {
                    copy.del_item(&name)?;
                }
            }
            names.set_item("__annotations__", copy)?;
        }
        for private in [
            "__dict__",
            "__weakref__",
            "__annotate__",
            "__annotate_func__",
            "__annotations_cache__",
        ] {
            if names.contains(private)? {
                names.del_item(private)?;
            }
        }
        let before = names.copy()?;
        let own = self.class_name(class)?;
        // A name that a statement binds is, before it does, that of the module or a builtin.
        let bound: BTreeSet<&String> = members.iter().flat_map(|m| &m.uses.binds).collect();
        for name in &bound {
            let key = mangled(name, Some(&own));
            if !key.starts_with("__") && names.contains(&key)? {
                names.del_item(&key)?;
            }
        }
        if self.reads_ahead(new, again, &bound) {
            return Ok(false);
        }
        // What import had put into containers, while functions have the attributes of then.
        let mut bases: BTreeMap<(usize, &String), Bound<'py, PyAny>> = BTreeMap::new();
        for &at in again.iter().filter(|_| self.work.merge) {
            let was = partner(at).map(|(statement, _)| statement);
            for name in &new.body[at].uses.binds {
                let member = &new.body[at];
                let table = member.value == Value::Container || member.display;
                if let Some(made) = was.filter(|_| table)
                    && let Some(base) = self.class_base(made, name, chains, &before)
                {
                    bases.insert((at, name), base);
                }
            }
        }
        kit.exec.call1((code, &self.job.dict, &names))?;
        self.facts.executed = true;
        for cell in ["__classcell__", "__classdictcell__"] {
            if let Some(found) = names.get_item(cell)? {
                names.del_item(cell)?;
                if cell == "__classcell__" {
                    found.setattr("cell_contents", class)?;
                } else {
                    found.setattr("cell_contents", kit.entries(class)?)?;
                }
            }
        }
        // What the statements made, and what lives on in its place.
        let mut done: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
        // Containers last: by then it is known which functions live on.
        let mut order: Vec<usize> = again.iter().copied().collect();
        order.sort_by_key(|&at| new.body[at].value == Value::Container || new.body[at].display);
        for at in order {
            let member = &new.body[at];
            if member.kind == Kind::Docstring {
                if let Some(doc) = names.get_item("__doc__")? {
                    self.work.tx.set_class_entry(
                        kit,
                        class,
                        pyo3::types::PyString::new(kit.py, "__doc__").as_any(),
                        &doc,
                    )?;
                }
                continue;
            }
            for name in member.uses.binds.iter().chain(&member.uses.deletes) {
                let key = mangled(name, Some(&own));
                let key_object = pyo3::types::PyString::new(kit.py, &key).into_any();
                let was = kit.class_entry(class, &key)?;
                let Some(value) = names.get_item(&key)? else {
                    if let Some(was) = &was {
                        self.work.forget_stored(class, was)?;
                        self.work.tx.del_class_entry(kit, class, &key_object)?;
                    }
                    continue;
                };
                let value = self.implicit(&key, value)?;
                let value = living_inside(value, &done)?;
                let aliased = done.iter().find(|(made, _)| made.is(&value));
                let aliased = aliased.filter(|_| member.kind == Kind::Assign);
                if let Some(was) = &was
                    && member.lambdas
                {
                    self.work.reconcile_inside(was, &value, 0)?;
                }
                let members = match member.kind {
                    Kind::Class => value.getattr("_member_map_").ok(),
                    _ => None,
                };
                let kept = match &was {
                    _ if let Some((_, kept)) = aliased => kept.clone(),
                    Some(was)
                        if (member.value == Value::Container || member.display)
                            && mergeable(was)
                            && partner(at).is_none_or(|(statement, _)| !statement.alias)
                            && of_one_kind(was, &value) =>
                    {
                        self.work
                            .update_container(was, &value, bases.get(&(at, name)), &key)?;
                        was.clone()
                    }
                    Some(was) if is_alias(kit, &key, was, &before)? => self.work.living(&value),
                    Some(was)
                        if self.covered(
                            member,
                            partner(at).map(|(statement, _)| statement),
                            was,
                            &value,
                            Some(class),
                        )? =>
                    {
                        was.clone()
                    }
                    Some(was) => self.work.reconcile(was, &value, Some(class))?,
                    None => value.clone(),
                };
                self.work.set_entry(class, &key_object, &kept)?;
                if let Some(members) = members.filter(|_| !kept.is(&value)) {
                    // Statements of the body further down took those.
                    done.extend(Work::members_of_twin(&members, &kept)?);
                }
                if mergeable(&value) && !kept.is(&value) {
                    // A default of a method, perhaps: that is the table of the class, not its twin.
                    self.work.replaced.push(Replaced {
                        from: value.clone(),
                        to: kept.clone(),
                        lived: false,
                    });
                }
                if (!kept.is(&value) || member.kind != Kind::Assign) && !nobodys(&value) {
                    done.push((value, kept));
                }
                let action = if was.is_some() {
                    Action::Updated
                } else {
                    Action::Added
                };
                let kind = match member.kind {
                    Kind::Function => ChangeKind::Function,
                    Kind::Class => ChangeKind::Class,
                    _ => ChangeKind::Variable,
                };
                self.note(
                    kind,
                    action,
                    &format!("{}.{name}", new.name),
                    member,
                    "it changed, or what it reads did",
                );
            }
        }
        self.work.wrapped_twins(class)?;
        if let Some(now) = names.get_item("__annotations__")?
            && !annotations
                .as_ref()
                .is_some_and(|a| a.eq(&now).unwrap_or(false))
        {
            let now = now.cast_into::<PyDict>()?;
            in_body_order(&now, new, &own)?;
            let key = pyo3::types::PyString::new(kit.py, "__annotations__");
            if now.is_empty() && !self.annotates_any(new) {
                // The compiler makes the dict for the first annotation only.
                if annotations.is_some() {
                    self.work.tx.del_class_entry(kit, class, key.as_any())?;
                }
            } else {
                self.work
                    .tx
                    .set_class_entry(kit, class, key.as_any(), now.as_any())?;
            }
        }
        Ok(true)
    }

    /// `__new__`, `__init_subclass__` and `__class_getitem__` are wrapped by `type.__new__`.
    fn implicit(&self, name: &str, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.work.kit;
        if !kit.is_function(&value) {
            return Ok(value);
        }
        match name {
            "__new__" => kit.staticmethod.call1((value,)),
            "__init_subclass__" | "__class_getitem__" => kit.classmethod.call1((value,)),
            _ => Ok(value),
        }
    }

    fn drop_annotation(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &str,
        last: bool,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        if let Some(found) = kit.class_entry(class, "__annotations__")?
            && let Ok(dict) = found.cast::<PyDict>()
        {
            if dict.contains(name)? {
                self.work.tx.dict(dict)?;
                dict.del_item(name)?;
            }
            if last && dict.is_empty() {
                // The compiler makes the dict for the first annotation only.
                let key = pyo3::types::PyString::new(kit.py, "__annotations__");
                self.work.tx.del_class_entry(kit, class, key.as_any())?;
            }
        }
        Ok(())
    }

    /// The annotations of a class whose statements changed places.
    fn order_annotations(&mut self, class: &Bound<'py, PyAny>, new: &'a Statement) -> PyResult<()> {
        let kit = self.work.kit;
        let own = self.class_name(class)?;
        if let Some(found) = kit.class_entry(class, "__annotations__")?
            && let Ok(dict) = found.cast_into::<PyDict>()
        {
            self.work.tx.dict(&dict)?;
            in_body_order(&dict, new, &own)?;
        }
        Ok(())
    }
}

/// Puts annotations into the order of the class body, as in a class made anew.
fn in_body_order(
    annotations: &Bound<'_, PyDict>,
    class: &Statement,
    class_name: &str,
) -> PyResult<()> {
    for name in class.body.iter().flat_map(annotates) {
        let name = mangled(name, Some(class_name));
        if let Some(value) = annotations.get_item(&name)? {
            annotations.del_item(&name)?;
            annotations.set_item(&name, value)?;
        }
    }
    Ok(())
}
