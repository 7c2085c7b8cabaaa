//! What a class reads of itself while an instance is made: `self.size` in its constructor, in methods
//! that this calls, and in setters of what it sets.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::instances::CONSTRUCTORS;
use super::settled::Seen;
use super::{Dirty, Functions, root};
use crate::diff::{Changes, What};
use crate::outline::{Handed, Kind, Outline, Statement};

/// By these keywords a field is given what is called for each new instance.
const FACTORIES: [&str; 2] = ["default_factory", "factory"];

/// What runs while an instance is made.
#[derive(Default)]
pub(super) struct SetUp<'a> {
    /// Methods, constructors among them.
    bodies: Vec<&'a Statement>,
    /// The attributes of the instance or its class that they read or call.
    members: BTreeSet<String>,
}

impl<'a> Functions<'a> {
    /// Why an instance that is made now is another one, though its constructor is what it was. A method
    /// that was itself edited does not count: who edits that wants to keep what there is.
    pub(super) fn set_up_differs(
        &self,
        class: &str,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let set_up = self.set_up(class);
        for body in &set_up.bodies {
            let later = &body.later;
            let why = dirty.reads(later).or_else(|| self.inherited(later, dirty));
            let why = why.or_else(|| {
                let mut calls = later.calls.iter();
                calls.find_map(|inner| self.differs(inner, dirty, seen))
            });
            if let Some(why) = why {
                return Some(format!("calls {class}, which {why}"));
            }
        }
        let filled = |path: &String| dirty.filled.contains(path);
        let mut paths = set_up.members.iter().map(|m| format!("{class}.{m}"));
        let read = paths.find_map(|path| {
            let why = self
                .value_differs_once(&path, dirty)
                .filter(|_| !filled(&path))?;
            Some(format!("calls {class}, which {why}"))
        });
        read.or_else(|| self.generated_differs(class, dirty, seen))
    }

    /// The same of a constructor that is made from what is declared in a class and its bases.
    fn generated_differs(&self, class: &str, dirty: &Dirty, seen: &mut Seen) -> Option<String> {
        let lineage = self.lineage(class);
        let classes = || std::iter::once(class).chain(lineage.iter().copied());
        let makes = |class: &str| self.has(&format!("{class}.__init__"));
        let decorated = |class: &str| self.at(class).iter().any(|s| s.decorators != 0);
        let imported = |class: &str| !self.has(class) && self.imports(root(class)).next().is_some();
        if classes().any(makes) || !classes().any(|class| decorated(class) || imported(class)) {
            return None;
        }
        let mut bases = lineage.iter();
        let base = bases.find_map(|base| Some((base, dirty.behaviour.get(*base)?)));
        if let Some((base, why)) = base {
            return Some(format!(
                "calls {class}, which is derived from {base}, {why}"
            ));
        }
        for class in classes() {
            let members = self
                .at(class)
                .into_iter()
                .flat_map(|class| class.body.iter());
            for member in members.filter(|member| member.kind == Kind::Assign) {
                let factory = |given: &&Handed| FACTORIES.contains(&given.keyword.as_str());
                let mut factories = member.handed_on.iter().filter(factory);
                let mut why = factories.find_map(|f| self.differs(&f.what, dirty, seen));
                if why.is_none() && member.lambdas {
                    let mut calls = member.later.calls.iter();
                    why = dirty.reads(&member.later);
                    why = why.or_else(|| calls.find_map(|c| self.differs(c, dirty, seen)));
                }
                if let Some(why) = why {
                    return Some(format!("calls {class}, which {why}"));
                }
            }
        }
        None
    }

    /// Why a class method gives another instance: `return cls(name)`.
    pub(super) fn class_called_differs(
        &self,
        method: &Statement,
        class: &str,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let own = method.uses.calls.iter().any(|path| path == "classmethod");
        if !own || !method.calls_given {
            return None;
        }
        let why = self.differs(class, dirty, seen)?;
        Some(format!("calls {class}.{}, which {why}", method.name))
    }

