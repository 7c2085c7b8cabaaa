//! Statements that change objects which live on, where what they had done cannot be taken off: what
//! import gives is worked out aside, before the edit and after it, and the objects that live get the
//! difference. See rehearsal.py.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyFrozenSet, PyList, PyTuple};

use super::collections::holds_items;
use super::compile::Source;
use super::entries::raw_entries;
use super::function::plain;
use super::helpers::load;
use super::kit::{Kit, is_heap_type, text};
use super::module::{Run, container};
use super::registry::told;
use crate::diff::What;
use crate::interp::word;
use crate::outline::{Kind, Outline, Statement, Value};
use crate::plan::{Functions, Mark, Rehearsed, Step, dealt_with, rehearsed};
use crate::report::{Action, ChangeKind};

/// How deep in containers objects are looked for, and among how many of their items.
const NESTED: usize = 2;
const SOME: usize = 4;

/// Names that are bound to something else now, those whose objects have something else in them, what undoes
/// that, and what the report is to say.
type Settled<'py> = (
    Vec<(String, Bound<'py, PyAny>)>,
    Vec<String>,
    Bound<'py, PyAny>,
    Vec<String>,
);

/// What was before an edit.
#[derive(Clone)]
pub struct Rehearsal<'py> {
    before: Bound<'py, PyAny>,
    names: BTreeSet<String>,
    /// Those that lead to objects which a constructor sets up in another way.
    pub set_up: BTreeSet<String>,
    /// No statement that changes an object of these is to run.
    untouched: bool,
}

/// What `run_aside` is told: the code of statements, the names that they bind, those of definitions among them,
/// and what says whether the module binds names once.
type Told<'py> = (
    Bound<'py, PyList>,
    Bound<'py, PyFrozenSet>,
    Bound<'py, PyFrozenSet>,
    Bound<'py, PyCFunction>,
);

/// What import gave, by a version of the text. `None`: it cannot be told.
pub fn rehearse<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    source: &Source<'_>,
    mut names: BTreeSet<String>,
    set_up: BTreeSet<String>,
) -> PyResult<Option<Rehearsal<'py>>> {
    let untouched = names.is_empty();
    names.extend(set_up.iter().cloned());
    let may_change = |name: &str| may_change(kit, dict, name);
    let found = rehearsed(source.outline, &names, &may_change);
    let Some(found) = found.filter(|_| !names.is_empty()) else {
        return Ok(None);
    };
    let helper = rehearsal_helper(kit, "Rehearsal")?;
    let (codes, chain, made, once) = told_aside(kit, dict, source, &found)?;
    match helper.call1((dict, codes, chain, made, once)) {
        Ok(before) => Ok(Some(Rehearsal {
            before,
            names,
            set_up,
            untouched,
        })),
        Err(error) => refused(kit, error),
    }
}

fn told_aside<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    source: &Source<'_>,
    found: &Rehearsed,
) -> PyResult<Told<'py>> {
    let codes = PyList::empty(kit.py);
    for &at in &found.statements {
        let statement = &source.outline.body[at];
        let contexts = statement.kind == Kind::Compound && source.slice(statement).contains("with");
        codes.append(match contexts {
            true => entering(kit, source, statement)?,
            false => source.again(kit, statement)?,
        })?;
    }
    let chain = PyFrozenSet::new(kit.py, &found.bound)?;
    let made = PyFrozenSet::new(kit.py, &found.made)?;
    let outline = source.outline.clone();
    // What is done to a module's own things is looked at with these.
    let modules: HashSet<String> = {
        let is_module =
            |(_, value): &(Bound<'py, PyAny>, Bound<'py, PyAny>)| kit.is_exact(value, &kit.module);
        let found = dict.iter().filter(is_module);
        found.map(|(name, _)| text(&name)).collect()
    };
    let once = move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        let names: HashSet<String> = arguments.get_item(0)?.extract()?;
        let bound_once = |name: &String| {
            let places = outline.index().writers(&outline.body, name).into_iter();
            let binds = |at: &usize| outline.body[*at].uses.binds.contains(name);
            places
                .filter(|at| !modules.contains(name) || binds(at))
                .count()
                < 2
        };
        PyResult::Ok(names.iter().all(bound_once))
    };
    let once = PyCFunction::new_closure(kit.py, None, None, once)?;
    Ok((codes, chain, made, once))
}

