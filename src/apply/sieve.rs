//! Registries looked through at the speed of C. registry.py says what is looked for and what
//! follows from where it is; of thousands of entries it gets those alone that lead there.

use std::sync::Arc;

use super::entries::{
    Types, differences, differing, entries, in_order, index_of, is_as, raw_entries,
};
use super::function::plain;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyModule,
    PySet, PyString, PyTuple, PyType, PyWeakref,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::interp::word;

/// How deep an object is looked for.
const DEPTH: usize = 6;

/// What can be in an object, by its type.
enum Kind<'py> {
    /// Nothing that is looked for.
    Flat,
    Other,
    Function,
    Dict,
    Items,
    Tuple,
    Weak,
    /// A function, or what a method is called on, under these names.
    Around(&'static [&'static str]),
    /// An object of a class that was written in Python, with these slots.
    Plain(Vec<Bound<'py, PyAny>>),
}

/// One look through containers.
struct Sieve<'a, 'py> {
    py: Python<'py>,
    types: &'a Types,
    kinds: FxHashMap<usize, (Bound<'py, PyType>, std::rc::Rc<Kind<'py>>)>,
    wanted: FxHashSet<usize>,
    /// Those, if they are few.
    few: Option<Vec<usize>>,
    /// Types of objects that have nothing inside.
    flat: [*mut ffi::PyTypeObject; 8],
    /// Nothing was found in them, from a place as deep as this one.
    clean: FxHashMap<usize, usize>,
    /// What is being looked into.
    open: Vec<usize>,
    /// The lowest of `open` that was met again.
    cut: usize,
    budget: isize,
}

fn address(value: &Bound<'_, PyAny>) -> usize {
    value.as_ptr() as usize
}

/// An entry of a container.
struct Met<'py> {
    number: usize,
    /// Of a dict.
    key: Option<Bound<'py, PyAny>>,
    item: Bound<'py, PyAny>,
    /// It is what is looked for.
    hit: bool,
}

impl<'a, 'py> Sieve<'a, 'py> {
    fn new(py: Python<'py>, types: &'a Types, budget: isize) -> Self {
        let of = |kind: Bound<'_, PyType>| kind.as_type_ptr();
        Self {
            py,
            types,
            kinds: FxHashMap::default(),
            wanted: FxHashSet::default(),
            few: Some(Vec::new()),
            flat: [
                of(py.get_type::<PyString>()),
                of(py.get_type::<PyType>()),
                of(py.get_type::<PyInt>()),
                of(py.get_type::<PyBool>()),
                of(py.None().bind(py).get_type()),
                of(py.get_type::<PyFloat>()),
                of(py.get_type::<PyBytes>()),
                of(py.get_type::<PyModule>()),
            ],
            clean: FxHashMap::default(),
            open: Vec::new(),
            cut: usize::MAX,
            budget,
        }
    }

