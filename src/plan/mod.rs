//! Changes to steps: what each statement of the new text calls for.
//!
//! A plan is made before anything is done and is what a dry run shows. It is an upper bound:
//! while it is applied, a statement that was to run only because of a name that in the end
//! got the same value is left alone (`affected` is asked again with what really changed).

mod affected;
mod byway;
mod callbacks;
mod chains;
mod constructed;
mod collected;
mod described;
mod descriptors;
mod defaults;
mod dirty;
mod functions;
mod given;
mod gone;
mod hints;
mod inside;
mod instances;
mod keeps;
mod kin;
mod lineage;
mod names;
mod once;
mod parsers;
mod parts;
mod passing;
mod reach;
mod reaching;
mod remade;
mod rehearsed;
mod reordered;
mod restarted;
mod rewritten;
mod roots;
mod same;
mod settled;
mod spelled;
mod stored;
mod unset;

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Outline, Statement};

pub use affected::{
    Affected, CHOOSES_LESS, affected, affected_head, affected_statement, changed_paths,
    choose_less, chosen_by, path_that_acts, rebound_later,
};
use chains::restartable;
pub use chains::{Anew, Chains};
pub use defaults::passed_on;
pub use described::tell_fields;
pub use dirty::{Dirty, configures, import_key, may_look};
pub use functions::{FRESH, Functions, shown};
pub use given::{Does, Elsewhere, Holding, Nowhere};
pub use hints::{decorated_blindly, tell_doc, tell_hints};
pub use inside::place_of;
pub use names::{fills_from_all, looks_at_all, with_names};
use parsers::Parsers;
pub use parts::{
    affected_members, calls_edited, data_changed, filled, makes_otherwise, members, reordered,
};
use parts::{header_reason, runs_parts};
pub use reach::{acting, acting_at_all};
pub use rehearsed::{Rehearsed, dealt_with, rehearsed};
use restarted::restart_chains;
pub use rewritten::rewritten;
pub use same::Same;

/// The note that a plan, or what was applied, gave up: see `settled`.
pub const GAVE_UP: &str = "there is too much here that deals with what changed: values that functions \
                       made of what they were given may be the old ones";

/// What is to be done about one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Nothing, but that its lines may have moved.
    Keep,
    /// A function's body: give the live function the new code.
    Patch,
    /// A class or compound: do what its parts call for, see `Change::what`.
    Members,
    /// Run it again whatever happens: it changed, or a statement that changed needs it.
    Run,
    /// Run it again if what it depends on really changed.
    RunIf,
    /// Nothing, but that what it once gave a name acts differently, if it really does.
    Acts,
}

/// One step of a plan: one statement of the new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its index in the new body.
    pub new: usize,
    /// Its partner in the old body.
    pub old: Option<usize>,
    /// What is to be done.
    pub mark: Mark,
    /// Why, in a clause for the report; empty for `Keep`.
    pub why: String,
}

/// What a module calls for.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// One step for each statement of the new text that is not simply left alone, in its order;
    /// some of those that are in the end stand here as well.
    pub steps: Vec<Step>,
    /// Old statements without a partner.
    pub removed: Vec<usize>,
    /// Names whose object loses what removed statements had put into it, after which statement.
    pub taken: Vec<(usize, String)>,
    /// Paths of what statements that are gone had put something into, or were told to.
    pub told: BTreeSet<String>,
    /// Statements of the new text whose value others below pass on perhaps, which these may have
    /// overridden: where they stand, where the others do, and the name. See `defaults`.
    pub overridden: Vec<(usize, usize, String)>,
    /// Statements of the new text that stand elsewhere than before, and tell others of something.
    pub reordered: Vec<usize>,
    /// See `unset`.
    pub unset: BTreeSet<String>,
    /// Sentences a person should read.
    pub notes: Vec<String>,
}

impl Plan {
    /// The step of a statement of the new text, if it has one.
    pub fn step(&self, new: usize) -> Option<&Step> {
        let at = self.steps.binary_search_by_key(&new, |step| step.new);
        at.ok().map(|at| &self.steps[at])
    }

    /// Whether nothing but lines would change.
    pub fn idle(&self) -> bool {
        self.removed.is_empty()
            && self.reordered.is_empty()
            && self.steps.iter().all(|step| step.mark == Mark::Keep)
    }
}

/// The plan that runs every statement again.
pub fn full(new: &Outline, changes: &Changes, why: &str) -> Plan {
    Plan {
        steps: (0..new.body.len())
            .map(|at| Step {
                new: at,
                old: changes.at(at).0,
                mark: Mark::Run,
                why: why.to_owned(),
            })
            .collect(),
        removed: changes.removed.clone(),
        ..Plan::default()
    }
}

