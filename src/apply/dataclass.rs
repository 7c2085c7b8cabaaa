//! Data classes derived from one whose fields changed: what was generated from the old fields is
//! generated again, in the class that lives, without its statement running again.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fields::FIELDS;
use super::kit::text;
use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// Does so for all classes derived from `reshaped` ones, bases before the derived.
    pub(super) fn derived_data_classes(&mut self) -> PyResult<()> {
        let reshaped = std::mem::take(&mut self.reshaped);
        if reshaped.is_empty() {
            return Ok(());
        }
        self.refielded.extend(reshaped.iter().cloned());
        let mut derived: Vec<(usize, Bound<'py, PyAny>)> = Vec::new();
        let mut todo = reshaped;
        while let Some(class) = todo.pop() {
            let list = self
                .kit
                .object
                .get_type()
                .call_method1("__subclasses__", (&class,))?;
            for sub in list.try_iter()? {
                let sub = sub?;
                if !derived.iter().any(|(_, d)| d.is(&sub)) {
                    derived.push((sub.getattr("__mro__")?.len()?, sub.clone()));
                    todo.push(sub);
                }
            }
        }
        // A class always has a longer MRO than its bases.
        derived.sort_by_key(|(depth, _)| *depth);
        for (_, class) in derived {
            let parameters = self.kit.class_entry(&class, "__dataclass_params__")?;
            if let Some(parameters) = parameters {
                self.generate_again(&class, &parameters)?;
                self.refielded.push(class);
            }
        }
        Ok(())
    }

    fn generate_again(
        &mut self,
        class: &Bound<'py, PyAny>,
        parameters: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let before = kit.class_dict(class)?;
        if before.contains("__slots__")? {
            self.notes.push(format!(
                "{} keeps the fields that it had: a data class with slots is not made again for a change \
                 of its base; restart to change it",
                text(&class.getattr("__qualname__")?)
            ));
            return Ok(());
        }
        let options = PyDict::new(kit.py);
        for name in ["init", "repr", "eq", "order", "unsafe_hash", "frozen"] {
            options.set_item(name, parameters.getattr(name)?)?;
        }
        if kit.version >= (3, 10) {
            options.set_item("match_args", before.contains("__match_args__")?)?;
        }
        for (name, value) in before.iter() {
            let key = text(&name);
            let mark = key == "__match_args__" || (key == "__hash__" && value.is_none());
            let checks = key == "__init__" && before.contains("__pydantic_fields__")?;
            if mark || checks || (key.starts_with("__") && self.is_generated(&value)?) {
                self.tx.del_class_entry(kit, class, &name)?;
            }
        }
        let name = text(&class.getattr("__name__")?);
        let doc = class.getattr("__doc__")?;
        if text(&doc).starts_with(&format!("{name}(")) {
            kit.type_setattr.call1((class, "__doc__", kit.py.None()))?;
        }
        // The fields as their statements had them: the class itself has only defaults left.
        let fields = class.getattr(FIELDS)?;
        // To ask a class that has none would give it some.
        let annotated = kit.version >= (3, 14) || before.contains("__annotations__")?;
        let own = annotated.then(|| class.getattr("__annotations__"));
        if let Some(Ok(own)) = own.transpose()?.map(|own| own.cast_into::<PyDict>()) {
            for (name, _) in own.iter() {
                let Ok(field) = fields.get_item(&name) else {
                    continue;
                };
                let kind = text(&field.getattr("_field_type")?.repr()?.into_any());
                if !kind.contains("CLASSVAR") && !kind.contains("KW_ONLY") {
                    kit.type_setattr.call1((class, &name, field))?;
                }
            }
        }
        let decorator = kit
            .py
            .import("dataclasses")?
            .getattr("dataclass")?
            .call((), Some(&options))?;
        let outcome = decorator.call1((class,));
        self.log_entries(class, &before)?;
        outcome?;
        self.finish_class(class)
    }

    /// The fields that a class had live on, as those of a derived class do that has them from it: they
    /// say what the new ones say. So do the lambdas that make default values, also in what was
    /// generated from the fields.
    pub(super) fn keep_fields(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        const FACTORY: &str = "default_factory";
        let (Some(had), Some(has)) = (
            self.kit.class_entry(old, FIELDS)?,
            self.kit.class_entry(new, FIELDS)?,
        ) else {
            return Ok(());
        };
        let kind = self.kit.py.import("dataclasses")?.getattr("Field")?;
        let parts: Vec<_> = kind
            .getattr("__slots__")?
            .try_iter()?
            .collect::<PyResult<_>>()?;
        let has = has.cast_into::<PyDict>()?;
        for (name, field) in has.copy()?.iter() {
            let Ok(was) = had.get_item(&name) else {
                continue;
            };
            if was.is(&field) || !was.get_type().is(&kind) || !field.get_type().is(&kind) {
                continue;
            }
            let (before, after) = (was.getattr(FACTORY)?, field.getattr(FACTORY)?);
            if !before.is(&after) && self.is_lambda(&before)? && self.is_lambda(&after)? {
                let kept = self.reconcile(&before, &after, None)?;
                field.setattr(FACTORY, kept)?;
            }
            if self.is_from_base(old, &name, &was)? || self.is_from_base(new, &name, &field)? {
                continue;
            }
            for part in &parts {
                let part = text(part);
                let value = field.getattr(part.as_str())?;
                if !was.getattr(part.as_str())?.is(&value) {
                    self.tx.set_attribute(&was, &part, &value)?;
                }
            }
            has.set_item(&name, was)?;
        }
        Ok(())
    }

    /// Whether a class has a field from one of its bases.
    fn is_from_base(
        &self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        field: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        for base in class.getattr("__mro__")?.try_iter()?.skip(1) {
            if let Some(fields) = self.kit.class_entry(&base?, FIELDS)?
                && fields.get_item(name).is_ok_and(|own| own.is(field))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a method was written by `dataclasses`, and not in the class body.
    fn is_generated(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let kit = self.kit;
        if !kit.is_function(value) {
            return Ok(false);
        }
        let library = kit.py.import("dataclasses")?.dict();
        let inner = value
            .getattr("__wrapped__")
            .unwrap_or_else(|_| value.clone());
        if !kit.is_function(&inner) {
            return Ok(false);
        }
        Ok(value.getattr("__globals__")?.is(&library)
            || text(&inner.getattr("__code__")?.getattr("co_filename")?) == "<string>")
    }
}
