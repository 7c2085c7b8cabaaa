//! Instances that a statement makes for itself, and what it gets from them.

use std::collections::BTreeSet;

use super::{Dirty, Functions};

impl<'a> Functions<'a> {
    /// Why new instances of a class have other attributes.
    pub(super) fn made_differently(&self, class: &str, dirty: &Dirty) -> Option<String> {
        if dirty.behaviour.is_empty() {
            return None;
        }
        let lineage = self.lineage(class);
        let mut classes = std::iter::once(class).chain(lineage.iter().copied());
        classes.find_map(|class| {
            let why = dirty.behaviour.get(&format!("{class}.__init__"))?;
            Some(format!("whose __init__ acts differently, {why}"))
        })
    }

    /// Whether what a member gives depends on attributes of the instance, as far as can be told.
    pub(super) fn of_instance<'n>(
        &self,
        class: &str,
        member: &'n str,
        seen: &mut BTreeSet<&'n str>,
    ) -> bool
    where
        'a: 'n,
    {
        if !seen.insert(member) {
            return false;
        }
        let lineage = self.lineage(class);
        let mut classes = std::iter::once(class).chain(lineage.iter().copied());
        let found = classes.find_map(|class| {
            let found = self.at(&format!("{class}.{member}"));
            (!found.is_empty()).then_some(found)
        });
        let Some(found) = found else { return true };
        found
            .into_iter()
            .flat_map(|function| &function.later.members)
            .any(|inner| self.of_instance(class, inner, seen))
    }
}
