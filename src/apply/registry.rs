//! Registries: containers that decorators, base classes and called functions put definitions into,
//! in this module or in others. What a statement had put there goes when it does not make it any
//! more, as it would not be there after a restart. See registry.py, calls.py and told.py, and `reorder`
//! for their order.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::attributes::hooked;
use super::base::{chain, only_fills};
use super::collections::{holds_items, mergeable};
use super::compile::Source;
use super::function::plain;
use super::module::{Run, container};
use super::work::Replaced;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement};
use crate::plan::Functions;

/// So many functions that a statement calls are followed.
const MANY: usize = 64;

/// The registries of a statement that is about to run.
pub(super) struct Registries<'py> {
    pub(super) found: Bound<'py, PyAny>,
    /// What the old version made: a definition or an instance, that is looked for by identity. Else
    /// entries are known by the arguments of a call.
    made: Option<Bound<'py, PyAny>>,
    /// The function in it, where decorators were around that.
    inner: Option<Bound<'py, PyAny>>,
    /// Entries were taken out before it runs.
    open: bool,
}

impl<'py> Registries<'py> {
    /// What the old version made.
    pub(super) fn made(&self) -> Option<&Bound<'py, PyAny>> {
        self.made.as_ref()
    }
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// What running a definition calls: its decorators, its base classes and their metaclasses.
    pub(super) fn callables(&self, statement: &Statement) -> PyResult<Bound<'py, PyList>> {
        self.callables_in(None, statement)
    }

    /// The same for a statement in the body of a class, which sees the names of the class.
    pub(super) fn callables_in(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyList>> {
        let bases = (statement.kind == Kind::Class).then_some(&statement.head.reads);
        let called = statement.uses.calls.iter();
        self.values_at(class, called.chain(bases.into_iter().flatten()))
    }

    pub(super) fn values_at<'s>(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        paths: impl Iterator<Item = &'s String>,
    ) -> PyResult<Bound<'py, PyList>> {
        let kit = self.work.kit;
        let out = PyList::empty(kit.py);
        let shipped = kit.py.import("sys")?.getattr("stdlib_module_names").ok();
        for path in paths {
            let own = class.and_then(|class| self.class_attribute(class, path));
            let Some(value) = own.or_else(|| self.attribute(path)) else {
                continue;
            };
            // A function of the standard library has no registry but what it closes over.
            // Only asked of functions and the like: objects of the program may answer with code.
            let closed =
                kit.is_function(&value) && value.getattr("__closure__").is_ok_and(|c| !c.is_none());
            // `Base.register` of an abstract class, that of a `singledispatchmethod`.
            let quiet = !hooked(kit, &value);
            let owner = quiet.then(|| value.getattr("__self__").ok()).flatten();
            let bound = owner.is_some_and(|owner| {
                let kind = owner.get_type().name();
                kit.is_class(&owner) || kind.is_ok_and(|name| name == "singledispatchmethod")
            });
            let module = match quiet {
                true => value.getattr("__module__"),
                false => value.get_type().getattr("__module__"),
            };
            let ships = match (&shipped, module) {
                (Some(shipped), Ok(module)) => shipped.contains(module).unwrap_or(false),
                _ => false,
            };
            // What is registered with `atexit` is in no container, but can be asked for.
            let exits = || {
                let kept = kit.sys_modules.get_item("atexit").ok().flatten();
                let register = kept.and_then(|kept| kept.getattr("register").ok());
                register.is_some_and(|register| register.is(&value))
            };
            if ships && !(closed || bound || exits()) {
                continue;
            }
            if kit.is_class(&value) && !value.get_type().is(kit.object.get_type()) {
                out.append(value.get_type())?;
            }
            // `size.register` closes over the registry of `size`, which its module has by that name.
            let of_function = ships && closed && path.contains('.');
            if (kit.is_class(&value) || kit.is_function(&value)) && !of_function {
                out.append(value)?;
            } else {
                // The method of an object, or one that is called itself.
                let named = self.registry_helper("named")?;
                out.append(named.call1((value, path, &self.job.dict))?)?;
            }
        }
        Ok(out)
    }

    /// Whether what makes a class, or is called with it, looks at these names of it, which have other values now:
    /// it is called again then, although nothing but the body of the class differs.
    pub(super) fn looked_at(&self, new: &Statement, names: &BTreeSet<&String>) -> PyResult<bool> {
        if names.is_empty() {
            return Ok(false);
        }
        let head = new.head.calls.iter().chain(&new.head.reads);
        let callables = self.values_at(None, head)?;
        if callables.is_empty() {
            return Ok(false);
        }
        let names = PyList::new(self.work.kit.py, names)?;
        let looks = self.registry_helper("looks")?.call1((callables, names))?;
        looks.is_truthy()
    }

    /// Brings a class up to date part by part, and tells registries. `false`: it has to run whole.
    pub(super) fn update_told(
        &mut self,
        at: usize,
        class: &Bound<'py, PyAny>,
        old: &'a Statement,
        inner: Option<&'a Changes>,
    ) -> PyResult<bool> {
        let outline: &'a Outline = self.job.new.outline;
        let new = &outline.body[at];
        told(self.watch_remade(class, new));
        let Some(inner) = inner else {
            return self.update_members(class, old, new, None, &[], "");
        };
        let registries = told(self.member_registries(class, old, new, inner)).flatten();
        if !self.update_members(class, old, new, Some(inner), &[], "")? {
            return Ok(false);
        }
        if let Some(found) = &registries {
            told(self.settle(at, new, found, Some(class.clone())));
        }
        if inner.items.iter().any(|c| c.what == What::Changed) {
            told(self.tell_registries(class, new));
        }
        Ok(true)
    }

    /// The registries that statements of a class body may put something into which are to run.
    fn member_registries(
        &mut self,
        class: &Bound<'py, PyAny>,
        old: &'a Statement,
        new: &'a Statement,
        inner: &Changes,
    ) -> PyResult<Option<Registries<'py>>> {
        let py = self.work.kit.py;
        let (before, after) = (PyList::empty(py), PyList::empty(py));
        let gone = inner.removed.iter().map(|at| &old.body[*at]);
        let mut was: Vec<&Statement> = gone.collect();
        for change in &inner.items {
            if matches!(change.what, What::Same | What::Body | What::Inner(_)) {
                continue;
            }
            was.extend(change.old.map(|at| &old.body[at]));
            for value in self
                .callables_in(Some(class), &new.body[change.new])?
                .iter()
            {
                after.append(value)?;
            }
        }
        for member in was {
            for value in self.callables_in(Some(class), member)?.iter() {
                before.append(value)?;
            }
        }
        if before.is_empty() && after.is_empty() {
            return Ok(None);
        }
        let found = self.watch(before, after)?;
        found.call_method1("look", (class,))?;
        self.work.made.clear();
        Ok(Some(Registries {
            found,
            made: Some(class.clone()),
            inner: None,
            open: false,
        }))
    }

    /// After values in the body of a class changed: who reads it in a registry finds them.
    fn tell_registries(
        &mut self,
        class: &Bound<'py, PyAny>,
        statement: &Statement,
    ) -> PyResult<()> {
        let callables = self.callables(statement)?;
        if callables.is_empty() {
            return Ok(());
        }
        let none = PyList::empty(self.work.kit.py);
        let found = self.watch(none, callables)?;
        found.call_method1("look", (class,))?;
        let fed = found.call_method1("changed", (((class, class),), true))?;
        self.feed(fed.extract()?, statement)
    }

    /// The registries that a statement may put something into, before it runs. `made` is what its
    /// old version had made.
    pub(super) fn registries(
        &mut self,
        at: usize,
        statement: &'a Statement,
        made: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Registries<'py>>> {
        let was = self.old_statement(at);
        let kit = self.work.kit;
        let none = PyList::empty(kit.py);
        if matches!(statement.kind, Kind::Function | Kind::Class) {
            let after = self.callables(statement)?;
            let before = match was {
                Some(was) => self.callables(was)?,
                None => none,
            };
            if after.is_empty() && before.is_empty() {
                return Ok(None);
            }
            let found = self.watch(before.clone(), after)?;
            let mut open = false;
            let mut inner = None;
            if let (Some(made), Some(was)) = (made, was) {
                inner = self.function_inside(was, made)?;
                found.call_method1("look", (made, (), &inner))?;
                self.by_name(&found, before, was, made, false)?;
                open = found.call_method0("take_out")?.is_truthy()?;
            }
            return Ok(Some(Registries {
                found,
                made: made.cloned(),
                inner,
                open,
            }));
        }
        let old = self.job.old;
        let was = was.filter(|was| old.is_some_and(|old| self.calls(old, was)));
        let calls = self.calls(self.job.new, statement);
        if !calls && was.is_none_or(|was| *self.what(at) == What::Same || was.kind != Kind::Assign)
        {
            return Ok(None);
        }
        // `A = 1` where `A = reg.add("a")` was.
        let after = match calls {
            true => self.callee(self.job.new, statement, &self.job.dict.clone())?,
            false => none.clone(),
        };
        let (Some(was), Some(old)) = (was, old) else {
            if after.is_empty() {
                return Ok(None);
            }
            let found = self.watch(none, after)?;
            found.call_method0("take_out")?;
            let (made, open) = (None, true);
            return Ok(Some(Registries {
                found,
                made,
                inner: None,
                open,
            }));
        };
        let again = !self.work.merge && *self.what(at) == What::Same;
        let Some(mut registries) = self.called(old, was, after, again)? else {
            return Ok(None);
        };
        registries.found.call_method0("take_out")?;
        registries.open = true;
        if *self.what(at) == What::Changed {
            told(self.take_back_globals(&registries.found, old, was));
        }
        Ok(Some(registries))
    }

    /// Finds what registries know of a definition by its name alone, or by what was made of that.
    fn by_name(
        &mut self,
        found: &Bound<'py, PyAny>,
        called: Bound<'py, PyList>,
        was: &Statement,
        made: &Bound<'py, PyAny>,
        gone: bool,
    ) -> PyResult<()> {
        let by_name = self.registry_helper("by_name")?;
        by_name.call1((found, called, &was.name, made, gone))?;
        if let Some(old) = self.job.old {
            self.past()?;
            let told = (found, made, old.slice(was), was.span.line, &self.before);
            self.registry_helper("by_call")?.call1(told)?;
        }
        Ok(())
    }

    /// Whether a statement may tell somebody of something: a call alone, or one whose value gets a
    /// name, or an item of a container that another module made.
    pub(super) fn calls(&self, source: &Source<'_>, statement: &Statement) -> bool {
        let kind = match statement.kind {
            Kind::Expr | Kind::Compound => {
                !statement.uses.calls.is_empty() || !statement.uses.mutates.is_empty()
            }
            Kind::Assign => {
                let calls = !statement.uses.calls.is_empty() && !statement.uses.binds.is_empty();
                calls || !statement.uses.mutates.is_empty()
            }
            Kind::AugAssign => !statement.uses.mutates.is_empty(),
            _ => false,
        };
        // What the module itself makes and fills is followed statement by statement.
        let own = |name: &String| {
            let value = self.before.get_item(name).ok().flatten();
            let told =
                |value: &Bound<'py, PyAny>| mergeable(value) && self.bases.contains_key(name);
            value.is_some_and(|value| container(&value) || told(&value))
                && chain(source.outline, name, usize::MAX)
                    .is_some_and(|(at, _)| source.outline.body[at].kind != Kind::Import)
        };
        let followed = || {
            let had = Functions::of(source.outline);
            only_fills(source.outline, &had, statement)
                .is_some_and(|(_, filled)| !filled.is_empty() && filled.iter().all(own))
        };
        kind && !statement.uses.mutates.iter().any(own) && !followed()
    }

    /// The texts of the module's functions that a statement calls, directly or not, by name, with the
    /// lines that they begin on.
    pub(super) fn inlined(
        &self,
        source: &Source<'_>,
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = self.work.kit.py;
        let outline = source.outline;
        let found = PyDict::new(py);
        let mut todo: Vec<&String> = statement.uses.calls.iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = todo.pop() {
            if found.len() > MANY || name.contains('.') || !seen.insert(name) {
                continue;
            }
            let bodies = PyList::empty(py);
            for at in outline.index().writers(&outline.body, name) {
                let function = &outline.body[at];
                if function.kind == Kind::Function {
                    bodies.append((source.slice(function), function.span.line))?;
                    todo.extend(&function.later.calls);
                }
                // What instances do that are made for a call alone: `C("a").show()`.
                for method in function
                    .body
                    .iter()
                    .filter(|_| function.kind == Kind::Class)
                {
                    if method.kind == Kind::Function {
                        let path = format!("{name}.{}", method.name);
                        let text = (source.slice(method), method.span.line);
                        found.set_item(path, PyList::new(py, [text])?)?;
                        todo.extend(&method.later.calls);
                    }
                }
            }
            if !bodies.is_empty() {
                found.set_item(name, bodies)?;
            }
        }
        Ok(found)
    }

    pub(super) fn callee(
        &self,
        source: &Source<'_>,
        statement: &Statement,
        namespace: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyList>> {
        let callees = self.registry_helper("callees")?;
        let (text, line) = (source.slice(statement), statement.span.line);
        let bodies = self.inlined(source, statement)?;
        let found = callees.call1((text, line, bodies, namespace))?;
        Ok(found.cast_into::<PyList>()?)
    }

    /// The registries of an old statement that is a call, with the entries that it made.
    pub(super) fn called(
        &mut self,
        old: &Source<'_>,
        was: &Statement,
        after: Bound<'py, PyList>,
        again: bool,
    ) -> PyResult<Option<Registries<'py>>> {
        let before = self.callee(old, was, &self.before)?;
        if before.is_empty() {
            return Ok(None);
        }
        let kind = before.get_item(0)?;
        let made = match was.uses.binds.as_slice() {
            [name] if was.kind == Kind::Assign => self.before.get_item(name)?,
            _ => None,
        };
        let made = match made.filter(|made| !plain(made)) {
            // `PAGES = [Page("a"), Page("b")]`, each of which tells a registry of itself.
            Some(made) if self.work.kit.is_class(&kind) && holds_items(&made) => {
                let items = self.registry_helper("instances_in")?;
                let items = items.call1((&made, &self.before))?;
                items.is_truthy()?.then_some(made)
            }
            Some(made) if self.work.kit.is_class(&kind) => {
                // Not asked of the class: its metaclass may have an answer of its own.
                let ours = super::kit::mro(made.get_type().as_any()).contains(&kind)?;
                ours.then_some(made)
            }
            _ => None,
        };
        let found = self.watch(before.clone(), after)?;
        self.past()?;
        let (text, line) = (old.slice(was), was.span.line);
        let bodies = self.inlined(old, was)?;
        match &made {
            Some(made) => {
                found.call_method1("look", (made, &self.before))?;
                found.call_method1("constructed", (text, line, bodies, &self.before))?
            }
            None => {
                if found.getattr("globals")?.is_truthy()? {
                    self.lower_flags(&before)?;
                }
                let known = self.kept()?;
                let outcome =
                    found.call_method1("call", (text, line, bodies, &self.before, again))?;
                self.put_back_from(known)?;
                outcome
            }
        };
        let open = false;
        Ok(Some(Registries {
            found,
            made,
            inner: None,
            open,
        }))
    }

    /// Runs a definition that was refused, perhaps since what it is the new version of stands in
    /// a registry ("already registered"): without it, and then in its place.
    pub(super) fn run_unregistered(
        &mut self,
        statement: &Statement,
        registries: &mut Registries<'py>,
        error: PyErr,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        if !error.is_instance_of::<pyo3::exceptions::PyException>(kit.py)
            || registries.made.is_none()
        {
            return Err(error);
        }
        let code = self.job.new.statement(kit, statement)?;
        registries
            .found
            .call_method1("look_instances", (&registries.made,))?;
        for wide in [false, true] {
            let found = &registries.found;
            if found.call_method1("forget", (wide,))?.is_truthy()?
                && kit.exec.call1((&code, &self.job.dict)).is_ok()
            {
                registries.open = true;
                return Ok(());
            }
        }
        Err(error)
    }

    /// After the statement ran, and what it made was brought together with what was: what its old
    /// version had put into registries goes, and what the new one put there is what lives on.
    pub(super) fn settle(
        &mut self,
        at: usize,
        statement: &Statement,
        registries: &Registries<'py>,
        new: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let found = &registries.found;
        if registries.open {
            found.call_method0("put")?;
        }
        let mut adopted = std::mem::take(&mut self.work.made);
        let mut pairs = adopted.clone();
        let loose = *self.what(at) == What::Same;
        if let (Some(made), Some(new)) = (&registries.made, &new) {
            if !made.is(new) && !pairs.iter().any(|(n, o)| n.is(new) && o.is(made)) {
                pairs.push((new.clone(), made.clone()));
            }
            if let Some(was) = &registries.inner {
                // The statement's own pair is the last.
                let inner = self.function_inside(statement, new)?;
                let inner = [Some(new.clone()), inner].into_iter().flatten();
                pairs.splice(0..0, inner.map(|is| (is, was.clone())));
            }
            let name = statement.uses.binds.first().map_or("", String::as_str);
            let now = self.job.dict.get_item(name)?;
            if let Some(now) = &now
                && now.is(made)
                && !now.is(new)
                && !adopted.iter().any(|(n, _)| n.is(new))
            {
                adopted.push((new.clone(), made.clone()));
            }
            let others = self.told_by_others(at, name)?;
            found.call_method1("live", (&now,))?;
            let body = matches!(self.what(at), What::Inner(_) | What::Body);
            let anew = !body || now.is_none_or(|now| !now.is(made));
            found.call_method1("settle", (pairs.clone(), others, loose, anew))?;
            self.put_in_order(at, statement, found)?;
            found.call_method1("adopt", (adopted.clone(),))?;
        } else if let (Kind::Function | Kind::Class, Some(new)) = (statement.kind, &new) {
            found.call_method1("arrive", (new,))?;
            self.put_in_order(at, statement, found)?;
        }
        let lives = self.only_acts_otherwise(at, statement, registries.made())?;
        let edited = !lives && *self.what(at) != What::Same;
        // Where another object stands now, made by another constructor perhaps, it is not the same.
        let gave_other = pairs.iter().any(|(new, made)| {
            let lives = adopted.iter().any(|(n, _)| n.is(new));
            !lives && new.get_type().is(made.get_type()) && !kit.is_function(new)
        });
        let same = if gave_other { &adopted } else { &pairs };
        let fed = found.call_method1("changed", (same.clone(), edited))?;
        self.feed(fed.extract()?, statement)?;
        self.tell_globals(at, found, statement)?;
        // What the registries keep in tuples and objects of their own, only the heap knows; asked
        // for what a registry was seen to have.
        let mut met: Vec<usize> = Vec::new();
        for seen in found.getattr("news")?.try_iter()? {
            met.push(seen?.get_item(0)?.extract()?);
        }
        for (new, kept) in adopted {
            if kit.is_function(&new) && met.contains(&(new.as_ptr() as usize)) {
                self.work.replaced.push(Replaced {
                    from: new,
                    to: kept,
                    lived: false,
                });
            }
        }
        Ok(())
    }

    /// What a statement of the old text that is gone had told registries.
    pub(super) fn unregister(
        &mut self,
        statement: &Statement,
        made: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let forget = |run: &mut Self| run.forget_made(statement, made);
        self.leave_setup(statement, Some(made), forget)
    }

    fn forget_made(&mut self, statement: &Statement, made: &Bound<'py, PyAny>) -> PyResult<()> {
        // Of such there is one for all.
        if plain(made) {
            return Ok(());
        }
        let none = PyList::empty(self.work.kit.py);
        let registries = match statement.kind {
            Kind::Function | Kind::Class => {
                let before = self.callables(statement)?;
                if before.is_empty() {
                    return Ok(());
                }
                let found = self.watch(before.clone(), none)?;
                self.by_name(&found, before, statement, made, true)?;
                found.call_method1("take_out", (true,))?;
                found.call_method1("look", (made,))?;
                found.call_method1("look_instances", (made,))?;
                Some(found)
            }
            Kind::Assign => match self.job.old {
                Some(old) if self.calls(old, statement) => self
                    .called(old, statement, none, false)?
                    .filter(|r| r.made.is_some())
                    .map(|r| r.found),
                _ => None,
            },
            _ => None,
        };
        if let Some(found) = registries {
            if statement.kind == Kind::Assign {
                found.call_method1("take_out", (true,))?;
            }
            found.call_method1("forget", (false,))?;
            let pairs = PyList::empty(self.work.kit.py);
            let fed = found.call_method1("changed", (pairs, false))?;
            self.feed(fed.extract()?, statement)?;
        }
        Ok(())
    }

    /// What a path means in the body of a class: its entries are not bound to anything.
    fn class_attribute(&self, class: &Bound<'py, PyAny>, path: &str) -> Option<Bound<'py, PyAny>> {
        let mut parts = path.split('.');
        let value = self.work.kit.class_entry(class, parts.next()?).ok()??;
        self.follow(value, parts)
    }

    /// What a path means in this module now.
    pub(super) fn attribute(&self, path: &str) -> Option<Bound<'py, PyAny>> {
        let mut parts = path.split('.');
        let value = self.job.dict.get_item(parts.next()?).ok()??;
        self.follow(value, parts)
    }
}

/// Objects of programs may fail when they are looked at. What they were told of registries stays then
/// as it is; an edit does not fail for it.
pub(super) fn told<T>(outcome: PyResult<T>) -> Option<T> {
    outcome
        .inspect_err(|error| log::debug!("a registry cannot be looked into: {error}"))
        .ok()
}
