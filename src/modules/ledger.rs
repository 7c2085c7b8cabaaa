//! What is known of each tracked module.

use std::borrow::{Borrow, Cow};
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::failure::Failure;
use super::graph::{Graph, Id};
use super::imports::{ANY, absolute, scan};
use super::kept::{Kept, Packer};
use super::names::shared;
use super::takes::{Taken, takes};
use crate::files::Look;
use crate::outline::{self, Outline, OutlineError};
use crate::text::{self, Ends};

/// One version of a module's source.
#[derive(Debug)]
pub struct Version {
    text: Kept,
    /// Fingerprint of the file's bytes; those of the text when it is first asked for.
    print: OnceLock<u128>,
    /// The bytes of the file are those of the text.
    plain: bool,
    /// Tells versions apart.
    serial: u64,
    /// What the text has in common with that of another version: its number, and how much.
    beside: Option<Box<(u64, Ends)>>,
    /// How the file looked when these bytes were read.
    pub look: Look,
    /// Whether this is the text of the code that runs. False when the file was edited between
    /// the import and the moment it was first seen.
    pub known: bool,
    // In a box: most versions never have one.
    outline: OnceLock<Box<Result<Outline, OutlineError>>>,
    imports: OnceLock<Arc<Imports>>,
    takes: OnceLock<Option<Box<[Taken]>>>,
    /// Whether import makes objects or containers, as somebody found who looked at what it made.
    pub objects: OnceLock<bool>,
}

/// Import statements: leading dots, dotted name, imported names.
type Imports = Vec<(u32, String, Vec<String>)>;

impl Version {
    /// A version of which nothing was worked out yet. Without a fingerprint, the bytes of the file
    /// are those of the text.
    pub fn new(text: String, print: Option<u128>, look: Look, known: bool) -> Self {
        let plain = print.is_none();
        let print = print.map_or_else(OnceLock::new, OnceLock::from);
        Self {
            plain,
            ..Self::of(Kept::plain(text), print, look, known)
        }
    }

    /// The same for a text that may never be read.
    pub fn packed(
        text: &str,
        packer: &mut Packer,
        print: Option<u128>,
        look: Look,
        known: bool,
    ) -> Self {
        let plain = print.is_none();
        let print = print.map_or_else(OnceLock::new, OnceLock::from);
        Self {
            plain,
            ..Self::of(packer.pack(text), print, look, known)
        }
    }

