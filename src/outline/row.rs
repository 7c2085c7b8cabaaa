//! The statements of a module, one after the other, in pieces that outlines share: an outline
//! that was read on from another one costs a few counters, not one for each statement.

use std::iter::FusedIterator;
use std::ops::{Index, Range};
use std::sync::Arc;

use super::Statement;

/// How many statements a piece has, about. An edit copies the piece that it falls in.
const PIECE: usize = 32;

/// Statements in source order.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pieces: Vec<Arc<[Statement]>>,
    /// How many statements there are up to the end of each piece.
    ends: Vec<usize>,
}

impl Row {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The piece that the statement in this place is in.
    #[inline]
    fn piece(&self, at: usize) -> usize {
        // Pieces have the size that they were cut to, but for those that edits fell in.
        let guess = at / PIECE;
        if self.ends.get(guess).is_some_and(|end| *end > at) {
            let before = guess.checked_sub(1);
            if before.is_none_or(|before| self.ends[before] <= at) {
                return guess;
            }
        }
        self.ends.partition_point(|end| *end <= at)
    }

    /// The statement in this place.
    pub fn get(&self, at: usize) -> Option<&Statement> {
        let piece = self.piece(at);
        let found = self.pieces.get(piece)?;
        found.get(at - (self.ends[piece] - found.len()))
    }

    /// The first one.
    pub fn first(&self) -> Option<&Statement> {
        self.get(0)
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// All of them, one after the other in memory.
    pub fn to_vec(&self) -> Vec<Statement> {
        self.iter().cloned().collect()
    }

    /// Those in these places.
    pub fn range(&self, places: Range<usize>) -> Iter<'_> {
        let left = places.end.min(self.len()).saturating_sub(places.start);
        Iter {
            row: self,
            front: Side::at(self, places.start),
            back: Side::at(self, places.start + left),
            left,
        }
    }

    /// How many statements at the beginning are as asked for; there are none behind the first that
    /// is not.
    pub fn partition_point(&self, mut is: impl FnMut(&Statement) -> bool) -> usize {
        let whole = self
            .pieces
            .partition_point(|p| p.last().is_none_or(&mut is));
        let before = whole.checked_sub(1).map_or(0, |at| self.ends[at]);
        before + self.pieces.get(whole).map_or(0, |p| p.partition_point(is))
    }

    /// The row with `new` in the place of some of its statements. `moved` makes of a statement
    /// behind them the same one in its new place; without it, those stay where they are.
    pub(super) fn with(
        &self,
        replaced: Range<usize>,
        new: Vec<Statement>,
        moved: Option<&dyn Fn(&Statement) -> Statement>,
    ) -> Self {
        let Some(most) = self.pieces.len().checked_sub(1) else {
            return new.into();
        };
        let mut out = Self {
            pieces: Vec::with_capacity(self.pieces.len() + 1),
            ends: Vec::with_capacity(self.pieces.len() + 1),
        };
        let shift = |s: &Statement| moved.map_or_else(|| s.clone(), |moved| moved(s));
        // What is left of the pieces that the edit falls in is copied, around the new ones.
        let first = self.ends.partition_point(|end| *end <= replaced.start);
        let first = first.min(most);
        let last = self.ends.partition_point(|end| *end < replaced.end);
        let last = last.clamp(first, most);
        let (start, end) = (self.ends[first] - self.pieces[first].len(), self.ends[last]);
        for piece in &self.pieces[..first] {
            out.push(Arc::clone(piece));
        }
        let copied = (replaced.start - start) + (end - replaced.end);
        let mut middle: Vec<Statement> = Vec::with_capacity(copied + new.len());
        middle.extend(self.range(start..replaced.start).cloned());
        middle.extend(new);
        middle.extend(self.range(replaced.end..end).map(shift));
        out.cut(middle);
        for piece in &self.pieces[last + 1..] {
            out.push(match moved {
                Some(_) => piece.iter().map(shift).collect(),
                None => Arc::clone(piece),
            });
        }
        out
    }

    fn push(&mut self, piece: Arc<[Statement]>) {
        self.ends.push(self.len() + piece.len());
        self.pieces.push(piece);
    }

    fn cut(&mut self, mut statements: Vec<Statement>) {
        while statements.len() >= 2 * PIECE {
            let rest = statements.split_off(PIECE);
            self.push(statements.into());
            statements = rest;
        }
        if !statements.is_empty() {
            self.push(statements.into());
        }
    }
}

impl From<Vec<Statement>> for Row {
    fn from(statements: Vec<Statement>) -> Self {
        let mut out = Self::default();
        let mut left = statements.len();
        let mut statements = statements.into_iter();
        while left > 0 {
            let size = if left >= 2 * PIECE { PIECE } else { left };
            out.push(statements.by_ref().take(size).collect());
            left -= size;
        }
        out
    }
}

impl Index<usize> for Row {
    type Output = Statement;

    #[inline]
    fn index(&self, at: usize) -> &Statement {
        let piece = self.piece(at);
        let found = &self.pieces[piece];
        &found[at - (self.ends[piece] - found.len())]
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Row {}

impl<'a> IntoIterator for &'a Row {
    type Item = &'a Statement;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// A place between two statements: the piece, and how many of it stand before.
#[derive(Debug, Clone)]
struct Side {
    piece: usize,
    at: usize,
}

impl Side {
    fn at(row: &Row, place: usize) -> Self {
        let piece = row.ends.partition_point(|end| *end <= place);
        let before = piece.checked_sub(1).map_or(0, |at| row.ends[at]);
        Self {
            piece,
            at: place - before,
        }
    }
}

/// See `Row::iter`.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    row: &'a Row,
    front: Side,
    back: Side,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Statement;

    fn next(&mut self) -> Option<&'a Statement> {
        self.left = self.left.checked_sub(1)?;
        let piece = self.row.pieces.get(self.front.piece)?;
        let found = piece.get(self.front.at);
        self.front.at += 1;
        if self.front.at == piece.len() {
            self.front = Side {
                piece: self.front.piece + 1,
                at: 0,
            };
        }
        found
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    fn next_back(&mut self) -> Option<&'a Statement> {
        self.left = self.left.checked_sub(1)?;
        if self.back.at == 0 {
            self.back.piece = self.back.piece.checked_sub(1)?;
            self.back.at = self.row.pieces[self.back.piece].len();
        }
        self.back.at -= 1;
        self.row.pieces.get(self.back.piece)?.get(self.back.at)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}
