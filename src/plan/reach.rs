//! Which statements an edit can reach at all: a plan looks at those and at no others.
//!
//! An upper bound, by names alone: whatever reads a name that may differ, whatever binds it as
//! well, whatever calls functions that deal with it, and so on until nothing is added.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::diff::{Changes, What};
use crate::outline::{Kind, Outline, Statement, Uses, Value};

use super::callbacks::given_to_passing;
use super::remade::{MAKERS, is_enumeration};
use super::{Dirty, Functions, Same, chosen_by, import_key, kin, names, root};

/// What an edit can reach.
pub struct Reach<'f> {
    functions: &'f Functions<'f>,
    /// Statements that may have to run again, or whose running again may matter.
    pub statements: BTreeSet<usize>,
    /// Names that may be bound anew, or whose object may be another or change.
    names: BTreeSet<String>,
    /// Names under which functions, or what was made from them, may act differently: who deals
    /// with them is reached, their own statements are not.
    acting: BTreeSet<String>,
    todo: Vec<String>,
}

impl<'f> Reach<'f> {
    fn new(functions: &'f Functions<'f>) -> Self {
        Self {
            functions,
            statements: BTreeSet::new(),
            names: BTreeSet::new(),
            acting: BTreeSet::new(),
            todo: Vec::new(),
        }
    }

