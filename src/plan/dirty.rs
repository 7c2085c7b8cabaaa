//! What is known to differ from what the rest of a module was computed from.

use std::collections::{BTreeMap, BTreeSet};

use crate::outline::{Import, Kind, Outline, Statement, Uses};

/// Paths (see `outline::Uses`) that changed, each with a clause for the report.
#[derive(Debug, Clone, Default)]
pub struct Dirty {
    /// Names and attributes that have another value: `X`, `m.X`, `C.attr`.
    pub values: BTreeMap<String, String>,
    /// Functions and methods that do something else when called: `f`, `m.f`, `C.method`.
    pub behaviour: BTreeMap<String, String>,
    /// Names that an import statement binds and whose module was not there before.
    pub appeared: BTreeSet<String>,
    /// `from m import X` in the body of a class, where X changed: see `import_key`.
    pub imports: BTreeSet<String>,
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
        self.values.is_empty() && self.behaviour.is_empty() && self.imports.is_empty()
    }

    /// The value at `path` differs.
    pub fn value(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.values.entry(path.into()).or_insert_with(|| why.into());
    }

    /// The function at `path` does something else.
    pub fn acts(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.behaviour
            .entry(path.into())
            .or_insert_with(|| why.into());
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
    }

    /// The reason why one of the values read differs.
    fn reads(&self, paths: &[String]) -> Option<String> {
        paths.iter().find_map(|path| {
            prefixes(path)
                .find_map(|prefix| self.values.get(prefix))
                .map(|why| format!("reads {path}, {why}"))
        })
    }
}

/// `a.b.c` -> `a`, `a.b`, `a.b.c`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.')
        .map(|(at, _)| &path[..at])
        .chain(std::iter::once(path))
}

/// The functions that a module defines, by the path under which its own code calls them.
pub struct Functions<'a> {
    by_path: BTreeMap<String, Vec<&'a Statement>>,
    /// Names that are bound to what a call gave, most often an instance: what was called.
    made_by: BTreeMap<&'a str, &'a [String]>,
    /// What the statement reads that bound a name: `run = partial(work, 1)`, `alias = work`.
    from: BTreeMap<&'a str, &'a [String]>,
}

impl<'a> Functions<'a> {
    /// Indexes the functions and methods of a module.
    pub fn of(outline: &'a Outline) -> Self {
        let mut by_path = BTreeMap::new();
        index(&outline.body, "", &mut by_path);
        let made_by = outline
            .body
            .iter()
            .filter(|s| s.kind == Kind::Assign && !s.name.is_empty() && !s.uses.calls.is_empty())
            .map(|s| (s.name.as_str(), s.uses.calls.as_slice()))
            .collect();
        let from = outline
            .body
            .iter()
            .filter(|s| s.kind == Kind::Assign && !s.name.is_empty())
            .map(|s| (s.name.as_str(), s.uses.reads.as_slice()))
            .collect();
        Self {
            by_path,
            made_by,
            from,
        }
    }

    /// The paths of all functions of the module.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    /// Names that assignments bind: other names for functions, among others.
    pub fn assigned(&self) -> impl Iterator<Item = &str> {
        self.from
            .keys()
            .copied()
            .filter(|name| !self.by_path.contains_key(*name))
    }

    /// The paths of those that something may have wrapped: decorated ones, and names that are
    /// bound to what a call gave.
    pub fn wrapped(&self) -> impl Iterator<Item = &str> {
        let wrapped = |s: &&Statement| s.decorators != 0 || s.kind == Kind::Assign;
        self.by_path
            .iter()
            .filter(move |(_, found)| found.iter().any(wrapped))
            .map(|(path, _)| path.as_str())
    }

    /// Names that calling these paths may write with `global`.
    pub fn global_writes(&self, calls: &[String]) -> BTreeSet<String> {
        self.reach(calls, |uses| &uses.global_writes)
    }

    /// Names whose object calling these paths may change in place.
    pub fn mutations(&self, calls: &[String]) -> BTreeSet<String> {
        self.reach(calls, |uses| &uses.mutates)
    }

