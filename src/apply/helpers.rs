//! The Python texts that rooms of `apply` share, run when one of them is first asked for something.

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
    let helper = match kit.helper.get() {
        Some(helper) => helper,
        None => {
            let helper = PyDict::new(kit.py);
            helper.set_item("__name__", "pyreload/registry.py")?;
            sieve::helpers(kit.py, &helper)?;
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
                ("pyreload/told.py", include_str!("told.py")),
                ("pyreload/once.py", include_str!("once.py")),
                ("pyreload/reorder.py", include_str!("reorder.py")),
                ("pyreload/arrivals.py", include_str!("arrivals.py")),
            ];
            kit.run_helpers(&COMPILED, &texts, &helper)?;
            kit.helper.get_or_init(|| helper)
        }
    };
    helper.as_any().get_item(name)
}

/// A name of the texts about what statements put into containers and objects.
pub(super) fn helper<'py>(kit: &Kit<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let helper = match kit.skeleton.get() {
        Some(helper) => helper,
        None => {
            let helper = PyDict::new(kit.py);
            let texts = [
                ("pyreload/skeleton.py", include_str!("skeleton.py")),
                ("pyreload/objects.py", include_str!("objects.py")),
                ("pyreload/counted.py", include_str!("counted.py")),
                ("pyreload/computed.py", include_str!("computed.py")),
                ("pyreload/bound.py", include_str!("bound.py")),
            ];
            kit.run_helpers(&COMPILED, &texts, &helper)?;
            kit.skeleton.get_or_init(|| helper)
        }
    };
    helper.as_any().get_item(name)
}