/// What the uses of a statement are when the functions it calls count through their bodies.
struct Effects {
    binds: BTreeSet<String>,
    mutates: BTreeSet<String>,
    reads: BTreeSet<String>,
    /// Names that the functions which it calls read and bind: `global total; total += n`.
    counts: BTreeSet<String>,
    /// Of `reads`, names that it only leaves as they are, perhaps.
    passes: BTreeSet<String>,
    /// It may bind names that nobody can list.
    opaque: bool,
}

/// The statements that a plan looks at: those that the edit can reach, in the order of the text.
/// They are counted from 0 here, as `Plan::steps` are.
struct Reached<'a> {
    new: &'a Outline,
    places: Vec<usize>,
    effects: Vec<Effects>,
    /// For each name the reached statements that bind or change it.
    writers: BTreeMap<String, Vec<usize>>,
}

impl<'a> Reached<'a> {
    fn new(new: &'a Outline, places: Vec<usize>, functions: &Functions<'_>) -> Self {
        let effects: Vec<Effects> = places
            .iter()
            .map(|at| effects(&new.body[*at], functions))
            .collect();
        let mut writers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, effects) in effects.iter().enumerate() {
            for name in effects.binds.union(&effects.mutates) {
                writers.entry(name.clone()).or_default().push(at);
            }
        }
        Self {
            new,
            places,
            effects,
            writers,
        }
    }

    fn statement(&self, at: usize) -> &'a Statement {
        &self.new.body[self.places[at]]
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    /// The statements that bind or change a name, in the order of the text.
    fn writers(&self, name: &str) -> &[usize] {
        self.writers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Names that are read and that no statement binds: builtins, and what was bound by
    /// `globals()[name] = ...`.
    fn unlisted(&self) -> BTreeSet<String> {
        reach::unlisted(self.new)
    }

    /// Those of them that bind it.
    fn binders(&self, name: &str) -> impl DoubleEndedIterator<Item = usize> {
        let all = self.writers(name).iter().copied();
        all.filter(|at| self.effects[*at].binds.contains(name))
    }

    fn restartable(&self, at: usize) -> bool {
        restartable(self.new, self.places[at])
    }

    /// The first that stands at this place of the text, or after it.
    fn first_at(&self, place: usize) -> usize {
        self.places.partition_point(|at| *at < place)
    }
}

/// The name that a path begins with.
pub fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

fn effects(statement: &Statement, functions: &Functions<'_>) -> Effects {
    let uses = &statement.uses;
    let mut binds: BTreeSet<String> = uses.binds.iter().cloned().collect();
    binds.extend(uses.deletes.iter().cloned());
    let mut mutates: BTreeSet<String> = uses.mutates.iter().cloned().collect();
    let written = functions.global_writes(&uses.calls);
    // What a called function counts up itself is its memory, and not what it is given.
    let (counts, later): (BTreeSet<_>, BTreeSet<_>) = functions
        .later_reads(uses)
        .into_iter()
        .partition(|name| written.contains(name));
    // `setup("a", 1)`, where setup() sets and collects: links of a chain like `X += 1`. What it counts
    // is taken off and added again. What a decorator collects is not: registries of definitions take
    // care of themselves.
    if statement.kind == Kind::Expr {
        mutates.extend(written.difference(&counts).cloned());
        mutates.extend(functions.mutations_by_functions(&uses.calls));
    }
    let mut reads: BTreeSet<String> = uses.reads.iter().map(|p| root(p).to_owned()).collect();
    reads.extend(later);
    let passes = defaults::passes(statement, functions.outline());
    let passes: BTreeSet<String> = passes.filter(|n| !reads.contains(*n)).cloned().collect();
    reads.extend(passes.iter().cloned());
    binds.extend(written);
    let mut effects = Effects {
        binds,
        mutates,
        reads,
        counts,
        passes,
        opaque: uses.opaque || functions.opaque(&uses.calls),
    };
    same::widen(&mut effects, functions);
    effects
}

/// Makes the plan for one module from its own changes and from what changed around it.
pub fn make(old: &Outline, new: &Outline, changes: &Changes, outside: &Dirty) -> Plan {
    make_with(old, new, changes, outside, &Anew::default(), &Nowhere)
}

