//! Blocks that ask nothing of what they make: `with lock: state = State()`.

use super::{Kind, kinds::kind};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use std::collections::HashSet;

/// Functions that read attributes whose names they are given, or make such functions.
const LOOKING: [&str; 5] = ["attrgetter", "getattr", "hasattr", "methodcaller", "vars"];

/// The paths that a block calls for objects that it binds to names and asks nothing, nor passes on: no
/// attribute is read but of names from outside, and no call is given what another one makes.
pub(super) fn kept(block: &Stmt) -> Vec<String> {
    if kind(block, false) != Kind::Compound {
        return Vec::new();
    }
    let mut look = Look::default();
    look.visit_stmt(block);
    if look.asks || !look.read.is_disjoint(&look.bound) {
        return Vec::new();
    }
    let mut kept: Vec<String> = look.kept.difference(&look.others).cloned().collect();
    kept.sort_unstable();
    kept
}

#[derive(Default)]
struct Look<'a> {
    asks: bool,
    read: HashSet<&'a str>,
    bound: HashSet<&'a str>,
    /// What is called for the value of an assignment, and for anything else.
    kept: HashSet<String>,
    others: HashSet<String>,
    /// How many calls are around that are given this.
    given: u32,
}

impl<'a> Look<'a> {
    fn call(&mut self, call: &'a ast::ExprCall) {
        let name = super::given::last_name(&call.func);
        self.asks |= self.given > 0 || LOOKING.contains(&name);
        self.visit_expr(&call.func);
        self.given += 1;
        self.visit_arguments(&call.arguments);
        self.given -= 1;
    }
}

/// `a.b.c`, if it is no more than that.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => {
            Some(format!("{}.{}", path(&attribute.value)?, attribute.attr))
        }
        _ => None,
    }
}

impl<'a> Visitor<'a> for Look<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // What they do they do later, or member by member.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Match(_) => self.asks = true,
            Stmt::Assign(assign) if assign.value.is_call_expr() => {
                assign
                    .targets
                    .iter()
                    .for_each(|target| self.visit_expr(target));
                if let Expr::Call(call) = &*assign.value {
                    self.kept.extend(path(&call.func));
                    self.call(call);
                }
            }
            _ if !self.asks => visitor::walk_stmt(self, stmt),
            _ => {}
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                let names = match name.ctx {
                    ast::ExprContext::Load => &mut self.read,
                    _ => &mut self.bound,
                };
                names.insert(name.id.as_str());
            }
            Expr::Attribute(_) => {
                let mut root = expr;
                while let Expr::Attribute(attribute) = root {
                    root = &attribute.value;
                }
                match root {
                    Expr::Name(_) => self.visit_expr(root),
                    _ => self.asks = true,
                }
            }
            Expr::Call(call) => {
                self.others.extend(path(&call.func));
                self.call(call);
            }
            Expr::Lambda(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
            | Expr::Generator(_)
            | Expr::FString(_)
            | Expr::TString(_) => self.asks = true,
            _ if !self.asks => visitor::walk_expr(self, expr),
            _ => {}
        }
    }
}
