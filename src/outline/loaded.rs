//! Modules that are got at by an expression: `importlib.import_module("m").X`, `sys.modules["m"].X`, and
//! the module itself, `this = sys.modules[__name__]`.
//!
//! What another module has under a name is read by a path that begins with what `late` says of imports.
//! The attributes of the module itself are its names.

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement as Element};
use std::borrow::Cow;

use super::Import;
use super::given::last_name;
use super::late::root;
use super::patterns::{self, ANY};
use super::scope::{Block, Place, resolve};
use super::statements::Reader;

/// What stands between the brackets of `sys.modules[...]`.
fn entry(expr: &Expr) -> Option<&Expr> {
    let Expr::Subscript(entry) = expr else {
        return None;
    };
    let Expr::Attribute(modules) = &*entry.value else {
        return None;
    };
    let of_sys = matches!(&*modules.value, Expr::Name(sys) if sys.id.as_str() == "sys");
    (of_sys && modules.attr.as_str() == "modules").then_some(&*entry.slice)
}

/// What is given to `import_module` or `__import__`, and whether dots in it lead to what is got.
fn given(call: &ast::ExprCall) -> Option<(&Expr, bool)> {
    let whole = match last_name(&call.func) {
        "import_module" => true,
        "__import__" => false,
        _ => return None,
    };
    Some((call.arguments.args.first()?, whole))
}

/// Whether an expression is the module that it stands in.
pub(super) fn is_this(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Call(call) => given(call).map(|(name, _)| name),
        _ => entry(expr),
    };
    matches!(name, Some(Expr::Name(name)) if name.id.as_str() == "__name__")
}

/// The same where the name is computed: what it begins with, and `ANY`.
fn computed(name: &Expr) -> Option<Import> {
    // `__name__ + "." + name`, `f"{__package__}.{name}"`: of the package that it stands in.
    let of_package = |expr: &Expr| matches!(expr, Expr::Name(name) if matches!(name.id.as_str(), "__name__" | "__package__"));
    if of_package(name) {
        return None;
    }
    let mut parts = match name {
        Expr::FString(text) => text.value.elements().next().map(|first| match first {
            Element::Interpolation(first) => of_package(&first.expression),
            Element::Literal(_) => false,
        }),
        _ => None,
    };
    let mut at = name;
    while let Expr::BinOp(op) = at {
        at = &op.left;
        parts = Some(of_package(at));
    }
    let text = patterns::beginning(name);
    let rest = text.trim_start_matches('.');
    let level = match parts {
        Some(true) => 1,
        _ => text.len() - rest.len(),
    };
    let mut import = Import {
        level: u32::try_from(level).unwrap_or(0),
        module: format!("{rest}{ANY}"),
        name: None,
        bound: String::new(),
        aliased: true,
    };
    import.bound = root(&import);
    Some(import)
}

/// The module that an expression with a literal name is, as what imports it.
pub(super) fn loaded(expr: &Expr) -> Option<Import> {
    let (name, whole) = match expr {
        Expr::Call(call) => given(call)?,
        _ => (entry(expr)?, true),
    };
    let Expr::StringLiteral(module) = name else {
        return expr.is_call_expr().then(|| computed(name)).flatten();
    };
    let module = module.value.to_str();
    let name = module.trim_start_matches('.');
    // Of a dotted name `__import__` gives the first, or what it is asked for.
    if name.is_empty() || !whole && module.contains('.') {
        return None;
    }
    let mut import = Import {
        level: u32::try_from(module.len() - name.len()).unwrap_or(0),
        module: name.to_owned(),
        name: None,
        bound: String::new(),
        aliased: true,
    };
    import.bound = root(&import);
    Some(import)
}

/// The attribute of `base` that a chain of attributes begins with.
pub(super) fn attribute_of<'a>(expr: &'a Expr, base: &Expr) -> Option<&'a str> {
    let mut at = expr;
    while let Expr::Attribute(attribute) = at {
        at = &attribute.value;
        if std::ptr::eq(at, base) {
            return Some(attribute.attr.as_str());
        }
    }
    None
}

impl<'a> Reader<'a> {
    /// Whether an expression is the module itself, also under a name of its own.
    pub(super) fn is_own(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => self.is_own_name(name.id.as_str()),
            _ => is_this(expr),
        }
    }

    pub(super) fn is_own_name(&self, name: &str) -> bool {
        !self.module.own.is_empty()
            && self.module.own.contains(name)
            && resolve(&self.scopes, name) == Place::Module
    }

    /// An attribute of the module is set: a name of it is bound.
    pub(super) fn store_own(&mut self, name: &str) {
        let mut scopes = self.scopes.iter();
        let in_module = scopes.all(|scope| scope.block == Block::Comprehension);
        let frame = self.frame();
        match in_module {
            true => frame.uses.binds.push(name.to_owned()),
            false => frame.now().global_writes.push(name.to_owned()),
        }
    }

    /// `setattr(this, name, value)`, `delattr(this, name)`.
    pub(super) fn set_own(&mut self, attribute: Option<&Expr>) {
        match attribute {
            Some(Expr::StringLiteral(name)) => self.store_own(name.value.to_str()),
            _ => self.frame().now().opaque = true,
        }
    }

    /// What a path begins with that is not a name: see `loaded`.
    pub(super) fn loaded_root(&self, base: &Expr) -> Option<Cow<'a, str>> {
        loaded(base).map(|import| Cow::Owned(import.bound))
    }

    /// What a path begins with, where that is no name.
    pub(super) fn base(&mut self, base: &'a Expr) {
        self.load(base);
        match base {
            Expr::Call(call) => {
                self.visit_expr(&call.func);
                self.called(&call.func);
                self.arguments(call);
            }
            Expr::Subscript(entry) => {
                self.visit_expr(&entry.value);
                self.visit_expr(&entry.slice);
            }
            _ => self.visit_expr(base),
        }
    }

    /// A module is imported by an expression, and something is done with it.
    pub(super) fn load_whole(&mut self, expr: &Expr) {
        if let Some(import) = loaded(expr) {
            let uses = self.frame().now();
            uses.reads.push(import.bound);
            self.load(expr);
        }
    }

    /// A module is imported by an expression.
    pub(super) fn load(&mut self, expr: &Expr) {
        if let Some(import) = loaded(expr) {
            let frame = self.frame();
            if !frame.late.contains(&import) {
                frame.late.push(import);
            }
        }
    }
}