    fn name(&mut self, name: &str) {
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
            self.todo.push(name.to_owned());
        }
    }

    fn acts(&mut self, name: &str) {
        if !self.names.contains(name) && !self.acting.contains(name) {
            self.acting.insert(name.to_owned());
            self.todo.push(name.to_owned());
        }
    }

    fn unlisted(&mut self, new: &Outline) {
        for name in unlisted(new) {
            self.name(&name);
        }
    }

    /// What a statement does to names when it runs.
    fn writes(&mut self, uses: &Uses) {
        let names = uses.binds.iter().chain(&uses.deletes).chain(&uses.mutates);
        for name in names.chain(&uses.global_writes) {
            self.name(name);
        }
    }

    fn statement(&mut self, new: &Outline, at: usize) {
        if !self.statements.insert(at) {
            return;
        }
        let statement = &new.body[at];
        self.writes(&statement.uses);
        if statement.uses.opaque {
            self.unlisted(new);
        }
        self.as_here(new, at, &statement.uses.reads);
        for name in handed(new, statement) {
            self.name(&name);
        }
        for name in told(new, statement) {
            self.name(name);
        }
        for path in self.functions.filled_by_the_way(statement) {
            self.name(root(&path));
        }
        for name in chosen_by(statement, new) {
            self.acts(name);
        }
        // What the functions that it calls do to names, and read, counts as its own.
        for path in &statement.uses.calls {
            self.called(new, at, root(path), true, &mut BTreeSet::new());
        }
        if statement.kind == Kind::Assign {
            for name in given_to_passing(new, statement) {
                self.acts(name);
            }
        }
        // Where it reads a property, that is called.
        if !statement.uses.members.is_empty() {
            for path in &statement.uses.reads {
                self.called(new, at, root(path), false, &mut BTreeSet::new());
            }
        }
    }

    /// Names that a statement reads and that are bound more than once: they may have to be bound
    /// again as they were here.
    fn as_here(&mut self, new: &Outline, at: usize, reads: &[String]) {
        for path in reads {
            let name = root(path);
            if !self.names.contains(name) {
                let mut writers = new.index().writers(&new.body, name);
                writers.retain(|i| *i != at && deals_with(&new.body[*i], name));
                let before = writers.first().is_some_and(|first| *first < at);
                let own = deals_with(&new.body[at], name);
                if before && (own || writers.last().is_some_and(|last| *last > at)) {
                    self.name(name);
                }
            }
        }
    }

    /// What a function deals with counts for the statement `from`, which calls it: what it reads,
    /// and, if it `writes`, what it does to names.
    fn called(
        &mut self,
        new: &Outline,
        from: usize,
        name: &str,
        writes: bool,
        seen: &mut BTreeSet<String>,
    ) {
        if !seen.insert(name.to_owned()) {
            return;
        }
        for at in new.index().writers(&new.body, name) {
            let statement = &new.body[at];
            let from_others = match statement.kind {
                // Another name for a function, what a function made, an instance.
                Kind::Assign if statement.name == name => &statement.uses.reads,
                Kind::Compound if statement.uses.calls.is_empty() => &statement.uses.reads,
                // Methods of its bases.
                Kind::Class => &statement.head.reads,
                _ => &Vec::new(),
            };
            for path in from_others {
                self.called(new, from, root(path), writes, seen);
            }
            let later = &statement.later;
            if later.opaque {
                self.unlisted(new);
            }
            self.as_here(new, from, &later.reads);
            let written = later.global_writes.iter().chain(&later.mutates);
            for name in written.filter(|_| writes) {
                self.name(name);
            }
            for path in &later.calls {
                self.called(new, from, root(path), writes, seen);
            }
        }
    }

    fn filled(&mut self, new: &Outline, name: &str, seen: &mut BTreeSet<String>) {
        if !seen.insert(name.to_owned()) {
            return;
        }
        for at in new.index().writers(&new.body, name) {
            let later = &new.body[at].later;
            for mutated in &later.mutates {
                self.name(mutated);
            }
            for path in &later.calls {
                self.filled(new, root(path), seen);
            }
        }
    }

    /// What a definition that is gone had been told to, through its decorators.
    fn filled_by(&mut self, new: &Outline, gone: &Statement) {
        for path in &gone.uses.calls {
            self.filled(new, root(path), &mut BTreeSet::new());
        }
    }

    /// A container that a statement reads may change below it under another of its names.
    fn other_names(&mut self, new: &Outline, same: &Same) {
        for at in self.statements.clone() {
            let reads = new.body[at].uses.reads.iter();
            let others: Vec<String> = reads
                .flat_map(|path| same.names(root(path)))
                .cloned()
                .collect();
            self.as_here(new, at, &others);
        }
    }

    fn spread(&mut self, new: &Outline, same: &Same) {
        loop {
            self.follow(new, same);
            if same.is_empty() {
                break;
            }
            self.other_names(new, same);
            if self.todo.is_empty() {
                break;
            }
        }
    }

    fn follow(&mut self, new: &Outline, same: &Same) {
        let (index, body) = (new.index(), &new.body);
        while let Some(name) = self.todo.pop() {
            if self.names.contains(&name) {
                for other in same.names(&name) {
                    self.name(other);
                }
                for at in index.writers(body, &name) {
                    self.statement(new, at);
                }
            }
            for at in index.readers(body, &name) {
                self.statement(new, at);
            }
            for at in index.live_later(body, &name) {
                // Its functions act differently; who calls them is asked next.
                let statement = &body[at];
                // What it makes and gives away is called there, perhaps.
                let makes = statement.kind == Kind::Assign && !statement.uses.calls.is_empty();
                if makes || is_enumeration(statement) {
                    self.statement(new, at);
                }
                let binds = statement.uses.binds.iter();
                for bound in binds.chain(&statement.uses.mutates) {
                    self.acts(bound);
                }
                for holder in holders(new, statement) {
                    self.acts(holder);
                }
                for chooser in chosen_by(statement, new) {
                    self.acts(chooser);
                }
            }
        }
    }
}

/// Containers into which the decorators of a function may put it.
fn holders<'n>(new: &'n Outline, statement: &'n Statement) -> BTreeSet<&'n str> {
    let mut out = BTreeSet::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let calls = statement
        .uses
        .calls
        .iter()
        .filter(|_| statement.decorators != 0);
    let mut todo: Vec<&str> = calls.map(|path| root(path)).collect();
    while let Some(name) = todo.pop() {
        if seen.insert(name) {
            for at in new.index().writers(&new.body, name) {
                let later = &new.body[at].later;
                out.extend(later.mutates.iter().map(String::as_str));
                todo.extend(later.calls.iter().map(|path| root(path)));
            }
        }
    }
    out
}

