//! The host's own namespaces follow what they imported.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{
    PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyModule, PyString, PyTuple,
};

use super::commands::Commands;
use super::unit::Unit;
use crate::apply::{Facts, Rebound, Work, entries_with, plain, public_names, text};
use crate::interp::utf8;

impl<'k, 'py> Unit<'_, 'k, 'py> {
    /// The host's own namespaces follow what they imported.
    pub(super) fn namespaces(
        &self,
        work: &mut Work<'k, 'py>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
        aliases: &[(String, Bound<'py, PyAny>, Bound<'py, PyAny>)],
    ) -> PyResult<()> {
        let py = self.kit.py;
        let namespaces: Vec<Bound<'py, PyDict>> = self
            .reloader
            .namespaces
            .lock()
            .iter()
            .map(|n| n.bind(py).clone())
            .collect();
        let names: BTreeSet<&String> = facts.keys().collect();
        for namespace in namespaces {
            for (name, old, new) in aliases {
                if let Some(now) = namespace.get_item(name)?
                    && now.is(old)
                {
                    follow(work, &namespace, name, &now, new)?;
                }
            }
            for module in &names {
                put_back(work, &namespace, module, &facts[*module])?;
                self.host_star(work, &namespace, module, &facts[*module])?;
                for (name, old, new) in &facts[*module].rebound {
                    let (Some(old), Some(new)) = (old, new) else {
                        orphan(work, &namespace, name, old.as_ref(), new.as_ref())?;
                        continue;
                    };
                    if let Some(now) = namespace.get_item(name)?
                        && now.is(old)
                        && (!self.had_elsewhere(module, name, old)?
                            || self.came_by(&namespace, (module, &facts[*module]), name, old)?)
                    {
                        follow(work, &namespace, name, &now, new)?;
                    }
                }
            }
            // After the others: of two names of one object each may have got another one.
            self.under_other_names(work, &namespace, &names, facts)?;
        }
        Ok(())
    }

    /// What a namespace has under another name (`import X as Y`) follows: told by the object, if the
    /// module itself does not hold it any more, or by the text.
    fn under_other_names(
        &self,
        work: &mut Work<'k, 'py>,
        namespace: &Bound<'py, PyDict>,
        names: &BTreeSet<&String>,
        facts: &HashMap<String, Rc<Facts<'py>>>,
    ) -> PyResult<()> {
        // One look for all of them: an edit may bind hundreds of names.
        // What may be anybody's is told by a text alone.
        let told = Commands::may_tell(self.kit, namespace, &self.reloader.scripts)?;
        let both = |rebound: &Rebound<'py>| {
            let old = rebound.1.as_ref().filter(|old| told || !anybodys(old))?;
            rebound.2.as_ref().map(|_| old.as_ptr())
        };
        let found = facts.values().flat_map(|facts| &facts.rebound);
        let mut wanted: Vec<_> = found.filter_map(both).collect();
        wanted.sort_unstable();
        let there = entries_with(namespace, &wanted)?;
        if there.is_empty() {
            return Ok(());
        }
        let mut commands = None;
        for module in names {
            for (name, old, new) in &facts[*module].rebound {
                let (Some(old), Some(new)) = (old, new) else {
                    continue;
                };
                let held: Vec<_> = there.iter().filter(|(_, v)| v.is(old)).collect();
                let gone = || -> PyResult<bool> {
                    let module = self.module(module)?;
                    Ok(
                        module.is_some_and(|m| !m.dict().iter().any(|(_, v)| v.is(old)))
                            && !has_a_name(old)?
                            && !self.is_anywhere(old)?,
                    )
                };
                let sure = !held.is_empty() && !anybodys(old) && gone()?;
                for (key, value) in held {
                    let key = text(key);
                    let mut told = || -> PyResult<bool> {
                        if commands.is_none() {
                            commands = Some(Commands::of(namespace, &self.reloader.scripts)?);
                        }
                        let commands = commands.as_ref();
                        Ok(commands.is_some_and(|c| c.import(module, name, &key)))
                    };
                    if sure || key != *name && told()? {
                        follow(work, namespace, &key, value, new)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether what a module had by a name is another library's, which has it still: a host that has
    /// it too, by that name, has imported it from there for all that is known. `import json`.
    fn had_elsewhere(&self, module: &str, name: &str, old: &Bound<'py, PyAny>) -> PyResult<bool> {
        let package = |module: &str| module.split('.').next().unwrap_or_default().to_owned();
        let own = package(module);
        if let Ok(imported) = old.cast::<PyModule>() {
            let full = imported.name().map(|full| text(&full)).unwrap_or_default();
            let by_itself = full == name || full.ends_with(&format!(".{name}"));
            return Ok(by_itself && package(&full) != own);
        }
        // Others might run code of the program if they were asked.
        if !self.kit.is_function(old) && !self.kit.is_class(old) {
            return Ok(false);
        }
        let home = match old.getattr("__module__") {
            Ok(home) => text(&home),
            Err(_) => return Ok(false),
        };
        let Some(home) = Some(home).filter(|home| package(home) != own) else {
            return Ok(false);
        };
        let home = self.module(&home)?;
        let there = home.map(|home| home.dict().get_item(name)).transpose()?;
        Ok(there.flatten().is_some_and(|value| value.is(old)))
    }

    /// Whether a namespace has what is at home in another module of the program from this one all the
    /// same, which had imported it: its text says so; or, where that is not known, nobody else imports this one,
    /// and the namespace has nothing else of the other one, nor this one by its name.
    fn came_by(
        &self,
        namespace: &Bound<'py, PyDict>,
        (module, facts): (&str, &Facts<'py>),
        name: &str,
        old: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let commands = Commands::of(namespace, &self.reloader.scripts)?;
        if let Some(known) = commands.is_from(module, name, name) {
            return Ok(known);
        }
        let home = old.getattr("__module__").map(|home| text(&home));
        let (Ok(home), Some(here)) = (home, self.module(module)?) else {
            return Ok(false);
        };
        let Some(there) = self.module(&home)?.filter(|_| home != module) else {
            return Ok(false);
        };
        let ledger = &self.reloader.ledger;
        if !ledger.importers(module).is_empty() || ledger.get(&home).is_none() {
            return Ok(false);
        }
        let (here_dict, there_dict) = (here.dict(), there.dict());
        for (key, value) in namespace.iter() {
            let has = |dict: &Bound<'py, PyDict>| -> PyResult<bool> {
                Ok(dict.get_item(&key)?.is_some_and(|entry| entry.is(&value)))
            };
            let mut had = facts.rebound.iter().filter_map(|(_, old, _)| old.as_ref());
            let other = has(&there_dict)? && !has(&here_dict)? && !had.any(|old| old.is(&value));
            if value.is(&here) || value.is(&there) || other {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A namespace that has every public name of a module, and more than one, got them with
    /// `from m import *`: it gains and loses names with the module.
    pub(super) fn host_star(
        &self,
        work: &mut Work<'k, 'py>,
        namespace: &Bound<'py, PyDict>,
        module_name: &str,
        facts: &Facts<'py>,
    ) -> PyResult<()> {
        let mut came = Vec::new();
        for rebound @ (name, old, new) in &facts.rebound {
            let has = |new: &Bound<'py, PyAny>| -> PyResult<bool> {
                Ok(namespace.get_item(name)?.is_some_and(|now| now.is(new)))
            };
            // One that is back already tells, as those do that stayed, that all are there.
            if let (None, Some(new)) = (old, new)
                && !has(new)?
            {
                came.push(rebound);
            }
        }
        let went: Vec<_> = facts
            .rebound
            .iter()
            .filter(|(.., new)| new.is_none())
            .collect();
        if came.is_empty() && went.is_empty() {
            return Ok(());
        }
        let Some(module) = self.module(module_name)? else {
            return Ok(());
        };
        let dict = module.dict();
        if namespace.is(&dict) {
            return Ok(());
        }
        let listed = listed(&dict)?;
        let public_name = |name: &str| match &listed {
            Some(listed) => listed.contains(name),
            None => !name.starts_with('_'),
        };
        let mut public = 0;
        for (key, value) in dict.iter() {
            let name = text(&key);
            if !public_name(&name) || came.iter().any(|(n, ..)| *n == name) {
                continue;
            }
            public += 1;
            let old = facts
                .rebound
                .iter()
                .find(|(n, ..)| *n == name)
                .and_then(|(_, old, _)| old.clone());
            if !namespace
                .get_item(&name)?
                .is_some_and(|v| v.is(&value) || old.is_some_and(|o| v.is(&o)))
            {
                return Ok(());
            }
        }
        for (name, old, _) in went.iter().filter(|(n, ..)| !n.starts_with('_')) {
            let there = namespace.get_item(name)?;
            let same = matches!((old, there), (Some(old), Some(now)) if now.is(old));
            match same {
                true => public += 1,
                // Perhaps it was not listed.
                false if listed.is_some() => {}
                false => return Ok(()),
            }
        }
        if public < 2 || Commands::of(namespace, &self.reloader.scripts)?.one_by_one(module_name) {
            return Ok(());
        }
        let string = |name: &str| PyString::new(self.kit.py, name).into_any();
        for (name, _, new) in came {
            if let Some(new) = new
                && public_name(name)
                && !namespace.contains(name)?
            {
                bind(work, namespace, name, new)?;
            }
        }
        for (name, old, _) in went.into_iter().filter(|(n, ..)| !n.starts_with('_')) {
            let Some(old) = old else { continue };
            let same = namespace.get_item(name)?.is_some_and(|now| now.is(old));
            if !same || self.is_elsewhere(name, old)? {
                continue; // the namespace may have it from there
            }
            namespace.del_item(name)?;
            let undo = PyTuple::new(self.kit.py, [string(name), old.clone()])?;
            work.tx.call(namespace.getattr("__setitem__")?, undo);
            work.orphaned.take(namespace, &from(module_name, name));
        }
        Ok(())
    }

    /// Whether a tracked module has this object under any name.
    fn is_anywhere(&self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        for record in self.reloader.ledger.all() {
            if let Some(module) = self.module(&record.name)?
                && module.dict().iter().any(|(_, v)| v.is(value))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a tracked module has this object under this name.
    fn is_elsewhere(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        for record in self.reloader.ledger.all() {
            if let Some(module) = self.module(&record.name)?
                && module.dict().get_item(name)?.is_some_and(|v| v.is(value))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an object is known under a name of its own, whatever else names it for a while: a module, a
/// definition, a member of an enumeration. A namespace that has it may have it by that.
fn has_a_name(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    if value.is_instance_of::<PyModule>()
        || value
            .get_type()
            .is_instance(&py.import("enum")?.getattr("EnumMeta")?)?
    {
        return Ok(true);
    }
    let home = || -> PyResult<bool> {
        let module = value.getattr("__module__")?;
        let qualname = value.getattr("__qualname__")?.extract::<String>()?;
        let modules = py.import("sys")?.getattr("modules")?;
        let mut found = modules.get_item(module)?;
        for part in qualname.split('.') {
            found = found.getattr(part)?;
        }
        Ok(found.is(value))
    };
    // What has no such attributes has no such name.
    Ok(home().unwrap_or(false))
}

/// What a module lists for star imports; `None` where it has no list.
fn listed(dict: &Bound<'_, PyDict>) -> PyResult<Option<BTreeSet<String>>> {
    if !dict.contains("__all__")? {
        return Ok(None);
    }
    let names = public_names(dict)?.unwrap_or_default();
    Ok(Some(names.into_iter().collect()))
}

/// A name of a module, and which module's it is.
fn from(module: &str, name: &str) -> String {
    [module, ":", name].concat()
}

/// Names that a namespace lost with its module, and that this has again: the file was empty for a
/// while, or written piece by piece.
fn put_back<'py>(
    work: &mut Work<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    module: &str,
    facts: &Facts<'py>,
) -> PyResult<()> {
    for (name, old, new) in &facts.rebound {
        let (None, Some(new)) = (old, new) else {
            continue;
        };
        if !work.orphans.any_in(namespace) || namespace.contains(name)? {
            continue;
        }
        let key = from(module, name);
        if work.orphans.took(namespace, &key) {
            bind(work, namespace, name, new)?;
            work.orphaned.add(namespace, &key, new);
        }
    }
    Ok(())
}

/// Binds a name that a host's namespace does not have, in a way that can be undone.
fn bind<'py>(
    work: &mut Work<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    name: &str,
    new: &Bound<'py, PyAny>,
) -> PyResult<()> {
    namespace.set_item(name, new)?;
    let undo = PyTuple::new(namespace.py(), [name])?;
    work.tx.call(namespace.getattr("__delitem__")?, undo);
    Ok(())
}

/// A name that is gone from its module keeps its object in the host's namespace, until it is back.
fn orphan<'py>(
    work: &mut Work<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    name: &str,
    old: Option<&Bound<'py, PyAny>>,
    new: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let Some(now) = namespace.get_item(name)? else {
        return Ok(());
    };
    match (old, new) {
        (Some(old), None) if now.is(old) => work.orphaned.add(namespace, name, &now),
        (None, Some(new)) if work.orphans.has(namespace, name, &now) => {
            follow(work, namespace, name, &now, new)?;
        }
        _ => {}
    }
    Ok(())
}

/// Binds a name of a host's namespace, in a way that can be undone.
pub(super) fn follow<'py>(
    work: &mut Work<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    name: &str,
    was: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<()> {
    namespace.set_item(name, new)?;
    let undo = namespace.getattr("__setitem__")?;
    let py = namespace.py();
    let arguments = PyTuple::new(py, [PyString::new(py, name).into_any(), was.clone()])?;
    work.tx.call(undo, arguments);
    Ok(())
}

/// Whether equal values that have nothing to do with each other may be this one object: small
/// ints, interned strings, None. By identity alone nothing can be said of those.
pub(super) fn shared_value(value: &Bound<'_, PyAny>) -> bool {
    let py = value.py();
    let number =
        value.is_exact_instance_of::<PyFloat>() || value.is_exact_instance_of::<PyComplex>();
    let emptied =
        value.is_exact_instance_of::<PyTuple>() || value.is_exact_instance_of::<PyFrozenSet>();
    (plain(value) && !number)
        || value.is(py.Ellipsis())
        || value.is(py.NotImplemented())
        || (emptied && value.len().unwrap_or(0) == 0)
}

/// Whether this object may be that of an equal value which somebody else wrote. A number that does not
/// come from Python's store, or a text that the compiler does not put into its own, is of one place.
fn anybodys(value: &Bound<'_, PyAny>) -> bool {
    let py = value.py();
    if let Ok(number) = value.cast_exact::<PyInt>() {
        // Made once more, one of the store is the same object.
        let again = number.extract::<i64>().ok();
        return again.is_some_and(|n| PyInt::new(py, n).is(value));
    }
    if let Ok(text) = value.cast_exact::<PyString>() {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        return utf8(text).is_none_or(|t| t.bytes().all(word) || PyString::new(py, &t).is(value));
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return PyBytes::new(py, bytes.as_bytes()).is(value);
    }
    shared_value(value)
}
