//! What libraries have noted of the fields of a class, to tell whether an edit gave it others. Nothing
//! of the program is asked: the `__repr__` or `__eq__` of a default is new code by now, and the default
//! an old object.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

use super::function::identical;
use super::kit::{Kit, module_of, mro, text};
use super::module::Run;
use super::work::Work;
use crate::plan::tell_fields;

/// Where `dataclasses` keeps the fields of a class, its bases' among them.
pub(super) const FIELDS: &str = "__dataclass_fields__";

/// Where attrs does so.
const ATTRIBUTES: &str = "__attrs_attrs__";

/// No further down than this.
const DEEP: usize = 6;

/// Of which parts a type is made that code writes: `list[int]`, `Optional[A]`, `Annotated[int, 1]`.
const PARTS: [&str; 4] = ["__origin__", "__args__", "__metadata__", "__forward_arg__"];

/// What the constructor of a class takes, as a library has noted it: names, defaults, options.
pub(super) struct Fields<'py>(Vec<Bound<'py, PyAny>>);

impl<'py> Work<'_, 'py> {
    /// The fields of a data class, a named tuple or a class of attrs. None for others.
    pub(super) fn fields(&self, class: &Bound<'py, PyAny>) -> PyResult<Fields<'py>> {
        let kit = self.kit;
        let mut all = Vec::new();
        if let Some(fields) = kit.class_entry(class, FIELDS)?
            && let Ok(fields) = fields.cast_into::<PyDict>()
        {
            for (name, field) in fields.iter() {
                all.push(name);
                slots_of(kit, &field, &mut all)?;
            }
        }
        if let Some(fields) = kit.class_entry(class, ATTRIBUTES)?
            && let Ok(fields) = fields.cast_into::<PyTuple>()
        {
            for field in fields.iter() {
                slots_of(kit, &field, &mut all)?;
            }
        }
        for mark in ["_fields", "_field_defaults"] {
            if let Some(fields) = kit.class_entry(class, mark)? {
                // The dict may be the one that is brought up to date.
                all.push(match fields.cast::<PyDict>() {
                    Ok(fields) => fields.copy()?.into_any(),
                    Err(_) => fields,
                });
            }
        }
        Ok(Fields(all))
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Tells those that were made of a class that it has other fields than it had: values that cannot
    /// change, and what attrs has made of classes that are derived from it.
    pub(super) fn tell_reshaped(
        &mut self,
        name: &str,
        class: &Bound<'py, PyAny>,
        why: &str,
    ) -> PyResult<()> {
        if self.work.values_reshaped(class)? {
            self.dirty.value(name, why);
        }
        let kit = self.work.kit;
        if self.work.reshaped.iter().any(|c| c.is(class))
            && kit.class_entry(class, ATTRIBUTES)?.is_some()
        {
            tell_fields(name, why, &mut self.dirty);
        }
        Ok(())
    }
}

impl<'py> Fields<'py> {
    pub(super) fn alike(&self, kit: &Kit<'py>, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && pairs.all(|(a, b)| alike(kit, a, b, 0).unwrap_or(false))
    }
}

/// What an object has in its slots, in their order.
fn slots_of<'py>(
    kit: &Kit<'py>,
    thing: &Bound<'py, PyAny>,
    out: &mut Vec<Bound<'py, PyAny>>,
) -> PyResult<()> {
    for base in mro(thing.get_type().as_any()).iter() {
        for (_, entry) in kit.class_dict(&base)?.iter() {
            if entry.get_type().name()? == "member_descriptor"
                && let Ok(value) = entry.call_method1("__get__", (thing,))
            {
                out.push(value);
            }
        }
    }
    Ok(())
}

/// Whether two objects say the same, as far as that can be told without asking them.
fn alike<'py>(
    kit: &Kit<'py>,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
    depth: usize,
) -> PyResult<bool> {
    if identical(a, b) {
        return Ok(true);
    }
    let kind = a.get_type();
    if !kind.is(b.get_type()) || depth > DEEP || kit.is_class(a) || kit.is_function(a) {
        return Ok(false);
    }
    let all = |a: Vec<Bound<'py, PyAny>>, b: Vec<Bound<'py, PyAny>>| -> PyResult<bool> {
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(&b) {
            if !alike(kit, a, b, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let flat = |dict: &Bound<'py, PyDict>| dict.iter().flat_map(|(k, v)| [k, v]).collect();
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyDict>(), b.cast_exact::<PyDict>()) {
        return all(flat(a), flat(b));
    }
    if let (Ok(a), Ok(b)) = (a.cast_exact::<PyList>(), b.cast_exact::<PyList>()) {
        return all(a.iter().collect(), b.iter().collect());
    }
    if a.cast::<PySet>().is_ok() || a.cast::<PyFrozenSet>().is_ok() {
        return Ok(false);
    }
    // Options that a field has for others.
    if kind.name()? == "mappingproxy" {
        let (a, b) = (a.call_method0("copy")?, b.call_method0("copy")?);
        return alike(kit, &a, &b, depth + 1);
    }
    // Named tuples among them.
    if let (Ok(a), Ok(b)) = (a.cast::<PyTuple>(), b.cast::<PyTuple>()) {
        return all(a.iter().collect(), b.iter().collect());
    }
    let module = text(&module_of(kind.as_any()));
    if matches!(&*module, "typing" | "types" | "annotationlib") {
        let mut some = false;
        for part in PARTS {
            if let (Ok(a), Ok(b)) = (a.getattr(part), b.getattr(part)) {
                some = true;
                if !alike(kit, &a, &b, depth + 1)? {
                    return Ok(false);
                }
            }
        }
        return Ok(some);
    }
    // An object: what it has, where that is all there is to it.
    let (mut had, mut has) = (Vec::new(), Vec::new());
    slots_of(kit, a, &mut had)?;
    slots_of(kit, b, &mut has)?;
    let plain = kit.object.getattr("__getattribute__")?;
    let dict = |of: &Bound<'py, PyAny>| plain.call1((of, "__dict__")).ok();
    match (dict(a), dict(b)) {
        (Some(a), Some(b)) => {
            had.push(a);
            has.push(b);
        }
        _ if had.is_empty() => return Ok(false),
        _ => {}
    }
    all(had, has)
}
