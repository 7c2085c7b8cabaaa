//! Loops that look at what is in a container only to say what it is called:
//! `for path, f in ROUTES.items(): print(path, f.__name__)`. Bodies of functions do not matter there.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr};

/// Attributes of definitions that say what they are called.
const NAMES: [&str; 3] = ["__module__", "__name__", "__qualname__"];

/// Whether a comprehension does no more with what it goes through.
pub(super) fn comprehension(parts: &[&Expr], generators: &[ast::Comprehension]) -> bool {
    let [only] = generators else { return false };
    let Some(mut look) = Look::at(&only.target, &only.iter) else {
        return false;
    };
    let parts = parts.iter().copied().chain(&only.ifs);
    parts.for_each(|part| look.visit_expr(part));
    !look.used
}

/// Whether a loop does no more with what it goes through.
pub(super) fn block(stmt: &ast::StmtFor) -> bool {
    let Some(mut look) = Look::at(&stmt.target, &stmt.iter) else {
        return false;
    };
    look.visit_body(&stmt.body);
    look.visit_body(&stmt.orelse);
    !look.used
}

/// What is done with the items of a container.
struct Look<'a> {
    /// The name that each of them gets.
    name: &'a str,
    /// They are keys: only who calls them deals with functions.
    keys: bool,
    used: bool,
}

impl<'a> Look<'a> {
    fn at(target: &'a Expr, iter: &'a Expr) -> Option<Self> {
        let method = match iter {
            Expr::Name(_) | Expr::Attribute(_) => "",
            Expr::Call(call) if call.arguments.is_empty() => {
                call.func.as_attribute_expr()?.attr.as_str()
            }
            _ => return None,
        };
        let item = match (method, target) {
            ("items", Expr::Tuple(pair)) => pair.elts.get(1)?,
            ("" | "keys" | "values", target) => target,
            _ => return None,
        };
        Some(Self {
            name: item.as_name_expr()?.id.as_str(),
            keys: method == "keys",
            used: false,
        })
    }

    fn is_item(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.name)
    }
}

impl<'a> Visitor<'a> for Look<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Attribute(attribute)
                if self.is_item(&attribute.value) && NAMES.contains(&attribute.attr.as_str()) => {}
            Expr::Call(call) if self.is_item(&call.func) => self.used = true,
            Expr::Name(_) => self.used |= !self.keys && self.is_item(expr),
            _ => visitor::walk_expr(self, expr),
        }
    }
}
