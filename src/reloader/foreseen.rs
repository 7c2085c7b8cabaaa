//! Objects that statements of other modules change which run again for an edit: what import had given of
//! them is worked out before anything is edited. See `apply::rehearse`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Policy;
use super::loaded::holds;
use super::unit::Unit;
use crate::apply::{
    Rehearsal, Source, acts_on_objects, any_of_program, classes_of, leading_to, may_rehearse,
    objects_of, rehearse,
};
use crate::diff::{self, Changes, What};
use crate::modules::{ANY, Record, Version, resolve};
use crate::outline::{Kind, Outline, Statement};
use crate::plan::{Dirty, Functions, acting_at_all, dealt_with};

/// What an edit may reach.
#[derive(Default)]
struct Reach<'py> {
    /// Names by module.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Methods, of whatever class.
    methods: BTreeSet<String>,
    /// Classes that set up their instances in another way.
    set_up: Vec<Bound<'py, PyAny>>,
}

impl<'py> Unit<'_, '_, 'py> {
    /// What import had given of objects in modules that an edit of others may reach. It costs what running
    /// those statements costs that may run again, and nothing where no module has objects.
    pub(super) fn foresee(&self) -> HashMap<String, Rehearsal<'py>> {
        let mut out = HashMap::new();
        // A unit of one module knows no other one that was edited.
        if self.order.len() < 2 {
            return out;
        }
        let last = self
            .order
            .iter()
            .rposition(|record| self.may_have_objects(record));
        let Some(last) = last.filter(|at| *at > 0) else {
            return out;
        };
        let mut reach = Reach::default();
        for (at, record) in self.order.iter().enumerate().take(last + 1) {
            let name = &*record.name;
            if at > 0 && self.may_have_objects(record) {
                match self.foreseen_in(record, &mut reach) {
                    Ok(Some(rehearsal)) => {
                        out.insert(name.to_owned(), rehearsal);
                    }
                    Ok(None) => {}
                    Err(error) => log::debug!("what {name} had been given is not known: {error}"),
                }
            }
            if let Some(edited) = self.edited.get(name)
                && let (Ok(old), Ok(new)) = (record.version().outline(), edited.version.outline())
            {
                let changes = diff::compare(old, new);
                reach.add(name, old, new, &changes);
                if edits_class(new, &changes)
                    && let Ok(Some(module)) = self.module(name)
                {
                    let functions = Functions::of(new);
                    let names = functions.set_up_otherwise(old, new, &changes);
                    let classes = classes_of(self.kit, &module.dict(), &names);
                    reach.set_up.extend(classes.unwrap_or_default());
                }
            }
        }
        out
    }

    /// Whether a module has objects, and its statements are for us to run.
    fn may_have_objects(&self, record: &Record) -> bool {
        let look = || {
            let module = self.module(&record.name).ok().flatten();
            module.is_some_and(|module| may_rehearse(self.kit, &module.dict()))
        };
        *record.version().objects.get_or_init(look) && self.is_ours(record)
    }

    fn is_ours(&self, record: &Record) -> bool {
        let rules = &self.reloader.rules;
        let policy = match self.edited.get(&*record.name) {
            Some(edited) => self.policy(edited),
            None => rules.policy(&record.name).unwrap_or_default(),
        };
        policy == Policy::Incremental && rules.track(&self.reloader.places, record)
    }

    /// Names that mean modules of which something is reached, or lists and dicts that have such in them.
    fn holding_modules(
        &self,
        dict: &Bound<'py, PyDict>,
        reached: &BTreeMap<String, BTreeSet<String>>,
    ) -> PyResult<Vec<String>> {
        let mut modules = Vec::new();
        for (name, _) in reached.iter().filter(|(_, names)| !names.is_empty()) {
            modules.extend(self.kit.sys_modules.get_item(name)?);
        }
        let mut out = Vec::new();
        for (name, value) in dict.iter() {
            if modules.iter().any(|module| holds(&value, module, 1)) {
                out.push(name.extract()?);
            }
        }
        Ok(out)
    }

    fn foreseen_in(
        &self,
        record: &Record,
        reach: &mut Reach<'py>,
    ) -> PyResult<Option<Rehearsal<'py>>> {
        let version = record.version();
        let Some(module) = self.module(&record.name)? else {
            return Ok(None);
        };
        if reach.names.is_empty() || !version.known {
            return Ok(None);
        }
        let set_up = match version.outline() {
            Ok(outline) => leading_to(self.kit, &module.dict(), outline, &reach.set_up)?,
            Err(_) => return Ok(None),
        };
        if set_up.is_empty() && !reach.is_named_in(&version) {
            return Ok(None);
        }
        let Ok(outline) = version.outline() else {
            return Ok(None);
        };
        let package = record.package.read().clone();
        let mut dirty = Dirty::default();
        for name in reach.seen_from(outline, &package) {
            dirty.value(name, String::new());
        }
        let dict: Bound<'py, PyDict> = module.dict();
        let loads = |s: &&Statement| {
            s.late.iter().any(|import| {
                let module = resolve(&package, import.level, &import.module);
                let names = reach.names.get(&module);
                module.ends_with(ANY) || names.is_some_and(|names| !names.is_empty())
            })
        };
        let loading: BTreeSet<u32> = {
            let all = outline.body.iter().filter(loads);
            all.map(|s| s.span.start).collect()
        };
        // Who calls a function that imports what is reached.
        let functions = outline.body.iter().filter(|s| s.kind == Kind::Function);
        for function in functions.filter(loads) {
            dirty.value(&*function.name, String::new());
        }
        let by_name = !loading.is_empty();
        if by_name {
            for name in self.holding_modules(&dict, &reach.names)? {
                dirty.value(name, String::new());
            }
        }
        let here = reach.acting(outline, &dirty);
        let (mut names, mut filled) = (BTreeSet::new(), BTreeSet::new());
        let mut binds = here.clone();
        for statement in outline.body.iter().filter(|s| acts_on_objects(s)) {
            let deals = dealt_with(outline, statement);
            let members = &statement.uses.members;
            // `import_module(name).setup(app)`
            let hit = members.iter().any(|member| reach.methods.contains(member))
                || loading.contains(&statement.span.start)
                || deals.iter().any(|name| here.contains(name));
            if hit {
                binds.extend(statement.uses.binds.iter().cloned());
            }
            if hit && matches!(statement.kind, Kind::Expr | Kind::Compound) {
                filled.extend(deals);
            } else if hit || !statement.uses.calls.is_empty() {
                // It may call by a table what is reached.
                names.extend(deals);
            }
        }
        // For those that import it.
        binds.extend(set_up.iter().cloned());
        reach.names.insert(record.name.to_string(), binds);
        if !any_of_program(self.kit, &dict, &names) {
            names.clear();
        }
        names.append(&mut filled);
        let names = objects_of(self.kit, &dict, names);
        let filename = record.filename();
        let source = Source::new(self.kit.py, version.text(), outline, &filename)?;
        rehearse(self.kit, &dict, &source, names, set_up)
    }
}

