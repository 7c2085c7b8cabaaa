//! What differs when only parts of a class or compound changed.

use std::collections::BTreeSet;

use crate::diff::{Change, Changes, What};
use crate::outline::{Kind, Statement};

use super::affected::{Affected, affected, affected_statement};
use super::dirty::{Dirty, OTHER_NAMES};
use super::functions::{FRESH, Functions};
use super::hints::{decorated_blindly, tell_hints};
use super::rewritten::rewritten;
use super::{Mark, Plan, Reached, again, root, run};

/// Whether attributes of a class body, not only its methods, came, went or changed: its instances may
/// be other ones then. They are, too, without a method that Python calls.
pub fn data_changed(old: &Statement, class: &Statement, inner: &Changes) -> bool {
    let method = |s: &Statement| s.kind == Kind::Function && !s.name.starts_with("__");
    let lost = |at: &usize| {
        let gone = &old.body[*at];
        !method(gone) || !inner.gone.contains(&gone.name)
    };
    let data = |s: &Statement| !matches!(s.kind, Kind::Function | Kind::Class | Kind::Docstring);
    inner.removed.iter().any(lost)
        || inner
            .items
            .iter()
            .any(|c| c.what != What::Same && data(&class.body[c.new]))
}

/// Whether new instances may be other ones when this part of a class body, which stands as it is,
/// gives something else: what the constructor has by default, or the value of a field from which one
/// is generated. Those that there are were computed from it.
pub fn makes_otherwise(class: &Statement, member: &Statement) -> bool {
    match member.kind {
        Kind::Function => matches!(&*member.name, "__init__" | "__new__"),
        Kind::Assign => class.decorators != 0 || !class.head.reads.is_empty(),
        _ => false,
    }
}

/// The parts of a class that stand as they are but for what they read.
pub fn affected_members(
    class: &Statement,
    prefix: &str,
    functions: &Functions<'_>,
    dirty: &mut Dirty,
) {
    let prefix = format!("{prefix}{}.", class.name);
    // What members read by their own names; of most classes nothing differs from what is outside.
    let mut own: Option<Dirty> = None;
    for member in &class.body {
        if member.kind == Kind::Class {
            affected_members(member, &prefix, functions, dirty);
            // Read by its own name below, too.
            let inside = format!("{prefix}{}.", member.name);
            let found = dirty.values.range(inside.clone()..);
            let found: Vec<_> = found
                .map_while(|(path, why)| Some((path.strip_prefix(&inside)?, why)))
                .map(|(rest, why)| (format!("{}.{rest}", member.name), why.clone()))
                .collect();
            for (path, why) in found {
                own.get_or_insert_with(|| dirty.clone()).value(path, why);
            }
            continue;
        }
        // What is known to differ is read by its own name below.
        for name in &member.uses.binds {
            let path = format!("{prefix}{name}");
            if let Some(why) = dirty.values.get(&path) {
                let local = own.get_or_insert_with(|| dirty.clone());
                local.value(name, why.clone());
            }
            if let Some(why) = dirty.behaviour.get(&path) {
                let local = own.get_or_insert_with(|| dirty.clone());
                local.acts(name, why.clone());
            }
        }
        let known = own.as_ref().unwrap_or(dirty);
        let made = || functions.member_made(member, known).map(Affected::Runs);
        let Some(affected) = affected_statement(member, functions, known).or_else(made) else {
            continue;
        };
        if functions.only_hints(member, member, known) {
            tell_hints(&format!("{prefix}{}", member.name), member.span.line, dirty);
            continue;
        }
        let local = own.get_or_insert_with(|| dirty.clone());
        let why = match affected {
            Affected::Runs(why) | Affected::Given { why, .. } => why,
            Affected::Acts(why) => {
                local.acts(&member.name, format!("which {why}"));
                dirty.acts(format!("{prefix}{}", member.name), format!("which {why}"));
                continue;
            }
        };
        if makes_otherwise(class, member) {
            let path = format!("{}{FRESH}", prefix.trim_end_matches('.'));
            dirty.acts(path, format!("whose constructor {why}"));
        }
        for name in member.uses.binds.iter().chain(filled(class, member)) {
            if member.kind == Kind::Function && member.uses.binds.contains(name) {
                dirty.acts(format!("{prefix}{name}"), format!("which {why}"));
            } else {
                dirty.value(format!("{prefix}{name}"), format!("which {why}"));
                local.value(name, format!("which {why}"));
            }
            if name == "__slots__" {
                // Another class most often: those that derive from it must know.
                dirty.value(prefix.trim_end_matches('.'), format!("which {why}"));
            }
        }
    }
}