    fn of(text: Kept, print: OnceLock<u128>, look: Look, known: bool) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Self {
            text,
            print,
            plain: false,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            beside: None,
            look,
            known,
            outline: OnceLock::new(),
            imports: OnceLock::new(),
            takes: OnceLock::new(),
            objects: OnceLock::new(),
        }
    }

    /// Fingerprint of the file's bytes.
    pub fn print(&self) -> u128 {
        *self
            .print
            .get_or_init(|| text::fingerprint(self.glance().as_bytes()))
    }

    /// Whether the file had these bytes.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        if self.plain && self.size() != bytes.len() {
            return false;
        }
        match self.text.at_hand() {
            // Comparing ends where the edit is.
            Some(text) if self.plain => text.as_bytes() == bytes,
            _ => self.print() == text::fingerprint(bytes),
        }
    }

    /// What the file has after this version. An edit changes little: what both have in common is
    /// known to be text.
    pub fn next(&self, bytes: Vec<u8>, look: Look) -> Next {
        // A text that is packed stays packed when nothing changed.
        let compared = self.plain && self.text.at_hand().is_some();
        if self.known && !compared && self.is_of(&bytes) {
            return Next::Same;
        }
        let ends = Ends::of(self.text().as_bytes(), &bytes);
        if self.known && self.plain && ends.before == bytes.len() && ends.before == self.size() {
            return Next::Same;
        }
        if !text::is_plain(&bytes, self.text(), ends) {
            return match text::decode_all(bytes) {
                Ok(text) => Next::Other(Self::new(text.source, text.print, look, true)),
                Err((error, bytes)) => Next::NoText(text::fingerprint(&bytes), error.to_string()),
            };
        }
        // SAFETY: `is_plain` says that the bytes are UTF-8: up to a boundary between characters,
        // and from one on, they are those of this version's text, and it read the rest.
        let text = unsafe { String::from_utf8_unchecked(bytes) };
        Next::Other(Self {
            beside: Some(Box::new((self.serial, ends))),
            ..Self::new(text, None, look, true)
        })
    }

    /// The decoded text.
    pub fn text(&self) -> &str {
        self.text.get()
    }

    /// The decoded text, for one look: nothing of it stays in memory.
    pub fn glance(&self) -> Cow<'_, str> {
        self.text.look()
    }

    /// The length of the text in bytes.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// Its outline, read when first asked for.
    pub fn outline(&self) -> &Result<Outline, OutlineError> {
        self.outline
            .get_or_init(|| Box::new(outline::read(self.text())))
    }

    /// Works its outline out from that of the version before, in time that follows the edit.
    pub fn follow(&self, before: &Self) {
        let Ok(old) = before.outline() else { return };
        let (was, is) = (before.text(), self.text());
        let read = || match self.beside.as_deref() {
            Some((serial, ends)) if *serial == before.serial => {
                outline::reread_between(was, old, is, *ends)
            }
            _ => outline::reread(was, old, is),
        };
        let Ok(new) = &**self.outline.get_or_init(|| Box::new(read())) else {
            return;
        };
        if let Some(imports) = before.imports.get() {
            let (first, after) = new.shared_with(old);
            let imports_something = |text: &str, outline: &Outline| {
                let other = first..outline.body.len() - after;
                outline.body.range(other).any(|statement| {
                    let span = statement.span;
                    let slice = text.get(span.start as usize..span.end as usize);
                    slice.is_none_or(|slice| slice.contains("import"))
                })
            };
            // Names that are computed may be made of texts anywhere.
            let spelled = imports.iter().any(|(_, module, _)| module == ANY);
            if !spelled && !imports_something(is, new) && !imports_something(was, old) {
                self.imports.get_or_init(|| Arc::clone(imports));
            }
        }
    }

    /// What of its text another version has not, or all of it.
    pub fn differs(&self, before: &Self) -> &str {
        let text = self.text();
        let ends = match self.beside.as_deref() {
            Some((serial, ends)) if *serial == before.serial => ends.whole_characters(text),
            _ => return text,
        };
        let between = ends.before..text.len() - ends.after;
        text.get(between).unwrap_or(text)
    }

    /// Whether it is known to import what another version does.
    pub fn imports_as(&self, other: &Self) -> bool {
        let both = self.imports.get().zip(other.imports.get());
        both.is_some_and(|(own, others)| Arc::ptr_eq(own, others))
    }

    /// What it takes from others, as a module of this package; `None` when there is no outline.
    pub fn takes(&self, package: &str) -> Option<&[Taken]> {
        let found = self.takes.get_or_init(|| {
            if let Some(outline) = self.outline.get() {
                return Some(takes(outline.as_ref().as_ref().ok()?, package));
            }
            let outline = outline::read(&self.glance());
            let found = takes(outline.as_ref().ok()?, package);
            // When something is looked at, more than this will be asked.
            if found.iter().any(|t| !t.idle) {
                let _ = self.outline.set(Box::new(outline));
            }
            Some(found)
        });
        found.as_deref()
    }

    /// Whether `takes` was asked before.
    pub fn has_takes(&self) -> bool {
        self.takes.get().is_some()
    }

    /// The modules that its import statements name: leading dots, dotted name, imported names.
    pub fn imports(&self) -> &[(u32, String, Vec<String>)] {
        self.imports.get_or_init(|| Arc::new(scan(&self.glance())))
    }
}

/// What a file has after a version.
#[derive(Debug)]
pub enum Next {
    /// The bytes of that version.
    Same,
    /// Another text.
    Other(Version),
    /// No text: a fingerprint, and why.
    NoText(u128, String),
}

