//! Source text to outline: the statements of a module, what each binds and reads while the
//! module is imported, and what the functions it defines read when they are called later.

use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions};
use std::fmt;
use std::sync::{Arc, OnceLock};

mod collects;
mod depth;
mod prints;
mod kinds;
mod late;
mod loaded;
mod scope;
mod gather;
mod aliases;
mod given;
mod handed;
mod hints;
mod expressions;
mod statements;
mod value;
mod index;
mod literal;
mod operators;
mod patterns;
mod row;
mod skims;
mod spelling;
mod splice;
mod stored;
mod surely;

pub use aliases::GIVES;
pub use given::fills_argument;
pub use hints::Plain;
pub use index::{Index, Members, hash as name_hash};
pub use late::written;
use literal::Recent;
pub use operators::only_looks;
pub use patterns::computed;
use prints::Prints;
pub use row::Row;
use scope::Context;
pub use splice::{reread, reread_between};
pub use stored::Handed;
pub use surely::{Sought, SureCall, surely_calls, surely_reads, surely_reads_inside};
pub use value::FILLING;

/// Where a statement stands in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte, decorators included.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, counted from 1 (the first decorator's line, as in `co_firstlineno`).
    pub line: u32,
    /// Line of the last byte, counted from 1.
    pub end_line: u32,
    /// Line of the `def` or `class` keyword; `line` for other statements.
    pub def_line: u32,
    /// Column, in bytes, of the first byte: the statement's indentation.
    pub column: u32,
}

/// Fingerprint of a token sequence: kinds and text, without positions, comments or layout.
/// Equal fingerprints mean code that differs in nothing but line numbers.
pub type Print = u128;

/// Where a class says which attributes a pattern such as `case P(x, y)` looks at.
pub const MATCH_ARGS: &str = "__match_args__";

/// What kind of statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The string that begins a module, class or function body.
    Docstring,
    /// `def` or `async def`.
    Function,
    /// `class`.
    Class,
    /// `import a` or `from a import b`.
    Import,
    /// `a = v`, `a: T = v`, `type A = ...`.
    Assign,
    /// `a += v`.
    AugAssign,
    /// `a: T` without a value.
    Annotation,
    /// `del`.
    Delete,
    /// An expression statement, most often a call.
    Expr,
    /// `if __name__ == "__main__":`; never runs in an imported module.
    MainGuard,
    /// `if`, `for`, `while`, `try`, `with`, `match`.
    Compound,
    /// `pass`, `global`, `raise`, `assert`, ...
    Other,
}

/// What a piece of code does with names of the module scope. All lists are sorted and have
/// no duplicates. A *path* is a dotted chain of plain attribute reads rooted at a name:
/// `X`, `m.X`, `pkg.sub.X`; the longest chain that the code writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    /// Names bound in the enclosing scope (module; for statements of a class body: the class).
    pub binds: Vec<String>,
    /// Names unbound with `del`.
    pub deletes: Vec<String>,
    /// Paths read (loaded). Names that are local to a comprehension, lambda or function
    /// are left out; so are names a class body bound earlier itself.
    pub reads: Vec<String>,
    /// Paths that are called: `f(...)`, `m.f(...)`, decorators (`@f`, `@f(...)`), and names given
    /// as an argument to a call of a builtin (`sorted(xs, key=f)`, `list(map(f, xs))`), and what is
    /// iterated over (`for x in X`).
    pub calls: Vec<String>,
    /// Names of the attributes that are read, of whatever object: `build` for `Builder(1).build()`,
    /// `size` for `self.size`; `visit_*` for `getattr(self, "visit_" + kind)`, `@do_*` for
    /// `globals()["do_" + name]`.
    pub members: Vec<String>,
    /// Root names whose object may be changed in place: `X += ..`, `X[k] = ..`, `X.a = ..`,
    /// `del X[k]`, and `X.m(...)` / `X.a.m(...)` as a whole expression statement (not for X that
    /// is an imported module's name with a plain `X.f(...)`); `next(X)`, `setattr(X, ..)`,
    /// `heapq.heappush(X, ..)`.
    pub mutates: Vec<String>,
    /// Attributes of module names that are set or changed in place: `X.a` for `X.a = ..`,
    /// `setattr(X, "a", ..)`, `X.a.m(...)`.
    pub writes: Vec<String>,
    /// Names declared `global` and assigned in a function body.
    pub global_writes: Vec<String>,
    /// It uses `globals()`, `locals()`, `vars()`, `exec` or `eval`: not analysable. `vars(x)`, and
    /// `locals()` and `vars()` in a function, say nothing about the module and do not count.
    pub opaque: bool,
    /// It calls more than builtins that only look at what they are given. A class that is given to
    /// `isinstance` is not called.
    pub calls_others: bool,
}