    /// The bodies that run while an instance of a class is made.
    pub(super) fn runs_when_made(&self, class: &str) -> Vec<&'a Statement> {
        self.set_up(class).bodies.clone()
    }

    /// Classes whose instances other code sets up after an edit: a constructor, or a method that runs while an
    /// instance is made, is another one.
    pub fn set_up_otherwise(
        &self,
        old: &Outline,
        new: &'a Outline,
        changes: &Changes,
    ) -> Vec<&'a str> {
        let mut out = Vec::new();
        for change in &changes.items {
            let (What::Inner(inner), Some(was)) = (&change.what, change.old) else {
                continue;
            };
            let (was, class) = (&old.body[was], &new.body[change.new]);
            if class.kind != Kind::Class {
                continue;
            }
            let gone = inner.removed.iter().map(|at| &was.body[*at]);
            let items = inner.items.iter();
            let other = items.filter(|change| change.what != What::Same);
            let edited = gone.chain(other.map(|change| &class.body[change.new]));
            let mut methods = edited.filter(|s| s.kind == Kind::Function);
            let runs = |method: &Statement| {
                let name = method.name.as_str();
                let runs = || self.runs_when_made(&class.name);
                CONSTRUCTORS.contains(&name) || runs().iter().any(|body| body.name == name)
            };
            if methods.any(runs) {
                out.push(class.name.as_str());
            }
        }
        out
    }

    /// The attributes of itself that a class reads while an instance is made.
    pub fn reads_of_itself(&self, class: &str) -> BTreeSet<String> {
        self.set_up(class).members.clone()
    }

    /// The classes of what an instance of a class makes for its own: `self.font = Font()`.
    pub(super) fn made_inside(&self, class: &str) -> Vec<&'a str> {
        let bodies = &self.set_up(class).bodies;
        let calls = bodies.iter().flat_map(|body| &body.later.calls);
        let calls = calls.map(String::as_str).filter(|path| *path != class);
        let known = |path: &&str| {
            self.defines_class(path)
                || !self.has(path) && self.imports(root(path)).any(|i| i.bound == root(path))
        };
        calls.filter(known).collect()
    }

    /// Why a function acts differently that an instance of a class was given by its constructor, where
    /// one of these attributes is asked for that the constructor sets: `self.table = {"home": home}`.
    pub(super) fn kept_differs(
        &self,
        class: &str,
        members: &[String],
        dirty: &Dirty,
    ) -> Option<String> {
        if dirty.behaviour.is_empty() {
            return None;
        }
        let set_up = self.set_up(class);
        let mut bodies = set_up.bodies.iter();
        bodies.find_map(|body| {
            let set = |member: &String| body.sets.contains(member);
            if !members.iter().any(set) {
                return None;
            }
            let later = &body.later;
            let mut kept = later
                .reads
                .iter()
                .filter(|path| !later.calls.contains(path));
            kept.find_map(|path| {
                let why = dirty.behaviour.get(path)?;
                self.is_function(path)
                    .then(|| format!("asks a {class}, which has {path}, {why}"))
            })
        })
    }

    fn set_up(&self, class: &str) -> Rc<SetUp<'a>> {
        if let Some(known) = self.set_ups.borrow().get(class) {
            return Rc::clone(known);
        }
        let found = Rc::new(self.runs_at_first(class));
        let mut set_ups = self.set_ups.borrow_mut();
        set_ups.insert(class.to_owned(), Rc::clone(&found));
        found
    }

    fn runs_at_first(&self, class: &str) -> SetUp<'a> {
        let lineage = self.lineage(class);
        let classes: Vec<&str> = std::iter::once(class)
            .chain(lineage.iter().copied())
            .collect();
        let mut out = SetUp::default();
        // A name that is called, and which of the classes is the first that is asked for it.
        let mut todo: Vec<(String, usize)> = Vec::new();
        todo.extend(CONSTRUCTORS.map(|name| (name.to_owned(), 0)));
        for base in &classes[1..] {
            for member in self.read_elsewhere(base).unwrap_or_default() {
                if out.members.insert(member.clone()) {
                    todo.push((member, 0));
                }
            }
        }
        let mut followed = BTreeSet::new();
        while let Some((name, first)) = todo.pop() {
            if !followed.insert((name.clone(), first)) {
                continue;
            }
            let found = classes.iter().enumerate().skip(first).find_map(|(at, k)| {
                let found = self.at(&format!("{k}.{name}"));
                (!found.is_empty()).then_some((at, found))
            });
            let Some((at, found)) = found else { continue };
            for body in found.into_iter().filter(|s| s.kind == Kind::Function) {
                out.bodies.push(body);
                let above = body.later.calls.iter().any(|path| path == "super");
                for member in body.later.members.iter().chain(&body.sets) {
                    todo.push((member.clone(), 0));
                    if above {
                        todo.push((member.clone(), at + 1));
                    }
                    out.members.insert(member.clone());
                }
            }
        }
        out
    }

    /// What a base that is imported reads of what it makes.
    fn read_elsewhere(&self, base: &str) -> Option<BTreeSet<String>> {
        let mut imports = self.imports(root(base));
        imports.find_map(|import| self.elsewhere.reads_of_itself(import, base))
    }
}