/// The same, with names that are to be made anew.
pub fn make_with(
    old: &Outline,
    new: &Outline,
    changes: &Changes,
    outside: &Dirty,
    anew: &Anew,
    elsewhere: &dyn Elsewhere,
) -> Plan {
    let outside = &reaching::with_unbound(old, new, changes, outside);
    let functions = Functions::of(new).with(elsewhere);
    let had = Functions::of(old).with(elsewhere);
    let moves = reaching::Moves::of(old, new, &functions, changes);
    let lost = reaching::no_longer_filled(old, &functions, changes);
    let moved = reordered::tellers(new, changes);
    let held = gone::held(&had, &functions, changes);
    let unset = unset::unset(&had, &functions, changes);
    let mut names: BTreeSet<String> = moves
        .names
        .iter()
        .chain(&anew.names)
        .chain(&lost)
        .cloned()
        .chain(reordered::holding(&moved, changes, &functions))
        .chain(
            held.iter()
                .map(|held| &held.path)
                .chain(&unset)
                .map(|p| root(p).to_owned()),
        )
        .collect();
    names.extend(had.same().parted(functions.same()).into_iter().cloned());
    let parsers = Parsers::of(old, new, changes);
    names.extend(parsers.names());
    let places = reach::reach(old, &functions, changes, outside, &names, &moved).statements;
    let reached = Reached::new(new, places.into_iter().collect(), &functions);
    let mut plan = Plan {
        removed: changes.removed.clone(),
        reordered: moved,
        unset,
        ..Plan::default()
    };
    for &place in &reached.places {
        let statement = &new.body[place];
        let (partner, what) = changes.at(place);
        let (mark, why) = match what {
            What::Same => (Mark::Keep, String::new()),
            What::Body => (Mark::Patch, "its body changed".to_owned()),
            What::Inner(inner) if parts::runs_whole(statement, inner, &functions) => {
                (Mark::Run, "its body changed".to_owned())
            }
            What::Inner(_) => (Mark::Members, "its body changed".to_owned()),
            What::Header(_) => (Mark::Run, header_reason(statement)),
            What::Changed => (Mark::Run, "it changed".to_owned()),
            What::Added => (Mark::Run, "it is new".to_owned()),
        };
        let (mark, why) = match statement.kind {
            // Never true in an imported module, whatever is in it.
            Kind::MainGuard => (Mark::Keep, String::new()),
            _ => (mark, why),
        };
        plan.steps.push(Step {
            new: place,
            old: partner,
            mark,
            why,
        });
    }
    gone::effects((&had, &functions), &reached, changes, anew, &mut plan);
    gone::let_go(held, &reached, changes, &mut plan);
    unset::mark(&reached, &mut plan);
    let less = (outside, &lost);
    reaching::less(old, &reached, changes, &functions, less, &mut plan);
    moves.mark(&reached, changes, &functions, &mut plan);
    let sets = rewritten::groups(&reached);
    rewritten::mark(&sets, &reached, changes, &mut plan);
    restart_chains(&reached, changes, anew, &mut plan);
    parsers.restart(&reached, &mut plan);
    let mut partly = BTreeSet::new();
    let mut wrapped = BTreeSet::new();
    for (at, &place) in reached.places.iter().enumerate() {
        let (partner, what) = changes.at(place);
        if matches!(what, What::Inner(inner) if runs_parts(&new.body[place], inner)) {
            partly.insert(at);
        }
        let decorated = |statement: &Statement| statement.decorators != 0;
        if decorated(&new.body[place]) || partner.is_some_and(|at| decorated(&old.body[at])) {
            wrapped.insert(at);
        }
    }
    // Marks only ever grow, so this ends.
    loop {
        let around = (&functions, outside);
        let mut grown = propagate(
            old,
            &reached,
            changes,
            around,
            (&wrapped, &mut partly),
            &moves.names,
            &mut plan,
        );
        grown |= reaching::reach_back(&reached, &partly, &mut plan);
        grown |= restart_chains(&reached, changes, anew, &mut plan);
        grown |= parsers.restart(&reached, &mut plan);
        grown |= rewritten::follow(&sets, &reached, &mut plan);
        if !grown {
            if functions.gave_up() {
                plan.notes.push(GAVE_UP.to_owned());
            }
            return plan;
        }
    }
}

fn run(plan: &mut Plan, at: usize, why: &str) -> bool {
    let step = &mut plan.steps[at];
    if step.mark == Mark::Run {
        return false;
    }
    step.mark = Mark::Run;
    step.why = why.to_owned();
    true
}

fn runs(plan: &Plan, at: usize) -> bool {
    matches!(plan.steps[at].mark, Mark::Run | Mark::RunIf)
}

