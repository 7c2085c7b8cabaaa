//! Modules that import by computed names: what these may be stands in the texts of those that they import,
//! and of those that import them.

use std::sync::Arc;

use super::graph::Id;
use super::imports::{absolute, named};
use super::ledger::{Inner, Named, Record};

/// A text that has more strings is data.
const MOST_NAMED: usize = 200;

impl Inner {
    /// What the text of a module names may be what those import that it imports: `load("plugin")`. They
    /// are told of more, and forget it when they are read again.
    pub(super) fn tell_computing(&mut self, record: &Record, targets: &[String]) {
        let told =
            |target: &&String| **target != *record.name && self.computing.contains(&***target);
        let told: Vec<&String> = targets.iter().filter(told).collect();
        if told.is_empty() {
            return;
        }
        let words = self.words(record);
        for target in told {
            let Some(id) = self.graph.find(target) else {
                continue;
            };
            let mut all = self.graph.targets(id).to_vec();
            let known = all.len();
            for word in words.iter().filter(|word| *word != target) {
                let word = self.graph.id(word);
                if !all.contains(&word) {
                    all.push(word);
                }
            }
            if all.len() > known {
                let place = self.graph.place(id);
                self.graph.set(id, place, all);
            }
        }
    }

    /// The modules that a text names, among those that are known.
    fn words(&self, record: &Record) -> Vec<String> {
        let words = named(&record.version().glance());
        if words.len() > MOST_NAMED {
            return Vec::new();
        }
        let mut out = absolute("", &words);
        out.retain(|name| self.records.contains(&**name));
        out
    }

    /// What the texts of modules name which import one that imports by computed names.
    pub(super) fn named_by_importers(&self, record: &Record, id: Id) -> Vec<String> {
        let importers = self.graph.importers(id).iter();
        let importers =
            importers.filter_map(|importer| self.numbered.get(*importer as usize)?.as_ref());
        let mut out: Vec<String> = importers.flat_map(|other| self.words(other)).collect();
        out.retain(|name| *name != *record.name);
        out
    }

    /// Who takes names from this module is to be read again.
    pub(super) fn respell(&mut self, name: &str) {
        for importer in self.spelling.remove(name).unwrap_or_default() {
            if let Some(Named(record)) = self.records.get(&*importer).cloned() {
                self.unindexed.push(record);
            }
        }
    }

    /// What the texts of modules that one imports name, which imports by computed names: `from settings
    /// import PLUGINS`.
    pub(super) fn named_beside(&mut self, record: &Record, targets: &[String]) -> Vec<String> {
        let mut out = Vec::new();
        for target in targets {
            if **target == *record.name {
                continue;
            }
            // Also of one that is not known yet.
            let importers = self.spelling.entry(Arc::from(&**target)).or_default();
            if !importers.contains(&record.name) {
                importers.push(Arc::clone(&record.name));
            }
            if let Some(Named(other)) = self.records.get(&**target) {
                let words = named(&other.version().glance());
                if words.len() <= MOST_NAMED {
                    out.extend(absolute("", &words));
                }
            }
        }
        out.retain(|name| *name != *record.name);
        out
    }
}
