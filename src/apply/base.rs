//! What import had given a name: the base of a merge, made again aside from the old statements,
//! where making it has no effect but the value.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::collections::mergeable;
use super::compile::Source;
use super::members::mangled;
use super::module::Run;
use super::retract::other_then;
use crate::diff::What;
use crate::outline::{Kind, Outline, Statement, Value, fills_argument};
use crate::plan::{self, Dirty, Functions, affected_members, affected_statement, rewritten};

/// So many statements are run again for one base, and no more.
const MOST: usize = 1_000;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What other modules changed, and the methods and properties here that act differently for
    /// it: those would already tell the new values when an old statement is made again aside.
    pub(super) fn outside_with_members(&self, old: &Source<'_>) -> &Dirty {
        self.outside.get_or_init(|| self.members_outside(old))
    }

    fn members_outside(&self, old: &Source<'_>) -> Dirty {
        let mut outside = self.job.outside.clone();
        outside.all_filled();
        if !outside.is_empty() {
            let classes = old.outline.body.iter().filter(|s| s.kind == Kind::Class);
            for class in classes {
                affected_members(class, "", &self.functions, &mut outside);
            }
            // Other names of their objects, which may have changed inside.
            let aliases = old.outline.body.iter().filter(|s| {
                s.kind == Kind::Assign && s.value == Value::Pure && !s.uses.reads.is_empty()
            });
            for alias in aliases {
                if outside.reads_any(&alias.uses.reads) {
                    outside.value(&alias.name, "which is another name of what changed");
                }
            }
        }
        outside
    }

    /// The value that the old statements gave a name at import.
    pub(super) fn import_value(&self, old: &Source<'_>, name: &str) -> Option<Bound<'py, PyAny>> {
        let had = Functions::of(old.outline);
        let (_, links) = chain(old.outline, name, usize::MAX)?;
        let Some(again) = self.replayable(old, &had, name) else {
            // What functions put there does not stand in the text.
            let by_functions = through_functions(old.outline, &had, name, 0..usize::MAX);
            return match by_functions.is_empty() {
                true => self.skeleton(old, name, &links),
                false => None,
            };
        };
        let body = &old.outline.body;
        let scratch = self.before.copy().ok()?;
        for &at in &again {
            let statement = &body[at];
            self.as_it_was(&scratch, statement).ok()?;
            let code = old.again(self.work.kit, statement).ok()?;
            if plan::looks_at_all(&statement.uses) || plan::fills_from_all(statement) {
                let above = above(&scratch, old.outline, at).ok()?;
                self.work.kit.exec.call1((code, &above)).ok()?;
                for name in &statement.uses.binds {
                    scratch.set_item(name, above.get_item(name).ok()??).ok()?;
                }
            } else {
                self.work.kit.exec.call1((code, &scratch)).ok()?;
            }
            // `A = B` gives B's object, which is in use: nothing may be put into that.
            let pure = statement.value == Value::Pure && statement.kind == Kind::Assign;
            if let Some(bound) = statement.uses.binds.first().filter(|_| pure) {
                let made = scratch.get_item(bound).ok()??;
                let (_, links) = chain(old.outline, bound, usize::MAX)?;
                // Unless that was made here.
                let origin = had.same().names(bound).first();
                let origin = origin.and_then(|name| chain(old.outline, name, at));
                let own = origin.is_some_and(|(origin, _)| again.contains(&origin));
                if mergeable(&made) && links.len() > 1 && !own {
                    return None;
                }
            }
        }
        scratch.get_item(name).ok()?
    }

    /// The old statements that made a name what it was at import, in their order, and those that
    /// made what these read where that is another value by now. None if running one of them has
    /// an effect besides, or would not give the same today.
    fn replayable(
        &self,
        old: &Source<'_>,
        had: &Functions<'_>,
        name: &str,
    ) -> Option<BTreeSet<usize>> {
        let outside = self.outside_with_members(old);
        let body = &old.outline.body;
        let mut out = BTreeSet::new();
        let mut todo = vec![(name.to_owned(), usize::MAX)];
        while let Some((name, end)) = todo.pop() {
            let (origin, mut links) = chain(old.outline, &name, end)?;
            links.extend(through_functions(old.outline, had, &name, origin..end));
            let others = had.same().places(&name).iter().copied();
            links.extend(others.filter(|at| (origin..end).contains(at)));
            for at in links {
                if !out.insert(at) {
                    continue;
                }
                let statement = &body[at];
                if out.len() > MOST
                    || affected_statement(statement, &self.functions, outside).is_some()
                {
                    return None;
                }
                if !only_makes(statement, &name, had.same().names(&name), at == origin) {
                    // `put("a", 1)`: with the function as it was, and all that it fills.
                    let (functions, filled) = only_fills(old.outline, had, statement)?;
                    // It may go by what they set: `if _ready: return`.
                    let set = functions
                        .iter()
                        .flat_map(|at| &body[*at].later.global_writes);
                    todo.extend(set.map(|name| (name.clone(), end)));
                    out.extend(functions);
                    let own =
                        |other: &String| *other == name || had.same().names(&name).contains(other);
                    let others = filled.into_iter().filter(|other| !own(other));
                    todo.extend(others.map(|other| (other, end)));
                }
                let others = other_then(old.outline, &name, &[at]);
                todo.extend(others.into_iter().map(|other| (other, at)));
            }
        }
        Some(out)
    }

    /// Lets names of changed modules, and of changed classes, mean in `scratch` what they meant before.
    pub(super) fn as_it_was(
        &self,
        scratch: &Bound<'py, PyDict>,
        reader: &Statement,
    ) -> PyResult<()> {
        for (path, old) in self.job.was {
            let inside = format!("{path}.");
            // `conf.__dict__["PORT"]`
            let holder = path.rsplit_once('.').map(|(holder, _)| holder);
            let all = holder.map(|holder| format!("{holder}.__dict__"));
            let reads = |read: &String| {
                read == path || read.starts_with(&inside) || Some(read) == all.as_ref()
            };
            if !reader.uses.reads.iter().any(reads) {
                continue;
            }
            self.stand_in(scratch, path, old)?;
        }
        for path in &reader.uses.reads {
            self.entries_as_they_were(scratch, path)?;
        }
        Ok(())
    }

    /// The same of what classes have: brought up to date in place, they say nothing of what they had.
    fn entries_as_they_were(&self, scratch: &Bound<'py, PyDict>, path: &str) -> PyResult<()> {
        let kit = self.work.kit;
        let mut ends = path.match_indices('.').map(|(at, _)| at);
        let Some(mut end) = ends.next() else {
            return Ok(());
        };
        let mut found = self.before.get_item(&path[..end])?;
        for next in ends.chain([path.len()]) {
            let name = &path[end + 1..next];
            let Some(value) = found.filter(|value| kit.is_class(value)) else {
                break;
            };
            let was = self.work.tx.first_entry(&value, name);
            if let Some(was) = &was {
                self.stand_in(scratch, &path[..next], was)?;
            }
            found = match was {
                Some(was) => Some(was),
                None => kit.class_entry(&value, name)?,
            };
            end = next;
        }
        Ok(())
    }

    /// Gives a path another value in a namespace: stand-ins for the modules on the way, with the one
    /// attribute as it was.
    pub(super) fn stand_in(
        &self,
        scratch: &Bound<'py, PyDict>,
        path: &str,
        old: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let mut holder: Bound<'py, PyDict> = scratch.clone();
        let parts: Vec<&str> = path.split('.').collect();
        for (at, part) in parts.iter().enumerate() {
            if at + 1 == parts.len() {
                holder.set_item(part, old)?;
                break;
            }
            let Some(module) = holder.get_item(part)? else {
                break;
            };
            let py = self.work.kit.py;
            let stand_in = py.import("types")?.getattr("SimpleNamespace")?.call0()?;
            let state = stand_in.getattr("__dict__")?.cast_into::<PyDict>()?;
            let names = module.getattr("__dict__")?;
            state.update(names.cast::<pyo3::types::PyMapping>()?)?;
            holder.set_item(part, stand_in)?;
            holder = state;
        }
        Ok(())
    }
}

