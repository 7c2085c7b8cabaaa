//! A check from top to bottom.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::FxHashSet;

use super::find::{Edit, Edits, cannot};
use super::unit::{Edited, Unit};
use super::{Error, Flags, Listener, Reloader};
use crate::apply::Kit;
use crate::files;
use crate::files::Look;
use crate::modules::{Failure, Record, Version};
use crate::report::{Cause, ModuleReport, Outcome, Report};
use crate::text;

impl Reloader {
    /// `None` when no file changed. `Err` only when the check did not run; module failures are in
    /// the report.
    pub fn check(
        &self,
        py: Python<'_>,
        flags: Flags,
        listener: &mut dyn Listener,
    ) -> Result<Option<Report>, Error> {
        let _inside = self.gate.try_enter()?;
        let started = Instant::now();
        *self.checked.lock() = Some(started);
        self.checks.fetch_add(1, Ordering::Relaxed);
        // Skipped in the common case that only a file changed.
        if flags.rescan || !self.pulse.is_still() || !self.pulse.is_exact() {
            self.discover(py)?;
        }
        let mut edits = self.edits(flags);
        if edits.is_empty() {
            self.pending.store(0, Ordering::Relaxed);
            return Ok(None);
        }
        let kit = Kit::new(py)?;
        if !flags.dry_run
            && let Err(error) = self.returned(&kit, &mut edits)
        {
            log::debug!("modules whose files are back stay away: {error}");
        }
        let edited = self.sort_out(&kit, edits)?;
        let outcome = self.carry_out(&kit, flags, started, edited, listener);
        if outcome.as_ref().is_ok_and(|r| r.is_some()) && !flags.dry_run {
            // Statements that ran may have imported modules.
            if !self.pulse.is_still() {
                self.discover(py)?;
            }
        }
        outcome
    }

    /// The same for one module, also when it did not change.
    pub fn reload(
        &self,
        py: Python<'_>,
        module: &str,
        flags: Flags,
        listener: &mut dyn Listener,
    ) -> Result<Option<Report>, Error> {
        let _inside = self.gate.try_enter()?;
        let started = Instant::now();
        self.discover(py)?;
        let kit = Kit::new(py)?;
        let Some(found) = kit.sys_modules.get_item(module)? else {
            return Err(Error::NotFound(format!(
                "module '{module}' is not imported; import it first or check the spelling"
            )));
        };
        let record = match self.ledger.get(module) {
            Some(record) => record,
            None => self.adopt(&found, module)?,
        };
        let path = record.path.read().clone();
        let mut reports = Vec::new();
        let mut edited = Vec::new();
        match self.edit(&record, &path, || true) {
            Some(Edit::Changed(version)) => {
                let view = crate::modules::View::new(py);
                let version = told_by_loader(&kit, &view, &record, version)?;
                edited.push(Edited {
                    record,
                    version,
                    cause: Cause::Request,
                    moved: None,
                });
            }
            Some(Edit::Unreadable(print, error)) => {
                reports.extend(self.unreadable(&record, print, &error, true));
            }
            Some(Edit::Missing) => {
                return Err(Error::NotFound(format!(
                    "the source of '{module}' is gone: {}",
                    path.display()
                )));
            }
            None => {
                if flags.force {
                    let running = record.version();
                    let again = Version::new(
                        running.text().to_owned(),
                        Some(running.print()),
                        running.look,
                        true,
                    );
                    let version = Arc::new(again);
                    edited.push(Edited {
                        record,
                        version,
                        cause: Cause::Request,
                        moved: None,
                    });
                }
            }
        }
        if edited.is_empty() && reports.is_empty() {
            return Ok(None);
        }
        let outcome = self.carry_out(
            &kit,
            flags,
            started,
            Changed {
                edited,
                reports,
                appeared: BTreeSet::new(),
            },
            listener,
        );
        self.discover(py)?;
        outcome
    }

