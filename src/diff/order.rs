//! Common order: which equal elements of two sequences stay in place.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

/// How often a stretch between unique elements is divided again. Each round is linear.
const ROUNDS: usize = 12;

/// Pairs equal elements of `old` and `new` in common order (patience: first the ends, then
/// what occurs once on both sides, then the stretches between). Returns for each new index its
/// old one; the old indices rise.
pub(super) fn align<T: Copy + Eq + Hash>(old: &[T], new: &[T]) -> Vec<Option<usize>> {
    let mut partners = vec![None; new.len()];
    let mut stretches = vec![(0..old.len(), 0..new.len(), 0)];
    while let Some((mut olds, mut news, round)) = stretches.pop() {
        while !olds.is_empty() && !news.is_empty() && old[olds.start] == new[news.start] {
            partners[news.start] = Some(olds.start);
            olds.start += 1;
            news.start += 1;
        }
        while !olds.is_empty() && !news.is_empty() && old[olds.end - 1] == new[news.end - 1] {
            olds.end -= 1;
            news.end -= 1;
            partners[news.end] = Some(olds.end);
        }
        if olds.is_empty() || news.is_empty() {
            continue;
        }
        let anchors = if round < ROUNDS {
            anchors(old, new, &olds, &news)
        } else {
            Vec::new()
        };
        if anchors.is_empty() {
            in_turn(old, new, &olds, &news, &mut partners);
            continue;
        }
        let (mut old_from, mut new_from) = (olds.start, news.start);
        for (old_at, new_at) in anchors {
            partners[new_at] = Some(old_at);
            stretches.push((old_from..old_at, new_from..new_at, round + 1));
            (old_from, new_from) = (old_at + 1, new_at + 1);
        }
        stretches.push((old_from..olds.end, new_from..news.end, round + 1));
    }
    partners
}

/// What occurs exactly once in both stretches, as far as its order is common.
fn anchors<T: Copy + Eq + Hash>(
    old: &[T],
    new: &[T],
    olds: &Range<usize>,
    news: &Range<usize>,
) -> Vec<(usize, usize)> {
    let once = |items: &[T], range: &Range<usize>| {
        let mut seen: HashMap<T, Option<usize>> = HashMap::new();
        for index in range.clone() {
            seen.entry(items[index])
                .and_modify(|at| *at = None)
                .or_insert(Some(index));
        }
        seen
    };
    let (in_old, in_new) = (once(old, olds), once(new, news));
    let unique = |index: &usize| in_new.get(&new[*index]) == Some(&Some(*index));
    let pairs: Vec<(usize, usize)> = news
        .clone()
        .filter(unique)
        .filter_map(|index| Some(((*in_old.get(&new[index])?)?, index)))
        .collect();
    let firsts: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
    rising(&firsts)
        .into_iter()
        .map(|index| pairs[index])
        .collect()
}

/// Equal elements one after the other, each as early in `old` as the one before allows.
fn in_turn<T: Copy + Eq + Hash>(
    old: &[T],
    new: &[T],
    olds: &Range<usize>,
    news: &Range<usize>,
    partners: &mut [Option<usize>],
) {
    let mut places: HashMap<T, Vec<usize>> = HashMap::new();
    for index in olds.clone().rev() {
        places.entry(old[index]).or_default().push(index);
    }
    let mut from = olds.start;
    for index in news.clone() {
        let Some(stack) = places.get_mut(&new[index]) else {
            continue;
        };
        while stack.last().is_some_and(|at| *at < from) {
            stack.pop();
        }
        if let Some(at) = stack.pop() {
            partners[index] = Some(at);
            from = at + 1;
        }
    }
}

/// The indices of a longest strictly rising subsequence (patience sorting).
pub(super) fn rising(values: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let length = ends.partition_point(|end| values[*end] < *value);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut chain: Vec<usize> =
        std::iter::successors(ends.last().copied(), |index| before[*index]).collect();
    chain.reverse();
    chain
}
