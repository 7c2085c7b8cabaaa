//! Two texts, divided by a zero byte: neither decoding, nor reading, nor comparing them panics,
//! and the comparison accounts for every statement.
//!
//! Run with `cargo +nightly fuzz run outline_diff`; `fuzz/seed.sh` fills the corpus.

#![no_main]
#![allow(dead_code, reason = "the target uses a part of each module")]

#[path = "../../src/diff/mod.rs"]
mod diff;
#[path = "../../src/outline/mod.rs"]
mod outline;
#[path = "../../src/text/mod.rs"]
mod text;

use diff::{Changes, What};
use outline::{Outline, Statement};

fn read(bytes: &[u8]) -> Option<Outline> {
    let text = text::decode(bytes).ok()?;
    let outline = outline::read(&text.source).ok()?;
    check_places(&text.source, &outline.body.to_vec(), 0, text.source.len());
    Some(outline)
}

fn check_places(source: &str, body: &[Statement], from: usize, to: usize) {
    let mut at = from;
    for statement in body {
        let (start, end) = (statement.span.start as usize, statement.span.end as usize);
        assert!(at <= start && start < end && end <= to, "{:?}", statement.span);
        assert!(source.is_char_boundary(start) && source.is_char_boundary(end));
        check_places(source, &statement.body, start, end);
        at = end;
    }
}

fn check(old: &[Statement], new: &[Statement], changes: &Changes) {
    assert_eq!(changes.items.len(), new.len());
    let mut seen = changes.removed.clone();
    for (index, change) in changes.items.iter().enumerate() {
        assert_eq!(change.new, index);
        assert_eq!(change.old.is_none(), change.what == What::Added);
        let Some(at) = change.old else { continue };
        seen.push(at);
        assert_eq!(old[at].print == new[index].print, change.what == What::Same);
        if let What::Inner(inner) | What::Header(Some(inner)) = &change.what {
            check(&old[at].body, &new[index].body, inner);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..old.len()).collect::<Vec<_>>());
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let middle = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (old, new) = (&data[..middle], data.get(middle + 1..).unwrap_or_default());
    let (Some(old), Some(new)) = (read(old), read(new)) else { return };
    assert!(diff::compare(&old, &old).is_empty());
    check(&old.body.to_vec(), &new.body.to_vec(), &diff::compare(&old, &new));
    check(&new.body.to_vec(), &old.body.to_vec(), &diff::compare(&new, &old));
});
