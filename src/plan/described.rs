//! Statements that give definitions to functions which ask what these say of themselves:
//! `COLUMNS = columns(Row)`, `register(on_click)`.

use std::collections::BTreeSet;

use super::dirty::asks;
use super::{Dirty, Functions, root};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement, Uses};

/// Stands for what a definition declares, as an attribute of it: parameters, fields, bases, the names
/// of its members.
pub(super) const DECLARES: &str = "<declares>";

/// Stands for its text.
pub(super) const TEXT: &str = "<text>";

/// Stands for the fields that a decorator found in a class, as an attribute of it: those of what is
/// derived from it have been found there, too.
const FIELDS: &str = "<fields>";

/// Attributes that say what a definition declares.
const DECLARED: [&str; 14] = [
    "__abstractmethods__",
    "__annotations__",
    "__bases__",
    "__dataclass_fields__",
    "__defaults__",
    "__dict__",
    "__fields__",
    "__kwdefaults__",
    "__members__",
    "__mro__",
    "__parameters__",
    "__signature__",
    "__slots__",
    "_fields",
];

/// Attributes that are made of the text.
const WRITTEN: [&str; 2] = ["__code__", "__doc__"];

/// What bodies ask of the definitions that they are given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asks {
    /// A function that is there for this, as `inspect.signature`.
    outright: bool,
    /// Attributes that say it, or whether there are some.
    declared: bool,
    /// The docstring, the source.
    text: bool,
}

/// Whether a function is called that is there to tell what definitions declare.
fn asks_outright(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let others = ["getdoc", "getsource", "getattr", "hasattr", "issubclass"];
    asks(path) && !others.contains(&last)
}

impl Asks {
    /// Whether a function is called that is there for such questions.
    pub(super) fn outright(self) -> bool {
        self.outright
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.outright |= other.outright;
        self.declared |= other.declared;
        self.text |= other.text;
    }

    /// What a body asks itself.
    pub(super) fn of(uses: &Uses) -> Self {
        let last = |path: &String| path.rsplit('.').next().unwrap_or(path).to_owned();
        let found = uses.calls.iter().filter(|path| asks(path)).map(last);
        let mut out = Self::default();
        for name in found {
            match &*name {
                "getdoc" | "getsource" => out.text = true,
                _ if asks_outright(&name) => out.outright = true,
                _ => out.declared = true,
            }
        }
        let has = |names: &[&str]| uses.members.iter().any(|m| names.contains(&&**m));
        out.declared |= out.outright || has(&DECLARED);
        out.text |= has(&WRITTEN);
        out
    }
}

/// Whether a class declares something else: more than bodies of its methods changed.
fn declares_others(inner: &Changes) -> bool {
    let other = |what: &What| match what {
        What::Same | What::Body => false,
        What::Inner(deeper) => declares_others(deeper),
        What::Header(_) | What::Changed | What::Added => true,
    };
    !inner.gone.is_empty() || inner.items.iter().any(|change| other(&change.what))
}

/// Tells that a decorator found other fields in a class than it had.
pub fn tell_fields(class: &str, why: &str, dirty: &mut Dirty) {
    dirty.acts(format!("{class}.{FIELDS}"), why);
}

