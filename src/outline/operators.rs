//! Methods that operators and builtins call: `a + b` is `a.__add__(b)`.

use ruff_python_ast::{self as ast, Expr, ExprContext};
use ruff_text_size::Ranged;

/// Those that a set or dict calls on what it gets.
const KEYS: &[&str] = &["__eq__", "__hash__"];

/// What making a class calls on what its body binds.
pub(super) const NAMED: &str = "__set_name__";

/// Those that methods of containers call on what they are given.
pub(super) fn of_method(name: &str) -> &'static [&'static str] {
    match name {
        "count" | "index" | "remove" => &["__eq__"],
        "add" | "discard" | "fromkeys" | "get" | "setdefault" => KEYS,
        _ => &[],
    }
}

/// Those that evaluating the expression itself, not its parts, calls.
pub(super) fn of_expression(expr: &Expr) -> &'static [&'static str] {
    match expr {
        Expr::BinOp(op) => of_operator(op.op),
        Expr::UnaryOp(op) => match op.op {
            ast::UnaryOp::Invert => &["__invert__"],
            ast::UnaryOp::Not => &["__bool__", "__len__"],
            ast::UnaryOp::UAdd => &["__pos__"],
            ast::UnaryOp::USub => &["__neg__"],
        },
        Expr::Compare(compare) => match compare.ops.first() {
            Some(ast::CmpOp::Is | ast::CmpOp::IsNot) | None => &[],
            Some(ast::CmpOp::In | ast::CmpOp::NotIn) => {
                &["__contains__", "__iter__", "__eq__", "__hash__"]
            }
            Some(ast::CmpOp::Eq | ast::CmpOp::NotEq) => &["__eq__", "__ne__"],
            _ => &["__lt__", "__le__", "__gt__", "__ge__"],
        },
        Expr::Subscript(subscript) if subscript.ctx == ExprContext::Load => {
            &["__getitem__", "__class_getitem__", "__index__"]
        }
        Expr::Set(set) if set.elts.iter().any(|item| !item.is_literal_expr()) => KEYS,
        Expr::Dict(dict) if dict.iter_keys().flatten().any(|key| !key.is_literal_expr()) => KEYS,
        Expr::SetComp(_) | Expr::DictComp(_) => KEYS,
        Expr::FString(_) => &["__format__", "__str__", "__repr__"],
        Expr::BoolOp(_) | Expr::If(_) => &["__bool__", "__len__"],
        Expr::Starred(starred) if starred.ctx == ExprContext::Load => ITERATED,
        Expr::YieldFrom(_) => ITERATED,
        Expr::Await(_) => &["__await__"],
        _ => &[],
    }
}

/// Those of what is gone through.
pub(super) const ITERATED: &[&str] = &["__iter__", "__next__", "__getitem__"];

/// Those of `a + b` and `a += b`.
pub(super) fn of_operator(op: ast::Operator) -> &'static [&'static str] {
    match op {
        ast::Operator::Add => &["__add__", "__radd__", "__iadd__"],
        ast::Operator::Sub => &["__sub__", "__rsub__", "__isub__"],
        ast::Operator::Mult => &["__mul__", "__rmul__", "__imul__"],
        ast::Operator::MatMult => &["__matmul__", "__rmatmul__", "__imatmul__"],
        ast::Operator::Div => &["__truediv__", "__rtruediv__", "__itruediv__"],
        ast::Operator::Mod => &["__mod__", "__rmod__", "__imod__", "__str__", "__repr__"],
        ast::Operator::Pow => &["__pow__", "__rpow__", "__ipow__"],
        ast::Operator::LShift => &["__lshift__", "__rlshift__", "__ilshift__"],
        ast::Operator::RShift => &["__rshift__", "__rrshift__", "__irshift__"],
        ast::Operator::BitOr => &["__or__", "__ror__", "__ior__"],
        ast::Operator::BitXor => &["__xor__", "__rxor__", "__ixor__"],
        ast::Operator::BitAnd => &["__and__", "__rand__", "__iand__"],
        ast::Operator::FloorDiv => &["__floordiv__", "__rfloordiv__", "__ifloordiv__"],
    }
}

