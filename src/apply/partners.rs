//! Which lambda of an old list is which of a new one.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::attributes::own_state;
use super::function::identical;
use super::kit::text;
use super::module::container;
use super::work::Work;

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

impl<'py> Work<'_, 'py> {
    /// Lambdas that two objects were given which are the same otherwise: `QUIT = Action(lambda: ...)`. Who
    /// holds the old one runs the new code.
    pub(super) fn reconcile_in_objects(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<()> {
        let kit = self.kit;
        let kind = new.get_type();
        if !old.get_type().is(&kind) || kit.is_function(new) || kit.is_class(new) {
            return Ok(());
        }
        if text(&kind.getattr("__module__")?) == "functools" && kind.name()? == "partial" {
            let same = |part: &str| -> PyResult<bool> {
                let (was, is) = (old.getattr(part)?, new.getattr(part)?);
                Ok(was.is(&is))
            };
            if same("func")? {
                for part in ["args", "keywords"] {
                    self.reconcile_inside(&old.getattr(part)?, &new.getattr(part)?, depth + 1)?;
                }
            }
            return Ok(());
        }
        let (Some(had), Some(has)) = (own_state(old)?, own_state(new)?) else {
            return Ok(());
        };
        let Some(lambdas) = self.differing_lambdas(&had, &has)? else {
            return Ok(());
        };
        for [name, was, value] in lambdas {
            if let Some(kept) = self.pair_inside(&was, &value, depth)? {
                has.set_item(name, kept)?;
            }
        }
        Ok(())
    }

    /// An object that a decorator made of a function, and the one that it made of it again: the function
    /// lives on in both. Who holds the old one runs the new code.
    pub(super) fn join_inside_wrapper(
        &mut self,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let (Some(had), Some(has)) = (own_state(old)?, own_state(new)?) else {
            return Ok(());
        };
        for (name, value) in has.copy()?.iter() {
            let Some(was) = had.get_item(&name)?.filter(|was| !was.is(&value)) else {
                continue;
            };
            if !kit.is_function(&was) || !kit.is_function(&value) {
                continue;
            }
            let qualname = |function: &Bound<'py, PyAny>| -> PyResult<String> {
                Ok(text(&function.getattr("__qualname__")?))
            };
            // The one that is defined here: of what functions make there are many under one name.
            let made_here = |function: &Bound<'py, PyAny>| -> PyResult<bool> {
                Ok(kit.globals_of(function)?.is(&self.dict)
                    && !qualname(function)?.contains('<')
                    && function.getattr("__closure__")?.is_none())
            };
            if qualname(&was)? == qualname(&value)?
                && made_here(&was)?
                && made_here(&value)?
                && !self.is_current(&was)?
            {
                let kept = self.reconcile(&was, &value, class)?;
                if kept.is(&was) {
                    has.set_item(&name, kept)?;
                }
            }
        }
        Ok(())
    }

    /// The attributes that differ by lambdas, or by what may have such in it. `None` where others do.
    fn differing_lambdas(
        &self,
        had: &Bound<'py, PyDict>,
        has: &Bound<'py, PyDict>,
    ) -> PyResult<Option<Vec<[Bound<'py, PyAny>; 3]>>> {
        let mut out = Vec::new();
        for (name, value) in has.iter() {
            let Some(was) = had.get_item(&name)? else {
                return Ok(None);
            };
            if was.is(&value) || identical(&was, &value) {
                continue;
            }
            let fresh = self.is_lambda(&was)? && self.is_made_here(&value)?;
            if fresh || container(&was) && container(&value) {
                out.push([name, was, value]);
            } else {
                return Ok(None);
            }
        }
        Ok((had.len() == has.len()).then_some(out))
    }

    /// Whether a lambda stands in the statement that is being brought together.
    fn is_made_here(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        if !self.is_lambda(value)? {
            return Ok(false);
        }
        let line: u32 = value
            .getattr("__code__")?
            .getattr("co_firstlineno")?
            .extract()?;
        Ok(self.lines.contains(&line))
    }
}
