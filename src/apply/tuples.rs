//! Tuples cannot change: who holds one that holds what something else takes the place of gets another.
//! Named tuples whose class has other fields now are told of.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::holders::Moves;
use super::kit::{is_heap_type, mro, reference_count, text};
use super::work::Work;

/// How deep tuples are in tuples.
const DEEP: usize = 8;

/// Named tuples that were made before their class got other fields.
pub struct Outgrown<'py> {
    class: Bound<'py, PyAny>,
    things: Vec<Bound<'py, PyAny>>,
}

impl<'py> Work<'_, 'py> {
    /// Those there are of the class `old`, if its twin has other fields. Asked before the class
    /// changes: of what is made later it could not be told.
    pub(super) fn outgrown(
        &self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Outgrown<'py>>> {
        let (Some(fields), Some(now)) = (self.tuple_fields(old)?, self.tuple_fields(new)?) else {
            return Ok(None);
        };
        // One that only got another name is where it was.
        if stand_alike(&fields, &now) {
            return Ok(None);
        }
        let things = self.instances(std::slice::from_ref(old))?;
        Ok((!things.is_empty()).then(|| Outgrown {
            class: old.clone(),
            things,
        }))
    }

    /// The fields of a named tuple's class.
    fn tuple_fields(&self, class: &Bound<'py, PyAny>) -> PyResult<Option<Vec<String>>> {
        let tuple = self.kit.py.get_type::<PyTuple>();
        let mut bases = mro(class).iter();
        if !bases.any(|base| base.is(&tuple)) {
            return Ok(None);
        }
        for base in mro(class).iter() {
            // Others have a `_fields` of their own.
            if let Some(Ok(fields)) = self
                .kit
                .class_entry(&base, "_fields")?
                .map(|f| f.cast_into::<PyTuple>())
                && let Some(defaults) = self.kit.class_entry(&base, "_field_defaults")?
                && defaults.is_instance_of::<PyDict>()
            {
                return Ok(Some(fields.iter().map(|name| text(&name)).collect()));
            }
        }
        Ok(None)
    }

    /// At the end of a unit: says how many there are. They stay what they are, as values do.
    pub(super) fn tell_outgrown(&mut self) -> PyResult<()> {
        for Outgrown { class, things } in std::mem::take(&mut self.outgrown) {
            // Those that nobody has any more, but we.
            let count = things
                .iter()
                .filter(|thing| reference_count(thing) >= 2)
                .count();
            if count > 0 {
                self.notes.push(format!(
                    "{count} tuple{} of {} made before {} the fields that there were: make {} again, or restart",
                    if count == 1 { "" } else { "s" },
                    text(&class.getattr("__qualname__")?),
                    if count == 1 { "has" } else { "have" },
                    if count == 1 { "it" } else { "them" },
                ));
            }
        }
        Ok(())
    }

    /// A tuple of the same class with these items.
    fn same_tuple(
        &self,
        tuple: &Bound<'py, PyTuple>,
        items: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let items = PyTuple::new(self.kit.py, items)?;
        if tuple.is_exact_instance_of::<PyTuple>() {
            return Ok(items.into_any());
        }
        // Past its class: this is no new one.
        let kind = self.kit.py.get_type::<PyTuple>();
        let made = kind.call_method1("__new__", (tuple.get_type(), items))?;
        if let Ok(state) = tuple.getattr("__dict__")
            && let Ok(state) = state.cast_into::<PyDict>()
        {
            for (name, value) in state.iter() {
                self.kit.object_setattr.call1((&made, name, value))?;
            }
        }
        Ok(made)
    }

    /// Whether a holder is a tuple that another one can be put in the place of: a plain one, or one of
    /// a class of the program's.
    pub(super) fn is_tuple(&self, holder: &Bound<'py, PyAny>) -> bool {
        holder.is_exact_instance_of::<PyTuple>()
            || holder.is_instance_of::<PyTuple>() && is_heap_type(&holder.get_type())
    }

    /// Who holds one of these tuples gets another. Functions do (defaults, and from 3.10 on annotations
    /// that nobody asked for yet), and so do the containers of programs, other tuples among them. `own`
    /// ones stay.
    pub(super) fn hand_over_tuples(
        &mut self,
        moves: &Moves<'py>,
        tuples: &[Bound<'py, PyAny>],
        own: &HashSet<usize>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut tuples = tuples.to_vec();
        let mut made: HashMap<usize, Bound<'py, PyAny>> = HashMap::new();
        // Kept alive: others are not to get their addresses.
        let mut olds = Vec::new();
        for _ in 0..DEEP {
            let mut last = Vec::new();
            for tuple in tuples {
                let had = tuple.cast::<PyTuple>()?;
                let instead = |item: Bound<'py, PyAny>| {
                    let to = moves.of(&item);
                    let to = to.or_else(|| made.get(&(item.as_ptr() as usize)));
                    to.cloned().unwrap_or(item)
                };
                let items: Vec<_> = had.iter().map(instead).collect();
                // There are some that only C code makes.
                if items.iter().zip(had.iter()).any(|(a, b)| !a.is(&b))
                    && let Ok(to) = self.same_tuple(had, items)
                {
                    made.insert(tuple.as_ptr() as usize, to);
                    last.push(tuple);
                }
            }
            if last.is_empty() {
                return Ok(());
            }
            let objects: Vec<_> = last.iter().collect();
            let holders = self.holders_of_many(&objects)?;
            olds.extend(last.iter().cloned());
            let mut seen = HashSet::new();
            tuples = Vec::new();
            for holder in holders.iter() {
                let at = holder.as_ptr() as usize;
                if self.is_tuple(&holder) {
                    if !own.contains(&at) && !made.contains_key(&at) && seen.insert(at) {
                        tuples.push(holder);
                    }
                    continue;
                }
                let instead =
                    |value: &Bound<'py, PyAny>| Ok(made.get(&(value.as_ptr() as usize)).cloned());
                if !kit.is_function(&holder) {
                    self.hand_over_in(&holder, &instead)?;
                    continue;
                }
                self.hand_over_in_function(&holder, moves, &made)?;
            }
        }
        Ok(())
    }

    fn hand_over_in_function(
        &mut self,
        function: &Bound<'py, PyAny>,
        moves: &Moves<'py>,
        made: &HashMap<usize, Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        const DEFAULTS: &str = "__defaults__";
        const ANNOTATIONS: &str = "__annotations__";
        self.tx.function(self.kit, function)?;
        let defaults = function.getattr(DEFAULTS)?;
        if let Some(defaults) = made.get(&(defaults.as_ptr() as usize)) {
            function.setattr(DEFAULTS, defaults)?;
        }
        if self.kit.version < (3, 14)
            && let Ok(made) = function.getattr(ANNOTATIONS)?.cast_into::<PyDict>()
        {
            for (name, value) in made.copy()?.iter() {
                if let Some(to) = moves.of(&value) {
                    made.set_item(name, to)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether each field stands where it stood, perhaps under another name.
fn stand_alike(old: &[String], now: &[String]) -> bool {
    let mut pairs = old.iter().zip(now);
    old.len() == now.len()
        && pairs.all(|(was, name)| was == name || !now.contains(was) && !old.contains(name))
}
