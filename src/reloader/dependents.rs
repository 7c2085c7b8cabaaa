//! What changed in a module, in the words of one that imports it.

use std::collections::HashMap;
use std::rc::Rc;

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::namespaces::shared_value;
use super::unit::Unit;
use crate::apply::{Facts, Kit, Rebind, identical, text};
use crate::modules::{ANY, Record, Version, resolve};
use crate::outline::{Import, Kind, Outline, Statement};
use crate::plan::{Dirty, import_key, may_look};

/// What a module sees of the changes around it.
#[derive(Default)]
pub struct Inbound<'py> {
    /// What differs but for the names that are rebound.
    pub outside: Dirty,
    /// Names that it imported and that are bound to other objects now.
    pub rebinds: Vec<Rebind<'py>>,
    /// What paths into the changed modules meant before.
    pub was: Vec<(String, Bound<'py, PyAny>)>,
}

impl Inbound<'_> {
    /// Nothing that it could see.
    pub fn is_empty(&self) -> bool {
        self.outside.is_empty() && self.rebinds.is_empty()
    }

    /// For a plan: names that are to be rebound differ too.
    pub fn for_plan(&self) -> Dirty {
        let mut dirty = self.outside.clone();
        for rebind in &self.rebinds {
            dirty.value(&rebind.name, format!("which comes from {}", rebind.from));
        }
        dirty
    }
}

/// Translates the facts of the modules that `outline` imports.
pub fn inbound<'py>(
    kit: &Kit<'py>,
    outline: &Outline,
    package: &str,
    own: &Bound<'py, PyDict>,
    facts: &HashMap<String, Rc<Facts<'py>>>,
) -> PyResult<Inbound<'py>> {
    let mut out = Inbound::default();
    if facts.is_empty() {
        return Ok(out);
    }
    // Importing a submodule binds it in its package, whoever imports it.
    if own.contains("__path__")? {
        let prefix = format!("{package}.");
        for module in facts.keys() {
            if let Some(child) = module.strip_prefix(&prefix).filter(|c| !c.contains('.')) {
                prefixed(&mut out, facts, module, child);
            }
        }
    }
    for statement in &outline.body {
        for import in &statement.late {
            late(&mut out, import, package, facts);
        }
        if statement.kind == Kind::Class {
            class_imports(&mut out, statement, package, facts);
            continue;
        }
        for import in &statement.imports {
            let module = resolve(package, import.level, &import.module);
            match import.name.as_deref() {
                None if import.aliased => prefixed(&mut out, facts, &module, &import.bound),
                None => {
                    // `import a.b.c`: `a`, `a.b` and `a.b.c` can be reached, and what else of `a`
                    // somebody has imported.
                    let top = import.bound.as_str();
                    prefixed(&mut out, facts, top, top);
                    for module in facts.keys() {
                        let below = module.strip_prefix(top);
                        if below.is_some_and(|rest| rest.starts_with('.')) {
                            prefixed(&mut out, facts, module, module);
                        }
                    }
                }
                Some("*") => {
                    if let Some(found) = facts.get(&module) {
                        star(kit, &mut out, &module, own, found)?;
                    }
                }
                Some(name) => {
                    prefixed(&mut out, facts, &format!("{module}.{name}"), &import.bound);
                    if let Some(found) = facts.get(&module) {
                        let before = out.rebinds.len();
                        named(&mut out, &module, name, &import.bound, found);
                        if let Some(came) = out.rebinds.get_mut(before)
                            && came.old.is_none()
                            && statement.kind == Kind::Import
                            && (serves(found) || lacks(kit, &module, SERVER)?.is_none())
                            && stays_served(outline, &import.bound)
                        {
                            // What its `__getattr__` gave is a name of its own now.
                            came.old = own.get_item(&import.bound)?;
                        }
                        if falls_back(statement) && comes_or_goes(found, name) {
                            out.outside.appeared.insert(import_key(import));
                        }
                        if serves(found) && stays_served(outline, &import.bound) {
                            let before = out.rebinds.len();
                            served(kit, &mut out, &module, name, &import.bound, own)?;
                            let fails = out.rebinds[before..].iter().any(|r| r.new.is_none());
                            if fails && falls_back(statement) {
                                out.rebinds.truncate(before);
                                out.outside.appeared.insert(import_key(import));
                            }
                        }
                    }
                }
            }
        }
    }
    for (module, _) in facts.iter().filter(|(_, found)| serves(found)) {
        served_paths(kit, &mut out, outline, package, module)?;
    }
    Ok(out)
}

