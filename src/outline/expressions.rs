//! The walk over expressions: what they read, call and change.

use super::given::last_name;
use super::operators::only_looks;
use super::scope::{Bindings, Block, Place, Scope, captured, default_of, resolve};
use super::statements::Reader;
use super::{MATCH_ARGS, loaded, operators, patterns, skims};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, Pattern, Stmt};
use ruff_text_size::Ranged;
use std::borrow::Cow;

/// A dotted chain of plain attribute reads, and the name it begins with.
pub(super) struct Path<'a> {
    pub(super) root: Cow<'a, str>,
    expr: &'a Expr,
    /// What it begins with where that is no name of a scope, but an expression that is a module, or
    /// the module itself: its attribute is the root then.
    base: Option<&'a Expr>,
}

impl<'a> Reader<'a> {
    pub(super) fn path(&self, expr: &'a Expr) -> Option<Path<'a>> {
        let mut at = expr;
        while let Expr::Attribute(attribute) = at {
            at = &attribute.value;
        }
        let own = match at {
            Expr::Name(name) => self.is_own_name(name.id.as_str()),
            Expr::Call(_) | Expr::Subscript(_) if !std::ptr::eq(at, expr) => {
                if !loaded::is_this(at) {
                    let (root, base) = (self.loaded_root(at)?, Some(at));
                    return Some(Path { root, expr, base });
                }
                true
            }
            _ => return None,
        };
        if own && let Some(root) = loaded::attribute_of(expr, at) {
            let (root, base) = (Cow::Borrowed(root), Some(at));
            return Some(Path { root, expr, base });
        }
        let Expr::Name(name) = at else { return None };
        Some(Path {
            root: self.mangled(name.id.as_str()),
            expr,
            base: None,
        })
    }

    /// Whose name a path begins with.
    fn place(&self, path: &Path<'_>) -> Place {
        match path.base {
            Some(_) => Place::Module,
            None => resolve(&self.scopes, &path.root),
        }
    }

    /// Whether a block around bound the name before that a path begins with.
    fn begins_given(&mut self, path: &Path<'_>) -> bool {
        path.base.is_none() && self.is_given(&path.root)
    }

    /// The chain as text. Most paths begin with a local name and are never asked.
    fn whole(&self, path: &Path<'a>) -> String {
        let mut attributes = Vec::new();
        let mut at = path.expr;
        while let Expr::Attribute(attribute) = at {
            attributes.push(attribute.attr.as_str());
            at = &attribute.value;
        }
        if path.base.is_some_and(|base| self.is_own(base)) {
            // It is the root.
            attributes.pop();
        }
        let mut whole = String::from(&*path.root);
        for attribute in attributes.into_iter().rev() {
            whole.push('.');
            whole.push_str(&self.mangled(attribute));
        }
        whole
    }

    /// Notes the attributes that `expr` reads, of whatever object.
    fn members(&mut self, expr: &'a Expr) {
        let mut at = expr;
        while let Expr::Attribute(attribute) = at {
            let name = self.mangled(attribute.attr.as_str()).into_owned();
            self.frame().now().members.push(name);
            at = &attribute.value;
        }
    }

    fn read(&mut self, path: &Path<'a>, calls_with_arguments: bool) {
        self.outline.mentions_super |= path.root == "super" && self.in_module_block();
        if let Some(base) = path.base {
            self.base(base);
        }
        match self.place(path) {
            Place::Local => {
                let late = self.late_paths(&path.root, || self.whole(path));
                self.frame().now().reads.extend(late);
            }
            Place::Class | Place::Module if self.begins_given(path) => {}
            Place::Class => {
                let whole = self.whole(path);
                self.frame().class.reads.push(whole);
            }
            Place::Module => {
                let whole = self.whole(path);
                let opaque = self.is_opaque(&whole, calls_with_arguments);
                let uses = self.frame().now();
                uses.opaque |= opaque;
                uses.reads.push(whole);
            }
        }
    }

    /// Whether a block around bound this name before: what it meant outside plays no part.
    fn is_given(&mut self, name: &str) -> bool {
        !self.given.is_empty() && self.frame().deferred == 0 && self.given.iter().any(|n| n == name)
    }

    fn is_opaque(&self, path: &str, with_arguments: bool) -> bool {
        let name = path.strip_prefix("builtins.").unwrap_or(path);
        let known = match name {
            "globals" | "exec" | "eval" => true,
            // `vars(x)` is about x; in a function, `locals()` is about the function.
            "locals" => !self.in_function(),
            "vars" => !self.in_function() && !with_arguments,
            _ => false,
        };
        known && (name != path || !self.module.bound.contains(name))
    }

    /// The path that a class statement gives as `metaclass=`.
    pub(super) fn metaclass(&self, stmt: &'a Stmt) -> Option<String> {
        let Stmt::ClassDef(def) = stmt else {
            return None;
        };
        let given = def.arguments.as_ref()?.find_keyword("metaclass")?;
        let path = self.path(&given.value)?;
        (self.place(&path) != Place::Local).then(|| self.whole(&path))
    }

    /// The path that an expression is, where it begins with a name of the module or class.
    pub(super) fn path_outside(&mut self, expr: &'a Expr) -> Option<String> {
        let path = self.path(expr)?;
        if self.place(&path) == Place::Local {
            return self.late_paths(&path.root, || self.whole(&path)).pop();
        }
        (!self.begins_given(&path)).then(|| self.whole(&path))
    }

    /// `expr` is called, if it is a path.
    pub(super) fn called(&mut self, expr: &'a Expr) {
        self.counts_as_called(expr, false);
    }

    /// `asked`: it is a class that `isinstance` is given.
    fn counts_as_called(&mut self, expr: &'a Expr, asked: bool) {
        let Some(path) = self.path(expr) else { return };
        let place = self.place(&path);
        if place == Place::Local {
            let mut found = self.late_paths(&path.root, || self.whole(&path));
            if expr.is_name_expr() {
                found.extend(self.aliased(&path.root));
            }
            self.frame().now().calls.extend(found);
            return;
        }
        if self.begins_given(&path) {
            return;
        }
        let whole = self.whole(&path);
        let frame = self.frame();
        let uses = if place == Place::Class {
            &mut frame.class
        } else {
            frame.now()
        };
        uses.calls_others |= !asked && !only_looks(&whole);
        uses.calls.push(whole);
    }

    /// The object that `target` (`X[k]`, `X.a`, `X`) is a part of may change in place.
    pub(super) fn mutate(&mut self, target: &'a Expr) {
        let Some(name) = self.root(target) else {
            return;
        };
        let part = attribute_of_root(target);
        if self.is_own_name(name) {
            if let Some(part) = part {
                self.changes(Cow::Borrowed(part), None);
            }
            return;
        }
        let name = self.mangled(name);
        let part = part.map(|attribute| self.mangled(attribute));
        let path = part.map(|part| format!("{name}.{part}"));
        self.changes(name, path);
    }

    /// The object of `name` may change in place, and of it what is at `path`.
    fn changes(&mut self, name: Cow<'a, str>, path: Option<String>) {
        if self.is_given(&name) {
            return;
        }
        match resolve(&self.scopes, &name) {
            Place::Local => {
                self.sets(path.as_deref());
                // What a parameter has by default is the module's: `def note(x, seen=SEEN)`.
                if let Some(default) = default_of(&self.scopes, &name) {
                    let path = path.map(|path| path.replacen(&*name, default, 1));
                    let uses = self.frame().now();
                    uses.writes.extend(path);
                    uses.mutates.push(default.to_owned());
                }
            }
            Place::Class => self.frame().class.mutates.push(name.into_owned()),
            Place::Module => {
                let uses = self.frame().now();
                uses.writes.extend(path);
                uses.mutates.push(name.into_owned());
            }
        }
    }

    /// `functools.wraps(f)` copies what f says of itself.
    fn copies(&mut self, call: &'a ast::ExprCall) {
        let place = match last_name(&call.func) {
            "wraps" => 0,
            "update_wrapper" => 1,
            _ => return,
        };
        let named = call.arguments.find_argument_value("wrapped", place);
        if let Some(path) = named.and_then(|wrapped| self.path_outside(wrapped)) {
            self.frame().now().reads.push(format!("{path}.__doc__"));
        }
        if let (1, Some(wrapper)) = (place, call.arguments.args.first()) {
            self.mutate(wrapper);
        }
    }

    /// `getattr(X, "a")` reads `X.a`; with a name that is computed, anything that X has.
    pub(super) fn looking(&mut self, object: &'a Expr, attribute: &'a Expr) {
        if self.own_attribute(object, attribute) {
            return;
        }
        self.frame()
            .now()
            .members
            .push(patterns::spelled(attribute));
        let Some(path) = self.path(object) else {
            return;
        };
        let whole = match self.place(&path) {
            Place::Module if !self.begins_given(&path) => self.whole(&path),
            Place::Local => match self.late_paths(&path.root, || self.whole(&path)).pop() {
                Some(late) => late,
                None => return,
            },
            _ => return,
        };
        let uses = self.frame().now();
        match attribute {
            Expr::StringLiteral(text) => {
                uses.reads.push(format!("{whole}.{}", text.value.to_str()));
            }
            _ => uses.reads.push(format!("{whole}.__dict__")),
        }
    }

    /// Builtins that change what they are given: `next(X)`, `setattr(X, "a", v)`; and those that look
    /// into it.
    fn changing(&mut self, builtin: &str, arguments: &'a ast::Arguments) {
        let Some(object) = arguments.args.first() else {
            return;
        };
        match builtin {
            "next" => self.mutate(object),
            "getattr" | "hasattr" => {
                if let Some(attribute) = arguments.args.get(1) {
                    self.looking(object, attribute);
                }
            }
            "setattr" | "delattr" if self.is_own(object) => {
                self.set_own(arguments.args.get(1));
            }
            "setattr" | "delattr" => {
                let Expr::Name(name) = object else { return };
                let name = self.mangled(name.id.as_str());
                let path = match arguments.args.get(1) {
                    Some(Expr::StringLiteral(text)) => {
                        Some(format!("{name}.{}", text.value.to_str()))
                    }
                    _ => None,
                };
                self.changes(name, path);
            }
            _ => {}
        }
    }

    /// The name at the root of attributes, subscripts and calls of methods.
    fn root(&self, expr: &'a Expr) -> Option<&'a str> {
        let mut at = expr;
        loop {
            at = match at {
                Expr::Name(name) => return Some(name.id.as_str()),
                Expr::Attribute(attribute) => &attribute.value,
                Expr::Subscript(subscript) => &subscript.value,
                Expr::Await(inner) => &inner.value,
                Expr::Call(call) => match &*call.func {
                    // Calling a function, also one of a module, does not change the function.
                    Expr::Name(_) => return None,
                    Expr::Attribute(method) if self.is_module(&method.value) => return None,
                    func => func,
                },
                _ => return None,
            }
        }
    }

    pub(super) fn is_module(&self, expr: &Expr) -> bool {
        let Expr::Name(name) = expr else { return false };
        let name = name.id.as_str();
        self.module.modules.contains(name) && resolve(&self.scopes, name) == Place::Module
    }

    /// An expression statement: a method called for its effect may change its object.
    pub(super) fn effect(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Await(inner) => self.effect(&inner.value),
            Expr::Call(call) if call.func.is_attribute_expr() => self.mutate(expr),
            _ => {}
        }
    }

    /// Something is assigned to `target`. `bind` is false for a comprehension's own names.
    pub(super) fn target(&mut self, target: &'a Expr, bind: bool) {
        match target {
            Expr::Name(name) => {
                if bind {
                    self.store(name.id.as_str());
                }
            }
            Expr::Starred(starred) => self.target(&starred.value, bind),
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                self.implied(operators::ITERATED);
                elts.iter().for_each(|e| self.target(e, bind));
            }
            Expr::Attribute(attribute) if self.is_own(&attribute.value) => {
                self.visit_expr(&attribute.value);
                self.store_own(attribute.attr.as_str());
            }
            Expr::Attribute(attribute) => {
                self.visit_expr(&attribute.value);
                self.mutate(target);
            }
            Expr::Subscript(subscript) => {
                self.visit_expr(&subscript.value);
                self.visit_expr(&subscript.slice);
                self.mutate(target);
            }
            _ => self.visit_expr(target),
        }
    }

