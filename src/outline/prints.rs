//! Fingerprints of token ranges: what the code says, without where and how it is laid out.

use super::Print;
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;
use std::ops::Range;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// No byte of UTF-8, so nothing in a token's text looks like it.
const END: u8 = 0xff;
/// Stands for what is left out of a print.
const HOLE: u8 = 0xfe;

struct Piece {
    start: u32,
    kind: TokenKind,
    /// Where its bytes begin in `Prints::bytes`.
    at: u32,
}

/// The source's tokens, each as kind and text, one after the other.
pub(super) struct Prints {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Prints {
    pub(super) fn new(source: &str, tokens: &Tokens) -> Self {
        let mut bytes = Vec::with_capacity(source.len());
        let mut pieces = Vec::with_capacity(tokens.len());
        let mut tokens = tokens.iter();
        while let Some(token) = tokens.next() {
            let kind = token.kind();
            if matches!(kind, TokenKind::Comment | TokenKind::NonLogicalNewline) {
                continue;
            }
            let start = token.start().to_u32();
            let mut end = token.end().to_u32();
            if matches!(kind, TokenKind::FStringStart | TokenKind::TStringStart) {
                // Taken whole: in `f"{x = }"` the blanks belong to the value.
                let mut open = 1;
                while open > 0
                    && let Some(inner) = tokens.next()
                {
                    end = inner.end().to_u32();
                    match inner.kind() {
                        TokenKind::FStringStart | TokenKind::TStringStart => open += 1,
                        TokenKind::FStringEnd | TokenKind::TStringEnd => open -= 1,
                        _ => {}
                    }
                }
            }
            pieces.push(Piece {
                start,
                kind,
                at: offset(bytes.len()),
            });
            bytes.push(kind as u8);
            if !matches!(
                kind,
                TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent
            ) {
                bytes.extend_from_slice(&source.as_bytes()[start as usize..end as usize]);
            }
            bytes.push(END);
        }
        Self { bytes, pieces }
    }

    /// The tokens that begin in these bytes of the source, without line ends and indentation
    /// at either end of the range.
    pub(super) fn tokens(&self, start: u32, end: u32) -> Range<usize> {
        let mut from = self.pieces.partition_point(|piece| piece.start < start);
        let mut to = self
            .pieces
            .partition_point(|piece| piece.start < end)
            .max(from);
        while from < to && self.is_layout(from) {
            from += 1;
        }
        while from < to && self.is_layout(to - 1) {
            to -= 1;
        }
        from..to
    }

    fn is_layout(&self, index: usize) -> bool {
        let kind = self.pieces[index].kind;
        matches!(
            kind,
            TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent
        )
    }

    /// Where the first token after `offset` begins that is not layout.
    pub(super) fn next_start(&self, offset: u32) -> Option<u32> {
        let from = self.pieces.partition_point(|piece| piece.start < offset);
        (from..self.pieces.len())
            .find(|i| !self.is_layout(*i))
            .map(|i| self.pieces[i].start)
    }

    /// The print of a range of tokens.
    pub(super) fn print(&self, tokens: Range<usize>) -> Print {
        xxh3_128(self.slice(tokens))
    }

    /// The print of a range of tokens without the `holes` in it, which are in order and apart.
    pub(super) fn print_around(&self, tokens: Range<usize>, holes: &[Range<usize>]) -> Print {
        let mut hasher = Xxh3::new();
        let mut from = tokens.start;
        for hole in holes {
            hasher.update(self.slice(from..hole.start));
            hasher.update(&[HOLE]);
            from = hole.end;
        }
        hasher.update(self.slice(from..tokens.end));
        hasher.digest128()
    }

    fn slice(&self, tokens: Range<usize>) -> &[u8] {
        let at = |index: usize| match self.pieces.get(index) {
            Some(piece) => piece.at as usize,
            None => self.bytes.len(),
        };
        &self.bytes[at(tokens.start)..at(tokens.end.max(tokens.start))]
    }
}

/// Sources are under 2 GiB, and no token's text is longer than itself and two bytes.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
