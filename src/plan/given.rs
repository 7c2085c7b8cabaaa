//! What functions do with what they are given: `total(ITEMS)` calls `price` of each item, `each(f)`
//! calls f.
//!
//! An upper bound by names: a method is taken to be called where its class is at hand and a body
//! that runs reads an attribute of its name. So a value that is an object of the program's own is
//! not made anew for it (`Affected::Given`), and what is at a path that only acts differently for
//! what it is given goes by the path with `GIVEN` after it.

use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::described::Asks;
use super::dirty::prefixes;
use super::settled::Seen;
use super::{Dirty, Functions, inside, root};
use crate::outline::{Handed, Import, Kind, Statement, Uses};

/// `report.?` is the path of what `report` does with what it is given.
pub(super) const GIVEN: &str = ".?";

/// Longer paths than this say nothing that is known: `module.Class.Class.method`.
const DEEPEST: usize = 3;

/// What bodies do with what they are given.
#[derive(Debug, Default, Clone)]
pub struct Does {
    /// Attributes that they read.
    pub members: BTreeSet<String>,
    /// Methods that their operators and builtins call.
    pub implied: BTreeSet<&'static str>,
    /// They call it.
    pub calls: bool,
    /// What they ask of definitions.
    pub asks: Asks,
}

/// What is known of what some calls do; whether classes among them count.
pub(super) type Doing = FxHashMap<(Vec<String>, bool), Rc<Does>>;

impl Does {
    fn absorb(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        self.implied.extend(&other.implied);
        self.calls |= other.calls;
        self.asks.absorb(other.asks);
    }
}

/// Tells of functions that other modules define.
pub trait Elsewhere {
    /// What runs when a path is called that begins with what an import binds; `made`: also where a
    /// class is called. `None`: not known.
    fn does(&self, import: &Import, path: &str, made: bool) -> Option<Does>;

    /// Where that puts what it is given: modules, the one that the import names first, with the paths
    /// in them that act differently when that does.
    fn keeps(&self, import: &Import, path: &str) -> Holding;

    /// What acts differently for what is put into what an imported path means.
    fn holding(&self, import: &Import, path: &str) -> Holding;

    /// The module that an import is about.
    fn module_of(&self, import: &Import) -> String;

    /// See `Functions::puts_into` and `Functions::looks_inside`; of what an import binds.
    fn puts_into(&self, import: &Import, path: &str) -> Option<BTreeSet<String>>;

    /// See `Functions::sets_of`; of what an import binds.
    fn sets_of(&self, import: &Import, path: &str) -> Option<BTreeSet<String>>;

    /// Whether what an import names is a module of the program, or in one.
    fn is_of_program(&self, import: &Import) -> bool;

    /// See `Functions::stores`; of what an import binds.
    fn stores(&self, import: &Import, path: &str) -> Option<Vec<Handed>>;

    /// See `Functions::reads_of_itself`; of what an import binds.
    fn reads_of_itself(&self, import: &Import, path: &str) -> Option<BTreeSet<String>>;

    /// The same.
    fn looks_inside(
        &self,
        import: &Import,
        path: &str,
        members: &[String],
        attributes: &BTreeSet<String>,
    ) -> bool;

    /// See `Functions::collects`; of what an import binds.
    fn collects(&self, import: &Import, path: &str) -> bool;

    /// The paths of a module that act differently when the container of this name has other items.
    fn holders(&self, module: &str, name: &str) -> BTreeSet<String>;

    /// The same when the name is bound to something else.
    fn readers(&self, module: &str, name: &str) -> BTreeSet<String>;

    /// Which of these attributes are asked for where the module may be known: in those that are edited
    /// and their dependents.
    fn asked_for(&self, attributes: &[String]) -> Vec<String>;
}

/// Paths in modules.
pub type Holding = Vec<(String, BTreeSet<String>)>;

/// Why `C.Meta.table` differs, where C is at hand and all of these attributes are read.
fn differs_deeper(path: &str, members: &BTreeSet<&str>, dirty: &Dirty) -> Option<String> {
    let prefix = format!("{path}.");
    let below = dirty.values.range(prefix.clone()..);
    let mut below =
        below.map_while(|(found, why)| Some((found, found.strip_prefix(&prefix)?, why)));
    let (found, _, why) = below.find(|(_, rest, _)| {
        rest.contains('.') && rest.split('.').all(|part| members.contains(part))
    })?;
    Some(format!("reads {found}, {why}"))
}

