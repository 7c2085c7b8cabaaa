//! What is done with all entries of a container: going through them, comparing them with a copy,
//! finding one, giving them another order.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PySet, PyTuple};

/// Types that have no name in the stable ABI.
pub(super) struct Types {
    pub function: Py<PyAny>,
    /// Where a function has the pointer to its `__dict__`.
    pub function_dict: isize,
    pub method: Py<PyAny>,
    pub builtin: Py<PyAny>,
    pub member: Py<PyAny>,
    pub partial: Py<PyAny>,
    pub deque: Py<PyAny>,
    defaults: Py<PyAny>,
    pub module: Py<PyAny>,
}

impl Types {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let (types, collections) = (py.import("types")?, py.import("collections")?);
        let function = types.getattr("FunctionType")?;
        Ok(Self {
            function_dict: function.getattr("__dictoffset__")?.extract()?,
            function: function.unbind(),
            method: types.getattr("MethodType")?.unbind(),
            builtin: types.getattr("BuiltinFunctionType")?.unbind(),
            member: types.getattr("MemberDescriptorType")?.unbind(),
            partial: py.import("functools")?.getattr("partial")?.unbind(),
            deque: collections.getattr("deque")?.unbind(),
            defaults: collections.getattr("defaultdict")?.unbind(),
            module: types.getattr("ModuleType")?.unbind(),
        })
    }

    /// A dict or a container whose entries and their order no code of a program makes up.
    fn simple(&self, value: &Bound<'_, PyAny>) -> bool {
        let py = value.py();
        let kind = value.get_type();
        kind.is(py.get_type::<PyDict>())
            || kind.is(py.get_type::<PyList>())
            || kind.is(&self.defaults)
            || kind.is(&self.deque)
            || kind.is(py.get_type::<PySet>())
    }
}

/// The entries of a dict, list, tuple, set or deque in their order, as borrowed pointers, with a null
/// for the key where there are no keys. `each` says whether it has seen enough; it must run
/// nothing of Python's.
pub(super) fn raw_entries(
    value: &Bound<'_, PyAny>,
    mut each: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject) -> bool,
) -> PyResult<()> {
    let object = value.as_ptr();
    let nothing = std::ptr::null_mut();
    if value.is_instance_of::<PyDict>() {
        let (mut at, mut key, mut item) = (0, nothing, nothing);
        // SAFETY: it is a dict, the GIL is held, and nothing changes the dict meanwhile.
        while unsafe { ffi::PyDict_Next(object, &raw mut at, &raw mut key, &raw mut item) } != 0 {
            if each(key, item) {
                break;
            }
        }
    } else if value.is_instance_of::<PyList>() {
        // SAFETY: it is a list and the number is one of its items'; nothing changes it meanwhile.
        for at in 0..unsafe { ffi::PyList_Size(object) } {
            // SAFETY: as above.
            let item = unsafe { ffi::PyList_GetItem(object, at) };
            if each(nothing, item) {
                break;
            }
        }
    } else if value.is_instance_of::<PyTuple>() {
        // SAFETY: it is a tuple and the number is one of its items'.
        for at in 0..unsafe { ffi::PyTuple_Size(object) } {
            // SAFETY: as above.
            let item = unsafe { ffi::PyTuple_GetItem(object, at) };
            if each(nothing, item) {
                break;
            }
        }
    } else {
        for item in value.try_iter()? {
            if each(nothing, item?.as_ptr()) {
                break;
            }
        }
    }
    Ok(())
}

/// Of a dict the entries, with their keys, whose value is one of these objects (by their addresses, sorted).
pub fn entries_with<'py>(
    dict: &Bound<'py, PyDict>,
    values: &[*mut ffi::PyObject],
) -> PyResult<Pairs<'py>> {
    let mut found = Vec::new();
    // SAFETY: the pointer is that of a live object, and the GIL is held.
    let own = |object| unsafe { Bound::from_borrowed_ptr(dict.py(), object) };
    raw_entries(dict, |key, value| {
        if values.binary_search(&value).is_ok() {
            found.push((own(key), own(value)));
        }
        false
    })?;
    Ok(found)
}

