//! Which statement is which.

use crate::check;

#[test]
fn equal_texts_are_the_same() {
    check(
        "x = 1\ndef f(): pass",
        "x = 1\ndef f(): pass",
        "same x = 1\nsame def f(): pass",
    );
    check("", "", "");
    check("x = 1", "# c\n\n\nx  =  1", "same x = 1 => x  =  1");
}

#[test]
fn added_and_removed() {
    check("", "x = 1", "added x = 1");
    check("x = 1", "", "removed x = 1");
    check(
        "a = 1\nc = 3",
        "a = 1\nb = 2\nc = 3",
        "same a = 1\nadded b = 2\nsame c = 3",
    );
    check(
        "a = 1\nb = 2\nc = 3",
        "a = 1\nc = 3",
        "same a = 1\nsame c = 3\nremoved b = 2",
    );
    check(
        "def f(): pass",
        "def g(): pass",
        "added def g(): pass\nremoved def f(): pass",
    );
}

#[test]
fn assignments_pair_by_the_name() {
    check("x = 1", "x = 2", "changed x = 1 => x = 2");
    check(
        "x = 1\ny = 2",
        "y = 3\nx = 4",
        "changed y = 2 => y = 3\nchanged^ x = 1 => x = 4",
    );
    check("x = 1", "y = 1", "added y = 1\nremoved x = 1");
    check("x = 1", "x: int = 1", "changed x = 1 => x: int = 1");
    check("x: int", "x: int = 1", "changed x: int => x: int = 1");
    check("x: int", "x: str", "changed x: int => x: str");
    check("x = x = 1", "x: int", "changed x = x = 1 => x: int");
    check(
        "a, b = 1, 2",
        "b, a = 2, 1",
        "changed a, b = 1, 2 => b, a = 2, 1",
    );
    check("a = b = 1", "a = b = 2", "changed a = b = 1 => a = b = 2");
    check("a = b = 1", "a = 1", "added a = 1\nremoved a = b = 1");
    check(
        "type A = int",
        "type A = str",
        "changed type A = int => type A = str",
    );
}

#[test]
fn assignments_of_one_name_pair_by_occurrence() {
    check(
        "x = 1\nx = x + 1\nx = 3",
        "x = 1\nx = x + 2\nx = 3",
        "same x = 1\nchanged x = x + 1 => x = x + 2\nsame x = 3",
    );
    check(
        "x = 1\nx = 2",
        "x = 3\nx = 4",
        "changed x = 1 => x = 3\nchanged x = 2 => x = 4",
    );
}

#[test]
fn functions_pair_by_the_name() {
    check(
        "def f(): return 1",
        "def f(): return 2",
        "body def f(): return 1 => def f(): return 2",
    );
    check(
        "
        def f():
            return 1
        ",
        "
        def f(a):
            return 1
        ",
        "header def f(): => def f(a):",
    );
    check(
        "
        @a
        def f(): pass
        ",
        "
        @b
        def f(): pass
        ",
        "header def f(): pass",
    );
    check(
        "def f(): pass",
        "async def f(): pass",
        "header def f(): pass => async def f(): pass",
    );
}

#[test]
fn function_that_becomes_a_class_is_another() {
    check(
        "def f(): pass",
        "class f: pass",
        "added class f: pass\nremoved def f(): pass",
    );
    check(
        "f = 1",
        "def f(): pass",
        "added def f(): pass\nremoved f = 1",
    );
}

#[test]
fn functions_of_one_name_pair_by_header_then_decorators_then_occurrence() {
    check(
        "
        class C:
            @property
            def p(self): return 1
            @p.setter
            def p(self, v): x
            @p.deleter
            def p(self): del y
        ",
        "
        class C:
            @p.setter
            def p(self, v): z
            @p.deleter
            def p(self): del y
        ",
        "
        inner class C:
          body def p(self, v): x => def p(self, v): z
          same def p(self): del y
          removed def p(self): return 1
        ",
    );
    check(
        "
        @g.register
        def _(a: int): return 1
        @g.register
        def _(a: str): return 2
        ",
        "
        @g.register
        def _(a: bytes): return 0
        @g.register
        def _(a: str): return 3
        @g.register
        def _(a: int): return 1
        ",
        "
        added def _(a: bytes): return 0
        body def _(a: str): return 2 => def _(a: str): return 3
        same^ def _(a: int): return 1
        ",
    );
    check(
        "
        def f(): return 1
        def f(): return 2
        ",
        "
        def f(): return 3
        def f(): return 4
        ",
        "
        body def f(): return 1 => def f(): return 3
        body def f(): return 2 => def f(): return 4
        ",
    );
    check(
        "
        def f(a): return 1
        @d
        def f(b): return 2
        ",
        "
        @d
        def f(c): return 3
        def f(e): return 4
        ",
        "
        header def f(b): return 2 => def f(c): return 3
        header^ def f(a): return 1 => def f(e): return 4
        ",
    );
}

