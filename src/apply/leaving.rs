//! Classes that come and go, and the lists of subclasses of those that they derive from. One that is
//! gone leaves the lists before statements run that look at them, where nobody has it any more.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::abandoned::detach;
use super::entries::entries;
use super::kit::{Kit, text};
use super::module::{Run, container};
use super::registry::told;
use super::work::Work;
use crate::outline::{Kind, Statement};
use crate::plan::Mark;

/// What a class was derived from that left the lists of subclasses: a weak reference to it, its bases.
pub type Left<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The attribute under which those who read them are told.
const LIST: &str = "__subclasses__";

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Tells who looks at them that a class is in the lists of others than it was.
    pub(super) fn tell_bases(
        &mut self,
        old: Option<&Bound<'py, PyAny>>,
        new: Option<&Bound<'py, PyAny>>,
        statement: &Statement,
    ) -> PyResult<()> {
        let (old, new) = (self.bases_elsewhere(old), self.bases_elsewhere(new));
        let fed = old.symmetric_difference(&new);
        let fed = fed.map(|(module, class)| (module.clone(), format!("{class}.{LIST}")));
        self.feed(fed.collect(), statement)
    }

    /// The classes of other modules that a class is derived from, directly or not.
    fn bases_elsewhere(&self, class: Option<&Bound<'py, PyAny>>) -> BTreeSet<(String, String)> {
        let own = self.job.dict.get_item("__name__").ok().flatten();
        let own = own.map_or_else(String::new, |name| text(&name));
        let class = class.and_then(|class| class.cast::<PyType>().ok());
        let mro = class.map(|class| super::kit::mro(class.as_any()));
        let mut out = BTreeSet::new();
        for base in mro.iter().flat_map(|mro| mro.iter()).skip(1) {
            let name = |what: &str| base.getattr(what).map(|name| text(&name));
            if let (Ok(module), Ok(name)) = (name("__module__"), name("__qualname__"))
                && module != own
                && (self.job.others)(&module).is_some()
            {
                out.insert((module, name));
            }
        }
        out
    }

    /// Takes classes whose statements are gone out of the lists of subclasses.
    pub(super) fn leave_early(&mut self) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let kit = self.work.kit;
        let mut gone: Vec<(Bound<'py, PyAny>, &Statement)> = Vec::new();
        for &at in &self.job.changes.removed {
            let statement = &old.outline.body[at];
            if statement.kind == Kind::Class
                && !statement.head.reads.is_empty()
                && self.binders(&statement.name).next().is_none()
                && let Some(class) = self.job.dict.get_item(&statement.name)?
                && kit.is_class(&class)
                && kit.defined_in(&class, &self.job.dict)?
            {
                gone.push((class, statement));
            }
        }
        // Derived ones first: they hold their bases.
        loop {
            let before = gone.len();
            for at in (0..before).rev() {
                let (class, statement) = &gone[at];
                if self.has_alone(class, &statement.name, 0)? {
                    let (class, statement) = gone.remove(at);
                    self.tell_bases(Some(&class), None, statement)?;
                    self.leave(&class)?;
                    for base in &statement.head.reads {
                        let path = format!("{base}.{LIST}");
                        let why = "which a class that is gone was in";
                        self.refilled.insert(path.clone(), why.to_owned());
                        self.dirty.fill(path, why);
                    }
                }
            }
            if gone.len() == before {
                break;
            }
        }
        // They stay listed, and who reads the lists finds as much.
        Ok(())
    }

    /// How often tables have a class, or instances of it, that are to be made again: they hold it no longer
    /// than that takes.
    fn in_tables(&self, class: &Bound<'py, PyAny>) -> PyResult<usize> {
        let of_class = |value: &Bound<'py, PyAny>| value.is(class) || value.get_type().is(class);
        let in_table = |table: &Bound<'py, PyAny>| -> PyResult<usize> {
            if container(table) || table.is_exact_instance_of::<PyTuple>() {
                let items = entries(table)?;
                return Ok(items.iter().filter(|item| of_class(item)).count());
            }
            Ok(usize::from(of_class(table)))
        };
        let mut found = 0;
        for step in &self.job.plan.steps {
            if !matches!(step.mark, Mark::Run | Mark::RunIf) {
                continue;
            }
            for name in &self.job.new.outline.body[step.new].uses.binds {
                if let Some(table) = self.job.dict.get_item(name)? {
                    found += in_table(&table)?;
                    // For the undo log.
                    if let Some((_, copy)) = self.work.tx.first_noted(&table) {
                        found += in_table(&copy)?;
                    }
                }
                // What import had put there.
                if let Some(base) = self.bases.get(name) {
                    found += in_table(base)?;
                }
            }
        }
        Ok(found)
    }

    /// Whether nothing but the module has a class: its dict, as it is and as it was. So many more
    /// references are `known`.
    fn has_alone(&self, class: &Bound<'py, PyAny>, name: &str, mut known: usize) -> PyResult<bool> {
        let is = |dict: &Bound<'py, PyDict>| -> PyResult<bool> {
            Ok(dict.get_item(name)?.is_some_and(|value| value.is(class)))
        };
        known += usize::from(is(&self.job.dict)?);
        let mut copies = vec![self.before.clone()];
        let first = self.work.tx.first_copy(&self.job.dict);
        copies.extend(first.filter(|first| !first.is(&self.before)));
        for copy in copies.iter().filter(|copy| !copy.is(&self.job.dict)) {
            known += usize::from(is(copy)?);
        }
        known += self.in_tables(class)?;
        for (_, bases) in &self.work.left {
            let bases = bases.cast::<PyTuple>().map_err(PyErr::from)?;
            known += bases.iter().filter(|base| base.is(class)).count();
        }
        Ok(!self.work.held_beyond(class, known)?)
    }

    /// The same for classes that a new one takes the place of, before the next statement runs.
    pub(super) fn replaced_leave(&mut self) -> PyResult<()> {
        let name = |class: &Bound<'py, PyAny>| class.getattr("__qualname__").map(|n| text(&n));
        for at in 0..self.work.replaced.len() {
            let class = &self.work.replaced[at].from;
            let place = class.as_ptr() as usize;
            if !self.work.replaced[at].lived
                || !self.work.kit.is_class(class)
                || !self.work.detached.insert(place)
            {
                continue;
            }
            let work = &self.work;
            let pairs = work.made.iter().chain(&work.twins).chain(&work.alike);
            let pairs = pairs.flat_map(|(one, other)| [one, other]);
            let bound = self.facts.rebound.iter();
            let bound = bound.flat_map(|(_, old, new)| old.iter().chain(new));
            let known = pairs.chain(bound).filter(|held| held.is(class)).count();
            if self.has_alone(class, &name(class)?, known)? {
                let class = class.clone();
                self.leave(&class)?;
            }
        }
        Ok(())
    }

    fn leave(&mut self, class: &Bound<'py, PyAny>) -> PyResult<()> {
        let kit = self.work.kit;
        let bases = class.getattr("__bases__")?;
        detach(class);
        if class.getattr("__bases__")?.is(&bases) {
            return Ok(());
        }
        self.work.tx.has_set(class, "__bases__", &bases);
        let weak = kit.py.import("weakref")?.getattr("ref")?;
        self.work.left.push((weak.call1((class,))?, bases));
        Ok(())
    }
}