/// All of a container, owned.
pub(super) fn entries<'py>(value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found = Vec::with_capacity(value.len()?);
    // SAFETY: the pointer is that of a live object, and the GIL is held.
    let own = |item| unsafe { Bound::from_borrowed_ptr(value.py(), item) };
    raw_entries(value, |_, item| {
        found.push(own(item));
        false
    })?;
    Ok(found)
}

pub type Pairs<'py> = Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

/// What was there, and what is there in its place; `None` when there are more or fewer entries.
pub(super) fn differing<'py>(
    types: &Types,
    value: &Bound<'py, PyAny>,
    copy: &Bound<'py, PyAny>,
) -> PyResult<Option<Pairs<'py>>> {
    let py = value.py();
    if value.len()? != copy.len()? {
        return Ok(None);
    }
    let keyed = value.is_instance_of::<PyDict>();
    if keyed != copy.is_instance_of::<PyDict>() {
        return Ok(None);
    }
    let mut others = Vec::new();
    if keyed && !types.simple(value) {
        // One that keeps its entries in an order of its own.
        let had = copy.call_method0("items")?.try_iter()?;
        for (a, b) in had.zip(value.call_method0("items")?.try_iter()?) {
            let (a, b) = (a?.cast_into::<PyTuple>()?, b?.cast_into::<PyTuple>()?);
            for at in 0..2 {
                others.push((a.get_item(at)?, b.get_item(at)?));
            }
        }
        others.retain(|(a, b)| !a.is(b));
        return Ok(Some(others));
    }
    let mut had = Vec::with_capacity(copy.len()?);
    raw_entries(copy, |key, item| {
        had.push((key, item));
        false
    })?;
    let mut had = had.into_iter();
    raw_entries(value, |key, item| {
        if let Some((old_key, old)) = had.next() {
            for (a, b) in [(old_key, key), (old, item)] {
                if a != b && !a.is_null() && !b.is_null() {
                    // SAFETY: both are live objects, and the GIL is held.
                    others.push(unsafe {
                        (
                            Bound::from_borrowed_ptr(py, a),
                            Bound::from_borrowed_ptr(py, b),
                        )
                    });
                }
            }
        }
        false
    })?;
    Ok(Some(others))
}

/// `is_as(container, copy)`: whether it has the same entries as a copy of it.
pub(super) fn is_as<'py>(
    types: &Types,
    (value, copy): (Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let same = differing(types, &value, &copy)?.is_some_and(|others| others.is_empty());
    Ok(PyBool::new(value.py(), same).to_owned().into_any())
}

/// `differences(copies)`: of containers that are not as they were, the root that they are in, and
/// pairs of what was there and what is there in its place; `None` when there are more or fewer.
pub(super) fn differences<'py>(
    types: &Types,
    (copies,): (Bound<'py, PyDict>,),
) -> PyResult<Bound<'py, PyList>> {
    let found = PyList::empty(copies.py());
    for kept in entries(&copies)? {
        let kept = kept.cast_into::<PyTuple>()?;
        let pairs = differing(types, &kept.get_item(0)?, &kept.get_item(1)?)?;
        if pairs.as_ref().is_none_or(|pairs| !pairs.is_empty()) {
            found.append((kept.get_item(2)?, pairs))?;
        }
    }
    Ok(found)
}

/// `index_of(container, object)`: the number of the first item or key that is this object.
pub(super) fn index_of<'py>(
    types: &Types,
    (value, wanted): (Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let keyed = value.is_instance_of::<PyDict>();
    let value = match keyed && !types.simple(&value) {
        true => value.call_method0("keys")?,
        false => value,
    };
    let (mut at, mut found) = (0_usize, false);
    raw_entries(&value, |key, item| {
        let this = if key.is_null() { item } else { key };
        found = this == wanted.as_ptr();
        at += usize::from(!found);
        found
    })?;
    match found {
        true => Ok(at.into_pyobject(py)?.into_any()),
        false => Ok(py.None().into_bound(py)),
    }
}

/// `in_order(dict, keys)`: another dict with these entries of it.
pub(super) fn in_order<'py>(
    _: &Types,
    (dict, keys): (Bound<'py, PyDict>, Bound<'py, PyList>),
) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(dict.py());
    for key in keys.iter() {
        if let Some(item) = dict.get_item(&key)? {
            made.set_item(key, item)?;
        }
    }
    Ok(made)
}
