//! Who holds what: where calling a path of a module puts what it is given, here and in other modules, and what
//! acts differently for what is there.

use std::collections::BTreeSet;

use super::affected::REGISTERS;
use super::given::{GIVEN, calls_alone, is_taken};
use super::{Dirty, Functions, Holding, root};
use crate::outline::{Import, Kind, Statement};

impl<'a> Functions<'a> {
    /// What other modules hold of a definition that acts differently, and act differently for it.
    pub fn told_elsewhere(&self, statement: &Statement) -> Holding {
        if !is_taken(statement) {
            return Holding::new();
        }
        let takers = self.takers(statement);
        let kept = takers.flat_map(|(import, path)| self.elsewhere.keeps(import, &path));
        kept.map(|(module, paths)| (module, Self::held(paths)))
            .collect()
    }

    /// The same of all statements that give a definition of this name away: its own, by decorators and
    /// bases, and calls.
    pub fn handed_elsewhere(&self, name: &str) -> Holding {
        let outline = self.outline();
        let (body, index) = (&outline.body, outline.index());
        let own = index.writers(body, name).into_iter();
        let own = own.filter(|at| is_taken(&body[*at]) && body[*at].name == name);
        let calls = index.readers(body, name).into_iter();
        let calls = calls.filter(|at| {
            let statement = &body[*at];
            calls_alone(statement) && statement.uses.reads.iter().any(|read| read == name)
        });
        let takers = own.chain(calls).flat_map(|at| self.takers(&body[at]));
        let kept = takers.flat_map(|(import, path)| self.elsewhere.keeps(import, &path));
        kept.map(|(module, paths)| (module, Self::held(paths)))
            .collect()
    }

    /// What is imported and takes a definition when it is made: decorators, and bases of a class.
    pub(super) fn takers(
        &self,
        statement: &Statement,
    ) -> impl Iterator<Item = (&'a Import, String)> + use<'a> {
        let mut paths: BTreeSet<String> = BTreeSet::new();
        if statement.decorators != 0 || calls_alone(statement) {
            paths.extend(statement.uses.calls.iter().cloned());
        }
        if statement.kind == Kind::Class {
            paths.extend(statement.head.reads.iter().cloned());
        }
        let found: Vec<(&'a Import, String)> = paths
            .into_iter()
            .flat_map(|path| {
                let imports: Vec<&'a Import> = self.imports(root(&path)).collect();
                imports
                    .into_iter()
                    .map(move |import| (import, path.clone()))
            })
            .collect();
        found.into_iter()
    }

    /// These names, and what acts differently when what is in their objects does, or (`filled`) is
    /// something else.
    pub fn holders(&self, names: BTreeSet<String>, filled: bool) -> BTreeSet<String> {
        let mut dirty = Dirty::default();
        for name in &names {
            match filled {
                true => dirty.value(name, ""),
                false => dirty.acts(format!("{name}{GIVEN}"), ""),
            }
        }
        let mut paths = names;
        if !dirty.is_empty() {
            let acting = super::acting_at_all(self.outline(), &dirty, usize::MAX);
            let found = self.paths(acting.into_iter().flatten()).into_iter();
            paths.extend(found.filter(|path| self.acts_given(path, &dirty).is_some()));
        }
        paths
    }

    /// What acts differently when this name is bound to something else.
    pub fn readers(&self, name: &str) -> BTreeSet<String> {
        let mut dirty = Dirty::default();
        dirty.value(name, "");
        let acting = super::acting_at_all(self.outline(), &dirty, usize::MAX);
        let paths = self.paths(acting.into_iter().flatten()).into_iter();
        let differs = |path: &String| self.applied_differs(path, 1, &dirty).is_some();
        paths.filter(differs).collect()
    }

    /// What those that hold something act differently for goes by these paths.
    pub fn held(paths: BTreeSet<String>) -> BTreeSet<String> {
        let paths = paths.into_iter();
        paths.map(|path| format!("{path}{GIVEN}")).collect()
    }

    /// Where calling a path of this module puts what it is given, and what acts differently when that
    /// does: in the module, and in others.
    pub fn keeps(&self, module: &str, path: &str) -> Holding {
        let makes = [path.to_owned(), format!("{path}.__init_subclass__")];
        let mut names = self.parts_filled(&makes);
        names.extend(self.mutations(&makes));
        let name = root(path);
        if !self.made_by(name).is_empty() {
            names.extend(self.with_place(name, path));
        }
        // It chooses among those that are registered with it.
        if let Some(chooser) = path.strip_suffix(REGISTERS)
            && self.at(chooser).iter().any(|s| s.decorators != 0)
        {
            names.insert(chooser.to_owned());
        }
        let mut paths = self.holders(names, false);
        for name in self.global_writes(&makes[..1]) {
            paths.extend(self.readers(&name));
        }
        let mut out = vec![(module.to_owned(), paths)];
        self.kept_further(&makes[..1], &mut out);
        if self.at(path).is_empty() {
            for import in self.imports(name) {
                out.extend(self.elsewhere.keeps(import, path));
            }
        }
        out
    }

    /// The same in other modules, which functions of this one fill: `reg.TABLE[name] = f`, `reg.add(f)`.
    fn kept_further(&self, calls: &[String], out: &mut Holding) {
        let (mut paths, mut called) = (BTreeSet::new(), BTreeSet::new());
        self.any_called(calls, |function| {
            let later = &function.later;
            for name in &later.mutates {
                let below = |path: &&String| root(path) == name && path.contains('.');
                let mut reads = later.reads.iter().filter(below).peekable();
                match reads.peek() {
                    Some(_) => paths.extend(reads.cloned()),
                    None => drop(paths.insert(name.clone())),
                }
            }
            called.extend(later.calls.iter().cloned());
            false
        });
        for path in &paths {
            for import in self.imports(root(path)) {
                out.extend(self.elsewhere.holding(import, path));
            }
        }
        for path in called.iter().filter(|path| self.at(path).is_empty()) {
            for import in self.imports(root(path)) {
                out.extend(self.elsewhere.keeps(import, path));
            }
        }
    }
}
