//! Definitions that moved to another module: who holds the old one, and its instances, belong to the
//! new one, as after a restart.

use std::collections::HashMap;
use std::rc::Rc;

use pyo3::prelude::*;

use super::unit::Unit;
use crate::apply::{Facts, Kit, Work, text};

/// A class or function that a module defines under this name.
struct Defined<'py> {
    home: String,
    object: Bound<'py, PyAny>,
}

/// What a value is, if it is a class or function that some module defines at its top level by this
/// name.
fn defined<'py>(kit: &Kit<'py>, name: &str, value: &Bound<'py, PyAny>) -> Option<Defined<'py>> {
    if !kit.is_class(value) && !kit.is_function(value) {
        return None;
    }
    let attribute = |name| Some(text(&value.getattr(name).ok()?));
    (attribute("__qualname__")? == name).then_some(Defined {
        home: attribute("__module__")?,
        object: value.clone(),
    })
}

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// The modules that were imported since there were so many.
    pub(super) fn imported_since(&self, before: usize) -> Vec<String> {
        let modules = self.kit.sys_modules.keys();
        let since = modules.iter().skip(before);
        since.map(|name| text(&name)).collect()
    }

    /// Finds definitions that are gone from one module and came to another one, by the same name, in
    /// one edit. `before`: so many modules there were when it began.
    pub(super) fn new_homes(
        &self,
        work: &mut Work<'k, 'py>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
        before: usize,
    ) {
        let kit = self.kit;
        let rebound = || {
            facts
                .iter()
                .flat_map(|(m, f)| f.rebound.iter().map(move |r| (m, r)))
        };
        let gone: Vec<(&String, Defined<'py>)> = rebound()
            .filter_map(|(module, (name, old, new))| {
                let old = defined(kit, name, old.as_ref()?)?;
                let still = new.as_ref().and_then(|new| {
                    let home = new.getattr("__module__").ok()?;
                    Some(text(&home) == *module)
                });
                (old.home == *module && !still.unwrap_or(false)).then_some((name, old))
            })
            .collect();
        if gone.is_empty() {
            return;
        }
        let imported = self.imported_since(before);
        let failed = |home: &String| {
            let record = self.reloader.ledger.get(home);
            record.is_some_and(|record| record.failed.lock().is_some())
        };
        for (name, old) in gone {
            let came = |home: &String, object: &Bound<'py, PyAny>| {
                let added = facts.get(home).is_some_and(|facts| {
                    let mut rebound = facts.rebound.iter();
                    rebound.any(|(n, was, now)| {
                        n == name && was.is_none() && now.as_ref().is_some_and(|o| o.is(object))
                    })
                });
                // An earlier attempt may have brought it, and failed.
                let earlier = || failed(&old.home) && self.reloader.brought.lock().contains(home);
                *home != old.home && (added || imported.contains(home) || earlier())
            };
            let mut new: Option<Defined<'py>> = None;
            let mut several = false;
            for (_, (_, _, value)) in rebound() {
                let Some(found) = value.as_ref().and_then(|value| defined(kit, name, value)) else {
                    continue;
                };
                if kit.is_class(&found.object) == kit.is_class(&old.object)
                    && came(&found.home, &found.object)
                {
                    several |= new
                        .as_ref()
                        .is_some_and(|new| !new.object.is(&found.object));
                    new = Some(found);
                }
            }
            if let Some(new) = new.filter(|_| !several) {
                work.moved_home(&old.object, &new.object);
                let what = match kit.is_class(&old.object) {
                    true => "its instances belong to that one",
                    false => "who held it holds that one",
                };
                work.notes.push(format!(
                    "{name} moved from {} to {}; {what}",
                    old.home, new.home
                ));
            }
        }
    }
}
