//! Classes that were given something when they were made of what their bases have: by a metaclass
//! that goes through those, or by the `__init_subclass__` of one.

use std::collections::BTreeSet;

use super::inside::all_sets;
use super::remade::{MADE, MAKERS};
use super::{Dirty, Functions, root};
use crate::diff::What;
use crate::outline::{Kind, Statement, Value};

/// Asks what makes classes of a metaclass, where a path names one with this behind it.
const META: &str = ".<meta>";

/// Attributes by which code comes from a class to its bases.
const TO_BASES: [&str; 5] = [
    "__base__",
    "__bases__",
    "__mro__",
    "mro",
    "__getattribute__",
];

impl Functions<'_> {
    /// Tells what is derived from a class, and made by what goes through its bases, that those have
    /// something else: it is made in another way then.
    pub(super) fn tell_found(&self, class: &Statement, what: &What, dirty: &mut Dirty) {
        let annotates = annotates_others(class, what);
        let nothing = dirty.values.is_empty() && dirty.contents.is_empty();
        if class.kind != Kind::Class || nothing && !annotates {
            return;
        }
        let prefix = format!("{}.", class.name);
        let inside = dirty.values.range(prefix.clone()..).next();
        let inside = inside.filter(|(path, _)| path.starts_with(&prefix));
        let why = inside.map(|(_, why)| why);
        let why = why.or_else(|| dirty.contents.get(&class.name)).cloned();
        let own = || format!("which changed on line {}", class.span.line);
        if let Some(why) = why.or_else(|| annotates.then(own))
            && self.collects(&class.name)
        {
            dirty.acts(format!("{}.{MADE}", class.name), why);
        }
    }

    /// Whether what makes the classes that are derived from the one at this path goes through what
    /// they are derived from.
    pub fn collects(&self, path: &str) -> bool {
        if let Some(meta) = path.strip_suffix(META) {
            return self.meta_collects(meta);
        }
        let lineage = self.lineage(path);
        let line = || std::iter::once(path).chain(lineage.iter().copied());
        line().any(|class| {
            let found = self.at(class);
            if found.is_empty() {
                let mut imports = self.imports(root(class));
                return imports.any(|import| self.elsewhere.collects(import, class));
            }
            let told = self.goes_through(&format!("{class}.__init_subclass__"), line());
            told || found.iter().any(|class| {
                let meta = &*class.metaclass;
                !meta.is_empty() && self.meta_collects(meta)
            })
        })
    }

    fn meta_collects(&self, meta: &str) -> bool {
        let lineage = self.lineage(meta);
        let line = || std::iter::once(meta).chain(lineage.iter().copied());
        line().any(|class| {
            if self.at(class).is_empty() {
                let mut imports = self.imports(root(class));
                let path = format!("{class}{META}");
                return imports.any(|import| self.elsewhere.collects(import, &path));
            }
            let mut makers = MAKERS.iter();
            makers.any(|maker| {
                let maker = format!("{class}.{maker}");
                self.at(&maker).iter().any(|maker| maker.asks_bases)
                    || self.goes_through(&maker, line())
            })
        })
    }

    /// Whether what makes a class comes from it to its bases: by their list, by all that it has, or by
    /// an attribute that it reads, from a base then, and sets.
    fn goes_through<'n>(&self, maker: &str, line: impl Iterator<Item = &'n str>) -> bool {
        if self.at(maker).is_empty() {
            return false;
        }
        let maker = maker.to_owned();
        let mut sets: BTreeSet<&str> = BTreeSet::new();
        let bodies = self.bodies(std::slice::from_ref(&maker));
        for body in bodies.iter() {
            all_sets(body, &mut sets);
            let later = &body.later;
            let mut members = later.members.iter();
            if members.any(|name| TO_BASES.contains(&name.as_str()))
                || later.calls.iter().any(|path| is_called(path, "dir"))
                || later.calls.iter().any(|path| is_called(path, "getmembers"))
            {
                return true;
            }
        }
        // `cls.known[name] = cls`: a table of the base is one for all.
        let tables: BTreeSet<&str> = line
            .flat_map(|class| self.at(class))
            .flat_map(|class| &*class.body)
            .filter(|member| member.kind == Kind::Assign && member.value == Value::Container)
            .map(|member| member.name.as_str())
            .collect();
        let mut members = bodies.iter().flat_map(|body| &body.later.members);
        members.any(|name| sets.contains(name.as_str()) && !tables.contains(name.as_str()))
    }
}

/// Whether a class has other annotations: a field without a value binds nothing.
fn annotates_others(class: &Statement, what: &What) -> bool {
    let (What::Inner(inner) | What::Header(Some(inner))) = what else {
        return false;
    };
    let mut changed = inner.items.iter().filter(|c| c.what != What::Same);
    !inner.removed.is_empty() || changed.any(|c| class.body[c.new].kind == Kind::Annotation)
}

fn is_called(path: &str, name: &str) -> bool {
    path.rsplit('.').next() == Some(name)
}
