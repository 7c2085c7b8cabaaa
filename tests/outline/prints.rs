//! Fingerprints: what differs and what does not.

use crate::read;
use pyreload::outline::Statement;

#[track_caller]
fn first(source: &str) -> Statement {
    read(source).body[0].clone()
}

/// `print header decorators`: `=` where the two sources agree, `x` where they do not.
#[track_caller]
fn check(a: &str, b: &str, expect: &str) {
    let (x, y) = (first(a), first(b));
    let mark = |same| if same { '=' } else { 'x' };
    let got: String = [
        x.print == y.print,
        x.header == y.header,
        x.decorators == y.decorators,
    ]
    .map(mark)
    .iter()
    .collect();
    assert_eq!(got, expect, "\n{a}\n---\n{b}");
}

#[test]
fn layout_and_comments_do_not_count() {
    check("x = 1", "x  =  1  # one", "===");
    check("f(a, b)", "f(\n    a,  # first\n    b)", "===");
    check("x = a + b", "x = a + \\\n  b", "===");
    check(
        "def f():\n    return 1",
        "def f() :\n\n  # hm\n  return 1\n# end",
        "===",
    );
    check(
        "if a:\n  b\n  if c:\n    d\ne",
        "if a:\n\tb\n\tif c:\n\t\td\ne",
        "===",
    );
    check("def f(): return 1", "def f(): return 1;", "===");
    check(
        "class C:\n    x = 1\ny",
        "class C:\n    x = 1\n    # c\n\n\ny",
        "===",
    );
    check("x = 1", "\x0cx = 1", "===");
}

#[test]
fn tokens_count() {
    check("x = 1", "x = 2", "xx=");
    check("x = 'a b'", "x = 'ab'", "xx=");
    check("x = '''a\n  b'''", "x = '''a\n b'''", "xx=");
    check("x = f'{a=}'", "x = f'{a = }'", "xx=");
    check("x = f'{a}b'", "x = f'{a}c'", "xx=");
    check("x = f'{f\"{a}\"}' + b", "x = f'{f\"{a}\"}' + c", "xx=");
    check("x = a", "y = a", "xx=");
    check("(x)", "x", "xx=");
    check("x = ab", "x = a.b", "xx=");
}