/// Whether something takes a definition when it is made: decorators, bases.
pub(super) fn is_taken(statement: &Statement) -> bool {
    let class = statement.kind == Kind::Class && !statement.head.reads.is_empty();
    class || statement.decorators != 0
}

/// Whether what a statement calls is called for what that does: `add("a")`, also in a loop.
pub(super) fn calls_alone(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Expr | Kind::Compound)
}

/// Where nothing is known of other modules.
pub struct Nowhere;

impl Elsewhere for Nowhere {
    fn asked_for(&self, _: &[String]) -> Vec<String> {
        Vec::new()
    }

    fn does(&self, _: &Import, _: &str, _: bool) -> Option<Does> {
        None
    }

    fn keeps(&self, _: &Import, _: &str) -> Holding {
        Holding::new()
    }

    fn holding(&self, _: &Import, _: &str) -> Holding {
        Holding::new()
    }

    fn module_of(&self, import: &Import) -> String {
        import.module.clone()
    }

    fn puts_into(&self, _: &Import, _: &str) -> Option<BTreeSet<String>> {
        None
    }

    fn sets_of(&self, _: &Import, _: &str) -> Option<BTreeSet<String>> {
        None
    }

    fn is_of_program(&self, _: &Import) -> bool {
        true
    }

    fn reads_of_itself(&self, _: &Import, _: &str) -> Option<BTreeSet<String>> {
        None
    }
    fn stores(&self, _: &Import, _: &str) -> Option<Vec<Handed>> {
        None
    }

    fn looks_inside(&self, _: &Import, _: &str, _: &[String], _: &BTreeSet<String>) -> bool {
        true
    }

    fn collects(&self, _: &Import, _: &str) -> bool {
        false
    }

    fn holders(&self, _: &str, _: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn readers(&self, _: &str, _: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

impl Dirty {
    /// What is at this path does something else with what it is given.
    pub fn acts_given(&mut self, path: &str, why: impl Into<String>) {
        self.acts(format!("{path}{GIVEN}"), why);
    }
}

impl<'a> Functions<'a> {
    /// The same with what other modules define.
    #[must_use]
    pub fn with(mut self, elsewhere: &'a dyn Elsewhere) -> Self {
        self.elsewhere = elsewhere;
        self
    }

    /// What happens to what is given to these, also where they give it on. `made`: also by
    /// constructors of classes, else by functions alone.
    pub fn does(&self, calls: &[String], made: bool) -> Rc<Does> {
        let key = (calls.to_vec(), made);
        if let Some(known) = self.doing.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut does = Does::default();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut todo: Vec<String> = calls.to_vec();
        while let Some(path) = todo.pop() {
            // `text = text.strip()` is made by a method of itself: ever longer paths.
            if path.matches('.').count() > DEEPEST || !seen.insert(path.clone()) {
                continue;
            }
            let found = self.at(&path);
            if found.iter().any(|s| s.kind == Kind::Class) && !made {
                continue;
            }
            let made_of = made && self.defines_class(&path);
            let set_up = made_of.then(|| self.runs_when_made(&path));
            let called = self.called(&path).into_iter();
            for function in called.chain(set_up.into_iter().flatten()) {
                does.members
                    .extend(function.at_once().members.iter().cloned());
                does.implied.extend(function.later_implied.iter());
                does.calls |= function.calls_given;
                does.asks.absorb(Asks::of(function.at_once()));
                todo.extend(function.at_once().calls.iter().cloned());
            }
            if let Some((name, method)) = path.split_once('.') {
                let makers = self.made_by(name).iter();
                todo.extend(makers.map(|maker| format!("{maker}.{method}")));
                todo.extend(self.of_parts(&path));
                if found.is_empty() && self.defines_class(name) {
                    let bases = self.bases(name).into_iter();
                    todo.extend(bases.map(|base| format!("{base}.{method}")));
                }
            }
            for import in self.imports(root(&path)) {
                if let Some(there) = self.elsewhere.does(import, &path, made) {
                    does.absorb(&there);
                }
            }
        }
        let does = Rc::new(does);
        self.doing.borrow_mut().insert(key, Rc::clone(&does));
        does
    }

    /// The imports that may bind a name: those that say so, or else stars.
    pub(super) fn imports(&self, name: &str) -> impl Iterator<Item = &'a Import> {
        let body = &self.outline().body;
        let index = self.outline().index();
        let writers = index.writers(body, name);
        let places = match writers.is_empty() {
            true => index.importing(body),
            false => writers,
        };
        let name = name.to_owned();
        let imports = places.into_iter().flat_map(|at| &body[at].imports);
        imports.filter(move |import| import.bound == name || import.bound == "*")
    }

    /// Why a function acts differently for what it is given, where that is asked for.
    pub(super) fn given_at<'d>(&self, path: &str, dirty: &'d Dirty) -> Option<&'d String> {
        if !self.deep.get() {
            return None;
        }
        if self.is_operator_of_container(path) {
            return None;
        }
        let whole = prefixes(path).find_map(|part| dirty.behaviour.get(&format!("{part}{GIVEN}")));
        whole.or_else(|| self.inside_at(path, &[], dirty))
    }

