//! What one unit is being worked on with: the interpreter, the undo log, what is still to do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::{FxHashMap, FxHashSet};

use super::heirs::Departed;
use super::kit::Kit;
use super::leaving::Left;
use super::made::Remade;
use super::missed::Missed;
use super::transaction::Transaction;
use super::tuples::Outgrown;
use crate::modules::Version;
use crate::plan::{Dirty, Holding};

/// An object whose holders are to hold another one.
pub struct Replaced<'py> {
    pub from: Bound<'py, PyAny>,
    pub to: Bound<'py, PyAny>,
    /// `from` is a class that lived on until now: its instances and subclasses move too. Else it
    /// is a twin that was made only to take the news from.
    pub lived: bool,
}

/// Names that are gone from where they were imported: the dict they are in, the name, and the object
/// that stays there for want of another; or none, where the name was taken out. By address, so that
/// nothing is kept alive; who has the dict has the object.
#[derive(Default)]
pub struct Orphans(FxHashMap<usize, FxHashMap<String, usize>>);

impl Orphans {
    /// Notes one.
    pub fn add(&mut self, dict: &Bound<'_, PyDict>, name: &str, value: &Bound<'_, PyAny>) {
        let names = self.0.entry(dict.as_ptr() as usize).or_default();
        names.insert(name.to_owned(), value.as_ptr() as usize);
    }

    /// Whether a name still has what it had when its origin went.
    pub fn has(&self, dict: &Bound<'_, PyDict>, name: &str, value: &Bound<'_, PyAny>) -> bool {
        let names = self.0.get(&(dict.as_ptr() as usize));
        names.is_some_and(|n| n.get(name) == Some(&(value.as_ptr() as usize)))
    }

    /// Notes one that was taken out of the dict altogether.
    pub fn take(&mut self, dict: &Bound<'_, PyDict>, name: &str) {
        let names = self.0.entry(dict.as_ptr() as usize).or_default();
        names.insert(name.to_owned(), 0);
    }

    /// Whether one was taken out, and not put back.
    pub fn took(&self, dict: &Bound<'_, PyDict>, name: &str) -> bool {
        let names = self.0.get(&(dict.as_ptr() as usize));
        names.is_some_and(|n| n.get(name) == Some(&0))
    }

    /// Whether there are any of this dict.
    pub fn any_in(&self, dict: &Bound<'_, PyDict>) -> bool {
        self.0.contains_key(&(dict.as_ptr() as usize))
    }

    /// Forgets a dict, before another one is at its address.
    pub fn forget(&mut self, dict: &Bound<'_, PyDict>) {
        self.0.remove(&(dict.as_ptr() as usize));
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over those of another.
    pub fn extend(&mut self, other: Self) {
        for (dict, names) in other.0 {
            self.0.entry(dict).or_default().extend(names);
        }
    }
}

/// A name of another module that a statement has bound from outside: `conf.LIMIT = 6`.
pub struct SetThere<'py> {
    /// Whose name it is.
    pub module: String,
    /// The name there.
    pub name: String,
    /// What it was bound to.
    pub old: Option<Bound<'py, PyAny>>,
    /// What it is bound to now.
    pub new: Option<Bound<'py, PyAny>>,
    /// It had what its own module gave it: who has that may have taken it before it was set.
    pub first: bool,
}

/// What a statement has put into a list of another module.
pub struct Poured<'py> {
    /// The dict of the statement's module, and its place there.
    pub by: (usize, usize),
    /// The list.
    pub into: Bound<'py, PyAny>,
    /// In the order in which they stand there.
    pub items: Bound<'py, PyList>,
}

/// A method that a class had and has no more.
pub struct Lost<'py> {
    pub class: Bound<'py, PyAny>,
    pub name: String,
    /// What stood in the class: the function, or what was around it.
    pub kind: Bound<'py, PyAny>,
    pub function: Bound<'py, PyAny>,
}

/// See `Work::lowering`.
pub type Lowered<'py> = (
    Bound<'py, PyDict>,
    String,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
);

/// A function that was a method, its name, and the class that had it.
pub type Unbound<'py> = (Bound<'py, PyAny>, String, Owner<'py>);

