//! Functions brought up to date in place: the object stays, what it runs is new.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyRange, PyString, PyTuple,
};
use rustc_hash::FxHashSet;

use super::kit::{Kit, Word, is_above, is_text, reference_count, text, tuple};
use super::twins::twins;
use super::undo::set_code;
use super::work::{Replaced, Work};

/// How deep and how far a decorated function is looked for inside what the decorator returned.
const SEARCH_DEPTH: usize = 15;
const SEARCH_OBJECTS: usize = 400;

/// Where a function of the old source is to be found: its name and its first line.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub line: u32,
    /// Functions (by address) that are at their new line already: it may be another's old one.
    pub placed: Option<&'a FxHashSet<usize>>,
}

impl Wanted<'_> {
    /// Whether this function object was made by that `def`, and has its code still.
    pub fn is<'py>(&self, kit: &Kit<'py>, value: &Bound<'py, PyAny>) -> bool {
        kit.is_function(value)
            && !self
                .placed
                .is_some_and(|placed| placed.contains(&(value.as_ptr() as usize)))
            && kit.code_of(value).is_ok_and(|code| {
                code.getattr(kit.word(Word::FirstLine))
                    .and_then(|l| l.extract::<u32>())
                    .ok()
                    == Some(self.line)
                    && code
                        .getattr(kit.word(Word::CodeName))
                        .is_ok_and(|n| is_text(&n, self.name))
                    && !kit.is_fresh(&code)
            })
    }
}

/// Looks for functions of a module in what a name is bound to: the function itself, or the
/// one inside wrappers, properties, partials, commands and the like.
pub fn find<'py>(
    kit: &Kit<'py>,
    value: &Bound<'py, PyAny>,
    wanted: Wanted<'_>,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut found = None;
    search(kit, value, globals, &mut |candidate| {
        if wanted.is(kit, candidate)
            && kit
                .globals_of(candidate)
                .is_ok_and(|theirs| theirs.is(globals))
        {
            found = Some(candidate.clone());
        }
        found.is_some()
    })?;
    Ok(found)
}

/// Shows `look` an object and what it leads to, until that has seen enough or it leads too far.
pub(super) fn search<'py>(
    kit: &Kit<'py>,
    value: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyDict>,
    look: &mut dyn FnMut(&Bound<'py, PyAny>) -> bool,
) -> PyResult<()> {
    if look(value) {
        return Ok(());
    }
    // Plain functions of this module hold nothing but themselves; most names end here.
    let referents = kit.gc.getattr(kit.name("get_referents"))?;
    let mut seen: HashSet<usize> = HashSet::from([value.as_ptr() as usize]);
    let mut level = vec![value.clone()];
    for _ in 0..SEARCH_DEPTH {
        let mut next = Vec::new();
        for holder in &level {
            // Modules, their dicts and classes lead everywhere.
            if kit.is_exact(holder, &kit.module) || kit.is_class(holder) || holder.is(globals) {
                continue;
            }
            for object in referents.call1((holder,))?.try_iter()? {
                let object = object?;
                if kit.is_function(holder)
                    && object
                        .cast_exact::<PyDict>()
                        .is_ok_and(|d| holder.getattr("__globals__").is_ok_and(|g| g.is(d)))
                {
                    continue;
                }
                if !seen.insert(object.as_ptr() as usize) {
                    continue;
                }
                if look(&object) || seen.len() > SEARCH_OBJECTS {
                    return Ok(());
                }
                next.push(object);
            }
        }
        level = next;
    }
    Ok(())
}

/// Whether a value is a number, a text or the like, and can not change.
pub fn plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyComplex>()
}

/// `alias = f`: whether `name` is bound to a function that its own name leads to as well. That one
/// is brought up to date there, and is no partner for another function that the alias means now.
pub(super) fn is_alias<'py>(
    kit: &Kit<'py>,
    name: &str,
    function: &Bound<'py, PyAny>,
    before: &Bound<'py, PyDict>,
) -> PyResult<bool> {
    if !kit.is_function(function) {
        return Ok(false);
    }
    let own = function
        .getattr(kit.word(Word::Code))?
        .getattr(kit.word(Word::CodeName))?;
    Ok(text(&own) != name && before.get_item(own)?.is_some_and(|f| f.is(function)))
}

