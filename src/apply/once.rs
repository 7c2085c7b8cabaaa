//! What functions have computed once, and a restart would have computed anew: see once.py. Only for
//! statements that run again: what the program computes when it is told to is its own.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::module::Run;
use super::registry::told;
use crate::diff::What;
use crate::outline::{Kind, Statement};

impl<'py> Run<'_, '_, '_, 'py> {
    /// Before a statement runs: what the functions that it calls have computed once is forgotten, where
    /// they would compute something else now.
    pub(super) fn compute_again(&mut self, statement: &Statement) {
        let calls = matches!(
            statement.kind,
            Kind::Assign | Kind::AugAssign | Kind::Expr | Kind::Compound
        );
        let uses = &statement.uses;
        if calls && self.work.merge && !(uses.calls.is_empty() && uses.members.is_empty()) {
            told(self.forget_once(statement));
        }
    }

    fn forget_once(&mut self, statement: &Statement) -> PyResult<()> {
        let body = &self.job.new.outline.body;
        let items = self.job.changes.items.iter();
        let edited = items.filter(|change| change.what != What::Same);
        let edited: BTreeSet<&str> = edited.map(|change| &*body[change.new].name).collect();
        let mut paths = self
            .functions
            .compute_again(statement, &edited, &self.dirty);
        paths.retain(|path| self.computed.0.insert(path.clone()));
        if paths.is_empty() {
            return Ok(());
        }
        let kit = self.work.kit;
        // The undo log has what is forgotten.
        let none = || PyList::empty(kit.py);
        self.watch(none(), none())?;
        let Some(snapshot) = self.work.snapshot.clone() else {
            return Ok(());
        };
        self.past()?;
        let known = self.kept()?;
        let names = paths.iter().chain(&statement.uses.calls);
        let names: Vec<&str> = names.map(|path| crate::plan::root(path)).collect();
        let once = self.registry_helper("Once")?.call1((&snapshot, names))?;
        for path in &paths {
            let class = path
                .rsplit_once('.')
                .and_then(|(class, _)| self.attribute(class));
            let class = class.filter(|class| kit.is_class(class));
            let called = match (&class, path.rsplit_once('.')) {
                (Some(class), Some((_, name))) => kit.class_entry(class, name)?,
                _ => self.attribute(path),
            };
            if let Some(called) = called {
                once.call_method1("forget", (called, class))?;
            }
        }
        self.put_back_from(known)
    }
}
