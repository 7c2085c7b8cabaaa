//! What a module takes from others at import, and whether it looks at it then.
//!
//! A name that is imported and only used inside functions can be bound to another object without
//! anything else to be done, and thousands of modules may have taken it. To know that of each
//! takes an outline; what is kept of that is this.

use std::sync::Arc;

use super::imports::resolve;
use super::names::shared;
use crate::outline::{Import, Kind, Outline, Statement, Uses};
use crate::plan::{Dirty, Functions, affected};

/// A name that an import statement binds, or a module that it makes reachable.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// Absolute name of the module. This and the next ones are `shared`.
    pub module: Arc<str>,
    /// The name taken from it; `None` when it is the module itself, `*` for all.
    pub name: Option<Arc<str>>,
    /// The module that this name would be, were it one.
    pub inner: Option<Arc<str>>,
    /// The name it is bound to here.
    pub bound: Arc<str>,
    /// The line of the statement.
    pub line: u32,
    /// Nothing that runs at import time looks at it, and nothing else binds the name.
    pub idle: bool,
}

/// All that a module takes.
pub fn takes(outline: &Outline, package: &str) -> Box<[Taken]> {
    let functions = Functions::of(outline);
    let wraps = outline.body.iter().any(wraps);
    let idle = |bound: &str| {
        let mut dirty = Dirty::default();
        dirty.value(bound, "");
        dirty.acts(bound, "");
        let mut binders = 0;
        outline.body.iter().all(|statement| {
            let binds = statement.uses.binds.iter().any(|name| name == bound);
            binders += usize::from(binds);
            let kept = wraps && mentions(&statement.later, bound);
            let looks = statement.kind != Kind::Import && mentions(&statement.uses, bound)
                || affected(&statement.uses, &functions, &dirty).is_some()
                || functions.remade(statement, &dirty).is_some();
            !(kept || looks || binds && binders > 1)
        })
    };
    let mut out = Vec::new();
    for statement in &outline.body {
        let plain = statement.kind == Kind::Import;
        let line = statement.span.line;
        add(&mut out, &statement.imports, package, line, |bound| {
            plain && idle(bound)
        });
        add(&mut out, &statement.late, package, line, idle);
        inside(&mut out, &statement.body, package);
    }
    out.into()
}

/// Imports in the bodies of classes.
fn inside(out: &mut Vec<Taken>, body: &[Statement], package: &str) {
    for statement in body {
        let line = statement.span.line;
        add(out, &statement.imports, package, line, |_| false);
        inside(out, &statement.body, package);
    }
}

fn add(
    out: &mut Vec<Taken>,
    imports: &[Import],
    package: &str,
    line: u32,
    idle: impl Fn(&str) -> bool,
) {
    for import in imports {
        let module = resolve(package, import.level, &import.module);
        let mut push = |module: &str, name: Option<&str>| {
            out.push(Taken {
                module: shared(module),
                name: name.map(shared),
                inner: name.map(|name| shared(&[module, ".", name].concat())),
                bound: shared(&import.bound),
                line,
                idle: name != Some("*") && idle(&import.bound),
            });
        };
        match import.name.as_deref() {
            None if !import.aliased => {
                // `import a.b.c`: `a`, `a.b` and `a.b.c` can be reached.
                for (at, _) in module.match_indices('.') {
                    push(&module[..at], None);
                }
                push(&module, None);
            }
            name => push(&module, name),
        }
    }
}

/// Whether a path among these begins with the name.
fn mentions(uses: &Uses, name: &str) -> bool {
    let all = [&uses.reads, &uses.calls, &uses.mutates, &uses.deletes];
    all.into_iter().flatten().any(|path| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }) || uses.global_writes.iter().any(|n| n == name)
}

/// Whether something may have wrapped a function here: then results may be remembered, which go
/// when what the function reads changes.
fn wraps(statement: &Statement) -> bool {
    statement.kind == Kind::Function && statement.decorators != 0
        || statement.kind == Kind::Assign && !statement.uses.calls.is_empty()
        || statement.body.iter().any(wraps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let outline = crate::outline::read(text).expect("it is Python");
        takes(&outline, "p")
            .iter()
            .map(|t| {
                let name = t.name.as_deref().unwrap_or("-");
                let idle = if t.idle { "idle" } else { "used" };
                format!("{}:{name}:{} {idle}", t.module, t.bound)
            })
            .collect()
    }

    #[test]
    fn what_is_only_used_in_functions_is_idle() {
        assert_eq!(
            found("from m import A, b as c\nfrom . import d\n\ndef f():\n    return A, c(), d.x\n"),
            ["m:A:A idle", "m:b:c idle", "p:d:d idle"]
        );
        assert_eq!(found("import a.b\n"), ["a:-:a idle", "a.b:-:a idle"]);
    }

    #[test]
    fn what_is_looked_at_is_not() {
        for text in [
            "from m import A\nB = A\n",
            "from m import A\nclass C(A): pass\n",
            "from m import A\ndef f(x=A): pass\n",
            "from m import A\n@A\ndef f(): pass\n",
            "from m import A\ndef f(): return A\nf()\n",
            "from m import A\ndef f(): return A\ndef g(): return f()\nX = g()\n",
            "from m import A\nclass C:\n    y = A\n",
            "from m import A\nA.append(1)\n",
            "from m import A\nA = 2\n",
            "from m import A\ndel A\n",
            "from m import A\nimport functools\n@functools.cache\ndef f(): return A\n",
            "try:\n    from m import A\nexcept ImportError:\n    A = 1\n",
            "from m import *\n",
            "class C:\n    from m import A\n",
        ] {
            let all = found(text);
            let of_m = all.iter().filter(|t| t.starts_with("m:"));
            assert!(of_m.clone().count() > 0, "{text}");
            assert!(
                of_m.clone().all(|t| t.ends_with(" used")),
                "{text}: {all:?}"
            );
        }
    }
}
