//! Methods that a class has no more, or that are something else now: whoever holds the one that was (a
//! bound method in a callback) calls what the class gives by that name.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::kit::{Kit, module_of, reference_count, text};
use super::work::{Lost, Owner, Replaced, Work};

/// References to a method that nobody holds: its class, the copy of the entries that is gone through, and
/// the item of that.
const HELD: isize = 3;

impl<'py> Work<'_, 'py> {
    /// Notes that a class loses an entry.
    pub(super) fn lose(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        self.forget_stored(class, was)?;
        self.note_lost(class, name, was);
        Ok(())
    }

    /// Notes what the class that takes another one's place has no more of its own statements' entries.
    pub(super) fn lose_replaced(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        members: &BTreeSet<String>,
    ) -> PyResult<()> {
        let want = self.kit.class_dict(new)?;
        for (name, value) in self.kit.class_dict(old)?.iter() {
            if members.contains(&text(&name)) && !want.contains(&name)? {
                self.note_lost(new, &name, &value);
            }
        }
        Ok(())
    }

    /// Notes what a class does not inherit any more: from a base that got another name, most often, and
    /// is not in its module any more, or from a mixin that was taken out.
    pub(super) fn lose_bases(
        &mut self,
        class: &Bound<'py, PyAny>,
        ancestors: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let now = class.getattr("__mro__")?;
        let mut hidden: BTreeSet<String> = BTreeSet::new();
        for ancestor in ancestors.try_iter()? {
            let ancestor = ancestor?;
            let still = now
                .try_iter()?
                .any(|class| class.is_ok_and(|class| class.is(&ancestor)));
            let gone = !still && !self.has_home(&ancestor)?;
            for (name, value) in self.kit.class_dict(&ancestor)?.iter() {
                if !hidden.insert(text(&name)) || still {
                    continue;
                }
                if gone {
                    self.note_lost(class, &name, &value);
                } else if self.kit.is_function(&value) && reference_count(&value) > HELD {
                    // Others may have it still.
                    let from = Owner::Under(class.clone());
                    self.unbound.push((value, text(&name), from));
                }
            }
        }
        Ok(())
    }

    /// Whether a class is what its name means in its module.
    fn has_home(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let modules = class.py().import("sys")?.getattr("modules")?;
        let home = modules.call_method1("get", (module_of(class),))?;
        let path = text(&class.getattr("__qualname__")?);
        if home.is_none() || path.contains('<') {
            return Ok(true); // nobody can tell
        }
        // As it is stored: a module's `__getattr__` would run.
        let Ok(names) = home.getattr("__dict__")?.cast_into::<PyDict>() else {
            return Ok(true);
        };
        let mut parts = path.split('.');
        let mut at = names.get_item(parts.next())?;
        for name in parts {
            let Some(owner) = at.filter(|owner| self.kit.is_class(owner)) else {
                return Ok(false);
            };
            at = self.kit.class_entry(&owner, name)?;
        }
        Ok(at.is_some_and(|at| at.is(class)))
    }

    fn note_lost(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
    ) {
        let wraps = self.kit.is_exact(was, &self.kit.classmethod)
            || self.kit.is_exact(was, &self.kit.staticmethod);
        let function = match wraps {
            true => was.getattr("__func__").unwrap_or_else(|_| was.clone()),
            false => was.clone(),
        };
        if self.kit.is_function(&function) {
            self.lost.push(Lost {
                class: class.clone(),
                name: text(name),
                kind: was.get_type().into_any(),
                function,
            });
        }
    }

    /// Gives methods that are gone the code of those that are inherited in their place, once all classes
    /// of the module are what they are to be.
    pub(super) fn inherit(&mut self) -> PyResult<()> {
        let kit = self.kit;
        for lost in std::mem::take(&mut self.lost) {
            let class = &lost.class;
            self.departed.extend(Departed::method(kit, &lost));
            let mro = class.getattr("__mro__")?.cast_into::<PyTuple>()?;
            let mut heir = None;
            for base in mro.iter() {
                if let Some(found) = kit.class_entry(&base, &lost.name)? {
                    heir = Some(found);
                    break;
                }
            }
            let Some(mut heir) = heir.filter(|heir| heir.get_type().is(&lost.kind)) else {
                let from = Owner::From(class.clone());
                self.unbound
                    .push((lost.function.clone(), lost.name.clone(), from));
                continue;
            };
            if !kit.is_function(&heir) {
                heir = heir.getattr("__func__")?;
            }
            if !self.take_over(&lost.function, &heir, Some(class))? {
                let from = Owner::From(class.clone());
                self.unbound
                    .push((lost.function.clone(), lost.name.clone(), from));
            }
        }
        Ok(())
    }

    /// Lets a function do what another one does. `false`: it cannot.
    pub(super) fn take_over(
        &mut self,
        function: &Bound<'py, PyAny>,
        heir: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let kit = self.kit;
        if heir.is(function) {
            return Ok(true);
        }
        // Globals cannot be exchanged.
        let globals = function.getattr("__globals__")?;
        if !kit.is_function(heir) || !heir.getattr("__globals__")?.is(&globals) {
            return Ok(false);
        }
        // A wrapper calls it.
        if let Ok(cells) = heir
            .getattr(kit.name("__closure__"))?
            .cast_into::<PyTuple>()
        {
            let calls = |cell: Bound<'py, PyAny>| {
                let inside = cell.getattr("cell_contents").ok();
                inside.is_some_and(|inside| inside.is_callable() && !kit.is_class(&inside))
            };
            if cells.iter().any(calls) {
                return Ok(false);
            }
        }
        self.tx.function(kit, function)?;
        let code = heir.getattr(kit.name("__code__"))?;
        let fresh = (!heir.getattr(kit.name("__closure__"))?.is_none()).then_some(heir);
        if !self.give_code(function, &code, class, fresh)? {
            return Ok(false);
        }
        for name in ["__defaults__", "__kwdefaults__", "__doc__", "__qualname__"] {
            function.setattr(name, heir.getattr(name)?)?;
        }
        Ok(true)
    }

    /// Methods that are another kind of thing now: a static method has no place for the object.
    fn changed_kinds(&mut self) -> PyResult<()> {
        let kit = self.kit;
        let mut found = Vec::new();
        for (class, name, before) in self.tx.entries_since(0) {
            let name = text(name);
            let function = match kit.is_exact(before, &kit.classmethod) {
                true => before.getattr("__func__")?,
                false => before.clone(),
            };
            let now = kit.class_entry(class, &name)?;
            // Or another function: `run = go`.
            let other = |now: &Bound<'py, PyAny>| {
                kit.is_exact(now, &kit.staticmethod)
                    || kit.is_function(now) && !now.is(&function) && before.is(&function)
            };
            if kit.is_function(&function)
                && now.as_ref().is_some_and(other)
                // An alias had been here of what has its own name.
                && text(&function.getattr("__name__")?) == name
            {
                found.push((class.clone(), function, name));
            }
        }
        for (class, function, name) in found {
            // It may be one of its own again.
            let lost = Lost {
                class,
                name: name.clone(),
                kind: function.get_type().into_any(),
                function: function.clone(),
            };
            self.departed.extend(Departed::method(kit, &lost));
            let now = kit.class_entry(&lost.class, &name)?;
            let taken = match now.filter(|now| kit.is_function(now)) {
                Some(now) => self.take_over(&function, &now, Some(&lost.class))?,
                None => false,
            };
            if !taken {
                self.unbound.push((function, name, Owner::From(lost.class)));
            }
        }
        // What a base gave until now.
        let mut covered = Vec::new();
        for (class, name) in self.tx.new_entries() {
            let name = text(name);
            let now = kit.class_entry(class, &name)?;
            if now.is_none_or(|now| !kit.is_function(&now)) {
                continue;
            }
            for base in super::kit::mro(class).iter().skip(1) {
                let Some(found) = kit.class_entry(&base, &name)? else {
                    continue;
                };
                // Ours and that of the class: nobody holds a method of it.
                if kit.is_function(&found)
                    && reference_count(&found) > 2
                    && !self.asks_super(class, &name)?
                {
                    covered.push((found, name.clone(), Owner::From(class.clone())));
                }
                break;
            }
        }
        self.unbound.extend(covered);
        Ok(())
    }

    /// Bound methods whose function is gone: who holds one holds what the object gives by that name now.
    pub fn rebind_methods(&mut self) -> PyResult<()> {
        self.changed_kinds()?;
        let kit = self.kit;
        let mut all = std::mem::take(&mut self.unbound);
        let held = |function: &Bound<'py, PyAny>| {
            reference_count(function) > 1 + self.tx.references(function) as isize
        };
        all.retain(|(function, ..)| held(function));
        if all.is_empty() {
            return Ok(());
        }
        let functions: Vec<&Bound<'py, PyAny>> = all.iter().map(|(f, ..)| f).collect();
        let method = kit.py.import("types")?.getattr("MethodType")?;
        for bound in self.holders_of_many(&functions)?.iter() {
            if !bound.get_type().is(&method) {
                continue;
            }
            let (function, on) = (bound.getattr("__func__")?, bound.getattr("__self__")?);
            let found = all.iter().find(|(known, ..)| known.is(&function));
            let Some((_, name, owner)) = found else {
                continue;
            };
            let own = match kit.is_class(&on) {
                true => on.clone(),
                false => on.get_type().into_any(),
            };
            let (kind, from) = match owner {
                Owner::In(class) => (class.clone(), class),
                Owner::From(class) => (own, class),
                Owner::Under(class) => {
                    if !super::kit::mro(&own).iter().any(|base| base.is(class)) {
                        continue;
                    }
                    (own, class)
                }
            };
            let Some(now) = self.looked_up(&kind, name, from)? else {
                continue;
            };
            let to = if kit.is_exact(&now, &kit.staticmethod) {
                now.getattr("__func__")?
            } else if kit.is_exact(&now, &kit.classmethod) {
                method.call1((now.getattr("__func__")?, &kind))?
            } else if kit.is_function(&now) && !now.is(&function) {
                method.call1((now, &on))?
            } else {
                continue;
            };
            // Nothing of ours holds it.
            let lived = false;
            self.replaced.push(Replaced {
                from: bound,
                to,
                lived,
            });
        }
        Ok(())
    }

    /// What a class has by a name, from one of its bases on.
    fn looked_up(
        &self,
        class: &Bound<'py, PyAny>,
        name: &str,
        from: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mro = super::kit::mro(class);
        // A base that lost it to what is derived from it.
        let first = mro.iter().position(|base| base.is(from)).unwrap_or(0);
        let first = match self.gives(&mro, name, first)? {
            true => first,
            false => 0,
        };
        for base in mro.iter().skip(first) {
            if let Some(found) = self.kit.class_entry(&base, name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn gives(&self, mro: &Bound<'py, PyTuple>, name: &str, first: usize) -> PyResult<bool> {
        for base in mro.iter().skip(first) {
            if self.kit.class_entry(&base, name)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether code of a class asks its bases for this name: who holds what they gave may mean that.
    fn asks_super(&self, class: &Bound<'py, PyAny>, name: &str) -> PyResult<bool> {
        for (_, value) in self.kit.class_dict(class)?.iter() {
            if self.kit.is_function(&value) {
                let names = value
                    .getattr(self.kit.name("__code__"))?
                    .getattr(self.kit.name("co_names"))?;
                if names.contains("super")? && names.contains(name)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Methods that came back: those who held the one that was have this one.
    pub fn returned_methods(
        &mut self,
        departed: &dyn Fn(&str, &str) -> Vec<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut came = Vec::new();
        // Also of an alias that is a definition of its own again.
        let others = self
            .tx
            .entries_since(0)
            .map(|(class, name, _)| (class, name));
        for (class, name) in self.tx.new_entries().chain(others) {
            let name = text(name);
            let Some(now) = kit
                .class_entry(class, &name)?
                .filter(|v| kit.is_function(v))
            else {
                continue;
            };
            if text(&now.getattr("__name__")?) != name {
                continue;
            }
            let home = text(&module_of(class));
            let path = format!("{}.{name}", text(&class.getattr("__qualname__")?));
            for was in departed(&home, &path) {
                came.push((was, now.clone(), class.clone()));
            }
        }
        for (was, now, class) in came {
            if kit.is_function(&was) && !self.take_over(&was, &now, Some(&class))? {
                let name = text(&now.getattr("__name__")?);
                self.unbound.push((was, name, Owner::From(class)));
            }
        }
        Ok(())
    }

    /// A definition is another object now: who holds the old one, or a method of it, is to have the new
    /// one. `fresh`: nobody had that before.
    pub fn succeed(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        fresh: bool,
    ) -> PyResult<()> {
        let kit = self.kit;
        if kit.is_function(old) && self.take_over(old, new, None)? && !fresh {
            // Who holds both is to hold two.
            return Ok(());
        }
        self.moved_home(old, new);
        if kit.is_class(old) && kit.is_class(new) {
            for (name, value) in kit.class_dict(old)?.iter() {
                if kit.is_function(&value) {
                    self.unbound
                        .push((value, text(&name), Owner::In(new.clone())));
                }
            }
        }
        Ok(())
    }
}

/// A definition that is gone from its module while somebody may hold it: it may come back.
pub struct Departed {
    pub module: String,
    pub path: String,
    /// A weak reference.
    pub object: Py<PyAny>,
}

impl Departed {
    /// A definition at the top level of a module, or in a class. `None`: nothing can refer to it weakly.
    pub fn new(
        kit: &Kit<'_>,
        module: String,
        path: String,
        object: &Bound<'_, PyAny>,
    ) -> Option<Self> {
        let weakref = kit.py.import("weakref").ok()?.getattr("ref").ok()?;
        let weak = weakref.call1((object,)).ok()?;
        Some(Self {
            module,
            path,
            object: weak.unbind(),
        })
    }

    fn method(kit: &Kit<'_>, lost: &Lost<'_>) -> Option<Self> {
        let module = text(&lost.class.getattr("__module__").ok()?);
        let class = text(&lost.class.getattr("__qualname__").ok()?);
        let path = format!("{class}.{}", lost.name);
        Self::new(kit, module, path, &lost.function)
    }
}
