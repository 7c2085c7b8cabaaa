//! Classes that nobody has any more. A class and what it is made of hold each other, so that it stands in
//! the lists of subclasses of its bases until the garbage collector comes by. They leave them at once.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyTuple, PyType};
use rustc_hash::FxHashSet;

use super::kit::{Kit, is_heap_type, reference_count, text};
use super::work::Work;
use crate::outline::{Kind, Outline, Statement};

/// So many objects are looked at, at most, to find out who holds a class.
const REACH: usize = 20_000;
/// So many classes in one list that are not found by their names. Those that were made last stand last.
const LAST: usize = 200;

/// Classes that nobody has, and those that somebody has.
type Parted<'py> = (Vec<Bound<'py, PyAny>>, Vec<Bound<'py, PyAny>>);

impl<'k, 'py> Work<'k, 'py> {
    /// A class is not in its module any more, or was never there.
    pub(super) fn note_gone(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let weak = self.kit.py.import("weakref")?.getattr("ref")?;
        self.gone.push(weak.call1((class,))?);
        Ok(())
    }

    /// Classes that others had as entries, and have no more.
    pub(super) fn note_inner(&mut self) -> PyResult<()> {
        let mut gone = Vec::new();
        for (class, name, before) in self.tx.entries_since(0) {
            if self.kit.is_class(before) {
                let now = self.kit.class_entry(class, &text(name))?;
                if !now.is_some_and(|now| now.is(before)) {
                    gone.push(before.clone());
                }
            }
        }
        gone.iter().try_for_each(|class| self.note_gone(class))
    }

    /// Before what statements of a module did is put back: the classes from which they may have derived
    /// others.
    pub fn note_bases(&mut self, dict: &Bound<'py, PyDict>, outline: Option<&Outline>) {
        let mut found: Vec<Bound<'py, PyAny>> = dict.values().iter().collect();
        found.retain(|value| value.is_instance_of::<PyType>());
        // What made them may be a function of the module, which has them only as bases of others.
        let above = found.iter().flat_map(bases).collect::<Vec<_>>();
        found.extend(above);
        let paths = outline.map(|outline| heads(outline.body.iter()));
        let named = paths.into_iter().flatten();
        found.extend(named.filter_map(|path| named_by(dict, path)));
        found.retain(of_program);
        self.tried.extend(found);
    }

    /// After a unit ended and its undo log is gone: classes that were taken out of their modules (weak
    /// references to these), and those derived from `tried` that only what was put back had, leave the
    /// lists of subclasses where nobody has them.
    pub fn leave_lists(
        kit: &'k Kit<'py>,
        gone: Vec<Bound<'py, PyAny>>,
        tried: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        if gone.is_empty() && tried.is_empty() {
            return Ok(());
        }
        let mut classes = nameless_below(kit, tried)?;
        let mut known: FxHashSet<usize> = classes.iter().map(|c| c.as_ptr() as usize).collect();
        for weak in gone {
            let class = weak.call0()?;
            if !class.is_none() && known.insert(class.as_ptr() as usize) {
                classes.push(class);
            }
        }
        let (mut alone, held) = part(kit, classes)?;
        // What a traceback or a search for entries leads to may be in a cycle, which is young.
        if !held.is_empty() && may_collect(kit)? {
            kit.gc.call_method1("collect", (1,))?;
            alone.extend(part(kit, held)?.0);
        }
        let reference = kit.py.import("weakref")?.getattr("ref")?;
        let mut left = Vec::new();
        for class in alone {
            if !detach(&class) && bases(&class).iter().any(of_program) {
                left.push(reference.call1((class,))?);
            }
        }
        collect(kit, &left)
    }
}

/// The paths by which class statements name what they are derived from.
fn heads<'s>(body: impl Iterator<Item = &'s Statement>) -> Vec<&'s str> {
    let mut out = Vec::new();
    for statement in body {
        if statement.kind == Kind::Class {
            out.extend(statement.head.reads.iter().map(String::as_str));
        }
        let inner: Box<dyn Iterator<Item = &Statement>> = Box::new(statement.body.iter());
        out.extend(heads(inner));
    }
    out
}