/// Where a file is. Nearly all paths are texts, and are asked for as such.
#[derive(Debug, Clone)]
pub enum Where {
    /// A path that is a text.
    Text(Arc<str>),
    /// One that is not.
    Other(Arc<Path>),
}

impl Where {
    /// The path for a person.
    pub fn shown(&self) -> Arc<str> {
        match self {
            Self::Text(text) => Arc::clone(text),
            Self::Other(path) => path.to_string_lossy().into(),
        }
    }

    /// A text, in the memory of this one where they are equal.
    fn text_or(&self, text: &str) -> Arc<str> {
        match self {
            Self::Text(own) if **own == *text => Arc::clone(own),
            _ => text.into(),
        }
    }
}

impl From<PathBuf> for Where {
    fn from(path: PathBuf) -> Self {
        match path.to_str() {
            Some(text) => Self::Text(text.into()),
            None => Self::Other(path.into()),
        }
    }
}

impl Deref for Where {
    type Target = Path;

    fn deref(&self) -> &Path {
        match self {
            Self::Text(text) => Path::new(&**text),
            Self::Other(path) => path,
        }
    }
}

/// One tracked module.
#[derive(Debug)]
pub struct Record {
    /// Its name in `sys.modules`.
    pub name: Arc<str>,
    /// Its source file.
    pub path: RwLock<Where>,
    /// `co_filename` of its code.
    filename: RwLock<Arc<str>>,
    /// Its package, against which relative imports are resolved.
    pub package: RwLock<Arc<str>>,
    /// Address of the module object.
    pub id: AtomicU64,
    version: RwLock<Arc<Version>>,
    /// What failed last.
    pub failed: Mutex<Option<Box<Failure>>>,
    /// The file was missing when it was last looked for.
    pub missing: AtomicBool,
    /// The stamp of the rules that were found to track it.
    pub tracked: AtomicU64,
    /// How often it was brought up to date.
    pub reloads: AtomicU64,
    /// Where it stands among all that were ever tracked: the order of the imports, nearly.
    pub place: AtomicU64,
}

impl Record {
    /// A record of a module that runs this version.
    pub fn new(
        name: &str,
        path: PathBuf,
        filename: &str,
        package: &str,
        id: usize,
        version: Version,
    ) -> Self {
        let path = Where::from(path);
        Self {
            name: name.into(),
            filename: RwLock::new(path.text_or(filename)),
            path: RwLock::new(path),
            package: RwLock::new(shared(package)),
            id: AtomicU64::new(id as u64),
            version: RwLock::new(Arc::new(version)),
            failed: Mutex::new(None),
            missing: AtomicBool::new(false),
            tracked: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            place: AtomicU64::new(0),
        }
    }

    /// The version that runs.
    pub fn version(&self) -> Arc<Version> {
        Arc::clone(&self.version.read())
    }

    /// Its path as text, for a report.
    pub fn shown(&self) -> Arc<str> {
        self.path.read().shown()
    }

