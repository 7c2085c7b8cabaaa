//! Attributes that statements and decorators of the old text put on functions and classes, and that
//! those of the new text do not.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString, PyType};

use super::compile::Source;
use super::function::{identical, nested};
use super::kit::{Kit, text};
use super::made::MAKES;
use super::members::mangled;
use super::module::{Run, container};
use crate::diff::What;
use crate::outline::{Kind, MATCH_ARGS, Row, Statement};

/// What a class had before its statement ran again.
pub(super) struct Had<'py> {
    /// Names and values of the members of an enumeration.
    members: Vec<String>,
    /// The entries of a class; of containers a copy.
    entries: Option<Bound<'py, PyDict>>,
}

/// Whether an object answers with code of the program's when it is asked for an attribute.
pub(super) fn hooked(kit: &Kit<'_>, value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    kind.getattr("__getattr__").is_ok()
        || kind
            .getattr("__getattribute__")
            .is_ok_and(|get| kit.is_function(&get))
}

/// The attributes that an object has itself, without running its code.
pub(super) fn own_state<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let get = object
        .py()
        .get_type::<PyAny>()
        .getattr("__getattribute__")?;
    let state = match object.is_instance_of::<PyType>() || object.is_instance_of::<PyModule>() {
        true => object.getattr("__dict__"),
        false => get.call1((object, "__dict__")),
    };
    Ok(state.ok().and_then(|state| state.cast_into_exact().ok()))
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Attributes of attributes, as far as nothing of the program's has to be called for them.
    pub(super) fn follow<'s>(
        &self,
        mut value: Bound<'py, PyAny>,
        parts: impl Iterator<Item = &'s str>,
    ) -> Option<Bound<'py, PyAny>> {
        let kit = self.work.kit;
        for part in parts {
            value = if kit.is_exact(&value, &kit.module) {
                value.getattr("__dict__").ok()?.get_item(part).ok()?
            } else {
                let reached = self.registry_helper("reached").ok()?;
                reached.call1((value, part)).ok()?
            };
        }
        Some(value)
    }

    /// Remembers what a statement that is about to run says that it changes in place.
    pub(super) fn remember(&mut self, at: usize) -> PyResult<()> {
        if !self.remembered.0.insert(at) {
            return Ok(());
        }
        let statement = &self.job.new.outline.body[at];
        let uses = &statement.uses;
        // Also what functions that it calls set.
        let mut paths = self.functions.writes(&uses.calls);
        paths.extend(uses.writes.iter().cloned());
        paths.extend(super::assigned::target(self.job.new, statement));
        for path in paths {
            if self.remembered.1.insert(format!("{path} =")) {
                self.remember_attribute(&path)?;
            }
        }
        self.remember_states(statement)?;
        self.keep_parts(&uses.mutates)?;
        let names = uses.reads.iter().chain(&uses.mutates).chain(&uses.binds);
        for path in names {
            if self.remembered.1.insert(path.clone())
                && let Some(value) = self.resolve(path)
            {
                self.work.tx.container(&value)?;
            }
        }
        Ok(())
    }

    /// `f.note = 1`, `C.limit = 2`, `m.setting = 3`: remembers what was there before statements run.
    pub(super) fn remember_attribute(&mut self, path: &str) -> PyResult<()> {
        let kit = self.work.kit;
        let Some((owner, attribute)) = path.rsplit_once('.') else {
            return Ok(());
        };
        let mut parts = owner.split('.');
        let first = parts.next().unwrap_or(owner);
        let Some(mut object) = self.job.dict.get_item(first)? else {
            return Ok(());
        };
        for part in parts {
            let inner = match kit.is_class(&object) {
                true => kit.class_entry(&object, part)?,
                false => self.follow(object, std::iter::once(part)),
            };
            let Some(inner) = inner else {
                return Ok(());
            };
            object = inner;
        }
        if kit.is_class(&object) {
            let before = kit.class_entry(&object, attribute)?;
            if let Some(before) = &before {
                // `C.items += [1]`
                self.work.tx.container(before)?;
            }
            let name = PyString::new(kit.py, attribute).into_any();
            self.work.tx.class_entry(&object, &name, before.clone());
            if let Some(before) = &before {
                self.remember_state(before)?;
            }
        } else if let Some(state) = own_state(&object)? {
            let name = PyString::new(kit.py, attribute);
            match state.get_item(&name)? {
                Some(value) => {
                    self.work.tx.container(&value)?;
                    self.work.tx.entry(&state, &name, &value);
                    self.remember_state(&value)?;
                }
                None => drop(self.work.tx.dict(&state)?),
            }
        } else {
            self.work.tx.slot(kit, &object, attribute)?;
        }
        Ok(())
    }

    /// A path that is set may be told as far as an object that it goes through.
    fn remember_state(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.work.kit;
        if !kit.is_class(value)
            && !kit.is_exact(value, &kit.module)
            && let Some(state) = own_state(value)?
        {
            self.work.tx.dict(&state)?;
        }
        Ok(())
    }

    /// What a class has, for `compare_attributes`.
    pub(super) fn attributes(
        &self,
        statement: &Statement,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<Had<'py>> {
        let mut had = Had {
            members: self.work.enum_members(object)?,
            entries: None,
        };
        if statement.kind == Kind::Class && self.work.kit.is_class(object) {
            let entries = self.work.kit.class_dict(object)?;
            for (name, value) in entries.copy()?.iter().filter(|(_, v)| container(v)) {
                entries.set_item(name, value.call_method0("copy")?)?;
            }
            had.entries = Some(entries);
        }
        Ok(had)
    }

    /// A class whose statement ran again stays the object it is: tells what attributes of it have
    /// another value now, for those who read these alone.
    pub(super) fn compare_attributes(
        &mut self,
        had: &Had<'py>,
        statement: &Statement,
        kept: &Bound<'py, PyAny>,
        why: &str,
    ) -> PyResult<()> {
        let class = &statement.name;
        let members = self.work.enum_members(kept)?;
        if members != had.members {
            for name in &statement.uses.binds {
                self.dirty.has_others(name, why);
            }
            for was in had.members.iter().filter(|was| !members.contains(was)) {
                let member = was.split('=').next().unwrap_or(was);
                self.dirty.value(format!("{class}.{member}"), why);
            }
        }
        let Some(entries) = &had.entries else {
            return Ok(());
        };
        if !self.work.kit.is_class(kept) {
            return Ok(());
        }
        for member in &statement.body {
            for name in &member.uses.binds {
                match member.kind {
                    // Its defaults, and what its decorators made of it.
                    Kind::Function if !member.uses.reads.is_empty() => {
                        self.dirty.acts(format!("{class}.{name}"), why);
                    }
                    Kind::Function | Kind::Class => {}
                    _ if members.is_empty() => {
                        let key = mangled(name, Some(class));
                        let was = entries.get_item(&key)?;
                        let now = self.work.kit.class_entry(kept, &key)?;
                        if let (Some(was), Some(now)) = (was, now)
                            && !was.is(&now)
                            && !(container(&was) && was.eq(&now).unwrap_or(false))
                            && !identical(&was, &now)
                        {
                            self.dirty.value(format!("{class}.{name}"), why);
                        }
                    }
                    _ => {}
                }
            }
        }
        // What the making of the class gives it, for a keyword of its header perhaps: who is given the
        // whole class may ask for that.
        let own: BTreeSet<String> = statement
            .body
            .iter()
            .flat_map(|member| &member.uses.binds)
            .map(|name| mangled(name, Some(class)))
            .collect();
        for (key, now) in self.work.kit.class_dict(kept)?.iter() {
            let name = text(&key);
            if let Some(was) = entries.get_item(&key)?
                && (!name.starts_with('_') || name == MATCH_ARGS)
                && !own.contains(&name)
                && !(container(&was) && was.eq(&now).unwrap_or(true))
                && !self.work.kit.is_function(&now)
                && !identical(&was, &now)
            {
                self.dirty.value(format!("{class}.{name}"), why);
                // Of what was generated for patterns nobody asks else; a list has no say in what is
                // made of the class.
                if name != MATCH_ARGS && !container(&was) {
                    self.dirty.has_others(class, why);
                }
            }
        }
        Ok(())
    }

    /// `f.note = 1`, `C.limit = 2`: gone from the text, gone from the function or class.
    pub(super) fn drop_attributes(&mut self) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let kit = self.work.kit;
        let changes = &self.job.changes;
        let changed = changes
            .items
            .iter()
            .filter(|c| c.what == What::Changed)
            .filter_map(|c| c.old);
        let gone = changes.removed.iter().copied().chain(changed);
        let targets: Vec<_> = gone
            .filter_map(|at| target(old.slice(&old.outline.body[at])))
            .collect();
        for (name, attribute) in targets {
            let by_call = |s: &Statement| {
                let is = |path: &String| path.split_once('.') == Some((name, attribute));
                s.kind == Kind::Expr && s.uses.writes.iter().any(is)
            };
            let stays = self.job.new.outline.body.iter().any(|s| {
                s.kind == Kind::Assign && target(self.job.new.slice(s)) == Some((name, attribute))
                    || by_call(s)
            });
            let Some(object) = self.job.dict.get_item(name)?.filter(|_| !stays) else {
                continue;
            };
            // What a decorator of another module made of a definition counts as defined here.
            let body = &self.job.new.outline.body;
            let mut writers = self.job.new.outline.index().writers(body, name).into_iter();
            let defines = |at: usize| {
                matches!(body[at].kind, Kind::Function | Kind::Class) && body[at].name == name
            };
            if !kit.defined_in(&object, &self.job.dict)? && !writers.any(defines)
                || self.job.anew.contains(name)
            {
                continue;
            }
            if !kit.is_class(&object) {
                self.drop_function_attribute(&object, attribute)?;
            } else if kit.class_entry(&object, attribute)?.is_some()
                && !self.class_binds(name, attribute)
            {
                let key = pyo3::types::PyString::new(kit.py, attribute);
                // `__doc__` cannot be taken from a class; only making it anew gives it its first.
                if let Err(error) = self.work.tx.del_class_entry(kit, &object, key.as_any()) {
                    let note = format!(
                        "{name}.{attribute} keeps its value: {}",
                        error.value(kit.py)
                    );
                    self.work.notes.push(note);
                    continue;
                }
            }
            self.dirty
                .value(format!("{name}.{attribute}"), "which is gone");
        }
        for &at in &changes.removed {
            if let Some(statement) = old.outline.body.get(at) {
                self.drop_set(at)?;
                self.drop_computed(&old.outline.body, statement)?;
            }
        }
        Ok(())
    }

    /// `for name in ...: setattr(C, name, ...)` is gone: what it gave a class are functions of the
    /// module that stand in no body of that class, and that no other statement can have put there.
    fn drop_computed(&mut self, body: &Row, gone: &Statement) -> PyResult<()> {
        let kit = self.work.kit;
        let (old, new) = (body, &self.job.new.outline.body);
        for name in &gone.uses.mutates {
            let inside = format!("{name}.");
            let changes =
                |s: &&Statement| s.kind != Kind::Class && s.uses.mutates.iter().any(|n| n == name);
            let is_class = |s: &&Statement| s.kind == Kind::Class && s.name == *name;
            let classes: Vec<&Statement> = old.iter().chain(new.iter()).filter(is_class).collect();
            if gone
                .uses
                .writes
                .iter()
                .any(|path| path.starts_with(&inside))
                || old.iter().filter(changes).count() != 1
                || new.iter().any(|s| changes(&s))
                || classes.is_empty()
                || classes.iter().any(|s| s.decorators != 0)
            {
                continue;
            }
            let Some(class) = self.job.dict.get_item(name)? else {
                continue;
            };
            if !kit.is_class(&class)
                || !kit.defined_in(&class, &self.job.dict)?
                || self.work.generated(&class)?
            {
                continue;
            }
            let own = self.class_name(&class)?;
            let members = || classes.iter().flat_map(|s| s.body.iter());
            let known: BTreeSet<String> = members()
                .flat_map(|member| &member.uses.binds)
                .map(|name| mangled(name, Some(&own)))
                .collect();
            // What makes classes of this kind may have put functions there as well.
            let mut made = members().any(|member| member.uses.opaque);
            for base in class.getattr("__mro__")?.try_iter()?.skip(1) {
                let maker = kit.class_entry(&base?, "__init_subclass__")?;
                made |= maker.is_some_and(|m| m.hasattr("__func__").unwrap_or(false));
            }
            if made {
                continue;
            }
            for (key, value) in kit.class_dict(&class)?.iter() {
                if known.contains(&text(&key))
                    || !kit.is_function(&value)
                    || !kit.defined_in(&value, &self.job.dict)?
                {
                    continue;
                }
                self.work.tx.del_class_entry(kit, &class, &key)?;
                self.dirty
                    .value(format!("{name}.{}", text(&key)), "which is gone");
            }
        }
        Ok(())
    }

    pub(super) fn class_binds(&self, class: &str, attribute: &str) -> bool {
        let body = &self.job.new.outline.body;
        body.iter()
            .filter(|s| s.kind == Kind::Class && s.name == class)
            .flat_map(|s| &s.body)
            .any(|member| member.uses.binds.iter().any(|n| n == attribute))
    }

    fn drop_function_attribute(
        &mut self,
        function: &Bound<'py, PyAny>,
        attribute: &str,
    ) -> PyResult<()> {
        let Ok(Ok(own)) = function
            .getattr("__dict__")
            .map(|own| own.cast_into::<PyDict>())
        else {
            return Ok(());
        };
        if own.contains(attribute)? {
            self.work.tx.dict(&own)?;
            own.del_item(attribute)?;
        }
        Ok(())
    }

    /// What the old decorators of a definition had set on `live`, and the new ones did not set on its
    /// twin; also on what they wrap, where both are functions. Whatever else is on it, the program
    /// put there.
    pub(super) fn left_by_decorators(
        &self,
        at: usize,
        live: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Vec<String>)>> {
        const DEEPEST: usize = 16;
        let kit = self.work.kit;
        let definition = |was: &Statement| matches!(was.kind, Kind::Function | Kind::Class);
        if !self.old_statement(at).is_some_and(definition) {
            return Ok(Vec::new());
        }
        let mut out = self.left_on_members(at, live, twin)?;
        let (mut live, mut twin) = (live.clone(), twin.clone());
        for _ in 0..DEEPEST {
            let left = self.left_on(at, &live, &twin)?;
            if !left.is_empty() {
                out.push((live.clone(), left));
            }
            // Also in what `lru_cache` makes, which is no function.
            let within = |object: &Bound<'py, PyAny>| {
                let own = object.getattr("__dict__").ok()?;
                let inner = own.cast_into::<PyDict>().ok()?.get_item("__wrapped__");
                inner.ok()?.filter(|inner| kit.is_function(inner))
            };
            let (Some(inside), Some(new_inside)) = (within(&live), within(&twin)) else {
                break;
            };
            (live, twin) = (inside, new_inside);
        }
        Ok(out)
    }

    fn left_on(
        &self,
        at: usize,
        live: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<String>> {
        let kit = self.work.kit;
        let (Some(old), Some(was)) = (self.job.old, self.old_statement(at)) else {
            return Ok(Vec::new());
        };
        let makers = makers(old, was);
        if was.decorators == 0 && makers.is_empty() || live.is(twin) {
            return Ok(Vec::new());
        }
        let attributes = |object: &Bound<'py, PyAny>| -> PyResult<Option<Bound<'py, PyDict>>> {
            if kit.is_class(object) {
                return kit.class_dict(object).map(Some);
            }
            let own = object.getattr("__dict__").ok();
            Ok(own.and_then(|own| own.cast_into::<PyDict>().ok()))
        };
        let (Some(have), Some(want)) = (attributes(live)?, attributes(twin)?) else {
            return Ok(Vec::new());
        };
        let mut left = Vec::new();
        for name in have.keys() {
            let key = text(&name);
            if !want.contains(&name)? && !key.starts_with("__") {
                left.push(key);
            }
        }
        if left.is_empty() {
            return Ok(left);
        }
        let mut texts = makers;
        let mut names: Vec<String> = Vec::new();
        for path in &was.uses.calls {
            let defines = |s: &&Statement| s.kind == Kind::Function && s.name == *path;
            if let Some(decorator) = old.outline.body.iter().find(defines) {
                texts.push_str(old.slice(decorator));
            } else if let Some(callee) = self.meant(path)
                && kit.is_function(&callee)
            {
                let code = self.work.tx.first_code(&callee);
                let mut todo = vec![code.map_or_else(|| callee.getattr("__code__"), Ok)?];
                while let Some(code) = todo.pop() {
                    names.extend(code.getattr("co_names")?.extract::<Vec<String>>()?);
                    todo.extend(nested(kit, &code)?);
                }
            }
        }
        left.retain(|key| names.contains(key) || sets(&texts, key));
        Ok(left)
    }

    /// What a path meant to the old text.
    fn meant(&self, path: &str) -> Option<Bound<'py, PyAny>> {
        let was = self.job.was.iter().find(|(other, _)| other == path);
        let mut rebinds = self.job.rebinds.iter().chain(self.job.lost);
        let old = was.map(|(_, old)| old.clone()).or_else(|| {
            rebinds.find_map(|rebind| rebind.old.clone().filter(|_| rebind.name == path))
        });
        old.or_else(|| self.attribute(path))
    }

    /// Takes such attributes off.
    pub(super) fn drop_left(
        &mut self,
        live: &Bound<'py, PyAny>,
        left: Vec<String>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        for name in left {
            if !kit.is_class(live) {
                self.drop_function_attribute(live, &name)?;
            } else if kit.class_entry(live, &name)?.is_some() {
                let key = pyo3::types::PyString::new(kit.py, &name);
                self.work.tx.del_class_entry(kit, live, key.as_any())?;
            }
        }
        Ok(())
    }
}

