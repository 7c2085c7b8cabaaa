//! Registries: containers that decorators and base classes put definitions into. An entry that
//! a definition no longer makes goes, as it would not be there after a restart.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::module::{Run, container};
use crate::outline::{Kind, Statement};

impl<'py> Run<'_, '_, '_, 'py> {
    /// The containers that running a definition may put something into: those of this module,
    /// those its decorators know, those of its base classes.
    pub(super) fn registries(&self, statement: &Statement) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let mut out: Vec<Bound<'py, PyAny>> = Vec::new();
        let mut add = |value: Bound<'py, PyAny>| {
            if container(&value) && !out.iter().any(|o| o.is(&value)) {
                out.push(value);
            }
        };
        if !matches!(statement.kind, Kind::Function | Kind::Class)
            || (statement.decorators == 0 && statement.kind == Kind::Function)
        {
            return Ok(out);
        }
        for value in self.job.dict.values().iter() {
            add(value);
        }
        for path in &statement.uses.calls {
            let Some(callee) = self.attribute(path) else {
                continue;
            };
            // The method of an object that collects.
            if let Ok(owner) = callee.getattr("__self__")
                && !kit.is_exact(&owner, &kit.module)
                && let Ok(state) = owner.getattr("__dict__")
                && let Ok(values) = state.call_method0("values")
            {
                for value in values.try_iter()? {
                    add(value?);
                }
            }
            let callee = callee.getattr("__func__").unwrap_or(callee);
            if kit.is_function(&callee) {
                for value in callee
                    .getattr("__globals__")?
                    .cast_into::<PyDict>()?
                    .values()
                    .iter()
                {
                    add(value);
                }
                if let Ok(cells) = callee.getattr("__closure__")?.cast_into::<PyTuple>() {
                    for cell in cells.iter() {
                        if let Ok(value) = cell.getattr("cell_contents") {
                            add(value);
                        }
                    }
                }
            }
        }
        if statement.kind == Kind::Class {
            for path in &statement.uses.reads {
                if let Some(base) = self.attribute(path).filter(|b| kit.is_class(b)) {
                    for value in kit.class_dict(&base)?.values().iter() {
                        add(value);
                    }
                }
            }
        }
        Ok(out)
    }

    /// Runs a definition that was refused, perhaps since what it is the new version of stands in
    /// a registry ("already registered"): without it, and then in its place.
    pub(super) fn run_unregistered(
        &mut self,
        statement: &Statement,
        old: &Bound<'py, PyAny>,
        registries: &[Bound<'py, PyAny>],
        error: PyErr,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        if !error.is_instance_of::<pyo3::exceptions::PyException>(kit.py) {
            return Err(error);
        }
        let mut orders = Vec::new();
        for registry in registries {
            if let Ok(dict) = registry.cast_exact::<PyDict>() {
                orders.push((dict.clone(), dict.keys()));
            }
            self.unregister(registry, old)?;
        }
        let code = self.job.new.statement(kit, statement)?;
        if kit.exec.call1((code, &self.job.dict)).is_err() {
            return Err(error);
        }
        for (dict, before) in orders {
            for key in before.iter().chain(
                dict.keys()
                    .iter()
                    .filter(|k| !before.contains(k).unwrap_or(true)),
            ) {
                if let Some(value) = dict.get_item(&key)? {
                    dict.del_item(&key)?;
                    dict.set_item(&key, value)?;
                }
            }
        }
        Ok(())
    }

    /// What a path means in this module now.
    pub(super) fn attribute(&self, path: &str) -> Option<Bound<'py, PyAny>> {
        let mut parts = path.split('.');
        let mut value = self.job.dict.get_item(parts.next()?).ok()??;
        for part in parts {
            value = value.getattr(part).ok()?;
        }
        Some(value)
    }

    /// Takes `gone` out of a container.
    pub(super) fn unregister(
        &mut self,
        registry: &Bound<'py, PyAny>,
        gone: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        if !holds(registry, gone)? {
            return Ok(());
        }
        self.work.tx.container(registry)?;
        if let Ok(dict) = registry.cast_exact::<PyDict>() {
            for (key, value) in dict.copy()?.iter() {
                if value.is(gone) || key.is(gone) {
                    dict.del_item(key)?;
                }
            }
        } else if let Ok(list) = registry.cast_exact::<PyList>() {
            for at in (0..list.len()).rev() {
                if list.get_item(at)?.is(gone) {
                    list.del_item(at)?;
                }
            }
        } else if let Ok(set) = registry.cast_exact::<PySet>() {
            set.discard(gone)?;
        }
        Ok(())
    }
}

/// Whether a container has this very object in it.
pub(super) fn holds(registry: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(dict) = registry.cast_exact::<PyDict>() {
        return Ok(dict
            .iter()
            .any(|(key, value)| value.is(object) || key.is(object)));
    }
    if let Ok(list) = registry.cast_exact::<PyList>() {
        return Ok(list.iter().any(|item| item.is(object)));
    }
    if let Ok(set) = registry.cast_exact::<PySet>() {
        return Ok(set.iter().any(|item| item.is(object)));
    }
    Ok(false)
}
