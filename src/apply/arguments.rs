//! Whether a constructor takes the arguments that a call gives.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

use super::kit::{Kit, mro, text};
use crate::diff::{Changes, What};
use crate::outline::{Statement, SureCall};

/// In `co_flags`: it has `*args`, `**kwargs`.
const VARARGS: u32 = 0x04;
const VARKEYWORDS: u32 = 0x08;

/// Whether an edit of a class body may make its constructor take other arguments.
pub(super) fn takes_others(class: &Statement, inner: &Changes) -> bool {
    inner.items.iter().any(|change| {
        let member = &class.body[change.new];
        member.name == "__init__" && matches!(change.what, What::Header(_) | What::Added)
    })
}

/// What a call of a class would fail with, which is abstract or takes other arguments; `None` if it would not, or if that cannot be told.
pub(super) fn refuses<'py>(
    kit: &Kit<'py>,
    class: &Bound<'py, PyAny>,
    call: &SureCall,
) -> PyResult<Option<PyErr>> {
    let builtin = kit.object.get_type();
    let made = class.get_type().getattr("__call__")?;
    if !made.is(&builtin.getattr("__call__")?)
        || !class
            .getattr("__new__")?
            .is(&kit.object.getattr("__new__")?)
    {
        return Ok(None);
    }
    let open = class.getattr("__abstractmethods__");
    if open.is_ok_and(|open| open.len().is_ok_and(|count| count > 0)) {
        // Python's own words. Nothing of the class runs.
        return Ok(kit.object.call_method1("__new__", (class,)).err());
    }
    let mut init = None;
    for base in mro(class).iter() {
        if let Some(found) = kit.class_entry(&base, "__init__")? {
            // What somebody has put over it at run time is not what import finds.
            let own = format!("{}.__init__", text(&base.getattr("__qualname__")?));
            let named = found.getattr("__qualname__");
            init = Some(found).filter(|_| named.is_ok_and(|name| text(&name) == own));
            break;
        }
    }
    let Some(init) = init.filter(|init| kit.is_function(init)) else {
        return Ok(None);
    };
    let said = Takes::of(&init)?.refuses(call);
    Ok(said.map(|said| {
        let name = init.getattr("__qualname__").map(|name| text(&name));
        PyTypeError::new_err(format!("{}() {said}", name.unwrap_or_default()))
    }))
}

/// Fails with this error where the code calls something.
pub(super) fn raise<'py>(
    kit: &Kit<'py>,
    error: PyErr,
    code: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let error = error.into_value(kit.py);
    let fail = PyCFunction::new_closure(kit.py, None, None, move |args, _| -> PyResult<()> {
        Err(PyErr::from_value(error.bind(args.py()).clone().into_any()))
    })?;
    let aside = PyDict::new(kit.py);
    let name = code.getattr("co_names")?.get_item(0)?;
    aside.set_item(name, fail)?;
    kit.exec.call1((code, aside))
}

/// What a function takes after its first argument.
struct Takes {
    /// Names, and whether they have defaults.
    positional: Vec<(String, bool)>,
    /// So many of these have no names to the outside.
    nameless: usize,
    keyword: Vec<(String, bool)>,
    flags: u32,
}

impl Takes {
    fn of(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        let code = function.getattr("__code__")?;
        let number = |part: &str| -> PyResult<usize> { code.getattr(part)?.extract() };
        let (count, keywords) = (number("co_argcount")?, number("co_kwonlyargcount")?);
        let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
        let defaults = function.getattr("__defaults__")?;
        let defaults = if defaults.is_none() {
            0
        } else {
            defaults.len()?
        };
        let given = function.getattr("__kwdefaults__")?;
        let has = |name: &String| !given.is_none() && given.contains(name).unwrap_or(false);
        let positional = names.iter().take(count).enumerate();
        let positional = positional.map(|(at, name)| (name.clone(), at + defaults >= count));
        let keyword = names.iter().skip(count).take(keywords);
        Ok(Self {
            positional: positional.skip(1).collect(),
            nameless: number("co_posonlyargcount")?.saturating_sub(1),
            keyword: keyword.map(|name| (name.clone(), has(name))).collect(),
            flags: code.getattr("co_flags")?.extract()?,
        })
    }

    fn refuses(&self, call: &SureCall) -> Option<String> {
        let most = self.positional.len();
        if call.positional > most && self.flags & VARARGS == 0 {
            let (takes, given) = (most + 1, call.positional + 1);
            return Some(format!(
                "takes {takes} positional arguments but {given} were given"
            ));
        }
        let named = self.positional.iter().enumerate().skip(self.nameless);
        for keyword in &call.keywords {
            let place = named.clone().find(|(_, (name, _))| name == keyword);
            let twice = place.is_some_and(|(at, _)| at < call.positional);
            let known = place.is_some() || self.keyword.iter().any(|(name, _)| name == keyword);
            if twice {
                return Some(format!("got multiple values for argument '{keyword}'"));
            }
            if !known && self.flags & VARKEYWORDS == 0 {
                return Some(format!("got an unexpected keyword argument '{keyword}'"));
            }
        }
        let missing = |all: &[(String, bool)], from: usize| {
            let open = all.iter().skip(from);
            let open = open.filter(|(name, default)| !default && !call.keywords.contains(name));
            open.map(|(name, _)| format!("'{name}'"))
                .collect::<Vec<_>>()
        };
        let kinds = [
            ("positional", missing(&self.positional, call.positional)),
            ("keyword-only", missing(&self.keyword, 0)),
        ];
        let (kind, names) = kinds.into_iter().find(|(_, names)| !names.is_empty())?;
        let s = if names.len() == 1 { "" } else { "s" };
        let (count, names) = (names.len(), names.join(" and "));
        Some(format!(
            "missing {count} required {kind} argument{s}: {names}"
        ))
    }
}
