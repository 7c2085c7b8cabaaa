//! Statements that only stand elsewhere now: what they tell containers of stands in another order
//! there after a restart.

use std::collections::BTreeSet;

use super::{Dirty, Functions, reach, root};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// Those of the new text that may tell somebody of something.
pub(super) fn tellers(new: &Outline, changes: &Changes) -> Vec<usize> {
    let mut moved = changes.moved();
    moved.retain(|at| tells(&new.body[*at]));
    moved
}

/// Whether a statement may tell somebody of something.
pub(super) fn tells(statement: &Statement) -> bool {
    match statement.kind {
        Kind::Function => statement.decorators != 0,
        Kind::Class => statement.decorators != 0 || !statement.head.reads.is_empty(),
        Kind::Expr => !statement.uses.calls.is_empty(),
        _ => false,
    }
}

/// Tells what may have its items in another order for one of them.
pub(super) fn tell(new: &Outline, at: usize, functions: &Functions<'_>, dirty: &mut Dirty) {
    let statement = &new.body[at];
    let calls = &statement.uses.calls;
    let why = format!("which line {} tells of something", statement.span.line);
    let mut names = reach::fills(new, statement, functions);
    names.extend(functions.mutations(calls));
    names.extend(functions.told_of(statement));
    names.extend(functions.parts_filled(calls));
    names.extend(functions.holding(statement));
    names.extend(owners(statement));
    for name in names {
        dirty.fill(name, why.clone());
    }
}

/// The objects whose methods a statement tells of something: `@bus.on`, `app.add(x)`.
pub(super) fn owners(statement: &Statement) -> BTreeSet<String> {
    let told = statement.told.iter();
    let owners = told.filter_map(|path| path.rsplit_once('.'));
    owners.map(|(owner, _)| owner.to_owned()).collect()
}

/// The names of what holds the definitions that an edit touches, or that are `moved`.
pub(super) fn holding(
    moved: &[usize],
    changes: &Changes,
    functions: &Functions<'_>,
) -> BTreeSet<String> {
    let new = functions.outline();
    let items = changes.items.iter().filter(|c| c.what != What::Same);
    let touched = items.map(|change| change.new);
    let paths = touched
        .chain(moved.iter().copied())
        .filter(|at| tells(&new.body[*at]) || new.body[*at].kind == Kind::Compound)
        .flat_map(|at| functions.holding(&new.body[at]));
    paths.map(|path| root(&path).to_owned()).collect()
}
