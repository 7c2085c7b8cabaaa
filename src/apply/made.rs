//! Classes of which something else than their body made a part: decorators, descriptors.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use super::function::{Wanted, nested};
use super::kit::{module_of, text};
use super::members::mangled;
use super::module::{Run, container};
use super::work::Work;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};

/// Whether two versions of a class body bind other names: a decorator may look at them.
pub(super) fn other_names(old: &Statement, new: &Statement) -> bool {
    let names = |class: &Statement| -> BTreeSet<String> {
        class
            .body
            .iter()
            .flat_map(|m| m.uses.binds.iter().cloned())
            .collect()
    };
    names(old) != names(new)
}

/// What of a metaclass has a say when it makes a class.
pub(super) const MAKES: [&str; 4] = ["__new__", "__init__", "__call__", "__prepare__"];

/// Whether a class makes classes.
pub(super) fn is_metaclass(class: &Bound<'_, PyAny>) -> bool {
    class
        .cast::<PyType>()
        .is_ok_and(|c| c.is_subclass_of::<PyType>().unwrap_or(false))
}

/// Classes that are to be made again, since what makes them acts differently.
pub struct Remade<'py> {
    /// What made them: a metaclass, or a base with its `__init_subclass__`.
    by: String,
    why: String,
    /// Weak references to all there are.
    classes: Vec<Bound<'py, PyAny>>,
}

