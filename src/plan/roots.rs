//! What a module says of its names: the definitions under each, and what was called to bind it.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::settled::Seen;
use super::{Dirty, Functions, root};
use crate::outline::{GIVES, Kind, Outline, Statement};

type ByPath<'a> = FxHashMap<String, Vec<&'a Statement>>;

/// What there is under one name.
#[derive(Default)]
pub(super) struct Root<'a> {
    /// Functions, methods and classes, by their paths.
    pub(super) by_path: ByPath<'a>,
    /// The name is bound to what a call gave, most often an instance: what was called.
    pub(super) made_by: &'a [String],
    /// What the statement reads that bound the name: `run = partial(work, 1)`, `alias = work`.
    pub(super) from: &'a [String],
}

impl<'a> Functions<'a> {
    pub(super) fn root(&self, name: &str) -> Rc<Root<'a>> {
        if let Some(known) = self.roots.borrow().get(name) {
            return Rc::clone(known);
        }
        let mut found = Root::default();
        let outline: &'a Outline = self.outline();
        for at in outline.index().writers(&outline.body, name) {
            let statement = &outline.body[at];
            match statement.kind {
                Kind::Compound => index(&statement.body, "", &mut found.by_path),
                _ if statement.name == name => {
                    index(std::slice::from_ref(statement), "", &mut found.by_path);
                }
                _ => {}
            }
            // `if fast: run = quick`, else another.
            let binds = || statement.uses.binds.iter().any(|bound| bound == name);
            if statement.kind == Kind::Compound && binds() {
                match statement.uses.calls.is_empty() {
                    true => found.from = &statement.uses.reads,
                    false => found.made_by = &statement.uses.calls,
                }
            }
            // Also one of several: `a, b = A(), B()`.
            if statement.kind == Kind::Assign && (statement.name == name || binds()) {
                if !statement.uses.calls.is_empty() {
                    found.made_by = &statement.uses.calls;
                }
                found.from = &statement.uses.reads;
            }
        }
        found.by_path.retain(|path, _| root(path) == name);
        let found = Rc::new(found);
        let mut roots = self.roots.borrow_mut();
        roots.insert(name.to_owned(), Rc::clone(&found));
        found
    }

    /// The statements at a path.
    pub(super) fn at(&self, path: &str) -> Vec<&'a Statement> {
        let found = self.root(root(path));
        found.by_path.get(path).cloned().unwrap_or_default()
    }

    /// Whether a class statement stands for this name.
    pub fn defines_class(&self, name: &str) -> bool {
        let found = self.root(root(name));
        let found = found.by_path.get(name);
        found.is_some_and(|found| found.iter().any(|s| s.kind == Kind::Class))
    }

    /// Whether any statement is at a path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root(root(path)).by_path.contains_key(path)
    }

    /// Whether the module says nothing of what a name is bound to: a parameter, a builtin.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        let found = self.root(name);
        found.by_path.is_empty() && found.made_by.is_empty() && found.from.is_empty()
    }

    /// Whether this is the path of functions and nothing else.
    pub(super) fn is_function(&self, path: &str) -> bool {
        let found = self.root(root(path));
        let found = found.by_path.get(path);
        found.is_some_and(|found| {
            found
                .iter()
                .all(|s| s.kind == Kind::Function && s.decorators == 0)
        })
    }

    /// Why what is at a path gives, when it is called, something that acts differently: what a function
    /// takes from elsewhere, an instance.
    pub(super) fn gives_differs(
        &self,
        path: &str,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        self.at(path).into_iter().find_map(|found| {
            if found.kind == Kind::Class {
                let made = self.made_differently(path, dirty);
                return made.or_else(|| self.differs(&format!("{path}.__call__"), dirty, seen));
            }
            let mut given = found.gives.iter();
            given.find_map(|inner| self.differs(inner, dirty, seen))
        })
    }

    pub(super) fn made_by(&self, name: &str) -> &'a [String] {
        self.root(name).made_by
    }

    pub(super) fn from(&self, name: &str) -> &'a [String] {
        match name.contains('.') {
            true => &[],
            false => self.root(name).from,
        }
    }
}

fn index<'a>(body: &'a [Statement], prefix: &str, out: &mut ByPath<'a>) {
    for statement in body {
        match statement.kind {
            Kind::Function => {
                let path = format!("{prefix}{}", statement.name);
                handed(statement, &path, out);
                if !statement.gives.is_empty() {
                    out.entry(format!("{path}{GIVES}")).or_default();
                }
                out.entry(path).or_default().push(statement);
            }
            Kind::Class => {
                let path = format!("{prefix}{}", statement.name);
                index(&statement.body, &format!("{path}."), out);
                out.entry(path).or_default().push(statement);
            }
            Kind::Compound => index(&statement.body, prefix, out),
            // `double = lambda x: ...` and `run = partial(f, 1)` are called by their name too.
            Kind::Assign
                if !statement.name.is_empty()
                    && (!statement.later.reads.is_empty()
                        || !statement.later.members.is_empty()) =>
            {
                out.entry(format!("{prefix}{}", statement.name))
                    .or_default()
                    .push(statement);
            }
            _ => {}
        }
    }
}

/// The functions that this one hands out, and those hand out.
fn handed<'a>(function: &'a Statement, path: &str, out: &mut ByPath<'a>) {
    for inner in function.handed() {
        let path = format!("{path}{GIVES}");
        handed(inner, &path, out);
        out.entry(path).or_default().push(inner);
    }
}
