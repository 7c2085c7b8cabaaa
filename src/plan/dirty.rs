//! What is known to differ from what the rest of a module was computed from.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashSet;

use super::FRESH;
use crate::outline::{Import, MATCH_ARGS, Statement, Uses, name_hash, written};

/// Paths (see `outline::Uses`) that changed, each with a clause for the report.
#[derive(Debug, Clone, Default)]
pub struct Dirty {
    /// Names and attributes that have another value: `X`, `m.X`, `C.attr`.
    pub values: BTreeMap<String, String>,
    /// Functions and methods that do something else when called: `f`, `m.f`, `C.method`.
    pub behaviour: BTreeMap<String, String>,
    /// Enumerations that have other members: matters to who looks at the whole, as `list(E)` does,
    /// and not to who reads `E.A`.
    pub contents: BTreeMap<String, String>,
    /// Imports whose module was not there before: see `import_key`.
    pub appeared: BTreeSet<String>,
    /// `from m import X` in the body of a class, where X changed: see `import_key`.
    pub imports: BTreeSet<String>,
    /// Containers, by their paths, in which somebody else put other items. Who only puts something
    /// into them does not read them.
    pub filled: BTreeSet<String>,
    /// Containers that statements made anew, and that are the objects that they were all the same.
    pub refilled: BTreeSet<String>,
    /// Those of the module itself that a module fills which it imports: by the place of that import,
    /// with a clause for the report.
    pub filled_at: BTreeMap<usize, BTreeMap<String, String>>,
    /// Names that the module binds itself and that a star import further down had taken over, which
    /// is gone or stands above now.
    pub unstarred: BTreeSet<String>,
    /// Star imports that stand below statements now whose names they give too, by their places, with
    /// these names.
    pub starred: BTreeMap<usize, BTreeSet<String>>,
    /// Among what acts differently are constructors of classes: see `FRESH`.
    pub makes_others: bool,
    /// The names below which something differs, in the order in which that was learnt.
    news: Vec<(u64, String)>,
    /// The hashes of all that stands between the dots of paths.
    parts: FxHashSet<u64>,
    /// Attributes that a class body binds again, over what later statements made of them:
    /// `C.attr`.
    pub overwritten: BTreeSet<String>,
}

/// Whether a text may call one of the functions that look into definitions.
pub fn may_look(text: &str) -> bool {
    LOOKS.iter().any(|name| {
        text.match_indices(name)
            .any(|(at, _)| text[at + name.len()..].starts_with('('))
    })
}

/// Functions that tell of an object what is in it or how it is declared.
const LOOKS: [&str; 16] = [
    CONFIGURES[0],
    CONFIGURES[1],
    "dir",
    "vars",
    "getattr",
    "hasattr",
    "fields",
    "field_names",
    "signature",
    "getmembers",
    "getdoc",
    "getsource",
    "getfullargspec",
    "get_type_hints",
    "get_annotations",
    "issubclass",
];

/// Methods that configure applications by a class or a module (Flask, Quart, Celery): they take the
/// attributes that are values.
const CONFIGURES: [&str; 2] = ["from_object", "config_from_object"];

/// `Item.<names>` is the path of what is told by which names a class has.
pub(super) const OTHER_NAMES: &str = "<names>";

/// The method that makes a view of a class (Flask, Django), which takes from it what it answers to.
const VIEW: &str = ".as_view";

/// Whether what is called by this path is one of them.
pub fn configures(path: &str) -> bool {
    CONFIGURES.contains(&path.rsplit('.').next().unwrap_or(path))
}

/// Attributes of definitions that differ where they are bound, or generated, or with the bases of a
/// class, and not for what is in the definition.
const FIXED: [&str; 8] = [
    MATCH_ARGS,
    "__name__",
    "__qualname__",
    "__module__",
    "__mro__",
    "__bases__",
    "__base__",
    "__class__",
];

/// Whether what is called by this path is one of them.
pub(super) fn asks(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    LOOKS.contains(&last)
}

/// The same; what configures makes nothing: `Store.from_object(Defaults)` is a constructor.
fn asks_here(uses: &Uses, path: &str) -> bool {
    asks(path) && (uses.binds.is_empty() || !configures(path))
}

