//! Whether a class that got other bases or decorators makes its instances as it did: then those that
//! there are need not be made again.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple, PyType, PyTypeMethods};

use super::alike::acts_alike;
use super::class::is_slot;
use super::function::{identical, nested};
use super::kit::{Kit, text};
use super::module::Run;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::{Affected, Dirty, affected_statement, data_changed};

/// What is called by the interpreter where an instance is made and gets its attributes.
const FIRST: [&str; 7] = [
    "__new__",
    "__init__",
    "__post_init__",
    "__attrs_post_init__",
    "__setattr__",
    "__getattribute__",
    "__getattr__",
];

/// How many names are followed.
const MOST: usize = 500;

/// What a function was: its code, defaults and what its cells hold.
struct Was<'py> {
    object: Bound<'py, PyAny>,
    code: Option<Bound<'py, PyAny>>,
    given: Vec<Bound<'py, PyAny>>,
}

/// What runs while an instance of a class is made: by name, what its bases have of it, in their order.
pub(super) struct Makes<'py>(BTreeMap<String, Vec<Was<'py>>>);

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// How a class that a statement makes again makes instances; `None` where something in its body
    /// differs that the constructor may read, or where that is not to be told.
    pub(super) fn makes(
        &self,
        at: usize,
        statement: &Statement,
        class: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Makes<'py>>> {
        if statement.kind != Kind::Class || !self.work.kit.is_class(class) {
            return Ok(None);
        }
        let same = match (self.what(at), self.old_statement(at)) {
            (What::Same, _) => true,
            (What::Header(Some(inner)) | What::Inner(inner), Some(was)) => {
                !data_changed(was, statement, inner)
            }
            _ => false,
        };
        match same {
            true => Makes::of(self.work.kit, class),
            false => Ok(None),
        }
    }

    /// Notes a class whose instances, or those of the one that took its place, are what they would be
    /// if they were made now.
    pub(super) fn note_makes(
        &mut self,
        was: &Makes<'py>,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        if !kit.is_class(new) || !old.is(new) && !can_move(kit, old, new)? {
            return Ok(());
        }
        if let Some(now) = Makes::of(kit, new)?
            && was.alike(kit, &now)?
        {
            self.work.alike.push((old.clone(), new.clone()));
        }
        Ok(())
    }

    /// What becomes of a statement that gave an instance of such a class, whatever became of the class.
    pub(super) fn but_for_makers(
        &self,
        at: usize,
        statement: &Statement,
        affected: Affected,
    ) -> PyResult<Option<Affected>> {
        if self.work.alike.is_empty()
            || statement.kind != Kind::Assign
            || !matches!(self.what(at), What::Same)
            || !matches!(affected, Affected::Runs(_))
        {
            return Ok(Some(affected));
        }
        let [name] = &statement.uses.binds[..] else {
            return Ok(Some(affected));
        };
        let Some(live) = self.job.dict.get_item(name)? else {
            return Ok(Some(affected));
        };
        let class = live.get_type();
        let is_one =
            |(old, new): &(Bound<'py, PyAny>, Bound<'py, PyAny>)| class.is(old) || class.is(new);
        if !self.work.alike.iter().any(is_one) {
            return Ok(Some(affected));
        }
        let mut dirty: Dirty = self.dirty.clone();
        let paths = dirty.values.keys().chain(dirty.behaviour.keys());
        let paths: Vec<String> = paths.chain(dirty.contents.keys()).cloned().collect();
        for path in paths {
            // `C.<bases>`: of the class itself, and no attribute of it.
            let of = path.find(".<").map_or(&*path, |at| &path[..at]);
            let Some(found) = self.at_path(of)? else {
                continue;
            };
            let mut alike = self.work.alike.iter();
            if alike.any(|(old, new)| found.is(old) || is_base(&found, new)) {
                dirty.values.remove(&path);
                dirty.behaviour.remove(&path);
                dirty.contents.remove(&path);
            }
        }
        Ok(affected_statement(statement, &self.functions, &dirty))
    }

    /// What a path of modules and a name leads to.
    fn at_path(&self, path: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut dict: Bound<'py, PyDict> = self.job.dict.clone();
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let found = dict.get_item(part)?;
            if parts.peek().is_none() {
                return Ok(found);
            }
            let Some(Ok(module)) = found.map(|found| found.cast_into::<PyModule>()) else {
                return Ok(None);
            };
            dict = module.dict();
        }
        Ok(None)
    }
}