impl<'py> Work<'_, 'py> {
    /// The classes that `by` made, a metaclass or a base, are to be made again.
    pub(super) fn remade(&mut self, by: &Bound<'py, PyAny>, why: &str) -> PyResult<()> {
        let (top, meta) = match is_metaclass(by) {
            true => (&*self.kit.object, true),
            false => (by, false),
        };
        let reference = self.kit.py.import("weakref")?.getattr("ref")?;
        let mut classes = Vec::new();
        let mut seen = HashSet::new();
        let mut todo = self.subclasses(top)?;
        while let Some(class) = todo.pop() {
            if !seen.insert(class.as_ptr() as usize) {
                continue;
            }
            // Not by `isinstance`, which asks the program's own code.
            if !meta
                || super::kit::mro(class.get_type().as_any())
                    .iter()
                    .any(|kind| kind.is(by))
            {
                classes.push(reference.call1((&class,))?);
            }
            todo.extend(self.subclasses(&class)?);
        }
        self.to_remake.push(Remade {
            by: text(&by.getattr("__qualname__")?),
            why: why.to_owned(),
            classes,
        });
        Ok(())
    }

    /// Says which classes keep what made them gave them then: the program made them, or functions
    /// did, so that no statement of a module is there to run again.
    pub(super) fn classes_that_keep(&mut self) -> PyResult<()> {
        const NAMED: usize = 5;
        let mut told = HashSet::new();
        for Remade { by, why, classes } in std::mem::take(&mut self.to_remake) {
            let mut names = BTreeSet::new();
            for class in classes {
                let class = class.call0()?;
                let mut replaced = self.replaced.iter();
                if class.is_none()
                    || replaced.any(|r| r.from.is(&class) || r.to.is(&class))
                    || self.unbound(&class)?
                    || !told.insert(class.as_ptr() as usize)
                {
                    continue;
                }
                let module = text(&module_of(&class));
                names.insert(format!(
                    "{module}.{}",
                    text(&class.getattr("__qualname__")?)
                ));
            }
            if names.is_empty() {
                continue;
            }
            let more = names.len().saturating_sub(NAMED);
            let mut named: Vec<String> = names.into_iter().take(NAMED).collect();
            if more > 0 {
                named.push(format!("{more} more"));
            }
            self.notes.push(format!(
                "classes that {by} made keep what it gave them then, {why}: {}",
                named.join(", ")
            ));
        }
        Ok(())
    }

    /// Names that those may have put into the class `old` which have no say in its twin `new`: the
    /// `__init_subclass__` of a base that it has no more, a metaclass that is another one now.
    pub(super) fn left_by_makers(
        &self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<BTreeSet<String>> {
        let mut out = BTreeSet::new();
        let other_kind = !old.get_type().is(new.get_type());
        let mut makers = Vec::new();
        for (kind, names) in [
            (old.getattr("__mro__")?, &["__init_subclass__"][..]),
            (old.get_type().getattr("__mro__")?, &MAKES[..]),
        ] {
            let still = match names.len() {
                1 => new.getattr("__mro__")?,
                _ => new.get_type().getattr("__mro__")?,
            };
            for class in kind.try_iter()? {
                let class = class?;
                if class.is(old) || (names.len() > 1 && !other_kind) || still.contains(&class)? {
                    continue;
                }
                for name in names {
                    makers.extend(self.kit.class_entry(&class, name)?);
                }
            }
        }
        for maker in makers {
            let function = maker.getattr("__func__").unwrap_or(maker);
            if !self.kit.is_function(&function) {
                continue;
            }
            // `cls.name = ...` and `setattr(cls, "name", ...)`.
            let mut todo = vec![function.getattr("__code__")?];
            while let Some(code) = todo.pop() {
                let names = code.getattr("co_names")?.extract::<Vec<String>>()?;
                out.extend(names);
                for constant in code.getattr("co_consts")?.try_iter()? {
                    out.extend(constant?.extract::<String>());
                }
                todo.extend(nested(self.kit, &code)?);
            }
        }
        Ok(out)
    }

    /// Whether a class of the top level of a module is not in it any more: nobody makes new ones.
    fn unbound(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let name = class.getattr("__qualname__")?;
        let module = module_of(class);
        let Some(module) = self.kit.sys_modules.get_item(module)? else {
            return Ok(false);
        };
        if text(&name).contains('.') {
            return Ok(false);
        }
        let bound = module.getattr("__dict__")?.get_item(name);
        Ok(!bound.is_ok_and(|bound| bound.is(class)))
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// A metaclass makes classes in another way. Those that it made and that no statement of a
    /// module makes again keep what they have, which is said at the end.
    pub(super) fn metaclass_changed(
        &mut self,
        class: &Bound<'py, PyAny>,
        inner: Option<&Changes>,
        new: &Statement,
    ) -> PyResult<()> {
        if !is_metaclass(class) {
            return Ok(());
        }
        let items = inner.iter().flat_map(|changes| &changes.items);
        let changed = items.filter(|change| !matches!(change.what, What::Same));
        let changed = changed.map(|change| &new.body[change.new].name);
        for name in changed.chain(inner.iter().flat_map(|changes| &changes.gone)) {
            if MAKES.contains(&name.as_str()) {
                let why = format!("its {name} changed");
                self.work.remade(class, &why)?;
            }
        }
        Ok(())
    }

    /// Whether a class decorator (or `__init_subclass__`) put something else in the place of
    /// plain methods, so that a new method must go through it as well.
    pub(super) fn processed(&self, class: &Bound<'py, PyAny>, old: &Statement) -> PyResult<bool> {
        if old.decorators == 0 {
            return Ok(false);
        }
        let kit = self.work.kit;
        let own = self.class_name(class)?;
        for member in &old.body {
            if member.kind != Kind::Function || member.decorators != 0 {
                continue;
            }
            let Some(entry) = kit.class_entry(class, &mangled(&member.name, Some(&own)))? else {
                continue;
            };
            let implicit = ["__new__", "__init_subclass__", "__class_getitem__"]
                .contains(&member.name.as_str());
            let wanted = Wanted {
                name: &member.name,
                line: member.span.line,
                placed: None,
            };
            if !implicit && !wanted.is(kit, &entry) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A class body with `__eq__` and without `__hash__` makes instances that have no hash.
    pub(super) fn implied_hash(
        &mut self,
        class: &Bound<'py, PyAny>,
        bound: &BTreeSet<&String>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let binds = |name: &str| bound.iter().any(|b| *b == name);
        if binds("__hash__") {
            return Ok(());
        }
        let key = pyo3::types::PyString::new(kit.py, "__hash__").into_any();
        let hash = kit.class_entry(class, "__hash__")?;
        let equal = kit.class_entry(class, "__eq__")?.is_some();
        if equal && hash.is_none() {
            let none = kit.py.None().into_bound(kit.py);
            self.work.tx.set_class_entry(kit, class, &key, &none)?;
        } else if !equal && hash.is_some_and(|h| h.is_none()) {
            self.work.tx.del_class_entry(kit, class, &key)?;
        }
        Ok(())
    }

    /// Whether statements that run again read a name of the module or a builtin that the class binds
    /// only later: they would see what the class has.
    pub(super) fn reads_ahead(
        &self,
        class: &Statement,
        again: &BTreeSet<usize>,
        bound: &BTreeSet<&String>,
    ) -> bool {
        again.iter().any(|&at| {
            class.body[at].uses.reads.iter().any(|path| {
                let name = path.split('.').next().unwrap_or(path);
                let binds = |m: &Statement| m.uses.binds.iter().any(|n| n == name);
                !bound.iter().any(|n| *n == name)
                    && class.body[at..].iter().any(binds)
                    && !class.body[..at].iter().any(binds)
            })
        })
    }

    /// Of a class that is made anew: what was set on it after its statement, and is to be set again.
    pub(super) fn drop_later(
        &mut self,
        class: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let made = kit.class_dict(twin)?;
        for name in kit.class_dict(class)?.keys() {
            if !text(&name).starts_with("__") && !made.contains(&name)? {
                self.work.tx.del_class_entry(kit, class, &name)?;
            }
        }
        Ok(())
    }

    /// Whether something that is gone, or is to be made again, had told the class of itself
    /// (`__set_name__`), or something that comes will: only a class that is made anew has in its books
    /// what a restart would write there.
    pub(super) fn told_owner(
        &self,
        class: &Bound<'py, PyAny>,
        gone: &[&String],
        new: &Statement,
        again: impl Fn(usize) -> bool,
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let own = self.class_name(class)?;
        let entry = |name: &String| kit.class_entry(class, &mangled(name, Some(&own)));
        for name in gone {
            if let Some(entry) = entry(name)?
                && self.is_told(&entry.get_type())?
            {
                return Ok(true);
            }
        }
        let runs = new.body.iter().enumerate().filter(|(at, _)| again(*at));
        for (_, member) in runs {
            for name in &member.uses.binds {
                if let Some(entry) = entry(name)?
                    && self.is_told(&entry.get_type())?
                    && self.tells_owner(&entry.get_type())?
                {
                    return Ok(true);
                }
            }
            for path in &member.uses.calls {
                if let Some(kind) = self.made_by(path)?
                    && self.is_told(kind.cast()?)?
                    && self.tells_owner(&kind)?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The class of the module, or of one that it imports, that a path means.
    fn made_by(&self, path: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut parts = path.split('.');
        let mut found = self.job.dict.get_item(parts.next().unwrap_or(path))?;
        for part in parts {
            // Asked of modules only: others may run code.
            let module = found.filter(|f| self.work.kit.is_exact(f, &self.work.kit.module));
            found = module.and_then(|module| module.getattr(part).ok());
        }
        Ok(found.filter(|found| self.work.kit.is_class(found)))
    }

    /// Whether objects of a type have a `__set_name__` of the program's own.
    fn is_told(&self, kind: &Bound<'py, pyo3::types::PyType>) -> PyResult<bool> {
        let kit = self.work.kit;
        match kind.getattr("__set_name__") {
            Ok(told) => Ok(kit.is_function(&told) && !self.library(&told)?),
            Err(_) => Ok(false),
        }
    }

    /// Whether what that does goes beyond the object: see owners.py.
    fn tells_owner(&self, kind: &Bound<'py, PyAny>) -> PyResult<bool> {
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        let kit = self.work.kit;
        let helper = PyDict::new(kit.py);
        helper.set_item("__name__", "pyreload/owners.py")?;
        let texts = [("pyreload/owners.py", include_str!("owners.py"))];
        kit.run_helpers(&COMPILED, &texts, &helper)?;
        let tells = helper.as_any().get_item("tells")?;
        tells.call1((kind,))?.is_truthy()
    }

    /// Whether a function is of the standard library's `functools`.
    fn library(&self, function: &Bound<'py, PyAny>) -> PyResult<bool> {
        let functools = self.work.kit.py.import("functools")?.dict();
        Ok(function.getattr("__globals__")?.is(&functools))
    }
}

impl<'py> Work<'_, 'py> {
    /// Whether a metaclass or decorator made more of the class than its body says, so that a
    /// change of the body must go through them again.
    pub fn generated(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kit = self.kit;
        let meta = class.get_type();
        let abc = kit.py.import("abc")?.getattr("ABCMeta")?;
        let plain = meta.is(kit.object.get_type()) || meta.is(&abc);
        if !plain {
            // Protocol and typing.Generic classes have no metaclass code that looks at bodies.
            let name = text(&meta.getattr("__name__")?);
            if name != "_ProtocolMeta" {
                let new = meta.getattr("__new__")?;
                let init = meta.getattr("__init__")?;
                let own = |f: &Bound<'py, PyAny>| kit.is_function(f);
                if own(&new) || own(&init) || name == "EnumMeta" || name == "EnumType" {
                    return Ok(true);
                }
            }
        }
        let entries = class.getattr("__dict__")?;
        for mark in [
            "__dataclass_fields__",
            "__attrs_attrs__",
            "_fields",
            "__total__",
            "__protocol_attrs__",
            "__pydantic_fields__",
        ] {
            if entries.contains(mark)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a value of a class body may hold functions that the body made.
pub(super) fn holds(value: &Bound<'_, PyAny>) -> bool {
    container(value) || value.is_exact_instance_of::<PyTuple>()
}

/// A container or a function that a class body made, with the functions, classes and members that live
/// on in the place of those that the body made.
pub(super) fn living_inside<'py>(
    value: Bound<'py, PyAny>,
    done: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
) -> PyResult<Bound<'py, PyAny>> {
    let living = |item: &Bound<'py, PyAny>| {
        let found = done
            .iter()
            .find(|(made, kept)| made.is(item) && !kept.is(item));
        found.map(|(_, kept)| kept.clone())
    };
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        for (key, item) in dict.copy()?.iter() {
            if let Some(item) = living(&item) {
                dict.set_item(key, item)?;
            }
        }
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        for (at, item) in list.iter().enumerate() {
            if let Some(item) = living(&item) {
                list.set_item(at, item)?;
            }
        }
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>()
        && tuple.iter().any(|item| living(&item).is_some())
    {
        let items = tuple.iter().map(|item| living(&item).unwrap_or(item));
        return Ok(PyTuple::new(value.py(), items.collect::<Vec<_>>())?.into_any());
    } else if !done.is_empty() && value.get_type().name()? == "function" {
        // What a method has by default.
        let defaults = value.getattr("__defaults__")?;
        if defaults.is_instance_of::<PyTuple>() {
            let living = living_inside(defaults.clone(), done)?;
            if !living.is(&defaults) {
                value.setattr("__defaults__", living)?;
            }
        }
        living_inside(value.getattr("__kwdefaults__")?, done)?;
    }
    Ok(value)
}

/// A field of a named tuple.
pub(super) fn is_field(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.get_type().name()? == "_tuplegetter")
}

/// What `type X = ...` and `[T: ...]` make: computed when somebody asks (3.12+).
pub(super) fn is_lazy_type(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = value.get_type().name()?;
    Ok(["TypeAliasType", "TypeVar", "ParamSpec", "TypeVarTuple"]
        .iter()
        .any(|n| name == *n))
}
