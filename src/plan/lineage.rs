//! Classes that are derived from others than before: what they have from their bases differs, and
//! whose instances theirs are.

use super::dirty::{Dirty, asked};
use super::functions::Functions;
use super::root;
use crate::diff::What;
use crate::outline::{Kind, Statement, Uses};

/// `Form.<bases>`, among values that differ: the class has other bases, directly or further up.
const BASES: &str = "<bases>";

/// Builtins that ask what a class is derived from.
const ASKS: [&str; 2] = ["isinstance", "issubclass"];

impl Functions<'_> {
    /// Tells that a class has other bases.
    pub(super) fn tell_bases(&self, class: &Statement, what: &What, dirty: &mut Dirty) {
        if class.kind != Kind::Class {
            return;
        }
        let why = match what {
            What::Header(_) => Some(format!("which changed on line {}", class.span.line)),
            _ => self.other_bases(&class.name, dirty).cloned(),
        };
        if let Some(why) = why {
            dirty.value(format!("{}.{BASES}", class.name), why);
        }
    }

    /// Why a class, or one that it is derived from, has other bases, or is derived from another class
    /// of the same name.
    fn other_bases<'d>(&self, class: &str, dirty: &'d Dirty) -> Option<&'d String> {
        let marked = |name: &str| dirty.values.get(&format!("{name}.{BASES}"));
        if dirty.mentions(BASES)
            && let Some(why) = marked(class)
        {
            return Some(why);
        }
        let lineage = self.lineage(class);
        let mut bases = lineage.iter();
        // What an object was made of is no base of its class.
        let value = |base: &str| {
            let value = dirty.values.get(base);
            value.filter(|_| !dirty.filled.contains(base))
        };
        bases.find_map(|base| marked(base).or_else(|| value(base)))
    }

    /// Whether an attribute may be one that a class has from other bases: asked before more is.
    pub(super) fn may_have_other_bases(&self, path: &str, dirty: &Dirty) -> bool {
        dirty.mentions(BASES)
            || path.rsplit_once('.').is_some_and(|(class, _)| {
                let lineage = self.lineage(class);
                lineage.iter().any(|base| dirty.values.contains_key(*base))
            })
    }

    /// Whether what is at a path may be what a class has from other bases.
    pub fn comes_from_others(&self, path: &str, dirty: &Dirty) -> bool {
        let owner = path.rsplit_once('.').map(|(owner, _)| owner);
        owner.is_some_and(|class| self.other_bases(class, dirty).is_some())
    }

    /// Why an attribute of a class that does not have it itself may be another one.
    pub(super) fn inherited_from_others(
        &self,
        class: &str,
        member: &str,
        dirty: &Dirty,
    ) -> Option<String> {
        let binds = |s: &&Statement| s.uses.binds.iter().any(|name| name == member);
        let own = self
            .at(class)
            .iter()
            .any(|s| s.body.iter().any(|s| binds(&s)));
        let why = self.other_bases(class, dirty).filter(|_| !own)?;
        Some(format!(
            "reads {class}.{member}, and {class} has other bases, {why}"
        ))
    }

    /// Why `isinstance()` may say something else.
    pub(super) fn asks_for_bases(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        let asks = |path: &String| ASKS.contains(&path.as_str());
        if !dirty.mentions(BASES) || !uses.calls.iter().any(asks) {
            return None;
        }
        let classes = uses.reads.iter().flat_map(|path| {
            let made = self.made_by(root(path)).iter();
            made.map(String::as_str).chain([path.as_str()])
        });
        let mut classes = classes.chain(uses.calls.iter().map(String::as_str));
        classes.find_map(|class| {
            let why = self.other_bases(class, dirty)?;
            Some(format!(
                "asks what {class} is, which has other bases, {why}"
            ))
        })
    }

    /// Why code that asks a class about itself gets another answer: one that it is derived from differs.
    pub(super) fn looks_into_kin(&self, uses: &Uses, dirty: &Dirty) -> Option<String> {
        let mut classes = asked(uses).filter(|path| self.defines_class(path));
        classes.find_map(|path| {
            let lineage = self.lineage(path);
            let mut bases = lineage.iter();
            let (base, why) = bases.find_map(|base| Some((base, dirty.differs_within(base)?)))?;
            Some(format!("looks into {path}, derived from {base}, {why}"))
        })
    }
}
