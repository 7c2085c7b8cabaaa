//! The import statements of a text, found without parsing it: for the question who may depend
//! on whom, which is asked of every module. What looks like an import in a string costs a look
//! at an outline, nothing more.

use std::collections::BTreeSet;

/// Each import statement: leading dots, dotted module, imported names (empty for `import m`).
pub fn scan(text: &str) -> Vec<(u32, String, Vec<String>)> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut spelled = false;
    // Of most lines nothing has to be known.
    while let Some(found) = text[at..].find("import") {
        at += text[at..at + found].rfind('\n').map_or(0, |n| n + 1);
        let rest = &text[at..];
        let end = rest.find('\n').map_or(rest.len(), |n| n + 1);
        let line = rest[..end].trim_start();
        // `lazy import m` (3.15).
        let line = line.strip_prefix("lazy ").map_or(line, str::trim_start);
        if let Some(found) = called(line) {
            spelled |= found.1 == ANY;
            out.push(found);
        }
        if let Some(what) = line.strip_prefix("import ") {
            for part in what.trim_end().split(';').next().unwrap_or("").split(',') {
                let name: String = part.split_whitespace().next().unwrap_or("").to_owned();
                if !name.is_empty() && name != "\\" {
                    out.push((0, name, Vec::new()));
                }
            }
        } else if let Some(what) = line.strip_prefix("from ") {
            let begin = at + (end - what.len());
            from(&text[begin.min(text.len())..], what, &mut out);
        } else if let Some((_, after)) = line.split_once(": ").or_else(|| line.split_once(';')) {
            // `if x: import y`, `a = 1; import b`.
            let after = after.trim_start();
            if after.starts_with("import ") || after.starts_with("from ") {
                out.extend(scan(after));
            }
        }
        at += end;
    }
    if spelled {
        out.extend(named(text));
    }
    out
}

/// The modules that these import, by absolute name.
pub(super) fn absolute(package: &str, imports: &[(u32, String, Vec<String>)]) -> Vec<String> {
    let mut out = BTreeSet::new();
    for (level, module, names) in imports {
        let base = resolve(package, *level, module);
        if base == ANY {
            // Anything: what it may be is among the texts.
            continue;
        }
        if names.is_empty() {
            // `import a.b.c` binds `a` and makes all three.
            let mut at = String::new();
            for part in base.split('.') {
                if !at.is_empty() {
                    at.push('.');
                }
                at.push_str(part);
                out.insert(at.clone());
            }
        }
        for name in names {
            if name != "*" {
                out.insert(format!("{base}.{name}"));
            }
        }
        out.insert(base);
    }
    out.into_iter().collect()
}

/// Stands for the rest of a name of which more is computed: `plugins.*`.
pub const ANY: &str = "*";

/// Whether a module may be one that is imported by a computed name.
pub fn may_be(module: &str, pattern: &str) -> bool {
    let start = pattern.strip_suffix(ANY);
    start.is_some_and(|start| module.len() > start.len() && module.starts_with(start))
}

