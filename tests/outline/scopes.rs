//! What a name means where it is read.

use crate::{check, read};

#[test]
fn assignment_reads_and_binds() {
    check("x = y", "assign x #pure +x <y");
    check("x = a.b.c", "assign x #pure +x <a.b.c");
    check("x, (y, *z) = f(1)", "assign +x,y,z <f !f");
    check("[x, y] = a", "assign +x,y <a");
    check("x = y = z", "assign #pure +x,y <z");
}

#[test]
fn longest_path_is_read() {
    check("m.X.foo(1)", "expr <m.X.foo !m.X.foo ~m");
    check("x = m.f().g.h", "assign x +x <m.f !m.f");
    check("x = m.T[k].a.b", "assign x #pure +x <k,m.T");
    check("x = (a.b).c", "assign x #pure +x <a.b.c");
    check("x = ''.join(a.b)", "assign x #pure +x <a.b");
}

#[test]
fn function_body_is_later() {
    check(
        "
        def f(a, b=D, *args: T, k=E, **kw) -> R:
            return a + b + args + kw + g(h.i) + k
        ",
        "function f +f <D,E,R,T | <g,h.i !g",
    );
}

#[test]
fn locals_of_functions_are_not_read() {
    check(
        "
        def f():
            import os
            from m import n
            x = 1
            for y in z: pass
            with o as p: pass
            try: pass
            except E as e: e
            match q:
                case {'k': r, **s}: r, s
                case [t, *u] if u: t
                case C(v) as w: v, w
            def g(): pass
            class H: pass
            (i := 1)
            j: int
            del k
            return os, n, x, y, p, g, H, i, j, k
        ",
        "
        function f +f | <C,C.__match_args__,E,from m import n,import os,o,q,z !z
          function g
          class H
            other
        ",
    );
}

#[test]
fn local_is_local_before_it_is_bound() {
    check(
        "def f():\n    print(x)\n    x = 1",
        "function f +f | <print !print",
    );
}

#[test]
fn nested_functions_see_enclosing_locals() {
    check(
        "
        def f(a):
            b = 1
            def g(c):
                return a, b, c, d
            return g
        ",
        "
        function f +f | <d
          function g | <d
        ",
    );
}

#[test]
fn defaults_of_nested_functions_run_in_the_outer_one() {
    check(
        "
        def f(a):
            def g(x=a, y=D): pass
        ",
        "
        function f +f | <D
          function g <D
        ",
    );
}

#[test]
fn global_declaration_names_the_module() {
    check(
        "
        def f():
            global x, y
            x = 1
            y += 1
        ",
        "function f +f | <y ~y ^x,y",
    );
    check(
        "
        def f(x):
            def g():
                global x
                return x
        ",
        "
        function f +f | <x
          function g | <x
        ",
    );
    check(
        "
        def f():
            global g, C, os, e
            def g(): pass
            class C: pass
            import os
            for e in (): pass
        ",
        "
        function f +f | ^C,e,g,os
          function g ^g
          class C ^C
            other
        ",
    );
    check("def f():\n    global x\n    del x", "function f +f | ^x");
}

#[test]
fn nonlocal_belongs_to_the_enclosing_function() {
    check(
        "
        def f():
            x = 1
            def g():
                nonlocal x
                x += 1
        ",
        "
        function f +f
          function g
        ",
    );
}

#[test]
fn class_names_are_not_seen_by_methods() {
    check(
        "
        class C:
            x = 1
            y = x
            def m(self): return x, C, self.x
        ",
        "
        class C +C | <C,x
          assign x #pure +x
          assign y #pure +y <x
          function m +m | <C,x
        ",
    );
}

#[test]
fn class_body_reads_the_module_until_it_binds() {
    check(
        "
        class C(B, metaclass=M):
            a = x
            x = x
            b = x
        ",
        "
        class C +C <B,M,x
          assign a #pure +a <x
          assign x #pure +x <x
          assign b #pure +b <x
        ",
    );
    check(
        "
        class C:
            x = 1
            del x
            y = x
        ",
        "
        class C +C <x
          assign x #pure +x
          delete -x
          assign y #pure +y <x
        ",
    );
}

