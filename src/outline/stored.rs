//! What is handed on and not looked at: names that a statement gives to calls, and parameters that a
//! constructor keeps. `window = Window(model)` is the same window whatever else is in the model.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Stmt};

use super::handed::Names;

/// One argument of a call, one parameter of a constructor, or what a method computes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Of an argument: the path that is called. Else the attribute that has it.
    pub to: String,
    /// The name of what is given, of the parameter, or of an attribute that is computed from.
    pub what: String,
    /// Of an argument that is given by position, and of a parameter: which one, without `self`.
    pub place: Option<usize>,
    /// The keyword by which it is given; of a parameter, its name.
    pub keyword: String,
}

/// Of a simple assignment: names that it only gives to the call that makes its value. Of a
/// constructor: parameters that it only keeps, where nothing that it calls sees the object. Of
/// another method: attributes that it computes once, `if self.n is None: self.n = len(self.rows)`,
/// each with those that are read for that.
pub(super) fn handed(stmt: &Stmt) -> Box<[Handed]> {
    match stmt {
        Stmt::FunctionDef(def) if def.name.as_str() == "__init__" => kept(def),
        Stmt::FunctionDef(def) => once(def),
        Stmt::Assign(assign) => match &assign.targets[..] {
            [Expr::Name(_)] => given(&assign.value),
            _ => Box::default(),
        },
        Stmt::AnnAssign(ast::StmtAnnAssign {
            target,
            value: Some(value),
            ..
        }) if target.is_name_expr() => given(value),
        _ => Box::default(),
    }
}

fn given(value: &Expr) -> Box<[Handed]> {
    let Expr::Call(call) = value else {
        return Box::default();
    };
    // What is made in between for that alone may be looked at by who gets it.
    let Some(to) = path(&call.func) else {
        return Box::default();
    };
    let mut others = Names::default();
    others.visit_expr(&call.func);
    let mut found = Vec::new();
    let mut spread = false;
    for (at, argument) in call.arguments.args.iter().enumerate() {
        spread |= argument.is_starred_expr();
        match argument {
            Expr::Name(name) if !spread => found.push(Handed {
                to: to.clone(),
                what: name.id.to_string(),
                place: Some(at),
                keyword: String::new(),
            }),
            _ => others.visit_expr(argument),
        }
    }
    for keyword in &call.arguments.keywords {
        match (&keyword.arg, &keyword.value) {
            (Some(arg), Expr::Name(name)) => found.push(Handed {
                to: to.clone(),
                what: name.id.to_string(),
                place: None,
                keyword: arg.to_string(),
            }),
            _ => others.visit_expr(&keyword.value),
        }
    }
    found.retain(|handed| !others.0.contains(handed.what.as_str()));
    found.into()
}

/// `a.b.C`
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(attribute) => {
            Some(format!("{}.{}", path(&attribute.value)?, attribute.attr))
        }
        _ => None,
    }
}

fn kept(def: &ast::StmtFunctionDef) -> Box<[Handed]> {
    if def.is_async || !def.decorator_list.is_empty() {
        return Box::default();
    }
    let parameters = &def.parameters;
    let mut placed = parameters.posonlyargs.iter().chain(&parameters.args);
    let Some(own) = placed.next() else {
        return Box::default();
    };
    let placed = placed.map(|p| p.parameter.name.as_str()).enumerate();
    let placed = placed.map(|(at, name)| (name, Some(at)));
    let named = parameters.kwonlyargs.iter();
    let named = named.map(|p| (p.parameter.name.as_str(), None));
    let own = own.parameter.name.as_str();
    let mut look = Kept {
        own,
        stored: Vec::new(),
        seen: BTreeSet::new(),
    };
    look.visit_body(&def.body);
    if look.seen.contains(own) {
        return Box::default();
    }
    let mut out = Vec::new();
    for (name, place) in placed.chain(named) {
        let mut to = look.stored.iter().filter(|(kept, _)| *kept == name);
        if let (Some((_, attribute)), false) = (to.next(), look.seen.contains(name)) {
            out.push(Handed {
                to: (*attribute).to_owned(),
                what: name.to_owned(),
                place,
                keyword: name.to_owned(),
            });
        }
    }
    out.into()
}

/// The names that a constructor gives to attributes of its object, and those that it looks at.
struct Kept<'a> {
    own: &'a str,
    stored: Vec<(&'a str, &'a str)>,
    seen: BTreeSet<&'a str>,
}

