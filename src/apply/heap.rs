//! What only the heap knows: closures made from replaced code, holders of replaced objects,
//! instances of a class. At most one pass for each kind, and only when something asks for it.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::abandoned::detach;
use super::function::search;
use super::kit::{reference_count, text};
use super::work::{Replaced, Work};

impl<'k, 'py> Work<'k, 'py> {
    /// Ends a unit: everything that needs to know who holds what.
    pub fn finish(&mut self) -> PyResult<()> {
        for class in std::mem::take(&mut self.tx.stood_in) {
            let qualname = text(&class.getattr("__qualname__")?);
            self.notes.push(format!(
                "{qualname} finds no __new__ of Python code any more; until a restart a builtin one \
                 stands in it, which does what object.__new__ does"
            ));
        }
        self.classes_that_keep()?;
        self.collected_codes()?;
        self.closures()?;
        self.derived_data_classes()?;
        self.hand_over()?;
        self.tell_outgrown()?;
        self.hand_over_texts();
        self.models()?;
        self.drop_stored()?;
        self.give_gains()?;
        self.note_inner()?;
        self.settle_keys()?;
        self.migrate()
    }

    /// After a unit was rolled back: classes that were made for it leave the lists of subclasses.
    pub fn discard(&mut self) {
        self.detached.clear();
        for Replaced { from, to, lived } in std::mem::take(&mut self.replaced) {
            let made = if lived { to } else { from };
            if self.kit.is_class(&made) {
                detach(&made);
            }
        }
    }

    /// Live closures of replaced nested code get the new one.
    fn closures(&mut self) -> PyResult<()> {
        let pairs = std::mem::take(&mut self.nested);
        self.siblings.clear();
        if pairs.is_empty() {
            return Ok(());
        }
        let by_code: HashMap<usize, usize> = pairs
            .iter()
            .enumerate()
            .map(|(at, (old, _))| (old.as_ptr() as usize, at))
            .collect();
        let renewed = std::mem::take(&mut self.renewed);
        let before = |(old, _): &(Bound<'py, PyAny>, _)| {
            let renewed = renewed.get(&(old.as_ptr() as usize));
            renewed.copied().unwrap_or(0)
        };
        let mut updated: Vec<isize> = pairs.iter().map(before).collect();
        self.known_closures(&pairs, &by_code, &mut updated)?;
        // Ours, the constants of the outer code, and the undo log's for each that was updated.
        // More means that somebody else holds a closure, and only the heap knows who.
        let open: Vec<_> = pairs
            .iter()
            .zip(&updated)
            .filter(|((old, _), updated)| reference_count(old) > 2 + **updated)
            .map(|((old, _), _)| old.clone())
            .collect();
        if open.is_empty() {
            self.nested.clear();
            return Ok(());
        }
        // A few codes: the interpreter looks for them itself. Many: one list of all objects is
        // cheaper than a scan whose cost grows with the number of targets.
        let holders = if open.len() <= 4 {
            let codes = PyTuple::new(self.kit.py, open)?;
            self.kit.gc.getattr("get_referrers")?.call1(codes)?
        } else {
            self.kit.gc.call_method0("get_objects")?
        };
        for holder in holders.cast_into::<PyList>()?.iter() {
            if self.kit.is_function(&holder) {
                self.update_closure(&holder, &pairs, &by_code)?;
            }
        }
        // Code nested deeper was retired on the way, and is in `pairs` already.
        self.nested.clear();
        Ok(())
    }

    /// Closures of replaced nested code that this value holds, a wrapper most often, get the new one
    /// now: what runs again may call it.
    pub fn renew(
        &mut self,
        value: &Bound<'py, PyAny>,
        globals: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        if self.nested.is_empty() {
            return Ok(());
        }
        let pairs = self.nested.clone();
        let by_code = pairs.iter().enumerate();
        let by_code = by_code.map(|(at, (old, _))| (old.as_ptr() as usize, at));
        let by_code: HashMap<usize, usize> = by_code.collect();
        let mut found = Vec::new();
        search(self.kit, value, globals, &mut |object| {
            if self.kit.is_function(object) {
                found.push(object.clone());
            }
            false
        })?;
        for function in &found {
            if let Some(at) = self.update_closure(function, &pairs, &by_code)? {
                *self
                    .renewed
                    .entry(pairs[at].0.as_ptr() as usize)
                    .or_default() += 1;
            }
        }
        Ok(())
    }

    /// Functions that a loop had made of replaced code get the new one before a statement runs, which
    /// may call any of them, whatever holds them.
    pub fn renew_siblings(&mut self) -> PyResult<()> {
        let siblings = std::mem::take(&mut self.siblings);
        if siblings.is_empty() {
            return Ok(());
        }
        let pairs = self.nested.iter();
        let pairs = pairs.filter(|(old, _)| siblings.contains(&(old.as_ptr() as usize)));
        let pairs: Vec<_> = pairs.cloned().collect();
        let by_code = pairs.iter().enumerate();
        let by_code = by_code.map(|(at, (old, _))| (old.as_ptr() as usize, at));
        let by_code: HashMap<usize, usize> = by_code.collect();
        let mut updated = vec![0; pairs.len()];
        self.known_closures(&pairs, &by_code, &mut updated)?;
        for holder in self.holders_of_many(&pairs.iter().map(|(old, _)| old).collect::<Vec<_>>())? {
            if self.kit.is_function(&holder)
                && let Some(at) = self.update_closure(&holder, &pairs, &by_code)?
            {
                updated[at] += 1;
            }
        }
        for ((old, _), updated) in pairs.iter().zip(updated) {
            *self.renewed.entry(old.as_ptr() as usize).or_default() += updated;
        }
        Ok(())
    }