/// One name that an import statement binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Number of leading dots.
    pub level: u32,
    /// The dotted module as written, without dots in front; may be empty (`from . import x`).
    pub module: String,
    /// `None` for `import a.b`; the imported name for `from a import b`; `"*"` for a star.
    pub name: Option<String>,
    /// The name that is bound (`import a.b` binds `a`); `"*"` for a star.
    pub bound: String,
    /// It has an `as` clause.
    pub aliased: bool,
}

/// How the value of a simple assignment is made; of `for` and `if`, whether they do more than bind
/// names and fill containers. See `Statement::value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Value {
    /// Anything else.
    #[default]
    Other,
    /// Running it has no effect: literals, names, attribute reads, displays, operators,
    /// comprehensions, f-strings, and calls of builtin constructors
    /// (`list tuple dict set frozenset str int float bool bytes range zip enumerate len sorted
    /// min max sum abs round reversed map filter`) on such, methods of literal texts, and methods
    /// that only tell (`items() keys() values() split() strip() lower()` and the like).
    Pure,
    /// Pure, and makes a fresh iterator: a generator expression, `iter() zip() map()`,
    /// `itertools.count()` and the like.
    Iterator,
    /// Pure, and makes a fresh list, dict or set: a display, a comprehension, `list() dict() set()`,
    /// `defaultdict() OrderedDict() deque() Counter()`, also `collections.X()`.
    Container,
}

/// One statement of a module or class body: where it stands, and what it is (`Facts`, to which it
/// dereferences). What it is is shared by all outlines that have it: copying a statement costs no
/// more than its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands.
    pub span: Span,
    /// Class: the statements of its body. Function: the functions and classes defined in it,
    /// at any block depth. Compound: the functions and classes defined in it, any block depth.
    pub body: Body,
    facts: Arc<Facts>,
}

/// What a statement is and does, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its kind.
    pub kind: Kind,
    /// The function's or class's name; the one name that a simple assignment binds; else "".
    pub name: String,
    /// Fingerprint of the whole.
    pub print: Print,
    /// For a function: all but its body (decorators, `async`, name, type parameters, parameters,
    /// defaults, annotations). For a class: decorators, name, type parameters, bases, keywords.
    /// For a compound: all but the bodies of the functions defined in it. For what sets one attribute or
    /// item (`f.note = 1`, `d["k"] += 2`): what it sets. Else `print`.
    pub header: Print,
    /// Fingerprint of the decorators; 0 without.
    pub decorators: Print,
    /// What it does when it runs.
    pub uses: Uses,
    /// For a class: what its decorators, bases and keywords do; part of `uses`. Else empty.
    pub head: Uses,
    /// For a class: the path that it gives as `metaclass=`. Else empty.
    pub metaclass: String,
    /// What the bodies of the functions (methods, lambdas) defined in it do when called.
    pub later: Uses,
    /// Imports it makes when it runs (also nested in compounds).
    pub imports: Vec<Import>,
    /// Imports that the functions defined in it make when they are called, with the names that stand
    /// for them in paths: see `late`.
    pub late: Box<[Import]>,
    /// How a simple assignment's value is made. `Pure` for a `for` or `if` that only binds names
    /// and fills containers.
    pub value: Value,
    /// The value of a simple assignment may be what something else has, too: it is a name, an
    /// attribute, an item, or a choice with one of those.
    pub alias: bool,
    /// See `given_of`: which of the paths that it reads begins with that name, from 1 on.
    pub(super) given: u8,
    /// The value is a list, dict or set that is written out, and something is called for what is in it.
    pub display: bool,
    /// It reads or binds the name `super` in the module scope.
    pub mentions_super: bool,
    /// There is a lambda in it.
    pub lambdas: bool,
    /// Of a function that hands out functions which it makes: what is left without them.
    pub shell: Option<Arc<Shell>>,
    /// Of a function with annotations: what is left without them.
    pub plain: Option<Arc<Plain>>,
    /// Paths that it calls for what they give, and how many calls one after the other that takes:
    /// `@deco` and `x = deco(f)` are one, `@deco(1)` is two. Only those that it calls nowhere else.
    pub applied: Box<[(String, u8)]>,
    /// Paths that it calls to tell somebody of something: its decorators, or what an expression statement
    /// calls at last. `@app.route(name(x))`, `app.add(x)`, `app.group(x).add(y)` (`app.group`).
    pub told: Box<[String]>,
    /// Of a function: paths that are called when what it gives is called.
    pub gives: Box<[String]>,
    /// Of a class: its methods, perhaps of bases, that its code hands on or keeps: `self.on_click` of
    /// `Button(self.on_click)`.
    pub passed: Box<[String]>,
    /// Methods that its operators and builtins call when it runs, and no functions of it.
    pub implied: Box<[&'static str]>,
    /// The same of the functions defined in it, but for those that they hand out.
    pub later_implied: Box<[&'static str]>,
    /// Functions defined in it call what they are given: `def each(f, xs): return [f(x) for x in xs]`.
    pub calls_given: bool,
    /// When it runs it calls methods of what it makes for that alone: `Table(key).rows()`.
    pub calls_made: bool,
    /// Attributes that it sets or changes in place when it is called, of what it was given or made:
    /// `self.size = 1`, `self.items.append(x)`. Not those of functions defined in it.
    pub sets: Box<[String]>,
    /// It makes classes, and asks their bases for something: see `collects`.
    pub asks_bases: bool,
    /// What it goes through to say what is in it and no more, as paths that it reads nowhere else:
    /// `ROUTES.items`. See `skims`.
    pub skims: Box<[String]>,
    /// What a simple assignment only gives to the call that makes its value, what a constructor only
    /// keeps of what it is given, and what other methods compute once: see `stored`.
    pub handed_on: Box<[Handed]>,
}

/// A function without the bodies of those that it makes and only hands out: what is done when it is
/// called. `wrapper` in `def deco(f)`, most often; see `handed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// Fingerprint of it, and of the variables that those others take from it.
    pub print: Print,
    /// What it does when it is called; part of `Facts::later`.
    pub later: Uses,
    /// The names of those that it hands out.
    pub handed: Vec<String>,
}