/// Where the method of an object is looked for.
#[derive(Clone)]
pub enum Owner<'py> {
    /// From this class on in the bases of the object's: what `super()` gave does not come from below.
    From(Bound<'py, PyAny>),
    /// The same, of objects of this class or one derived from it and no others.
    Under(Bound<'py, PyAny>),
    /// In this class, whatever the object's is.
    In(Bound<'py, PyAny>),
}

/// The state of one unit's application.
pub struct Work<'k, 'py> {
    pub kit: &'k Kit<'py>,
    pub tx: Transaction<'py>,
    /// The dict of the module that is being worked on.
    pub dict: Bound<'py, PyDict>,
    /// Nested code objects that were replaced while closures made from them live.
    pub nested: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// How many closures got the new code before the heap was asked, by the address of the old one.
    pub renewed: FxHashMap<usize, isize>,
    /// Of those, by address: codes of which a loop has made several functions, which nothing but the
    /// heap leads to. What runs again may call them.
    pub siblings: FxHashSet<usize>,
    /// What is brought together is of a statement that may have made several functions of one code.
    pub loops: bool,
    /// Code objects that were replaced while somebody else held them too.
    pub codes: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Functions of a class that is being made again, and those that live on in their place.
    pub twins: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// The same, of the whole statement that runs.
    pub made: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Functions, by address, that are what the new text says; the undo log keeps them alive.
    pub current: FxHashSet<usize>,
    /// Objects whose holders are to hold another one.
    pub replaced: Vec<Replaced<'py>>,
    /// Functions that objects do not give any more, of which bound methods may live.
    pub unbound: Vec<Unbound<'py>>,
    /// Definitions that are gone from their modules, and may come back.
    pub departed: Vec<Departed>,
    /// Twins among those that have left the lists of subclasses, by their addresses, and classes that lived
    /// and were asked whether they can.
    pub detached: FxHashSet<usize>,
    /// Classes that were changed in place.
    pub classes: Vec<Bound<'py, PyAny>>,
    /// Names that the old source bound in its classes, by the class's qualified name.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// What unchanged statements give attributes of the class that is being made again, and of
    /// those in its body, by path.
    pub literals: Option<Bound<'py, PyDict>>,
    /// Keys and items that are to be others, which lack something yet that their hashes ask for: what holds
    /// them, they, and what is to be there instead.
    pub unhashed: Vec<[Bound<'py, PyAny>; 3]>,
    /// Objects that have been given something.
    pub given: Vec<Bound<'py, PyAny>>,
    /// Names that modules bind to other plain values now, for those who add to these.
    pub anew: Vec<(Bound<'py, PyDict>, String)>,
    /// The lines of the statement of which old and new are being brought together.
    pub lines: RangeInclusive<u32>,
    /// Values that instances of a class have stored under a name and that are to be computed again.
    pub stored: Vec<(Bound<'py, PyAny>, String)>,
    /// Classes whose objects may lack something since an edit, and what tells it: see `gained`.
    pub gains: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// Classes that are to be made again, since what makes them acts differently.
    pub to_remake: Vec<Remade<'py>>,
    /// Data classes whose fields changed: classes derived from them were generated from the old.
    pub reshaped: Vec<Bound<'py, PyAny>>,
    /// All that were, and data classes that are derived from them.
    pub refielded: Vec<Bound<'py, PyAny>>,
    /// Named tuples that have not the fields of their class.
    pub outgrown: Vec<Outgrown<'py>>,
    /// Classes that have become abstract.
    pub abstracted: Vec<Bound<'py, PyAny>>,
    /// For how many of `classes` the models among them were looked after.
    pub modelled: usize,
    /// Sentences for the report of the module that is being worked on.
    pub notes: Vec<String>,
    /// Pairs of objects that are being brought together: they may refer to each other.
    pub joining: Vec<(usize, usize)>,
    /// Dicts in which closures are looked for before the heap is asked: namespaces, modules.
    pub places: Vec<Bound<'py, PyDict>>,
    /// A statement failed that changes the object of this name in place: made anew, it may not.
    pub stuck_on: Option<String>,
    /// Names that lost their origin in an earlier check.
    pub orphans: Arc<Orphans>,
    /// Those that do in this one.
    pub orphaned: Orphans,
    /// What modules would miss in a fresh process.
    pub missed: Vec<Missed<'py>>,
    /// Names that the module which is brought up to date will not have any more.
    pub leaving: BTreeSet<String>,
    /// Containers of other modules that have other items now: the module and the name there.
    pub fed: Vec<(String, String)>,
    /// Definitions, by address, that decorators may have told somebody of: see `since`.
    pub registered: FxHashSet<usize>,
    /// Docstrings of which there are copies, and what they are now.
    pub texts_of: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// The list that is made anew stands in the text as it is, item by item.
    pub written: bool,
    /// Lists that were made anew, and what the program had appended to each.
    pub appended: Vec<(Bound<'py, PyList>, Vec<Bound<'py, PyAny>>)>,
    /// Classes that other bases or decorators made no difference to who makes an instance, each with
    /// the one that is in its place.
    pub alike: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// What differs but for those: when that was worked out, and for how many.
    pub without_alike: RefCell<Option<((u64, usize), Dirty)>>,
    /// Names of other modules that are bound to something else now.
    pub set: Vec<SetThere<'py>>,
    /// Names of modules that said that a function had run, and do not any more.
    pub lowered: BTreeSet<(String, String)>,
    /// Those of the statement that runs: the module's dict, the name, what it was and what it is meanwhile.
    pub lowering: Vec<Lowered<'py>>,
    /// Paths in other modules that act differently, since they hold what does.
    pub holding: Holding,
    /// What statements have put into lists of other modules so far.
    pub poured: Vec<Poured<'py>>,
    /// Methods that classes of this module had and have no more.
    pub lost: Vec<Lost<'py>>,
    /// The texts of edited modules that ran until now, by the file name that their code has.
    pub texts: Vec<(Arc<str>, Arc<Version>)>,
    /// How much of those, and of the undo log, the helpers know: see `past`.
    pub past: (usize, usize),
    /// What was in registries before they were changed, which the undo log has too.
    pub snapshot: Option<Bound<'py, PyAny>>,
    /// How much it had when the undo log was so long, each time that more came.
    pub kept_since: Vec<(usize, usize)>,
    /// Weak references to classes that are gone from their module, or were only made on the way.
    pub gone: Vec<Bound<'py, PyAny>>,
    /// Classes from which statements may have derived others before all that they did was put back.
    pub tried: Vec<Bound<'py, PyAny>>,
    /// Classes that are gone and are in no list of subclasses any more.
    pub left: Vec<Left<'py>>,
    /// Whether containers get back what the program put into them (not in a full reload).
    pub merge: bool,
}

/// What belongs to one module, while another one is worked on in between.
pub struct Aside<'py> {
    dict: Bound<'py, PyDict>,
    members: BTreeMap<String, BTreeSet<String>>,
    notes: Vec<String>,
    merge: bool,
    fresh: super::kit::Fresh<'py>,
}

impl<'k, 'py> Work<'k, 'py> {
    /// Makes room for another module.
    pub fn set_aside(&mut self) -> Aside<'py> {
        Aside {
            dict: self.dict.clone(),
            members: std::mem::take(&mut self.members),
            notes: std::mem::take(&mut self.notes),
            merge: std::mem::replace(&mut self.merge, true),
            fresh: self.kit.swap_fresh(super::kit::Fresh::default()),
        }
    }

    /// Goes on with the module that was set aside.
    pub fn take_up(&mut self, aside: Aside<'py>) {
        self.dict = aside.dict;
        self.members = aside.members;
        self.notes = aside.notes;
        self.merge = aside.merge;
        self.kit.swap_fresh(aside.fresh);
    }

    /// An empty unit.
    pub fn new(kit: &'k Kit<'py>) -> Self {
        Self {
            kit,
            tx: Transaction::new(),
            dict: PyDict::new(kit.py),
            nested: Vec::new(),
            renewed: FxHashMap::default(),
            siblings: FxHashSet::default(),
            loops: false,
            codes: Vec::new(),
            twins: Vec::new(),
            made: Vec::new(),
            current: FxHashSet::default(),
            replaced: Vec::new(),
            unbound: Vec::new(),
            departed: Vec::new(),
            detached: FxHashSet::default(),
            classes: Vec::new(),
            members: BTreeMap::new(),
            literals: None,
            unhashed: Vec::new(),
            given: Vec::new(),
            anew: Vec::new(),
            lines: 0..=0,
            stored: Vec::new(),
            gains: Vec::new(),
            to_remake: Vec::new(),
            reshaped: Vec::new(),
            refielded: Vec::new(),
            outgrown: Vec::new(),
            abstracted: Vec::new(),
            modelled: 0,
            notes: Vec::new(),
            stuck_on: None,
            places: Vec::new(),
            joining: Vec::new(),
            orphans: Arc::default(),
            orphaned: Orphans::default(),
            missed: Vec::new(),
            leaving: BTreeSet::new(),
            gone: Vec::new(),
            tried: Vec::new(),
            texts: Vec::new(),
            past: (0, 0),
            snapshot: None,
            kept_since: Vec::new(),
            fed: Vec::new(),
            registered: FxHashSet::default(),
            texts_of: Vec::new(),
            written: false,
            appended: Vec::new(),
            alike: Vec::new(),
            without_alike: RefCell::default(),
            set: Vec::new(),
            lowered: BTreeSet::new(),
            lowering: Vec::new(),
            holding: Holding::new(),
            poured: Vec::new(),
            lost: Vec::new(),
            left: Vec::new(),
            merge: true,
        }
    }
}
