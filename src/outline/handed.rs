//! Functions that a function makes and only hands out, as a decorator does with its wrapper: what
//! is in them runs when somebody calls what was handed out, and not before.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

use super::kinds::is_text;
use super::scope::{Block, Scope, mangle};
use super::statements::Reader;

/// Functions that may be called with what is handed out, and do not call it themselves.
const WRAPPERS: [&str; 2] = ["update_wrapper", "wraps"];
/// Decorators of what is handed out that do not call it.
const HARMLESS: [&str; 3] = ["wraps", "contextmanager", "asynccontextmanager"];

impl<'a> Reader<'a> {
    /// Notes which functions this one hands out; its own scope is the innermost.
    pub(super) fn hand_out(&mut self, def: &'a ast::StmtFunctionDef) {
        for inner in handed_out(def) {
            // Its docstring is an attribute of what is handed out already.
            let documented = inner.body.first().is_some_and(is_text);
            if let Some(first) = inner.body.get(usize::from(documented)) {
                let (start, end) = (first.start().to_u32(), inner.end().to_u32());
                let body = self.prints.tokens(start, end);
                self.frame().handed_bodies.push(body);
            }
            let taken = taken_from(&self.scopes, self.class, inner);
            let frame = self.frame();
            for name in taken {
                frame.taken.push_str(name);
                frame.taken.push(' ');
            }
            frame.taken.push('/');
            frame.handed.push(inner.name.to_string());
        }
    }

    /// Notes that a path is called for what it gives, where `expr` gives that, or, after so many
    /// calls more, what is made of it.
    pub(super) fn applied(&mut self, expr: &'a Expr, calls: u8) {
        let (mut at, mut calls) = (expr, calls);
        while let Expr::Call(call) = at {
            at = &call.func;
            calls = calls.saturating_add(1);
        }
        if calls > 0
            && let Some(path) = self.path_outside(at)
        {
            self.frame().applied.push((path, calls));
        }
    }

    /// Notes what is called for others to be told; `decorator`: also what is no call yet.
    pub(super) fn told(&mut self, expr: &'a Expr, decorator: bool) {
        let (mut at, mut called) = (expr, decorator);
        loop {
            if called && let Some(path) = self.path_outside(at) {
                self.frame().told.push(path);
                return;
            }
            (at, called) = match at {
                Expr::Await(inner) => (&inner.value, called),
                Expr::Call(call) => (&call.func, true),
                Expr::Attribute(attribute) => (&attribute.value, called),
                _ => return,
            };
        }
    }
}

/// Those functions, in source order.
fn handed_out(def: &ast::StmtFunctionDef) -> Vec<&ast::StmtFunctionDef> {
    // What a decorator makes of a function is not known; a generator does not return what it says.
    let plain = def.decorator_list.iter().all(|decorator| {
        let name = last_name(&decorator.expression);
        matches!(name, Some("staticmethod" | "classmethod"))
    });
    if def.is_async || !plain || !holds_definitions(&def.body) {
        return Vec::new();
    }
    let mut look = Look::default();
    look.visit_body(&def.body);
    if look.unclear {
        return Vec::new();
    }
    let mut out = look.defined;
    loop {
        // One that may be called here may call the others.
        let called = |d: &&&ast::StmtFunctionDef| look.used.contains(d.name.as_str());
        let called: Vec<_> = out.iter().filter(called).copied().collect();
        if called.is_empty() {
            return out;
        }
        out.retain(|d| !look.used.contains(d.name.as_str()));
        for def in called {
            look.used.extend(names_in(&def.body));
        }
    }
}

/// What the body of one that is handed out has of the functions around it, in order.
fn taken_from<'a>(
    scopes: &[Scope<'_>],
    class: Option<&str>,
    def: &'a ast::StmtFunctionDef,
) -> BTreeSet<&'a str> {
    let around = scopes.iter().filter(|scope| scope.block == Block::Function);
    let around: Vec<_> = around.collect();
    let mut names = names_in(&def.body);
    names.retain(|name| {
        let name = mangle(class, name);
        around.iter().any(|scope| scope.bound.contains(&name))
    });
    names
}

