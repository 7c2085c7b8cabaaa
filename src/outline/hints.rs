//! What a function is without its annotations: those say nothing to whoever calls it.

use std::ops::Range;

use ruff_python_ast as ast;
use ruff_text_size::Ranged;

use super::gather::Frame;
use super::prints::Prints;
use super::statements::Reader;
use super::{Print, Statement, Uses};

/// A function without the annotations of its parameters, of what it gives and of local variables.
/// Those of functions defined in it are left in: they are attributes of what it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// Fingerprint of it.
    pub print: Print,
    /// What making it does; part of `Facts::uses`.
    pub uses: Uses,
    /// The tokens of its annotations, counted from the first one of the statement.
    pub(super) holes: Box<[(u32, u32)]>,
}

/// What is gathered of the annotations in the head of a function.
#[derive(Default)]
pub(super) struct Hints {
    /// What evaluating them does, as in `Frame::uses` and `Frame::class`.
    uses: Uses,
    class: Uses,
    /// Their tokens.
    tokens: Vec<Range<usize>>,
}

impl Statement {
    /// Whether both are functions that differ in nothing but annotations.
    pub fn differs_in_hints(&self, other: &Self) -> bool {
        if self.plain.is_none() && other.plain.is_none() {
            return false;
        }
        let print = |s: &Self| s.plain.as_ref().map_or(s.print, |plain| plain.print);
        print(self) == print(other)
    }
}

impl<'a> Reader<'a> {
    /// Reads the annotations in the head of a function.
    pub(super) fn hints(&mut self, def: &'a ast::StmtFunctionDef) {
        let parameters = || def.parameters.iter();
        if def.returns.is_none() && parameters().all(|p| p.annotation().is_none()) {
            return;
        }
        let frame = self.frame();
        let uses = std::mem::take(&mut frame.uses);
        let class = std::mem::take(&mut frame.class);
        let mut tokens = Vec::new();
        let between = |prints: &Prints, from: u32, to: u32| prints.tokens(from, to);
        for parameter in parameters() {
            if let Some(annotation) = parameter.annotation() {
                self.annotation(annotation);
                let from = parameter.name().end().to_u32();
                tokens.push(between(&self.prints, from, annotation.end().to_u32()));
            }
        }
        if let Some(returns) = &def.returns {
            self.annotation(returns);
            let from = def.parameters.end().to_u32();
            tokens.push(between(&self.prints, from, returns.end().to_u32()));
        }
        let frame = self.frame();
        let uses = std::mem::replace(&mut frame.uses, uses);
        let class = std::mem::replace(&mut frame.class, class);
        frame.hints = Some(Box::new(Hints {
            uses,
            class,
            tokens,
        }));
    }

    /// Notes the annotation of a local variable that gets a value: it is never evaluated.
    pub(super) fn local_hint(&mut self, assign: &'a ast::StmtAnnAssign) {
        let (from, to) = (assign.target.end(), assign.annotation.end());
        let tokens = self.prints.tokens(from.to_u32(), to.to_u32());
        self.frame().local_hints.push(tokens);
    }
}

impl Frame {
    /// What making the function does without its annotations, if it has some. What those do is
    /// taken over then.
    pub(super) fn plain(&mut self) -> Option<Uses> {
        let Some(hints) = &self.hints else {
            let local = !self.local_hints.is_empty();
            return local.then(|| self.uses.clone().and(&self.class));
        };
        let plain = self.uses.clone().and(&self.class);
        self.uses.absorb(&hints.uses);
        self.class.absorb(&hints.class);
        Some(plain)
    }

    /// The tokens of the annotations, counted from `start`.
    pub(super) fn hint_tokens(&self, start: usize) -> Box<[(u32, u32)]> {
        let head = self.hints.iter().flat_map(|hints| &hints.tokens);
        let count = |at: usize| u32::try_from(at.saturating_sub(start)).unwrap_or(u32::MAX);
        head.chain(&self.local_hints)
            .map(|tokens| (count(tokens.start), count(tokens.end)))
            .collect()
    }
}

impl Prints {
    /// These tokens of a function without those of its annotations.
    pub(super) fn plain(
        &self,
        tokens: &Range<usize>,
        holes: Box<[(u32, u32)]>,
        uses: Uses,
    ) -> Plain {
        let place = |at: u32| tokens.start + at as usize;
        let apart = holes.iter().map(|&(from, to)| place(from)..place(to));
        Plain {
            print: self.print_without(tokens.clone(), apart),
            uses,
            holes,
        }
    }
}
