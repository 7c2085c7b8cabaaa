//! What becomes of statements that did not change, and what differs when they have run.

use std::collections::BTreeSet;

use super::dirty::Dirty;
use super::functions::{Functions, path_of_acting};
use super::root;
use super::settled::Seen;
use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Outline, Statement, Uses};

/// What becomes of a statement that did not change.
pub enum Affected {
    /// It must run again.
    Runs(String),
    /// It would give the same again, but what it gives acts differently when it is called.
    Acts(String),
    /// It must run again if what it gave is no object with a life of its own: see `given`. Else, if
    /// it `acts`, what it gave acts differently.
    Given { why: String, acts: bool },
}

/// What becomes of a statement that did not change, and why.
pub fn affected_statement(
    statement: &Statement,
    functions: &Functions<'_>,
    dirty: &Dirty,
) -> Option<Affected> {
    if dirty.is_empty() {
        return None;
    }
    let with_hints = functions.with_hints(statement, dirty);
    let dirty = with_hints.as_ref().unwrap_or(dirty);
    let without = functions.without_handed(statement, dirty);
    let dirty = without.as_ref().unwrap_or(dirty);
    let affected = affected_at_once(statement, functions, dirty);
    let filled = || functions.filled_differs(statement, dirty);
    let affected = affected.or_else(|| filled().map(Affected::Runs));
    if let Some(Affected::Runs(_)) = affected {
        return affected;
    }
    let given = functions.statement_given(statement, dirty);
    let given = given.or_else(|| functions.given_declared(statement, dirty));
    let given = given.or_else(|| functions.given_names_differ(statement, dirty));
    let given = match statement.kind {
        Kind::Assign => given.or_else(|| functions.made_given(statement, dirty)),
        _ => given,
    };
    let acts = affected.is_some();
    given.map(|why| Affected::Given { why, acts }).or(affected)
}

/// The same, but for what it gives to what it calls.
fn affected_at_once(
    statement: &Statement,
    functions: &Functions<'_>,
    dirty: &Dirty,
) -> Option<Affected> {
    let told = &statement.told;
    if statement.applied.is_empty() || statement.kind == Kind::Class {
        let uses = &statement.uses;
        return affected_but_for(uses, &uses.calls, told, functions, dirty)
            .or_else(|| functions.implied_differs(statement, &statement.uses.calls, dirty))
            .or_else(|| functions.named_differs(statement, dirty))
            .or_else(|| functions.decorator_asks(statement, dirty))
            .or_else(|| functions.remade_within(statement, dirty))
            .or_else(|| functions.given_modules_differ(statement, dirty))
            .or_else(|| match statement.kind {
                Kind::Expr => functions.called_names_differ(statement, dirty),
                Kind::Class => functions.member_made(statement, dirty),
                _ => None,
            })
            .map(Affected::Runs);
    }
    let applied = || statement.applied.iter();
    let others = statement.uses.calls.iter();
    let others = others.filter(|call| applied().all(|(path, _)| path != *call));
    let others: Vec<String> = others.cloned().collect();
    affected_but_for(&statement.uses, &others, told, functions, dirty)
        .or_else(|| {
            applied().find_map(|(path, calls)| functions.applied_differs(path, *calls, dirty))
        })
        .or_else(|| functions.implied_differs(statement, &others, dirty))
        .or_else(|| functions.named_differs(statement, dirty))
        .map(Affected::Runs)
        .or_else(|| {
            applied()
                .find_map(|(path, calls)| functions.gives_differing(path, *calls, dirty))
                .map(Affected::Acts)
        })
}

/// Why a statement that did not change must run again, or `None`.
pub fn affected(uses: &Uses, functions: &Functions<'_>, dirty: &Dirty) -> Option<String> {
    affected_but_for(uses, &uses.calls, &[], functions, dirty)
}

/// The same of the bases and decorators of a class.
pub fn affected_head(
    class: &Statement,
    functions: &Functions<'_>,
    dirty: &Dirty,
) -> Option<String> {
    let head = &class.head;
    affected_but_for(head, &head.calls, &class.told, functions, dirty)
}

