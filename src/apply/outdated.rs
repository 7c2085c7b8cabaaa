//! Objects that were made before an edit and lack what it makes their class give to new ones, or that
//! went on from where a statement had them which runs again.
//!
//! `config = Config()` is not run again because `Config.__init__` changed: the object lives, with all
//! that the program did to it, and gets the difference at the end (`rehearsal`). Where a statement fails on it for that (`config.new` is not there), and
//! only there, what it was bound by runs again.

use pyo3::exceptions::{PyAttributeError, PyException};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule};

use super::transaction::Transaction;
use super::{Kit, Work, text};

/// What sets up a new object.
const SET_UP: [&str; 3] = ["__init__", "__new__", "__post_init__"];

/// How deep an object is looked for in what names are bound to.
const DEEP: usize = 5;

/// How many objects are looked at on the way, for all names of a module or all frames together.
const MOST: usize = 20_000;

/// Objects that were there when an error was raised and lack what new ones of their class have.
pub fn outdated<'py>(work: &Work<'_, 'py>, error: &PyErr) -> Vec<Bound<'py, PyAny>> {
    let kit = work.kit;
    // SystemExit and KeyboardInterrupt are for the host, whatever was at hand when they came.
    if !error.is_instance_of::<PyException>(kit.py) {
        return Vec::new();
    }
    let raised = error.value(kit.py);
    let missing = missing(raised.as_any());
    let missing = missing.as_deref();
    // Only an AttributeError of 3.10 or later has it.
    if raised.is_instance_of::<PyAttributeError>()
        && let Ok(object) = raised.getattr("obj")
        && is_outdated(work, &object, missing)
    {
        return vec![object];
    }
    let mut out: Vec<Bound<'py, PyAny>> = Vec::new();
    let mut note = |object: &Bound<'py, PyAny>| {
        if !out.iter().any(|known| known.is(object)) && is_outdated(work, object, missing) {
            out.push(object.clone());
        }
        false
    };
    let mut left = MOST;
    let mut at = error.traceback(kit.py).map(Bound::into_any);
    while let Some(entry) = at {
        let frame = entry.getattr("tb_frame");
        let seen = frame.and_then(|frame| within_reach(kit, &frame));
        for object in seen.unwrap_or_default() {
            look(kit, &object, DEEP, &mut left, &mut note);
        }
        at = entry.getattr("tb_next").ok().filter(|next| !next.is_none());
    }
    if out.is_empty() {
        out.extend(went_on(work, error));
    }
    out
}

/// `token = lexer.next()` runs again, since that method does something else, and the lexer is at its
/// end: the object whose method the statement that failed had called.
fn went_on<'py>(work: &Work<'_, 'py>, error: &PyErr) -> Option<Bound<'py, PyAny>> {
    let kit = work.kit;
    let frame = |entry: &Bound<'py, PyAny>| entry.getattr("tb_frame").ok();
    let mut at = error.traceback(kit.py)?.into_any();
    // The statement of a module, and what it calls.
    loop {
        let next = at.getattr("tb_next").ok().filter(|next| !next.is_none())?;
        let outer = frame(&at)?;
        let code = outer.getattr("f_code").ok()?;
        if text(&code.getattr("co_name").ok()?) == "<module>" {
            at = next;
            let called = frame(&at)?;
            if text(&called.getattr("f_code").ok()?.getattr("co_name").ok()?) != "<module>" {
                break;
            }
        } else {
            at = next;
        }
    }
    let called = frame(&at)?;
    let code = called.getattr("f_code").ok()?;
    let first = code.getattr("co_varnames").ok()?.get_item(0).ok()?;
    let object = called.getattr("f_locals").ok()?.get_item(first).ok()?;
    let class = object.get_type();
    let own = !is_definition(kit, &object);
    let mro = super::kit::mro(class.as_any());
    let mut classes = mro.iter();
    let edited = classes.any(|class| is_edited(&work.tx, &class).unwrap_or(false));
    (own && edited).then_some(object)
}

/// Whether anything in a class is another thing now.
fn is_edited(tx: &Transaction<'_>, class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let items = class.getattr("__dict__")?.call_method0("items")?;
    for item in items.try_iter()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        let other = tx.has_other_entry(class, &text(&name)) || tx.first_noted(&value).is_some();
        if other || tx.first_code(&value).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The attribute that an AttributeError is about.
fn missing(raised: &Bound<'_, PyAny>) -> Option<String> {
    if !raised.is_instance_of::<PyAttributeError>() {
        return None;
    }
    if let Ok(name) = raised.getattr("name") {
        return (!name.is_none()).then(|| text(&name));
    }
    // In 3.9 only its text tells: "'C' object has no attribute 'x'".
    let told = text(raised);
    let name = told.strip_suffix('\'')?.rsplit('\'').next()?;
    Some(name.to_owned())
}

/// What a frame has in its variables, and what its code knows by global names: of functions among
/// that what they know, of classes what they have.
fn within_reach<'py>(
    kit: &Kit<'py>,
    frame: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let locals = frame.getattr("f_locals")?;
    let globals = frame.getattr("f_globals")?;
    let mut out = known_by(&frame.getattr("f_code")?, &globals)?;
    if !locals.is(&globals) {
        out.extend(values(&locals)?);
    }
    let mut further = Vec::new();
    for value in &out {
        if kit.is_function(value) {
            let globals = value.getattr("__globals__")?;
            further.extend(known_by(&value.getattr("__code__")?, &globals)?);
        } else if kit.is_class(value) {
            further.extend(values(&value.getattr("__dict__")?)?);
        }
    }
    out.extend(further);
    Ok(out)
}

