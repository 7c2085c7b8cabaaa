//! Where objects keep what their methods are told of, and which of their methods look there.
//!
//! `@app.route` puts a function into `app.routes`; `app.add("bob")`, which only counts users, does
//! nothing else when the function does. What is in an attribute goes by the path
//! `app.<in>.routes` with `GIVEN` after it. Where it can not be told which attributes those are, the
//! whole object acts differently: `app` with `GIVEN` after it.

use std::collections::{BTreeSet, HashSet};

use super::dirty::prefixes;
use super::given::GIVEN;
use super::{Dirty, Functions, root};
use crate::outline::{Import, Kind, Statement, Uses, Value};

/// What stands in a path between an object and the attribute that something is in.
pub(super) const IN: &str = ".<in>.";

/// Functions that deal with attributes which no name says.
const COMPUTED: [&str; 10] = [
    "asdict",
    "astuple",
    "delattr",
    "dir",
    "eval",
    "exec",
    "getattr",
    "getmembers",
    "setattr",
    "vars",
];

/// Methods of containers: where a class has no attribute of that name, they are nothing else.
const OF_CONTAINERS: [&str; 21] = [
    "add",
    "append",
    "appendleft",
    "clear",
    "copy",
    "count",
    "discard",
    "extend",
    "get",
    "index",
    "insert",
    "items",
    "join",
    "keys",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "setdefault",
    "update",
    "values",
];

/// What containers do without asking functions in them for anything.
const OPERATORS: [&str; 25] = [
    "__add__",
    "__and__",
    "__bool__",
    "__class_getitem__",
    "__contains__",
    "__eq__",
    "__format__",
    "__getitem__",
    "__hash__",
    "__iadd__",
    "__index__",
    "__ior__",
    "__iter__",
    "__len__",
    "__mod__",
    "__mul__",
    "__next__",
    "__or__",
    "__radd__",
    "__repr__",
    "__reversed__",
    "__rmod__",
    "__ror__",
    "__str__",
    "__sub__",
];

/// Bases that have nothing in which a definition could be kept.
const EMPTY: [&str; 4] = ["object", "ABC", "abc.ABC", "Protocol"];

/// The object that a path names, without what says where in it something is.
pub(super) fn whole(path: &str) -> &str {
    path.find(IN).map_or(path, |end| &path[..end])
}

/// `app.<in>.routes`, where what is at `app.routes` has other items; what stands further inside is
/// looked for where it begins.
pub fn place_of(path: &str) -> String {
    let mut parts = path.split('.');
    match (parts.next(), parts.next()) {
        (Some(object), Some(attribute)) => format!("{object}{IN}{attribute}"),
        _ => path.to_owned(),
    }
}

/// Where the class of an object stands.
enum Owner<'a> {
    Here(&'a str),
    There(&'a Import, String),
}

/// What methods of a class deal with.
#[derive(Default)]
struct Touched<'a> {
    reads: BTreeSet<String>,
    sets: BTreeSet<&'a str>,
}

impl<'a> Functions<'a> {
    /// The attributes of an object into which calling this method of it may put what that is given;
    /// `None` where nobody can tell.
    pub fn puts_into(&self, path: &str) -> Option<BTreeSet<String>> {
        let (class, method) = match self.owner(path)? {
            Owner::Here(class) => (class, path.split('.').nth(1)?),
            Owner::There(import, path) => return self.elsewhere.puts_into(import, &path),
        };
        let classes = self.closed(class)?;
        let own = self.attributes(&classes);
        let touched = self.touched(&classes, std::iter::once(method.to_owned()))?;
        let sets = touched.sets.iter().map(|name| (*name).to_owned());
        let mut found: BTreeSet<String> = touched.reads.into_iter().chain(sets).collect();
        found.retain(|name| match self.method(&classes, name).is_empty() {
            true => {
                let known = own.contains(name.as_str());
                known || !name.starts_with("__") && !OF_CONTAINERS.contains(&name.as_str())
            }
            // What it does is part of this already.
            false => false,
        });
        (!found.is_empty()).then_some(found)
    }

    /// The attributes of an object or a class that calling this method of it may set or change in place;
    /// `None` where nobody can tell.
    pub fn sets_of(&self, path: &str) -> Option<BTreeSet<String>> {
        let (class, method) = match self.owner(path)? {
            Owner::Here(class) => (class, path.split_once('.')?.1),
            Owner::There(import, path) => return self.elsewhere.sets_of(import, &path),
        };
        // `app.group.add()`: of what it has.
        if method.contains('.') {
            return None;
        }
        let classes = self.closed(class)?;
        let touched = self.touched(&classes, std::iter::once(method.to_owned()))?;
        Some(touched.sets.into_iter().map(str::to_owned).collect())
    }

