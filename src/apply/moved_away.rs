//! Definitions that moved into another module, which their old home imports now: whoever has the old
//! object, instances of a class with it, gets the one that lives on there.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kit::text;
use super::module::Run;
use super::work::Replaced;
use crate::outline::Kind;

/// The members of an enum, by their names.
const MEMBERS: &str = "_member_map_";

impl<'py> Run<'_, '_, '_, 'py> {
    /// Notes such a move, if what an import bound to a name is that.
    pub(super) fn moved_away(
        &mut self,
        name: &str,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let both =
            |is: fn(&super::Kit<'py>, &Bound<'py, PyAny>) -> bool| is(kit, old) && is(kit, new);
        if !both(super::Kit::is_class) && !both(super::Kit::is_function) {
            return Ok(());
        }
        let called = |value: &Bound<'py, PyAny>| -> PyResult<bool> {
            Ok(text(&value.getattr("__qualname__")?) == name)
        };
        let body = &self.job.new.outline.body;
        let defined = self.binders(name).any(|at| body[at].kind != Kind::Import);
        let was = self.job.old.is_some_and(|old| {
            let body = &old.outline.body;
            let mut writers = old.outline.index().writers(body, name).into_iter();
            writers.any(|at| matches!(body[at].kind, Kind::Class | Kind::Function))
        });
        if defined
            || !was
            || !old.get_type().is(new.get_type())
            || !called(old)?
            || !called(new)?
            || !kit.defined_in(old, &self.job.dict)?
            || kit.defined_in(new, &self.job.dict)?
        {
            return Ok(());
        }
        let mut pairs = vec![(old.clone(), new.clone())];
        // Of an enum there is one of each: who has a member is to have that.
        if let (Ok(had), Ok(has)) = (old.getattr(MEMBERS), new.getattr(MEMBERS)) {
            let (had, has) = (had.cast_into::<PyDict>()?, has.cast_into::<PyDict>()?);
            for (key, member) in had.iter() {
                if let Some(there) = has.get_item(key)? {
                    pairs.push((member, there));
                }
            }
        }
        let pairs = pairs.into_iter();
        self.work.replaced.extend(pairs.map(|(from, to)| Replaced {
            from,
            to,
            lived: true,
        }));
        Ok(())
    }
}