    fn kind(&mut self, value: &Bound<'py, PyAny>) -> PyResult<std::rc::Rc<Kind<'py>>> {
        let kind = value.get_type();
        if let Some((_, known)) = self.kinds.get(&(kind.as_ptr() as usize)) {
            return Ok(known.clone());
        }
        let found = std::rc::Rc::new(self.classify(value, &kind)?);
        let key = kind.as_ptr() as usize;
        self.kinds.insert(key, (kind, found.clone()));
        Ok(found)
    }

    fn classify(
        &self,
        value: &Bound<'py, PyAny>,
        kind: &Bound<'py, PyType>,
    ) -> PyResult<Kind<'py>> {
        let py = self.py;
        let flat =
            plain(value) || value.is_exact_instance_of::<PyType>() || kind.is(&self.types.module);
        let of = |class: &Py<PyAny>| kind.is_subclass(class.bind(py));
        Ok(if flat {
            Kind::Flat
        } else if kind.is(&self.types.function) {
            Kind::Function
        } else if value.is_instance_of::<PyDict>() {
            Kind::Dict
        } else if value.is_instance_of::<PyTuple>() {
            Kind::Tuple
        } else if value.is_instance_of::<PyList>()
            || value.is_instance_of::<PySet>()
            || value.is_instance_of::<PyFrozenSet>()
            || of(&self.types.deque)?
        {
            Kind::Items
        } else if value.cast::<PyWeakref>().is_ok() {
            Kind::Weak
        } else if of(&self.types.partial)? {
            Kind::Around(&["func"])
        } else if kind.is(&self.types.method) {
            Kind::Around(&["__func__", "__self__"])
        } else {
            let flags: u64 = kind.getattr(word(py, "__flags__"))?.extract()?;
            let written = flags & (1 << 9) != 0;
            let atom = value.is_instance_of::<PyString>()
                || value.is_instance_of::<PyBytes>()
                || value.is_instance_of::<PyInt>()
                || value.is_instance_of::<PyFloat>()
                || value.is_instance_of::<PyComplex>()
                || value.is_instance_of::<PyType>()
                || value.is_instance_of::<PyModule>()
                || of(&self.types.builtin)?;
            if !written || atom || is_shared(kind) && !is_queue(kind) {
                return Ok(Kind::Other);
            }
            let own = kind.getattr(word(py, "__dict__"))?;
            if own.contains("__getattribute__")? {
                return Ok(Kind::Other);
            }
            let mut slots = Vec::new();
            for base in super::kit::mro(kind.as_any()).iter() {
                for slot in base
                    .getattr(word(py, "__dict__"))?
                    .call_method0("values")?
                    .try_iter()?
                {
                    let slot = slot?;
                    if slot.get_type().is(&self.types.member) {
                        slots.push(slot);
                    }
                }
            }
            Kind::Plain(slots)
        })
    }

