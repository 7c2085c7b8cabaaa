//! Old statements that are gone, or have other headers now: what they had done goes, too.

use std::collections::BTreeSet;

use super::reordered::{owners, tells};
use super::{Functions, Mark, Plan, Reached, parts, root, run};
use crate::diff::{Change, Changes, What};
use crate::outline::Kind;

/// An old statement that changed a name in place is gone: what it did to it has to go too.
pub(super) fn effects(
    (had, functions): (&Functions<'_>, &Functions<'_>),
    reached: &Reached<'_>,
    changes: &Changes,
    anew: &super::Anew,
    plan: &mut Plan,
) {
    let old = had.outline();
    for &at in &changes.removed {
        let gone = &old.body[at];
        let here = place_of(at, None, reached, changes);
        for name in had.same().with_others(&gone.uses.mutates) {
            let name = name.as_str();
            let Some(origin) = reached.binders(name).rfind(|&i| i < here) else {
                // One that a star import brings.
                plan.told.insert(name.to_owned());
                continue;
            };
            // As one of the container that it is, or is in.
            let other = had
                .same()
                .names(name)
                .first()
                .is_some_and(|first| first != name);
            if other && functions.same().names(name).first() == had.same().names(name).first() {
                continue;
            }
            if reached.restartable(origin) || anew.contains(name) {
                let why = format!("a statement that changed {name} is gone");
                run(plan, origin, &why);
            } else {
                plan.taken.push((origin, name.to_owned()));
            }
        }
        if gone.kind == Kind::Assign {
            plan.told.extend(had.parts_filled(&gone.uses.calls));
        }
        if gone.kind == Kind::Expr {
            plan.notes.push(format!(
                "line {} is gone; known entries in registries go, what else it did outside stays done",
                gone.span.line
            ));
        }
    }
    // `M = L` is `M = []` now: what was put into M went into L.
    for name in had.same().parted(functions.same()) {
        let filled = had
            .changing(name)
            .into_iter()
            .any(|at| !old.body[at].uses.mutates.contains(name));
        if let Some(origin) = reached.binders(name).next().filter(|_| filled)
            && reached.restartable(origin)
        {
            run(
                plan,
                origin,
                &format!("{name} has not the other names any more that it had"),
            );
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

/// Something that may lose what an old statement had put into it.
pub(super) struct Held {
    /// The place of that statement, which is gone or has another header now.
    old: usize,
    /// Where it stands now.
    new: Option<usize>,
    /// What had held it, or what it had made.
    pub path: String,
}

/// What held the old statements that are gone or have other headers now; and what their calls had
/// filled, where those that stand there now do not fill it.
pub(super) fn held(had: &Functions<'_>, functions: &Functions<'_>, changes: &Changes) -> Vec<Held> {
    let (old, new) = (had.outline(), functions.outline());
    let other = |change: &&Change| matches!(change.what, What::Header(_));
    let changed = changes.items.iter().filter(other);
    let changed = changed.filter_map(|change| Some((change.old?, Some(change.new))));
    let gone = changes.removed.iter().map(|at| (*at, None));
    let mut out = Vec::new();
    for (at, now) in gone.chain(changed) {
        let was = &old.body[at];
        let mut paths = BTreeSet::new();
        if tells(was) {
            paths.extend(had.holding(was));
            paths.extend(owners(was));
        }
        paths.extend(had.filled_by_the_way(was));
        // `app.total += 5`
        if was.kind == Kind::AugAssign {
            paths.extend(was.uses.mutates.iter().cloned());
        }
        // `rex = Animal("rex")`, where `Animal.names` has it.
        if was.kind == Kind::Assign && now.is_none() {
            paths.extend(had.parts_filled(&was.uses.calls));
        }
        if matches!(was.kind, Kind::Function | Kind::Class) {
            let mut filled = had.mutations(&was.uses.calls);
            if let Some(now) = now.filter(|_| !filled.is_empty()) {
                let still = functions.mutations(&new.body[now].uses.calls);
                filled.retain(|name| !still.contains(name));
            }
            let filled: Vec<String> = filled.into_iter().collect();
            paths.extend(had.same().with_others(&filled).into_iter().cloned());
        }
        out.extend(paths.into_iter().map(|path| Held {
            old: at,
            new: now,
            path,
        }));
    }
    out
}

/// Those may have lost something.
pub(super) fn let_go(held: Vec<Held>, reached: &Reached<'_>, changes: &Changes, plan: &mut Plan) {
    for Held { old, new, path } in held {
        let here = place_of(old, new, reached, changes);
        let made = |at: &usize| *at < here && reached.statement(*at).kind != Kind::Import;
        let origin = reached.binders(root(&path)).rfind(made);
        match origin {
            Some(origin) => plan.taken.push((origin, path)),
            None => _ = plan.told.insert(path),
        }
    }
}

/// Where an old statement stands in the new text, or would: after the partner of the one before it.
fn place_of(old: usize, new: Option<usize>, reached: &Reached<'_>, changes: &Changes) -> usize {
    let after = || {
        let before = (0..old).rev().find_map(|at| changes.new_of(at));
        before.map_or(0, |place| place + 1)
    };
    reached.first_at(new.unwrap_or_else(after))
}
