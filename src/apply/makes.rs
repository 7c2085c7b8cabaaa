//! Whether a class that got other bases or decorators makes its instances as it did: then those that
//! there are need not be made again.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple};

use super::alike::acts_alike;
use super::class::is_slot;
use super::function::{identical, nested};
use super::kit::{Kit, mro, text};
use super::module::Run;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::{Affected, affected_statement, data_changed};

/// What is called by the interpreter where an instance is made and gets its attributes.
pub(super) const FIRST: [&str; 7] = [
    "__new__",
    "__init__",
    "__post_init__",
    "__attrs_post_init__",
    "__setattr__",
    "__getattribute__",
    "__getattr__",
];

/// How many names are followed.
pub(super) const MOST: usize = 500;

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
        was: Option<&Makes<'py>>,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let Some(was) = was else {
            return Ok(());
        };
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

    /// The metaclass of a class statement, if the module makes it and later changes it.
    pub(super) fn metaclass(&self, statement: &Statement) -> PyResult<Option<String>> {
        let kit = self.work.kit;
        for path in &statement.head.reads {
            let Some(value) = self.resolve(path).filter(|v| kit.is_class(v)) else {
                continue;
            };
            let meta = match super::made::is_metaclass(&value) {
                true => value,
                false => value.get_type().into_any(),
            };
            let name = text(&meta.getattr("__name__")?);
            if kit.defined_in(&meta, &self.job.dict)? && self.mutators(&name).next().is_some() {
                return Ok(Some(name));
            }
        }
        Ok(None)
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
        // For many objects of such classes, once.
        let about = (self.dirty.stamp(), self.work.alike.len());
        let mut known = self.work.without_alike.borrow_mut();
        if known.as_ref().is_none_or(|(of, _)| *of != about) {
            *known = Some((about, self.dirty.without(|path| self.is_alike(path))));
        }
        let dirty = known.as_ref().map_or(&self.dirty, |(_, dirty)| dirty);
        Ok(affected_statement(statement, &self.functions, dirty))
    }

    /// Whether a path leads to such a class or a base of one.
    fn is_alike(&self, path: &str) -> bool {
        // `C.<bases>`: of the class itself, and no attribute of it.
        let of = path.find(".<").map_or(path, |at| &path[..at]);
        let found = self.at_path(of).ok().flatten();
        found.is_some_and(|found| {
            let mut alike = self.work.alike.iter();
            alike.any(|(old, new)| found.is(old) || mro(new).iter().any(|base| base.is(&found)))
        })
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
        let bases: Vec<_> = mro(class)
            .iter()
            .filter(|base| !base.is(&*kit.object))
            .collect();
        let asks = asker(kit)?;
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
                        if asks.call1((code,))?.is_truthy()? {
                            return Ok(None);
                        }
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
        // Others might run code of the program if they were asked.
        let inner =
            if kit.is_exact(&entry, &kit.staticmethod) || kit.is_exact(&entry, &kit.classmethod) {
                Some("__func__")
            } else if kit.is_exact(&entry, &kit.property) {
                Some("fget")
            } else {
                None
            };
        let function = match inner {
            Some(inner) => entry.getattr(inner)?,
            None => entry.clone(),
        };
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
pub(super) fn names_in<'py>(
    kit: &Kit<'py>,
    code: &Bound<'py, PyAny>,
    out: &mut Vec<String>,
) -> PyResult<()> {
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
    for class in mro(old).iter().chain(mro(new).iter()) {
        if kit.class_entry(&class, "__del__")?.is_some() {
            return Ok(false);
        }
    }
    let Ok(probe) = kit.object.call_method1("__new__", (old,)) else {
        return Ok(false);
    };
    let moved = kit
        .object
        .call_method1("__setattr__", (&probe, "__class__", new));
    Ok(moved.is_ok())
}

/// What tells whether a method may ask what its object is, or hands it to somebody who may:
/// `isinstance(self, C)`, `bus.attach(self)`, `if self:`. All that is known of others is what they do
/// with its attributes.
fn asker<'py>(kit: &Kit<'py>) -> PyResult<Bound<'py, PyAny>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let helper = PyDict::new(kit.py);
    helper.set_item("__name__", "pyreload/asks.py")?;
    let texts = [("pyreload/asks.py", include_str!("asks.py"))];
    kit.run_helpers(&COMPILED, &texts, &helper)?;
    helper.as_any().get_item("asks_for_class")
}
