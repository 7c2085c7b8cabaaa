//! The outline of an edited text from that of the text before: only the statements around the
//! edit are read again, all others are shared.
//!
//! A logical line that ended before the edit reads as it did, since Python is read from left to
//! right; and what follows a stretch of whole statements begins as it did, if it begins in the
//! first column. So the stretch that is read again reaches from the end of the last untouched
//! line to the first untouched statement. Whatever is in doubt is read as a whole.

use std::ops::Range;
use std::sync::Arc;

use super::literal::Recent;
use super::row::{self, Row};
use super::{Body, Outline, OutlineError, Part, Since, Statement, read, read_part};
use crate::text::Ends;

/// Reads the outline of `new`, given the outline of another text, most often of the version
/// before. The same as `read(new)`, in time that follows the edit (and the number of top-level
/// statements, by a few nanoseconds for each).
///
/// # Errors
/// As `read`.
pub fn reread(old: &str, outline: &Outline, new: &str) -> Result<Outline, OutlineError> {
    let ends = Ends::of(old.as_bytes(), new.as_bytes());
    reread_between(old, outline, new, ends)
}

/// The same where it is known what both texts have in common.
///
/// # Errors
/// As `read`.
pub fn reread_between(
    old: &str,
    outline: &Outline,
    new: &str,
    ends: Ends,
) -> Result<Outline, OutlineError> {
    match spliced(old, outline, new, ends) {
        Some(spliced) => Ok(spliced),
        None => read(new),
    }
}

fn spliced(old: &str, outline: &Outline, new: &str, ends: Ends) -> Option<Outline> {
    if new.len() > i32::MAX as usize {
        return None;
    }
    let Ends { before, after } = ends;
    let (first, begin) = begin_of_stretch(old, &outline.body, before);
    let (last, end) = end_of_stretch(old, &outline.body, first, old.len() - after);
    let new_end = new.len() - (old.len() - end);
    let stretch = new.get(begin..new_end)?;
    let whole_lines = stretch.is_empty() || (stretch.ends_with('\n') && !stretch.ends_with("\\\n"));
    if last < outline.body.len() && !whole_lines {
        return None;
    }
    let part = Part {
        bytes: u32::try_from(begin).ok()?,
        lines: match first.checked_sub(1) {
            Some(at) => outline.body[at].span.end_line,
            None => 0,
        },
        inside: first > 0,
        around: Some(&outline.context),
    };
    let replaced = first..last;
    let shift = Shift {
        bytes: i64::try_from(new_end).ok()? - i64::try_from(end).ok()?,
        lines: newlines(stretch) - newlines(&old[begin..end]),
    };
    if replaced.len() == 1
        && let Some(recent) = &outline.recent
        && recent.place == (begin..end)
        && let Some((statement, prints)) = recent.edited(
            &outline.body[first],
            &old[begin..end],
            stretch,
            &(before - begin..old.len() - after - begin),
            &(before - begin..new.len() - after - begin),
        )
    {
        let (mentions_super, place) = (statement.mentions_super, begin..new_end);
        let recent = Recent { place, prints };
        return Some(Outline {
            recent: Some(Arc::new(recent)),
            ..joined(outline, replaced, vec![statement], mentions_super, &shift)
        });
    }
    let (read, prints) = read_part(stretch, &part).ok()?;
    // A string is a docstring if nothing stands before it.
    if first == 0 && (last == 0) != read.body.is_empty() {
        return None;
    }
    if !is_local(outline, outline.body.range(replaced.clone()), &read) {
        return None;
    }
    let keep = read.body.len() == 1 && prints.is_short();
    let place = begin..new_end;
    let new = read.body.iter().cloned().collect();
    Some(Outline {
        recent: keep.then(|| Arc::new(Recent { place, prints })),
        ..joined(outline, replaced, new, read.mentions_super, &shift)
    })
}

/// The first statement that is read again, and where the text of the stretch begins: after the
/// line on which the last untouched statement ends.
fn begin_of_stretch(old: &str, body: &Row, before: usize) -> (usize, usize) {
    let mut first = body.partition_point(|s| (s.span.end as usize) < before);
    while let Some(at) = first.checked_sub(1) {
        let end = body[at].span.end as usize;
        let rest = &old[end..];
        let line = rest.find('\n').map_or(rest, |n| &rest[..n]);
        let tail = line.trim_start_matches([' ', '\t', '\x0c']);
        let ends_here = tail.is_empty() || tail.starts_with('#');
        if ends_here && end + line.len() < before && line.len() < rest.len() {
            return (first, end + line.len() + 1);
        }
        first = at;
    }
    (0, 0)
}

