//! Objects that were made before an edit get what it makes the constructor of their class give to new
//! ones, where that can be told without calling it (`gained.py`). `__migrate__` is for the rest.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::helpers::helper;
use super::kit::text;
use super::module::Run;
use super::registry::told;
use super::work::Work;
use crate::diff::{Changes, What};
use crate::outline::{Kind, Statement};

/// What makes an object, by their own code.
const MAKERS: [&str; 3] = ["__init__", "__post_init__", "__attrs_post_init__"];

/// What an object is given, names of what has another name now, and those for which nothing is known;
/// and the order in which the fields of new ones are set.
type Given<'py> = (
    Vec<(String, Bound<'py, PyAny>)>,
    Vec<String>,
    Vec<String>,
    Vec<String>,
);

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Before a class is brought up to date: what will be needed is made ready, since that reads files, and
    /// other threads run meanwhile.
    pub(super) fn expect_gains(&self, at: usize, new: &Statement) {
        if let (Some(old), What::Inner(inner)) = (self.old_statement(at), self.what(at))
            && new.kind == Kind::Class
            && gives_more(old, new, inner)
        {
            told(helper(self.work.kit, "gains"));
        }
    }

    /// Notes that objects of a class may lack something that its new text gives to new ones.
    pub(super) fn note_gains(
        &mut self,
        class: &Bound<'py, PyAny>,
        old: &'a Statement,
        new: &'a Statement,
        inner: &Changes,
    ) {
        let class_again = new.kind == Kind::Class && self.work.kit.is_class(class);
        let source = self
            .job
            .old
            .filter(|_| class_again && gives_more(old, new, inner));
        let Some(source) = source else {
            return;
        };
        let (was, now) = (source.slice(old), self.job.new.slice(new));
        let asked = match makes_differ(inner, new) {
            true => told(self.asked_for((was, now), class)).unwrap_or_default(),
            false => Vec::new(),
        };
        let gains = helper(self.work.kit, "gains");
        let gains = gains.and_then(|gains| gains.call1((was, now, class, asked)));
        if let Some(gains) = told(gains).filter(|gains| !gains.is_none()) {
            self.work.gains.push((class.clone(), gains));
        }
    }

    /// What a constructor gives now and did not give, as far as others than methods of the class ask for it.
    fn asked_for(
        &self,
        (was, now): (&str, &str),
        class: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<String>> {
        let names = helper(self.work.kit, "gained_names")?.call1((was, now, class))?;
        let names: Vec<String> = names.extract()?;
        if names.is_empty() {
            return Ok(names);
        }
        Ok(self.job.elsewhere.asked_for(&names))
    }
}

/// Whether a constructor of a class is another one, or a method that it may call.
fn makes_differ(inner: &Changes, new: &Statement) -> bool {
    let mut called: BTreeSet<&str> = MAKERS.into_iter().collect();
    let mut todo: Vec<&str> = MAKERS.to_vec();
    while let Some(name) = todo.pop() {
        let methods = new.body.iter().filter(|member| member.name == name);
        for asked in methods.flat_map(|method| &method.later.members) {
            if called.insert(asked) {
                todo.push(asked);
            }
        }
    }
    inner.items.iter().any(|change| {
        let member = &new.body[change.new];
        !matches!(change.what, What::Same)
            && member.kind == Kind::Function
            && called.contains(member.name.as_str())
    })
}

/// Whether an edit of a class body may come to more attributes of its objects.
fn gives_more(old: &Statement, new: &Statement, inner: &Changes) -> bool {
    // A property, a method or an attribute of the class that each object has for itself now.
    let mut removed = inner.removed.iter().map(|at| old.body[*at].kind);
    removed.any(|kind| matches!(kind, Kind::Function | Kind::Assign))
        || inner.items.iter().any(|change| {
            let member = &new.body[change.new];
            let differs = match &change.what {
                What::Same => false,
                What::Body | What::Inner(_) | What::Header(_) | What::Changed | What::Added => true,
            };
            let was = change.old.map(|at| &old.body[at]);
            let makes = |member: &Statement| MAKERS.contains(&member.name.as_str());
            differs
                && match member.kind {
                    // A property has come, or how it stores what it is given differs; or a method asks for
                    // something.
                    Kind::Function => {
                        let asked = was.map_or(&[][..], |was| &was.later.members);
                        let mut asks = member.later.members.iter();
                        makes(member)
                            || member.decorators != 0
                            || asks.any(|name| !asked.contains(name))
                    }
                    Kind::Annotation | Kind::Assign => {
                        let field = new.decorators != 0 || !new.head.reads.is_empty();
                        field && was.is_none_or(|was| was.name != member.name)
                    }
                    _ => false,
                }
        })
}

