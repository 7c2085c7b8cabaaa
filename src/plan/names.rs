//! Statements that look at all names of their module: `[n for n in globals() if ...]`,
//! `collect(globals())`, `handlers(__name__)`.

use super::reaching::fewer_names;
use super::{Dirty, Functions, Mark, Plan, Step, run};
use crate::diff::{Changes, What};
use crate::outline::{FILLING, Kind, Outline, Statement, Uses, only_looks};

/// Functions that tell all names of where they are called.
const LOOKS: [&str; 4] = ["globals", "locals", "vars", "dir"];

/// The name of the module itself, by which it is found in `MODULES`.
const NAME: &str = "__name__";
const MODULES: &str = "sys.modules";

/// Names by whose readers such statements are found. An edit of bodies alone changes no names.
pub(super) fn asking(changes: &Changes, outside: &Dirty) -> impl Iterator<Item = &'static str> {
    let body = |what: &What| matches!(what, What::Same | What::Body);
    let others = !changes.removed.is_empty()
        || !outside.is_empty()
        || !changes.items.iter().all(|change| body(&change.what));
    LOOKS.into_iter().chain(others.then_some(NAME))
}

/// Stands for the names of the module where some are gone, or stand in another order.
const NAMES: &str = "<names>";

fn calls_one(uses: &Uses) -> bool {
    uses.calls.iter().any(|path| LOOKS.contains(&path.as_str()))
}

/// Whether a statement only asks which names the module has: `[n for n in globals() if ...]`.
pub fn looks_at_all(uses: &Uses) -> bool {
    calls_one(uses)
        && !uses.calls_others
        && !uses.binds.is_empty()
        && uses.mutates.is_empty()
        && uses.writes.is_empty()
}

/// Whether it goes through them and puts into containers what it finds:
/// `for name in list(globals()): ...`.
pub fn fills_from_all(statement: &Statement) -> bool {
    let uses = &statement.uses;
    let fills = |path: &String| {
        let parts = path.split_once('.');
        parts.is_some_and(|(name, method)| {
            FILLING.contains(&method) && uses.mutates.iter().any(|n| n == name)
        })
    };
    let fills_or_looks =
        |path: &String| only_looks(path) || LOOKS.contains(&&**path) || fills(path);
    statement.kind == Kind::Compound
        && uses.opaque
        && uses.writes.is_empty()
        && calls_one(uses)
        && uses.calls.iter().all(fills_or_looks)
}

/// Whether it reads the name of the module.
fn by_name(uses: &Uses) -> bool {
    uses.reads.iter().any(|path| path == NAME)
}

/// Whether it may be given all names: see `gives_all`.
fn may_see(uses: &Uses) -> bool {
    uses.opaque || by_name(uses)
}

/// What differs around a module, for its statements one by one: names that are gone stay bound until
/// the end, so that nothing else tells those of it that are given all.
pub fn with_names(
    (old, new): (Option<&Outline>, &Outline),
    changes: &Changes,
    plan: &Plan,
    outside: &Dirty,
) -> Dirty {
    let mut out = outside.clone();
    let given = |step: &Step| {
        let statement = &new.body[step.new];
        step.mark == Mark::RunIf && statement.kind == Kind::Assign && may_see(&statement.uses)
    };
    if let Some(old) = old
        && plan.steps.iter().any(given)
        && let Some(why) = fewer_names(old, new, changes)
    {
        out.acts(NAMES, why);
    }
    out
}

