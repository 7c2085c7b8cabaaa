//! Modules that an edit imports for the first time: what they fill in others is known only when they
//! have run, and who reads that stands in the plan before.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::unit::Unit;
use crate::apply::{Kit, awaits};
use crate::outline::{Outline, Value};
use crate::plan::{Dirty, Mark, Plan, root};

impl Unit<'_, '_, '_> {
    /// Makes a plan, once more where it imports modules for the first time.
    pub(super) fn planned(
        &self,
        make: impl Fn(&Dirty) -> Plan,
        module: (&str, &Bound<'_, PyDict>),
        outline: &Outline,
        outside: &Dirty,
    ) -> Plan {
        let plan = make(outside);
        let expected = expected(self.kit, module, outline, &plan, outside);
        expected.map_or(plan, |outside| make(&outside))
    }
}

/// What differs around a module, with all that modules which come may fill; `None` where none comes.
fn expected(
    kit: &Kit<'_>,
    (package, dict): (&str, &Bound<'_, PyDict>),
    outline: &Outline,
    plan: &Plan,
    outside: &Dirty,
) -> Option<Dirty> {
    let runs = |mark: &Mark| matches!(mark, Mark::Run | Mark::RunIf);
    let mut steps = plan.steps.iter().filter(|step| runs(&step.mark));
    let place = steps.find_map(|step| {
        let statement = &outline.body[step.new];
        let may = !statement.imports.is_empty() || !statement.uses.calls.is_empty();
        (may && awaits(kit, package, statement)).then_some(step.new)
    })?;
    let (index, body) = (outline.index(), &outline.body);
    // A container of its own, or what comes from elsewhere and is no function.
    let holds = |path: &str| {
        let name = root(path);
        let writers = index.writers(body, name);
        let mut writers = writers.into_iter().map(|at| &body[at]);
        let known = writers.any(|s| s.value == Value::Container || !s.imports.is_empty());
        known
            && dict.get_item(name).ok().flatten().is_some_and(|value| {
                !kit.is_function(&value) && (path.contains('.') || !kit.is_class(&value))
            })
    };
    let mut outside = outside.clone();
    let there = outside.filled_at.entry(place).or_default();
    for statement in body.iter() {
        for path in statement.uses.reads.iter().chain(&statement.later.reads) {
            if !there.contains_key(path) && holds(path) {
                let why = "which a module that is imported now may put something into";
                there.insert(path.clone(), why.to_owned());
            }
        }
    }
    Some(outside)
}