impl<'a> Kept<'a> {
    /// The attribute of the object that this target is.
    fn attribute(&self, target: &'a Expr) -> Option<&'a str> {
        match target {
            Expr::Attribute(attribute) if self.is_own(&attribute.value) => {
                Some(attribute.attr.as_str())
            }
            _ => None,
        }
    }

    fn is_own(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Name(name) if name.id.as_str() == self.own)
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match (target, value) {
            (Expr::Tuple(targets), Expr::Tuple(values))
                if targets.elts.len() == values.elts.len()
                    && !targets.elts.iter().any(Expr::is_starred_expr)
                    && !values.elts.iter().any(Expr::is_starred_expr) =>
            {
                for (target, value) in targets.elts.iter().zip(&values.elts) {
                    self.assign(target, value);
                }
            }
            _ => match self.attribute(target) {
                Some(attribute) => self.store(attribute, value),
                None => {
                    self.visit_expr(target);
                    self.visit_expr(value);
                }
            },
        }
    }

    fn store(&mut self, attribute: &'a str, value: &'a Expr) {
        match value {
            Expr::Name(name) => self.stored.push((name.id.as_str(), attribute)),
            Expr::If(choice) => {
                self.visit_expr(&choice.test);
                self.store(attribute, &choice.body);
                self.store(attribute, &choice.orelse);
            }
            _ => self.visit_expr(value),
        }
    }
}

impl<'a> Visitor<'a> for Kept<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(assign) if assign.targets.len() == 1 => {
                self.assign(&assign.targets[0], &assign.value);
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.assign(&assign.target, value);
                }
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                self.seen.insert(name.id.as_str());
            }
            // Before it has anything, nothing of that can be looked at.
            Expr::Call(call) if is_super(&call.func) && self.stored.is_empty() => {
                self.visit_arguments(&call.arguments);
            }
            Expr::Call(call) if is_super(&call.func) => {
                self.seen.insert(self.own);
            }
            // `items is None`
            Expr::Compare(compare)
                if compare.left.is_name_expr()
                    && compare
                        .ops
                        .iter()
                        .all(|op| matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot))
                    && compare.comparators.iter().all(Expr::is_none_literal_expr) => {}
            _ => visitor::walk_expr(self, expr),
        }
    }
}

fn once(def: &ast::StmtFunctionDef) -> Box<[Handed]> {
    let parameters = &def.parameters;
    let mut placed = parameters.posonlyargs.iter().chain(&parameters.args);
    let Some(own) = placed.next() else {
        return Box::default();
    };
    let mut found = Vec::new();
    guarded(own.parameter.name.as_str(), &def.body, &mut found);
    found.into()
}

/// Looks for blocks that run while an attribute is not set yet, and set it.
fn guarded(own: &str, body: &[Stmt], found: &mut Vec<Handed>) {
    for (at, stmt) in body.iter().enumerate() {
        match stmt {
            Stmt::If(choice) => {
                let mut asked = Own::new(own);
                asked.visit_expr(&choice.test);
                if !asked.reads.is_empty() {
                    let leaves = choice.body.last().is_some_and(Stmt::is_return_stmt);
                    let rest = if leaves { &body[at + 1..] } else { &[] };
                    let others = choice.elif_else_clauses.iter().map(|c| &c.body[..]);
                    for block in others.chain([&choice.body[..], rest]) {
                        sets(&asked, block, found);
                    }
                }
                guarded(own, &choice.body, found);
                for clause in &choice.elif_else_clauses {
                    guarded(own, &clause.body, found);
                }
            }
            Stmt::Try(tried) => {
                let mut asked = Own::new(own);
                asked.visit_body(&tried.body);
                for handler in &tried.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    sets(&asked, &handler.body, found);
                }
                guarded(own, &tried.body, found);
            }
            Stmt::With(with) => guarded(own, &with.body, found),
            _ => {}
        }
    }
}

/// Notes the attributes among those that were asked for which a block sets.
fn sets(asked: &Own<'_>, block: &[Stmt], found: &mut Vec<Handed>) {
    let mut inner = Own::new(asked.own);
    inner.visit_body(block);
    for to in inner.sets.intersection(&asked.reads) {
        for what in inner.reads.iter().filter(|what| *what != to) {
            found.push(Handed {
                to: (*to).to_owned(),
                what: (*what).to_owned(),
                place: None,
                keyword: String::new(),
            });
        }
    }
}

/// The attributes of a method's object that a piece of code reads and sets.
struct Own<'a> {
    own: &'a str,
    reads: BTreeSet<&'a str>,
    sets: BTreeSet<&'a str>,
}

