//! One statement run again, and what it bound brought together with what was.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::collections::mergeable;
use super::data::containers_in;
use super::kit::{Kit, text};
use super::module::{Run, container};
use super::registry::told;
use super::work::Replaced;
use crate::diff::What;
use crate::outline::{Kind, Statement, Uses, Value};
use crate::plan::{rebound_later, tell_hints};
use crate::report::{Action, ChangeKind};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Runs one statement in the module's dict and brings what it bound together with what was.
    pub fn execute(&mut self, at: usize, statement: &'a Statement, why: &str) -> PyResult<()> {
        self.bind_later()?;
        self.clear_caches()?;
        let was = self.old_statement(at);
        let number = self.job.changes.at(at).0;
        let hints = was.is_some_and(|was| self.functions.only_hints(was, statement, &self.dirty));
        let by_methods = statement.kind == Kind::Class && self.only_by_methods(at, statement);
        if statement.kind == Kind::Assign && self.annotated_alone(at, statement, why)? {
            return Ok(());
        }
        // It may make instances of what is derived from a data class that has other fields now.
        self.work.derived_data_classes()?;
        self.work.models_so_far()?;
        if !matches!(statement.kind, Kind::Import | Kind::Function) {
            // It may ask a living object for what that has stored.
            self.work.drop_stored()?;
            if !self.work.gains.is_empty() {
                self.work.give_gains()?;
            }
        }
        // It may ask what is derived from a class.
        told(self.replaced_leave());
        // What makes it run may have come up only now.
        self.remember(at)?;
        self.retract_own(at)?;
        self.compute_again(statement);
        let written = self.functions.global_writes(&statement.uses.calls);
        self.lower_own_flags(was.filter(|_| !written.is_empty()))?;
        let counts = self.count_back(at, statement, &written)?;
        self.before_star(at, statement)?;
        self.after_star(at, statement)?;
        let kit = self.work.kit;
        let dict = self.job.dict.clone();
        let outline = self.job.new.outline;
        let mut names: BTreeSet<String> = statement.uses.binds.iter().cloned().collect();
        names.extend(statement.uses.deletes.iter().cloned());
        names.extend(written);
        names.remove("*");
        // Also what it hands to what it calls.
        let handed = (statement.kind == Kind::Expr && !statement.uses.calls.is_empty())
            .then_some(&statement.uses.reads);
        let handed = handed.into_iter().flatten().filter(|p| !p.contains('.'));
        let touched: BTreeSet<&String> = statement.uses.mutates.iter().chain(handed).collect();
        let copies: Vec<(String, Bound<'py, PyAny>, Bound<'py, PyAny>)> = touched
            .into_iter()
            .filter_map(|name| {
                let value = dict.get_item(name).ok()??;
                let (value, deep) = match container(&value) {
                    true => (value, DEEP),
                    // Of an object what it has itself: there may be any amount of data below.
                    false => (state(kit, &value)?, 2),
                };
                let copy = copied(&value, deep).ok()?;
                Some((name.clone(), value, copy))
            })
            .collect();
        let star = statement
            .imports
            .iter()
            .any(|i| i.bound == "*")
            .then(|| dict.copy())
            .transpose()?;
        let unlisted = (statement.uses.opaque || self.functions.opaque(&statement.uses.calls))
            .then(|| dict.copy())
            .transpose()?;
        // Run on a copy, it sees just what stands above it: nothing to hide, nothing to say.
        let mut aside = crate::plan::looks_at_all(&statement.uses)
            && statement.kind != Kind::Compound
            && statement.later == Uses::default();
        let hidden = match &unlisted {
            Some(_) if !aside => Some(self.hide_unlisted(at, statement)?),
            _ => None,
        };
        if let (Some(was), Some(number)) = (was, number)
            && self.sets_another(was, statement)
        {
            self.take_back(number)?;
        }
        let assigned = self.assigns(at, statement)?;
        let uncovered = self.uncover_attributes(at, statement)?;
        let emptied = self.empty_others(at)?;
        let filled = match emptied {
            Some(_) => Vec::new(),
            None => self.filled(at, statement)?,
        };
        let by_the_way = self.before_filling(statement);
        let registered = self.made_before(at, statement)?;
        let noted = self.noted(at, statement)?;
        self.work.made.clear();
        let mut registries = match emptied {
            Some(_) => None,
            None => told(self.registries(at, statement, registered.as_ref())).flatten(),
        };
        let arrivals = self.before_arrivals(statement)?;
        self.open_annotations(statement)?;
        // What an earlier run of a `del` took away is not there to be taken again.
        for name in &statement.uses.deletes {
            if statement.kind == Kind::Delete
                && !dict.contains(name)?
                && self.binders(name).any(|i| i < at)
            {
                dict.set_item(name, kit.py.None())?;
            }
        }
        // `__doc__ += ...` goes on from the string that the text begins with.
        let documents = statement.uses.binds.iter().any(|name| name == "__doc__");
        if documents && !self.binders("__doc__").any(|i| i < at) {
            self.module_docstring()?;
        }
        let setup = self.open_setup(at, statement, registered.as_ref())?;
        let configured = self.before_configuring(at, statement)?;
        let below = match aside {
            true => None,
            false => self.hide_below(at, statement)?,
        };
        let among = aside || below.is_some();
        let annotation = self.annotation(statement);
        let annotations = self.hide_annotations(at, statement)?;
        let leaving = self.hide_leaving(at, statement)?;
        let ran = if statement.kind == Kind::Compound {
            self.run_branches(at, statement)
        } else if aside {
            self.run_aside(at, statement).map(|done| aside = done)
        } else {
            self.job
                .new
                .statement(kit, statement)
                .and_then(|code| kit.exec.call1((code, &dict)).map(drop))
        };
        let ran = match (ran, &mut registries) {
            (Err(error), Some(found)) => {
                setup.as_ref().map_or(Ok(()), |setup| setup.again())?;
                self.run_unregistered(statement, found, error)
            }
            (ran, _) => ran,
        };
        let ran = ran.or_else(|error| self.forgive(statement, error));
        self.show_leaving(leaving)?;
        self.show_annotations(annotations)?;
        self.show_below(below)?;
        setup
            .as_ref()
            .map_or(Ok(()), |setup| setup.end(ran.is_ok()))?;
        if let Err(error) = ran {
            if matches!(statement.kind, Kind::Expr | Kind::Compound) {
                self.work.stuck_on = statement.uses.mutates.first().cloned();
            } else if statement.kind == Kind::Class {
                self.work.stuck_on = self.metaclass(statement)?;
            }
            return Err(error);
        }
        self.after_configuring(configured)?;
        self.tell_annotation(annotation, statement);
        self.tell_arrivals(arrivals, statement)?;
        self.count_again(counts)?;
        self.cover_attributes(uncovered)?;
        self.arrange(at, statement, &copies);
        if let Some(number) = number {
            self.drop_put(number, hidden.as_ref())?;
        }
        if let Some(hidden) = hidden {
            self.show_unlisted(&hidden, statement)?;
        }
        self.note_filled(at, filled, statement)?;
        if let Some(emptied) = emptied {
            self.tell_others(emptied, statement)?;
        }
        self.tell_assigned(assigned, statement)?;
        if let Some(number) = number {
            self.drop_set(number)?;
        }
        if !among {
            self.note_looks(statement);
        } else if self.job.rebinds.iter().any(|r| r.star && r.old.is_none()) {
            // In their own module they stand last, too.
            self.work.notes.push(format!(
                "line {} looks at all names of the module, also at new ones of a star import, which \
                 may stand in another order, and makes {} of them",
                statement.span.line,
                statement.uses.binds.join(", ")
            ));
        }
        self.facts.executed = true;
        if statement.kind == Kind::Class {
            let (was, now) = (
                self.before.get_item(&statement.name)?,
                dict.get_item(&statement.name)?,
            );
            self.tell_bases(was.as_ref(), now.as_ref(), statement)?;
            drop((was, now));
            self.dirty.overwrite(&statement.name, &statement.body);
            let was = self.old_statement(at).filter(|was| was.kind == Kind::Class);
            let was = was.into_iter().flat_map(|was| &was.head.reads);
            let bases: BTreeSet<&String> = statement.head.reads.iter().chain(was).collect();
            for base in bases {
                let path = format!("{base}.__subclasses__");
                let line = statement.span.line;
                self.dirty
                    .fill(path, format!("which the class on line {line} is in"));
            }
            for path in self.functions.tables_of(statement) {
                let line = statement.span.line;
                self.dirty
                    .fill(path, format!("which the class on line {line} is in"));
            }
        }
        self.take_annotations(at)?;
        let made = names.iter().filter(|n| !statement.uses.mutates.contains(n));
        self.remade.extend(made.cloned());
        // Asked for where somebody wants it: who has an object is judged by its references.
        let fresh = match statement.uses.binds.as_slice() {
            [name] if registries.is_some() => dict.get_item(name)?,
            _ => None,
        };
        let ours = 1 + isize::from(fresh.is_some());
        if statement.kind == Kind::Docstring {
            // Run alone it is the module's docstring again, and the compiler says so.
            self.dirty.value("__doc__", "which is another text");
            self.note(
                ChangeKind::Statement,
                Action::Executed,
                &self.job.new.first_line(statement),
                statement,
                why,
            );
            return Ok(());
        }
        if let Some(star) = star {
            self.take_starred(at, statement, &star)?;
        }
        if let Some(had) = unlisted {
            for (key, value) in dict.iter() {
                let name = text(&key);
                let same = had.get_item(&key)?.is_some_and(|was| was.is(&value));
                if !same && name != "__builtins__" {
                    names.insert(name);
                }
            }
        }
        let changed_on = format!("which changed on line {}", statement.span.line);
        let same = |old: &Option<Bound<'py, PyAny>>, new: &Option<Bound<'py, PyAny>>| {
            old.as_ref().zip(new.as_ref()).is_some_and(|(a, b)| a.is(b))
        };
        let shared = self.several_targets(at, statement)?;
        let mut reported = false;
        self.work.loops = statement.kind == Kind::Compound;
        for name in &names {
            let new = dict.get_item(name)?;
            let star = self.star_import(name, at + 1)?.map(|(star, _)| star);
            let last = rebound_later(outline, at, name).max(star);
            let deleted = last.is_some_and(|last| {
                let last = &outline.body[last];
                last.kind == Kind::Delete && last.uses.deletes.contains(name)
            });
            // A container that another statement makes anew is not the one that lives on.
            let made_later = || {
                let mut later = self.binders(name).filter(|i| *i > at);
                later.any(|i| !outline.body[i].uses.mutates.contains(name))
            };
            let link = !deleted
                && star.is_none()
                && !made_later()
                && (statement.uses.mutates.contains(name) || statement.value == Value::Container);
            if let Some(last) = last
                && !(link && new.as_ref().is_some_and(mergeable))
            {
                // Not the definition that counts in the end: bound for those in between only.
                if !self.parked.contains_key(name) {
                    self.parked
                        .insert(name.clone(), (self.before.get_item(name)?, last));
                }
                if let Some(made) = new.as_ref().filter(|new| mergeable(new))
                    && !self.bases.contains_key(name)
                    && let Some(base) = self.base_of_made(at, name, made)
                {
                    // `L = load()`, `L += [1]`: what import had made of it.
                    self.bases.insert(name.clone(), base);
                }
                self.adopt_earlier(at, statement, name, new.as_ref())?;
                self.dirty.value(name, changed_on.clone());
                continue;
            }
            let old = match self.parked.remove(name) {
                Some((live, _)) => live,
                None => self.before.get_item(name)?,
            };
            let old = match &old {
                Some(value) if self.is_of_another(at, statement, value)? => None,
                _ => old,
            };
            if self.job.keep.contains(name) && old.is_some() {
                // The author wants the value of run time: put back at once, as if nothing ran.
                dict.set_item(name, old)?;
                continue;
            }
            let mut parts = None;
            let (kept, action, differs) = match (&old, &new) {
                (None, None) => continue,
                (old, Some(_)) if let Some(shared) = &shared => {
                    let same = old.as_ref().is_some_and(|old| old.is(shared));
                    let action = if same {
                        Action::Updated
                    } else {
                        Action::Rebound
                    };
                    (Some(shared.clone()), action, !same)
                }
                (Some(_), None) => (None, Action::Removed, true),
                (None, Some(new)) => (Some(new.clone()), Action::Added, true),
                // `L = [2]` where L was imported: that list is not this module's.
                (Some(old), Some(new)) if mergeable(old) && self.is_imported(name, old)? => {
                    let same = old.is(new);
                    let action = if same {
                        Action::Updated
                    } else {
                        Action::Rebound
                    };
                    (Some(new.clone()), action, !same)
                }
                (Some(old), Some(new)) => {
                    let left = self.left_by_decorators(at, old, new)?;
                    let had = self.attributes(statement, old)?;
                    let makes = told(self.makes(at, statement, old)).flatten();
                    parts = self.parts_of_equal(name, old, new);
                    let kept = match self.covered(statement, was, old, new, None)? {
                        true => old.clone(),
                        false => self.bring_together(at, statement, name, old, new, ours)?,
                    };
                    if statement.kind == Kind::Function && kit.is_function(&kept) {
                        self.placed.insert(kept.as_ptr() as usize);
                    }
                    told(self.note_makes(makes.as_ref(), old, &kept));
                    let same = kept.is(old);
                    self.compare_attributes(&had, statement, &kept, &changed_on)?;
                    if same {
                        for (object, names) in left {
                            self.drop_left(&object, names)?;
                        }
                        self.compare_noted(name, &noted, &kept, &changed_on)?;
                    }
                    if same && statement.kind == Kind::Class && self.job.anew.contains(name) {
                        self.drop_later(old, new)?;
                    }
                    let action = if same {
                        Action::Updated
                    } else {
                        Action::Rebound
                    };
                    (Some(kept), action, !same)
                }
            };
            if let (Some(kept), Some(new)) = (&kept, &new)
                && !kept.is(new)
            {
                dict.set_item(name, kept)?;
                if statement.kind == Kind::Compound && kit.is_function(new) {
                    // The statement's other lines may have passed the new one on.
                    self.work.replaced.push(Replaced {
                        from: new.clone(),
                        to: kept.clone(),
                        lived: false,
                    });
                }
            }
            let definition = matches!(statement.kind, Kind::Function | Kind::Class);
            if statement.kind == Kind::Class
                && let (Some(class), Some(was)) = (&kept, was)
                && let What::Header(Some(inner)) | What::Inner(inner) = self.what(at)
            {
                self.note_gains(class, was, statement, inner);
            }
            if !differs && statement.imports.iter().any(|i| i.bound == *name) && same(&old, &new) {
                // Among others perhaps that it did not import before.
                self.imported_again(name);
                continue;
            }
            if differs {
                self.note_overwritten(was, name, old.as_ref());
                self.dirty.refilled.remove(name);
                self.dirty.value(name, changed_on.clone());
                self.facts
                    .rebound
                    .push((name.clone(), old.clone(), kept.clone()));
            } else if definition {
                if hints {
                    tell_hints(name, statement.span.line, &mut self.dirty);
                } else if !by_methods {
                    self.dirty.acts(name, changed_on.clone());
                }
                if let Some(class) = &kept {
                    self.tell_reshaped(name, class, &changed_on)?;
                }
                if let What::Header(Some(inner)) | What::Inner(inner) = self.what(at) {
                    crate::plan::members(statement, inner, "", &mut self.dirty);
                }
            } else if let (Some(old), Some(new)) = (&old, &new)
                && mergeable(old)
                && !old.is(new)
            {
                if parts.is_some_and(|parts| parts == containers_in(old)) {
                    // Its readers have what it gives them now.
                    self.dirty.clean(name);
                    continue;
                }
                self.dirty.refill(name, &changed_on);
            } else if kept.as_ref().is_some_and(|k| kit.is_class(k)) && !same(&old, &new) {
                // A class made by a call (`namedtuple(...)`): what was made of it may differ.
                self.dirty.value(name, changed_on.clone());
            } else if kept.as_ref().is_some_and(|k| kit.is_function(k)) {
                self.dirty.acts(name, changed_on.clone());
            } else if same(&old, &new) && new.as_ref().is_some_and(container) {
                // Another name of a container that something else was done to.
                self.dirty.value(name, changed_on.clone());
                continue;
            } else {
                // The same object, or an equal immutable: nothing for its readers to do.
                match statement.kind {
                    Kind::Import => self.imported_again(name),
                    _ => self.dirty.clean(name),
                }
                continue;
            }
            let kind = match statement.kind {
                Kind::Function => ChangeKind::Function,
                Kind::Class => ChangeKind::Class,
                Kind::Import => ChangeKind::Import,
                _ => ChangeKind::Variable,
            };
            self.note(kind, action, name, statement, why);
            reported = true;
        }
        self.work.loops = false;
        if let Some(found) = &registries {
            // The definition told a registry of itself again: what it had put there before goes,
            // also where the key is another one now.
            let fresh = self.fresh_itself(statement, fresh, found.made())?;
            told(self.settle(at, statement, found, fresh));
        }
        setup.map_or(Ok(()), |setup| setup.finish())?;
        self.tell_filling(by_the_way, statement);
        // It has seen what the statement made.
        drop(registries);
        if statement.kind == Kind::Class {
            told(self.work.twins_leave());
        }
        for (name, object, copy) in copies {
            // Objects of the program may not want to be compared.
            if names.contains(&name) || object.eq(&copy).unwrap_or(false) {
                continue;
            }
            match dict.get_item(&name)?.is_some_and(|v| container(&v)) {
                true => self.dirty.value(&name, changed_on.clone()),
                false if statement.uses.mutates.contains(&name) => {}
                false => self.dirty.fill(&name, changed_on.clone()),
            }
        }
        if statement.uses.binds.is_empty() {
            for name in noted.keys() {
                if let Some(function) = dict.get_item(name)? {
                    self.compare_noted(name, &noted, &function, &changed_on)?;
                }
            }
        }
        for name in &statement.uses.mutates {
            if !names.contains(name) && dict.get_item(name)?.is_some_and(|v| !container(&v)) {
                for path in crate::plan::changed_paths(statement, name, &self.functions) {
                    match statement.kind {
                        // It was told of something, as by others.
                        Kind::Expr | Kind::Function | Kind::Class => {
                            self.dirty.fill(path, changed_on.clone());
                        }
                        _ => self.dirty.value(path, changed_on.clone()),
                    }
                }
            }
        }
        if !reported {
            self.note(
                ChangeKind::Statement,
                Action::Executed,
                &self.job.new.first_line(statement),
                statement,
                why,
            );
        }
        Ok(())
    }

    /// What the old text's version of a definition made. Of several definitions of a name only the
    /// last is what the name is bound to; the others are looked for.
    fn made_before(
        &mut self,
        at: usize,
        statement: &'a Statement,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !matches!(statement.kind, Kind::Function | Kind::Class) {
            return Ok(None);
        }
        let Some(old) = self.job.old else {
            return self.before.get_item(&statement.name);
        };
        let body = &old.outline.body;
        let binds = |s: &Statement| s.uses.binds.contains(&statement.name);
        let Some(last) = body.iter().rposition(binds) else {
            return self.before.get_item(&statement.name);
        };
        match self.job.changes.at(at).0 {
            Some(was) if was == last => {
                let value = self.before.get_item(&statement.name)?;
                self.made_itself(&body[was], value)
            }
            Some(was)
                if statement.kind == Kind::Function
                    && (statement.decorators != 0 || body[was].decorators != 0) =>
            {
                self.search(&body[was].name, body[was].span.line)
            }
            Some(_) => Ok(None),
            // It became another kind of definition, which does not make it a partner.
            None if body.iter().filter(|s| binds(s)).count() == 1 => {
                self.before.get_item(&statement.name)
            }
            None => Ok(None),
        }
    }

    /// Runs a compound statement. Names that only a branch binds which does not run any more go.
    pub(super) fn run_branches(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        const TELL: &str = "__pyreload_bound__";
        let kit = self.work.kit;
        let dict = self.job.dict.clone();
        let code = self.job.new.branches(kit, statement)?;
        let told = PySet::empty(kit.py)?;
        // `if "X" not in globals(): X = 1`, `try: X except NameError: X = 1`: it is not there yet.
        for name in &statement.uses.binds {
            let asks = statement.uses.opaque || statement.uses.reads.contains(name);
            if asks
                && name != "__doc__"
                && dict.contains(name)?
                && !self.binders(name).any(|i| i < at)
                && self
                    .star_import(name, 0)?
                    .is_none_or(|(star, _)| star >= at)
            {
                dict.del_item(name)?;
            }
        }
        // Among the builtins: the statement may look at all names of the module.
        let builtins = match dict.get_item("__builtins__")? {
            Some(own) => own,
            None => kit.py.import("builtins")?.into_any(),
        };
        let builtins = match builtins.cast_into::<PyDict>() {
            Ok(names) => names,
            Err(module) => module.into_inner().getattr("__dict__")?.cast_into()?,
        };
        builtins.set_item(TELL, told.getattr("update")?)?;
        let ran = kit.exec.call1((code, &dict));
        builtins.del_item(TELL)?;
        ran?;
        for name in &statement.uses.binds {
            let elsewhere =
                self.binders(name).any(|i| i != at) || self.star_above(name, at)?.is_some();
            let untouched = match (self.before.get_item(name)?, dict.get_item(name)?) {
                (Some(old), Some(new)) => old.is(&new),
                _ => false,
            };
            if untouched && !elsewhere && !told.contains(name)? {
                dict.del_item(name)?;
            }
        }
        Ok(())
    }

    /// `TABLE = t = {}` gives several names one container: the one that lives on, brought up to date.
    fn several_targets(
        &mut self,
        at: usize,
        statement: &'a Statement,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let binds = &statement.uses.binds;
        if statement.kind != Kind::Assign || binds.len() < 2 {
            return Ok(None);
        }
        let mut live = None;
        let mut made: Option<Bound<'py, PyAny>> = None;
        for name in binds {
            let Some(new) = self.job.dict.get_item(name)? else {
                return Ok(None);
            };
            if !container(&new) || made.as_ref().is_some_and(|made| !made.is(&new)) {
                return Ok(None);
            }
            made = Some(new);
            let was = self.before.get_item(name)?.filter(container);
            live = live.or(was);
        }
        let (Some(live), Some(made)) = (live, made) else {
            return Ok(None);
        };
        let mut fillers = binds.iter();
        let filler = fillers.find(|name| self.mutators(name).next().is_some());
        let filler = filler.unwrap_or(&binds[0]);
        let kept = self.bring_together(at, statement, filler, &live, &made, 1)?;
        for name in binds {
            self.job.dict.set_item(name, &kept)?;
        }
        Ok(Some(kept))
    }

    /// A statement above a star import reads constants as they are above it.
    fn before_star(&mut self, at: usize, statement: &'a Statement) -> PyResult<()> {
        let outline = self.job.new.outline;
        if !outline.star {
            return Ok(());
        }
        for path in &statement.uses.reads {
            let name = path.split('.').next().unwrap_or(path);
            let Some(binder) = self.binders(name).filter(|i| *i < at).max() else {
                continue;
            };
            let reader = &outline.body[binder];
            if !self.parked.contains_key(name)
                && reader.kind == Kind::Assign
                && reader.value != Value::Other
                && self.star_import(name, at + 1)?.is_some()
            {
                let line = statement.span.line;
                let why = format!("line {line} needs {name} as it is here");
                self.execute(binder, reader, &why)?;
            }
        }
        Ok(())
    }
}

/// So deep in a container it is seen whether a statement changed one in it.
pub(super) const DEEP: usize = 4;

/// A copy of a container, and of those in it, to compare with what becomes of them.
pub(super) fn copied<'py>(value: &Bound<'py, PyAny>, deep: usize) -> PyResult<Bound<'py, PyAny>> {
    let copy = value.call_method0("copy")?;
    let inner = |value: &Bound<'py, PyAny>| deep > 0 && container(value);
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        for (key, value) in dict.iter().filter(|(_, value)| inner(value)) {
            copy.set_item(key, copied(&value, deep - 1)?)?;
        }
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        for (at, value) in list.iter().enumerate().filter(|(_, value)| inner(value)) {
            copy.set_item(at, copied(&value, deep - 1)?)?;
        }
    }
    Ok(copy)
}

/// The attributes of an object that a program has made.
fn state<'py>(kit: &Kit<'py>, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if kit.is_class(value) || kit.is_function(value) || kit.is_exact(value, &kit.module) {
        return None;
    }
    let state = value.getattr("__dict__").ok()?;
    state.is_exact_instance_of::<PyDict>().then_some(state)
}
