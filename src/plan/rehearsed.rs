//! Which statements make objects and change them, so that running them on others of their own tells
//! what import gives: see `apply::rehearsal`.

use std::collections::BTreeSet;

use super::root;
use crate::outline::{Kind, Outline, Statement};

/// So many statements, and names: a longer story is not told twice.
const MOST: usize = 48;

/// Statements of a text in their order, and what they are about.
#[derive(Debug, Default)]
pub struct Rehearsed {
    pub statements: BTreeSet<usize>,
    /// Names that these statements bind.
    pub bound: BTreeSet<String>,
    /// Those of definitions among them.
    pub made: BTreeSet<String>,
    /// Definitions that ask these objects for something when they are made: defaults, attributes.
    pub asking: BTreeSet<usize>,
}

/// What tells of a name whether it has an object that may change.
pub type MayChange<'c> = &'c dyn Fn(&str) -> bool;

/// The names that a statement deals with when it runs, by functions of the module that it calls, too.
pub fn dealt_with(outline: &Outline, statement: &Statement) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut calls: Vec<&str> = Vec::new();
    let uses = &statement.uses;
    // What a lambda does, or a function that a decorator is told of, is done by others.
    for uses in [uses, &statement.later] {
        let own = uses.reads.iter().chain(&uses.calls).chain(&uses.mutates);
        out.extend(own.map(|path| root(path).to_owned()));
        calls.extend(uses.reads.iter().chain(&uses.calls).map(|path| root(path)));
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = calls.pop() {
        if seen.len() > MOST || !seen.insert(name) {
            continue;
        }
        for at in outline.index().writers(&outline.body, name) {
            let function = &outline.body[at];
            if function.kind == Kind::Function {
                let later = &function.later;
                let all = later.reads.iter().chain(&later.calls);
                let all = all.chain(&later.mutates).chain(&later.global_writes);
                out.extend(all.map(|path| root(path).to_owned()));
                calls.extend(later.calls.iter().map(|path| root(path)));
            }
        }
    }
    out
}

/// All statements that have to do with these names, and with what they have to do with. `None` where
/// they are too many, or one of them cannot be run aside.
pub fn rehearsed(
    outline: &Outline,
    names: &BTreeSet<String>,
    may_change: MayChange<'_>,
) -> Option<Rehearsed> {
    let mut out = Rehearsed::default();
    let mut todo: Vec<String> = names.iter().cloned().collect();
    let mut seen: BTreeSet<String> = names.clone();
    let mut dealt = BTreeSet::new();
    while let Some(name) = todo.pop() {
        let body = &outline.body;
        let index = outline.index();
        let mut places = index.writers(body, &name);
        places.extend(index.readers(body, &name));
        // Functions that read it, and who calls those while the module is imported.
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut functions = index.live_later(body, &name);
        while let Some(at) = functions.pop() {
            let function = &body[at];
            if function.kind != Kind::Function || !asked.insert(function.name.clone()) {
                continue;
            }
            if asked.len() > MOST {
                return None;
            }
            places.extend(index.readers(body, &function.name));
            functions.extend(index.live_later(body, &function.name));
        }
        for at in places {
            let statement = &body[at];
            if out.statements.contains(&at) {
                continue;
            }
            let makes = &statement.uses;
            match statement.kind {
                // What another module made is looked at, not made.
                Kind::Import | Kind::MainGuard | Kind::Docstring | Kind::Annotation => continue,
                Kind::Class if only_asks(statement, &name) => {
                    out.asking.insert(at);
                    continue;
                }
                Kind::Class => return None,
                Kind::Function if statement.decorators == 0 && !asked_for(statement, &name) => {
                    continue;
                }
                Kind::Compound if defines(statement) => return None,
                _ => {}
            }
            if makes.opaque || out.statements.len() >= MOST {
                return None;
            }
            out.statements.insert(at);
            if statement.kind == Kind::Function && statement.decorators == 0 {
                out.asking.insert(at);
            }
            let deals = dealt_with(outline, statement);
            let binds = makes.binds.iter().chain(&makes.global_writes);
            for bound in binds {
                // What a decorator makes of it may be an object that is asked for.
                if statement.kind == Kind::Function && !names.contains(bound) {
                    out.made.insert(bound.clone());
                }
                out.bound.insert(bound.clone());
                if seen.insert(bound.clone()) {
                    todo.push(bound.clone());
                }
            }
            for name in deals.iter().filter(|name| may_change(name)) {
                if seen.insert(name.clone()) {
                    todo.push(name.clone());
                }
            }
            dealt.extend(deals);
        }
    }
    // What another line binds further down they do not see.
    let bound_below = |at: usize| {
        let uses = &outline.body[at].uses;
        let mut reads = uses.reads.iter().chain(&uses.calls).map(|path| root(path));
        reads.any(|name| {
            let mut below = out.statements.range(at + 1..);
            below.any(|i| {
                outline.body[*i]
                    .uses
                    .binds
                    .iter()
                    .any(|bound| bound == name)
            })
        })
    };
    let hidden: Vec<usize> = out
        .asking
        .iter()
        .copied()
        .filter(|at| bound_below(*at))
        .collect();
    out.asking.retain(|at| !hidden.contains(at));
    // A class that would have to be another one, too.
    let mut asking = out.asking.iter().map(|at| &outline.body[*at]);
    let used = asking.any(|s| s.kind == Kind::Class && dealt.contains(&s.name));
    (!used).then_some(out)
}

/// Whether the body of a class reads an object, and does nothing else to it.
fn only_asks(class: &Statement, name: &str) -> bool {
    let uses = &class.uses;
    let of_name = |path: &String| root(path) == name;
    class.decorators == 0
        && !uses.calls.iter().any(of_name)
        && !uses.mutates.iter().any(of_name)
        && !uses.binds.iter().any(of_name)
}

/// Whether a definition has to do with a name when it runs.
fn asked_for(statement: &Statement, name: &str) -> bool {
    let uses = &statement.uses;
    let mut reads = uses.reads.iter().chain(&uses.calls);
    reads.any(|path| root(path) == name)
}

fn defines(statement: &Statement) -> bool {
    !statement.imports.is_empty()
        || statement.body.iter().any(|inner| {
            matches!(inner.kind, Kind::Function | Kind::Class | Kind::Import) || defines(inner)
        })
}
