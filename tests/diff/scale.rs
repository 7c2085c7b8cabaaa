//! Thousands of statements.

use pyreload::diff::{self, What};
use pyreload::outline::{self, Outline};

fn read(lines: &[String]) -> Outline {
    outline::read(&lines.join("\n")).unwrap()
}

/// The processor's time of this thread: what else the machine does says nothing of the comparison.
fn clock() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec of our own, which the call fills.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn seconds(old: &Outline, new: &Outline) -> f64 {
    let start = clock();
    std::hint::black_box(diff::compare(old, new));
    clock() - start
}

/// Ten times the statements may take ten times as long, and some more; a hundred would be square.
#[track_caller]
fn check_scaling(name: &str, make: impl Fn(usize) -> (Vec<String>, Vec<String>)) {
    let measure = |count| {
        let (old, new) = make(count);
        let (old, new) = (read(&old), read(&new));
        (0..3).map(|_| seconds(&old, &new)).fold(f64::MAX, f64::min)
    };
    let (small, large) = (measure(1_000), measure(10_000));
    assert!(
        large < small * 40.0 + 0.05,
        "{name}: 1,000: {small} s, 10,000: {large} s"
    );
}

#[test]
fn comparison_is_not_square() {
    let lines = |count: usize, text: &dyn Fn(usize) -> String| (0..count).map(text).collect();
    check_scaling("all changed", |n| {
        (
            lines(n, &|i| format!("x{i} = 1")),
            lines(n, &|i| format!("x{i} = 2")),
        )
    });
    check_scaling("reversed", |n| {
        (
            lines(n, &|i| format!("x{i} = 1")),
            lines(n, &|i| format!("x{} = 1", n - i)),
        )
    });
    check_scaling("one text", |n| {
        (
            lines(n, &|_| "f()".to_owned()),
            lines(n / 2, &|_| "f()".to_owned()),
        )
    });
    check_scaling("two texts against their reverse", |n| {
        (
            lines(n, &|i| format!("f({})", i % 2)),
            lines(n, &|i| format!("f({})", i * i % 3 % 2)),
        )
    });
    check_scaling("calls without names", |n| {
        (
            lines(n, &|i| format!("f({i})")),
            lines(n, &|i| format!("f({})", i + n)),
        )
    });
    check_scaling("one name", |n| {
        (
            lines(n, &|i| format!("x = {i}")),
            lines(n, &|i| format!("x = {}", i + n)),
        )
    });
    check_scaling("anchors one by one", |n| {
        // Each stretch has one unique text, and its rest is unique only when that is gone.
        let nest = |flip: bool| {
            let mut out: Vec<String> = Vec::new();
            for i in 0..n / 3 {
                out.push(format!("a({})", i / 2));
                out.push(format!("b({i})"));
                if flip {
                    out.swap(3 * i, 3 * i + 1);
                }
                out.push(format!("a({})", i / 3));
            }
            out
        };
        (nest(false), nest(true))
    });
}

#[test]
fn one_edit_in_a_large_module_is_one_change() {
    let old: Vec<String> = (0..5_000)
        .map(|i| format!("def f{i}(a):\n    return a + {i}\n"))
        .collect();
    let mut new = old.clone();
    new[2_500] = new[2_500].replace("a +", "a -");
    let (old, new) = (read(&old), read(&new));
    let changes = diff::compare(&old, &new);
    assert!(changes.removed.is_empty());
    for change in &changes.items {
        let expect = if change.new == 2_500 {
            What::Body
        } else {
            What::Same
        };
        assert_eq!((change.old, &change.what), (Some(change.new), &expect));
    }
    assert!(!changes.is_empty() && diff::compare(&old, &old).is_empty());
}
