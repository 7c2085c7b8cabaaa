//! What the program has put into a list since import, told from what import had given it and gives now.

use pyo3::prelude::*;
use pyo3::types::PyList;
use rustc_hash::FxHashSet;

use super::function::{identical, plain};
use super::module::Run;
use super::work::Work;
use crate::outline::Kind;
use crate::plan::Functions;

/// How far items are looked for that stand somewhere else than where import had put them.
const FAR: usize = 64;

type Inserted<'py> = (
    Option<Bound<'py, PyAny>>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
);

/// What the program has done to a list.
#[derive(Default)]
pub(super) struct Since<'py> {
    /// What it has appended.
    pub added: Vec<Bound<'py, PyAny>>,
    /// What it has put in between, each with what stands before it, if anything does, and with what of
    /// import's stands behind it.
    inserted: Vec<Inserted<'py>>,
    /// What it has taken out, though import gives it as often as it did.
    removed: Vec<Bound<'py, PyAny>>,
}

/// What the program has done since import. `base` is what statements had given the list, without what
/// decorators told it of: those that stay are in `fresh` as well, or told again (`registered`, by their
/// addresses). `None` where there are items of which it cannot be told whether they are the same, or the
/// program did more than append and the list is not `written` as it is: what was computed may have been
/// something else.
pub(super) fn since<'py>(
    base: &Bound<'py, PyList>,
    live: &Bound<'py, PyList>,
    fresh: &Bound<'py, PyList>,
    (registered, written): (&FxHashSet<usize>, bool),
    is_function: impl Fn(&Bound<'py, PyAny>) -> bool,
) -> Option<Since<'py>> {
    let mut out = Since::default();
    let again = |item: &Bound<'py, PyAny>| registered.contains(&(item.as_ptr() as usize));
    // What stands behind what import had put there.
    let head = live.get_slice(0, base.len());
    if base.eq(&head).unwrap_or(false) {
        let tail = live.get_slice(base.len(), live.len());
        out.added = tail.iter().filter(|item| !again(item)).collect();
        return Some(out);
    }
    let base: Vec<_> = base.iter().collect();
    let given: FxHashSet<usize> = fresh.iter().map(|item| item.as_ptr() as usize).collect();
    let mut missing = Vec::new();
    let (mut at, mut before) = (0, None);
    for item in live.iter() {
        let mut ahead = base[at..].iter().take(FAR);
        if let Some(skipped) = ahead.position(|given| identical(given, &item)) {
            // Not at the end, as it turns out.
            for added in out.added.drain(..) {
                let above = before.replace(added.clone());
                out.inserted.push((above, added, item.clone()));
            }
            missing.extend(&base[at..at + skipped]);
            at += skipped + 1;
            before = Some(item);
        } else if again(&item) || !plain(&item) && given.contains(&(item.as_ptr() as usize)) {
            if out.added.is_empty() {
                before = Some(item);
            }
        } else {
            out.added.push(item);
        }
    }
    missing.extend(&base[at..]);
    // What only stands elsewhere was sorted, and more of it would have to be told than is known.
    let moved = |item: &&Bound<'py, PyAny>| {
        let others = out.inserted.iter().map(|(_, other, _)| other);
        let mut others = others.chain(&out.added);
        plain(item) && others.any(|other| identical(item, other))
    };
    if missing.len() > FAR || missing.iter().any(moved) {
        return None;
    }
    let count = |item: &Bound<'py, PyAny>, among: &mut dyn Iterator<Item = Bound<'py, PyAny>>| {
        among.filter(|other| identical(item, other)).count()
    };
    for item in missing {
        // Of a function that is gone there is but the one that was made to see what import had given.
        if !plain(item) && !is_function(item) || plain(item) && !written {
            return None;
        }
        let gives = count(item, &mut fresh.iter());
        if gives > 0 && gives >= count(item, &mut base.iter().cloned()) {
            out.removed.push(item.clone());
        }
    }
    (written || out.inserted.is_empty() && out.removed.is_empty()).then_some(out)
}

impl<'py> Since<'py> {
    /// Does the same to what import gives now.
    pub(super) fn again(&self, list: &Bound<'py, PyList>) -> PyResult<()> {
        let find = |item: &Bound<'py, PyAny>| list.iter().position(|other| identical(item, &other));
        for item in &self.removed {
            if let Some(at) = find(item) {
                list.del_item(at)?;
            }
        }
        for (before, item, next) in &self.inserted {
            // What it stood behind may be gone, and what it stood before.
            let behind = match before {
                Some(before) => find(before).map(|at| at + 1),
                None => Some(0),
            };
            let at = behind.or_else(|| find(next)).unwrap_or(list.len());
            list.insert(at, item)?;
        }
        for item in &self.added {
            list.append(item)?;
        }
        Ok(())
    }
}

impl<'py> Work<'_, 'py> {
    /// What the program had appended stands behind what statements, decorators among them, have put
    /// there again.
    pub(super) fn appended_last(&mut self) -> PyResult<()> {
        for (list, items) in std::mem::take(&mut self.appended) {
            let there: Vec<usize> = list.iter().map(|item| item.as_ptr() as usize).collect();
            let block: Vec<usize> = items.iter().map(|item| item.as_ptr() as usize).collect();
            let first = there
                .windows(block.len())
                .rposition(|some| some == block.as_slice());
            let Some(first) = first.filter(|first| first + block.len() < there.len()) else {
                continue;
            };
            list.del_slice(first, first + block.len())?;
            for item in &items {
                list.append(item)?;
            }
        }
        Ok(())
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Notes the definitions of the module that decorators have put into a list of this name.
    pub(super) fn note_registered(
        &mut self,
        name: &str,
        live: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
        written: bool,
    ) -> PyResult<()> {
        self.work.registered.clear();
        self.work.written = written;
        let Some(old) = self
            .job
            .old
            .filter(|_| live.is_exact_instance_of::<PyList>())
        else {
            return Ok(());
        };
        if base.is_none_or(|base| base.eq(live).unwrap_or(false)) {
            return Ok(());
        }
        let had = Functions::of(old.outline).with(self.job.elsewhere);
        for statement in old.outline.body.iter() {
            let uses = &statement.uses;
            let fills = || {
                uses.mutates.iter().any(|filled| filled == name)
                    || had.mutations(&uses.calls).contains(name)
            };
            if matches!(statement.kind, Kind::Function | Kind::Class)
                && statement.decorators != 0
                && fills()
                && let Some(value) = self.before.get_item(&statement.name)?
            {
                self.work.registered.insert(value.as_ptr() as usize);
            }
        }
        Ok(())
    }
}
