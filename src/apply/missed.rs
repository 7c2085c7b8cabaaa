//! What a fresh process would miss: names that are gone while statements of the module still read them when
//! it is imported, or while other modules still import them. Such an edit fails as the import would.
//!
//! It is told when all modules of a unit are up to date, since another one may have brought the name by then.

use std::collections::BTreeSet;
use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::annotations::lazy;
use super::arguments::{raise, refuses};
use super::compile::Source;
use super::kit::{Kit, text};
use super::module::Run;
use super::work::Work;
use crate::outline::{
    Kind, Sought, Statement, SureCall, surely_calls, surely_reads, surely_reads_inside,
};

/// What each import asks of the namespace that it stands in.
const OF_IMPORT: [&str; 5] = [
    "__name__",
    "__package__",
    "__spec__",
    "__path__",
    "__builtins__",
];

/// Through so many calls of functions it is found out what a statement asks for.
const CALLS: usize = 3;

/// A name that is not there for a while, and its value.
pub(super) type Hidden<'py> = (String, Bound<'py, PyAny>);

/// What a module would miss.
pub struct Missed<'py> {
    dict: Bound<'py, PyDict>,
    what: What<'py>,
}

enum What<'py> {
    /// This name, if the module does not have it, and code that reads it where it stands.
    Name(String, Bound<'py, PyAny>),
    /// A name that the module gets further down only: code that reads it where it stands.
    Later(Bound<'py, PyAny>),
    /// What a class is given by a statement above which its constructor does not take any more.
    Call(Bound<'py, PyAny>, SureCall, Bound<'py, PyAny>),
    /// What this import statement asks for.
    Import(Bound<'py, PyAny>),
}

impl<'py> Missed<'py> {
    /// The name of the module, and what its import would fail with; `None` if it would not.
    fn error(&self, kit: &Kit<'py>) -> PyResult<Option<(String, PyErr)>> {
        let module = self.dict.get_item("__name__")?;
        let module = module.map(|name| text(&name)).unwrap_or_default();
        let tried = match &self.what {
            What::Name(name, _) if self.dict.contains(name)? => return Ok(None),
            What::Name(_, code) => kit.exec.call1((code, &self.dict)),
            What::Call(class, call, code) => match refuses(kit, class, call)? {
                Some(error) => raise(kit, error, code),
                None => return Ok(None),
            },
            What::Later(code) => kit.exec.call1((code, PyDict::new(kit.py))),
            What::Import(code) => {
                let aside = PyDict::new(kit.py);
                for name in OF_IMPORT {
                    if let Some(value) = self.dict.get_item(name)? {
                        aside.set_item(name, value)?;
                    }
                }
                kit.exec.call1((code, aside))
            }
        };
        Ok(tried.err().map(|error| (module, error)))
    }
}

impl<'py> Work<'_, 'py> {
    /// The first module that misses something, and what its import would fail with.
    pub fn misses(&mut self) -> PyResult<Option<(String, PyErr)>> {
        for missed in std::mem::take(&mut self.missed) {
            if let Some(found) = missed.error(self.kit)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// A name of the module is gone: is there a statement that asks for it whatever happens?
    pub(super) fn miss_name(&mut self, name: &str) -> PyResult<()> {
        let builtins = self.work.kit.py.import("builtins")?.dict();
        if self.job.keep.contains(name) || builtins.contains(name)? {
            return Ok(());
        }
        let everywhere = self.job.new.outline.body.len();
        match self.needed(name, everywhere, Sought::Read, CALLS) {
            Some((statement, offset)) => self.miss(name, (statement, offset), What::Name),
            None => Ok(()),
        }
    }

    /// Names that had been bound by statements that are gone or stand elsewhere: is there one above
    /// all that bind it now which asks for it whatever happens?
    pub(super) fn miss_later(&mut self, old: &Source<'_>) -> PyResult<()> {
        let new = &self.job.new.outline.body;
        let crossed = self.job.changes.crossed().into_iter().flatten();
        let moved = crossed.map(|at| &new[at]);
        let removed = self.job.changes.removed.iter();
        let removed = removed.map(|at| &old.outline.body[*at]);
        let names: BTreeSet<&String> = moved
            .filter(|s| s.kind != Kind::MainGuard)
            .chain(removed)
            .flat_map(|s| &s.uses.binds)
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let builtins = self.work.kit.py.import("builtins")?.dict();
        for name in names {
            let Some(first) = self.binders(name).next() else {
                continue;
            };
            if !builtins.contains(name)?
                && let Some((statement, offset)) = self.needed(name, first + 1, Sought::Read, CALLS)
                && self.is_below(first, name)?
            {
                self.miss(name, (statement, offset), |_, code| What::Later(code))?;
            }
        }
        Ok(())
    }

    /// A name is gone from the body of a class of the top level.
    pub(super) fn miss_member(&mut self, class: &Statement, name: &str) -> PyResult<()> {
        let text = self.job.new.slice(class);
        match surely_reads(text, name, Sought::Read, self.lazy()) {
            Some(offset) => self.miss(name, (class, offset), What::Name),
            None => Ok(()),
        }
    }

    fn lazy(&self) -> bool {
        let source = self.job.new;
        lazy(self.work.kit, source) || source.outline.future.iter().any(|f| f == "annotations")
    }

    /// The statement above a place, and the offset in its text, that reads or calls a name when the module
    /// is imported: by itself, or by so many calls of functions of the module.
    fn needed(
        &self,
        name: &str,
        before: usize,
        sought: Sought,
        calls: usize,
    ) -> Option<(&'a Statement, usize)> {
        let (source, lazy) = (self.job.new, self.lazy());
        let (body, index) = (&source.outline.body, source.outline.index());
        let readers = index.readers(body, name).into_iter();
        for at in readers.filter(|at| *at < before) {
            let statement = &body[at];
            // What stands above may bind any name.
            if body.range(0..at).any(|above| above.uses.opaque) {
                return None;
            }
            if statement.kind != Kind::MainGuard
                && let Some(offset) = surely_reads(source.slice(statement), name, sought, lazy)
            {
                return Some((statement, offset));
            }
        }
        let fewer = calls.checked_sub(1)?;
        for at in index.later(body, name) {
            let function = &body[at];
            let plain = function.kind == Kind::Function && function.decorators == 0;
            let mut callers = index.readers(body, &function.name).into_iter();
            if plain
                && callers.any(|at| at < before)
                && self.binders(&function.name).count() == 1
                && let Some(offset) =
                    surely_reads_inside(source.slice(function), name, sought, lazy)
                && self
                    .needed(&function.name, before, Sought::Called, fewer)
                    .is_some()
            {
                return Some((function, offset));
            }
        }
        None
    }

    /// A constructor takes other arguments now: is there a statement that gives a class others whatever
    /// happens, and that does not run again since the object which it made lives on?
    pub(super) fn miss_arguments(&mut self, class: &Bound<'py, PyAny>, path: &str) -> PyResult<()> {
        let source = self.job.new;
        let body = &source.outline.body;
        let name = path.split('.').next().unwrap_or(path);
        if self.binders(name).count() != 1 {
            return Ok(());
        }
        for at in source.outline.index().readers(body, name) {
            let caller = &body[at];
            if matches!(caller.kind, Kind::Assign | Kind::Expr)
                && let Some(call) = surely_calls(source.slice(caller), path)
            {
                let class = class.clone();
                let called = format!("{name}()");
                let code = self.code_at(&called, (caller, call.offset))?;
                self.work.missed.push(Missed {
                    dict: self.job.dict.clone(),
                    what: What::Call(class, call, code),
                });
            }
        }
        Ok(())
    }

    /// The same for classes that have become abstract.
    pub(super) fn miss_abstract(&mut self) -> PyResult<()> {
        for class in self.work.abstracted.clone() {
            let name = text(&class.getattr("__name__")?);
            let here = self.job.dict.get_item(&name)?;
            if here.is_some_and(|here| here.is(&class)) {
                self.miss_arguments(&class, &name)?;
            }
        }
        Ok(())
    }

    /// The same for classes of other modules of which the constructors changed.
    pub(super) fn miss_arguments_outside(&mut self) -> PyResult<()> {
        let paths = self.job.outside.behaviour.keys();
        let classes = paths.filter_map(|path| path.strip_suffix(".__init__"));
        for path in classes {
            if let Some(class) = self
                .resolve(path)
                .filter(|found| self.work.kit.is_class(found))
            {
                self.miss_arguments(&class, path)?;
            }
        }
        Ok(())
    }

    /// Code that has a text where a name stands in a statement.
    fn code_at(
        &self,
        text: &str,
        (statement, offset): (&Statement, usize),
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = self.job.new;
        let before = source.slice(statement).get(..offset).unwrap_or_default();
        let lines = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let line = statement.span.line as usize + lines;
        source.name_at(self.work.kit, line, column, text)
    }

    fn miss(
        &mut self,
        name: &str,
        (statement, offset): (&Statement, usize),
        what: fn(String, Bound<'py, PyAny>) -> What<'py>,
    ) -> PyResult<()> {
        let code = self.code_at(name, (statement, offset))?;
        self.work.missed.push(Missed {
            dict: self.job.dict.clone(),
            what: what(name.to_owned(), code),
        });
        Ok(())
    }

    /// Names that will be gone when all statements have run. Those that run are not to see them.
    pub(super) fn note_leaving(&mut self, gone: &[(&Statement, String)]) -> PyResult<()> {
        let body = &self.job.new.outline.body;
        if gone.is_empty() || body.iter().any(|s| s.uses.opaque) {
            return Ok(());
        }
        for (statement, name) in gone {
            let bound = self.binders(name).next().is_some()
                || body
                    .iter()
                    .any(|s| self.functions.global_writes(&s.uses.calls).contains(name));
            if !bound
                && statement.kind != Kind::MainGuard
                && !name.starts_with("__")
                && !self.job.keep.contains(name)
                && self.star_value(name)?.is_none()
            {
                self.work.leaving.insert(name.clone());
                self.dirty.value(name, "which is gone");
            }
        }
        Ok(())
    }

    /// Whether nothing gives a name a value above a statement, but something does from there on: a fresh
    /// process does not see that there.
    fn is_below(&self, at: usize, name: &str) -> PyResult<bool> {
        let body = &self.job.new.outline.body;
        // `__doc__` and the like are there from the start.
        if name.starts_with("__")
            || self.binders(name).next().is_none_or(|first| first < at)
            || self.job.keep.contains(name)
        {
            return Ok(false);
        }
        let binds = |s: &Statement| {
            s.uses.opaque
                || self.functions.opaque(&s.uses.calls)
                || s.uses.deletes.iter().any(|n| n == name)
                || self.functions.global_writes(&s.uses.calls).contains(name)
        };
        Ok(!body.range(0..at + 1).any(binds) && self.star_import(name, 0)?.is_none())
    }

    /// Takes names away that a statement reads and a fresh process would not have there, while it runs.
    pub(super) fn hide_leaving(
        &self,
        at: usize,
        statement: &Statement,
    ) -> PyResult<Vec<Hidden<'py>>> {
        let mut out = Vec::new();
        let read = statement.uses.reads.iter().chain(&statement.uses.calls);
        let text = self.job.new.slice(statement);
        for path in read {
            let name = path.split('.').next().unwrap_or(path);
            // What a statement binds itself it may read after that.
            let own = statement.uses.binds.iter().any(|n| n == name);
            if (self.work.leaving.contains(name) || self.is_below(at, name)?)
                && (!own || surely_reads(text, name, Sought::Read, self.lazy()).is_some())
                && let Some(value) = self.job.dict.get_item(name)?
            {
                self.job.dict.del_item(name)?;
                out.push((name.to_owned(), value));
            }
        }
        if self.work.leaving.is_empty() {
            return Ok(out);
        }
        // Also from functions that it calls.
        for name in self.functions.later_reads(&statement.uses) {
            if self.work.leaving.contains(&name)
                && let Some(value) = self.job.dict.get_item(&name)?
            {
                self.job.dict.del_item(&name)?;
                out.push((name, value));
            }
        }
        Ok(out)
    }

    /// Puts them back, for what takes leave of them.
    pub(super) fn show_leaving(&self, hidden: Vec<Hidden<'py>>) -> PyResult<()> {
        for (name, value) in hidden {
            if !self.job.dict.contains(&name)? {
                self.job.dict.set_item(name, value)?;
            }
        }
        Ok(())
    }

    /// What a statement imports is gone from where it comes from.
    pub(super) fn miss_import(&mut self, statement: &Statement) -> PyResult<()> {
        let source = self.job.new;
        // A fresh process would not import a module whose file is gone.
        if statement.kind == Kind::Import && Path::new(source.filename).exists() {
            self.work.missed.push(Missed {
                dict: self.job.dict.clone(),
                what: What::Import(source.statement(self.work.kit, statement)?),
            });
        }
        Ok(())
    }
}
