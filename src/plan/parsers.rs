//! Parsers of arguments: objects that many statements describe, and that refuse what they were told
//! before ("conflicting option"). One is made anew with all that it is told, as soon as one of the
//! statements that tell it something runs again or is gone.

use std::collections::BTreeSet;

use super::{Plan, Reached, root, run, runs};
use crate::diff::Changes;
use crate::outline::{Kind, Outline, Statement};

/// What makes a parser.
const PARSER: &str = "ArgumentParser";
/// Through so many functions it is followed.
const DEEP: usize = 3;

/// A parser, and the statements that tell it something, in their order.
struct Parser<'a> {
    name: &'a str,
    origin: usize,
    tellers: Vec<usize>,
    /// Its names and those of what it gave: `sub = parser.add_subparsers()`.
    names: BTreeSet<&'a str>,
}

/// The parsers of a module.
#[derive(Default)]
pub(super) struct Parsers<'a> {
    now: Vec<Parser<'a>>,
    /// Those of which a statement is gone that told them something.
    less: BTreeSet<&'a str>,
}

/// Whether a statement makes a parser.
pub(super) fn makes_one(statement: &Statement) -> bool {
    let made = |path: &String| path.rsplit('.').next() == Some(PARSER);
    statement.kind == Kind::Assign && statement.uses.calls.iter().any(made)
}

impl<'a> Parsers<'a> {
    pub fn of(old: &'a Outline, new: &'a Outline, changes: &Changes) -> Self {
        let now = parsers(new);
        if now.is_empty() {
            return Self::default();
        }
        let tells = |parser: &Parser<'_>| {
            let mut gone = changes.removed.iter();
            gone.any(|at| parser.tellers.contains(at))
        };
        let less = match changes.removed.is_empty() {
            true => Vec::new(),
            false => parsers(old),
        };
        let less = less.into_iter().filter(tells);
        let less = less.map(|parser| parser.name).collect();
        Self { now, less }
    }

    /// The names that are at stake with a parser.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let names = self.now.iter().flat_map(|parser| &parser.names);
        names.map(|name| (*name).to_owned())
    }

    /// Lets all statements of a parser run of which one does.
    pub fn restart(&self, reached: &Reached<'_>, plan: &mut Plan) -> bool {
        let mut grown = false;
        for parser in &self.now {
            let place = |at: &usize| reached.places.binary_search(at).ok();
            let tellers: Vec<usize> = parser.tellers.iter().filter_map(place).collect();
            let Some(origin) = place(&parser.origin) else {
                continue;
            };
            let again = runs(plan, origin)
                || self.less.contains(parser.name)
                || tellers.iter().any(|at| runs(plan, *at));
            if again && !tellers.is_empty() {
                for at in std::iter::once(origin).chain(tellers) {
                    grown |= run(plan, at, &format!("{} is made anew", parser.name));
                }
            }
        }
        grown
    }
}

fn parsers(outline: &Outline) -> Vec<Parser<'_>> {
    let index = outline.index();
    let mut makers = index.readers(&outline.body, PARSER);
    makers.extend(index.readers(&outline.body, "argparse"));
    let found: BTreeSet<usize> = makers.into_iter().collect();
    let found = found.into_iter().filter_map(|origin| {
        let statement = &outline.body[origin];
        match statement.uses.binds.as_slice() {
            [name] if makes_one(statement) => Some(told(outline, origin, name)),
            _ => None,
        }
    });
    found.collect()
}

fn told<'a>(outline: &'a Outline, origin: usize, name: &'a str) -> Parser<'a> {
    let mut parser = Parser {
        name,
        origin,
        tellers: Vec::new(),
        names: BTreeSet::from([name]),
    };
    let mut names = BTreeSet::from([name]);
    for (at, statement) in outline.body.iter().enumerate().skip(origin + 1) {
        if !matches!(
            statement.kind,
            Kind::Assign | Kind::AugAssign | Kind::Expr | Kind::Compound | Kind::Delete
        ) {
            continue;
        }
        let uses = &statement.uses;
        let gives = adds_to(outline, &uses.calls, &names, DEEP);
        let changed = uses
            .mutates
            .iter()
            .any(|name| names.contains(name.as_str()));
        let handed = || {
            // What is called itself is no argument.
            let mut reads = uses.reads.iter();
            reads.any(|path| names.contains(path.as_str()))
        };
        if gives || changed || !uses.calls.is_empty() && handed() {
            parser.tellers.push(at);
        }
        for bound in uses.binds.iter().chain(&uses.deletes) {
            match gives {
                true => names.insert(bound),
                false => names.remove(bound.as_str()),
            };
        }
        parser.names.extend(&names);
    }
    parser
}

/// Whether something is added to one of these by what is called: by its methods, or by functions of
/// the module that know it.
fn adds_to(outline: &Outline, calls: &[String], names: &BTreeSet<&str>, deep: usize) -> bool {
    let own = |path: &String| match path.split_once('.') {
        Some((owner, method)) => {
            names.contains(owner) && (method.starts_with("add_") || method.starts_with("set_"))
        }
        None => false,
    };
    let body = &outline.body;
    calls.iter().any(own)
        || deep > 0
            && calls.iter().any(|path| {
                let mut writers = outline.index().writers(body, root(path)).into_iter();
                writers.any(|at| {
                    let function = &body[at];
                    function.kind == Kind::Function
                        && adds_to(outline, &function.later.calls, names, deep - 1)
                })
            })
}
