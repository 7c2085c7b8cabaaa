//! How an assigned value is made.

use super::Value;
use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement, Stmt};

/// What names mean where the value is made.
pub(super) struct Names<'a> {
    /// The name is the builtin's: nothing in sight binds it.
    pub builtin: &'a dyn Fn(&str) -> bool,
    /// The module imports it with `from`.
    pub imported: &'a dyn Fn(&str) -> bool,
}

pub(super) const CONSTRUCTORS: &[&str] = &[
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "range",
    "zip",
    "enumerate",
    "len",
    "sorted",
    "min",
    "max",
    "sum",
    "abs",
    "round",
    "reversed",
    "map",
    "filter",
    "iter",
];

pub(super) const COLLECTIONS: &[&str] = &["defaultdict", "OrderedDict", "deque", "Counter"];

/// What makes an iterator, that of `itertools` as it is written with its module.
pub(super) const ITERATORS: &[&str] = &[
    "iter",
    "enumerate",
    "zip",
    "map",
    "filter",
    "reversed",
    "itertools.accumulate",
    "itertools.chain",
    "itertools.combinations",
    "itertools.count",
    "itertools.cycle",
    "itertools.islice",
    "itertools.permutations",
    "itertools.product",
    "itertools.repeat",
];

/// Methods that only tell.
const ASKING: &[&str] = &[
    "endswith",
    "items",
    "keys",
    "lower",
    "lstrip",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "upper",
    "values",
];

/// Methods that change the container they belong to, and nothing else.
pub const FILLING: &[&str] = &[
    "add",
    "append",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "setdefault",
    "update",
];

/// Whether running these statements does nothing but bind names and fill containers.
pub(super) fn fills(body: &[Stmt], names: &Names<'_>) -> bool {
    let target = |target: &Expr| match target {
        Expr::Name(_) => true,
        Expr::Subscript(item) => item.value.is_name_expr() && names.pure(&item.slice),
        Expr::Tuple(tuple) => tuple.elts.iter().all(Expr::is_name_expr),
        _ => false,
    };
    body.iter().all(|stmt| match stmt {
        Stmt::Assign(assign) => assign.targets.iter().all(target) && names.pure(&assign.value),
        Stmt::AugAssign(assign) => target(&assign.target) && names.pure(&assign.value),
        Stmt::Expr(expr) => match &*expr.value {
            Expr::Call(call) => {
                let keywords = call.arguments.keywords.iter();
                matches!(&*call.func, Expr::Attribute(method)
                    if method.value.is_name_expr() && FILLING.contains(&method.attr.as_str()))
                    && names.all(&*call.arguments.args)
                    && keywords
                        .into_iter()
                        .all(|keyword| names.pure(&keyword.value))
            }
            other => names.pure(other),
        },
        Stmt::For(stmt) => {
            !stmt.is_async
                && target(&stmt.target)
                && names.pure(&stmt.iter)
                && fills(&stmt.body, names)
                && fills(&stmt.orelse, names)
        }
        Stmt::If(stmt) => {
            let mut clauses = stmt.elif_else_clauses.iter();
            names.pure(&stmt.test)
                && fills(&stmt.body, names)
                && clauses.all(|clause| {
                    names.optional(clause.test.as_ref()) && fills(&clause.body, names)
                })
        }
        Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        _ => false,
    })
}

/// The one attribute or item that a statement sets.
pub(super) fn set_by(stmt: &Stmt) -> Option<&Expr> {
    let target = match stmt {
        Stmt::Assign(assign) => match &*assign.targets {
            [target] => target,
            _ => return None,
        },
        Stmt::AugAssign(assign) => &*assign.target,
        _ => return None,
    };
    matches!(target, Expr::Attribute(_) | Expr::Subscript(_)).then_some(target)
}

