//! Where a statement reads a name whatever happens: not in a branch, in a part of a condition that may be
//! skipped, in the body of a function, or after it has bound the name itself.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// The name itself.
    Read,
    /// That what it is bound to is called.
    Called,
}

/// The offset in its text at which a statement reads or calls a name. `lazy`: annotations are not worked out
/// when they are met.
pub fn surely_reads(text: &str, name: &str, sought: Sought, lazy: bool) -> Option<usize> {
    let parsed = ruff_python_parser::parse_module(text).ok()?;
    let mut finder = Finder::new(name, sought, lazy);
    finder.visit_body(parsed.suite());
    finder.at
}

/// A call that is made whatever happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SureCall {
    /// Of the name that is called, in the text.
    pub offset: usize,
    /// How many arguments it gives by their places.
    pub positional: usize,
    /// The names of the others.
    pub keywords: Vec<String>,
}

/// The first call of a name, or of a dotted path, that a statement makes for sure, where it says all that it gives.
pub fn surely_calls(text: &str, name: &str) -> Option<SureCall> {
    let parsed = ruff_python_parser::parse_module(text).ok()?;
    let mut finder = Finder::new(name, Sought::Called, true);
    finder.visit_body(parsed.suite());
    let arguments = finder.arguments?;
    let positional = arguments.args.len();
    let keywords = arguments.keywords.iter();
    let keywords: Option<Vec<String>> = keywords
        .map(|k| k.arg.as_ref().map(ToString::to_string))
        .collect();
    let spread = arguments.args.iter().any(Expr::is_starred_expr);
    Some(SureCall {
        offset: finder.at?,
        positional,
        keywords: keywords.filter(|_| !spread)?,
    })
}

/// The same for the function that a text defines, when it is called.
pub fn surely_reads_inside(text: &str, name: &str, sought: Sought, lazy: bool) -> Option<usize> {
    let parsed = ruff_python_parser::parse_module(text).ok()?;
    let [Stmt::FunctionDef(def)] = &parsed.suite()[..] else {
        return None;
    };
    let mut finder = Finder::new(name, sought, lazy);
    let yields = any_over_body(&def.body, &|expr| {
        matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_))
    });
    let own = def.parameters.iter().any(|p| p.name().as_str() == name);
    if def.is_async || yields || own {
        return None;
    }
    finder.visit_body(&def.body);
    finder.at
}

fn any_over_body(body: &[Stmt], test: &dyn Fn(&Expr) -> bool) -> bool {
    struct Any<'t>(&'t dyn Fn(&Expr) -> bool, bool);
    impl<'a> Visitor<'a> for Any<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            self.1 |= (self.0)(expr);
            visitor::walk_expr(self, expr);
        }
    }
    let mut any = Any(test, false);
    any.visit_body(body);
    any.1
}

/// Whether an expression is this name, or this dotted path.
fn is_path(expr: &Expr, path: &str) -> bool {
    match (expr, path.rsplit_once('.')) {
        (Expr::Name(name), None) => name.id.as_str() == path,
        (Expr::Attribute(attribute), Some((owner, last))) => {
            attribute.attr.as_str() == last && is_path(&attribute.value, owner)
        }
        _ => false,
    }
}

struct Finder<'n, 'a> {
    name: &'n str,
    sought: Sought,
    lazy: bool,
    at: Option<usize>,
    /// It was found, or what follows may find the name bound, or may not be reached.
    over: bool,
    /// What the call gives that was found.
    arguments: Option<&'a ast::Arguments>,
}

impl<'n, 'a> Finder<'n, 'a> {
    fn new(name: &'n str, sought: Sought, lazy: bool) -> Self {
        Self {
            name,
            sought,
            lazy,
            at: None,
            over: false,
            arguments: None,
        }
    }

    fn is_it(&self, expr: &Expr) -> bool {
        is_path(expr, self.name)
    }

    fn finds(&mut self, expr: &Expr) {
        if !self.over {
            self.at = Some(expr.start().to_usize());
            self.over = true;
        }
    }

    fn binds(&mut self, name: &str) {
        self.over |= name == self.name;
    }

    fn parameters(&mut self, parameters: &'a ast::Parameters, annotations: bool) {
        for parameter in parameters {
            if let Some(default) = parameter.default() {
                self.visit_expr(default);
            }
        }
        for parameter in parameters {
            if let Some(annotation) = parameter.annotation().filter(|_| annotations) {
                self.visit_annotation(annotation);
            }
        }
    }