/// A module's names without those that only statements from `at` on bind.
fn above<'py>(
    names: &Bound<'py, PyDict>,
    outline: &Outline,
    at: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let bound = |range: std::ops::Range<usize>| -> BTreeSet<&String> {
        range.flat_map(|i| &outline.body[i].uses.binds).collect()
    };
    let out = names.copy()?;
    for name in bound(at..outline.body.len()).difference(&bound(0..at)) {
        if out.contains(name)? {
            out.del_item(name)?;
        }
    }
    Ok(out)
}

/// The statements of a range that call functions which do something to a name.
fn through_functions(
    outline: &Outline,
    had: &Functions<'_>,
    name: &str,
    range: std::ops::Range<usize>,
) -> Vec<usize> {
    let own = |at: &usize| outline.body[*at].uses.mutates.iter().any(|n| n == name);
    let found = had.changing(name).into_iter();
    found.filter(|at| range.contains(at) && !own(at)).collect()
}

/// Builtins that make data of what they are given and do nothing else, `ROWS.append(dict(name=name))`, or what is
/// raised.
const MAKES_DATA: [&str; 35] = [
    "Exception",
    "IndexError",
    "KeyError",
    "LookupError",
    "RuntimeError",
    "TypeError",
    "ValueError",
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "frozenset",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "ord",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "zip",
];

