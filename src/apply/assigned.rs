//! Attributes of other modules, and of their classes, that a statement sets: `Config.level = 5`. Who
//! reads them is told, and they are what their own module says when the statement is gone.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::kit::text;
use super::module::Run;
use super::registry::told;
use crate::outline::{Kind, Statement};

/// One of them: the module or class, the attribute, and where it is found.
pub(super) struct Assigned<'py> {
    pub owner: Bound<'py, PyAny>,
    pub name: String,
    pub had: Option<Bound<'py, PyAny>>,
    /// The module that the owner is of, and the path there.
    pub path: (String, String),
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Those that a statement which is about to run sets, as far as it says so.
    pub(super) fn assigns(&self, statement: &Statement) -> Vec<Assigned<'py>> {
        let simple = matches!(statement.kind, Kind::Assign | Kind::AugAssign | Kind::Expr);
        let paths = statement.uses.writes.iter().filter(|_| simple);
        paths
            .filter_map(|path| told(self.assigned(path)).flatten())
            .collect()
    }

    pub(super) fn assigned(&self, path: &str) -> PyResult<Option<Assigned<'py>>> {
        let Some((owner, name)) = path.rsplit_once('.') else {
            return Ok(None);
        };
        match self.attribute(owner) {
            Some(owner) => self.attribute_of(owner, name),
            None => Ok(None),
        }
    }

    fn attribute_of(
        &self,
        owner: Bound<'py, PyAny>,
        name: &str,
    ) -> PyResult<Option<Assigned<'py>>> {
        let kit = self.work.kit;
        let (module, path, had) = if kit.is_class(&owner) {
            let module = text(&owner.getattr("__module__")?);
            let path = format!("{}.{name}", text(&owner.getattr("__qualname__")?));
            (module, path, kit.class_entry(&owner, name)?)
        } else if kit.is_exact(&owner, &kit.module) {
            let space = owner.getattr("__dict__")?.cast_into::<PyDict>()?;
            let had = space.get_item(name)?;
            (text(&owner.getattr("__name__")?), name.to_owned(), had)
        } else {
            return Ok(None);
        };
        let own = self.job.dict.get_item("__name__")?;
        if own.is_some_and(|own| text(&own) == module) || (self.job.others)(&module).is_none() {
            return Ok(None);
        }
        Ok(Some(Assigned {
            owner,
            name: name.to_owned(),
            had,
            path: (module, path),
        }))
    }

    /// After the statement ran: those that have another value now.
    pub(super) fn tell_assigned(
        &mut self,
        before: Vec<Assigned<'py>>,
        statement: &Statement,
    ) -> PyResult<()> {
        for was in before {
            let Some(now) = self.attribute_of(was.owner, &was.name)? else {
                continue;
            };
            let same = match (&was.had, &now.had) {
                (Some(was), Some(now)) => was.is(now) || was.eq(now).unwrap_or(false),
                (None, None) => true,
                _ => false,
            };
            if !same {
                self.feed(vec![was.path], statement)?;
            }
        }
        Ok(())
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
        let again =
            |statement: &Statement| statement.uses.writes == old.outline.body[at].uses.writes;
        let body = &self.job.new.outline.body;
        if statement.kind != Kind::Assign
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
        let Some(assigned) = self.attribute_of(owner, &name)? else {
            return Ok(false);
        };
        let stands = assigned.had.as_ref();
        if !stands.is_some_and(|had| had.is(&value) || had.eq(&value).unwrap_or(false)) {
            return Ok(true);
        }
        let (module, path) = &assigned.path;
        let base = self.base_in(module, path);
        let base = base.or_else(|| told(self.put_over(&assigned)).flatten());
        if base.is_none() && self.binds_in(module, path) != Some(false) {
            return Ok(true);
        }
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
            match base {
                Some(base) => space.set_item(&key, base)?,
                None => space.del_item(&key)?,
            }
        }
        self.feed(vec![assigned.path], statement)?;
        Ok(true)
    }
}