/// The code of a statement whose contexts are entered and left by what the run aside has for that.
fn entering<'py>(
    kit: &Kit<'py>,
    source: &Source<'_>,
    statement: &Statement,
) -> PyResult<Bound<'py, PyAny>> {
    let made = rehearsal_helper(kit, "entering")?;
    let code = made.call1((source.alone(statement), source.filename, source.flags))?;
    kit.note_fresh(&code);
    Ok(code)
}

/// Of names that statements deal with, those of objects that may change.
pub fn objects_of<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    mut names: BTreeSet<String>,
) -> BTreeSet<String> {
    names.retain(|name| may_change(kit, dict, name));
    names
}

/// Whether one of these is an object of a class that the program made, or has such in it.
pub fn any_of_program<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    names: &BTreeSet<String>,
) -> bool {
    let value = |name: &String| dict.get_item(name).ok().flatten();
    let mut values = names.iter().filter_map(value);
    values.any(|value| has_objects(kit, &value, NESTED))
}

/// Names that the module binds and that lead to objects of these classes.
pub fn leading_to<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    outline: &Outline,
    classes: &[Bound<'py, PyAny>],
) -> PyResult<BTreeSet<String>> {
    if classes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let helper = rehearsal_helper(kit, "leading_to")?;
    let classes = PyTuple::new(kit.py, classes)?;
    let mut names: BTreeSet<String> = helper.call1((dict, classes))?.extract()?;
    names.retain(|name| {
        let places = outline.index().writers(&outline.body, name);
        let mut binders = places.iter().map(|at| &outline.body[*at]);
        binders.any(|s| s.kind != Kind::Import && s.uses.binds.contains(name))
    });
    Ok(names)
}

/// The classes of these names that leave it to us what their objects get.
pub fn classes_of<'py>(
    kit: &Kit<'py>,
    dict: &Bound<'py, PyDict>,
    names: &[&str],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut out = Vec::new();
    for name in names {
        let class = dict.get_item(name)?.filter(|class| kit.is_class(class));
        out.extend(class);
    }
    Ok(out)
}

/// Whether this is an object of a class that may be the program's, or has one in it.
fn has_objects<'py>(kit: &Kit<'py>, value: &Bound<'py, PyAny>, deep: usize) -> bool {
    if plain(value) || kit.is_class(value) || kit.is_function(value) {
        return false;
    }
    if is_heap_type(&value.get_type()) {
        return true;
    }
    let Some(deep) = deep.checked_sub(1) else {
        return false;
    };
    let mut any = |value: Bound<'py, PyAny>| has_objects(kit, &value, deep);
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return dict.values().iter().take(SOME).any(&mut any);
    }
    let items = value.try_iter().ok().filter(|_| holds_items(value));
    items.is_some_and(|items| items.take(SOME).filter_map(Result::ok).any(any))
}

/// Whether a module has such an object by a name of its own, or a list or dict, which functions of other
/// modules may fill.
pub fn may_rehearse<'py>(kit: &Kit<'py>, dict: &Bound<'py, PyDict>) -> bool {
    let py = kit.py;
    // What each module has.
    let of_import = [
        "__spec__",
        "__loader__",
        "__builtins__",
        "__annotations__",
        "__path__",
    ]
    .map(|name| word(py, name).as_ptr());
    let mut found = false;
    let seen = raw_entries(dict, |key, item| {
        // SAFETY: nothing changes the dict meanwhile, which keeps its values alive, and those their types.
        let value = unsafe { Bound::from_borrowed_ptr(py, item) };
        if of_import.contains(&key) {
            return false;
        }
        let filled =
            value.is_exact_instance_of::<PyDict>() || value.is_exact_instance_of::<PyList>();
        found = filled || is_heap_type(&value.get_type()) && has_objects(kit, &value, NESTED);
        found
    });
    seen.is_ok() && found
}

