//! What is done when a unit has been applied, or put back.

use pyo3::prelude::*;

use super::unit::Unit;
use crate::apply::Work;

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// Puts back what was logged after `mark`. What cannot be put back, as sentences.
    pub(super) fn undo(&self, work: &mut Work<'k, 'py>, mark: usize) -> Vec<String> {
        // Without an entry no statement ran.
        let ran = work.tx.mark() > mark;
        for record in self.order.iter().filter(|_| ran) {
            let edited = self.edited.get(&*record.name);
            let outline = edited.and_then(|edited| edited.version.outline().as_ref().ok());
            if let Ok(Some(module)) = self.module(&record.name) {
                work.note_bases(&module.dict(), outline);
            }
        }
        let problems = work.tx.roll_back_to(self.kit, mark);
        if mark == 0 {
            work.discard();
        }
        problems
    }

    /// Lets go of what was kept for undoing it, and has those leave that nobody needs any more.
    pub(super) fn end(&self, mut work: Work<'k, 'py>, applied: bool) {
        let mut gone = std::mem::take(&mut work.gone);
        let left = std::mem::take(&mut work.left);
        let departed = std::mem::take(&mut work.departed);
        let tried = std::mem::take(&mut work.tried);
        drop(work);
        if applied {
            self.keep_departed(departed);
            Work::come_back(self.kit, left);
            if let Err(error) = Work::leave_exits(self.kit) {
                log::debug!("what is done at exit cannot be told: {error}");
            }
            if let Err(error) = self.bind_loose() {
                log::debug!("a submodule cannot be bound in its package: {error}");
            }
        } else {
            gone.clear();
        }
        if let Err(error) = Work::leave_lists(self.kit, gone, tried) {
            log::debug!("classes that are gone stay listed for now: {error}");
        }
    }
}
