//! What statements had put into a container, taken out again: see skeleton.py.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::base::chain;
use super::compile::Source;
use super::data::is_data;
use super::execute::{DEEP, copied};
use super::kit::text;
use super::module::{Run, container};
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Outline, Statement};
use crate::plan::{CHOOSES_LESS, Mark, Step, affected_statement, choose_less};

/// Into containers with more items it is not looked for others that were changed in place.
const MOST: usize = 256;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What import had put into a container, as far as it can be told without calling anything.
    pub(super) fn skeleton(
        &self,
        old: &Source<'_>,
        name: &str,
        links: &[usize],
    ) -> Option<Bound<'py, PyAny>> {
        let texts = links.iter().map(|&at| old.slice(&old.outline.body[at]));
        let scratch = self.before.copy().ok()?;
        self.contents(old, name, texts.collect(), links, scratch)
    }

    /// The same where a statement that called something has made the container again, only for those that
    /// fill it: what it gives, import had given too.
    pub(super) fn base_of_made(
        &self,
        at: usize,
        name: &str,
        made: &Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyAny>> {
        let old = self.job.old.filter(|_| self.work.merge)?;
        let (origin, links) = chain(old.outline, name, usize::MAX)?;
        let same = self.job.changes.at(at) == (Some(origin), &What::Same);
        let statement = &self.job.new.outline.body[at];
        let differs = || affected_statement(statement, &self.functions, &self.dirty).is_some();
        if !same || links.first() != Some(&origin) || differs() {
            return None;
        }
        let first = format!("{name} = __made__");
        let others = links.iter().skip(1);
        let others = others.map(|&link| old.slice(&old.outline.body[link]));
        let texts = std::iter::once(&*first).chain(others).collect();
        let scratch = self.before.copy().ok()?;
        scratch
            .set_item("__made__", copied(made, DEEP).ok()?)
            .ok()?;
        self.contents(old, name, texts, &links[1..], scratch)
    }

    /// What a container has after these texts; `links`: the old statements that read what may mean
    /// something else by now.
    fn contents(
        &self,
        old: &Source<'_>,
        name: &str,
        texts: Vec<&str>,
        links: &[usize],
        scratch: Bound<'py, PyDict>,
    ) -> Option<Bound<'py, PyAny>> {
        for &at in links {
            self.all_as_it_was(&scratch, &old.outline.body[at]).ok()?;
        }
        let contents = self.helper("contents").ok()?;
        let gone = PyTuple::empty(self.work.kit.py);
        let unknown = self.unknown_contents(old, name, links);
        contents.call1((texts, gone, name, scratch, unknown)).ok()
    }

    /// What the statements of a class body that stood there had put into a container of the class.
    pub(super) fn filled_in_class(
        &self,
        old: &Source<'_>,
        name: &str,
        links: &[&Statement],
        scratch: &Bound<'py, PyDict>,
    ) -> Option<Bound<'py, PyAny>> {
        let texts: Vec<&str> = links.iter().map(|link| old.slice(link)).collect();
        let unknown: Vec<&String> = self.dirty.values.keys().collect();
        let contents = self.helper("contents").ok()?;
        let gone = PyTuple::empty(self.work.kit.py);
        contents.call1((texts, gone, name, scratch, unknown)).ok()
    }

    /// Lets names mean in `scratch` what they meant to a statement before, and containers have in them
    /// what they had; where one of those is an item itself, it is the one that lives (`__live__`).
    pub(super) fn all_as_it_was(
        &self,
        scratch: &Bound<'py, PyDict>,
        reader: &Statement,
    ) -> PyResult<()> {
        self.as_it_was(scratch, reader)?;
        for path in &reader.uses.reads {
            let Some((path, value)) = self.longest(scratch, path)? else {
                continue;
            };
            if let Some(was) = self.at_first(&value, DEEP)? {
                let live = match scratch.get_item("__live__")? {
                    Some(live) => live.cast_into::<PyList>()?,
                    None => PyList::empty(self.work.kit.py),
                };
                live.append((&was, value))?;
                scratch.set_item("__live__", live)?;
                self.stand_in(scratch, path, &was)?;
            }
        }
        Ok(())
    }

    /// What stands at a path of modules and a name in one of them, with that path: methods and the
    /// like that follow are left off.
    fn longest<'p>(
        &self,
        scratch: &Bound<'py, PyDict>,
        path: &'p str,
    ) -> PyResult<Option<(&'p str, Bound<'py, PyAny>)>> {
        let first = path.split('.').next().unwrap_or(path);
        let Some(mut value) = scratch.get_item(first)? else {
            return Ok(None);
        };
        let stand_in = value.py().import("types")?.getattr("SimpleNamespace")?;
        let mut end = first.len();
        while end < path.len()
            && (self.work.kit.is_exact(&value, &self.work.kit.module)
                || value.is_exact_instance(&stand_in))
        {
            let next = path[end + 1..].split('.').next().unwrap_or_default();
            // Asked for its annotations, a module makes itself some.
            value = match value.getattr("__dict__")?.get_item(next) {
                Ok(value) => value,
                Err(_) => return Ok(None),
            };
            end += 1 + next.len();
        }
        Ok(Some((&path[..end], value)))
    }

    /// What a container holds that was changed in place, and those in it: as before all changes. None
    /// if it is as it was.
    fn at_first(
        &self,
        value: &Bound<'py, PyAny>,
        deep: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !container(value) || value.is(&self.job.dict) {
            return Ok(None);
        }
        let first = self.work.first_contents(value);
        let mut changed = first.is_some();
        let copy = first.unwrap_or_else(|| value.clone());
        let copy = copy.call_method0("copy")?;
        let few = deep > 0 && copy.len()? <= MOST;
        if let Ok(dict) = copy.cast_exact::<PyDict>() {
            for (key, value) in dict.iter().filter(|_| few) {
                if let Some(was) = self.at_first(&value, deep - 1)? {
                    dict.set_item(key, was)?;
                    changed = true;
                }
            }
        } else if let Ok(list) = copy.cast_exact::<PyList>() {
            for (at, value) in list.iter().enumerate().filter(|_| few) {
                if let Some(was) = self.at_first(&value, deep - 1)? {
                    list.set_item(at, was)?;
                    changed = true;
                }
            }
        }
        Ok(changed.then_some(copy))
    }

    /// Paths that mean something else than they did when the module was imported; `.name` for an
    /// attribute of whatever object.
    pub(super) fn unknown(&self, old: &Source<'_>, name: &str, links: &[usize]) -> Vec<String> {
        let body = &old.outline.body;
        let known = |path: &String| self.job.was.iter().any(|(was, _)| was == path);
        let uses = || {
            let links = links.iter().map(|&at| &body[at]);
            links.flat_map(|link| [&link.uses, &link.later])
        };
        let root = |path: &str| path.split('.').next().unwrap_or(path).to_owned();
        let names: BTreeSet<String> = uses()
            .flat_map(|uses| uses.reads.iter().chain(&uses.mutates))
            .map(|path| root(path))
            .collect();
        let mut outside = self.outside_with_members(old).clone();
        let members = links
            .iter()
            .flat_map(|&at| self.functions.differing_members(&body[at].uses, &outside));
        // Those that are read of a module are known by their paths.
        let of_module = |member: &&str| {
            let mut reads = links.iter().flat_map(|&at| &body[at].uses.reads);
            reads.any(|path| known(path) && path.rsplit('.').next() == Some(member))
        };
        let members = members.filter(|member| !of_module(member));
        let members: Vec<String> = members.map(|member| format!(".{member}")).collect();
        self.functions.derive(&mut outside, &names);
        let values = outside
            .values
            .into_keys()
            .chain(outside.contents.into_keys());
        // Also what is called or iterated over, and gives something else today.
        let paths = values.chain(outside.behaviour.into_keys());
        let paths = paths.filter(|path| names.contains(&root(path)) && !known(path));
        let from_others = |path: &&String| self.functions.comes_from_others(path, &self.dirty);
        let inherited = uses().flat_map(|uses| &uses.reads).filter(from_others);
        paths
            .chain(inherited.cloned())
            .chain(other_then(old.outline, name, links))
            .chain(members)
            .collect()
    }

    /// The same but for containers of data that have in them what they had: see `all_as_it_was`.
    pub(super) fn unknown_contents(
        &self,
        old: &Source<'_>,
        name: &str,
        links: &[usize],
    ) -> Vec<String> {
        let kept = |path: &str| -> PyResult<bool> {
            let found = self.longest(&self.before, path)?;
            let was = found.map(|(_, value)| self.at_first(&value, 0));
            // Objects in it may have changed themselves.
            let was = was.transpose()?.flatten();
            was.map_or(Ok(false), |was| is_data(&was, 0))
        };
        let mut unknown = self.unknown(old, name, links);
        // What a class had stands in for what it has: see `as_it_was`.
        let entry = |path: &str| -> PyResult<bool> {
            let Some((owner, name)) = path.rsplit_once('.') else {
                return Ok(false);
            };
            let class = self.before.get_item(owner)?;
            let class = class.filter(|class| self.work.kit.is_class(class));
            let was = class.and_then(|class| self.work.tx.first_entry(&class, name));
            Ok(was.is_some_and(|was| super::function::plain(&was)))
        };
        let kept = |path: &str| Ok::<_, PyErr>(kept(path)? || entry(path)?);
        let from_others = |path: &str| self.functions.comes_from_others(path, &self.dirty);
        unknown.retain(|path| from_others(path) || !kept(path).unwrap_or(false));
        // Of objects that it does not name: `{name: x.version for name, x in PLUGINS.items()}`.
        let entries = self.work.tx.entries_since(0);
        let changed: BTreeSet<String> = entries.map(|(_, name, _)| text(name)).collect();
        for entry in changed {
            let suffix = format!(".{entry}");
            let named = |path: &String| path.ends_with(&suffix);
            let mut links = links.iter().map(|&at| &old.outline.body[at].uses);
            if links.any(|uses| uses.members.contains(&entry) && !uses.reads.iter().any(named)) {
                unknown.push(suffix);
            }
        }
        unknown
    }

    /// Remembers containers that may be changed in place, and those in them, for the undo log.
    pub(super) fn keep_parts(&mut self, names: &[String]) -> PyResult<()> {
        for name in names {
            if let Some(value) = self.resolve(name) {
                self.work.tx.containers(&value, DEEP)?;
            }
        }
        Ok(())
    }

    /// Before a statement runs: what it has done to containers in place goes, and what those after it have
    /// done that are to run again, which would be taken for its own, or be seen too early by it.
    pub(super) fn retract_own(&mut self, at: usize) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let body = &self.job.new.outline.body;
        let uses = &body[at].uses;
        let fills = *self.last_fill.get_or_init(|| {
            let mut steps = self.job.plan.steps.iter().rev();
            let last = steps.find(|step| !body[step.new].uses.mutates.is_empty());
            last.map_or(0, |step| step.new)
        }) > at;
        let reads = uses
            .reads
            .iter()
            .filter(|name| fills && !name.contains('.'));
        for name in uses.mutates.iter().chain(reads) {
            let links = chain(old.outline, name, usize::MAX).map_or(Vec::new(), |(_, links)| links);
            for link in links.into_iter().skip(1) {
                let again = |new: usize| {
                    let step = self.job.plan.step(new);
                    // One that may run does: what it reads differs once something is taken out.
                    let runs = |step: &Step| matches!(step.mark, Mark::Run | Mark::RunIf);
                    new > at && step.is_some_and(runs)
                };
                if self.job.changes.new_of(link).is_some_and(again) {
                    self.retract(old, link, false)?;
                }
            }
        }
        match self.job.changes.at(at).0 {
            Some(was) => self.retract(old, was, false),
            None => Ok(()),
        }
    }

    /// After the statement that made a container: what was done to it by statements that are gone.
    pub(super) fn retract_gone(&mut self, origin: usize) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let body = &old.outline.body;
        for &at in &self.job.changes.removed {
            let made_here = |name: &String| {
                chain(old.outline, name, usize::MAX).is_some_and(|(o, _)| o == origin)
            };
            if at > origin && body[at].uses.mutates.iter().any(made_here) {
                self.retract(old, at, true)?;
            }
        }
        Ok(())
    }

    /// `for_good`: the statement does not run again, and what it had put its own over counts.
    fn retract(&mut self, old: &Source<'_>, at: usize, for_good: bool) -> PyResult<()> {
        let body = &old.outline.body;
        let statement: &Statement = &body[at];
        for name in &statement.uses.mutates {
            let Some(live) = self.job.dict.get_item(name)? else {
                continue;
            };
            if self.remade.contains(name) || !container(&live) {
                continue;
            }
            let Some((origin, links)) = chain(old.outline, name, usize::MAX) else {
                continue;
            };
            let links: Vec<usize> = links
                .into_iter()
                .filter(|link| !self.retracted.contains(link))
                .collect();
            let Some(number) = links.iter().position(|&link| link == at) else {
                continue;
            };
            if at == origin {
                continue;
            }
            // What another module made, and gave entries of its own: see `empty_others`.
            let other = body[origin].kind == Kind::Import;
            if other && told(self.put(old, statement, Some(at))).flatten().is_some() {
                continue;
            }
            self.retracted.insert(at);
            let texts: Vec<&str> = links.iter().map(|&link| old.slice(&body[link])).collect();
            self.work.tx.containers(&live, DEEP)?;
            let was = copied(&live, DEEP)?;
            let retract = self.helper("retract")?;
            let texts = PyList::new(self.work.kit.py, texts)?;
            let unknown = self.unknown_contents(old, name, &links);
            let scratch = self.before.copy()?;
            for &link in &links {
                self.all_as_it_was(&scratch, &body[link])?;
            }
            let now = &self.job.dict;
            let arguments = (
                &live,
                texts,
                (number,),
                name,
                &scratch,
                &unknown,
                now,
                for_good,
            );
            let known = retract.call1(arguments);
            let known = known.is_ok_and(|known| known.is_truthy().unwrap_or(false));
            // Where it cannot be told, the entries stay.
            if !known {
                scratch.set_item(name, &live)?;
                if let Err(error) = self.retract_items(old, at, name, &scratch, for_good) {
                    log::debug!("{name} keeps what a statement had put there: {error}");
                }
            }
            if !live.eq(&was).unwrap_or(true) {
                self.dirty
                    .value(name, "out of which something was taken that is gone");
            }
        }
        Ok(())
    }

    /// Calls and decorated definitions of the old text that are gone: the entries that they had made
    /// go too.
    pub(super) fn retract_calls(&mut self) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        for name in choose_less(old.outline, self.job.new.outline, self.job.changes) {
            self.dirty.acts(name, CHOOSES_LESS);
        }
        for &at in &self.job.changes.removed {
            let statement = &old.outline.body[at];
            self.uncount(old, at)?;
            if matches!(statement.kind, Kind::Function | Kind::Class) {
                if let Some(value) = self.made_by_gone(old, at)? {
                    told(self.unregister(statement, &value));
                }
                continue;
            }
            let mut done = None;
            told(self.leave_setup(statement, None, |run| {
                done = Some(run.retract_call(at, old, statement));
                Ok(())
            }));
            done.unwrap_or_else(|| self.retract_call(at, old, statement))?;
        }
        Ok(())
    }

    /// The same of one that is no definition.
    fn retract_call(&mut self, at: usize, old: &Source<'a>, statement: &Statement) -> PyResult<()> {
        if self.take_back(at)? || self.retract_from_others(at)? || !self.calls(old, statement) {
            return Ok(());
        }
        let none = PyList::empty(self.work.kit.py);
        let Some(Some(registries)) = told(self.called(old, statement, none, false)) else {
            return Ok(());
        };
        match registries.made() {
            None => {
                told(self.let_go_of_call(&registries.found, statement));
                told(self.unset_globals(&registries.found, old, statement))
            }
            // Nothing else has this name: what it made goes.
            Some(made) if self.binders(&statement.uses.binds[0]).next().is_none() => {
                told(self.unregister(statement, made))
            }
            Some(_) => None,
        };
        Ok(())
    }

    /// Takes out what a statement that is gone had told.
    fn let_go_of_call(&mut self, found: &Bound<'py, PyAny>, statement: &Statement) -> PyResult<()> {
        if found.call_method1("take_out", (true,))?.is_truthy()? {
            let pairs = PyList::empty(self.work.kit.py);
            let fed = found.call_method1("changed", (pairs, false))?;
            self.feed(fed.extract()?, statement)?;
        }
        Ok(())
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// After all statements: what those put there again stands where it had stood.
    pub(super) fn place_items(&mut self) {
        told(self.work.appended_last());
        for lifted in std::mem::take(&mut self.lifted) {
            told(self.helper("place").and_then(|place| place.call1(lifted)));
        }
    }

    /// The same of a container that a call made, so that only the text of the statement tells: the last
    /// items of a list that are those which it put there. What it gave a key of a dict may have been put
    /// over something: that goes if the statement runs again.
    fn retract_items(
        &mut self,
        old: &Source<'_>,
        at: usize,
        name: &str,
        scratch: &Bound<'py, PyDict>,
        for_good: bool,
    ) -> PyResult<()> {
        let statement = &old.outline.body[at];
        let unknown = self.unknown(old, name, &[at]);
        let direct = self.helper("direct")?;
        let found = direct.call1((old.slice(statement), name, scratch, unknown))?;
        let (into, items) = (found.get_item(0)?, found.get_item(1)?);
        let list = into.is_exact_instance_of::<PyList>();
        if list || !for_good && into.is_exact_instance_of::<PyDict>() {
            let had = into.call_method0("copy")?;
            let none = self.work.kit.py.None();
            let place = self.helper("undo")?.call1((&into, items, none))?;
            let rest = into.call_method0("copy")?;
            self.lifted.push((into, place, had, rest));
        } else {
            let line = statement.span.line;
            self.work.notes.push(format!(
                "{name}, which a call had made, keeps what line {line} of the old text had put there"
            ));
        }
        Ok(())
    }
}

/// Names that the links of a chain read and that statements further down bind or change again: they
/// meant something else there than they do at the end.
pub(super) fn other_then(outline: &Outline, name: &str, links: &[usize]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for &at in links {
        for path in &outline.body[at].uses.reads {
            let read = path.split('.').next().unwrap_or(path);
            let writers = outline.index().writers(&outline.body, read);
            let again = writers.last().is_some_and(|last| *last > at);
            if read != name && again && writers.first().is_some_and(|first| *first < at) {
                out.insert(read.to_owned());
            }
        }
    }
    out
}