    fn decorators(&mut self, decorators: &'a [ast::Decorator]) {
        for decorator in decorators {
            self.visit_decorator(decorator);
            if self.sought == Sought::Called && self.is_it(&decorator.expression) {
                self.finds(&decorator.expression);
            }
        }
    }

    fn imports(&mut self, aliases: &[ast::Alias]) {
        for alias in aliases {
            let whole = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            let bound = whole.split('.').next().unwrap_or(whole);
            self.over |= bound == "*";
            self.binds(bound);
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_, 'a> {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.visit_stmt(stmt);
        }
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        if !self.lazy {
            self.visit_expr(annotation);
        }
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.over {
            return;
        }
        match stmt {
            Stmt::FunctionDef(def) => {
                self.decorators(&def.decorator_list);
                // Type parameters have names of their own.
                let annotations = def.type_params.is_none();
                self.parameters(&def.parameters, annotations);
                if let Some(returns) = def.returns.as_deref().filter(|_| annotations) {
                    self.visit_annotation(returns);
                }
                self.binds(&def.name);
            }
            Stmt::ClassDef(def) => {
                self.decorators(&def.decorator_list);
                if def.type_params.is_some() {
                    self.over = true;
                    return;
                }
                if let Some(arguments) = &def.arguments {
                    self.visit_arguments(arguments);
                }
                self.visit_body(&def.body);
                self.binds(&def.name);
            }
            Stmt::AugAssign(assign) => {
                if self.sought == Sought::Read && self.is_it(&assign.target) {
                    self.finds(&assign.target);
                }
                self.visit_expr(&assign.target);
                self.visit_expr(&assign.value);
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.visit_expr(value);
                    self.visit_expr(&assign.target);
                }
                self.visit_annotation(&assign.annotation);
            }
            Stmt::Import(import) => self.imports(&import.names),
            Stmt::ImportFrom(import) => self.imports(&import.names),
            Stmt::With(with) => {
                with.items
                    .iter()
                    .for_each(|item| self.visit_with_item(item));
                // It may keep what goes wrong in there.
                self.over = true;
            }
            Stmt::If(branch) => {
                self.visit_expr(&branch.test);
                self.over = true;
            }
            Stmt::While(turn) => {
                self.visit_expr(&turn.test);
                self.over = true;
            }
            Stmt::For(turn) => {
                self.visit_expr(&turn.iter);
                self.over = true;
            }
            Stmt::Match(branch) => {
                self.visit_expr(&branch.subject);
                self.over = true;
            }
            Stmt::Assert(assertion) => {
                self.visit_expr(&assertion.test);
                self.over = true;
            }
            Stmt::Try(_) | Stmt::TypeAlias(_) => self.over = true,
            Stmt::Assign(_) | Stmt::Expr(_) | Stmt::Delete(_) => visitor::walk_stmt(self, stmt),
            _ => {
                visitor::walk_stmt(self, stmt);
                self.over |= matches!(stmt, Stmt::Raise(_) | Stmt::Return(_));
            }
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.over {
            return;
        }
        match expr {
            Expr::Name(name) if name.id.as_str() == self.name => {
                if name.ctx.is_store() {
                    self.over = true;
                } else if self.sought == Sought::Read {
                    self.finds(expr);
                }
            }
            Expr::Call(call) if self.sought == Sought::Called && self.is_it(&call.func) => {
                self.visit_arguments(&call.arguments);
                if !self.over {
                    self.arguments = Some(&call.arguments);
                }
                self.finds(&call.func);
            }
            Expr::BoolOp(all) => {
                if let Some(first) = all.values.first() {
                    self.visit_expr(first);
                }
            }
            Expr::If(choice) => self.visit_expr(&choice.test),
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.parameters(parameters, false);
                }
            }
            Expr::Compare(chain) => {
                self.visit_expr(&chain.left);
                if let Some(first) = chain.comparators.first() {
                    self.visit_expr(first);
                }
            }
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                self.visit_expr(&named.target);
            }
            Expr::ListComp(ast::ExprListComp { generators, .. })
            | Expr::SetComp(ast::ExprSetComp { generators, .. })
            | Expr::DictComp(ast::ExprDictComp { generators, .. })
            | Expr::Generator(ast::ExprGenerator { generators, .. }) => {
                if let Some(first) = generators.first() {
                    self.visit_expr(&first.iter);
                }
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sought, surely_calls, surely_reads as find, surely_reads_inside};

    fn reads(text: &str) -> Option<usize> {
        find(text, "A", Sought::Read, false)
    }

    #[test]
    fn what_is_always_worked_out() {
        assert_eq!(reads("B = A + 1"), Some(4));
        assert_eq!(reads("A += 1"), Some(0));
        assert_eq!(reads("x[A] = 2"), Some(2));
        assert_eq!(reads("del A"), Some(4));
        assert_eq!(reads("@A\ndef f(): pass"), Some(1));
        assert_eq!(reads("def f(x=A): pass"), Some(8));
        assert_eq!(reads("class B(A): pass"), Some(8));
        assert_eq!(reads("class B:\n    x = A.y"), Some(17));
        assert_eq!(reads("for i in A: pass"), Some(9));
        assert_eq!(reads("print([i for i in A])"), Some(18));
        assert_eq!(reads("x = 1 if A else 2"), Some(9));
        assert_eq!(reads("f = lambda x=A: x"), Some(13));
        assert_eq!(reads("A = A + 1"), Some(4));
    }

    #[test]
    fn what_may_be_skipped() {
        assert_eq!(reads("B = x and A"), None);
        assert_eq!(reads("B = A if x else 0"), None);
        assert_eq!(reads("B = 1 < x < A"), None);
        assert_eq!(reads("B = [A for i in x]"), None);
        assert_eq!(reads("f = lambda: A"), None);
        assert_eq!(reads("def f(): return A"), None);
        assert_eq!(reads("try:\n    A\nexcept NameError:\n    A = 1"), None);
        assert_eq!(reads("if x:\n    A"), None);
        assert_eq!(reads("with x:\n    A"), None);
    }

    #[test]
    fn what_it_binds_itself() {
        assert_eq!(reads("class B:\n    A = 1\n    x = A"), None);
        assert_eq!(reads("B = (A := 2) + A"), None);
        assert_eq!(reads("class B:\n    from m import *\n    x = A"), None);
        assert_eq!(reads("def f[A](x: A): pass"), None);
    }

    #[test]
    fn annotations() {
        assert_eq!(reads("def f(x: A): pass"), Some(9));
        assert_eq!(reads("x: A = 1"), Some(3));
        assert_eq!(find("def f(x: A): pass", "A", Sought::Read, true), None);
        assert_eq!(find("x: A = 1", "A", Sought::Read, true), None);
    }
    #[test]
    fn calls() {
        let calls = |text| find(text, "A", Sought::Called, false);
        assert_eq!(calls("x = A()"), Some(4));
        assert_eq!(calls("x = f(A)"), None);
        assert_eq!(calls("@A\ndef f(): pass"), Some(1));
        assert_eq!(calls("x = f(A(1))"), Some(6));
    }

    #[test]
    fn what_calls_give() {
        let gives = |text| surely_calls(text, "A").map(|call| (call.positional, call.keywords));
        assert_eq!(gives("x = A(1, b=2)"), Some((1, vec!["b".to_owned()])));
        assert_eq!(gives("x = [f(A())]"), Some((0, vec![])));
        assert_eq!(gives("x = m.A()"), None);
        let called = |text| surely_calls(text, "m.A").map(|call| (call.offset, call.positional));
        assert_eq!(called("x = m.A(1)"), Some((4, 1)));
        assert_eq!(called("x = A(1)"), None);
        assert_eq!(gives("x = A(*y)"), None);
        assert_eq!(gives("x = A(**y)"), None);
        assert_eq!(gives("x = y or A()"), None);
        assert_eq!(gives("def f(): return A()"), None);
        assert_eq!(gives("@A\ndef f(): pass"), None);
    }

    #[test]
    fn bodies() {
        let inside = |text| surely_reads_inside(text, "A", Sought::Read, false);
        assert_eq!(inside("def f():\n    return A"), Some(20));
        assert_eq!(inside("def f(A):\n    return A"), None);
        assert_eq!(inside("def f():\n    A = 1\n    return A"), None);
        assert_eq!(inside("def f():\n    return 1\n    A"), None);
        assert_eq!(inside("def f():\n    yield A"), None);
    }
}
