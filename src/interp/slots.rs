//! The slot of a class that makes its instances, where Python leaves an old one.
//!
//! A class that once found a `__new__` in Python code calls through the slot for such, and goes on
//! to do so when it finds that of `object` alone: CPython then keeps what is there. Through it
//! `object.__new__` refuses the arguments that are for `__init__`. A class made anew would have
//! taken the slot of its base, so that is put there.

use std::ffi::c_void;
use std::sync::OnceLock;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

type Slot = *mut c_void;

/// Gives a class, and those below it, the slot of its base where `object.__new__` is what makes
/// instances. `false` when the slot was not found in this Python, so that nothing was done.
pub fn inherit_new(class: &Bound<'_, PyType>) -> PyResult<bool> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    let py = class.py();
    // Not `get_or_init`: the trial runs Python, and another thread may wait for it with the GIL.
    let place = match PLACE.get() {
        Some(place) => *place,
        None => {
            let place = find(py)?;
            *PLACE.get_or_init(|| place)
        }
    };
    let Some(place) = place else {
        return Ok(false);
    };
    let object = py.get_type::<PyAny>();
    let plain = object.getattr("__new__")?;
    let mut todo = vec![class.clone()];
    while let Some(class) = todo.pop() {
        let base = class.getattr("__base__")?;
        let Ok(base) = base.cast_into::<PyType>() else {
            continue; // `object` itself
        };
        let made_by = py
            .get_type::<PyType>()
            .getattr("__getattribute__")?
            .call1((&class, "__new__"))?;
        if !made_by.is(&plain) || read(&class, place) == read(&base, place) {
            continue;
        }
        write(&class, place, read(&base, place));
        let below = py
            .get_type::<PyType>()
            .call_method1("__subclasses__", (&class,))?;
        for subclass in below.try_iter()? {
            todo.push(subclass?.cast_into::<PyType>()?);
        }
    }
    Ok(true)
}

fn word(class: &Bound<'_, PyType>, place: usize) -> *mut Slot {
    class.as_ptr().wrapping_byte_add(place).cast()
}

fn read(class: &Bound<'_, PyType>, place: usize) -> Slot {
    // SAFETY: `place` is that of a slot, which each type object has; the GIL is held.
    unsafe { word(class, place).read() }
}

fn write(class: &Bound<'_, PyType>, place: usize, slot: Slot) {
    // SAFETY: as above. The class is one that Python code made, so its memory may be written, and
    // what is written is the slot of its base, as when a class is made; `PyType_Modified` makes
    // the interpreter forget what it knew of calls.
    unsafe {
        word(class, place).write(slot);
        ffi::PyType_Modified(class.as_ptr().cast());
    }
}

fn slot(class: &Bound<'_, PyType>) -> Slot {
    // SAFETY: it is a class that Python code made, which 3.9 insists on; the GIL is held.
    unsafe { ffi::PyType_GetSlot(class.as_ptr().cast(), ffi::Py_tp_new) }
}

/// Where a type object has the slot: the one word that is what `PyType_GetSlot` says, of classes
/// that say different things, and by trial does what it should.
fn find(py: Python<'_>) -> PyResult<Option<usize>> {
    let names = PyDict::new(py);
    let source = cr"
class Plain: pass
class Number(int): pass
class Error(Exception): pass
class Own:
    def __new__(cls, *args): return object.__new__(cls)
    def __init__(self, value): self.value = value
class Below(Own): pass
";
    py.run(source, Some(&names), None)?;
    let class = |name: &str| -> PyResult<Bound<'_, PyType>> {
        match names.get_item(name)? {
            Some(class) => Ok(class.cast_into::<PyType>()?),
            None => Err(PyTypeError::new_err("no class")),
        }
    };
    let (plain, own, below) = (class("Plain")?, class("Own")?, class("Below")?);
    let all = [&plain, &class("Number")?, &class("Error")?, &own, &below];
    let size: usize = py
        .get_type::<PyType>()
        .getattr("__basicsize__")?
        .extract()?;
    let step = size_of::<Slot>();
    // All of these words are inside each of the classes: they are as large as their type says.
    let mut places = (size_of::<ffi::PyVarObject>()..=size.saturating_sub(step))
        .step_by(step)
        .filter(|place| all.iter().all(|c| read(c, *place) == slot(c)));
    let (Some(place), None) = (places.next(), places.next()) else {
        return Ok(None);
    };
    own.delattr("__new__")?;
    for class in [&own, &below] {
        write(class, place, read(&plain, place));
        if slot(class) != slot(&plain) || class.call1((1,)).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_takes_the_slot_of_its_base() {
        Python::initialize();
        Python::attach(|py| {
            let names = PyDict::new(py);
            let source = cr"
class Top:
    def __new__(cls, *args): return object.__new__(cls)
class Middle(Top):
    def __init__(self, value): self.value = value
class Other(Top): pass
class Diamond(Other, Middle): pass
class Own(Top):
    def __new__(cls, *args): return 5
del Top.__new__
";
            py.run(source, Some(&names), None).expect("it runs");
            let class = |name: &str| {
                let class = names.get_item(name).expect("a dict").expect("there");
                class.cast_into::<PyType>().expect("a class")
            };
            assert!(class("Diamond").call1((1,)).is_err(), "nothing to do");
            assert!(inherit_new(&class("Top")).expect("no error"));
            for name in ["Middle", "Diamond"] {
                let made = class(name).call1((1,)).expect("made");
                assert_eq!(made.getattr("value").unwrap().extract::<i32>().unwrap(), 1);
            }
            assert!(class("Other").call1((1,)).is_err());
            let own = class("Own").call1((1, 2)).expect("made");
            assert_eq!(own.extract::<i32>().unwrap(), 5);
        });
    }
}