    /// `co_filename` of its code.
    pub fn filename(&self) -> Arc<str> {
        Arc::clone(&self.filename.read())
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

/// A record in a set, by its name.
#[derive(Debug, Clone)]
pub(super) struct Named(pub(super) Arc<Record>);

impl Borrow<str> for Named {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) records: FxHashSet<Named>,
    /// By the hash of the file's path: seldom more than one.
    by_path: FxHashMap<u64, Few>,
    pub(super) graph: Graph,
    /// By their numbers in the graph.
    pub(super) numbered: Vec<Option<Arc<Record>>>,
    /// Records whose imports are not in the graph yet.
    pub(super) unindexed: Vec<Arc<Record>>,
    /// Modules whose texts name what others import by a computed name, with those.
    pub(super) spelling: FxHashMap<Arc<str>, Vec<Arc<str>>>,
    /// Modules that import by computed names.
    pub(super) computing: FxHashSet<Arc<str>>,
    /// How many records were ever added.
    added: u64,
}

/// Seldom more than one.
#[derive(Debug)]
enum Few {
    One(Arc<Record>),
    More(Box<[Arc<Record>]>),
}

/// Equal for paths that are equal, however many slashes they are written with.
fn path_hash(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = cfg!(unix) && !bytes.windows(2).any(|w| w == b"//" || w == b"/.");
    let mut hasher = FxHasher::default();
    if plain {
        hasher.write(bytes);
    } else {
        let whole: PathBuf = path.components().collect();
        hasher.write(whole.as_os_str().as_encoded_bytes());
    }
    hasher.finish()
}

impl Inner {
    fn file(&mut self, path: &Path, record: &Arc<Record>) {
        let record = Arc::clone(record);
        match self.by_path.entry(path_hash(path)) {
            Entry::Vacant(place) => {
                place.insert(Few::One(record));
            }
            Entry::Occupied(mut place) => {
                let few = place.get_mut();
                if let Few::One(first) = few {
                    *few = Few::More([Arc::clone(first)].into());
                }
                if let Few::More(all) = few {
                    let others = all.iter().filter(|r| r.name != record.name).cloned();
                    *all = others.chain([Arc::clone(&record)]).collect();
                }
            }
        }
    }

    fn unfile(&mut self, path: &Path, name: &str) {
        let hash = path_hash(path);
        let empty = match self.by_path.get_mut(&hash) {
            None => false,
            Some(Few::One(record)) => *record.name == *name,
            Some(Few::More(all)) => {
                *all = all.iter().filter(|r| *r.name != *name).cloned().collect();
                all.is_empty()
            }
        };
        if empty {
            self.by_path.remove(&hash);
        }
    }

    fn take_out(&mut self, name: &str) {
        if let Some(Named(record)) = self.records.take(name) {
            let path = record.path.read().clone();
            self.unfile(&path, name);
        }
    }

    /// Brings the graph up to date: the cost follows the edit.
    fn index(&mut self) -> &Graph {
        for record in std::mem::take(&mut self.unindexed) {
            let version = record.version();
            let id = self.graph.id_of(&record.name);
            let package = record.package.read().clone();
            // Kept for what is edited, since most edits leave imports alone.
            let scanned;
            let imports = match version.outline.get() {
                Some(_) => version.imports(),
                None => {
                    scanned = scan(&version.glance());
                    &scanned
                }
            };
            let mut targets = absolute(&package, imports);
            if imports.iter().any(|(_, module, _)| module == ANY) {
                let named = self.named_beside(&record, &targets);
                targets.extend(named);
                targets.extend(self.named_by_importers(&record, id));
                targets.sort_unstable();
                targets.dedup();
                self.computing.insert(Arc::clone(&record.name));
            } else {
                self.computing.remove(&record.name);
            }
            self.tell_computing(&record, &targets);
            let targets = targets.iter().map(|target| self.graph.id(target)).collect();
            self.graph
                .set(id, record.place.load(Ordering::Relaxed), targets);
            self.numbered.resize(self.graph.size(), None);
            self.numbered[id as usize] = Some(record);
        }
        &self.graph
    }
}

impl Ledger {
    /// The record of a module.
    pub fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.inner
            .lock()
            .records
            .get(name)
            .map(|n| Arc::clone(&n.0))
    }

