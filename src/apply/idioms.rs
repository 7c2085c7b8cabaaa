//! Objects of well-known libraries that have to be told that their module is being set up again.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use super::work::Work;
use crate::outline::Uses;

/// An application that was opened for set-up and is to be closed again.
pub(super) struct Opened<'py>(Vec<Bound<'py, PyDict>>);

/// Flask refuses new routes once an application has handled a request (`_check_setup_finished`),
/// since other workers would not get them. Here the program itself asks for the route: the mark
/// is taken away while the statement runs.
pub(super) fn open<'py>(work: &mut Work<'_, 'py>, uses: &Uses) -> PyResult<Opened<'py>> {
    let mut opened = Vec::new();
    for path in &uses.calls {
        let Some((root, _)) = path.split_once('.') else {
            continue;
        };
        let Some(object) = work.dict.get_item(root)? else {
            continue;
        };
        // The instance's own dict: asking for an attribute could run the object's code.
        let Ok(state) = object
            .getattr("__dict__")
            .and_then(|d| Ok(d.cast_into::<PyDict>()?))
        else {
            continue;
        };
        if state
            .get_item("_got_first_request")?
            .is_some_and(|v| v.is(PyBool::new(work.kit.py, true)))
        {
            work.tx.dict(&state)?;
            state.set_item("_got_first_request", false)?;
            opened.push(state);
        }
    }
    Ok(Opened(opened))
}

impl Opened<'_> {
    /// Puts the marks back.
    pub(super) fn close(self) -> PyResult<()> {
        for state in self.0 {
            state.set_item("_got_first_request", true)?;
        }
        Ok(())
    }
}
