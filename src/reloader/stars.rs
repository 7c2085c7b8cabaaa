//! Star imports that are gone or stand elsewhere: which of the module's own names count again.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::dependents::Inbound;
use crate::apply::Kit;
use crate::diff::Changes;
use crate::modules::resolve;
use crate::outline::Outline;

/// What star imports give, by the name of their module.
struct Stars<'a, 'py> {
    outline: &'a Outline,
    /// The last place at which each stands.
    places: BTreeMap<String, (usize, Bound<'py, PyDict>)>,
}

/// Tells the plan which names that the module binds itself it gets from another statement than
/// before.
pub(super) fn moved<'py>(
    kit: &Kit<'py>,
    (old, new): (&Outline, &Outline),
    changes: &Changes,
    (package, dict): (&str, &Bound<'py, PyDict>),
    around: &mut Inbound<'py>,
) -> PyResult<()> {
    if !old.star {
        return Ok(());
    }
    lost(kit, new, (package, dict), around)?;
    if changes.items.is_empty() && changes.removed.is_empty() {
        return Ok(());
    }
    let was = Stars::of(kit, old, package)?;
    let is = Stars::of(kit, new, package)?;
    let in_order = changes
        .items
        .iter()
        .filter_map(|change| change.old)
        .is_sorted();
    if in_order
        && was
            .places
            .keys()
            .all(|module| is.places.contains_key(module))
    {
        return Ok(());
    }
    // What is there came from that module, which may have another value by now.
    let rebinds = around.rebinds.iter().filter(|rebind| rebind.star);
    let rebinds = rebinds.filter_map(|rebind| Some((rebind.name.clone(), rebind.old.clone()?)));
    let edited: Vec<(String, Bound<'py, PyAny>)> = rebinds.collect();
    let came = |name: &str, ours: &Bound<'py, PyAny>, theirs: &Bound<'py, PyAny>| {
        let mut edited = edited.iter();
        ours.is(theirs) || edited.any(|(other, old)| other == name && old.is(ours))
    };
    for (module, (_, source)) in &was.places {
        for (key, theirs) in source.iter() {
            let Ok(key) = key.cast_into::<PyString>() else {
                continue;
            };
            let name = key.to_cow()?;
            let ours = dict.get_item(&key)?;
            let (gave, gives) = (was.last(&name)?, is.last(&name)?);
            // Another star import gives it last, and nothing of the module's own stands below that.
            if let (Some((_, last)), Some((place, other))) = (&gave, &gives)
                && last == module
                && last != other
                && is.own(&name).is_none_or(|own| own < *place)
                && ours.as_ref().is_some_and(|ours| came(&name, ours, &theirs))
            {
                let names = around.outside.starred.entry(*place).or_default();
                names.insert(name.into_owned());
                continue;
            }
            let (gave, gives) = (gave.map(|(at, _)| at), gives.map(|(at, _)| at));
            let (Some(before), Some(now)) = (was.own(&name), is.own(&name)) else {
                continue;
            };
            if gave.is_some_and(|gave| gave > before) && gives.is_none_or(|gives| gives < now) {
                if ours.is_some_and(|ours| ours.is(&theirs)) {
                    around.outside.unstarred.insert(name.into_owned());
                }
            } else if gave.is_none_or(|gave| gave < before)
                && gives.is_some_and(|gives| gives > now)
                && let Some((place, _)) = is.places.get(module)
            {
                let names = around.outside.starred.entry(*place).or_default();
                names.insert(name.into_owned());
            }
        }
    }
    Ok(())
}

/// The same of names that are gone from where a star import took them.
pub(super) fn lost<'py>(
    kit: &Kit<'py>,
    new: &Outline,
    (package, dict): (&str, &Bound<'py, PyDict>),
    around: &mut Inbound<'py>,
) -> PyResult<()> {
    if !new.star {
        return Ok(());
    }
    let gone = around.rebinds.iter();
    let mut gone = gone.filter(|r| r.star && r.new.is_none()).peekable();
    if gone.peek().is_none() {
        return Ok(());
    }
    let stars = Stars::of(kit, new, package)?;
    for rebind in gone {
        let (Some(own), Some(had)) = (stars.own(&rebind.name), &rebind.old) else {
            continue;
        };
        let covered = stars.last(&rebind.name)?;
        let covered = covered.is_some_and(|(star, _)| star > own);
        if !covered
            && dict
                .get_item(&rebind.name)?
                .is_some_and(|ours| ours.is(had))
        {
            around.outside.unstarred.insert(rebind.name.clone());
        }
    }
    Ok(())
}

impl<'a, 'py> Stars<'a, 'py> {
    fn of(kit: &Kit<'py>, outline: &'a Outline, package: &str) -> PyResult<Self> {
        let mut places = BTreeMap::new();
        for at in outline.index().importing(&outline.body) {
            let imports = &outline.body[at].imports;
            for import in imports.iter().filter(|import| import.bound == "*") {
                let module = resolve(package, import.level, &import.module);
                let source = kit.sys_modules.get_item(&module)?;
                let source = source.and_then(|module| module.getattr("__dict__").ok());
                if let Some(source) = source.and_then(|dict| dict.cast_into::<PyDict>().ok()) {
                    places.insert(module, (at, source));
                }
            }
        }
        Ok(Self { outline, places })
    }

    /// The last statement by which the module binds a name itself.
    fn own(&self, name: &str) -> Option<usize> {
        let body = &self.outline.body;
        let binds = |at: &usize| body[*at].uses.binds.iter().any(|bound| bound == name);
        self.outline
            .index()
            .writers(body, name)
            .into_iter()
            .rfind(binds)
    }

    /// The last star import that gives a name, and the module that it imports.
    fn last(&self, name: &str) -> PyResult<Option<(usize, &str)>> {
        let mut last = None;
        for (module, (place, source)) in &self.places {
            let gives = match source.get_item("__all__")? {
                Some(all) => all.contains(name)?,
                None => !name.starts_with('_'),
            };
            if gives && source.contains(name)? {
                last = last.max(Some((*place, module.as_str())));
            }
        }
        Ok(last)
    }
}
