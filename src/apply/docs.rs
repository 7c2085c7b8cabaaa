//! What those look at who are given a definition of which only the body differs: its docstring, and
//! whether it is a generator. `HELP[f.__name__] = f.__doc__`, `if isgeneratorfunction(f): ...`.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::alike::docstring;
use super::compile::Source;
use super::function::{Wanted, find};
use super::members::Body;
use super::module::Run;
use super::registry::told;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};

/// A definition by its text, and what stands before that on its line.
type Text<'a> = (&'a str, &'a str);

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether the decorators of a function, perhaps in the body of a class, look at that and find
    /// something else.
    pub(super) fn body_looked_at(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        old: &Statement,
        new: &Statement,
    ) -> bool {
        let looked = || -> PyResult<bool> {
            let Some(source) = self.job.old else {
                return Ok(false);
            };
            if new.kind != Kind::Function || new.decorators == 0 {
                return Ok(false);
            }
            let callables = self.callables_in(class, new)?;
            let pairs = vec![(text_of(source, old), text_of(self.job.new, new))];
            self.look_at_bodies(callables, Vec::new(), pairs)
        };
        told(looked()).unwrap_or(false)
    }

    /// Applies such decorators again. Who took the docstring from what they had made has it by now.
    pub(super) fn decorate_again(
        &mut self,
        at: usize,
        old: &'a Statement,
        new: &'a Statement,
        why: &str,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let wanted = Wanted {
            name: &old.name,
            line: old.span.line,
            placed: None,
        };
        let holder = self.job.dict.get_item(&old.name)?;
        let function = match holder {
            Some(holder) => find(kit, &holder, wanted, &self.job.dict)?,
            None => None,
        };
        let said = || -> PyResult<Option<Bound<'py, PyAny>>> {
            let code = function.as_ref().map(|function| kit.code_of(function));
            code.map(|code| docstring(kit, &code?)).transpose()
        };
        let before = said()?;
        self.execute(at, new, why)?;
        if let (Some(before), Some(after)) = (before, said()?)
            && !before.eq(&after)?
        {
            self.copies_of_text(before, after);
        }
        Ok(())
    }

    /// The same of the functions in a block.
    pub(super) fn any_looked_at(&self, old: &Statement, new: &Statement, inner: &Changes) -> bool {
        inner.items.iter().any(|change| {
            let Some(was) = change.old.map(|at| &old.body[at]) else {
                return false;
            };
            let part = &new.body[change.new];
            match &change.what {
                What::Body => self.body_looked_at(None, was, part),
                What::Inner(deeper) if part.kind == Kind::Compound => {
                    self.any_looked_at(was, part, deeper)
                }
                _ => false,
            }
        })
    }

    /// Whether what is called with a class looks at that of the class itself or of its methods. Those
    /// of its bases are asked for what they do when it is made.
    pub(super) fn bodies_looked_at(&self, body: &Body<'_, 'a, 'py>) -> bool {
        let looked = || -> PyResult<bool> {
            let (Some(source), Some(inner)) = (self.job.old, body.inner) else {
                return Ok(false);
            };
            let text = |of: &Source<'a>, class: &Statement| match class.body.first() {
                Some(first) if first.kind == Kind::Docstring => of.slice(first),
                _ => "",
            };
            let documented = text(source, body.old) != text(self.job.new, body.new);
            let methods = inner.items.iter().filter_map(|change| match change.what {
                What::Body => Some((change.old?, change.new)),
                _ => None,
            });
            let mut pairs: Vec<(Text<'_>, Text<'_>)> = methods
                .map(|(was, now)| {
                    let new = text_of(self.job.new, &body.new.body[now]);
                    (text_of(source, &body.old.body[was]), new)
                })
                .collect();
            if documented {
                pairs.push((
                    ("", text(source, body.old)),
                    ("", text(self.job.new, body.new)),
                ));
            }
            if pairs.is_empty() {
                return Ok(false);
            }
            let head = &body.new.head;
            let bases = head.reads.iter().filter(|path| !head.calls.contains(path));
            let bases = bases.filter_map(|path| self.attribute(path)).collect();
            let callables = self.values_at(None, head.calls.iter())?;
            self.look_at_bodies(callables, bases, pairs)
        };
        told(looked()).unwrap_or(false)
    }

    fn look_at_bodies(
        &self,
        callables: Bound<'py, PyList>,
        bases: Vec<Bound<'py, PyAny>>,
        pairs: Vec<(Text<'_>, Text<'_>)>,
    ) -> PyResult<bool> {
        if callables.is_empty() && bases.is_empty() {
            return Ok(false);
        }
        let looks = self.registry_helper("looks_at_bodies")?;
        looks.call1((callables, bases, pairs))?.is_truthy()
    }
}

fn text_of<'a>(source: &Source<'a>, statement: &Statement) -> Text<'a> {
    let start = statement.span.start as usize;
    let before = start.saturating_sub(statement.span.column as usize)..start;
    (
        source.text.get(before).unwrap_or(""),
        source.slice(statement),
    )
}