/// Containers into which what a class is derived from may put it when it is made.
fn told<'n>(new: &'n Outline, class: &'n Statement) -> BTreeSet<&'n str> {
    let mut out = BTreeSet::new();
    if class.kind != Kind::Class || class.head.reads.is_empty() {
        return out;
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut todo: Vec<&str> = class.head.reads.iter().map(|path| root(path)).collect();
    while let Some(name) = todo.pop() {
        if !seen.insert(name) {
            continue;
        }
        for at in new.index().writers(&new.body, name) {
            let found = &new.body[at];
            let mut bodies = vec![found];
            if found.kind == Kind::Class {
                todo.extend(found.head.reads.iter().map(|path| root(path)));
                let makes =
                    |m: &&Statement| m.name == "__init_subclass__" || MAKERS.contains(&&*m.name);
                bodies = found.body.iter().filter(makes).collect();
            }
            for body in bodies {
                out.extend(body.later.mutates.iter().map(String::as_str));
                todo.extend(body.later.calls.iter().map(|path| root(path)));
            }
        }
    }
    out
}

/// Names of the module that a star import in this place may give another value, where nobody knows yet
/// what there is to import.
pub(super) fn may_be_starred(new: &Outline, place: usize) -> impl Iterator<Item = &str> {
    let mut imports = new.body[place].imports.iter();
    let above = match imports.any(|import| import.bound == "*") {
        true => 0..place,
        false => 0..0,
    };
    let above = new.body.range(above).flat_map(|s| &s.uses.binds);
    above
        .map(String::as_str)
        .filter(|name| !name.starts_with('_'))
}

/// Names that are read and that no statement of the text binds.
pub fn unlisted(new: &Outline) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = new
        .body
        .iter()
        .flat_map(|s| s.uses.reads.iter().chain(&s.later.reads))
        .map(|path| root(path).to_owned())
        .collect();
    for statement in &new.body {
        let uses = &statement.uses;
        for name in uses.binds.iter().chain(&uses.global_writes) {
            names.remove(name);
        }
    }
    names
}

/// Containers of the module that a statement may put something into without naming it: those that its
/// decorators collect in, those that it hands to what it calls, and objects, which have some.
pub(super) fn fills(
    new: &Outline,
    statement: &Statement,
    functions: &Functions<'_>,
) -> BTreeSet<String> {
    match statement.kind {
        // Also `for name in NAMES: register(name)`.
        Kind::Function | Kind::Class | Kind::Compound => functions.mutations(&statement.uses.calls),
        // `ok = Button("OK")`, which keeps itself in a table.
        Kind::Assign => functions.parts_filled(&statement.uses.calls),
        _ => handed(new, statement),
    }
}

/// Those that a call as a statement of its own is given.
fn handed(new: &Outline, statement: &Statement) -> BTreeSet<String> {
    if statement.kind != Kind::Expr || statement.uses.calls.is_empty() {
        return BTreeSet::new();
    }
    let made = |name: &&str| {
        let writers = new.index().writers(&new.body, name);
        let mut made = writers.into_iter().map(|at| &new.body[at]);
        // `app = App()`, and one of another module: found out when it has run.
        // And a function, on which what is called may put something.
        let given = || statement.uses.calls.iter().all(|call| call != name);
        let object = |s: &Statement| match s.kind {
            Kind::Import => true,
            Kind::Assign => !s.uses.calls.is_empty(),
            Kind::Function => given(),
            _ => false,
        };
        made.any(|s| {
            let kind = s.value == Value::Container || object(s);
            kind && s.uses.binds.iter().any(|n| n == name)
        })
    };
    let names = statement.uses.reads.iter().map(|path| root(path));
    names.filter(made).map(str::to_owned).collect()
}