/// The names that are mentioned in what it visits.
#[derive(Default)]
pub(super) struct Names<'a>(pub(super) BTreeSet<&'a str>);

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            self.0.insert(name.id.as_str());
        }
        visitor::walk_expr(self, expr);
    }
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Nonlocal(nonlocal) = stmt {
            self.0
                .extend(nonlocal.names.iter().map(|name| name.as_str()));
        }
        visitor::walk_stmt(self, stmt);
    }
}

/// All names that are mentioned.
fn names_in(body: &[Stmt]) -> BTreeSet<&str> {
    let mut names = Names::default();
    names.visit_body(body);
    names.0
}

/// Whether there are functions in a block; most functions have none.
fn holds_definitions(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::FunctionDef(_) => true,
        Stmt::If(stmt) => {
            holds_definitions(&stmt.body)
                || stmt
                    .elif_else_clauses
                    .iter()
                    .any(|clause| holds_definitions(&clause.body))
        }
        Stmt::With(stmt) => holds_definitions(&stmt.body),
        Stmt::Try(stmt) => holds_definitions(&stmt.body) || holds_definitions(&stmt.orelse),
        _ => false,
    })
}

/// `c` of `a.b.c`, also where that is called.
pub(super) fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

#[derive(Default)]
struct Look<'a> {
    defined: Vec<&'a ast::StmtFunctionDef>,
    /// Names that something else is done with than to hand them out.
    used: BTreeSet<&'a str>,
    unclear: bool,
}

impl<'a> Look<'a> {
    /// An expression whose value is handed out.
    fn handed(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(_) => {}
            Expr::If(choice) => {
                self.visit_expr(&choice.test);
                self.handed(&choice.body);
                self.handed(&choice.orelse);
            }
            Expr::Call(call) => {
                let [first, rest @ ..] = &*call.arguments.args else {
                    return self.visit_expr(expr);
                };
                match &*call.func {
                    // `wraps(f)(wrapper)`
                    Expr::Call(inner) if is_wrapper(&inner.func) && rest.is_empty() => {
                        self.visit_arguments(&inner.arguments);
                        self.handed(first);
                    }
                    // `update_wrapper(wrapper, f)`
                    func if is_wrapper(func) => {
                        self.handed(first);
                        rest.iter().for_each(|argument| self.visit_expr(argument));
                        for keyword in &*call.arguments.keywords {
                            self.visit_expr(&keyword.value);
                        }
                    }
                    _ => self.visit_expr(expr),
                }
            }
            _ => self.visit_expr(expr),
        }
    }
}

fn is_wrapper(func: &Expr) -> bool {
    last_name(func).is_some_and(|name| WRAPPERS.contains(&name))
}

