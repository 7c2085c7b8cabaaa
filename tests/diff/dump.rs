//! A comparison as text: one line for each statement, nested ones indented.
//!
//! ```text
//! what first line of the new statement          (`old => new` where the lines differ)
//! removed first line of the old statement
//! ```
//!
//! `^` after `what` marks a statement that stands before one that stood before it.

use pyreload::diff::{Changes, What};
use pyreload::outline::Statement;
use std::fmt::Write;

pub(crate) struct Side<'a> {
    pub(crate) source: &'a str,
    pub(crate) body: &'a [Statement],
}

pub(crate) fn changes(old: &Side<'_>, new: &Side<'_>, changes: &Changes) -> String {
    let mut out = String::new();
    write(&mut out, old, new, changes, 0);
    out
}

fn write(out: &mut String, old: &Side<'_>, new: &Side<'_>, changes: &Changes, depth: usize) {
    let indent = "  ".repeat(depth);
    let mut furthest = None;
    for change in &changes.items {
        let after = &new.body[change.new];
        let before = change.old.map(|at| &old.body[at]);
        let (word, inner) = match &change.what {
            What::Same => ("same", None),
            What::Body => ("body", None),
            What::Inner(inner) => ("inner", Some(inner)),
            What::Header(inner) => ("header", inner.as_ref()),
            What::Changed => ("changed", None),
            What::Added => ("added", None),
        };
        let moved = if change.old.is_some() && change.old < furthest {
            "^"
        } else {
            ""
        };
        furthest = furthest.max(change.old);
        let text = head(new.source, after);
        let was = before
            .map(|before| head(old.source, before))
            .filter(|was| *was != text);
        let was = was.map(|was| format!("{was} => ")).unwrap_or_default();
        writeln!(out, "{indent}{word}{moved} {was}{text}").unwrap();
        if let (Some(inner), Some(before)) = (inner, before) {
            let old = Side {
                source: old.source,
                body: &before.body,
            };
            let new = Side {
                source: new.source,
                body: &after.body,
            };
            write(out, &old, &new, inner, depth + 1);
        }
    }
    for index in &changes.removed {
        writeln!(
            out,
            "{indent}removed {}",
            head(old.source, &old.body[*index])
        )
        .unwrap();
    }
}

/// From the keyword on, so that decorated definitions are told apart by name.
fn head<'a>(source: &'a str, statement: &Statement) -> &'a str {
    let text = &source[statement.span.start as usize..statement.span.end as usize];
    let skipped = (statement.span.def_line - statement.span.line) as usize;
    text.lines().nth(skipped).unwrap_or("").trim()
}
