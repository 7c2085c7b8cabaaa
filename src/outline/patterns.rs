//! Attributes and names that code spells only when it runs: `getattr(self, "visit_" + kind)`,
//! `globals()["do_" + name]`.

use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement as Element};

use super::Import;
use super::given::last_name;
use super::statements::Reader;

/// What a spelled name ends with in `Uses::members` where more is computed: `visit_*`.
pub const ANY: char = '*';

/// What it begins with if it is a name of the module.
pub const OWN: char = '@';

/// The text that a computed one begins with.
pub(super) fn beginning(expr: &Expr) -> &str {
    let until = |text: &str, end: char| text.find(end).unwrap_or(text.len());
    match expr {
        Expr::StringLiteral(text) => text.value.to_str(),
        Expr::BinOp(op) => match (op.op, &*op.left) {
            (ast::Operator::Mod, Expr::StringLiteral(text)) => {
                let text = text.value.to_str();
                &text[..until(text, '%')]
            }
            (ast::Operator::Add, left) => beginning(left),
            _ => "",
        },
        Expr::FString(text) => match text.value.elements().next() {
            Some(Element::Literal(first)) => &first.value,
            _ => "",
        },
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "format" => {
                let text = match &*method.value {
                    Expr::StringLiteral(text) => text.value.to_str(),
                    _ => "",
                };
                &text[..until(text, '{')]
            }
            _ => "",
        },
        _ => "",
    }
}

/// An attribute as it stands in `Uses::members`: itself, or what it begins with.
pub(super) fn spelled(expr: &Expr) -> String {
    match expr {
        Expr::StringLiteral(text) => text.value.to_str().to_owned(),
        _ => format!("{}{ANY}", beginning(expr)),
    }
}

/// The beginning of a name of which more is computed, and whether it is one of the module's own.
pub fn computed(member: &str) -> Option<(&str, bool)> {
    let own = member.strip_prefix(OWN);
    let start = own.unwrap_or(member).strip_suffix(ANY)?;
    Some((start, own.is_some()))
}

/// `m = importlib.import_module("p.m")` is `import p.m as m`.
pub(super) fn imported(assign: &ast::StmtAssign) -> Option<Import> {
    let ([Expr::Name(target)], Expr::Call(call)) = (&assign.targets[..], &*assign.value) else {
        return None;
    };
    let by = last_name(&call.func);
    let Expr::StringLiteral(module) = call.arguments.args.first()? else {
        return None;
    };
    let module = module.value.to_str();
    let name = module.trim_start_matches('.');
    // Of a dotted name `__import__` gives the first.
    let whole = by == "import_module" || by == "__import__" && !module.contains('.');
    (whole && !name.is_empty()).then(|| Import {
        level: u32::try_from(module.len() - name.len()).unwrap_or(0),
        module: name.to_owned(),
        name: None,
        bound: target.id.to_string(),
        aliased: true,
    })
}

impl<'a> Reader<'a> {
    /// `globals()[name]`, `globals().get(name)`: one of the names of the module.
    pub(super) fn own_name(&mut self, table: &'a Expr, name: &'a Expr) {
        let Expr::Call(call) = table else { return };
        let Expr::Name(builtin) = &*call.func else {
            return;
        };
        let asks = matches!(builtin.id.as_str(), "globals" | "vars") && call.arguments.is_empty();
        if asks && !self.module.bound.contains(builtin.id.as_str()) {
            self.own(name);
        }
    }

    /// The same of what `getattr` takes out of `sys.modules[__name__]`; `false` for other objects.
    pub(super) fn own_attribute(&mut self, object: &'a Expr, name: &'a Expr) -> bool {
        let found = self.is_own(object);
        if found {
            self.own(name);
        }
        found
    }

    pub(super) fn imported_by_call(&mut self, assign: &'a ast::StmtAssign) {
        if let Some(import) = imported(assign) {
            self.import(import);
        }
    }

    fn own(&mut self, name: &'a Expr) {
        let member = format!("{OWN}{}", spelled(name));
        let uses = self.frame().now();
        match name {
            Expr::StringLiteral(text) => uses.reads.push(text.value.to_str().to_owned()),
            _ => uses.members.push(member),
        }
        uses.reads.push("globals".to_owned());
    }
}
