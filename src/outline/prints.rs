//! Fingerprints of token ranges: what the code says, without where and how it is laid out.

use super::Print;
use super::spelling::{self, Brackets};
use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;
use std::ops::Range;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// No byte of UTF-8, so nothing in a token's text looks like it.
const END: u8 = 0xff;
/// Stands for what is left out of a print.
const HOLE: u8 = 0xfe;

#[derive(Debug, Clone)]
struct Piece {
    start: u32,
    /// How long its text is in the source.
    size: u32,
    kind: TokenKind,
    /// Where its bytes begin in `Prints::bytes`.
    at: u32,
}

/// The source's tokens, each as kind and text, one after the other; spelled in one way of those that
/// mean the same.
#[derive(Debug, Clone)]
pub(super) struct Prints {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Prints {
    pub(super) fn new(source: &str, tokens: &Tokens) -> Self {
        let mut out = Self {
            bytes: Vec::with_capacity(source.len()),
            pieces: Vec::with_capacity(tokens.len()),
        };
        let mut brackets = Brackets::default();
        // The blocks around the token, each by the number of the piece that begins it.
        let mut blocks: Vec<usize> = Vec::new();
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
            if let Some(needless) = brackets.before(kind) {
                out.remove(needless.end);
                out.remove(needless.start);
            }
            if brackets.comma_is_needless(kind, out.pieces.last().map(|piece| piece.kind)) {
                out.remove(out.pieces.len() - 1);
            }
            brackets.after(kind, out.pieces.len());
            match kind {
                TokenKind::Indent => blocks.push(out.pieces.len()),
                TokenKind::Dedent if blocks.pop().is_some_and(|indent| out.fold(indent)) => {
                    continue;
                }
                _ => {}
            }
            out.pieces.push(Piece {
                start,
                size: end - start,
                kind,
                at: offset(out.bytes.len()),
            });
            out.bytes.push(kind as u8);
            if !matches!(
                kind,
                TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent
            ) {
                let text = &source[start as usize..end as usize];
                spelling::write(kind, text, &mut out.bytes);
            }
            out.bytes.push(END);
        }
        out
    }

    /// A block of one line says what it does behind its colon: `if a: b`. False where the block that
    /// begins with this piece, and ends here, has more.
    fn fold(&mut self, indent: usize) -> bool {
        const SHORT: usize = 256;
        let newline = |piece: &Piece| piece.kind == TokenKind::Newline;
        let line = &self.pieces[indent + 1..];
        let simple = line.len() <= SHORT
            && line.iter().position(newline) == line.len().checked_sub(1)
            && indent > 0
            && newline(&self.pieces[indent - 1]);
        if simple {
            self.remove(indent);
            self.remove(indent - 1);
        }
        simple
    }

    fn remove(&mut self, piece: usize) {
        let from = self.pieces.remove(piece).at as usize;
        let to = self.pieces.get(piece);
        let to = to.map_or(self.bytes.len(), |piece| piece.at as usize);
        self.bytes.drain(from..to);
        for piece in &mut self.pieces[piece..] {
            piece.at -= offset(to - from);
        }
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

    /// The literal that a place between two bytes of the source is in, or at an end of: its number,
    /// kind and place.
    pub(super) fn literal(&self, offset: usize) -> Option<(usize, TokenKind, Range<usize>)> {
        let after = self
            .pieces
            .partition_point(|piece| piece.start as usize <= offset);
        (after.saturating_sub(2)..after).rev().find_map(|at| {
            let piece = &self.pieces[at];
            let (start, size) = (piece.start as usize, piece.size as usize);
            let literal = matches!(
                piece.kind,
                TokenKind::Int | TokenKind::Float | TokenKind::String
            );
            (literal && offset <= start + size).then_some((at, piece.kind, start..start + size))
        })
    }

    /// Whether there are few.
    pub(super) fn is_short(&self) -> bool {
        self.bytes.len() <= 64 * 1024
    }

    /// The same tokens with another text of one of them.
    pub(super) fn with(&self, at: usize, text: &str) -> Self {
        let from = self.pieces[at].at as usize + 1;
        let next = self.pieces.get(at + 1);
        let to = next.map_or(self.bytes.len(), |p| p.at as usize) - 1;
        let mut written = Vec::with_capacity(text.len());
        spelling::write(self.pieces[at].kind, text, &mut written);
        let bytes = [&self.bytes[..from], &written, &self.bytes[to..]].concat();
        let mut pieces = self.pieces.clone();
        let size = std::mem::replace(&mut pieces[at].size, offset(text.len()));
        for piece in &mut pieces[at + 1..] {
            piece.start = piece.start + offset(text.len()) - size;
            piece.at = offset(piece.at as usize + written.len() - (to - from));
        }
        Self { bytes, pieces }
    }

    /// All tokens, without line ends and indentation at either end.
    pub(super) fn all(&self) -> Range<usize> {
        self.tokens(0, u32::MAX)
    }

    /// The tokens up to the first colon that no bracket holds: of a function, in nearly all cases,
    /// its header.
    pub(super) fn header(&self) -> Range<usize> {
        let all = self.all();
        let mut depth = 0_i32;
        let end = self.pieces[all.clone()].iter().position(|piece| {
            match piece.kind {
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => depth += 1,
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => depth -= 1,
                _ => {}
            }
            depth == 0 && piece.kind == TokenKind::Colon
        });
        all.start..end.map_or(all.end, |end| all.start + end + 1)
    }

    /// Whether some of the first tokens, all of them before this one, have this print: what a statement
    /// sets, which is short as a rule.
    pub(super) fn begins_with(&self, print: Print, before: usize) -> bool {
        const TOKENS: usize = 16;
        let start = self.all().start;
        let end = before.min(start + TOKENS);
        (start + 1..=end).any(|end| self.print(start..end) == print)
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

    /// Whether there is a lambda among these tokens. One in an f-string is part of its text.
    pub(super) fn has_lambda(&self, tokens: Range<usize>) -> bool {
        let is = |at: usize| match self.pieces[at].kind {
            TokenKind::Lambda => true,
            TokenKind::FStringStart | TokenKind::TStringStart => {
                memchr::memmem::find(self.slice(at..at + 1), b"lambda").is_some()
            }
            _ => false,
        };
        tokens.into_iter().any(is)
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

    /// The print of a range of tokens as if there were none in the `holes`, which are in order and apart.
    pub(super) fn print_without(
        &self,
        tokens: Range<usize>,
        holes: impl Iterator<Item = Range<usize>>,
    ) -> Print {
        let mut hasher = Xxh3::new();
        let mut from = tokens.start;
        for hole in holes {
            hasher.update(self.slice(from..hole.start));
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

/// The print of something, and of what a text says of it.
pub(super) fn both(print: Print, text: &str) -> Print {
    xxh3_128(&[&print.to_le_bytes()[..], text.as_bytes()].concat())
}

/// Sources are under 2 GiB, and no token's text is longer than itself and two bytes.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
