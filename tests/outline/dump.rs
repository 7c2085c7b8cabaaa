//! An outline as text, for comparisons by eye.
//!
//! One line for each statement, nested ones indented:
//!
//! ```text
//! kind name #value +binds -deletes <reads !calls ~mutates ^global writes ?opaque [imports] | later
//! ```

use pyreload::outline::{Outline, Statement, Uses, Value};
use std::fmt::Write;

pub(crate) fn outline(outline: &Outline) -> String {
    let mut out = String::new();
    for statement in &outline.body {
        write(&mut out, statement, 0);
    }
    out
}

fn write(out: &mut String, statement: &Statement, depth: usize) {
    let mut line = format!("{}{:?}", "  ".repeat(depth), statement.kind).to_lowercase();
    if !statement.name.is_empty() {
        write!(line, " {}", statement.name).unwrap();
    }
    match statement.value {
        Value::Other => {}
        Value::Pure => line.push_str(" #pure"),
        Value::Iterator => line.push_str(" #iterator"),
        Value::Container => line.push_str(" #container"),
    }
    line.push_str(&uses(&statement.uses));
    for import in &statement.imports {
        let name = import
            .name
            .as_ref()
            .map(|name| format!(":{name}"))
            .unwrap_or_default();
        let alias = if import.aliased { " as " } else { ">" };
        let dots = ".".repeat(import.level as usize);
        write!(
            line,
            " [{dots}{}{name}{alias}{}]",
            import.module, import.bound
        )
        .unwrap();
    }
    let later = uses(&statement.later);
    if !later.is_empty() {
        write!(line, " |{later}").unwrap();
    }
    out.push_str(&line);
    out.push('\n');
    for inner in &statement.body {
        write(out, inner, depth + 1);
    }
}

fn uses(uses: &Uses) -> String {
    let mut out = String::new();
    for (mark, list) in [
        ('+', &uses.binds),
        ('-', &uses.deletes),
        ('<', &uses.reads),
        ('!', &uses.calls),
        ('~', &uses.mutates),
        ('^', &uses.global_writes),
    ] {
        assert!(
            list.is_sorted() && list.windows(2).all(|pair| pair[0] != pair[1]),
            "{list:?}"
        );
        if !list.is_empty() {
            write!(out, " {mark}{}", list.join(",")).unwrap();
        }
    }
    if uses.opaque {
        out.push_str(" ?");
    }
    out
}
