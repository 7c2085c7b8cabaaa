//! Which modules are there, and which of their files changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};

use super::{Error, Flags, Reloader};
use crate::files::{self, Look};
use crate::interp::utf8;
use crate::modules::{FirstLook, Next, Origin, Record, Seen, Version, View};
use crate::text;

/// What became of the file of a tracked module.
pub(super) enum Edit {
    /// It has other bytes.
    Changed(Arc<Version>),
    /// It has other bytes that are no text, and why.
    Unreadable(u128, String),
    /// It is gone.
    Missing,
}

/// What a look at the files found.
pub(super) struct Edits {
    /// Tracked modules whose files are not what they run.
    pub modules: Vec<(Arc<Record>, Edit)>,
    /// Files that came or went beside them.
    pub strangers: Vec<PathBuf>,
    /// All modules were looked at: what came or went beside them is not known.
    pub all: bool,
    /// Files that changed of modules that cannot be reloaded.
    pub binaries: Vec<(String, PathBuf)>,
    /// There is news of the file of a module that went.
    pub deserted: bool,
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
            && self.strangers.is_empty()
            && self.binaries.is_empty()
            && !self.deserted
    }
}

impl Reloader {
    /// Tracks modules that were imported since the last look. Reads their files.
    pub(super) fn discover(&self, py: Python<'_>) -> Result<bool, Error> {
        let modules: Bound<'_, PyDict> = py
            .import("sys")?
            .getattr("modules")?
            .cast_into()
            .map_err(PyErr::from)?;
        let moment = self.pulse.moment();
        let mut first = FirstLook::new(py);
        let mut found = false;
        let mut unfinished = false;
        // A copy: looking at a module may import another (lazy modules do).
        for (key, value) in modules.copy()?.iter() {
            let known = |name: &str, module: &Bound<'_, PyAny>| self.is_known(name, module);
            let Some(seen) = first.view.see(&key, &value, &known) else {
                if let Some((name, path)) = first.view.stands_for(&key, &value) {
                    self.note_binary(&name, &path);
                }
                continue;
            };
            if seen.unfinished {
                unfinished = true;
                continue;
            }
            found |= self.meet(&mut first, &modules, seen);
        }
        self.forget_gone(&modules);
        if !unfinished {
            self.pulse.mark(moment);
        }
        Ok(found)
    }

    /// Whether this is a module that is tracked as it stands. An address alone may be that of a
    /// module that is gone: the file has to agree.
    fn is_known(&self, name: &str, module: &Bound<'_, PyAny>) -> bool {
        self.ledger.get(name).is_some_and(|r| {
            r.id.load(Ordering::Relaxed) == module.as_ptr() as u64
                && self.watcher.lock().watches(&r.path.read())
                && module
                    .cast::<PyModule>()
                    .ok()
                    .and_then(|m| m.dict().get_item("__file__").ok().flatten())
                    .and_then(|f| Some(utf8(f.cast::<PyString>().ok()?)? == *r.filename()))
                    .unwrap_or(false)
        })
    }

