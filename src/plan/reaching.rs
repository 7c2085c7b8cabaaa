//! Reaching definitions: statements that stand as they are and read another value all the same,
//! since what they read is now written above them, or no longer, or by another statement.

use std::collections::{BTreeMap, BTreeSet};

use super::reach::deals_with;
use super::{
    CHOOSES_LESS, Dirty, Effects, Functions, Mark, Plan, Reached, choose_less, defaults, effects,
    restartable, root, run,
};
use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// The name under which a module has its annotations, up to 3.13.
const ANNOTATIONS: &str = "__annotations__";

/// Names that others may write than before, because statements were added, are gone, or changed
/// places.
pub(super) struct Moves<'a> {
    old: &'a Outline,
    pub names: BTreeSet<String>,
    before: Written<'a>,
}

impl<'a> Moves<'a> {
    pub fn of(
        old: &'a Outline,
        new: &Outline,
        functions: &Functions<'_>,
        changes: &Changes,
    ) -> Self {
        let had = Functions::of(old);
        let names = in_question((old, &had), (new, functions), changes);
        let mut before = Written::new(old);
        for name in &names {
            for at in had.writers(name) {
                before.add(name, at, &effects(&old.body[at], &had));
            }
        }
        Self { old, names, before }
    }

    /// Marks the statements whose names are written by others than before.
    pub fn mark(
        &self,
        reached: &Reached<'_>,
        changes: &Changes,
        functions: &Functions<'_>,
        plan: &mut Plan,
    ) {
        if self.names.is_empty() {
            return;
        }
        let new = reached.new;
        let mut now = Written::new(new);
        for name in &self.names {
            for &at in reached.writers(name) {
                now.add(name, reached.places[at], &reached.effects[at]);
            }
        }
        for (at, &place) in reached.places.iter().enumerate() {
            let Some(old_place) = changes.at(place).0 else {
                continue;
            };
            if plan.steps[at].mark == Mark::Run || new.body[place].kind == Kind::MainGuard {
                continue;
            }
            let reads = reached.effects[at].reads.iter();
            for name in reads.filter(|n| self.names.contains(*n)) {
                let was = self.before.last(name, old_place);
                let is = now.last(name, place);
                // Read before it is written: by a function that is called later, or not at all.
                let (Some(was), Some(is)) = (was, is) else {
                    continue;
                };
                if changes.new_of(was) == Some(is) || self.same_import(name, was, (&now, is)) {
                    continue;
                }
                // Whether it gives another object is seen when it runs.
                let imports = new.body[is].kind == Kind::Import && self.before.once(name);
                if imports && now.once(name) && super::runs(plan, reached.first_at(is)) {
                    continue;
                }
                let line = new.body[is].span.line;
                let why = format!("reads {name}, which is that of line {line} now");
                // The same object with other contents, for all that is known: seen when it runs.
                let filled = new.body[is].uses.mutates.contains(name)
                    && self.old.body[was].uses.mutates.contains(name)
                    && functions.only_hands(&new.body[place], name);
                if filled || reached.effects[at].passes.contains(name) {
                    defaults::run_if(plan, at, &why);
                    continue;
                }
                run(plan, at, &why);
                break;
            }
        }
        // Of several statements that bind a name the last one counts.
        for name in &self.names {
            let (Some(was), Some(is)) = (
                self.before.last(name, self.old.body.len()),
                now.last(name, new.body.len()),
            ) else {
                continue;
            };
            let at = reached.first_at(is);
            // What one that is gone had counted up is taken off.
            let counts = |at: usize| {
                let effects = &reached.effects[at];
                effects.counts.contains(name) && !effects.mutates.contains(name)
            };
            if changes.new_of(was) != Some(is)
                && new.body[is].kind != Kind::MainGuard
                && !counts(at)
                && !self.same_import(name, was, (&now, is))
            {
                run(plan, at, &format!("it is the last now that binds {name}"));
            }
        }
    }