/// The definitions of the functions that a call statement calls, directly or not, and the names of
/// what they fill, if that is all they do.
pub(super) fn only_fills(
    outline: &Outline,
    had: &Functions<'_>,
    statement: &Statement,
) -> Option<(BTreeSet<usize>, BTreeSet<String>)> {
    let body = &outline.body;
    if statement.kind != Kind::Expr || had.opaque(&statement.uses.calls) {
        return None;
    }
    let (mut found, mut filled) = (BTreeSet::new(), BTreeSet::new());
    let mut todo: Vec<&String> = statement.uses.calls.iter().collect();
    let library = |path: &str| fills_argument(path) && is_imported(outline, path);
    while let Some(path) = todo.pop() {
        if library(path) {
            continue;
        }
        if let Some((owner, _)) = path.split_once('.') {
            // A method of what is filled, and of nothing else.
            if !filled.contains(owner) {
                return None;
            }
            continue;
        }
        let mut writers = outline.index().writers(body, path);
        writers.retain(|writer| body[*writer].span.start < statement.span.start);
        if writers.is_empty() && MAKES_DATA.contains(&path.as_str()) {
            continue;
        }
        let [definition] = writers[..] else {
            return None;
        };
        let (function, later) = (&body[definition], &body[definition].later);
        let fills = function.kind == Kind::Function
            && function.decorators == 0
            && function.uses.calls.is_empty()
            // Numbers that it counts up are seen to: see `counted`.
            && later.global_writes.iter().all(|name| later.reads.contains(name));
        if !fills {
            return None;
        }
        filled.extend(later.mutates.iter().cloned());
        if found.insert(definition) {
            todo.extend(&later.calls);
        }
    }
    (!found.is_empty()).then_some((found, filled))
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What unchanged statements of a class body give its attributes, where that hangs on nothing else:
    /// a class that is made again, for its decorators, keeps what the program has put there. By path:
    /// of classes inside it, too.
    pub(super) fn class_literals(&self, at: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        let new = &self.job.new.outline.body[at];
        self.literals_inside(new, self.old_statement(at), Some(self.what(at)), &new.name)
    }

    /// The same of a class of this path; `what` became of it, if not nothing.
    pub(super) fn literals_inside(
        &self,
        new: &'a Statement,
        old: Option<&'a Statement>,
        what: Option<&'a What>,
        path: &str,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let out = PyDict::new(self.work.kit.py);
        if new.kind == Kind::Class && self.job.old.is_some() && self.work.merge {
            self.add_literals(new, old, what, path, &out)?;
        }
        Ok((!out.is_empty()).then_some(out))
    }

    fn add_literals(
        &self,
        new: &'a Statement,
        old: Option<&'a Statement>,
        what: Option<&'a What>,
        path: &str,
        out: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let inner = match what {
            Some(What::Header(Some(changes)) | What::Inner(changes)) => Some(changes),
            Some(What::Same) | None => None,
            _ => return Ok(()),
        };
        // Of several that give an attribute its value the last one counts.
        let others = inner.map_or_else(BTreeSet::new, |changes| rewritten(new, changes));
        let gone = inner.iter().flat_map(|changes| &changes.removed);
        let gone = gone.filter_map(|at| old?.body.get(*at));
        let gone: BTreeSet<_> = gone.flat_map(|member| &member.uses.binds).collect();
        // A decorator may have put other plain values into the class.
        let decorated = |old: &Statement| old.decorators != new.decorators;
        let decorated = old.is_none_or(decorated);
        for (at, member) in new.body.iter().enumerate() {
            let change = inner.map(|changes| changes.items.iter().find(|change| change.new == at));
            let (was, what) = match change {
                None => (old.and_then(|old| old.body.get(at)), None),
                Some(Some(change)) => {
                    let was = change.old.and_then(|was| old?.body.get(was));
                    (was, Some(&change.what))
                }
                Some(None) => continue,
            };
            if member.kind == Kind::Class && (was.is_some() || inner.is_none()) {
                self.add_literals(member, was, what, &format!("{path}.{}", member.name), out)?;
            }
            if !matches!(what, None | Some(What::Same))
                || change.is_some() && was.is_none()
                || others.contains(&at)
                || member.uses.binds.iter().any(|name| gone.contains(name))
                || decorated && member.value != Value::Container
            {
                continue;
            }
            // Builtins, and what makes an empty container.
            let makes = |path: &str| {
                member.value == Value::Container
                    && matches!(
                        path.rsplit('.').next(),
                        Some("defaultdict" | "OrderedDict" | "deque" | "Counter")
                    )
            };
            let own = |path: &String| {
                let name = path.split('.').next().unwrap_or(path);
                !makes(path) && self.job.dict.contains(name).unwrap_or(true)
            };
            let uses = &member.uses;
            if member.kind != Kind::Assign
                || !matches!(member.value, Value::Container | Value::Pure)
                || uses.reads.iter().any(own)
            {
                continue;
            }
            let Some(code) = self.job.new.value(kit, member) else {
                continue;
            };
            if let (Ok(value), [name]) = (
                kit.eval.call1((code, &self.job.dict)),
                uses.binds.as_slice(),
            ) {
                let name = mangled(name, Some(&new.name));
                out.set_item(format!("{path}.{name}"), value)?;
            }
        }
        Ok(())
    }
}

