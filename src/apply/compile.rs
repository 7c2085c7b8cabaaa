//! Single statements and functions compiled as if they stood in their file.
//!
//! The rest of the file is blanked out, so that lines and columns are true; what the compiler
//! would have known from the rest of the module is told by a line of dead code
//! (CPYTHON-FACTS 4.2: without it 3.11+ picks other opcodes for calls on imported names, and
//! 3.12+ for zero-argument `super()`).

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyTuple};

use super::kit::{Kit, Word};
use crate::diff::Doubts;
use crate::interp::{compiled, keep_compiled};
use crate::outline::{Kind, Outline, Statement};
use crate::text::fingerprint;

/// How far down counting blank lines costs the compiler more than correcting lines afterwards.
const NEAR: u32 = 50;

/// One version of a module's source, ready to compile parts of.
pub struct Source<'a> {
    pub text: &'a str,
    pub outline: &'a Outline,
    /// `co_filename` of the module's code.
    pub filename: &'a str,
    /// `__future__` flags of the module.
    pub flags: i32,
}

impl<'a> Source<'a> {
    /// Reads the `__future__` flags off the outline.
    pub fn new(
        py: Python<'_>,
        text: &'a str,
        outline: &'a Outline,
        filename: &'a str,
    ) -> PyResult<Self> {
        let mut flags = 0;
        if !outline.future.is_empty() {
            let future = py.import("__future__")?;
            for name in &outline.future {
                if let Ok(feature) = future.getattr(name.as_str()) {
                    flags |= feature.getattr("compiler_flag")?.extract::<i32>()?;
                }
            }
        }
        Ok(Self {
            text,
            outline,
            filename,
            flags,
        })
    }

