//! Reaching definitions: statements that stand as they are and read another value all the same,
//! since what they read is now written above them, or no longer, or by another statement.

use std::collections::{BTreeMap, BTreeSet};

use super::{Functions, Mark, Plan, Reached, reach, restartable, run};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// Names of which another statement may be the last one that wrote them before a reader: statements
/// that write or read them were added, are gone, or changed places.
pub(super) fn names(old: &Outline, new: &Outline, changes: &Changes) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut add = |statement: &Statement, reads: bool| {
        let uses = &statement.uses;
        let written = uses.binds.iter().chain(&uses.deletes).chain(&uses.mutates);
        out.extend(written.cloned());
        // A call may be of a function that writes: its name leads there.
        let calls = uses.calls.iter().filter(|_| statement.kind == Kind::Expr);
        let read = uses.reads.iter().filter(|_| reads);
        out.extend(calls.chain(read).map(|path| super::root(path).to_owned()));
    };
    for &at in &changes.removed {
        add(&old.body[at], false);
    }
    let mut highest = None;
    for change in &changes.items {
        let statement = &new.body[change.new];
        match change.old {
            None => add(statement, false),
            Some(at) if highest.is_some_and(|h| h > at) => add(statement, true),
            Some(at) => {
                highest = Some(at);
                let (was, is) = (&old.body[at].uses, &statement.uses);
                if change.what == What::Changed
                    && (was.binds != is.binds || was.mutates != is.mutates)
                {
                    add(&old.body[at], false);
                    add(statement, false);
                }
            }
        }
    }
    out.retain(|name| several(old, name) || several(new, name));
    out
}

/// Whether more than one statement may write a name.
fn several(outline: &Outline, name: &str) -> bool {
    let body = &outline.body;
    outline.index().writers(body, name).len() > 1
        || outline.index().later(body, name).iter().any(|&at| {
            let later = &body[at].later;
            later
                .global_writes
                .iter()
                .chain(&later.mutates)
                .any(|n| n == name)
        })
}

/// Marks the statements that read one of `names` from another statement than before.
pub(super) fn mark(
    old: &Outline,
    now: &Reached<'_>,
    changes: &Changes,
    names: &BTreeSet<String>,
    plan: &mut Plan,
) {
    if names.is_empty() {
        return;
    }
    let functions = Functions::of(old);
    let places = reach::around(old, names);
    let before = Reached::new(old, places.into_iter().collect(), &functions);
    let stands: BTreeMap<usize, usize> = (0..now.len())
        .filter_map(|at| Some((changes.at(now.places[at]).0?, at)))
        .collect();
    let partner = |was: usize| stands.get(&before.places[was]).copied();
    for at in 0..now.len() {
        let Some(place) = changes.at(now.places[at]).0 else {
            continue;
        };
        if plan.steps[at].mark == Mark::Run || now.statement(at).kind == Kind::MainGuard {
            continue;
        }
        for name in now.effects[at].reads.iter().filter(|n| names.contains(*n)) {
            let (was, is) = (
                last(&before, name, before.from_place(place)),
                last(now, name, at),
            );
            // Read before it is written: by a function that is called later, or not at all.
            let (Some(was), Some(is)) = (was, is) else {
                continue;
            };
            if partner(was) != Some(is) {
                let line = now.statement(is).span.line;
                run(
                    plan,
                    at,
                    &format!("reads {name}, which is that of line {line} now"),
                );
                break;
            }
        }
    }
    // Of several statements that bind a name the last one counts.
    for name in names {
        let (Some(was), Some(is)) = (
            last(&before, name, before.len()),
            last(now, name, now.len()),
        ) else {
            continue;
        };
        if partner(was) != Some(is) && now.statement(is).kind != Kind::MainGuard {
            run(plan, is, &format!("it is the last now that binds {name}"));
        }
    }
}

/// The last statement before `at` that writes a name. What is done to an object in place counts
/// where the object can be made anew: an application that is being set up is one and the same.
fn last(reached: &Reached<'_>, name: &str, at: usize) -> Option<usize> {
    let mutates = |i: &usize| reached.effects[*i].mutates.contains(name);
    let origin = reached
        .binders(name)
        .filter(|i| *i < at && !mutates(i))
        .next_back()?;
    if !restartable(reached.statement(origin)) {
        return Some(origin);
    }
    let writers = reached.writers(name).iter().copied();
    writers.filter(|i| *i < at).next_back()
}
