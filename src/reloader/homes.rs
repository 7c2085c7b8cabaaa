//! Definitions that moved to another module, came back after they had been gone, or whose name means
//! another one: who holds the old one, and its instances, belong to the new one, as after a restart.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use pyo3::prelude::*;

use super::unit::Unit;
use crate::apply::{Departed, Facts, Kit, Work, text};
use crate::modules::Version;
use crate::outline::Kind;

/// A class or function that a module defines under this name.
struct Defined<'py> {
    home: String,
    object: Bound<'py, PyAny>,
}

/// What a value is, if it is a class or function that some module defines at its top level by this
/// name.
fn defined<'py>(kit: &Kit<'py>, name: &str, value: &Bound<'py, PyAny>) -> Option<Defined<'py>> {
    if !kit.is_class(value) && !kit.is_function(value) && !kit.is_cache(value) {
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
                if let Err(error) = work.succeed(&old.object, &new.object, true) {
                    log::debug!("who holds a method of {name} keeps it: {error}");
                }
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

    /// Finds definitions that another one stands for now, under their names: `old = new`, or since they
    /// came back. And those that are gone are noted.
    pub(super) fn successors(
        &self,
        work: &mut Work<'k, 'py>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) -> PyResult<()> {
        let kit = self.kit;
        let mut pairs = Vec::new();
        for (module, facts) in facts {
            for (name, old, new) in &facts.rebound {
                let here = |value: &Option<Bound<'py, PyAny>>| {
                    let found = defined(kit, name, value.as_ref()?)?;
                    (found.home == *module).then_some(found.object)
                };
                match (here(old), here(new), new) {
                    (None, Some(new), _) => {
                        let departed = self.departed(module, name).into_iter();
                        pairs.extend(departed.map(|old| (old, new.clone(), true)));
                    }
                    // `@lru_cache` came or went.
                    (Some(old), Some(new), _)
                        if !old.is(&new) && (kit.is_cache(&old) || kit.is_cache(&new)) =>
                    {
                        pairs.push((old, new, true));
                    }
                    (Some(old), None, new) => {
                        // It may come back, also from being another name of something else.
                        let gone = Departed::new(kit, module.clone(), name.clone(), &old);
                        work.departed.extend(gone);
                        if let Some(new) = new
                            && self.stands_for(module, name, &old, new)
                        {
                            pairs.push((old, new.clone(), false));
                        }
                    }
                    _ => {}
                }
            }
        }
        for (old, new, fresh) in pairs {
            if !old.is(&new) && kit.is_class(&old) == kit.is_class(&new) {
                work.succeed(&old, &new, fresh)?;
            }
        }
        work.returned_methods(&|module, path| self.departed(module, path))?;
        work.rebind_methods()
    }

    /// Whether a name means something else of the kind, by an assignment or an import.
    fn stands_for(
        &self,
        module: &str,
        name: &str,
        old: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> bool {
        let kit = self.kit;
        let alike = match kit.is_class(old) {
            true => kit.is_class(new),
            false => new.is_callable() && !kit.is_class(new),
        };
        let assigned = |version: Arc<Version>| {
            let outline = version.outline().as_ref().ok()?;
            let mut places = outline.index().writers(&outline.body, name).into_iter();
            // Instances of a class do not become those of another one that was there before.
            Some(places.all(|at| match outline.body[at].kind {
                Kind::Assign => true,
                kind => kind == Kind::Import && !kit.is_class(old),
            }))
        };
        alike && self.version(module).and_then(assigned) == Some(true)
    }

    /// What is alive of definitions that are gone.
    fn departed(&self, module: &str, path: &str) -> Vec<Bound<'py, PyAny>> {
        // No lock is held while Python is asked.
        let known: Vec<_> = {
            let all = self.reloader.departed.lock();
            let here = |d: &&Departed| d.module == module && d.path == path;
            let here = all.iter().filter(here);
            here.map(|d| d.object.clone_ref(self.kit.py)).collect()
        };
        let found = known
            .iter()
            .filter_map(|weak| weak.bind(self.kit.py).call0().ok());
        found.filter(|object| !object.is_none()).collect()
    }

    /// After the unit was applied.
    pub(super) fn keep_departed(&self, departed: Vec<Departed>) {
        if departed.is_empty() {
            return;
        }
        let py = self.kit.py;
        let alive = |d: &Departed| d.object.bind(py).call0().is_ok_and(|o| !o.is_none());
        let mut known = std::mem::take(&mut *self.reloader.departed.lock());
        known.extend(departed);
        known.retain(alive);
        let more = known.len().saturating_sub(MOST_DEPARTED);
        known.drain(..more);
        *self.reloader.departed.lock() = known;
    }
}

/// So many are kept in mind.
const MOST_DEPARTED: usize = 1000;
