//! The functions of a module, and which of them act differently when something is dirty.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::byway;
use super::constructed::SetUp;
use super::dirty::{Dirty, prefixes};
use super::given::{Doing, Elsewhere, Nowhere};
use super::instances::CONSTRUCTORS;
use super::remade::MADE;
use super::roots::Root;
use super::same::Same;
use super::settled::{BUDGET, Seen, Settled};
use super::{chosen_by, root};
use crate::outline::{GIVES, Kind, Members, Outline, Statement, Uses, written};

/// The functions that a module defines, by the path under which its own code calls them. What is
/// under a name is looked up when it is first asked for.
pub struct Functions<'a> {
    outline: &'a Outline,
    pub(super) roots: RefCell<FxHashMap<String, Rc<Root<'a>>>>,
    /// Paths of class attributes of which it is being asked what their descriptors give.
    pub(super) asking: RefCell<BTreeSet<String>>,
    lineages: RefCell<FxHashMap<String, Rc<[&'a str]>>>,
    /// The bodies that run when these paths are called: several questions are asked about them.
    bodies: RefCell<FxHashMap<Vec<String>, Bodies<'a>>>,
    pub(super) doing: RefCell<Doing>,
    pub(super) held: RefCell<FxHashMap<String, Rc<[&'a str]>>>,
    pub(super) settled: RefCell<Settled>,
    pub(super) numbers: RefCell<FxHashMap<String, u32>>,
    /// What calling these paths fills by the way.
    pub(super) by_the_way: RefCell<FxHashMap<String, Rc<[String]>>>,
    /// What each path brings along: see `at_hand`.
    pub(super) brought: RefCell<FxHashMap<String, Rc<[&'a str]>>>,
    pub(super) members: OnceCell<(&'a Members, Members)>,
    pub(super) set_ups: RefCell<FxHashMap<String, Rc<SetUp<'a>>>>,
    pub(super) same: OnceCell<Option<Box<Same>>>,
    /// What functions do with what they are given is asked for as well.
    pub(super) deep: Cell<bool>,
    /// How much of that may still be asked: see `may_ask`.
    pub(super) budget: Cell<u32>,
    pub(super) elsewhere: &'a dyn Elsewhere,
}

type Bodies<'a> = Rc<[&'a Statement]>;

/// `Button.<fresh>` is the path of new instances of a class: those of what is derived from it, too.
pub const FRESH: &str = ".<fresh>";

/// Of so many bodies at most it is kept that they run.
const MOST_BODIES: usize = 64;

impl<'a> Functions<'a> {
    /// The functions and methods of a module.
    pub fn of(outline: &'a Outline) -> Self {
        Self {
            outline,
            roots: RefCell::default(),
            asking: RefCell::default(),
            lineages: RefCell::default(),
            bodies: RefCell::default(),
            doing: RefCell::default(),
            held: RefCell::default(),
            settled: RefCell::default(),
            numbers: RefCell::default(),
            by_the_way: RefCell::default(),
            brought: RefCell::default(),
            members: OnceCell::new(),
            set_ups: RefCell::default(),
            same: OnceCell::new(),
            deep: Cell::new(false),
            budget: Cell::new(BUDGET),
            elsewhere: &Nowhere,
        }
    }

    /// Where functions live.
    pub fn outline(&self) -> &'a Outline {
        self.outline
    }

    /// The paths of the functions under these names, and the names themselves where assignments
    /// bind them: other names for functions, among others.
    pub fn paths<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for name in names {
            let found = self.root(name);
            out.extend(found.by_path.keys().cloned());
            let holds = || !self.held_by(name).is_empty();
            if !found.from.is_empty() || !found.made_by.is_empty() || holds() {
                out.insert(name.to_owned());
            }
        }
        out
    }

    /// These names and those that the classes under them are derived from.
    pub fn ancestry(&self, mut names: BTreeSet<String>) -> BTreeSet<String> {
        for path in self.paths(names.clone().iter().map(String::as_str)) {
            names.extend(self.lineage(&path).iter().map(|base| root(base).to_owned()));
        }
        names
    }

    /// Whether the module has functions that something may have wrapped.
    pub fn wraps_any(&self) -> bool {
        self.outline.index().wraps_any(&self.outline.body)
    }

    /// Of the paths under these names, those of functions that something may have wrapped:
    /// decorated ones, and names that are bound to what a call gave.
    pub fn wrapped<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
        let wrapped = |s: &&Statement| s.decorators != 0 || s.kind == Kind::Assign;
        let mut out = BTreeSet::new();
        for name in names {
            let found = self.root(name);
            let paths = found.by_path.iter();
            let paths = paths.filter(|(path, _)| !path.ends_with(GIVES));
            let paths = paths.filter(|(_, found)| found.iter().any(wrapped));
            out.extend(paths.map(|(path, _)| path.clone()));
        }
        out
    }

    /// Names that calling these paths may write with `global`.
    pub fn global_writes(&self, calls: &[String]) -> BTreeSet<String> {
        self.reach(calls, |uses| &uses.global_writes)
    }

    /// Names that the functions may read which a statement calls, by `f()` or by reading a property.
    pub fn later_reads(&self, uses: &Uses) -> BTreeSet<String> {
        let mut paths = self.reach(&uses.calls, |uses| &uses.reads);
        // `b = Builder()`, then `b.build()` or `b.size`.
        let objects = uses.reads.iter().filter(|_| !uses.members.is_empty());
        let makers = objects.flat_map(|path| self.made_by(root(path)));
        let makers: BTreeSet<&String> = makers.chain(&uses.calls).collect();
        let members = uses.members.iter();
        let methods: Vec<String> = members
            .flat_map(|member| makers.iter().map(move |maker| format!("{maker}.{member}")))
            .collect();
        if !methods.is_empty() {
            paths.extend(self.reach(&methods, |uses| &uses.reads));
        }
        paths.iter().map(|path| root(path).to_owned()).collect()
    }

    /// Names whose object calling these paths may change in place.
    pub fn mutations(&self, calls: &[String]) -> BTreeSet<String> {
        self.reach(calls, |uses| &uses.mutates)
    }

    /// The same but for classes: `Task("a")` keeps itself in a list, and what it has put there is known by
    /// what it made.
    pub fn mutations_by_functions(&self, calls: &[String]) -> BTreeSet<String> {
        let calls = calls.iter().filter(|path| !self.defines_class(path));
        self.mutations(&calls.cloned().collect::<Vec<_>>())
    }

    /// Whether calling these paths may bind names that nobody can list (`globals()[name] = ...`).
    pub fn opaque(&self, calls: &[String]) -> bool {
        self.any_called(calls, |function| function.later.opaque)
    }

    /// Whether calling these paths may read this one.
    pub(super) fn reads_path(&self, calls: &[String], path: &str) -> bool {
        self.any_called(calls, |function| {
            function.later.reads.iter().any(|p| p == path)
        })
    }

    /// Attributes of names whose object calling these paths may change in place.
    pub fn writes(&self, calls: &[String]) -> BTreeSet<String> {
        self.reach(calls, |uses| &uses.writes)
    }

    fn reach(&self, calls: &[String], what: fn(&Uses) -> &Vec<String>) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        self.any_called(calls, |function| {
            out.extend(what(&function.later).iter().cloned());
            false
        });
        out
    }

    /// Shows `look` each body that runs when these paths are called, until it has seen enough.
    pub(super) fn any_called(
        &self,
        calls: &[String],
        look: impl FnMut(&&'a Statement) -> bool,
    ) -> bool {
        !calls.is_empty() && self.bodies(calls).iter().any(look)
    }

    /// Each body that runs when these paths are called, directly or not.
    pub(super) fn bodies(&self, calls: &[String]) -> Bodies<'a> {
        if let Some(known) = self.bodies.borrow().get(calls) {
            return Rc::clone(known);
        }
        let mut found: Vec<&'a Statement> = Vec::new();
        let mut seen = BTreeSet::new();
        // A method with the class of the object that it is called on, if it has it from a base.
        let mut todo: Vec<(Cow<'_, str>, Option<String>)> =
            calls.iter().map(|path| (path.into(), None)).collect();
        while let Some((path, on)) = todo.pop() {
            if seen.contains(&(path.clone(), on.clone())) {
                continue;
            }
            let called = self.called(&path);
            if called.is_empty()
                && let Some((class, member)) = path.rsplit_once('.')
            {
                let on = on.as_deref().unwrap_or(class);
                let bases = self.bases(class).into_iter();
                let inherited = bases.map(|base| format!("{base}.{member}").into());
                todo.extend(inherited.map(|path| (path, Some(on.to_owned()))));
            }
            for function in called {
                found.push(function);
                let inner = function.later.calls.iter().map(Cow::from);
                todo.extend(inner.map(|path| (path, None)));
                let own = on.as_deref();
                let own = own.or_else(|| path.rsplit_once('.').map(|(class, _)| class));
                let methods = self.methods(&function.later, own).map(Cow::from);
                todo.extend(methods.map(|path| (path, None)));
            }
            // Called under another name, or made by a function around it.
            let from = self.from(&path).iter().map(Cow::from);
            todo.extend(from.map(|path| (path, None)));
            seen.insert((path, on));
        }
        let found: Bodies<'a> = found.into();
        if found.len() <= MOST_BODIES {
            let mut bodies = self.bodies.borrow_mut();
            bodies.insert(calls.to_vec(), Rc::clone(&found));
        }
        found
    }

    /// The methods that a body may run: `C().area()`, `self.other()`, `made.size`. `own`: the class
    /// of `self`.
    fn methods(&self, uses: &Uses, own: Option<&str>) -> impl Iterator<Item = String> + use<> {
        let mut out = Vec::new();
        if !uses.members.is_empty() {
            let made = uses.reads.iter().map(|read| root(read));
            let made = made.flat_map(|name| self.made_by(name)).chain(&uses.calls);
            let classes: BTreeSet<&str> = made.map(String::as_str).chain(own).collect();
            let mut classes: Vec<&str> = classes.into_iter().collect();
            classes.retain(|class| self.defines_class(class));
            for class in classes {
                let members = uses.members.iter();
                out.extend(members.map(|member| format!("{class}.{member}")));
            }
        }
        out.into_iter()
    }

    /// The bodies that run when `path` is called. A class stands for its constructors.
    pub(super) fn called(&self, path: &str) -> Vec<&'a Statement> {
        let mut out: Vec<&Statement> = Vec::new();
        for statement in self.at(path) {
            if statement.kind == Kind::Class {
                for name in CONSTRUCTORS {
                    let found = self.at(&format!("{path}.{name}"));
                    out.extend(found.into_iter().filter(|s| s.kind == Kind::Function));
                }
            } else {
                out.push(statement);
            }
        }
        if out
            .iter()
            .any(|s| s.kind == Kind::Function && s.decorators != 0)
        {
            out.extend(self.registered(path));
        }
        out
    }

    /// The functions among which this one of the module chooses: see `chosen_by`.
    fn registered(&self, name: &str) -> impl Iterator<Item = &'a Statement> {
        let outline: &'a Outline = self.outline;
        let readers = outline.index().readers(&outline.body, name).into_iter();
        let readers = readers.map(|at| &outline.body[at]);
        readers.filter(move |s| chosen_by(s, outline).any(|chooser| chooser == name))
    }

    /// Why calling one of `calls` now gives something else than it did at import.
    pub fn acts_differently(&self, calls: &[String], dirty: &Dirty) -> Option<String> {
        if dirty.is_empty() {
            return None;
        }
        let mut seen = Seen::default();
        let found = calls
            .iter()
            .find_map(|path| self.differs(path, dirty, &mut seen));
        if found.is_none() {
            self.all_same(seen, dirty);
        }
        found
    }

    /// Why calling `path`, and then what that gives, so often in all, is something else now; what is
    /// done when the last of those is called counts no more.
    pub fn applied_differs(&self, path: &str, calls: u8, dirty: &Dirty) -> Option<String> {
        if dirty.is_empty() {
            return None;
        }
        let paths = (0..calls).map(|depth| gives(path, depth));
        let differs = paths.into_iter().find_map(|path| {
            let mut seen = Seen::default();
            let why = self.differs_on(&path, None, true, dirty, &mut seen);
            if why.is_none() {
                self.all_same(seen, dirty);
            }
            why
        });
        // `C()()`: of an instance that is made for this alone.
        differs.or_else(|| {
            if calls < 2 || self.has(&gives(path, 1)) {
                return None;
            }
            let called = format!("{path}.__call__");
            self.differs_alone(&called, dirty)
                .or_else(|| self.made_differently(path, dirty))
        })
    }

    /// Why what that gives in the end acts differently.
    pub fn gives_differing(&self, path: &str, calls: u8, dirty: &Dirty) -> Option<String> {
        // An instance is what it is since it was made.
        if dirty.is_empty() || calls == 1 && self.defines_class(path) {
            return None;
        }
        self.differs_alone(&gives(path, calls), dirty)
    }

    /// `Kind.__members__`: all that a class has.
    pub(super) fn listed(&self, reads: &[String], dirty: &Dirty) -> Option<String> {
        let mut owners = reads.iter().filter_map(|path| {
            path.split_once(".__members__")
                .or_else(|| path.split_once(".__dict__"))
        });
        owners.find_map(|(owner, _)| {
            // What differs in a module goes by its path.
            let module = || dirty.differs_within(owner).filter(|_| !self.has(owner));
            let found = module().map(|why| format!("looks into {owner}, {why}"));
            found.or_else(|| self.differs_alone(owner, dirty))
        })
    }

    /// `Kid.SIZE`, where SIZE is an attribute of the base.
    pub(super) fn inherited(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        let paths = uses.reads.iter().flat_map(|p| prefixes(p));
        paths
            .filter(|p| p.contains('.') && !dirty.only_filled(p, uses))
            .find_map(|p| self.value_differs_once(p, dirty))
    }

    pub(super) fn differs(&self, path: &str, dirty: &Dirty, seen: &mut Seen) -> Option<String> {
        self.differs_on(path, None, false, dirty, seen)
    }

    /// Why calling `path` is something else now: `at_once`, or also when what it gives is called. Of a
    /// method that is called on an object of the class `on`, which has it from a base: what it reads
    /// of itself is what that class has.
    pub(super) fn differs_on(
        &self,
        path: &str,
        on: Option<&str>,
        at_once: bool,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let known = match at_once {
            true => acts_itself(dirty, path),
            false => acts_at(dirty, path),
        };
        if let Some(why) = known.or_else(|| self.given_at(path, dirty)) {
            return Some(format!("calls {}, {why}", written(shown(path))));
        }
        if self.is_nothing(path, dirty) {
            return None;
        }
        let mut asked = match on {
            Some(on) => Cow::from(format!("{path} on {on}")),
            None => Cow::from(path),
        };
        if self.is_same(&asked, dirty) {
            return None;
        }
        if at_once {
            asked.to_mut().push_str(" at once");
            if self.is_same(&asked, dirty) {
                return None;
            }
        }
        if !seen.insert(&asked) || !self.may_ask() {
            return None;
        }
        if let Some(base) = self.lineage_made_otherwise(path, dirty) {
            return Some(format!("calls {}, {base}", written(shown(path))));
        }
        // `b = Builder()`, then `b.build()`.
        if let Some((name, method)) = path.split_once('.') {
            for maker in self.made_by(name) {
                let path_there = format!("{maker}.{method}");
                let known = match at_once {
                    true => acts_itself(dirty, &path_there),
                    false => acts_at(dirty, &path_there),
                };
                if let Some(why) = known {
                    return Some(format!("calls {}, {why}", written(shown(path))));
                }
                // It gives what it is asked for by that: a stand-in for a module, perhaps.
                let asked = format!("{maker}.__getattr__");
                if !self.has(&path_there)
                    && self.has(&asked)
                    && let Some(why) = self.differs(&asked, dirty, seen)
                {
                    return Some(why);
                }
            }
        }
        // Called under another name, or through an object made from it.
        for read in self.from(path) {
            if let Some(why) = self.differs(read, dirty, seen) {
                return Some(why);
            }
        }
        if self.deep.get() && !path.contains('.') {
            for held in self.held_by(path).iter() {
                if let Some(why) = self.differs(held, dirty, seen) {
                    return Some(why);
                }
            }
        }
        // `look(key)(x)`, `Table()(x)`.
        if let Some(giver) = path.strip_suffix(GIVES)
            && let Some(why) = self.gives_differs(giver, dirty, seen)
        {
            return Some(why);
        }
        // A method that was made of another one, and one that the class has from a base.
        let stem = shown(path);
        for other in self.made_of(stem) {
            if let Some(why) = self.differs_on(&other, on, at_once, dirty, seen) {
                return Some(why);
            }
        }
        if let Some((class, member)) = stem.rsplit_once('.')
            && !self.has(stem)
        {
            let on = Some(on.unwrap_or(class));
            let others = self.bound_to(class, member).iter();
            let others = others.filter(|path| *path != member).cloned();
            let bases = self.bases(class).into_iter();
            let inherited = bases.map(|base| format!("{base}.{member}"));
            for path_there in others.chain(inherited).collect::<Vec<_>>() {
                let path_there = format!("{path_there}{}", &path[stem.len()..]);
                if let Some(why) = self.differs_on(&path_there, on, at_once, dirty, seen) {
                    return Some(why);
                }
            }
        }
        for function in self.called(path) {
            let later = match at_once {
                true => function.at_once(),
                false => &function.later,
            };
            if let Some(why) = dirty
                .reads(later)
                .or_else(|| dirty.looked_into(later))
                .or_else(|| self.looks_into_kin(later, dirty))
                .or_else(|| self.inherited(later, dirty))
            {
                return Some(format!("calls {}, which {why}", shown(path)));
            }
            if function.decorators != 0
                && let Some((class, _)) = stem.rsplit_once('.')
                && let Some(why) = self
                    .members_differ_of(Some(function), class, dirty)
                    .or_else(|| {
                        self.class_called_differs(function, on.unwrap_or(class), dirty, seen)
                    })
            {
                return Some(why);
            }
            // What decorators made of it, also one of the class body that it stands in.
            for (by, calls) in &function.applied {
                let inside = shown(path).rsplit_once('.');
                let inside = inside.map(|(class, _)| format!("{class}.{by}"));
                for by in std::iter::once(by).chain(&inside) {
                    if let Some(why) = self.differs(&gives(by, *calls), dirty, seen) {
                        return Some(format!("calls {}, which {why}", shown(path)));
                    }
                }
            }
            // What a decorator that is a class made of it is called by these.
            if function.decorators != 0 {
                for by in ["__call__", "__get__"] {
                    let mut wrappers = function.uses.calls.iter();
                    let differs = |class| self.differs(&format!("{class}.{by}"), dirty, seen);
                    if let Some(why) = wrappers.find_map(differs) {
                        return Some(format!("calls {}, which {why}", shown(path)));
                    }
                }
            }
            if let Some(why) = self.inside_of(later, dirty) {
                return Some(format!(
                    "calls {}, which looks into what {why}",
                    shown(path)
                ));
            }
            for inner in &later.calls {
                if let Some(why) = self.differs(inner, dirty, seen) {
                    return Some(format!("calls {}, which {why}", shown(path)));
                }
            }
            // `self.other()`, `Builder().build()`, `cls.SIZE`.
            let own = on.or_else(|| stem.rsplit_once('.').map(|(class, _)| class));
            // `D = type("D", (C,), {"area": lambda self: self.size})`
            let own = own.or((function.kind == Kind::Assign).then_some(stem));
            let members = byway::but_for_filled(function, later, dirty);
            if let Some(why) = self
                .member_differs(&members, own, dirty, seen)
                .or_else(|| self.body_given_differs(later, dirty, seen))
            {
                return Some(format!("calls {}, which {why}", shown(path)));
            }
        }
        if self.defines_class(path) {
            let found = self.members_differ_of(None, path, dirty);
            return found.or_else(|| self.set_up_differs(path, dirty, seen));
        }
        None
    }

    /// A class attribute, also one that comes from a base.
    pub(super) fn value_differs(&self, path: &str, dirty: &Dirty) -> Option<String> {
        if dirty.values.is_empty() && dirty.behaviour.is_empty() {
            return None;
        }
        let (_, last) = path.rsplit_once('.').unwrap_or(("", path));
        let known = dirty.mentions(last) || dirty.mentions(MADE) || self.may_be_described(last);
        if !known && !self.may_have_other_bases(path, dirty) {
            return None;
        }
        if let Some(why) = dirty.values.get(path) {
            return Some(format!("reads {path}, {why}"));
        }
        let (class, member) = path.rsplit_once('.')?;
        if let Some(why) = self.given_by_maker(class, member, dirty) {
            return Some(format!("reads {path} of a class that {why}"));
        }
        if self.may_be_described(member)
            && let Some(why) = self.described(class, member, dirty)
        {
            return Some(why);
        }
        let lineage = self.lineage(class);
        let inherited = lineage.iter().find_map(|base| {
            let path = format!("{base}.{member}");
            let why = dirty.values.get(&path)?;
            Some(format!("reads {path}, {why}"))
        });
        inherited.or_else(|| self.inherited_from_others(class, member, dirty))
    }

    /// What a class is derived from, as far as the module tells: each once, also where names are
    /// bound to what is made of themselves.
    pub(super) fn lineage(&self, class: &str) -> Rc<[&'a str]> {
        if let Some(known) = self.lineages.borrow().get(class) {
            return Rc::clone(known);
        }
        let mut found: Vec<&'a str> = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::from([class]);
        let mut todo = self.bases(class);
        todo.reverse();
        while let Some(base) = todo.pop() {
            if seen.insert(base) {
                found.push(base);
                todo.extend(self.bases(base).into_iter().rev());
            }
        }
        let found: Rc<[&'a str]> = found.into();
        let mut lineages = self.lineages.borrow_mut();
        lineages.insert(class.to_owned(), Rc::clone(&found));
        found
    }

    /// The paths that the header of a class reads: its bases, among others. For a name that is
    /// bound to a class or an instance of one: the class.
    pub(super) fn bases(&self, class: &str) -> Vec<&'a str> {
        let root = self.root(root(class));
        let found = root.by_path.get(class).into_iter().flatten();
        let named = self.from(class);
        found
            .filter(|s| s.kind == Kind::Class)
            .flat_map(|s| &s.head.reads)
            .chain(named)
            .map(String::as_str)
            .collect()
    }
}