impl<'k, 'py> Work<'k, 'py> {
    /// The twins of classes that were brought up to date leave the lists of subclasses at once, where
    /// nobody has got hold of them.
    pub(super) fn twins_leave(&mut self) -> PyResult<()> {
        let mut detached = std::mem::take(&mut self.detached);
        for replaced in self.replaced.iter().rev() {
            let twin = &replaced.from;
            let place = twin.as_ptr() as usize;
            if replaced.lived || !self.kit.is_class(twin) || detached.contains(&place) {
                continue;
            }
            let pairs = self.made.iter().chain(&self.twins);
            let pairs = pairs.flat_map(|(new, old)| [new, old]);
            let known = pairs.filter(|held| held.is(twin)).count();
            if told(self.held_beyond(twin, known)) == Some(false) {
                detach(twin);
                detached.insert(place);
            }
        }
        self.detached = detached;
        Ok(())
    }

    /// After a unit was applied: classes that somebody has got hold of all the same are what they were.
    pub fn come_back(kit: &'k Kit<'py>, left: Vec<Left<'py>>) {
        if left.is_empty() {
            return;
        }
        let work = Self::new(kit);
        for (class, bases) in left {
            told(work.comes_back(&class, &bases));
        }
    }

    fn comes_back(&self, class: &Bound<'py, PyAny>, bases: &Bound<'py, PyAny>) -> PyResult<()> {
        let class = class.call0()?;
        if !class.is_none() && self.held_elsewhere(&class)? {
            let set = self.kit.py.get_type::<PyType>().getattr("__setattr__")?;
            set.call1((&class, "__bases__", bases))?;
        }
        Ok(())
    }
}
