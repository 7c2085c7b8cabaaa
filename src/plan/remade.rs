//! Classes that stand as they are and are made in another way all the same: by a metaclass, or by
//! the `__init_subclass__` of a base, that acts differently.

use std::collections::BTreeSet;

use super::parts::GENERATES;
use super::{Dirty, Functions};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};

/// What of a metaclass has a say when it makes a class.
pub(super) const MAKERS: [&str; 3] = ["__new__", "__init__", "__prepare__"];

/// Stands for the way in which a metaclass makes classes, as an attribute of it.
const MAKES: &str = "<makes>";

/// Stands for the way in which a class was made, as an attribute of it: what is derived from it is
/// made in the same way.
pub(super) const MADE: &str = "<made>";

/// Classes of which bases say which names they have, in their own bodies and in those of their bases,
/// when they are made; and what stands for those names, as an attribute of the class. Of what is
/// derived from a protocol only other protocols list its names.
const LISTERS: [(&str, &str); 2] = [("TypedDict", "<keys>"), (PROTOCOL, "<names>")];
const PROTOCOL: &str = "Protocol";

/// Bases whose classes make their instances, the members, once, when they are made themselves.
const ENUMERATIONS: [&str; 6] = ["Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "ReprEnum"];

/// What of an enumeration makes its members.
const MAKE_MEMBERS: [&str; 2] = ["__init__", "__new__"];

/// Whether a class says itself that it is an enumeration.
pub(super) fn is_enumeration(class: &Statement) -> bool {
    let known = |base: &String| ENUMERATIONS.iter().any(|known| is_called(base, known));
    class.kind == Kind::Class && class.head.reads.iter().any(known)
}

fn is_called(path: &str, name: &str) -> bool {
    path.rsplit('.').next() == Some(name)
}

/// Why a class lists other names though its own text stands: a base does. And what stands for those.
fn lists_others(class: &Statement, dirty: &Dirty) -> Option<(String, &'static str)> {
    if class.kind != Kind::Class || dirty.is_empty() {
        return None;
    }
    let bases = &class.head.reads;
    let protocol = bases.iter().any(|base| is_called(base, PROTOCOL));
    let mut lists = LISTERS.iter().filter(|(by, _)| protocol || *by != PROTOCOL);
    lists.find_map(|&(_, names)| {
        let told = |base: &String| dirty.behaviour.get(&format!("{base}.{names}"));
        let base = bases.iter().find(|base| told(base).is_some())?;
        Some((format!("is derived from {base}, {}", told(base)?), names))
    })
}

impl<'a> Functions<'a> {
    /// Why a class must be made again though its own text stands: what makes classes of it differs.
    pub fn remade(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        let made = self.made_otherwise(statement, dirty);
        made.or_else(|| Some(lists_others(statement, dirty)?.0))
    }

    /// The same of a class in the body of another one.
    pub(super) fn remade_within(&self, class: &Statement, dirty: &Dirty) -> Option<String> {
        let inner = class.body.iter().filter(|part| part.kind == Kind::Class);
        inner.into_iter().find_map(|part| {
            let made = self.remade(part, dirty);
            let made = made.map(|why| format!("{}.{}, which {why}", class.name, part.name));
            made.or_else(|| self.remade_within(part, dirty))
        })
    }

    fn made_otherwise(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        if statement.kind != Kind::Class || dirty.is_empty() {
            return None;
        }
        let meta = &*statement.metaclass;
        let mut bases = statement.head.reads.iter();
        let by_base = bases.find_map(|base| {
            if let Some(why) = dirty.behaviour.get(&format!("{base}.{MADE}")) {
                return Some(format!("is derived from {base}, {why}"));
            }
            // `__new__` and `__init__` of a base make instances. What is given to a call there may
            // be a metaclass, as in `with_metaclass(Meta)`.
            let given = (!statement.head.calls.is_empty())
                .then(|| dirty.behaviour.get(&format!("{base}.__new__")))
                .flatten();
            let by_given = given.map(|why| format!("is made by {base}.__new__, {why}"));
            by_given
                .or_else(|| self.maker_differs(base, "__init_subclass__", dirty))
                .or_else(|| self.maker_differs(base, GENERATES, dirty))
        });
        let by_members = by_base.or_else(|| self.makes_members(statement, dirty));
        by_members.or_else(|| {
            if meta.is_empty() {
                return None;
            }
            self.makes_differently(meta, Some(&statement.name), dirty)
        })
    }

    /// Why a class method of an enumeration, or the enumeration when it is called, gives something else:
    /// it has other members, or looks for those that it has not in another way.
    pub(super) fn members_differ_of(
        &self,
        function: Option<&Statement>,
        class: &str,
        dirty: &Dirty,
    ) -> Option<String> {
        if !self.is_enumeration(class) {
            return None;
        }
        let Some(method) = function else {
            let why = dirty.behaviour.get(&format!("{class}._missing_"))?;
            return Some(format!("calls {class}, which looks for members, {why}"));
        };
        let own = method.uses.calls.iter().any(|path| path == "classmethod");
        let others = || {
            dirty
                .contents
                .get(class)
                .or_else(|| dirty.behaviour.get(class))
        };
        let made = || dirty.behaviour.get(&format!("{class}.__init__"));
        let why = own.then(|| others().or_else(made)).flatten()?;
        Some(format!(
            "calls {class}.{}, which looks at {class}, {why}",
            method.name
        ))
    }

    pub(super) fn is_enumeration(&self, class: &str) -> bool {
        let bases = self.lineage(class);
        let mut known = ENUMERATIONS.iter();
        known.any(|known| bases.iter().any(|base| is_called(base, known)))
    }

    /// Why an enumeration makes its members in another way.
    fn makes_members(&self, class: &Statement, dirty: &Dirty) -> Option<String> {
        if !self.is_enumeration(&class.name) {
            return None;
        }
        let bases = self.lineage(&class.name);
        let mut classes = std::iter::once(&*class.name).chain(bases.iter().copied());
        classes.find_map(|class| {
            let mut makers = MAKE_MEMBERS.iter();
            makers.find_map(|maker| self.maker_differs(class, maker, dirty))
        })
    }

    /// Whether what makes the members of an enumeration is edited in its body, or a method that it
    /// calls is.
    pub(super) fn edits_members(&self, class: &Statement, inner: &Changes) -> bool {
        let makes = |part: &Statement| MAKE_MEMBERS.contains(&part.name.as_str());
        let calls = |name: &String| {
            let mut makers = class.body.iter().filter(|part| makes(part));
            makers.any(|maker| maker.later.members.contains(name))
        };
        let mut changed = inner.items.iter().filter(|c| c.what != What::Same);
        changed.any(|c| makes(&class.body[c.new]) || calls(&class.body[c.new].name))
            && self.is_enumeration(&class.name)
    }

    /// Tells those that derive from a class that it is made in another way.
    pub fn tell_made(&self, statement: &Statement, dirty: &mut Dirty) -> Option<String> {
        self.tell_made_within(statement, "", dirty);
        let Some(why) = self.made_otherwise(statement, dirty) else {
            let (why, names) = lists_others(statement, dirty)?;
            dirty.acts(
                format!("{}.{names}", statement.name),
                format!("which {why}"),
            );
            return Some(why);
        };
        dirty.acts(format!("{}.{MADE}", statement.name), format!("which {why}"));
        Some(why)
    }

    /// The same of classes in the body of a class.
    fn tell_made_within(&self, class: &Statement, prefix: &str, dirty: &mut Dirty) {
        if class.kind != Kind::Class || dirty.is_empty() {
            return;
        }
        let prefix = format!("{prefix}{}.", class.name);
        for part in class.body.iter().filter(|part| part.kind == Kind::Class) {
            if let Some(why) = self.made_otherwise(part, dirty) {
                dirty.acts(
                    format!("{prefix}{}.{MADE}", part.name),
                    format!("which {why}"),
                );
                // Read by its own name in that body.
                dirty.acts(format!("{}.{MADE}", part.name), format!("which {why}"));
            }
            self.tell_made_within(part, &prefix, dirty);
        }
    }

    /// Tells those that derive from a class that lists its names that it has others.
    pub(super) fn tell_lists(&self, class: &Statement, dirty: &mut Dirty) {
        if class.kind != Kind::Class || dirty.is_empty() {
            return;
        }
        let bases = self.lineage(&class.name);
        let listed = |by: &str| bases.iter().any(|base| is_called(base, by));
        if let Some((_, names)) = LISTERS.iter().find(|(by, _)| listed(by))
            && let Some(why) = dirty.differs_within(&class.name)
        {
            let why = why.clone();
            dirty.acts(format!("{}.{names}", class.name), why);
        }
    }

    /// Tells what differs of a class that runs whole although only parts of it changed. Where what
    /// generates values of members acts differently: all of them, perhaps.
    pub(super) fn tell_generated(&self, class: &Statement, what: &What, dirty: &mut Dirty) {
        let own = |inner: &Changes| {
            let mut changed = inner.items.iter().filter(|c| c.what != What::Same);
            changed.any(|c| class.body[c.new].name == GENERATES)
        };
        let mut bases = class.head.reads.iter();
        let all = matches!(what, What::Inner(inner) if own(inner) || self.edits_members(class, inner))
            || self.makes_members(class, dirty).is_some()
            || bases.any(|base| self.maker_differs(base, GENERATES, dirty).is_some());
        if let What::Inner(inner) = what {
            super::members(class, inner, "", dirty);
        }
        for member in class.body.iter().filter(|_| all) {
            if member.kind == Kind::Assign {
                let names = member.uses.binds.iter();
                let paths = names.map(|name| format!("{}.{name}", class.name));
                paths.for_each(|path| dirty.value(path, "whose value is generated otherwise"));
            }
        }
    }

    /// Tells those that import a metaclass that it makes classes in another way.
    pub fn tell_makes<'n>(&self, paths: impl Iterator<Item = &'n str>, dirty: &mut Dirty) {
        for path in paths.filter(|path| self.defines_class(path)) {
            if let Some(why) = self.makes_differently(path, None, dirty) {
                dirty.acts(format!("{path}.{MAKES}"), format!("which {why}"));
            }
        }
    }

    /// Why an attribute of a class may be another that its own text does not give it: what makes the
    /// class puts it there.
    pub(super) fn given_by_maker(
        &self,
        class: &str,
        member: &str,
        dirty: &Dirty,
    ) -> Option<String> {
        let why = dirty.behaviour.get(&format!("{class}.{MADE}"))?;
        let binds = |s: &Statement| s.uses.binds.iter().any(|name| name == member);
        let own = self.at(class).iter().any(|s| s.body.iter().any(binds));
        (!own).then(|| why.strip_prefix("which ").unwrap_or(why).to_owned())
    }

    fn maker_differs(&self, class: &str, maker: &str, dirty: &Dirty) -> Option<String> {
        let path = format!("{class}.{maker}");
        let why = self.differs_alone(&path, dirty)?;
        let why = why.strip_prefix(&format!("calls {path}, ")).unwrap_or(&why);
        Some(format!("is made by {path}, {why}"))
    }

    /// Why a metaclass makes classes in another way: this class, if one is given.
    fn makes_differently(&self, meta: &str, class: Option<&str>, dirty: &Dirty) -> Option<String> {
        if let Some(why) = dirty.behaviour.get(&format!("{meta}.{MAKES}")) {
            return Some(format!("is made by {meta}, {why}"));
        }
        let mut makers = MAKERS.iter();
        makers
            .find_map(|maker| self.maker_differs(meta, maker, dirty))
            .or_else(|| self.gives_others(meta, class, dirty))
    }

    /// Whether what a metaclass makes instances of, and gives to its classes, makes others now. Of
    /// what it calls, attributes of the class count too: `cls.options_class(meta)`.
    fn gives_others(&self, meta: &str, class: Option<&str>, dirty: &Dirty) -> Option<String> {
        let with_bases = |class: &str| -> Vec<String> {
            let bases = self.lineage(class);
            let all = std::iter::once(class).chain(bases.iter().copied());
            all.map(str::to_owned).collect()
        };
        let own = with_bases(meta);
        let of_class = class.map_or_else(Vec::new, with_bases);
        let mut todo: Vec<String> = own
            .iter()
            .flat_map(|meta| MAKERS.map(|maker| format!("{meta}.{maker}")))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if let Some(why) = self.made_differently(&path, dirty) {
                return Some(format!("is made by {meta}, which makes a {path}, {why}"));
            }
            for function in self.called(&path) {
                todo.extend(function.later.calls.iter().cloned());
                for member in &function.later.members {
                    todo.extend(own.iter().map(|meta| format!("{meta}.{member}")));
                    let bound = of_class
                        .iter()
                        .flat_map(|class| self.bound_to(class, member));
                    todo.extend(bound.cloned());
                }
            }
        }
        None
    }

    /// The functions that a class attribute is made of: `both = partialmethod(add, 2)`. Methods of the
    /// class, and others that are only handed over there.
    pub(super) fn made_of(&self, path: &str) -> Vec<String> {
        let Some((class, member)) = path.rsplit_once('.') else {
            return Vec::new();
        };
        let binds = |s: &&Statement| s.kind == Kind::Assign && s.name == member;
        if !self.may_stand_in_class(member) {
            return Vec::new();
        }
        let mut classes = self.at(class).into_iter();
        let found = classes.find_map(|class| class.body.iter().rfind(binds));
        let Some(uses) = found.map(|statement| &statement.uses) else {
            return Vec::new();
        };
        let paths = uses.reads.iter().filter_map(|read| {
            let own = format!("{class}.{read}");
            if self.has(&own) {
                return Some(own);
            }
            let handed = !uses.calls.is_empty() && !uses.calls.contains(read);
            handed.then(|| read.clone())
        });
        paths.collect()
    }

    /// The attributes of these classes that are made of functions: see `made_of`.
    pub fn made_attributes<'n>(&self, classes: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        let mut out = Vec::new();
        for path in self.paths(classes) {
            let found = self.at(&path).into_iter();
            for class in found.filter(|s| s.kind == Kind::Class) {
                let made = class.body.iter().filter(|s| s.kind == Kind::Assign);
                let made = made.filter(|s| !s.name.is_empty() && !s.uses.calls.is_empty());
                out.extend(made.map(|s| format!("{path}.{}", s.name)));
            }
        }
        out.retain(|path| self.at(path).is_empty() && !self.made_of(path).is_empty());
        out
    }

    /// What a class attribute is another name for: `options_class = Options`.
    pub(super) fn bound_to(&self, class: &str, member: &str) -> &'a [String] {
        let binds =
            |s: &&Statement| s.kind == Kind::Assign && s.name == member && s.uses.calls.is_empty();
        if !self.may_stand_in_class(member) {
            return &[];
        }
        let mut classes = self.at(class).into_iter();
        let found = classes.find_map(|class| class.body.iter().rfind(binds));
        found.map_or(&[], |statement| &statement.uses.reads)
    }
}