    /// Adds a record, in the place of one of the same name.
    pub fn insert(&self, record: Arc<Record>) {
        let mut inner = self.inner.lock();
        inner.take_out(&record.name);
        inner.added += 1;
        record.place.store(inner.added, Ordering::Relaxed);
        inner.unindexed.push(Arc::clone(&record));
        inner.respell(&record.name);
        inner.file(&record.path.read(), &record);
        inner.records.insert(Named(record));
        drop(inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets a module.
    pub fn remove(&self, name: &str) {
        let mut inner = self.inner.lock();
        inner.take_out(name);
        inner.unindexed.retain(|r| *r.name != *name);
        inner.spelling.remove(name);
        for importers in inner.spelling.values_mut() {
            importers.retain(|importer| **importer != *name);
        }
        inner.spelling.retain(|_, importers| !importers.is_empty());
        if let Some(id) = inner.graph.find(name) {
            if let Some(place) = inner.numbered.get_mut(id as usize) {
                *place = None;
            }
            inner.graph.remove(id);
        }
        drop(inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// All records, by name.
    pub fn all(&self) -> Vec<Arc<Record>> {
        let inner = self.inner.lock();
        let mut all: Vec<_> = inner.records.iter().map(|n| Arc::clone(&n.0)).collect();
        drop(inner);
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
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
    pub fn of_path(&self, path: &Path) -> Vec<Arc<Record>> {
        let inner = self.inner.lock();
        let few = match inner.by_path.get(&path_hash(path)) {
            None => return Vec::new(),
            Some(Few::One(record)) => std::slice::from_ref(record),
            Some(Few::More(all)) => all,
        };
        let mut out: Vec<_> = few
            .iter()
            .filter(|r| **r.path.read() == *path)
            .cloned()
            .collect();
        out.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        out
    }

    /// The file of a module is another one from now on.
    pub fn move_to(&self, record: &Record, path: PathBuf) {
        let mut inner = self.inner.lock();
        let old = record.path.read().clone();
        inner.unfile(&old, &record.name);
        if let Some(Named(known)) = inner.records.get(&*record.name).cloned() {
            inner.file(&path, &known);
        }
        let path = Where::from(path);
        *record.filename.write() = path.shown();
        *record.path.write() = path;
        record.tracked.store(0, Ordering::Relaxed);
    }

    /// Its imports may be others: they are read again when next asked for.
    pub fn reindex(&self, name: &str) {
        let mut inner = self.inner.lock();
        if let Some(Named(record)) = inner.records.get(name).cloned() {
            inner.unindexed.push(record);
        }
    }

    /// The text of a module is another one: so are perhaps the imports of those that take names from it.
    pub fn reindex_spelled(&self, name: &str) {
        self.inner.lock().respell(name);
    }

    /// Import targets whose last part is one of these, each with a module that names it.
    pub fn wanting(&self, stems: &FxHashSet<&str>) -> Vec<(String, String)> {
        if stems.is_empty() {
            return Vec::new();
        }
        self.with_graph(|graph| {
            let mut out = Vec::new();
            for id in 0..graph.size() {
                let id = Id::try_from(id).unwrap_or(Id::MAX);
                let (target, importers) = (graph.name(id), graph.importers(id));
                let wanted = || target.rsplit('.').next().is_some_and(|s| stems.contains(s));
                if !importers.is_empty() && wanted() {
                    let importers = importers.iter();
                    out.extend(importers.map(|i| (target.to_string(), graph.name(*i).to_string())));
                }
            }
            out.sort_unstable();
            out
        })
    }

    /// The modules that may import one.
    pub fn importers(&self, name: &str) -> Vec<Arc<str>> {
        self.with_graph(|graph| {
            let ids = graph.find(name).map_or(&[][..], |id| graph.importers(id));
            ids.iter().map(|id| Arc::clone(graph.name(*id))).collect()
        })
    }

    /// Asks who imports whom. Import statements are indexed when first asked for, and again for
    /// modules that changed since.
    pub fn with_graph<T>(&self, ask: impl FnOnce(&Graph) -> T) -> T {
        ask(self.inner.lock().index())
    }

    /// The same for whoever wants to go on with the modules: those that are tracked, by number.
    pub fn with_modules<T>(&self, ask: impl FnOnce(&Graph, &[Option<Arc<Record>>]) -> T) -> T {
        let mut inner = self.inner.lock();
        inner.index();
        ask(&inner.graph, &inner.numbered)
    }
}

/// The modules that a tracked module may import, by absolute name.
pub fn forward(record: &Record) -> Vec<String> {
    targets(record, &record.version())
}

/// The modules that a version of a module may import, by absolute name.
pub fn targets(record: &Record, version: &Version) -> Vec<String> {
    absolute(&record.package.read(), version.imports())
}
