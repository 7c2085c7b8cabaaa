//! The kinds of statements and what each does.

use crate::{check, read};

#[test]
fn docstring_is_the_first_string_only() {
    check("'doc'\n'not'", "docstring\nexpr");
    check("('a' 'b')", "docstring");
    check("f'x'", "expr");
    check("b'x'", "expr");
    check("x = 1\n'no'", "assign x #pure +x\nexpr");
    check(
        "class C:\n    'doc'\n    'not'",
        "class C +C\n  docstring\n  expr",
    );
}

#[test]
fn imports_are_recorded() {
    check("import a.b", "import +a [a.b>a]");
    check("import a.b as c, d", "import +c,d [a.b as c] [d>d]");
    check("from . import x", "import +x [.:x>x]");
    check(
        "from ..p.q import x as y, z",
        "import +y,z [..p.q:x as y] [..p.q:z>z]",
    );
    check("from m import *", "import [m:*>*]");
    check(
        "from m import (\n    a,\n    b,\n)",
        "import +a,b [m:a>a] [m:b>b]",
    );
}

#[test]
fn imports_in_compounds_are_recorded_too() {
    check(
        "
        try:
            import json5 as json
        except ImportError as e:
            import json
        ",
        "compound +e,json <ImportError [json5 as json] [json>json]",
    );
    check(
        "if TYPE_CHECKING:\n    from m import T",
        "compound +T <TYPE_CHECKING [m:T>T]",
    );
    check(
        "def f():\n    import x\n    return x",
        "function f +f | <import x",
    );
    check(
        "class C:\n    import x",
        "class C +C [x>x]\n  import +x [x>x]",
    );
}

#[test]
fn imports_of_functions_are_recorded() {
    check(
        "def f():\n    from .a.b import c as d\n    return d.e(), d",
        "function f +f | <from /a/b import c,from /a/b import c.e !from /a/b import c.e",
    );
    check(
        "def f():\n    import a.b, p.q as r\n    return a.b.c, r.s",
        "function f +f | <import a.b.c,import p/q.s",
    );
    let outline = read("class C:\n    def f(self):\n        from a import b\n        return b\n");
    let late = &outline.body[0].late;
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].bound, "from a import b");
    assert_eq!(late[0].name.as_deref(), Some("b"));
}

#[test]
fn outline_knows_the_imported_names() {
    let outline = read(
        "from __future__ import annotations\nimport a.b\nif x:\n    from m import c as d\n\
         class C:\n    import e\ndef f():\n    import g\n",
    );
    assert_eq!(outline.imported, ["a", "annotations", "d"]);
    assert_eq!(outline.future, ["annotations"]);
    assert!(!outline.star);
    assert!(read("from m import *").star);
}

#[test]
fn augmented_assignment_reads_binds_and_mutates() {
    check("x += y", "augassign +x <x,y ~x");
    check("x.a += y", "augassign <x,x.a,y ~x");
    check("x[k] += y", "augassign <k,x,y ~x");
    check(
        "class C:\n    a = []\n    a += b",
        "
        class C +C <b
          assign a #container +a
          augassign +a <a,b ~a
    ",
    );
}

#[test]
fn changes_in_place_name_the_root() {
    check("X[k] = v", "assign <X,k,v ~X");
    check("X.a.b = v", "assign <X.a,v ~X");
    check("X[k].a = v", "assign <X,k,v ~X");
    check("del X[k], Y.a, z", "delete -z <X,Y,k ~X,Y");
    check("X.append(1)", "expr <X.append !X.append ~X");
    check("X[k].append(1)", "expr <X,k ~X");
    check("X.get(k).append(1)", "expr <X.get,k !X.get ~X");
    check("y = X.pop()", "assign y +y <X.pop !X.pop");
    check("f().append(1)", "expr <f !f");
    check("f(X)", "expr <X,f !f");
    check("for X[0] in y: pass", "compound #pure <X,y !y ~X");
    check(
        "def f(a):\n    a.b = 1\n    X.b = 1",
        "function f +f | <X ~X",
    );
}

