//! An edit inside one literal: what a statement does with names is what it did, and its tokens
//! are those it had, but for one. No parser is needed to tell so.
//!
//! The tokens are those of the stretch that was read last: who edits a function most often edits
//! it again.

use std::ops::Range;
use std::sync::Arc;

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

use super::prints::Prints;
use super::{Facts, Kind, Statement};

/// A stretch of the text that holds one statement, and its tokens.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    /// Where it stands in the text.
    pub place: Range<usize>,
    pub prints: Prints,
}

impl Recent {
    /// The statement and the tokens of the stretch as it reads when `old` of its bytes (counted
    /// from its beginning) have become `new`. `None` when it must be read again to tell.
    pub(super) fn edited(
        &self,
        statement: &Statement,
        was: &str,
        is: &str,
        old: &Range<usize>,
        new: &Range<usize>,
    ) -> Option<(Statement, Prints)> {
        let reads_alike = matches!(
            statement.kind,
            Kind::Function | Kind::Assign | Kind::Expr | Kind::Docstring
        );
        if !reads_alike || !statement.body.is_empty() {
            return None;
        }
        let (at, kind, token) = self.prints.literal(old.start)?;
        if old.end > token.end {
            return None;
        }
        let after = token.end - old.end;
        let (before, now) = (
            was.get(token.clone())?,
            is.get(token.start..new.end + after)?,
        );
        // What stands before and behind is told apart from it as it was.
        let (first, last) = (before.as_bytes().first()?, now.as_bytes().first()?);
        let digits = first.is_ascii_digit() && last.is_ascii_digit();
        let next = is.as_bytes().get(new.end + after).copied().unwrap_or(b'\n');
        let goes_on = next.is_ascii_alphanumeric() || next >= 0x80 || b"_.\"'\\".contains(&next);
        if first != last && !digits || goes_on {
            return None;
        }
        // The name of an attribute that is set by a call is one that the outline knows.
        if kind == TokenKind::String && (is.contains("attr") || !same_quotes(before, now)) {
            return None;
        }
        if now.ends_with(|c: char| c.is_ascii_whitespace()) || !is_one(now, kind) {
            return None;
        }
        if self.prints.print(self.prints.all()) != statement.print {
            return None;
        }
        let header = self.prints.header();
        if statement.kind == Kind::Function {
            if header.end > at || self.prints.print(header) != statement.header {
                return None;
            }
        } else if let Some(set) = statement.sets() {
            if !self.prints.begins_with(set, at) {
                return None;
            }
        } else if statement.header != statement.print {
            return None;
        }
        let prints = self.prints.with(at, now);
        let tokens = prints.all();
        let print = prints.print(tokens.clone());
        let facts = Facts {
            print,
            header: match statement.kind {
                Kind::Function => statement.header,
                _ => statement.sets().unwrap_or(print),
            },
            plain: statement.plain.as_ref().map(|plain| {
                let (holes, uses) = (plain.holes.clone(), plain.uses.clone());
                Arc::new(prints.plain(&tokens, holes, uses))
            }),
            ..(**statement).clone()
        };
        let mut span = statement.span;
        let by = i64::try_from(new.len()).ok()? - i64::try_from(old.len()).ok()?;
        span.end = u32::try_from(i64::from(span.end) + by).ok()?;
        Some((Statement::new(span, facts, Vec::new()), prints))
    }
}

/// Whether a text is one token of this kind.
fn is_one(text: &str, kind: TokenKind) -> bool {
    let mut lexer = lexer::lex(text, Mode::Module);
    lexer.next_token() == kind
        && lexer.next_token() == TokenKind::Newline
        && lexer.next_token() == TokenKind::EndOfFile
}

/// Whether two strings, on one line each, differ in nothing but what is between their quotes.
fn same_quotes(a: &str, b: &str) -> bool {
    let parts = |text: &str| -> Option<(usize, usize)> {
        let prefix = text.find(['"', '\''])?;
        let quote = text[prefix..].chars().next()?;
        let triple: String = [quote; 3].iter().collect();
        let size = if text[prefix..].starts_with(&triple) {
            3
        } else {
            1
        };
        let content = text.get(prefix + size..text.len().checked_sub(size)?)?;
        let closed = text[prefix + size + content.len()..]
            .chars()
            .all(|c| c == quote);
        (closed && !content.contains([quote, '\n', '\\'])).then_some((prefix, prefix + size))
    };
    match (parts(a), parts(b)) {
        (Some(one), Some(other)) => one == other && a[..one.1] == b[..one.1],
        _ => false,
    }
}
