//! Which lambda of an old list is which of a new one.

use pyo3::prelude::*;

use super::function::identical;

/// Whether two functions do the same, on whatever lines they stand.
pub(super) fn alike(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    // What has no code is nobody's twin.
    match (a.getattr("__code__"), b.getattr("__code__")) {
        (Ok(a), Ok(b)) => of_one_code(&a, &b),
        _ => false,
    }
}

/// What says what a function does.
const PARTS: [&str; 5] = [
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_freevars",
];

fn of_one_code(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    let same = |part: &&str| -> PyResult<bool> { a.getattr(*part)?.eq(b.getattr(*part)?) };
    PARTS.iter().all(|part| same(part).unwrap_or(false))
}

/// Whether two functions have the same defaults, as far as that can be told without asking objects.
fn given_alike(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> bool {
    ["__defaults__", "__kwdefaults__"].iter().all(|part| {
        let both = a.getattr(*part).ok().zip(b.getattr(*part).ok());
        both.is_some_and(|(a, b)| identical(&a, &b))
    })
}

/// Pairs of places in an old list and a new one: of what does the same with the same defaults, of what
/// does the same, and of what stands in the same place where no item does what the old one did. No item
/// is in two of them: lambdas of one text differ in their defaults alone.
pub(super) fn partners<'py>(
    had: &[Bound<'py, PyAny>],
    has: &[Bound<'py, PyAny>],
    is_function: impl Fn(&Bound<'py, PyAny>) -> bool,
) -> Vec<(usize, usize)> {
    // Of others nothing is asked: they are the program's. `co_code` is made anew each time.
    let parts_of = |item: &Bound<'py, PyAny>| -> Option<Vec<Bound<'py, PyAny>>> {
        let code = is_function(item).then(|| item.getattr("__code__").ok())??;
        let parts = PARTS.iter().map(|part| code.getattr(*part).ok());
        parts.collect()
    };
    let old: Vec<_> = had.iter().map(parts_of).collect();
    let new: Vec<_> = has.iter().map(parts_of).collect();
    let same = |was: usize, at: usize| match (&old[was], &new[at]) {
        (Some(a), Some(b)) => {
            let mut pairs = a.iter().zip(b);
            pairs.all(|(a, b)| a.eq(b).unwrap_or(false))
        }
        _ => false,
    };
    let mut found: Vec<Option<usize>> = vec![None; has.len()];
    let mut free = vec![true; had.len()];
    for with_defaults in [true, false] {
        for in_place in [true, false] {
            for at in (0..has.len()).filter(|at| new[*at].is_some()) {
                if found[at].is_some() {
                    continue;
                }
                let mut places = match in_place {
                    true => at.min(had.len())..(at + 1).min(had.len()),
                    false => 0..had.len(),
                };
                let fits = |was: &usize| {
                    free[*was]
                        && same(*was, at)
                        && (!with_defaults || given_alike(&had[*was], &has[at]))
                };
                if let Some(was) = places.find(fits) {
                    free[was] = false;
                    found[at] = Some(was);
                }
            }
        }
    }
    let stays = |was: usize| (0..has.len()).any(|at| same(was, at));
    for at in 0..has.len() {
        if found[at].is_none() && had.len() == has.len() && free[at] && !stays(at) {
            found[at] = Some(at);
        }
    }
    let pairs = found.into_iter().enumerate();
    pairs.filter_map(|(at, was)| Some((was?, at))).collect()
}