/// Whether an assignment may bind its names to what something else has.
pub(super) fn is_alias(stmt: &Stmt) -> bool {
    fn expression(expr: &Expr) -> bool {
        match expr {
            Expr::Name(_) | Expr::Attribute(_) => true,
            Expr::Subscript(item) => !item.slice.is_slice_expr(),
            Expr::If(choice) => expression(&choice.body) || expression(&choice.orelse),
            Expr::BoolOp(op) => op.values.iter().any(expression),
            Expr::Named(named) => expression(&named.value),
            Expr::Tuple(tuple) => tuple.elts.iter().any(expression),
            Expr::List(list) => list.elts.iter().any(expression),
            _ => false,
        }
    }
    let unpacked = |targets: &[Expr]| targets.iter().any(|t| !t.is_name_expr());
    match stmt {
        Stmt::Assign(assign) => match &*assign.value {
            // Items become the values of names only where they are taken apart.
            Expr::Tuple(_) | Expr::List(_) if !unpacked(&assign.targets) => false,
            value => expression(value),
        },
        Stmt::AnnAssign(assign) => match assign.value.as_deref() {
            None | Some(Expr::Tuple(_) | Expr::List(_)) => false,
            Some(value) => expression(value),
        },
        _ => false,
    }
}

/// The name whose object an assignment gives its names, or something that is in it: `L` of `M = L`,
/// `D` of `M = D["a"]` and `M = D.setdefault("a", [])`.
fn given_of(stmt: &Stmt) -> Option<&str> {
    fn owner(expr: &Expr) -> Option<&str> {
        match expr {
            Expr::Name(name) => Some(name.id.as_str()),
            Expr::Subscript(item) if !item.slice.is_slice_expr() => owner(&item.value),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if matches!(&*method.attr, "get" | "setdefault") => {
                    owner(&method.value)
                }
                _ => None,
            },
            _ => None,
        }
    }
    let (value, named) = match stmt {
        Stmt::Assign(assign) => {
            let named = assign.targets.iter().all(Expr::is_name_expr);
            (Some(&assign.value), named)
        }
        Stmt::AnnAssign(assign) => (assign.value.as_ref(), assign.target.is_name_expr()),
        _ => (None, false),
    };
    value.filter(|_| named).and_then(|value| owner(value))
}

/// Which of the paths that an assignment reads begins with that name, from 1 on; 0: it has none.
pub(super) fn given(stmt: &Stmt, reads: &[String]) -> u8 {
    let at = given_of(stmt).and_then(|name| {
        let root = |path: &String| path.split('.').next() == Some(name);
        u8::try_from(reads.iter().position(root)? + 1).ok()
    });
    at.unwrap_or_default()
}

/// Whether an assignment binds its names to a container that is written out.
pub(super) fn is_display(stmt: &Stmt) -> bool {
    let display = |expr: &Expr| matches!(expr, Expr::List(_) | Expr::Dict(_) | Expr::Set(_));
    match stmt {
        Stmt::Assign(assign) => {
            assign.targets.iter().all(Expr::is_name_expr) && display(&assign.value)
        }
        Stmt::AnnAssign(assign) => {
            assign.target.is_name_expr() && assign.value.as_deref().is_some_and(display)
        }
        _ => false,
    }
}

pub(super) fn classify(expr: &Expr, names: &Names<'_>) -> Value {
    match (names.pure(expr), names.container(expr)) {
        (true, true) => Value::Container,
        (true, false) if names.iterator(expr) => Value::Iterator,
        (true, false) => Value::Pure,
        (false, _) => Value::Other,
    }
}

