//! Which old statement is a new one's partner.

use super::order;
use crate::outline::{Kind, Statement};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// For each new statement the index of its old partner. First what is equal, in order and then
/// wherever it stands; then what has the same identity; then what stands in the same place.
pub(super) fn partners(old: &[&Statement], new: &[&Statement]) -> Vec<Option<usize>> {
    // The most common edit of all, whichever way the rest would find it.
    if let ([before], [after]) = (old, new)
        && before.kind == after.kind
        && before.name == after.name
        && !before.name.is_empty()
    {
        return vec![Some(0)];
    }
    let print = |statement: &Statement| (statement.kind, statement.print);
    let old_prints: Vec<_> = old.iter().copied().map(print).collect();
    let new_prints: Vec<_> = new.iter().copied().map(print).collect();
    let mut pairing = Pairing::new(old, new, order::align(&old_prints, &new_prints));
    pairing.pair(|statement, _| Some(print(statement)));

    // Definitions of one name: overloads, property setters and registrations on `_` are told
    // apart by their headers, then by their decorators.
    pairing.pair(|s, _| definition(s).map(|name| (s.kind, name, s.header)));
    pairing.pair(|s, _| definition(s).map(|name| (s.kind, name, s.decorators)));
    pairing.pair(|s, _| definition(s).map(|name| (s.kind, name)));
    pairing.pair(|s, _| assigned(s));
    pairing.pair(|s, _| (s.kind == Kind::Import).then(|| bound_by_import(s)));
    pairing.pair(|s, _| is_block(s).then_some((s.kind, s.header)));
    pairing.pair(|s, _| only_one(s).then_some(s.kind));

    // The rest by its place.
    pairing.find_gaps();
    pairing.pair(|s, gap| by_place(s).then_some((gap, s.kind, &s.uses.binds, &s.uses.mutates)));
    pairing.pair(|s, gap| by_place(s).then_some((gap, s.kind)));
    pairing.partners
}

fn definition(statement: &Statement) -> Option<&str> {
    let is = matches!(statement.kind, Kind::Function | Kind::Class);
    is.then_some(statement.name.as_str())
}

/// What an assignment or annotation is about. `x: int` and `x: int = 1` are about the same.
fn assigned(statement: &Statement) -> Option<Vec<&str>> {
    match statement.kind {
        Kind::Assign | Kind::Annotation if !statement.name.is_empty() => {
            Some(vec![statement.name.as_str()])
        }
        Kind::Assign if !statement.uses.binds.is_empty() => {
            Some(statement.uses.binds.iter().map(String::as_str).collect())
        }
        _ => None,
    }
}

fn bound_by_import(statement: &Statement) -> Vec<&str> {
    let mut bound: Vec<_> = statement
        .imports
        .iter()
        .map(|import| import.bound.as_str())
        .collect();
    bound.sort_unstable();
    bound
}

fn is_block(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Compound | Kind::MainGuard)
}

fn only_one(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Docstring | Kind::MainGuard)
}

/// Statements without a name: nothing but their place says which is which.
fn by_place(statement: &Statement) -> bool {
    match statement.kind {
        Kind::AugAssign | Kind::Delete | Kind::Expr | Kind::Compound | Kind::Other => true,
        Kind::Assign | Kind::Annotation => assigned(statement).is_none(),
        Kind::Docstring | Kind::Function | Kind::Class | Kind::Import | Kind::MainGuard => false,
    }
}

struct Pairing<'a> {
    old: &'a [&'a Statement],
    new: &'a [&'a Statement],
    partners: Vec<Option<usize>>,
    taken: Vec<bool>,
    /// For each statement, how many pairs that kept their order stand before it.
    old_gaps: Vec<usize>,
    new_gaps: Vec<usize>,
}

impl<'a> Pairing<'a> {
    fn new(
        old: &'a [&'a Statement],
        new: &'a [&'a Statement],
        partners: Vec<Option<usize>>,
    ) -> Self {
        let mut taken = vec![false; old.len()];
        for at in partners.iter().flatten() {
            taken[*at] = true;
        }
        let (old_gaps, new_gaps) = (vec![0; old.len()], vec![0; new.len()]);
        Self {
            old,
            new,
            partners,
            taken,
            old_gaps,
            new_gaps,
        }
    }

    /// Pairs statements without a partner that have the same key, by occurrence.
    fn pair<K: Eq + Hash>(&mut self, key: impl Fn(&'a Statement, usize) -> Option<K>) {
        let mut waiting: HashMap<K, VecDeque<usize>> = HashMap::new();
        for (index, statement) in self.old.iter().copied().enumerate() {
            if !self.taken[index]
                && let Some(key) = key(statement, self.old_gaps[index])
            {
                waiting.entry(key).or_default().push_back(index);
            }
        }
        if waiting.is_empty() {
            return;
        }
        for (index, statement) in self.new.iter().copied().enumerate() {
            if self.partners[index].is_none()
                && let Some(key) = key(statement, self.new_gaps[index])
                && let Some(at) = waiting.get_mut(&key).and_then(VecDeque::pop_front)
            {
                self.partners[index] = Some(at);
                self.taken[at] = true;
            }
        }
    }

    fn find_gaps(&mut self) {
        let pairs: Vec<(usize, usize)> = (0..self.new.len())
            .filter_map(|index| Some((self.partners[index]?, index)))
            .collect();
        let olds: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
        let kept: Vec<(usize, usize)> = order::rising(&olds)
            .into_iter()
            .map(|index| pairs[index])
            .collect();
        for (index, gap) in self.old_gaps.iter_mut().enumerate() {
            *gap = kept.partition_point(|pair| pair.0 < index);
        }
        for (index, gap) in self.new_gaps.iter_mut().enumerate() {
            *gap = kept.partition_point(|pair| pair.1 < index);
        }
    }
}
