//! The pure stages of an edit: text to outline, outline against outline, comparison to plan.
//!
//! `cargo bench --bench stages` times them. With `PYRELOAD_COUNT=n` the program does the stage
//! named by `PYRELOAD_STAGE` n times and ends: `count.sh` has callgrind count that.

use std::fmt::Write;
use std::hint::black_box;

use divan::Bencher;
use pyreload::outline::Outline;
use pyreload::plan::{Dirty, Plan};
use pyreload::{diff, outline, plan};

const SIZES: [u32; 4] = [100, 1_000, 10_000, 30_000];

/// A module of about so many lines; `value` is in the body of the function in its middle.
fn module(lines: u32, value: u32) -> String {
    let mut text = String::from("import math\n\nOFFSET = 3\nSCALE = 7\nDOUBLE = SCALE * 2\n\n\n");
    let functions = lines / 8;
    for i in 0..functions {
        let own = if i == functions / 2 { value } else { 0 };
        let _ = write!(
            text,
            "def function_{i}(a, b=1, *rest):\n    total = a * b + {i}\n    for item in rest:\n        \
             total += item * OFFSET\n    if total > 100:\n        total -= SCALE\n    \
             return math.sqrt(total) + {own}\n\n"
        );
    }
    text
}

fn read(text: &str) -> Outline {
    outline::read(text).unwrap_or_default()
}

/// Two versions of a module, and their outlines; the second as an edit makes it.
struct Edit {
    old: String,
    before: Outline,
    new: String,
    after: Outline,
}

impl Edit {
    fn of(lines: u32) -> Self {
        let (old, new) = (module(lines, 1), module(lines, 2));
        let before = read(&old);
        let after = outline::reread(&old, &before, &new).unwrap_or_default();
        Self {
            old,
            before,
            new,
            after,
        }
    }

    fn reread(&self) -> Outline {
        outline::reread(&self.old, &self.before, &self.new).unwrap_or_default()
    }

    fn compare(&self) -> diff::Changes {
        diff::compare(&self.before, &self.after)
    }

    fn plan(&self) -> Plan {
        let changes = self.compare();
        plan::make(&self.before, &self.after, &changes, &Dirty::default())
    }
}

#[divan::bench(args = SIZES)]
fn read_whole(bencher: Bencher<'_, '_>, lines: u32) {
    let text = module(lines, 1);
    bencher.bench(|| read(black_box(&text)));
}

#[divan::bench(args = SIZES)]
fn read_edit(bencher: Bencher<'_, '_>, lines: u32) {
    let edit = Edit::of(lines);
    bencher.bench(|| black_box(&edit).reread());
}

#[divan::bench(args = SIZES)]
fn compare(bencher: Bencher<'_, '_>, lines: u32) {
    let edit = Edit::of(lines);
    bencher.bench(|| black_box(&edit).compare());
}

#[divan::bench(args = SIZES)]
fn compare_and_plan(bencher: Bencher<'_, '_>, lines: u32) {
    let edit = Edit::of(lines);
    bencher.bench(|| black_box(&edit).plan());
}

fn main() {
    let times = std::env::var("PYRELOAD_COUNT")
        .ok()
        .and_then(|n| n.parse::<u32>().ok());
    let Some(times) = times else {
        divan::main();
        return;
    };
    let edit = Edit::of(1_000);
    let stage = std::env::var("PYRELOAD_STAGE").unwrap_or_default();
    for _ in 0..times {
        match stage.as_str() {
            "read" => drop(black_box(read(&edit.new))),
            "reread" => drop(black_box(edit.reread())),
            "compare" => drop(black_box(edit.compare())),
            _ => drop(black_box(edit.plan())),
        }
    }
}