    /// A module that the rules leave out, for a reload by name.
    fn adopt(&self, found: &Bound<'_, PyAny>, name: &str) -> Result<Arc<Record>, Error> {
        let none = || {
            Error::Unsupported(format!(
                "module '{name}' has no Python source that could be reloaded"
            ))
        };
        let module = found.cast::<pyo3::types::PyModule>().map_err(|_| none())?;
        let seen = crate::modules::survey(
            &module
                .py()
                .import("sys")?
                .getattr("modules")?
                .cast_into::<PyDict>()
                .map_err(PyErr::from)?,
            &|other, _| other != name,
        )?;
        let seen = seen.into_iter().find(|s| s.name == name).ok_or_else(none)?;
        let path = seen.path.clone().ok_or_else(none)?;
        if name == "__main__" {
            return Err(Error::Unsupported(
                "'__main__' is the program itself; run it again".to_owned(),
            ));
        }
        let origin = crate::modules::Origin {
            path: &path,
            filename: &seen.filename,
        };
        let mut first = crate::modules::FirstLook::new(module.py());
        let version = first.running_version(module, &origin).ok_or_else(none)?;
        self.watch_file(&path);
        let package = first.view.package(module);
        let record = Arc::new(Record::new(
            name,
            path,
            &seen.filename,
            &package,
            seen.id(),
            version,
        ));
        self.ledger.insert(Arc::clone(&record));
        Ok(record)
    }

    /// Edits into modules to work on, and reports of those that cannot be.
    fn sort_out(&self, kit: &Kit<'_>, edits: Edits) -> Result<Changed, Error> {
        let mut edited = Vec::new();
        let mut reports: Vec<ModuleReport> = Vec::new();
        let strangers = &edits.strangers;
        for (name, path) in edits.binaries {
            reports.push(ModuleReport {
                name: name.into(),
                path: path.to_string_lossy().into(),
                outcome: Outcome::Skipped,
                cause: Cause::Source,
                error: None,
                traceback: None,
                error_line: 0,
                changes: Vec::new(),
                notes: vec![cannot(&path)],
            });
        }
        let view = crate::modules::View::new(kit.py);
        let may_appear = edits.all || !edits.strangers.is_empty();
        let mut gone: Vec<Arc<Record>> = Vec::new();
        for (record, edit) in edits.modules {
            match edit {
                Edit::Changed(version) => {
                    // A package of that name beside it comes first in the import system.
                    if may_appear
                        && package_of(&record.path.read()).is_file()
                        && let Some(moved) = self.elsewhere(kit, &record)?
                    {
                        edited.push(moved);
                        continue;
                    }
                    let version = told_by_loader(kit, &view, &record, version)?;
                    edited.push(Edited {
                        record,
                        version,
                        cause: Cause::Source,
                        moved: None,
                    });
                }
                Edit::Unreadable(print, error) => {
                    reports.extend(self.unreadable(&record, print, &error, false));
                }
                Edit::Missing => match self.elsewhere(kit, &record)? {
                    Some(moved) => edited.push(moved),
                    None => {
                        // Said once; the program goes on with what it has.
                        if !record.missing.swap(true, Ordering::Relaxed) {
                            log::info!("{}: its file is gone; it keeps its version", record.name);
                            gone.push(record);
                        }
                    }
                },
            }
        }
        // A file that is gone alone may be on its way back: an editor saves.
        if !edited.is_empty() {
            reports.extend(gone.iter().map(|record| without_file(record)));
        }
        for path in strangers {
            if path.file_name().is_some_and(|n| n == "__init__.py")
                && let Some(found) = self.namespace_gained_init(kit, path)?
            {
                edited.push(found);
            }
            self.became_package(kit, path, &mut edited)?;
        }
        // A new file may be what a failed import was missing.
        if self.are_new(strangers) {
            crate::interp::library(kit.py, "importlib")?.call_method0("invalidate_caches")?;
        }
        let appeared = self.appeared(kit, strangers, &mut edited)?;
        Ok(Changed {
            edited,
            reports,
            appeared,
        })
    }

    /// A new folder, or a new `__init__.py` in one, beside the file of a module: a restart would
    /// import the package.
    fn became_package(
        &self,
        kit: &Kit<'_>,
        path: &Path,
        edited: &mut Vec<Edited>,
    ) -> Result<(), Error> {
        let folder = match path.file_name() {
            Some(name) if name == "__init__.py" => path.parent(),
            _ => Some(path).filter(|p| p.extension().is_none()),
        };
        let Some(file) = folder.map(|f| f.with_extension("py")) else {
            return Ok(());
        };
        for record in self.ledger.of_path(&file) {
            if edited.iter().all(|e| e.record.name != record.name)
                && package_of(&file).is_file()
                && let Some(moved) = self.elsewhere(kit, &record)?
            {
                edited.push(moved);
            }
        }
        Ok(())
    }

