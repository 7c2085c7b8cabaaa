//! What the program had set, and an edit sets or removes as well: the report says which of both counts.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyFunction, PyInt, PyList, PyString, PyType};

use super::function::{Wanted, find, plain};
use super::kit::text;
use super::module::Run;
use super::work::Work;
use crate::outline::{Kind, Statement};

/// More of a value is not quoted.
const QUOTED: usize = 40;

/// A value as the report has it. Nothing of the program's is called for it.
fn quoted(value: &Bound<'_, PyAny>) -> String {
    if !plain(value) {
        let name = value.getattr("__qualname__").map(|name| text(&name));
        return match name {
            Ok(name) if value.is_instance_of::<PyType>() => format!("the class {name}"),
            Ok(name) if value.is_instance_of::<PyFunction>() => format!("the function {name}"),
            _ => format!("a value of type {}", type_name(value)),
        };
    }
    let whole = value.repr().map(|repr| text(&repr)).unwrap_or_default();
    match whole.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map(|name| text(&name)).unwrap_or_default()
}

/// The path of an entry of a container.
pub(super) fn entry_path(path: &str, key: &Bound<'_, PyAny>) -> String {
    match plain(key) {
        true => format!("{path}[{}]", quoted(key)),
        false => format!("{path}[...]"),
    }
}

/// Whether a value is what a literal stands for; `None` where the text is no literal that is told so easily.
fn says(literal: &str, value: &Bound<'_, PyAny>) -> Option<bool> {
    let literal = literal.trim();
    match literal {
        "None" => return Some(value.is_none()),
        "True" | "False" => {
            let exact = value.cast_exact::<PyBool>();
            return Some(exact.is_ok_and(|b| b.is_true() == (literal == "True")));
        }
        _ => {}
    }
    let first = literal
        .strip_prefix('-')
        .unwrap_or(literal)
        .bytes()
        .next()?;
    if first.is_ascii_digit() {
        if let Ok(number) = literal.parse::<i64>() {
            let same = |v: &Bound<'_, PyInt>| v.extract::<i64>().is_ok_and(|v| v == number);
            return Some(value.cast_exact::<PyInt>().is_ok_and(same));
        }
        let number = literal.parse::<f64>().ok()?;
        let point = literal.contains(['.', 'e', 'E']);
        let exact = value.cast_exact::<PyFloat>();
        return point.then(|| exact.is_ok_and(|v| v.value() == number));
    }
    let quote = literal.chars().next().filter(|q| matches!(q, '"' | '\''))?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if inner.contains([quote, '\\', '\n']) {
        return None;
    }
    let exact = value.cast_exact::<PyString>();
    Some(exact.is_ok_and(|v| text(v) == inner))
}