impl<'py> Work<'_, 'py> {
    /// Gives the objects what they lack. Those of classes that others took the place of are not of
    /// the new ones yet, nor derived from them: once they are.
    pub(super) fn give_gains(&mut self) -> PyResult<()> {
        let to_come = |class: &Bound<'py, PyAny>| {
            let mut replaced = self.replaced.iter();
            replaced.any(|r| r.lived && r.to.is(class))
        };
        let all = std::mem::take(&mut self.gains);
        let (later, gains): (Vec<_>, _) = all.into_iter().partition(|(class, _)| to_come(class));
        self.gains = later;
        if gains.is_empty() {
            return Ok(());
        }
        let classes: Vec<_> = gains.iter().map(|(class, _)| class.clone()).collect();
        let things = self.instances(&classes)?;
        for (class, gains) in &gains {
            let mut open: Vec<String> = Vec::new();
            let mut lacking = 0;
            for thing in &things {
                if !thing.get_type().is_subclass(class)? {
                    continue;
                }
                let given = gains.call_method1("of", (thing,));
                let given = told(given.and_then(|given| given.extract::<Given<'py>>()));
                let Some((values, gone, missing, order)) = given else {
                    continue;
                };
                if !missing.is_empty() {
                    lacking += 1;
                    open.extend(missing);
                }
                if !values.is_empty() || !gone.is_empty() {
                    self.give(thing, &values, &gone)?;
                    self.given.push(thing.clone());
                    self.arrange_fields(thing, &order)?;
                }
            }
            open.sort();
            open.dedup();
            if lacking > 0 {
                self.notes.push(format!(
                    "what {} gives to new objects as {} can not be told for {lacking} that were made \
                     before: a __migrate__ method can set it",
                    text(&class.getattr("__qualname__")?),
                    open.join(", "),
                ));
            }
        }
        Ok(())
    }

    fn give(
        &mut self,
        thing: &Bound<'py, PyAny>,
        values: &[(String, Bound<'py, PyAny>)],
        gone: &[String],
    ) -> PyResult<()> {
        let kit = self.kit;
        let state = thing.getattr("__dict__").ok();
        let state = state.and_then(|state| state.cast_into::<PyDict>().ok());
        if let Some(state) = &state {
            self.tx.dict(state)?;
        }
        let set = kit.object.getattr("__setattr__")?;
        for (name, value) in values {
            self.tx.slot(kit, thing, name)?;
            // It has neither a dict nor such a slot.
            if let Err(error) = set.call1((thing, name, value)) {
                log::debug!("an object is not given {name}: {error}");
            }
        }
        for name in gone {
            if let Some(state) = &state
                && state.contains(name)?
            {
                state.del_item(name)?;
            }
        }
        Ok(())
    }

    /// Fields of an object stand in the order of those of new ones, which what shows it follows. What
    /// else it has stands behind them.
    fn arrange_fields(&mut self, thing: &Bound<'py, PyAny>, order: &[String]) -> PyResult<()> {
        let state = thing.getattr("__dict__").ok();
        let Some(Ok(state)) = state.map(|state| state.cast_into::<PyDict>()) else {
            return Ok(());
        };
        let mut places = order.iter();
        let mut there = state.keys().iter().map(|key| text(&key));
        let in_order =
            there.all(|key| !order.contains(&key) || places.by_ref().any(|place| *place == key));
        if in_order {
            return Ok(());
        }
        self.tx.dict(&state)?;
        let all = state.copy()?;
        state.clear();
        for name in order {
            if let Some(value) = all.get_item(name)? {
                state.set_item(name, value)?;
            }
        }
        for (name, value) in all.iter() {
            if !state.contains(&name)? {
                state.set_item(name, value)?;
            }
        }
        Ok(())
    }
}
