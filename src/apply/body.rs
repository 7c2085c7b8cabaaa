//! Statements of a class body that run again over the live class.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::annotations::{annotates, in_body_order};
use super::collections::{mergeable, of_one_kind};
use super::data::nobodys;
use super::function::is_alias;
use super::made::living_inside;
use super::members::mangled;
use super::module::Run;
use super::parts::Partner;
use super::work::{Replaced, Work};
use crate::outline::{Kind, Statement, Value};
use crate::plan::Chains;
use crate::report::{Action, ChangeKind};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Runs some statements of a class body over the live class.
    pub(super) fn run_members(
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
}
