//! Outline against outline: what became of each statement.

mod dump;
mod pairs;
mod parts;
mod properties;
mod scale;

use pyreload::{diff, outline};

fn dedent(text: &str) -> String {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = lines()
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let mut out = String::new();
    for line in text.trim_start_matches('\n').lines() {
        out.push_str(line.get(margin..).unwrap_or(""));
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

#[track_caller]
fn check(old: &str, new: &str, expect: &str) {
    let (old, new) = (dedent(old), dedent(new));
    let read = |source: &str| outline::read(source).unwrap_or_else(|e| panic!("{e}\n{source}"));
    let (before, after) = (read(&old), read(&new));
    let changes = diff::compare(&before, &after);
    let got = dump::changes(
        &dump::Side {
            source: &old,
            body: &before.body.to_vec(),
        },
        &dump::Side {
            source: &new,
            body: &after.body.to_vec(),
        },
        &changes,
    );
    assert_eq!(got, dedent(expect), "\n{old}---\n{new}");
}