/// Forward: readers of what changed run again.
fn propagate(
    old: &Outline,
    reached: &Reached<'_>,
    changes: &Changes,
    (functions, outside): (&Functions<'_>, &Dirty),
    (wrapped, partly): (&BTreeSet<usize>, &mut BTreeSet<usize>),
    moved: &BTreeSet<String>,
    plan: &mut Plan,
) -> bool {
    let mut dirty = outside.clone();
    let mut grown = false;
    let crossed = match plan.reordered.is_empty() {
        true => Vec::new(),
        false => changes.crossed(),
    };
    let mut crossed = crossed.into_iter().peekable();
    for path in &plan.told {
        dirty.fill(path, "which a statement that is gone had filled");
    }
    for (at, effects) in reached.effects.iter().enumerate() {
        let statement = reached.statement(at);
        dirty.imported(reached.places[at]);
        dirty.imported_over(statement, outside);
        if let Some(import) = statement
            .imports
            .iter()
            .filter(|_| !outside.appeared.is_empty())
            .find(|i| outside.appeared.contains(&import_key(i)))
        {
            let what = match &*import.bound {
                "*" => &import.module,
                bound => bound,
            };
            grown |= run(plan, at, &format!("it imports {what}, which came or went"));
        }
        while let Some(stretch) = crossed.next_if(|c| *c.end() < reached.places[at]) {
            for moved in plan.reordered.iter().filter(|at| stretch.contains(at)) {
                reordered::tell(reached.new, *moved, functions, &mut dirty);
            }
        }
        if plan.steps[at].mark == Mark::Keep
            && statement.kind == Kind::Class
            && dirty.reimports(statement)
        {
            plan.steps[at].mark = Mark::Members;
            plan.steps[at].why = "a name that its body imports changed".to_owned();
            grown = true;
        }
        if let Some(why) = functions.tell_made(statement, &mut dirty)
            && matches!(plan.steps[at].mark, Mark::Keep | Mark::Members)
        {
            plan.steps[at].mark = Mark::RunIf;
            plan.steps[at].why = why;
            grown = true;
        }
        if matches!(
            plan.steps[at].mark,
            Mark::Keep | Mark::Acts | Mark::Members | Mark::Patch
        ) && statement.kind != Kind::MainGuard
            && let Some(affected) = affected_statement(statement, functions, &dirty)
                .or_else(|| defaults::left(statement, functions, &dirty))
        {
            // A class runs member by member: see `Mark::Members`.
            let was = plan.steps[at].mark.clone();
            let (mark, why) = match affected {
                Affected::Runs(why) if plain_class(statement, functions, &dirty) => {
                    (Mark::Members, why)
                }
                Affected::Given { why, .. } if statement.kind == Kind::Class => {
                    (Mark::Members, why)
                }
                Affected::Runs(why) | Affected::Given { why, .. } => (Mark::RunIf, why),
                Affected::Acts(why) if was == Mark::Keep => (Mark::Acts, why),
                Affected::Acts(why) => (was, why),
            };
            if mark == Mark::Members {
                grown |= partly.insert(at);
            }
            if plan.steps[at].mark != mark {
                plan.steps[at].mark = mark;
                plan.steps[at].why = why;
                grown = true;
            }
        }
        let line = statement.span.line;
        if plan.steps[at].mark != Mark::Keep {
            for name in chosen_by(statement, reached.new) {
                dirty.acts(name, format!("which line {line} has a part in"));
            }
            functions.tell_holders(statement, &mut dirty);
        }
        if statement.kind == Kind::Class && plan.steps[at].mark != Mark::Keep {
            let (partner, what) = changes.at(reached.places[at]);
            // Its base, perhaps, is another class.
            let derived = plan.steps[at].mark == Mark::RunIf;
            if derived
                || partner.is_some_and(|at| parts::layout_differs(&old.body[at], statement, what))
            {
                // Most often another class then: those that derive from it must know.
                dirty.value(&statement.name, format!("which changed on line {line}"));
            }
            match (&plan.steps[at].mark, what) {
                (Mark::Members, What::Inner(inner)) => {
                    parts::again_in(statement, inner, &mut dirty);
                }
                (Mark::Members, _) => {}
                _ => dirty.overwrite(&statement.name, &statement.body),
            }
        }
        match plan.steps[at].mark {
            Mark::Run | Mark::RunIf => {
                if statement.kind == Kind::Class {
                    plan.tell_unset(statement, &mut dirty);
                    affected_members(statement, "", functions, &mut dirty);
                    parts::moved_members(statement, moved, &mut dirty);
                    let what = changes.at(reached.places[at]).1;
                    functions.tell_generated(statement, what, &mut dirty);
                }
                for name in reach::may_be_starred(reached.new, reached.places[at]) {
                    dirty.value(name, format!("which line {line} may import"));
                }
                if effects.opaque {
                    for name in reached.unlisted() {
                        dirty.value(name, format!("which line {line} may have bound"));
                    }
                }
                let mut filled = reach::fills(reached.new, statement, functions);
                if given::calls_alone(statement) {
                    filled.extend(functions.holding(statement));
                }
                filled.extend(functions.filled_by_the_way(statement));
                if let (Some(was), What::Changed) = changes.at(reached.places[at]) {
                    filled.extend(functions.filled_by_the_way(&old.body[was]));
                }
                for name in filled {
                    let why = format!("which line {line} puts something into");
                    functions.fill_for_others(&name, &why, &mut dirty);
                    dirty.fill(name, why);
                }
                let was = plan.steps[at].old.map(|was| &old.body[was]);
                for path in kin::left(was, statement).chain(functions.told_of(statement)) {
                    dirty.fill(path, format!("which the class on line {line} may be in"));
                }
                let hints = plan.steps[at]
                    .old
                    .is_some_and(|was| functions.only_hints(&old.body[was], statement, &dirty));
                for name in effects.binds.iter().chain(&effects.mutates) {
                    match statement.kind {
                        // Most often brought up to date in place: not another value, but it acts
                        // differently. Where a decorator gave something else it is one, too.
                        Kind::Function | Kind::Class => {
                            if hints {
                                tell_hints(name, line, &mut dirty);
                            } else {
                                dirty.acts(name, format!("which changed on line {line}"));
                            }
                            if statement.kind == Kind::Class {
                                dirty.has_others(name, format!("which changed on line {line}"));
                            }
                            // A new name, perhaps, for those who look at all of them.
                            if wrapped.contains(&at) || plan.steps[at].old.is_none() {
                                dirty.value(name, format!("which changed on line {line}"));
                            }
                        }
                        _ => {
                            for path in changed_paths(statement, name, functions) {
                                dirty.value(path, format!("which changed on line {line}"));
                            }
                        }
                    }
                }
            }
            Mark::Patch if changes.hints(reached.places[at]) => {
                tell_hints(&statement.name, line, &mut dirty);
            }
            Mark::Patch => {
                let was = plan.steps[at].old.map(|was| &old.body[was]);
                let path = was.map_or(statement.name.clone(), |was| {
                    path_that_acts(reached.new, reached.places[at], was)
                });
                dirty.acts(path, format!("which changed on line {line}"));
            }
            Mark::Members => {
                if let (Some(was), What::Inner(inner)) = changes.at(reached.places[at]) {
                    members(statement, inner, "", &mut dirty);
                    let was = &old.body[was];
                    if statement.kind == Kind::Class && data_changed(was, statement, inner) {
                        // Fields perhaps, and then the constructor is another one.
                        dirty.acts(&statement.name, format!("which changed on line {line}"));
                        dirty.has_others(&statement.name, format!("which changed on line {line}"));
                    }
                }
                if statement.kind == Kind::Class {
                    plan.tell_unset(statement, &mut dirty);
                    affected_members(statement, "", functions, &mut dirty);
                    parts::tell_takers(statement, &effects.mutates, functions, &mut dirty);
                }
            }
            Mark::Keep | Mark::Acts => {
                for name in effects.binds.difference(&effects.mutates) {
                    let counts = effects.counts.contains(name);
                    if !counts
                        && !statement
                            .imports
                            .iter()
                            .any(|i| i.bound == *name || i.bound == "*")
                    {
                        dirty.clean(name);
                    }
                }
                if plan.steps[at].mark == Mark::Acts {
                    dirty.acts(&statement.name, format!("which {}", plan.steps[at].why));
                }
            }
        }
        let what = changes.at(reached.places[at]).1;
        functions.tell_declared(statement, what, runs(plan, at), &mut dirty);
        for (_, name) in plan.taken.iter().filter(|(origin, _)| *origin == at) {
            dirty.fill(name, "which a statement that is gone had filled");
        }
    }
    grown
}

/// The statements of a class body that changed so that they have to run again.
fn again<'a>(class: &'a Statement, inner: &'a Changes) -> impl Iterator<Item = &'a Statement> {
    let changed =
        |change: &&Change| matches!(change.what, What::Added | What::Changed | What::Header(_));
    let changed = inner.items.iter().filter(changed);
    changed.map(|change| &class.body[change.new])
}

/// Whether only statements inside a class body, not its header, are affected.
fn plain_class(statement: &Statement, functions: &Functions<'_>, dirty: &Dirty) -> bool {
    statement.kind == Kind::Class
        && affected_head(statement, functions, dirty).is_none()
        && functions.named_differs(statement, dirty).is_none()
        && functions.decorator_asks(statement, dirty).is_none()
}
