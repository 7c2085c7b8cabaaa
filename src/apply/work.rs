//! What one unit is being worked on with: the interpreter, the undo log, what is still to do.

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kit::Kit;
use super::transaction::Transaction;

/// An object whose holders are to hold another one.
pub struct Replaced<'py> {
    pub from: Bound<'py, PyAny>,
    pub to: Bound<'py, PyAny>,
    /// `from` is a class that lived on until now: its instances and subclasses move too. Else it
    /// is a twin that was made only to take the news from.
    pub lived: bool,
}

/// The state of one unit's application.
pub struct Work<'k, 'py> {
    pub kit: &'k Kit<'py>,
    pub tx: Transaction<'py>,
    /// The dict of the module that is being worked on.
    pub dict: Bound<'py, PyDict>,
    /// Nested code objects that were replaced while closures made from them live.
    pub nested: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Code objects that were replaced while somebody else held them too.
    pub codes: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Functions of a class that is being made again, and those that live on in their place.
    pub twins: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Objects whose holders are to hold another one.
    pub replaced: Vec<Replaced<'py>>,
    /// Classes that were changed in place.
    pub classes: Vec<Bound<'py, PyAny>>,
    /// Names that the old source bound in its classes, by the class's qualified name.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// Values that instances of a class have stored under a name and that are to be computed again.
    pub stored: Vec<(Bound<'py, PyAny>, String)>,
    /// Data classes whose fields changed: classes derived from them were generated from the old.
    pub reshaped: Vec<Bound<'py, PyAny>>,
    /// Sentences for the report of the module that is being worked on.
    pub notes: Vec<String>,
    /// Pairs of objects that are being brought together: they may refer to each other.
    pub joining: Vec<(usize, usize)>,
    /// Dicts in which closures are looked for before the heap is asked: namespaces, modules.
    pub places: Vec<Bound<'py, PyDict>>,
    /// A statement failed that changes the object of this name in place: made anew, it may not.
    pub stuck_on: Option<String>,
    /// Whether containers get back what the program put into them (not in a full reload).
    pub merge: bool,
}

impl<'k, 'py> Work<'k, 'py> {
    /// An empty unit.
    pub fn new(kit: &'k Kit<'py>) -> Self {
        Self {
            kit,
            tx: Transaction::new(),
            dict: PyDict::new(kit.py),
            nested: Vec::new(),
            codes: Vec::new(),
            twins: Vec::new(),
            replaced: Vec::new(),
            classes: Vec::new(),
            members: BTreeMap::new(),
            stored: Vec::new(),
            reshaped: Vec::new(),
            notes: Vec::new(),
            stuck_on: None,
            places: Vec::new(),
            joining: Vec::new(),
            merge: true,
        }
    }
}
