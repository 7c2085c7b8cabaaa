//! What the program has put into a list since import, told from what import had given it and gives now.

use pyo3::prelude::*;
use pyo3::types::PyList;
use rustc_hash::FxHashSet;

use super::function::plain;
use super::module::Run;
use super::work::Work;
use crate::outline::Kind;

/// How far items are looked for that stand somewhere else than where import had put them.
const FAR: usize = 64;

/// The items that the program has appended. `base` is what statements had given the list, without what
/// decorators told it of: those that stay are in `fresh` as well, or told again (`registered`, by their
/// addresses). `None` where the program did more than append.
pub(super) fn appended<'py>(
    base: &Bound<'py, PyList>,
    live: &Bound<'py, PyList>,
    fresh: &Bound<'py, PyList>,
    registered: &FxHashSet<usize>,
) -> Option<Vec<Bound<'py, PyAny>>> {
    let base: Vec<_> = base.iter().collect();
    let given: FxHashSet<usize> = fresh.iter().map(|item| item.as_ptr() as usize).collect();
    let equal = |a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>| a.is(b) || a.eq(b).unwrap_or(false);
    let mut missing = Vec::new();
    let mut added = Vec::new();
    let mut at = 0;
    for item in live.iter() {
        let mut ahead = base[at..].iter().take(FAR);
        if let Some(skipped) = ahead.position(|given| equal(given, &item)) {
            if !added.is_empty() {
                return None;
            }
            missing.extend(&base[at..at + skipped]);
            at += skipped + 1;
            continue;
        }
        let address = item.as_ptr() as usize;
        let told = registered.contains(&address) || !plain(&item) && given.contains(&address);
        if !told {
            added.push(item);
        }
    }
    missing.extend(&base[at..]);
    // Something that is gone, and that its statement had taken back: of a function there is but the one
    // that was made to see what import had given.
    let gone = |item: &&Bound<'py, PyAny>| {
        let function = item.hasattr("__code__").unwrap_or(false);
        function && !fresh.iter().any(|other| equal(item, &other))
    };
    missing.into_iter().all(|item| gone(&item)).then_some(added)
}

impl<'py> Work<'_, 'py> {
    /// What the program had appended stands behind what statements, decorators among them, have put
    /// there again.
    pub(super) fn appended_last(&self) -> PyResult<()> {
        for (list, items) in &self.appended {
            let first = list.iter().position(|item| item.is(&items[0]));
            let Some(first) = first.filter(|first| first + items.len() < list.len()) else {
                continue;
            };
            let block = list.iter().skip(first).take(items.len());
            if block.zip(items).all(|(there, item)| there.is(item)) {
                list.del_slice(first, first + items.len())?;
                for item in items {
                    list.append(item)?;
                }
            }
        }
        Ok(())
    }
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Notes the definitions of the module that decorators may have told somebody of.
    pub(super) fn note_registered(
        &mut self,
        live: &Bound<'py, PyAny>,
        base: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        self.work.registered.clear();
        let changed = base.is_some_and(|base| !base.eq(live).unwrap_or(false));
        let Some(old) = self
            .job
            .old
            .filter(|_| changed && live.is_instance_of::<PyList>())
        else {
            return Ok(());
        };
        for statement in old.outline.body.iter() {
            if matches!(statement.kind, Kind::Function | Kind::Class)
                && statement.decorators != 0
                && let Some(value) = self.before.get_item(&statement.name)?
            {
                self.work.registered.insert(value.as_ptr() as usize);
            }
        }
        Ok(())
    }
}
