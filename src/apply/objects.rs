//! Attributes that statements set on objects which have a name: `app.debug = True`, `conf.app.debug =
//! True`. Where such a line is gone, the object has again what making it had given.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::base::chain;
use super::compile::Source;
use super::kit::{module_of, text};
use super::module::Run;
use super::registry::told;
use crate::modules::resolve;
use crate::outline::{Kind, Outline, Statement};

/// So many modules hand on a name, and no more.
const HANDS: usize = 8;

/// What an object had before a line that is gone gave it an attribute.
pub(super) enum Given<'py> {
    /// This value.
    Value(Bound<'py, PyAny>),
    /// Nothing of its own.
    Nothing,
    /// That cannot be told.
    Unknown,
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Whether setting this attribute of an object only stores it in its dict.
    pub(super) fn stores(&self, owner: &Bound<'py, PyAny>, name: &str) -> bool {
        let kit = self.work.kit;
        if kit.is_function(owner) || kit.is_class(owner) || kit.is_exact(owner, &kit.module) {
            return false;
        }
        let stores = || self.helper("stores")?.call1((owner, name))?.is_truthy();
        told(stores()).unwrap_or(false)
    }

    /// The module whose name leads to an object that is known here by this path, and its path there.
    pub(super) fn home(&self, path: &str) -> PyResult<Option<(String, String)>> {
        let own = self.job.dict.get_item("__name__")?;
        let own = own.map_or_else(String::new, |name| text(&name));
        let mut parts = path.split('.').peekable();
        let first = parts.next().unwrap_or(path);
        let Some(mut value) = self.job.dict.get_item(first)? else {
            return Ok(None);
        };
        let kit = self.work.kit;
        let mut module = None;
        while kit.is_exact(&value, &kit.module)
            && let Some(part) = parts.next()
        {
            module = Some((text(&value.getattr("__name__")?), part.to_owned()));
            value = value.getattr(part)?;
        }
        let rest: String = parts.flat_map(|part| [".", part]).collect();
        let (mut module, mut name) = match module {
            Some(found) => found,
            None => (own.clone(), first.to_owned()),
        };
        for _ in 0..HANDS {
            let from = match module == own {
                true => {
                    let package = self.package()?;
                    let old = self.job.old.map(|old| old.outline);
                    let outlines = [Some(self.job.new.outline), old];
                    let mut outlines = outlines.into_iter().flatten();
                    outlines.find_map(|outline| taken_from(outline, &package, &name))
                }
                false => {
                    let Some(version) = (self.job.others)(&module) else {
                        return Ok(None);
                    };
                    let package = kit.sys_modules.get_item(&module)?;
                    let package = package.and_then(|m| m.getattr("__package__").ok());
                    let package = package.map_or_else(String::new, |name| text(&name));
                    let outline = version.outline().as_ref().ok();
                    outline.and_then(|outline| taken_from(outline, &package, &name))
                }
            };
            let Some(from) = from else {
                return Ok(Some((module, format!("{name}{rest}"))));
            };
            (module, name) = from;
        }
        Ok(None)
    }

    /// What the text gives an attribute of an object, that of the module which makes it and that of its
    /// classes.
    pub(super) fn given(
        &self,
        (module, path): (&str, &str),
        owner: &Bound<'py, PyAny>,
    ) -> Given<'py> {
        told(self.given_by_text(module, path, owner))
            .flatten()
            .unwrap_or(Given::Unknown)
    }

    fn given_by_text(
        &self,
        module: &str,
        path: &str,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Given<'py>>> {
        let kit = self.work.kit;
        let own = self.job.dict.get_item("__name__")?;
        let version = (self.job.others)(module);
        let outside;
        let source = if own.is_some_and(|own| text(&own) == module) {
            self.job.new
        } else {
            let Some(version) = &version else {
                return Ok(None);
            };
            let Ok(outline) = version.outline() else {
                return Ok(None);
            };
            outside = Source::new(kit.py, version.text(), outline, "")?;
            &outside
        };
        let outline = source.outline;
        // What is an attribute of another object is not made by a statement of its own.
        let Some((root, name)) = path.split_once('.').filter(|(_, name)| !name.contains('.'))
        else {
            return Ok(None);
        };
        let Some((origin, links)) = chain(outline, root, usize::MAX) else {
            return Ok(None);
        };
        let body = &outline.body;
        let Some(space) = kit.sys_modules.get_item(module)? else {
            return Ok(None);
        };
        let space = space.getattr("__dict__")?.cast_into::<PyDict>()?;
        let mut set = None;
        for &at in links.iter().filter(|at| **at != origin) {
            let link = &body[at];
            // A method that it calls may do anything.
            let [write] = &*link.uses.writes else {
                return Ok(None);
            };
            if write != path {
                continue;
            }
            if link.kind != Kind::Assign || !link.uses.binds.is_empty() {
                return Ok(None);
            }
            set = Some(source.slice(link));
        }
        if body[origin].kind != Kind::Assign {
            return Ok(None);
        }
        let made = source.slice(&body[origin]);
        let inits = self.constructors(owner)?;
        let given = self.helper("given")?;
        let found = given.call1((made, set, owner, name, space, inits))?;
        let (told, value) = found.extract::<(bool, Option<Bound<'py, PyAny>>)>()?;
        Ok(match (told, value) {
            (false, _) => None,
            (true, None) => Some(Given::Nothing),
            (true, Some(value)) => Some(Given::Value(value.get_item(0)?)),
        })
    }

    /// The text of the `__init__` of the class of an object, by the class that has it; none where that
    /// is not to be had.
    fn constructors(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let kit = self.work.kit;
        let out = PyDict::new(kit.py);
        let own = self.job.dict.get_item("__name__")?.map(|own| text(&own));
        for class in owner
            .get_type()
            .getattr("__mro__")?
            .cast_into::<PyTuple>()?
        {
            let (module, name) = (module_of(&class), class.getattr("__qualname__")?);
            let (module, name) = (text(&module), text(&name));
            let init = |outline: &Outline| {
                let mut classes = outline.body.iter().filter(|s| s.kind == Kind::Class);
                let class = classes.rfind(|s| s.name == name)?;
                let mut members = class.body.iter().filter(|s| s.name == "__init__");
                members.next_back().map(|init| init.span)
            };
            let found = if own.as_ref() == Some(&module) {
                let source = self.job.new;
                let span = init(source.outline);
                span.and_then(|span| source.text.get(span.start as usize..span.end as usize))
                    .map(str::to_owned)
            } else {
                let version = (self.job.others)(&module);
                version.and_then(|version| {
                    let span = init(version.outline().as_ref().ok()?)?;
                    let text = version.text();
                    Some(text.get(span.start as usize..span.end as usize)?.to_owned())
                })
            };
            if let Some(found) = found {
                out.set_item(class, found)?;
            }
        }
        Ok(out)
    }
}

/// Where a module has a name from, if it imports it and does nothing else to bind it.
fn taken_from(outline: &Outline, package: &str, name: &str) -> Option<(String, String)> {
    let body = &outline.body;
    let binds = |s: &Statement| s.uses.binds.iter().any(|bound| bound == name);
    let writers = outline.index().writers(body, name);
    let last = writers.into_iter().rfind(|at| binds(&body[*at]))?;
    let import = body[last].imports.iter().find(|i| i.bound == name)?;
    let source = import.name.clone()?;
    Some((resolve(package, import.level, &import.module), source))
}
