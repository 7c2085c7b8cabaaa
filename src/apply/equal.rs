//! Items of sets and keys of dicts that are equal to those which take their place, and other objects:
//! Python leaves the first one in.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use super::data::nobodys;
use super::function::plain;

/// The items of a set, or the keys of a dict, each under itself, where those that take their place
/// may be equal to one and be another object: by an `__eq__` of the program's own.
pub(super) fn equal_items<'py>(
    live: &Bound<'py, PyAny>,
    fresh: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let mut own = false;
    for item in fresh.try_iter()? {
        let item = item?;
        if !plain(&item) && !nobodys(&item) {
            own = true;
            break;
        }
    }
    if !own {
        return Ok(None);
    }
    let items = PyDict::new(live.py());
    for item in live.try_iter()? {
        let item = item?;
        items.set_item(&item, &item)?;
    }
    Ok(Some(items))
}

/// Lets an entry of a dict have this key, where it has one that is equal to it.
pub(super) fn take_over<'py>(
    live: &Bound<'py, PyDict>,
    items: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
) -> PyResult<()> {
    if let Some(was) = items.get_item(key)?
        && !was.is(key)
        && let Some(value) = live.get_item(key)?
    {
        live.del_item(key)?;
        live.set_item(key, value)?;
    }
    Ok(())
}

/// Lets a set have these items, where it has some that are equal to them.
pub(super) fn take_over_items<'py>(
    live: &Bound<'py, PySet>,
    fresh: &Bound<'py, PySet>,
) -> PyResult<()> {
    let Some(items) = equal_items(live.as_any(), fresh.as_any())? else {
        return Ok(());
    };
    for item in fresh.iter() {
        if let Some(was) = items.get_item(&item)?
            && !was.is(&item)
        {
            live.discard(&item)?;
            live.add(&item)?;
        }
    }
    Ok(())
}
