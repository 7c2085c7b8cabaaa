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

/// What differs of what they look at.
enum Looked {
    No,
    /// The docstring alone.
    Documents,
    /// Whether it is a generator.
    Kinds,
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether the decorators of a function of the module look at that and find something else, and are to
    /// be applied again. Who made an object of the function may have told it all kinds of things since: it is
    /// told of another docstring alone (`say_anew`).
    pub(super) fn body_looked_at(&self, old: &Statement, new: &Statement) -> bool {
        let made = || self.job.dict.get_item(&new.name).ok().flatten();
        match self.seen_of(None, old, new) {
            Looked::No => false,
            Looked::Documents => made().is_some_and(|made| self.work.kit.is_function(&made)),
            Looked::Kinds => true,
        }
    }

    /// The same for one in the body of a class or in a block, where other statements may have to do with what the
    /// decorators made: only another kind of function is a reason.
    pub(super) fn kind_looked_at(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        old: &Statement,
        new: &Statement,
    ) -> bool {
        matches!(self.seen_of(class, old, new), Looked::Kinds)
    }

    /// The same of the functions in a block.
    pub(super) fn any_looked_at(&self, old: &Statement, new: &Statement, inner: &Changes) -> bool {
        inner.items.iter().any(|change| {
            let Some(was) = change.old.map(|at| &old.body[at]) else {
                return false;
            };
            let part = &new.body[change.new];
            match &change.what {
                What::Body => self.kind_looked_at(None, was, part),
                What::Inner(deeper) if part.kind == Kind::Compound => {
                    self.any_looked_at(was, part, deeper)
                }
                _ => false,
            }
        })
    }

    fn seen_of(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        old: &Statement,
        new: &Statement,
    ) -> Looked {
        let looked = || -> PyResult<Looked> {
            let Some(source) = self.job.old else {
                return Ok(Looked::No);
            };
            if new.kind != Kind::Function || new.decorators == 0 {
                return Ok(Looked::No);
            }
            let callables = self.callables_in(class, new)?;
            let pairs = vec![(text_of(source, old), text_of(self.job.new, new))];
            self.look_at_bodies(callables, Vec::new(), pairs)
        };
        told(looked()).unwrap_or(Looked::No)
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

    /// Whether what is called with a class looks at that of the class itself or of its methods. Those
    /// of its bases are asked for what they do when it is made.
    pub(super) fn bodies_looked_at(&self, body: &Body<'_, 'a, 'py>) -> bool {
        let looked = || -> PyResult<Looked> {
            let (Some(source), Some(inner)) = (self.job.old, body.inner) else {
                return Ok(Looked::No);
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
                return Ok(Looked::No);
            }
            let head = &body.new.head;
            let bases = head.reads.iter().filter(|path| !head.calls.contains(path));
            let bases = bases.filter_map(|path| self.attribute(path)).collect();
            let callables = self.values_at(None, head.calls.iter())?;
            self.look_at_bodies(callables, bases, pairs)
        };
        !matches!(told(looked()), None | Some(Looked::No))
    }

    fn look_at_bodies(
        &self,
        callables: Bound<'py, PyList>,
        bases: Vec<Bound<'py, PyAny>>,
        pairs: Vec<(Text<'_>, Text<'_>)>,
    ) -> PyResult<Looked> {
        if callables.is_empty() && bases.is_empty() {
            return Ok(Looked::No);
        }
        let looks = self.registry_helper("looks_at_bodies")?;
        Ok(match looks.call1((callables, bases, pairs))?.extract()? {
            0 => Looked::No,
            1 => Looked::Documents,
            _ => Looked::Kinds,
        })
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