impl Names<'_> {
    fn container(&self, expr: &Expr) -> bool {
        match expr {
            Expr::List(_)
            | Expr::Dict(_)
            | Expr::Set(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_) => true,
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) => {
                    matches!(name.id.as_str(), "list" | "dict" | "set")
                        || self.collection(&call.func)
                }
                func => self.collection(func),
            },
            _ => false,
        }
    }

    fn iterator(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Generator(_) => true,
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) if ITERATORS.contains(&name.id.as_str()) => {
                    (self.builtin)(name.id.as_str())
                }
                func => self.of_itertools(func),
            },
            _ => false,
        }
    }

    fn of_itertools(&self, func: &Expr) -> bool {
        match func {
            Expr::Name(name) => (self.imported)(&format!("itertools.{}", name.id)),
            Expr::Attribute(attribute) => {
                ITERATORS.contains(&format!("itertools.{}", attribute.attr).as_str())
                    && matches!(&*attribute.value, Expr::Name(m) if m.id.as_str() == "itertools")
            }
            _ => false,
        }
    }

    fn collection(&self, func: &Expr) -> bool {
        match func {
            Expr::Name(name) => {
                COLLECTIONS.contains(&name.id.as_str()) && (self.imported)(name.id.as_str())
            }
            Expr::Attribute(attribute) => {
                COLLECTIONS.contains(&attribute.attr.as_str())
                    && matches!(&*attribute.value, Expr::Name(m) if m.id.as_str() == "collections")
            }
            _ => false,
        }
    }

    fn constructor(&self, func: &Expr) -> bool {
        match func {
            Expr::Name(name) if CONSTRUCTORS.contains(&name.id.as_str()) => {
                (self.builtin)(name.id.as_str())
            }
            _ => self.collection(func) || self.of_itertools(func),
        }
    }

    /// A method that only tells what its object holds, whatever object that is by its name; any
    /// method of a text.
    fn asking(&self, func: &Expr) -> bool {
        let Expr::Attribute(method) = func else {
            return false;
        };
        match &*method.value {
            Expr::StringLiteral(_) | Expr::BytesLiteral(_) => true,
            object => ASKING.contains(&method.attr.as_str()) && self.pure(object),
        }
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> bool {
        exprs.into_iter().all(|expr| self.pure(expr))
    }

    fn optional(&self, expr: Option<&Expr>) -> bool {
        expr.is_none_or(|expr| self.pure(expr))
    }

    fn generators(&self, generators: &[ast::Comprehension]) -> bool {
        generators.iter().all(|generator| {
            !generator.is_async && self.pure(&generator.iter) && self.all(&generator.ifs)
        })
    }

    fn elements<'e>(&self, elements: impl Iterator<Item = &'e InterpolatedStringElement>) -> bool {
        elements
            .filter_map(|element| element.as_interpolation())
            .all(|element| {
                let spec = element.format_spec.as_deref();
                self.pure(&element.expression)
                    && spec.is_none_or(|spec| self.elements(spec.elements.iter()))
            })
    }

    fn pure(&self, expr: &Expr) -> bool {
        match expr {
            Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_)
            | Expr::Name(_) => true,
            // Its defaults are values of their own; its body does not run.
            Expr::Lambda(lambda) => lambda.parameters.as_deref().is_none_or(|parameters| {
                let mut defaults = parameters.iter_non_variadic_params();
                defaults.all(|parameter| self.optional(parameter.default.as_deref()))
            }),
            Expr::Attribute(attribute) => self.pure(&attribute.value),
            Expr::Subscript(subscript) => {
                self.pure(&subscript.value) && self.pure(&subscript.slice)
            }
            Expr::Slice(slice) => {
                let parts = [&slice.lower, &slice.upper, &slice.step];
                parts.into_iter().all(|part| self.optional(part.as_deref()))
            }
            Expr::Starred(starred) => self.pure(&starred.value),
            Expr::BoolOp(op) => self.all(&op.values),
            Expr::BinOp(op) => self.pure(&op.left) && self.pure(&op.right),
            Expr::UnaryOp(op) => self.pure(&op.operand),
            Expr::Compare(compare) => self.pure(&compare.left) && self.all(&*compare.comparators),
            Expr::If(choice) => self.all([&*choice.test, &*choice.body, &*choice.orelse]),
            Expr::List(list) => self.all(&list.elts),
            Expr::Tuple(tuple) => self.all(&tuple.elts),
            Expr::Set(set) => self.all(&set.elts),
            Expr::Dict(dict) => dict
                .items
                .iter()
                .all(|item| self.optional(item.key.as_ref()) && self.pure(&item.value)),
            Expr::ListComp(comp) => self.pure(&comp.elt) && self.generators(&comp.generators),
            Expr::SetComp(comp) => self.pure(&comp.elt) && self.generators(&comp.generators),
            Expr::Generator(comp) => self.pure(&comp.elt) && self.generators(&comp.generators),
            Expr::DictComp(comp) => {
                self.optional(comp.key.as_deref())
                    && self.pure(&comp.value)
                    && self.generators(&comp.generators)
            }
            Expr::FString(string) => self.elements(string.value.elements()),
            Expr::TString(string) => self.elements(string.value.elements()),
            Expr::Call(call) => {
                (self.constructor(&call.func) || self.asking(&call.func))
                    && self.all(&*call.arguments.args)
                    && call
                        .arguments
                        .keywords
                        .iter()
                        .all(|keyword| self.pure(&keyword.value))
            }
            Expr::Named(_)
            | Expr::Await(_)
            | Expr::Yield(_)
            | Expr::YieldFrom(_)
            | Expr::IpyEscapeCommand(_) => false,
        }
    }
}
