//! Instances that cannot become ones of their new class where they are, since its layout is another
//! one (a slot came or went): another object takes over what they have, and whoever holds the old
//! one holds that.

use std::collections::{BTreeMap, HashMap};

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::holders::Instead;
use super::kit::{reference_count, text};
use super::work::{Replaced, Work};

/// Up to so many objects the interpreter looks for holders itself.
const FEW: usize = 32;

impl<'py> Work<'_, 'py> {
    /// Makes such an object. None where the new class has no plain objects: one derived from `dict`,
    /// an exception.
    pub(super) fn relocated(
        &self,
        old: &Bound<'py, PyAny>,
        class: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let object = &self.kit.object;
        let Ok(new) = object.call_method1("__new__", (class,)) else {
            return Ok(None);
        };
        // Not by the class's own `__setattr__`: it may be frozen.
        let set = object.getattr("__setattr__")?;
        let keep = |name: &Bound<'py, PyAny>, value: Bound<'py, PyAny>| -> PyResult<()> {
            match set.call1((&new, name, value)) {
                // There is no place for it any more.
                Err(error) if error.is_instance_of::<PyAttributeError>(self.kit.py) => Ok(()),
                other => other.map(drop),
            }
        };
        for base in old.get_type().getattr("__mro__")?.try_iter()? {
            for (name, entry) in self.kit.class_dict(&base?)?.iter() {
                if entry.get_type().name()? == "member_descriptor"
                    && let Ok(value) = entry.call_method1("__get__", (old,))
                {
                    keep(&entry.getattr("__name__").unwrap_or(name), value)?;
                }
            }
        }
        if let Ok(state) = old.getattr("__dict__")
            && let Ok(state) = state.cast_into::<PyDict>()
        {
            for (name, value) in state.iter() {
                keep(&name, value)?;
            }
        }
        Ok(Some(new))
    }

    /// Puts into the slots of an instance what is to be held `instead`.
    pub(super) fn hand_over_in_slots(
        &mut self,
        holder: &Bound<'py, PyAny>,
        instead: Instead<'_, 'py>,
    ) -> PyResult<()> {
        if holder.get_type().name()? == "partial" {
            return self.hand_over_in_partial(holder, instead);
        }
        for base in holder.get_type().getattr("__mro__")?.try_iter()? {
            let base = base?;
            // Those of classes that are written in C are not ours to set.
            if base.getattr("__flags__")?.extract::<u64>()? & (1 << 9) == 0 {
                continue;
            }
            for (name, entry) in self.kit.class_dict(&base)?.iter() {
                if entry.get_type().name()? == "member_descriptor"
                    && let Ok(value) = entry.call_method1("__get__", (holder,))
                    && let Some(to) = instead(&value)?
                {
                    // There are some that nobody can set.
                    if entry.call_method1("__set__", (holder, &value)).is_err() {
                        continue;
                    }
                    self.tx.attribute(holder, &text(&name));
                    entry.call_method1("__set__", (holder, to))?;
                }
            }
        }
        Ok(())
    }

    /// What a `partial` was made of: its attributes cannot be set one by one.
    fn hand_over_in_partial(
        &mut self,
        holder: &Bound<'py, PyAny>,
        instead: Instead<'_, 'py>,
    ) -> PyResult<()> {
        let py = self.kit.py;
        let kind = py.import("functools")?.getattr("partial")?;
        if !holder.get_type().is(&kind) {
            return Ok(());
        }
        let Some(to) = instead(&holder.getattr("func")?)? else {
            return Ok(());
        };
        let state = holder.call_method0("__reduce__")?.get_item(2)?;
        let mut parts: Vec<Bound<'py, PyAny>> = state.try_iter()?.collect::<PyResult<_>>()?;
        parts[0] = to;
        let set = holder.getattr("__setstate__")?;
        set.call1((PyTuple::new(py, parts)?,))?;
        self.tx.call(set, PyTuple::new(py, [state])?);
        Ok(())
    }

    /// What holds instances that could not be moved holds what took over from them. How many could
    /// not be replaced at all, by the address of their new class.
    pub(super) fn relocate(
        &mut self,
        stuck: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    ) -> PyResult<HashMap<usize, usize>> {
        let mut left: HashMap<usize, usize> = HashMap::new();
        let mut made: Vec<Replaced<'py>> = Vec::new();
        for (old, class) in stuck {
            match self.relocated(&old, &class)? {
                Some(to) => made.push(Replaced {
                    from: old,
                    to,
                    lived: true,
                }),
                None => *left.entry(class.as_ptr() as usize).or_default() += 1,
            }
        }
        self.taken_over(made)?;
        Ok(left)
    }

    /// Who holds objects that others took over from holds these; and the report says so.
    fn taken_over(&mut self, made: Vec<Replaced<'py>>) -> PyResult<()> {
        if made.is_empty() {
            return Ok(());
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for replaced in &made {
            let name = text(&replaced.to.get_type().getattr("__qualname__")?);
            *counts.entry(name).or_default() += 1;
        }
        let olds: Vec<_> = made.iter().map(|replaced| replaced.from.clone()).collect();
        self.replace_everywhere(made)?;
        // Ours, and the undo log's for each place: a frame that runs, or C code, tells nobody.
        let held = match olds.len() {
            ..=FEW => olds.iter().filter(|old| self.still_held(old)).count(),
            _ => 0,
        };
        for (name, count) in counts {
            let (plural, whose) = match count {
                1 => ("", "another"),
                _ => ("s", "others"),
            };
            self.notes.push(format!(
                "{count} instance{plural} of {name} took over what {whose} had: its layout is another one"
            ));
        }
        if held > 0 {
            self.notes.push(format!(
                "{held} of the old ones may still be held where it cannot be seen: restart to be sure"
            ));
        }
        Ok(())
    }

    /// Whether somebody holds an object besides the undo log and us.
    fn still_held(&self, old: &Bound<'py, PyAny>) -> bool {
        let Ok(holders) = self.kit.gc.call_method1("get_referrers", (old,)) else {
            return true;
        };
        let known = holders.len().unwrap_or(0);
        // The list of olds is Rust's: one reference that no object has.
        reference_count(old) > isize::try_from(known).unwrap_or(0) + 1
    }

    /// Whatever the garbage collector knows to refer to one of many objects.
    pub(super) fn holders_of_many(
        &self,
        objects: &[&Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyList>> {
        let gc = &self.kit.gc;
        let py = self.kit.py;
        if objects.len() <= FEW {
            let holders = gc
                .getattr("get_referrers")?
                .call1(PyTuple::new(py, objects)?)?;
            return Ok(holders.cast_into::<PyList>()?);
        }
        // Asked the other way round, the time does not grow with the number of objects.
        let wanted: std::collections::HashSet<usize> = objects
            .iter()
            .map(|object| object.as_ptr() as usize)
            .collect();
        let referents = gc.getattr("get_referents")?;
        let out = PyList::empty(py);
        for holder in gc.call_method0("get_objects")?.try_iter()? {
            let holder = holder?;
            let held = referents.call1((&holder,))?.cast_into::<PyList>()?;
            if held
                .iter()
                .any(|held| wanted.contains(&(held.as_ptr() as usize)))
            {
                out.append(holder)?;
            }
        }
        Ok(out)
    }
}
