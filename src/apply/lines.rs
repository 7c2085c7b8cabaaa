//! True line numbers for what only moved.

use pyo3::prelude::*;

use super::compile::moved_to;
use super::function::{Wanted, find, same_code, search};
use super::kit::{Word, module_of, reference_count};
use super::members::mangled;
use super::module::Run;
use super::undo::set_code;
use crate::outline::{Kind, Statement, Value};

/// A statement that did not change but stands elsewhere.
pub(super) struct Moved<'a> {
    pub old: &'a Statement,
    pub new: &'a Statement,
    /// The blocks around it, outermost first.
    pub chain: Vec<&'a Statement>,
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Corrects the lines of all that moved.
    pub fn shift_lines(&mut self) -> PyResult<()> {
        for moved in std::mem::take(&mut self.moved) {
            let mut class = None;
            for block in &moved.chain {
                if block.kind == Kind::Class {
                    let entry = self.entry(class.as_ref(), &block.name)?;
                    class = entry.filter(|e| self.work.kit.is_class(e));
                    if class.is_none() {
                        break;
                    }
                }
            }
            if class.is_some() || moved.chain.iter().all(|b| b.kind != Kind::Class) {
                self.shift(moved.old, moved.new, &moved.chain, class.as_ref())?;
            } else if moved.new.kind == Kind::Function {
                self.note_strayed(moved.old, moved.new, &moved.chain);
            }
        }
        // What was not found has been noted there.
        self.shift_strayed()
    }

    /// Gives a function that merely moved its own code with its new lines. Where nobody else has the
    /// old code it is let go at once, and made again if all is put back: of thousands of functions
    /// the next gets the memory of the one before, which is at hand.
    fn move_lines(
        &mut self,
        function: &Bound<'py, PyAny>,
        was: Bound<'py, PyAny>,
        (line, delta): (i64, i64),
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let (code, nested) = moved_to(kit, &was, line, delta)?;
        // Held by the function and here.
        if nested || reference_count(&was) > 2 || kit.is_watched(&was) {
            return self.place(function, &was, &code, nested);
        }
        function.setattr(kit.word(Word::Code), code)?;
        self.work.tx.lines(function, delta);
        self.placed.insert(function.as_ptr() as usize);
        Ok(())
    }

    /// Gives a function the code with its new lines, while all that belongs to it is at hand. From
    /// then on it is nobody's that stood there in the old text.
    fn place(
        &mut self,
        function: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
        nested: bool,
    ) -> PyResult<()> {
        self.work.tx.code(function, was.clone());
        set_code(self.work.kit, function, code)?;
        if nested {
            self.work.retire(was, code)?;
        }
        // Held by the caller and by the log.
        if reference_count(was) > 2 {
            self.work.codes.push((was.clone(), code.clone()));
        }
        self.placed.insert(function.as_ptr() as usize);
        Ok(())
    }

    fn entry(
        &self,
        class: Option<&Bound<'py, PyAny>>,
        name: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match class {
            Some(class) => {
                let kit = self.work.kit;
                if !name.starts_with("__") {
                    return kit.class_entry(class, name);
                }
                // An enumeration keeps its own under another name.
                if name == "__new__"
                    && let Some(own) = kit.class_entry(class, "__new_member__")?
                {
                    return Ok(Some(own));
                }
                let own = super::kit::text(&class.getattr(kit.name("__name__"))?);
                kit.class_entry(class, &mangled(name, Some(&own)))
            }
            None => self.job.dict.get_item(name),
        }
    }

    fn shift(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let Some(in_place) = self.in_place(old, new) else {
            return Ok(());
        };
        let kit = self.work.kit;
        if in_place && old.span.line == new.span.line {
            return Ok(());
        }
        match new.kind {
            Kind::Function => {
                self.stale_lines(new)?;
                let wanted = Wanted {
                    name: &old.name,
                    line: old.span.line,
                    placed: Some(&self.placed),
                };
                let holder = self.entry(class, &new.name)?;
                let found = match &holder {
                    Some(holder) => find(kit, holder, wanted, &self.job.dict)?,
                    None => None,
                };
                let found = match found {
                    None if class.is_none() => self.stray(new, wanted, holder.is_none())?,
                    found => found,
                };
                match found {
                    Some(function) => {
                        self.note_siblings((old, new), chain, &function)?;
                        self.shift_function(&function, old, new, chain, None)
                    }
                    None => {
                        self.note_strayed(old, new, chain);
                        Ok(())
                    }
                }
            }
            Kind::Class => {
                let Some(live) = self.entry(class, &new.name)?.filter(|e| kit.is_class(e)) else {
                    self.note_strayed_methods(old, new, chain);
                    return Ok(());
                };
                if !kit.defined_in(&live, &self.job.dict)? {
                    return Ok(());
                }
                let mut inner = chain.to_vec();
                inner.push(new);
                for class in self.makings(&live, new)? {
                    if kit.version >= (3, 13) {
                        let key = pyo3::types::PyString::new(kit.py, "__firstlineno__");
                        let line = pyo3::types::PyInt::new(kit.py, new.span.line);
                        let known = kit.class_entry(&class, "__firstlineno__")?;
                        if known.is_some_and(|known| known.eq(old.span.line).unwrap_or(false)) {
                            self.work.tx.set_class_entry(
                                kit,
                                &class,
                                key.as_any(),
                                line.as_any(),
                            )?;
                        }
                    }
                    for (was, is) in old.body.iter().zip(&new.body) {
                        self.shift(was, is, &inner, Some(&class))?;
                    }
                }
                Ok(())
            }
            Kind::Compound => {
                let mut inner = chain.to_vec();
                inner.push(new);
                for (was, is) in old.body.iter().zip(&new.body) {
                    self.shift(was, is, &inner, class)?;
                }
                // Its body has the definitions alone.
                match old.lambdas {
                    true => self.shift_values(old, new, chain, class),
                    false => Ok(()),
                }
            }
            Kind::Assign | Kind::AugAssign | Kind::Annotation | Kind::Expr if old.lambdas => {
                self.shift_values(old, new, chain, class)
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing but the line of a statement is another. `None` where the old text is not known.
    fn in_place(&self, old: &Statement, new: &Statement) -> Option<bool> {
        let source = self.job.old?;
        // Of thousands that merely moved, the texts need not be looked at.
        let same_text = old.shares(new) || source.slice(old) == self.job.new.slice(new);
        // Code knows its columns since 3.11.
        let in_place = old.span.column == new.span.column || self.work.kit.version < (3, 11);
        Some(same_text && in_place)
    }

    /// Gives the function of a definition that moved its new lines.
    pub(super) fn shift_function(
        &mut self,
        function: &Bound<'py, PyAny>,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
        shared: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let in_place = self.in_place(old, new) == Some(true);
        let delta = i64::from(new.span.line) - i64::from(old.span.line);
        // A class in a function carries its line as a constant (3.13+).
        let exact = in_place && !(kit.version >= (3, 13) && has_class(new));
        if old.lambdas {
            // Default values are made where the `def` stands.
            let codes = self.lambda_codes(old, new, chain)?;
            for part in ["__defaults__", "__kwdefaults__"] {
                let values = function.getattr(kit.name(part))?;
                self.shift_lambdas(&values, old, delta, &codes)?;
            }
        }
        let was = kit.code_of(function)?;
        if let Some(code) = shared {
            return self.place(function, &was, &code, true);
        }
        if exact {
            let line = i64::from(new.span.line);
            return self.move_lines(function, was, (line, delta));
        }
        let code = self.job.new.definition(kit, chain, new)?;
        self.move_code(function, &was, &code)
    }

    /// The lambdas in what a statement binds, and in what it puts into a container:
    /// `table.append(lambda: ...)`.
    fn shift_values(
        &mut self,
        old: &'a Statement,
        new: &'a Statement,
        chain: &[&'a Statement],
        class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let delta = i64::from(new.span.line) - i64::from(old.span.line);
        let codes = self.lambda_codes(old, new, chain)?;
        let mut found = false;
        for name in new.uses.binds.iter().chain(&new.uses.mutates) {
            let fields = self.entry(class, "__dataclass_fields__")?;
            let field = fields.filter(|_| class.is_some());
            let field = field.and_then(|f| f.get_item(name).ok());
            for value in self.entry(class, name)?.into_iter().chain(field) {
                found |= self.shift_lambdas(&value, old, delta, &codes)?;
                // `C = type("C", (), {"area": lambda self: 1})`
                if kit.is_class(&value) && kit.defined_in(&value, &self.job.dict)? {
                    for (_, entry) in kit.class_dict(&value)?.iter() {
                        found |= self.shift_lambdas(&entry, old, delta, &codes)?;
                    }
                }
            }
        }
        if !found {
            self.note_strayed_lambdas(old, new, chain);
        }
        Ok(())
    }

    /// A function that its name does not lead to: `public = _private`, `del _private`, or one that
    /// only its decorators know, as in `@size.register` above a `def _`.
    pub(super) fn stray(
        &self,
        statement: &Statement,
        wanted: Wanted<'_>,
        unbound: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        if unbound {
            let mut values = self.job.dict.iter().map(|(_, value)| value);
            if let Some(found) = values.find(|value| wanted.is(kit, value)) {
                return Ok(Some(found));
            }
        }
        if statement.decorators != 0 {
            for path in &statement.uses.calls {
                let root = path.split('.').next().unwrap_or(path);
                if let Some(decorator) = self.job.dict.get_item(root)?
                    && let Some(found) = find(kit, &decorator, wanted, &self.job.dict)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// The classes that a class statement made: what its name is bound to, and where a decorator
    /// derived that from what it got, that one.
    fn makings(
        &self,
        live: &Bound<'py, PyAny>,
        statement: &Statement,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let kit = self.work.kit;
        let mut out = Vec::new();
        if statement.decorators != 0 {
            for class in live.getattr(kit.name("__mro__"))?.try_iter()? {
                let class = class?;
                if class.getattr(kit.name("__name__"))?.eq(&*statement.name)?
                    && kit.defined_in(&class, &self.job.dict)?
                {
                    out.push(class);
                }
            }
        }
        if out.is_empty() {
            out.push(live.clone());
        }
        Ok(out)
    }

    /// A function that remembers, in a variable of the module, where in its file it is: it has to
    /// look again. Counters and caches of other things are nobody's lines, and stay.
    pub(super) fn stale_lines(&mut self, function: &Statement) -> PyResult<()> {
        for name in &function.later.global_writes {
            let Some(value) = self.job.dict.get_item(name)? else {
                continue;
            };
            let module = module_of(&value.get_type());
            let Some(at) = self.binders(name).next() else {
                continue;
            };
            let statement = &self.job.new.outline.body[at];
            if super::kit::text(&module) == "traceback" && statement.value == Value::Pure {
                self.execute(at, statement, "it remembers a line of the old text")?;
            }
        }
        Ok(())
    }

    /// What the code of a statement's lambdas was and what it is, where more of it than its line is
    /// another: the statement is indented in another way, or laid out in another way.
    pub(super) fn lambda_codes(
        &self,
        old: &Statement,
        new: &Statement,
        chain: &[&'a Statement],
    ) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let (Some(source), Some(false)) = (self.job.old, self.in_place(old, new)) else {
            return Ok(Vec::new());
        };
        let kit = self.work.kit;
        let blocks = chain.iter().filter(|block| block.kind == Kind::Class);
        let classes: Vec<&str> = blocks.map(|block| block.name.as_str()).collect();
        let was = source.lambdas(kit, &classes, old)?;
        let is = self.job.new.lambdas(kit, &classes, new)?;
        Ok(match (was, is) {
            (Some(was), Some(is)) if was.len() == is.len() => was.into_iter().zip(is).collect(),
            _ => Vec::new(),
        })
    }

    /// Lambdas that a statement made which did not change: the value is one, or leads to it (a
    /// container, a property, what a decorator made of the field of a data class).
    fn shift_lambdas(
        &mut self,
        value: &Bound<'py, PyAny>,
        old: &Statement,
        delta: i64,
        codes: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) -> PyResult<bool> {
        let kit = self.work.kit;
        let within = i64::from(old.span.line)..=i64::from(old.span.end_line);
        let mut found: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> = Vec::new();
        search(kit, value, &self.job.dict, &mut |object| {
            if kit.is_function(object)
                && object
                    .getattr(kit.word(Word::Globals))
                    .is_ok_and(|globals| globals.is(&self.job.dict))
                && let Ok(code) = object.getattr(kit.word(Word::Code))
                && code
                    .getattr(kit.word(Word::CodeName))
                    .is_ok_and(|n| super::kit::is_text(&n, "<lambda>"))
                && code
                    .getattr(kit.word(Word::FirstLine))
                    .and_then(|line| line.extract())
                    .is_ok_and(|line: i64| within.contains(&line))
                && !found.iter().any(|(known, _)| known.is(object))
                // One that is at its new line already may stand where this was.
                && !self.placed.contains(&(object.as_ptr() as usize))
            {
                found.push((object.clone(), code));
            }
            false
        })?;
        let any = !found.is_empty();
        for (function, was) in found {
            self.move_lambda(&function, &was, delta, codes)?;
        }
        Ok(any)
    }

    pub(super) fn move_lambda(
        &mut self,
        function: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
        delta: i64,
        codes: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) -> PyResult<()> {
        let kit = self.work.kit;
        let mut known = None;
        for (before, after) in codes {
            if known.is_none() && same_code(kit, was, before)? {
                known = Some(after.clone());
            }
        }
        let code = match known {
            Some(code) => code,
            None => self.moved_lambda(was, delta)?,
        };
        self.move_code(function, was, &code)
    }

    fn move_code(
        &mut self,
        function: &Bound<'py, PyAny>,
        was: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let free = self.work.kit.name("co_freevars");
        if !was.getattr(&free)?.eq(code.getattr(&free)?)? || same_code(self.work.kit, was, code)? {
            return Ok(());
        }
        self.place(function, was, code, true)
    }
}

fn has_class(function: &Statement) -> bool {
    function
        .body
        .iter()
        .any(|s| s.kind == Kind::Class || has_class(s))
}