#[test]
fn nested_class_does_not_see_the_outer_class() {
    check(
        "
        class A:
            x = 1
            class B(x):
                y = x
        ",
        "
        class A +A <x
          assign x #pure +x
          class B +B <x
            assign y #pure +y <x
        ",
    );
}

#[test]
fn global_in_a_class_body_binds_in_the_module() {
    check(
        "
        class C:
            global x
            x = 1
        ",
        "
        class C +C,x
          other
          assign x #pure ^x
        ",
    );
}

#[test]
fn class_in_a_function_sees_its_locals() {
    check(
        "
        def f(a):
            class C(a, B):
                x = a, g
                def m(self): return a, h, x
        ",
        "
        function f +f | <B,g,h,x
          class C <B,g | <h,x
            assign x #pure +x <g
            function m +m | <h,x
        ",
    );
}

#[test]
fn comprehension_names_are_its_own() {
    check(
        "x = [i + y for i in z if i > w]",
        "assign x #container +x <w,y,z !z",
    );
    check(
        "x = {k: v for k, v in z for u in k if u}",
        "assign x #container +x <z !z",
    );
    check("x = sum(i for i in z)", "assign x #pure +x <sum,z !sum,z");
    check("x = [i for i in i]", "assign x #container +x <i !i");
    check(
        "x = [j for i in a for j in i]",
        "assign x #container +x <a !a",
    );
    check("x = [1 for a.b in c]", "assign x #container +x <a,c !c ~a");
}

#[test]
fn walrus_binds_outside_of_the_comprehension() {
    check("x = [last := i for i in z]", "assign x +last,x <z !z");
    check("print(n := 1)", "expr +n <print !print");
    check(
        "def f():\n    return [last := i for i in z], last",
        "function f +f | <z !z",
    );
    check("g = lambda: (n := 1) + n + m", "assign g #pure +g | <m");
}

#[test]
fn class_names_are_seen_by_the_first_iterable_only() {
    check(
        "
        class C:
            a = b = ()
            x = [i for i in a for j in b]
        ",
        "
        class C +C <b
          assign #pure +a,b
          assign x #container +x <a,b !a
        ",
    );
}

#[test]
fn lambda_bodies_are_later_and_their_defaults_now() {
    check("f = lambda a, b=D: a + b + c", "assign f #pure +f <D | <c");
    check("f = lambda: lambda: x", "assign f #pure +f | <x");
    check(
        "register(xs, key=lambda v: v.a + k)",
        "expr <register,xs !register | <k",
    );
}

#[test]
fn lambdas_that_are_called_where_they_stand_are_read_now() {
    check(
        "sorted(xs, key=lambda v: v.a + k)",
        "expr <k,sorted,xs !sorted,xs",
    );
    check("x = (lambda: a)()", "assign x +x <a");
    check("x = (lambda: lambda: a)()", "assign x +x | <a");
    check("x = [f() for f in [lambda: a]]", "assign x +x <a");
    check("x = (a if b else c)(1)", "assign x +x <a,b,c !a,c");
    check("x = {1: a}[k](1)", "assign x +x <a,k !a");
}

#[test]
fn annotations_are_read_when_the_module_is_imported() {
    check("x: T = v", "assign x #pure +x <T,v");
    check("x: m.T", "annotation x <m.T");
    check("x.y: T = v", "assign <T,v,x ~x");
    check("x: 'T'", "annotation x");
    check(
        "def f(a: A, *b: B, c: C = 1, **d: D) -> 'E': pass",
        "function f +f <A,B,C,D",
    );
    check(
        "
        from __future__ import annotations
        x: T = v
        def f(a: A = d) -> B: pass
        ",
        "
        import +annotations [__future__:annotations>annotations]
        assign x #pure +x <v
        function f +f <d
        ",
    );
    check(
        "def f():\n    x: T = 1\n    self.y: T = 2",
        "function f +f | <self ~self",
    );
    check(
        "class C:\n    x: T\n    y: int = x",
        "
        class C +C <T,int,x
          annotation x <T
          assign y #pure +y <int,x
        ",
    );
}

