//! In which order modules are worked on: that in which a fresh process would run them.

use std::collections::{BTreeSet, HashMap};

use pyo3::prelude::*;

use super::check::new_imports;
use super::unit::Edited;
use super::{Error, Reloader};
use crate::apply::Kit;
use crate::modules::resolve;

impl Reloader {
    /// The modules of a unit and their dependents, each after those it imports.
    pub(super) fn order(&self, kit: &Kit<'_>, edited: &[Edited]) -> Result<Vec<String>, Error> {
        let names: Vec<String> = edited.iter().map(|e| e.record.name.clone()).collect();
        let mut nodes = self.dependents(&names);
        nodes.extend(names.iter().cloned());
        if nodes.len() == 1 {
            return Ok(names);
        }
        // The import system puts a module behind all others once its code has run.
        let mut imported: Vec<String> = Vec::with_capacity(nodes.len());
        for key in kit.sys_modules.keys() {
            let name = crate::apply::text(&key);
            if nodes.contains(&name) {
                imported.push(name);
            }
        }
        let place: HashMap<&str, usize> = imported
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let mut targets: Vec<Vec<usize>> = imported
            .iter()
            .map(|name| {
                let found = match edited.iter().find(|e| e.record.name == *name) {
                    Some(edited) => new_imports(edited),
                    None => self
                        .ledger
                        .get(name)
                        .map(|r| crate::modules::forward(&r))
                        .unwrap_or_default(),
                };
                found
                    .iter()
                    .filter_map(|target| place.get(target.as_str()).copied())
                    .collect()
            })
            .collect();
        // Where imports go round in a circle, they do not say who comes first: what ran first does,
        // but for imports that are new and are made while the module runs.
        let circles = circles(&targets);
        for (at, name) in imported.iter().enumerate() {
            let waits = |target: &usize| *target > at && circles[*target] == circles[at];
            if !targets[at].iter().any(waits) {
                continue;
            }
            let fresh = edited
                .iter()
                .find(|e| e.record.name == *name)
                .map(|edited| fresh(kit, edited))
                .unwrap_or_default();
            targets[at].retain(|target| !waits(target) || fresh.contains(&imported[*target]));
        }
        Ok(first_things_first(&targets)
            .into_iter()
            .map(|at| imported[at].clone())
            .collect())
    }
}

/// The modules that a new version imports while it runs and the running one does not; without the
/// packages it is in, which have begun to run before.
fn fresh(kit: &Kit<'_>, edited: &Edited) -> BTreeSet<String> {
    kit.py.detach(|| {
        let record = &edited.record;
        let had = crate::modules::forward(record);
        let Ok(outline) = edited.version.outline() else {
            return BTreeSet::new();
        };
        let package = record.package.read().clone();
        let mut out = BTreeSet::new();
        for import in outline.body.iter().flat_map(|s| &s.imports) {
            let module = resolve(&package, import.level, &import.module);
            if let Some(name) = &import.name {
                out.insert(format!("{module}.{name}"));
            }
            out.insert(module);
        }
        out.retain(|name| !had.contains(name) && !record.name.starts_with(&format!("{name}.")));
        out
    })
}

/// Each node after its targets, as far as there are no circles; else in the given order.
fn first_things_first(targets: &[Vec<usize>]) -> Vec<usize> {
    let mut out = Vec::with_capacity(targets.len());
    let mut seen = vec![false; targets.len()];
    for start in 0..targets.len() {
        // Depth first, without recursion: import chains can be long.
        let mut stack: Vec<(usize, usize)> = Vec::new();
        if !std::mem::replace(&mut seen[start], true) {
            stack.push((start, 0));
        }
        while let Some((node, at)) = stack.pop() {
            let Some(&target) = targets[node].get(at) else {
                out.push(node);
                continue;
            };
            stack.push((node, at + 1));
            if !std::mem::replace(&mut seen[target], true) {
                stack.push((target, 0));
            }
        }
    }
    out
}

/// For each node a number that is the same for those that reach each other.
fn circles(targets: &[Vec<usize>]) -> Vec<usize> {
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); targets.len()];
    for (node, found) in targets.iter().enumerate() {
        for &target in found {
            sources[target].push(node);
        }
    }
    // Kosaraju: the last to be left is in a circle with those that it can be reached from.
    let mut out = vec![usize::MAX; targets.len()];
    for &root in first_things_first(targets).iter().rev() {
        let mut todo = vec![root];
        while let Some(node) = todo.pop() {
            if out[node] == usize::MAX {
                out[node] = root;
                todo.extend(&sources[node]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_first_and_circles_are_found() {
        // 0 -> 2, 1 -> 0, 2 -> 3, 3 -> 2.
        let targets = [vec![2], vec![0], vec![3], vec![2]];
        assert_eq!(first_things_first(&targets), [3, 2, 0, 1]);
        let found = circles(&targets);
        assert_eq!(found[2], found[3]);
        assert_ne!(found[0], found[2]);
        assert_ne!(found[0], found[1]);
    }
}