/// What a path means, where that is a class that is an entry of a module or class. Asks no code.
fn named_by<'py>(dict: &Bound<'py, PyDict>, path: &str) -> Option<Bound<'py, PyAny>> {
    let mut parts = path.split('.');
    let mut value = dict.get_item(parts.next()?).ok()??;
    for part in parts {
        value = entry(&value, part)?;
    }
    value.is_instance_of::<PyType>().then_some(value)
}

fn entry<'py>(holder: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    if let Ok(module) = holder.cast::<PyModule>() {
        return module.dict().get_item(name).ok()?;
    }
    let class = holder.cast::<PyType>().ok()?;
    class.getattr("__dict__").ok()?.get_item(name).ok()
}

fn bases<'py>(class: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let bases = class.getattr("__bases__").ok();
    let bases = bases.and_then(|bases| bases.cast_into::<PyTuple>().ok());
    bases.map_or_else(Vec::new, |bases| bases.iter().collect())
}

/// Nobody asks `object` or `Exception` what is derived from them, and what is changes all the time.
fn of_program(class: &Bound<'_, PyAny>) -> bool {
    class.cast::<PyType>().is_ok_and(is_heap_type)
}

/// Classes below these that are not found in their modules by their names.
fn nameless_below<'py>(
    kit: &Kit<'py>,
    above: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let listed = kit.object.get_type().getattr("__subclasses__")?;
    let mut seen = FxHashSet::default();
    let mut out: Vec<Bound<'py, PyAny>> = Vec::new();
    let mut below = |class: &Bound<'py, PyAny>| -> PyResult<Vec<Bound<'py, PyAny>>> {
        let list = listed.call1((class,))?.cast_into::<PyList>()?;
        let nameless = |class: &Bound<'py, PyAny>| !found_by_name(kit, class).unwrap_or(true);
        let mut out: Vec<_> = list.iter().filter(nameless).collect();
        out.drain(..out.len().saturating_sub(LAST));
        out.retain(|class| seen.insert(class.as_ptr() as usize));
        Ok(out)
    };
    let mut asked = FxHashSet::default();
    for class in above {
        if asked.insert(class.as_ptr() as usize) {
            out.extend(below(&class)?);
        }
    }
    let mut at = 0;
    while at < out.len() {
        let class = out[at].clone();
        out.extend(below(&class)?);
        at += 1;
    }
    Ok(out)
}

/// Whether a class is what its module has by its name.
fn found_by_name<'py>(kit: &Kit<'py>, class: &Bound<'py, PyAny>) -> PyResult<bool> {
    let Some(module) = kit.class_entry(class, "__module__")? else {
        return Ok(false);
    };
    let Some(module) = kit.sys_modules.get_item(module)? else {
        return Ok(false);
    };
    let name = text(&class.getattr("__qualname__")?);
    let mut found = Some(module);
    for part in name.split('.') {
        found = found.and_then(|holder| entry(&holder, part));
    }
    Ok(found.is_some_and(|found| found.is(class)))
}