    /// Why what a body has at hand acts differently when what it calls deals with that. `given`: what
    /// functions do that it makes for what it calls.
    pub(super) fn given_differs(
        &self,
        (uses, given): (&Uses, Option<&Uses>),
        made: bool,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let asks = !uses.calls.is_empty() || !uses.members.is_empty();
        if !self.deep.get() || !asks {
            return None;
        }
        let all = self.at_hand(uses);
        let differing =
            |path: &&&str| self.within_once(path, dirty, || self.any_within(path, dirty));
        let hand: Vec<&&str> = all.iter().filter(differing).collect();
        if hand.is_empty() {
            return None;
        }
        // Properties of what is at hand are called where they are read.
        let mut calls = uses.calls.clone();
        for path in &all {
            let found = uses.members.iter().map(|member| format!("{path}.{member}"));
            calls.extend(found);
        }
        let does = self.does(&calls, made);
        // `each(price, ITEMS)`: what functions that are given ask of what else is.
        let functions = all
            .iter()
            .filter(|path| does.calls && !self.defines_class(path));
        let functions = functions.map(|path| (*path).to_owned());
        let called = given.into_iter().flat_map(|given| &given.calls);
        let further: Vec<String> = functions.chain(called.cloned()).collect();
        let further = self.does(&further, made);
        let members = does.members.iter().chain(&uses.members).map(String::as_str);
        let mut members: BTreeSet<&str> = members.chain(does.implied.iter().copied()).collect();
        if does.calls {
            members.insert("__call__");
            members.extend(further.members.iter().map(String::as_str));
            let given = given.into_iter().flat_map(|given| &given.members);
            members.extend(given.map(String::as_str));
            members.extend(further.implied.iter());
        }
        if !members.is_empty() {
            members.extend(["__getattr__", "__getattribute__"]);
        }
        if let Some(why) = self.own_differ(members.iter().copied(), dirty, seen) {
            return Some(why);
        }
        let computed: Vec<&str> = self.computed(members.iter().copied()).collect();
        let read = members.clone();
        members.retain(|member| self.may_differ(member, dirty));
        let members: Vec<(&str, u32)> = members.iter().map(|m| (*m, self.number(m))).collect();
        for path in hand {
            // Functions have no methods, and what names are bound to has those of its class.
            let plain = self.is_function(path) || !self.made_by(path).is_empty();
            let number = self.number(path);
            let spelled = self.spelled(path, &computed, dirty);
            let spelled = spelled.iter().map(|m| (m.as_str(), self.number(m)));
            for (member, its) in members.iter().copied().chain(spelled).filter(|_| !plain) {
                if !self.is_new((number, its), dirty, seen) || !self.may_ask() {
                    continue;
                }
                let path = format!("{path}.{member}");
                let filled = dirty.only_filled(&path, uses);
                let why = (!filled).then(|| self.value_differs_once(&path, dirty));
                let why = why.flatten();
                if let Some(why) = why.or_else(|| self.differs(&path, dirty, seen)) {
                    return Some(why);
                }
            }
            if let Some(why) = differs_deeper(path, &read, dirty) {
                return Some(why);
            }
            if does.calls
                && self.defines_class(path)
                && let Some(why) = self.passed_differs(path, dirty, seen)
            {
                return Some(why);
            }
            if does.calls
                && !uses.calls.iter().any(|call| call == path)
                && !self.defines_class(path)
                && let Some(why) = self.differs(path, dirty, seen)
            {
                return Some(why);
            }
        }
        None
    }