/// The same when it calls nothing but `calls`; `told`: see `Facts::told`.
fn affected_but_for(
    uses: &Uses,
    calls: &[String],
    told: &[String],
    functions: &Functions<'_>,
    dirty: &Dirty,
) -> Option<String> {
    if dirty.is_empty() {
        return None;
    }
    dirty
        .read_by(uses, told)
        .or_else(|| dirty.looked_into(uses))
        .or_else(|| functions.looks_into_kin(uses, dirty))
        .or_else(|| functions.names_differ(uses, dirty))
        .or_else(|| functions.acts_differently(calls, dirty))
        .or_else(|| functions.inherited(uses, dirty))
        .or_else(|| functions.asks_for_bases(uses, dirty))
        .or_else(|| functions.listed(&uses.reads, dirty))
        .or_else(|| {
            // What its operators call is asked for by `implied_differs`.
            let none = BTreeSet::new();
            let mut seen = Seen::default();
            let why = functions.members_differ(uses, (calls, &none), None, dirty, &mut seen);
            if why.is_none() {
                functions.all_same(seen, dirty);
            }
            why
        })
        .or_else(|| {
            let again = |p: &&String| {
                dirty.overwritten.contains(*p)
                    || dirty.values.contains_key(p.as_str()) && !dirty.filled.contains(*p)
            };
            let again = uses.writes.iter().find(again)?;
            Some(format!("changes {again}, which is bound again"))
        })
}

/// What differs when a statement has run that changes `name` in place or binds it: the name, or
/// attributes of a class, whose other users need not be told then.
pub fn changed_paths<'s>(
    statement: &'s Statement,
    name: &'s str,
    functions: &Functions<'_>,
) -> Vec<&'s str> {
    let uses = &statement.uses;
    let of_name = |path: &&String| root(path) == name;
    let paths: Vec<&str> = uses
        .writes
        .iter()
        .filter(of_name)
        .map(String::as_str)
        .collect();
    let simple = statement.kind != Kind::Compound && !uses.binds.iter().any(|n| n == name);
    match simple && !paths.is_empty() && functions.defines_class(name) {
        true => paths,
        false => vec![name],
    }
}

/// What a function has that chooses, by the class of what it is given, among those it was told of.
pub(super) const REGISTERS: &str = ".register";

/// The functions of a module that choose among those which were registered with them, as this one
/// was: `@size.register`.
pub fn chosen_by<'s>(
    statement: &'s Statement,
    outline: &'s Outline,
) -> impl Iterator<Item = &'s str> {
    let decorated = statement.kind == Kind::Function && statement.decorators != 0;
    let calls = statement.uses.calls.iter().filter(move |_| decorated);
    let found = calls.filter_map(|path| path.strip_suffix(REGISTERS));
    found.filter(|name| {
        let writers = outline.index().writers(&outline.body, name).into_iter();
        let mut writers = writers.map(|at| &outline.body[at]);
        writers.any(|s| s.kind == Kind::Function && s.name == **name)
    })
}

/// Why they do.
pub const CHOOSES_LESS: &str = "with which something is not registered any more";

/// The functions that chose among definitions which are not registered with them any more, and so
/// give something else now.
pub fn choose_less<'s>(
    old: &'s Outline,
    new: &'s Outline,
    changes: &'s Changes,
) -> impl Iterator<Item = &'s str> {
    let removed = changes.removed.iter().map(|at| (*at, None));
    let header = |c: &&Change| matches!(c.what, What::Header(_));
    let changed = changes.items.iter().filter(header);
    let changed = changed.filter_map(|c| Some((c.old?, Some(c.new))));
    removed.chain(changed).flat_map(move |(was, is)| {
        chosen_by(&old.body[was], old).filter(move |name| {
            is.is_none_or(|at| chosen_by(&new.body[at], new).all(|other| other != *name))
        })
    })
}

/// Whether another statement after `at` binds `name`, so that the value it gives at `at` is not
/// the one the module ends with.
pub fn rebound_later(new: &Outline, at: usize, name: &str) -> Option<usize> {
    let writers = new.index().writers(&new.body, name);
    writers.into_iter().filter(|i| *i > at).rfind(|&i| {
        let uses = &new.body[i].uses;
        uses.binds.iter().any(|n| n == name) || uses.deletes.iter().any(|n| n == name)
    })
}

/// The path of what acts differently when only the body of the function changed that stands at this
/// place: its own, or that of what it hands out. One whose name means something else in the end is
/// not to be had any more: what it made is made again.
pub fn path_that_acts(new: &Outline, at: usize, old: &Statement) -> String {
    let statement = &new.body[at];
    match rebound_later(new, at, &statement.name) {
        Some(_) => statement.name.clone(),
        None => path_of_acting(&statement.name, old, statement),
    }
}
