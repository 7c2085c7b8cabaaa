//! Attributes of the module's classes that statements had set, or functions that these called, and that
//! nothing sets any more: the class has what its body says.

use std::collections::BTreeSet;

use super::{Dirty, Functions, Mark, Plan, Reached, root};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// Their paths, `C.limit`.
pub(super) fn unset(
    had: &Functions<'_>,
    functions: &Functions<'_>,
    changes: &Changes,
) -> BTreeSet<String> {
    let (old, new) = (had.outline(), functions.outline());
    let less = |was: &Vec<String>, is: &Vec<String>| was.iter().any(|name| !is.contains(name));
    let mut out = BTreeSet::new();
    let edited = changes.edits_definitions();
    let then = |statement: &Statement| match edited {
        true => sets(statement, had),
        false => sets(statement, functions),
    };
    for at in &changes.removed {
        out.extend(then(&old.body[*at]));
    }
    for change in &changes.items {
        let (Some(was), is) = (change.old.map(|at| &old.body[at]), &new.body[change.new]) else {
            continue;
        };
        match change.what {
            What::Changed => out.extend(then(was)),
            What::Body
                if less(&was.later.writes, &is.later.writes)
                    || less(&was.later.calls, &is.later.calls) =>
            {
                out.extend(had.writes(std::slice::from_ref(&was.name)));
            }
            _ => {}
        }
    }
    out.retain(|path| {
        let name = root(path);
        member(new, path)
            && at_import(had, name).any(|s| sets(s, had).contains(path))
            && !at_import(functions, name).any(|s| sets(s, functions).contains(path))
    });
    out
}

/// What a statement that runs at import sets.
fn sets(statement: &Statement, functions: &Functions<'_>) -> BTreeSet<String> {
    if matches!(statement.kind, Kind::Function | Kind::MainGuard) {
        return BTreeSet::new();
    }
    let mut paths = functions.writes(&statement.uses.calls);
    paths.extend(statement.uses.writes.iter().cloned());
    paths
}

/// The statements that change what a name is bound to in place.
fn at_import<'a>(
    functions: &Functions<'a>,
    name: &str,
) -> impl Iterator<Item = &'a Statement> + use<'a> {
    let body = &functions.outline().body;
    functions.changing(name).into_iter().map(|at| &body[at])
}

/// Whether a path leads to what the body of a class of the module gives it.
fn member(new: &Outline, path: &str) -> bool {
    let Some((class, attribute)) = path.split_once('.') else {
        return false;
    };
    let mut writers = new.index().writers(&new.body, class).into_iter();
    writers.any(|at| {
        let statement = &new.body[at];
        let mut names = statement.body.iter().flat_map(|m| &m.uses.binds);
        statement.kind == Kind::Class && statement.name == class && names.any(|n| n == attribute)
    })
}

impl Plan {
    /// Whether nothing sets an attribute of a class any more.
    pub fn unsets(&self, class: &str) -> bool {
        self.unset.iter().any(|path| root(path) == class)
    }

    /// Tells what such a class has another value of.
    pub(super) fn tell_unset(&self, class: &Statement, dirty: &mut Dirty) {
        for path in self.unset.iter().filter(|path| root(path) == class.name) {
            dirty.value(path, "which nothing sets any more");
        }
    }
}

/// Marks the classes.
pub(super) fn mark(reached: &Reached<'_>, plan: &mut Plan) {
    for path in &plan.unset {
        let class = root(path);
        let at = (0..reached.len()).rfind(|at| {
            let statement = reached.statement(*at);
            statement.kind == Kind::Class && statement.name == class
        });
        if let Some(step) = at.map(|at| &mut plan.steps[at])
            && step.mark == Mark::Keep
        {
            step.mark = Mark::Members;
            step.why = format!("nothing sets {path} any more");
        }
    }
}
