//! Instances that a statement makes for what it calls, and that are gone when it has run:
//! `str(C())`, `show(C())`.
//!
//! New ones are other ones when a constructor does something else, or has other defaults. One that
//! something may keep is no matter of this: making it again would give away a second one.

use super::{Dirty, Functions, root};
use crate::outline::{Statement, only_looks};

/// Builtins that keep nothing of what they are given, beside those that only look.
const BUILTINS: [&str; 24] = [
    "abs",
    "all",
    "any",
    "ascii",
    "bool",
    "bytes",
    "complex",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "hash",
    "int",
    "iter",
    "map",
    "max",
    "min",
    "range",
    "repr",
    "reversed",
    "round",
    "sum",
    "super",
];

/// Functions of libraries that keep nothing, by their own names.
const LIBRARY: [&str; 12] = [
    "asdict",
    "astuple",
    "deepcopy",
    "dumps",
    "fields",
    "fsum",
    "getmembers",
    "itemgetter",
    "attrgetter",
    "pformat",
    "prod",
    "zip",
];

/// Methods of data that only tell, and constructors of bases.
const TELLING: [&str; 14] = [
    "__init__", "__new__", "copy", "encode", "format", "get", "items", "join", "keys", "lower",
    "replace", "split", "strip", "values",
];

impl Functions<'_> {
    /// Why what a statement makes for what it calls, and keeps not, is made in another way.
    pub(super) fn passing_differs(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        let calls = &statement.uses.calls;
        if calls.is_empty() || dirty.behaviour.is_empty() {
            return None;
        }
        let gives = |call: &&String| statement.applied.iter().all(|(path, _)| path != *call);
        let mut inside: Vec<&String> = calls.iter().filter(gives).collect();
        self.any_called(calls, |function| {
            inside.extend(&function.later.calls);
            false
        });
        let why = inside.into_iter().find_map(|class| {
            let why = self.made_differently(class, dirty);
            let why = why.or_else(|| self.lineage_made_otherwise(class, dirty))?;
            Some(format!("makes a {class}, {why}"))
        })?;
        self.keeps_nothing(statement).then_some(why)
    }

    /// Whether nothing that a statement calls can keep what it is given, as far as is known.
    fn keeps_nothing(&self, statement: &Statement) -> bool {
        let calls = &statement.uses.calls;
        let known = |path: &String| self.keeps_not(path);
        calls.iter().all(known)
            && statement.uses.mutates.is_empty()
            && self.mutations(calls).is_empty()
            && self.global_writes(calls).is_empty()
            && !self.any_called(calls, |function| {
                function.later.opaque || !function.later.calls.iter().all(known)
            })
    }

    pub(super) fn keeps_not(&self, path: &str) -> bool {
        let last = path.rsplit('.').next().unwrap_or(path);
        if self.is_unknown(path) && (only_looks(path) || BUILTINS.contains(&path)) {
            return true;
        }
        if self.defines_class(path) || self.is_function(path) || LIBRARY.contains(&last) {
            return true;
        }
        if path.contains('.') && TELLING.contains(&last) {
            return true;
        }
        // What the module has from another one of the program.
        let mut imports = self.imports(root(path)).peekable();
        imports.peek().is_some()
            && imports.all(|import| {
                let kept = self.elsewhere.keeps(import, path);
                self.elsewhere.does(import, path, true).is_some()
                    && kept.iter().all(|(_, paths)| paths.is_empty())
            })
    }
}