    /// `x += 1` reads x, `x.a += 1` reads x.a.
    pub(super) fn read_target(&mut self, target: &'a Expr) {
        match self.path(target) {
            Some(path) => self.read(&path, false),
            None => self.visit_expr(target),
        }
    }

    /// What a pattern reads and captures.
    fn pattern(&mut self, pattern: &'a Pattern) {
        if let Some(name) = captured(pattern) {
            self.store(name);
        }
        if let Pattern::MatchClass(class) = pattern {
            // `case P(x)`: the class says which attribute that is.
            if !class.arguments.patterns.is_empty()
                && let Some(path) = self.path_outside(&class.cls)
            {
                let uses = self.frame().now();
                uses.reads.push(format!("{path}.{MATCH_ARGS}"));
            }
            let asked = class.arguments.keywords.iter();
            let asked: Vec<String> = asked.map(|asked| asked.attr.to_string()).collect();
            self.frame().now().members.extend(asked);
        }
        visitor::walk_pattern(self, pattern);
    }

    /// Code calls these methods of what it deals with.
    pub(super) fn implied(&mut self, methods: &[&'static str]) {
        let frame = self.frame();
        match frame.deferred {
            0 => frame.implied.extend_from_slice(methods),
            _ => frame.later_implied.extend_from_slice(methods),
        }
    }

    fn call(&mut self, call: &'a ast::ExprCall) {
        if let Expr::Name(name) = &*call.func {
            self.implied(operators::of_builtin(name.id.as_str()));
        }
        self.given_to_library(&call.func);
        self.getter(call);
        self.copies(call);
        if let Expr::Attribute(method) = &*call.func {
            if let ("get", Some(name)) = (method.attr.as_str(), call.arguments.args.first()) {
                self.own_name(&method.value, name);
            }
            self.implied(operators::of_method(method.attr.as_str()));
        }
        match self.path(&call.func) {
            Some(path) => {
                self.members(&call.func);
                self.read(&path, !call.arguments.is_empty());
                self.calls_given(&call.func);
            }
            None => {
                if self.frame().deferred == 0 {
                    self.frame().uses.members.push("__call__".to_owned());
                }
                self.callee(call);
                if let Some(table) = table(&call.func) {
                    self.called(table);
                }
            }
        }
        let scheduled = self.frame().scheduled.take();
        if scheduled != Some(call.func.start()) {
            self.called(&call.func);
        }
        self.frame().scheduled = operators::schedules(call);
        self.arguments(call);
        self.frame().scheduled = None;
        if operators::applies(&call.func) {
            for argument in &*call.arguments.args {
                self.called(argument);
            }
            for keyword in &*call.arguments.keywords {
                self.called(&keyword.value);
            }
            self.implied(&["default"]);
        }
        if let Expr::Name(name) = &*call.func
            && self.is_builtin(name.id.as_str())
        {
            self.changing(name.id.as_str(), &call.arguments);
            let asks = matches!(name.id.as_str(), "isinstance" | "issubclass");
            // How many there are says nothing of what they do.
            for argument in call
                .arguments
                .args
                .iter()
                .filter(|_| name.id.as_str() != "len")
            {
                self.counts_as_called(argument, asks);
            }
            for keyword in &*call.arguments.keywords {
                self.called(&keyword.value);
            }
        }
    }

    /// Whether a name means one of the builtins that may call what they are given.
    pub(super) fn is_builtin(&self, name: &str) -> bool {
        BUILTINS.contains(&name)
            && !self.module.bound.contains(name)
            && resolve(&self.scopes, name) == Place::Module
    }

    fn comprehension(&mut self, parts: &[&'a Expr], generators: &'a [ast::Comprehension]) {
        // The first iterable is evaluated outside; a class body's names are seen there only.
        if let Some(first) = generators.first() {
            self.gone_through(&first.iter, skims::comprehension(parts, generators));
        }
        let targets = Bindings::of_targets(self.class, generators);
        let scope = Scope::new(Block::Comprehension, targets.bound);
        self.scopes.push(scope);
        for (index, generator) in generators.iter().enumerate() {
            if index > 0 {
                self.visit_expr(&generator.iter);
            }
            self.target(&generator.target, false);
            for test in &generator.ifs {
                self.visit_expr(test);
            }
        }
        for part in parts {
            self.visit_expr(part);
        }
        self.scopes.pop();
    }

    fn lambda(&mut self, lambda: &'a ast::ExprLambda) {
        let mut bindings = Bindings::of_expression(self.class, &lambda.body);
        if let Some(parameters) = &lambda.parameters {
            self.defaults(parameters);
            bindings.add_parameters(self.class, parameters);
        }
        // One that is called where it stands does what it does there.
        let now = std::mem::take(&mut self.at_once);
        self.begin_function(bindings);
        self.frame().deferred -= u32::from(now);
        self.visit_expr(&lambda.body);
        self.frame().deferred += u32::from(now);
        self.end_function();
        self.at_once = now;
    }
}

/// `a` of `X.a`, `X.a[k]`, `X.a.m(...)`; not of `X.m(...)`, which may change anything.
fn attribute_of_root(expr: &Expr) -> Option<&str> {
    let mut at = expr;
    let mut found = None;
    loop {
        at = match at {
            Expr::Name(_) => return found,
            Expr::Attribute(attribute) => {
                found = Some(attribute.attr.as_str());
                &attribute.value
            }
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Await(inner) => &inner.value,
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if method.value.is_name_expr() => return None,
                func => func,
            },
            _ => return None,
        }
    }
}

impl<'a> Visitor<'a> for Reader<'a> {
    // Statements have their own walk; nothing reaches them through an expression.
    fn visit_stmt(&mut self, _: &'a Stmt) {}

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.pattern(pattern);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.implied(operators::of_expression(expr));
        match expr {
            Expr::Name(_) | Expr::Attribute(_) => {
                self.members(expr);
                self.passes_own(expr);
                if let Some(path) = self.path(expr) {
                    self.read(&path, false);
                } else {
                    let mut at = expr;
                    while let Expr::Attribute(attribute) = at {
                        at = &attribute.value;
                    }
                    self.visit_expr(at);
                }
            }
            Expr::Call(call) => {
                self.load_whole(expr);
                self.call(call);
            }
            Expr::Subscript(entry) => {
                self.load_whole(expr);
                self.own_name(&entry.value, &entry.slice);
                visitor::walk_expr(self, expr);
            }
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                self.alias(&named.target, &named.value);
                self.target(&named.target, true);
            }
            Expr::ListComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::SetComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::Generator(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::DictComp(comp) => match &comp.key {
                Some(key) => self.comprehension(&[key, &comp.value], &comp.generators),
                None => self.comprehension(&[&comp.value], &comp.generators),
            },
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// The table out of which something is taken and called: `TABLE[key](1)`, `TABLE.get(key)(1)`.
fn table(called: &Expr) -> Option<&Expr> {
    match called {
        Expr::Subscript(subscript) => Some(&subscript.value),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "get" => Some(&method.value),
            _ => None,
        },
        _ => None,
    }
}

/// Builtins that reach all names of a module.
pub(super) const OPAQUE: &[&str] = &["globals", "exec", "eval", "locals", "vars"];

/// Builtins that may call what they are given.
pub(super) const BUILTINS: &[&str] = &[
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];
