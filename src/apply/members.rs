//! Functions and classes of which only parts changed.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use super::annotations::{Annotate, annotates, lazy};
use super::arguments::takes_others;
use super::kit::{is_text, text};
use super::lines::Moved;
use super::made::other_names;
use super::module::Run;
use super::parts::with_deleted;
use super::patch::Patched;
use super::registry::told;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};
use crate::plan::{
    Chains, affected_head, decorated_blindly, reordered, rewritten, tell_doc, tell_hints,
};
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

/// Two versions of a class statement, and the live class that they are about.
pub(super) struct Body<'c, 'a, 'py> {
    pub(super) class: &'c Bound<'py, PyAny>,
    pub(super) old: &'a Statement,
    pub(super) new: &'a Statement,
    /// What became of its parts; `None` where the text is the same, and only what it reads is not.
    pub(super) inner: Option<&'a Changes>,
    /// The statements that the class is in, and its own.
    pub(super) chain: Vec<&'a Statement>,
    /// The class from the module on, with a dot at the end.
    pub(super) path: String,
    /// The name that `__private` ones get in front.
    own: String,
}

impl<'a> Body<'_, 'a, '_> {
    /// The old statement of one of the body, and what became of it.
    pub(super) fn partner(&self, at: usize) -> Option<(&'a Statement, Option<&'a What>)> {
        match self.inner {
            Some(changes) => {
                let change = changes.items.get(at).filter(|c| c.new == at)?;
                Some((&self.old.body[change.old?], Some(&change.what)))
            }
            None => self.old.body.get(at).map(|s| (s, None)),
        }
    }

    /// Under which name the class keeps what its body calls `name`.
    pub(super) fn key(&self, name: &str) -> String {
        mangled(name, Some(&self.own))
    }

    /// Names that the body does not bind any more.
    fn gone(&self) -> Vec<&'a String> {
        let bound: BTreeSet<&String> = self.new.body.iter().flat_map(|m| &m.uses.binds).collect();
        let before = self.old.body.iter().flat_map(|m| &m.uses.binds);
        before.filter(|n| !bound.contains(n)).collect()
    }

    /// Names that the body does not annotate any more.
    fn unannotated(&self) -> Vec<&'a String> {
        let now: BTreeSet<&String> = self.new.body.iter().flat_map(annotates).collect();
        let before = self.old.body.iter().flat_map(annotates);
        before.filter(|n| !now.contains(n)).collect()
    }

    /// Whether the class is not documented any more.
    fn doc_gone(&self) -> bool {
        let documented = |body: &[Statement]| {
            body.first()
                .is_some_and(|first| first.kind == Kind::Docstring)
        };
        documented(&self.old.body) && !documented(&self.new.body)
    }
}

