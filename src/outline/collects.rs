//! Metaclasses that ask the bases of a class for what they have: `for base in bases: base.fields`.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};

/// What of a metaclass is given the bases of a class, and how many parameters it has then.
const MAKERS: [(&str, usize); 3] = [("__new__", 4), ("__init__", 4), ("__prepare__", 3)];

/// Whether a function with such a name does more with its third parameter than to hand it on to the
/// metaclass that this one is derived from.
pub(super) fn asks_bases(stmt: &Stmt) -> bool {
    let Stmt::FunctionDef(def) = stmt else {
        return false;
    };
    let Some((_, least)) = MAKERS.iter().find(|(name, _)| *name == def.name.as_str()) else {
        return false;
    };
    let given = &def.parameters;
    let positional = given.posonlyargs.len() + given.args.len();
    let mut parameters = given.posonlyargs.iter().chain(&given.args);
    match parameters.nth(2) {
        Some(bases) if positional >= *least => {
            let mut look = Look {
                bases: bases.parameter.name.as_str(),
                asks: false,
            };
            look.visit_body(&def.body);
            look.asks
        }
        _ => false,
    }
}

struct Look<'a> {
    bases: &'a str,
    asks: bool,
}

impl<'a> Visitor<'a> for Look<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => self.asks |= name.id.as_str() == self.bases,
            Expr::Call(call) => {
                let handed_on = call
                    .func
                    .as_attribute_expr()
                    .is_some_and(|f| MAKERS.iter().any(|(name, _)| *name == f.attr.as_str()));
                let mut arguments = call.arguments.args.iter();
                arguments.by_ref().for_each(|argument| {
                    let is_bases =
                        matches!(argument, Expr::Name(name) if name.id.as_str() == self.bases);
                    if !(handed_on && is_bases) {
                        self.visit_expr(argument);
                    }
                });
                for keyword in &*call.arguments.keywords {
                    self.visit_expr(&keyword.value);
                }
                self.visit_expr(&call.func);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}