    /// `self.active.extend(self.waiting)`, in any method: what is in one gets into the other.
    fn passed_on(&self, classes: &[&str], mut found: BTreeSet<String>) -> BTreeSet<String> {
        let methods = || {
            let classes = classes.iter().flat_map(|class| self.at(class));
            classes.flat_map(|class| class.body.iter())
        };
        loop {
            let before = found.len();
            for method in methods().filter(|method| method.kind == Kind::Function) {
                if method.later.members.iter().any(|name| found.contains(name)) {
                    let mut sets = BTreeSet::new();
                    all_sets(method, &mut sets);
                    found.extend(sets.into_iter().map(str::to_owned));
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// Whether a statement of the module sets an attribute of a class: `App.run = run`.
    pub(super) fn is_set_outside(&self, class: &str, member: &str) -> bool {
        let (index, body) = (self.outline().index(), &self.outline().body);
        let path = format!("{class}.{member}");
        let mut writers = index.writers(body, class).into_iter();
        writers.any(|at| body[at].uses.writes.contains(&path))
    }

    /// Whether what is at this path, an attribute or a method of an object, or one of these names
    /// there, deals with any of these attributes.
    pub fn looks_inside(
        &self,
        path: &str,
        members: &[String],
        attributes: &BTreeSet<String>,
    ) -> bool {
        let Some(owner) = self.owner(path) else {
            return true;
        };
        let (class, method) = match owner {
            Owner::Here(class) => (class, path.split('.').nth(1).unwrap_or_default()),
            Owner::There(import, path) => {
                return self
                    .elsewhere
                    .looks_inside(import, &path, members, attributes);
            }
        };
        let Some(classes) = self.closed(class) else {
            return true;
        };
        let attributes = &self.passed_on(&classes, attributes.clone());
        if attributes.contains(method) {
            return true;
        }
        if method.is_empty() || method == "__dict__" || self.is_set_outside(class, method) {
            return true;
        }
        let methods = members.iter().cloned();
        let methods = methods.chain(std::iter::once(method.to_owned()));
        match self.touched(&classes, methods) {
            Some(touched) => {
                let mut reads = touched.reads.iter();
                reads.any(|name| attributes.contains(name))
                    || touched.sets.iter().any(|name| attributes.contains(*name))
            }
            None => true,
        }
    }

    /// Paths of an object, and of where in it calling this method of it may put what that is given.
    pub(super) fn with_place(&self, object: &str, path: &str) -> Vec<String> {
        match self.puts_into(path) {
            Some(attributes) => {
                let attributes = attributes.into_iter();
                attributes
                    .map(|name| format!("{object}{IN}{name}"))
                    .collect()
            }
            None => vec![object.to_owned()],
        }
    }

    /// Why something in an object acts differently that is looked at by this path, with these names
    /// read of what it gives.
    pub(super) fn inside_at<'d>(
        &self,
        path: &str,
        members: &[String],
        dirty: &'d Dirty,
    ) -> Option<&'d String> {
        if !dirty.mentions("<in>") {
            return None;
        }
        prefixes(path).find_map(|part| {
            let prefix = format!("{part}{IN}");
            let found = dirty.behaviour.range(prefix.clone()..);
            let found: Vec<(&str, &String)> = found
                .map_while(|(path, why)| Some((path.strip_prefix(&prefix)?, why)))
                .filter_map(|(path, why)| Some((path.strip_suffix(GIVEN)?, why)))
                .collect();
            let (_, why) = found.first()?;
            // Of the object itself: what calling it does.
            let rest = path[part.len()..].strip_prefix('.').unwrap_or("__call__");
            let attributes = found.iter().map(|(name, _)| (*name).to_owned()).collect();
            let path = format!("{part}.{}", root(rest));
            let looks = self.looks_inside(&path, members, &attributes);
            looks.then_some(*why)
        })
    }

    /// The same of what a body reads.
    pub(super) fn inside_of<'d>(&self, uses: &Uses, dirty: &'d Dirty) -> Option<&'d String> {
        if !self.deep.get() || !dirty.mentions("<in>") {
            return None;
        }
        let mut inside = uses.reads.iter().filter(|path| path.contains('.'));
        inside.find_map(|path| self.inside_at(path, &uses.members, dirty))
    }

    /// `ROUTES.__add__`, where that is a list or a dict: it calls nothing that is in it. Who calls what
    /// it gets there calls what it is given.
    pub(super) fn is_operator_of_container(&self, path: &str) -> bool {
        let Some((name, method)) = path.split_once('.') else {
            return false;
        };
        if !OPERATORS.contains(&method) {
            return false;
        }
        let (index, body) = (self.outline().index(), &self.outline().body);
        let writers = index.writers(body, name).into_iter().map(|at| &body[at]);
        let mut binders = writers.filter(|s| s.uses.binds.iter().any(|bound| bound == name));
        binders.next().is_some_and(|s| s.value == Value::Container) && binders.next().is_none()
    }