impl Functions<'_> {
    /// Whether a statement gives all names of the module to what it calls, and binds what that gives:
    /// `collect(globals())`, `handlers(__name__)`.
    pub fn gives_all(&self, statement: &Statement) -> bool {
        let uses = &statement.uses;
        if statement.kind != Kind::Assign
            || uses.calls.is_empty()
            || !uses.mutates.is_empty()
            || !uses.writes.is_empty()
        {
            return false;
        }
        if uses.opaque && calls_one(uses) {
            return true;
        }
        by_name(uses)
            && (uses.reads.iter().any(|path| path == MODULES)
                || self.reads_path(&uses.calls, MODULES)
                || self.does(&uses.calls, false).asks.outright())
    }

    /// Whether the names that a statement sees are all those of the module, and what it makes of them
    /// is told by its text or by what it calls.
    pub fn sees_all(&self, statement: &Statement) -> bool {
        looks_at_all(&statement.uses)
            || fills_from_all(statement)
            || self.gives_all(statement)
            || self.calls_what_looks(statement)
    }

    /// Why what looks at all names finds others, or other values of them.
    pub(super) fn names_differ(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        looks_at_all(uses)
            .then(|| self.other_names(uses, dirty))
            .flatten()
    }

    /// The same of functions that a statement calls for what they do: `collect()`, which goes through
    /// `globals()`.
    pub(super) fn called_names_differ(
        &self,
        statement: &Statement,
        dirty: &Dirty,
    ) -> Option<String> {
        if dirty.values.is_empty() || !self.calls_what_looks(statement) {
            return None;
        }
        // Constants are read by name, if at all.
        let mut names = dirty.values.keys().filter(|path| !path.contains('.'));
        let defines = |s: &&Statement| matches!(s.kind, Kind::Function | Kind::Class);
        let name = names.find(|name| self.at(name).iter().any(defines))?;
        Some(format!("calls what asks for all names, and {name} changed"))
    }

    /// Whether a function is called that goes through all names: `for name in list(globals())`, and not one
    /// that looks one of them up.
    fn calls_what_looks(&self, statement: &Statement) -> bool {
        let is = |names: &[&str], path: &String| names.contains(&&**path);
        let all = |body: &&Statement| {
            let later = &body.later;
            let through = later
                .members
                .iter()
                .any(|m| is(&["items", "values", "keys"], m))
                || later
                    .calls
                    .iter()
                    .any(|path| is(&["list", "sorted", "tuple"], path));
            through && later.calls.iter().any(|path| path == LOOKS[0])
        };
        statement.kind == Kind::Expr && self.any_called(&statement.uses.calls, all)
    }

    /// The same of a loop that puts what it finds into containers.
    pub(super) fn filled_differs(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        fills_from_all(statement)
            .then(|| self.other_names(&statement.uses, dirty))
            .flatten()
    }

    fn other_names(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        let names = || dirty.values.keys().find(|path| !path.contains('.'));
        let name = names().or_else(|| self.says_other(uses, dirty))?;
        Some(format!("asks for all names, and {name} changed"))
    }

    /// Some names are gone, or stand in another order: what is made of all of them is made again.
    pub(super) fn mark_seeing(
        &self,
        statement: &Statement,
        (at, why): (usize, &str),
        plan: &mut Plan,
    ) {
        let uses = &statement.uses;
        if looks_at_all(uses) && statement.kind == Kind::Assign
            || fills_from_all(statement)
            || self.calls_what_looks(statement)
        {
            run(plan, at, &format!("asks for all names, and {why}"));
        } else if plan.steps[at].mark == Mark::Keep && self.gives_all(statement) {
            plan.steps[at].mark = Mark::RunIf;
            plan.steps[at].why = format!("is given all names, and {why}");
        }
    }

    /// The same of one that gives them to what it calls. What that asks of them counts as well.
    pub(super) fn given_names_differ(
        &self,
        statement: &Statement,
        dirty: &Dirty,
    ) -> Option<String> {
        if dirty.is_empty() || !self.gives_all(statement) {
            return None;
        }
        let does = self.does(&statement.uses.calls, false);
        let seen = |path: &&String| match path.rsplit_once('.') {
            None => true,
            Some((_, last)) => does.members.contains(last),
        };
        let called = |path: &&String| does.calls && !path.contains('.');
        let name = dirty.values.keys().find(seen);
        let name = name.or_else(|| dirty.behaviour.get_key_value(NAMES).map(|(name, _)| name));
        let name = name.or_else(|| dirty.behaviour.keys().find(called));
        let name = name.or_else(|| self.says_to(does.asks, dirty))?;
        Some(format!("is given all names, and {name} changed"))
    }
}
