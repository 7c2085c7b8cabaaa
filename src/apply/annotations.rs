//! Annotations as a restart would have them.
//!
//! Up to 3.13 each annotated statement puts a value into a dict. From 3.14 on the compiler gathers
//! the annotations of a whole module or class body in one function, `__annotate__`, which computes
//! them when somebody asks. A statement that runs alone brings a function that knows only its own,
//! so here the function is made anew from all annotated statements; nothing else runs again.
//!
//! In a module each annotation counts only once its statement has run: the statement puts the
//! number of its annotation into the set `__conditional_annotations__`, which `__annotate__` reads.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyString, PyTuple};

use super::compile::{Source, inner};
use super::function::identical;
use super::kit::Kit;
use super::members::{Body, Edit};
use super::module::{Job, Run};
use super::work::Work;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};
use crate::plan::reordered;

/// The function that makes a module's annotations.
const ANNOTATE: &str = "__annotate__";
/// Which of the module's annotations have come into force, by number.
const CONDITIONS: &str = "__conditional_annotations__";
/// Up to 3.13 the annotations; later those that `__annotate__` has made.
const MADE: &str = "__annotations__";
/// `ast.PyCF_ONLY_AST`.
const ONLY_TREE: i32 = 0x400;

/// Whether annotations of this source are kept in a function.
pub(super) fn lazy(kit: &Kit<'_>, source: &Source<'_>) -> bool {
    kit.version >= (3, 14) && !source.outline.future.iter().any(|f| f == "annotations")
}

/// Whether there may be annotated statements in the blocks of a compound one.
pub(super) fn may_annotate_inside(source: &Source<'_>, statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Compound | Kind::MainGuard)
        && source.slice(statement).lines().any(|line| {
            let parts = line.split(';').any(begins_annotated);
            parts
                || line
                    .split_once(':')
                    .is_some_and(|(_, one)| begins_annotated(one))
        })
}

/// Whether a text begins with a word, a colon behind it, and something behind that.
fn begins_annotated(text: &str) -> bool {
    let text = text.trim_start();
    let word = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(word);
    !word.is_empty()
        && !matches!(word, "else" | "try" | "finally" | "except")
        && rest.trim_start().starts_with(':')
}

/// What becomes of the function that makes the annotations of a class.
pub(super) enum Annotate<'py> {
    Stands,
    /// It is among these entries, if there are annotations.
    Made(Bound<'py, PyDict>),
}

/// One statement of a module that has annotations, and how many.
struct Annotated {
    at: usize,
    count: usize,
    compound: bool,
}

fn annotated(kit: &Kit<'_>, source: &Source<'_>) -> PyResult<Vec<Annotated>> {
    let mut out = Vec::new();
    for (at, statement) in source.outline.body.iter().enumerate() {
        let compound = may_annotate_inside(source, statement);
        let count = if compound {
            let text = source.alone(statement);
            let arguments = (text, "", "exec", ONLY_TREE, true);
            count(&kit.compile.call1(arguments)?.getattr("body")?)?
        } else {
            usize::from(source.annotates(statement))
        };
        if count > 0 {
            out.push(Annotated {
                at,
                count,
                compound,
            });
        }
    }
    Ok(out)
}

/// How many annotations the compiler counts in some statements of a syntax tree.
fn count(body: &Bound<'_, PyAny>) -> PyResult<usize> {
    let mut all = 0;
    for node in body.try_iter()? {
        let node = node?;
        let kind = node.get_type().name()?.to_string_lossy().into_owned();
        match kind.as_str() {
            "AnnAssign" => all += node.getattr("simple")?.extract::<usize>()?,
            "FunctionDef" | "AsyncFunctionDef" | "ClassDef" => {}
            _ => {
                for field in ["body", "handlers", "orelse", "cases", "finalbody"] {
                    if let Ok(inner) = node.getattr(field)
                        && inner.is_instance_of::<pyo3::types::PyList>()
                    {
                        // A `finally` is compiled twice: for the way with an exception too.
                        let times = if field == "finalbody" { 2 } else { 1 };
                        all += times * count(&inner)?;
                    }
                }
            }
        }
    }
    Ok(all)
}

