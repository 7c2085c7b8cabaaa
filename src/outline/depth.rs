//! How deep a source can be nested, found from its tokens before anything recurses over it.

use super::OutlineError;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// CPython's tokenizer refuses more (`MAXINDENT`).
const MAX_BLOCKS: usize = 100;
/// More than any CPython compiles: its compilers stop at a few thousand levels of expression.
const MAX_DEPTH: usize = 12_000;

/// A text so short that its depth need not be known more closely.
const SHORT: usize = 2048;

/// Bytes of stack that reading a tree of this depth may take (a debug build's frames are the
/// larger ones; pages that stay untouched cost nothing).
pub(super) fn stack_bytes(depth: usize) -> usize {
    let level = if cfg!(debug_assertions) { 4096 } else { 1024 };
    256 * 1024 + depth * level
}

/// What one bracket holds: links of operators, calls and attributes nest in the tree, too.
#[derive(Default, Clone, Copy)]
struct Level {
    links: usize,
    /// The links that a comma does not end, because a `lambda` before it goes on.
    kept: usize,
}

/// An upper bound of the syntax tree's depth.
///
/// # Errors
/// When it is deeper than CPython would compile. The line is counted in logical lines of code
/// and may stand before the place, by as many lines as strings span.
pub(super) fn bound(source: &str) -> Result<usize, OutlineError> {
    if source.len() <= SHORT {
        // No token opens more than three levels, and no two words are one token.
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || *byte == b'_';
        let mut inside = false;
        let begins = |byte: &u8| {
            let goes_on = inside && word(byte);
            inside = word(byte);
            !goes_on && !byte.is_ascii_whitespace()
        };
        return Ok(3 * source.bytes().filter(begins).count() + 4 * MAX_BLOCKS);
    }
    let mut lexer = lexer::lex(source, Mode::Module);
    let mut levels = vec![Level::default()];
    let mut current = 0_usize;
    let mut deepest = 0_usize;
    let mut blocks = 0_usize;
    let mut line = 1_u32;
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => return Ok(deepest + 4 * MAX_BLOCKS),
            TokenKind::NonLogicalNewline => line += 1,
            TokenKind::Newline => {
                line += 1;
                levels.truncate(1);
                levels[0] = Level::default();
                current = 0;
            }
            TokenKind::Indent => blocks += 1,
            TokenKind::Dedent => blocks = blocks.saturating_sub(1),
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                if let Some(top) = levels.last_mut() {
                    top.links += 3;
                }
                current += 3;
                levels.push(Level::default());
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if levels.len() > 1
                    && let Some(level) = levels.pop()
                {
                    current -= level.links;
                }
            }
            TokenKind::Comma | TokenKind::Semi => {
                if let Some(top) = levels.last_mut() {
                    current -= top.links - top.kept;
                    top.links = top.kept;
                }
            }
            TokenKind::Lambda => {
                if let Some(top) = levels.last_mut() {
                    top.links += 2;
                    top.kept = top.links;
                }
                current += 2;
            }
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Comment
            | TokenKind::Colon
            | TokenKind::Equal
            | TokenKind::And
            | TokenKind::Or => {}
            _ => {
                if let Some(top) = levels.last_mut() {
                    top.links += 1;
                }
                current += 1;
            }
        }
        deepest = deepest.max(current);
        if deepest > MAX_DEPTH || blocks > MAX_BLOCKS {
            let what = if blocks > MAX_BLOCKS {
                "levels of indentation"
            } else {
                "nested expressions"
            };
            return Err(OutlineError {
                message: format!("too many {what}"),
                line,
            });
        }
    }
}
