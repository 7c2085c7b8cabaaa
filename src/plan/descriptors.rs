//! Class attributes that are asked for through what they are: `size = Field()`, where `Field` has a
//! `__get__`.

use super::settled::Seen;
use super::{Dirty, Functions};
use crate::outline::{Kind, Statement};

impl Functions<'_> {
    /// Why what a statement of a class body binds is told its name in another way: `size = Field()`,
    /// where `Field` has a `__set_name__`.
    pub(super) fn named_differs(&self, statement: &Statement, dirty: &Dirty) -> Option<String> {
        const NAMED: &str = "__set_name__";
        if dirty.behaviour.is_empty() || !statement.implied.contains(&NAMED) {
            return None;
        }
        let makers: Vec<&String> = match statement.kind {
            Kind::Class => statement.uses.calls.iter().collect(),
            _ => statement.applied.iter().map(|(maker, _)| maker).collect(),
        };
        makers.into_iter().find_map(|maker| {
            let path = format!("{maker}.{NAMED}");
            self.differs_alone(&path, dirty)
        })
    }

    /// Why reading a class attribute gives something else: the class of the descriptor that stands
    /// there, in the class or in a base, acts differently.
    pub(super) fn described(&self, class: &str, member: &str, dirty: &Dirty) -> Option<String> {
        if dirty.is_empty() {
            return None;
        }
        let lineage = self.lineage(class);
        let mut classes = std::iter::once(class).chain(lineage.iter().copied());
        let statement = classes.find_map(|class| {
            let mut found = self.at(class).into_iter().filter(|s| s.kind == Kind::Class);
            found.find_map(|class| class.body.iter().rfind(|s| s.name == member))
        })?;
        if statement.kind != Kind::Assign || statement.applied.is_empty() {
            return None;
        }
        // What `__get__` reads may be such an attribute itself.
        let path = format!("{class}.{member}");
        if !self.asking.borrow_mut().insert(path.clone()) {
            return None;
        }
        let mut makers = statement.applied.iter();
        let mut seen = Seen::default();
        let why = makers
            .find_map(|(maker, _)| self.differs(&format!("{maker}.__get__"), dirty, &mut seen));
        self.asking.borrow_mut().remove(&path);
        if why.is_none() {
            self.all_same(seen, dirty);
        }
        why
    }
}
