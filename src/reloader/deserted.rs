//! Modules whose file is gone and that no text imports any more: a restart would not have them. They go
//! from `sys.modules` and from their packages, and come back as they were when their file does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::find::Edits;
use super::{Policy, Reloader, hooks};
use crate::apply::{Kit, reference_count, text};
use crate::modules::{Record, Version, forward, targets};
use crate::report::{Cause, ModuleReport, Outcome};

/// So many are kept for their return.
const MOST: usize = 256;

/// What is known of such modules.
#[derive(Default)]
pub(super) struct Deserted {
    /// Modules that a text imported and does not any more. They may be somebody else's, too.
    left: BTreeSet<String>,
    /// Those that went, in this order.
    gone: Vec<(String, Py<PyModule>)>,
}

impl Deserted {
    /// Whether this is one of those that went.
    pub fn went(&self, name: &str) -> bool {
        self.gone.iter().any(|(gone, _)| gone == name)
    }

    /// The interpreter is gone.
    pub fn abandon(self) {
        std::mem::forget(self.gone);
    }
}

type Going<'py> = BTreeMap<String, Bound<'py, PyModule>>;

impl Reloader {
    /// Whether the version of a module that comes in force is known to import what the one before does.
    /// What it does not import any more is noted.
    pub(super) fn imports_as(&self, record: &Record, version: &Version) -> bool {
        let running = record.version();
        if version.imports_as(&running) {
            return true;
        }
        let now = targets(record, version);
        let mut left = targets(record, &running);
        left.retain(|target| now.binary_search(target).is_err());
        self.deserted.lock().left.extend(left);
        false
    }

    /// Takes away modules that nobody has any use for.
    pub(super) fn desert(&self, kit: &Kit<'_>, reports: &mut Vec<ModuleReport>) -> PyResult<()> {
        let left = std::mem::take(&mut self.deserted.lock().left);
        if left.is_empty() {
            return Ok(());
        }
        // Their packages may be as useless then, and what only they import.
        let mut todo: Vec<String> = left.iter().cloned().collect();
        let mut going = Going::new();
        let mut waiting = BTreeSet::new();
        while let Some(name) = todo.pop() {
            let Some(module) = module(kit, &name).filter(|_| !going.contains_key(&name)) else {
                continue;
            };
            if !self.has_no_file(&name, &module)? {
                // It may lose it in a later save.
                if left.contains(&name) && self.ledger.get(&name).is_some() {
                    waiting.insert(name);
                }
                continue;
            }
            todo.extend(name.rsplit_once('.').map(|(package, _)| package.to_owned()));
            todo.extend(self.ledger.get(&name).iter().flat_map(|r| forward(r)));
            going.insert(name, module);
        }
        loop {
            let mut stay = Vec::new();
            for (name, module) in &going {
                if self.is_used(kit, name, module, &going)? {
                    stay.push(name.clone());
                }
            }
            if stay.is_empty() {
                break;
            }
            going.retain(|name, _| !stay.contains(name));
            waiting.extend(stay.into_iter().filter(|name| left.contains(name)));
        }
        let mut gone = Vec::new();
        for (name, module) in going {
            if let Some((package, last)) = attribute(kit, &name, &module)? {
                package.dict().del_item(last)?;
            }
            kit.sys_modules.del_item(&name)?;
            if let Some(record) = self.ledger.get(&name) {
                tell(reports, &record);
            }
            gone.push((name, module.unbind()));
        }
        let mut deserted = self.deserted.lock();
        deserted.left.extend(waiting);
        deserted.gone.extend(gone);
        let more = deserted.gone.len().saturating_sub(MOST);
        let ended: Vec<_> = deserted.gone.drain(..more).collect();
        // What they have may run code when it goes: not under the lock.
        drop(deserted);
        drop(ended);
        Ok(())
    }

