//! What objects have that a statement can reach, for the undo log: functions that it calls may set
//! attributes of whatever they are given, and only an edit that fails asks for what was there.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple, PyType};
use rustc_hash::FxHashSet;

use super::attributes::own_state;
use super::helpers::{helper, registry_helper};
use super::kit::is_heap_type;
use super::module::Run;
use super::sieve::is_shared;
use super::undo::{is_other_container, size};
use super::work::Work;
use crate::outline::{Kind, Statement};

/// How far from what a statement names, through attributes and items.
const DEEP: usize = 3;
/// Of one statement no more objects are looked at, and no larger containers: each edit pays for them.
const MOST: usize = 1_000;

impl<'py> Run<'_, '_, '_, 'py> {
    /// Before a statement runs that calls or changes something: the attributes and items of all that it
    /// names.
    pub(super) fn remember_states(&mut self, statement: &Statement) -> PyResult<()> {
        let uses = &statement.uses;
        if uses.calls.is_empty() && uses.mutates.is_empty() && statement.kind != Kind::Compound {
            return Ok(());
        }
        let mut found = Vec::new();
        for path in uses.reads.iter().chain(&uses.mutates) {
            let mut parts = path.split('.');
            let first = parts.next().unwrap_or(path);
            let mut object = self.job.dict.get_item(first)?;
            while let Some(value) = object {
                object = parts
                    .next()
                    .and_then(|part| self.follow(value.clone(), std::iter::once(part)));
                found.push(value);
            }
        }
        let mut left = MOST;
        // What is named is remembered itself by those who ask for this.
        self.work
            .remember_all_of(found, 0, &mut self.remembered.2, &mut left)
    }
}

impl<'py> Work<'_, 'py> {
    /// Before a module is imported that was not there and that imports this one: the names of this one
    /// and what they mean. `seen` and `left` are for all such modules together.
    pub fn remember_module(
        &mut self,
        dict: &Bound<'py, PyDict>,
        seen: &mut FxHashSet<usize>,
        left: &mut usize,
    ) -> PyResult<()> {
        let names = self.tx.module(dict)?;
        let plain = |value: &Bound<'py, PyAny>| !self.kit.is_function(value);
        let found = names.values().into_iter().filter(plain).collect();
        self.remember_all_of(found, 1, seen, left)
    }

    /// The attributes and items of these objects, and of what those are, from this level on.
    fn remember_all_of(
        &mut self,
        mut found: Vec<Bound<'py, PyAny>>,
        first: usize,
        seen: &mut FxHashSet<usize>,
        left: &mut usize,
    ) -> PyResult<()> {
        for level in first..first + DEEP {
            let mut inner = Vec::new();
            for value in found {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    return Ok(());
                }
                // One object that refuses does not hold the edit up: what an edit that fails did to it
                // stays then.
                if let Err(error) = self.remember_one(&value, level, seen, &mut inner) {
                    log::debug!("the state of an object cannot be kept: {error}");
                }
            }
            found = inner;
        }
        Ok(())
    }

    /// The attributes of one object, or the items of a container; what they are.
    fn remember_one(
        &mut self,
        value: &Bound<'py, PyAny>,
        level: usize,
        seen: &mut FxHashSet<usize>,
        inner: &mut Vec<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let kind = value.get_type();
        let is_container = holds_items(&kind);
        let has_attributes = !is_container && has_attributes(value, &kind);
        let has_items = is_container || is_other_container(value);
        if !has_attributes && !has_items
            || has_items && size(value)? > MOST
            || kit.is_exact(value, &kit.module)
            || has_attributes && !kit.is_class(value) && is_shared(&kind)
            || !seen.insert(value.as_ptr() as usize)
        {
            return Ok(());
        }
        if has_items {
            if level > 0 {
                self.tx.container(value)?;
            }
            match value.cast::<PyDict>() {
                // Not asked in the way of its class.
                Ok(dict) => inner.extend(dict.iter().map(|(_, item)| item)),
                Err(_) if is_container => {
                    for item in value.try_iter()? {
                        inner.push(item?);
                    }
                }
                Err(_) => {}
            }
            if !has_attributes {
                return Ok(());
            }
        }
        let state = if let Ok(class) = value.cast::<PyType>() {
            let had = kit.class_dict(class)?;
            let arguments = PyTuple::new(kit.py, [value, had.as_any()])?;
            self.tx.call(helper(kit, "restore")?, arguments);
            if had.contains("_abc_impl")? {
                let known = registry_helper(kit, "registered")?.call1((value,))?;
                let arguments = PyTuple::new(kit.py, [value, &known])?;
                self.tx
                    .call(registry_helper(kit, "only_registered")?, arguments);
            }
            Some(had)
        } else {
            if kind.hasattr("__slots__").unwrap_or(false) {
                let state = registry_helper(kit, "State")?;
                let state = state.call1((value, (kit.py.None(),)))?;
                let none = PyTuple::empty(kit.py);
                self.tx.call(state.getattr("restore")?, none);
            }
            if !kit.is_function(value) {
                // `type(self).made += 1`
                inner.push(kind.clone().into_any());
            }
            let state = own_state(value)?;
            if let Some(state) = &state {
                self.tx.dict(state)?;
            }
            state
        };
        if let Some(state) = state {
            let values = state.values().into_iter();
            inner.extend(values.filter(|value| {
                let kind = value.get_type();
                holds_items(&kind)
                    || is_other_container(value)
                    || !value.is_instance_of::<PyType>() && self::has_attributes(value, &kind)
            }));
        }
        Ok(())
    }
}

fn holds_items(kind: &Bound<'_, PyType>) -> bool {
    let py = kind.py();
    kind.is(py.get_type::<PyDict>())
        || kind.is(py.get_type::<PyList>())
        || kind.is(py.get_type::<PyTuple>())
        || kind.is(py.get_type::<PySet>())
        || kind.is(py.get_type::<PyFrozenSet>())
}

/// Whether it may have attributes of its own: a class, a function, or an object with a `__dict__` or
/// slots.
fn has_attributes(value: &Bound<'_, PyAny>, kind: &Bound<'_, PyType>) -> bool {
    use pyo3::ffi;
    // Numbers, texts and containers, which most values are.
    const BASIC: std::ffi::c_ulong = 0xff << 24;
    // SAFETY: the type is alive while it is borrowed, and so are its flags.
    let flags = |kind: &Bound<'_, PyType>| unsafe { ffi::PyType_GetFlags(kind.as_type_ptr()) };
    if let Ok(class) = value.cast::<PyType>() {
        return is_heap_type(class);
    }
    let had = flags(kind);
    let offset = || kind.getattr("__dictoffset__")?.extract::<isize>();
    is_heap_type(kind) || had & BASIC == 0 && offset().is_ok_and(|at| at != 0)
}