/// What the string literals of a text may name: modules, `"a.b"`, or something in one, `"a.b.C"` and
/// `"a.b:C"`.
pub(super) fn named(text: &str) -> Vec<(u32, String, Vec<String>)> {
    let mut out = Vec::new();
    let mut before = None;
    for (at, quote) in text.match_indices(['"', '\'']) {
        if let Some(start) = before
            && let Some(word) = text.get(start..at)
            && text[..start].ends_with(quote)
        {
            let word = word.split(':').next().unwrap_or(word);
            let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            if word.starts_with(|c: char| c.is_alphabetic() || c == '_') && word.chars().all(plain)
            {
                out.push((0, word.to_owned(), Vec::new()));
            }
        }
        before = Some(at + 1);
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// `import_module("m")`, `__import__("m")`; of a name that is computed what it begins with, and `ANY`.
fn called(line: &str) -> Option<(u32, String, Vec<String>)> {
    let (_, after) = line
        .split_once("import_module(")
        .or_else(|| line.split_once("__import__("))?;
    let raw = after.trim_start();
    let is_quote = |c: char| matches!(c, '"' | '\'');
    let any = |level: usize, start: &str| {
        Some((
            u32::try_from(level).unwrap_or(0),
            format!("{start}{ANY}"),
            Vec::new(),
        ))
    };
    let packages = [
        "f\"{__name__}.",
        "f'{__name__}.",
        "f\"{__package__}.",
        "f'{__package__}.",
    ];
    let sums = [
        "__name__ + \".",
        "__name__ + '.",
        "__package__ + \".",
        "__package__ + '.",
    ];
    if let Some(rest) = packages.iter().find_map(|own| raw.strip_prefix(own)) {
        return any(1, word(rest));
    }
    if let Some(rest) = sums.iter().find_map(|own| raw.strip_prefix(own)) {
        return any(1, word(rest));
    }
    if raw.starts_with("__name__") {
        return None;
    }
    let after = raw
        .strip_prefix('f')
        .filter(|rest| rest.starts_with(is_quote));
    let formatted = after.is_some();
    let after = after.unwrap_or(raw);
    let Some(quote) = after.chars().next().filter(|c| is_quote(*c)) else {
        return any(0, "");
    };
    let (name, rest) = after[1..].split_once(quote)?;
    let rest = rest.trim_start();
    if formatted || rest.starts_with(['+', '%']) || rest.starts_with(".format") {
        let level = name.bytes().take_while(|b| *b == b'.').count();
        return any(level, word(&name[level..]));
    }
    let level = name.bytes().take_while(|b| *b == b'.').count();
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let name = name[level..].to_owned();
    let found = !name.is_empty() && name.chars().all(plain);
    found.then(|| (u32::try_from(level).unwrap_or(0), name, Vec::new()))
}

/// The part of a name that a text begins with.
fn word(text: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    &text[..end]
}

/// What follows `from `: `rest` goes on to the end of the text, for names in parentheses.
fn from(rest: &str, line: &str, out: &mut Vec<(u32, String, Vec<String>)>) {
    let Some((module, names)) = line.split_once(" import") else {
        return;
    };
    let module = module.trim();
    let level = module.bytes().take_while(|b| *b == b'.').count();
    let name = module[level..].trim();
    if !name
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
    {
        return;
    }
    let names = names.trim();
    let body = if names.starts_with('(') {
        let open = rest.find('(').map_or(0, |n| n + 1);
        let close = rest.find(')').unwrap_or(rest.len());
        rest.get(open..close).unwrap_or("")
    } else if names.trim_end().ends_with('\\') {
        rest.split("\n\n")
            .next()
            .unwrap_or("")
            .split_once(" import")
            .map_or("", |p| p.1)
    } else {
        names
    };
    let mut found: Vec<String> = Vec::new();
    for line in body.lines() {
        for part in line.split('#').next().unwrap_or("").split(',') {
            let word = part
                .trim()
                .trim_end_matches(['\\', ')'])
                .split_whitespace()
                .next()
                .unwrap_or("");
            if word == "*"
                || word
                    .chars()
                    .next()
                    .is_some_and(|c| c.is_alphabetic() || c == '_')
            {
                found.push(word.to_owned());
            }
        }
    }
    if found.is_empty() {
        found.push("*".to_owned());
    }
    out.push((u32::try_from(level).unwrap_or(0), name.to_owned(), found));
}

/// The absolute name of `module` as written in a module of `package`.
pub fn resolve(package: &str, level: u32, module: &str) -> String {
    if level == 0 {
        return module.to_owned();
    }
    let mut base = package;
    for _ in 1..level {
        base = base.rsplit_once('.').map_or("", |(head, _)| head);
    }
    match (base.is_empty(), module.is_empty()) {
        (true, _) => module.to_owned(),
        (false, true) => base.to_owned(),
        (false, false) => format!("{base}.{module}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        scan(text)
            .into_iter()
            .map(|(level, module, names)| {
                format!("{}{module}:{}", ".".repeat(level as usize), names.join(","))
            })
            .collect()
    }

    #[test]
    fn all_forms_are_found() {
        assert_eq!(names("import a, b.c as d\n"), ["a:", "b.c:"]);
        assert_eq!(names("lazy from a import (b,\n c)\n"), ["a:b,c"]);
        assert_eq!(names("from a.b import c as d, e\n"), ["a.b:c,e"]);
        assert_eq!(
            names("from . import (\n    x,  # one\n    y as z,\n)\n"),
            [".:x,y"]
        );
        assert_eq!(names("    from ..m import *\n"), ["..m:*"]);
        assert_eq!(names("try: import q\nexcept E: pass\n"), ["q:"]);
        assert_eq!(names("from a import b, \\\n    c\n"), ["a:b,c"]);
        assert_eq!(names("x = importlib.import_module('a.b')\n"), ["a.b:"]);
        assert_eq!(names("f(import_module(\".c\", __package__))\n"), [".c:"]);
        assert_eq!(
            names("import_module(name)\nN = ['a.b', \"c:D\", '-']\n"),
            ["*:", "a.b:", "c:"]
        );
        assert_eq!(names("import_module('p.' + name)\n"), ["p.*:"]);
        assert_eq!(names("import_module('p.%s' % name)\n"), ["p.*:"]);
        assert_eq!(names("import_module(f\"{__name__}.{name}\")\n"), [".*:"]);
        assert_eq!(names("important = 1\nfromage = 2\n"), Vec::<String>::new());
    }

    #[test]
    fn relative_names_resolve_against_the_package() {
        assert_eq!(resolve("p.q", 1, "m"), "p.q.m");
        assert_eq!(resolve("p.q", 2, ""), "p");
        assert_eq!(resolve("p", 0, "a.b"), "a.b");
    }
}