    /// Whether one of these files was not there before, as far as is known: one that is only
    /// written again is no news for the import system.
    fn are_new(&self, files: &[PathBuf]) -> bool {
        /// More are forgotten: their next save costs a look that was not needed.
        const MOST: usize = 4096;
        let mut known = self.strangers.lock();
        let mut new = false;
        for path in files {
            if !path.exists() {
                known.remove(path);
            } else if !known.contains(path) {
                new = true;
                if known.len() >= MOST {
                    known.clear();
                }
                known.insert(path.clone());
            }
        }
        new
    }

    /// New files that tracked modules have tried to import, or would have, had they been there:
    /// the modules they can be, and those that want them among what is to be worked on.
    fn appeared(
        &self,
        kit: &Kit<'_>,
        strangers: &[PathBuf],
        edited: &mut Vec<Edited>,
    ) -> Result<BTreeSet<String>, Error> {
        let mut out = BTreeSet::new();
        let mut stems = FxHashSet::default();
        for path in strangers
            .iter()
            .filter(|p| p.extension().is_some_and(|e| e == "py") && p.is_file())
        {
            let stem = if path.file_name().is_some_and(|n| n == "__init__.py") {
                path.parent().and_then(Path::file_name)
            } else {
                path.file_stem()
            };
            stems.extend(stem.and_then(|s| s.to_str()));
        }
        // One look for all of them: a checkout may bring hundreds.
        for (target, importer) in self.ledger.wanting(&stems) {
            if kit.sys_modules.contains(&target)? {
                continue;
            }
            out.insert(target);
            if edited.iter().any(|e| *e.record.name == importer) {
                continue;
            }
            if let Some(record) = self.ledger.get(&importer) {
                let version = record.version();
                edited.push(Edited {
                    record,
                    version,
                    cause: Cause::Dependency,
                    moved: None,
                });
            }
        }
        Ok(out)
    }

