//! What goes together, and in which order it is worked on.
//!
//! Both are walks through the graph of imports, in which an edited module also imports what its
//! new version does. Their cost follows what is reached from the edited modules, and the sum of
//! it for all units together.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Reloader;
use super::unit::Edited;
use crate::modules::{Graph, Id, Marks, Record, resolve, targets};

/// The modules of a unit and their dependents.
pub(super) struct Order {
    /// Each after those it imports.
    pub modules: Vec<Arc<Record>>,
    /// Which of them nobody imports.
    pub ends: Vec<bool>,
    /// Some module comes before one that it imports.
    pub circular: bool,
}

/// Edited modules as the graph knows them, and what their new versions import.
struct Overlay {
    ids: Vec<Id>,
    targets: FxHashMap<Id, Vec<Id>>,
    /// Those of them that a new version imports while it runs, and the running one does not.
    fresh: FxHashMap<Id, Vec<Id>>,
}

impl Overlay {
    /// What the new versions name and nobody has imported before has no number, and is nobody
    /// that could be worked on.
    fn of(graph: &Graph, edited: &[Edited]) -> Self {
        let mut overlay = Self {
            ids: Vec::with_capacity(edited.len()),
            targets: FxHashMap::default(),
            fresh: FxHashMap::default(),
        };
        for edited in edited {
            let Some(id) = graph.find(&edited.record.name) else {
                continue;
            };
            // Most edits leave the imports alone: the graph knows them.
            if edited.moved.is_none() && edited.version.imports_as(&edited.record.version()) {
                overlay.ids.push(id);
                overlay.targets.insert(id, graph.targets(id).to_vec());
                continue;
            }
            let found = targets(&edited.record, &edited.version);
            let mut found: Vec<Id> = found.iter().filter_map(|t| graph.find(t)).collect();
            graph.spell(id, &mut found);
            let later =
                |t: &Id| graph.place(*t) > graph.place(id) && !graph.targets(id).contains(t);
            if found.iter().any(later) {
                let mut fresh = imports_now(graph, edited);
                fresh.retain(later);
                overlay.fresh.insert(id, fresh);
            }
            overlay.ids.push(id);
            overlay.targets.insert(id, found);
        }
        overlay
    }

    fn new_targets<'g>(&'g self, graph: &'g Graph, id: Id) -> &'g [Id] {
        match self.targets.get(&id) {
            Some(found) => found,
            None => graph.targets(id),
        }
    }
}

/// What a new version imports while it runs; without the packages it is in, which have begun to
/// run before.
fn imports_now(graph: &Graph, edited: &Edited) -> Vec<Id> {
    let record = &edited.record;
    let Ok(outline) = edited.version.outline() else {
        return Vec::new();
    };
    let package = record.package.read().clone();
    let mut out = Vec::new();
    for import in outline.body.iter().flat_map(|s| &s.imports) {
        let module = resolve(&package, import.level, &import.module);
        let inner = import.name.as_ref().map(|name| format!("{module}.{name}"));
        let names = inner.into_iter().chain([module]);
        let names = names.filter(|name| !record.name.starts_with(&format!("{name}.")));
        out.extend(names.filter_map(|name| graph.find(&name)));
    }
    out
}

impl Reloader {
    /// Changed modules that import each other, directly or not, are one unit.
    pub(super) fn units(&self, edited: Vec<Edited>) -> Vec<Vec<Edited>> {
        if edited.len() == 1 {
            return vec![edited];
        }
        let groups = self.ledger.with_graph(|graph| {
            let overlay = Overlay::of(graph, &edited);
            if overlay.ids.len() < edited.len() {
                return Vec::new();
            }
            groups(graph, &overlay)
        });
        let mut out: BTreeMap<usize, Vec<Edited>> = BTreeMap::new();
        for (at, one) in edited.into_iter().enumerate() {
            let group = groups.get(at).copied().unwrap_or(at);
            out.entry(group).or_default().push(one);
        }
        out.into_values().collect()
    }