/// Those that functions of the standard library, and methods of texts, call on what they are given.
pub(super) fn of_library(name: &str) -> &'static [&'static str] {
    match name {
        "ceil" | "floor" | "trunc" => &["__ceil__", "__floor__", "__trunc__", "__float__"],
        "copy" => &["__copy__", "__reduce_ex__", "__reduce__", "__getstate__"],
        "deepcopy" => &[
            "__deepcopy__",
            "__reduce_ex__",
            "__reduce__",
            "__getstate__",
        ],
        "dumps" => &[
            "__reduce_ex__",
            "__reduce__",
            "__getstate__",
            "__getnewargs__",
        ],
        "format" | "format_map" => &["__format__", "__str__", "__repr__"],
        "fspath" | "Path" => &["__fspath__"],
        "getsizeof" => &["__sizeof__"],
        _ => &[],
    }
}

/// Those that a builtin calls on what it is given.
pub(super) fn of_builtin(name: &str) -> &'static [&'static str] {
    match name {
        "abs" => &["__abs__"],
        "bin" | "chr" | "hex" | "oct" | "range" => &["__index__"],
        "divmod" => &["__divmod__", "__rdivmod__"],
        "dir" => &["__dir__"],
        "complex" => &["__complex__", "__float__", "__index__"],
        "pow" => &["__pow__", "__rpow__"],
        "next" => &["__next__"],
        "bool" | "any" | "all" => &["__bool__", "__len__", "__iter__"],
        "bytes" => &["__bytes__"],
        "dict" | "enumerate" | "filter" | "frozenset" | "iter" | "list" | "map" | "set"
        | "tuple" | "zip" => &["__iter__", "__next__", "__getitem__", "__eq__", "__hash__"],
        "float" | "int" | "round" => &["__float__", "__int__", "__index__", "__round__"],
        "format" | "str" => &["__format__", "__str__", "__repr__"],
        "hash" => &["__hash__"],
        "isinstance" | "issubclass" => {
            &["__instancecheck__", "__subclasscheck__", "__subclasshook__"]
        }
        "len" => &["__len__"],
        "max" | "min" | "sorted" => &["__lt__", "__gt__", "__iter__"],
        "repr" => &["__repr__"],
        "reversed" => &["__reversed__"],
        "sum" => &["__add__", "__radd__", "__iter__"],
        _ => &[],
    }
}

/// Whether this is one of the standard library's functions that call what they are given, and then
/// forget it, by the name of its module or by its own.
pub(super) fn applies(function: &Expr) -> bool {
    let (module, name) = match function {
        Expr::Name(name) => (None, name.id.as_str()),
        Expr::Attribute(of) => match &*of.value {
            Expr::Name(module) => (Some(module.id.as_str()), of.attr.as_str()),
            _ => return false,
        },
        _ => return false,
    };
    let home = match name {
        "reduce" => "functools",
        "accumulate" | "dropwhile" | "filterfalse" | "groupby" | "starmap" | "takewhile" => {
            "itertools"
        }
        "dump" | "dumps" | "load" | "loads" => "json",
        "nlargest" | "nsmallest" => "heapq",
        "sub" | "subn" => "re",
        _ => return false,
    };
    module.is_none_or(|module| module == home)
}

/// Whether what is called at a path is a builtin that changes nothing and keeps nothing, or asks a
/// dict for its entries.
pub fn only_looks(path: &str) -> bool {
    const BUILTINS: [&str; 17] = [
        "callable",
        "dict",
        "dir",
        "frozenset",
        "getattr",
        "globals",
        "hasattr",
        "isinstance",
        "issubclass",
        "len",
        "list",
        "set",
        "sorted",
        "str",
        "tuple",
        "type",
        "vars",
    ];
    let entries = [".items", ".keys", ".values"];
    BUILTINS.contains(&path) || entries.iter().any(|method| path.ends_with(method))
}
/// Methods and functions that are given coroutines to run them some time.
const SCHEDULERS: [&str; 4] = [
    "create_task",
    "ensure_future",
    "run_coroutine_threadsafe",
    "start_soon",
];

/// `loop.create_task(work())`: where the call begins that makes the coroutine.
pub(super) fn schedules(call: &ast::ExprCall) -> Option<ruff_text_size::TextSize> {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return None,
    };
    let first = call
        .arguments
        .args
        .first()
        .filter(|_| SCHEDULERS.contains(&name))?;
    first.is_call_expr().then(|| first.start())
}
