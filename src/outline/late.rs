//! What functions import when they are called: the usual cure for circular imports.
//!
//! A name that is bound so is local to the function, and still means what the other module has under
//! it. In the outline its paths begin with a name that no statement can bind and that says what is
//! imported: `from a/b import X`. Whoever tells a module of changes around it uses the same names.

use std::borrow::Cow;

use super::Import;
use super::scope::{Block, Scope};
use super::statements::Reader;

/// The name that paths into what is imported begin with. The dots of modules would end it.
pub(super) fn root(import: &Import) -> String {
    let module = import.module.replace('.', "/");
    let level = "/".repeat(usize::try_from(import.level).unwrap_or(0));
    match import.name.as_deref() {
        Some(name) => format!("from {level}{module} import {name}"),
        None if import.aliased => format!("import {level}{module}"),
        None => format!("import {}", import.bound),
    }
}

/// A path as a person writes it.
pub fn written(path: &str) -> Cow<'_, str> {
    match path.starts_with("from ") || path.starts_with("import ") {
        true => Cow::Owned(path.replace('/', ".")),
        false => Cow::Borrowed(path),
    }
}

impl<'a> Reader<'a> {
    /// Something is imported: at once, or by a function when it is called.
    pub(super) fn import(&mut self, import: Import) {
        match self.frame().deferred {
            0 => self.frame().imports.push(import),
            _ => self.import_late(import),
        }
    }

    fn import_late(&mut self, mut import: Import) {
        let inner = |scope: &&mut Scope<'_>| scope.block != Block::Comprehension;
        let Some(scope) = self.scopes.iter_mut().rev().find(inner) else {
            return;
        };
        if scope.block != Block::Function || import.bound == "*" {
            return;
        }
        let root = root(&import);
        let name = std::mem::replace(&mut import.bound, root);
        scope.late.push((name, import.bound.clone()));
        let frame = self.frame();
        if !frame.late.contains(&import) {
            frame.late.push(import);
        }
    }

    /// The paths that one means which begins with a local name: of each import that binds that name.
    pub(super) fn late_paths(&self, name: &str, whole: impl FnOnce() -> String) -> Vec<String> {
        if self.scopes.iter().all(|scope| scope.late.is_empty()) {
            return Vec::new();
        }
        let binds = |scope: &&Scope<'_>| scope.block != Block::Class && scope.bound.contains(name);
        let Some(scope) = self.scopes.iter().rev().find(binds) else {
            return Vec::new();
        };
        let mut found = scope
            .late
            .iter()
            .filter(|(local, _)| local == name)
            .peekable();
        if found.peek().is_none() {
            return Vec::new();
        }
        let whole = whole();
        let rest = &whole[name.len()..];
        found.map(|(_, root)| format!("{root}{rest}")).collect()
    }
}
