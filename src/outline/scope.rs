//! Scopes: which names a block binds, and what a name means where it is read.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, ExprContext, Pattern, Stmt};
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::collections::BTreeSet;

use super::expressions::{BUILTINS, OPAQUE};
use super::given::changes_argument;
use super::loaded::is_this;
use super::value::{COLLECTIONS, CONSTRUCTORS, ITERATORS};

/// Names as the compiler sees them: mangled.
pub(super) type Names<'a> = FxHashSet<Cow<'a, str>>;

/// `__x` in class `C` is `_C__x`, as CPython's compiler mangles it.
pub(super) fn mangle<'a>(class: Option<&str>, name: &'a str) -> Cow<'a, str> {
    let Some(class) = class else {
        return Cow::Borrowed(name);
    };
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return Cow::Borrowed(name);
    }
    match class.trim_start_matches('_') {
        "" => Cow::Borrowed(name),
        class => Cow::Owned(format!("_{class}{name}")),
    }
}

/// What the code of one block (not of the functions and classes in it) declares.
#[derive(Default)]
pub(super) struct Bindings<'a> {
    /// Names that the block binds or deletes.
    pub bound: Names<'a>,
    /// Names declared `global`.
    pub globals: Names<'a>,
    nonlocals: Names<'a>,
    /// Names bound by `import x`: modules.
    pub modules: FxHashSet<&'a str>,
    /// Names of the module itself: `this = sys.modules[__name__]`.
    pub own: FxHashSet<&'a str>,
    /// Names bound by `from x import y`.
    pub from_imports: FxHashSet<&'a str>,
    /// Parameters whose default is what a name has: `def f(x=X)`.
    pub defaults: Vec<(Cow<'a, str>, &'a str)>,
    /// Names of functions and classes that the block defines.
    pub made: Names<'a>,
    /// The first parameter.
    pub first: Option<Cow<'a, str>>,
}

impl<'a> Bindings<'a> {
    /// Those of a block of statements, in a class for mangling.
    pub(super) fn of_block(class: Option<&'a str>, body: &'a [Stmt]) -> Self {
        Collector::run(class, |collector| collector.visit_body(body))
    }

    /// Those of a lambda's body: what `:=` binds.
    pub(super) fn of_expression(class: Option<&'a str>, body: &'a Expr) -> Self {
        Collector::run(class, |collector| collector.visit_expr(body))
    }

    /// The names in the targets of a comprehension.
    pub(super) fn of_targets(class: Option<&'a str>, generators: &'a [ast::Comprehension]) -> Self {
        Collector::run(class, |collector| {
            for generator in generators {
                collector.visit_expr(&generator.target);
            }
        })
    }

    /// Adds a function's or lambda's parameters.
    pub(super) fn add_parameters(&mut self, class: Option<&str>, parameters: &'a ast::Parameters) {
        for parameter in parameters {
            let name = mangle(class, parameter.name().as_str());
            if self.first.is_none() {
                self.first = Some(name.clone());
            }
            if let Some(Expr::Name(default)) = parameter.default() {
                self.defaults.push((name.clone(), default.id.as_str()));
            }
            self.bound.insert(name);
        }
    }
}

/// What a module binds, as far as the reading of its other statements depends on it: names of
/// builtins that mean something else in it, modules, collections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    shadowed: BTreeSet<String>,
    modules: BTreeSet<String>,
    collections: BTreeSet<String>,
    own: BTreeSet<String>,
    /// `from __future__ import annotations`.
    pub annotations_are_text: bool,
}

impl Context {
    /// What the bindings of a block say.
    pub(super) fn of(bindings: &Bindings<'_>) -> Self {
        let shadowed = bindings.bound.iter().filter(|name| means_something(name));
        let imported = bindings.from_imports.iter();
        Self {
            shadowed: shadowed.map(|name| (**name).to_owned()).collect(),
            modules: bindings.modules.iter().map(|n| (*n).to_owned()).collect(),
            own: bindings.own.iter().map(|n| (*n).to_owned()).collect(),
            collections: imported
                .filter(|name| {
                    COLLECTIONS.contains(name) || ITERATORS.contains(name) || changes_argument(name)
                })
                .map(|name| (*name).to_owned())
                .collect(),
            annotations_are_text: false,
        }
    }