impl<'py> Work<'_, 'py> {
    /// An entry of a container that the program had set, or taken out, is another one in the text now.
    pub(super) fn note_conflict(&mut self, path: &str, had: Option<&Bound<'py, PyAny>>) {
        let what = match had {
            Some(had) => format!("was {}, which its own line had not given it", quoted(had)),
            None => "had been taken out".to_owned(),
        };
        self.notes
            .push(format!("{path} {what}; the edit sets it as well"));
    }

    /// What a list is to have of plain items, where both the program and the edit have only put others in
    /// the places of some: a table and no collection. `None` where it is not so.
    pub(super) fn place_by_place(
        &mut self,
        base: &Bound<'py, PyList>,
        live: &Bound<'py, PyList>,
        fresh: &Bound<'py, PyList>,
        name: &str,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let all_plain = |list: &Bound<'py, PyList>| list.iter().all(|item| plain(&item));
        if base.len() != live.len()
            || base.len() != fresh.len()
            || ![base, live, fresh].into_iter().all(all_plain)
        {
            return Ok(None);
        }
        let items = PyList::empty(self.kit.py);
        let mut conflicts = Vec::new();
        for (at, was) in base.iter().enumerate() {
            let (now, new) = (live.get_item(at)?, fresh.get_item(at)?);
            let (by_program, by_edit) = (!was.eq(&now)?, !was.eq(&new)?);
            // An item that stood in another place has moved.
            if by_program && base.contains(&now)? || by_edit && base.contains(&new)? {
                return Ok(None);
            }
            if by_program && by_edit && !now.eq(&new)? {
                conflicts.push((at, now.clone()));
            }
            items.append(if by_program && !by_edit { now } else { new })?;
        }
        for (at, now) in conflicts {
            self.note_conflict(&format!("{name}[{at}]"), Some(&now));
        }
        Ok(Some(items))
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whether what the old text gives a name is a literal, and `value` is another one. `alone`: no other
    /// statement of its block binds it.
    fn is_of_program(
        &self,
        was: &Statement,
        name: &str,
        value: &Bound<'py, PyAny>,
        alone: impl FnOnce() -> bool,
    ) -> bool {
        let Some(old) = self.job.old else {
            return false;
        };
        let bound =
            matches!(was.kind, Kind::Assign) && matches!(&*was.uses.binds, [b] if b == name);
        let given = || {
            let rest = old.slice(was).strip_prefix(name)?;
            let rest = rest.trim_start();
            match rest.strip_prefix(':') {
                Some(annotated) => annotated.split_once('=').map(|(_, literal)| literal),
                None => rest.strip_prefix('='),
            }
        };
        let literal = given().filter(|_| bound);
        literal.and_then(|literal| says(literal, value)) == Some(false) && alone()
    }

    /// `LEVEL = 1` is `LEVEL = 2` now, and the program had given it another value.
    pub(super) fn note_overwritten(
        &mut self,
        was: Option<&Statement>,
        name: &str,
        value: Option<&Bound<'py, PyAny>>,
    ) {
        let (Some(old), Some(value)) = (self.job.old, value) else {
            return;
        };
        let body = &old.outline.body;
        let binders = |so_many: usize| {
            // Also functions that were called while the module was imported.
            let had = crate::plan::Functions::of(old.outline);
            let writes = |s: &Statement| had.global_writes(&s.uses.calls).contains(name);
            old.outline.index().writers(body, name).len() == so_many
                && !body.iter().any(|s| s.uses.opaque || writes(s))
        };
        let other = match was {
            Some(was) if was.kind == Kind::Class => {
                was.decorators == 0
                    && self.work.kit.is_class(value)
                    && !self
                        .work
                        .kit
                        .defined_in(value, &self.job.dict)
                        .unwrap_or(true)
                    && binders(1)
            }
            Some(was) => self.is_of_program(was, name, value, || binders(1)),
            // It was there before the file had it.
            None => !name.starts_with("__") && !old.outline.star && plain(value) && binders(0),
        };
        if other {
            self.work.note_conflict(name, Some(value));
        }
    }

    /// Whether statements of the old text besides the class itself had to do with it.
    fn set_beside(&self, class: &Statement) -> bool {
        self.job.old.is_none_or(|old| {
            let body = &old.outline.body;
            let places = old.outline.index().writers(body, &class.name);
            places.len() != 1 || body.iter().any(|s| s.uses.opaque)
        })
    }

    /// The same in the body of a class. `path`: that of the class, with its dot.
    pub(super) fn note_overwritten_in(
        &mut self,
        class: &Statement,
        was: &Statement,
        (path, name): (&str, &str),
        value: &Bound<'py, PyAny>,
    ) {
        let alone = || bound_once(class, name) && !self.set_beside(class);
        if self.is_of_program(was, name, value, alone) {
            self.work
                .note_conflict(&format!("{path}{name}"), Some(value));
        }
    }

    /// A function has another body, and something else stands under its name.
    pub(super) fn note_replaced(
        &mut self,
        there: Option<&Bound<'py, PyAny>>,
        was: &Statement,
        prefix: &str,
    ) {
        let path = format!("{prefix}{}", was.name);
        let binders = self.binders(&was.name).take(2).count();
        let alone = !prefix.is_empty() || binders == 1;
        if there.is_some() && was.decorators == 0 && alone && !self.set_by_module(&path) {
            self.work.notes.push(format!(
                "{path} has been replaced by the program, and what stands in its place stays there"
            ));
        }
    }

    /// Whether the program has put something else where a statement of a class body, which is gone, had bound
    /// this name.
    pub(super) fn put_in_class(
        &self,
        class: &Statement,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        if self.set_beside(class) {
            return Ok(false);
        }
        let mut binders = class.body.iter().filter(|m| binds(m, name));
        let Some(was) = binders.next().filter(|_| binders.next().is_none()) else {
            return Ok(false);
        };
        match was.kind {
            Kind::Function
                if class.decorators + was.decorators == 0 && self.work.kit.is_function(value) =>
            {
                let wanted = Wanted {
                    name: &was.name,
                    line: was.span.line,
                    placed: None,
                };
                Ok(find(self.work.kit, value, wanted, &self.job.dict)?.is_none())
            }
            _ => Ok(self.is_of_program(was, name, value, || true)),
        }
    }
}

fn binds(member: &Statement, name: &str) -> bool {
    member.uses.binds.iter().any(|bound| bound == name)
}

fn bound_once(class: &Statement, name: &str) -> bool {
    class.body.iter().filter(|m| binds(m, name)).count() == 1
}
