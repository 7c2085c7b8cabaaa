//! Instances that a statement has or makes for itself, and what it gets from them.

use std::collections::BTreeSet;

use super::settled::Seen;
use super::{Dirty, FRESH, Functions, root};
use crate::outline::{Kind, Statement, Uses, Value};

/// What runs when a class is called.
pub(super) const CONSTRUCTORS: [&str; 3] = ["__init__", "__new__", "__post_init__"];

impl<'a> Functions<'a> {
    /// The attributes among `uses.members` that give something else now where they are read.
    pub fn differing_members<'u>(&'u self, uses: &'u Uses, dirty: &'u Dirty) -> Vec<&'u str> {
        let differs = |member: &&String| {
            let alone = Uses {
                reads: uses.reads.clone(),
                members: vec![(*member).clone()],
                ..Uses::default()
            };
            let mut seen = Seen::default();
            let differs = self.member_differs(&alone, None, dirty, &mut seen);
            if differs.is_none() {
                self.all_same(seen, dirty);
            }
            differs.is_some()
        };
        let members = uses.members.iter().filter(differs);
        let others = self.attribute_differs(uses, dirty).map(|(name, _)| name);
        members.map(String::as_str).chain(others).collect()
    }

    /// Attributes that differ of classes that are read, perhaps by other names.
    fn attribute_differs<'u>(
        &'u self,
        uses: &'u Uses,
        dirty: &'u Dirty,
    ) -> impl Iterator<Item = (&'u str, String)> {
        let whole = uses.reads.iter().filter(|path| !path.contains('.'));
        let whole = whole.filter(|_| !dirty.values.is_empty());
        whole.flat_map(move |name| {
            uses.members.iter().filter_map(move |member| {
                let why = self.value_differs(&format!("{name}.{member}"), dirty)?;
                Some((member.as_str(), why))
            })
        })
    }

    /// Methods that operators and builtins call on what a statement reads, or on what it makes and
    /// keeps not, and that act differently. `calls` are all that it calls but the one that gives its
    /// value: who changes a method of `C` does not want `state = C(len(x))` to be made anew.
    ///
    /// And attributes of classes that it reads by other names, as in `[c.code for c in (A, B)]`, where
    /// running it has no effect but its value.
    pub(super) fn implied_differs(
        &self,
        statement: &Statement,
        calls: &[String],
        dirty: &Dirty,
    ) -> Option<String> {
        if statement.value != Value::Other
            && let Some((_, why)) = self.attribute_differs(&statement.uses, dirty).next()
        {
            return Some(why);
        }
        // Of instances that come from other modules their names tell.
        let reads = || statement.uses.reads.iter().map(String::as_str);
        let called = |path: &&str| statement.uses.calls.iter().any(|call| call == path);
        let mut classes: BTreeSet<&str> = reads().filter(|path| !called(path)).collect();
        // A member of an enumeration is an instance of it: `Color.RED`.
        let owners = reads().filter_map(|path| Some(path.rsplit_once('.')?.0));
        classes.extend(owners.filter(|_| !statement.implied.is_empty()));
        classes.extend(calls.iter().map(String::as_str));
        classes.extend(calls.iter().flat_map(|path| self.given(path)));
        let mut names: Vec<&str> = reads().map(root).collect();
        // What is made of an instance is one, perhaps: `SUM = ONE + ONE`.
        for _ in 0..3 {
            let makers = || names.iter().flat_map(|name| self.made_by(name));
            classes.extend(makers().map(String::as_str));
            classes.extend(makers().flat_map(|path| self.given(path)));
            let further = names.iter().flat_map(|name| self.from(name));
            names = further.map(|path| root(path)).collect();
        }
        let paths = classes.into_iter().flat_map(|class| {
            let methods = statement.implied.iter();
            methods.map(move |method| format!("{class}.{method}"))
        });
        // `scale(3)`, where that is an instance.
        let named = statement
            .uses
            .calls
            .iter()
            .filter(|path| !path.contains('.'));
        let called = named.flat_map(|path| self.made_by(path));
        let called = called.map(|class| format!("{class}.__call__"));
        let mut seen = Seen::default();
        let found = paths
            .into_iter()
            .chain(called)
            .find_map(|path| self.differs(&path, dirty, &mut seen));
        if found.is_none() {
            self.all_same(seen, dirty);
        }
        found
    }

    /// Attributes of instances: of the class itself (`own`), and of the classes that are named.
    pub(super) fn member_differs(
        &self,
        uses: &Uses,
        own: Option<&str>,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let special = self.special(uses);
        self.members_differ(uses, (&uses.calls, &special), own, dirty, seen)
    }

    /// The same with these calls, and with these methods that operators or builtins call.
    pub(super) fn members_differ(
        &self,
        uses: &Uses,
        (calls, special): (&[String], &BTreeSet<&str>),
        own: Option<&str>,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let made: BTreeSet<&str> = uses
            .reads
            .iter()
            .flat_map(|path| self.made_by(root(path)))
            .map(String::as_str)
            .collect();
        if uses.members.is_empty() && special.is_empty() {
            return None;
        }
        // `C().area()`: of an instance that is made for this alone. One that a name is bound to is
        // what it is since it was made.
        for class in calls {
            if let Some(why) = self.made_differently(class, dirty)
                && uses
                    .members
                    .iter()
                    .any(|m| self.of_instance(class, m, &mut BTreeSet::new()))
            {
                return Some(format!("makes a {class}, {why}"));
            }
        }
        let calls = calls.iter().map(String::as_str);
        let makers = || calls.clone().chain(made.iter().copied());
        let mut classes: BTreeSet<&str> = own.into_iter().chain(makers()).collect();
        classes.extend(makers().flat_map(|path| self.given(path)));
        // What these have for their own, and what they were given by their constructors.
        let whole: Vec<&str> = classes
            .iter()
            .copied()
            .filter(|c| self.defines_class(c))
            .collect();
        for class in whole {
            if let Some(why) = self.kept_differs(class, &uses.members, dirty) {
                return Some(why);
            }
            classes.extend(self.made_inside(class));
        }
        // `Color.RED.label()`
        let inside = |path: &&str| path.matches('.').count() > 1;
        let deep = uses.reads.iter().map(String::as_str).filter(inside);
        classes.extend(deep.map(root).filter(|name| self.defines_class(name)));
        if uses.calls.iter().any(|p| p == "super") {
            classes.extend(own.into_iter().flat_map(|class| self.bases(class)));
        }
        let members = uses.members.iter().map(String::as_str);
        let members = members.chain(special.iter().copied());
        let members = members.filter(|m| self.may_differ(m, dirty));
        let members: Vec<(&str, u32)> = members.map(|m| (m, self.number(m))).collect();
        let computed: Vec<&str> = self.computed(&uses.members).collect();
        if let Some(why) = self.own_differ(&uses.members, dirty, seen) {
            return Some(why);
        }
        if members.is_empty() && computed.is_empty() {
            return None;
        }
        classes.retain(|path| !self.is_function(path));
        for class in classes {
            let number = self.number(class);
            let spelled = self.spelled(class, &computed, dirty);
            let spelled = spelled.iter().map(|m| (m.as_str(), self.number(m)));
            for (member, its) in members.iter().copied().chain(spelled) {
                if !self.is_new((number, its), dirty, seen) {
                    continue;
                }
                let path = format!("{class}.{member}");
                if let Some(why) = self.value_differs_once(&path, dirty) {
                    return Some(why);
                }
                if let Some(why) = self.differs(&path, dirty, seen) {
                    return Some(why);
                }
            }
        }
        None
    }

    /// The classes of what a call may give: `C.create()`, and `load()`, which makes one.
    fn given<'n>(&self, path: &'n str) -> impl Iterator<Item = &'n str> + use<'a, 'n>
    where
        'a: 'n,
    {
        // That class may come from another module.
        let class = path.rsplit_once('.').map(|(class, _)| class);
        class.into_iter().chain(self.makes(path))
    }

    /// The classes of the module that a function makes instances of.
    pub(super) fn makes(&self, path: &str) -> Vec<&'a str> {
        let functions = self.at(path).into_iter();
        let functions = functions.filter(|function| function.kind == Kind::Function);
        let calls = functions.flat_map(|function| &function.later.calls);
        let calls = calls.map(String::as_str);
        calls.filter(|class| self.defines_class(class)).collect()
    }

    /// The methods that builtins call on what they are given: `len(box)` is `box.__len__()`.
    fn special(&self, uses: &Uses) -> BTreeSet<&'static str> {
        let mut out = BTreeSet::new();
        for path in &uses.calls {
            let methods: &[&str] = match path.as_str() {
                "len" => &["__len__"],
                "bool" => &["__bool__", "__len__"],
                "str" | "print" => &["__str__", "__repr__"],
                "repr" => &["__repr__"],
                "format" => &["__format__", "__str__"],
                "int" => &["__int__", "__index__"],
                "float" => &["__float__"],
                "abs" => &["__abs__"],
                "round" => &["__round__"],
                "hash" => &["__hash__"],
                "next" => &["__next__"],
                "sorted" | "min" | "max" => &["__iter__", "__lt__", "__gt__"],
                "sum" => &["__iter__", "__add__", "__radd__"],
                "list" | "tuple" | "set" | "frozenset" | "dict" | "iter" | "enumerate" | "zip"
                | "map" | "filter" | "any" | "all" => &["__iter__", "__getitem__", "keys"],
                "reversed" => &["__reversed__", "__len__", "__getitem__"],
                "json.dump" | "json.dumps" | "dump" | "dumps" => &["default"],
                // `scale(3)`, `for x in box`.
                path if !path.contains('.') && !self.made_by(path).is_empty() => {
                    &["__call__", "__iter__"]
                }
                _ => &[],
            };
            out.extend(methods);
        }
        out
    }

    /// Why new instances of a class have other attributes.
    pub(super) fn made_differently(&self, class: &str, dirty: &Dirty) -> Option<String> {
        if dirty.behaviour.is_empty() {
            return None;
        }
        let lineage = self.lineage(class);
        let names = CONSTRUCTORS.iter().filter(|name| dirty.mentions(name));
        let names: Vec<&&str> = names.collect();
        let mut classes = std::iter::once(class).chain(lineage.iter().copied());
        let init = classes.find_map(|class| {
            let mut names = names.iter();
            names.find_map(|name| {
                let why = dirty.behaviour.get(&format!("{class}.{name}"))?;
                Some(format!("whose {name} acts differently, {why}"))
            })
        });
        // Fields of a base, from which a constructor is generated.
        init.or_else(|| {
            let changed = |base: &&&str| dirty.behaviour.contains_key(**base);
            let base = lineage.iter().find(changed)?;
            let why = &dirty.behaviour[*base];
            Some(format!("which is derived from {base}, {why}"))
        })
    }

    /// Why an object that a statement of a class body makes is another one. It belongs to the class, and is
    /// no state of the program.
    pub fn member_made(&self, member: &Statement, dirty: &Dirty) -> Option<String> {
        if dirty.behaviour.is_empty() {
            return None;
        }
        match member.kind {
            Kind::Class => member.body.iter().find_map(|m| self.member_made(m, dirty)),
            Kind::Assign => member.uses.calls.iter().find_map(|class| {
                let why = self.made_differently(class, dirty)?;
                Some(format!("makes a {class}, {why}"))
            }),
            _ => None,
        }
    }

    /// Why new instances of a class are other ones: a constructor that it has from a base, or calls
    /// there, has other defaults.
    pub(super) fn lineage_made_otherwise(&self, class: &str, dirty: &Dirty) -> Option<String> {
        if !dirty.makes_others {
            return None;
        }
        let lineage = self.lineage(class);
        lineage.iter().find_map(|base| {
            let why = dirty.behaviour.get(&format!("{base}{FRESH}"))?;
            Some(format!("which is derived from {base}, {why}"))
        })
    }

    /// Whether what a member gives depends on attributes of the instance, as far as can be told.
    pub(super) fn of_instance<'n>(
        &self,
        class: &str,
        member: &'n str,
        seen: &mut BTreeSet<&'n str>,
    ) -> bool
    where
        'a: 'n,
    {
        if !seen.insert(member) {
            return false;
        }
        let lineage = self.lineage(class);
        let mut classes = std::iter::once(class).chain(lineage.iter().copied());
        let found = classes.find_map(|class| {
            let found = self.at(&format!("{class}.{member}"));
            (!found.is_empty()).then_some(found)
        });
        let Some(found) = found else { return true };
        found
            .into_iter()
            .flat_map(|function| &function.later.members)
            .any(|inner| self.of_instance(class, inner, seen))
    }
}