/// Data of a class differs: what is told of it when it is made (`mutated`) may find it by that.
pub(super) fn tell_takers(
    class: &Statement,
    mutated: &BTreeSet<String>,
    functions: &Functions<'_>,
    dirty: &mut Dirty,
) {
    let data = class.body.iter().filter(|m| m.kind == Kind::Assign);
    let mut names = data.flat_map(|member| &member.uses.binds);
    let differs = |name: &String| dirty.values.contains_key(&format!("{}.{name}", class.name));
    if names.any(differs) {
        for path in functions.told_of(class).iter().chain(mutated) {
            let why = format!("which the class on line {} may be in", class.span.line);
            dirty.fill(path, why);
        }
    }
}

/// What it is for others that some parts of a class run again, or stand in another order: an
/// enumeration is gone through in that order.
pub(super) fn again_in(class: &Statement, inner: &Changes, dirty: &mut Dirty) {
    dirty.overwrite(&class.name, again(class, inner));
    if reordered(class, inner) {
        let why = format!("which changed on line {}", class.span.line);
        dirty.acts(&class.name, why);
    }
}

/// The parts of a class that read one of these names, which others write than before.
pub(super) fn moved_members(class: &Statement, names: &BTreeSet<String>, dirty: &mut Dirty) {
    let mut local: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for member in class.body.iter().filter(|m| m.kind != Kind::Class) {
        if !member.uses.reads.iter().any(|r| local.contains(root(r))) {
            continue;
        }
        let why = "which reads what another line binds now";
        for name in &member.uses.binds {
            let path = format!("{}.{name}", class.name);
            if member.kind == Kind::Function {
                dirty.acts(path, why);
            } else {
                dirty.value(path, why);
                local.insert(name);
            }
        }
    }
}

/// What is an instance of a protocol depends on the names that it has.
fn is_protocol(class: &Statement) -> bool {
    let mut bases = class.head.reads.iter();
    bases.any(|base| base == "Protocol" || base.ends_with(".Protocol"))
}

/// Whether names of a class body came or went.
fn names_changed(inner: &Changes) -> bool {
    let came = |change: &Change| change.what == What::Added;
    !inner.gone.is_empty() || inner.items.iter().any(came)
}

/// What a statement of a class body changes in place of what the body binds: `table[int] = method`.
pub fn filled<'s>(class: &'s Statement, part: &'s Statement) -> impl Iterator<Item = &'s String> {
    let names = part.uses.mutates.iter();
    names.filter(move |name| {
        let binds = |member: &Statement| member.uses.binds.contains(name);
        class.kind == Kind::Class && class.body.iter().any(binds)
    })
}

/// The paths that the changed parts of a class or compound make dirty.
pub fn members(statement: &Statement, inner: &Changes, prefix: &str, dirty: &mut Dirty) {
    let prefix = match statement.kind {
        Kind::Class => format!("{prefix}{}.", statement.name),
        _ => prefix.to_owned(),
    };
    if statement.kind == Kind::Class {
        // What a base has of that name counts now.
        for name in &inner.gone {
            dirty.acts(format!("{prefix}{name}"), "which is gone");
            dirty.value(format!("{prefix}{name}"), "which is gone");
        }
        if names_changed(inner) {
            let why = format!("which changed on line {}", statement.span.line);
            dirty.acts(format!("{prefix}{OTHER_NAMES}"), why.clone());
            if is_protocol(statement) {
                dirty.has_others(prefix.trim_end_matches('.'), why);
            }
        }
    }
    let again = match statement.kind {
        Kind::Class => rewritten(statement, inner),
        _ => BTreeSet::new(),
    };
    for change in &inner.items {
        let part = &statement.body[change.new];
        let why = format!("which changed on line {}", part.span.line);
        match &change.what {
            What::Same if !again.contains(&change.new) => {}
            What::Body | What::Header(None) if change.hints && decorated_blindly(part) => {
                tell_hints(&format!("{prefix}{}", part.name), part.span.line, dirty);
            }
            What::Body | What::Header(None) => {
                let path = format!("{prefix}{}", part.name);
                if change.what != What::Body
                    && part.decorators != 0
                    && statement.kind == Kind::Class
                {
                    // Decorated otherwise, perhaps.
                    dirty.value(path.clone(), why.clone());
                }
                dirty.acts(path, why);
            }
            What::Inner(deeper) | What::Header(Some(deeper)) => {
                members(part, deeper, &prefix, dirty);
            }
            What::Same | What::Changed | What::Added => {
                for name in filled(statement, part) {
                    dirty.value(format!("{prefix}{name}"), why.clone());
                }
                for name in &part.uses.binds {
                    match part.kind {
                        Kind::Function => dirty.acts(format!("{prefix}{name}"), why.clone()),
                        Kind::Class => {}
                        _ => dirty.value(format!("{prefix}{name}"), why.clone()),
                    }
                }
            }
        }
    }
}

/// Whether a class must run as a whole, of which only parts changed: since its body deletes what
/// did, or asks a function of its own for the values of others (an enumeration that says what
/// `auto()` gives). `inner` is what changed in it.
fn whole(class: &Statement, inner: &Changes) -> bool {
    let mut changed = inner.items.iter().filter(|c| c.what != What::Same);
    deletes_edited(class, inner) || changed.any(|c| class.body[c.new].name == GENERATES)
}

