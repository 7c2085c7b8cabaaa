//! Containers of the module `collections`: they are brought together as the dict or list that they are
//! but for what their kind adds.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::kit::text;
use super::module::container;
use super::work::Work;

/// Those that are dicts.
const MAPPINGS: &[&str] = &["Counter", "OrderedDict", "defaultdict"];

/// The name of its kind, if a value is a container of `collections` itself and none of a class that
/// a program derived.
fn kind(value: &Bound<'_, PyAny>) -> Option<String> {
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
    let same = |name| match (old.getattr(name), new.getattr(name)) {
        (Ok(old), Ok(new)) => old.is(&new) || old.eq(&new).unwrap_or(false),
        (Err(_), Err(_)) => true,
        _ => false,
    };
    old.get_type().is(new.get_type()) && same("default_factory") && same("maxlen")
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

impl<'py> Work<'_, 'py> {
    /// What `update_container` does, for the containers of `collections`.
    pub(super) fn update_collection(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
        name: &str,
    ) -> PyResult<bool> {
        let Some(kind) = kind(old) else {
            return Ok(false);
        };
        let (live, fresh) = (plain(old)?, plain(new)?);
        let base = base.filter(|base| base.get_type().is(old.get_type()));
        let base = base.map(plain).transpose()?;
        let had = live.call_method0("copy")?;
        self.update_container(&live, &fresh, base.as_ref(), name)?;
        // A counter's own `update` adds, and a dict's knows nothing of an ordered one's order.
        let class: Bound<'py, PyAny> = match kind.as_str() {
            "Counter" => old.py().get_type::<PyDict>().into_any(),
            _ => old.get_type().into_any(),
        };
        let fill = class.getattr(if kind == "deque" { "extend" } else { "update" })?;
        let empty = class.getattr("clear")?;
        // The log is read from its end.
        self.tx
            .call(fill.clone(), (old, &had).into_pyobject(old.py())?);
        self.tx.call(empty.clone(), (old,).into_pyobject(old.py())?);
        empty.call1((old,))?;
        fill.call1((old, &live))?;
        Ok(true)
    }
}