    /// The text of a statement.
    pub fn slice(&self, statement: &Statement) -> &'a str {
        self.text
            .get(statement.span.start as usize..statement.span.end as usize)
            .unwrap_or("")
    }

    /// Its first line.
    pub fn first_line(&self, statement: &Statement) -> String {
        let mut lines = self.slice(statement).lines();
        lines.next().unwrap_or("").trim().to_owned()
    }

    /// Whether a statement annotates the one name that it is about.
    pub fn annotates(&self, statement: &Statement) -> bool {
        matches!(statement.kind, Kind::Annotation | Kind::Assign)
            && self
                .slice(statement)
                .strip_prefix(statement.name.as_str())
                .is_some_and(|rest| rest.trim_start().starts_with(':'))
    }

    /// Dead code that tells the compiler what the rest of the module would have told it.
    fn hints(&self, part: &str, out: &mut String) {
        let mut line = String::new();
        for name in &self.outline.imported {
            if name != "*" && mentions(part, name) {
                line.push_str(if line.is_empty() { "import " } else { ", " });
                line.push_str(name);
            }
        }
        if self.outline.mentions_super && mentions(part, "super") {
            if !line.is_empty() {
                line.push(';');
            }
            line.push_str("super");
        }
        if !line.is_empty() {
            out.push_str("if 0: ");
            out.push_str(&line);
            out.push('\n');
        }
    }

    fn compiled<'py>(&self, kit: &Kit<'py>, text: &str, mode: &str) -> PyResult<Bound<'py, PyAny>> {
        let code = kit
            .compile
            .call1((text, self.filename, mode, self.flags, true, -1))?;
        kit.note_fresh(&code);
        Ok(code)
    }

    /// Code that reads a name where it stands. `column`: in bytes.
    pub fn name_at<'py>(
        &self,
        kit: &Kit<'py>,
        line: usize,
        column: usize,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = match line {
            // There is no room for the bracket.
            1 if column == 0 => name.to_owned(),
            1 => format!("{:<column$}{name})", "("),
            _ => format!("({}{:column$}{name})", "\n".repeat(line - 1), ""),
        };
        self.compiled(kit, &text, "exec")
    }

    /// The whole text, as the import system would compile it.
    pub fn whole<'py>(&self, kit: &Kit<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.compiled(kit, self.text, "exec")
    }

    /// Has the compiler look at what would only be compiled in parts.
    pub fn judge(&self, kit: &Kit<'_>, doubts: &Doubts) -> PyResult<()> {
        let ask = |text: &str, flags: i32| {
            let arguments = (text, self.filename, "exec", flags, true, -1);
            kit.compile.call1(arguments).map(drop)
        };
        if doubts.whole {
            return ask(self.text, 0);
        }
        let mut asked = doubts.statements.iter();
        asked.try_for_each(|&at| ask(&self.alone(&self.outline.body[at]), self.flags))
    }

    /// A top-level statement as a module's code, to be executed in the module's dict.
    pub fn statement<'py>(
        &self,
        kit: &Kit<'py>,
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyAny>> {
        let defines = matches!(statement.kind, Kind::Function | Kind::Class);
        self.kept(kit, statement, !defines, false)
    }

    /// The same for a run aside, whose functions nobody gets to know.
    pub fn again<'py>(&self, kit: &Kit<'py>, statement: &Statement) -> PyResult<Bound<'py, PyAny>> {
        self.kept(kit, statement, statement.kind != Kind::Class, true)
    }

    /// A statement's code, kept for the next time where it may be. Code that a function has is new
    /// each time (`nested` says that it need not be): who holds it is asked by its address.
    fn kept<'py>(
        &self,
        kit: &Kit<'py>,
        statement: &Statement,
        keep: bool,
        nested: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = self.alone(statement);
        if !keep {
            return self.compiled(kit, &text, "exec");
        }
        let mut parts = [0; 36];
        parts[..16].copy_from_slice(&fingerprint(text.as_bytes()).to_ne_bytes());
        parts[16..32].copy_from_slice(&fingerprint(self.filename.as_bytes()).to_ne_bytes());
        parts[32..].copy_from_slice(&self.flags.to_ne_bytes());
        let key = fingerprint(&parts);
        let found = compiled(kit.py, key);
        if let Some(code) = found.or_else(|| compiled(kit.py, !key).filter(|_| nested)) {
            kit.note_fresh(&code);
            return Ok(code);
        }
        let code = self.compiled(kit, &text, "exec")?;
        let constants = code.getattr(kit.word(Word::Constants))?;
        let constants = constants.cast_into::<PyTuple>()?;
        let plain = !constants.iter().any(|c| kit.is_exact(&c, &kit.code));
        if plain || nested {
            keep_compiled(if plain { key } else { !key }, text.len(), &code);
        }
        Ok(code)
    }

    /// The same, telling which names it binds: see branches.py.
    pub fn branches<'py>(
        &self,
        kit: &Kit<'py>,
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Not a module: what is ours must not show up in sys.modules.
        let helper = PyDict::new(kit.py);
        let code =
            kit.compile
                .call1((include_str!("branches.py"), "pyreload/branches.py", "exec"))?;
        kit.exec.call1((code, &helper))?;
        let instrument = helper.as_any().get_item("instrument")?;
        let code = instrument.call1((self.alone(statement), self.filename, self.flags))?;
        kit.note_fresh(&code);
        Ok(code)
    }

    /// Some top-level statements as a module's code, blank around them.
    pub fn together<'py>(
        &self,
        kit: &Kit<'py>,
        statements: &[&Statement],
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut text = String::new();
        let mut line = 1;
        for statement in statements {
            let part = self.slice(statement);
            while line < statement.span.line {
                text.push('\n');
                line += 1;
            }
            text.push_str(part);
            text.push('\n');
            line += 1 + part.bytes().filter(|b| *b == b'\n').count() as u32;
        }
        self.compiled(kit, &text, "exec")
    }

    /// The text of a top-level statement alone in its file.
    pub(super) fn alone(&self, statement: &Statement) -> String {
        let part = self.slice(statement);
        let mut text = String::new();
        if statement.kind == Kind::Expr && statement.span.line > 1 {
            // A text that stands between statements documents nothing; first in its file it would.
            text.push_str("pass");
        }
        text.push_str(&"\n".repeat(statement.span.line.saturating_sub(1) as usize));
        // A statement behind a semicolon keeps its column, so that tracebacks point at it.
        let column = self.column(statement);
        if column > 0 {
            text.push_str("if 1:");
            if column > 5 {
                text.push_str(&" ".repeat(column - 5));
            }
        }
        text.push_str(part);
        text.push('\n');
        self.hints(part, &mut text);
        text
    }

    /// The value of an assignment, as an expression's code. `None` when its text is not one.
    pub fn value<'py>(&self, kit: &Kit<'py>, statement: &Statement) -> Option<Bound<'py, PyAny>> {
        let part = self.slice(statement);
        // The target is a plain name: the first `=` outside brackets begins the value.
        let mut depth = 0_u32;
        let at = part.char_indices().find_map(|(at, c)| {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '=' if depth == 0 => return Some(at),
                _ => {}
            }
            None
        })?;
        let text = format!(
            "({}\n)",
            part.get(at + 1..)?.trim_start_matches([' ', '\t'])
        );
        self.compiled(kit, &text, "eval").ok()
    }

    /// A function or class that stands inside `chain` (outermost first), blank around it. Returns
    /// the code object of the innermost: a function's code, or a class body's.
    pub fn definition<'py>(
        &self,
        kit: &Kit<'py>,
        chain: &[&Statement],
        statement: &Statement,
    ) -> PyResult<Bound<'py, PyAny>> {
        let find = |skip: u32| -> PyResult<Bound<'py, PyAny>> {
            let (text, path) = self.within(chain, &[statement], statement.span.line, skip);
            let mut code = self.compiled(kit, &text, "exec")?;
            let path = path.iter().map(String::as_str);
            for name in path.chain(std::iter::once(statement.name.as_str())) {
                code = inner(kit, &code, name)?;
            }
            Ok(code)
        };
        // The compiler takes its time for blank lines, too: far down, the function is compiled
        // at the top, below the headers of the blocks around it, and told its line. An error is
        // found again at its true line.
        let line = statement.span.line;
        let headers = u32::try_from(chain.len()).unwrap_or(line) + 3;
        let skip = line.saturating_sub(headers);
        if line > NEAR
            && skip > 0
            && self.can_be_told_lines(kit, statement)
            && let Ok(code) = find(skip)
        {
            let (code, _) = shifted(kit, &code, i64::from(skip))?;
            kit.note_fresh(&code);
            return Ok(code);
        }
        find(0)
    }

    /// Whether compiling elsewhere and correcting the lines gives the same: a class carries its
    /// line as a constant (3.13+), and the compiler's warnings name a line at once.
    fn can_be_told_lines(&self, kit: &Kit<'_>, statement: &Statement) -> bool {
        let text = self.slice(statement);
        let warned = ["\\", " is ", "assert", "finally"];
        statement.kind == Kind::Function
            && !(kit.version >= (3, 13) && text.contains("class"))
            && !warned.iter().any(|part| text.contains(part))
    }

    /// Some statements of a class body, blank around them: the code of the class body.
    pub fn class_part<'py>(
        &self,
        kit: &Kit<'py>,
        chain: &[&Statement],
        members: &[&Statement],
    ) -> PyResult<Bound<'py, PyAny>> {
        let first = members.first().map_or(1, |m| m.span.line);
        let (text, path) = self.within(chain, members, first, 0);
        let mut code = self.compiled(kit, &text, "exec")?;
        for name in &path {
            code = inner(kit, &code, name)?;
        }
        Ok(code)
    }

    /// The code of the lambdas of a statement, as it stands in classes of these names (outermost first),
    /// those in others after them. `None` where it cannot be compiled alone.
    pub fn lambdas<'py>(
        &self,
        kit: &Kit<'py>,
        classes: &[&str],
        statement: &Statement,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        let pad = self.indentation(statement);
        let mut headers: Vec<String> = classes.iter().map(|c| format!("class {c}:\n")).collect();
        if headers.is_empty() && !pad.is_empty() {
            headers.push("if 1:\n".to_owned());
        }
        let text = if headers.is_empty() {
            self.alone(statement)
        } else {
            // Each header is indented less than what is below it, with the same white space.
            let above = (statement.span.line as usize).checked_sub(1 + headers.len());
            let (true, Some(above)) = (pad.is_ascii() && pad.len() >= headers.len(), above) else {
                return Ok(None);
            };
            let part = self.slice(statement);
            let mut text = "\n".repeat(above);
            for (depth, header) in headers.iter().enumerate() {
                text.push_str(&pad[..depth]);
                text.push_str(header);
            }
            text.push_str(&format!("{pad}{part}\n"));
            self.hints(part, &mut text);
            text
        };
        let Ok(code) = self.compiled(kit, &text, "exec") else {
            return Ok(None);
        };
        let (mut found, mut todo) = (Vec::new(), vec![code]);
        while let Some(code) = todo.pop() {
            if super::kit::is_text(&code.getattr(kit.word(Word::CodeName))?, "<lambda>") {
                found.push(code.clone());
            }
            for constant in code.getattr(kit.word(Word::Constants))?.try_iter()? {
                let constant = constant?;
                if kit.is_exact(&constant, &kit.code) {
                    todo.push(constant);
                }
            }
        }
        Ok(Some(found))
    }

    /// Headers for the enclosing blocks, each on a line of its own right above the parts, then
    /// the parts at their own lines, or `skip` lines further up. Also returns the names of the
    /// enclosing classes.
    fn within(
        &self,
        chain: &[&Statement],
        parts: &[&Statement],
        first: u32,
        skip: u32,
    ) -> (String, Vec<String>) {
        let mut headers: Vec<String> = Vec::new();
        let mut path = Vec::new();
        let mut column = 0;
        for block in chain {
            let own = self.column(block);
            if own > 0 && headers.is_empty() {
                headers.push(format!("{}if 1:", " ".repeat(column)));
            }
            let pad = self.indentation(block);
            if block.kind == Kind::Class {
                headers.push(format!(
                    "{pad}class {}{}:",
                    block.name,
                    self.type_parameters(block)
                ));
                path.push(block.name.clone());
            } else {
                headers.push(format!("{pad}if 1:"));
            }
            column = own + 1;
        }
        let indent = parts.first().map_or(0, |p| self.column(p));
        // A block nested deeper than its headers say stands in an `if` or `try` of the class.
        if indent > column && chain.is_empty() {
            headers.push("if 1:".to_owned());
        }
        // The parts must be indented below the innermost header, which they are in their file,
        // unless tabs or one-line blocks are at work; then lines are kept and columns not.
        let lines = headers.len() as u32;
        let mut text = "\n".repeat(first.saturating_sub(1 + lines + skip) as usize);
        let mut line = first.saturating_sub(1 + lines + skip) + 1;
        for header in &headers {
            text.push_str(header);
            text.push('\n');
            line += 1;
        }
        for part in parts {
            while line < part.span.line - skip {
                text.push('\n');
                line += 1;
            }
            text.push_str(self.indentation(part));
            let slice = self.slice(part);
            text.push_str(slice);
            text.push('\n');
            line += 1 + slice.bytes().filter(|b| *b == b'\n').count() as u32;
        }
        let mut all = String::new();
        for part in parts {
            all.push_str(self.slice(part));
        }
        self.hints(&all, &mut text);
        (text, path)
    }

    /// What stands before a statement on its line. A form feed begins the line anew.
    fn lead(&self, statement: &Statement) -> &'a str {
        let start = statement.span.start as usize;
        let begin = self.text[..start]
            .rfind(['\n', '\x0c'])
            .map_or(0, |at| at + 1);
        &self.text[begin..start]
    }

    /// The column of a statement that is indented, or stands behind a semicolon.
    fn column(&self, statement: &Statement) -> usize {
        self.lead(statement).len()
    }

    /// The white space that a statement's line begins with, as it is written there.
    fn indentation(&self, statement: &Statement) -> &'a str {
        let lead = self.lead(statement);
        if lead.trim().is_empty() { lead } else { "" }
    }

    /// `[T, U]` of a generic class (PEP 695), or nothing.
    pub(super) fn type_parameters(&self, class: &Statement) -> &'a str {
        let text = self.slice(class);
        let Some(at) = text.find("class ").map(|at| at + 6) else {
            return "";
        };
        let rest = &text[at..];
        let Some(open) = rest.find(['[', '(', ':']) else {
            return "";
        };
        if !rest[open..].starts_with('[') {
            return "";
        }
        let mut depth = 0;
        for (i, c) in rest[open..].char_indices() {
            match c {
                '[' => depth += 1,
                ']' => {
                    depth -= 1;
                    if depth == 0 {
                        return &rest[open..=open + i];
                    }
                }
                _ => {}
            }
        }
        ""
    }
}