/// Whether a class or block of which only parts changed must run as a whole.
pub(super) fn runs_whole(
    statement: &Statement,
    inner: &Changes,
    functions: &Functions<'_>,
) -> bool {
    whole(statement, inner)
        || calls_edited(statement, inner, functions)
        || functions.edits_members(statement, inner)
}

/// Whether a block calls, where it stands, what was edited in it: `if WIN: def path(): ...; HOME = path()`.
pub fn calls_edited(block: &Statement, inner: &Changes, functions: &Functions<'_>) -> bool {
    if block.kind != Kind::Compound {
        return false;
    }
    let mut dirty = Dirty::default();
    tell_edited(block, inner, "", &mut dirty);
    affected(&block.uses, functions, &dirty).is_some()
}

fn tell_edited(block: &Statement, inner: &Changes, prefix: &str, dirty: &mut Dirty) {
    for change in &inner.items {
        let part = &block.body[change.new];
        match &change.what {
            What::Body => dirty.acts(format!("{prefix}{}", part.name), "which changed"),
            What::Inner(deeper) if part.kind == Kind::Class => {
                tell_edited(part, deeper, &format!("{prefix}{}.", part.name), dirty);
            }
            What::Inner(deeper) => tell_edited(part, deeper, prefix, dirty),
            _ => {}
        }
    }
}

/// Whether a part that is not there any more has another body.
fn deletes_edited(class: &Statement, inner: &Changes) -> bool {
    deleted_part(class, inner, |what| {
        matches!(what, What::Body | What::Inner(_) | What::Header(None))
    }) || inner.items.iter().any(|change| match &change.what {
        What::Inner(deeper) => deletes_edited(&class.body[change.new], deeper),
        _ => false,
    })
}

/// What gives members of an enumeration their values.
pub(super) const GENERATES: &str = "_generate_next_value_";

/// Whether what changed in a class body is a function that the body deletes in the end: what it had
/// made is all that there is of it.
fn deleted_part(class: &Statement, inner: &Changes, so: fn(&What) -> bool) -> bool {
    let deletes = |name: &String| class.body.iter().any(|m| m.uses.deletes.contains(name));
    let changed = inner.items.iter().filter(|c| so(&c.what));
    changed
        .map(|c| &class.body[c.new].name)
        .any(|name| !name.is_empty() && deletes(name))
}

/// Whether statements of a class body run again: those that changed in more than a body, or all
/// where the order counts in which they stand.
pub(super) fn runs_parts(class: &Statement, inner: &Changes) -> bool {
    !inner.removed.is_empty()
        || deleted_part(class, inner, |what| *what != What::Same)
        || reordered(class, inner)
        || !rewritten(class, inner).is_empty()
        || inner.items.iter().any(|change| match &change.what {
            What::Same | What::Body => false,
            What::Inner(deeper) => runs_parts(&class.body[change.new], deeper),
            What::Header(_) | What::Changed | What::Added => true,
        })
}

/// Whether instances of a class may need another layout than those there are.
pub(super) fn layout_differs(old: &Statement, new: &Statement, what: &What) -> bool {
    let slots = |member: &Statement| member.uses.binds.iter().any(|name| name == "__slots__");
    match what {
        What::Header(_) => old.decorators == new.decorators,
        What::Inner(inner) => {
            again(new, inner).any(slots) || inner.removed.iter().any(|at| slots(&old.body[*at]))
        }
        _ => false,
    }
}

/// `C.a = 1`, and another `C.a = 2` that is gone: the first one counts again.
pub(super) fn written_before(
    gone: &Statement,
    now: Option<usize>,
    reached: &Reached<'_>,
    plan: &mut Plan,
) {
    let writes = |statement: &Statement, path| statement.uses.writes.contains(path);
    for path in &gone.uses.writes {
        let mut writers = reached.writers(root(path)).iter().copied();
        if let Some(last) = writers.rfind(|at| writes(reached.statement(*at), path))
            && now != Some(reached.places[last])
            && reached.statement(last).kind == Kind::Assign
            && plan.steps[last].mark == Mark::Keep
        {
            run(plan, last, &format!("another line that set {path} is gone"));
        }
    }
}

/// Whether statements of a class body other than functions changed places: the order of fields,
/// of members of an enumeration, of annotations follows them.
pub fn reordered(class: &Statement, inner: &Changes) -> bool {
    let placed = inner.items.iter().filter_map(|change| {
        let kind = class.body[change.new].kind;
        change
            .old
            .filter(|_| !matches!(kind, Kind::Function | Kind::Docstring))
    });
    !placed.collect::<Vec<_>>().is_sorted()
}

/// Why a definition runs again whose body is not all that changed.
pub(super) fn header_reason(statement: &Statement) -> String {
    match statement.kind {
        Kind::Class => "its bases or decorators changed".to_owned(),
        _ => "its signature or decorators changed".to_owned(),
    }
}