    /// The class of the object that a path begins with, where that is certain.
    fn owner(&self, path: &str) -> Option<Owner<'a>> {
        let (name, rest) = path.split_once('.')?;
        if let Some(class) = self.at(name).first() {
            let class = (class.kind == Kind::Class).then(|| class.name.as_str())?;
            return Some(Owner::Here(class));
        }
        let known = |maker: &&String| {
            let name = root(maker);
            !self.is_unknown(name) || self.imports(name).next().is_some()
        };
        let makers: Vec<&'a String> = self.made_by(name).iter().filter(known).collect();
        let (body, index) = (&self.outline().body, self.outline().index());
        let binds = |at: &usize| body[*at].uses.binds.iter().any(|bound| bound == name);
        let binders = index.writers(body, name).into_iter().filter(binds).count();
        if binders > 1 {
            return None;
        }
        match *makers {
            [class] if self.defines_class(class) => Some(Owner::Here(class)),
            [class] => {
                let import = self.imports(root(class)).next()?;
                Some(Owner::There(import, format!("{class}.{rest}")))
            }
            [] => {
                let import = self.imports(name).next()?;
                Some(Owner::There(import, path.to_owned()))
            }
            _ => None,
        }
    }

    /// A class and all that it is derived from, where that is all known here and deals with attributes
    /// as classes do.
    pub(super) fn closed(&self, class: &'a str) -> Option<Vec<&'a str>> {
        let lineage = self.lineage(class);
        let mut classes = vec![class];
        for base in lineage.iter() {
            match EMPTY.contains(base) {
                true => {}
                false if self.defines_class(base) => classes.push(base),
                false => return None,
            }
        }
        let special = ["__getattr__", "__getattribute__", "__setattr__"];
        let mut special = special.iter().map(|name| self.method(&classes, name));
        special.all(|found| found.is_empty()).then_some(classes)
    }

    /// The first function of this name that one of these classes has.
    pub(super) fn method(&self, classes: &[&str], name: &str) -> Vec<&'a Statement> {
        let mut found = classes
            .iter()
            .map(|class| self.at(&format!("{class}.{name}")));
        let found = found.find(|found| !found.is_empty()).unwrap_or_default();
        let functions = found.into_iter().filter(|s| s.kind == Kind::Function);
        functions.collect()
    }

    /// The names of attributes that these classes have or give their instances.
    fn attributes(&self, classes: &[&str]) -> BTreeSet<&'a str> {
        let mut out = BTreeSet::new();
        for class in classes.iter().flat_map(|class| self.at(class)) {
            for member in class.body.iter() {
                out.extend(member.uses.binds.iter().map(String::as_str));
                all_sets(member, &mut out);
            }
        }
        out
    }

    /// The attributes that these methods of a class deal with, also in what they call; `None` where
    /// names of them are computed.
    fn touched(
        &self,
        classes: &[&str],
        methods: impl Iterator<Item = String>,
    ) -> Option<Touched<'a>> {
        let mut out = Touched::default();
        let mut names: Vec<String> = methods.collect();
        let mut calls: Vec<&'a str> = Vec::new();
        let mut seen_names: HashSet<String> = HashSet::new();
        let mut seen: HashSet<&str> = HashSet::new();
        loop {
            let mut bodies = Vec::new();
            if let Some(name) = names.pop() {
                if seen_names.insert(name.clone()) {
                    bodies = self.method(classes, &name);
                }
            } else if let Some(path) = calls.pop() {
                if !seen.insert(path) {
                    continue;
                }
                let last = path.rsplit('.').next().unwrap_or(path);
                if COMPUTED.contains(&last) || path == "super" {
                    return None;
                }
                bodies = self.called(path);
                if let Some((name, rest)) = path.split_once('.') {
                    let makers = self.made_by(name).iter();
                    bodies.extend(makers.flat_map(|class| self.called(&format!("{class}.{rest}"))));
                } else {
                    let makers = self.made_by(path).iter();
                    bodies.extend(makers.flat_map(|c| self.called(&format!("{c}.__call__"))));
                }
                if bodies.is_empty() {
                    for import in self.imports(root(path)) {
                        let Some(does) = self.elsewhere.does(import, path, true) else {
                            continue;
                        };
                        out.reads.extend(does.members.iter().cloned());
                        names.extend(does.members.iter().cloned());
                    }
                }
            } else {
                return Some(out);
            }
            for body in bodies {
                let later = &body.later;
                let computed = |name: &String| name.contains(['*', '@']) || name == "__dict__";
                if later.opaque || later.members.iter().any(computed) {
                    return None;
                }
                all_sets(body, &mut out.sets);
                out.reads.extend(later.members.iter().cloned());
                names.extend(later.members.iter().cloned());
                names.extend(body.later_implied.iter().map(|name| (*name).to_owned()));
                calls.extend(later.calls.iter().map(String::as_str));
            }
        }
    }
}

/// What a function, or one in it, sets of what it is given.
pub(super) fn all_sets<'a>(function: &'a Statement, out: &mut BTreeSet<&'a str>) {
    out.extend(function.sets.iter().map(String::as_str));
    for inner in function.body.iter() {
        all_sets(inner, out);
    }
}
