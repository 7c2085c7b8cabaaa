//! Containers that have other items now: who reads them, here and in other modules, is told.

use pyo3::prelude::*;

use super::kit::text;
use super::module::Run;
use crate::outline::Statement;
use crate::plan::{Functions, place_of};

impl Run<'_, '_, '_, '_> {
    /// Notes that containers have other items now.
    pub(super) fn feed(
        &mut self,
        fed: Vec<(String, String)>,
        statement: &Statement,
    ) -> PyResult<()> {
        let own = self.job.dict.get_item("__name__")?;
        let own = own.map_or_else(String::new, |name| text(&name));
        for (module, name) in fed {
            if module == own {
                let line = statement.span.line;
                let why = format!("which line {line} puts something into");
                // By a statement that is gone: known where the container is made.
                self.refilled.insert(name.clone(), why.clone());
                if self.object_of(&module, &name).is_some() {
                    self.dirty.acts_given(&place_of(&name), why.clone());
                }
                self.dirty.fill(name, why);
            } else {
                for path in self.imported_as(&module, &name)? {
                    let line = statement.span.line;
                    self.dirty
                        .fill(path, format!("which line {line} puts something into"));
                }
                let holders = self.job.elsewhere.holders(&module, &name);
                let mut holders = Functions::held(holders);
                if let Some(object) = self.object_of(&module, &name) {
                    let place = place_of(&name);
                    for path in self.imported_as(&module, &object)? {
                        let why = format!("which line {} tells of something", statement.span.line);
                        let inside = &place[object.len()..];
                        self.dirty.acts_given(&format!("{path}{inside}"), why);
                    }
                    holders.extend(Functions::held(std::iter::once(place).collect()));
                }
                self.work.holding.push((module.clone(), holders));
                self.work.fed.push((module, name));
            }
        }
        Ok(())
    }

    /// The name of an object, when this is the path of a container that it has.
    fn object_of(&self, module: &str, path: &str) -> Option<String> {
        let (name, _) = path.split_once('.')?;
        let module = self.work.kit.sys_modules.get_item(module).ok()??;
        let object = module.getattr(name).ok()?;
        (!self.work.kit.is_class(&object)).then(|| name.to_owned())
    }
}