/// What an edit of a class body comes to, besides new bodies of functions.
pub(super) struct Edit<'a> {
    /// The statements that run again.
    pub(super) again: BTreeSet<usize>,
    pub(super) gone: Vec<&'a String>,
    pub(super) unannotated: Vec<&'a String>,
    pub(super) reordered: bool,
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
            let class = match class.filter(|c| self.work.kit.is_class(c)) {
                Some(class) => Some(class),
                None => self.class_behind(statement)?,
            };
            let Some(class) = class else {
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
            let inside = format!("{}.", statement.name);
            for path in self.unset.iter().filter(|path| path.starts_with(&inside)) {
                self.dirty.value(path, "which nothing sets any more");
            }
            if let Some(inner) = inner {
                if takes_others(statement, inner) {
                    self.miss_arguments(&class, &statement.name)?;
                }
                crate::plan::members(statement, inner, "", &mut self.dirty);
            }
            return Ok(());
        }
        let Some(inner) = inner else {
            return self.run_whole(at, statement, why);
        };
        if self.any_looked_at(old, statement, inner) {
            return self.run_whole(at, statement, why);
        }
        self.compound(old, statement, inner, &[], None, "")
    }

    /// The class that a statement made, where its name is bound to something else: decorators gave a
    /// function that makes instances, the one instance there is, or nothing.
    fn class_behind(&self, statement: &Statement) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let read = statement.head.reads.iter();
        let bases = read.filter_map(|path| self.resolve(path));
        let bases = bases.filter(|base| kit.is_class(base));
        let listed = kit.object.get_type().getattr("__subclasses__")?;
        let mut found: Vec<Bound<'py, PyAny>> = Vec::new();
        for base in std::iter::once(kit.object.clone().into_any()).chain(bases) {
            for class in listed.call1((base,))?.try_iter()? {
                let class = class?;
                if is_text(&class.getattr("__qualname__")?, &statement.name)
                    && kit.defined_in(&class, &self.job.dict)?
                    && !found.iter().any(|known| known.is(&class))
                {
                    found.push(class);
                }
            }
        }
        // Of two nobody knows which one is meant.
        Ok(match found.len() {
            1 => found.pop(),
            _ => None,
        })
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
                    self.patch_noted(holder.as_ref(), &chain, was, part, class, prefix)?;
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
        let body = Body {
            class,
            old,
            new,
            inner,
            chain,
            path: format!("{prefix}{}.", new.name),
            own: self.class_name(class)?,
        };
        let chains = Chains::of(old, new, inner);
        let again = self.parts_again(&body, &chains)?;
        let edit = Edit {
            gone: body.gone(),
            unannotated: body.unannotated(),
            reordered: inner.is_some_and(|changes| reordered(new, changes)),
            again,
        };
        if around.is_empty() && (self.makers_look(&body, &edit) || self.bodies_looked_at(&body)) {
            return Ok(false);
        }
        let Some(annotate) = self.reannotate(&body, &edit)? else {
            return Ok(false);
        };
        if self.takes_whole(&body, &edit)? {
            return Ok(false);
        }
        let again = &edit.again;
        if !again.is_empty() || !edit.gone.is_empty() || edit.reordered {
            self.work.tx.class_order(kit, class)?;
        }
        self.annotate_members(&body, again)?;
        if !again.is_empty() && !self.run_members(&body, again, &chains)? {
            return Ok(false);
        }
        let lazy = lazy(kit, self.job.new);
        match annotate {
            Annotate::Made(entries) => self.work.annotate_as(class, &entries)?,
            Annotate::Stands if lazy && !again.is_empty() => self.work.forget_annotations(class)?,
            Annotate::Stands => {}
        }
        self.drop_members(&body, &edit.gone)?;
        self.implied_hash(
            class,
            &new.body.iter().flat_map(|m| &m.uses.binds).collect(),
        )?;
        if !lazy {
            let last = !self.annotates_any(new);
            for name in &edit.unannotated {
                self.drop_annotation(class, &body.key(name), last)?;
            }
            if edit.reordered {
                self.order_annotations(&body)?;
            }
        }
        if body.doc_gone() {
            let none = kit.py.None().into_bound(kit.py);
            self.set_by_name(class, "__doc__", &none)?;
        }
        if !self.update_kept(&body, again)? {
            return Ok(false);
        }
        if !again.is_empty() || edit.reordered {
            let names = new.body.iter().flat_map(|m| &m.uses.binds);
            let order: Vec<String> = names.map(|name| body.key(name)).collect();
            self.work.tx.order_class(kit, class, &order)?;
        }
        if kit.version >= (3, 13) {
            let line = PyInt::new(kit.py, new.span.line);
            self.set_by_name(class, "__firstlineno__", line.as_any())?;
        }
        if !again.is_empty() || inner.is_some() {
            self.static_attributes(class, &body.chain, old)?;
            self.work.finish_class(class)?;
            self.metaclass_changed(class, inner, new)?;
        }
        if let Some(inner) = inner {
            self.note_gains(class, old, new, inner);
        }
        Ok(true)
    }

    /// Whether a class has something that nothing sets any more.
    pub(super) fn unsets(&self, statement: &Statement) -> bool {
        self.job.plan.unsets(&statement.name)
    }

    /// Which statements of a class body run again, with all that fill what one of them fills and
    /// all that define what one of them defines.
    fn parts_again(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        chains: &Chains<'a>,
    ) -> PyResult<BTreeSet<usize>> {
        let new = body.new;
        let mut again = body
            .inner
            .map_or_else(BTreeSet::new, |inner| rewritten(new, inner));
        loop {
            let more = self.affected_parts(body, &again);
            let more = with_deleted(body, chains.whole(more));
            if more == again {
                break;
            }
            again = more;
        }
        for (at, member) in new.body.iter().enumerate() {
            if !member.applied.is_empty()
                && !again.contains(&at)
                && let Some(value) = self
                    .work
                    .kit
                    .class_entry(body.class, &body.key(&member.name))?
            {
                self.work.renew(&value, &self.job.dict)?;
            }
        }
        let binding = |names: &BTreeSet<&String>| -> Vec<usize> {
            let binds = |m: &Statement| m.uses.binds.iter().any(|n| names.contains(n));
            let members = new.body.iter().enumerate();
            members
                .filter(|(_, m)| binds(m))
                .map(|(at, _)| at)
                .collect()
        };
        // A definition of a name is gone that has others (`@x.setter`): made from those alone.
        if let Some(changes) = body.inner {
            let kept: BTreeSet<usize> = changes.items.iter().filter_map(|c| c.old).collect();
            let lost = body.old.body.iter().enumerate();
            let lost = lost.filter(|(at, _)| !kept.contains(at));
            again.extend(binding(&lost.flat_map(|(_, m)| &m.uses.binds).collect()));
        }
        if !self.job.plan.unset.is_empty() {
            let mut unset = BTreeSet::new();
            for name in new.body.iter().flat_map(|m| &m.uses.binds) {
                let path = format!("{}{name}", body.path);
                if self.job.plan.unset.contains(&path) && !self.stays_set(body.class, &path)? {
                    self.unset.insert(path);
                    unset.insert(name);
                }
            }
            again.extend(binding(&unset));
        }
        // All definitions of a name, when one of several runs again (`@x.setter`).
        let several = again.iter().flat_map(|&at| &new.body[at].uses.binds);
        let several = binding(&several.collect());
        again.extend(several);
        Ok(with_deleted(body, again))
    }

    /// Whether what makes the class, or is called with it, looks at names that differ.
    fn makers_look(&self, body: &Body<'_, 'a, 'py>, edit: &Edit<'a>) -> bool {
        let mut named: BTreeSet<&String> = edit.gone.iter().copied().collect();
        for at in &edit.again {
            named.extend(&body.new.body[*at].uses.binds);
            named.extend(
                body.partner(*at)
                    .iter()
                    .flat_map(|(was, _)| &was.uses.binds),
            );
        }
        let declared = self.declared_names(body.old, body.new, body.inner);
        named.extend(&declared);
        told(self.looked_at(body.new, &named)).unwrap_or(false)
    }

    /// Whether only the class statement as a whole makes what the edit asks for.
    fn takes_whole(&self, body: &Body<'_, 'a, 'py>, edit: &Edit<'a>) -> PyResult<bool> {
        let (old, new, again) = (body.old, body.new, &edit.again);
        // A field without a default binds nothing, and is a field all the same.
        let fewer = !edit.gone.is_empty() || !edit.unannotated.is_empty();
        if again.is_empty() && !fewer && !body.doc_gone() && !edit.reordered {
            return Ok(false);
        }
        let binds_slots = |m: &Statement| m.uses.binds.iter().any(|n| n == "__slots__");
        let touches_slots = again.iter().any(|&at| binds_slots(&new.body[at]))
            || edit.gone.iter().any(|n| *n == "__slots__");
        // `__doc__ = ...` of the text above it: one entry, two statements.
        let document = |m: &Statement| {
            let uses = &m.uses;
            uses.binds.iter().chain(&uses.reads).any(|n| n == "__doc__")
        };
        let documents = |body: &[Statement]| body.iter().any(document);
        let is_doc = |m: &Statement| m.kind == Kind::Docstring;
        let doc_again = again.iter().any(|&at| is_doc(&new.body[at]));
        if (body.doc_gone() || doc_again) && (documents(&new.body) || documents(&old.body))
            || new.body.iter().any(is_doc) && again.iter().any(|&at| document(&new.body[at]))
        {
            return Ok(true);
        }
        // `locals()[name] = ...`: nobody knows which names they bound.
        let opaque = |body: &[Statement]| body.iter().any(|m| m.uses.opaque);
        let differs = |at| edit.reordered || again.contains(&at);
        Ok(touches_slots
            || opaque(&old.body)
            || opaque(&new.body)
            || self.work.generated(body.class)?
            || self.processed(body.class, old)?
            || (old.decorators != 0 && other_names(old, new))
            || self.told_owner(body.class, &edit.gone, new, differs)?
            || self.consumed(body, edit)?)
    }

    /// Takes from a class what its body does not define any more.
    fn drop_members(&mut self, body: &Body<'_, 'a, 'py>, gone: &[&String]) -> PyResult<()> {
        let (kit, class, path) = (self.work.kit, body.class, &body.path);
        for name in gone {
            if self.set_by_module(&format!("{path}{name}")) {
                continue;
            }
            let key = body.key(name);
            if let Some(was) = kit.class_entry(class, &key)? {
                if self.put_in_class(body.old, name, &was)? {
                    self.work.notes.push(format!(
                        "{path}{name} is gone from the file, but the program had put its own there; it is kept"
                    ));
                    continue;
                }
                let key = PyString::new(kit.py, &key);
                self.work.lose(class, key.as_any(), &was)?;
                self.work.tx.del_class_entry(kit, class, key.as_any())?;
                self.miss_member(body.new, name)?;
                self.note(
                    ChangeKind::Function,
                    Action::Removed,
                    &format!("{path}{name}"),
                    body.old,
                    "it is gone from the file",
                );
            }
        }
        Ok(())
    }

    /// The statements that do not run again: changed bodies, parts of classes and compounds inside.
    /// False when the class must be made by its whole statement.
    fn update_kept(&mut self, body: &Body<'_, 'a, 'py>, again: &BTreeSet<usize>) -> PyResult<bool> {
        let Body {
            class, chain, path, ..
        } = body;
        let kit = self.work.kit;
        for (at, member) in body.new.body.iter().enumerate() {
            if again.contains(&at) {
                continue;
            }
            let Some((was, what)) = body.partner(at) else {
                continue;
            };
            let entry = kit.class_entry(class, &body.key(&member.name))?;
            match what {
                Some(What::Body) => {
                    self.patch_noted(entry.as_ref(), chain, was, member, Some(class), path)?;
                }
                Some(What::Inner(deeper)) if member.kind == Kind::Class => {
                    if let Some(live) = entry.filter(|e| kit.is_class(e))
                        && !self.update_members(&live, was, member, Some(deeper), chain, path)?
                    {
                        return Ok(false);
                    }
                }
                Some(What::Inner(deeper)) => {
                    self.compound(was, member, deeper, chain, Some(class), path)?;
                }
                _ => self.moved.push(Moved {
                    old: was,
                    new: member,
                    chain: chain.clone(),
                }),
            }
        }
        Ok(true)
    }

    /// A function whose body changed gets the new one, and the report an entry.
    fn patch_noted(
        &mut self,
        holder: Option<&Bound<'py, PyAny>>,
        chain: &[&'a Statement],
        was: &'a Statement,
        part: &'a Statement,
        class: Option<&Bound<'py, PyAny>>,
        prefix: &str,
    ) -> PyResult<()> {
        let patched = self.patch(holder, chain, was, part, class, prefix)?;
        if patched != Patched::No {
            let name = format!("{prefix}{}", part.name);
            let why = format!("which changed on line {}", part.span.line);
            let alike = patched == Patched::Alike || part.differs_in_hints(was);
            match alike && decorated_blindly(part) {
                true => {
                    tell_hints(&name, part.span.line, &mut self.dirty);
                    tell_doc(&name, part.span.line, &mut self.dirty);
                }
                false => self.dirty.acts(&name, why),
            }
            let why = "its body changed";
            self.note(ChangeKind::Function, Action::Updated, &name, part, why);
        }
        Ok(())
    }

    /// Sets an entry of a class by a name that is not mangled.
    pub(super) fn set_by_name(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let name = PyString::new(kit.py, name);
        self.work
            .tx
            .set_class_entry(kit, class, name.as_any(), value)
    }
}
