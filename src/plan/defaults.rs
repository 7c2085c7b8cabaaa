//! Defaults that a statement below overrides perhaps: `LEVEL = "info"`, `if DEBUG: LEVEL = "debug"`.
//! Where the branches do not bind the name, what stands above counts. Which it was the last time can
//! only be told of the live values, so that what is here runs if they say so.

use super::affected::Affected;
use super::dirty::Dirty;
use super::functions::Functions;
use super::{Mark, Plan};
use crate::outline::{Kind, Outline, Statement};

/// The names that a compound statement binds perhaps, and that have the value otherwise which a
/// statement above gives them: `LEVEL = "info"`, `if DEBUG: LEVEL = "debug"`.
pub(super) fn passes<'s>(
    statement: &'s Statement,
    outline: &'s Outline,
) -> impl Iterator<Item = &'s String> {
    let binds = statement.uses.binds.iter();
    let binds = binds.filter(|_| statement.kind == Kind::Compound);
    binds.filter(move |name| {
        let above = |s: &&Statement| s.span.line < statement.span.line;
        let writers = outline.index().writers(&outline.body, name);
        let mut above = writers.iter().map(|at| &outline.body[*at]).filter(above);
        // The names that loops use for their own ends have none.
        outline.star || above.any(|s| s.kind != Kind::Compound && s.uses.binds.contains(name))
    })
}

/// The names that a statement passes on and that have another value above it, each with the reason.
pub fn passed_on<'s>(
    statement: &'s Statement,
    functions: &'s Functions<'_>,
    dirty: &Dirty,
) -> impl Iterator<Item = (&'s String, String)> {
    passes(statement, functions.outline()).filter_map(|name| {
        let whole = dirty.values.get(name).or_else(|| dirty.behaviour.get(name));
        let why = whole.or_else(|| dirty.differs_within(name))?;
        Some((name, format!("may leave {name} as it is, {why}")))
    })
}

/// Why a statement must perhaps run again that passes on what has another value.
pub(super) fn left<'s>(
    statement: &'s Statement,
    functions: &'s Functions<'_>,
    dirty: &Dirty,
) -> Option<Affected> {
    let first = passed_on(statement, functions, dirty).next();
    first.map(|(_, why)| Affected::Runs(why))
}

/// Marks a step that runs if the live values say so.
pub(super) fn run_if(plan: &mut Plan, at: usize, why: &str) -> bool {
    let step = &mut plan.steps[at];
    if matches!(step.mark, Mark::Run | Mark::RunIf) {
        return false;
    }
    step.mark = Mark::RunIf;
    step.why = why.to_owned();
    true
}

/// A default, above a statement that runs again and passes it on: it runs if it had been overridden.
pub(super) fn may_be_needed(
    plan: &mut Plan,
    at: usize,
    (default, below): (usize, usize),
    name: &str,
    why: &str,
) -> bool {
    if plan.steps[at].mark == Mark::Run {
        return false;
    }
    let known =
        |other: &(usize, usize, String)| (other.0, other.1, &*other.2) == (default, below, name);
    let new = !plan.overridden.iter().any(known);
    if new {
        plan.overridden.push((default, below, name.to_owned()));
    }
    run_if(plan, at, why) || new
}
