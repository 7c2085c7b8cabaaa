//! What statements make and then fill: which of it can be made anew, and the chains of a class body.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::Changes;
use crate::outline::{Kind, Outline, Statement, Value};

/// `table = {}`, `table[int] = method`: a chain in a class body. When one of its statements runs
/// again, all do, from the fresh container; otherwise what is gone would stay in it.
pub struct Chains<'a> {
    old: &'a Statement,
    /// For each name what makes it, and what fills it after that.
    now: BTreeMap<&'a str, Vec<usize>>,
    /// Names that old statements filled which are gone or changed: those that they were become.
    gone: Vec<(Option<usize>, &'a str)>,
}

impl<'a> Chains<'a> {
    /// The chains of a class body, of which this became of the old one.
    pub fn of(old: &'a Statement, new: &'a Statement, inner: Option<&'a Changes>) -> Self {
        let mut gone = Vec::new();
        if let Some(inner) = inner {
            let removed = inner.removed.iter().map(|at| (None, *at));
            let kept = inner
                .items
                .iter()
                .filter_map(|c| Some((Some(c.new), c.old?)));
            for (now, was) in removed.chain(kept) {
                let mutates = old.body[was].uses.mutates.iter();
                gone.extend(mutates.map(|name| (now, name.as_str())));
            }
        }
        Self {
            old,
            now: chains(new),
            gone,
        }
    }

    /// The statements of a class body that run again, with the rest of their chains.
    pub fn whole(&self, mut again: BTreeSet<usize>) -> BTreeSet<usize> {
        loop {
            let before = again.len();
            for (name, links) in &self.now {
                let lost = |(now, filled): &(Option<usize>, &str)| {
                    filled == name && now.is_none_or(|now| again.contains(&now))
                };
                if links.iter().any(|link| again.contains(link)) || self.gone.iter().any(lost) {
                    again.extend(links);
                }
            }
            if again.len() == before {
                return again;
            }
        }
    }

    /// The chain of a name in the old body.
    pub fn before(&self, name: &str) -> Vec<&'a Statement> {
        let links = chains(self.old).remove(name).unwrap_or_default();
        links.into_iter().map(|at| &self.old.body[at]).collect()
    }
}

/// For each name that a class body binds to a fresh container: that statement, and those that
/// change the container. Only the last one that binds it counts.
fn chains(class: &Statement) -> BTreeMap<&str, Vec<usize>> {
    let mut out: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, member) in class.body.iter().enumerate() {
        let uses = &member.uses;
        for name in &uses.mutates {
            if let Some(links) = out.get_mut(name.as_str()) {
                links.push(at);
            }
        }
        for name in uses
            .binds
            .iter()
            .filter(|name| !uses.mutates.contains(name))
        {
            out.remove(name.as_str());
            let fresh = matches!(member.value, Value::Pure | Value::Container) || member.display;
            if member.kind == Kind::Assign && fresh {
                out.insert(name, vec![at]);
            }
        }
    }
    out.retain(|_, links| links.len() > 1);
    out
}

/// Names that are to be made anew from their binding if a statement that changes their object in place
/// runs again: with the live object it was tried, and failed.
#[derive(Debug, Clone, Default)]
pub struct Anew {
    pub names: BTreeSet<String>,
    /// Of those, the ones that are in any case: the live object has not what its class gives new ones.
    pub outdated: BTreeSet<String>,
}

impl Anew {
    /// Both kinds.
    pub fn new(mut names: BTreeSet<String>, outdated: BTreeSet<String>) -> Self {
        names.extend(outdated.iter().cloned());
        Self { names, outdated }
    }

    /// Whether that may be done to this name.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// Whether a name may be made anew from this statement: nothing but itself is lost. What functions
/// take from an iterator when they are called (numbers for things that live on) is not to come
/// twice. A parser of arguments is a description and nothing else.
pub(super) fn restartable(outline: &Outline, at: usize) -> bool {
    let body = &outline.body;
    let statement = &body[at];
    let taken = |name: &String| {
        let mut users = outline.index().later(body, name).into_iter();
        users.any(|user| body[user].later.mutates.contains(name))
    };
    statement.kind == Kind::Assign
        && match statement.value {
            Value::Other => super::parsers::makes_one(statement),
            // `X = C.items`, `X.append(1)`: what it gives is not made here.
            Value::Pure => {
                !statement.alias || !statement.uses.binds.iter().any(|n| filled(outline, n))
            }
            Value::Container => true,
            Value::Iterator => !statement.uses.binds.iter().any(taken),
        }
}

/// Whether statements change what a name is bound to in place; `N += 1` binds it again.
fn filled(outline: &Outline, name: &str) -> bool {
    let has = |names: &[String]| names.iter().any(|n| n == name);
    let mut writers = outline.index().writers(&outline.body, name).into_iter();
    writers.any(|at| {
        let uses = &outline.body[at].uses;
        has(&uses.mutates) && !has(&uses.binds)
    })
}
