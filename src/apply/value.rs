//! Old value against new value of one name: which object is bound in the end.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PySet, PyString, PyTuple};

use super::collections::{mergeable, of_one_kind};
use super::conflicts::entry_path;
use super::data::nobodys;
use super::equal::{equal_items, take_over, take_over_items};
use super::function::{identical, plain};
use super::kit::{Word, is_above, module_of, reference_count, text};
use super::module::container;
use super::partners::{alike, partners};
use super::since::{Since, since};
use super::work::{Replaced, Work};

/// How many wrappers around wrappers are followed.
const MAX_NESTING: usize = 64;

/// How deep in containers lambdas are looked for, and in lists of how many.
const DEEP: usize = 4;
const MANY: usize = 100;

/// Whether a container inside a container is nobody's but the statement's, in what import gave, in what
/// is there now and in what the edit makes: the same merge goes on in there.
fn own_inside(was: &Bound<'_, PyAny>, now: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
    let kind = now.get_type();
    mergeable(now)
        && kind.is(was.get_type())
        && of_one_kind(now, value)
        // Made again for the comparison, else it would be one that something else has.
        && !was.is(now)
        // By the container around it, and by us.
        && reference_count(value) <= 2
}

impl<'py> Work<'_, 'py> {
    /// Brings `old` up to date from `new` where that can be done, and returns the object that
    /// is to be bound. Works on functions, classes and the wrappers around them.
    pub fn reconcile(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let pair = (old.as_ptr() as usize, new.as_ptr() as usize);
        // A recursive closure, two that call each other: whoever began will finish it. The bound
        // is for chains that are long and not circles.
        if self.joining.contains(&pair) {
            return Ok(old.clone());
        }
        if self.joining.len() > MAX_NESTING {
            return Ok(new.clone());
        }
        self.joining.push(pair);
        let outcome = self.join(old, new, class);
        self.joining.pop();
        outcome
    }

    fn join(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        if old.is(new) || identical(old, new) {
            return Ok(old.clone());
        }
        if kit.is_function(old) && kit.is_function(new) {
            // `g = TABLE[1]`, after the table got another item in front: both live on in there.
            if self.is_current(old)? || self.is_current(new)? {
                return Ok(new.clone());
            }
            return self.update_function(old, new, class);
        }
        if kit.is_class(old) && kit.is_class(new) {
            let (was, is) = (module_of(old), module_of(new));
            if (was.eq(&is)? || is_above(&was, &is))
                && old
                    .getattr("__qualname__")?
                    .eq(new.getattr("__qualname__")?)?
                && kit.defined_in(new, &self.dict)?
            {
                return self.update_class(old, new);
            }
            return Ok(new.clone());
        }
        if !old.get_type().is(new.get_type()) {
            return self.rewrapped(old, new, class);
        }
        if kit.is_exact(old, &kit.property) {
            return self.update_property(old, new, class);
        }
        if kit.is_exact(old, &kit.staticmethod) || kit.is_exact(old, &kit.classmethod) {
            let (was, is) = (old.getattr("__func__")?, new.getattr("__func__")?);
            let inner = self.join_held(&was, &is, class)?;
            if !inner.is(&old.getattr("__func__")?) {
                let init = old.get_type().getattr("__init__")?;
                let undo = PyTuple::new(kit.py, [old.clone(), old.getattr("__func__")?])?;
                init.call1((old, &inner))?;
                self.tx.call(init, undo);
            }
            return Ok(old.clone());
        }
        let kind = text(&old.get_type().getattr("__name__")?);
        match kind.as_str() {
            "_lru_cache_wrapper" => self.update_cache(old, new, class),
            "cached_property" | "partial" | "partialmethod" | "singledispatchmethod" => {
                if let (Ok(before), Ok(after)) = (old.getattr("func"), new.getattr("func"))
                    && kit.is_function(&before)
                    && kit.is_function(&after)
                    && before.getattr("__globals__")?.is(&self.dict)
                    && before
                        .getattr("__qualname__")?
                        .eq(after.getattr("__qualname__")?)?
                    // Of what functions make there are many under one name.
                    && !(kind == "partial"
                        && text(&before.getattr("__qualname__")?).contains("<locals>"))
                {
                    if let Some(class) = class {
                        self.forget_stored(class, old)?;
                    }
                    let kept = self.update_function(&before, &after, class)?;
                    if kind == "cached_property" && kept.is(&before) {
                        return Ok(old.clone());
                    }
                }
                Ok(new.clone())
            }
            "datetime" | "date" | "time" | "timedelta" | "PosixPath" | "WindowsPath"
            | "PurePosixPath" | "PureWindowsPath"
                if super::data::of_library(old, new)? =>
            {
                Ok(old.clone())
            }
            _ => {
                self.join_inside_wrapper(old, new, class)?;
                self.follow_wrapped(old, new)?;
                Ok(new.clone())
            }
        }
    }

    /// What something holds that was made of a function. `property(n)` where that was `property(m)`
    /// does not make a new version of `m` of `n`.
    pub(super) fn join_held(
        &mut self,
        was: &Bound<'py, PyAny>,
        is: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.kit.is_function(was) && self.kit.is_function(is) && !self.of_one_name(was, is)? {
            return Ok(is.clone());
        }
        self.reconcile(was, is, class)
    }

    fn of_one_name(&self, was: &Bound<'py, PyAny>, is: &Bound<'py, PyAny>) -> PyResult<bool> {
        let name = |function: &Bound<'py, PyAny>| {
            let code = function.getattr(self.kit.word(Word::Code))?;
            code.getattr(self.kit.word(Word::CodeName))
        };
        name(was)?.eq(name(is)?)
    }

    /// A function that became a static or class method, or the other way round: the function itself
    /// lives on, in whatever is around it now.
    fn rewrapped(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.kit;
        let wraps = |value: &Bound<'py, PyAny>| {
            kit.is_exact(value, &kit.staticmethod) || kit.is_exact(value, &kit.classmethod)
        };
        let inside = |value: &Bound<'py, PyAny>| match wraps(value) {
            true => value.getattr("__func__"),
            false => Ok(value.clone()),
        };
        let (was, is) = (inside(old)?, inside(new)?);
        if !kit.is_function(&was)
            || !kit.is_function(&is)
            || !was
                .getattr("__qualname__")?
                .eq(is.getattr("__qualname__")?)?
        {
            return Ok(new.clone());
        }
        let kept = self.reconcile(&was, &is, class)?;
        if !wraps(new) {
            return Ok(kept);
        }
        if !kept.is(&is) {
            new.get_type().getattr("__init__")?.call1((new, &kept))?;
        }
        Ok(new.clone())
    }

    /// Binds a class entry and tells the descriptor its name, as `type.__new__` would.
    pub fn set_entry(
        &mut self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let before = kit.class_entry(class, &text(name))?;
        if before.as_ref().is_some_and(|b| b.is(value)) {
            return Ok(());
        }
        if let Some(before) = &before {
            self.forget_stored(class, before)?;
        }
        self.tx.set_class_entry(kit, class, name, value)?;
        if !kit.is_function(value)
            && !kit.is_class(value)
            && let Ok(set_name) = value.get_type().getattr("__set_name__")
        {
            // It may put something into what the class has.
            for (_, entry) in kit.class_dict(class)?.iter().filter(|(_, v)| container(v)) {
                self.tx.containers(&entry, DEEP)?;
            }
            let before = kit.class_dict(class)?;
            let outcome = set_name.call1((value, class, name));
            let after = kit.class_dict(class)?;
            for (name, entry) in before.iter() {
                if !after.get_item(&name)?.is_some_and(|now| now.is(&entry)) {
                    self.tx.class_entry(class, &name, Some(entry));
                }
            }
            for name in after.keys() {
                if !before.contains(&name)? {
                    self.tx.class_entry(class, &name, None);
                }
            }
            outcome?;
        }
        Ok(())
    }

    /// Whether what an attribute of a class has is the program's: an unchanged statement gave it a
    /// container or a plain value, and nothing else that makes the class gave it another one. What
    /// statements had set from outside is taken back before the class is made again.
    pub fn is_state(
        &self,
        path: &str,
        was: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let literal = match &self.literals {
            Some(literals) => literals.get_item(path)?,
            None => None,
        };
        Ok(literal.is_some_and(|literal| {
            let alike = |value: &Bound<'py, PyAny>| value.get_type().is(literal.get_type());
            let same = alike(value) && literal.eq(value).unwrap_or(false);
            // `instance = None`, until there is one.
            let came = || literal.is_none() && !was.is_callable() && !has_get(was);
            same && (alike(was) && (container(was) || nobodys(was)) || came())
        }))
    }

    /// A cached function: the results of the old code are gone, as after a restart.
    fn update_cache(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let parameters =
            |c: &Bound<'py, PyAny>| c.getattr("__dict__")?.get_item("cache_parameters")?.call0();
        let same = match (parameters(old), parameters(new)) {
            (Ok(a), Ok(b)) => a.eq(b)?,
            _ => false,
        };
        let (before, after) = (old.getattr("__wrapped__")?, new.getattr("__wrapped__")?);
        if self.kit.is_function(&before)
            && self.kit.is_function(&after)
            && self.of_one_name(&before, &after)?
        {
            let kept = self.update_function(&before, &after, class)?;
            self.tx.forget(self.kit, old)?;
            if same && kept.is(&before) {
                self.copied_texts(old, new)?;
                return Ok(old.clone());
            }
        }
        Ok(new.clone())
    }

    /// What `functools.update_wrapper` copied from the function into the wrapper.
    fn copied_texts(&mut self, old: &Bound<'py, PyAny>, new: &Bound<'py, PyAny>) -> PyResult<()> {
        let own = old.getattr("__dict__")?.cast_into::<PyDict>()?;
        let fresh = new.getattr("__dict__")?.cast_into::<PyDict>()?;
        self.tx.dict(&own)?;
        for (key, value) in fresh.iter() {
            let name = text(&key);
            if name.starts_with("__") && name != "__wrapped__" {
                own.set_item(key, value)?;
            }
        }
        Ok(())
    }

    /// A list, dict or set that a statement made anew: the old object gets the new contents, so
    /// that whoever holds it sees them; what the program added since import stays (`base` is
    /// what import had given it; without it, a table that comes filled has its entries and no others).
    pub fn update_container(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
        name: &str,
    ) -> PyResult<bool> {
        let registered = std::mem::take(&mut self.registered);
        let written = std::mem::take(&mut self.written);
        self.hash_again(old)?;
        if let (Ok(live), Ok(fresh)) = (old.cast_exact::<PyDict>(), new.cast_exact::<PyDict>()) {
            let base = base.and_then(|b| b.cast_exact::<PyDict>().ok());
            self.tx.dict(live)?;
            self.merge_dict(live, fresh, base, (name, written))?;
            return Ok(true);
        }
        if let (Ok(live), Ok(fresh)) = (old.cast_exact::<PySet>(), new.cast_exact::<PySet>()) {
            self.tx.container(old)?;
            let target = fresh.call_method0("copy")?;
            if self.merge
                && let Some(base) = base
            {
                target.call_method1("update", (live.call_method1("difference", (base,))?,))?;
                let gone = base.call_method1("difference", (live,))?;
                target.call_method1("difference_update", (gone,))?;
            }
            live.call_method1("intersection_update", (&target,))?;
            live.call_method1("update", (&target,))?;
            take_over_items(live, fresh)?;
            return Ok(true);
        }
        if let (Ok(live), Ok(fresh)) = (old.cast_exact::<PyList>(), new.cast_exact::<PyList>()) {
            self.tx.container(old)?;
            let mut done = Since::default();
            if self.merge
                && let Some(base) = base.and_then(|b| b.cast_exact::<PyList>().ok())
                && !base.eq(live).unwrap_or(false)
            {
                if written && let Some(items) = self.place_by_place(base, live, fresh, name)? {
                    return live.set_slice(0, live.len(), items.as_any()).map(|()| true);
                }
                let is_function = |item: &Bound<'py, PyAny>| self.kit.is_function(item);
                match since(base, live, fresh, (&registered, written), is_function) {
                    Some(found) => done = found,
                    None => self.notes.push(format!(
                        "{name} was changed by the program and by the edit; it has the edit's items"
                    )),
                }
            }
            live.set_slice(0, live.len(), fresh)?;
            done.again(live)?;
            if !done.added.is_empty() {
                self.appended.push((live.clone(), done.added));
            }
            return Ok(true);
        }
        self.update_collection(old, new, base, name)
    }

    /// Lambdas in what a statement makes: that of the old version under the same key or in the same
    /// place lives on with the new code, wherever else it is held. One that only moved to
    /// another place in a list is known by what it does.
    pub fn reconcile_inside(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<()> {
        if depth > DEEP || old.is(new) {
            return Ok(());
        }
        if let (Ok(had), Ok(has)) = (old.cast_exact::<PyDict>(), new.cast_exact::<PyDict>()) {
            for (key, value) in has.copy()?.iter() {
                if let Some(was) = had.get_item(&key)?
                    && let Some(kept) = self.pair_inside(&was, &value, depth)?
                {
                    has.set_item(&key, kept)?;
                }
            }
            return Ok(());
        }
        let sequence = |kind| old.is_exact_instance(kind) && new.is_exact_instance(kind);
        let (list, tuple) = (
            self.kit.py.get_type::<PyList>(),
            self.kit.py.get_type::<PyTuple>(),
        );
        if !sequence(list.as_any()) && !sequence(tuple.as_any()) {
            return self.reconcile_in_objects(old, new, depth);
        }
        let had: Vec<_> = old.try_iter()?.collect::<PyResult<_>>()?;
        let has: Vec<_> = new.try_iter()?.collect::<PyResult<_>>()?;
        if had.len().max(has.len()) > MANY {
            return Ok(());
        }
        for (was, at) in partners(&had, &has, |item| self.kit.is_function(item)) {
            let (was, value) = (&had[was], &has[at]);
            if let Some(kept) = self.pair_inside(was, value, depth)? {
                match new.cast_exact::<PyList>() {
                    Ok(list) => list.set_item(at, kept)?,
                    // A tuple stays what it is: whoever holds it is told.
                    Err(_) => self.replaced.push(Replaced {
                        from: value.clone(),
                        to: kept,
                        lived: false,
                    }),
                }
            }
        }
        Ok(())
    }

    pub(super) fn pair_inside(
        &mut self,
        was: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.is_lambda(was)? || !self.is_lambda(value)? {
            self.reconcile_inside(was, value, depth + 1)?;
            return Ok(None);
        }
        let kept = self.reconcile(was, value, None)?;
        Ok((!kept.is(value)).then_some(kept))
    }

    /// A lambda of this module.
    pub(super) fn is_lambda(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        Ok(self.kit.is_function(value)
            && text(&value.getattr("__name__")?) == "<lambda>"
            && value.getattr("__globals__")?.is(&self.dict))
    }

    /// What import had given, made again from the old text, has lambdas of its own: those of the live
    /// container instead, so that both can be compared.
    pub fn same_inside(
        &self,
        live: &Bound<'py, PyAny>,
        base: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<()> {
        let same = |a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>| -> PyResult<bool> {
            // That one was made in a namespace of its own.
            Ok(self.is_lambda(a)? && self.kit.is_function(b) && alike(a, b))
        };
        if let (Ok(live), Ok(base)) = (live.cast_exact::<PyDict>(), base.cast_exact::<PyDict>()) {
            for (key, value) in base.copy()?.iter() {
                let Some(now) = live.get_item(&key)? else {
                    continue;
                };
                if same(&now, &value)? {
                    base.set_item(&key, now)?;
                } else if depth < DEEP {
                    self.same_inside(&now, &value, depth + 1)?;
                }
            }
        } else if let (Ok(live), Ok(base)) =
            (live.cast_exact::<PyList>(), base.cast_exact::<PyList>())
        {
            // Others may stand before it by now, or be gone.
            let others = || live.iter().take(MANY);
            for (at, value) in base.iter().enumerate() {
                let Ok(now) = live.get_item(at.min(live.len().saturating_sub(1))) else {
                    break;
                };
                let mut found = same(&now, &value)?.then(|| now.clone());
                if found.is_none() && self.kit.is_function(&value) {
                    found = others().find(|other| same(other, &value).unwrap_or(false));
                }
                if let Some(found) = found {
                    base.set_item(at, found)?;
                } else if depth < DEEP && at < live.len() {
                    self.same_inside(&now, &value, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Puts keys and items where they are looked for now: `__hash__` and `__eq__` of their class may say
    /// something else than they did when they came.
    pub(super) fn hash_again(&mut self, container: &Bound<'py, PyAny>) -> PyResult<()> {
        let plain = |key: &Bound<'py, PyAny>| {
            key.is_exact_instance_of::<PyString>() || key.is_exact_instance_of::<PyInt>()
        };
        let found = |key: &Bound<'py, PyAny>| container.contains(key).unwrap_or(true);
        if let Ok(live) = container.cast_exact::<PyDict>() {
            let keys = live.keys();
            if keys.iter().all(|key| plain(&key)) {
                return Ok(());
            }
            let again = PyDict::new(live.py());
            // One that cannot be hashed any more is for what comes next to complain of.
            if live.iter().any(|(k, v)| again.set_item(k, v).is_err()) {
                return Ok(());
            }
            if again.len() < live.len() || !keys.iter().all(|key| found(&key)) {
                self.tx.dict(live)?;
                live.clear();
                live.update(again.as_mapping())?;
            }
        } else if let Ok(live) = container.cast_exact::<PySet>() {
            let items: Vec<_> = live.iter().collect();
            if items.iter().all(plain) {
                return Ok(());
            }
            let Ok(again) = PySet::new(live.py(), &items) else {
                return Ok(());
            };
            if again.len() < live.len() || !items.iter().all(found) {
                self.tx.container(container)?;
                live.clear();
                live.call_method1("update", (again,))?;
            }
        }
        Ok(())
    }

    fn merge_dict(
        &mut self,
        live: &Bound<'py, PyDict>,
        fresh: &Bound<'py, PyDict>,
        base: Option<&Bound<'py, PyDict>>,
        (name, written): (&str, bool),
    ) -> PyResult<()> {
        for key in live.keys() {
            if fresh.contains(&key)? {
                continue;
            }
            let ours = match base {
                Some(base) => match base.get_item(&key)? {
                    // Import put it there and the program did not change it since.
                    Some(was) => live
                        .get_item(&key)?
                        .is_some_and(|now| now.is(&was) || was.eq(&now).unwrap_or(false)),
                    None => false,
                },
                // Nobody knows what import had put there: what comes with entries is a table, and has
                // those; what comes empty is a store.
                None => !fresh.is_empty(),
            };
            if ours || !self.merge {
                live.del_item(&key)?;
            } else if let Some(base) = base.filter(|_| written)
                && base.contains(&key)?
            {
                self.notes.push(format!(
                    "{} is gone from the file, but the program had set it; it is kept",
                    entry_path(name, &key)
                ));
            }
        }
        let mut reorder = Vec::new();
        let equal = equal_items(live.as_any(), fresh.as_any())?;
        for (key, value) in fresh.iter() {
            let was = base.map(|b| b.get_item(&key)).transpose()?.flatten();
            let now = live.get_item(&key)?;
            let program = self.merge
                && match (&was, &now) {
                    (Some(was), Some(now)) => {
                        !(now.is(was) || was.eq(now).unwrap_or(false))
                            && (value.is(was) || was.eq(&value).unwrap_or(false))
                    }
                    // The program took it out and the edit does not mention it.
                    (Some(was), None) => value.is(was) || was.eq(&value).unwrap_or(false),
                    _ => false,
                };
            if program {
                // Theirs stays.
            } else if let (Some(was), Some(now)) = (&was, &now)
                && self.merge
                && own_inside(was, now, &value)
            {
                self.written = written;
                self.update_container(now, &value, Some(was), &entry_path(name, &key))?;
            } else {
                let same = |a: &Bound<'py, PyAny>, b: Option<&Bound<'py, PyAny>>| {
                    b.is_some_and(|b| a.is(b) || plain(a) && plain(b) && a.eq(b).unwrap_or(false))
                };
                // All three differ, and can be told apart.
                let told = |v: &Option<Bound<'py, PyAny>>| v.as_ref().is_none_or(plain);
                if written
                    && base.is_some()
                    && self.merge
                    && told(&was)
                    && told(&now)
                    && plain(&value)
                    && was.is_some() | now.is_some()
                    && !same(&value, now.as_ref())
                    && !was.as_ref().is_some_and(|was| same(was, now.as_ref()))
                {
                    self.note_conflict(&entry_path(name, &key), now.as_ref());
                }
                live.set_item(&key, &value)?;
            }
            if let Some(items) = &equal {
                take_over(live, items, &key)?;
            }
            reorder.push(key);
        }
        // The order of a fresh dict, then what the program added.
        let extra: Vec<_> = live
            .keys()
            .iter()
            .filter(|k| !fresh.contains(k).unwrap_or(true))
            .collect();
        let wanted: Vec<_> = reorder
            .into_iter()
            .filter(|k| live.contains(k).unwrap_or(false))
            .chain(extra)
            .collect();
        let current = live.keys();
        let in_order = wanted
            .iter()
            .zip(current.iter())
            .all(|(a, b)| a.eq(b).unwrap_or(false));
        if !in_order {
            for key in wanted {
                if let Some(value) = live.get_item(&key)? {
                    live.del_item(&key)?;
                    live.set_item(&key, value)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether an object is asked for its value where it is an attribute of a class.
fn has_get(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().hasattr("__get__").unwrap_or(true)
}
