//! Whoever holds a replaced object holds the one that took its place.

use std::collections::{HashMap, HashSet};

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::abandoned::detach;
use super::class::is_slot;
use super::consumed::of_ctypes;
use super::function::plain;
use super::kit::{reference_count, text};
use super::work::{Replaced, Work};

/// What is to be held instead of what, by address.
pub(super) struct Moves<'py> {
    all: Vec<Replaced<'py>>,
    to: HashMap<usize, Bound<'py, PyAny>>,
}

impl<'py> Moves<'py> {
    /// Of an object that was replaced by one that was replaced in turn, the last counts.
    pub(super) fn new(all: Vec<Replaced<'py>>) -> Self {
        let mut to: HashMap<usize, Bound<'py, PyAny>> = HashMap::with_capacity(all.len());
        for replaced in all.iter().rev() {
            let last = to.get(&(replaced.to.as_ptr() as usize));
            let last = last.unwrap_or(&replaced.to).clone();
            if !last.is(&replaced.from) {
                to.insert(replaced.from.as_ptr() as usize, last);
            }
        }
        Self { all, to }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn from(&self) -> impl Iterator<Item = &Bound<'py, PyAny>> {
        self.all.iter().map(|replaced| &replaced.from)
    }

    pub(super) fn of(&self, value: &Bound<'py, PyAny>) -> Option<&Bound<'py, PyAny>> {
        self.to.get(&(value.as_ptr() as usize))
    }

    /// The tuple with what is to be in it; `None` if that is what it has.
    fn tuple(&self, tuple: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !tuple.iter().any(|item| self.of(&item).is_some()) {
            return Ok(None);
        }
        let items = tuple
            .iter()
            .map(|item| self.of(&item).cloned().unwrap_or(item));
        let items: Vec<_> = items.collect();
        Ok(Some(PyTuple::new(tuple.py(), items)?.into_any()))
    }
}

/// Tells what is to be held in the place of an object, if anything else is.
pub(super) type Instead<'a, 'py> =
    &'a dyn Fn(&Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>>;

/// A key of a dict, the one that takes its place, if any, and its value.
type Hit<'py> = (
    Bound<'py, PyAny>,
    Option<Bound<'py, PyAny>>,
    Bound<'py, PyAny>,
);

/// How many instances of a class could be moved to another, and how many not.
#[derive(Default)]
struct Tally {
    moved: usize,
    stuck: usize,
}