/// What a piece of code asks about itself; nothing where it calls nothing that does.
pub(super) fn asked(uses: &Uses) -> impl Iterator<Item = &String> {
    let asks = uses.calls.iter().any(|path| asks_here(uses, path));
    // Arguments of builtins count as called. `state = C(getattr(conf, "x"))` asks nothing of C.
    let mut calls = uses.calls.iter();
    let whole = asks && calls.any(|path| path == "dir" || path == "vars");
    let reads = uses.reads.iter().filter(move |_| asks);
    reads.filter(move |path| whole || !uses.calls.contains(path))
}

/// An import as it is written, for `Dirty::imports`.
pub fn import_key(import: &Import) -> String {
    let name = import.name.as_deref().unwrap_or("");
    format!(
        "{}{}:{name}",
        ".".repeat(import.level as usize),
        import.module
    )
}

impl Dirty {
    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.behaviour.is_empty()
            && self.imports.is_empty()
            && self.overwritten.is_empty()
            && self.contents.is_empty()
            && self.filled_at.is_empty()
            && self.unstarred.is_empty()
            && self.starred.is_empty()
            && self.appeared.is_empty()
    }

    /// How much differs.
    pub fn len(&self) -> usize {
        self.values.len() + self.behaviour.len() + self.contents.len()
    }

    /// The value at `path` differs.
    pub fn value(&mut self, path: impl Into<String>, why: impl Into<String>) {
        if let Entry::Vacant(place) = self.values.entry(path.into()) {
            let root = super::root(place.key()).to_owned();
            self.parts.extend(place.key().split('.').map(name_hash));
            place.insert(why.into());
            self.grow(root);
        }
    }

    /// The container at `path` has other items, which another module put there.
    pub fn fill(&mut self, path: impl Into<String>, why: impl Into<String>) {
        let path = path.into();
        // One that is another object is more than filled: what was done to the one before has to
        // be done again.
        if !self.values.contains_key(&path) {
            self.filled.insert(path.clone());
        }
        self.value(path, why);
    }

    /// A statement made the container at `path` anew: it is the object that it was, and what others had
    /// told it they tell it again.
    pub fn refill(&mut self, path: &str, why: &str) {
        self.refilled.insert(path.to_owned());
        self.filled.remove(path);
        self.value(path, why);
    }

    /// An import stands at this place, of a module that fills containers of this one.
    pub fn imported(&mut self, place: usize) {
        let Some(paths) = self.filled_at.get(&place).cloned() else {
            return;
        };
        for (path, why) in paths {
            self.fill(path, why);
        }
    }

    /// With all that modules fill which are imported, wherever that stands.
    pub fn all_filled(&mut self) {
        let places: Vec<usize> = self.filled_at.keys().copied().collect();
        for place in places {
            self.imported(place);
        }
    }

    /// What a statement imports counts again below it, also where one above had given the name a
    /// value of its own: `LEVEL = 1`, `from local import *`.
    pub fn imported_over(&mut self, statement: &Statement, outside: &Self) {
        if statement.imports.is_empty() || outside.is_empty() {
            return;
        }
        let here = |path: &str| {
            let name = super::root(path);
            let mut imports = statement.imports.iter();
            imports.any(|import| import.bound == name || import.bound == "*")
        };
        for (path, why) in outside.values.iter().filter(|(path, _)| here(path)) {
            self.value(path, why);
        }
        for (path, why) in outside.contents.iter().filter(|(path, _)| here(path)) {
            self.contents
                .entry(path.clone())
                .or_insert_with(|| why.clone());
        }
    }

    /// The function at `path` does something else.
    pub fn acts(&mut self, path: impl Into<String>, why: impl Into<String>) {
        let path = path.into();
        self.makes_others |= path.ends_with(FRESH);
        if let Entry::Vacant(place) = self.behaviour.entry(path) {
            let root = super::root(place.key()).to_owned();
            self.parts.extend(place.key().split('.').map(name_hash));
            place.insert(why.into());
            self.grow(root);
        }
    }

    /// The body of a class runs again, these statements of it: what the module made of the
    /// attributes they bind is to be made of them again.
    pub fn overwrite<'s>(&mut self, class: &str, members: impl IntoIterator<Item = &'s Statement>) {
        let names = members.into_iter().flat_map(|member| &member.uses.binds);
        self.overwritten
            .extend(names.map(|name| format!("{class}.{name}")));
    }

    /// What is at `path` has other entries.
    pub fn has_others(&mut self, path: impl Into<String>, why: impl Into<String>) {
        if let Entry::Vacant(place) = self.contents.entry(path.into()) {
            let root = super::root(place.key()).to_owned();
            self.parts.extend(place.key().split('.').map(name_hash));
            place.insert(why.into());
            self.grow(root);
        }
    }

    /// Why a piece of code that asks definitions about themselves gets another answer.
    pub(super) fn looked_into(&self, uses: &Uses) -> Option<String> {
        let mut asking = uses.calls.iter().filter(|path| asks_here(uses, path));
        let values_alone = asking.all(|path| configures(path));
        let differs = |path: &str| match values_alone {
            true => self.value_within(path),
            false => self.differs_within(path),
        };
        // `Item.as_view("item")`
        let views = uses.calls.iter().filter_map(|path| path.strip_suffix(VIEW));
        let other_names = |class: &str| self.behaviour.get(&format!("{class}.{OTHER_NAMES}"));
        let answers = |class: &str| self.value_within(class).or_else(|| other_names(class));
        let views = views.filter_map(|class| Some((class, answers(class)?)));
        asked(uses)
            .filter_map(|path| Some((path.as_str(), differs(path)?)))
            .chain(views)
            .map(|(path, why)| format!("looks into {path}, {why}"))
            .next()
    }

    /// More differs than before, below this name.
    fn grow(&mut self, root: String) {
        static STAMPS: AtomicU64 = AtomicU64::new(0);
        self.news
            .push((1 + STAMPS.fetch_add(1, Ordering::Relaxed), root));
    }

    /// Whether this stands anywhere in a path that differs, or once did.
    pub fn mentions(&self, part: &str) -> bool {
        self.parts.contains(&name_hash(part))
    }

    /// A number for what differs: as long as it is the same, no more differs than did.
    pub fn stamp(&self) -> u64 {
        self.news.last().map_or(0, |(stamp, _)| *stamp)
    }

    /// The names below which more differs than when this was the stamp; `None` where that was not one
    /// of what differs here.
    pub(super) fn news(&self, stamp: u64) -> Option<impl Iterator<Item = &str>> {
        let at = match stamp {
            0 => 0,
            _ => {
                1 + self
                    .news
                    .binary_search_by_key(&stamp, |(stamp, _)| *stamp)
                    .ok()?
            }
        };
        Some(self.news[at..].iter().map(|(_, root)| root.as_str()))
    }

    /// Takes over what another one says to others.
    pub fn append(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
        self.behaviour.append(&mut other.behaviour);
        self.makes_others |= other.makes_others;
        self.contents.append(&mut other.contents);
        self.filled.append(&mut other.filled);
        self.parts.extend(&other.parts);
        self.news.clear();
        self.grow(String::new());
    }

    /// The same without these paths: another set, of which nothing is settled yet.
    #[must_use]
    pub fn without(&self, gone: impl Fn(&str) -> bool) -> Self {
        let mut out = self.clone();
        out.values.retain(|path, _| !gone(path));
        out.behaviour.retain(|path, _| !gone(path));
        out.contents.retain(|path, _| !gone(path));
        out.news.clear();
        out.grow(String::new());
        out
    }

    /// Whether what is read by this path, or on the way to it, is said to differ in any way.
    pub fn touches(&self, path: &str) -> bool {
        prefixes(path).any(|prefix| {
            self.values.contains_key(prefix)
                || self.contents.contains_key(prefix)
                || self.differs_within(prefix).is_some()
        })
    }

    /// The roots of all paths.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        let paths = self.values.keys().chain(self.behaviour.keys());
        let paths = paths.chain(self.contents.keys());
        let paths = paths.chain(self.filled_at.values().flat_map(BTreeMap::keys));
        paths.map(|path| path.split('.').next().unwrap_or(path))
    }

    /// Whether a class, or a statement of its body, imports a name that changed.
    pub fn reimports(&self, statement: &Statement) -> bool {
        !self.imports.is_empty()
            && (statement
                .imports
                .iter()
                .any(|i| self.imports.contains(&import_key(i)))
                || statement.body.iter().any(|s| self.reimports(s)))
    }

    /// The name was bound anew, to what it was bound before: nothing below it differs.
    pub fn clean(&mut self, name: &str) {
        let prefix = format!("{name}.");
        self.values
            .retain(|path, _| path != name && !path.starts_with(&prefix));
        self.contents.remove(name);
        self.filled.remove(name);
        self.refilled.remove(name);
    }

    /// The name is bound to what it was bound before, which may have changed inside.
    pub fn same(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Whether one of these paths, or what is on the way to it, has another value.
    pub fn reads_any(&self, paths: &[String]) -> bool {
        let mut paths = paths.iter();
        paths.any(|path| prefixes(path).any(|prefix| self.values.contains_key(prefix)))
    }

    /// Whether others have only filled what is at a path, and these fill it themselves:
    /// `Animal.names.append(name)`.
    pub(super) fn only_filled(&self, path: &str, by: &Uses) -> bool {
        self.filled.contains(path) && by.writes.iter().any(|written| written == path)
    }

    /// The reason why one of the values read differs.
    pub(super) fn reads(&self, uses: &Uses) -> Option<String> {
        self.read_by(uses, &[])
    }

    /// The same. What others have told those that are `told` of something, too, does not matter for
    /// that: `app.add(x)`, `@app.route("/")`.
    pub(super) fn read_by(&self, uses: &Uses, told: &[String]) -> Option<String> {
        let fills = |path: &String, prefix: &str| {
            let root = prefix.split('.').next().unwrap_or(prefix);
            let owner = || {
                path.rsplit_once('.')
                    .is_some_and(|(owner, _)| owner == prefix)
            };
            self.filled.contains(prefix)
                && (uses.mutates.iter().any(|name| name == root) || owner() && told.contains(path))
        };
        uses.reads.iter().find_map(|path| {
            prefixes(path)
                .find_map(|prefix| self.values.get(prefix).filter(|_| !fills(path, prefix)))
                .or_else(|| self.contents.get(path))
                .or_else(|| self.describes(path))
                .map(|why| format!("reads {}, {why}", written(path)))
        })
    }

    /// `f.__doc__`, `C.__annotations__`, `P._fields`, `f.__code__.co_argcount`: what a definition says
    /// of itself.
    fn describes(&self, path: &str) -> Option<&String> {
        path.match_indices('.').find_map(|(at, _)| {
            let rest = path[at + 1..].strip_prefix('_')?;
            let part = rest.split('.').next()?;
            if FIXED
                .iter()
                .any(|fixed| fixed.strip_prefix('_') == Some(part))
            {
                return None;
            }
            let special = part == "fields" || (part.starts_with('_') && part.ends_with("__"));
            special.then(|| self.differs_within(&path[..at])).flatten()
        })
    }

    /// Why a definition, or something in it, is another one.
    pub(super) fn differs_within(&self, definition: &str) -> Option<&String> {
        let maps = [&self.behaviour, &self.values].into_iter();
        maps.filter_map(|map| first_within(map, definition)).next()
    }

    /// The same of what has another value alone.
    fn value_within(&self, definition: &str) -> Option<&String> {
        first_within(&self.values, definition)
    }
}

fn first_within<'m>(map: &'m BTreeMap<String, String>, definition: &str) -> Option<&'m String> {
    let prefix = format!("{definition}.");
    map.get(definition).or_else(|| {
        let first = map.range(prefix.clone()..).next();
        let first = first.filter(|(path, _)| path.starts_with(&prefix));
        first.map(|(_, why)| why)
    })
}

/// `a.b.c` -> `a`, `a.b`, `a.b.c`.
pub(super) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.')
        .map(|(at, _)| &path[..at])
        .chain(std::iter::once(path))
}