    fn reach(&self, calls: &[String], what: fn(&Uses) -> &Vec<String>) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&str> = calls.iter().map(String::as_str).collect();
        while let Some(path) = todo.pop() {
            if !seen.insert(path) {
                continue;
            }
            for function in self.called(path) {
                out.extend(what(&function.later).iter().cloned());
                todo.extend(function.later.calls.iter().map(String::as_str));
            }
        }
        out
    }

    /// The bodies that run when `path` is called. A class stands for its constructors.
    fn called(&self, path: &str) -> Vec<&'a Statement> {
        let mut out: Vec<&Statement> = Vec::new();
        for statement in self.by_path.get(path).into_iter().flatten() {
            if statement.kind == Kind::Class {
                for name in ["__init__", "__new__", "__post_init__"] {
                    if let Some(found) = self.by_path.get(&format!("{path}.{name}")) {
                        out.extend(found.iter().copied().filter(|s| s.kind == Kind::Function));
                    }
                }
            } else {
                out.push(statement);
            }
        }
        out
    }

    /// Why calling one of `calls` now gives something else than it did at import.
    pub fn acts_differently(&self, calls: &[String], dirty: &Dirty) -> Option<String> {
        if dirty.is_empty() {
            return None;
        }
        let mut seen = BTreeSet::new();
        calls
            .iter()
            .find_map(|path| self.differs(path, dirty, &mut seen))
    }

    /// `Kid.SIZE`, where SIZE is an attribute of the base.
    fn inherited(&self, reads: &[String], dirty: &Dirty) -> Option<String> {
        reads
            .iter()
            .filter(|p| p.contains('.'))
            .find_map(|p| self.value_differs(p, dirty, 0))
    }

    fn differs(&self, path: &str, dirty: &Dirty, seen: &mut BTreeSet<String>) -> Option<String> {
        if let Some(why) = dirty.behaviour.get(path) {
            return Some(format!("calls {path}, {why}"));
        }
        if !seen.insert(path.to_owned()) {
            return None;
        }
        // `b = Builder()`, then `b.build()`.
        if let Some((name, method)) = path.split_once('.')
            && let Some(makers) = self.made_by.get(name)
        {
            for maker in *makers {
                if let Some(why) = dirty.behaviour.get(&format!("{maker}.{method}")) {
                    return Some(format!("calls {path}, {why}"));
                }
            }
        }
        // Called under another name, or through an object made from it.
        if let Some(reads) = self.from.get(path) {
            for read in *reads {
                if let Some(why) = self.differs(read, dirty, seen) {
                    return Some(why);
                }
            }
        }
        // A method that the class has from a base.
        if let Some((class, member)) = path.rsplit_once('.')
            && !self.by_path.contains_key(path)
        {
            for base in self.bases(class) {
                if let Some(why) = self.differs(&format!("{base}.{member}"), dirty, seen) {
                    return Some(why);
                }
            }
        }
        for function in self.called(path) {
            if let Some(why) = dirty.reads(&function.later.reads) {
                return Some(format!("calls {path}, which {why}"));
            }
            for inner in &function.later.calls {
                if let Some(why) = self.differs(inner, dirty, seen) {
                    return Some(format!("calls {path}, which {why}"));
                }
            }
            // `self.other()`, `Builder().build()`, `cls.SIZE`.
            let own = path.rsplit_once('.').map(|(class, _)| class);
            if let Some(why) = self.member_differs(&function.later, own, dirty, seen) {
                return Some(format!("calls {path}, which {why}"));
            }
        }
        None
    }

    /// Attributes of instances: of the class itself (`own`), and of the classes that are named.
    fn member_differs(
        &self,
        uses: &Uses,
        own: Option<&str>,
        dirty: &Dirty,
        seen: &mut BTreeSet<String>,
    ) -> Option<String> {
        if uses.members.is_empty() {
            return None;
        }
        let made: BTreeSet<&str> = uses
            .reads
            .iter()
            .filter_map(|path| self.made_by.get(path.split('.').next().unwrap_or(path)))
            .flat_map(|makers| makers.iter().map(String::as_str))
            .collect();
        let classes = own
            .into_iter()
            .chain(uses.calls.iter().map(String::as_str))
            .chain(made);
        let mut classes: BTreeSet<&str> = classes.collect();
        if uses.calls.iter().any(|p| p == "super") {
            classes.extend(own.into_iter().flat_map(|class| self.bases(class)));
        }
        for class in classes {
            for member in &uses.members {
                let path = format!("{class}.{member}");
                if let Some(why) = self.value_differs(&path, dirty, 0) {
                    return Some(why);
                }
                if let Some(why) = self.differs(&path, dirty, seen) {
                    return Some(why);
                }
            }
        }
        None
    }

    /// A class attribute, also one that comes from a base.
    fn value_differs(&self, path: &str, dirty: &Dirty, depth: usize) -> Option<String> {
        if let Some(why) = dirty.values.get(path) {
            return Some(format!("reads {path}, {why}"));
        }
        let (class, member) = path.rsplit_once('.')?;
        if depth > 16 {
            return None;
        }
        self.bases(class)
            .into_iter()
            .find_map(|base| self.value_differs(&format!("{base}.{member}"), dirty, depth + 1))
    }

    /// The paths that the header of a class reads: its bases, among others. For a name that is
    /// bound to a class or an instance of one: the class.
    fn bases(&self, class: &str) -> Vec<&'a str> {
        let found = self.by_path.get(class).into_iter().flatten();
        let named = self.from.get(class).into_iter().copied().flatten();
        found
            .filter(|s| s.kind == Kind::Class)
            .flat_map(|s| &s.head.reads)
            .chain(named)
            .map(String::as_str)
            .collect()
    }

    /// Members of base classes are members of what is derived from them, and of instances that
    /// names are bound to: those paths too, for others who know only the name.
    pub fn derive(&self, dirty: &mut Dirty) {
        let mut derived: Vec<(&str, Vec<&str>)> = Vec::new();
        let classes = self.by_path.iter();
        let classes = classes.filter(|(_, found)| found.iter().any(|s| s.kind == Kind::Class));
        for name in classes
            .map(|(path, _)| path.as_str())
            .chain(self.assigned())
        {
            derived.push((name, self.bases(name)));
        }
        derived.retain(|(_, bases)| !bases.is_empty());
        // As deep as classes are derived in one module; the order of names is not that of bases.
        for _ in 0..16 {
            let mut found = (Vec::new(), Vec::new());
            for (name, bases) in &derived {
                for base in bases {
                    found.0.extend(self.inherit(name, base, &dirty.values));
                    found.1.extend(self.inherit(name, base, &dirty.behaviour));
                }
            }
            let before = dirty.values.len() + dirty.behaviour.len();
            found.0.into_iter().for_each(|(path, why)| dirty.value(path, why));
            found.1.into_iter().for_each(|(path, why)| dirty.acts(path, why));
            if dirty.values.len() + dirty.behaviour.len() == before {
                break;
            }
        }
    }

    fn inherit(
        &self,
        name: &str,
        base: &str,
        paths: &BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        let prefix = format!("{base}.");
        let inside = paths.range(prefix.clone()..);
        inside
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, why)| (format!("{name}.{}", &path[prefix.len()..]), why.clone()))
            .filter(|(path, _)| !self.by_path.contains_key(path))
            .collect()
    }
}

