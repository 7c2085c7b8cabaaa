//! What functions of other modules do with what they are given.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::unit::Unit;
use crate::modules::resolve;
use crate::outline::Import;
use crate::plan::{Does, Elsewhere, Functions};

/// Asks the texts of the modules that are known.
pub(super) struct Others<'u, 'r, 'k, 'py> {
    unit: &'u Unit<'r, 'k, 'py>,
    /// The package of the module that asks.
    package: String,
    /// What is being asked: modules import each other in circles.
    asked: &'u RefCell<BTreeSet<(String, String)>>,
}

impl<'u, 'r, 'k, 'py> Others<'u, 'r, 'k, 'py> {
    pub fn new(
        unit: &'u Unit<'r, 'k, 'py>,
        package: &str,
        asked: &'u RefCell<BTreeSet<(String, String)>>,
    ) -> Self {
        Self {
            unit,
            package: package.to_owned(),
            asked,
        }
    }

    /// What is at a path of a module; `None` where there is no such module.
    fn there(&self, module: &str, path: &str, made: bool) -> Option<Does> {
        let record = self.unit.reloader.ledger.get(module)?;
        let version = self.unit.version(module)?;
        let key = (module.to_owned(), path.to_owned());
        if path.is_empty() || !self.asked.borrow_mut().insert(key.clone()) {
            return Some(Does::default());
        }
        let does = version.outline().as_ref().ok().map(|outline| {
            let package = record.package.read().clone();
            let others = Others::new(self.unit, &package, self.asked);
            let functions = Functions::of(outline).with(&others);
            let does = functions.does(&[path.to_owned()], made);
            drop(functions);
            std::rc::Rc::unwrap_or_clone(does)
        });
        self.asked.borrow_mut().remove(&key);
        does
    }

    /// `a.b.f`: of the longest part that is a module.
    fn dotted(&self, path: &str, made: bool) -> Option<Does> {
        let mut dots = path.rmatch_indices('.');
        dots.find_map(|(at, _)| self.there(&path[..at], &path[at + 1..], made))
    }
}

impl Elsewhere for Others<'_, '_, '_, '_> {
    fn does(&self, import: &Import, path: &str, made: bool) -> Option<Does> {
        let module = resolve(&self.package, import.level, &import.module);
        let rest = path.strip_prefix(import.bound.as_str()).unwrap_or_default();
        match import.name.as_deref() {
            Some("*") => self.there(&module, path, made),
            Some(name) => self.dotted(&format!("{module}.{name}{rest}"), made),
            None if import.aliased => self.dotted(&format!("{module}{rest}"), made),
            None => self.dotted(path, made),
        }
    }
}
