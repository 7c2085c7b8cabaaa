//! Registries looked through at the speed of C. registry.py says what is looked for and what
//! follows from where it is; of thousands of entries it gets those alone that lead there.

use std::sync::Arc;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyModule,
    PySet, PyString, PyTuple, PyType, PyWeakref,
};
use rustc_hash::{FxHashMap, FxHashSet};

/// How deep an object is looked for.
const DEPTH: usize = 6;

/// Types that have no name in the stable ABI.
struct Types {
    function: Py<PyAny>,
    /// Where a function has the pointer to its `__dict__`.
    function_dict: isize,
    method: Py<PyAny>,
    builtin: Py<PyAny>,
    member: Py<PyAny>,
    partial: Py<PyAny>,
    deque: Py<PyAny>,
    defaults: Py<PyAny>,
    module: Py<PyAny>,
}

impl Types {
    fn new(py: Python<'_>) -> PyResult<Self> {
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
    /// One function, under this name.
    Around(&'static str),
    /// An object of a class that was written in Python, with these slots.
    Plain(Vec<Bound<'py, PyAny>>),
}

/// One look through containers.
struct Sieve<'a, 'py> {
    py: Python<'py>,
    types: &'a Types,
    kinds: FxHashMap<usize, (Bound<'py, PyType>, std::rc::Rc<Kind<'py>>)>,
    wanted: FxHashSet<usize>,
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

/// The entries of a dict. It may be changed meanwhile: then some are missed or met twice.
fn entries<'py>(
    dict: &Bound<'py, PyDict>,
    mut each: impl FnMut(Bound<'py, PyAny>, Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    let py = dict.py();
    loop {
        // SAFETY: it is a dict, and the GIL is held; a place behind its end is found out. Both
        // objects are owned before anything else runs.
        let (key, value) = unsafe {
            if ffi::PyDict_Next(dict.as_ptr(), &raw mut at, &raw mut key, &raw mut value) == 0 {
                return Ok(());
            }
            (
                Bound::from_borrowed_ptr(py, key),
                Bound::from_borrowed_ptr(py, value),
            )
        };
        if !each(key, value)? {
            return Ok(());
        }
    }
}

/// The items of a list, tuple, set or deque.
fn items<'py>(
    value: &Bound<'py, PyAny>,
    mut each: impl FnMut(Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<()> {
    if let Ok(list) = value.cast::<PyList>() {
        let mut at = 0;
        while let Ok(item) = list.get_item(at) {
            at += 1;
            if !each(item)? || at >= list.len() {
                break;
            }
        }
        return Ok(());
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        for item in tuple.iter() {
            if !each(item)? {
                break;
            }
        }
        return Ok(());
    }
    for item in value.try_iter()? {
        if !each(item?)? {
            break;
        }
    }
    Ok(())
}

impl<'a, 'py> Sieve<'a, 'py> {
    fn new(py: Python<'py>, types: &'a Types, budget: isize) -> Self {
        Self {
            py,
            types,
            kinds: FxHashMap::default(),
            wanted: FxHashSet::default(),
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
        let flat = value.is_none()
            || value.is_exact_instance_of::<PyString>()
            || value.is_exact_instance_of::<PyBytes>()
            || value.is_exact_instance_of::<PyInt>()
            || value.is_exact_instance_of::<PyFloat>()
            || value.is_exact_instance_of::<PyComplex>()
            || value.is_exact_instance_of::<PyBool>()
            || value.is_exact_instance_of::<PyType>()
            || kind.is(&self.types.module);
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
            Kind::Around("func")
        } else if kind.is(&self.types.method) {
            Kind::Around("__func__")
        } else {
            let flags: u64 = kind.getattr(intern!(py, "__flags__"))?.extract()?;
            let written = flags & (1 << 9) != 0;
            let atom = value.is_instance_of::<PyString>()
                || value.is_instance_of::<PyBytes>()
                || value.is_instance_of::<PyInt>()
                || value.is_instance_of::<PyFloat>()
                || value.is_instance_of::<PyComplex>()
                || value.is_instance_of::<PyType>()
                || value.is_instance_of::<PyModule>()
                || of(&self.types.builtin)?;
            if !written || atom {
                return Ok(Kind::Other);
            }
            let own = kind.getattr(intern!(py, "__dict__"))?;
            if own.contains("__getattribute__")? {
                return Ok(Kind::Other);
            }
            let mut slots = Vec::new();
            for base in kind.mro().iter() {
                for slot in base
                    .getattr(intern!(py, "__dict__"))?
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

    /// What is looked for, or something that has it somewhere inside.
    fn leads(&mut self, value: &Bound<'py, PyAny>, level: usize) -> PyResult<bool> {
        Ok(self.wanted.contains(&address(value)) || self.holds(value, level)?)
    }

    /// The attributes of an object, without running its code.
    fn state(
        &self,
        value: &Bound<'py, PyAny>,
        slots: &[Bound<'py, PyAny>],
        mut each: impl FnMut(Bound<'py, PyAny>) -> PyResult<bool>,
    ) -> PyResult<()> {
        let name = intern!(self.py, "__dict__");
        // SAFETY: both are objects, and the GIL is held; the result is owned, or null with an error.
        let own = unsafe {
            let own = ffi::PyObject_GenericGetAttr(value.as_ptr(), name.as_ptr());
            Bound::from_owned_ptr_or_err(self.py, own)
        };
        let mut more = true;
        if let Ok(own) = own
            && let Ok(own) = own.cast::<PyDict>()
        {
            entries(own, |_, item| {
                more = each(item)?;
                Ok(more)
            })?;
        }
        for slot in slots {
            if !more {
                break;
            }
            if let Ok(item) = slot.call_method1(intern!(self.py, "__get__"), (value,)) {
                more = each(item)?;
            }
        }
        Ok(())
    }

    /// What a function says that it wraps.
    fn wrapped(&self, function: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let offset = self.types.function_dict;
        if offset <= 0 {
            return function.getattr(intern!(self.py, "__wrapped__")).ok();
        }
        // SAFETY: `tp_dictoffset` of its type says where the object has the pointer to its dict,
        // which is null as long as nobody asked for it.
        let own = unsafe {
            let place = function.as_ptr().cast::<u8>().offset(offset);
            Bound::from_borrowed_ptr_or_opt(self.py, place.cast::<*mut ffi::PyObject>().read())?
        };
        let own = own.cast_into::<PyDict>().ok()?;
        own.get_item(intern!(self.py, "__wrapped__")).ok()?
    }

    /// Whether something that is looked for is inside of an object that stands so deep.
    fn holds(&mut self, value: &Bound<'py, PyAny>, level: usize) -> PyResult<bool> {
        let kind = self.kind(value)?;
        match &*kind {
            Kind::Flat | Kind::Other => return Ok(false),
            Kind::Function => {
                let inner = self.wrapped(value);
                return Ok(inner.is_some_and(|inner| self.wanted.contains(&address(&inner))));
            }
            Kind::Around(name) => {
                let inner = value.getattr(*name)?;
                return Ok(self.wanted.contains(&address(&inner)));
            }
            Kind::Weak => {
                return match value.cast::<PyWeakref>().ok().and_then(upgrade) {
                    Some(inner) => self.leads(&inner, level),
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
        let mut found = false;
        match kind {
            Kind::Dict => entries(value.cast::<PyDict>()?, |key, item| {
                found = self.enters(&item, level)? || self.key(&key, level)?;
                Ok(!found)
            })?,
            Kind::Plain(slots) => {
                // Of what an object has, only containers are looked into.
                let mut inner = Vec::new();
                let wanted = &self.wanted;
                self.state(value, slots, |item| {
                    if wanted.contains(&address(&item)) {
                        found = true;
                        return Ok(false);
                    }
                    inner.push(item);
                    Ok(true)
                })?;
                for item in inner {
                    if found {
                        break;
                    }
                    let kind = self.kind(&item)?;
                    let frozen = item.is_instance_of::<PyFrozenSet>();
                    if matches!(*kind, Kind::Dict | Kind::Items | Kind::Tuple) && !frozen {
                        found = self.enters(&item, level)?;
                    }
                }
            }
            _ => items(value, |item| {
                found = self.enters(&item, level)?;
                Ok(!found)
            })?,
        }
        Ok(found)
    }

    /// Whether an item of what stands so deep leads there.
    fn enters(&mut self, item: &Bound<'py, PyAny>, level: usize) -> PyResult<bool> {
        self.budget -= 1;
        if self.wanted.contains(&address(item)) {
            return Ok(true);
        }
        Ok(level < DEPTH && self.budget > 0 && self.holds(item, level + 1)?)
    }

    fn key(&mut self, key: &Bound<'py, PyAny>, level: usize) -> PyResult<bool> {
        if self.wanted.contains(&address(key)) {
            return Ok(true);
        }
        let deep = level < DEPTH && self.budget > 0 && key.is_instance_of::<PyTuple>();
        Ok(deep && self.holds(key, level + 1)?)
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
                let copy = to.save.call1((value,))?;
                to.copies.set_item(place, (value, &copy, to.root))?;
                let kept = to.kept.get_item(place)?;
                if kept.is_none() {
                    to.kept.set_item(place, (value, &copy))?;
                }
                self.budget -= isize::try_from(copy.len()?).unwrap_or(isize::MAX);
                if self.budget <= 0 {
                    return Ok(());
                }
                match copy.cast::<PyDict>() {
                    Ok(copy) => entries(copy, |_, item| {
                        self.remember(&item, level + 1, to)?;
                        Ok(true)
                    }),
                    Err(_) => items(&copy, |item| {
                        self.remember(&item, level + 1, to)?;
                        Ok(true)
                    }),
                }
            }
            Kind::Tuple => items(value, |item| {
                self.remember(&item, level + 1, to)?;
                Ok(true)
            }),
            Kind::Plain(slots) if level > 0 && !to.objects.contains(place)? => {
                to.objects.set_item(place, value)?;
                let mut inner = Vec::new();
                self.state(value, slots, |item| {
                    inner.push(item);
                    Ok(true)
                })?;
                for item in inner {
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
}

/// `sift(container, wanted, level, budget)`: the entries that are looked for or have something
/// inside that is, each with its key or number; and how many were looked at.
fn sift<'py>(
    types: &Types,
    (value, wanted, level, budget): (Bound<'py, PyAny>, Bound<'py, PyDict>, usize, isize),
) -> PyResult<Bound<'py, PyTuple>> {
    let py = value.py();
    let mut sieve = Sieve::new(py, types, budget);
    entries(&wanted, |key, _| {
        sieve.wanted.insert(key.extract()?);
        Ok(true)
    })?;
    let found = PyList::empty(py);
    if let Ok(dict) = value.cast::<PyDict>() {
        entries(dict, |key, item| {
            if sieve.enters(&item, level)? || sieve.key(&key, level)? {
                found.append((key, item))?;
            }
            Ok(true)
        })?;
    } else {
        let mut number = 0_usize;
        items(&value, |item| {
            if sieve.enters(&item, level)? {
                found.append((number, item))?;
            }
            number += 1;
            Ok(true)
        })?;
    }
    (found, budget - sieve.budget).into_pyobject(py)
}

type Remembered<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    isize,
);

/// `remember(save, root, copies, objects, kept, budget)`: what is left of the budget.
fn remember<'py>(types: &Types, args: Remembered<'py>) -> PyResult<Bound<'py, PyAny>> {
    let (save, root, copies, objects, kept, budget) = args;
    let py = root.py();
    let mut sieve = Sieve::new(py, types, budget);
    let to = Kept {
        save: &save,
        root: &root,
        copies: &copies,
        objects: &objects,
        kept: &kept,
    };
    sieve.remember(&root, 0, &to)?;
    Ok(sieve.budget.into_pyobject(py)?.into_any())
}

/// `differences(container, copy)`: pairs of what was there and what is there in its place; `None`
/// when there are more or fewer entries.
fn differences<'py>(
    types: &Types,
    (value, copy): (Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if value.len()? != copy.len()? {
        return Ok(py.None().into_bound(py));
    }
    let pairs = PyList::empty(py);
    let note = |a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>| match a.is(b) {
        true => Ok(()),
        false => pairs.append((a, b)),
    };
    if let (Ok(dict), Ok(copy), true) = (
        value.cast::<PyDict>(),
        copy.cast::<PyDict>(),
        types.simple(&value),
    ) {
        let mut had = Vec::with_capacity(copy.len());
        entries(copy, |key, item| {
            had.push((key, item));
            Ok(true)
        })?;
        let mut had = had.into_iter();
        entries(dict, |key, item| {
            if let Some((old_key, old)) = had.next() {
                note(&old_key, &key)?;
                note(&old, &item)?;
            }
            Ok(true)
        })?;
    } else if copy.cast::<PyDict>().is_ok() {
        // One that keeps its entries in an order of its own.
        let had = copy.call_method0("items")?.try_iter()?;
        for (a, b) in had.zip(value.call_method0("items")?.try_iter()?) {
            let (a, b) = (a?.cast_into::<PyTuple>()?, b?.cast_into::<PyTuple>()?);
            note(&a.get_item(0)?, &b.get_item(0)?)?;
            note(&a.get_item(1)?, &b.get_item(1)?)?;
        }
    } else {
        let mut had = copy.try_iter()?;
        items(&value, |item| {
            if let Some(old) = had.next() {
                note(&old?, &item)?;
            }
            Ok(true)
        })?;
    }
    Ok(pairs.into_any())
}

/// `index_of(container, object)`: the number of the first item or key that is this object.
fn index_of<'py>(
    types: &Types,
    (value, wanted): (Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let (mut at, mut found) = (0_usize, false);
    let mut look = |item: Bound<'py, PyAny>| {
        found = item.is(&wanted);
        at += usize::from(!found);
        Ok(!found)
    };
    match value.cast::<PyDict>() {
        Ok(dict) if types.simple(&value) => entries(dict, |key, _| look(key))?,
        _ => items(&value, look)?,
    }
    match found {
        true => Ok(at.into_pyobject(py)?.into_any()),
        false => Ok(py.None().into_bound(py)),
    }
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
    offer!("sift", sift);
    offer!("remember", remember);
    offer!("differences", differences);
    offer!("index_of", index_of);
    Ok(())
}
