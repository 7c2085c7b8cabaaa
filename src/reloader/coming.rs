//! Modules that an import statement is about to bring. What they do to those that are there is not to
//! be seen in the text of the module that imports them: all that they import is noted in the undo log, so
//! that a unit that fails leaves nothing of theirs, and the next attempt imports them again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use pyo3::prelude::*;
use rustc_hash::FxHashSet;

use super::unit::Unit;
use crate::apply::Work;
use crate::modules::{forward, resolve, scan};
use crate::outline::Statement;
use crate::{files, text};

/// So many modules are looked at for one statement,
const MODULES: usize = 256;
/// and so many objects in those that are there.
const OBJECTS: usize = 10_000;

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Before an import statement runs: what the modules that it brings may change.
    pub(super) fn expect(
        &self,
        work: &mut Work<'k, 'py>,
        package: &str,
        statement: &Statement,
    ) -> PyResult<()> {
        let mut wanted = VecDeque::new();
        for import in &statement.imports {
            let module = resolve(package, import.level, &import.module);
            if !self.kit.sys_modules.contains(&module)? {
                wanted.push_back(module.clone());
            } else if import.name.as_ref().is_none_or(|name| name == "*")
                || import.name.as_ref().is_some_and(|name| {
                    let there = self.module(&module).ok().flatten();
                    there.is_none_or(|m| m.dict().contains(name).unwrap_or(true))
                })
            {
                continue;
            }
            wanted.extend(import.name.as_ref().map(|name| format!("{module}.{name}")));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.expect_all(work, wanted)
    }

    fn expect_all(&self, work: &mut Work<'k, 'py>, mut wanted: VecDeque<String>) -> PyResult<()> {
        let kit = self.kit;
        let finder = kit
            .py
            .import("importlib.machinery")?
            .getattr("PathFinder")?;
        let mut found: BTreeMap<String, Option<Bound<'py, PyAny>>> = BTreeMap::new();
        let mut there = BTreeSet::new();
        while let Some(name) = wanted.pop_front() {
            if found.len() + there.len() >= MODULES {
                break;
            }
            if found.contains_key(&name) || there.contains(&name) {
                continue;
            }
            let parent = name.rsplit_once('.').map(|(head, _)| head.to_owned());
            if let Some(parent) = &parent
                && !found.contains_key(parent)
                && !there.contains(parent)
            {
                // Its package is imported before it.
                let parent = parent.clone();
                wanted.push_front(name);
                wanted.push_front(parent);
                continue;
            }
            if kit.sys_modules.contains(&name)? {
                if let Some(record) = self.reloader.ledger.get(&name) {
                    wanted.extend(forward(&record));
                }
                there.insert(name);
                continue;
            }
            let search = match &parent {
                None => None,
                Some(parent) => match found.get(parent) {
                    Some(Some(spec)) => spec.getattr("submodule_search_locations").ok(),
                    Some(None) => None,
                    None => kit
                        .sys_modules
                        .get_item(parent)?
                        .and_then(|module| module.getattr("__path__").ok()),
                },
            };
            let search = search.filter(|path| !path.is_none());
            if parent.is_some() && search.is_none() {
                found.insert(name, None);
                continue;
            }
            let spec = finder.call_method1("find_spec", (&name, search)).ok();
            let spec = spec.filter(|spec| !spec.is_none());
            if let Some(spec) = &spec {
                wanted.extend(self.imports_of(&name, spec));
            }
            found.insert(name, spec.filter(|spec| self.file_of(spec).is_some()));
        }
        let pop = kit.sys_modules.getattr("pop")?;
        for (name, spec) in &found {
            if let Some(path) = spec.as_ref().and_then(|spec| self.file_of(spec))
                && self
                    .reloader
                    .rules
                    .tracks(&self.reloader.places, name, &path)
            {
                let arguments = (name, kit.py.None()).into_pyobject(kit.py)?;
                work.tx.call(pop.clone(), arguments);
            }
        }
        let (mut seen, mut left) = (FxHashSet::default(), OBJECTS);
        for name in &there {
            if self.reloader.ledger.get(name).is_some()
                && let Some(module) = self.module(name)?
            {
                work.remember_module(&module.dict(), &mut seen, &mut left)?;
            }
        }
        Ok(())
    }

    /// The Python source of a module that is not imported yet.
    fn file_of(&self, spec: &Bound<'py, PyAny>) -> Option<PathBuf> {
        let path: PathBuf = spec.getattr("origin").ok()?.extract().ok()?;
        path.extension().is_some_and(|e| e == "py").then_some(path)
    }

    /// What such a module imports in turn, where it is the user's own.
    fn imports_of(&self, name: &str, spec: &Bound<'py, PyAny>) -> Vec<String> {
        let Some(path) = self.file_of(spec) else {
            return Vec::new();
        };
        if !self
            .reloader
            .rules
            .tracks(&self.reloader.places, name, &path)
        {
            return Vec::new();
        }
        let read = files::read(&path).ok();
        let Some(source) = read.and_then(|(bytes, _)| text::decode(&bytes).ok()) else {
            return Vec::new();
        };
        let inside = spec
            .getattr("submodule_search_locations")
            .is_ok_and(|places| !places.is_none());
        let package = match inside {
            true => name,
            false => name.rsplit_once('.').map_or("", |(head, _)| head),
        };
        let mut out = Vec::new();
        for (level, module, names) in scan(&source.source) {
            let module = resolve(package, level, &module);
            out.extend(names.iter().map(|inner| format!("{module}.{inner}")));
            out.push(module);
        }
        out
    }
}
