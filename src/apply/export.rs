//! What a module tells the ones that import it: which of its names mean or do something else.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::module::Run;
use crate::plan::{acting_at_all, root, shown};

impl Run<'_, '_, '_, '_> {
    /// Puts what differs, and which functions act differently for it, into the facts.
    pub(super) fn export(&mut self) {
        // When fewer act differently, asking who wants to know costs more than telling.
        const FEW: usize = 16;
        let Some(taken) = self.job.taken else {
            return;
        };
        let outline = self.job.new.outline;
        let owned = |names: FxHashSet<&str>| names.into_iter().map(str::to_owned).collect();
        let names: BTreeSet<String> = match acting_at_all(outline, &self.dirty, FEW) {
            Some(few) => owned(few),
            None => match taken() {
                Some(taken) => self.functions.ancestry(taken),
                None => acting_at_all(outline, &self.dirty, usize::MAX)
                    .map_or_else(BTreeSet::new, owned),
            },
        };
        let roots = || names.iter().map(String::as_str);
        let made = self.functions.made_attributes(roots());
        let mut acting: BTreeSet<String> = BTreeSet::new();
        for path in self.functions.paths(roots()).into_iter().chain(made) {
            // What a function gives has a path of its own.
            if let Some(why) = self.functions.applied_differs(&path, 1, &self.dirty) {
                let why = why
                    .strip_prefix(&format!("calls {}, ", shown(&path)))
                    .map(str::to_owned)
                    .unwrap_or(why);
                acting.insert(root(&path).to_owned());
                self.facts.dirty.acts(path, why);
            } else if let Some((path, why)) = self.functions.acts_given(&path, &self.dirty) {
                self.facts.dirty.acts(path, why);
            }
        }
        // What stands as it is, and calls what differs, may be held by other modules.
        for name in &acting {
            let told = self.functions.handed_elsewhere(name);
            self.work.holding.extend(told);
        }
        self.functions.tell_makes(roots(), &mut self.dirty);
        self.facts.dirty.append(&mut self.dirty);
        self.functions.derive(&mut self.facts.dirty, &names);
    }
}