/// Takes out what a module's annotations are made of, before all of it runs again.
pub(super) fn clear(dict: &Bound<'_, PyDict>) -> PyResult<()> {
    for name in [MADE, ANNOTATE, CONDITIONS] {
        if dict.contains(name)? {
            dict.del_item(name)?;
        }
    }
    Ok(())
}

/// The names that a statement of a class body may annotate.
pub(super) fn annotates(member: &Statement) -> impl Iterator<Item = &String> {
    let own = (member.kind == Kind::Annotation).then_some(&member.name);
    member.uses.binds.iter().chain(own)
}

/// Puts annotations into the order of the class body, as in a class made anew.
fn in_body_order(annotations: &Bound<'_, PyDict>, body: &Body<'_, '_, '_>) -> PyResult<()> {
    for name in body.new.body.iter().flat_map(annotates) {
        let name = body.key(name);
        if let Some(value) = annotations.get_item(&name)? {
            annotations.del_item(&name)?;
            annotations.set_item(&name, value)?;
        }
    }
    Ok(())
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether a class body has annotations of its own, as far as can be told.
    pub(super) fn annotates_any(&self, class: &Statement) -> bool {
        let mut body = class.body.iter();
        body.any(|m| m.kind == Kind::Compound || self.job.new.annotates(m))
    }

    /// The names by which somebody asks for what a class declares, if it has other annotations, or
    /// has them in another order: a field without a value binds nothing.
    pub(super) fn declared_names(
        &self,
        old: &Statement,
        new: &Statement,
        inner: Option<&Changes>,
    ) -> Vec<String> {
        let annotates = |member: &Statement| self.job.new.annotates(member);
        let others = |inner: &Changes| {
            let mut changed = inner.items.iter().filter(|c| c.what != What::Same);
            let mut gone = inner.removed.iter().map(|at| &old.body[*at]);
            changed.any(|c| annotates(&new.body[c.new]))
                || gone.any(|member| member.kind == Kind::Annotation)
                || reordered(new, inner) && new.body.iter().any(annotates)
        };
        let names = ["__annotations__", "get_annotations"];
        let names = names.iter().filter(|_| inner.is_some_and(others));
        names.map(|name| (*name).to_owned()).collect()
    }

    /// Before a statement runs: up to 3.13 the annotations of a branch that does not run this
    /// time would stay.
    pub(super) fn open_annotations(&mut self, statement: &Statement) -> PyResult<()> {
        if lazy(self.work.kit, self.job.new) || !may_annotate_inside(self.job.new, statement) {
            return Ok(());
        }
        if let Some(made) = self.job.dict.get_item(MADE)?
            && let Ok(made) = made.cast_into_exact::<PyDict>()
        {
            for name in &statement.uses.binds {
                if made.contains(name)? {
                    made.del_item(name)?;
                }
            }
        }
        Ok(())
    }

    /// After a statement ran alone: notes which of its annotations are in force, and leaves the
    /// module's function to the end.
    pub(super) fn take_annotations(&mut self, at: usize) -> PyResult<()> {
        let dict = &self.job.dict;
        if !lazy(self.work.kit, self.job.new) {
            return Ok(());
        }
        for name in [ANNOTATE, CONDITIONS] {
            let (was, now) = (self.before.get_item(name)?, dict.get_item(name)?);
            let same = match (&was, &now) {
                (Some(was), Some(now)) => was.is(now),
                (was, now) => was.is_none() && now.is_none(),
            };
            if same {
                continue;
            }
            if name == CONDITIONS
                && let Some(now) = now
            {
                self.annotated.insert(at, now.extract()?);
            }
            match was {
                Some(was) => dict.set_item(name, was)?,
                None => dict.del_item(name)?,
            }
        }
        Ok(())
    }

    /// What the name that a statement annotates is annotated with, if it does that and the module has
    /// its annotations in a dict.
    pub(super) fn annotation(&self, statement: &Statement) -> Option<Option<Bound<'py, PyAny>>> {
        if !self.job.new.annotates(statement) {
            return None;
        }
        let made = self.job.dict.get_item(MADE).ok()?;
        let made = made.and_then(|made| made.cast_into_exact::<PyDict>().ok());
        Some(made.and_then(|made| made.get_item(&statement.name).ok()?))
    }

    /// After it ran: tells those who read the annotations of the module.
    pub(super) fn tell_annotation(
        &mut self,
        was: Option<Option<Bound<'py, PyAny>>>,
        statement: &Statement,
    ) {
        let (Some(was), Some(now)) = (was, self.annotation(statement)) else {
            return;
        };
        let same = match (&was, &now) {
            (Some(was), Some(now)) => identical(was, now),
            (was, now) => was.is_none() && now.is_none(),
        };
        if !same {
            let why = format!("which changed on line {}", statement.span.line);
            self.dirty.value(MADE, why);
        }
    }

    /// Before a statement runs that reads the annotations of the module: those that are gone, and
    /// those of what stands below it, are not there for it.
    pub(super) fn hide_annotations(
        &mut self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (outline, uses) = (self.job.new.outline, &statement.uses);
        let by_function = || {
            if uses.calls.is_empty() && uses.members.is_empty() {
                return false;
            }
            let later = outline.index().live_later(&outline.body, MADE);
            !later.is_empty() && self.functions.later_reads(uses).contains(MADE)
        };
        if !uses.reads.iter().any(|path| path == MADE) && !by_function() {
            return Ok(None);
        }
        if let Some(old) = self.job.old {
            self.drop_annotations(old)?;
            self.module_annotations()?;
        }
        let Some(made) = self.job.dict.get_item(MADE)? else {
            return Ok(None);
        };
        let Ok(made) = made.cast_into_exact::<PyDict>() else {
            return Ok(None);
        };
        let new = self.job.new;
        let body = &new.outline.body;
        let hidden = PyDict::new(self.work.kit.py);
        for below in body.range(at..body.len()).filter(|s| new.annotates(s)) {
            let mut above = body.range(0..at).filter(|s| new.annotates(s));
            if above.all(|s| s.name != below.name)
                && let Some(value) = made.get_item(&below.name)?
            {
                made.del_item(&below.name)?;
                hidden.set_item(&below.name, value)?;
            }
        }
        Ok(Some(hidden))
    }

    /// Puts these back.
    pub(super) fn show_annotations(&self, hidden: Option<Bound<'py, PyDict>>) -> PyResult<()> {
        if let Some(hidden) = hidden
            && let Some(made) = self.job.dict.get_item(MADE)?
        {
            for (name, value) in hidden.iter() {
                made.set_item(name, value)?;
            }
        }
        Ok(())
    }

    /// Whether a statement annotated a name of the module that is gone from the text, or changed.
    pub(super) fn annotated_less(job: &Job<'_, '_>) -> bool {
        let Some(old) = job.old else { return false };
        let body = &old.outline.body;
        let changed = job.changes.items.iter().filter(|c| c.what == What::Changed);
        let changed = changed.filter_map(|c| {
            let stays = job.new.annotates(&job.new.outline.body[c.new]);
            c.old.filter(|_| !stays)
        });
        let mut gone = job.changes.removed.iter().copied().chain(changed);
        gone.any(|at| old.annotates(&body[at])) && job.dict.contains(MADE).unwrap_or(false)
    }

    /// At the end of a module: its annotations are those of the new text.
    pub(super) fn annotations(&mut self) -> PyResult<()> {
        let (kit, dict, new) = (self.work.kit, &self.job.dict, self.job.new);
        if kit.version < (3, 14) {
            return Ok(());
        }
        let was_lazy = self.job.old.is_none_or(|old| lazy(kit, old));
        if !lazy(kit, new) {
            // Now they are texts in a dict.
            for name in [ANNOTATE, CONDITIONS] {
                if was_lazy && dict.contains(name)? {
                    dict.del_item(name)?;
                }
            }
            return Ok(());
        }
        // Made from names that may mean something else now; made again when somebody asks.
        let made = dict.contains(ANNOTATE)? || !self.annotated.is_empty();
        if (made && self.facts.executed || !was_lazy) && dict.contains(MADE)? {
            dict.del_item(MADE)?;
        }
        if was_lazy && !self.reannotated() {
            return Ok(());
        }
        let now = annotated(kit, new)?;
        let before = match self.job.old {
            Some(old) if was_lazy => annotated(kit, old)?,
            _ => Vec::new(),
        };
        if now.is_empty() && before.is_empty() {
            return Ok(());
        }
        let conditions = PySet::empty(kit.py)?;
        let in_force: Vec<usize> = match dict.get_item(CONDITIONS)? {
            Some(set) => set
                .extract::<std::collections::HashSet<usize>>()?
                .into_iter()
                .collect(),
            None => Vec::new(),
        };
        let mut first = 0;
        for item in &now {
            if let Some(ran) = self.annotated.get(&item.at) {
                for number in ran {
                    conditions.add(first + number)?;
                }
            } else if !item.compound {
                conditions.add(first)?;
            } else if let Some(old) = self.job.changes.at(item.at).0 {
                let mut start = 0;
                for was in before.iter().take_while(|was| was.at != old) {
                    start += was.count;
                }
                for number in &in_force {
                    if (start..start + item.count).contains(number) {
                        conditions.add(number - start + first)?;
                    }
                }
            }
            first += item.count;
        }
        clear(dict)?;
        if now.is_empty() {
            return Ok(());
        }
        let parts: Vec<&Statement> = now.iter().map(|a| &new.outline.body[a.at]).collect();
        let code = inner(kit, &new.together(kit, &parts)?, ANNOTATE)?;
        dict.set_item(ANNOTATE, kit.function.call1((code, dict))?)?;
        dict.set_item(CONDITIONS, conditions)
    }

    /// Whether annotated statements of the module ran, came, went or changed places.
    fn reannotated(&self) -> bool {
        let (Some(old), new, changes) = (self.job.old, self.job.new, self.job.changes) else {
            return true;
        };
        let counts = |source: &Source<'_>, at: usize| {
            let statement = &source.outline.body[at];
            source.annotates(statement) || may_annotate_inside(source, statement)
        };
        !self.annotated.is_empty()
            || changes.removed.iter().any(|&at| counts(old, at))
            || changes.items.iter().any(|change| {
                counts(new, change.new) || change.old.is_some_and(|at| counts(old, at))
            })
    }

    /// The annotations of a class that is brought up to date part by part. `None` where only the
    /// class statement as a whole can make them.
    pub(super) fn reannotate(
        &self,
        body: &Body<'_, 'a, 'py>,
        edit: &Edit<'a>,
    ) -> PyResult<Option<Annotate<'py>>> {
        let (class, old, new) = (body.class, body.old, body.new);
        let lazy = lazy(self.work.kit, self.job.new);
        let inside = |at: &usize| may_annotate_inside(self.job.new, &new.body[*at]);
        if edit.again.iter().any(inside) || lazy && edit.reordered && self.annotates_any(new) {
            return Ok(None);
        }
        if !lazy {
            return Ok(Some(Annotate::Stands));
        }
        let (differ, apart) = self.annotated_members(old, new);
        if !differ {
            return Ok(Some(Annotate::Stands));
        }
        if !apart || self.work.generated(class)? || self.processed(class, old)? {
            return Ok(None);
        }
        let made = self.class_annotate(class, new, &body.chain)?;
        Ok(made.map(Annotate::Made))
    }

    /// The function that makes the annotations of a class whose body is `new` (3.14+). `None`
    /// where only the class statement as a whole can make it.
    fn class_annotate(
        &self,
        class: &Bound<'py, PyAny>,
        new: &'a Statement,
        chain: &[&'a Statement],
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let kit = self.work.kit;
        let entries = PyDict::new(kit.py);
        let parts: Vec<&Statement> = new
            .body
            .iter()
            .filter(|m| self.job.new.annotates(m))
            .collect();
        if parts.is_empty() {
            return Ok(Some(entries));
        }
        let body = self.job.new.class_part(kit, chain, &parts)?;
        let code = inner(kit, &body, ANNOTATE)?;
        let free: Vec<String> = code.getattr("co_freevars")?.extract()?;
        let mut cells = Vec::new();
        for name in free {
            if name != "__classdict__" {
                return Ok(None);
            }
            cells.push(kit.new_cell(&kit.entries(class)?)?);
        }
        let closure = PyTuple::new(kit.py, cells)?;
        let none = kit.py.None();
        let function = kit
            .function
            .call1((code, &self.job.dict, ANNOTATE, none, closure))?;
        entries.set_item("__annotate_func__", function)?;
        Ok(Some(entries))
    }

    /// Whether the annotations of two versions of a class body differ; whether they stand where
    /// they can be told apart.
    fn annotated_members(&self, old: &'a Statement, new: &'a Statement) -> (bool, bool) {
        let Some(before) = self.job.old else {
            return (true, false);
        };
        let after = self.job.new;
        let apart = !old.body.iter().any(|m| may_annotate_inside(before, m))
            && !new.body.iter().any(|m| may_annotate_inside(after, m));
        let list = |source: &Source<'a>, class: &'a Statement| -> Vec<&'a str> {
            let members = class.body.iter().filter(|m| source.annotates(m));
            members.map(|m| source.slice(m)).collect()
        };
        (list(before, old) != list(after, new), apart)
    }

    /// After statements of a class body ran again: up to 3.13 its annotations are those of before
    /// and those that they made.
    pub(super) fn take_class_annotations(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        before: Option<&Bound<'py, PyAny>>,
        names: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        let Some(now) = names.get_item(MADE)? else {
            return Ok(());
        };
        if before.is_some_and(|before| before.eq(&now).unwrap_or(false)) {
            return Ok(());
        }
        let now = now.cast_into::<PyDict>()?;
        in_body_order(&now, body)?;
        if !now.is_empty() || self.annotates_any(body.new) {
            return self.set_by_name(body.class, MADE, now.as_any());
        }
        // The compiler makes the dict for the first annotation only.
        if before.is_some() {
            let kit = self.work.kit;
            let key = PyString::new(kit.py, MADE);
            self.work
                .tx
                .del_class_entry(kit, body.class, key.as_any())?;
        }
        Ok(())
    }

    /// Takes the annotation of a name from a class, and their dict with the last one.
    pub(super) fn drop_annotation(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &str,
        last: bool,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        if let Some(found) = kit.class_entry(class, "__annotations__")?
            && let Ok(dict) = found.cast::<PyDict>()
        {
            if dict.contains(name)? {
                self.work.tx.dict(dict)?;
                dict.del_item(name)?;
            }
            if last && dict.is_empty() {
                // The compiler makes the dict for the first annotation only.
                let key = pyo3::types::PyString::new(kit.py, "__annotations__");
                self.work.tx.del_class_entry(kit, class, key.as_any())?;
            }
        }
        Ok(())
    }

    /// The annotations of a class whose statements changed places.
    pub(super) fn order_annotations(&mut self, body: &Body<'_, 'a, 'py>) -> PyResult<()> {
        if let Some(found) = self.work.kit.class_entry(body.class, MADE)?
            && let Ok(dict) = found.cast_into::<PyDict>()
        {
            self.work.tx.dict(&dict)?;
            in_body_order(&dict, body)?;
        }
        Ok(())
    }
}

