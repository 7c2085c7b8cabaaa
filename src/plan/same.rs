//! Other names of one container, and of what is in it: after `L = []` and `M = L`, or `D = {}` and
//! `M = D.setdefault("a", [])`, what is put into M is in L, or D, as well.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::{Effects, Functions};
use crate::outline::{Kind, Outline, Value};

/// The names of a module that one container has, or something in it, where there is more than one.
#[derive(Debug, Default)]
pub struct Same {
    /// For each such name all of them, that of the container's own statement first, and where
    /// the other ones are bound.
    groups: FxHashMap<String, (Vec<String>, Vec<usize>)>,
}

impl Same {
    pub fn of(outline: &Outline) -> Self {
        let body = &outline.body;
        let mut origins: FxHashMap<String, String> = FxHashMap::default();
        let mut out = Self::default();
        for at in outline.index().renaming(body) {
            let statement = &body[at];
            let Some(read) = statement.given_of() else {
                continue;
            };
            let origin = match origins.get(read) {
                Some(origin) => origin.clone(),
                None if made_at(outline, read).is_some_and(|made| made < at) => read.to_owned(),
                None => continue,
            };
            for name in &statement.uses.binds {
                if binder(outline, name) != Some(at) {
                    continue;
                }
                origins.insert(name.clone(), origin.clone());
                let group = out.groups.entry(origin.clone()).or_default();
                if group.0.is_empty() {
                    group.0.push(origin.clone());
                }
                group.0.push(name.clone());
                group.1.push(at);
            }
        }
        for (name, origin) in origins {
            let group = out.groups[&origin].clone();
            out.groups.insert(name, group);
        }
        out
    }

    /// Whether no container has more names than one.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// All names of what this one is bound to, and of what is in it, if it has others.
    pub fn names(&self, name: &str) -> &[String] {
        self.groups.get(name).map_or(&[], |group| &group.0)
    }

    /// The statements that gave it the other ones.
    pub fn places(&self, name: &str) -> &[usize] {
        self.groups.get(name).map_or(&[], |group| &group.1)
    }

    /// These names, and the other ones of what they are bound to.
    pub fn with_others<'s>(&'s self, names: &'s [String]) -> BTreeSet<&'s String> {
        let others = names.iter().flat_map(|name| self.names(name));
        others.chain(names).collect()
    }

    /// Containers that had names which they have no more.
    pub(super) fn parted(&self, now: &Self) -> Vec<&String> {
        let parted = |(name, (names, _)): &(&String, &(Vec<String>, Vec<usize>))| {
            names.iter().any(|other| !now.names(name).contains(other))
        };
        self.groups
            .iter()
            .filter(parted)
            .map(|(name, _)| name)
            .collect()
    }

    fn add(&self, names: &mut BTreeSet<String>) {
        let others = names.iter().flat_map(|name| self.names(name));
        let others: Vec<String> = others.cloned().collect();
        names.extend(others);
    }
}

/// The one statement that binds a name to something; others may change it (`L += [1]`).
fn binder(outline: &Outline, name: &str) -> Option<usize> {
    let has = |names: &[String]| names.iter().any(|n| n == name);
    let mut found = outline.index().writers(&outline.body, name);
    found.retain(|at| {
        let uses = &outline.body[*at].uses;
        has(&uses.deletes) || has(&uses.binds) && !has(&uses.mutates)
    });
    match found[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// The statement that makes the container that a name is bound to.
fn made_at(outline: &Outline, name: &str) -> Option<usize> {
    let at = binder(outline, name)?;
    let made = &outline.body[at];
    (made.kind == Kind::Assign && made.value == Value::Container).then_some(at)
}

impl Functions<'_> {
    /// Which names of the module one container has.
    pub fn same(&self) -> &Same {
        static NONE: OnceLock<Same> = OnceLock::new();
        let found = self.same.get_or_init(|| {
            let any = !self
                .outline()
                .index()
                .renaming(&self.outline().body)
                .is_empty();
            any.then(|| Box::new(Same::of(self.outline())))
        });
        match found {
            Some(found) => found,
            None => NONE.get_or_init(Same::default),
        }
    }
}

/// What a statement does to a container, it does to it under each of its names.
pub(super) fn widen(effects: &mut Effects, functions: &Functions<'_>) {
    let same = functions.same();
    if !same.groups.is_empty() {
        let own = |name: &String| effects.binds.contains(name) && !effects.reads.contains(name);
        let mut reads = effects.reads.clone();
        same.add(&mut reads);
        reads.retain(|name| !own(name));
        effects.reads = reads;
        same.add(&mut effects.mutates);
    }
}
