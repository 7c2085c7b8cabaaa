//! An outline that is read on from the one before is the one that reading it all gives.

use crate::stdlib::{pythons, sample};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use pyreload::outline::{self, Outline};
use pyreload::text;
use std::fs;

/// What people and editors do to a text, and what nobody would.
fn edit(text: &str, rng: &mut TestRng) -> String {
    const PIECES: &[&str] = &[
        "x",
        "\n",
        "\n\n",
        "# remark\n",
        "    ",
        "\"\"\"",
        "'",
        "(",
        ")",
        "\\\n",
        ";",
        "a = 1\n",
        "def f(): pass\n",
        "@f\n",
        "else:\n",
        "if x:\n    y()\n",
        "import os\n",
        "class C: pass\n",
        "from a import *\n",
        "super()\n",
        "list = 1\n",
        "\x0c",
        "\t",
        "é",
        "del x\n",
        ": int",
        "(yield)",
        "from __future__ import annotations\n",
        "# \\\n",
        "async ",
        "1 +\n",
        "'''doc'''\n",
    ];
    let mut pick = |n: usize| (rng.next_u32() as usize) % n.max(1);
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = pick(lines.len());
    match pick(7) {
        0 if !lines.is_empty() => {
            lines.remove(at);
            lines.concat()
        }
        1 if !lines.is_empty() => {
            lines.insert(pick(lines.len()), lines[at]);
            lines.concat()
        }
        2 if lines.len() > 3 => {
            let count = 1 + pick(6);
            let end = (at + count).min(lines.len());
            let moved: Vec<&str> = lines.drain(at..end).collect();
            let to = pick(lines.len());
            lines.splice(to..to, moved);
            lines.concat()
        }
        3 => {
            lines.insert(at, PIECES[pick(PIECES.len())]);
            lines.concat()
        }
        4 if !lines.is_empty() => {
            // Digits in a line become others: the most common edit of all.
            let line = lines[at]
                .replace(['0', '1', '2'], "3")
                .replace("return", "raise");
            lines[at] = &line;
            lines.concat()
        }
        _ => {
            let mut at = pick(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let mut end = (at + pick(4)).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let piece = PIECES[pick(PIECES.len())];
            format!("{}{piece}{}", &text[..at], &text[end.max(at)..])
        }
    }
}

/// The index may name too many statements, never too few.
fn check_index(spliced: &Outline, whole: &Outline, why: &str) {
    let (a, b) = (spliced.index(), whole.index());
    for statement in &whole.body {
        let uses = [&statement.uses, &statement.later];
        let names = uses.iter().flat_map(|u| u.reads.iter().chain(&u.binds));
        for name in names.map(|path| path.split('.').next().unwrap_or(path)) {
            let few = |(a, b): (Vec<usize>, Vec<usize>)| b.iter().any(|place| !a.contains(place));
            let body = &whole.body;
            assert!(
                !few((a.readers(body, name), b.readers(body, name))),
                "readers of {name}: {why}"
            );
            assert!(
                !few((a.later(body, name), b.later(body, name))),
                "later {name}: {why}"
            );
            assert!(
                !few((a.live_later(body, name), b.live_later(body, name))),
                "live functions that read {name}: {why}"
            );
            assert!(
                !few((a.writers(body, name), b.writers(body, name))),
                "writers of {name}: {why}"
            );
        }
    }
    let few = a.importing(&whole.body) != b.importing(&whole.body);
    assert!(
        !few || a.importing(&whole.body).len() > b.importing(&whole.body).len(),
        "{why}"
    );
}

/// Edits in and around literals, again and again in one place: what is read on without a parser.
#[test]
fn literals_are_read_on_as_they_are_read_anew() {
    const PIECES: &[&str] = &[
        "0", "7", "12", ".", "1.5", "_", "e", "x", "j", " ", "'", "\"", "b", "f", "#", "\\", "\n",
        "-", "(", ")", ",", ";", ":", "é", "a b", "setattr",
    ];
    let python = pythons().pop().expect("a CPython");
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut pick = |n: usize| (rng.next_u32() as usize) % n.max(1);
    let mut alike = 0;
    for path in sample(&python, 11) {
        let Ok(decoded) = text::decode(&fs::read(&path).unwrap()) else {
            continue;
        };
        let mut source = decoded.source;
        if source.len() > 40_000 {
            continue;
        }
        let Ok(mut outline) = outline::read(&source) else {
            continue;
        };
        for _ in 0..6 {
            let literal = |c: char| c.is_ascii_digit() || c == '\'' || c == '"';
            let places: Vec<usize> = source.match_indices(literal).map(|m| m.0).collect();
            if places.is_empty() {
                break;
            }
            let place = places[pick(places.len())];
            for _ in 0..8 {
                let at = (place + pick(4)).min(source.len());
                let end = (at + pick(3)).min(source.len());
                if !source.is_char_boundary(at) || !source.is_char_boundary(end) {
                    continue;
                }
                let many = if pick(3) == 0 { PIECES.len() } else { 3 };
                let piece = PIECES[pick(many)];
                let edited = format!("{}{piece}{}", &source[..at], &source[end..]);
                let whole = outline::read(&edited);
                let spliced = outline::reread(&source, &outline, &edited);
                let near = || {
                    let lines = |t: &str| t[..at].lines().count().saturating_sub(1);
                    let line = |t: &str| t.lines().nth(lines(t)).unwrap_or("").to_owned();
                    format!(
                        "{}: {:?} -> {:?}",
                        path.display(),
                        line(&source),
                        line(&edited)
                    )
                };
                assert_eq!(spliced.is_ok(), whole.is_ok(), "{}", near());
                let (Ok(spliced), Ok(whole)) = (spliced, whole) else {
                    continue;
                };
                assert!(spliced == whole, "{}", near());
                alike += 1;
                (source, outline) = (edited, spliced);
            }
        }
    }
    assert!(alike > 500, "{alike} texts were read on");
}

#[test]
fn reading_on_is_reading_anew() {
    let python = pythons().pop().expect("a CPython");
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut tried, mut shared) = (0_usize, 0_usize);
    for path in sample(&python, 23) {
        let Ok(decoded) = text::decode(&fs::read(&path).unwrap()) else {
            continue;
        };
        let Ok(mut outline) = outline::read(&decoded.source) else {
            continue;
        };
        let mut source = decoded.source;
        if source.len() > 60_000 {
            continue;
        }
        for _ in 0..30 {
            let edited = edit(&source, &mut rng);
            let whole = outline::read(&edited);
            let spliced = outline::reread(&source, &outline, &edited);
            assert_eq!(spliced.is_ok(), whole.is_ok(), "{}", path.display());
            let (Ok(spliced), Ok(whole)) = (spliced, whole) else {
                continue;
            };
            if spliced != whole {
                let at = spliced
                    .body
                    .iter()
                    .zip(&whole.body)
                    .position(|(a, b)| a != b);
                let at = at.unwrap_or(0);
                panic!(
                    "{}: statement {at}: {:#?} is not {:#?}\n{edited}",
                    path.display(),
                    spliced.body.get(at),
                    whole.body.get(at)
                );
            }
            tried += 1;
            let common = |s: &&outline::Statement| outline.body.iter().any(|o| o.shares(s));
            shared += usize::from(spliced.body.iter().filter(common).count() > 0);
            check_index(&spliced, &whole, &path.display().to_string());
            // On from here, so that what is shared was shared before.
            (source, outline) = (edited, spliced);
        }
    }
    assert!(tried > 500, "{tried} texts were read on");
    assert!(
        shared * 2 > tried,
        "only {shared} of {tried} shared a statement"
    );
}

