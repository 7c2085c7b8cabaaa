//! Modules that left `sys.modules`: a host that loads scripts under ever new names must not make the
//! reloader grow.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Reloader;

/// How much is kept until it is looked through again. Something that is gone may come back (it was
/// patched out for a test, or is imported anew), so that what is known of it is worth keeping for a
/// while; and looking seldom costs little.
#[derive(Debug, Default)]
pub(super) struct Enough {
    modules: usize,
    files: usize,
}

/// By how much a number may grow.
fn more(than: usize) -> usize {
    than + than / 4 + 64
}

impl Reloader {
    /// Lets go of what is known of modules that are gone, once there may be many.
    pub(super) fn forget_gone(&self, modules: &Bound<'_, PyDict>) {
        let mut enough = self.enough.lock();
        if enough.modules == 0 {
            // The first look: all are there.
            enough.modules = more(self.ledger.len());
            enough.files = more(self.watcher.lock().file_count());
        }
        if self.ledger.len() > enough.modules {
            // No lock is held while Python is asked.
            for record in self.ledger.all() {
                if !modules.contains(&*record.name).unwrap_or(true) {
                    self.ledger.remove(&record.name);
                }
            }
            enough.modules = more(self.ledger.len());
        }
        let mut watcher = self.watcher.lock();
        if watcher.file_count() <= enough.files {
            return;
        }
        let binaries = self.binaries.lock();
        let notifier = self.notifier.lock();
        for file in watcher.files() {
            let used = |path: &Path| !self.ledger.of_path(path).is_empty();
            if used(&file) || used(&twin(&file)) || binaries.contains_key(&file) {
                continue;
            }
            watcher.unwatch(&file);
            if let Some(notifier) = &*notifier {
                notifier.unwatch(&file);
            }
        }
        enough.files = more(watcher.file_count());
    }
}

/// Where a module is after it became a package, or the other way round: it may go back.
fn twin(file: &Path) -> PathBuf {
    if file.file_name().is_some_and(|name| name == "__init__.py") {
        file.with_file_name("").with_extension("py")
    } else {
        file.with_extension("").join("__init__.py")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_and_a_package_are_twins() {
        let (module, package) = (Path::new("/a/b.py"), Path::new("/a/b/__init__.py"));
        assert_eq!(twin(module), package);
        assert_eq!(twin(package), module);
    }
}
