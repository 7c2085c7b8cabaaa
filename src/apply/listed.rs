//! The attributes that a class lists as those which its methods set on `self` (3.13+).

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::kit::text;
use super::module::Run;
use crate::outline::Statement;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Where an edit of a class may have changed them, the compiler is asked for those of the whole
    /// class, which is the last of `chain`.
    pub(super) fn static_attributes(
        &mut self,
        class: &Bound<'py, PyAny>,
        chain: &[&'a Statement],
        old: &'a Statement,
    ) -> PyResult<()> {
        let Some((new, around)) = chain.split_last() else {
            return Ok(());
        };
        const NAME: &str = "__static_attributes__";
        let kit = self.work.kit;
        let Some(source) = self.job.old.filter(|_| kit.version >= (3, 13)) else {
            return Ok(());
        };
        let Some(listed) = kit.class_entry(class, NAME)? else {
            return Ok(());
        };
        if dotted(source.slice(old)) == dotted(self.job.new.slice(new)) {
            return Ok(());
        }
        let code = self.job.new.definition(kit, around, new)?;
        let steps = kit
            .py
            .import("dis")?
            .call_method1("get_instructions", (code,))?;
        let mut loaded = None;
        for step in steps.try_iter()? {
            let step = step?;
            let value = step.getattr("argval")?;
            if text(&step.getattr("opname")?) == "STORE_NAME" && text(&value) == NAME {
                break;
            }
            loaded = Some(value);
        }
        if let Some(names) = loaded.filter(|value| value.is_exact_instance_of::<PyTuple>())
            && !names.eq(listed)?
        {
            let name = PyString::new(kit.py, NAME).into_any();
            self.work.tx.set_class_entry(kit, class, &name, &names)?;
        }
        Ok(())
    }
}

/// What stands behind a dot in a text.
fn dotted(text: &str) -> BTreeSet<&str> {
    let name = |rest: &str| rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    let after = text.split('.').skip(1).map(str::trim_start);
    after
        .map(|rest| &rest[..name(rest).unwrap_or(rest.len())])
        .collect()
}
