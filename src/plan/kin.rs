//! What making a class tells those that it is derived from: their `__subclasses__()`, and what an
//! `__init_subclass__` or a metaclass collects; and what bases tell what is derived from them.

use std::collections::{BTreeMap, BTreeSet};

use super::remade::MAKERS;
use super::{Dirty, Functions, root};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement, Value};

impl Functions<'_> {
    /// Paths that may mean or hold something else once this class was made, or is gone.
    pub fn told_of(&self, class: &Statement) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        if class.kind != Kind::Class || class.head.reads.is_empty() {
            return out;
        }
        // Decorators stand among what the header reads, and no class is one of theirs.
        let decorates = |path: &String| class.applied.iter().any(|(applied, _)| applied == path);
        for base in class.head.reads.iter().filter(|path| !decorates(path)) {
            out.insert(format!("{base}.__subclasses__"));
            let line = self.lineage(base);
            for class in std::iter::once(&**base).chain(line.iter().copied()) {
                if self.at(class).is_empty() {
                    self.asked_of(class, &mut out);
                }
            }
        }
        let (_, makers) = self.made_through(class);
        out.extend(self.parts_filled(&makers));
        out.extend(self.tables_of(class));
        out
    }

    /// The classes that have a say when this one is made, and the paths of what they say it with.
    fn made_through<'n>(&self, class: &'n Statement) -> (BTreeSet<&'n str>, Vec<String>)
    where
        Self: 'n,
    {
        let mut makers: Vec<String> = Vec::new();
        let mut metas: BTreeSet<&str> = BTreeSet::from([&*class.metaclass]);
        let mut out: BTreeSet<&str> = BTreeSet::new();
        for base in &class.head.reads {
            let line = self.lineage(base);
            for class in std::iter::once(&**base).chain(line.iter().copied()) {
                let found = self.at(class);
                makers.push(format!("{class}.__init_subclass__"));
                metas.extend(found.iter().map(|class| &*class.metaclass));
                out.insert(class);
            }
        }
        for meta in metas.into_iter().filter(|meta| !meta.is_empty()) {
            makers.extend(MAKERS.map(|maker| format!("{meta}.{maker}")));
            out.insert(meta);
        }
        (out, makers)
    }

    /// Tables of classes into which they may put this one when it is made, without naming
    /// themselves there: `cls.known[name] = cls`.
    pub fn tables_of(&self, class: &Statement) -> BTreeSet<String> {
        let (classes, makers) = self.made_through(class);
        let made = makers.iter().flat_map(|maker| self.at(maker));
        let members: BTreeSet<&String> = made.flat_map(|maker| &maker.later.members).collect();
        let mut out = BTreeSet::new();
        for class in classes.iter().filter(|_| !members.is_empty()) {
            let body = self.at(class).into_iter().flat_map(|class| &class.body);
            let tables = body.filter(|s| s.kind == Kind::Assign && s.value == Value::Container);
            let tables = tables.filter(|table| members.contains(&table.name));
            out.extend(tables.map(|table| format!("{class}.{}", table.name)));
        }
        out
    }

    /// What calling these may change in place: of a class that has a table the table counts, and not
    /// who derives from the class.
    pub(super) fn parts_filled(&self, calls: &[String]) -> BTreeSet<String> {
        let mut out = self.writes(calls);
        let whole = self.mutations(calls).into_iter();
        let whole = whole.filter(|name| !self.defines_class(name));
        let whole = whole.filter(|name| out.iter().all(|path| root(path) != name));
        let whole: Vec<String> = whole.collect();
        out.extend(whole);
        out
    }

    /// What the module asks of a class that another module defines, `Base.registry`, and of what else
    /// it has from there: the metaclass, perhaps.
    fn asked_of(&self, class: &str, out: &mut BTreeSet<String>) {
        let (index, body) = (self.outline().index(), &self.outline().body);
        let imports = index.importing(body).into_iter();
        let imports: Vec<_> = imports.flat_map(|at| &body[at].imports).collect();
        let own = imports.iter().find(|import| import.bound == root(class));
        let Some(own) = own else { return };
        let beside = imports
            .iter()
            .filter(|i| i.module == own.module && i.level == own.level);
        for name in beside.map(|import| &import.bound) {
            for at in index.readers(body, name) {
                let reads = body[at].uses.reads.iter();
                let below = reads.filter(|path| path.contains('.') && root(path) == name);
                out.extend(below.cloned());
            }
        }
    }
}

