//! Where statements stand.

use crate::read;
use pyreload::outline::Statement;
use std::fmt::Write;

/// `line-end_line def def_line col column: first..last characters` for each statement.
#[track_caller]
fn check(source: &str, expect: &[&str]) {
    fn write(source: &str, body: &[Statement], out: &mut String) {
        for s in body {
            let text = &source[s.span.start as usize..s.span.end as usize];
            let (line, end, def) = (s.span.line, s.span.end_line, s.span.def_line);
            writeln!(
                out,
                "{line}-{end} def {def} col {}: {text:?}",
                s.span.column
            )
            .unwrap();
            write(source, &s.body, out);
        }
    }
    let mut got = String::new();
    write(source, &read(source).body.to_vec(), &mut got);
    assert_eq!(got.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn decorated_definitions_begin_at_the_first_decorator() {
    check(
        "\n@a\n# c\n@b(\n)\n\nasync def f():\n  pass\n",
        &[r##"2-8 def 7 col 0: "@a\n# c\n@b(\n)\n\nasync def f():\n  pass""##],
    );
    check(
        "@a\nclass C:\n  @b\n  def m(self): pass\n",
        &[
            r#"1-4 def 2 col 0: "@a\nclass C:\n  @b\n  def m(self): pass""#,
            r#"3-4 def 4 col 2: "@b\n  def m(self): pass""#,
        ],
    );
}

#[test]
fn statements_of_one_line_have_their_own_columns() {
    check(
        "ä = 1; b; c",
        &[
            r#"1-1 def 1 col 0: "ä = 1""#,
            r#"1-1 def 1 col 8: "b""#,
            r#"1-1 def 1 col 11: "c""#,
        ],
    );
    check("(\n x\n)\n", &[r#"1-3 def 1 col 0: "(\n x\n)""#]);
}

#[test]
fn blank_lines_and_comments_belong_to_no_statement() {
    check(
        "# a\n\nx = '''\n'''\n# b\n\ndef f():\n  # c\n  y\n  # d\n# e\nz",
        &[
            r#"3-4 def 3 col 0: "x = '''\n'''""#,
            r##"7-9 def 7 col 0: "def f():\n  # c\n  y""##,
            r#"12-12 def 12 col 0: "z""#,
        ],
    );
}

#[test]
fn text_without_statements_has_an_empty_outline() {
    check("", &[]);
    check("# only a comment", &[]);
    check("\n\n\x0c\n", &[]);
}
