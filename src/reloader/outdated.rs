//! A unit that failed on objects which lack what their classes give to new ones now, or are no more as
//! its statements had them.

use std::collections::BTreeSet;

use pyo3::prelude::*;

use super::unit::{Failed, Unit};
use crate::apply::{self, Work};
use crate::outline::Kind;
use crate::report::ModuleReport;

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Whether there are such, and names that statements bind to them: those run again then. To be
    /// asked before anything is put back.
    pub(super) fn renew(&mut self, work: &Work<'k, 'py>, failed: &Failed) -> bool {
        let objects = apply::outdated(work, &failed.error);
        if objects.is_empty() {
            return false;
        }
        let mut found = false;
        for record in &self.order {
            let Ok(Some(module)) = self.module(&record.name) else {
                continue;
            };
            let version = self.in_force(record);
            self.kit.detach(|| version.outline().is_ok());
            let Ok(outline) = version.outline() else {
                continue;
            };
            for name in apply::bound_to(self.kit, &module.dict(), &objects) {
                let writers = outline.index().writers(&outline.body, &name);
                let makes = |at: &usize| {
                    let kind = outline.body[*at].kind;
                    matches!(kind, Kind::Assign | Kind::Class | Kind::Function)
                };
                if writers.iter().any(makes) {
                    let names = self.anew.entry(record.name.to_string()).or_default();
                    found |= names.insert(name);
                }
            }
        }
        found
    }

    /// The names of a module that are to be made anew for that, which its report says.
    pub(super) fn outdated_in(&self, name: &str, report: &mut ModuleReport) -> BTreeSet<String> {
        let names = self.anew.get(name).cloned().unwrap_or_default();
        report.notes.extend(names.iter().map(|name| {
            format!(
                "{name} was made anew, since the edited code failed on it as it was; names that \
                 meant the old one follow, what else holds it keeps it"
            )
        }));
        names
    }
}