#[test]
fn functions_of_imported_modules_do_not_mutate_them() {
    check("import m\nm.f()", "import +m [m>m]\nexpr <m.f !m.f");
    check(
        "import m\nm.a.f()",
        "import +m [m>m]\nexpr <m.a.f !m.a.f ~m",
    );
    check("import m\nm.f().g()", "import +m [m>m]\nexpr <m.f !m.f");
    check(
        "from p import m\nm.f()",
        "import +m [p:m>m]\nexpr <m.f !m.f ~m",
    );
    check("m.f()\nimport m", "expr <m.f !m.f\nimport +m [m>m]");
}

#[test]
fn compounds_bind_what_any_branch_binds() {
    check(
        "
        if a: x = 1
        elif b: y = 2
        else:
            for z in c: w = 3
            else: del v
        ",
        "compound +w,x,y,z -v <a,b,c !c",
    );
    check(
        "while a:\n    b = c\nelse:\n    d = 1",
        "compound +b,d <a,c",
    );
    check(
        "with a as b, c() as (d, e.f): pass",
        "compound +b,d <a,c,e !c ~e",
    );
    check(
        "async def f():\n    async with a as b: await b.c\n    async for x in y: z",
        "function f +f | <a,y,z !y",
    );
    check(
        "
        match a:
            case 1 | m.X: b = 1
            case {'k': c, **d}: pass
            case P(e, f=g) as h if i: pass
            case [j, *_]: pass
            case _: pass
        ",
        "compound +b,c,d,e,g,h,j <P,P.__match_args__,a,i,m.X",
    );
    check(
        "
        try: a
        except (E, F) as e: b
        except* G: c
        else: d
        finally: f
        "
        .replace("        except* G: c\n", "")
        .as_str(),
        "compound +e <E,F,a,b,d,f",
    );
    check("try: pass\nexcept* E as g: pass", "compound +g <E");
}

#[test]
fn compounds_hold_the_definitions_in_them() {
    check(
        "
        if a:
            def f(): return x
            for i in b:
                class C(D):
                    def m(self): return y
        else:
            def f(): return z
        ",
        "
        compound +C,f,i <D,a,b !b | <x,y,z
          function f +f | <x
          class C +C <D | <y
            function m +m | <y
          function f +f | <z
        ",
    );
}

#[test]
fn functions_hold_the_definitions_in_them() {
    check(
        "
        def f():
            if a:
                def g():
                    def h(): return x
            return lambda: y
        ",
        "
        function f +f | <a,x,y
          function g | <x
            function h | <x
        ",
    );
}

#[test]
fn main_guard_is_recognised() {
    check(
        "if __name__ == '__main__':\n    main()",
        "mainguard <__name__,main !main",
    );
    check(
        "if '__main__' == __name__: main()",
        "mainguard <__name__,main !main",
    );
    check(
        "if (__name__ == \"__main__\"):\n    x = 1",
        "mainguard +x <__name__",
    );
    check(
        "if __name__ == '__main__': a\nelse: b",
        "compound #pure <__name__,a,b",
    );
    check("if __name__ != '__main__': a", "compound #pure <__name__,a");
    check("if __name__ == 'main': a", "compound #pure <__name__,a");
}

#[test]
fn semicolons_separate_statements() {
    check(
        "a = 1; b(); import c",
        "
        assign a #pure +a
        expr <b !b
        import +c [c>c]
    ",
    );
    check(
        "class C: x = 1; y = z",
        "
        class C +C <z
          assign x #pure +x
          assign y #pure +y <z
    ",
    );
}

#[test]
fn other_statements() {
    check("pass", "other");
    check("assert a, b", "other <a,b");
    check("raise E from c", "other <E,c");
    check("global x", "other");
    check("del a, (b, c)", "delete -a,b,c");
    check("await_(x)", "expr <await_,x !await_");
    check("async def f(): return await x", "function f +f | <x");
}

