//! The importable module that a host can offer to the authors of scripts.
//!
//! Its functions hold no Python object and no reloader, only a [`Ticket`]: they work as long as
//! the reloader lives, and raise `RuntimeError` after that. There are no Python statics and no
//! `#[pyclass]` here, since those do not survive a second `Py_Initialize`.

use std::ffi::CStr;
use std::sync::Arc;

use pyo3::exceptions::{
    PyLookupError, PyNotImplementedError, PyOSError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyList, PyModule, PyTuple};

use super::check::{Target, run};
use super::entry::{self, Fault};
use super::handle::{Borrowed, Ticket};
use super::report::pyreload_report;
use super::status::pyreload_status;
use super::trigger::{PYRELOAD_TRIGGER_COMMAND, PYRELOAD_TRIGGER_EVENT, PYRELOAD_TRIGGER_SCRIPT};
use crate::reloader::{Flags, ModuleState, Policy};

/// Where the module keeps the serial of the reloader that it acts on.
const MARK: &str = "__pyreload_serial__";

const DOC: &str = "Hot reload of changed Python modules, in the program that runs this script.";

/// Makes `import name` work and act on this reloader.
pub(super) fn install(py: Python<'_>, reloader: &Borrowed, name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.split('.').any(str::is_empty) {
        return Err(Fault::argument(format!(
            "'{name}' is not the name of a module"
        )));
    }
    let ticket = reloader.ticket();
    put(py, ticket, name).map_err(|err| {
        Fault::new(
            pyreload_status::PYRELOAD_ERR_INTERNAL,
            format!("no module '{name}': {err}"),
        )
    })?
}

fn put(py: Python<'_>, ticket: Ticket, name: &str) -> PyResult<Result<(), Fault>> {
    let sys_modules = py
        .import("sys")?
        .getattr("modules")?
        .cast_into::<PyDict>()?;
    if let Some(existing) = sys_modules.get_item(name)? {
        let Ok(serial) = existing
            .getattr(MARK)
            .and_then(|mark| mark.extract::<u64>())
        else {
            let why = format!("there is another module '{name}'; choose another name");
            return Ok(Err(Fault::argument(why)));
        };
        if serial != ticket.serial {
            fill(&existing.cast_into::<PyModule>()?, ticket)?;
        }
        return Ok(Ok(()));
    }
    let module = PyModule::new(py, name)?;
    module.setattr("__doc__", DOC)?;
    fill(&module, ticket)?;
    sys_modules.set_item(name, &module)?;
    if let Some((parent, last)) = name.rsplit_once('.')
        && let Some(parent) = sys_modules.get_item(parent)?
    {
        parent.setattr(last, &module)?;
    }
    Ok(Ok(()))
}

/// Puts all functions into the module. The order is that of `help()`.
fn fill(module: &Bound<'_, PyModule>, ticket: Ticket) -> PyResult<()> {
    let define = |name, doc, body| define(module, ticket, name, doc, body);
    define(
        c"autoreload",
        c"autoreload(enabled, script=True, command=True, event=False)\n--\n\n\
        Switch automatic reloads on or off.\n\n\
        When enabled, changed modules are brought up to date before each script,\n\
        before each command, and before each function that answers an event, as\n\
        the three flags say.",
        autoreload,
    )?;
    define(
        c"check",
        c"check(dry_run=False)\n--\n\n\
        Bring all changed modules up to date now.\n\n\
        Returns the report as a dict, or None when no file changed. With dry_run\n\
        it says what would be done, and does nothing.",
        check,
    )?;
    define(
        c"modules",
        c"modules()\n--\n\n\
        List the imported modules as dicts.\n\n\
        Their keys are name, path (or None), state ('current', 'stale',\n\
        'excluded' or 'no_source'), user (whether it is the user's own) and\n\
        reload_count.",
        modules,
    )?;
    define(
        c"reload",
        c"reload(name, force=False)\n--\n\n\
        Bring one module and what uses it up to date. Returns what check() does.\n\n\
        With force the whole module runs again, even if it did not change.",
        reload,
    )?;
    define(
        c"include",
        c"include(name)\n--\n\nTrack this module and all below it.",
        include,
    )?;
    define(
        c"exclude",
        c"exclude(name)\n--\n\nLeave this module and all below it alone.",
        exclude,
    )?;
    define(
        c"policy",
        c"policy(name, policy)\n--\n\n\
        Say how this module is brought up to date: 'incremental' (what the edit\n\
        touches runs again), 'full' (all of it runs again) or 'skip' (it is left\n\
        alone).",
        policy,
    )?;
    define(
        c"last_report",
        c"last_report()\n--\n\n\
        The report of the last check that found work, as a dict; None before that.",
        last_report,
    )?;
    module.setattr(MARK, ticket.serial)
}

