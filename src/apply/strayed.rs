//! True line numbers for functions that moved and that no known place leads to: what a statement told
//! another module, and definitions whose name means something else by now.

use pyo3::prelude::*;

use super::compile::shifted;
use super::function::Wanted;
use super::kit::{Word, is_text, reference_count};
use super::lines::Moved;
use super::module::Run;
use crate::outline::{Kind, Statement, Value};

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Notes a definition whose function was not found, where something may hold that all the same.
    pub(super) fn note_strayed(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
    ) {
        let decorated = |s: &&Statement| s.decorators != 0;
        let may_live = [new].iter().chain(chain).any(decorated) || self.rebound(new, chain);
        if may_live {
            self.stray_later(old, new, chain);
        }
    }

    /// The same of a statement of whose lambdas none was found.
    pub(super) fn note_strayed_lambdas(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
    ) {
        // `X = sorted(xs, key=lambda x: x.n)` keeps none.
        let used_up = new.value != Value::Other && !new.name.is_empty();
        let uses = &new.uses;
        let gives = !uses.calls.is_empty() || !uses.mutates.is_empty() || !uses.writes.is_empty();
        if gives && !used_up || self.rebound(new, chain) {
            self.stray_later(old, new, chain);
        }
    }

    /// The same of the methods of a class that was not found.
    pub(super) fn note_strayed_methods(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
    ) {
        let chain: Vec<&'a Statement> = chain.iter().copied().chain([new]).collect();
        let pairs = old.body.iter().zip(&new.body);
        for (old, new) in pairs.filter(|(_, new)| new.kind == Kind::Function) {
            self.note_strayed(old, new, &chain);
        }
    }

    /// Notes a function of which a loop has made several with one code: its name leads to the last.
    pub(super) fn note_siblings(
        &mut self,
        (old, new): (&'a Statement, &'a Statement),
        chain: &[&'a Statement],
        function: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        // Held by the function and here.
        if chain.iter().any(|s| s.kind == Kind::Compound)
            && reference_count(&self.work.kit.code_of(function)?) > 2
        {
            self.stray_later(old, new, chain);
        }
        Ok(())
    }

    fn stray_later(&mut self, old: &'a Statement, new: &'a Statement, chain: &[&'a Statement]) {
        self.moved.push(Moved {
            old,
            new,
            chain: chain.to_vec(),
        });
    }

    /// Whether more than one statement of its scope deals with what a definition, or a class around
    /// it, is called.
    fn rebound(&self, statement: &Statement, chain: &[&'a Statement]) -> bool {
        let named = |s: &&Statement| !s.name.is_empty();
        let mut scope: Option<&Statement> = None;
        for inner in chain.iter().copied().chain([statement]).filter(named) {
            let several = match scope {
                None => self.mentions(&inner.name) > 1,
                Some(class) => {
                    let uses = |s: &&Statement| {
                        let uses = &s.uses;
                        uses.binds.contains(&inner.name) || uses.deletes.contains(&inner.name)
                    };
                    class.body.iter().filter(uses).nth(1).is_some()
                }
            };
            if several {
                return true;
            }
            if inner.kind == Kind::Class {
                scope = Some(inner);
            }
        }
        false
    }

    fn mentions(&self, name: &str) -> usize {
        let outline = self.job.new.outline;
        let writers = outline.index().writers(&outline.body, name).into_iter();
        let writers = writers.map(|at| &outline.body[at].uses);
        let own = |uses: &&crate::outline::Uses| {
            uses.binds.iter().any(|n| n == name) || uses.deletes.iter().any(|n| n == name)
        };
        writers.filter(own).count()
    }

    /// Finds what was noted among all functions of the module, in one pass through the heap, and
    /// corrects its lines.
    pub(super) fn shift_strayed(&mut self) -> PyResult<()> {
        let strayed = std::mem::take(&mut self.moved);
        if strayed.is_empty() {
            return Ok(());
        }
        let kit = self.work.kit;
        let holders = kit.gc.call_method1("get_referrers", (&self.job.dict,))?;
        for holder in holders.try_iter()? {
            let holder = holder?;
            if !kit.is_function(&holder)
                || self.placed.contains(&(holder.as_ptr() as usize))
                || !kit.globals_of(&holder)?.is(&self.job.dict)
            {
                continue;
            }
            let code = kit.code_of(&holder)?;
            let line: u32 = code.getattr(kit.word(Word::FirstLine))?.extract()?;
            let lambda = is_text(&code.getattr(kit.word(Word::CodeName))?, "<lambda>");
            for moved in &strayed {
                let (old, new) = (moved.old, moved.new);
                if new.kind == Kind::Function {
                    let wanted = Wanted {
                        name: &old.name,
                        line: old.span.line,
                        placed: None,
                    };
                    if line == old.span.line && wanted.is(kit, &holder) {
                        let shared = self.shared_code(&code);
                        self.shift_function(&holder, old, new, &moved.chain, shared)?;
                        break;
                    }
                } else if lambda
                    && (old.span.line..=old.span.end_line).contains(&line)
                    && !kit.is_fresh(&code)
                {
                    let codes = self.lambda_codes(old, new, &moved.chain)?;
                    let delta = i64::from(new.span.line) - i64::from(old.span.line);
                    self.move_lambda(&holder, &code, delta, &codes)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The code that replaced another one, which somebody else held too: functions that a loop has
    /// made of one code share one again, or the next edit would find one of them alone.
    pub(super) fn shared_code(&self, was: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let mut known = self.work.codes.iter().rev();
        let (_, now) = known.find(|(old, _)| old.is(was))?;
        Some(now.clone())
    }

    /// The code of a lambda that moved with its statement.
    pub(super) fn moved_lambda(
        &self,
        was: &Bound<'py, PyAny>,
        delta: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.shared_code(was) {
            Some(code) => Ok(code),
            None => Ok(shifted(self.work.kit, was, delta)?.0),
        }
    }
}
