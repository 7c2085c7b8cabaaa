//! Objects that keep what they were given: `window = Window(model)` is not made again, and loses
//! nothing, when something else is put into the model. What asks the window for that is told.

use std::collections::BTreeSet;

use super::{Dirty, Functions, root};
use crate::outline::{Handed, Kind, Statement};

impl Functions<'_> {
    /// The parameters that the constructor of a class keeps and does not look at, as far as can be
    /// told.
    pub fn stores(&self, class: &str) -> Vec<Handed> {
        if let Some(found) = self.at(class).first().filter(|s| s.kind == Kind::Class) {
            // At the top level its name is all of its path.
            return match found.name == class {
                true => self.stores_here(&found.name).unwrap_or_default(),
                false => Vec::new(),
            };
        }
        let mut imports = self.imports(root(class));
        let found = imports.find_map(|import| self.elsewhere.stores(import, class));
        found.unwrap_or_default()
    }

    /// What a statement gives to objects that only keep it, as (name, attribute); which that is, only a
    /// class of the module tells.
    fn handed_on(&self, statement: &Statement) -> Vec<(String, Option<String>)> {
        let mut out = Vec::new();
        let mut looked: BTreeSet<&String> = BTreeSet::new();
        for handed in &statement.handed_on {
            let stores = self.stores(&handed.to);
            let kept = stores.iter().find(|kept| match handed.place {
                Some(_) => kept.place == handed.place,
                None => kept.keyword == handed.keyword,
            });
            match kept {
                Some(kept) => {
                    let here = self.defines_class(&handed.to);
                    let attribute = here.then(|| kept.to.clone());
                    out.push((handed.what.clone(), attribute));
                }
                None => _ = looked.insert(&handed.what),
            }
        }
        out.retain(|(name, _)| !looked.contains(name));
        out
    }

    /// Whether a statement does nothing with a name but hand on what that is.
    pub(super) fn only_hands(&self, statement: &Statement, name: &str) -> bool {
        let mut given = statement.handed_on.iter();
        given.any(|handed| handed.what == name)
            && self
                .handed_on(statement)
                .iter()
                .any(|(handed, _)| handed == name)
    }

    /// What differs, without what a statement only hands on that has but other contents.
    pub(super) fn without_handed(&self, statement: &Statement, dirty: &Dirty) -> Option<Dirty> {
        let other = |name: &String| dirty.filled.contains(name) || dirty.refilled.contains(name);
        let mut given = statement.handed_on.iter();
        if !given.any(|handed| other(&handed.what)) {
            return None;
        }
        let mut out: Option<Dirty> = None;
        for (name, _) in self.handed_on(statement) {
            if other(&name) {
                let out = out.get_or_insert_with(|| dirty.clone());
                out.values.remove(&name);
                out.filled.remove(&name);
            }
        }
        out
    }

    /// Tells those who ask the object that a statement makes for what it keeps.
    pub(super) fn tell_handed(&self, statement: &Statement, dirty: &mut Dirty) {
        let mut given = statement.handed_on.iter();
        if statement.kind != Kind::Assign
            || !given.any(|handed| dirty.values.contains_key(&handed.what))
        {
            return;
        }
        for (name, attribute) in self.handed_on(statement) {
            if let (Some(why), [bound]) = (dirty.values.get(&name), &statement.uses.binds[..]) {
                let why = why.clone();
                match attribute {
                    Some(attribute) => dirty.fill(format!("{bound}.{attribute}"), why),
                    None => dirty.fill(bound, why),
                }
            }
        }
    }
}