impl<'py> Work<'_, 'py> {
    /// Ends the replacing of objects: one pass over the heap for all of them.
    pub(super) fn hand_over(&mut self) -> PyResult<()> {
        let mut held = Vec::new();
        let mut twins = Vec::new();
        self.detached.clear();
        let all = std::mem::take(&mut self.replaced);
        let passed: HashSet<usize> = all.iter().map(|r| r.from.as_ptr() as usize).collect();
        for replaced in all {
            let class = self.kit.is_class(&replaced.from);
            // Asked before we hold it a second time.
            let known = if class {
                self.held_elsewhere(&replaced.from)?
            } else {
                // What lived is held by what the undo log keeps, too.
                reference_count(&replaced.from) > 1 + isize::from(replaced.lived)
            };
            if class && !replaced.lived {
                twins.push(replaced.from.clone());
            }
            if known {
                held.push(replaced);
            }
        }
        if !held.is_empty() {
            self.hand_over_all(&Moves::new(held), &passed)?;
        }
        // One that a class which lives still derives from must keep its bases.
        for twin in twins {
            let below = self.subclasses(&twin)?;
            if below
                .iter()
                .all(|c| passed.contains(&(c.as_ptr() as usize)))
            {
                // Where that cannot be, it goes with those that are gone.
                if !detach(&twin) {
                    self.note_gone(&twin)?;
                }
            }
        }
        Ok(())
    }

    /// Those that have `passed` away themselves need no other base.
    fn hand_over_all(&mut self, moves: &Moves<'py>, passed: &HashSet<usize>) -> PyResult<()> {
        let kit = self.kit;
        let mut subclasses = Vec::new();
        // The tuples through which classes hold classes, which only assigning `__bases__` changes.
        let mut own = HashSet::new();
        for replaced in &moves.all {
            if !kit.is_class(&replaced.from) {
                continue;
            }
            // Also of a twin: what the same statement derived from it, and nothing was before.
            let below = self.subclasses(&replaced.from)?;
            let stays = |c: &&Bound<'py, PyAny>| {
                !c.is(&replaced.to) && !passed.contains(&(c.as_ptr() as usize))
            };
            subclasses.extend(below.iter().filter(stays).cloned());
            self.own_tuples(&replaced.from, &mut own)?;
        }
        let mut tallies: HashMap<usize, Tally> = HashMap::new();
        let mut stuck = Vec::new();
        let mut tuples: Vec<Bound<'py, PyAny>> = Vec::new();
        let mut moved: HashSet<usize> = HashSet::new();
        let referents = kit.gc.getattr("get_referents")?;
        for holder in self.holders(moves.all.iter().map(|r| &r.from))?.iter() {
            let kind = holder.get_type().into_any();
            // What another object stands in for itself stays what it is.
            if let Some(to) = moves.of(&kind)
                && moves.of(&holder).is_none()
            {
                let tally = tallies.entry(to.as_ptr() as usize).or_default();
                // Python would do it, and read past the end of a smaller block of memory.
                let done = match of_ctypes(to) {
                    true => Err(PyTypeError::new_err("another layout")),
                    false => self.tx.set_class(&holder, to),
                };
                match done {
                    Ok(()) => tally.moved += 1,
                    Err(error) if error.is_instance_of::<PyTypeError>(kit.py) => {
                        tally.stuck += 1;
                        stuck.push((holder.clone(), to.clone()));
                    }
                    Err(error) => return Err(error),
                }
                // Not by its attributes: asking for them would give each instance a dict.
                let mut held = referents.call1((&holder,))?.cast_into::<PyList>()?.iter();
                if !held.any(|held| !held.is(&kind) && moves.of(&held).is_some()) {
                    continue;
                }
            }
            if self.is_tuple(&holder) {
                let at = holder.as_ptr() as usize;
                if !own.contains(&at) && moves.of(&holder).is_none() && moved.insert(at) {
                    tuples.push(holder);
                }
                continue;
            }
            self.hand_over_in(&holder, &|value| Ok(moves.of(value).cloned()))?;
        }
        self.hand_over_tuples(moves, &tuples, &own)?;
        self.hand_over_bases(moves, &subclasses)?;
        let left = self.relocate(stuck)?;
        for (class, tally) in &mut tallies {
            tally.stuck = left.get(class).copied().unwrap_or(0);
        }
        for replaced in &moves.all {
            let Some(tally) = tallies.remove(&(replaced.to.as_ptr() as usize)) else {
                continue;
            };
            if tally.stuck > 0 {
                self.notes.push(format!(
                    "{} instance{} of {} could not be moved ({} were): another layout; restart to \
                     change them",
                    tally.stuck,
                    if tally.stuck == 1 { "" } else { "s" },
                    text(&replaced.to.getattr("__qualname__")?),
                    tally.moved,
                ));
            }
        }
        Ok(())
    }

    /// A definition has become another object, in another module.
    pub fn moved_home(&mut self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) {
        // Of an enum there is one of each member: who has one is to have that of the new one.
        let members = |class: &Bound<'py, PyAny>| -> Option<Bound<'py, PyDict>> {
            class.getattr("_member_map_").ok()?.cast_into().ok()
        };
        let mut pairs = vec![(old.clone(), new.clone())];
        if let (Some(had), Some(has)) = (members(old), members(new)) {
            let there = |(key, from)| Some((from, has.get_item(key).ok()??));
            pairs.extend(had.iter().filter_map(there));
        }
        let pairs = pairs.into_iter();
        self.replaced.extend(pairs.map(|(from, to)| Replaced {
            from,
            to,
            lived: true,
        }));
        if self.kit.is_class(new) {
            self.classes.push(new.clone());
        }
    }

    /// Whoever holds one of these objects holds what took its place.
    pub(super) fn replace_everywhere(&mut self, all: Vec<Replaced<'py>>) -> PyResult<()> {
        self.hand_over_all(&Moves::new(all), &HashSet::new())
    }

    /// Tells whether somebody but the class itself, our log and the caller's one reference holds
    /// it: only then must the heap be asked who.
    pub fn held_elsewhere(&self, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        self.held_beyond(class, 0)
    }

    /// The same where so many more references are known.
    pub fn held_beyond(&self, class: &Bound<'py, PyAny>, known: usize) -> PyResult<bool> {
        let own = |items: Vec<Bound<'py, PyAny>>| items.iter().filter(|i| i.is(class)).count();
        let method = self.kit.py.import("types")?.getattr("MethodType")?;
        let mut known = 1 + known + self.tx.references(class);
        known += own(class
            .getattr("__mro__")?
            .try_iter()?
            .collect::<PyResult<_>>()?);
        let mut by_methods = false;
        for (_, value) in self.kit.class_dict(class)?.iter() {
            if !by_methods && self.has_cell(&value, class)? {
                by_methods = true;
                known += 1;
            }
            if is_slot(&value)? && value.getattr("__objclass__").is_ok_and(|c| c.is(class)) {
                known += 1;
            }
            if value.get_type().is(&method) && value.getattr("__self__")?.is(class) {
                known += 1;
            }
        }
        if self.is_enum(class)? {
            known += self.held_by_members(class)?;
        }
        Ok(reference_count(class) > known as isize)
    }

    /// Whether a method has the cell for `super()` that its class shares out, which holds the class.
    fn has_cell(&self, method: &Bound<'py, PyAny>, class: &Bound<'py, PyAny>) -> PyResult<bool> {
        let function = method.getattr("__func__").unwrap_or(method.clone());
        if !self.kit.is_function(&function) {
            return Ok(false);
        }
        let Ok(cells) = function.getattr("__closure__")?.cast_into::<PyTuple>() else {
            return Ok(false);
        };
        let holds = |cell: Bound<'py, PyAny>| {
            let contents = cell.getattr("cell_contents");
            contents.is_ok_and(|contents| contents.is(class))
        };
        Ok(cells.iter().any(holds))
    }

    /// The classes directly below one, asked of `type`: a metaclass may have a method of the name.
    pub(super) fn subclasses(&self, class: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let list = self
            .kit
            .object
            .get_type()
            .call_method1("__subclasses__", (class,))?;
        list.try_iter()?.collect()
    }

    /// The addresses of the base and resolution tuples of a class and of all classes below it.
    fn own_tuples(&self, class: &Bound<'py, PyAny>, out: &mut HashSet<usize>) -> PyResult<()> {
        let mut todo = vec![class.clone()];
        while let Some(class) = todo.pop() {
            out.insert(class.getattr("__bases__")?.as_ptr() as usize);
            if out.insert(class.getattr("__mro__")?.as_ptr() as usize) {
                todo.extend(self.subclasses(&class)?);
            }
        }
        Ok(())
    }

    /// Whatever the garbage collector knows to refer to one of the objects.
    fn holders<'o>(
        &self,
        objects: impl Iterator<Item = &'o Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>>
    where
        'py: 'o,
    {
        let objects: Vec<_> = objects.collect();
        self.holders_of_many(&objects)
    }

    fn hand_over_bases(
        &mut self,
        moves: &Moves<'py>,
        subclasses: &[Bound<'py, PyAny>],
    ) -> PyResult<()> {
        let kit = self.kit;
        for subclass in subclasses {
            let bases = subclass.getattr("__bases__")?.cast_into::<PyTuple>()?;
            let Some(bases) = moves.tuple(&bases)? else {
                continue;
            };
            if self
                .tx
                .set_class_attribute(kit, subclass, "__bases__", &bases)
                .is_err()
            {
                self.notes.push(format!(
                    "{} keeps the old base class: its layout does not allow the new one; restart to \
                     change it",
                    text(&subclass.getattr("__qualname__")?)
                ));
            }
        }
        Ok(())
    }

    /// Puts into one holder what is to be held `instead` of what it holds.
    pub(super) fn hand_over_in(
        &mut self,
        holder: &Bound<'py, PyAny>,
        instead: Instead<'_, 'py>,
    ) -> PyResult<()> {
        let kit = self.kit;
        if let Ok(dict) = holder.cast_exact::<PyDict>() {
            // The dict inside a class must not be written past its caches.
            if dict.contains("__module__")?
                && dict.contains("__doc__")?
                && !dict.contains("__name__")?
            {
                return Ok(());
            }
            self.hand_over_in_dict(dict, instead)?;
        } else if let Ok(list) = holder.cast_exact::<PyList>() {
            let mut hits = Vec::new();
            for (at, item) in list.iter().enumerate() {
                if let Some(to) = instead(&item)? {
                    let present = kit.is_class(&to) && list.iter().any(|item| item.is(&to));
                    hits.push((at, to, present));
                }
            }
            if !hits.is_empty() {
                self.tx.container(holder)?;
            }
            for (at, to, present) in hits.into_iter().rev() {
                // A registry that was told of the class twice: once is enough.
                if present {
                    list.del_item(at)?;
                } else {
                    list.set_item(at, to)?;
                }
            }
        } else if let Ok(set) = holder.cast_exact::<PySet>() {
            self.tx.container(holder)?;
            let mut come = Vec::new();
            for item in set.iter().collect::<Vec<_>>() {
                if let Some(to) = instead(&item)?
                    && self.can_be_key(holder, &item, &to)
                {
                    come.push((item, to));
                }
            }
            // One may be equal to another one that goes.
            if come.iter().all(|(item, _)| set.discard(item).is_ok()) {
                for (_, to) in come {
                    set.add(to)?;
                }
            } else {
                // It has the new code, which asks the old one for what that lacks.
                let goes = |item: &Bound<'py, PyAny>| come.iter().any(|(from, _)| from.is(item));
                let stay: Vec<_> = set.iter().filter(|item| !goes(item)).collect();
                set.clear();
                for item in stay
                    .into_iter()
                    .chain(come.iter().map(|(_, to)| to.clone()))
                {
                    set.add(item)?;
                }
            }
        } else if kit.is_exact(holder, &kit.cell) {
            if let Ok(content) = holder.getattr("cell_contents")
                && let Some(to) = instead(&content)?
            {
                self.tx.set_cell(holder, &to)?;
            }
        } else if !kit.is_class(holder) && !kit.is_function(holder) {
            if let Ok(attributes) = holder.getattr("__dict__")
                && let Ok(attributes) = attributes.cast_into::<PyDict>()
            {
                self.hand_over_in_dict(&attributes, instead)?;
            }
            self.hand_over_in_slots(holder, instead)?;
        }
        Ok(())
    }

    fn hand_over_in_dict(
        &mut self,
        dict: &Bound<'py, PyDict>,
        instead: Instead<'_, 'py>,
    ) -> PyResult<()> {
        let mut hits = Vec::new();
        for (key, value) in dict.iter() {
            let other_key = instead(&key)?;
            let other_key = other_key.filter(|to| self.can_be_key(dict.as_any(), &key, to));
            let other = instead(&value)?;
            if other_key.is_some() || other.is_some() {
                hits.push((key, other_key, other.unwrap_or(value)));
            }
        }
        if hits.is_empty() {
            return Ok(());
        }
        if hits.iter().any(|(_, other, _)| other.is_some()) {
            // A cache keeps a list of its keys besides, and forgets them by and by.
            if self.is_of_cache(dict)? {
                return Ok(());
            }
            self.tx.dict(dict)?;
            return with_other_keys(dict, hits);
        }
        self.tx.dict(dict)?;
        for (key, _, value) in hits {
            dict.set_item(key, value)?;
        }
        Ok(())
    }
}