impl Statement {
    /// A statement of its parts.
    pub fn new(span: Span, facts: Facts, body: Vec<Self>) -> Self {
        Self {
            span,
            body: body.into(),
            facts: Arc::new(facts),
        }
    }

    /// The name whose object it gives its names, or something that is in it: `L` of `M = L`, `D` of
    /// `M = D["a"]`.
    pub fn given_of(&self) -> Option<&str> {
        let path = self
            .uses
            .reads
            .get(usize::from(self.given).checked_sub(1)?)?;
        path.split('.').next()
    }

    /// What a function does when it is called, as far as it is not left to functions that it hands out.
    pub fn at_once(&self) -> &Uses {
        self.shell
            .as_ref()
            .map_or(&self.later, |shell| &shell.later)
    }

    /// The functions that it hands out.
    pub fn handed(&self) -> impl Iterator<Item = &Self> {
        let names = self.shell.as_ref().map_or(&[][..], |shell| &shell.handed);
        let inner = self.body.iter();
        inner.filter(|s| s.kind == Kind::Function && names.contains(&s.name))
    }

    /// How often a function, and then what it gives, must be called until something else is done
    /// than in the version before: 0 when it is the function itself.
    pub fn differs_after(&self, old: &Self) -> usize {
        let alike = |old: &Shell, new: &Shell| old.print == new.print;
        match (&old.shell, &self.shell) {
            (Some(was), Some(is)) if alike(was, is) => {
                let pairs = old.handed().zip(self.handed());
                let pairs = pairs.filter(|(old, new)| old.print != new.print);
                let depths = pairs.map(|(old, new)| 1 + new.differs_after(old));
                depths.min().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// What it sets, where that is one attribute or item and nothing else: see `Facts::header`.
    pub fn sets(&self) -> Option<Print> {
        let sets = matches!(self.kind, Kind::Assign | Kind::AugAssign);
        (sets && self.header != self.print).then_some(self.header)
    }

    /// Whether both are one statement that two outlines share, so that nothing but, perhaps, its
    /// place differs. False says nothing.
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.facts, &other.facts)
    }
}

impl std::ops::Deref for Statement {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// The statements inside another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body(Option<Arc<[Statement]>>);

impl std::ops::Deref for Body {
    type Target = [Statement];

