//! Objects that others have for keys, or in sets, and of which the hashes differ: they are put where they are
//! looked for now.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyTuple};

use rustc_hash::{FxHashMap, FxHashSet};

use super::kit::text;
use super::work::Work;

impl<'py> Work<'_, 'py> {
    /// Whether one object can take the place of another one as a key. Where it lacks something that its hash
    /// asks for, it does so later.
    pub(super) fn can_be_key(
        &mut self,
        holder: &Bound<'py, PyAny>,
        from: &Bound<'py, PyAny>,
        to: &Bound<'py, PyAny>,
    ) -> bool {
        let can = to.hash().is_ok();
        if !can {
            self.unhashed
                .push([holder.clone(), from.clone(), to.clone()]);
        }
        can
    }

    /// Whether a dict is what a cache of `functools` has inside.
    pub(super) fn is_of_cache(&self, dict: &Bound<'py, PyDict>) -> PyResult<bool> {
        for holder in self
            .kit
            .gc
            .call_method1("get_referrers", (dict,))?
            .try_iter()?
        {
            if self.kit.is_cache(&holder?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When all objects have been given what they lack: keys and items that waited for that, and those
    /// whose hashes ask for it.
    pub(super) fn settle_keys(&mut self) -> PyResult<()> {
        let waiting = std::mem::take(&mut self.unhashed);
        let address = |object: &Bound<'py, PyAny>| object.as_ptr() as usize;
        let moves: FxHashMap<usize, &Bound<'py, PyAny>> = waiting
            .iter()
            .map(|[_, from, to]| (address(from), to))
            .collect();
        let mut done = FxHashSet::default();
        for [holder, ..] in &waiting {
            if done.insert(address(holder)) {
                let instead = |held: &Bound<'py, PyAny>| {
                    Ok(moves.get(&address(held)).map(|to| (*to).clone()))
                };
                self.hand_over_in(holder, &instead)?;
            }
        }
        for [_, from, _] in std::mem::take(&mut self.unhashed) {
            let class = text(&from.get_type().getattr("__qualname__")?);
            self.notes.push(format!(
                "an object of {class} stays as it was in a dict or set, since the new one has no hash: restart to \
                 make it again"
            ));
        }
        let kit = self.kit;
        let hashes = |class: &Bound<'py, PyAny>| {
            let hash = class.getattr("__hash__");
            hash.is_ok_and(|hash| kit.is_function(&hash))
        };
        let mut hashed = std::mem::take(&mut self.given);
        hashed.retain(|thing| hashes(thing.get_type().as_any()));
        if hashed.is_empty() {
            return Ok(());
        }
        let hashed = PyTuple::new(kit.py, hashed)?;
        let holders = kit.gc.getattr("get_referrers")?.call1(hashed)?;
        for holder in holders.try_iter()? {
            let holder = holder?;
            if holder.is_exact_instance_of::<PyDict>() || holder.is_exact_instance_of::<PySet>() {
                self.hash_again(&holder)?;
            }
        }
        Ok(())
    }
}