fn index<'a>(body: &'a [Statement], prefix: &str, out: &mut BTreeMap<String, Vec<&'a Statement>>) {
    for statement in body {
        match statement.kind {
            Kind::Function => {
                out.entry(format!("{prefix}{}", statement.name))
                    .or_default()
                    .push(statement);
            }
            Kind::Class => {
                let path = format!("{prefix}{}", statement.name);
                index(&statement.body, &format!("{path}."), out);
                out.entry(path).or_default().push(statement);
            }
            Kind::Compound => index(&statement.body, prefix, out),
            // `double = lambda x: ...` and `run = partial(f, 1)` are called by their name too.
            Kind::Assign if !statement.name.is_empty() && !statement.later.reads.is_empty() => {
                out.entry(format!("{prefix}{}", statement.name))
                    .or_default()
                    .push(statement);
            }
            _ => {}
        }
    }
}

/// Why a class must be made again though its own text stands: what makes classes of it differs.
pub fn remade(statement: &Statement, dirty: &Dirty) -> Option<String> {
    if statement.kind != Kind::Class || dirty.behaviour.is_empty() {
        return None;
    }
    // `__init__` is left out: of a base it makes instances, and only of a metaclass classes.
    const MAKERS: [&str; 3] = ["__new__", "__prepare__", "__init_subclass__"];
    statement.head.reads.iter().find_map(|base| {
        MAKERS.iter().find_map(|maker| {
            let why = dirty.behaviour.get(&format!("{base}.{maker}"))?;
            Some(format!("is made by {base}.{maker}, {why}"))
        })
    })
}

/// Why a statement that did not change must run again, or `None`.
pub fn affected(uses: &Uses, functions: &Functions<'_>, dirty: &Dirty) -> Option<String> {
    if dirty.is_empty() {
        return None;
    }
    dirty
        .reads(&uses.reads)
        .or_else(|| functions.acts_differently(&uses.calls, dirty))
        .or_else(|| functions.inherited(&uses.reads, dirty))
        .or_else(|| functions.member_differs(uses, None, dirty, &mut BTreeSet::new()))
}