    fn deref(&self) -> &[Statement] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Statement>> for Body {
    fn from(body: Vec<Statement>) -> Self {
        Self((!body.is_empty()).then(|| body.into()))
    }
}

impl<'a> IntoIterator for &'a Body {
    type Item = &'a Statement;
    type IntoIter = std::slice::Iter<'a, Statement>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The outline of one source text.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// Top-level statements in source order.
    pub body: Row,
    /// Names imported from `__future__`.
    pub future: Vec<String>,
    /// The module scope reads or binds the name `super` anywhere. CPython 3.12+ then does not
    /// specialise zero-argument `super()`, so a function compiled alone must see it too.
    pub mentions_super: bool,
    /// Names that import statements in the module scope bind (compounds included).
    pub imported: Vec<String>,
    /// The module has a `from x import *`.
    pub star: bool,
    /// What reading one statement needs to know of the others.
    context: Arc<Context>,
    index: OnceLock<Arc<Index>>,
    /// Tells outlines apart.
    own: Arc<()>,
    /// From which outline this one was read on.
    since: Option<Since>,
    /// The tokens of the one statement that was read anew for it.
    recent: Option<Arc<Recent>>,
}

/// What an outline has in common with the one that it was read on from.
#[derive(Debug, Clone)]
struct Since {
    /// `own` of that one.
    of: Arc<()>,
    /// How many statements both share at their beginnings, in the same place.
    before: usize,
    /// How many they share at their ends, perhaps in another.
    after: usize,
}

/// Why a text has no outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineError {
    /// What the parser said.
    pub message: String,
    /// Line, counted from 1.
    pub line: u32,
}

impl fmt::Display for OutlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for OutlineError {}

/// Reads the outline of a module's source, whose line ends are `\n` (see `text::decode`). All
/// syntax of the newest Python is accepted: what a given CPython accepts is for it to say.
///
/// Takes time in proportion to the text, times the depth of its blocks.
///
/// # Errors
/// When the text is not Python, or nested deeper than CPython would compile.
pub fn read(source: &str) -> Result<Outline, OutlineError> {
    if source.len() > i32::MAX as usize {
        return Err(OutlineError {
            message: "the source has more than 2 GiB".to_owned(),
            line: 1,
        });
    }
    read_part(source, &Part::default()).map(|(outline, _)| outline)
}

/// A stretch of a module's text that holds whole statements, and where it stands in it.
#[derive(Default)]
struct Part<'a> {
    /// Bytes before it.
    bytes: u32,
    /// Lines before it.
    lines: u32,
    /// Statements stand before it: a string that it begins with is no docstring.
    inside: bool,
    /// What the rest of the module says.
    around: Option<&'a Context>,
}

fn read_part(source: &str, part: &Part<'_>) -> Result<(Outline, Prints), OutlineError> {
    let depth = depth::bound(source)?;
    // The syntax tree is as deep as the source is nested, and so are its visitor and its drop.
    stacker::maybe_grow(depth::stack_bytes(depth), depth::stack_bytes(depth), || {
        let newest = PythonVersion::latest_preview();
        let options = ParseOptions::from(Mode::Module).with_target_version(newest);
        let parsed = ruff_python_parser::parse(source, options).map_err(|error| OutlineError {
            line: crate::text::LineIndex::new(source).line(error.location.start().to_u32()),
            message: error.error.to_string(),
        })?;
        let tokens = prints::Prints::new(source, parsed.tokens());
        match parsed.syntax() {
            ruff_python_ast::Mod::Module(module) => {
                let reader = statements::Reader::new(source, tokens, &module.body, part);
                Ok(reader.outline(&module.body))
            }
            ruff_python_ast::Mod::Expression(_) => Ok((Outline::default(), tokens)),
        }
    })
}

impl Outline {
    /// One with nothing in it yet.
    fn within(context: Context) -> Self {
        Self {
            context: Arc::new(context),
            body: Row::default(),
            future: Vec::new(),
            mentions_super: false,
            imported: Vec::new(),
            star: false,
            index: OnceLock::new(),
            own: Arc::new(()),
            since: None,
            recent: None,
        }
    }

    /// How many statements this outline shares with an earlier one at their beginnings, in the same
    /// place, and at their ends, perhaps in another.
    pub fn shared_with(&self, earlier: &Self) -> (usize, usize) {
        if let Some(since) = &self.since
            && Arc::ptr_eq(&since.of, &earlier.own)
        {
            return (since.before, since.after);
        }
        let shares = |(a, b): &(&Statement, &Statement)| a.shares(b);
        let stays = |(a, b): &(&Statement, &Statement)| a.shares(b) && a.span == b.span;
        let (old, new) = (&earlier.body, &self.body);
        let before = old.iter().zip(new).take_while(stays).count();
        let (olds, news) = (old.range(before..old.len()), new.range(before..new.len()));
        let ends = olds.rev().zip(news.rev());
        (before, ends.take_while(shares).count())
    }

    /// Which statements read and bind which names; worked out when first asked for.
    pub fn index(&self) -> &Index {
        self.index.get_or_init(|| Arc::new(Index::of(&self.body)))
    }
}

impl PartialEq for Outline {
    fn eq(&self, other: &Self) -> bool {
        // What is derived from these is left out.
        self.body == other.body
            && self.future == other.future
            && self.mentions_super == other.mentions_super
            && self.imported == other.imported
            && self.star == other.star
            && self.context == other.context
    }
}

impl Eq for Outline {}
