//! Live closures whose new code has other parameters.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kit::text;
use super::work::Work;

/// `__defaults__` and `__kwdefaults__`, where they are to be others.
type Defaults<'py> = Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

impl<'py> Work<'_, 'py> {
    /// The defaults that a live closure needs for its new code: `Some(None)` where its parameters are
    /// the same, `None` (with a note) where a restart would make one that is not known here.
    pub(super) fn new_defaults(
        &mut self,
        function: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Defaults<'py>>> {
        let kit = self.kit;
        let old = function.getattr("__code__")?;
        let shape = |code: &Bound<'py, PyAny>| -> PyResult<(usize, usize, usize, Vec<String>)> {
            let count = |name: &str| -> PyResult<usize> { code.getattr(name)?.extract() };
            let (all, keywords) = (count("co_argcount")?, count("co_kwonlyargcount")?);
            let mut names: Vec<String> = code.getattr("co_varnames")?.extract()?;
            names.truncate(all + keywords);
            Ok((all, count("co_posonlyargcount")?, keywords, names))
        };
        if shape(&old)? == shape(code)? {
            return Ok(Some(None));
        }
        // Not a module: what is ours must not show up in sys.modules.
        let helper = PyDict::new(kit.py);
        let text_of = include_str!("defaults.py");
        let compiled = kit
            .compile
            .call1((text_of, "pyreload/defaults.py", "exec"))?;
        kit.exec.call1((compiled, &helper))?;
        let found = helper
            .as_any()
            .get_item("defaults")?
            .call1((function, code))?;
        if found.is_none() {
            let qualname = text(&function.getattr("__qualname__")?);
            self.notes.push(format!(
                "a live {qualname} keeps its old code: the new one has a parameter whose default is \
                 worked out where the function is made"
            ));
            return Ok(None);
        }
        Ok(Some(Some((found.get_item(0)?, found.get_item(1)?))))
    }

    /// Gives a live closure its new code and what its parameters need.
    pub(super) fn give_closure(
        &mut self,
        function: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let Some(defaults) = self.new_defaults(function, code)? else {
            return Ok(false);
        };
        if !self.give_code(function, code, None, None)? {
            return Ok(false);
        }
        if let Some((positional, keywords)) = defaults {
            self.tx
                .set_attribute(function, "__defaults__", &positional)?;
            self.tx
                .set_attribute(function, "__kwdefaults__", &keywords)?;
        }
        Ok(true)
    }
}