    /// Modules that import one of these, directly or not, and are not among the known, in the order
    /// in which they were imported.
    pub(super) fn outsiders(&self, of: &[&str], known: &[Arc<Record>]) -> Vec<Arc<Record>> {
        self.ledger.with_modules(|graph, records| {
            let ids: Vec<Id> = of.iter().filter_map(|name| graph.find(name)).collect();
            let mut found = graph.dependents(&ids);
            found.sort_by_key(|id| graph.place(*id));
            let records = found.into_iter().map(|id| records.get(id as usize));
            let records = records.filter_map(|record| record?.clone());
            let is_known = |record: &Arc<Record>| known.iter().any(|k| k.name == record.name);
            records.filter(|record| !is_known(record)).collect()
        })
    }

    /// The modules of a unit and their dependents, each after those it imports.
    pub(super) fn order(&self, edited: &[Edited]) -> Order {
        self.ledger.with_modules(|graph, records| {
            let overlay = Overlay::of(graph, edited);
            let (ids, circular) = order(graph, &overlay);
            let mut modules = Vec::with_capacity(ids.len());
            let mut ends = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(Some(record)) = records.get(id as usize) {
                    modules.push(Arc::clone(record));
                    ends.push(graph.importers(id).is_empty());
                }
            }
            if overlay.ids.len() < edited.len() {
                let is_there = |one: &Edited| modules.iter().any(|m| m.name == one.record.name);
                let left = edited.iter().filter(|one| !is_there(one));
                let left: Vec<_> = left.map(|one| Arc::clone(&one.record)).collect();
                modules.extend(left);
            }
            ends.resize(modules.len(), false);
            Order {
                modules,
                ends,
                circular,
            }
        })
    }
}

/// For each edited module the first one that it belongs together with, by position.
///
/// Two belong together when one reaches the other through imports. All that lies on such a way
/// is reached from an edited module in both directions, and whatever is connected among that,
/// is connected by such ways: so one walk in each direction is enough for all.
fn groups(graph: &Graph, overlay: &Overlay) -> Vec<usize> {
    let mut down = Marks::new(graph.size());
    let mut up = Marks::new(graph.size());
    let mut between = overlay.ids.clone();
    let below = graph.closure(&overlay.ids, |id| graph.importers(id));
    for id in overlay.ids.iter().chain(&below) {
        down.set(*id);
    }
    // A new import makes all that the importer is for a part of what is below, too, but those
    // are edited modules, which are there already.
    let above = graph.closure(&overlay.ids, |id| graph.targets(id));
    let anew: Vec<Id> = overlay.targets.values().flatten().copied().collect();
    let further = graph.closure(&anew, |id| graph.targets(id));
    for id in overlay
        .ids
        .iter()
        .chain(&above)
        .chain(&anew)
        .chain(&further)
    {
        if up.set(*id) && down.has(*id) && !overlay.targets.contains_key(id) {
            between.push(*id);
        }
    }
    let position: FxHashMap<Id, usize> =
        between.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let mut root: Vec<usize> = (0..between.len()).collect();
    fn find(root: &mut [usize], mut at: usize) -> usize {
        while root[at] != at {
            root[at] = root[root[at]];
            at = root[at];
        }
        at
    }
    for (at, id) in between.iter().enumerate() {
        let new = overlay.targets.get(id).into_iter().flatten();
        for target in graph.targets(*id).iter().chain(new) {
            if let Some(other) = position.get(target) {
                let (a, b) = (find(&mut root, at), find(&mut root, *other));
                root[a.max(b)] = a.min(b);
            }
        }
    }
    (0..overlay.ids.len())
        .map(|at| find(&mut root, at))
        .collect()
}

/// What an import of a module begins with: the outermost of its packages that is not there yet,
/// which may import its modules in an order of its own. `None` when all are there.
fn package_first(graph: &Graph, nodes: &Marks, seen: &Marks, id: Id) -> Option<Id> {
    let name = graph.name(id);
    let packages = name.match_indices('.').map(|(at, _)| &name[..at]);
    packages
        .filter_map(|package| graph.find(package))
        .chain(std::iter::once(id))
        .find(|id| nodes.has(*id) && !seen.has(*id))
}