/// Whether a statement does nothing but make this name, which has `others` of the same, or fill
/// what it is bound to.
fn only_makes(statement: &Statement, name: &str, others: &[String], origin: bool) -> bool {
    let uses = &statement.uses;
    let is = |n: &str| n == name || others.iter().any(|other| other == n);
    let own_method = |path: &String| path.split_once('.').is_some_and(|(owner, _)| is(owner));
    if statement.given_of().is_some() && !origin && uses.binds.iter().all(|n| is(n)) {
        return true;
    }
    let defines =
        statement.kind == Kind::Function && statement.decorators == 0 && uses.calls.is_empty();
    if origin && defines {
        return true;
    }
    (origin || uses.mutates.iter().all(|n| is(n)))
        && (statement.kind != Kind::Compound || !origin && !defines_inside(statement))
        && (statement.value != Value::Other
            || origin && plan::looks_at_all(uses)
            || !origin && plan::fills_from_all(statement)
            || !origin
                && uses
                    .calls
                    .iter()
                    .all(|path| own_method(path) || fills_argument(path)))
}

/// Whether a path begins with a name that only imports bind.
fn is_imported(outline: &Outline, path: &str) -> bool {
    let name = path.split('.').next().unwrap_or(path);
    let writers = outline.index().writers(&outline.body, name);
    let mut statements = writers.iter().map(|at| &outline.body[*at]);
    statements.all(|writer| writer.kind == Kind::Import)
}

/// Whether a loop or branch has definitions: made again they would be other objects than those that live.
fn defines_inside(statement: &Statement) -> bool {
    let mut parts = statement.body.iter();
    parts.any(|part| matches!(part.kind, Kind::Function | Kind::Class) || defines_inside(part))
}

/// The statement before `end` that made what a name is bound to there, and the statements, with
/// that one, that did something to it.
pub(super) fn chain(outline: &Outline, name: &str, end: usize) -> Option<(usize, Vec<usize>)> {
    let body = &outline.body;
    let has = |names: &[String]| names.iter().any(|n| n == name);
    let mut writers = outline.index().writers(body, name);
    writers.retain(|at| *at < end);
    let makes = |at: &usize| has(&body[*at].uses.binds) && !has(&body[*at].uses.mutates);
    let origin = writers.iter().copied().rfind(makes)?;
    let links = writers.into_iter().filter(|at| *at >= origin);
    let links = links.filter(|&at| at == origin || has(&body[at].uses.mutates));
    Some((origin, links.collect()))
}
