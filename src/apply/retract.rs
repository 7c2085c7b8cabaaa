//! What statements had put into a container, taken out again: see skeleton.py.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::compile::Source;
use super::module::{Run, container};
use crate::outline::{Kind, Outline, Statement, Value};
use crate::plan::affected;

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// The value that the old statements gave a name at import, made again aside, where making
    /// it has no effect but the value.
    pub(super) fn import_value(&self, old: &Source<'_>, name: &str) -> Option<Bound<'py, PyAny>> {
        let body = &old.outline.body;
        let (origin, links) = chain(old.outline, name)?;
        let fed = links
            .iter()
            .any(|&at| affected(&body[at].uses, &self.functions, &self.job.outside).is_some());
        let simple = links.iter().all(|&at| {
            let statement = &body[at];
            let only = at == origin || statement.uses.mutates.iter().all(|n| n == name);
            only && statement.kind != Kind::Compound
                && (statement.value != Value::Other
                    || at != origin
                        && statement.uses.calls.iter().all(|path| {
                            path.strip_prefix(name)
                                .is_some_and(|rest| rest.starts_with('.'))
                        }))
        });
        if !simple || fed {
            return self.skeleton(old, name, &links);
        }
        let scratch = self.before.copy().ok()?;
        self.as_it_was(&scratch, &body[origin]).ok()?;
        for at in links {
            let code = old.statement(self.work.kit, &body[at]).ok()?;
            self.work.kit.exec.call1((code, &scratch)).ok()?;
        }
        scratch.get_item(name).ok()?
    }

    /// What import had put into a container, as far as it can be told without calling anything.
    pub(super) fn skeleton(
        &self,
        old: &Source<'_>,
        name: &str,
        links: &[usize],
    ) -> Option<Bound<'py, PyAny>> {
        let body = &old.outline.body;
        if links.iter().any(|&at| body[at].kind == Kind::Compound) {
            return None;
        }
        let texts: Vec<&str> = links.iter().map(|&at| old.slice(&body[at])).collect();
        let scratch = self.before.copy().ok()?;
        self.as_it_was(&scratch, &body[*links.first()?]).ok()?;
        let contents = self.helper("contents").ok()?;
        let gone = PyTuple::empty(self.work.kit.py);
        contents
            .call1((texts, gone, name, scratch, self.unknown()))
            .ok()
    }

    fn helper(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let kit = self.work.kit;
        // Not a module: what is ours must not show up in sys.modules.
        let helper = PyDict::new(kit.py);
        let text = include_str!("skeleton.py");
        let code = kit.compile.call1((text, "pyreload/skeleton.py", "exec"))?;
        kit.exec.call1((code, &helper))?;
        helper.as_any().get_item(name)
    }

    /// Paths that mean something else than they did when the module was imported.
    fn unknown(&self) -> Vec<String> {
        let known = |path: &String| self.job.was.iter().any(|(was, _)| was == path);
        let mut outside = self.job.outside.clone();
        self.functions.derive(&mut outside);
        let paths = outside
            .values
            .into_keys()
            .chain(outside.behaviour.into_keys());
        paths.filter(|path| !known(path)).collect()
    }

    /// Before a statement runs again that changes containers in place: its effect so far goes.
    pub(super) fn retract_own(&mut self, at: usize) -> PyResult<()> {
        let Some(old) = self.job.old else {
            return Ok(());
        };
        let Some(was) = self.job.changes.at(at).0 else {
            return Ok(());
        };
        self.retract(old, was)
    }

    /// Statements that are gone and changed a container, with the one that made it.
    pub(super) fn find_gone_links(&self) -> Vec<(usize, usize)> {
        let Some(old) = self.job.old else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for &at in &self.job.changes.removed {
            for name in &old.outline.body[at].uses.mutates {
                if let Some((origin, _)) = chain(old.outline, name).filter(|(o, _)| *o < at) {
                    out.push((origin, at));
                }
            }
        }
        out
    }

    /// After the statement that made a container: what was done to it by statements that are gone.
    pub(super) fn retract_gone(&mut self, made: usize) -> PyResult<()> {
        let (Some(old), Some(made)) = (self.job.old, self.job.changes.at(made).0) else {
            return Ok(());
        };
        for (origin, at) in self.gone_links.clone() {
            if origin == made {
                self.retract(old, at)?;
            }
        }
        Ok(())
    }

    fn retract(&mut self, old: &Source<'_>, at: usize) -> PyResult<()> {
        let body = &old.outline.body;
        let statement: &Statement = &body[at];
        for name in &statement.uses.mutates {
            let Some(live) = self.job.dict.get_item(name)? else {
                continue;
            };
            if self.remade.contains(name) || !container(&live) {
                continue;
            }
            let Some((origin, links)) = chain(old.outline, name) else {
                continue;
            };
            let links: Vec<usize> = links
                .into_iter()
                .filter(|link| !self.retracted.contains(link))
                .collect();
            let Some(number) = links.iter().position(|&link| link == at) else {
                continue;
            };
            if at == origin || links.iter().any(|&l| body[l].kind == Kind::Compound) {
                continue;
            }
            self.retracted.insert(at);
            let texts: Vec<&str> = links.iter().map(|&link| old.slice(&body[link])).collect();
            self.work.tx.container(&live)?;
            let was = live.call_method0("copy")?;
            let retract = self.helper("retract")?;
            let texts = PyList::new(self.work.kit.py, texts)?;
            let arguments = (&live, texts, (number,), name, &self.before, self.unknown());
            // Where it cannot be told, the entries stay.
            match retract.call1(arguments) {
                Ok(_) if live.eq(&was).unwrap_or(true) => {}
                Ok(_) => self
                    .dirty
                    .value(name, "out of which something was taken that is gone"),
                Err(error) => log::debug!("{name} keeps what a statement had put there: {error}"),
            }
        }
        Ok(())
    }
}

/// The statement that made what a name is bound to in the end, and the statements, with that one,
/// that did something to it.
fn chain(outline: &Outline, name: &str) -> Option<(usize, Vec<usize>)> {
    let has = |names: &[String]| names.iter().any(|n| n == name);
    let uses = |at: usize| &outline.body[at].uses;
    let writers = outline.index().writers(&outline.body, name);
    let makes = |at: &usize| has(&uses(*at).binds) && !has(&uses(*at).mutates);
    let origin = writers.iter().copied().rfind(makes)?;
    let links = writers.into_iter().filter(|at| *at >= origin);
    let links = links.filter(|&at| at == origin || has(&uses(at).mutates));
    Some((origin, links.collect()))
}
