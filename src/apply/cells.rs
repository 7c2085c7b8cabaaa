//! Cells and wrappers by which functions know their class, and one another.

use std::collections::{BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::made::is_lazy_type;
use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// The function that lives on in the place of a new one; else that one.
    pub fn living(&self, new: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let mut twins = self.twins.iter();
        let found = twins.find(|(twin, _)| twin.is(new));
        found.map_or(new, |(_, old)| old).clone()
    }

    /// `alias = wrapper(method)` in a class body was given the new function: what it keeps is to be
    /// the one that lives on.
    pub fn wrapped_twins(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.kit;
        let lives: HashMap<usize, Bound<'py, PyAny>> = self
            .twins
            .iter()
            .map(|(new, old)| (new.as_ptr() as usize, old.clone()))
            .collect();
        if lives.is_empty() {
            return Ok(());
        }
        self.twins.clear();
        let live = |value: &Bound<'py, PyAny>| lives.get(&(value.as_ptr() as usize));
        for entry in kit.class_dict(class)?.values().iter() {
            let function = match kit.is_function(&entry) {
                true => entry,
                false => match entry.getattr("__func__") {
                    Ok(inner) if kit.is_function(&inner) => inner,
                    _ => continue,
                },
            };
            if let Ok(cells) = function.getattr("__closure__")?.cast::<PyTuple>() {
                for cell in cells.iter() {
                    if let Ok(content) = cell.getattr("cell_contents")
                        && let Some(old) = live(&content)
                    {
                        self.tx.set_cell(&cell, old)?;
                    }
                }
            }
            if let Ok(inner) = function.getattr("__wrapped__")
                && let Some(old) = live(&inner)
            {
                self.tx.set_attribute(&function, "__wrapped__", old)?;
            }
        }
        Ok(())
    }

    /// Cells through which functions know their class (`__class__`, the `cls` of a frozen
    /// dataclass) are made to hold `to`.
    pub fn redirect_cells(
        &mut self,
        value: &Bound<'py, PyAny>,
        from: &Bound<'py, PyAny>,
        to: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut todo = vec![value.clone()];
        let mut seen = BTreeSet::new();
        while let Some(value) = todo.pop() {
            if !seen.insert(value.as_ptr() as usize) || seen.len() > 64 {
                continue;
            }
            if kit.is_function(&value) {
                if kit.version >= (3, 14) {
                    todo.push(value.getattr("__annotate__")?);
                }
                if kit.version >= (3, 12) {
                    let parameters = value.getattr("__type_params__")?;
                    for parameter in parameters.try_iter()? {
                        todo.push(parameter?);
                    }
                }
                let closure = value.getattr("__closure__")?;
                let Ok(cells) = closure.cast::<PyTuple>() else {
                    continue;
                };
                for cell in cells.iter() {
                    match cell.getattr("cell_contents") {
                        Ok(content) if content.is(from) => self.tx.set_cell(&cell, to)?,
                        // `__classdict__` of code that looks names up in the class when called.
                        Ok(content)
                            if content.is_exact_instance_of::<PyDict>()
                                && content.is(&kit.entries(from)?) =>
                        {
                            self.tx.set_cell(&cell, &kit.entries(to)?)?;
                        }
                        Ok(content) if kit.is_function(&content) => todo.push(content),
                        _ => {}
                    }
                }
                if let Ok(inner) = value.getattr("__wrapped__") {
                    todo.push(inner);
                }
                continue;
            }
            if kit.is_class(&value) || value.is_none() {
                continue;
            }
            if kit.version >= (3, 12) && is_lazy_type(&value)? {
                // The functions that compute a bound, a default or an alias have no name.
                let parts = kit.gc.call_method1("get_referents", (&value,))?;
                for part in parts.try_iter()? {
                    let part = part?;
                    if kit.is_function(&part) {
                        todo.push(part);
                    }
                }
                continue;
            }
            for part in ["fget", "fset", "fdel", "__func__", "func", "__wrapped__"] {
                if let Ok(inner) = value.getattr(part)
                    && kit.is_function(&inner)
                {
                    todo.push(inner);
                }
            }
        }
        Ok(())
    }
}