#[test]
fn moved_statements_are_the_same() {
    check(
        "a = 1\ndef f(): pass\nclass C: pass\nimport m",
        "import m\nclass C: pass\ndef f(): pass\na = 1",
        "same import m\nsame^ class C: pass\nsame^ def f(): pass\nsame^ a = 1",
    );
    check("f()\ng()", "g()\nf()", "same g()\nsame^ f()");
    check("x = 1\nx = 2", "x = 2\nx = 1", "same x = 2\nsame^ x = 1");
}

#[test]
fn equal_statements_pair_in_order() {
    check(
        "f()\nf()\nf()",
        "f()\nf()",
        "same f()\nsame f()\nremoved f()",
    );
    check("f()", "f()\nf()", "same f()\nadded f()");
    check(
        "f()\na = 1\nf()\nb = 2",
        "f()\na = 1\nb = 2\nf()",
        "same f()\nsame a = 1\nsame b = 2\nsame^ f()",
    );
}

#[test]
fn imports_pair_by_what_they_bind() {
    check(
        "from m import a",
        "from n import a",
        "changed from m import a => from n import a",
    );
    check(
        "import a as b",
        "from c import b",
        "changed import a as b => from c import b",
    );
    check(
        "from m import a, b",
        "from m import b, a",
        "changed from m import a, b => from m import b, a",
    );
    check(
        "from m import a",
        "from m import a, b",
        "added from m import a, b\nremoved from m import a",
    );
    check(
        "from m import *",
        "from n import *",
        "changed from m import * => from n import *",
    );
    check(
        "import a.b",
        "import a.c",
        "changed import a.b => import a.c",
    );
}

#[test]
fn nameless_statements_pair_within_their_gap() {
    check("f(1)", "f(2)", "changed f(1) => f(2)");
    check("x += 1", "x += 2", "changed x += 1 => x += 2");
    check("x += 1", "f()", "added f()\nremoved x += 1");
    check(
        "f(1)\na = 1\nb = 2",
        "a = 1\nf(2)\nb = 2",
        "same a = 1\nadded f(2)\nsame b = 2\nremoved f(1)",
    );
    check(
        "f(1)\na = 1\nf(2)",
        "f(3)\na = 1\nf(4)",
        "changed f(1) => f(3)\nsame a = 1\nchanged f(2) => f(4)",
    );
    check("f(1)\nf(2)", "f(3)", "changed f(1) => f(3)\nremoved f(2)");
    check("X.a = 1", "X.a = 2", "changed X.a = 1 => X.a = 2");
    check("del x", "del y", "changed del x => del y");
    check("assert a", "assert b", "changed assert a => assert b");
}

#[test]
fn nameless_statements_about_the_same_object_go_first() {
    check(
        "x += 1\ny += 1",
        "y += 2\nx += 2",
        "changed y += 1 => y += 2\nchanged^ x += 1 => x += 2",
    );
    check(
        "X.add(1)\nY.add(1)",
        "Y.add(2)",
        "changed Y.add(1) => Y.add(2)\nremoved X.add(1)",
    );
}

#[test]
fn docstrings_pair_with_docstrings() {
    check("'a'\nx = 1", "'b'\nx = 1", "changed 'a' => 'b'\nsame x = 1");
    check("'a'", "x = 1\n'a'", "added x = 1\nadded 'a'\nremoved 'a'");
    check("x = 1", "'a'\nx = 1", "added 'a'\nsame x = 1");
}

#[test]
fn changes_around_a_gap_do_not_break_it() {
    check(
        "x = 1\nf(x)\ny = 2",
        "x = 2\nf(x, 1)\ny = 3",
        "changed x = 1 => x = 2\nchanged f(x) => f(x, 1)\nchanged y = 2 => y = 3",
    );
}