#[test]
fn edit_of_one_function_shares_the_others() {
    let old = "import os\n\ndef f():\n    return 1\n\ndef g():\n    return os\n";
    let new = old.replace("return 1", "x = 1\n    return x");
    let before = outline::read(old).unwrap();
    let after = outline::reread(old, &before, &new).unwrap();
    assert_eq!(after, outline::read(&new).unwrap());
    let shared: Vec<bool> = before
        .body
        .iter()
        .zip(&after.body)
        .map(|(a, b)| a.shares(b))
        .collect();
    assert_eq!(shared, [true, false, true]);
}

/// The statements whose functions read `X` and may be used at import, or remember what they gave.
#[track_caller]
fn live(source: &str) -> Vec<usize> {
    let outline = outline::read(source).unwrap();
    outline.index().live_later(&outline.body, "X")
}

#[test]
fn readers_that_nobody_calls_at_import_do_not_count() {
    let none: [usize; 0] = [];
    assert_eq!(live("X = 1\ndef f(): return X\n"), none);
    assert_eq!(
        live("X = 1\ndef f(): return X\ndef g(): return f()\n"),
        none
    );
    assert_eq!(live("X = 1\nclass C:\n    def m(self): return X\n"), none);
    assert_eq!(live("X = 1\ndef f(): return X\ny = f()\n"), [1]);
    assert_eq!(live("X = 1\ndef f(): return X\nALL = [f]\n"), [1]);
    assert_eq!(
        live("X = 1\ndef f(): return X\ndef g(): return f()\ny = g()\n"),
        [1]
    );
    assert_eq!(live("X = 1\n@cache\ndef f(): return X\n"), [1]);
    assert_eq!(
        live("X = 1\nclass C:\n    @property\n    def m(self): return X\n"),
        [1]
    );
    assert_eq!(live("X = 1\nf = lambda: X\n"), [1]);
    assert_eq!(live("X = 1\nALL['f'] = lambda: X\nuse(ALL)\n"), [1]);
}

#[test]
fn an_edit_may_make_readers_live() {
    let before = "X = 1\ndef f(): return X\ndef g(): return 0\ny = g()\nz = 1\n";
    let old = outline::read(before).unwrap();
    assert!(old.index().live_later(&old.body, "X").is_empty());
    for after in [
        "X = 1\ndef f(): return X\ndef g(): return 0\ny = g()\nz = f()\n",
        "X = 1\ndef f(): return X\ndef g(): return f()\ny = g()\nz = 1\n",
        "X = 1\n@wrap\ndef f(): return X\ndef g(): return 0\ny = g()\nz = 1\n",
    ] {
        let new = outline::reread(before, &old, after).unwrap();
        assert_eq!(new.index().live_later(&new.body, "X"), [1], "{after}");
    }
}
