//! What follows when entries of a class changed: its abstract methods, caches, those derived from it.

use std::collections::BTreeSet;

use pyo3::prelude::*;

use super::kit::text;
use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// After entries changed: abstract methods of the class and its subclasses, models that
    /// compiled a schema, instances that want to be told.
    pub fn finish_class(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.kit;
        if !self.classes.iter().any(|c| c.is(class)) {
            self.classes.push(class.clone());
        }
        let abc = kit.py.import("abc")?.getattr("ABCMeta")?;
        if class.is_instance(&abc)? {
            self.update_abstract(class, 0)?;
            if let Ok(reset) = kit
                .py
                .import("_abc")
                .and_then(|m| m.getattr("_reset_caches"))
            {
                reset.call1((class,))?;
            }
        }
        Ok(())
    }

    /// What `ABCMeta.__new__` computes, for a class that exists and its subclasses
    /// (`abc.update_abstractmethods` has come with 3.10 only).
    fn update_abstract(&mut self, class: &Bound<'py, PyAny>, depth: usize) -> PyResult<()> {
        let kit = self.kit;
        let mut names: BTreeSet<String> = BTreeSet::new();
        let is_abstract = |value: &Bound<'py, PyAny>| {
            value
                .getattr("__isabstractmethod__")
                .and_then(|v| v.is_truthy())
                .unwrap_or(false)
        };
        for (name, value) in kit.class_dict(class)?.iter() {
            if is_abstract(&value) {
                names.insert(text(&name));
            }
        }
        // From the whole MRO, not from what the bases say of themselves: that may be old still.
        for base in class.getattr("__mro__")?.try_iter()?.skip(1) {
            for (name, value) in kit.class_dict(&base?)?.iter() {
                if is_abstract(&value)
                    && let Ok(key) = name.cast::<pyo3::types::PyString>()
                    && class.getattr(key).is_ok_and(|v| is_abstract(&v))
                {
                    names.insert(text(&name));
                }
            }
        }
        let now: BTreeSet<String> = match class.getattr("__abstractmethods__") {
            Ok(set) => set
                .try_iter()?
                .map(|n| n.map(|n| text(&n)))
                .collect::<PyResult<_>>()?,
            Err(_) => BTreeSet::new(),
        };
        if now != names {
            if now.is_empty() {
                self.abstracted.push(class.clone());
            }
            let set = pyo3::types::PyFrozenSet::new(kit.py, &names)?;
            self.tx
                .set_class_attribute(kit, class, "__abstractmethods__", set.as_any())?;
        }
        if depth < 16 {
            for sub in class.call_method0("__subclasses__")?.try_iter()? {
                self.update_abstract(&sub?, depth + 1)?;
            }
        }
        Ok(())
    }
}