/// Those of the classes that nothing holds but what they hold themselves, and the others, as the garbage
/// collector would find out for the whole heap: objects that they lead to are looked at, up to other classes
/// and to modules; who has more references than come from these is held from outside, with all that it
/// leads to.
fn part<'py>(kit: &Kit<'py>, classes: Vec<Bound<'py, PyAny>>) -> PyResult<Parted<'py>> {
    let many = classes.len();
    let referents = kit.gc.getattr("get_referents")?;
    let tracked = kit.gc.getattr("is_tracked")?;
    let inside = |value: &Bound<'py, PyAny>| -> PyResult<bool> {
        if !tracked.call1((value,))?.is_truthy()? || value.is_instance_of::<PyType>() {
            return Ok(false);
        }
        let names = value.cast_exact::<PyDict>();
        let of_module = match names {
            Ok(names) => names.contains("__name__")?,
            Err(_) => value.is_instance_of::<PyModule>(),
        };
        Ok(!of_module)
    };
    let place = |value: &Bound<'py, PyAny>| value.as_ptr() as usize;
    let mut known: HashMap<usize, usize> = HashMap::new();
    for (at, class) in classes.iter().enumerate() {
        known.insert(place(class), at);
    }
    let mut objects = classes;
    let mut leads_to: Vec<Vec<usize>> = Vec::new();
    while leads_to.len() < objects.len() {
        if objects.len() > REACH {
            objects.truncate(many);
            return Ok((Vec::new(), objects));
        }
        let held = referents.call1((&objects[leads_to.len()],))?;
        let mut to = Vec::new();
        for value in held.cast_into::<PyList>()?.iter() {
            let at = match known.get(&place(&value)) {
                Some(&at) => at,
                None if inside(&value)? => {
                    known.insert(place(&value), objects.len());
                    objects.push(value);
                    objects.len() - 1
                }
                None => continue,
            };
            to.push(at);
        }
        leads_to.push(to);
    }
    let mut from_inside = vec![0; objects.len()];
    for &at in leads_to.iter().flatten() {
        from_inside[at] += 1;
    }
    // One reference is that of the list here.
    let held = |at: &usize| reference_count(&objects[*at]) > 1 + from_inside[*at];
    let mut todo: Vec<usize> = (0..objects.len()).filter(held).collect();
    let mut live = vec![false; objects.len()];
    while let Some(at) = todo.pop() {
        if !std::mem::replace(&mut live[at], true) {
            todo.extend(&leads_to[at]);
        }
    }
    objects.truncate(many);
    let mut live = live.into_iter();
    let (held, alone) = objects.into_iter().partition(|_| live.next() == Some(true));
    Ok((alone, held))
}

/// A program that has switched the collector off has its reasons.
fn may_collect(kit: &Kit<'_>) -> PyResult<bool> {
    kit.gc.call_method0("isenabled")?.is_truthy()
}

/// Where no other bases fit the layout only the collector helps. What this check itself had made is young
/// most often.
fn collect<'py>(kit: &Kit<'py>, left: &[Bound<'py, PyAny>]) -> PyResult<()> {
    if left.is_empty() || !may_collect(kit)? {
        return Ok(());
    }
    for generation in 0..3 {
        kit.gc.call_method1("collect", (generation,))?;
        let gone = |weak: &Bound<'py, PyAny>| weak.call0().is_ok_and(|class| class.is_none());
        if left.iter().all(gone) {
            break;
        }
    }
    Ok(())
}

/// Takes a class that served its purpose out of the lists of subclasses of its bases, and gives it one of
/// the same layout that nobody knows. `false` where none fits.
pub(super) fn detach(class: &Bound<'_, PyAny>) -> bool {
    match aside(class) {
        Ok(()) => true,
        Err(error) => {
            log::trace!("a class that is gone stays listed as a subclass for now: {error}");
            false
        }
    }
}

fn aside(class: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = class.py();
    let kind = py.get_type::<PyType>().into_any();
    let below = |kind: &Bound<'_, PyAny>, bases: &Bound<'_, PyTuple>| -> PyResult<()> {
        let plain = kind.call1(("_", bases, PyDict::new(py)))?;
        let set = py.get_type::<PyType>().getattr("__setattr__")?;
        let bases = PyTuple::new(py, [plain])?;
        set.call1((class, "__bases__", bases)).map(drop)
    };
    // An exception is laid out as the builtin one that it is derived from.
    let mro = super::kit::mro(class);
    let builtin = mro.iter().find(|base| !of_program(base));
    let builtin = builtin.filter(|base| !base.is(py.get_type::<PyAny>()));
    if let Some(builtin) = builtin {
        return below(&kind, &PyTuple::new(py, [builtin])?);
    }
    if below(&kind, &PyTuple::empty(py)).is_ok() {
        return Ok(());
    }
    // Below `abc.ABC`, which has no dict, the layout is another one (up to 3.12).
    let abc = py.import("abc")?.getattr("ABC")?;
    below(&abc.get_type().into_any(), &PyTuple::new(py, [abc])?)
}
