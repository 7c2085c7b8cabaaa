//! Comparisons inside of statements.

use crate::check;

#[test]
fn class_with_the_same_header_is_compared_inside() {
    check(
        "
        class C(B):
            'doc'
            x = 1
            y = 2
            def m(self): return 1
            def n(self): return 1
            def o(self): return 1
        ",
        "
        class C(B):
            'new doc'
            x = 3
            z = 2
            def m(self): return 2
            def n(self, a): return 1
            def o(self): return 1
        ",
        "
        inner class C(B):
          changed 'doc' => 'new doc'
          changed x = 1 => x = 3
          added z = 2
          body def m(self): return 1 => def m(self): return 2
          header def n(self): return 1 => def n(self, a): return 1
          same def o(self): return 1
          removed y = 2
        ",
    );
}

#[test]
fn class_with_another_header_is_compared_inside_too() {
    check(
        "
        class C(A):
            x = 1
        ",
        "
        class C(B):
            x = 2
        ",
        "
        header class C(A): => class C(B):
          changed x = 1 => x = 2
        ",
    );
    check(
        "
        @a
        class C:
            x = 1
        ",
        "
        @b
        class C:
            x = 1
        ",
        "
        header class C:
          same x = 1
        ",
    );
}

#[test]
fn nested_classes_are_compared_to_any_depth() {
    check(
        "
        class A:
            class B:
                def m(self): return 1
        ",
        "
        class A:
            class B:
                def m(self): return 2
        ",
        "
        inner class A:
          inner class B:
            body def m(self): return 1 => def m(self): return 2
        ",
    );
}

#[test]
fn compound_of_which_function_bodies_differ() {
    check(
        "
        if a:
            x = 1
            def f(): return 1
            class C:
                def m(self): return 1
        else:
            def f(): return 2
        ",
        "
        if a:
            x = 1
            def f(): return 1
            class C:
                def m(self): return 3
        else:
            def f(): return 4
        ",
        "
        inner if a:
          same def f(): return 1
          inner class C:
            body def m(self): return 1 => def m(self): return 3
          body def f(): return 2 => def f(): return 4
        ",
    );
}

#[test]
fn compound_of_which_more_differs_has_changed() {
    check("if a:\n    x = 1", "if a:\n    x = 2", "changed if a:");
    check(
        "if a:\n    x = 1",
        "if b:\n    x = 1",
        "changed if a: => if b:",
    );
    check(
        "if a:\n    def f(): return 1",
        "if a:\n    def f(b): return 1",
        "changed if a:",
    );
    check(
        "for a in b: pass",
        "while a: pass",
        "changed for a in b: pass => while a: pass",
    );
}

#[test]
fn compound_is_found_by_its_header_wherever_it_stands() {
    check(
        "
        if a:
            def f(): return 1
        x = 1
        if b:
            def f(): return 2
        ",
        "
        if b:
            def f(): return 3
        x = 1
        if a:
            def f(): return 4
        ",
        "
        inner if b:
          body def f(): return 2 => def f(): return 3
        same^ x = 1
        inner^ if a:
          body def f(): return 1 => def f(): return 4
        ",
    );
}

#[test]
fn main_guard_is_one() {
    check(
        "if __name__ == '__main__':\n    f()",
        "x = 1\nif __name__ == '__main__':\n    g()",
        "added x = 1\nchanged if __name__ == '__main__':",
    );
    check(
        "if __name__ == '__main__':\n    f()",
        "if __name__ == '__main__':\n    f()\nelse:\n    g()",
        "added if __name__ == '__main__':\nremoved if __name__ == '__main__':",
    );
}

#[test]
fn function_body_with_nested_functions_is_a_body() {
    check(
        "
        def f():
            def g(): return 1
            return g
        ",
        "
        def f():
            def g(a): return 1
            return g
        ",
        "body def f():",
    );
}

#[test]
fn reordered_class_body_is_inner_with_everything_the_same() {
    check(
        "
        class C:
            a = 1
            b = 2
        ",
        "
        class C:
            b = 2
            a = 1
        ",
        "
        inner class C:
          same b = 2
          same^ a = 1
        ",
    );
}
