//! What is known of each tracked module.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use super::imports::scan;
use crate::diff;
use crate::files::Look;
use crate::outline::{self, Outline, OutlineError};

/// One version of a module's source.
#[derive(Debug)]
pub struct Version {
    /// The decoded text.
    pub text: String,
    /// Fingerprint of the file's bytes.
    pub print: u128,
    /// How the file looked when these bytes were read.
    pub look: Look,
    /// Whether this is the text of the code that runs. False when the file was edited between
    /// the import and the moment it was first seen.
    pub known: bool,
    outline: OnceLock<Result<Outline, OutlineError>>,
    imports: OnceLock<Arc<Imports>>,
}

/// Import statements: leading dots, dotted name, imported names.
type Imports = Vec<(u32, String, Vec<String>)>;

impl Version {
    /// A version of which nothing was worked out yet.
    pub fn new(text: String, print: u128, look: Look, known: bool) -> Self {
        Self {
            text,
            print,
            look,
            known,
            outline: OnceLock::new(),
            imports: OnceLock::new(),
        }
    }

    /// Its outline, read when first asked for.
    pub fn outline(&self) -> &Result<Outline, OutlineError> {
        self.outline.get_or_init(|| outline::read(&self.text))
    }

    /// Works its outline out from that of the version before, in time that follows the edit.
    pub fn follow(&self, before: &Self) {
        let Ok(old) = before.outline() else { return };
        let read = || outline::reread(&before.text, old, &self.text);
        let Ok(new) = self.outline.get_or_init(read) else {
            return;
        };
        if let Some(imports) = before.imports.get() {
            let changes = diff::compare(old, new);
            let here = changes
                .items
                .iter()
                .map(|c| (&self.text, new.body[c.new].span));
            let there = changes.items.iter().filter_map(|c| c.old);
            let there = there.chain(changes.removed.iter().copied());
            let there = there.map(|at| (&before.text, old.body[at].span));
            let imports_something = |(text, span): (&String, outline::Span)| {
                let slice = text.get(span.start as usize..span.end as usize);
                slice.is_none_or(|s| s.contains("import"))
            };
            if !here.chain(there).any(imports_something) {
                self.imports.get_or_init(|| Arc::clone(imports));
            }
        }
    }

    /// The modules that its import statements name: leading dots, dotted name, imported names.
    pub fn imports(&self) -> &[(u32, String, Vec<String>)] {
        self.imports.get_or_init(|| Arc::new(scan(&self.text)))
    }
}

/// A version that was tried and could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Fingerprint of the bytes.
    pub print: u128,
    /// What was said about it.
    pub error: String,
    /// It failed because a module could not be imported, which may appear without this file
    /// changing.
    pub import: bool,
}

/// One tracked module.
#[derive(Debug)]
pub struct Record {
    /// Its name in `sys.modules`.
    pub name: String,
    /// Its source file.
    pub path: RwLock<PathBuf>,
    /// `co_filename` of its code.
    pub filename: RwLock<String>,
    /// Its package, against which relative imports are resolved.
    pub package: RwLock<String>,
    /// Address of the module object.
    pub id: AtomicU64,
    version: RwLock<Arc<Version>>,
    /// What failed last.
    pub failed: Mutex<Option<Failure>>,
    /// The file was missing when it was last looked for.
    pub missing: AtomicBool,
    /// How often it was brought up to date.
    pub reloads: AtomicU64,
}

impl Record {
    /// A record of a module that runs this version.
    pub fn new(
        name: &str,
        path: PathBuf,
        filename: String,
        package: String,
        id: usize,
        version: Version,
    ) -> Self {
        Self {
            name: name.to_owned(),
            path: RwLock::new(path),
            filename: RwLock::new(filename),
            package: RwLock::new(package),
            id: AtomicU64::new(id as u64),
            version: RwLock::new(Arc::new(version)),
            failed: Mutex::new(None),
            missing: AtomicBool::new(false),
            reloads: AtomicU64::new(0),
        }
    }

    /// The version that runs.
    pub fn version(&self) -> Arc<Version> {
        Arc::clone(&self.version.read())
    }

    /// Another version runs from now on.
    pub fn set_version(&self, version: Arc<Version>) {
        *self.version.write() = version;
    }
}

/// All tracked modules of one interpreter.
#[derive(Debug, Default)]
pub struct Ledger {
    inner: Mutex<Inner>,
    /// Bumped whenever a record is added or taken out.
    pub generation: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeMap<String, Arc<Record>>,
    by_path: HashMap<PathBuf, BTreeSet<String>>,
    importers: HashMap<String, BTreeSet<String>>,
    /// What each module was indexed under in `importers`.
    indexed: HashMap<String, Vec<String>>,
    unindexed: BTreeSet<String>,
}

