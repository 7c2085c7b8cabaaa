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

/// The items that the program has appended. `base` is what statements had given the list, without what
/// decorators told it of: those that stay are in `fresh` as well, or told again (`registered`, by their
/// addresses). `None` where the program did more than append.
pub(super) fn appended<'py>(
    base: &Bound<'py, PyList>,
    live: &Bound<'py, PyList>,
    fresh: &Bound<'py, PyList>,
    registered: &FxHashSet<usize>,
    is_function: impl Fn(&Bound<'py, PyAny>) -> bool,
) -> Option<Vec<Bound<'py, PyAny>>> {
    // What stands behind what import had put there.
    let head = live.get_slice(0, base.len());
    if base.eq(&head).unwrap_or(false) {
        let tail = live.get_slice(base.len(), live.len());
        let told = |item: &Bound<'py, PyAny>| registered.contains(&(item.as_ptr() as usize));
        return Some(tail.iter().filter(|item| !told(item)).collect());
    }
    let base: Vec<_> = base.iter().collect();
    let given: FxHashSet<usize> = fresh.iter().map(|item| item.as_ptr() as usize).collect();
    let mut missing = Vec::new();
    let mut added = Vec::new();
    let mut at = 0;
    for item in live.iter() {
        let mut ahead = base[at..].iter().take(FAR);
        if let Some(skipped) = ahead.position(|given| identical(given, &item)) {
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
        is_function(item) && !fresh.iter().any(|other| identical(item, &other))
    };
    missing.into_iter().all(|item| gone(&item)).then_some(added)
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
    ) -> PyResult<()> {
        self.work.registered.clear();
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