    /// Whether two statements import the same under a name: it came from another line, or from one
    /// that imports more than it did, or less.
    fn same_import(&self, name: &str, was: usize, (now, is): (&Written<'_>, usize)) -> bool {
        let was = imported(&self.old.body[was], name);
        was.is_some() && was == imported(&now.outline.body[is], name)
    }
}

/// From where an import statement has what a name is bound to below it: dots, module, and the name
/// there. `import a.b` binds `a`.
fn imported<'s>(statement: &'s Statement, name: &str) -> Option<(u32, &'s str, Option<&'s str>)> {
    if statement.kind != Kind::Import {
        return None;
    }
    let import = statement.imports.iter().rfind(|i| i.bound == name)?;
    let module = match import.name.is_some() || import.aliased {
        true => &*import.module,
        false => root(&import.module),
    };
    Some((import.level, module, import.name.as_deref()))
}

/// The names that statements write or read which are new, gone, or not in their old order.
fn in_question(
    (old, had): (&Outline, &Functions<'_>),
    (new, functions): (&Outline, &Functions<'_>),
    changes: &Changes,
) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut add = |effects: Effects, reads: bool| {
        out.extend(effects.binds);
        out.extend(effects.mutates);
        if reads {
            out.extend(effects.reads);
        }
    };
    for &at in &changes.removed {
        add(effects(&old.body[at], had), false);
    }
    let mut highest = None;
    for change in &changes.items {
        let now = || effects(&new.body[change.new], functions);
        match change.old {
            None => add(now(), false),
            Some(at) if highest.is_some_and(|h| h > at) => add(now(), true),
            at => {
                highest = at;
                if change.what == What::Changed {
                    add(effects(&old.body[at.unwrap_or(0)], had), false);
                    add(now(), false);
                }
            }
        }
    }
    out
}

/// `COUNT += 1` binds the name again, most often to another object.
pub(super) fn makes_another(statement: &Statement, name: &str) -> bool {
    let has = |names: &[String]| names.iter().any(|n| n == name);
    has(&statement.uses.binds) && has(&statement.uses.mutates)
}

/// Which statements write a name.
struct Written<'a> {
    outline: &'a Outline,
    /// For each name those that bind or change it, in the order of the text, and whether they bind
    /// it, and whether they change it.
    places: BTreeMap<String, Vec<(usize, bool, bool)>>,
}

impl<'a> Written<'a> {
    fn new(outline: &'a Outline) -> Self {
        Self {
            outline,
            places: BTreeMap::new(),
        }
    }

    fn add(&mut self, name: &str, at: usize, effects: &Effects) {
        let (binds, mutates) = (effects.binds.contains(name), effects.mutates.contains(name));
        if binds || mutates {
            let places = self.places.entry(name.to_owned()).or_default();
            places.push((at, binds, mutates));
        }
    }

    /// Whether one statement alone does.
    fn once(&self, name: &str) -> bool {
        self.places
            .get(name)
            .is_some_and(|places| places.len() == 1)
    }

    /// The last statement before `at` that does. What is done to an object in place counts where
    /// the object can be made anew: an application that is being set up is one and the same.
    fn last(&self, name: &str, at: usize) -> Option<usize> {
        let before = self.places.get(name)?;
        let before = &before[..before.partition_point(|place| place.0 < at)];
        let makes = |(_, binds, mutates): &&(usize, bool, bool)| *binds && !*mutates;
        let (origin, ..) = *before.iter().rfind(makes)?;
        if restartable(self.outline, origin) {
            return before.last().map(|place| place.0);
        }
        let counts = |(at, ..): &&(usize, bool, bool)| {
            *at <= origin || makes_another(&self.outline.body[*at], name)
        };
        before.iter().rfind(counts).map(|place| place.0)
    }
}