impl Functions<'_> {
    /// Members of base classes are members of what is derived from them, and of instances that
    /// names are bound to: those paths too, for others who know only the name.
    /// Only for what these names mean.
    pub fn derive(&self, dirty: &mut Dirty, names: &BTreeSet<String>) {
        // A property is called where it is read.
        let property = |s: &&Statement| {
            s.kind == Kind::Function && s.uses.calls.iter().any(|c| c.ends_with("property"))
        };
        let read: Vec<(String, String)> = dirty
            .behaviour
            .iter()
            .filter(|(path, _)| path.contains('.') && self.at(path).iter().any(property))
            .map(|(path, why)| (path.clone(), why.clone()))
            .collect();
        for (path, why) in read {
            dirty.value(path, why);
        }
        let paths = self.paths(names.iter().map(String::as_str));
        let mut derived: Vec<(&str, Vec<&str>)> = Vec::new();
        for path in &paths {
            let found = self.at(path);
            if found.is_empty() || found.iter().any(|s| s.kind == Kind::Class) {
                derived.push((path, self.bases(path)));
            } else if !path.contains('.') {
                // `load().get()`, where that makes an instance.
                derived.push((path, self.makes(path)));
            }
        }
        derived.retain(|(_, bases)| !bases.is_empty());
        self.has_inside(names, dirty);
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
            found
                .0
                .into_iter()
                .for_each(|(path, why)| dirty.value(path, why));
            found
                .1
                .into_iter()
                .for_each(|(path, why)| dirty.acts(path, why));
            if dirty.values.len() + dirty.behaviour.len() == before {
                break;
            }
        }
    }

    /// `self.screen = Screen()` in a constructor: who has only the object around it reads that of what
    /// is inside.
    fn has_inside(&self, names: &BTreeSet<String>, dirty: &mut Dirty) {
        let (index, body) = (self.outline().index(), &self.outline().body);
        for name in names.iter().filter(|name| self.defines_class(name)) {
            for at in index.later(body, name) {
                let around = &body[at];
                if around.kind != Kind::Class
                    || !self.made_inside(&around.name).contains(&name.as_str())
                {
                    continue;
                }
                let plain = |(path, _): &(String, String)| {
                    path.rsplit('.').next().is_some_and(|last| {
                        !last.starts_with("__") || matches!(last, "__repr__" | "__str__")
                    })
                };
                let values = self.inherit(&around.name, name, &dirty.values);
                let acting = self.inherit(&around.name, name, &dirty.behaviour);
                for (path, why) in values.into_iter().filter(plain) {
                    dirty.value(path, why);
                }
                for (path, why) in acting.into_iter().filter(plain) {
                    dirty.acts(path, why);
                }
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
            .filter(|(path, _)| self.at(path).is_empty())
            .collect()
    }
}

/// The lists of subclasses that a class leaves, since it is derived from others now.
pub(super) fn left<'s>(
    was: Option<&'s Statement>,
    now: &'s Statement,
) -> impl Iterator<Item = String> + use<'s> {
    let class = |s: &Statement| s.kind == Kind::Class;
    let was = was.filter(|was| class(was) && class(now));
    let bases = was.into_iter().flat_map(|was| &was.head.reads);
    let gone = bases.filter(|base| !now.head.reads.contains(base));
    gone.map(|base| format!("{base}.__subclasses__"))
}

/// What classes that came, went, are derived from others or act differently now, tell: see `told_of`.
pub(super) fn told(old: &Outline, new: &Outline, changes: &Changes) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let class = |s: &&Statement| s.kind == Kind::Class;
    let mut gone: Vec<&Statement> = changes.removed.iter().map(|at| &old.body[*at]).collect();
    let mut made = Vec::new();
    for change in &changes.items {
        if matches!(change.what, What::Added | What::Changed | What::Header(_)) {
            made.push(&new.body[change.new]);
            gone.extend(change.old.map(|at| &old.body[at]));
        } else if matches!(change.what, What::Inner(_)) {
            made.push(&new.body[change.new]);
        }
    }
    for (outline, classes) in [(old, gone), (new, made)] {
        let mut classes = classes.into_iter().filter(class).peekable();
        if classes.peek().is_some() {
            let functions = Functions::of(outline);
            out.extend(classes.flat_map(|class| functions.told_of(class)));
        }
    }
    out
}

/// Whether something reads what is at one of these paths, or below.
pub(super) fn reads_one<'p>(mut reads: impl Iterator<Item = &'p String>, path: &str) -> bool {
    reads.any(|read| {
        let rest = read.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
