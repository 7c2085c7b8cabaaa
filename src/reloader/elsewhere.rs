//! What functions of other modules do with what they are given.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::unit::Unit;
use crate::modules::resolve;
use crate::outline::{Handed, Import, Statement};
use crate::plan::{Does, Elsewhere, Functions, Holding};

/// What was found out while one module is worked on.
#[derive(Default)]
pub(super) struct Memory {
    /// What is being asked: modules import each other in circles.
    asked: BTreeSet<(String, String)>,
    does: HashMap<(String, String, bool), Does>,
    kept: HashMap<(String, String), Holding>,
    /// Whose keeping was asked for within one question: once is enough, since all that is found is joined.
    keeping: BTreeSet<(String, String)>,
}

/// So many functions are followed for one question, one in the other.
const MOST_KEEPING: usize = 100;

/// Asks the texts of the modules that are known.
pub(super) struct Others<'u, 'r, 'k, 'py> {
    unit: &'u Unit<'r, 'k, 'py>,
    /// The package of the module that asks.
    package: String,
    memory: &'u RefCell<Memory>,
}

impl<'u, 'r, 'k, 'py> Others<'u, 'r, 'k, 'py> {
    pub fn new(unit: &'u Unit<'r, 'k, 'py>, package: &str, memory: &'u RefCell<Memory>) -> Self {
        Self {
            unit,
            package: package.to_owned(),
            memory,
        }
    }

    /// What is at a path of a module; `None` where there is no such module.
    fn there(&self, module: &str, path: &str, made: bool) -> Option<Does> {
        let record = self.unit.reloader.ledger.get(module)?;
        let version = self.unit.version(module)?;
        let known = (module.to_owned(), path.to_owned(), made);
        if let Some(does) = self.memory.borrow().does.get(&known) {
            return Some(does.clone());
        }
        let key = (module.to_owned(), path.to_owned());
        if path.is_empty() || !self.memory.borrow_mut().asked.insert(key.clone()) {
            return Some(Does::default());
        }
        let does = version.outline().as_ref().ok().map(|outline| {
            let package = record.package.read().clone();
            let others = Others::new(self.unit, &package, self.memory);
            let functions = Functions::of(outline).with(&others);
            let does = functions.does(&[path.to_owned()], made);
            drop(functions);
            std::rc::Rc::unwrap_or_clone(does)
        });
        let mut memory = self.memory.borrow_mut();
        memory.asked.remove(&key);
        // In the middle of a circle it is not all.
        if let Some(does) = does.as_ref().filter(|_| memory.asked.is_empty()) {
            memory.does.insert(known, does.clone());
        }
        does
    }
}

impl Others<'_, '_, '_, '_> {
    fn kept(&self, module: &str, path: &str) -> Option<Holding> {
        let record = self.unit.reloader.ledger.get(module)?;
        let version = self.unit.version(module)?;
        let known = (module.to_owned(), path.to_owned());
        if let Some(kept) = self.memory.borrow().kept.get(&known) {
            return Some(kept.clone());
        }
        let outermost = self.memory.borrow().keeping.is_empty();
        let many = self.memory.borrow().keeping.len() > MOST_KEEPING;
        if path.is_empty() || many || !self.memory.borrow_mut().keeping.insert(known.clone()) {
            return Some(Holding::new());
        }
        let kept = version.outline().as_ref().ok().map(|outline| {
            let package = record.package.read().clone();
            let others = Others::new(self.unit, &package, self.memory);
            Functions::of(outline).with(&others).keeps(module, path)
        });
        if outermost {
            let mut memory = self.memory.borrow_mut();
            memory.keeping.clear();
            if let Some(kept) = &kept {
                memory.kept.insert(known, kept.clone());
            }
        }
        kept
    }

    /// Asks what is at a path of a module, but for what is being asked of it already.
    fn once<T>(
        &self,
        module: &str,
        path: &str,
        ask: impl FnOnce(&Functions<'_>) -> T,
    ) -> Option<T> {
        let record = self.unit.reloader.ledger.get(module)?;
        let version = self.unit.version(module)?;
        let key = (module.to_owned(), format!("inside {path}"));
        if path.is_empty() || !self.memory.borrow_mut().asked.insert(key.clone()) {
            return None;
        }
        let found = version.outline().as_ref().ok().map(|outline| {
            let package = record.package.read().clone();
            let others = Others::new(self.unit, &package, self.memory);
            let functions = Functions::of(outline).with(&others);
            ask(&functions)
        });
        self.memory.borrow_mut().asked.remove(&key);
        found
    }

    /// `a.b.f`: the longest part that is a module, and the rest; where it is known.
    fn find<T>(
        &self,
        import: &Import,
        path: &str,
        ask: impl Fn(&str, &str) -> Option<T>,
    ) -> Option<T> {
        let module = resolve(&self.package, import.level, &import.module);
        let rest = path.strip_prefix(import.bound.as_str()).unwrap_or_default();
        let whole = match import.name.as_deref() {
            Some("*") => return ask(&module, path),
            Some(name) => format!("{module}.{name}{rest}"),
            None if import.aliased => format!("{module}{rest}"),
            None => path.to_owned(),
        };
        let mut dots = whole.rmatch_indices('.');
        dots.find_map(|(at, _)| ask(&whole[..at], &whole[at + 1..]))
    }
}

impl Elsewhere for Others<'_, '_, '_, '_> {
    fn does(&self, import: &Import, path: &str, made: bool) -> Option<Does> {
        self.find(import, path, |module, path| self.there(module, path, made))
    }

