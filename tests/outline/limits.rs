//! Broken and monstrous texts: an error, never a panic or an overflow.

use pyreload::outline;

#[track_caller]
fn error(source: &str) -> String {
    match outline::read(source) {
        Ok(_) => panic!("no error: {}", &source[..source.len().min(80)]),
        Err(error) => error.to_string(),
    }
}

#[test]
fn syntax_errors_have_a_line() {
    assert_eq!(
        error("x = 1\ny = (\n"),
        "line 3: unexpected EOF while parsing"
    );
    assert!(error("x = 1\nif a\n  b").starts_with("line 2: "));
    assert!(error("def f():\npass").starts_with("line 2: "));
    assert!(error("x = 'a\n").starts_with("line 1: "));
    assert!(error("print 1").starts_with("line 1: "));
    assert!(error("\0").starts_with("line 1: "));
}

#[test]
fn newest_syntax_is_accepted() {
    for source in [
        "def f[T = int](x: T): pass",
        "type A = int",
        "f'{f\"{x['a']}\"}'",
        "t'{x}'",
        "try: pass\nexcept A, B: pass",
        "with (a as b, c as d): pass",
        "def f(a, /, b): pass",
        "match x:\n    case [1, *_]: pass",
        "print(*a, **b, c=1)",
        "x[*a]",
        "try: pass\nexcept* A: pass",
    ] {
        assert!(outline::read(source).is_ok(), "{source}: {}", error(source));
    }
}

#[test]
fn deep_nesting_is_refused_or_read() {
    let deep = |open: &str, middle: &str, close: &str, depth: usize| {
        format!(
            "x = {}{middle}{}\n",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    // What CPython compiles must be read.
    for (open, middle, close, depth) in [
        ("(", "1", ")", 190),
        ("[", "", "]", 190),
        ("f(", "", ")", 190),
        ("-", "1", "", 3000),
        ("not ", "1", "", 3000),
        ("1 + ", "1", "", 3000),
        ("a", "", ".b", 3000),
        ("lambda: ", "1", "", 1500),
        ("lambda a, b: ", "1", "", 1500),
        ("1 if a else ", "1", "", 3000),
        ("f", "", "(1)", 1000),
        ("f", "", "[1]", 1000),
        ("1 ** ", "1", "", 3000),
        ("a or ", "1", "", 20000),
        ("[1, -1, ", "", "]", 150),
        ("'a' ", "'b'", "", 20000),
    ] {
        let source = match open {
            "a" | "f" if close != ")" => format!("x = {open}{}\n", close.repeat(depth)),
            _ => deep(open, middle, close, depth),
        };
        let result = outline::read(&source);
        assert!(result.is_ok(), "{open} {depth}: {:?}", result.err());
    }
    // Beyond that anything but a crash will do.
    for depth in [2_000, 5_000, 100_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("(", "", ""),
            ("[", "1", "]"),
            ("{1:", "1", "}"),
            ("f(", "", ")"),
            ("f(a=", "1", ")"),
            ("a[", "1", "]"),
            ("-", "1", ""),
            ("not ", "1", ""),
            ("1 + ", "1", ""),
            ("lambda: ", "1", ""),
            ("lambda a, b: ", "1", ""),
            ("lambda a=", "1", ""),
            ("1 if a else ", "1", ""),
            ("1 ** ", "1", ""),
            ("await ", "1", ""),
            ("yield ", "1", ""),
            ("*", "1", ""),
            ("a.", "b", ""),
            ("f().a.", "b", ""),
            ("f'{", "1", "}'"),
            ("f\"{1:{", "1", "}}\""),
            ("a := ", "1", ""),
            ("a = ", "1", ""),
            ("[x for x in ", "1", "]"),
            ("async ", "1", ""),
            ("a < ", "1", ""),
            ("a, ", "1", ""),
            ("a and b or ", "1", ""),
            ("lambda ", "1", ""),
            ("(lambda a, b: (", "1", "))"),
        ] {
            let _ = outline::read(&deep(open, middle, close, depth));
            let _ = outline::read(&deep(open, middle, close, depth)[4..]);
        }
    }
    assert!(error(&deep("(", "1", ")", 5_000)).starts_with("line 1: too many nested expressions"));
}

#[test]
fn deep_blocks_are_refused_as_cpython_does() {
    let blocks = |depth: usize, head: &str| {
        let lines = (0..depth).map(|level| format!("{}{head}:\n", " ".repeat(level)));
        lines.collect::<String>() + &" ".repeat(depth) + "pass\n"
    };
    for head in [
        "if a",
        "def f()",
        "class C",
        "for a in b",
        "with a",
        "while a",
    ] {
        assert!(outline::read(&blocks(99, head)).is_ok(), "{head}");
        assert_eq!(
            error(&blocks(101, head)),
            "line 102: too many levels of indentation"
        );
    }
    assert_eq!(
        error(&blocks(3000, "def f()")),
        "line 102: too many levels of indentation"
    );
}

#[test]
fn deep_patterns_are_refused_or_read() {
    for depth in [100, 1_000, 100_000] {
        for (open, close) in [
            ("[", "]"),
            ("C(", ")"),
            ("{1: ", "}"),
            ("(", ")"),
            ("a | ", ""),
        ] {
            let pattern = format!("{}x{}", open.repeat(depth), close.repeat(depth));
            let _ = outline::read(&format!("match a:\n  case {pattern}: pass"));
        }
    }
}

#[test]
fn small_stacks_suffice() {
    let source = format!("x = {}1{}", "(".repeat(2_000), ")".repeat(2_000));
    let worker = std::thread::Builder::new().stack_size(128 * 1024);
    let handle = worker
        .spawn(move || outline::read(&source).is_ok())
        .unwrap();
    assert!(handle.join().unwrap());
}

#[test]
fn long_texts_take_linear_time() {
    let measure = |count: usize| {
        let source: String = (0..count)
            .map(|i| format!("def f{i}(a):\n    x = [a]\n    return g{i}(x) + f{i}\n"))
            .collect();
        let once = |_| {
            let start = own_time();
            assert_eq!(outline::read(&source).unwrap().body.len(), count);
            own_time() - start
        };
        // The least of several: what other programs take from the caches is not ours.
        (0..5).map(once).fold(f64::INFINITY, f64::min)
    };
    let (small, large) = (measure(1_000), measure(10_000));
    assert!(
        large < small * 40.0,
        "1,000: {small} s, 10,000: {large} s of this thread's own time"
    );
}

/// What this thread has computed so far, in seconds: not what it waited for on a busy machine.
fn own_time() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