    /// Both together.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.shadowed.extend(other.shadowed.iter().cloned());
        both.modules.extend(other.modules.iter().cloned());
        both.own.extend(other.own.iter().cloned());
        both.collections.extend(other.collections.iter().cloned());
        both.annotations_are_text |= other.annotations_are_text;
        both
    }

    /// Adds what the module binds to what a part of it does.
    pub(super) fn tell<'a>(&'a self, bindings: &mut Bindings<'a>) {
        let shadowed = self.shadowed.iter().map(|name| Cow::Borrowed(&**name));
        bindings.bound.extend(shadowed);
        bindings.modules.extend(self.modules.iter().map(|n| &**n));
        bindings.own.extend(self.own.iter().map(|n| &**n));
        let collections = self.collections.iter().map(|name| &**name);
        bindings.from_imports.extend(collections);
    }
}

/// Whether the outline asks what this name means in the module.
pub(super) fn means_something(name: &str) -> bool {
    CONSTRUCTORS.contains(&name) || BUILTINS.contains(&name) || OPAQUE.contains(&name)
}

struct Collector<'a> {
    class: Option<&'a str>,
    found: Bindings<'a>,
}

impl<'a> Collector<'a> {
    fn run(class: Option<&'a str>, visit: impl FnOnce(&mut Self)) -> Bindings<'a> {
        let mut collector = Self {
            class,
            found: Bindings::default(),
        };
        visit(&mut collector);
        let Bindings {
            bound,
            globals,
            nonlocals,
            ..
        } = &mut collector.found;
        bound.retain(|name| !globals.contains(name) && !nonlocals.contains(name));
        collector.found
    }

    fn bind(&mut self, name: &'a str) {
        self.found.bound.insert(mangle(self.class, name));
    }

    fn define(&mut self, name: &'a str) {
        self.bind(name);
        self.found.made.insert(mangle(self.class, name));
    }

    fn comprehension(&mut self, parts: &[&'a Expr], generators: &'a [ast::Comprehension]) {
        // Only `:=` binds outside of it.
        for part in parts {
            self.visit_expr(part);
        }
        for generator in generators {
            self.visit_expr(&generator.iter);
            for test in &generator.ifs {
                self.visit_expr(test);
            }
        }
    }
}

/// The name that `import a.b` or `import a.b as c` binds.
pub(super) fn import_bound(alias: &ast::Alias) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None => alias.name.as_str().split('.').next().unwrap_or_default(),
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => {
                self.define(def.name.as_str());
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                self.visit_parameters(&def.parameters);
            }
            Stmt::ClassDef(def) => {
                self.define(def.name.as_str());
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(arguments) = &def.arguments {
                    self.visit_arguments(arguments);
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = import_bound(alias);
                    self.bind(name);
                    self.found.modules.insert(name);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    if name != "*" {
                        self.bind(name);
                        self.found.from_imports.insert(name);
                        if import.module.as_deref() == Some("itertools") && alias.asname.is_none() {
                            let known = ITERATORS
                                .iter()
                                .copied()
                                .find(|known| known.strip_prefix("itertools.") == Some(name));
                            self.found.from_imports.extend(known);
                        }
                    }
                }
            }
            Stmt::Global(global) => {
                for name in &global.names {
                    self.found.globals.insert(mangle(self.class, name.as_str()));
                }
            }
            Stmt::Assign(assign) if is_this(&assign.value) => {
                for target in &assign.targets {
                    if let Expr::Name(name) = target {
                        self.found.own.insert(name.id.as_str());
                    }
                }
                visitor::walk_stmt(self, stmt);
            }
            Stmt::Nonlocal(nonlocal) => {
                for name in &nonlocal.names {
                    self.found
                        .nonlocals
                        .insert(mangle(self.class, name.as_str()));
                }
            }
            // `(x): int` says nothing about x.
            Stmt::AnnAssign(assign)
                if !assign.simple && assign.value.is_none() && assign.target.is_name_expr() => {}
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                if matches!(name.ctx, ExprContext::Store | ExprContext::Del) {
                    self.bind(name.id.as_str());
                }
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
            }
            Expr::ListComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::SetComp(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::Generator(comp) => self.comprehension(&[&comp.elt], &comp.generators),
            Expr::DictComp(comp) => {
                if let Some(key) = &comp.key {
                    self.visit_expr(key);
                }
                self.comprehension(&[&comp.value], &comp.generators);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let ast::ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name.as_str());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Some(name) = captured(pattern) {
            self.bind(name);
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// The name that a pattern itself (not its parts) captures.
pub(super) fn captured(pattern: &Pattern) -> Option<&str> {
    let name = match pattern {
        Pattern::MatchAs(pattern) => pattern.name.as_ref(),
        Pattern::MatchStar(pattern) => pattern.name.as_ref(),
        Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
        _ => None,
    };
    name.map(ast::Identifier::as_str)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// A function or lambda.
    Function,
    Comprehension,
    Class,
    /// The names of `[T]` in `def f[T]`, seen in annotations and the body.
    TypeParameters,
}

pub(super) struct Scope<'a> {
    pub block: Block,
    /// For a class: the names bound so far.
    pub bound: Names<'a>,
    pub globals: Names<'a>,
    /// For a function: parameters, and the names whose objects are their defaults.
    pub defaults: Vec<(Cow<'a, str>, &'a str)>,
    /// For a function: names of functions and classes that it defines.
    pub made: Names<'a>,
    /// For a function: its first parameter.
    pub first: Option<Cow<'a, str>>,
    /// For a function: names that it imports, each with what stands for it: see `late`.
    pub late: Vec<(String, String)>,
    /// For a function: names that it binds, each with what is called when that is: see `aliases`.
    pub aliases: Vec<(Cow<'a, str>, String)>,
}

impl<'a> Scope<'a> {
    /// One that binds these names.
    pub(super) fn new(block: Block, bound: Names<'a>) -> Self {
        Self {
            block,
            bound,
            globals: Names::default(),
            defaults: Vec::new(),
            made: Names::default(),
            first: None,
            late: Vec::new(),
            aliases: Vec::new(),
        }
    }
}

/// The name of the module whose object a parameter has by default.
pub(super) fn default_of<'a>(scopes: &[Scope<'a>], name: &str) -> Option<&'a str> {
    let at = scopes
        .iter()
        .rposition(|scope| scope.bound.contains(name))?;
    let mut defaults = scopes[at].defaults.iter();
    let (_, default) = defaults.find(|(parameter, _)| *parameter == name)?;
    (resolve(&scopes[..at], default) == Place::Module).then_some(*default)
}

/// Whose name it is, seen from where it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A function's, a comprehension's or a type parameter.
    Local,
    /// Bound by the class body that reads it.
    Class,
    /// The module's, or a builtin.
    Module,
}

/// Looks `name` (mangled) up from the innermost scope outwards, as CPython's symbol table does.
pub(super) fn resolve(scopes: &[Scope<'_>], name: &str) -> Place {
    let mut innermost = true;
    for scope in scopes.iter().rev() {
        // A class's names are seen by its own statements only, not by functions in it.
        if scope.block != Block::Class || innermost {
            if scope.globals.contains(name) {
                return Place::Module;
            }
            if scope.bound.contains(name) {
                let class = scope.block == Block::Class;
                return if class { Place::Class } else { Place::Local };
            }
        }
        innermost &= scope.block == Block::TypeParameters;
    }
    let in_method = scopes
        .last()
        .is_some_and(|scope| scope.block != Block::Class);
    if name == "__class__" && in_method && scopes.iter().any(|s| s.block == Block::Class) {
        return Place::Local;
    }
    Place::Module
}
