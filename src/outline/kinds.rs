//! What kind of statement it is, and its name.

use super::{Kind, patterns};
use ruff_python_ast::{self as ast, CmpOp, Expr, Stmt};

pub(super) fn kind(stmt: &Stmt, first: bool) -> Kind {
    match stmt {
        Stmt::FunctionDef(_) => Kind::Function,
        Stmt::ClassDef(_) => Kind::Class,
        Stmt::Import(_) | Stmt::ImportFrom(_) => Kind::Import,
        Stmt::Assign(assign) if patterns::imported(assign).is_some() => Kind::Import,
        Stmt::Assign(_) | Stmt::TypeAlias(_) => Kind::Assign,
        Stmt::AnnAssign(assign) if assign.value.is_some() => Kind::Assign,
        Stmt::AnnAssign(_) => Kind::Annotation,
        Stmt::AugAssign(_) => Kind::AugAssign,
        Stmt::Delete(_) => Kind::Delete,
        Stmt::Expr(expr) if first && expr.value.is_string_literal_expr() => Kind::Docstring,
        Stmt::Expr(_) => Kind::Expr,
        Stmt::If(stmt) if is_main_guard(stmt) => Kind::MainGuard,
        Stmt::If(_)
        | Stmt::For(_)
        | Stmt::While(_)
        | Stmt::Try(_)
        | Stmt::With(_)
        | Stmt::Match(_) => Kind::Compound,
        Stmt::Return(_)
        | Stmt::Raise(_)
        | Stmt::Assert(_)
        | Stmt::Global(_)
        | Stmt::Nonlocal(_)
        | Stmt::Pass(_)
        | Stmt::Break(_)
        | Stmt::Continue(_)
        | Stmt::IpyEscapeCommand(_) => Kind::Other,
    }
}

fn is_main_guard(stmt: &ast::StmtIf) -> bool {
    let Expr::Compare(test) = &*stmt.test else {
        return false;
    };
    let ([CmpOp::Eq], [right]) = (&*test.ops, &*test.comparators) else {
        return false;
    };
    let is_name = |e: &Expr| matches!(e, Expr::Name(name) if name.id.as_str() == "__name__");
    let is_main = |e: &Expr| matches!(e, Expr::StringLiteral(text) if text.value == *"__main__");
    stmt.elif_else_clauses.is_empty()
        && (is_name(&test.left) && is_main(right) || is_main(&test.left) && is_name(right))
}

/// The value that a simple assignment gives to its name.
pub(super) fn assigned(stmt: &Stmt) -> Option<&Expr> {
    simple_name(stmt)?;
    match stmt {
        Stmt::Assign(assign) => Some(&assign.value),
        Stmt::AnnAssign(assign) => assign.value.as_deref(),
        _ => None,
    }
}

/// Whether it is nothing but a string, as docstrings are.
pub(super) fn is_text(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Expr(expr) if expr.value.is_string_literal_expr())
}

/// The function's or class's name, or the one name that an assignment or annotation is about.
pub(super) fn simple_name(stmt: &Stmt) -> Option<&str> {
    let target = match stmt {
        Stmt::FunctionDef(def) => return Some(def.name.as_str()),
        Stmt::ClassDef(def) => return Some(def.name.as_str()),
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => target,
            _ => return None,
        },
        Stmt::AnnAssign(assign) => &assign.target,
        Stmt::TypeAlias(alias) => &alias.name,
        _ => return None,
    };
    match target {
        Expr::Name(name) => Some(name.id.as_str()),
        _ => None,
    }
}