    /// Tracks a module that was not seen before, if it is to be.
    fn meet<'py>(
        &self,
        first: &mut FirstLook<'py>,
        modules: &Bound<'py, PyDict>,
        seen: Seen<'py>,
    ) -> bool {
        let id = seen.id();
        if let Some(path) = &seen.binary {
            self.note_binary(&seen.name, path);
        }
        let Some(path) = &seen.path else { return false };
        if seen.name == "__main__" || !self.rules.tracks(&self.places, &seen.name, path) {
            return false;
        }
        if let Some(record) = self.ledger.get(&seen.name)
            && record.id.load(Ordering::Relaxed) == id as u64
            && **record.path.read() == **path
        {
            self.watch_file(path);
            // Tracked by another reloader before: the file may have changed before the watch.
            self.backlog.lock().insert(seen.name);
            return false;
        }
        // One module under several names is tracked under its own.
        if is_alias(&first.view, modules, &seen) {
            return false;
        }
        // It shows the file of another one and never ran it: its names are that one's.
        if !self.ledger.of_path(path).is_empty()
            && !first.view.located(&seen.module, &seen.filename)
        {
            let mut namespaces = self.namespaces.lock();
            let dict = seen.module.dict();
            if !namespaces.iter().any(|n| n.bind(dict.py()).is(&dict)) {
                namespaces.push(dict.unbind());
            }
            return false;
        }
        // Watch first, then read: no edit falls between.
        self.watch_file(path);
        let origin = Origin {
            path,
            filename: &seen.filename,
        };
        let Some(version) = first.running_version(&seen.module, &origin) else {
            return false;
        };
        if !version.known {
            log::info!("{}: its file changed before it was seen", seen.name);
            self.backlog.lock().insert(seen.name.clone());
        }
        let package = first.view.package(&seen.module);
        let (name, path, filename) = (&seen.name, path.clone(), &seen.filename);
        let record = Record::new(name, path, filename, &package, id, version);
        self.ledger.insert(Arc::new(record));
        true
    }

    /// Remembers a file of the user whose module cannot be reloaded.
    fn note_binary(&self, name: &str, path: &Path) {
        if !self.rules.tracks(&self.places, name, path) {
            return;
        }
        if let Some(entry) = self.binaries.lock().get_mut(path) {
            // Known under two names: the one that the file has.
            let file = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if file.split('.').next() == name.rsplit('.').next() {
                name.clone_into(&mut entry.0);
            }
            return;
        }
        self.watch_file(path);
        if let Ok((bytes, _)) = files::read(path) {
            let entry = (name.to_owned(), text::fingerprint(&bytes));
            self.binaries.lock().insert(path.to_path_buf(), entry);
        }
    }

    /// The files among these that cannot be reloaded and have another content now.
    fn changed_binaries(&self, files: &[PathBuf]) -> Vec<(String, PathBuf)> {
        let mut binaries = self.binaries.lock();
        let mut out = Vec::new();
        for path in files {
            let Some((name, print)) = binaries.get_mut(path) else {
                continue;
            };
            let Ok((bytes, _)) = files::read(path) else {
                continue;
            };
            let now = text::fingerprint(&bytes);
            if now != *print {
                *print = now;
                out.push((name.clone(), path.clone()));
            }
        }
        out
    }

    pub(super) fn watch_file(&self, path: &Path) {
        if self.watcher.lock().watch_file(path)
            && let Some(notifier) = &*self.notifier.lock()
        {
            notifier.watch_file(path);
        }
    }

    /// The rules changed: modules may be tracked now that were not.
    pub(super) fn look_again(&self) {
        self.pulse.forget();
    }

    /// Whether the file of a module has other bytes than what runs.
    pub(super) fn is_stale(&self, record: &Record, path: &Path) -> bool {
        let version = record.version();
        if !version.known {
            return true;
        }
        if Look::at(path).proves_same_as(&version.look) {
            return false;
        }
        files::read(path).is_ok_and(|(bytes, _)| !version.is_of(&bytes))
    }

    /// The tracked modules whose files are not what they run, with what the files are now.
    pub(super) fn edits(&self, flags: Flags) -> Edits {
        let news = self.watcher.lock().take();
        let backlog = std::mem::take(&mut *self.backlog.lock());
        let mut candidates: Vec<Arc<Record>> = if flags.rescan || news.overflow {
            self.ledger.all()
        } else {
            let mut some: Vec<Arc<Record>> = news
                .files
                .iter()
                .flat_map(|p| self.ledger.of_path(p))
                .collect();
            some.extend(backlog.iter().filter_map(|n| self.ledger.get(n)));
            some
        };
        candidates.sort_by(|a, b| a.name.cmp(&b.name));
        candidates.dedup_by(|a, b| a.name == b.name);
        let mut out = Vec::new();
        let mut deserted = false;
        for record in candidates {
            deserted |= self.deserted.lock().went(&record.name);
            let path = record.path.read().clone();
            if !self.rules.track(&self.places, &record) {
                continue;
            }
            let closed = || {
                news.files.iter().any(|file| **file == *path)
                    && !self.watcher.lock().may_be_unfinished(&path)
            };
            if let Some(edit) = self.edit(&record, &path, closed) {
                out.push((record, edit));
            }
        }
        let binaries = self.changed_binaries(&news.files);
        Edits {
            modules: out,
            strangers: news.strangers,
            all: flags.rescan || news.overflow,
            binaries,
            deserted,
        }
    }

    /// What became of one file. `closed` says whether its writer is known to be done.
    pub(super) fn edit(
        &self,
        record: &Arc<Record>,
        path: &Path,
        closed: impl FnOnce() -> bool,
    ) -> Option<Edit> {
        let version = record.version();
        let taken_ns = files::now_ns();
        let (bytes, stamp) = match files::read(path) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                has_no_more_failed(record);
                return Some(Edit::Missing);
            }
            Err(error) => {
                log::debug!("{}: {error}; looked at again later", path.display());
                self.backlog.lock().insert(record.name.to_string());
                return None;
            }
        };
        record.missing.store(false, Ordering::Relaxed);
        if version.size() > 0 && files::looks_unfinished(&bytes, &stamp) && !closed() {
            log::debug!("{}: empty; looked at again later", path.display());
            self.backlog.lock().insert(record.name.to_string());
            return None;
        }
        let look = Look {
            stamp: Some(stamp),
            taken_ns,
        };
        match version.next(bytes, look) {
            Next::Same => {
                has_no_more_failed(record);
                None
            }
            Next::Other(version) => Some(Edit::Changed(Arc::new(version))),
            Next::NoText(print, error) => Some(Edit::Unreadable(print, error)),
        }
    }
}

/// The edit that failed is undone: what failed together with it may go on without it.
fn has_no_more_failed(record: &Record) {
    if let Some(failure) = record.failed.lock().take() {
        failure.attempt.end();
    }
}

/// Whether another entry of `sys.modules` is this module's own.
fn is_alias<'py>(view: &View<'py>, modules: &Bound<'py, PyDict>, seen: &Seen<'py>) -> bool {
    let Some(own) = view.own_name(&seen.module) else {
        return false;
    };
    !own.eq(&seen.name).unwrap_or(true)
        && modules
            .get_item(own)
            .is_ok_and(|m| m.is_some_and(|m| m.is(&seen.module)))
}

/// What is said of a file that changed and cannot be reloaded.
pub(super) fn cannot(path: &Path) -> String {
    let why = match path.extension().and_then(|kind| kind.to_str()) {
        Some("py") => "a module that has put something else in its place in sys.modules",
        Some("pyc") => "a module without its source",
        _ => "a C extension",
    };
    format!("{why} cannot be reloaded; restart to use the new one")
}