impl<'py> Makes<'py> {
    /// `None` where the metaclass makes the instances, or something that is no Python code.
    fn of(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let builtin = kit.object.get_type();
        if !class
            .get_type()
            .getattr("__call__")?
            .is(&builtin.getattr("__call__")?)
        {
            return Ok(None);
        }
        let mut bases = Vec::new();
        for base in class.getattr("__mro__")?.try_iter()? {
            let base = base?;
            if !base.is(&*kit.object) {
                bases.push(base);
            }
        }
        let mut out = BTreeMap::new();
        let mut todo: Vec<String> = FIRST.iter().map(|name| (*name).to_owned()).collect();
        while let Some(name) = todo.pop() {
            if out.contains_key(&name) {
                continue;
            }
            if out.len() > MOST {
                return Ok(None);
            }
            let mut found = Vec::new();
            for base in &bases {
                if let Some(entry) = kit.class_entry(base, &name)? {
                    let was = Was::of(kit, entry)?;
                    if let Some(code) = &was.code {
                        names_in(kit, code, &mut todo)?;
                    }
                    found.push(was);
                }
            }
            out.insert(name, found);
        }
        out.retain(|_, found| !found.is_empty());
        Ok(Some(Self(out)))
    }

    fn alike(&self, kit: &Kit<'py>, now: &Self) -> PyResult<bool> {
        if self.0.len() != now.0.len() {
            return Ok(false);
        }
        for ((name, was), (other, now)) in self.0.iter().zip(&now.0) {
            if name != other || was.len() != now.len() {
                return Ok(false);
            }
            for (was, now) in was.iter().zip(now) {
                if !was.alike(kit, now)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl<'py> Was<'py> {
    fn of(kit: &Kit<'py>, entry: Bound<'py, PyAny>) -> PyResult<Self> {
        let mut function = entry.clone();
        for inner in ["__func__", "fget", "func"] {
            if !kit.is_function(&function)
                && let Ok(found) = function.getattr(inner)
                && kit.is_function(&found)
            {
                function = found;
            }
        }
        if !kit.is_function(&function) {
            return Ok(Self {
                object: entry,
                code: None,
                given: Vec::new(),
            });
        }
        let mut given = Vec::new();
        for name in ["__defaults__", "__kwdefaults__"] {
            given.push(function.getattr(name)?);
        }
        if let Ok(cells) = function.getattr("__closure__")?.cast_into::<PyTuple>() {
            for cell in cells.iter() {
                // An empty one is as good as itself.
                given.push(cell.getattr("cell_contents").unwrap_or(cell));
            }
        }
        Ok(Self {
            code: Some(function.getattr("__code__")?),
            object: entry,
            given,
        })
    }

    fn alike(&self, kit: &Kit<'py>, now: &Self) -> PyResult<bool> {
        let (Some(was), Some(code)) = (&self.code, &now.code) else {
            return Ok(equal(kit, &self.object, &now.object)
                || is_slot(&self.object)? && is_slot(&now.object)?);
        };
        let mut pairs = self.given.iter().zip(&now.given);
        Ok(self.given.len() == now.given.len()
            && pairs.all(|(a, b)| equal(kit, a, b))
            && acts_alike(kit, was, code)?)
    }
}

/// Whether two values are one, or equal and never another, or a class and the one in its place.
fn equal<'py>(kit: &Kit<'py>, a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>) -> bool {
    let part = |class: &Bound<'py, PyAny>, part| class.getattr(part).map(|part| text(&part)).ok();
    let named = |class: &Bound<'py, PyAny>| {
        let name = part(class, "__qualname__");
        name.zip(part(class, "__module__"))
    };
    identical(a, b) || kit.is_class(a) && kit.is_class(b) && named(a) == named(b)
}

/// The names that a piece of code asks for, and those in it.
fn names_in<'py>(kit: &Kit<'py>, code: &Bound<'py, PyAny>, out: &mut Vec<String>) -> PyResult<()> {
    for name in code.getattr("co_names")?.try_iter()? {
        out.push(text(&name?));
    }
    for inner in nested(kit, code)? {
        names_in(kit, &inner, out)?;
    }
    Ok(())
}

/// Whether instances of a class become those of another one in place. Tried with one that nobody has.
fn can_move<'py>(
    kit: &Kit<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    // It would hear of the end of an object that never was.
    if old.hasattr("__del__")? || new.hasattr("__del__")? {
        return Ok(false);
    }
    let Ok(probe) = kit.object.call_method1("__new__", (old,)) else {
        return Ok(false);
    };
    let moved = kit
        .object
        .call_method1("__setattr__", (&probe, "__class__", new));
    Ok(moved.is_ok())
}

/// Whether a class is this one or one of its bases.
fn is_base(class: &Bound<'_, PyAny>, of: &Bound<'_, PyAny>) -> bool {
    let bases = of.cast::<PyType>().map(PyTypeMethods::mro);
    bases.is_ok_and(|bases| bases.iter().any(|base| base.is(class)))
}