/// What changed around a module, and the names that it does not bind any more: who reads one of
/// them all the same while it is imported gets the builtin that was hidden.
pub(super) fn with_unbound(
    old: &Outline,
    new: &Outline,
    changes: &Changes,
    outside: &Dirty,
) -> Dirty {
    let mut out = outside.clone();
    for name in &outside.unstarred {
        out.value(name, "which a star import gave");
    }
    let text = |outline: &Outline| {
        let first = outline.body.first();
        first.filter(|s| s.kind == Kind::Docstring).map(|s| s.print)
    };
    if text(old) != text(new) {
        out.value("__doc__", "which is another text");
    }
    for name in outside.starred.values().flatten() {
        out.value(name, "which a star import gives now");
    }
    if annotates_others(old, new, changes) {
        out.value(ANNOTATIONS, "which may be others");
    }
    for name in unbound(old, new, changes) {
        out.value(name, "which is gone");
    }
    for name in choose_less(old, new, changes) {
        out.acts(name, CHOOSES_LESS);
    }
    out
}

/// Whether something reads the annotations of the module, and statements came, went or changed that
/// may make them.
fn annotates_others(old: &Outline, new: &Outline, changes: &Changes) -> bool {
    let annotates = |s: &Statement| matches!(s.kind, Kind::Assign | Kind::Annotation);
    let (index, body) = (new.index(), &new.body);
    let asked = || {
        !index.readers(body, ANNOTATIONS).is_empty()
            || !index.live_later(body, ANNOTATIONS).is_empty()
    };
    let mut items = changes.items.iter().filter(|c| c.what != What::Same);
    let mut removed = changes.removed.iter();
    (items.any(|c| annotates(&body[c.new])) || removed.any(|at| annotates(&old.body[*at])))
        && asked()
}

/// The names that no statement of the new text binds.
fn unbound<'a>(old: &'a Outline, new: &Outline, changes: &Changes) -> Vec<&'a String> {
    let changed = changes.items.iter();
    let changed = changed.filter(|c| matches!(c.what, What::Changed | What::Header(_)));
    let gone = changes.removed.iter().copied();
    let gone = gone.chain(changed.filter_map(|c| c.old));
    let names = gone.flat_map(|at| &old.body[at].uses.binds);
    let bound = |name: &&String| {
        let mut writers = new.index().writers(&new.body, name).into_iter();
        writers.any(|at| deals_with(&new.body[at], name))
    };
    names.filter(|name| !bound(name)).collect()
}

/// Containers that statements had filled by calling functions which do not fill them any more.
pub(super) fn no_longer_filled(
    old: &Outline,
    functions: &Functions<'_>,
    changes: &Changes,
) -> BTreeSet<String> {
    let new = functions.outline();
    let mut out = BTreeSet::new();
    let body = &old.body;
    let had = Functions::of(old);
    // One that does and calls all that it did loses nothing itself.
    let less = |was: &Vec<String>, is: &Vec<String>| was.iter().any(|name| !is.contains(name));
    let loses = |c: &&Change| {
        let (Some(was), is) = (c.old.map(|at| &body[at].later), &new.body[c.new].later) else {
            return false;
        };
        c.what == What::Body && (less(&was.mutates, &is.mutates) || less(&was.calls, &is.calls))
    };
    let changed = changes.items.iter().filter(loses);
    for name in changed.filter_map(|c| Some(&body[c.old?].name)) {
        let called = std::slice::from_ref(name);
        let fills = functions.mutations(called);
        for lost in had.mutations(called).difference(&fills) {
            let through = had.changing(lost).into_iter();
            let mut through = through.filter(|at| body[*at].kind == Kind::Expr);
            if through.any(|at| !functions.mutations(&body[at].uses.calls).contains(lost)) {
                out.insert(lost.clone());
            }
        }
    }
    out
}