/// Edited modules and their dependents, each after those it imports; whether that was not to be
/// had for all. Where imports go round in a circle, the order of the imports decides.
fn order(graph: &Graph, overlay: &Overlay) -> (Vec<Id>, bool) {
    let mut nodes = Marks::new(graph.size());
    let mut starts: Vec<Id> = Vec::new();
    let below = graph.dependents(&overlay.ids);
    for id in overlay.ids.iter().chain(&below) {
        if nodes.set(*id) {
            starts.push(*id);
        }
    }
    if starts.len() < 2 {
        return (starts, false);
    }
    starts.sort_unstable_by_key(|id| graph.place(*id));
    // Nearly always the order in which they were imported is the one that is wanted.
    if let Some(circular) = as_imported(graph, overlay, &nodes, &starts) {
        return (starts, circular);
    }
    // Where imports go round in a circle, they do not say who comes first: what ran first does,
    // but for imports that are new and are made while the module runs.
    let circles = circles(graph, overlay, &nodes, &starts);
    let first = |id: Id, target: Id| {
        graph.place(target) < graph.place(id)
            || circles[&target] != circles[&id]
            || overlay.fresh.get(&id).is_some_and(|f| f.contains(&target))
    };
    let mut out = Vec::with_capacity(starts.len());
    let mut seen = Marks::new(graph.size());
    // Depth first, without recursion: import chains can be long.
    let mut stack: Vec<(Id, usize)> = Vec::new();
    for start in &starts {
        while let Some(begin) = package_first(graph, &nodes, &seen, *start) {
            seen.set(begin);
            stack.push((begin, 0));
            while let Some((id, at)) = stack.pop() {
                let Some(target) = overlay.new_targets(graph, id).get(at) else {
                    out.push(id);
                    continue;
                };
                let next = (nodes.has(*target) && first(id, *target))
                    .then(|| package_first(graph, &nodes, &seen, *target))
                    .flatten();
                match next {
                    Some(next) => {
                        // Once more, if that was its package and did not import it.
                        stack.push((id, at));
                        seen.set(next);
                        stack.push((next, 0));
                    }
                    None => stack.push((id, at + 1)),
                }
            }
        }
    }
    let mut position: FxHashMap<Id, usize> = FxHashMap::default();
    let mut circular = false;
    for (at, id) in out.iter().enumerate() {
        position.insert(*id, at);
    }
    for (at, id) in out.iter().enumerate() {
        let mut sees = |target: &Id| {
            circular |= target != id && position.get(target).is_some_and(|p| *p > at);
        };
        graph.targets(*id).iter().for_each(&mut sees);
        overlay
            .targets
            .get(id)
            .into_iter()
            .flatten()
            .for_each(&mut sees);
        // A package also sees what its submodules are, whether it imports them or not.
        let mut name = &**graph.name(*id);
        while let Some((package, _)) = name.rsplit_once('.') {
            let package = graph.find(package);
            circular |= package
                .and_then(|p| position.get(&p))
                .is_some_and(|p| *p < at);
            name = &name[..name.len() - 1 - name.rsplit('.').next().map_or(0, str::len)];
        }
    }
    (out, circular)
}

/// Whether a package and a module in it are both among these nodes; `None` when a module among
/// them was imported before one that it imports, or before its package.
///
/// When it was not, each of `order`'s walks ends where it begins.
fn as_imported(graph: &Graph, overlay: &Overlay, nodes: &Marks, ids: &[Id]) -> Option<bool> {
    let mut circular = false;
    for id in ids {
        let place = graph.place(*id);
        let early = |other: &Id| other == id || !nodes.has(*other) || graph.place(*other) < place;
        let fresh = overlay.targets.get(id);
        if !graph.targets(*id).iter().all(early) || !fresh.into_iter().flatten().all(early) {
            return None;
        }
        let name = graph.name(*id);
        for at in memchr::memchr_iter(b'.', name.as_bytes()) {
            if let Some(package) = graph.find(&name[..at]).filter(|p| nodes.has(*p)) {
                if !early(&package) {
                    return None;
                }
                circular = true;
            }
        }
    }
    Some(circular)
}