impl<'py> Reach<'py> {
    /// What an edited module may give others that is something else.
    fn add(&mut self, module: &str, old: &Outline, new: &Outline, changes: &Changes) {
        let dirty = dirty_of(old, new, changes);
        let names = self.acting(new, &dirty);
        self.names.insert(module.to_owned(), names);
    }

    /// What acts differently where these names differ; the methods of classes among that count, whoever calls
    /// them.
    fn acting(&mut self, outline: &Outline, dirty: &Dirty) -> BTreeSet<String> {
        let names = acting_at_all(outline, dirty, usize::MAX).unwrap_or_default();
        for name in &names {
            for at in outline.index().writers(&outline.body, name) {
                let class = &outline.body[at];
                let methods = class.body.iter().filter(|_| class.kind == Kind::Class);
                let named = methods.filter(|s| !s.name.is_empty());
                self.methods.extend(named.map(|s| s.name.clone()));
            }
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// Whether a text has one of the names.
    fn is_named_in(&self, version: &Version) -> bool {
        let text = version.glance();
        let names = self.names.values().flatten().chain(&self.methods);
        names.into_iter().any(|name| text.contains(name.as_str()))
    }

    /// The names under which a module has what is reached.
    fn seen_from(&self, outline: &Outline, package: &str) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for import in outline.body.iter().flat_map(|s| &s.imports) {
            let module = resolve(package, import.level, &import.module);
            let there = self.names.get(&module);
            let reached = match import.name.as_deref() {
                // `import m`: what it reads there, it reads by that name.
                None => there.is_some_and(|names| !names.is_empty()),
                Some("*") => {
                    out.extend(there.into_iter().flatten().cloned());
                    false
                }
                Some(name) => {
                    there.is_some_and(|names| names.contains(name))
                        || self.names.contains_key(&format!("{module}.{name}"))
                }
            };
            if reached {
                out.insert(import.bound.clone());
            }
        }
        out
    }
}

fn edits_class(new: &Outline, changes: &Changes) -> bool {
    let mut items = changes.items.iter();
    items.any(|change| {
        matches!(change.what, What::Inner(_)) && new.body[change.new].kind == Kind::Class
    })
}

/// All that an edit may change, by name.
fn dirty_of(old: &Outline, new: &Outline, changes: &Changes) -> Dirty {
    let mut dirty = Dirty::default();
    let mut tell = |statement: &Statement| {
        let uses = &statement.uses;
        for name in uses.binds.iter().chain(&uses.mutates).chain(&uses.deletes) {
            dirty.value(name, String::new());
        }
    };
    for change in changes
        .items
        .iter()
        .filter(|change| change.what != What::Same)
    {
        tell(&new.body[change.new]);
    }
    changes.removed.iter().for_each(|at| tell(&old.body[*at]));
    dirty
}