    fn keeps(&self, import: &Import, path: &str) -> Holding {
        let kept = self.find(import, path, |module, path| self.kept(module, path));
        kept.unwrap_or_default()
    }

    fn holding(&self, import: &Import, path: &str) -> Holding {
        let found = self.find(import, path, |module, path| {
            self.unit.reloader.ledger.get(module)?;
            Some((module.to_owned(), self.holders(module, path)))
        });
        found.into_iter().collect()
    }

    fn module_of(&self, import: &Import) -> String {
        resolve(&self.package, import.level, &import.module)
    }

    fn puts_into(&self, import: &Import, path: &str) -> Option<BTreeSet<String>> {
        let found = self.find(import, path, |module, path| {
            self.once(module, path, |functions| functions.puts_into(path))
        });
        found.flatten()
    }

    fn sets_of(&self, import: &Import, path: &str) -> Option<BTreeSet<String>> {
        let found = self.find(import, path, |module, path| {
            self.once(module, path, |functions| functions.sets_of(path))
        });
        found.flatten()
    }

    fn is_of_program(&self, import: &Import) -> bool {
        let module = resolve(&self.package, import.level, &import.module);
        let inside = import.name.as_ref().map(|name| format!("{module}.{name}"));
        let mut names = std::iter::once(module).chain(inside);
        names.any(|name| self.unit.reloader.ledger.get(&name).is_some())
    }

    fn stores(&self, import: &Import, path: &str) -> Option<Vec<Handed>> {
        self.find(import, path, |module, path| {
            self.once(module, path, |functions| functions.stores(path))
        })
    }

    fn reads_of_itself(&self, import: &Import, path: &str) -> Option<BTreeSet<String>> {
        self.find(import, path, |module, path| {
            self.once(module, path, |functions| functions.reads_of_itself(path))
        })
    }

    fn looks_inside(
        &self,
        import: &Import,
        path: &str,
        members: &[String],
        attributes: &BTreeSet<String>,
    ) -> bool {
        let found = self.find(import, path, |module, path| {
            self.once(module, path, |functions| {
                functions.looks_inside(path, members, attributes)
            })
        });
        found.unwrap_or(true)
    }

    fn collects(&self, import: &Import, path: &str) -> bool {
        let found = self.find(import, path, |module, path| {
            self.once(module, path, |functions| functions.collects(path))
        });
        found.unwrap_or(false)
    }

    fn holders(&self, module: &str, name: &str) -> BTreeSet<String> {
        let version = self.unit.version(module);
        let names = BTreeSet::from([name.to_owned()]);
        let outline = version.as_ref().map(|version| version.outline().as_ref());
        match outline {
            Some(Ok(outline)) => Functions::of(outline).holders(names, true),
            _ => names,
        }
    }

    fn readers(&self, module: &str, name: &str) -> BTreeSet<String> {
        let version = self.unit.version(module);
        let outline = version.as_ref().map(|version| version.outline().as_ref());
        match outline {
            Some(Ok(outline)) => Functions::of(outline).readers(name),
            _ => BTreeSet::new(),
        }
    }

    fn asked_for(&self, attributes: &[String]) -> Vec<String> {
        let mut todo: BTreeSet<&String> = attributes.iter().collect();
        for record in &self.unit.order {
            let edited = self.unit.edited.get(&*record.name);
            let version = edited.map(|edited| Arc::clone(&edited.version));
            let version = version.or_else(|| self.unit.version(&record.name));
            if todo.is_empty() {
                break;
            }
            // Its text says first whether it may, which costs less than reading it.
            let version = version.filter(|version| {
                let text = version.glance();
                let mut names = todo.iter();
                names.any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some())
            });
            if let Some(Ok(outline)) = version.as_ref().map(|v| v.outline().as_ref()) {
                todo.retain(|name| !outline.body.iter().any(|s| asks_for(s, name)));
            }
        }
        let asked = attributes.iter().filter(|name| !todo.contains(name));
        asked.cloned().collect()
    }
}

/// Whether a statement, or a function in it, reads an attribute of this name of anything.
fn asks_for(statement: &Statement, name: &str) -> bool {
    let mut members = statement
        .uses
        .members
        .iter()
        .chain(&statement.later.members);
    members.any(|member| member == name) || statement.body.iter().any(|s| asks_for(s, name))
}