/// Names are gone: who asks for all that there are gets fewer. They stay bound until the end, so
/// that nothing else tells. And what is lost with the bodies of functions: see `no_longer_filled`.
pub(super) fn less(
    old: &Outline,
    reached: &Reached<'_>,
    changes: &Changes,
    functions: &Functions<'_>,
    (outside, lost): (&Dirty, &BTreeSet<String>),
    plan: &mut Plan,
) {
    stars(reached, outside, plan);
    for name in lost {
        let origin = reached.binders(name).next_back();
        if let Some(origin) = origin.filter(|origin| reached.restartable(*origin)) {
            let why = format!("functions that put something into {name} do so no more");
            run(plan, origin, &why);
        }
    }
    if let Some(why) = fewer_names(old, reached.new, changes) {
        for at in 0..reached.len() {
            functions.mark_seeing(reached.statement(at), (at, &why), plan);
        }
    }
}

/// Why who looks at all names finds fewer, or others first.
pub(super) fn fewer_names(old: &Outline, new: &Outline, changes: &Changes) -> Option<String> {
    match unbound(old, new, changes).first() {
        Some(name) => Some(format!("{name} is gone")),
        None => reordered(new, changes).then(|| "they stand in another order".to_owned()),
    }
}

/// Whether statements that bind names changed places.
fn reordered(new: &Outline, changes: &Changes) -> bool {
    let binds = |c: &&Change| !new.body[c.new].uses.binds.is_empty();
    let places = changes.items.iter().filter(binds).filter_map(|c| c.old);
    !places.collect::<Vec<_>>().is_sorted()
}

/// A star import counts for other names than before, since it stands elsewhere or is gone.
fn stars(reached: &Reached<'_>, outside: &Dirty, plan: &mut Plan) {
    for name in &outside.unstarred {
        if let Some(last) = reached.binders(name).next_back() {
            let why = format!("no star import below gives {name} any more");
            run(plan, last, &why);
        }
    }
    for place in outside.starred.keys() {
        let at = reached.first_at(*place);
        run(plan, at, "it stands below what it takes the place of");
    }
}

/// Backward: a statement that runs again and reads a definition that is not the last one of its
/// name needs that definition to run again too (the live name has the last one's value).
pub(super) fn reach_back(reached: &Reached<'_>, partly: &BTreeSet<usize>, plan: &mut Plan) -> bool {
    let mut grown = false;
    let effects = &reached.effects;
    for at in (0..reached.len()).rev() {
        let parts = plan.steps[at].mark == Mark::Members && partly.contains(&at);
        if !super::runs(plan, at) && !parts {
            continue;
        }
        for name in &effects[at].reads {
            let writers = reached.writers(name);
            let Some(source) = writers.iter().copied().rfind(|&i| i < at) else {
                continue;
            };
            let own = effects[at].binds.contains(name);
            let overwritten = writers.iter().any(|&i| i > at) || own;
            if overwritten && reached.statement(source).kind != Kind::MainGuard {
                // An object that statements change in place one after another (an application
                // being set up) is one object, whichever of them one stands at.
                let makes = |i: &usize| {
                    *i < at
                        && effects[*i].binds.contains(name)
                        && !effects[*i].mutates.contains(name)
                };
                let origin = writers.iter().copied().rfind(makes).unwrap_or(source);
                let same_object =
                    !own && writers.iter().filter(|i| **i > source).all(|&i| {
                        !effects[i].binds.contains(name)
                            || effects[i].mutates.contains(name)
                                && !makes_another(reached.statement(i), name)
                    }) && !reached.restartable(origin);
                let line = reached.statement(at).span.line;
                let why = format!("line {line} needs {name} as it is here");
                if effects[at].passes.contains(name) {
                    let places = (reached.places[source], reached.places[at]);
                    grown |= defaults::may_be_needed(plan, source, places, name, &why);
                } else if !same_object {
                    grown |= run(plan, source, &why);
                }
            }
        }
    }
    grown
}
