//! Containers of the module `collections`: they are brought together as the dict or list that they are
//! but for what their kind adds.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::kit::text;
use super::module::container;
use super::work::Work;

/// Those that are dicts.
const MAPPINGS: &[&str] = &["Counter", "OrderedDict", "defaultdict"];

/// The name of its kind, if a value is a container of `collections` itself and none of a class that
/// a program derived.
fn kind(value: &Bound<'_, PyAny>) -> Option<String> {
    // What most values are, told without asking for names.
    if super::function::plain(value) || value.is_exact_instance_of::<PyList>() {
        return None;
    }
    let class = value.get_type();
    let name = text(&class.getattr("__name__").ok()?);
    let known = name == "deque" || MAPPINGS.contains(&name.as_str());
    (known && text(&class.getattr("__module__").ok()?) == "collections").then_some(name)
}

/// Whether what two versions of a statement put into a value can be told from what the program did.
pub(super) fn mergeable(value: &Bound<'_, PyAny>) -> bool {
    container(value) || kind(value).is_some()
}

/// Whether two values of one type differ in what is no item: those are not of one kind.
pub(super) fn of_one_kind(old: &Bound<'_, PyAny>, new: &Bound<'_, PyAny>) -> bool {
    if !old.get_type().is(new.get_type()) {
        return false;
    }
    if old.is_exact_instance_of::<PyDict>()
        || old.is_exact_instance_of::<PyList>()
        || old.is_exact_instance_of::<PySet>()
    {
        return true;
    }
    let same = |name| match (old.getattr(name), new.getattr(name)) {
        (Ok(old), Ok(new)) => old.is(&new) || old.eq(&new).unwrap_or(false),
        (Err(_), Err(_)) => true,
        _ => false,
    };
    same("default_factory") && same("maxlen")
}

/// Its items in a dict or list.
fn plain<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if value.is_instance_of::<PyDict>() {
        // An ordered one has an order of its own.
        return py.get_type::<PyDict>().call1((value,));
    }
    py.get_type::<PyList>().call1((value,))
}

/// A container of the plainest kind.
pub(super) fn holds_items(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyTuple>()
}

/// What empties a container, and what puts items into it.
fn ways<'py>(container: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let class = match kind(container).as_deref() {
        // Its own `update` adds. A dict's knows nothing of the order that an ordered one has.
        Some("Counter") => container.py().get_type::<PyDict>(),
        _ => container.get_type(),
    };
    let fill = class
        .getattr("update")
        .or_else(|_| class.getattr("extend"))?;
    Ok((class.getattr("clear")?, fill))
}

/// Lets a container have these items and no others. What it had is for the caller to remember.
pub(super) fn refill<'py>(
    container: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let (empty, fill) = ways(container)?;
    empty.call1((container,))?;
    fill.call1((container, items)).map(drop)
}

impl<'py> Work<'_, 'py> {
    /// What `update_container` does, for the containers of `collections`.
    pub(super) fn update_collection(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
        name: &str,
    ) -> PyResult<bool> {
        if kind(old).is_none() {
            return Ok(false);
        }
        let (live, fresh) = (plain(old)?, plain(new)?);
        let base = base.filter(|base| base.get_type().is(old.get_type()));
        let base = base.map(plain).transpose()?;
        let had = live.call_method0("copy")?;
        self.update_container(&live, &fresh, base.as_ref(), name)?;
        let (empty, fill) = ways(old)?;
        // The log is read from its end.
        self.tx.call(fill, (old, &had).into_pyobject(old.py())?);
        self.tx.call(empty, (old,).into_pyobject(old.py())?);
        refill(old, &live)?;
        Ok(true)
    }
}
