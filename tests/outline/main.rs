//! Source text to outline: what is found in it.

mod dump;
mod scopes;
mod statements;
mod prints;
mod places;
mod limits;
mod stdlib;
mod splice;
mod properties;

use pyreload::outline::{self, Outline};

#[track_caller]
fn read(source: &str) -> Outline {
    outline::read(source).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// `source` and the expectation are written indented; the least indentation is taken away.
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
fn check(source: &str, expect: &str) {
    let source = dedent(source);
    assert_eq!(dump::outline(&read(&source)), dedent(expect), "\n{source}");
}
