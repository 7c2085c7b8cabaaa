//! Modules that are imported by a name which is computed: `for name in NAMES: import_module(name)`.
//!
//! Which one a statement has got nobody can tell from its text. A changed module counts that begins as
//! the name does, or, where nothing is known of that, one that the text names in a string and imports in
//! no other way.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

use super::dependents::{Inbound, prefixed};
use super::unit::Unit;
use crate::apply::Facts;
use crate::modules::{ANY, Record, may_be, resolve};
use crate::outline::{Import, Outline, Statement, Uses, computed};

/// What statements may see of a module that has changed.
struct Seen<'s, 'py> {
    outline: &'s Outline,
    /// What stands for the import in paths.
    root: &'s str,
    module: Bound<'py, PyAny>,
    /// The names that differ in it, or below it.
    names: BTreeSet<String>,
    why: String,
}

impl<'py> Unit<'_, '_, 'py> {
    /// Translates the facts of modules that a module imports by computed names.
    pub(super) fn loaded(
        &self,
        around: &mut Inbound<'py>,
        outline: &Outline,
        record: &Record,
        dict: &Bound<'py, PyDict>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) -> PyResult<()> {
        let late = outline.body.iter().flat_map(|s| &s.late);
        let mut late = late
            .filter(|import| import.module.ends_with(ANY))
            .peekable();
        if facts.is_empty() || late.peek().is_none() {
            return Ok(());
        }
        let mut imports: Vec<&Import> = late.collect();
        imports.sort_unstable_by_key(|import| &import.bound);
        imports.dedup();
        let package = record.package.read().clone();
        let spelled = self.spelled_elsewhere(record, facts);
        for import in imports {
            let pattern = resolve(&package, import.level, &import.module);
            for (name, found) in facts {
                let meant = match pattern == ANY {
                    true => {
                        self.names_it(record, outline, &package, name)
                            || self.has_it(dict, name)?
                            || spelled.contains(name) && !self.imports_it(outline, &package, name)
                    }
                    false => may_be(name, &pattern),
                };
                if !meant || *name == *record.name {
                    continue;
                }
                let was = around.was.len();
                prefixed(around, facts, name, &import.bound);
                // Under one name here there may be several modules.
                around.was.truncate(was);
                if let Some(module) = self.kit.sys_modules.get_item(name)? {
                    let seen = Seen {
                        outline,
                        root: &import.bound,
                        module,
                        names: names(found),
                        why: format!("which differs in {name}"),
                    };
                    seen.tell(around, dict)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a name of a module means another one or the name of that, or has it in it: what it was
    /// loaded by came from elsewhere.
    fn has_it(&self, dict: &Bound<'py, PyDict>, name: &str) -> PyResult<bool> {
        let module = self.kit.sys_modules.get_item(name)?;
        Ok(module.is_some_and(|module| {
            let found = |value: &Bound<'_, PyAny>| {
                let text = value.cast_exact::<PyString>();
                value.is(&module) || text.is_ok_and(|text| text == name)
            };
            let own = |(key, value): &(Bound<'_, PyAny>, Bound<'_, PyAny>)| {
                let hidden = key
                    .cast::<PyString>()
                    .is_ok_and(|key| key == "__builtins__");
                !hidden && has(value, &found, 2)
            };
            dict.iter().any(|item| own(&item))
        }))
    }

    /// Changed modules that a module imports by names which others have.
    pub(super) fn spelled_elsewhere(
        &self,
        record: &Record,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) -> Vec<String> {
        let version = self.in_force(record);
        if version.imports().iter().all(|(_, module, _)| module != ANY) {
            return Vec::new();
        }
        self.reloader.ledger.with_graph(|graph| {
            let Some(own) = graph.find(&record.name) else {
                return Vec::new();
            };
            let targets = graph.targets(own);
            let is_target =
                |name: &&String| graph.find(name).is_some_and(|id| targets.contains(&id));
            facts.keys().filter(is_target).cloned().collect()
        })
    }

    /// Whether a module names another one in a string, and imports it in no other way.
    fn names_it(&self, record: &Record, outline: &Outline, package: &str, module: &str) -> bool {
        let version = self.in_force(record);
        let text = version.glance();
        let named = text.match_indices(module).any(|(at, _)| {
            let after = &text[at + module.len()..];
            text[..at].ends_with(['"', '\'']) && after.starts_with(['"', '\'', '.', ':'])
        });
        named && !self.imports_it(outline, package, module)
    }

    /// Whether a module imports another one by its name.
    fn imports_it(&self, outline: &Outline, package: &str, module: &str) -> bool {
        let all = outline.body.iter();
        let mut imports = all.flat_map(|s| s.imports.iter().chain(&s.late));
        imports.any(|import| {
            let from = resolve(package, import.level, &import.module);
            from == module
                || import
                    .name
                    .as_ref()
                    .is_some_and(|name| format!("{from}.{name}") == module)
        })
    }
}

/// Adds changed modules that the computed names among these may mean.
pub(super) fn spell(names: &mut Vec<String>, facts: &HashMap<String, Rc<Facts<'_>>>) {
    for at in 0..names.len() {
        if names[at].ends_with(ANY) {
            let meant = facts.keys().filter(|module| may_be(module, &names[at]));
            let meant: Vec<String> = meant.cloned().collect();
            names.extend(meant);
        }
    }
}

/// What differs in a module, and the attributes of what differs in it.
fn names(found: &Facts<'_>) -> BTreeSet<String> {
    let dirty = &found.dirty;
    let paths = dirty.values.keys().chain(dirty.behaviour.keys());
    let paths = paths.chain(dirty.contents.keys());
    let parts = paths.flat_map(|path| path.split('.'));
    let rebound = found.rebound.iter().map(|(name, ..)| name.as_str());
    parts.chain(rebound).map(str::to_owned).collect()
}

impl<'py> Seen<'_, 'py> {
    /// Of statements that have the module itself: those differ that look at what differs in it.
    fn tell(&self, around: &mut Inbound<'py>, dict: &Bound<'py, PyDict>) -> PyResult<()> {
        let body = &self.outline.body;
        let whole = |uses: &Uses| uses.reads.iter().any(|path| path == self.root);
        // Functions that give it to those who call them.
        let givers: Vec<&str> = body
            .iter()
            .filter(|s| whole(&s.later))
            .map(|s| s.name.as_str())
            .collect();
        for statement in body.iter() {
            let mut calls = statement.uses.calls.iter();
            let gives = whole(&statement.later);
            if !gives && !whole(&statement.uses) && !calls.any(|c| givers.contains(&c.as_str())) {
                continue;
            }
            if self.looks(&statement.uses) || gives && self.looks(&statement.later) {
                around.outside.value(self.root, self.why.as_str());
                continue;
            }
            let uses = &statement.uses;
            for name in uses.binds.iter().chain(&uses.mutates) {
                let held = dict
                    .get_item(name)?
                    .is_some_and(|v| holds(&v, &self.module, 2));
                if held && self.is_looked_at(statement, name) {
                    around.outside.value(name, self.why.as_str());
                }
            }
        }
        Ok(())
    }

    /// Whether code reads an attribute of this name, of whatever object.
    fn looks(&self, uses: &Uses) -> bool {
        let all = |path: &String| matches!(path.as_str(), "vars" | "dir");
        uses.calls.iter().any(all)
            || uses.members.iter().any(|member| match computed(member) {
                Some((start, own)) => !own && self.names.iter().any(|n| n.starts_with(start)),
                None => self.names.contains(member),
            })
    }

    /// Whether another statement that has what this one made looks at what differs.
    fn is_looked_at(&self, made: &Statement, name: &str) -> bool {
        let body = &self.outline.body;
        let index = self.outline.index();
        let mut readers = index.readers(body, name).into_iter();
        let other = |s: &&Statement| !std::ptr::eq::<Statement>(*s, made);
        readers.any(|at| {
            Some(&body[at])
                .filter(other)
                .is_some_and(|s| self.looks(&s.uses))
        }) || index
            .later(body, name)
            .into_iter()
            .any(|at| self.looks(&body[at].later))
    }
}

/// Whether a value is a module, or has it in it.
pub(super) fn holds(value: &Bound<'_, PyAny>, module: &Bound<'_, PyAny>, deep: usize) -> bool {
    has(value, &|value| value.is(module), deep)
}

fn has(value: &Bound<'_, PyAny>, found: &dyn Fn(&Bound<'_, PyAny>) -> bool, deep: usize) -> bool {
    if found(value) {
        return true;
    }
    if deep == 0 {
        return false;
    }
    let inside = |value: Bound<'_, PyAny>| has(&value, found, deep - 1);
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return dict.iter().any(|(_, value)| inside(value));
    }
    let sequence = value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>();
    let items = sequence.then(|| value.try_iter().ok()).flatten();
    items.is_some_and(|mut items| items.any(|item| item.is_ok_and(inside)))
}