fn calls(statement: &Statement) -> bool {
    statement.value == Value::Other && !statement.uses.calls.is_empty()
}

/// Statements that may change objects.
pub fn acts_on_objects(statement: &Statement) -> bool {
    match statement.kind {
        Kind::Assign => statement.value == Value::Other,
        kind => matches!(kind, Kind::Expr | Kind::Compound | Kind::AugAssign),
    }
}

/// What nothing changes in place: modules, functions, classes and plain values.
fn still<'py>(kit: &Kit<'py>, value: &Bound<'py, PyAny>) -> bool {
    plain(value)
        || kit.is_class(value)
        || kit.is_function(value)
        || kit.is_exact(value, &kit.module)
}

fn may_change<'py>(kit: &Kit<'py>, dict: &Bound<'py, PyDict>, name: &str) -> bool {
    let value = dict.get_item(name).ok().flatten();
    value.is_some_and(|value| !still(kit, &value))
}

/// What cannot be run aside is left as it is.
fn refused<T>(kit: &Kit<'_>, error: PyErr) -> PyResult<Option<T>> {
    let refused = rehearsal_helper(kit, "Refused")?;
    if error.matches(kit.py, refused)? {
        log::debug!(
            "what import gives cannot be worked out: {}",
            text(error.value(kit.py))
        );
        return Ok(None);
    }
    Err(error)
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Before anything is edited: what import had given of the objects that statements change which
    /// are to run again. `None` where there are none, or it cannot be told.
    pub(super) fn rehearse(&mut self) -> PyResult<Option<Rehearsal<'py>>> {
        let Some(old) = self.job.old.filter(|_| self.work.merge) else {
            return Ok(None);
        };
        let names = self.changed_objects(old.outline);
        if !self.is_as_before() {
            let foreseen = self.job.foreseen;
            let wanted =
                |foreseen: &&Rehearsal<'py>| !names.is_empty() || !foreseen.set_up.is_empty();
            return Ok(foreseen.filter(wanted).cloned());
        }
        let set_up = self.set_up_otherwise(old.outline)?;
        if !set_up.is_empty() {
            return rehearse(self.work.kit, &self.job.dict, old, names, set_up);
        }
        if names.is_empty() {
            return Ok(None);
        }
        // What is put into containers of the module is followed statement by statement, but for those that
        // functions make.
        let made_by_call = |name: &String| {
            let places = old.outline.index().writers(&old.outline.body, name);
            let mut binders = places.iter().map(|at| &old.outline.body[*at]);
            binders.any(|s| s.kind == Kind::Assign && s.uses.binds.contains(name) && calls(s))
        };
        let program = any_of_program(self.work.kit, &self.job.dict, &names);
        if !program
            && !names.iter().any(made_by_call)
            && !self.enters(old)
            && !names.iter().any(|name| self.fills_untold(old, name))
        {
            return Ok(None);
        }
        rehearse(self.work.kit, &self.job.dict, old, names, set_up)
    }

    /// What statements write into buffers goes, should the edit fail.
    pub(super) fn watch_buffers(&mut self) -> PyResult<()> {
        if let Some(rehearsal) = &self.rehearsal {
            let undo = rehearsal.before.getattr("put_back")?;
            self.work.tx.call(undo, PyTuple::empty(self.work.kit.py));
        }
        Ok(())
    }

    /// Whether a container is filled by functions that statements call which run again or are gone, and it
    /// cannot be told by their texts what with: `for n in names: POOL.append(n)`.
    fn fills_untold(&self, old: &Source<'_>, name: &str) -> bool {
        let value = self.job.dict.get_item(name).ok().flatten();
        if !value.is_some_and(|value| container(&value)) {
            return false;
        }
        let fills = |functions: &Functions<'_>, statement: &Statement| {
            statement.kind == Kind::Expr
                && functions.mutations(&statement.uses.calls).contains(name)
        };
        let steps = self.job.plan.steps.iter();
        let mut again = steps.filter(|step| matches!(step.mark, Mark::Run | Mark::RunIf));
        let mut gone = self.job.changes.removed.iter();
        let had = Functions::of(old.outline);
        let filled = again.any(|step| fills(&self.functions, &self.job.new.outline.body[step.new]))
            || gone.any(|&at| fills(&had, &old.outline.body[at]));
        if !filled {
            return false;
        }
        match self.import_value(old, name) {
            Some(base) => {
                self.replayed.borrow_mut().insert(name.to_owned(), base);
                false
            }
            None => true,
        }
    }

    /// Whether a statement that runs again, or is gone, enters a context first: what that does to
    /// containers is told by its code alone.
    fn enters(&self, old: &Source<'_>) -> bool {
        let with = |source: &Source<'_>, statement: &Statement| {
            statement.kind == Kind::Compound && source.slice(statement).starts_with("with")
        };
        let steps = self.job.plan.steps.iter();
        let mut again = steps.filter(|step| matches!(step.mark, Mark::Run | Mark::RunIf));
        let mut gone = self.job.changes.removed.iter();
        again.any(|step| with(self.job.new, &self.job.new.outline.body[step.new]))
            || gone.any(|&at| with(old, &old.outline.body[at]))
    }

    /// Names of objects that their constructors set up in another way now.
    fn set_up_otherwise(&self, old: &Outline) -> PyResult<BTreeSet<String>> {
        let (kit, dict, new) = (self.work.kit, &self.job.dict, self.job.new.outline);
        let classes = self.functions.set_up_otherwise(old, new, self.job.changes);
        let classes = classes_of(kit, dict, &classes)?;
        let mut names = leading_to(kit, dict, old, &classes)?;
        // What is made anew is what import gives.
        let steps = self.job.plan.steps.iter();
        for step in steps.filter(|step| matches!(step.mark, Mark::Run)) {
            let binds = &new.body[step.new].uses.binds;
            names.retain(|name| !binds.contains(name));
        }
        Ok(names)
    }

    /// A statement failed, on objects as they are now: the state of a machine has no transition any more. It
    /// may, where they get what import gives now.
    pub(super) fn forgive(&mut self, statement: &Statement, error: PyErr) -> PyResult<()> {
        let acts = matches!(
            statement.kind,
            Kind::Expr | Kind::Compound | Kind::AugAssign
        );
        let covers = |rehearsal: &Rehearsal<'py>| {
            let deals = dealt_with(self.job.new.outline, statement);
            let mut objects = objects_of(self.work.kit, &self.job.dict, deals);
            // What it binds it is given with them.
            objects.retain(|name| !statement.uses.binds.contains(name));
            !objects.is_empty() && objects.is_subset(&rehearsal.names)
        };
        let mine = error.is_instance_of::<PyException>(self.work.kit.py);
        if !acts || !mine || !self.rehearsal.as_ref().is_some_and(covers) {
            return Err(error);
        }
        self.forgiven.get_or_insert(error);
        Ok(())
    }

    /// After the edit: gives the objects what import gives now.
    pub(super) fn finish_rehearsal(&mut self) -> PyResult<()> {
        let Some(rehearsal) = self.rehearsal.take() else {
            return Ok(());
        };
        let settled = told(self.settle_rehearsed(&rehearsal)).flatten();
        match self.forgiven.take() {
            Some(error) if settled.is_none() => Err(error),
            _ => Ok(()),
        }
    }

    fn settle_rehearsed(&mut self, rehearsal: &Rehearsal<'py>) -> PyResult<Option<()>> {
        let (kit, outline) = (self.work.kit, self.job.new.outline);
        let dict = self.job.dict.clone();
        let may_change = |name: &str| may_change(kit, &dict, name);
        let Some(found) = rehearsed(outline, &rehearsal.names, &may_change) else {
            return Ok(None);
        };
        let edited = |at: &usize| matches!(self.what(*at), What::Changed | What::Added);
        let same = |name: &&String| {
            let places = outline.index().writers(&outline.body, name);
            let mut binders = places
                .iter()
                .filter(|at| outline.body[**at].uses.binds.contains(name));
            !binders.any(edited) && !self.job.anew.names.contains(*name)
        };
        let same = PyFrozenSet::new(kit.py, found.bound.iter().filter(same))?;
        let (codes, chain, made, once) = told_aside(kit, &dict, self.job.new, &found)?;
        let untouched = rehearsal.untouched;
        if untouched {
            self.work.drop_stored()?;
            self.work.give_gains()?;
        }
        let about = (codes, chain, made, once, same, untouched);
        let settled = rehearsal.before.call_method1("settle", about);
        let settled = match settled {
            Ok(settled) => settled,
            Err(error) => return refused(kit, error),
        };
        let (bound, changed, undo, notes): Settled<'py> = settled.extract()?;
        self.work.notes.extend(notes);
        self.work.tx.call(undo, PyTuple::empty(kit.py));
        for (name, value) in bound {
            if self.job.keep.contains(&name) {
                continue;
            }
            let was = dict.get_item(&name)?;
            dict.set_item(&name, &value)?;
            self.facts.rebound.push((name.clone(), was, Some(value)));
            self.tell_rehearsed(&name, &found, outline);
        }
        for name in changed {
            self.tell_rehearsed(&name, &found, outline);
        }
        for at in found.asking {
            let statement = &outline.body[at];
            let mark = match statement.kind {
                Kind::Class => Mark::Members,
                _ => Mark::RunIf,
            };
            let (old, why) = (
                self.job.changes.at(at).0,
                "it asks what has another value".to_owned(),
            );
            self.step(
                &Step {
                    new: at,
                    old,
                    mark,
                    why,
                },
                statement,
            )?;
        }
        Ok(Some(()))
    }

    /// Whether what import gave can still be worked out: nothing around is edited by now but plain values,
    /// which this module still has as they were.
    fn is_as_before(&self) -> bool {
        let outside = self.job.outside;
        let ours = |name: &String| {
            let mut rebinds = self.job.rebinds.iter();
            rebinds.any(|r| r.name == *name && r.old.as_ref().is_some_and(plain))
        };
        outside.is_empty()
            || outside.behaviour.is_empty()
                && outside.contents.is_empty()
                && outside.filled_at.is_empty()
                && outside.values.keys().all(ours)
    }

    fn tell_rehearsed(&mut self, name: &str, found: &Rehearsed, outline: &'a Outline) {
        let mut places = found.statements.iter();
        let binder = places.find(|at| outline.body[**at].uses.binds.iter().any(|n| n == name));
        let Some(&at) = binder else { return };
        let why = "what import gives it is something else now";
        self.dirty.value(
            name,
            format!(
                "which has what import gives it now, line {}",
                outline.body[at].span.line
            ),
        );
        self.note(
            ChangeKind::Variable,
            Action::Updated,
            name,
            &outline.body[at],
            why,
        );
    }

    /// Names of objects that statements change which are to run again, or are gone.
    fn changed_objects(&self, old: &Outline) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let new = self.job.new.outline;
        for step in &self.job.plan.steps {
            let statement = &new.body[step.new];
            if matches!(step.mark, Mark::Run | Mark::RunIf) && acts_on_objects(statement) {
                names.extend(dealt_with(new, statement));
                for name in &statement.uses.binds {
                    names.remove(name);
                }
            }
        }
        for &at in &self.job.changes.removed {
            if acts_on_objects(&old.body[at]) {
                names.extend(dealt_with(old, &old.body[at]));
            }
        }
        objects_of(self.work.kit, &self.job.dict, names)
    }
}

/// A name of the texts about rehearsals.
fn rehearsal_helper<'py>(kit: &Kit<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    let texts = [
        ("pyreload/picture.py", include_str!("picture.py")),
        ("pyreload/guard.py", include_str!("guard.py")),
        ("pyreload/contexts.py", include_str!("contexts.py")),
        ("pyreload/rehearsal.py", include_str!("rehearsal.py")),
    ];
    load(kit, &kit.rehearsal, &COMPILED, &texts)?.get_item(name)
}