impl<'a> Own<'a> {
    fn new(own: &'a str) -> Self {
        Self {
            own,
            reads: BTreeSet::new(),
            sets: BTreeSet::new(),
        }
    }
}

impl<'a> Visitor<'a> for Own<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(name) if name.id.as_str() == self.own => {
                    let to = match attribute.ctx {
                        ast::ExprContext::Load => &mut self.reads,
                        _ => &mut self.sets,
                    };
                    to.insert(attribute.attr.as_str());
                }
                _ => visitor::walk_expr(self, expr),
            },
            // `self.cache[key] = ..`
            Expr::Subscript(item) if item.ctx.is_store() => {
                if let Expr::Attribute(attribute) = &*item.value
                    && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == self.own)
                {
                    self.sets.insert(attribute.attr.as_str());
                }
                self.visit_expr(&item.slice);
            }
            // `hasattr(self, "n")`
            Expr::Call(call) if matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "hasattr") => {
                if let [Expr::Name(name), Expr::StringLiteral(text)] = &call.arguments.args[..]
                    && name.id.as_str() == self.own
                {
                    self.reads.insert(text.value.to_str());
                }
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// `super().__init__`
fn is_super(called: &Expr) -> bool {
    let Expr::Attribute(attribute) = called else {
        return false;
    };
    let Expr::Call(call) = &*attribute.value else {
        return false;
    };
    call.arguments.is_empty() && path(&call.func).as_deref() == Some("super")
}

#[cfg(test)]
mod tests {
    use crate::outline::read;

    fn first(text: &str) -> Vec<(String, String)> {
        let outline = read(text).expect("it is Python");
        let first = &outline.body[0];
        let found = match first.body.iter().find(|s| s.name == "__init__") {
            Some(made) => &made.handed_on,
            None => &first.handed_on,
        };
        found
            .iter()
            .map(|h| (h.to.clone(), h.what.clone()))
            .collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn names_that_are_only_given_to_calls() {
        assert_eq!(
            first("w = ui.W(model, size=n)\n"),
            pairs(&[("ui.W", "model"), ("ui.W", "n")])
        );
        assert!(first("w = W(R(model), 1)\n").is_empty());
        assert!(first("w = W(model).text()\n").is_empty());
        assert!(first("w = W(model, model.size)\n").is_empty());
        assert!(first("w = W(*model)\n").is_empty());
        assert!(first("w = model\n").is_empty());
        assert!(first("w = W(lambda: model)\n").is_empty());
    }

    #[test]
    fn parameters_that_are_only_kept() {
        let made = |body: &str| {
            first(&format!(
                "class W:\n    def __init__(self, a, b=None):\n{body}"
            ))
        };
        assert_eq!(
            made("        self.a = a\n        self.x = []\n"),
            pairs(&[("a", "a")])
        );
        assert_eq!(
            made("        self.p, self.q = a, b\n"),
            pairs(&[("p", "a"), ("q", "b")])
        );
        assert_eq!(
            made("        super().__init__()\n        self.b = b if b is not None else []\n"),
            pairs(&[("b", "b")])
        );
        assert!(made("        self.a = a\n        self.show()\n").is_empty());
        assert!(made("        self.a = a\n        super().__init__()\n").is_empty());
        assert!(made("        self.a = a\n        self.n = len(a)\n").is_empty());
        assert!(made("        self.a = a or b\n").is_empty());
        assert!(made("        self.a = list(a)\n").is_empty());
    }

    #[test]
    fn attributes_that_are_computed_once() {
        let method = |body: &str| first(&format!("def size(self, key=0):\n{body}"));
        for body in [
            "    if self.n is None:\n        self.n = len(self.a)\n    return self.n\n",
            "    if not hasattr(self, \"n\"):\n        self.n = len(self.a)\n",
            "    if self.n is not None:\n        return self.n\n    self.n = len(self.a)\n",
            "    try:\n        return self.n\n    except AttributeError:\n        self.n = len(self.a)\n",
            "    if key not in self.n:\n        self.n[key] = self.a[key]\n",
        ] {
            assert_eq!(method(body), pairs(&[("n", "a")]), "{body}");
        }
        assert!(method("    self.n += len(self.a)\n").is_empty());
        assert!(method("    if self.a:\n        self.n = len(self.b)\n").is_empty());
        assert!(method("    if self.n is None:\n        self.n = 0\n    self.show()\n").is_empty());
    }
}
