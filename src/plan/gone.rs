//! Old statements that are gone, or have other headers now: what they had done goes, too.

use std::collections::BTreeSet;

use super::given::Elsewhere;
use super::reordered::{owners, tells};
use super::{Functions, Mark, Plan, Reached, parts, root, run};
use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// An old statement that changed a name in place is gone: what it did to it has to go too.
pub(super) fn effects(
    old: &Outline,
    reached: &Reached<'_>,
    changes: &Changes,
    anew: &BTreeSet<String>,
    plan: &mut Plan,
) {
    for &at in &changes.removed {
        let gone = &old.body[at];
        // Where it would stand in the new text: after the partner of the statement before it.
        let here = (0..at).rev().find_map(|i| changes.new_of(i));
        let here = reached.first_at(here.map_or(0, |place| place + 1));
        for name in &gone.uses.mutates {
            let Some(origin) = reached.binders(name).rfind(|&i| i < here) else {
                // One that a star import brings.
                plan.told.insert(name.clone());
                continue;
            };
            if reached.restartable(origin) || anew.contains(name) {
                let why = format!("a statement that changed {name} is gone");
                run(plan, origin, &why);
            } else {
                plan.taken.push((origin, name.clone()));
            }
        }
        if matches!(gone.kind, Kind::Function | Kind::Class) {
            let had = Functions::of(old);
            plan.told.extend(had.told_of(gone));
            // What its decorators had put into containers of the module.
            take_out(had.mutations(&gone.uses.calls), here, reached, plan);
        }
        if gone.kind == Kind::Assign {
            let filled = Functions::of(old).parts_filled(&gone.uses.calls);
            plan.told.extend(filled);
        }
        if gone.kind == Kind::Expr {
            plan.notes.push(format!(
                "line {} is gone; known entries in registries go, what else it did outside stays done",
                gone.span.line
            ));
        }
    }
    // `del X` that is gone, or a second binding of a name that is gone: the binding before it
    // is the one that counts now.
    let changed = changes
        .items
        .iter()
        .filter(|c| matches!(c.what, What::Changed | What::Header(_)));
    let ended = changes.removed.iter().map(|at| (*at, None));
    for (at, new_at) in ended.chain(changed.filter_map(|c| Some((c.old?, Some(c.new))))) {
        let gone = &old.body[at];
        if let Some(place) = new_at {
            undecorated(gone, old, place, reached, plan);
        }
        let still = new_at.map(|place| &reached.effects[reached.first_at(place)].binds);
        for name in gone.uses.binds.iter().chain(&gone.uses.deletes) {
            if still.is_some_and(|binds| binds.contains(name)) {
                continue;
            }
            if let Some(last) = reached.binders(name).next_back()
                && plan.steps[last].mark == Mark::Keep
            {
                run(
                    plan,
                    last,
                    &format!("another statement that bound {name} is gone"),
                );
            }
        }
        parts::written_before(gone, new_at, reached, plan);
    }
}

/// Notes that containers lose what a statement had put into them that stood here.
fn take_out(names: BTreeSet<String>, here: usize, reached: &Reached<'_>, plan: &mut Plan) {
    for name in names {
        let origin = reached.binders(&name).rfind(|&i| i < here);
        if let Some(origin) = origin {
            plan.taken.push((origin, name));
        }
    }
}

/// The same of the decorators that a definition had, and has not any more.
fn undecorated(was: &Statement, old: &Outline, now: usize, reached: &Reached<'_>, plan: &mut Plan) {
    if !matches!(was.kind, Kind::Function | Kind::Class) || was.uses.calls.is_empty() {
        return;
    }
    let mut lost = Functions::of(old).mutations(&was.uses.calls);
    if !lost.is_empty() {
        let calls = &reached.new.body[now].uses.calls;
        let fills = Functions::of(reached.new).mutations(calls);
        lost.retain(|name| !fills.contains(name));
        take_out(lost, reached.first_at(now), reached, plan);
    }
}

/// What held the old statements that are gone or have other headers now, each with its place.
pub(super) fn held(
    old: &Outline,
    elsewhere: &dyn Elsewhere,
    changes: &Changes,
) -> Vec<(usize, String)> {
    let other = |change: &&Change| matches!(change.what, What::Header(_));
    let changed = changes.items.iter().filter(other).filter_map(|c| c.old);
    let places = changes.removed.iter().copied().chain(changed);
    let mut places = places.filter(|at| tells(&old.body[*at])).peekable();
    if places.peek().is_none() {
        return Vec::new();
    }
    let had = Functions::of(old).with(elsewhere);
    let held = places.flat_map(|at| {
        let gone = &old.body[at];
        let mut paths = had.holding(gone);
        paths.extend(owners(gone));
        paths.into_iter().map(move |path| (at, path))
    });
    held.collect()
}

/// Those may have lost something.
pub(super) fn let_go(
    held: Vec<(usize, String)>,
    reached: &Reached<'_>,
    changes: &Changes,
    plan: &mut Plan,
) {
    for (at, path) in held {
        let here = (0..at).rev().find_map(|i| changes.new_of(i));
        let here = reached.first_at(here.map_or(0, |place| place + 1));
        let made = |at: &usize| *at < here && reached.statement(*at).kind != Kind::Import;
        let origin = reached.binders(root(&path)).rfind(made);
        match origin {
            Some(origin) => plan.taken.push((origin, path)),
            None => _ = plan.told.insert(path),
        }
    }
}