/// The function through which a module gives what is not in its dict (PEP 562).
const SERVER: &str = "__getattr__";

/// Whether a statement has something else for what cannot be imported.
fn falls_back(statement: &Statement) -> bool {
    let catches = |path: &String| ["ImportError", "Exception"].contains(&path.as_str());
    statement.kind == Kind::Compound && statement.uses.reads.iter().any(catches)
}

/// Whether a module has a name only now, or has it no more.
fn comes_or_goes(found: &Facts<'_>, name: &str) -> bool {
    let mut rebound = found.rebound.iter().filter(|(known, ..)| known == name);
    rebound.any(|(_, old, new)| old.is_some() != new.is_some())
}

/// Whether what a module gives through its `__getattr__` may be something else now.
pub(super) fn serves(found: &Facts<'_>) -> bool {
    found.dirty.behaviour.contains_key(SERVER) || found.dirty.values.contains_key(SERVER)
}

/// The dict of a module, if it does not have this name itself.
fn lacks<'py>(kit: &Kit<'py>, module: &str, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(module) = kit.sys_modules.get_item(module)? else {
        return Ok(None);
    };
    let has = module.getattr("__dict__")?.contains(name)?;
    Ok((!has).then_some(module))
}

/// Whether a name that is imported is still what was imported, or made of that, and not something that
/// the importer, or one of its functions, binds to it for itself.
fn stays_served(outline: &Outline, name: &str) -> bool {
    let body = &outline.body;
    let has = |names: &[String]| names.iter().any(|n| n == name);
    let by_function = |s: &Statement| has(&s.later.global_writes);
    let mut writers = outline.index().writers(body, name).into_iter();
    let last = writers.rfind(|at| has(&body[*at].uses.binds));
    let last = last.map(|at| &body[at]);
    let of_import = |s: &Statement| {
        let imports = s.imports.iter().any(|import| import.bound == name);
        imports || has(&s.uses.reads) || has(&s.uses.mutates)
    };
    last.is_none_or(of_import) && !body.iter().any(by_function)
}

/// A name that was taken from a module that does not have it: its `__getattr__` is asked again.
fn served<'py>(
    kit: &Kit<'py>,
    out: &mut Inbound<'py>,
    module: &str,
    name: &str,
    here: &str,
    own: &Bound<'py, PyDict>,
) -> PyResult<()> {
    let (Some(source), Some(now)) = (lacks(kit, module, name)?, own.get_item(here)?) else {
        return Ok(());
    };
    let new = match source.getattr(name) {
        Ok(new) => Some(new),
        Err(error) if error.is_instance_of::<PyAttributeError>(kit.py) => None,
        Err(_) => return Ok(()),
    };
    let differs = |new: &Bound<'py, PyAny>| !new.is(&now) && !identical(&now, new);
    if new.as_ref().is_none_or(differs) {
        out.rebinds.push(Rebind {
            name: here.to_owned(),
            old: Some(now),
            new,
            from: format!("{module}.{name}"),
            star: false,
        });
    }
    Ok(())
}

/// `m.X`, where m does not have X itself.
fn served_paths(
    kit: &Kit<'_>,
    out: &mut Inbound<'_>,
    outline: &Outline,
    package: &str,
    module: &str,
) -> PyResult<()> {
    for import in outline.body.iter().flat_map(|s| &s.imports) {
        let source = resolve(package, import.level, &import.module);
        let here = match import.name.as_deref() {
            None if source == module && import.aliased => import.bound.clone(),
            None if source == module => source,
            Some(name) if format!("{source}.{name}") == module => import.bound.clone(),
            _ => continue,
        };
        let prefix = format!("{here}.");
        let uses = outline.body.iter().flat_map(|s| [&s.uses, &s.later]);
        for path in uses.flat_map(|uses| &uses.reads) {
            if let Some(name) = path.strip_prefix(&prefix).and_then(|p| p.split('.').next())
                && lacks(kit, module, name)?.is_some()
            {
                let why = because(module, "which __getattr__ gives");
                out.outside.value(format!("{prefix}{name}"), why);
            }
        }
    }
    Ok(())
}