/// For each node a number that is the same for those that reach each other.
fn circles(graph: &Graph, overlay: &Overlay, nodes: &Marks, starts: &[Id]) -> FxHashMap<Id, Id> {
    let mut sources: FxHashMap<Id, Vec<Id>> = FxHashMap::default();
    let mut left = Vec::with_capacity(starts.len());
    let mut seen = Marks::new(graph.size());
    let mut stack: Vec<(Id, usize)> = Vec::new();
    for start in starts {
        if seen.set(*start) {
            stack.push((*start, 0));
        }
        while let Some((id, at)) = stack.pop() {
            let Some(target) = overlay.new_targets(graph, id).get(at) else {
                left.push(id);
                continue;
            };
            stack.push((id, at + 1));
            if nodes.has(*target) {
                sources.entry(*target).or_default().push(id);
                if seen.set(*target) {
                    stack.push((*target, 0));
                }
            }
        }
    }
    // Kosaraju: the last to be left is in a circle with those that it can be reached from.
    let mut out = FxHashMap::default();
    for root in left.into_iter().rev() {
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            if let Entry::Vacant(slot) = out.entry(id) {
                slot.insert(root);
                todo.extend(sources.get(&id).into_iter().flatten());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `edges[i]` are the imports of module `i`; `edited` with what the new versions import.
    fn made(edges: &[Vec<Id>], edited: &[(Id, Vec<Id>)]) -> (Graph, Overlay) {
        let mut graph = Graph::default();
        for id in 0..edges.len() {
            graph.id(&format!("m{id}"));
        }
        for (id, targets) in edges.iter().enumerate() {
            graph.set(id as Id, id as u64 + 1, targets.clone());
        }
        let overlay = Overlay {
            ids: edited.iter().map(|(id, _)| *id).collect(),
            targets: edited.iter().cloned().collect(),
            fresh: FxHashMap::default(),
        };
        (graph, overlay)
    }

    /// The definition, one edited module after the other.
    fn naive(graph: &Graph, overlay: &Overlay) -> Vec<usize> {
        let ids = &overlay.ids;
        let mut group: Vec<usize> = (0..ids.len()).collect();
        for (at, one) in ids.iter().enumerate() {
            let below = graph.dependents(&[*one]);
            for (index, other) in ids.iter().enumerate() {
                let new = &overlay.targets[other];
                if below.contains(other) || new.iter().any(|t| t == one || below.contains(t)) {
                    let (a, b) = (group[at].min(group[index]), group[at].max(group[index]));
                    group.iter_mut().filter(|g| **g == b).for_each(|g| *g = a);
                }
            }
        }
        group
    }

    #[test]
    fn one_walk_finds_what_one_for_each_module_would() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..2000 {
            let size = 2 + random(12);
            let some = |random: &mut dyn FnMut(u64) -> u64| -> Vec<Id> {
                (0..random(3)).map(|_| random(size) as Id).collect()
            };
            let edges: Vec<Vec<Id>> = (0..size).map(|_| some(&mut random)).collect();
            let mut edited: Vec<(Id, Vec<Id>)> = Vec::new();
            for id in 0..size as Id {
                if random(3) == 0 {
                    let new = if random(2) == 0 {
                        edges[id as usize].clone()
                    } else {
                        some(&mut random)
                    };
                    edited.push((id, new));
                }
            }
            let (graph, overlay) = made(&edges, &edited);
            let (found, wanted) = (groups(&graph, &overlay), naive(&graph, &overlay));
            assert_eq!(found, wanted, "{edges:?} {edited:?}");
        }
    }

    #[test]
    fn imported_modules_come_first() {
        // m0 imports m2, which imports m1; m3 is nobody's business.
        let edges = [vec![2], vec![], vec![1], vec![]];
        let (graph, overlay) = made(&edges, &[(1, vec![])]);
        assert_eq!(order(&graph, &overlay), (vec![1, 2, 0], false));
        let (graph, overlay) = made(&edges, &[(1, vec![0])]);
        let (ids, circular) = order(&graph, &overlay);
        assert_eq!((ids.len(), circular), (3, true));
        let (graph, overlay) = made(&edges, &[(3, vec![])]);
        assert_eq!(order(&graph, &overlay), (vec![3], false));
    }
}