/// What a function of the module does.
type Body = for<'py> fn(Python<'py>, &Borrowed, Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;

fn define(
    module: &Bound<'_, PyModule>,
    ticket: Ticket,
    name: &'static CStr,
    doc: &'static CStr,
    body: Body,
) -> PyResult<()> {
    let title = name.to_str().unwrap_or_default();
    let closure = move |args: &Bound<'_, PyTuple>, named: Option<&Bound<'_, PyDict>>| {
        let py = args.py();
        // A panic must not come out as PyO3's PanicException, which no script expects.
        let result = entry::guarded(|| {
            let reloader = ticket.borrow().map_err(ended)?;
            body(
                py,
                &reloader,
                Args {
                    function: title,
                    args,
                    named,
                },
            )
            .map(Bound::unbind)
        });
        result.unwrap_or_else(|panic| Err(PyRuntimeError::new_err(panic)))
    };
    let function = PyCFunction::new_closure(module.py(), Some(name), Some(doc), closure)?;
    module.setattr(title, function)
}

fn ended(_: Fault) -> PyErr {
    PyRuntimeError::new_err("the reloader of this module was destroyed")
}

fn raise(fault: Fault) -> PyErr {
    let sentence = fault.sentence;
    match fault.status {
        pyreload_status::PYRELOAD_ERR_ARGUMENT => PyValueError::new_err(sentence),
        pyreload_status::PYRELOAD_ERR_NOT_FOUND => PyLookupError::new_err(sentence),
        pyreload_status::PYRELOAD_ERR_UNSUPPORTED => PyNotImplementedError::new_err(sentence),
        pyreload_status::PYRELOAD_ERR_OS => PyOSError::new_err(sentence),
        _ => PyRuntimeError::new_err(sentence),
    }
}

fn autoreload<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [enabled, script, command, event] =
        args.read(1, ["enabled", "script", "command", "event"])?;
    let is = |value: Option<Bound<'py, PyAny>>, default: bool| {
        value.map_or(Ok(default), |value| value.is_truthy())
    };
    let enabled = is(enabled, false)?;
    let kinds = [
        (is(script, true)?, PYRELOAD_TRIGGER_SCRIPT),
        (is(command, true)?, PYRELOAD_TRIGGER_COMMAND),
        (is(event, false)?, PYRELOAD_TRIGGER_EVENT),
    ];
    let mut mode = reloader.reloader.trigger_mode();
    for (wanted, kind) in kinds {
        mode = if enabled && wanted {
            mode | kind
        } else {
            mode & !kind
        };
    }
    reloader.set_mode(mode);
    Ok(py.None().into_bound(py))
}

fn check<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [dry_run] = args.read(0, ["dry_run"])?;
    let dry_run = dry_run.map_or(Ok(false), |value| value.is_truthy())?;
    let flags = Flags {
        dry_run,
        ..Flags::default()
    };
    to_dict(
        py,
        run(reloader, &Target::Changed, flags)
            .map_err(raise)?
            .as_ref(),
    )
}

fn reload<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [name, force] = args.read(1, ["name", "force"])?;
    let name = text(name)?;
    let force = force.map_or(Ok(false), |value| value.is_truthy())?;
    let flags = Flags {
        force,
        ..Flags::default()
    };
    to_dict(
        py,
        run(reloader, &Target::Module(&name), flags)
            .map_err(raise)?
            .as_ref(),
    )
}