/// What a function imports when it is called: the module has no name for it.
fn late<'py>(
    out: &mut Inbound<'py>,
    import: &Import,
    package: &str,
    facts: &HashMap<String, Rc<Facts<'py>>>,
) {
    if import.module.ends_with(ANY) {
        return; // See `loaded`.
    }
    let module = resolve(package, import.level, &import.module);
    let here = &import.bound;
    let Some(name) = import.name.as_deref() else {
        if import.aliased {
            prefixed(out, facts, &module, here);
            return;
        }
        let top = module.split('.').next().unwrap_or(&module);
        prefixed(out, facts, top, here);
        for module in facts.keys() {
            if let Some(rest) = module
                .strip_prefix(top)
                .filter(|rest| rest.starts_with('.'))
            {
                prefixed(out, facts, module, &format!("{here}{rest}"));
            }
        }
        return;
    };
    prefixed(out, facts, &format!("{module}.{name}"), here);
    if let Some(found) = facts.get(&module) {
        let before = out.rebinds.len();
        named(out, &module, name, here, found);
        for rebind in out.rebinds.split_off(before) {
            let why = format!("which comes from {}", rebind.from);
            out.outside.value(rebind.name, why);
        }
    }
}

/// Names that a class body imports: they are bound in the class.
fn class_imports(
    out: &mut Inbound<'_>,
    class: &Statement,
    package: &str,
    facts: &HashMap<String, Rc<Facts<'_>>>,
) {
    for member in &class.body {
        for import in &member.imports {
            let module = resolve(package, import.level, &import.module);
            let Some(found) = facts.get(&module) else {
                continue;
            };
            let hit = |name: &str| import.name.as_deref() == Some(name);
            if found.rebound.iter().any(|(name, ..)| hit(name)) {
                out.outside.imports.insert(import_key(import));
            }
        }
        class_imports(out, member, package, facts);
    }
}

fn because(module: &str, why: &str) -> String {
    format!("{why} in {module}")
}

/// How many names a path may have that is passed on: `package.module.Class.method`. Modules know
/// modules that know modules, in circles too: without an end to it, what is said of one of them
/// would come back under ever longer names.
const LONGEST: usize = 4;

/// All facts of a module, as attributes of the name it is known by here.
pub(super) fn prefixed<'py>(
    out: &mut Inbound<'py>,
    facts: &HashMap<String, Rc<Facts<'py>>>,
    module: &str,
    here: &str,
) {
    let Some(found) = facts.get(module) else {
        return;
    };
    for (name, old, _) in &found.rebound {
        if let Some(old) = old {
            out.was.push((format!("{here}.{name}"), old.clone()));
        }
    }
    let near = |(path, _): &(&String, &String)| path.split('.').count() <= LONGEST;
    for (path, why) in found.dirty.values.iter().filter(near) {
        let local = format!("{here}.{path}");
        if found.dirty.filled.contains(path) {
            out.outside.filled.insert(local.clone());
        }
        out.outside.value(local, because(module, why));
    }
    for (path, why) in found.dirty.behaviour.iter().filter(near) {
        out.outside
            .acts(format!("{here}.{path}"), because(module, why));
    }
    for (path, why) in found.dirty.contents.iter().filter(near) {
        out.outside
            .has_others(format!("{here}.{path}"), because(module, why));
    }
}

