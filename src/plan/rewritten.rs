//! Statements that set the same one after the other: the last one counts. `f.note = 1`, `f.note = 2`;
//! in the body of a class also names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Reached, run};
use crate::diff::Changes;
use crate::outline::{Kind, Statement};

/// The statements of a class body that bind or set what others bind or set, too, where they stand in
/// another order than before.
pub fn rewritten(class: &Statement, inner: &Changes) -> BTreeSet<usize> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, member) in class.body.iter().enumerate() {
        let names = member.uses.binds.iter().map(|name| (Some(name), None));
        let set = member.sets().map(|set| (None, Some(set)));
        for thing in names.chain(set) {
            groups.entry(thing).or_default().push(at);
        }
    }
    let groups = groups.into_values().filter(|group| shuffled(group, inner));
    groups.flatten().collect()
}

/// Whether statements stood in another order before.
fn shuffled(group: &[usize], changes: &Changes) -> bool {
    group.len() > 1 && {
        let olds = group.iter().filter_map(|at| changes.at(*at).0);
        !olds.collect::<Vec<_>>().is_sorted()
    }
}

/// Statements of the module that set the same attribute or item of the same object, in the order of the
/// text; those that stand alone are left out.
pub(super) fn groups(reached: &Reached<'_>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for at in 0..reached.len() {
        let statement = reached.statement(at);
        let (Some(set), [name]) = (statement.sets(), &*statement.uses.mutates) else {
            continue;
        };
        let origin = reached.binders(name).rfind(|origin| *origin < at);
        groups.entry((set, origin)).or_default().push(at);
    }
    let groups = groups.into_values();
    groups.filter(|group| group.len() > 1).collect()
}

/// Those of them that stand in another order than before run again.
pub(super) fn mark(
    groups: &[Vec<usize>],
    reached: &Reached<'_>,
    changes: &Changes,
    plan: &mut Plan,
) {
    for group in groups {
        let places: Vec<usize> = group.iter().map(|at| reached.places[*at]).collect();
        if begins(group, reached) && shuffled(&places, changes) {
            for at in group {
                run(
                    plan,
                    *at,
                    "it stands in another order with others that set the same",
                );
            }
        }
    }
}

/// Where one of them runs again, so do those that stand after it; and all of them where what is set
/// follows from what was set before (`f.n += 1`).
pub(super) fn follow(groups: &[Vec<usize>], reached: &Reached<'_>, plan: &mut Plan) -> bool {
    let mut grown = false;
    for group in groups.iter().filter(|group| begins(group, reached)) {
        let Some(first) = group
            .iter()
            .position(|at| plan.steps[*at].mark == super::Mark::Run)
        else {
            continue;
        };
        let adds = reached.statement(group[first]).kind == Kind::AugAssign;
        let from = if adds { 0 } else { first };
        for at in &group[from..] {
            grown |= run(plan, *at, "another line that sets the same runs again");
        }
    }
    grown
}

/// Whether the first of them needs nothing of what was set before.
fn begins(group: &[usize], reached: &Reached<'_>) -> bool {
    reached.statement(group[0]).kind == Kind::Assign
}
