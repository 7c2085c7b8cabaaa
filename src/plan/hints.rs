//! Functions of which nothing but annotations are others: `def f(n)`, then `def f(n: int) -> Q`. They
//! say something else of themselves, and do what they did.

use super::described::{DECLARES, TEXT};
use super::{Dirty, Functions, affected, root};
use crate::outline::{Kind, Statement, Uses};

/// Stands for the annotations of a definition, as an attribute of it: for those who ask for some, it
/// does something else when these are others.
const HINTS: &str = "<hints>";

/// The same of the docstring of a function.
const DOC: &str = "<doc>";

/// Functions that tell the docstring of what they are given.
const DOC_TELLERS: [&str; 4] = ["getdoc", "getcomments", "getsource", "help"];

/// Functions that tell annotations of what they are given.
const TELLERS: [&str; 4] = [
    "get_annotations",
    "get_type_hints",
    "getfullargspec",
    "signature",
];

/// Attributes that are annotations, or made of some.
const ATTRIBUTES: [&str; 3] = ["__annotate__", "__annotations__", "__signature__"];

/// Decorators that do not look at the annotations of what they are given, and are no functions of
/// the program, by their own names.
const BLIND: [&str; 16] = [
    "abstractmethod",
    "asynccontextmanager",
    "cache",
    "cached_property",
    "classmethod",
    "contextmanager",
    "deleter",
    "final",
    "getter",
    "lru_cache",
    "override",
    "property",
    "setter",
    "staticmethod",
    "total_ordering",
    "wraps",
];

/// Libraries of which nothing looks at annotations.
const QUIET: [&str; 9] = [
    "asyncio",
    "contextlib",
    "functools",
    "itertools",
    "logging",
    "random",
    "threading",
    "time",
    "warnings",
];

/// Tells that a definition at this path has other annotations.
pub fn tell_hints(path: &str, line: u32, dirty: &mut Dirty) {
    for what in [DECLARES, TEXT, HINTS] {
        dirty.acts(
            format!("{path}.{what}"),
            format!("which changed on line {line}"),
        );
    }
}

/// Tells that a function at this path has another docstring, and does what it did.
pub fn tell_doc(path: &str, line: u32, dirty: &mut Dirty) {
    dirty.acts(
        format!("{path}.{DOC}"),
        format!("which changed on line {line}"),
    );
}

/// Whether code asks for docstrings itself.
fn asks_doc(uses: &Uses) -> bool {
    let last = |path: &String| DOC_TELLERS.contains(&path.rsplit('.').next().unwrap_or(path));
    let attribute = |name: &String| name == "__doc__" || name == "__code__";
    uses.calls.iter().any(last) || uses.members.iter().any(attribute)
}

/// Whether code asks for annotations itself.
fn asks_hints(uses: &Uses) -> bool {
    let last = |path: &String| TELLERS.contains(&path.rsplit('.').next().unwrap_or(path));
    let attribute = |name: &String| ATTRIBUTES.contains(&name.as_str());
    uses.calls.iter().any(last) || uses.members.iter().any(attribute)
}

/// Whether a method has no decorators but those that do not look at its annotations.
pub fn decorated_blindly(method: &Statement) -> bool {
    let plain = method.plain.as_ref();
    let uses = plain.map_or(&method.uses, |plain| &plain.uses);
    let mut paths = uses.reads.iter().chain(&uses.calls);
    method.decorators == 0 || !uses.calls.is_empty() && paths.all(|path| is_blind(path))
}

impl Functions<'_> {
    /// What differs for a statement that asks for annotations or docstrings, itself or by what it calls:
    /// functions that have others act differently for it.
    pub(super) fn with_hints(&self, statement: &Statement, dirty: &Dirty) -> Option<Dirty> {
        let hints = self.with_asked(statement, dirty, HINTS, asks_hints);
        let told = hints.as_ref().unwrap_or(dirty);
        self.with_asked(statement, told, DOC, asks_doc).or(hints)
    }

    fn with_asked(
        &self,
        statement: &Statement,
        dirty: &Dirty,
        what: &str,
        asks: fn(&Uses) -> bool,
    ) -> Option<Dirty> {
        if !dirty.mentions(what) {
            return None;
        }
        let calls = &statement.uses.calls;
        let by_calls = || self.any_called(calls, |function| asks(&function.later));
        if !asks(&statement.uses) && !by_calls() && !self.does(calls, true).asks.outright() {
            return None;
        }
        let suffix = format!(".{what}");
        let paths = dirty.behaviour.iter();
        let paths = paths.filter_map(|(path, why)| Some((path.strip_suffix(&suffix)?, why)));
        let told: Vec<(String, String)> = paths.map(|(p, w)| (p.to_owned(), w.clone())).collect();
        let fresh = told
            .iter()
            .any(|(path, _)| !dirty.behaviour.contains_key(path));
        let mut dirty = fresh.then(|| dirty.clone())?;
        for (path, why) in told {
            dirty.acts(path, why);
        }
        Some(dirty)
    }

    /// Whether a function that is made again does what it did: nothing but its annotations differ
    /// from what they `was`, or, if it stands as it is, nothing but they read what differs.
    pub fn only_hints(&self, was: &Statement, statement: &Statement, dirty: &Dirty) -> bool {
        if statement.kind != Kind::Function
            || statement.plain.is_none() && was.plain.is_none()
            || was.print != statement.print && !statement.differs_in_hints(was)
        {
            return false;
        }
        let uses = match &statement.plain {
            Some(plain) => &plain.uses,
            None => &statement.uses,
        };
        affected(uses, self, dirty).is_none() && !self.decorators_look(statement)
    }

    /// Whether a decorator may look at the annotations of what it is given, at once or later.
    fn decorators_look(&self, statement: &Statement) -> bool {
        if statement.decorators == 0 {
            return false;
        }
        let plain = statement.plain.as_ref();
        let uses = plain.map_or(&statement.uses, |plain| &plain.uses);
        // One that is no path is not known.
        let mut paths = uses.reads.iter();
        if uses.calls.is_empty() || !paths.all(|path| uses.calls.contains(path)) {
            return true;
        }
        let mut decorators = uses.calls.iter();
        if !decorators.all(|path| is_blind(path) || self.is_function(path)) {
            return true;
        }
        let own: Vec<String> = uses
            .calls
            .iter()
            .filter(|path| !is_blind(path))
            .cloned()
            .collect();
        self.any_called(&own, |function| {
            let later = &function.later;
            let mut calls = later.calls.iter();
            asks_hints(later)
                || later.opaque
                || !calls.all(|path| is_blind(path) || self.keeps_not(path) || self.is_quiet(path))
        })
    }

    /// Whether a path leads into a library that does not look at annotations.
    fn is_quiet(&self, path: &str) -> bool {
        let mut imports = self.imports(root(path)).peekable();
        imports.peek().is_some()
            && imports.all(|import| import.level == 0 && QUIET.contains(&&*import.module))
    }
}

fn is_blind(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    BLIND.contains(&last)
}
