//! What an edit may have broken although each of its statements compiles: what only shows where they stand.
//! The compiler is asked where this says so, and only there.

use super::{Changes, What};
use crate::outline::{Kind, Outline, Statement};

/// What is to be compiled as one piece.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// The text as a whole.
    pub whole: bool,
    /// Top-level statements of which only parts would be compiled, by their indices.
    pub statements: Vec<usize>,
}

/// What about the new text has to be asked. `between` is that of it which the old one has not.
pub fn doubts(new: &Outline, text: &str, between: &str, changes: &Changes) -> Doubts {
    // Read over here in comments and before statements, and refused by CPython.
    let mut whole = between.contains(['\0', '\u{feff}']);
    let mut statements = Vec::new();
    let (first, names) = future(new);
    // Something came in front of them.
    whole |= names != new.future;
    for change in &changes.items {
        let statement = &new.body[change.new];
        whole |= match statement.kind {
            Kind::Import => {
                change.what != What::Same && change.new >= first && is_future(statement)
            }
            Kind::Other => change.what != What::Same && begins(statement, text, &["global"]),
            _ => false,
        };
        if matches!(change.what, What::Inner(_) | What::Header(Some(_)))
            && misplaced(statement, text)
        {
            statements.push(change.new);
        }
    }
    Doubts { whole, statements }
}

/// How many statements there are up to the last import from `__future__` that stands where it may, and
/// which names those bring.
fn future(outline: &Outline) -> (usize, Vec<String>) {
    let mut names = Vec::new();
    if outline.future.is_empty() {
        return (0, names);
    }
    let mut first = 0;
    for (at, statement) in outline.body.iter().enumerate() {
        if is_future(statement) {
            first = at + 1;
            names.extend(statement.imports.iter().filter_map(|i| i.name.clone()));
        } else if at > 0 || statement.kind != Kind::Docstring {
            break;
        }
    }
    names.sort_unstable();
    names.dedup();
    (first, names)
}

fn is_future(statement: &Statement) -> bool {
    let mut imports = statement.imports.iter();
    statement.kind == Kind::Import
        && imports.any(|i| i.level == 0 && i.module == "__future__" && i.name.is_some())
}

/// Whether a class has statements in its body that are of no use there, or that say what others mean.
fn misplaced(statement: &Statement, text: &str) -> bool {
    const WORDS: [&str; 5] = ["return", "break", "continue", "nonlocal", "global"];
    let class = statement.kind == Kind::Class;
    statement.body.iter().any(|part| match part.kind {
        Kind::Other => class && begins(part, text, &WORDS),
        Kind::Class | Kind::Compound => misplaced(part, text),
        _ => false,
    })
}

fn begins(statement: &Statement, text: &str, words: &[&str]) -> bool {
    let span = statement.span.start as usize..statement.span.end as usize;
    text.get(span)
        .is_some_and(|text| words.iter().any(|word| text.starts_with(word)))
}