    fn unreadable(
        &self,
        record: &Record,
        print: u128,
        error: &str,
        request: bool,
    ) -> Option<ModuleReport> {
        let failure = Failure {
            print,
            saved: None,
            error: error.to_owned(),
            import: false,
            attempt: Arc::default(),
        };
        let mut slot = record.failed.lock();
        if slot.as_deref() == Some(&failure) && !request {
            return None;
        }
        *slot = Some(Box::new(failure));
        drop(slot);
        Some(ModuleReport {
            name: record.name.clone(),
            path: record.shown(),
            outcome: Outcome::Failed,
            cause: if request {
                Cause::Request
            } else {
                Cause::Source
            },
            error: Some(error.to_owned()),
            traceback: None,
            error_line: 0,
            changes: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// The file of a module is gone: has the module moved (a module became a package, or the
    /// other way round)?
    fn elsewhere(&self, kit: &Kit<'_>, record: &Arc<Record>) -> Result<Option<Edited>, Error> {
        let py = kit.py;
        let path = record.path.read().clone();
        py.import("importlib")?.call_method0("invalidate_caches")?;
        let parent = record.name.rsplit_once('.').map(|(head, _)| head);
        let search = match parent {
            Some(parent) => match kit.sys_modules.get_item(parent)? {
                Some(module) => module.getattr("__path__").ok(),
                None => return Ok(None),
            },
            None => None,
        };
        let finder = py.import("importlib.machinery")?.getattr("PathFinder")?;
        let Ok(spec) = finder.call_method1("find_spec", (&*record.name, search)) else {
            return Ok(None);
        };
        if spec.is_none() {
            return Ok(None);
        }
        let Ok(origin) = spec.getattr("origin").and_then(|o| o.extract::<PathBuf>()) else {
            return Ok(None);
        };
        if *origin == *path || origin.extension().is_none_or(|e| e != "py") {
            return Ok(None);
        }
        // Only a module that became a package here, or the other way round: another file of the
        // same name further down the path is another module.
        let stem = |p: &Path| {
            if p.file_name().is_some_and(|n| n == "__init__.py") {
                p.parent().map(Path::to_path_buf)
            } else {
                Some(p.with_extension(""))
            }
        };
        if stem(&origin) != stem(&path) {
            return Ok(None);
        }
        self.relocate(record, origin, spec)
    }

    fn relocate(
        &self,
        record: &Arc<Record>,
        origin: PathBuf,
        spec: Bound<'_, PyAny>,
    ) -> Result<Option<Edited>, Error> {
        self.watch_file(&origin);
        let Some(version) = read_version(&origin) else {
            return Ok(None);
        };
        let is_package = spec
            .getattr("submodule_search_locations")
            .is_ok_and(|l| !l.is_none());
        *record.package.write() = if is_package {
            Arc::clone(&record.name)
        } else {
            record
                .name
                .rsplit_once('.')
                .map_or("", |(head, _)| head)
                .into()
        };
        self.ledger.move_to(record, origin);
        Ok(Some(Edited {
            record: Arc::clone(record),
            version: Arc::new(version),
            cause: Cause::Source,
            moved: Some(spec.unbind()),
        }))
    }

    /// A folder that was a namespace package has an `__init__.py` now.
    fn namespace_gained_init(&self, kit: &Kit<'_>, path: &Path) -> Result<Option<Edited>, Error> {
        let Some(folder) = path.parent() else {
            return Ok(None);
        };
        for (key, module) in kit.sys_modules.copy()?.iter() {
            let name = crate::apply::text(&key);
            if self.ledger.get(&name).is_some()
                || !folder.ends_with(name.rsplit('.').next().unwrap_or(""))
            {
                continue;
            }
            let Ok(dict) = module
                .getattr("__dict__")
                .and_then(|d| Ok(d.cast_into::<PyDict>()?))
            else {
                continue;
            };
            if dict.get_item("__file__")?.is_some_and(|f| !f.is_none()) {
                continue;
            }
            let Some(places) = dict.get_item("__path__")? else {
                continue;
            };
            let here = places
                .try_iter()?
                .filter_map(|p| p.ok()?.extract::<PathBuf>().ok())
                .any(|p| p == folder);
            if !here || !self.rules.tracks(&self.places, &name, path) {
                continue;
            }
            let spec = kit.py.import("importlib.util")?.call_method1(
                "spec_from_file_location",
                (name.as_str(), path.to_string_lossy().as_ref()),
            )?;
            let empty = Version::new(String::new(), None, Look::at(path), true);
            let record = Arc::new(Record::new(
                &name,
                path.to_path_buf(),
                &path.to_string_lossy(),
                &name,
                module.as_ptr() as usize,
                empty,
            ));
            self.ledger.insert(Arc::clone(&record));
            return self.relocate(&record, path.to_path_buf(), spec);
        }
        Ok(None)
    }

    /// Groups, orders and applies; tells the listener; makes the report.
    fn carry_out(
        &self,
        kit: &Kit<'_>,
        flags: Flags,
        started: Instant,
        changed: Changed,
        listener: &mut dyn Listener,
    ) -> Result<Option<Report>, Error> {
        let Changed {
            edited,
            reports: mut done,
            appeared,
        } = changed;
        kit.py.detach(|| {
            for one in edited.iter().filter(|e| e.cause != Cause::Dependency) {
                let running = one.record.version();
                if running.known && !Arc::ptr_eq(&running, &one.version) {
                    one.version.follow(&running);
                }
            }
        });
        // What failed before and did not change since is not tried again, unless a module that
        // it belongs together with changed, or something that it imports may be another now.
        let stale: BTreeSet<String> = edited
            .iter()
            .filter(|e| {
                e.cause != Cause::Request
                    && e.record
                        .failed
                        .lock()
                        .as_ref()
                        .is_some_and(|failure| failure.stands(&e.version))
            })
            .map(|e| e.record.name.to_string())
            .collect();
        let (stuck, units): (Vec<_>, Vec<_>) = self
            .units(edited)
            .into_iter()
            .partition(|unit| unit.iter().all(|e| stale.contains(&*e.record.name)));
        self.backlog
            .lock()
            .extend(stuck.iter().flatten().map(|e| e.record.name.to_string()));
        if units.is_empty() && done.is_empty() {
            return Ok(None);
        }
        let mut units: Vec<Unit<'_, '_, '_>> = units
            .into_iter()
            .map(|edited| {
                let order = self.order(&edited);
                Unit::new(self, kit, flags, edited, order, &appeared)
            })
            .collect();
        let finish = |modules: Vec<ModuleReport>, dry_run: bool| Report {
            modules,
            dry_run,
            duration_ns: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
        };
        if flags.dry_run || (listener.wants_plan() && !units.is_empty()) {
            let mut plan = done.clone();
            plan.extend(units.iter().flat_map(Unit::plan));
            let plan = finish(plan, true);
            let cancelled = !flags.dry_run && !listener.before(kit.py, &plan);
            if flags.dry_run || cancelled {
                // Nothing was done: it all still has to be.
                let mut backlog = self.backlog.lock();
                for unit in &units {
                    backlog.extend(unit.names());
                }
                self.pending.store(backlog.len(), Ordering::Relaxed);
                drop(backlog);
                self.pulse.forget();
                return if cancelled {
                    Err(Error::Cancelled)
                } else {
                    Ok(Some(plan))
                };
            }
        }
        done.extend(super::again::apply_all(&mut units, kit, listener));
        if let Err(error) = self.desert(kit, &mut done) {
            log::debug!("modules that nobody imports stay: {error}");
        }
        self.reloads.fetch_add(
            done.iter()
                .filter(|m| m.outcome != Outcome::Failed && m.outcome != Outcome::Deferred)
                .count() as u64,
            Ordering::Relaxed,
        );
        let stuck = done
            .iter()
            .filter(|m| matches!(m.outcome, Outcome::Failed | Outcome::Deferred))
            .count();
        self.pending.store(stuck, Ordering::Relaxed);
        if done.is_empty() {
            return Ok(None);
        }
        let report = finish(done, false);
        listener.after(kit.py, &report);
        Ok(Some(report))
    }
}

/// What a check has to work on.
struct Changed {
    edited: Vec<Edited>,
    /// Modules that cannot be worked on.
    reports: Vec<ModuleReport>,
    /// Modules that can be imported now and could not before.
    appeared: BTreeSet<String>,
}

fn read_version(path: &Path) -> Option<Version> {
    let taken_ns = files::now_ns();
    let (bytes, stamp) = files::read(path).ok()?;
    let decoded = text::decode_all(bytes).ok()?;
    let look = Look {
        stamp: Some(stamp),
        taken_ns,
    };
    Some(Version::new(decoded.source, decoded.print, look, true))
}

/// The version as the module's own loader reads it.
fn told_by_loader<'py>(
    kit: &Kit<'py>,
    view: &crate::modules::View<'py>,
    record: &Record,
    version: Arc<Version>,
) -> Result<Arc<Version>, Error> {
    let module = kit.sys_modules.get_item(&*record.name)?;
    let module = module.and_then(|m| m.cast_into::<pyo3::types::PyModule>().ok());
    let Some(module) = module else {
        return Ok(version);
    };
    let loader = module.dict().get_item(kit.name("__loader__"))?;
    if loader.is_some_and(|loader| loader.get_type().is(&*kit.loader)) {
        return Ok(version);
    }
    let told = crate::modules::loader_text(view, &module, &record.path.read());
    Ok(match told {
        Some(text) => Arc::new(Version::new(
            text,
            Some(version.print()),
            version.look,
            true,
        )),
        None => version,
    })
}

/// What is said of a module whose file is gone.
fn without_file(record: &Record) -> ModuleReport {
    ModuleReport {
        name: record.name.clone(),
        path: record.path.read().to_string_lossy().into(),
        outcome: Outcome::Unchanged,
        cause: Cause::Source,
        error: None,
        traceback: None,
        error_line: 0,
        changes: Vec::new(),
        notes: vec![format!(
            "the file of {} is gone; who holds the module still has it, until a restart",
            record.name
        )],
    }
}

/// The file that makes a package of the name that a module's file has.
fn package_of(path: &Path) -> PathBuf {
    path.with_extension("").join("__init__.py")
}
