//! Functions that a statement calls and that compute something once: `get_config()`.

use std::collections::BTreeSet;

use super::settled::Seen;
use super::{Dirty, Functions, root};
use crate::outline::{Kind, Statement};

/// So many functions that a statement calls are looked at.
const MANY: usize = 40;

impl Functions<'_> {
    /// The paths of functions that a statement calls, directly or not, which may keep what they have
    /// computed, and which give something else now. `edited`: the names of statements that are.
    pub fn compute_again(
        &self,
        statement: &Statement,
        edited: &BTreeSet<&str>,
        dirty: &Dirty,
    ) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        if dirty.is_empty() {
            return out;
        }
        let uses = &statement.uses;
        let mut todo: Vec<String> = uses.calls.clone();
        let objects = uses.reads.iter().filter(|_| !uses.members.is_empty());
        let makers = objects.flat_map(|path| self.made_by(root(path)));
        let makers: BTreeSet<&String> = makers.chain(&uses.calls).collect();
        for maker in makers {
            todo.extend(
                uses.members
                    .iter()
                    .map(|member| format!("{maker}.{member}")),
            );
        }
        let mut seen = BTreeSet::new();
        while let Some(path) = todo.pop() {
            if seen.len() > MANY || !seen.insert(path.clone()) {
                continue;
            }
            // `b = Builder()`, then `b.build()`.
            if let Some((name, rest)) = path.split_once('.') {
                todo.extend(
                    self.made_by(name)
                        .iter()
                        .map(|maker| format!("{maker}.{rest}")),
                );
            }
            let class = path.rsplit_once('.').map(|(class, _)| class);
            for found in self.at(&path) {
                if found.kind == Kind::Class {
                    todo.push(format!("{path}.__new__"));
                    if !found.metaclass.is_empty() {
                        todo.push(format!("{}.__call__", found.metaclass));
                    }
                    if found.decorators == 0 {
                        continue;
                    }
                }
                let later = &found.later;
                todo.extend(later.calls.iter().cloned());
                let own = class.into_iter().filter(|class| self.defines_class(class));
                for class in own {
                    todo.extend(later.members.iter().map(|m| format!("{class}.{m}")));
                }
                let maker = matches!(&*found.name, "__new__" | "__call__");
                let keeps = maker
                    || found.decorators != 0
                    || !found.handed_on.is_empty()
                    || !later.global_writes.is_empty();
                let made = class.filter(|class| self.defines_class(class));
                // What a decorator's wrapper has kept is what it wraps gave, whatever the wrapper does.
                let wrapped = found.decorators != 0 && class.is_none();
                let differs = || match wrapped {
                    true => edited.contains(&*path) || self.body_differs(&path, found, dirty),
                    false => self.differs_alone(&path, dirty).is_some(),
                };
                let remade = |class| self.differs_alone(class, dirty).is_some();
                if keeps && (maker || differs() || made.is_some_and(remade)) {
                    out.insert(path.clone());
                }
            }
            // One of another module.
            if self.at(&path).is_empty() && dirty.behaviour.contains_key(&path) {
                out.insert(path);
            }
        }
        out
    }

    /// Whether a function does something else itself, whatever its decorators do.
    fn body_differs(&self, path: &str, function: &Statement, dirty: &Dirty) -> bool {
        let mut calls = function.later.calls.iter();
        dirty.reads(&function.later).is_some()
            || calls.any(|inner| self.differs_alone(inner, dirty).is_some())
            || function.kind == Kind::Class
                && self
                    .set_up_differs(path, dirty, &mut Seen::default())
                    .is_some()
    }
}
