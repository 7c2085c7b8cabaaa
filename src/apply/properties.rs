//! Properties brought up to date in place.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::function::identical;
use super::work::Work;

impl<'py> Work<'_, 'py> {
    pub(super) fn update_property(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        let none = kit.py.None().into_bound(kit.py);
        // Put back last: what undoes the others takes it from a getter that is not put back yet.
        self.tx.attribute(old, "__doc__");
        let mut before = vec![old.clone()];
        let mut after = vec![old.clone()];
        for part in ["fget", "fset", "fdel"] {
            let (was, is) = (old.getattr(part)?, new.getattr(part)?);
            let kept = if is.is_none() || was.is_none() {
                is
            } else {
                self.join_held(&was, &is, class)?
            };
            before.push(was);
            after.push(kept);
        }
        let init = kit.property.getattr("__init__")?;
        // With no doc given, property() takes the getter's, as the decorator did.
        if before.iter().zip(&after).any(|(a, b)| !a.is(b)) {
            let named = self.property_name(old, new, class)?;
            init.call1(PyTuple::new(kit.py, &after)?)?;
            // It forgets its name, which its complaints tell.
            if let Some((tell, arguments)) = named {
                tell.call1(&arguments)?;
                self.tx.call(tell, arguments);
            }
            self.tx.call(init, PyTuple::new(kit.py, &before)?);
        }
        let (was, is) = (
            old.getattr("__doc__").unwrap_or(none.clone()),
            new.getattr("__doc__").unwrap_or(none),
        );
        if !identical(&was, &is) {
            self.tx.set_attribute(old, "__doc__", &is)?;
        }
        Ok(old.clone())
    }

    /// What tells a property its name, from 3.10 on, and with what.
    fn property_name(
        &self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>> {
        let kit = self.kit;
        let (Some(class), Ok(tell)) = (class, kit.property.getattr("__set_name__")) else {
            return Ok(None);
        };
        // Of several names the last one counts.
        let entries = kit.class_dict(class)?.iter();
        let own = entries.filter(|(_, entry)| entry.is(old) || entry.is(new));
        let Some((name, _)) = own.last() else {
            return Ok(None);
        };
        let arguments = [old.clone(), class.clone(), name];
        Ok(Some((tell, PyTuple::new(kit.py, arguments)?)))
    }
}