    /// Whether anything differs of what is at a path, or of the classes that a class there is derived
    /// from.
    fn any_within(&self, path: &str, dirty: &Dirty) -> bool {
        let within = |path: &str| {
            let prefix = format!("{path}.");
            dirty.behaviour.contains_key(path)
                || [&dirty.behaviour, &dirty.values].into_iter().any(|map| {
                    let first = map.range(prefix.clone()..).next();
                    first.is_some_and(|(found, _)| found.starts_with(&prefix))
                })
        };
        within(path)
            || self.lineage(path).iter().any(|base| within(base))
            // A function that calls or reads what differs.
            || self.at(path).iter().any(|s| s.kind != Kind::Class)
            || self.at(path).iter().any(|s| s.body.iter().any(|m| m.kind == Kind::Function))
    }

    /// What a body reads, and the classes and functions that those things are made of.
    pub(super) fn at_hand<'u>(&self, uses: &'u Uses) -> Vec<&'u str>
    where
        'a: 'u,
    {
        let mut out: FxHashSet<&'u str> = FxHashSet::default();
        let mut todo: Vec<&'u str> = uses.reads.iter().map(String::as_str).collect();
        while let Some(path) = todo.pop() {
            if !out.insert(path) {
                continue;
            }
            todo.extend(prefixes(path));
            todo.extend(self.brought_by(path).iter());
        }
        let mut out: Vec<&str> = out.into_iter().collect();
        out.sort_unstable();
        out
    }

    /// What is at hand where a path is, by what the module says of it.
    fn brought_by(&self, path: &str) -> Rc<[&'a str]> {
        if let Some(known) = self.brought.borrow().get(path) {
            return Rc::clone(known);
        }
        let name = root(path);
        let mut found: Vec<&'a str> = Vec::new();
        // A table that statements fill has what those read, too.
        let makers = self.made_by(name).iter().chain(self.from(name));
        found.extend(makers.map(String::as_str));
        found.extend(self.held_by(name).iter());
        found.extend(self.derived_from(path).iter());
        found.extend(self.makes(path));
        // What parameters have by default.
        let functions = self.at(path).into_iter();
        let functions = functions.filter(|s| s.kind == Kind::Function);
        found.extend(functions.flat_map(|s| &s.uses.reads).map(String::as_str));
        let found: Rc<[&'a str]> = found.into();
        let mut brought = self.brought.borrow_mut();
        brought.insert(path.to_owned(), Rc::clone(&found));
        found
    }

    /// Why a function of a module does something else that a call hands on: `load([plugin])`, which
    /// calls `plugin.setup()`.
    pub(super) fn given_modules_differ(
        &self,
        statement: &Statement,
        dirty: &Dirty,
    ) -> Option<String> {
        let uses = &statement.uses;
        if statement.kind != Kind::Expr || dirty.behaviour.is_empty() {
            return None;
        }
        let handed = uses.reads.iter().filter(|path| !uses.calls.contains(path));
        let whole = |path: &&String| {
            let mut imports = self.imports(path);
            imports.any(|import| import.bound == **path && import.name.is_none())
        };
        let modules: Vec<&String> = handed.collect();
        // With others among them, what is called may be theirs: `start(app, plugin)`.
        if modules.is_empty() || !modules.iter().all(whole) {
            return None;
        }
        let does = self.does(&uses.calls, true);
        modules.into_iter().find_map(|module| {
            let mut members = does.members.iter();
            members.find_map(|member| {
                let path = format!("{module}.{member}");
                let why = dirty.behaviour.get(&path)?;
                Some(format!("calls {path}, {why}"))
            })
        })
    }

    /// Why a statement must perhaps run again: for what it gives to what it calls.
    pub(super) fn statement_given(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        // A class runs member by member.
        if statement.kind == Kind::Class && !dirty.is_empty() {
            let mut members = statement.body.iter();
            return members.find_map(|member| self.statement_given(member, dirty));
        }
        let binds = match statement.kind {
            Kind::Function => statement.decorators == 0,
            kind => matches!(kind, Kind::Assign | Kind::Compound),
        };
        let uses = &statement.uses;
        if !binds || dirty.is_empty() || self.gave_up() {
            return None;
        }
        let outer = self.deep.replace(true);
        let skims = self.skims(statement);
        // What an object has that is told of things: `[f() for f in bus.handlers]`.
        let inside = uses.reads.iter().filter(|path| path.contains('.'));
        let mut inside = inside.filter(|path| !skims.contains(path));
        let asks = !uses.calls.is_empty() || !uses.members.is_empty();
        let held = inside.find_map(|path| self.given_at(path, dirty));
        let held = held.or_else(|| self.inside_of(uses, dirty));
        let held = held.map(|why| format!("looks into what {why}"));
        let held = held.or_else(|| self.passing_differs(statement, dirty));
        if held.is_some() || !asks {
            self.deep.set(outer);
            return held;
        }
        let made = statement.calls_made;
        let mut seen = Seen::default();
        let calls = uses.calls.iter();
        let found = match skims.is_empty() {
            true => self.acts_differently(&uses.calls, dirty),
            false => {
                let others = calls.clone().filter(|path| !skims.contains(path));
                self.acts_differently(&others.cloned().collect::<Vec<_>>(), dirty)
            }
        };
        let found = found
            .or_else(|| self.given_differs((uses, Some(&statement.later)), made, dirty, &mut seen))
            .or_else(|| {
                let gives = !uses.calls.is_empty() && !statement.later.reads.is_empty();
                let calls = gives && (made || self.does(&uses.calls, made).calls);
                calls
                    .then(|| self.later_differs(statement, dirty))
                    .flatten()
            })
            .or_else(|| {
                // `Table(key).rows()`: what the table was given may be called there.
                let given = uses.reads.iter().filter(|_| made);
                let given = given.filter(|path| calls.clone().all(|call| call != *path));
                let mut given = given.filter(|path| !self.defines_class(path));
                given.find_map(|path| self.differs_alone(path, dirty))
            });
        if found.is_none() {
            self.all_same(seen, dirty);
        }
        self.deep.set(outer);
        found
    }

    /// Why an object that a statement makes would be another one: its constructor may ask something of
    /// what it is given that differs.
    pub(super) fn made_given(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        let uses = &statement.uses;
        if uses.calls.is_empty() || statement.kind != Kind::Assign || statement.calls_made {
            return None;
        }
        let given = uses.reads.len() > uses.calls.len() || uses.calls.len() > 1;
        if !given || self.gave_up() {
            return None;
        }
        let outer = self.deep.replace(true);
        let mut seen = Seen::default();
        let found = self.given_differs((uses, None), true, dirty, &mut seen);
        if found.is_none() {
            self.all_same(seen, dirty);
        }
        self.deep.set(outer);
        found
    }

    /// What a statement goes through to say what is in it and no more; what its names are bound to in
    /// the end is not asked for anywhere else.
    fn skims<'s>(&self, statement: &'s Statement) -> &'s [String] {
        if statement.skims.is_empty() || statement.kind != Kind::Compound {
            return &statement.skims;
        }
        let (index, body) = (self.outline().index(), &self.outline().body);
        let alone = |name: &String| {
            let mut readers = index.readers(body, name).into_iter();
            let own = |at| body[at].span.line == statement.span.line;
            readers.all(own) && index.live_later(body, name).is_empty()
        };
        match statement.uses.binds.iter().all(alone) {
            true => &statement.skims,
            false => &[],
        }
    }

    /// Why functions that a statement makes and gives away do something else.
    fn later_differs(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        let later = &statement.later;
        let why = dirty.reads(later);
        why.or_else(|| self.acts_differently(&later.calls, dirty))
            .map(|why| format!("calls a function that {why}"))
    }

    /// What statements of the module have put into the object of a name, themselves or by decorators.
    pub(super) fn held_by(&self, name: &str) -> Rc<[&'a str]> {
        if let Some(known) = self.held.borrow().get(name) {
            return Rc::clone(known);
        }
        let body = &self.outline().body;
        let mut found: BTreeSet<&'a str> = BTreeSet::new();
        for at in self.writers(name) {
            let statement: &'a Statement = &body[at];
            let uses = &statement.uses;
            if uses.mutates.iter().any(|n| n == name) {
                let reads = uses.reads.iter().map(String::as_str);
                found.extend(reads.filter(|path| root(path) != name));
            } else if statement.decorators != 0 && self.mutations(&uses.calls).contains(name) {
                found.insert(statement.name.as_str());
            }
        }
        found.extend(self.passing_to(name));
        // `@registry.add`
        for at in self.outline().index().readers(body, name) {
            let statement: &'a Statement = &body[at];
            if statement.decorators != 0 && statement.uses.calls.iter().any(|p| root(p) == name) {
                found.insert(statement.name.as_str());
            }
        }
        let found: Rc<[&'a str]> = found.into_iter().collect();
        self.held
            .borrow_mut()
            .insert(name.to_owned(), Rc::clone(&found));
        found
    }

    /// A definition acts differently, and so does what holds it.
    pub fn tell_holders(&self, statement: &Statement, dirty: &mut Dirty) {
        for path in self.places(statement, true) {
            let why = format!("which holds what is on line {}", statement.span.line);
            dirty.acts_given(&path, why);
        }
    }

    /// Paths of what may hold a definition, which its decorators and bases fill; or what a call is
    /// given.
    pub(super) fn holding(&self, statement: &Statement) -> BTreeSet<String> {
        let places = self.places(statement, false).into_iter();
        places.map(|path| inside::whole(&path).to_owned()).collect()
    }

    /// The same; `inside`: of objects with where in them, if that is known.
    fn places(&self, statement: &Statement, inside: bool) -> BTreeSet<String> {
        if !is_taken(statement) && !calls_alone(statement) {
            return BTreeSet::new();
        }
        // What the body of a class calls is not told of the class.
        let calls = match statement.kind {
            Kind::Class => &statement.head.calls,
            _ => &statement.uses.calls,
        };
        let mut holders = BTreeSet::new();
        if statement.decorators != 0 {
            holders.extend(self.mutations(calls));
            let objects = calls.iter().map(|path| (root(path), path));
            let objects = objects.filter(|(name, _)| !self.made_by(name).is_empty());
            match inside {
                true => {
                    holders.extend(objects.flat_map(|(name, path)| self.with_place(name, path)))
                }
                false => holders.extend(objects.map(|(name, _)| name.to_owned())),
            }
        }
        holders.extend(self.told_of(statement));
        let takers: Vec<(&Import, String)> = self.takers(statement).collect();
        holders.extend(self.named_here(takers));
        holders
    }

    /// The classes of the module that are derived from this one.
    fn derived_from(&self, class: &str) -> Vec<&'a str> {
        if !self.defines_class(class) {
            return Vec::new();
        }
        let outline = self.outline();
        let readers = outline
            .index()
            .readers(&outline.body, root(class))
            .into_iter();
        let readers = readers.map(|at| -> &'a Statement { &outline.body[at] });
        let derived =
            readers.filter(|s| s.kind == Kind::Class && s.head.reads.iter().any(|p| p == class));
        derived.map(|s| s.name.as_str()).collect()
    }

    /// Why what is at this path acts differently for what it is given, for those who import it.
    pub fn acts_given(&self, path: &str, dirty: &Dirty) -> Option<(String, String)> {
        if self.gave_up() {
            return None;
        }
        let outer = self.deep.replace(true);
        let found = self.differs_alone(path, dirty);
        self.deep.set(outer);
        found.map(|why| (format!("{path}{GIVEN}"), why))
    }
}