impl<'a> Visitor<'a> for Look<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                for decorator in &def.decorator_list {
                    let expr = &decorator.expression;
                    let function = match expr {
                        Expr::Call(call) => &call.func,
                        _ => expr,
                    };
                    if !last_name(function).is_some_and(|name| HARMLESS.contains(&name)) {
                        self.used.insert(def.name.as_str());
                    }
                    self.visit_expr(expr);
                }
                self.visit_parameters(&def.parameters);
                self.defined.push(def);
            }
            Stmt::ClassDef(_) => {
                self.used.extend(names_in(std::slice::from_ref(stmt)));
                visitor::walk_stmt(self, stmt);
            }
            Stmt::Return(given) => {
                if let Some(value) = &given.value {
                    self.handed(value);
                }
            }
            Stmt::Global(global) => self.used.extend(global.names.iter().map(|n| n.as_str())),
            // `update_wrapper(wrapper, f)` for its effect.
            Stmt::Expr(effect) if matches!(&*effect.value, Expr::Call(_)) => {
                self.handed(&effect.value);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                let name = name.id.as_str();
                self.unclear |= matches!(name, "locals" | "vars" | "eval" | "exec");
                self.used.insert(name);
            }
            // `wrapper.calls = 0` and `wrapper.calls` do not call it.
            Expr::Attribute(attribute) if attribute.value.is_name_expr() => {}
            Expr::Yield(_) | Expr::YieldFrom(_) => self.unclear = true,
            _ => visitor::walk_expr(self, expr),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::outline::{Statement, read};

    fn first(text: &str) -> Statement {
        let outline = read(text).expect("it is Python");
        outline.body[0].clone()
    }

    fn handed(body: &str) -> Vec<String> {
        let text = format!("def deco(f):\n    def w(): return helper()\n{body}");
        let found = first(&text);
        found.handed().map(|inner| inner.name.clone()).collect()
    }

    #[test]
    fn a_wrapper_is_handed_out() {
        for body in [
            "    return w\n",
            "    w.calls = 0\n    return w\n",
            "    return w if f else None\n",
            "    return functools.update_wrapper(w, f)\n",
            "    return wraps(f)(w)\n",
            "    update_wrapper(w, f)\n    return w\n",
        ] {
            assert_eq!(handed(body), ["w"], "{body}");
        }
    }

    #[test]
    fn what_may_be_called_is_not() {
        for body in [
            "    w()\n    return w\n",
            "    return run(w)\n",
            "    return [w]\n",
            "    f.w = w\n    return f\n",
            "    w = f(w)\n    return w\n",
            "    def v(): return w\n    v()\n    return w\n",
            "    x = lambda: w()\n    return w\n",
            "    global w\n    return w\n",
            "    yield w\n",
            "    use(**locals())\n    return w\n",
        ] {
            assert!(handed(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn what_it_does_is_not_done_at_once() {
        let deco = first("def deco(f):\n    log(f)\n    def w(): return helper()\n    return w\n");
        assert_eq!(deco.at_once().calls, ["log"]);
        assert_eq!(deco.later.calls, ["helper", "log"]);
    }

    #[test]
    fn how_many_calls_lead_to_what_differs() {
        let text = "def deco(n):\n    a = 1\n    def mid(f):\n        def w(x): return f(x) + 1\n        \
                    b = 2\n        return w\n    return mid\n";
        let old = first(text);
        for (from, to, calls) in [
            ("a = 1", "a = 2", 0),
            ("b = 2", "b = 3", 1),
            ("+ 1", "+ 2", 2),
            // It takes one variable more from the function around it.
            ("+ 1", "+ n", 0),
            ("+ 1", "+ b", 1),
            ("def w(x)", "def w(x, y)", 1),
        ] {
            let new = first(&text.replace(from, to));
            assert_eq!(new.differs_after(&old), calls, "{from} -> {to}");
        }
    }

    #[test]
    fn how_often_a_decorator_is_applied() {
        let applied = |text| first(text).applied.to_vec();
        assert_eq!(applied("@a.b\ndef f(): pass\n"), [("a.b".to_owned(), 1)]);
        assert_eq!(applied("@a(1)\ndef f(): pass\n"), [("a".to_owned(), 2)]);
        assert_eq!(applied("x = a(1)(2)\n"), [("a".to_owned(), 2)]);
        assert_eq!(applied("x = a(a(1))\n"), []);
        assert_eq!(applied("x, y = a(1)\n"), []);
    }

    #[test]
    fn who_is_told_of_something() {
        let told = |text| first(text).told.to_vec();
        assert_eq!(told("app.add(len(d.keys()))\n"), ["app.add"]);
        assert_eq!(told("app.group(d.x()).add(y)\n"), ["app.group"]);
        assert_eq!(
            told("@app.on(d.get(1))\n@b\ndef f(x=c()): pass\n"),
            ["app.on", "b"]
        );
        assert_eq!(
            told("@app.on\nclass C(base()):\n    x = 1\n    d.add(x)\n"),
            ["app.on"]
        );
        assert!(told("app.x\n").is_empty());
        assert!(told("x = app.add(1)\n").is_empty());
    }
}
