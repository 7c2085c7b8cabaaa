//! Modules that are imported for the first time: what they put into the containers of others.

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::kit::Kit;
use super::module::Run;
use super::registry::told;
use crate::outline::{Kind, Statement};

/// Whether running a statement may import a module that is not there so far.
pub fn awaits(kit: &Kit<'_>, package: &str, statement: &Statement) -> bool {
    let computed =
        |path: &String| path == "__import__" || path.rsplit('.').next() == Some("import_module");
    let absent = |name: &str| matches!(kit.sys_modules.get_item(name), Ok(None));
    statement.imports.iter().any(|import| {
        let module = crate::modules::resolve(package, import.level, &import.module);
        let Ok(Some(there)) = kit.sys_modules.get_item(&module) else {
            return true;
        };
        let name = import.name.as_deref().filter(|name| *name != "*");
        name.is_some_and(|name| {
            // A module may import what it is asked for.
            let own = there.cast::<PyModule>();
            let known = own.is_ok_and(|own| own.dict().contains(name).unwrap_or(true));
            !known && absent(&format!("{module}.{name}"))
        })
    }) || statement.kind != Kind::Function && statement.uses.calls.iter().any(computed)
}

impl<'py> Run<'_, '_, '_, 'py> {
    /// Before a statement runs that may import modules for the first time: what is in the containers of
    /// those that are there.
    pub(super) fn before_arrivals(
        &self,
        statement: &Statement,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let uses = &statement.uses;
        if statement.imports.is_empty() && uses.calls.is_empty()
            || !awaits(self.work.kit, &self.package()?, statement)
        {
            return Ok(None);
        }
        let arrivals = self.registry_helper("Arrivals")?;
        Ok(told(arrivals.call0()))
    }

    /// Tells those who read the containers that have other entries now.
    pub(super) fn tell_arrivals(
        &mut self,
        arrivals: Option<Bound<'py, PyAny>>,
        statement: &Statement,
    ) -> PyResult<()> {
        let Some(arrivals) = arrivals else {
            return Ok(());
        };
        let changed = told(arrivals.call_method0("changed"));
        match changed {
            Some(changed) => self.feed(changed.extract()?, statement),
            None => Ok(()),
        }
    }
}