/// Code objects that do the same and show the same lines.
pub fn same_code<'py>(
    kit: &Kit<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    if old.is(new) {
        return Ok(true);
    }
    // Equality of code objects says nothing of the line table before 3.12.
    let lines = if kit.version >= (3, 10) {
        kit.name("co_linetable")
    } else {
        kit.name("co_lnotab")
    };
    Ok(old.eq(new)?
        && old.getattr(&lines)?.eq(new.getattr(&lines)?)?
        && nested_same(kit, old, new)?)
}

fn nested_same<'py>(
    kit: &Kit<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    if kit.version >= (3, 12) {
        return Ok(true);
    }
    let (a, b) = (nested(kit, old)?, nested(kit, new)?);
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(&b) {
        if !same_code(kit, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The code objects among the constants of another, in order.
pub fn nested<'py>(kit: &Kit<'py>, code: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut out = Vec::new();
    let constants = code.getattr(kit.word(Word::Constants))?;
    for constant in constants.cast_into::<PyTuple>()?.iter() {
        if kit.is_exact(&constant, &kit.code) {
            out.push(constant);
        }
    }
    Ok(out)
}

impl<'py> Work<'_, 'py> {
    /// Gives a live function new code. What the new code needs from around it is taken from the
    /// cells the function has, from `class` for `__class__`, and from `fresh`, the cells of a
    /// newly made twin. False, with a note, when a variable has no cell.
    pub fn give_code(
        &mut self,
        function: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
        fresh: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let kit = self.kit;
        let old = function.getattr(kit.name("__code__"))?;
        if same_code(kit, &old, code)? && fresh.is_none() {
            return Ok(true);
        }
        let had: Vec<String> = old.getattr(kit.name("co_freevars"))?.extract()?;
        let needs: Vec<String> = code.getattr(kit.name("co_freevars"))?.extract()?;
        let mut closure = None;
        if had != needs || fresh.is_some() {
            let cells = |owner: &Bound<'py, PyAny>| -> PyResult<Vec<Bound<'py, PyAny>>> {
                let closure = owner.getattr(kit.name("__closure__"))?;
                Ok(closure
                    .cast::<PyTuple>()
                    .map(|t| t.iter().collect())
                    .unwrap_or_default())
            };
            let own = cells(function)?;
            let twin = match fresh {
                Some(twin) => cells(twin)?,
                None => Vec::new(),
            };
            let mut taken = Vec::with_capacity(needs.len());
            for (at, name) in needs.iter().enumerate() {
                let have = had.iter().position(|h| h == name).and_then(|i| own.get(i));
                let cell = match (twin.get(at), have, class) {
                    (Some(cell), ..) => cell.clone(),
                    (None, Some(cell), _) => cell.clone(),
                    (None, None, Some(class)) if name == "__class__" => kit.new_cell(class)?,
                    _ => {
                        let qualname = text(&function.getattr("__qualname__")?);
                        self.notes.push(format!(
                            "a live {qualname} keeps its old code: the new one uses {name} of the \
                             enclosing function, for which it has no cell"
                        ));
                        return Ok(false);
                    }
                };
                taken.push(cell);
            }
            closure = Some(if taken.is_empty() {
                kit.py.None().into_bound(kit.py)
            } else {
                tuple(kit.py, &taken)?.into_any()
            });
        }
        match closure {
            Some(_) => self.tx.function(kit, function)?,
            None => self.tx.code(function, old.clone()),
        }
        if let Some(cells) = closure
            && !(had.is_empty() && needs.is_empty())
        {
            kit.set_closure(function, &cells)?;
        }
        set_code(kit, function, code)?;
        self.retire(&old, code)?;
        Ok(true)
    }

    /// Remembers that nested code was replaced, so that closures made from it are found.
    pub fn retire(&mut self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> PyResult<()> {
        for (part, twin) in twins(self.kit, old, new)? {
            if same_code(self.kit, &part, &twin)? {
                continue;
            }
            self.retire(&part, &twin)?;
            // One reference from the constants of the outer code and one of ours: more means
            // that closures made from it live.
            if reference_count(&part) > 2 {
                self.nested.push((part, twin));
            }
        }
        Ok(())
    }

    /// After a loop has made several functions of one code: those of its earlier run get the new one,
    /// whoever has them. The one that lives on has the same object, though its own was equal, or the
    /// next edit would find it and none of the others.
    fn share_code(
        &mut self,
        function: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        if !self.loops {
            return Ok(());
        }
        if !function.getattr(kit.name("__code__"))?.is(was) {
            // Held by the caller and, twice, by the log.
            if reference_count(was) > 3 {
                self.nested.push((was.clone(), code.clone()));
            }
            return Ok(());
        }
        // Held by the caller and by the new function.
        if reference_count(code) <= 2 {
            return Ok(());
        }
        set_code(kit, function, code)?;
        // Held by the caller and by the log: more means that those of an earlier run live.
        if reference_count(was) > 2 {
            self.nested.push((was.clone(), code.clone()));
        }
        Ok(())
    }

    /// Whether a statement that ran before has brought a lambda up to date already: what is found
    /// in its place elsewhere is no twin of it, and it is none of what was there.
    pub fn is_current(&self, function: &Bound<'py, PyAny>) -> PyResult<bool> {
        Ok(self.current.contains(&(function.as_ptr() as usize))
            && !self.made.iter().any(|(_, kept)| kept.is(function))
            && is_text(&function.getattr("__name__")?, "<lambda>"))
    }

    /// Whether another module has a function by its name: it stays what it is for all who use that,
    /// also where a library puts it into a class, or a wrapper that says it is it.
    fn is_of_another(&self, function: &Bound<'py, PyAny>) -> PyResult<bool> {
        let home = function.getattr(self.kit.name("__globals__"))?;
        if home.is(&self.dict) {
            return Ok(false);
        }
        let found = home.get_item(function.getattr("__name__")?);
        Ok(found.is_ok_and(|found| found.is(function)))
    }

    /// Makes `old` what `new` is. The object that is to be bound: `old` where that worked.
    pub fn update_function(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        if old.is(new) {
            return Ok(old.clone());
        }
        if !old.getattr("__globals__")?.is(new.getattr("__globals__")?) {
            // A wrapper of another module's decorator now, or it was: its globals cannot be exchanged.
            if self.follow_inside(old, new)? && class.is_none() {
                self.replaced.push(Replaced {
                    from: old.clone(),
                    to: new.clone(),
                    lived: false,
                });
            }
            return Ok(new.clone());
        }
        if self.is_of_another(old)? || self.is_of_another(new)? {
            return Ok(new.clone());
        }
        let closure = new.getattr(kit.name("__closure__"))?;
        if let Ok(cells) = closure.cast::<PyTuple>() {
            self.keep_inner(old, new, cells)?;
        }
        let code = new.getattr(kit.name("__code__"))?;
        let fresh = (!closure.is_none()).then_some(new);
        self.tx.function(kit, old)?;
        let was = old.getattr(kit.name("__code__"))?;
        if !self.give_code(old, &code, class, fresh)? {
            return Ok(new.clone());
        }
        self.share_code(old, &was, &code)?;
        self.twins.push((new.clone(), old.clone()));
        self.made.push((new.clone(), old.clone()));
        self.current.insert(old.as_ptr() as usize);
        // Held by us and, twice, by the log.
        if reference_count(&was) > 3 {
            self.codes.push((was, code));
        }
        let mut parts = vec![
            "__defaults__",
            "__kwdefaults__",
            "__doc__",
            "__name__",
            "__qualname__",
            "__module__",
        ];
        parts.push(if kit.version >= (3, 14) {
            "__annotate__"
        } else {
            "__annotations__"
        });
        if kit.version >= (3, 12) {
            parts.push("__type_params__");
        }
        for name in parts {
            let value = new.getattr(name)?;
            let now = old.getattr(name)?;
            // A wrapper that copied this dict shares it with what it wraps.
            let shared =
                name == "__kwdefaults__" && !value.is_none() && reference_count(&value) > 2;
            // Assigning an equal value would cost the function its specialisation (3.13+).
            if value.is(&now)
                || (!shared
                    && name != "__annotate__"
                    && name != "__type_params__"
                    && identical(&now, &value))
            {
                continue;
            }
            if name == "__annotate__" && value.is_none() && now.is_none()
                || name == "__module__" && is_above(&now, &value)
            {
                continue;
            }
            old.setattr(name, value)?;
        }
        let attributes = new.getattr("__dict__")?.cast_into::<PyDict>()?;
        let own = old.getattr("__dict__")?.cast_into::<PyDict>()?;
        // `__wrapped__`, `__isabstractmethod__` and the like come from decorators, not from the program.
        for key in own.keys() {
            let name = text(&key);
            if name.starts_with("__") && name.ends_with("__") && !attributes.contains(&key)? {
                own.del_item(&key)?;
            }
        }
        for (key, value) in attributes.iter() {
            let kept = match own.get_item(&key)? {
                Some(before) if text(&key) == "__wrapped__" && same_name(&before, &value)? => {
                    self.reconcile(&before, &value, class)?
                }
                _ => value,
            };
            own.set_item(key, kept)?;
        }
        if let (Some(twin), Some(living)) = (
            attributes.get_item("__wrapped__")?,
            own.get_item("__wrapped__")?,
        ) {
            self.copied_entries(&own, &twin, &living)?;
        }
        Ok(old.clone())
    }

    /// `functools.wraps(C)` copies the entries of a class into the wrapper's attributes: of its twin
    /// they are to be those of the class that lives on.
    pub(super) fn copied_entries(
        &self,
        attributes: &Bound<'py, PyDict>,
        twin: &Bound<'py, PyAny>,
        living: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        if !kit.is_class(twin) || !kit.is_class(living) || twin.is(living) {
            return Ok(());
        }
        let (theirs, ours) = (kit.class_dict(twin)?, kit.class_dict(living)?);
        for (key, value) in attributes.copy()?.iter() {
            if let Some(copied) = theirs.get_item(&key)?
                && copied.is(&value)
                && let Some(kept) = ours.get_item(&key)?
            {
                attributes.set_item(key, kept)?;
            }
        }
        Ok(())
    }

    /// Inner functions that a closure holds keep their identity as well.
    fn keep_inner(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        cells: &Bound<'py, PyTuple>,
    ) -> PyResult<()> {
        let Ok(own) = old
            .getattr(self.kit.name("__closure__"))?
            .cast_into::<PyTuple>()
        else {
            return Ok(());
        };
        let had: Vec<String> = old
            .getattr(self.kit.name("__code__"))?
            .getattr(self.kit.name("co_freevars"))?
            .extract()?;
        let has: Vec<String> = new
            .getattr(self.kit.name("__code__"))?
            .getattr(self.kit.name("co_freevars"))?
            .extract()?;
        for (name, cell) in has.iter().zip(cells.iter()) {
            let Some(at) = had.iter().position(|h| h == name) else {
                continue;
            };
            let (Ok(before), Ok(after)) = (
                own.get_item(at)?.getattr("cell_contents"),
                cell.getattr("cell_contents"),
            ) else {
                continue;
            };
            if after.is(new) {
                // A function that refers to itself refers to the one that lives on.
                cell.setattr("cell_contents", old)?;
                continue;
            }
            if !before.is(&after)
                && !before.is(old)
                && (self.kit.is_function(&before) || self.kit.is_cache(&before))
                && before.get_type().is(after.get_type())
                && same_name(&before, &after)?
            {
                let kept = self.reconcile(&before, &after, None)?;
                cell.setattr("cell_contents", kept)?;
            }
        }
        Ok(())
    }

    /// The same where both are objects that only say which function they wrap, as a wrapper in C does:
    /// the one that is defined here, once.
    pub(super) fn follow_wrapped(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let kind = old.get_type();
        let own_code = |hook| kind.getattr(hook).is_ok_and(|hook| kit.is_function(&hook));
        // It may be asked for anything, and do something then.
        if own_code("__getattr__") || own_code("__getattribute__") {
            return Ok(());
        }
        for value in [old, new] {
            let Ok(inner) = value.getattr(kit.name("__wrapped__")) else {
                return Ok(());
            };
            if !kit.is_function(&inner)
                || text(&inner.getattr("__qualname__")?).contains('<')
                || !inner.getattr(kit.name("__closure__"))?.is_none()
            {
                return Ok(());
            }
        }
        self.follow_inside(old, new).map(drop)
    }

    /// `old` cannot become `new`; but the functions of this module inside it can follow those
    /// inside `new`, so that whoever holds `old` runs new code. Whether there are such of one name.
    fn follow_inside(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let kit = self.kit;
        let unwrap = |value: &Bound<'py, PyAny>| -> Option<Bound<'py, PyAny>> {
            let mut at = value.clone();
            for _ in 0..8 {
                if kit.is_function(&at) && at.getattr("__globals__").is_ok_and(|g| g.is(&self.dict))
                {
                    return Some(at);
                }
                at = at
                    .getattr(kit.name("__wrapped__"))
                    .or_else(|_| at.getattr(kit.name("__func__")))
                    .ok()?;
            }
            None
        };
        // A wrapper that does not say whose it is has the function all the same.
        let named = |of: Option<Bound<'py, PyAny>>, within: &Bound<'py, PyAny>| {
            let name = text(&kit.code_of(&of?).ok()?.getattr("co_name").ok()?);
            let mut found = None;
            search(kit, within, &self.dict, &mut |candidate| {
                let own = || -> PyResult<bool> {
                    let code = kit.code_of(candidate)?;
                    Ok(kit.globals_of(candidate)?.is(&self.dict)
                        && text(&code.getattr("co_name")?) == name)
                };
                if kit.is_function(candidate) && own().unwrap_or(false) {
                    found = Some(candidate.clone());
                }
                found.is_some()
            })
            .ok()?;
            found
        };
        let (a, b) = (unwrap(old), unwrap(new));
        let (a, b) = match (a, b) {
            (a @ Some(_), None) => (a.clone(), named(a, new)),
            (None, b @ Some(_)) => (named(b.clone(), old), b),
            both => both,
        };
        if let (Some(a), Some(b)) = (a, b)
            && !a.is(&b)
            && a.getattr("__qualname__")?.eq(b.getattr("__qualname__")?)?
        {
            let code = b.getattr(kit.name("__code__"))?;
            let fresh = (!b.getattr(kit.name("__closure__"))?.is_none()).then_some(&b);
            self.give_code(&a, &code, None, fresh)?;
            for part in ["__defaults__", "__kwdefaults__"] {
                self.tx.set_attribute(&a, part, &b.getattr(part)?)?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Whether two functions (or what is made of them) come from one definition, by their names.
fn same_name(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<bool> {
    match (a.getattr("__qualname__"), b.getattr("__qualname__")) {
        (Ok(a), Ok(b)) => a.eq(b),
        _ => Ok(true),
    }
}

/// How deep containers in containers are compared: what is deeper, or goes round, is another one.
const DEEPEST: usize = 32;

/// Equal in type and value, for the plain values that functions carry around.
pub fn identical(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    identical_inside(a, b, 0)
}

fn identical_inside(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, depth: usize) -> bool {
    if a.is(b) {
        return true;
    }
    if depth > DEEPEST {
        return false;
    }
    let inside = |a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>| identical_inside(a, b, depth + 1);
    if !a.get_type().is(b.get_type()) {
        return false;
    }
    if let (Ok(x), Ok(y)) = (a.cast_exact::<PyTuple>(), b.cast_exact::<PyTuple>()) {
        return x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| inside(&x, &y));
    }
    if let (Ok(x), Ok(y)) = (a.cast_exact::<PyDict>(), b.cast_exact::<PyDict>()) {
        return x.len() == y.len()
            && x.iter()
                .zip(y.iter())
                .all(|(x, y)| inside(&x.0, &y.0) && inside(&x.1, &y.1));
    }
    // 0.0 and -0.0 are equal and not the same; their texts differ.
    if a.is_exact_instance_of::<PyFloat>() || a.is_exact_instance_of::<PyComplex>() {
        return same_repr(a, b);
    }
    if a.is_exact_instance_of::<PyFrozenSet>() || a.is_exact_instance_of::<PyRange>() {
        return a.eq(b).unwrap_or(false) && same_repr(a, b);
    }
    plain(a) && a.eq(b).unwrap_or(false)
}

pub(super) fn same_repr(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    match (a.repr(), b.repr()) {
        (Ok(a), Ok(b)) => text(a.as_any()) == text(b.as_any()),
        _ => false,
    }
}
