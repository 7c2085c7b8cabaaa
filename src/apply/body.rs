//! Statements of a class body that run again over the live class.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::annotations::annotates;
use super::collections::{mergeable, of_one_kind};
use super::data::nobodys;
use super::function::is_alias;
use super::made::living_inside;
use super::members::Body;
use super::module::Run;
use super::work::{Replaced, Work};
use crate::outline::{Kind, Statement, Value};
use crate::plan::Chains;
use crate::report::{Action, ChangeKind};

/// What statements of a class body made.
struct Made<'py> {
    names: Bound<'py, PyDict>,
    /// The names of the class before they ran.
    before: Bound<'py, PyDict>,
    /// What they made, and what lives on in its place.
    done: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

/// Statements that share a line, or a one-line body, cannot be taken apart.
fn shares_lines(class: &Statement) -> bool {
    let mut pairs = class.body.windows(2);
    pairs.any(|pair| pair[0].span.end_line == pair[1].span.line)
        || class
            .body
            .iter()
            .any(|m| m.span.line == class.span.def_line)
}

/// Whether a statement makes a container that lives on when it is made again.
fn is_table(member: &Statement) -> bool {
    member.value == Value::Container || member.display
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Runs some statements of a class body over the live class. False when the class must be made
    /// by its whole statement.
    pub(super) fn run_members(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        again: &BTreeSet<usize>,
        chains: &Chains<'a>,
    ) -> PyResult<bool> {
        let (kit, class, new) = (self.work.kit, body.class, body.new);
        if shares_lines(new) {
            return Ok(false);
        }
        let members: Vec<&Statement> = again.iter().map(|&at| &new.body[at]).collect();
        self.clear_caches()?;
        let code = self.job.new.class_part(kit, &body.chain, &members)?;
        if code.getattr("co_freevars")?.len()? > 0 {
            return Ok(false);
        }
        let annotations = kit.class_entry(class, "__annotations__")?;
        let names = self.names_before(body, &members)?;
        let before = names.copy()?;
        // A name that a statement binds is, before it does, that of the module or a builtin.
        let bound: BTreeSet<&String> = members.iter().flat_map(|m| &m.uses.binds).collect();
        for name in &bound {
            let key = body.key(name);
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
            let member = &new.body[at];
            let Some((was, _)) = body.partner(at).filter(|_| is_table(member)) else {
                continue;
            };
            for name in &member.uses.binds {
                if let Some(base) = self.class_base(was, name, chains, &before) {
                    bases.insert((at, name), base);
                }
            }
        }
        kit.exec.call1((code, &self.job.dict, &names))?;
        self.facts.executed = true;
        self.fill_cells(class, &names)?;
        let mut made = Made {
            names,
            before,
            done: Vec::new(),
        };
        // Containers last: by then it is known which functions live on.
        let mut order: Vec<usize> = again.iter().copied().collect();
        order.sort_by_key(|&at| is_table(&new.body[at]));
        for at in order {
            let member = &new.body[at];
            if member.kind == Kind::Docstring {
                if let Some(doc) = made.names.get_item("__doc__")? {
                    self.set_by_name(class, "__doc__", &doc)?;
                }
                continue;
            }
            for name in member.uses.binds.iter().chain(&member.uses.deletes) {
                self.take_member(body, at, name, bases.get(&(at, name)), &mut made)?;
            }
        }
        self.work.wrapped_twins(class)?;
        self.take_class_annotations(body, annotations.as_ref(), &made.names)?;
        Ok(true)
    }

    /// What the class has, for statements of its body that run again.
    pub(super) fn names_before(
        &self,
        body: &Body<'_, 'a, 'py>,
        members: &[&Statement],
    ) -> PyResult<Bound<'py, PyDict>> {
        let names = self.work.kit.class_dict(body.class)?;
        if let Some(annotations) = names.get_item("__annotations__")? {
            let copy = annotations.call_method0("copy")?.cast_into::<PyDict>()?;
            for name in members.iter().flat_map(|m| annotates(m)) {
                let name = body.key(name);
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
        Ok(names)
    }

    /// Gives the cells of functions that a part of a class body made the class, as `type` does.
    fn fill_cells(&self, class: &Bound<'py, PyAny>, names: &Bound<'py, PyDict>) -> PyResult<()> {
        if let Some(cell) = names.get_item("__classcell__")? {
            names.del_item("__classcell__")?;
            cell.setattr("cell_contents", class)?;
        }
        if let Some(cell) = names.get_item("__classdictcell__")? {
            names.del_item("__classdictcell__")?;
            cell.setattr("cell_contents", self.work.kit.entries(class)?)?;
        }
        Ok(())
    }

    /// Puts what a statement of the body made under a name into the class, or what lives on in its
    /// place.
    fn take_member(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        at: usize,
        name: &str,
        base: Option<&Bound<'py, PyAny>>,
        made: &mut Made<'py>,
    ) -> PyResult<()> {
        let (kit, class, member) = (self.work.kit, body.class, &body.new.body[at]);
        let key = body.key(name);
        let key_object = PyString::new(kit.py, &key).into_any();
        let was = kit.class_entry(class, &key)?;
        let Some(value) = made.names.get_item(&key)? else {
            if let Some(was) = &was {
                self.work.forget_stored(class, was)?;
                self.work.tx.del_class_entry(kit, class, &key_object)?;
            }
            return Ok(());
        };
        let value = self.implicit(&key, value)?;
        let value = living_inside(value, &made.done)?;
        if let Some(was) = &was
            && member.lambdas
        {
            self.work.reconcile_inside(was, &value, 0)?;
        }
        let members = match member.kind {
            Kind::Class => value.getattr("_member_map_").ok(),
            _ => None,
        };
        let kept = self.kept_member(body, at, (&key, was.as_ref()), &value, base, made)?;
        self.work.set_entry(class, &key_object, &kept)?;
        if let Some(members) = members.filter(|_| !kept.is(&value)) {
            // Statements of the body further down took those.
            made.done.extend(Work::members_of_twin(&members, &kept)?);
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
            made.done.push((value, kept));
        }
        let action = match was {
            Some(_) => Action::Updated,
            None => Action::Added,
        };
        let kind = match member.kind {
            Kind::Function => ChangeKind::Function,
            Kind::Class => ChangeKind::Class,
            _ => ChangeKind::Variable,
        };
        let name = format!("{}{name}", body.path);
        let why = "it changed, or what it reads did";
        self.note(kind, action, &name, member, why);
        Ok(())
    }

    /// What the class keeps under a name for which a statement of its body made `value`.
    fn kept_member(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        at: usize,
        (key, was): (&str, Option<&Bound<'py, PyAny>>),
        value: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
        made: &Made<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let member = &body.new.body[at];
        let partner = body.partner(at).map(|(statement, _)| statement);
        if member.kind == Kind::Assign
            && let Some((_, kept)) = made.done.iter().find(|(new, _)| new.is(value))
        {
            return Ok(kept.clone());
        }
        let Some(was) = was else {
            return Ok(value.clone());
        };
        let path = format!("{}{key}", body.path);
        if self.unset.contains(&path) {
            // What was set over it is another thing, and stays what it is.
            return Ok(self.work.living(value));
        }
        if is_table(member)
            && mergeable(was)
            && partner.is_none_or(|statement| !statement.alias)
            && of_one_kind(was, value)
        {
            self.work.written = member.uses.reads.is_empty() && member.uses.calls.is_empty();
            self.work.update_container(was, value, base, &path)?;
            return Ok(was.clone());
        }
        if let Some(partner) = partner {
            self.note_overwritten_in(body.old, partner, (&body.path, key), was);
        }
        if is_alias(self.work.kit, key, was, &made.before)? {
            return Ok(self.work.living(value));
        }
        if self.covered(member, partner, was, value, Some(body.class))? {
            return Ok(was.clone());
        }
        let (was_text, what) = body.partner(at).unzip();
        let path = format!("{}{}", body.path, member.name);
        self.work.literals = self.literals_inside(member, was_text, what.flatten(), &path)?;
        let outcome = self.work.reconcile(was, value, Some(body.class));
        self.work.literals = None;
        outcome
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
}