/// Whether a statement really binds or changes this name: an index may err.
pub(super) fn deals_with(statement: &Statement, name: &str) -> bool {
    let uses = &statement.uses;
    let names = uses.binds.iter().chain(&uses.deletes).chain(&uses.mutates);
    names.chain(&uses.global_writes).any(|n| n == name)
}

/// What is reached from the changes of a module, from names that others may write now, and from
/// what changed around it.
pub fn reach<'f>(
    old: &Outline,
    functions: &'f Functions<'f>,
    changes: &Changes,
    outside: &Dirty,
    written: &BTreeSet<String>,
    moved: &[usize],
) -> Reach<'f> {
    let new = functions.outline();
    let mut out = Reach::new(functions);
    for name in written {
        out.name(name);
    }
    for change in &changes.items {
        if change.what == What::Same {
            continue;
        }
        out.statement(new, change.new);
        if let (Some(at), What::Changed | What::Header(_)) = (change.old, &change.what) {
            gone(&mut out, &old.body[at]);
            // A decorator perhaps.
            if matches!(old.body[at].kind, Kind::Function | Kind::Class) {
                out.filled_by(new, &old.body[at]);
            }
        }
    }
    for &at in moved {
        out.statement(new, at);
    }
    for &at in &changes.removed {
        gone(&mut out, &old.body[at]);
        out.filled_by(new, &old.body[at]);
    }
    for path in kin::told(old, new, changes) {
        let (index, name) = (new.index(), root(&path));
        for at in index.readers(&new.body, name) {
            if kin::reads_one(new.body[at].uses.reads.iter(), &path) {
                out.statement(new, at);
            }
        }
        for at in index.live_later(&new.body, name) {
            let statement = &new.body[at];
            if kin::reads_one(statement.later.reads.iter(), &path) {
                for bound in &statement.uses.binds {
                    out.acts(bound);
                }
            }
        }
    }
    for asking in names::asking(changes, outside) {
        for at in new.index().readers(&new.body, asking) {
            if functions.sees_all(&new.body[at]) {
                out.statement(new, at);
            }
        }
    }
    // Functions that choose among all names of the module when they are called.
    for at in new.index().live_later(&new.body, "globals") {
        for bound in &new.body[at].uses.binds {
            out.acts(bound);
        }
    }
    for name in dirty_names(outside) {
        out.name(name);
    }
    // One that stands nowhere comes after them all.
    let places = outside.filled_at.keys().chain(outside.starred.keys());
    for at in places.filter(|at| **at < new.body.len()) {
        out.statement(new, *at);
    }
    for name in outside
        .unstarred
        .iter()
        .chain(outside.starred.values().flatten())
    {
        out.name(name);
    }
    if !outside.appeared.is_empty() {
        for at in new.index().importing(&new.body) {
            let mut imports = new.body[at].imports.iter();
            if imports.any(|import| outside.appeared.contains(&import_key(import))) {
                out.statement(new, at);
                may_be_starred(new, at).for_each(|name| out.name(name));
            }
        }
    }
    if new.star {
        let items = changes.items.iter();
        for change in items.filter(|c| matches!(c.what, What::Added | What::Changed)) {
            may_be_starred(new, change.new).for_each(|name| out.name(name));
        }
    }
    if !outside.is_empty() && (new.star || !outside.imports.is_empty()) {
        for at in new.index().importing(&new.body) {
            let statement = &new.body[at];
            let star = statement.imports.iter().any(|i| i.bound == "*");
            if star || statement.kind == Kind::Class || !outside.imports.is_empty() {
                out.statement(new, at);
            }
        }
    }
    out.spread(new, functions.same());
    out
}

