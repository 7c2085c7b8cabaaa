//! Units that fail for want of what another one brings, where nothing says `import`: an entry point
//! that is named by a text, `import_module(name)`. They are tried again when all others are done.

use super::Listener;
use super::unit::Unit;
use crate::apply::Kit;
use crate::report::{ModuleReport, Outcome};

/// Applies all units; what came of their modules.
pub(super) fn apply_all<'py>(
    units: &mut [Unit<'_, '_, 'py>],
    kit: &Kit<'py>,
    listener: &mut dyn Listener,
) -> Vec<ModuleReport> {
    let mut done = Vec::new();
    let mut tell = |reports: Vec<ModuleReport>| {
        for report in &reports {
            listener.module(kit.py, report);
        }
        done.extend(reports);
    };
    let mut again: Vec<(usize, Vec<ModuleReport>)> = Vec::new();
    let mut brought = false;
    for (at, unit) in units.iter_mut().enumerate() {
        let reports = unit.apply();
        let failed = reports.iter().find(|m| m.outcome == Outcome::Failed);
        if failed.is_some_and(misses) {
            again.push((at, reports));
            continue;
        }
        brought |= !again.is_empty() && failed.is_none();
        tell(reports);
    }
    for (at, reports) in again {
        tell(match brought {
            true => units[at].apply(),
            false => reports,
        });
    }
    done
}

/// Whether what failed misses something.
fn misses(report: &ModuleReport) -> bool {
    const MISSING: [&str; 4] = ["AttributeError", "ImportError", "KeyError", "NameError"];
    let error = report.error.as_deref().unwrap_or("");
    MISSING.iter().any(|name| error.starts_with(name))
}
