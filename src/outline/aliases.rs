//! Names that functions bind to what they call then: `h = TABLE[key]; return h(x)`; and what is called
//! when somebody calls what a function gives: `def look(key): return TABLE[key]`.
//!
//! Only what is called counts: a function that such a name is handed on to, or that keeps it, does the
//! same as before when what is in the table acts differently.

use ruff_python_ast::{self as ast, Expr};

use super::scope::{Block, Scope};
use super::statements::Reader;

/// `look.()` is the path of what `look` gives when it is called.
pub const GIVES: &str = ".()";

impl<'a> Reader<'a> {
    /// A function binds a name to the value of this.
    pub(super) fn alias(&mut self, target: &'a Expr, value: &'a Expr) {
        if self.scopes.is_empty() || self.frame().deferred == 0 {
            return;
        }
        match target {
            Expr::Name(name) => {
                let name = self.mangled(name.id.as_str());
                let mut found = self.called_when_called(value);
                found.retain(|path| path.split('.').next() != Some(&*name));
                let binds = |block| matches!(block, Block::Function);
                let scope = self.scopes.iter_mut().rev().find(|s| binds(s.block));
                if let Some(scope) = scope.filter(|scope| scope.bound.contains(&name)) {
                    for path in found {
                        let known = |(n, p): &(_, String)| *n == name && *p == path;
                        if !scope.aliases.iter().any(known) {
                            scope.aliases.push((name.clone(), path));
                        }
                    }
                }
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                let parts = match value {
                    Expr::Tuple(tuple) => &*tuple.elts,
                    Expr::List(list) => &*list.elts,
                    _ => &[],
                };
                let pairs = parts.len() == elts.len();
                for (at, target) in elts.iter().enumerate() {
                    self.alias(target, if pairs { &parts[at] } else { value });
                }
            }
            _ => {}
        }
    }

    /// The paths that are called when a local name is.
    pub(super) fn aliased(&self, name: &str) -> impl Iterator<Item = String> + use<'_, 'a> {
        let binds = |s: &&Scope<'_>| s.block != Block::Class && s.bound.contains(name);
        // Most functions have none.
        let any = self.scopes.iter().any(|scope| !scope.aliases.is_empty());
        let scope = self.scopes.iter().rev().filter(|_| any).find(binds);
        let found = scope.into_iter().flat_map(|scope| &scope.aliases);
        let found: Vec<String> = found
            .filter(|(bound, _)| bound == name)
            .map(|(_, path)| path.clone())
            .collect();
        found.into_iter()
    }

    /// What a function gives when it is called.
    pub(super) fn returned(&mut self, value: &'a Expr) {
        if self.in_function() && self.frame().deferred == 1 {
            let found = self.called_when_called(value);
            self.frame().gives.extend(found);
        }
    }

    /// What a call gives is called.
    pub(super) fn given_called(&mut self, func: &'a Expr) {
        if self.frame().deferred > 0
            && let Some(path) = self.path_outside(func)
        {
            self.frame().later.calls.push(format!("{path}{GIVES}"));
        }
    }

    /// A method of the object itself, as `self.on_click`, is not called but handed on or kept.
    pub(super) fn passes_own(&mut self, expr: &'a Expr) {
        let (Expr::Attribute(method), Some(_)) = (expr, self.class) else {
            return;
        };
        let Expr::Name(object) = &*method.value else {
            return;
        };
        let own = |scope: &Scope<'_>| scope.first.as_deref() == Some(object.id.as_str());
        if self.frame().deferred > 0 && self.scopes.iter().any(own) {
            let name = self.mangled(method.attr.as_str()).into_owned();
            self.frame().passed.push(name);
        }
    }

    /// The paths that count as called when the value of this is called.
    fn called_when_called(&mut self, value: &'a Expr) -> Vec<String> {
        if value.is_literal_expr() {
            return Vec::new();
        }
        let frame = self.frame();
        let calls = std::mem::take(&mut frame.later.calls);
        let (others, given) = (frame.later.calls_others, frame.calls_given);
        self.parts_called(value);
        let frame = self.frame();
        (frame.later.calls_others, frame.calls_given) = (others, given);
        std::mem::replace(&mut frame.later.calls, calls)
    }
}