/// The path of what `path` gives when it is called so often.
fn gives(path: &str, calls: u8) -> String {
    format!("{path}{}", GIVES.repeat(usize::from(calls)))
}

/// A path for the report: what a function gives goes by the function's name.
pub fn shown(path: &str) -> &str {
    path.find(GIVES).map_or(path, |end| &path[..end])
}

/// Why what is at a path acts differently, whatever becomes of what it gives.
fn acts_itself<'d>(dirty: &'d Dirty, path: &str) -> Option<&'d String> {
    let known = dirty.behaviour.get(path);
    known.or_else(|| dirty.behaviour.get(&format!("{path}{FRESH}")))
}

/// Why what is at a path acts differently, or what it gives.
fn acts_at<'d>(dirty: &'d Dirty, path: &str) -> Option<&'d String> {
    // Nothing that begins a name comes before a dot, and nothing that follows one before a bracket.
    let (first, why) = dirty
        .behaviour
        .range::<str, _>((Bound::Included(path), Bound::Unbounded))
        .next()?;
    let rest = first.strip_prefix(path)?;
    if rest.is_empty() || rest.starts_with(GIVES) || rest == FRESH {
        return Some(why);
    }
    // Other things are told of a class in the same way.
    let fresh = || dirty.behaviour.get(&format!("{path}{FRESH}"));
    dirty.makes_others.then(fresh).flatten()
}

/// The path of what acts differently when only the body of a function changed: its own, or that of
/// what it hands out.
pub(super) fn path_of_acting(path: &str, old: &Statement, new: &Statement) -> String {
    format!("{path}{}", GIVES.repeat(new.differs_after(old)))
}