impl<'py> Work<'_, 'py> {
    /// Takes the function that makes a class's annotations (3.14+) from the entries of its twin.
    /// Reading `__annotate__` would leave an entry in a class that has none.
    pub fn annotate_as(
        &mut self,
        class: &Bound<'py, PyAny>,
        twin: &Bound<'py, PyDict>,
    ) -> PyResult<()> {
        const MADE_BY: &str = "__annotate_func__";
        let kit = self.kit;
        if kit.version < (3, 14) {
            return Ok(());
        }
        let name = |name: &str| PyString::new(kit.py, name).into_any();
        match twin.get_item(MADE_BY)? {
            Some(function) => {
                self.tx
                    .set_class_entry(kit, class, &name(MADE_BY), &function)?;
            }
            None if kit.class_entry(class, MADE_BY)?.is_some() => {
                self.tx.del_class_entry(kit, class, &name(MADE_BY))?;
            }
            None => {}
        }
        self.forget_annotations(class)
    }

    /// Drops the annotations that a class has made; it makes them again when somebody asks.
    pub fn forget_annotations(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        const CACHE: &str = "__annotations_cache__";
        let kit = self.kit;
        if kit.class_entry(class, CACHE)?.is_some() {
            let name = PyString::new(kit.py, CACHE).into_any();
            self.tx.del_class_entry(kit, class, &name)?;
        }
        Ok(())
    }
}