    /// The attributes of an object, without running its code.
    fn state(
        &self,
        value: &Bound<'py, PyAny>,
        slots: &[Bound<'py, PyAny>],
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let name = word(self.py, "__dict__");
        // SAFETY: both are objects, and the GIL is held; the result is owned, or null with an error.
        let own = unsafe {
            let own = ffi::PyObject_GenericGetAttr(value.as_ptr(), name.as_ptr());
            Bound::from_owned_ptr_or_err(self.py, own)
        };
        let mut found = match own {
            Ok(own) if own.is_instance_of::<PyDict>() => entries(&own)?,
            _ => Vec::new(),
        };
        for slot in slots {
            found.extend(slot.call_method1(word(self.py, "__get__"), (value,)).ok());
        }
        Ok(found)
    }

    fn is_wanted(&self, object: *mut ffi::PyObject) -> bool {
        match &self.few {
            Some(few) => few.contains(&(object as usize)),
            None => self.wanted.contains(&(object as usize)),
        }
    }

    /// Whether there is certainly nothing inside of an object. Runs nothing.
    fn is_bare(&self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: it is a live object.
        let kind = unsafe { ffi::Py_TYPE(object) };
        if kind.cast() == self.types.function.as_ptr() {
            return self.types.function_dict > 0 && self.dict_of(object).is_null();
        }
        self.flat.contains(&kind)
    }

    /// The `__dict__` of a function, null as long as nobody asked for it.
    fn dict_of(&self, function: *mut ffi::PyObject) -> *mut ffi::PyObject {
        let offset = self.types.function_dict;
        // SAFETY: `tp_dictoffset` of its type says where the object has the pointer to its dict.
        unsafe {
            function
                .cast::<u8>()
                .offset(offset)
                .cast::<*mut ffi::PyObject>()
                .read()
        }
    }

    /// What a function says that it wraps.
    fn wrapped(&self, function: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let name = word(self.py, "__wrapped__");
        if self.types.function_dict <= 0 {
            return function.getattr(name).ok();
        }
        let own = self.dict_of(function.as_ptr());
        // SAFETY: null, or an object that the function holds.
        let own = unsafe { Bound::from_borrowed_ptr_or_opt(self.py, own) }?;
        own.cast_into::<PyDict>().ok()?.get_item(name).ok()?
    }

    /// The entries of a container that are looked for or may have something inside.
    fn gather(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Vec<Met<'py>>> {
        let (mut found, mut number) = (Vec::new(), 0);
        let text = self.flat[0];
        raw_entries(value, |key, item| {
            let hit = self.is_wanted(item) || self.is_wanted(key);
            // SAFETY: a key that is not null is a live object.
            let bare = key.is_null() || unsafe { ffi::Py_TYPE(key) } == text || self.is_bare(key);
            if hit || !bare || !self.is_bare(item) {
                // SAFETY: null or a live object each, and the GIL is held.
                let (key, item) = unsafe {
                    (
                        Bound::from_borrowed_ptr_or_opt(self.py, key),
                        Bound::from_borrowed_ptr(self.py, item),
                    )
                };
                found.push(Met {
                    number,
                    key,
                    item,
                    hit,
                });
            }
            number += 1;
            false
        })?;
        self.budget -= isize::try_from(number).unwrap_or(isize::MAX);
        Ok(found)
    }

    /// Whether an entry of what stands so deep leads to what is looked for.
    fn leads(&mut self, met: &Met<'py>, level: usize) -> PyResult<bool> {
        if met.hit {
            return Ok(true);
        }
        if level >= DEPTH || self.budget <= 0 {
            return Ok(false);
        }
        if self.holds(&met.item, level + 1)? {
            return Ok(true);
        }
        match &met.key {
            Some(key) if key.is_instance_of::<PyTuple>() => self.holds(key, level + 1),
            _ => Ok(false),
        }
    }

    /// Whether something that is looked for is inside of an object that stands so deep.
    fn holds(&mut self, value: &Bound<'py, PyAny>, level: usize) -> PyResult<bool> {
        let kind = self.kind(value)?;
        match &*kind {
            Kind::Flat | Kind::Other => return Ok(false),
            Kind::Function => {
                let inner = self.wrapped(value);
                return Ok(inner.is_some_and(|inner| self.is_wanted(inner.as_ptr())));
            }
            Kind::Around(names) => {
                for name in *names {
                    if self.is_wanted(value.getattr(*name)?.as_ptr()) {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            Kind::Weak => {
                return match value.cast::<PyWeakref>().ok().and_then(upgrade) {
                    Some(inner) => Ok(self.is_wanted(inner.as_ptr()) || self.holds(&inner, level)?),
                    None => Ok(false),
                };
            }
            _ => {}
        }
        let place = address(value);
        if let Some(depth) = self.open.iter().position(|open| *open == place) {
            self.cut = self.cut.min(depth);
            return Ok(false);
        }
        if self.clean.get(&place).is_some_and(|known| *known <= level) {
            return Ok(false);
        }
        let outer = std::mem::replace(&mut self.cut, usize::MAX);
        self.open.push(place);
        let found = self.inside(value, &kind, level);
        self.open.pop();
        // What led back to something open may lead on from elsewhere.
        let cut = self.cut < self.open.len();
        if matches!(found, Ok(false)) && !cut {
            self.clean.insert(place, level);
        }
        self.cut = if cut { outer.min(self.cut) } else { outer };
        found
    }

    fn inside(
        &mut self,
        value: &Bound<'py, PyAny>,
        kind: &Kind<'py>,
        level: usize,
    ) -> PyResult<bool> {
        if let Kind::Plain(slots) = kind {
            let inner = self.state(value, slots)?;
            if inner.iter().any(|item| self.is_wanted(item.as_ptr())) {
                return Ok(true);
            }
            // Of what an object has, only containers are looked into.
            for item in inner {
                if self.is_bare(item.as_ptr()) || item.is_instance_of::<PyFrozenSet>() {
                    continue;
                }
                let kind = self.kind(&item)?;
                if matches!(*kind, Kind::Dict | Kind::Items | Kind::Tuple)
                    && level < DEPTH
                    && self.budget > 0
                    && self.holds(&item, level + 1)?
                {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let found = self.gather(value)?;
        if found.iter().any(|met| met.hit) {
            return Ok(true);
        }
        for met in found {
            if self.leads(&met, level)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Copies of the containers in a container, and the objects that hold them.
    fn remember(
        &mut self,
        value: &Bound<'py, PyAny>,
        level: usize,
        to: &Kept<'_, 'py>,
    ) -> PyResult<()> {
        let kind = self.kind(value)?;
        if level > DEPTH
            || self.budget < 0
            || matches!(*kind, Kind::Flat | Kind::Function | Kind::Other)
        {
            return Ok(());
        }
        let place = address(value);
        match &*kind {
            Kind::Dict | Kind::Items if !value.is_instance_of::<PyFrozenSet>() => {
                if to.copies.contains(place)? {
                    return Ok(());
                }
                let copy = match to.latest.get_item(place)? {
                    Some(copy)
                        if differing(self.types, value, &copy)?.is_some_and(|d| d.is_empty()) =>
                    {
                        copy
                    }
                    _ => to.save.call1((value,))?,
                };
                to.latest.set_item(place, &copy)?;
                to.copies.set_item(place, (value, &copy, to.root))?;
                let kept = to.kept.get_item(place)?;
                if kept.is_none() {
                    to.kept.set_item(place, (value, &copy))?;
                }
                self.budget -= isize::try_from(copy.len()?).unwrap_or(isize::MAX);
                if self.budget <= 0 {
                    return Ok(());
                }
                self.remember_items(&copy, level, to)
            }
            Kind::Tuple => self.remember_items(value, level, to),
            Kind::Plain(slots) if level > 0 && !to.objects.contains(place)? => {
                to.objects.set_item(place, value)?;
                for item in self.state(value, slots)? {
                    if self.is_bare(item.as_ptr()) {
                        continue;
                    }
                    let kind = self.kind(&item)?;
                    if matches!(*kind, Kind::Dict | Kind::Items) {
                        self.remember(&item, level + 1, to)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<'py> Sieve<'_, 'py> {
    fn remember_items(
        &mut self,
        value: &Bound<'py, PyAny>,
        level: usize,
        to: &Kept<'_, 'py>,
    ) -> PyResult<()> {
        let mut inner = Vec::new();
        raw_entries(value, |_, item| {
            if !self.is_bare(item) {
                // SAFETY: it is a live object, and the GIL is held.
                inner.push(unsafe { Bound::from_borrowed_ptr(self.py, item) });
            }
            false
        })?;
        for item in inner {
            self.remember(&item, level + 1, to)?;
        }
        Ok(())
    }
}

fn upgrade<'py>(weak: &Bound<'py, PyWeakref>) -> Option<Bound<'py, PyAny>> {
    use pyo3::types::PyWeakrefMethods;
    weak.upgrade()
}

/// Where copies go.
struct Kept<'a, 'py> {
    save: &'a Bound<'py, PyAny>,
    root: &'a Bound<'py, PyAny>,
    copies: &'a Bound<'py, PyDict>,
    objects: &'a Bound<'py, PyDict>,
    kept: &'a Bound<'py, PyDict>,
    latest: &'a Bound<'py, PyDict>,
}

/// `sift(container, wanted, level, budget)`: the entries that are looked for or have something
/// inside that is, each with its key or number; and how many were looked at.
fn sift<'py>(
    types: &Types,
    (value, wanted, level, budget): (Bound<'py, PyAny>, Bound<'py, PyDict>, usize, isize),
) -> PyResult<Bound<'py, PyTuple>> {
    let py = value.py();
    let mut sieve = Sieve::new(py, types, budget);
    for (key, _) in wanted.iter() {
        sieve.wanted.insert(key.extract()?);
    }
    sieve.few = (wanted.len() <= 4).then(|| sieve.wanted.iter().copied().collect());
    let found = PyList::empty(py);
    let deep = sieve.budget > 0;
    for met in sieve.gather(&value)? {
        if met.hit || deep && sieve.leads(&met, level)? {
            found.append((met.number, met.key, met.item))?;
        }
    }
    (found, budget - sieve.budget).into_pyobject(py)
}

type Remembered<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    isize,
);

/// `remember(save, root, copies, objects, kept, latest, budget)`: what is left of the budget.
fn remember<'py>(types: &Types, args: Remembered<'py>) -> PyResult<Bound<'py, PyAny>> {
    let (save, root, copies, objects, kept, latest, budget) = args;
    let py = root.py();
    let mut sieve = Sieve::new(py, types, budget);
    let to = Kept {
        save: &save,
        root: &root,
        copies: &copies,
        objects: &objects,
        kept: &kept,
        latest: &latest,
    };
    sieve.remember(&root, 0, &to)?;
    Ok(sieve.budget.into_pyobject(py)?.into_any())
}

/// `isinstance(object, types)` of types that have no hooks, by what an object is: the builtin asks for
/// its `__class__`, too, which may be a property of the program's that does something, or fails.
fn is_a<'py>(
    _: &Types,
    (value, kinds): (Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let of = |kind: &Bound<'py, PyAny>| {
        // SAFETY: both are types, the second one as it has been cast, and the GIL is held.
        kind.cast::<PyType>().is_ok_and(|kind| unsafe {
            ffi::PyObject_TypeCheck(value.as_ptr(), kind.as_type_ptr()) != 0
        })
    };
    let found = match kinds.cast::<PyTuple>() {
        Ok(kinds) => kinds.iter_borrowed().any(|kind| of(&kind)),
        Err(_) => of(&kinds),
    };
    Ok(PyBool::new(value.py(), found).to_owned().into_any())
}

/// Puts the functions of this file into the namespace of registry.py.
pub(super) fn helpers(py: Python<'_>, namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    let types = Arc::new(Types::new(py)?);
    macro_rules! offer {
        ($name:literal, $function:expr) => {{
            let types = Arc::clone(&types);
            let call = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
                $function(&types, args.extract()?).map(|value| value.into_any().unbind())
            };
            namespace.set_item($name, PyCFunction::new_closure(py, None, None, call)?)?;
        }};
    }
    offer!("isinstance", is_a);
    offer!("sift", sift);
    offer!("remember", remember);
    offer!("differences", differences);
    offer!("is_as", is_as);
    offer!("index_of", index_of);
    offer!("in_order", in_order);
    Ok(())
}

/// Whether other threads work with instances of a class all the time (a queue, a condition, an executor):
/// to put back what they had would take from those threads what they did meanwhile.
pub(super) fn is_shared(kind: &Bound<'_, PyType>) -> bool {
    const HOMES: [&str; 8] = [
        "_thread",
        "asyncio",
        "concurrent",
        "multiprocessing",
        "selectors",
        "socket",
        "subprocess",
        "threading",
    ];
    is_queue(kind) || comes_from(kind, &HOMES)
}

/// What waits in a queue is looked at, and taken out where its statement is gone.
fn is_queue(kind: &Bound<'_, PyType>) -> bool {
    comes_from(kind, &["_queue", "queue"])
}

/// Whether a class, or one that it is derived from, is of one of these packages.
fn comes_from(kind: &Bound<'_, PyType>, homes: &[&str]) -> bool {
    super::kit::mro(kind.as_any()).iter().any(|class| {
        let entries = class.getattr(word(class.py(), "__dict__"));
        let home = entries.and_then(|entries| entries.get_item(word(class.py(), "__module__")));
        home.is_ok_and(|home| {
            let home = super::kit::text(&home);
            homes.contains(&home.split('.').next().unwrap_or_default())
        })
    })
}