fn modules<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [] = args.read(0, [])?;
    let list = PyList::empty(py);
    for row in reloader
        .reloader
        .modules(py)
        .map_err(|err| raise(err.into()))?
    {
        let state = match row.state {
            ModuleState::Current => "current",
            ModuleState::Stale => "stale",
            ModuleState::Excluded => "excluded",
            ModuleState::NoSource => "no_source",
        };
        let entry = PyDict::new(py);
        entry.set_item("name", row.name)?;
        entry.set_item("path", row.path)?;
        entry.set_item("state", state)?;
        entry.set_item("user", row.user)?;
        entry.set_item("reload_count", row.reload_count)?;
        list.append(entry)?;
    }
    Ok(list.into_any())
}

fn include<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [name] = args.read(1, ["name"])?;
    reloader
        .reloader
        .include(&text(name)?)
        .map_err(|err| raise(err.into()))?;
    Ok(py.None().into_bound(py))
}

fn exclude<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [name] = args.read(1, ["name"])?;
    reloader
        .reloader
        .exclude(&text(name)?)
        .map_err(|err| raise(err.into()))?;
    Ok(py.None().into_bound(py))
}

fn policy<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [name, policy] = args.read(2, ["name", "policy"])?;
    let policy = match text(policy)?.as_str() {
        "incremental" => Policy::Incremental,
        "full" => Policy::Full,
        "skip" => Policy::Skip,
        other => {
            let why = format!("policy is '{other}', not 'incremental', 'full' or 'skip'");
            return Err(PyValueError::new_err(why));
        }
    };
    reloader
        .reloader
        .set_policy(&text(name)?, policy)
        .map_err(|err| raise(err.into()))?;
    Ok(py.None().into_bound(py))
}

fn last_report<'py>(
    py: Python<'py>,
    reloader: &Borrowed,
    args: Args<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let [] = args.read(0, [])?;
    let report = reloader.last_report.lock().clone();
    to_dict(py, report.as_ref())
}

fn to_dict<'py>(
    py: Python<'py>,
    report: Option<&Arc<pyreload_report>>,
) -> PyResult<Bound<'py, PyAny>> {
    match report {
        None => Ok(py.None().into_bound(py)),
        Some(report) => py
            .import("json")?
            .call_method1("loads", (report.data().json(),)),
    }
}

fn text(value: Option<Bound<'_, PyAny>>) -> PyResult<String> {
    value
        .ok_or_else(|| PyTypeError::new_err("an argument is missing"))?
        .extract()
}

/// The arguments of a call.
struct Args<'a, 'py> {
    function: &'static str,
    args: &'a Bound<'py, PyTuple>,
    named: Option<&'a Bound<'py, PyDict>>,
}

impl<'py> Args<'_, 'py> {
    /// The values of these parameters, of which the first `required` must be there. Mistakes are
    /// worded as Python words them.
    fn read<const N: usize>(
        &self,
        required: usize,
        names: [&str; N],
    ) -> PyResult<[Option<Bound<'py, PyAny>>; N]> {
        let Self {
            function,
            args,
            named,
        } = self;
        if args.len() > N {
            return Err(PyTypeError::new_err(format!(
                "{function}() takes {N} positional arguments but {} were given",
                args.len()
            )));
        }
        let mut values = [const { None }; N];
        for (value, arg) in values.iter_mut().zip(args.iter()) {
            *value = Some(arg);
        }
        for (name, value) in named.iter().flat_map(|named| named.iter()) {
            let name: String = name.extract()?;
            let Some(place) = names.iter().position(|known| *known == name) else {
                return Err(PyTypeError::new_err(format!(
                    "{function}() got an unexpected keyword argument '{name}'"
                )));
            };
            if values[place].replace(value).is_some() {
                return Err(PyTypeError::new_err(format!(
                    "{function}() got multiple values for argument '{name}'"
                )));
            }
        }
        for (name, value) in names.iter().zip(&values).take(required) {
            if value.is_none() {
                return Err(PyTypeError::new_err(format!(
                    "{function}() missing required argument: '{name}'"
                )));
            }
        }
        Ok(values)
    }
}