#[test]
fn type_parameters_are_local() {
    check(
        "def f[T: B, *U, **P](a: T, b: list[U] = d) -> P: return T",
        "function f +f <B,d,list",
    );
    check(
        "class C[T](Base[T]):\n    x: T\n    def m(self) -> T: return T",
        "
        class C +C <Base
          annotation x
          function m +m
        ",
    );
    check("type A[T] = dict[T, V]", "assign A #pure +A <V,dict");
    check("class C[T = D]: pass", "class C +C <D\n  other");
}

#[test]
fn decorators_are_read_and_called() {
    check(
        "
        @a
        @b.c(d)
        def f(): pass
        ",
        "function f +f <a,b.c,d !a,b.c",
    );
    check(
        "
        class C:
            @property
            def p(self): pass
            @p.setter
            def p(self, v): pass
        ",
        "
        class C +C <property !property
          function p +p <property !property
          function p +p <p.setter !p.setter
        ",
    );
}

#[test]
fn builtins_call_what_they_are_given() {
    check(
        "x = sorted(xs, key=f)",
        "assign x #pure +x <f,sorted,xs !f,sorted,xs",
    );
    check(
        "x = list(map(m.f, xs))",
        "assign x #container +x <list,m.f,map,xs !list,m.f,map,xs",
    );
    check("g(f)", "expr <f,g !g");
    check(
        "def sorted(x): pass\ny = sorted(f)",
        "
        function sorted +sorted
        assign y +y <f,sorted !sorted
    ",
    );
    check(
        "def g(f):\n    return map(f, h)",
        "function g +g | <h,map !h,map",
    );
}

#[test]
fn private_names_are_mangled() {
    check(
        "
        class _C:
            __x = __y
            def __m(self): return __x, self.__x, k.__z, __init__
        ",
        "
        class _C +_C <_C__y | <_C__x,__init__,k._C__z
          assign __x #pure +_C__x <_C__y
          function __m +_C__m | <_C__x,__init__,k._C__z
        ",
    );
    check(
        "class C:\n    def m(self, __a):\n        return __a",
        "class C +C\n  function m +m",
    );
}

#[test]
fn implicit_class_cell_is_not_the_modules() {
    check(
        "class C:\n    a = __qualname__\n    def m(self): return __class__, super()",
        "
        class C +C | <super !super
          assign a #pure +a <__qualname__
          function m +m | <super !super
        ",
    );
}

#[test]
fn opaque_code_is_marked() {
    check(
        "globals()['x'] = 1",
        "expr <globals !globals ?"
            .replace("expr", "assign")
            .as_str(),
    );
    check("exec(s)", "expr <exec,s !exec ?");
    check("def f(): return eval(s)", "function f +f | <eval,s !eval ?");
    check("x = vars()", "assign x +x <vars !vars ?");
    check("x = vars(y)", "assign x +x <vars,y !vars,y");
    check(
        "def f(): return locals()",
        "function f +f | <locals !locals",
    );
    check(
        "class C:\n    x = locals()",
        "class C +C <locals !locals ?\n  assign x +x <locals !locals ?",
    );
    check("model.eval()", "expr <model.eval !model.eval ~model");
    check(
        "import builtins\nbuiltins.exec(s)",
        "
        import +builtins [builtins>builtins]
        expr <builtins.exec,s !builtins.exec ?
    ",
    );
    check(
        "from m import eval\neval(1)",
        "
        import +eval [m:eval>eval]
        expr <eval !eval
    ",
    );
}

#[test]
fn strings_with_fields_read_names() {
    check("x = f'{a.b!r:>{w}} {c}'", "assign x #pure +x <a.b,c,w");
    check("x = f'{g(1)}'", "assign x +x <g !g");
    check("x = t'{a}'", "assign x #pure +x <a");
}

#[test]
fn super_in_the_module_block_is_noticed() {
    for (source, expect) in [
        ("x = super", true),
        ("super = 1", true),
        ("from m import super", true),
        ("@super\ndef f(): pass", true),
        ("def f(x=super): pass", true),
        ("[super for x in y]", true),
        ("def f():\n    global super", true),
        ("class C:\n    def m(self): super().m()", false),
        ("class C:\n    x = super", false),
        ("f = lambda: super", false),
        ("x.super", false),
    ] {
        assert_eq!(read(source).mentions_super, expect, "{source}");
    }
}
