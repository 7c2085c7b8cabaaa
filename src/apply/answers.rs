//! What Python remembers of classes, and what holds no more where their names or bases are others:
//! see answers.py.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// Makes Python forget what it was asked about the classes that have gained or lost names, or
    /// have other bases, since the last time.
    pub(super) fn forget_answers(&mut self) -> PyResult<()> {
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        let kit = self.kit;
        let (changed, rebased) = self.tx.classes_that_differ(kit)?;
        if changed.is_empty() {
            return Ok(());
        }
        let helper = PyDict::new(kit.py);
        helper.set_item("__name__", "pyreload/answers.py")?;
        let texts = [("pyreload/answers.py", include_str!("answers.py"))];
        kit.run_helpers(&COMPILED, &texts, &helper)?;
        let forget = helper.as_any().get_item("forget")?;
        let changed = PyList::new(kit.py, changed)?;
        forget.call1((&changed, rebased))?;
        // What is asked from here on is forgotten where the classes become what they were.
        let again = (changed, rebased).into_pyobject(kit.py)?;
        self.tx.call(forget, again);
        Ok(())
    }
}