/// The first statement after `first` that is not read again, and where it begins.
fn end_of_stretch(old: &str, body: &Row, first: usize, changed: usize) -> (usize, usize) {
    let from = body.partition_point(|s| (s.span.start as usize) < changed);
    let starts_line = |s: &Statement| {
        let start = s.span.start as usize;
        start == 0 || old.as_bytes()[start - 1] == b'\n'
    };
    let at = (from.max(first)..body.len()).find(|at| starts_line(&body[*at]));
    at.map_or((body.len(), old.len()), |at| {
        (at, body[at].span.start as usize)
    })
}

/// Whether the rest of the module reads as it did when `replaced` becomes `read`.
fn is_local(outline: &Outline, replaced: row::Iter<'_>, read: &Outline) -> bool {
    let imports = |mut body: row::Iter<'_>| body.any(|s| !s.imports.is_empty());
    let meaning = |body: row::Iter<'_>| -> Vec<String> {
        let binds = body.flat_map(|s| s.uses.binds.iter().chain(&s.uses.deletes));
        let mut names: Vec<String> = binds
            .filter(|name| super::scope::means_something(name))
            .cloned()
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    !imports(replaced.clone())
        && !imports(read.body.iter())
        // What the stretch binds beyond what the module did was read with it, and nowhere else.
        && *read.context == *outline.context
        && meaning(replaced) == meaning(read.body.iter())
}

struct Shift {
    bytes: i64,
    lines: i64,
}

impl Shift {
    fn is_none(&self) -> bool {
        self.bytes == 0 && self.lines == 0
    }

    fn apply(&self, statement: &Statement) -> Statement {
        let by = |value: u32, by: i64| u32::try_from(i64::from(value) + by).unwrap_or(value);
        let mut out = statement.clone();
        let span = &mut out.span;
        span.start = by(span.start, self.bytes);
        span.end = by(span.end, self.bytes);
        span.line = by(span.line, self.lines);
        span.end_line = by(span.end_line, self.lines);
        span.def_line = by(span.def_line, self.lines);
        if !statement.body.is_empty() {
            let body: Vec<Statement> = statement.body.iter().map(|s| self.apply(s)).collect();
            out.body = Body::from(body);
        }
        out
    }
}

/// The outline with `new` in the place of some statements.
fn joined(
    outline: &Outline,
    replaced: Range<usize>,
    new: Vec<Statement>,
    mentions_super: bool,
    shift: &Shift,
) -> Outline {
    let added = replaced.start..replaced.start + new.len();
    let moved = |s: &Statement| shift.apply(s);
    let moved: Option<&dyn Fn(&Statement) -> Statement> = match shift.is_none() {
        true => None,
        false => Some(&moved),
    };
    let body = outline.body.with(replaced.clone(), new, moved);
    // Where the last one that mentioned it may be gone, all are asked.
    let gone = outline
        .body
        .range(replaced.clone())
        .any(|s| s.mentions_super);
    let mentions_super = if gone {
        body.iter().any(|s| s.mentions_super)
    } else {
        outline.mentions_super || mentions_super
    };
    let index = outline.index.get().and_then(|index| {
        let same_places = added.len() == replaced.len();
        same_places.then(|| index.with(&body, added)).flatten()
    });
    Outline {
        future: outline.future.clone(),
        imported: outline.imported.clone(),
        star: outline.star,
        context: Arc::clone(&outline.context),
        index: index
            .map(Arc::new)
            .map_or_else(Default::default, Into::into),
        mentions_super,
        own: Arc::default(),
        since: Some(Since {
            of: Arc::clone(&outline.own),
            before: replaced.start,
            after: outline.body.len() - replaced.end,
        }),
        recent: None,
        body,
    }
}

fn newlines(text: &str) -> i64 {
    i64::try_from(text.bytes().filter(|b| *b == b'\n').count()).unwrap_or(0)
}
