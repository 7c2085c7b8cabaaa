//! What a statement puts into a list or dict that lives on, moved to where it stands after a restart:
//! behind what the statements above it had put there, before what those below it did.

use pyo3::prelude::*;

use super::base::chain;
use super::module::{Run, container};
use super::retract::other_then;
use crate::outline::Statement;

impl<'py> Run<'_, '_, '_, 'py> {
    /// `copies`: names, what they have, and what was in it before the statement ran.
    pub(super) fn arrange(
        &self,
        at: usize,
        statement: &Statement,
        copies: &[(String, Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) {
        let new = self.job.new;
        let body = &new.outline.body;
        for (name, live, rest) in copies {
            let fills = statement.uses.mutates.contains(name) && !self.remade.contains(name);
            if !fills || !container(live) {
                continue;
            }
            let Some((origin, links)) = chain(new.outline, name, at + 1) else {
                continue;
            };
            if origin == at || links.last() != Some(&at) {
                continue;
            }
            let texts: Vec<&str> = links.iter().map(|&link| new.slice(&body[link])).collect();
            let unknown = other_then(new.outline, name, &links);
            let arguments = (live, rest, texts, name, &self.job.dict, unknown);
            // Where the places cannot be told, what is new stands last.
            if let Err(error) = self.helper("arrange").and_then(|f| f.call1(arguments)) {
                log::debug!("{name} keeps its order: {error}");
            }
        }
    }
}