impl Functions<'_> {
    /// All statements that may write a name, themselves or through functions that they call, or
    /// change what it is bound to under another name.
    pub(super) fn writers(&self, name: &str) -> BTreeSet<usize> {
        let mut out = self.writing(name);
        for other in self.same().names(name) {
            out.extend(self.writing(other));
        }
        out
    }

    /// The same, under this name alone.
    fn writing(&self, name: &str) -> BTreeSet<usize> {
        let (index, body) = (self.outline().index(), &self.outline().body);
        let mut out: BTreeSet<usize> = index.writers(body, name).into_iter().collect();
        let writes = |at: &usize| {
            let later = &body[*at].later;
            let mut names = later.global_writes.iter().chain(&later.mutates);
            names.any(|n| n == name)
        };
        let binds = |at: usize| body[at].uses.binds.iter().map(String::as_str);
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let later = index.live_later(body, name).into_iter().filter(writes);
        let mut todo: Vec<&str> = later.flat_map(binds).collect();
        while let Some(function) = todo.pop() {
            if seen.insert(function) {
                out.extend(index.readers(body, function));
                todo.extend(index.live_later(body, function).into_iter().flat_map(binds));
            }
        }
        out
    }

    /// The statements that change what a name is bound to in place, themselves or through functions
    /// that they call, under this name or another one.
    pub fn changing(&self, name: &str) -> BTreeSet<usize> {
        let body = &self.outline().body;
        let others = self.same().names(name);
        let is = |n: &String| n == name || others.contains(n);
        let mut found = self.writers(name);
        found.retain(|at| {
            let statement = &body[*at];
            statement.uses.mutates.iter().any(is)
                || statement.kind == Kind::Expr
                    && self.mutations(&statement.uses.calls).iter().any(is)
        });
        found
    }
}

fn gone(out: &mut Reach<'_>, statement: &Statement) {
    out.writes(&statement.uses);
    for path in out.functions.filled_by_the_way(statement) {
        out.name(root(&path));
    }
    for name in statement
        .later
        .global_writes
        .iter()
        .chain(&statement.later.mutates)
    {
        out.name(name);
    }
}

/// The names at the roots of what is dirty.
fn dirty_names(dirty: &Dirty) -> impl Iterator<Item = &str> {
    dirty.roots()
}

/// Names that may act differently while these differ: those that `dirty` names, the functions
/// that read them when called, what was made from those, and so on. Of functions those that
/// import-time code may use, or that may have been wrapped.
pub fn acting<'n>(new: &'n Outline, dirty: &'n Dirty) -> FxHashSet<&'n str> {
    let later = |name: &str| new.index().live_later(&new.body, name);
    all_acting(new, dirty, later, usize::MAX).unwrap_or_default()
}

/// The same of all functions; `None` when there are more of them than so many.
pub fn acting_at_all<'n>(
    new: &'n Outline,
    dirty: &'n Dirty,
    most: usize,
) -> Option<FxHashSet<&'n str>> {
    let mut names = dirty_names(dirty);
    if names.any(|name| new.index().has_later(&new.body, name, most)) {
        return None;
    }
    all_acting(new, dirty, |name| new.index().later(&new.body, name), most)
}

fn all_acting<'n>(
    new: &'n Outline,
    dirty: &'n Dirty,
    later: impl Fn(&str) -> Vec<usize>,
    most: usize,
) -> Option<FxHashSet<&'n str>> {
    let mut out = FxHashSet::default();
    let mut todo: Vec<&str> = dirty_names(dirty).collect();
    while let Some(name) = todo.pop() {
        if !out.insert(name) {
            continue;
        }
        let later = later(name);
        if out.len() + later.len() > most {
            return None;
        }
        let readers = new.index().readers(&new.body, name);
        for at in later.into_iter().chain(readers) {
            let uses = &new.body[at].uses;
            let binds = uses.binds.iter().chain(&uses.mutates).map(String::as_str);
            let binds = binds.chain(chosen_by(&new.body[at], new));
            let binds = binds.chain(holders(new, &new.body[at]));
            todo.extend(binds.filter(|bound| !out.contains(bound)));
        }
    }
    Some(out)
}
