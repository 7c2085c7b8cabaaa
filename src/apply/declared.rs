//! Assignments of which only the annotation is another one: `p = Q(2)`, then `p: Q = Q(2)`. The object
//! stays, and the name is annotated anew; in a module, and in the body of a class.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::annotations::lazy;
use super::compile::Source;
use super::kit::{Kit, is_text};
use super::lines::Moved;
use super::members::Body;
use super::module::Run;
use crate::diff::What;
use crate::outline::{Kind, Statement, Value};
use crate::plan::{affected_statement, tell_hints};
use crate::report::{Action, ChangeKind};

/// `ast.PyCF_ONLY_AST`.
const ONLY_TREE: i32 = 0x400;

/// A statement's syntax tree, and that of its assignment.
type Tree<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Where nothing but the annotation of an assignment changed, and its value would be the same:
    /// annotates the name, and says that this is all.
    pub(super) fn annotated_alone(
        &mut self,
        at: usize,
        statement: &'a Statement,
        why: &str,
    ) -> PyResult<bool> {
        let Some((source, old)) = self.job.old.zip(self.old_statement(at)) else {
            return Ok(false);
        };
        let new = self.job.new;
        if *self.what(at) != What::Changed
            || !simple(statement)
            || !simple(old)
            || old.name != statement.name
            || !new.annotates(statement) && !source.annotates(old)
            || self.binders(&statement.name).nth(1).is_some()
            || self.mutators(&statement.name).next().is_some()
            || self.job.anew.contains(&statement.name)
            || !self.before.contains(&statement.name)?
            || self.affected(at, statement)?.is_some()
        {
            return Ok(false);
        }
        let kit = self.work.kit;
        let Some((tree, is)) = same_value(kit, (source, old), (new, statement))? else {
            return Ok(false);
        };
        if new.annotates(statement) {
            let code = without_value(kit, new, &(tree, is))?;
            let annotation = self.annotation(statement);
            kit.exec.call1((code, &self.job.dict))?;
            self.tell_annotation(annotation, statement);
            self.take_annotations(at)?;
        }
        self.facts.executed = true;
        self.dirty.clean(&statement.name);
        self.moved.push(Moved {
            old,
            new: statement,
            chain: Vec::new(),
        });
        self.note(
            ChangeKind::Statement,
            Action::Executed,
            &new.first_line(statement),
            statement,
            why,
        );
        Ok(true)
    }

    /// The same of a statement in the body of a class, which nothing but its body makes.
    pub(super) fn only_declared(&self, body: &Body<'_, 'a, 'py>, at: usize) -> PyResult<bool> {
        let (class, member) = (body.new, &body.new.body[at]);
        let Some((source, (old, _))) = self.job.old.zip(body.partner(at)) else {
            return Ok(false);
        };
        let new = self.job.new;
        let deals = |s: &&Statement| {
            let uses = &s.uses;
            let name = &member.name;
            uses.binds.contains(name) || uses.mutates.contains(name) || uses.deletes.contains(name)
        };
        Ok(simple(member)
            && simple(old)
            && old.name == member.name
            // It has another name in the class.
            && !member.name.starts_with("__")
            && (new.annotates(member) || source.annotates(old))
            && class.decorators == 0
            && new.type_parameters(class).is_empty()
            && class.body.iter().filter(deals).nth(1).is_none()
            && affected_statement(member, &self.functions, &self.dirty).is_none()
            && !self.work.generated(body.class)?
            && same_value(self.work.kit, (source, old), (new, member))?.is_some())
    }

    /// Annotates these anew: those of the statements of a class body that changed and do not run again.
    pub(super) fn annotate_members(
        &mut self,
        body: &Body<'_, 'a, 'py>,
        again: &BTreeSet<usize>,
    ) -> PyResult<()> {
        let items = body.inner.into_iter().flat_map(|inner| &inner.items);
        let changed = items.filter(|c| c.what == What::Changed && !again.contains(&c.new));
        let members: Vec<&'a Statement> = changed.map(|c| &body.new.body[c.new]).collect();
        let members: Vec<&'a Statement> = members.into_iter().filter(|s| simple(s)).collect();
        if members.is_empty() {
            return Ok(());
        }
        let (kit, new) = (self.work.kit, self.job.new);
        if !lazy(kit, new) {
            let before = kit.class_entry(body.class, "__annotations__")?;
            let names = self.names_before(body, &members)?;
            for member in members.iter().filter(|s| new.annotates(s)) {
                if let Some(parts) = assignment(kit, new, member)? {
                    let code = without_value(kit, new, &parts)?;
                    kit.exec.call1((code, &self.job.dict, &names))?;
                }
            }
            self.take_class_annotations(body, before.as_ref(), &names)?;
        }
        self.facts.executed = true;
        if let Some(first) = members.first() {
            let path = body.path.trim_end_matches('.');
            tell_hints(path, first.span.line, &mut self.dirty);
        }
        for member in members {
            let name = format!("{}{}", body.path, member.name);
            let why = "its annotation changed";
            self.note(ChangeKind::Variable, Action::Updated, &name, member, why);
        }
        Ok(())
    }
}

/// A container is brought together with what there was, in any case.
fn simple(statement: &Statement) -> bool {
    statement.kind == Kind::Assign
        && statement.value != Value::Container
        && !statement.display
        && !statement.name.is_empty()
}

/// The syntax tree of the new one of two assignments, where both have the same value.
fn same_value<'py>(
    kit: &Kit<'py>,
    (source, old): (&Source<'_>, &Statement),
    (new, statement): (&Source<'_>, &Statement),
) -> PyResult<Option<Tree<'py>>> {
    let (was, is) = (
        assignment(kit, source, old)?,
        assignment(kit, new, statement)?,
    );
    let (Some((_, was)), Some((tree, is))) = (was, is) else {
        return Ok(None);
    };
    let dump = kit.py.import("ast")?.getattr("dump")?;
    let value = |node: &Bound<'py, PyAny>| dump.call1((node.getattr("value")?,));
    Ok(value(&was)?.eq(value(&is)?)?.then_some((tree, is)))
}

/// The code of an annotated assignment that only annotates.
fn without_value<'py>(
    kit: &Kit<'py>,
    source: &Source<'_>,
    (tree, node): &Tree<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    node.setattr("value", kit.py.None())?;
    tree.setattr("body", PyList::new(kit.py, [node])?)?;
    kit.compile
        .call1((tree, source.filename, "exec", source.flags, true))
}

/// The tree of a statement's text, and the assignment in it.
fn assignment<'py>(
    kit: &Kit<'py>,
    source: &Source<'_>,
    statement: &Statement,
) -> PyResult<Option<Tree<'py>>> {
    let text = source.slice(statement);
    let tree = kit.compile.call1((
        text,
        source.filename,
        "exec",
        source.flags | ONLY_TREE,
        true,
    ))?;
    for node in tree.getattr("body")?.try_iter()? {
        let node = node?;
        let kind = node.get_type().getattr("__name__")?;
        if is_text(&kind, "AnnAssign") || is_text(&kind, "Assign") {
            return Ok(Some((tree, node)));
        }
    }
    Ok(None)
}