#[test]
fn spelling_does_not_count() {
    for (one, other) in [
        ("x = 'a'", r#"x = "a""#),
        (r#"x = 'it\'s'"#, r#"x = "it's""#),
        (r#"x = u'a'"#, r#"x = """a""""#),
        (r"x = r'a' + Rb'\d'", r#"x = 'a' + bR"\d""#),
        ("x = f'{a}'", r#"x = F"{a}""#),
        ("x = 1000 + 0XFF + 1E5", "x = 1_000 + 0xff + 1e5"),
        ("f(a, b)", "f(a, b,)"),
        ("x = [a]", "x = [a,]"),
        ("x = {a: 1}", "x = {a: 1,}"),
        ("x = (a, b)", "x = (a, b,)"),
        ("x[a, b]", "x[a, b,]"),
        ("def f(a, b=1): pass", "def f(\n    a,\n    b=1,\n): pass"),
        ("class C(A): pass", "class C(A,): pass"),
        ("class C: pass", "class C(): pass"),
        ("from a import b, c", "from a import (\n    b,\n    c,\n)"),
        ("x = a", "x = (a)"),
        ("x = a, b", "x = (a, b)"),
        ("x: int = a", "x: int = (\n    a\n)"),
        ("x += a", "x += (a)"),
        ("x = a + b; y = 1", "x = (a +\n b); y = (1)"),
        ("def f(): return a", "def f(): return (a)"),
        ("if a: b", "if (a): b"),
        ("while a: b", "while (a): b"),
        ("for a in b: c", "for a in (b): c"),
        ("for a in b or c: d", "for a in (b or c): d"),
    ] {
        check(one, other, "===");
    }
    for (one, other) in [
        ("x = (a,)", "x = (a)"),
        ("x[a,]", "x[a]"),
        ("x = 'a'", "x = b'a'"),
        (r"x = r'\n'", r"x = '\n'"),
        (r"x = '\\'", r"x = r'\\'"),
        (r#"x = '\\"'"#, r#"x = '\"'"#),
        ("x = '1'", "x = 1"),
        ("x = 'r\"a'", "x = r'a'"),
        ("x = ()", "x = ''"),
        ("x = (a) + b", "x = a + b, c"),
        ("x = (a + b) * c", "x = a + (b * c)"),
        ("x = (a)(b)", "x = a, b"),
        ("f((a,))", "f((a))"),
        ("def f(): return (a,)", "def f(): return (a)"),
        ("match (a,):\n  case b: c", "match (a):\n  case b: c"),
        ("match a:\n  case (b,): c", "match a:\n  case (b): c"),
        ("assert (a, b)", "assert a, b"),
        ("for a in (b,): c", "for a in (b): c"),
        ("x = f'{a}'", "x = '{a}'"),
        ("if x in (a or b): c", "if x in a or b: c"),
        ("while x in (a == b): c", "while x in a == b: c"),
        ("for a in b: x in (c or d)", "for a in b: x in c or d"),
        (
            "if x not in (a if b else c): d",
            "if x not in a if b else c: d",
        ),
        ("x = (lambda a, b: a,)", "x = (lambda a, b: a)"),
        ("x[lambda a, b: a,]", "x[lambda a, b: a]"),
        ("type[a,]", "type[a]"),
        ("x = f'{a!r}'", "x = f'{a!s}'"),
    ] {
        check(
            one,
            other,
            if one.starts_with("def") { "x==" } else { "xx=" },
        );
    }
}

#[test]
fn structure_counts() {
    check("if a:\n  b\n  c", "if a:\n  b\nc", "xx=");
    check(
        "if a:\n  if b:\n    c\n  else:\n    d",
        "if a:\n  if b:\n    c\nelse:\n  d",
        "xx=",
    );
}

#[test]
fn function_header_is_all_but_the_body() {
    let base = "@d\ndef f(a, b=1) -> T:\n    return a";
    check(base, "@d\ndef f(a, b=1) -> T:\n    return b", "x==");
    check(
        base,
        "@d\ndef f(a, b=1) -> T:\n    'doc'\n    return a",
        "x==",
    );
    check(base, "@d\ndef f(a, b=2) -> T:\n    return a", "xx=");
    check(base, "@d\ndef f(a, b=1) -> U:\n    return a", "xx=");
    check(base, "@d\nasync def f(a, b=1) -> T:\n    return a", "xx=");
    check(base, "@d\ndef f[T](a, b=1) -> T:\n    return a", "xx=");
    check(base, "@d\ndef g(a, b=1) -> T:\n    return a", "xx=");
    check(base, "@e\ndef f(a, b=1) -> T:\n    return a", "xxx");
    check(base, "def f(a, b=1) -> T:\n    return a", "xxx");
    check(
        base,
        "@d # c\n\ndef f(a,\n  b=1) -> T: # d\n    return a",
        "===",
    );
    check(
        "def f():\n    @d\n    def g(): pass",
        "def f():\n    @e\n    def g(): pass",
        "x==",
    );
    check("def f(): return 1", "def f():\n    return 2", "x==");
}

#[test]
fn class_header_is_all_but_the_body() {
    let base = "@d\nclass C(B, m=M):\n    x = 1";
    check(base, "@d\nclass C(B, m=M):\n    x = 2", "x==");
    check(base, "@d\nclass C(B, m=N):\n    x = 1", "xx=");
    check(base, "@d\nclass C[T](B, m=M):\n    x = 1", "xx=");
    check(base, "@e\nclass C(B, m=M):\n    x = 1", "xxx");
}

#[test]
fn compound_header_is_all_but_the_bodies_of_functions() {
    let base = "if a:\n  x = 1\n  def f(): return 1\n  class C:\n    y = 1\n    def m(self): return 2\nelse:\n  z";
    check(base, &base.replace("return 1", "return 3"), "x==");
    check(base, &base.replace("return 2", "return 3"), "x==");
    check(base, &base.replace("x = 1", "x = 3"), "xx=");
    check(base, &base.replace("y = 1", "y = 3"), "xx=");
    check(base, &base.replace("f()", "f(a)"), "xx=");
    check(base, &base.replace("  z", "  w"), "xx=");
    check("if a: x", "if b: x", "xx=");
    check(
        "if a:\n  def f():\n    def g(): return 1\n    return g",
        "if a:\n  def f():\n    def g(): return 2\n    return h",
        "x==",
    );
    check(
        "if a:\n  def f(): return 1\n  def g(): return 2",
        "if a:\n  def f(): return 1; return 2\n  def g(): pass",
        "x==",
    );
}

#[test]
fn equal_code_has_equal_prints_wherever_it_stands() {
    let outline =
        read("def f(): return x\nif a:\n    def f(): return x\nclass C:\n  def f(): return x");
    let [top, compound, class] = &outline.body.to_vec()[..] else {
        panic!("three statements")
    };
    assert_eq!(top.print, compound.body[0].print);
    assert_eq!(top.print, class.body[0].print);
    assert_eq!(
        read("x = 1; x = 1").body[0].print,
        read("x = 1; x = 1").body[1].print
    );
}
