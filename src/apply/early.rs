//! Functions that an edit adds below what calls them are bound before that gets its new code: another thread
//! may call it meanwhile.

use pyo3::prelude::*;

use super::module::Run;
use crate::diff::What;
use crate::outline::{Kind, Statement};
use crate::plan::Mark;

impl Run<'_, '_, '_, '_> {
    /// Binds them, as far as no statement above that runs can tell. Their own statements bind them anew when it
    /// is their turn.
    pub(super) fn bind_early(&mut self) -> PyResult<()> {
        let body = &self.job.new.outline.body;
        let mut patched = false;
        for step in &self.job.plan.steps {
            let statement = &body[step.new];
            match step.mark {
                Mark::Patch => patched = true,
                Mark::Members if !statement.uses.calls_others => patched = true,
                Mark::Run | Mark::RunIf if patched && self.is_added(step.new, statement) => {
                    let kit = self.work.kit;
                    let code = self.job.new.statement(kit, statement)?;
                    kit.exec.call1((code, &self.job.dict))?;
                }
                Mark::Run | Mark::RunIf | Mark::Members
                    if statement.uses.calls_others || statement.uses.opaque =>
                {
                    // What it calls may ask for names that are not to be there yet.
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a function is new, under a name that nothing had and that nothing above asks for when the
    /// module is imported, and making it runs nothing else.
    fn is_added(&self, at: usize, statement: &Statement) -> bool {
        let outline = self.job.new.outline;
        let name = &*statement.name;
        let free = |dict: &Bound<'_, PyAny>| !dict.contains(name).unwrap_or(true);
        statement.kind == Kind::Function
            && *self.what(at) == What::Added
            && statement.decorators == 0
            && statement.uses.reads.is_empty()
            && statement.uses.calls.is_empty()
            && self.binders(name).count() == 1
            && !outline
                .index()
                .readers(&outline.body, name)
                .iter()
                .any(|reader| *reader < at)
            && free(&self.job.dict)
            && self
                .work
                .kit
                .py
                .import("builtins")
                .is_ok_and(|all| free(all.dict().as_any()))
    }
}
