//! What is gathered while a statement is read.

use super::hints::Hints;
use super::operators;
use super::{Import, Kind, Statement, Uses};
use std::collections::BTreeSet;
use std::ops::Range;

/// What is known so far of one statement.
#[derive(Default)]
pub(super) struct Frame {
    /// Done with the module's names when the statement runs. `binds` and `deletes` are of the
    /// scope that the statement stands in.
    pub uses: Uses,
    /// Done with the names of the class body that the statement stands in.
    pub class: Uses,
    /// Done by functions when they are called.
    pub later: Uses,
    /// Of a class: done by its decorators, bases and keywords.
    pub head: Uses,
    /// Done by the functions that the function hands out: see `Shell`.
    pub beyond: Uses,
    /// The names of those, what else tells them apart, and their bodies.
    pub handed: Vec<String>,
    pub taken: String,
    pub handed_bodies: Vec<Range<usize>>,
    /// Of a function: see `hints`.
    pub hints: Option<Box<Hints>>,
    /// Tokens of the annotations of local variables.
    pub local_hints: Vec<Range<usize>>,
    /// See `Facts::applied`.
    pub applied: Vec<(String, u8)>,
    /// Where a call begins that makes a coroutine for a loop of events, and runs nothing of it.
    pub scheduled: Option<ruff_text_size::TextSize>,
    /// See `Facts::told`.
    pub told: Vec<String>,
    /// See `Facts::gives`.
    pub gives: Vec<String>,
    /// See `Facts::passed`.
    pub passed: Vec<String>,
    /// See `Facts::implied`.
    pub implied: Vec<&'static str>,
    /// See `Facts::later_implied`, `calls_given` and `calls_made`.
    pub later_implied: Vec<&'static str>,
    pub calls_given: bool,
    pub calls_made: bool,
    /// See `Facts::sets`.
    pub sets: Vec<String>,
    /// See `Facts::skims`.
    pub skims: Vec<String>,
    pub imports: Vec<Import>,
    /// See `Facts::late`.
    pub late: Vec<Import>,
    pub body: Vec<Statement>,
    /// Tokens of the bodies of functions.
    pub holes: Vec<Range<usize>>,
    /// How many function bodies, of this statement's own, stand around what is being read.
    pub deferred: u32,
    /// How many scopes stand around the statement.
    pub scopes: usize,
}

impl Frame {
    /// Where a use of the module's names belongs now.
    pub(super) fn now(&mut self) -> &mut Uses {
        if self.deferred > 0 {
            &mut self.later
        } else {
            &mut self.uses
        }
    }

    /// Makes the lists of the finished statement sets.
    pub(super) fn settle(&mut self) {
        let calls = [&self.uses.calls, &self.class.calls];
        self.applied.retain(|(path, _)| {
            let calls = calls.into_iter().flatten();
            calls.filter(|call| *call == path).count() == 1
        });
        let reads = &self.uses.reads;
        self.skims
            .retain(|path| reads.iter().filter(|read| *read == path).count() == 1);
        self.uses.settle();
        self.class.settle();
        self.later.settle();
    }

    /// See `Facts::passed`: what may be a method of the class.
    pub(super) fn methods_passed(&self, kind: Kind) -> Box<[String]> {
        if kind != Kind::Class || self.passed.is_empty() {
            return Box::default();
        }
        let derived = !self.head.reads.is_empty();
        let methods = || self.body.iter().filter(|s| s.kind == Kind::Function);
        let passed = self.passed.iter();
        let passed = passed.filter(|name| derived || methods().any(|s| s.name == **name));
        let passed: BTreeSet<&String> = passed.collect();
        passed.into_iter().cloned().collect()
    }

    /// Takes over what a statement inside this one does.
    /// `handed`: a function that the one around it hands out.
    pub(super) fn absorb(&mut self, inner: &Frame, handed: bool) {
        let same_scope = self.scopes == inner.scopes && self.deferred == 0;
        self.now().absorb(&inner.uses);
        if same_scope {
            self.uses.binds.extend_from_slice(&inner.uses.binds);
            self.uses.deletes.extend_from_slice(&inner.uses.deletes);
            self.class.absorb(&inner.class);
        }
        match handed {
            true => self.beyond.absorb(&inner.later),
            false => {
                self.later.absorb(&inner.later);
                self.later_implied.extend_from_slice(&inner.later_implied);
                self.calls_given |= inner.calls_given;
            }
        }
        let named = inner.implied.iter().filter(|m| **m == operators::NAMED);
        if self.deferred == 0 {
            self.implied.extend(named);
            self.imports.extend_from_slice(&inner.imports);
        }
        self.passed.extend_from_slice(&inner.passed);
        self.holes.extend_from_slice(&inner.holes);
        self.late.extend_from_slice(&inner.late);
        self.local_hints.extend_from_slice(&inner.local_hints);
    }
}

/// A list in order, each once.
pub(super) fn settled(mut list: Vec<&'static str>) -> Box<[&'static str]> {
    list.sort_unstable();
    list.dedup();
    list.into()
}

impl Uses {
    pub(super) fn absorb(&mut self, other: &Uses) {
        self.reads.extend_from_slice(&other.reads);
        self.calls.extend_from_slice(&other.calls);
        self.members.extend_from_slice(&other.members);
        self.mutates.extend_from_slice(&other.mutates);
        self.writes.extend_from_slice(&other.writes);
        self.global_writes.extend_from_slice(&other.global_writes);
        self.opaque |= other.opaque;
        self.calls_others |= other.calls_others;
    }

    /// What a statement of a class body does: with the class's names and the module's alike.
    pub(super) fn and(mut self, class: &Uses) -> Uses {
        self.absorb(class);
        self.settle();
        self
    }

    pub(super) fn settle(&mut self) {
        let Uses {
            binds,
            deletes,
            reads,
            calls,
            members,
            mutates,
            writes,
            global_writes,
            opaque: _,
            calls_others: _,
        } = self;
        for list in [
            binds,
            deletes,
            reads,
            calls,
            members,
            mutates,
            writes,
            global_writes,
        ] {
            list.sort_unstable();
            list.dedup();
            list.shrink_to_fit();
        }
    }
}
