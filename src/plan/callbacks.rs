//! Methods that objects hand on or keep as what is called later: `self.actions = {"a": self.ok}`,
//! `Button(self.on_click)`, `bus.subscribe("login", self.on_login)`.

use std::collections::BTreeSet;

use super::settled::Seen;
use super::{Dirty, Functions, root};
use crate::outline::{Kind, Outline, Statement};

/// The names of what a statement gives to a class whose objects may hand their methods to it:
/// `panel = Panel(bus)`.
pub(super) fn given_to_passing<'n>(
    new: &'n Outline,
    statement: &'n Statement,
) -> impl Iterator<Item = &'n str> {
    let uses = &statement.uses;
    let bound_by = |path: &String| new.index().writers(&new.body, root(path));
    // Also where the class has that from its base.
    let passes = |call: &String| {
        bound_by(call).into_iter().any(|at| {
            let bases = new.body[at].head.reads.iter().flat_map(bound_by);
            let mut classes = std::iter::once(at).chain(bases);
            classes.any(|at| !new.body[at].passed.is_empty())
        })
    };
    let gives = uses.reads.len() > 1 && uses.calls.iter().any(passes);
    let given = uses.reads.iter().filter(move |_| gives);
    let given = given.filter(|read| uses.calls.iter().all(|call| call != *read));
    given.map(|read| root(read))
}

impl<'a> Functions<'a> {
    /// Why a method acts differently that the class at a path, or one that it is derived from, hands on.
    pub(super) fn passed_differs(
        &self,
        path: &str,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let classes = self.of_lineage(path);
        let passed: BTreeSet<&'a String> = classes.flat_map(|class| &class.passed).collect();
        let mut methods = passed.into_iter().map(|name| format!("{path}.{name}"));
        methods.find_map(|method| self.differs(&method, dirty, seen))
    }

    /// The classes whose methods may be in the object of a name, by functions that are called when
    /// objects of them are made, or since these are given it.
    pub(super) fn passing_to(&self, name: &str) -> Vec<&'a str> {
        let (body, index) = (&self.outline().body, self.outline().index());
        let passes = |s: &&'a Statement| s.kind == Kind::Class && !s.passed.is_empty();
        let later = index.later(body, name).into_iter();
        let later = later
            .map(|at| -> &'a Statement { &body[at] })
            .filter(passes);
        let found = later.filter(|s| s.later.mutates.iter().any(|n| n == name));
        let mut found: Vec<&'a str> = found.map(|s| s.name.as_str()).collect();
        // `panel = Panel(bus)`
        if !self.made_by(name).is_empty() {
            for at in index.readers(body, name) {
                let reads = &body[at].uses.reads;
                if reads.iter().any(|read| read == name) {
                    let calls = body[at].uses.calls.iter().map(String::as_str);
                    found.extend(calls.filter(|call| self.of_lineage(call).any(|s| passes(&s))));
                }
            }
        }
        found
    }

    /// What stands at a path, and at those of the classes that it is derived from.
    fn of_lineage(&self, path: &str) -> impl Iterator<Item = &'a Statement> + use<'a> {
        let mut found = self.at(path);
        found.extend(self.lineage(path).iter().flat_map(|base| self.at(base)));
        found.into_iter()
    }

    /// The paths that `panel.button.click` may be, where panel is an object that makes others.
    pub(super) fn of_parts(&self, path: &str) -> Vec<String> {
        let Some((object, method)) = path.rsplit_once('.') else {
            return Vec::new();
        };
        let Some((name, _)) = object.split_once('.') else {
            return Vec::new();
        };
        let makers = self.made_by(name).iter();
        let classes = makers.filter(|maker| self.defines_class(maker));
        let makes = classes.flat_map(|class| self.of_lineage(class));
        let calls = makes.flat_map(|class| &class.later.calls);
        let imported = &self.outline().imported;
        let calls = calls.filter(|call| {
            self.defines_class(call) || imported.iter().any(|name| name == root(call))
        });
        calls.map(|call| format!("{call}.{method}")).collect()
    }
}
