//! Random modules, as trees that can be edited and laid out in more than one way.

use proptest::prelude::*;

/// A statement: its first line and, for blocks, its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) decorators: Vec<String>,
    pub(crate) head: String,
    pub(crate) body: Vec<Node>,
}

/// How a module is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) indent: &'static str,
    /// A comment and a blank line before each n-th line; 0 for none.
    pub(crate) clutter: usize,
}

pub(crate) const PLAIN: Layout = Layout {
    indent: "    ",
    clutter: 0,
};

pub(crate) fn render(module: &[Node], layout: Layout) -> String {
    let mut out = String::new();
    let mut count = 0;
    write(module, layout, 0, &mut count, &mut out);
    out
}

fn write(body: &[Node], layout: Layout, depth: usize, count: &mut usize, out: &mut String) {
    for node in body {
        for line in node.decorators.iter().chain([&node.head]) {
            *count += 1;
            if layout.clutter > 0 && (*count).is_multiple_of(layout.clutter) {
                out.push_str("  # a remark: def f(): ...\n\n");
            }
            out.push_str(&layout.indent.repeat(depth));
            out.push_str(line);
            if layout.clutter > 0 && (*count).is_multiple_of(layout.clutter + 1) {
                out.push_str("  # 'another'");
            }
            out.push('\n');
        }
        write(&node.body, layout, depth + 1, count, out);
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d", "_"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4_u8).prop_map(|number| number.to_string()),
        name(),
        (name(), name()).prop_map(|(a, b)| format!("{a}.{b}")),
        (name(), name()).prop_map(|(a, b)| format!("{a}({b}, [])")),
        (name(), name(), name()).prop_map(|(a, b, c)| format!("[{a} for {a} in {b} if {c}]")),
        (name(), name()).prop_map(|(a, b)| format!("lambda {a}={b}: {a} + {b}")),
        name().prop_map(|a| format!("f'{{{a}}}'")),
        Just("'text'".to_owned()),
    ]
}

fn simple() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (name(), value()).prop_map(|(a, v)| format!("{a} = {v}")),
        1 => (name(), name(), value()).prop_map(|(a, b, v)| format!("{a} = {b} = {v}")),
        1 => (name(), name(), value()).prop_map(|(a, b, v)| format!("{a}: {b} = {v}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("{a}: {b}")),
        2 => (name(), value()).prop_map(|(a, v)| format!("{a} += {v}")),
        1 => (name(), name(), value()).prop_map(|(a, b, v)| format!("{a}.{b} = {v}")),
        2 => (name(), value()).prop_map(|(a, v)| format!("{a}({v})")),
        1 => name().prop_map(|a| format!("import {a}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("from {a} import {b}")),
        1 => name().prop_map(|a| format!("del {a}")),
        1 => Just("pass".to_owned()),
        1 => value(),
    ]
}

fn leaf() -> impl Strategy<Value = Node> {
    simple().prop_map(|head| Node {
        decorators: Vec::new(),
        head,
        body: Vec::new(),
    })
}

pub(crate) fn statement() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(3, 24, 5, |inner| {
        let heads = prop_oneof![
            4 => (name(), name(), value()).prop_map(|(a, b, v)| (format!("def {a}({b}, x={v}):"), true)),
            1 => name().prop_map(|a| (format!("async def {a}():"), true)),
            3 => (name(), name()).prop_map(|(a, b)| (format!("class {a}({b}):"), true)),
            1 => value().prop_map(|v| (format!("if {v}:"), false)),
            1 => (name(), value()).prop_map(|(a, v)| (format!("for {a} in {v}:"), false)),
            1 => name().prop_map(|a| (format!("with {a} as {a}:"), false)),
            1 => Just(("if __name__ == '__main__':".to_owned(), false)),
        ];
        let decorators = prop::collection::vec(name().prop_map(|a| format!("@{a}")), 0..2);
        (heads, decorators, prop::collection::vec(inner, 1..5)).prop_map(
            |((head, definition), decorators, body)| Node {
                decorators: if definition { decorators } else { Vec::new() },
                head,
                body,
            },
        )
    })
}

pub(crate) fn module() -> impl Strategy<Value = Vec<Node>> {
    prop::collection::vec(statement(), 0..12)
}

pub(crate) fn layout() -> impl Strategy<Value = Layout> {
    (
        prop::sample::select(vec!["  ", "\t", "        "]),
        0..4_usize,
    )
        .prop_map(|(indent, clutter)| Layout { indent, clutter })
}
