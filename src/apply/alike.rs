//! Whether new code of a function does what the old one did: a docstring came, a local variable has
//! another name. Who called it at import time has no reason to do so again.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::kit::{Kit, text};

/// Names of functions to which a function's own text or local variables may matter.
const LOOKERS: [&str; 8] = [
    "locals",
    "vars",
    "dir",
    "eval",
    "exec",
    "globals",
    "_getframe",
    "currentframe",
];

/// Attributes of code that must be equal. Names of local variables need not be, but those of parameters.
const SHAPE: [&str; 7] = [
    "co_names",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_freevars",
    "co_cellvars",
    "co_stacksize",
];

/// `CO_HAS_DOCSTRING`, from 3.14 on.
const DOCUMENTED: u64 = 0x0400_0000;

/// Whether both do the same when called, of what bytecode can tell.
pub fn acts_alike<'py>(
    kit: &Kit<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    let bytes = |code: &Bound<'py, PyAny>| -> PyResult<Bound<'py, PyBytes>> {
        Ok(code.getattr(kit.name("co_code"))?.cast_into::<PyBytes>()?)
    };
    let (before, after) = (bytes(old)?, bytes(new)?);
    let (before, after) = (before.as_bytes(), after.as_bytes());
    if before.len() != after.len() {
        return Ok(false);
    }
    for attribute in SHAPE {
        let name = kit.name(attribute);
        if !old.getattr(&name)?.eq(new.getattr(&name)?)? {
            return Ok(false);
        }
    }
    let flags = |code: &Bound<'py, PyAny>| -> PyResult<u64> {
        Ok(code.getattr(kit.name("co_flags"))?.extract::<u64>()? & !DOCUMENTED)
    };
    if flags(old)? != flags(new)? {
        return Ok(false);
    }
    let tables = |name: &'static str| {
        let (a, b) = (old.getattr(kit.name(name)), new.getattr(kit.name(name)));
        a.and_then(|a| a.eq(b?))
    };
    if kit.version >= (3, 11) && !tables("co_exceptiontable")? {
        return Ok(false);
    }
    let constants = |code: &Bound<'py, PyAny>| -> PyResult<Bound<'py, PyTuple>> {
        let all = code.getattr(kit.name("co_consts"))?;
        Ok(all.cast_into::<PyTuple>()?)
    };
    let (mine, others) = (constants(old)?, constants(new)?);
    let opcode = kit.py.import("dis")?;
    let loads: Vec<u16> = opcode.getattr("hasconst")?.extract()?;
    let extended: u8 = opcode.getattr("EXTENDED_ARG")?.extract()?;
    // A docstring comes before the other constants, and moves them.
    let (mut from, mut to) = (0, 0);
    for (a, b) in before.chunks_exact(2).zip(after.chunks_exact(2)) {
        (from, to) = (from << 8 | usize::from(a[1]), to << 8 | usize::from(b[1]));
        if a[0] != b[0] {
            return Ok(false);
        }
        if a[0] == extended {
            continue;
        }
        let same = match loads.contains(&u16::from(a[0])) {
            true => equal(kit, &mine.get_item(from)?, &others.get_item(to)?)?,
            false => from == to,
        };
        if !same {
            return Ok(false);
        }
        (from, to) = (0, 0);
    }
    if parameters(kit, old)? != parameters(kit, new)? {
        return Ok(false);
    }
    let names = old.getattr(kit.name("co_names"))?;
    let names = names.cast_into::<PyTuple>()?;
    let looks = || names.iter().any(|name| LOOKERS.contains(&&*text(&name)));
    let locals = kit.name("co_varnames");
    Ok(old.getattr(&locals)?.eq(new.getattr(&locals)?)? || !looks())
}

/// Whether two constants are the same in every way.
fn equal<'py>(kit: &Kit<'py>, a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>) -> PyResult<bool> {
    if a.is(b) {
        return Ok(true);
    }
    if kit.is_exact(a, &kit.code) && kit.is_exact(b, &kit.code) {
        // Whoever gets what is made of it may ask for its name, its parameters and its docstring.
        return Ok(a
            .getattr(kit.name("co_name"))?
            .eq(b.getattr(kit.name("co_name"))?)?
            && docstring(kit, a)?.eq(docstring(kit, b)?)?
            && acts_alike(kit, a, b)?);
    }
    // `1`, `1.0` and `True` are equal, and so are the zeros; not in how they are written.
    Ok(a.get_type().is(b.get_type()) && a.repr()?.as_any().eq(b.repr()?)?)
}

/// What the compiler took for the docstring of a function's code; `None` where there is none.
pub(super) fn docstring<'py>(
    kit: &Kit<'py>,
    code: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let none = kit.py.None().into_bound(kit.py);
    if kit.version >= (3, 14)
        && code.getattr(kit.name("co_flags"))?.extract::<u64>()? & DOCUMENTED == 0
    {
        return Ok(none);
    }
    match code.getattr(kit.name("co_consts"))?.get_item(0) {
        Ok(first) if first.is_instance_of::<PyString>() => Ok(first),
        _ => Ok(none),
    }
}

/// The names of the parameters of a function, in their order.
fn parameters<'py>(kit: &Kit<'py>, code: &Bound<'py, PyAny>) -> PyResult<Vec<String>> {
    const VARARGS: usize = 4;
    const VARKEYWORDS: usize = 8;
    let number = |name| code.getattr(kit.name(name))?.extract::<usize>();
    let flags = number("co_flags")?;
    let count = number("co_argcount")?
        + number("co_kwonlyargcount")?
        + usize::from(flags & VARARGS != 0)
        + usize::from(flags & VARKEYWORDS != 0);
    let names = code.getattr(kit.name("co_varnames"))?;
    let names = names.cast_into::<PyTuple>()?;
    Ok(names.iter().take(count).map(|name| text(&name)).collect())
}