/// The same code some lines further down, nested code included; and whether there is any.
pub fn shifted<'py>(
    kit: &Kit<'py>,
    code: &Bound<'py, PyAny>,
    delta: i64,
) -> PyResult<(Bound<'py, PyAny>, bool)> {
    let line: i64 = code.getattr(kit.word(Word::FirstLine))?.extract()?;
    moved_to(kit, code, line + delta, delta)
}

/// The same where it is known which line that is.
pub fn moved_to<'py>(
    kit: &Kit<'py>,
    code: &Bound<'py, PyAny>,
    line: i64,
    delta: i64,
) -> PyResult<(Bound<'py, PyAny>, bool)> {
    let line = PyInt::new(kit.py, line);
    let constants = code.getattr(kit.word(Word::Constants))?;
    let constants = constants.cast_into::<PyTuple>()?;
    let is_code = |constant: &Bound<'py, PyAny>| kit.is_exact(constant, &kit.code);
    if !constants.iter_borrowed().any(|c| is_code(&c)) {
        return Ok((kit.replaced(code, &line, None)?, false));
    }
    let mut moved = Vec::with_capacity(constants.len());
    for constant in constants.iter() {
        moved.push(match is_code(&constant) {
            true => shifted(kit, &constant, delta)?.0,
            false => constant,
        });
    }
    let moved = PyTuple::new(kit.py, moved)?;
    Ok((kit.replaced(code, &line, Some(&moved))?, true))
}

/// Whether `name` stands in `text` as a word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
    })
}

/// The code object of this name among the constants of another, looking through the hidden
/// scope of type parameters (3.12+).
pub fn inner<'py>(
    kit: &Kit<'py>,
    code: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let mut hidden = Vec::new();
    for constant in code.getattr(kit.name("co_consts"))?.try_iter()? {
        let constant = constant?;
        if kit.is_exact(&constant, &kit.code) {
            let own = constant.getattr(kit.word(Word::CodeName))?;
            if super::kit::is_text(&own, name) {
                return Ok(constant);
            }
            if super::kit::is_text(&own, &format!("<generic parameters of {name}>")) {
                hidden.push(constant);
            }
        }
    }
    for scope in hidden {
        if let Ok(found) = inner(kit, &scope, name) {
            return Ok(found);
        }
    }
    Err(pyo3::exceptions::PySyntaxError::new_err(format!(
        "{name} does not compile to a definition"
    )))
}