    /// Puts back those whose file is there again, before a text that imports them runs: what they had is
    /// still there.
    pub(super) fn returned(&self, kit: &Kit<'_>, edits: &mut Edits) -> PyResult<()> {
        let mut gone = std::mem::take(&mut self.deserted.lock().gone);
        if gone.is_empty() {
            return Ok(());
        }
        // Packages before what is in them.
        gone.sort_by(|a, b| a.0.cmp(&b.0));
        let mut away = Vec::new();
        for (name, module) in gone {
            let bound = module.bind(kit.py);
            // Somebody has imported another one.
            if kit.sys_modules.contains(&name)? {
                continue;
            }
            if self.has_no_file(&name, bound)? {
                away.push((name, module));
                continue;
            }
            kit.sys_modules.set_item(&name, bound)?;
            if let Some((package, last)) = name.rsplit_once('.')
                && let Some(package) = self::module(kit, package)
                && !package.dict().contains(last)?
            {
                package.dict().set_item(last, bound)?;
            }
            if let Some(record) = self.ledger.get(&name)
                && edits.modules.iter().all(|(r, _)| r.name != record.name)
            {
                let path = record.path.read().clone();
                let edit = self.edit(&record, &path, || true);
                edits.modules.extend(edit.map(|edit| (record, edit)));
            }
            self.deserted.lock().left.insert(name);
        }
        self.deserted.lock().gone.extend(away);
        Ok(())
    }

    /// Whether the file of a module is gone, or all folders of a package that has no file.
    fn has_no_file(&self, name: &str, module: &Bound<'_, PyModule>) -> PyResult<bool> {
        let gone = |path: &PathBuf| path.try_exists().is_ok_and(|there| !there);
        if let Some(record) = self.ledger.get(name) {
            return Ok(gone(&record.path.read().to_path_buf()));
        }
        let dict = module.dict();
        if dict.get_item("__file__")?.is_some_and(|f| !f.is_none()) {
            return Ok(false);
        }
        let Some(places) = dict.get_item("__path__")? else {
            return Ok(false);
        };
        for place in places.try_iter()? {
            if !gone(&place?.extract()?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether somebody but those that are to go imports a module, holds it, or is in it.
    fn is_used<'py>(
        &self,
        kit: &Kit<'py>,
        name: &str,
        module: &Bound<'py, PyModule>,
        going: &Going<'py>,
    ) -> PyResult<bool> {
        for importer in self.ledger.importers(name) {
            if !going.contains_key(&*importer) && kit.sys_modules.contains(&*importer)? {
                return Ok(true);
            }
        }
        for key in kit.sys_modules.keys() {
            let inside = text(&key);
            let rest = inside.strip_prefix(name);
            if rest.is_some_and(|rest| rest.starts_with('.')) && !going.contains_key(&inside) {
                return Ok(true);
            }
        }
        let policy = self.rules.policy(name);
        if policy.or_else(|| hooks::policy(&module.dict())) == Some(Policy::Skip) {
            return Ok(true);
        }
        // `sys.modules`, this, and the names that go with it; who else has it uses it.
        let mut known = 2_isize;
        for other in going.values() {
            let dict = other.dict();
            known += dict
                .iter()
                .filter(|(_, v)| v.is(module))
                .map(|_| 1)
                .sum::<isize>();
        }
        if let Some((package, _)) = attribute(kit, name, module)?
            && !going.values().any(|other| other.is(&package))
        {
            known += 1;
        }
        Ok(reference_count(module) > known)
    }
}

fn module<'py>(kit: &Kit<'py>, name: &str) -> Option<Bound<'py, PyModule>> {
    let found = kit.sys_modules.get_item(name).ok().flatten();
    found.and_then(|module| module.cast_into().ok())
}

/// The package that has a module as an attribute, and under which name.
fn attribute<'a, 'py>(
    kit: &Kit<'py>,
    name: &'a str,
    child: &Bound<'py, PyModule>,
) -> PyResult<Option<(Bound<'py, PyModule>, &'a str)>> {
    let Some((package, last)) = name.rsplit_once('.') else {
        return Ok(None);
    };
    let Some(package) = module(kit, package) else {
        return Ok(None);
    };
    let has = package.dict().get_item(last)?.is_some_and(|v| v.is(child));
    Ok(has.then_some((package, last)))
}

/// Says that a module is gone, in the place of what was said of its file.
fn tell(reports: &mut Vec<ModuleReport>, record: &Arc<Record>) {
    let note = format!(
        "the file of {} is gone, nothing imports or holds it any more, and so it is gone",
        record.name
    );
    if let Some(report) = reports.iter_mut().find(|r| r.name == record.name) {
        report.notes = vec![note];
        return;
    }
    reports.push(ModuleReport {
        name: record.name.clone(),
        path: record.shown(),
        outcome: Outcome::Unchanged,
        cause: Cause::Source,
        error: None,
        traceback: None,
        error_line: 0,
        changes: Vec::new(),
        notes: vec![note],
    });
}