impl Ledger {
    /// The record of a module.
    pub fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.inner.lock().records.get(name).cloned()
    }

    /// Adds a record, in the place of one of the same name.
    pub fn insert(&self, record: Arc<Record>) {
        let mut inner = self.inner.lock();
        inner.unindexed.insert(record.name.clone());
        let path = record.path.read().clone();
        inner
            .by_path
            .entry(path)
            .or_default()
            .insert(record.name.clone());
        inner.records.insert(record.name.clone(), record);
        drop(inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets a module.
    pub fn remove(&self, name: &str) {
        let mut inner = self.inner.lock();
        if let Some(record) = inner.records.remove(name) {
            let path = record.path.read().clone();
            if let Some(names) = inner.by_path.get_mut(&path) {
                names.remove(name);
            }
        }
        if let Some(targets) = inner.indexed.remove(name) {
            for target in targets {
                if let Some(set) = inner.importers.get_mut(&target) {
                    set.remove(name);
                }
            }
        }
        drop(inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// All records, by name.
    pub fn all(&self) -> Vec<Arc<Record>> {
        self.inner.lock().records.values().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inner.lock().records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The modules of a file.
    pub fn of_path(&self, path: &std::path::Path) -> Vec<Arc<Record>> {
        let inner = self.inner.lock();
        let names = inner.by_path.get(path);
        names
            .into_iter()
            .flatten()
            .filter_map(|n| inner.records.get(n).cloned())
            .collect()
    }

    /// The file of a module is another one from now on.
    pub fn move_to(&self, record: &Record, path: PathBuf) {
        let mut inner = self.inner.lock();
        let old = record.path.read().clone();
        if let Some(names) = inner.by_path.get_mut(&old) {
            names.remove(&record.name);
        }
        inner
            .by_path
            .entry(path.clone())
            .or_default()
            .insert(record.name.clone());
        *record.path.write() = path;
    }

    /// Its imports may be others: they are read again when next asked for.
    pub fn reindex(&self, name: &str) {
        self.inner.lock().unindexed.insert(name.to_owned());
    }

    /// Import targets whose last part is `stem`, each with a module that names it.
    pub fn wanting(&self, stem: &str) -> Vec<(String, String)> {
        // Brings the index up to date.
        self.importers(stem);
        let inner = self.inner.lock();
        let mut out = Vec::new();
        for (target, importers) in &inner.importers {
            if target.rsplit('.').next() == Some(stem) {
                out.extend(importers.iter().map(|i| (target.clone(), i.clone())));
            }
        }
        out
    }

    /// The tracked modules that import this one. Import statements are indexed when first asked
    /// for, and again for modules that changed since: the cost follows the edit.
    pub fn importers(&self, name: &str) -> Vec<String> {
        let todo: Vec<Arc<Record>> = {
            let mut inner = self.inner.lock();
            let names = std::mem::take(&mut inner.unindexed);
            names
                .iter()
                .filter_map(|n| inner.records.get(n).cloned())
                .collect()
        };
        for record in todo {
            let targets = forward(&record);
            let mut inner = self.inner.lock();
            if let Some(old) = inner.indexed.remove(&record.name) {
                for target in old {
                    if let Some(set) = inner.importers.get_mut(&target) {
                        set.remove(&record.name);
                    }
                }
            }
            for target in &targets {
                inner
                    .importers
                    .entry(target.clone())
                    .or_default()
                    .insert(record.name.clone());
            }
            inner.indexed.insert(record.name.clone(), targets);
        }
        let inner = self.inner.lock();
        inner
            .importers
            .get(name)
            .into_iter()
            .flatten()
            .filter(|n| *n != name)
            .cloned()
            .collect()
    }
}

/// The modules that a tracked module may import, by absolute name.
pub fn forward(record: &Record) -> Vec<String> {
    targets(record, &record.version())
}

/// The modules that a version of a module may import, by absolute name.
pub fn targets(record: &Record, version: &Version) -> Vec<String> {
    let package = record.package.read().clone();
    let mut out = BTreeSet::new();
    for (level, module, names) in version.imports() {
        let base = super::imports::resolve(&package, *level, module);
        if names.is_empty() {
            // `import a.b.c` binds `a` and makes all three.
            let mut at = String::new();
            for part in base.split('.') {
                if !at.is_empty() {
                    at.push('.');
                }
                at.push_str(part);
                out.insert(at.clone());
            }
        }
        for name in names {
            if name != "*" {
                out.insert(format!("{base}.{name}"));
            }
        }
        out.insert(base);
    }
    out.into_iter().collect()
}