/// What became of the keys that are to go from a dict.
enum Gone {
    /// They went, but for those at these addresses: they were not found, since their hashes differ by now.
    But(HashSet<usize>),
    /// Not all can be asked for their hashes.
    Unhashed,
}

fn take_out<'py>(dict: &Bound<'py, PyDict>, keys: impl Iterator<Item = Bound<'py, PyAny>>) -> Gone {
    let mut stay = HashSet::new();
    for key in keys {
        match dict.del_item(&key) {
            Ok(()) => {}
            Err(error) if error.is_instance_of::<PyKeyError>(dict.py()) => {
                stay.insert(key.as_ptr() as usize);
            }
            Err(_) => return Gone::Unhashed,
        }
    }
    Gone::But(stay)
}

/// Gives a dict other keys, in the places of those that they are instead of. One of them may be equal
/// to another one that goes.
fn with_other_keys<'py>(dict: &Bound<'py, PyDict>, hits: Vec<Hit<'py>>) -> PyResult<()> {
    let kinds: Vec<_> = hits.iter().map(|(key, ..)| key.get_type()).collect();
    let mut by_key: HashMap<usize, Hit<'py>> = HashMap::with_capacity(hits.len());
    for hit in hits {
        by_key.insert(hit.0.as_ptr() as usize, hit);
    }
    let goes = |key: &Bound<'py, PyAny>| {
        let hit = by_key.get(&(key.as_ptr() as usize));
        hit.is_some_and(|(_, other, _)| other.is_some())
    };
    let below: Vec<_> = dict.iter().skip_while(|(key, _)| !goes(key)).collect();
    // Keys of the program's own may not want to be asked for their hashes.
    let known = |key: &Bound<'py, PyAny>| plain(key) || kinds.iter().any(|k| k.is(key.get_type()));
    let in_order = below.iter().all(|(key, _)| known(key));
    let moves = |key: &Bound<'py, PyAny>| in_order || goes(key);
    let all: Vec<_> = dict.iter().collect();
    let going = below.iter().map(|(key, _)| key.clone()).filter(moves);
    let (in_order, below, stay) = match take_out(dict, going) {
        Gone::But(stay) => (in_order, below, stay),
        Gone::Unhashed => {
            // It has the new code, which asks the old one for what that lacks.
            dict.clear();
            (true, all, HashSet::new())
        }
    };
    for (key, value) in below {
        if stay.contains(&(key.as_ptr() as usize)) {
            continue;
        }
        match by_key.get(&(key.as_ptr() as usize)) {
            Some((_, other, value)) => dict.set_item(other.as_ref().unwrap_or(&key), value)?,
            None if in_order => dict.set_item(key, value)?,
            None => {}
        }
    }
    // Those above the first one.
    for (key, _, value) in by_key.values().filter(|(_, other, _)| other.is_none()) {
        dict.set_item(key, value)?;
    }
    Ok(())
}