impl Functions<'_> {
    /// Tells that a definition says something else of itself. `runs`: it is made again.
    pub fn tell_declared(
        &self,
        definition: &Statement,
        what: &What,
        runs: bool,
        dirty: &mut Dirty,
    ) {
        if !runs {
            self.tell_handed(definition, dirty);
        }
        if !matches!(definition.kind, Kind::Function | Kind::Class) {
            return;
        }
        let name = &definition.name;
        let why = || format!("which changed on line {}", definition.span.line);
        let others = match what {
            What::Same | What::Body => runs,
            What::Inner(inner) => runs || declares_others(inner),
            What::Header(_) | What::Changed | What::Added => true,
        };
        if others {
            dirty.acts(format!("{name}.{DECLARES}"), why());
        }
        if others || dirty.behaviour.contains_key(name) && !matches!(what, What::Same) {
            dirty.acts(format!("{name}.{TEXT}"), why());
        }
        self.tell_lists(definition, dirty);
        self.tell_found(definition, what, dirty);
        self.tell_bases(definition, what, dirty);
    }

    /// Why a statement must perhaps run again: it gives a definition that says something else of
    /// itself to what asks for that.
    pub(super) fn given_declared(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        match statement.kind {
            Kind::Assign | Kind::Compound => {
                let uses = &statement.uses;
                let asks = self.asks_of(uses, false, dirty);
                asks.or_else(|| self.asks_made(uses, dirty))
            }
            // What has more to it than a value is run again for nothing but an outright question.
            Kind::Expr => self.asks_of(&statement.uses, true, dirty),
            Kind::Function if statement.decorators != 0 => {
                self.asks_of(&statement.uses, true, dirty)
            }
            // A class runs member by member.
            Kind::Class if !dirty.is_empty() => {
                let mut members = statement.body.iter();
                members.find_map(|member| self.given_declared(member, dirty))
            }
            _ => None,
        }
    }

    /// A definition that says something else of itself, if something here asks definitions for that.
    pub(super) fn says_other<'d>(&self, uses: &Uses, dirty: &'d Dirty) -> Option<&'d String> {
        self.says_to(Asks::of(uses), dirty)
    }

    /// The same, if these are what is asked.
    pub(super) fn says_to<'d>(&self, asks: Asks, dirty: &'d Dirty) -> Option<&'d String> {
        let mut told = dirty.behaviour.keys();
        told.find(|path| {
            path.rsplit_once('.').is_some_and(|(name, what)| {
                !name.contains('.')
                    && (what == TEXT && asks.text || what == DECLARES && asks.declared)
            })
        })
    }

    /// The same of the decorators of a class, which are given what its bases have.
    pub(super) fn decorator_asks(&self, class: &Statement, dirty: &Dirty) -> Option<String> {
        let decorated = class.kind == Kind::Class && class.decorators != 0;
        if !decorated {
            return None;
        }
        self.other_fields(class, dirty)
            .or_else(|| self.asks_of(&class.head, true, dirty))
    }

    /// Why a decorator finds other fields in the bases of a class.
    fn other_fields(&self, class: &Statement, dirty: &Dirty) -> Option<String> {
        if !dirty.mentions(FIELDS) {
            return None;
        }
        class.head.reads.iter().find_map(|base| {
            let line = self.lineage(base);
            let mut line = std::iter::once(&**base).chain(line.iter().copied());
            line.find_map(|base| {
                let why = dirty.behaviour.get(&format!("{base}.{FIELDS}"))?;
                Some(format!("is derived from {base}, {why}"))
            })
        })
    }

    fn asks_of(&self, uses: &Uses, only_outright: bool, dirty: &Dirty) -> Option<String> {
        if uses.calls.is_empty() || dirty.is_empty() {
            return None;
        }
        let told = |path: &str, what| dirty.behaviour.get(&format!("{path}.{what}"));
        let hand: BTreeSet<&str> = self
            .at_hand(uses)
            .into_iter()
            .filter(|path| told(path, TEXT).is_some() || self.holds_others(path, dirty).is_some())
            .collect();
        if hand.is_empty() {
            return None;
        }
        let asks = self.does(&uses.calls, true).asks;
        let declares = |path: &str| told(path, DECLARES).or_else(|| self.holds_others(path, dirty));
        let declared = hand.iter().find_map(|path| Some((path, declares(path)?)));
        let declared = declared.filter(|_| asks.outright || asks.declared && !only_outright);
        let written = || hand.iter().find_map(|path| Some((path, told(path, TEXT)?)));
        let written = || written().filter(|_| asks.text && !only_outright);
        let (path, why) = declared.or_else(written)?;
        Some(format!("asks what {path} says of itself, {why}"))
    }

    /// `signature(h)`, where `h = partial(f, 1)` or `h = k.method`: what is made of a definition says of
    /// itself what that says.
    fn asks_made(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        if dirty.is_empty() || !uses.calls.iter().any(|path| asks_outright(path)) {
            return None;
        }
        let asked = uses.reads.iter().filter(|path| !uses.calls.contains(path));
        let mut todo: Vec<&str> = asked.map(String::as_str).collect();
        let mut seen: BTreeSet<&str> = todo.iter().copied().collect();
        while let Some(name) = todo.pop() {
            for path in self.from(name) {
                if let Some(why) = dirty.differs_within(path) {
                    return Some(format!(
                        "asks what {name} says of itself, made of {path}, {why}"
                    ));
                }
                if seen.insert(path) {
                    todo.push(path);
                }
            }
        }
        None
    }

    /// Why what was imported has other names in it: a module, most often.
    fn holds_others<'d>(&self, path: &str, dirty: &'d Dirty) -> Option<&'d String> {
        self.imports(root(path)).next()?;
        let prefix = format!("{path}.");
        let (found, why) = dirty.values.range(prefix.clone()..).next()?;
        found.starts_with(&prefix).then_some(why)
    }
}