    /// Gives a closure of replaced code the new one. The index of its pair.
    fn update_closure(
        &mut self,
        function: &Bound<'py, PyAny>,
        pairs: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
        by_code: &HashMap<usize, usize>,
    ) -> PyResult<Option<usize>> {
        let code = function.getattr("__code__")?;
        let Some(&at) = by_code.get(&(code.as_ptr() as usize)) else {
            return Ok(None);
        };
        let new = pairs[at].1.clone();
        Ok(self.give_closure(function, &new)?.then_some(at))
    }

    /// Closures in the places that are known: the names of modules and namespaces, what their
    /// lists and dicts hold, the methods of their classes. The heap need not be asked for those,
    /// and cannot be for objects that `gc.freeze()` hid from it.
    fn known_closures(
        &mut self,
        pairs: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
        by_code: &HashMap<usize, usize>,
        updated: &mut [isize],
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut look = |work: &mut Self, value: &Bound<'py, PyAny>| -> PyResult<()> {
            if kit.is_function(value)
                && let Some(at) = work.update_closure(value, pairs, by_code)?
            {
                updated[at] += 1;
            }
            Ok(())
        };
        for place in self.places.clone() {
            for value in place.values().iter() {
                if kit.is_function(&value) {
                    look(self, &value)?;
                } else if let Ok(list) = value.cast_exact::<PyList>() {
                    for item in list.iter().take(1000) {
                        look(self, &item)?;
                    }
                } else if let Ok(dict) = value.cast_exact::<PyDict>() {
                    for item in dict.values().iter().take(1000) {
                        look(self, &item)?;
                    }
                } else if kit.is_class(&value) {
                    for item in kit.class_dict(&value)?.values().iter() {
                        look(self, &item)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes that instances of a class are to compute a `cached_property` again.
    pub fn forget_stored(
        &mut self,
        class: &Bound<'py, PyAny>,
        holder: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        if kit.is_function(holder) || kit.is_class(holder) {
            return Ok(());
        }
        let kind = kit.py.import("functools")?.getattr("cached_property")?;
        if !holder.is_instance(&kind)? {
            return Ok(());
        }
        let name = text(&holder.getattr("attrname")?);
        if !self.stored.iter().any(|(c, n)| c.is(class) && *n == name) {
            self.stored.push((class.clone(), name));
        }
        Ok(())
    }

    /// Instances of the classes and of all their subclasses: one pass over the heap.
    pub(super) fn instances(
        &self,
        classes: &[Bound<'py, PyAny>],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut all: Vec<Bound<'py, PyAny>> = Vec::new();
        let mut todo = classes.to_vec();
        while let Some(class) = todo.pop() {
            if all.iter().any(|c| c.is(&class)) {
                continue;
            }
            // `type.__subclasses__`: a metaclass may have a method of that name.
            let list = self
                .kit
                .object
                .get_type()
                .call_method1("__subclasses__", (&class,))?;
            todo.extend(list.try_iter()?.collect::<PyResult<Vec<_>>>()?);
            all.push(class);
        }
        let known: std::collections::HashSet<usize> =
            all.iter().map(|c| c.as_ptr() as usize).collect();
        let mut seen = std::collections::HashSet::new();
        let mut out = Vec::new();
        let holders = self
            .kit
            .gc
            .getattr("get_referrers")?
            .call1(PyTuple::new(self.kit.py, &all)?)?;
        for holder in holders.try_iter()? {
            let holder = holder?;
            if known.contains(&(holder.get_type().as_ptr() as usize))
                && seen.insert(holder.as_ptr() as usize)
            {
                out.push(holder);
            }
        }
        Ok(out)
    }

    /// Values that instances have stored for properties that compute something else now.
    pub(super) fn drop_stored(&mut self) -> PyResult<()> {
        let stored = std::mem::take(&mut self.stored);
        if stored.is_empty() {
            return Ok(());
        }
        let classes: Vec<_> = stored.iter().map(|(class, _)| class.clone()).collect();
        for instance in self.instances(&classes)? {
            let kind = instance.get_type();
            let Ok(state) = instance.getattr("__dict__") else {
                continue;
            };
            let Ok(state) = state.cast_into::<PyDict>() else {
                continue;
            };
            for (class, name) in &stored {
                if state.contains(name)? && kind.is_subclass(class)? {
                    self.tx.dict(&state)?;
                    state.del_item(name)?;
                }
            }
        }
        Ok(())
    }

    /// `__migrate__(self)` of classes that changed, for each of their live instances.
    fn migrate(&mut self) -> PyResult<()> {
        let mut asked = Vec::new();
        for class in &self.classes {
            // Not by asking for the attribute: a `__getattr__` of the metaclass would answer.
            for base in class.getattr("__mro__")?.try_iter()? {
                if self.kit.class_entry(&base?, "__migrate__")?.is_some() {
                    asked.push(class.clone());
                    break;
                }
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        for instance in self.instances(&asked)? {
            if let Ok(state) = instance
                .getattr("__dict__")
                .and_then(|d| Ok(d.cast_into::<PyDict>()?))
            {
                self.tx.dict(&state)?;
            }
            for class in instance.get_type().getattr("__mro__")?.try_iter()? {
                for (name, value) in self.kit.class_dict(&class?)?.iter() {
                    if value.get_type().name()? == "member_descriptor" {
                        self.tx.attribute(&instance, &text(&name));
                    }
                }
            }
            instance.call_method0("__migrate__")?;
        }
        Ok(())
    }
}
