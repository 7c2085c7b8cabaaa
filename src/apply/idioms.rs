//! Objects of well-known libraries that have to be told that their module is being set up again.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::helpers::load;
use super::module::Run;
use super::registry::told;
use crate::outline::{Kind, Statement};

/// The applications and blueprints of Flask that a statement tells something, see flask.py.
///
/// Flask refuses new routes once an application has handled a request, or a blueprint has been
/// registered (`_check_setup_finished`), since other workers would not get them. Here the program itself
/// asks for the route: the mark is taken away while the statement runs.
pub(super) struct Setup<'py>(Bound<'py, PyAny>);

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Before a statement runs: what its old version had told them goes. `made` is what that made.
    pub(super) fn open_setup(
        &mut self,
        at: usize,
        statement: &'a Statement,
        made: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Setup<'py>>> {
        let was = self.old_statement(at);
        self.setup(Some((at, statement)), was, made)
    }

    /// After one is gone: `forget` lets go of what else it had told.
    pub(super) fn leave_setup(
        &mut self,
        was: &Statement,
        made: Option<&Bound<'py, PyAny>>,
        forget: impl FnOnce(&mut Self) -> PyResult<()>,
    ) -> PyResult<()> {
        let setup = self.setup(None, Some(was), made)?;
        let forgotten = forget(self);
        if let Some(setup) = setup {
            setup.end(forgotten.is_ok())?;
            setup.finish()?;
        }
        forgotten
    }

    fn setup(
        &mut self,
        new: Option<(usize, &Statement)>,
        was: Option<&Statement>,
        made: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Setup<'py>>> {
        let kit = self.work.kit;
        let statements = || new.map(|(_, new)| new).into_iter().chain(was);
        let calls = |one: &Statement| !one.uses.calls.is_empty();
        if !statements().any(calls) || !kit.sys_modules.contains(kit.name("flask"))? {
            return Ok(None);
        }
        let mut paths = BTreeSet::new();
        for statement in statements() {
            let called = statement.uses.calls.iter();
            // `app.route`, `site.app.route`, `app.cli.command`
            let owners =
                called.filter_map(|path| Some([path.split_once('.')?.0, path.rsplit_once('.')?.0]));
            paths.extend(owners.flatten());
            // `add_routes(app)`
            if statement.kind == Kind::Expr {
                paths.extend(statement.uses.reads.iter().map(String::as_str));
                // `add_all()`, which tells one that it knows by its name.
                for path in &statement.uses.calls {
                    paths.extend(self.read_by(path));
                }
            }
        }
        let owners = PyList::empty(kit.py);
        for owner in paths.into_iter().filter_map(|path| self.attribute(path)) {
            owners.append(owner)?;
        }
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        let texts = [("pyreload/flask.py", FLASK)];
        let names = load(kit, &kit.flask, &COMPILED, &texts)?;
        let owners = names.get_item("setups")?.call1((owners,))?;
        if !owners.is_truthy()? {
            return Ok(None);
        }
        let mut text = None;
        let mut all_made = Vec::new();
        if let (Some(was), Some(old)) = (was, self.job.old) {
            text = Some(old.slice(was));
            if let Some(made) = made.filter(|_| was.kind == Kind::Function) {
                all_made.push(made.clone());
                all_made.extend(self.function_inside(was, made)?);
            }
        }
        let later = PyList::empty(kit.py);
        if let Some((at, _)) = new {
            let below = self.job.new.outline.body.iter().skip(at + 1);
            for function in below.filter(|one| one.kind == Kind::Function) {
                if let Some(value) = self.job.dict.get_item(&function.name)? {
                    later.append(value)?;
                }
            }
        }
        // Registries have taken out blueprints that it had registered.
        let had = PyList::empty(kit.py);
        for owner in owners.try_iter()? {
            if let Ok(blueprints) = owner?.getattr("blueprints")
                && let Some(first) = self.work.first_contents(&blueprints)
            {
                had.append((blueprints, first))?;
            }
        }
        let name = new.map_or("", |(_, new)| new.name.as_str());
        let arguments = (
            owners,
            all_made,
            name,
            text,
            later,
            &self.job.dict,
            &self.before,
            had,
            new.is_none(),
        );
        let class = names.get_item("Setup")?;
        // A version of the library that keeps all this in another way.
        let Some(setup) = told(class.call1(arguments)) else {
            return Ok(None);
        };
        for space in setup.getattr("spaces")?.try_iter()? {
            let space = space?;
            match space.cast::<PyDict>() {
                Ok(dict) if dict.is_exact_instance_of::<PyDict>() => {
                    self.work.tx.dict(dict)?;
                }
                _ => self.work.tx.containers(&space, 0)?,
            }
        }
        setup.call_method0("begin")?;
        Ok(Some(Setup(setup)))
    }
}

impl Run<'_, '_, '_, '_> {
    /// What a function of the module reads when it is called, in either version.
    fn read_by(&self, path: &str) -> Vec<&str> {
        let old = self.job.old.map(|old| old.outline);
        let mut found = Vec::new();
        for outline in old.into_iter().chain([self.job.new.outline]) {
            for at in outline.index().writers(&outline.body, path) {
                let function = Some(&outline.body[at]).filter(|one| one.kind == Kind::Function);
                let later = function.map(|one| &one.later).into_iter();
                let names = later.flat_map(|later| later.reads.iter().chain(&later.calls));
                found.extend(names.filter_map(|name| name.split('.').next()));
            }
        }
        found
    }
}

impl Setup<'_> {
    /// Before the statement is tried once more.
    pub(super) fn again(&self) -> PyResult<()> {
        self.0.call_method0("cut").map(drop)
    }

    /// After it ran.
    pub(super) fn end(&self, ran: bool) -> PyResult<()> {
        let end = if ran { "end" } else { "close" };
        self.0.call_method0(end).map(drop)
    }

    /// After what it made was brought together with what was.
    pub(super) fn finish(&self) -> PyResult<()> {
        self.0.call_method0("finish").map(drop)
    }
}

const FLASK: &str = include_str!("flask.py");