/// The facts about one name, as the name it is bound to here.
fn named<'py>(out: &mut Inbound<'py>, module: &str, name: &str, here: &str, found: &Facts<'py>) {
    let mut rebound = false;
    for (changed, old, new) in &found.rebound {
        if changed == name {
            rebound = true;
            out.rebinds.push(Rebind {
                name: here.to_owned(),
                old: old.clone(),
                new: new.clone(),
                from: format!("{module}.{name}"),
                star: false,
            });
        }
    }
    let local = |path: &str| {
        if path == name {
            Some(here.to_owned())
        } else {
            path.strip_prefix(name)
                .filter(|rest| rest.starts_with('.'))
                .map(|rest| format!("{here}{rest}"))
        }
    };
    for (path, why) in &found.dirty.values {
        if let Some(local) = local(path)
            && !(rebound && path == name)
        {
            if found.dirty.filled.contains(path) {
                out.outside.filled.insert(local.clone());
            }
            out.outside.value(local, because(module, why));
        }
    }
    for (path, why) in &found.dirty.behaviour {
        if let Some(local) = local(path) {
            out.outside.acts(local, because(module, why));
        }
    }
    for (path, why) in &found.dirty.contents {
        if let Some(local) = local(path) {
            out.outside.has_others(local, because(module, why));
        }
    }
}

/// Everything public, under its own name; names that became public or ceased to be.
fn star<'py>(
    kit: &Kit<'py>,
    out: &mut Inbound<'py>,
    module: &str,
    own: &Bound<'py, PyDict>,
    found: &Facts<'py>,
) -> PyResult<()> {
    let source = kit.sys_modules.get_item(module)?;
    let Some(source) = source
        .and_then(|m| m.getattr("__dict__").ok())
        .and_then(|d| d.cast_into::<PyDict>().ok())
    else {
        return Ok(());
    };
    let all: Option<Vec<String>> = source
        .get_item("__all__")?
        .map(|all| all.extract().unwrap_or_default());
    let public = |name: &str| match &all {
        Some(all) => all.iter().any(|n| n == name),
        None => !name.starts_with('_'),
    };
    for (name, old, new) in &found.rebound {
        if public(name) || (new.is_none() && !name.starts_with('_')) {
            out.rebinds.push(Rebind {
                name: name.clone(),
                old: old.clone(),
                new: new.clone(),
                from: format!("{module}.{name}"),
                star: true,
            });
        }
    }
    let answers = source.contains(SERVER)?;
    for name in all.iter().flatten().filter(|_| !answers) {
        if !source.contains(name)? {
            // The import fails.
            out.rebinds.push(Rebind {
                name: name.clone(),
                old: None,
                new: None,
                from: format!("{module}.{name}"),
                star: true,
            });
        }
    }
    if found.dirty.values.contains_key("__all__") {
        // It became another object there with the same edit.
        let was = |name: &str, now: &Bound<'py, PyAny>| {
            let mut all = found.rebound.iter();
            all.any(|(n, old, _)| n == name && old.as_ref().is_some_and(|old| old.is(now)))
        };
        for (key, value) in source.iter() {
            let Ok(key) = key.cast_into::<PyString>() else {
                continue;
            };
            let name = text(key.as_any());
            // One that is public only now comes, whatever else was done to it.
            let comes = public(&name) && own.get_item(&name)?.is_none();
            if comes {
                let from = format!("{module}.{name}");
                out.rebinds.retain(|r| !(r.star && r.from == from));
            } else if out.rebinds.iter().any(|r| r.star && r.name == name) {
                continue;
            }
            if name.starts_with("__") && !public(&name) {
                continue;
            }
            match (public(&name), own.get_item(&name)?) {
                (true, None) => out.rebinds.push(Rebind {
                    name: name.clone(),
                    old: None,
                    new: Some(value),
                    from: format!("{module}.{name}"),
                    star: true,
                }),
                (false, Some(now)) if now.is(&value) || was(&name, &now) || shared_value(&now) => {
                    out.rebinds.push(Rebind {
                        name: name.clone(),
                        old: Some(now),
                        new: None,
                        from: format!("{module}.{name}"),
                        star: true,
                    })
                }
                _ => {}
            }
        }
    }
    for (path, why) in &found.dirty.values {
        let root = path.split('.').next().unwrap_or(path);
        let rebound = found.rebound.iter().any(|(n, ..)| n == path);
        if public(root) && !rebound {
            if found.dirty.filled.contains(path) {
                out.outside.filled.insert(path.clone());
            }
            out.outside.value(path, because(module, why));
        }
    }
    for (path, why) in &found.dirty.behaviour {
        if public(path.split('.').next().unwrap_or(path)) {
            out.outside.acts(path, because(module, why));
        }
    }
    for (path, why) in &found.dirty.contents {
        if public(path.split('.').next().unwrap_or(path)) {
            out.outside.has_others(path, because(module, why));
        }
    }
    Ok(())
}

