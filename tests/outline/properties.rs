//! What holds for every text.

#[path = "../common/modules.rs"]
mod modules;

use modules::{PLAIN, layout, module, render};
use proptest::prelude::*;
use pyreload::outline::{self, GIVES, Statement};

/// Everything but where it stands.
fn without_places(body: &[Statement]) -> Vec<Statement> {
    body.iter()
        .map(|s| {
            let mut bare = s.clone();
            bare.span = Default::default();
            bare.body = without_places(&s.body).into();
            bare
        })
        .collect()
}

fn check_places(body: &[Statement], from: u32, to: u32) -> Result<(), TestCaseError> {
    let mut at = from;
    for statement in body {
        let span = statement.span;
        prop_assert!(
            span.start >= at && span.end > span.start && span.end <= to,
            "{span:?}"
        );
        prop_assert!(
            span.line <= span.def_line && span.def_line <= span.end_line,
            "{span:?}"
        );
        check_places(&statement.body, span.start, span.end)?;
        at = span.end;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn layout_changes_nothing_but_places(module in module(), layout in layout()) {
        let plain = outline::read(&render(&module, PLAIN)).unwrap();
        let other = outline::read(&render(&module, layout)).unwrap();
        prop_assert_eq!(without_places(&plain.body.to_vec()), without_places(&other.body.to_vec()));
    }

    #[test]
    fn statements_stand_in_order_and_inside_each_other(module in module(), layout in layout()) {
        let source = render(&module, layout);
        let outline = outline::read(&source).unwrap();
        prop_assert_eq!(outline.body.len(), module.len());
        check_places(&outline.body.to_vec(), 0, source.len() as u32)?;
    }

    #[test]
    fn statement_alone_has_the_same_prints(module in module()) {
        let source = render(&module, PLAIN);
        for statement in &outline::read(&source).unwrap().body {
            let text = &source[statement.span.start as usize..statement.span.end as usize];
            let alone = outline::read(text).unwrap().body[0].clone();
            prop_assert_eq!(
                (statement.print, statement.header, statement.decorators, &statement.uses.binds),
                (alone.print, alone.header, alone.decorators, &alone.uses.binds)
            );
        }
    }

    #[test]
    fn what_is_called_or_changed_is_read(module in module()) {
        fn roots(paths: &[String]) -> Vec<&str> {
            paths.iter().map(|path| path.split('.').next().unwrap_or("")).collect()
        }
        for statement in &outline::read(&render(&module, PLAIN)).unwrap().body {
            for uses in [&statement.uses, &statement.later] {
                // `look.()` is what `look` gives.
                let called = |path: &String| path.trim_end_matches(GIVES).to_owned();
                prop_assert!(uses.calls.iter().all(|path| uses.reads.contains(&called(path))));
                let read = roots(&uses.reads);
                prop_assert!(uses.mutates.iter().all(|name| read.contains(&name.as_str())));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(source in "[a-z(){}\\[\\]:=.,'\"@#\\\\ \n\t;+*-]{0,80}") {
        let _ = outline::read(&source);
    }

    #[test]
    fn any_characters_are_read_or_refused(source in "\\PC{0,60}") {
        let _ = outline::read(&source);
    }
}