#[test]
fn pure_values() {
    for value in [
        "1",
        "'a'",
        "None",
        "...",
        "-1",
        "a + b",
        "a.b.c",
        "(1, 2)",
        "a if b else c",
        "not a",
        "a < b < c",
        "lambda: f()",
        "frozenset({1})",
        "tuple(x for x in y)",
        "int('1')",
        "sorted(a, key=b)",
        "f'{a}'",
        "a[0]",
        "a[1:2]",
        "(*a, b)",
        "dict(a=1)['a']",
        "bytes(3)",
        "len(a) + max(1, 2)",
        "T | None",
    ] {
        let outline = read(&format!("x = {value}"));
        assert_eq!(format!("{:?}", outline.body[0].value), "Pure", "{value}");
    }
}

#[test]
fn iterator_values() {
    // Not `Pure`: somebody may have taken items from it since.
    for value in [
        "map(str, a)",
        "filter(None, a)",
        "zip(a, b)",
        "enumerate(a)",
        "reversed(a)",
        "iter(a)",
    ] {
        let outline = read(&format!("x = {value}"));
        assert_eq!(
            format!("{:?}", outline.body[0].value),
            "Iterator",
            "{value}"
        );
    }
}

#[test]
fn container_values() {
    for value in [
        "[]",
        "{}",
        "{1, 2}",
        "[a, *b]",
        "{'a': 1, **b}",
        "[x for x in y]",
        "{x: 1 for x in y}",
        "list()",
        "dict(a=1)",
        "set(range(3))",
        "collections.deque(maxlen=3)",
        "collections.OrderedDict()",
        "defaultdict(list)",
        "Counter()",
        "deque([1])",
    ] {
        let source = format!("x = {value}\nfrom collections import defaultdict, Counter, deque");
        assert_eq!(
            format!("{:?}", read(&source).body[0].value),
            "Container",
            "{value}"
        );
    }
}

#[test]
fn other_values() {
    for value in [
        "f()",
        "[f()]",
        "a.b()",
        "(yield_(1),)",
        "[x async for x in y]",
        "open('f')",
        "{a: f()}",
        "print(1)",
        "(y := 1)",
        "lambda a=f(): a",
        "f'{f()}'",
        "defaultdict(list)",
        "a or f()",
        "collections.namedtuple('a', 'b')",
        "object()",
        "f'{a:{f()}}'",
        "[x for x in f()]",
    ] {
        let outline = read(&format!("x = {value}"));
        assert_eq!(format!("{:?}", outline.body[0].value), "Other", "{value}");
    }
}

#[test]
fn values_of_names_that_are_not_the_builtins() {
    let value = |source: &str| format!("{:?}", read(source).body[0].value);
    assert_eq!(value("x = len(a)"), "Pure");
    assert_eq!(value("x = len(a)\ndef len(a): pass"), "Other");
    assert_eq!(value("x = y = []"), "Container");
    assert_eq!(value("x.y = []"), "Other");
    assert_eq!(value("x = y.z = []"), "Other");
    assert_eq!(value("x: list = []"), "Container");
    assert_eq!(value("x: list"), "Other");
    assert_eq!(value("x, y = 1, 2"), "Other");
    assert_eq!(value("x += []"), "Other");
}

#[test]
fn attributes_read_of_whatever_object_are_members() {
    let outline = read("x = f(1).a.b\ndef g(self):\n    self.size = h().m(k.n)[0].o\n");
    assert_eq!(outline.body[0].uses.members, ["a", "b"]);
    assert_eq!(outline.body[1].later.members, ["m", "n", "o"]);
}

#[test]
fn head_of_a_class_is_its_decorators_bases_and_keywords() {
    let outline = read("@d\nclass C(B, m=M):\n    x = y\ndef f(a=D): pass\n");
    assert_eq!(outline.body[0].head.reads, ["B", "M", "d"]);
    assert_eq!(outline.body[0].head.calls, ["d"]);
    assert_eq!(outline.body[0].uses.reads, ["B", "M", "d", "y"]);
    assert_eq!(outline.body[1].head, Default::default());
}