/// Whether a text has any of the names that changed: else it need not be read closer. Of an attribute
/// that changed its own name, or, if the module `passes_on` what it has, that of its owner.
pub(super) fn mentions(
    text: &str,
    facts: &HashMap<String, Rc<Facts<'_>>>,
    passes_on: bool,
) -> bool {
    if text.contains("*") && text.contains("import *") {
        return true;
    }
    if may_look(text) || facts.values().any(|found| serves(found)) {
        return true;
    }
    // What looks into a module that has other names may be given it: `register_all(nodes)`.
    let others = |found: &Facts<'_>| {
        let mut names = found.rebound.iter();
        names.any(|(_, old, new)| old.is_none() || new.is_none())
    };
    let mut modules = facts.iter().filter(|(_, found)| others(found));
    if modules.any(|(module, _)| text.contains("__dict__") || hands_on(text, module)) {
        return true;
    }
    facts.values().any(|f| {
        f.rebound
            .iter()
            .map(|(name, ..)| name.as_str())
            .chain(f.dirty.values.keys().map(|p| match passes_on {
                true => p.split('.').next().unwrap_or(p),
                false => p.rsplit('.').next().unwrap_or(p),
            }))
            .chain(
                f.dirty
                    .behaviour
                    .keys()
                    .map(|p| p.split('.').next().unwrap_or(p)),
            )
            .any(|name| text.contains(name))
    })
}

/// Whether a text may hand a module to something, by the last part of its name or another name of it.
fn hands_on(text: &str, module: &str) -> bool {
    let name = module.rsplit('.').next().unwrap_or(module);
    let handed = |name: &str| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(name).any(|(at, _)| {
            let after = text[at + name.len()..].trim_start();
            !text[..at].ends_with(part) && after.starts_with([')', ',', ']'])
        })
    };
    let renamed = format!("{name} as ");
    let mut others = text.match_indices(&renamed).map(|(at, _)| {
        let rest = &text[at + renamed.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    handed(name) || others.any(|other| !other.is_empty() && handed(other))
}

impl Unit<'_, '_, '_> {
    /// Whether a module has one that changed under some name, through which others may look into that:
    /// `from m import other`, `m.other.X`.
    pub(super) fn lends(
        &self,
        record: &Record,
        version: &Version,
        facts: &HashMap<String, Rc<Facts<'_>>>,
    ) -> bool {
        let importers = self.reloader.ledger.importers(&record.name);
        let package = record.package.read().clone();
        let known = |module: &str| facts.contains_key(module);
        let inner = |module: &str, name: &str| known(&format!("{module}.{name}"));
        let whole = |(level, module, names): &(u32, String, Vec<String>)| {
            let module = resolve(&package, *level, module);
            names.is_empty() && known(&module) || names.iter().any(|name| inner(&module, name))
        };
        if importers.is_empty() || !version.imports().iter().any(whole) {
            return false;
        }
        let Ok(outline) = self.kit.detach(|| version.outline().as_ref()) else {
            return false;
        };
        let imports = outline.body.iter().flat_map(|s| &s.imports);
        let held = imports.filter(|import| {
            let module = resolve(&package, import.level, &import.module);
            match import.name.as_deref() {
                None => known(&module),
                Some(name) => inner(&module, name),
            }
        });
        let held: Vec<&str> = held.map(|import| import.bound.as_str()).collect();
        let looks = |importer: &Record| {
            let version = self.in_force(importer);
            let mut imports = version.imports().iter();
            let star = imports.any(|(.., names)| names.iter().any(|name| name == "*"));
            let mut names = version.imports().iter().flat_map(|(.., names)| names);
            let text = version.glance();
            names.any(|name| held.contains(&name.as_str()))
                || held.iter().any(|bound| {
                    let inside = format!("{bound}.");
                    let mut found = text.match_indices(&inside);
                    found.any(|(at, _)| star || text[..at].ends_with('.'))
                })
        };
        let ledger = &self.reloader.ledger;
        let mut importers = importers.iter().filter_map(|importer| ledger.get(importer));
        importers.any(|importer| looks(&importer))
    }
}
