//! Attributes of other modules, of their classes and of objects that a statement sets: `Config.level =
//! 5`. Who reads them is told, and they are what their own module says when the statement is gone.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::compile::Source;
use super::function::identical;
use super::kit::{module_of, text};
use super::module::Run;
use super::objects::Given;
use super::partners::alike;
use super::registry::told;
use super::work::SetThere;
use crate::outline::{Kind, Statement};

/// One of them: the module, class or object, the attribute, and where it is found.
pub(super) struct Assigned<'py> {
    pub owner: Bound<'py, PyAny>,
    pub name: String,
    pub had: Option<Bound<'py, PyAny>>,
    /// The module that the owner is of, and the path there.
    pub path: (String, String),
}

/// The path that a statement sets, and nothing else: `conf.app.debug = True`, `setattr(conf, "x", 1)`.
pub(super) fn target(source: &Source<'_>, statement: &Statement) -> Option<String> {
    let text = source.slice(statement);
    let plain = |path: &str| {
        let mut all = path.chars();
        all.all(|c| c == '.' || c == '_' || c.is_alphanumeric())
    };
    if statement.kind == Kind::Expr {
        let (owner, _) = text.strip_prefix("setattr(")?.split_once(',')?;
        let [path] = &*statement.uses.writes else {
            return None;
        };
        let (told, _) = path.rsplit_once('.')?;
        return (told == owner.trim()).then(|| path.clone());
    }
    let path = text.split_once('=')?.0.trim();
    let sets = statement.kind == Kind::Assign && path.contains('.') && plain(path);
    sets.then(|| path.to_owned())
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Those that a statement which is about to run sets, as far as it says so. Those of own classes are
    /// put back.
    pub(super) fn assigns(
        &mut self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Vec<Assigned<'py>>> {
        self.put_back_members(at, statement)?;
        if matches!(statement.kind, Kind::Function | Kind::Class | Kind::Import) {
            return Ok(Vec::new());
        }
        let assigned = |path: &str| told(self.assigned(path)).flatten();
        Ok(match target(self.job.new, statement) {
            Some(path) => assigned(&path).into_iter().collect(),
            None => {
                // Also by functions that it calls.
                let mut paths = self.functions.writes(&statement.uses.calls);
                paths.extend(statement.uses.writes.iter().cloned());
                paths.iter().filter_map(|path| assigned(path)).collect()
            }
        })
    }

    /// Whether a statement sets something else than it did.
    pub(super) fn sets_another(&self, was: &Statement, statement: &Statement) -> bool {
        let old = self.job.old;
        was.uses.writes != statement.uses.writes
            || old.is_some_and(|old| target(old, was) != target(self.job.new, statement))
    }

    pub(super) fn assigned(&self, path: &str) -> PyResult<Option<Assigned<'py>>> {
        let Some((owner_path, name)) = path.rsplit_once('.') else {
            return Ok(None);
        };
        match self.attribute(owner_path) {
            Some(owner) => self.attribute_of(owner, owner_path, name),
            None => Ok(None),
        }
    }

    fn attribute_of(
        &self,
        owner: Bound<'py, PyAny>,
        owner_path: &str,
        name: &str,
    ) -> PyResult<Option<Assigned<'py>>> {
        let kit = self.work.kit;
        let own = self.job.dict.get_item("__name__")?;
        let is_own = |module: &str| own.as_ref().is_some_and(|own| text(own) == module);
        let (module, path) = if kit.is_class(&owner) {
            let path = format!("{}.{name}", text(&owner.getattr("__qualname__")?));
            (text(&module_of(&owner)), path)
        } else if kit.is_exact(&owner, &kit.module) {
            (text(&owner.getattr("__name__")?), name.to_owned())
        } else if self.stores(&owner, name)
            && let Some((module, path)) = self.home(owner_path)?
        {
            let path = format!("{path}.{name}");
            // Of one's own the plan knows who reads it.
            if is_own(&module) {
                let had = self.had(&owner, name)?;
                return Ok(Some(Assigned {
                    owner,
                    name: name.to_owned(),
                    had,
                    path: (module, path),
                }));
            }
            (module, path)
        } else {
            return Ok(None);
        };
        if is_own(&module) || (self.job.others)(&module).is_none() {
            return Ok(None);
        }
        let had = self.had(&owner, name)?;
        Ok(Some(Assigned {
            owner,
            name: name.to_owned(),
            had,
            path: (module, path),
        }))
    }

    /// What an attribute is now.
    fn had(&self, owner: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.work.kit.is_class(owner) {
            true => self.work.kit.class_entry(owner, name),
            false => {
                let space = owner.getattr("__dict__")?.cast_into::<PyDict>()?;
                space.get_item(name)
            }
        }
    }

    /// After the statement ran: those that have another value now.
    pub(super) fn tell_assigned(
        &mut self,
        before: Vec<Assigned<'py>>,
        statement: &Statement,
    ) -> PyResult<()> {
        self.raise_flags()?;
        let kit = self.work.kit;
        for was in before {
            let now = self.had(&was.owner, &was.name)?;
            let same = match (&was.had, &now) {
                (Some(was), Some(now)) => was.is(now) || was.eq(now).unwrap_or(false),
                (None, None) => true,
                _ => false,
            };
            if !same {
                if kit.is_exact(&was.owner, &kit.module) {
                    self.set_there(&was.path, was.had, now);
                }
                self.feed(vec![was.path], statement)?;
            }
        }
        Ok(())
    }

    /// Notes that a name of another module is bound to something else now.
    fn set_there(
        &mut self,
        (module, name): &(String, String),
        old: Option<Bound<'py, PyAny>>,
        new: Option<Bound<'py, PyAny>>,
    ) {
        let base = self.base_in(module, name);
        let own = |had| base.as_ref().is_none_or(|base| identical(had, base));
        self.work.set.push(SetThere {
            first: old.as_ref().is_none_or(own),
            module: module.clone(),
            name: name.clone(),
            old,
            new,
        });
    }

    /// After the statement ran: globals of other modules that functions there have set.
    pub(super) fn tell_globals(
        &mut self,
        at: usize,
        registries: &Bound<'py, PyAny>,
        statement: &Statement,
    ) -> PyResult<()> {
        let set: Vec<(String, String, Bound<'py, PyAny>)> =
            registries.call_method0("rebound")?.extract()?;
        for (module, name, old) in set {
            let found = self.work.kit.sys_modules.get_item(&module)?;
            let Some(found) = found.filter(|_| (self.job.others)(&module).is_some()) else {
                continue;
            };
            let Some(new) = self.had(&found, &name)? else {
                continue;
            };
            let new = self.settle_global(at, (&module, &name), &old, &new)?;
            if identical(&old, &new) {
                continue;
            }
            let path = (module, name);
            self.set_there(&path, Some(old), Some(new));
            let growing = self.registry_helper("growing")?;
            let growing: Vec<String> = growing.call1((registries, &path.0, &path.1))?.extract()?;
            self.tell_set(path, &growing, statement)?;
        }
        Ok(())
    }

    /// Who reads a global of another module that a function there has set is told, but for those which only
    /// add to it (`growing`).
    pub(super) fn tell_set(
        &mut self,
        path: (String, String),
        growing: &[String],
        statement: &Statement,
    ) -> PyResult<()> {
        let (module, name) = &path;
        let mut readers = self.job.elsewhere.readers(module, name);
        readers.retain(|reader| !growing.contains(reader));
        for reader in &readers {
            for path in self.imported_as(module, reader)? {
                let why = format!("which reads what line {} sets", statement.span.line);
                self.dirty.acts(path, why);
            }
        }
        self.work.holding.push((module.clone(), readers));
        self.feed(vec![path], statement)
    }

    /// Whether a module's own statements bind a name, or those of a class body; `None` where that
    /// cannot be told.
    fn binds_in(&self, module: &str, path: &str) -> Option<bool> {
        let version = (self.job.others)(module)?;
        let outline = version.outline().as_ref().ok()?;
        let body = &outline.body;
        let binds = |s: &Statement, name: &str| s.uses.binds.iter().any(|bound| bound == name);
        if outline.star || body.iter().any(|s| s.uses.opaque) {
            return None;
        }
        match path.split_once('.') {
            Some((class, name)) => {
                let mut classes = body.iter().filter(|s| s.kind == Kind::Class);
                let class = classes.rfind(|s| s.name == class)?;
                Some(class.body.iter().any(|member| binds(member, name)))
            }
            None => Some(!outline.index().writers(body, path).is_empty()),
        }
    }

    /// An attribute that a statement had set which is gone, if nobody has set it since. False where it
    /// is not such a statement.
    pub(super) fn take_back(&mut self, at: usize) -> PyResult<bool> {
        let Some(old) = self.job.old else {
            return Ok(false);
        };
        let kit = self.work.kit;
        let statement = &old.outline.body[at];
        let ([root], [_]) = (&*statement.uses.mutates, &*statement.uses.writes) else {
            return Ok(false);
        };
        // Another line may set it as well.
        let sets = target(old, statement);
        let again = |other: &Statement| match target(self.job.new, other) {
            Some(path) if sets.is_some() => sets.as_ref() == Some(&path),
            _ => statement.uses.writes == other.uses.writes,
        };
        let body = &self.job.new.outline.body;
        if !(statement.kind == Kind::Assign || sets.is_some())
            || !statement.uses.binds.is_empty()
            || self.mutators(root).any(|at| again(&body[at]))
        {
            return Ok(false);
        }
        let unknown = self.unknown(old, root, &[at]);
        let helper = self.helper("attribute")?;
        let scratch = self.before.copy()?;
        self.as_it_was(&scratch, statement)?;
        let Ok(found) = helper.call1((old.slice(statement), scratch, unknown)) else {
            return Ok(false);
        };
        let (owner, name, value) =
            found.extract::<(Bound<'py, PyAny>, String, Bound<'py, PyAny>)>()?;
        let owner_path = sets.as_ref().and_then(|path| path.rsplit_once('.'));
        let owner_path = owner_path.map_or("", |(owner, _)| owner);
        let Some(assigned) = self.attribute_of(owner, owner_path, &name)? else {
            return Ok(false);
        };
        let stands = assigned.had.as_ref();
        if !stands.is_some_and(|had| {
            let functions = kit.is_function(had) && kit.is_function(&value);
            had.is(&value) || had.eq(&value).unwrap_or(false) || functions && alike(had, &value)
        }) {
            return Ok(true);
        }
        let (module, path) = &assigned.path;
        let named = kit.is_class(&assigned.owner) || kit.is_exact(&assigned.owner, &kit.module);
        let base = if named {
            let base = self.base_in(module, path);
            let base = base.or_else(|| told(self.put_over(&assigned)).flatten());
            let base = base.or_else(|| self.function_of(module, path));
            if base.is_none() && self.binds_in(module, path) != Some(false) {
                return Ok(true);
            }
            base
        } else {
            match self.given((module, path), &assigned.owner) {
                Given::Value(value) => Some(value),
                Given::Nothing => None,
                Given::Unknown => {
                    let gone = old.first_line(statement);
                    let note = format!("{gone} is gone; what {path} was before cannot be told");
                    self.work.notes.push(note);
                    return Ok(true);
                }
            }
        };
        let key = PyString::new(kit.py, &name).into_any();
        let tx = &mut self.work.tx;
        if kit.is_class(&assigned.owner) {
            match base {
                Some(base) => tx.set_class_entry(kit, &assigned.owner, &key, &base)?,
                None => tx.del_class_entry(kit, &assigned.owner, &key)?,
            }
        } else {
            let space = assigned.owner.getattr("__dict__")?.cast_into::<PyDict>()?;
            tx.dict(&space)?;
            if named {
                let (module, name) = assigned.path.clone();
                self.work.set.push(SetThere {
                    first: false,
                    module,
                    name,
                    old: assigned.had.clone(),
                    new: base.clone(),
                });
            }
            match base {
                Some(base) => space.set_item(&key, base)?,
                None => space.del_item(&key)?,
            }
        }
        self.feed(vec![assigned.path], statement)?;
        Ok(true)
    }
}
