//! Of the ways to write the same code, one: formatters rewrite quotes, numbers, commas and parentheses,
//! and what they rewrote has not changed.

use ruff_python_ast::token::TokenKind;
use std::ops::Range;

/// The text of a token.
pub(super) fn write(kind: TokenKind, text: &str, out: &mut Vec<u8>) {
    match kind {
        TokenKind::String => string(text, out),
        TokenKind::FStringStart | TokenKind::TStringStart => interpolated(text, out),
        // One digit has no other spelling.
        TokenKind::Int | TokenKind::Float | TokenKind::Complex if text.len() > 1 => {
            let digits = text.bytes().filter(|byte| *byte != b'_');
            out.extend(digits.map(|byte| byte.to_ascii_lowercase()));
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

/// Prefix, opening and closing quotes, and what is between them.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = text.split_at(text.find(['\'', '"'])?);
    let quote = &rest[..1];
    let size = match rest.len() >= 6 && rest[1..].starts_with(quote) && rest[2..].starts_with(quote)
    {
        true => 3,
        false => 1,
    };
    let quotes = &rest[..size];
    let inner = rest.strip_prefix(quotes)?.strip_suffix(quotes)?;
    Some((prefix, quotes, inner))
}

/// Without its quotes, which nothing else in the print looks like: `b` and `r` where they say
/// something, and the characters, quotes among them without backslashes.
fn string(text: &str, out: &mut Vec<u8>) {
    let Some((prefix, _, inner)) = parts(text) else {
        return out.extend_from_slice(text.as_bytes());
    };
    let has = |letter: u8| {
        prefix
            .bytes()
            .any(|byte| byte.eq_ignore_ascii_case(&letter))
    };
    let raw = has(b'r') && inner.contains('\\');
    for (letter, is) in [(b'b', has(b'b')), (b'r', raw)] {
        if is {
            out.push(letter);
        }
    }
    out.push(b'"');
    let mut rest = inner;
    while !raw && let Some(at) = rest.find('\\') {
        let end = rest[at + 1..]
            .chars()
            .next()
            .map_or(at + 1, |c| at + 1 + c.len_utf8());
        let quote = matches!(&rest[at + 1..end], "'" | "\"");
        out.extend_from_slice(&rest.as_bytes()[..at]);
        out.extend_from_slice(&rest.as_bytes()[at + usize::from(quote)..end]);
        rest = &rest[end..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The same for one with fields, where no other quote is in it: what a field says may be shown as it is
/// written.
fn interpolated(text: &str, out: &mut Vec<u8>) {
    match parts(text) {
        Some((prefix, _, inner)) if !inner.contains(['\'', '"', '\\']) => {
            let mut letters: Vec<u8> = prefix.bytes().map(|b| b.to_ascii_lowercase()).collect();
            letters.sort_unstable();
            letters.retain(|letter| *letter != b'r');
            out.extend(letters);
            out.push(b'"');
            out.extend_from_slice(inner.as_bytes());
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

/// A bracket that is open.
#[derive(Debug)]
struct Open {
    /// The number of its piece.
    at: usize,
    /// What stands before it, and before that.
    before: Option<TokenKind>,
    earlier: Option<TokenKind>,
    /// How many commas are directly in it.
    commas: usize,
    /// A single comma in it makes no tuple: it calls, defines, imports or displays.
    lists: bool,
    /// There is a lambda directly in it: which of its commas are the lambda's is not known.
    lambda: bool,
}

/// The brackets around a place, and what is needless of them and in them.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    open: Vec<Open>,
    /// The last token, and the one before.
    last: Option<TokenKind>,
    earlier: Option<TokenKind>,
    /// Parentheses at the end of something that may be all of it.
    closed: Option<(Range<usize>, TokenKind)>,
    /// The `in` of a `for` is still to come, and the last `in` was one. The operator is another: in
    /// `x in (a or b)` the parentheses say something.
    names: bool,
    names_end: bool,
}

impl Brackets {
    /// The places of the parentheses that are needless, as is clear now that a token of this kind
    /// follows them.
    pub(super) fn before(&mut self, kind: TokenKind) -> Option<Range<usize>> {
        let (pair, before) = self.closed.take()?;
        let ends = matches!(
            kind,
            TokenKind::Newline | TokenKind::Semi | TokenKind::EndOfFile
        );
        let whole = match before {
            TokenKind::If
            | TokenKind::Elif
            | TokenKind::While
            | TokenKind::In
            | TokenKind::Class => kind == TokenKind::Colon,
            _ => ends,
        };
        whole.then_some(pair)
    }

    /// Whether a comma that was the last token says nothing before one of this kind.
    pub(super) fn comma_is_needless(&self, kind: TokenKind, last: Option<TokenKind>) -> bool {
        last == Some(TokenKind::Comma)
            && matches!(kind, TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace)
            && self
                .open
                .last()
                .is_some_and(|open| open.lists || open.commas > 1 && !open.lambda)
    }

    /// A token of this kind is the piece with this number.
    pub(super) fn after(&mut self, kind: TokenKind, at: usize) {
        match kind {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                // A name, or the end of an expression: what follows calls or subscripts it.
                let operand = self.last.is_some_and(|last| {
                    matches!(
                        last,
                        TokenKind::Name
                            | TokenKind::Rpar
                            | TokenKind::Rsqb
                            | TokenKind::Rbrace
                            | TokenKind::String
                            | TokenKind::FStringStart
                            | TokenKind::TStringStart
                    )
                });
                // These may be names.
                let soft = [TokenKind::Match, TokenKind::Case, TokenKind::Type];
                let soft = self.last.is_some_and(|last| soft.contains(&last));
                let lists = match kind {
                    TokenKind::Lpar => operand || self.last == Some(TokenKind::Import),
                    TokenKind::Lsqb => !operand && !soft,
                    _ => true,
                };
                self.open.push(Open {
                    at,
                    before: self
                        .last
                        .filter(|last| *last != TokenKind::In || self.names_end),
                    earlier: self.earlier,
                    commas: 0,
                    lists,
                    lambda: false,
                });
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                let Some(open) = self.open.pop() else {
                    return;
                };
                if kind == TokenKind::Rpar && self.open.is_empty() {
                    let empty = open.at + 1 == at;
                    let before = match open.earlier {
                        // `class C():`
                        Some(TokenKind::Class) if empty => open.earlier,
                        _ => open.before.filter(|before| !empty && wraps_all(*before)),
                    };
                    self.closed = before.map(|before| (open.at..at, before));
                }
            }
            TokenKind::Comma | TokenKind::Lambda => {
                if let Some(open) = self.open.last_mut() {
                    open.commas += usize::from(kind == TokenKind::Comma);
                    open.lambda |= kind == TokenKind::Lambda;
                }
            }
            TokenKind::For => self.names = self.open.is_empty(),
            TokenKind::In if self.open.is_empty() => {
                self.names_end = std::mem::take(&mut self.names);
            }
            _ => {}
        }
        self.earlier = self.last.replace(kind);
    }
}

/// Whether parentheses after such a token, up to where the thing ends, say nothing.
fn wraps_all(before: TokenKind) -> bool {
    matches!(
        before,
        TokenKind::Equal
            | TokenKind::Return
            | TokenKind::Import
            | TokenKind::If
            | TokenKind::Elif
            | TokenKind::While
            | TokenKind::In
            | TokenKind::PlusEqual
            | TokenKind::MinusEqual
            | TokenKind::StarEqual
            | TokenKind::VbarEqual
    )
}