/// The texts of what has a say when a class is made besides its decorators: of its metaclass, and
/// of `__init_subclass__` in its bases, where the module defines those.
fn makers(source: &Source<'_>, class: &Statement) -> String {
    let mut out = String::new();
    if class.kind != Kind::Class {
        return out;
    }
    let body = &source.outline.body;
    let mut todo = vec![class];
    let mut seen = BTreeSet::new();
    while let Some(class) = todo.pop() {
        for name in class.head.reads.iter().chain(Some(&class.metaclass)) {
            let meta = *name == class.metaclass;
            for at in source.outline.index().writers(body, name) {
                let maker = &body[at];
                if maker.kind != Kind::Class || maker.name != *name || !seen.insert(at) {
                    continue;
                }
                let makes = |part: &&Statement| match meta {
                    true => MAKES.contains(&part.name.as_str()),
                    false => part.name == "__init_subclass__",
                };
                for part in maker.body.iter().filter(makes) {
                    out.push_str(source.slice(part));
                }
                todo.push(maker);
            }
        }
    }
    out
}

/// `("f", "note")` for `f.note = 1`.
fn target(statement: &str) -> Option<(&str, &str)> {
    let word = |text: &'_ str| {
        text.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(text.len())
    };
    let (name, rest) = statement.split_at(word(statement));
    let rest = rest.strip_prefix('.')?;
    let (attribute, rest) = rest.split_at(word(rest));
    let value = rest.trim_start().strip_prefix('=')?;
    (!name.is_empty() && !attribute.is_empty() && !value.starts_with('='))
        .then_some((name, attribute))
}

/// Whether a text has `.name = `, `["name"] = ` or `setattr(x, "name", `.
pub(super) fn sets(source: &str, name: &str) -> bool {
    let assigned = |rest: &str| {
        let rest = rest.trim_start().strip_prefix('=');
        rest.is_some_and(|rest| !rest.starts_with('='))
    };
    source.match_indices(name).any(|(at, _)| {
        let (before, after) = (&source[..at], &source[at + name.len()..]);
        if before.ends_with('.') {
            return assigned(after);
        }
        let quoted = |quote| before.strip_suffix(quote).zip(after.strip_prefix(quote));
        let Some((before, after)) = quoted('"').or_else(|| quoted('\'')) else {
            return false;
        };
        if before.ends_with('[') {
            return after.strip_prefix(']').is_some_and(assigned);
        }
        let call = before.trim_end().strip_suffix(',');
        let call = call.and_then(|call| call.rsplit_once("setattr("));
        after.trim_start().starts_with(',')
            && call.is_some_and(|(_, object)| !object.contains([',', '\n', ')']))
    })
}
