//! Who imports whom, by number: what an edit concerns is found by walking, without comparing
//! names. Modules that were only ever named in an import have a number, too.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::imports::{ANY, may_be};

/// The number of a module.
pub type Id = u32;

/// Modules and their imports.
#[derive(Debug, Default)]
pub struct Graph {
    ids: FxHashMap<Arc<str>, Id>,
    nodes: Vec<Node>,
    /// Numbers that were given back.
    free: Vec<Id>,
    /// Those that stand for names which are computed: `plugins.*`.
    patterns: Vec<Id>,
}

#[derive(Debug)]
struct Node {
    name: Arc<str>,
    targets: Vec<Id>,
    importers: Vec<Id>,
    /// Where it stands in the order of the imports; 0 when it is not tracked.
    place: u64,
}

impl Graph {
    /// The number of a module; it gets one when it has none.
    pub fn id(&mut self, name: &str) -> Id {
        match self.ids.get(name) {
            Some(id) => *id,
            None => self.add(super::names::shared(name)),
        }
    }

    /// The same for a name that is kept.
    pub fn id_of(&mut self, name: &Arc<str>) -> Id {
        match self.ids.get(name) {
            Some(id) => *id,
            None => self.add(super::names::share(name)),
        }
    }

    fn add(&mut self, name: Arc<str>) -> Id {
        let node = Node {
            name: Arc::clone(&name),
            targets: Vec::new(),
            importers: Vec::new(),
            place: 0,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                Id::try_from(self.nodes.len() - 1).unwrap_or(Id::MAX)
            }
        };
        self.ids.insert(Arc::clone(&name), id);
        if name.ends_with(ANY) {
            self.patterns.push(id);
        } else if !self.patterns.is_empty() {
            self.meet(&name, id);
        }
        id
    }

    /// A new name may be one that others compute.
    fn meet(&mut self, name: &str, id: Id) {
        for pattern in self.patterns.clone() {
            if !may_be(name, self.name(pattern)) {
                continue;
            }
            for importer in self.importers(pattern).to_vec() {
                let targets = &mut self.nodes[importer as usize].targets;
                if importer != id && !targets.contains(&id) {
                    targets.push(id);
                    targets.sort_unstable();
                    self.nodes[id as usize].importers.push(importer);
                }
            }
        }
    }

    /// Adds what the computed names among these may mean.
    pub fn spell(&self, own: Id, targets: &mut Vec<Id>) {
        if self.patterns.is_empty() {
            return;
        }
        let computed = targets.iter().filter(|id| self.patterns.contains(id));
        for pattern in computed.copied().collect::<Vec<_>>() {
            let pattern = self.name(pattern);
            let known = self.ids.iter();
            let meant = known.filter(|(name, id)| may_be(name, pattern) && **id != own);
            targets.extend(meant.map(|(_, id)| *id));
        }
    }

    /// A module is gone: names that nobody imports any more give their numbers back.
    pub fn remove(&mut self, id: Id) {
        let targets = self.nodes[id as usize].targets.clone();
        self.set(id, 0, Vec::new());
        for id in targets.into_iter().chain([id]) {
            let node = &self.nodes[id as usize];
            let unused = node.place == 0 && node.targets.is_empty() && node.importers.is_empty();
            // One may be named here that is free already: it imported itself.
            if unused && self.ids.remove(&node.name).is_some() {
                self.patterns.retain(|pattern| *pattern != id);
                self.free.push(id);
            }
        }
    }

    /// The number of a module that was heard of.
    pub fn find(&self, name: &str) -> Option<Id> {
        self.ids.get(name).copied()
    }

    /// Its name.
    pub fn name(&self, id: Id) -> &Arc<str> {
        &self.nodes[id as usize].name
    }

    /// How many numbers are given.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The modules that a module may import.
    pub fn targets(&self, id: Id) -> &[Id] {
        &self.nodes[id as usize].targets
    }

    /// The modules that may import it.
    pub fn importers(&self, id: Id) -> &[Id] {
        &self.nodes[id as usize].importers
    }

    /// Where a module stands in the order of the imports; 0 when it is not tracked.
    pub fn place(&self, id: Id) -> u64 {
        self.nodes[id as usize].place
    }

    /// What a module imports from now on, and where it stands in the order of the imports.
    pub fn set(&mut self, id: Id, place: u64, mut targets: Vec<Id>) {
        self.nodes[id as usize].place = place;
        self.spell(id, &mut targets);
        targets.sort_unstable();
        targets.dedup();
        let old = std::mem::take(&mut self.nodes[id as usize].targets);
        for gone in old.iter().filter(|t| targets.binary_search(t).is_err()) {
            self.nodes[*gone as usize].importers.retain(|i| *i != id);
        }
        for new in targets.iter().filter(|t| old.binary_search(t).is_err()) {
            self.nodes[*new as usize].importers.push(id);
        }
        targets.shrink_to_fit();
        self.nodes[id as usize].targets = targets;
    }

    /// All that import one of these, directly or not; `from` itself only where it goes round.
    pub fn dependents(&self, from: &[Id]) -> Vec<Id> {
        self.closure(from, |id| self.importers(id))
    }

    /// All that can be reached from these, each once, in the order they are found.
    pub fn closure<'g>(&'g self, from: &[Id], next: impl Fn(Id) -> &'g [Id]) -> Vec<Id> {
        let mut seen = Marks::new(self.size());
        let mut out = Vec::new();
        let mut todo = from.to_vec();
        while let Some(id) = todo.pop() {
            for &other in next(id) {
                if seen.set(other) {
                    out.push(other);
                    todo.push(other);
                }
            }
        }
        out
    }
}

/// A set of numbers.
pub struct Marks(Vec<u64>);

impl Marks {
    /// None of so many.
    pub fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Whether it was not in the set before.
    pub fn set(&mut self, id: Id) -> bool {
        let (word, bit) = (&mut self.0[id as usize / 64], 1 << (id % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether it is in the set.
    pub fn has(&self, id: Id) -> bool {
        self.0
            .get(id as usize / 64)
            .is_some_and(|word| word & (1 << (id % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(graph: &Graph, ids: &[Id]) -> Vec<String> {
        let mut out: Vec<_> = ids.iter().map(|i| graph.name(*i).to_string()).collect();
        out.sort();
        out
    }

    #[test]
    fn edges_follow_what_a_module_imports() {
        let mut graph = Graph::default();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| graph.id(name));
        graph.set(b, 1, vec![a]);
        graph.set(c, 2, vec![b, b]);
        assert_eq!(names(&graph, &graph.dependents(&[a])), ["b", "c"]);
        graph.set(b, 1, vec![d]);
        assert_eq!(names(&graph, &graph.dependents(&[a])), [""; 0]);
        assert_eq!(names(&graph, &graph.dependents(&[d])), ["b", "c"]);
        graph.set(d, 3, vec![c]);
        assert_eq!(names(&graph, &graph.dependents(&[d])), ["b", "c", "d"]);
        assert_eq!(graph.find("e"), None);
        graph.remove(b);
        assert_eq!(names(&graph, &graph.dependents(&[d])), [""; 0]);
        assert_eq!(graph.find("b"), Some(b), "c imports it");
        graph.remove(c);
        assert_eq!((graph.find("b"), graph.find("c")), (None, Some(c)));
        let size = graph.size();
        assert!(graph.id("e") == b && graph.size() == size);
        assert_eq!(graph.id("a"), a);
    }
}
