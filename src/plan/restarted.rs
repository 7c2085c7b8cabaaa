//! Containers that several statements make: when one of these runs again, all do.

use super::{Anew, Mark, Plan, Reached, again, run, runs};
use crate::diff::{Changes, What};
use crate::outline::{Kind, Value};

/// `X = []`, `X.append(1)`, `X += [2]`: a chain. When one of them runs again, all do, from the
/// fresh binding; otherwise what one of them does would be done twice. Only where the first
/// is a literal or plain container: an application object that lives on is not replaced, the
/// changed statement alone runs on it.
pub(super) fn restart_chains(
    reached: &Reached<'_>,
    changes: &Changes,
    anew: &Anew,
    plan: &mut Plan,
) -> bool {
    let mut grown = false;
    let effects = &reached.effects;
    let any = !anew.names.is_empty();
    for origin in 0..reached.len() {
        let statement = reached.statement(origin);
        for name in &statement.uses.binds {
            let known = any && anew.contains(name);
            let outdated = known && anew.outdated.contains(name);
            let asked = known && (outdated || matches!(statement.kind, Kind::Assign | Kind::Class));
            // A metaclass that refuses, since what the module did to it later is in force already.
            let forced = asked && statement.kind == Kind::Class || outdated;
            if !reached.restartable(origin) && !asked {
                continue;
            }
            let after = reached.writers(name).iter().copied();
            let links: Vec<usize> = after
                .filter(|&i| i > origin)
                .take_while(|&i| effects[i].mutates.contains(name))
                .collect();
            // Of a class in parts, those that change the name; an enumeration runs as a whole.
            let in_parts = |plan: &Plan, at: usize| match changes.at(reached.places[at]).1 {
                What::Inner(inner) if plan.steps[at].mark == Mark::Members => {
                    again(reached.statement(at), inner).any(|member| {
                        statement.value == Value::Iterator || member.uses.mutates.contains(name)
                    })
                }
                _ => false,
            };
            // Numbers that others count up as well, which do not run again.
            let counted = |i: &usize| {
                effects[*i].counts.contains(name) && !effects[*i].mutates.contains(name)
            };
            let counted = reached.writers(name).iter().any(counted);
            if counted && !asked && !runs(plan, origin) {
                continue;
            }
            let links_run = |plan: &Plan| {
                let mut links = links.iter();
                links.any(|&i| runs(plan, i) || in_parts(plan, i))
            };
            if (outdated || !links.is_empty()) && (forced || runs(plan, origin) || links_run(plan))
            {
                for at in std::iter::once(origin).chain(links) {
                    grown |= run(plan, at, &format!("{name} is made anew"));
                }
            }
        }
    }
    grown
}
