//! Units that fail for want of what another one brings, where nothing says `import`: an entry point
//! that is named by a text, `import_module(name)`. They are tried again when all others are done, for as
//! long as one more of them succeeds.

use std::collections::BTreeSet;

use super::Listener;
use super::unit::Unit;
use crate::apply::Kit;
use crate::outline::{Import, Kind, Outline};
use crate::plan::{Dirty, import_key};
use crate::report::{ModuleReport, Outcome};

/// Applies all units; what came of their modules.
pub(super) fn apply_all<'py>(
    units: &mut [Unit<'_, '_, 'py>],
    kit: &Kit<'py>,
    listener: &mut dyn Listener,
) -> Vec<ModuleReport> {
    let _turns = kit.turns();
    let mut done = Vec::new();
    let mut tell = |reports: Vec<ModuleReport>| {
        for report in &reports {
            listener.module(kit.py, report);
        }
        done.extend(reports);
    };
    let mut waiting: Vec<(usize, Vec<ModuleReport>)> = Vec::new();
    let mut brought = false;
    for (at, unit) in units.iter_mut().enumerate() {
        let reports = applied(unit);
        if reports.iter().any(misses) {
            waiting.push((at, reports));
            continue;
        }
        brought |= !waiting.is_empty() && !failed(&reports);
        tell(reports);
    }
    // What one of them brings, the next one may have waited for.
    while std::mem::take(&mut brought) {
        for (at, earlier) in std::mem::take(&mut waiting) {
            let mut reports = applied(&mut units[at]);
            // What fails as it did before is not told of once more.
            let again = reports.is_empty() || failed(&reports);
            if again {
                let told: BTreeSet<_> = reports.iter().map(|m| m.name.clone()).collect();
                reports.extend(earlier.into_iter().filter(|m| !told.contains(&m.name)));
            }
            if reports.iter().any(misses) {
                waiting.push((at, reports));
                continue;
            }
            brought |= !again;
            tell(reports);
        }
    }
    for (_, reports) in waiting {
        tell(reports);
    }
    done
}

/// Applies a unit. What is asked for its lines meanwhile gets those of the new files.
fn applied(unit: &mut Unit<'_, '_, '_>) -> Vec<ModuleReport> {
    let lines = unit.forget_lines().unwrap_or_else(|error| {
        log::debug!("linecache keeps what it has: {error}");
        None
    });
    let reports = unit.apply();
    // What failed as it did before is not told of.
    if let Some(lines) = lines.filter(|_| reports.is_empty() || failed(&reports))
        && let Err(error) = lines.put_back()
    {
        log::debug!("linecache reads old lines anew: {error}");
    }
    reports
}

fn failed(reports: &[ModuleReport]) -> bool {
    reports.iter().any(|m| m.outcome == Outcome::Failed)
}

/// Whether what failed misses something.
fn misses(report: &ModuleReport) -> bool {
    const MISSING: [&str; 4] = ["AttributeError", "ImportError", "KeyError", "NameError"];
    let error = report.error.as_deref().unwrap_or("");
    report.outcome == Outcome::Failed && MISSING.iter().any(|name| error.starts_with(name))
}

impl Unit<'_, '_, '_> {
    /// Tells of imports that failed, or were not tried, since the module was not there.
    pub(super) fn tell_appeared(&self, outline: &Outline, package: &str, outside: &mut Dirty) {
        if self.appeared.is_empty() {
            return;
        }
        let is_there = |import: &Import| {
            let module = crate::modules::resolve(package, import.level, &import.module);
            let inner = import.name.as_ref().map(|n| format!("{module}.{n}"));
            self.appeared.contains(&module) || inner.is_some_and(|n| self.appeared.contains(&n))
        };
        for statement in &outline.body {
            // What functions import they had no value of.
            for import in statement.late.iter().filter(|import| is_there(import)) {
                outside.value(&import.bound, "which can be imported now");
                outside.acts(&import.bound, "which can be imported now");
            }
            if statement.kind == Kind::Compound {
                let found = statement.imports.iter().filter(|import| is_there(import));
                outside.appeared.extend(found.map(import_key));
            }
        }
    }
}
