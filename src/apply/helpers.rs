//! The Python texts that rooms of `apply` share, run when one of them is first asked for something.

use std::cell::OnceCell;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kit::Kit;
use super::module::Run;
use super::sieve;

impl<'py> Run<'_, '_, '_, 'py> {
    /// See `registry_helper`.
    pub(super) fn registry_helper(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        registry_helper(self.work.kit, name)
    }

    /// See `helper`.
    pub(super) fn helper(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        helper(self.work.kit, name)
    }
}

/// A name of the texts about registries.
pub(super) fn registry_helper<'py>(kit: &Kit<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let texts = [
        ("pyreload/walk.py", include_str!("walk.py")),
        ("pyreload/snapshot.py", include_str!("snapshot.py")),
        ("pyreload/reach.py", include_str!("reach.py")),
        ("pyreload/registry.py", include_str!("registry.py")),
        ("pyreload/elsewhere.py", include_str!("elsewhere.py")),
        ("pyreload/values.py", include_str!("values.py")),
        ("pyreload/amounts.py", include_str!("amounts.py")),
        ("pyreload/bulk.py", include_str!("bulk.py")),
        ("pyreload/calls.py", include_str!("calls.py")),
        ("pyreload/standard.py", include_str!("standard.py")),
        ("pyreload/flags.py", include_str!("flags.py")),
        ("pyreload/told.py", include_str!("told.py")),
        ("pyreload/firsts.py", include_str!("firsts.py")),
        ("pyreload/once.py", include_str!("once.py")),
        ("pyreload/reorder.py", include_str!("reorder.py")),
        ("pyreload/arrivals.py", include_str!("arrivals.py")),
    ];
    let prepare = |names: &Bound<'py, PyDict>| sieve::helpers(kit.py, names);
    load_over(kit, &kit.helper, &COMPILED, &texts, prepare)?.get_item(name)
}

/// A name of the texts about what statements put into containers and objects.
pub(super) fn helper<'py>(kit: &Kit<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let texts = [
        ("pyreload/skeleton.py", include_str!("skeleton.py")),
        ("pyreload/objects.py", include_str!("objects.py")),
        ("pyreload/counted.py", include_str!("counted.py")),
        ("pyreload/computed.py", include_str!("computed.py")),
        ("pyreload/bound.py", include_str!("bound.py")),
        ("pyreload/constructors.py", include_str!("constructors.py")),
        ("pyreload/harmless.py", include_str!("harmless.py")),
        ("pyreload/gained.py", include_str!("gained.py")),
    ];
    load(kit, &kit.skeleton, &COMPILED, &texts)?.get_item(name)
}

/// What a cache of `functools` remembers, and what gives it that again; `None` where it is empty or cannot be
/// told.
pub(super) fn remembered<'py>(
    kit: &Kit<'py>,
    cache: &Bound<'py, PyAny>,
) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let count = cache.call_method0("cache_info")?.getattr("currsize")?;
    if count.extract::<usize>()? == 0 {
        return Ok(None);
    }
    let texts = [("pyreload/remembered.py", include_str!("remembered.py"))];
    let names = load(kit, &kit.remembered, &COMPILED, &texts)?;
    let pairs = names.get_item("remembered")?.call1((cache,))?;
    Ok((!pairs.is_none()).then_some((names.get_item("remember")?, pairs)))
}

/// The namespace of texts that belong together, which are run once in a check.
pub(super) fn load<'k, 'py>(
    kit: &'k Kit<'py>,
    cell: &'k OnceCell<Bound<'py, PyDict>>,
    compiled: &OnceLock<Vec<u8>>,
    texts: &[(&str, &str)],
) -> PyResult<&'k Bound<'py, PyAny>> {
    load_over(kit, cell, compiled, texts, |_| Ok(()))
}

/// The same, where they find names in it that are not Python's.
fn load_over<'k, 'py>(
    kit: &'k Kit<'py>,
    cell: &'k OnceCell<Bound<'py, PyDict>>,
    compiled: &OnceLock<Vec<u8>>,
    texts: &[(&str, &str)],
    prepare: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>,
) -> PyResult<&'k Bound<'py, PyAny>> {
    if let Some(names) = cell.get() {
        return Ok(names.as_any());
    }
    let names = PyDict::new(kit.py);
    names.set_item("__name__", texts[texts.len() - 1].0)?;
    prepare(&names)?;
    kit.run_helpers(compiled, texts, &names)?;
    Ok(cell.get_or_init(|| names).as_any())
}
