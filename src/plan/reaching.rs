//! Reaching definitions: statements that stand as they are and read another value all the same,
//! since what they read is now written above them, or no longer, or by another statement.

use std::collections::BTreeSet;

use super::{Effects, Mark, Plan, restartable, run};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline};

/// Marks the statements whose names are written by others than before, because statements were
/// added, are gone, or changed places.
pub(super) fn mark(
    (old, old_effects): (&Outline, &[Effects]),
    (new, effects): (&Outline, &[Effects]),
    changes: &Changes,
    plan: &mut Plan,
) {
    let names = in_question(old_effects, effects, changes);
    if names.is_empty() {
        return;
    }
    let mut partner = vec![None; old.body.len()];
    for change in &changes.items {
        if let Some(at) = change.old {
            partner[at] = Some(change.new);
        }
    }
    let before = Written::new(old, old_effects);
    let now = Written::new(new, effects);
    for change in &changes.items {
        let Some(old_at) = change.old else { continue };
        let at = change.new;
        if plan.steps[at].mark == Mark::Run || new.body[at].kind == Kind::MainGuard {
            continue;
        }
        for name in effects[at].reads.iter().filter(|n| names.contains(*n)) {
            let was = before.last(name, old_at);
            let is = now.last(name, at);
            // Read before it is written: by a function that is called later, or not at all.
            if was.is_none() || is.is_none() || was.and_then(|w| partner[w]) == is {
                continue;
            }
            let line = is.map_or(0, |i| new.body[i].span.line);
            run(
                plan,
                at,
                &format!("reads {name}, which is that of line {line} now"),
            );
            break;
        }
    }
    // Of several statements that bind a name the last one counts.
    for name in names {
        let (Some(was), Some(is)) = (
            before.last(&name, old.body.len()),
            now.last(&name, new.body.len()),
        ) else {
            continue;
        };
        if partner[was] != Some(is) && new.body[is].kind != Kind::MainGuard {
            run(plan, is, &format!("it is the last now that binds {name}"));
        }
    }
}

/// The names that statements write or read which are new, gone, or not in their old order.
fn in_question(old: &[Effects], new: &[Effects], changes: &Changes) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut add = |effects: &Effects, reads: bool| {
        out.extend(effects.binds.iter().cloned());
        out.extend(effects.mutates.iter().cloned());
        if reads {
            out.extend(effects.reads.iter().cloned());
        }
    };
    for &at in &changes.removed {
        add(&old[at], false);
    }
    let mut highest = None;
    for change in &changes.items {
        match change.old {
            None => add(&new[change.new], false),
            Some(at) if highest.is_some_and(|h| h > at) => add(&new[change.new], true),
            at => {
                highest = at;
                if change.what == What::Changed {
                    add(&old[at.unwrap_or(0)], false);
                    add(&new[change.new], false);
                }
            }
        }
    }
    out
}

/// Which statements write a name.
struct Written<'a> {
    body: &'a Outline,
    effects: &'a [Effects],
}

impl<'a> Written<'a> {
    fn new(body: &'a Outline, effects: &'a [Effects]) -> Self {
        Self { body, effects }
    }

    /// The last statement before `at` that does. What is done to an object in place counts where
    /// the object can be made anew: an application that is being set up is one and the same.
    fn last(&self, name: &str, at: usize) -> Option<usize> {
        let origin = (0..at).rev().find(|&i| {
            self.effects[i].binds.contains(name) && !self.effects[i].mutates.contains(name)
        })?;
        if !restartable(&self.body.body[origin]) {
            return Some(origin);
        }
        (origin..at)
            .rev()
            .find(|&i| {
                self.effects[i].binds.contains(name) || self.effects[i].mutates.contains(name)
            })
            .or(Some(origin))
    }
}
