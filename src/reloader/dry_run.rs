//! The plan of a unit as a report.

use std::cell::RefCell;

use super::Policy;
use super::elsewhere::Others;
use super::unit::Unit;
use crate::diff;
use crate::outline::Outline;
use crate::plan::{self, Mark, Plan, Step};
use crate::report::{self, Action, ChangeKind, ModuleReport, Outcome};

impl Unit<'_, '_, '_> {
    /// The plan as a report, for a dry run.
    pub fn plan(&self) -> Vec<ModuleReport> {
        let mut out = Vec::new();
        for record in &self.order {
            let Some(edited) = self.edited.get(&*record.name) else {
                continue;
            };
            let record = &edited.record;
            let running = record.version();
            let mut report = self.blank(record, edited.cause);
            match (running.outline(), edited.version.outline()) {
                (Ok(old), Ok(new)) if running.known => {
                    let changes = diff::compare(old, new);
                    let full = self.policy(edited) == Policy::Full;
                    let plan = if full {
                        plan::full(new, &changes, "the whole module is asked for")
                    } else {
                        let (memory, none) = (RefCell::default(), plan::Anew::default());
                        let elsewhere = Others::new(self, &record.package.read(), &memory);
                        let outside = plan::Dirty::default();
                        plan::make_with(old, new, &changes, &outside, &none, &elsewhere)
                    };
                    report.outcome = planned(&plan, full);
                    report.notes.extend(plan.notes.iter().cloned());
                    report.changes = steps(&plan, old, new, edited.version.text());
                }
                (_, Err(error)) => {
                    report.outcome = Outcome::Failed;
                    report.error = Some(error.message.clone());
                    report.error_line = error.line;
                }
                _ => report.outcome = Outcome::Reloaded,
            }
            if self.policy(edited) == Policy::Skip {
                report.outcome = Outcome::Skipped;
                report.changes.clear();
            }
            out.push(report);
        }
        out
    }
}

pub(super) fn planned(plan: &Plan, full: bool) -> Outcome {
    if full {
        Outcome::Reloaded
    } else if plan
        .steps
        .iter()
        .any(|s| matches!(s.mark, Mark::Run | Mark::RunIf))
    {
        Outcome::Executed
    } else if plan.idle() {
        Outcome::Unchanged
    } else {
        Outcome::Patched
    }
}

pub(super) fn steps(
    plan: &Plan,
    old: &Outline,
    new: &Outline,
    source: &str,
) -> Vec<report::Change> {
    use crate::outline::Kind;
    let kind = |k: Kind| match k {
        Kind::Function => ChangeKind::Function,
        Kind::Class => ChangeKind::Class,
        Kind::Import => ChangeKind::Import,
        Kind::Assign | Kind::Annotation | Kind::AugAssign => ChangeKind::Variable,
        _ => ChangeKind::Statement,
    };
    let mut out = Vec::new();
    let idle = |step: &&Step| matches!(step.mark, Mark::Keep | Mark::Acts);
    for step in plan.steps.iter().filter(|step| !idle(step)) {
        let statement = &new.body[step.new];
        let slice = source
            .get(statement.span.start as usize..statement.span.end as usize)
            .unwrap_or("");
        out.push(report::Change {
            kind: kind(statement.kind),
            action: match (&step.mark, step.old) {
                (Mark::Patch | Mark::Members, _) => Action::Updated,
                (_, None) => Action::Added,
                _ => Action::Executed,
            },
            name: if statement.name.is_empty() {
                slice.lines().next().unwrap_or("").trim().into()
            } else {
                statement.name.as_str().into()
            },
            line: statement.span.line,
            reason: step.why.as_str().into(),
        });
    }
    for &at in &plan.removed {
        let statement = &old.body[at];
        out.push(report::Change {
            kind: kind(statement.kind),
            action: Action::Removed,
            name: statement
                .uses
                .binds
                .first()
                .unwrap_or(&statement.name)
                .as_str()
                .into(),
            line: statement.span.line,
            reason: "it is gone from the file".into(),
        });
    }
    out
}