fn known_by<'py>(
    code: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let names = code.getattr("co_names")?.try_iter()?;
    let values = names.map(|name| globals.call_method1("get", (name?,)));
    values
        .filter(|value| !value.as_ref().is_ok_and(Bound::is_none))
        .collect()
}

fn values<'py>(mapping: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    mapping.call_method0("values")?.try_iter()?.collect()
}

/// A class, function or module: it leads to all there is.
fn is_definition(kit: &Kit<'_>, value: &Bound<'_, PyAny>) -> bool {
    kit.is_class(value) || kit.is_function(value) || value.is_instance_of::<PyModule>()
}

fn is_outdated(work: &Work<'_, '_>, object: &Bound<'_, PyAny>, missing: Option<&str>) -> bool {
    let class = object.get_type();
    if is_definition(work.kit, object) {
        return false;
    }
    super::kit::mro(class.as_any())
        .iter()
        .any(|class| makes_otherwise(&work.tx, &class, missing).unwrap_or(false))
}

/// Whether what this class gives to new objects was changed, as far as its own entries tell.
fn makes_otherwise(
    tx: &Transaction<'_>,
    class: &Bound<'_, PyAny>,
    missing: Option<&str>,
) -> PyResult<bool> {
    if SET_UP.iter().any(|name| tx.has_other_entry(class, name)) {
        return Ok(true);
    }
    for item in class
        .getattr("__dict__")?
        .call_method0("items")?
        .try_iter()?
    {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        let Some(was) = tx.first_code(&value) else {
            continue;
        };
        let now = value.getattr("__code__")?;
        let differs = |part: &str| now.getattr(part)?.ne(was.getattr(part)?);
        if SET_UP.contains(&text(&name).as_str()) {
            if differs("co_code")? || differs("co_consts")? || differs("co_names")? {
                return Ok(true);
            }
        } else if let Some(missing) = missing
            && now.getattr("co_names")?.contains(missing)?
            && !was.getattr("co_names")?.contains(missing)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Names of a module that are bound to one of these objects, or to what has one in it.
pub fn bound_to<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    objects: &[Bound<'py, PyAny>],
) -> Vec<String> {
    let mut left = MOST;
    let mut one_of = |value: &Bound<'py, PyAny>| objects.iter().any(|object| object.is(value));
    let mut leads = |value: &Bound<'py, PyAny>| {
        let made = made_with(kit, dict, value).unwrap_or_default();
        let mut values = made.iter().chain(std::iter::once(value));
        values.any(|value| look(kit, value, DEEP, &mut left, &mut one_of))
    };
    dict.iter()
        .filter(|(_, value)| leads(value))
        .map(|(name, _)| text(&name))
        .collect()
}

/// What a statement of this module has made for a definition: attributes of a class, defaults.
fn made_with<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if !kit.defined_in(value, dict)? {
        return Ok(Vec::new());
    }
    if kit.is_function(value) {
        return ["__defaults__", "__kwdefaults__"]
            .map(|part| value.getattr(part))
            .into_iter()
            .collect();
    }
    match kit.is_class(value) {
        true => value
            .getattr("__dict__")?
            .call_method0("values")?
            .try_iter()?
            .collect(),
        false => Ok(Vec::new()),
    }
}

/// Looks at an object and what is in it, without running code of theirs, until `found` says that this
/// is it.
fn look<'py>(
    kit: &Kit<'py>,
    value: &Bound<'py, PyAny>,
    deep: usize,
    left: &mut usize,
    found: &mut dyn FnMut(&Bound<'py, PyAny>) -> bool,
) -> bool {
    if found(value) {
        return true;
    }
    let Some(rest) = left.checked_sub(1).filter(|_| deep > 0) else {
        return false;
    };
    *left = rest;
    if is_definition(kit, value) {
        return false;
    }
    // Of an instance its dict may be one step more.
    let parts = kit.gc.call_method1("get_referents", (value,));
    let parts = parts.and_then(|parts| Ok(parts.cast_into::<PyList>()?));
    parts.is_ok_and(|parts| {
        let mut parts = parts.iter();
        parts.any(|part| look(kit, &part, deep - 1, left, found))
    })
}
