//! What holds for every two texts.

#[path = "../common/modules.rs"]
mod modules;

use modules::{Node, PLAIN, layout, module, render, statement};
use proptest::prelude::*;
use pyreload::diff::{self, Changes, What};
use pyreload::outline::{self, Kind, Outline, Statement};

fn read(module: &[Node]) -> Outline {
    outline::read(&render(module, PLAIN)).unwrap()
}

/// `x = 1`, `x = x = 1` and `x: int` are about `x`.
fn about_the_same(before: &Statement, after: &Statement) -> bool {
    let about = |statement: &Statement| match statement.name.as_str() {
        "" => statement.uses.binds.clone(),
        name => vec![name.to_owned()],
    };
    let names = about(after);
    !names.is_empty() && about(before) == names
}

/// Every statement of both sides is accounted for once, and `what` is what it says.
fn check_sound(
    old: &[Statement],
    new: &[Statement],
    changes: &Changes,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(changes.items.len(), new.len());
    let mut seen: Vec<usize> = changes.removed.clone();
    prop_assert!(changes.removed.is_sorted());
    for (index, change) in changes.items.iter().enumerate() {
        prop_assert_eq!(change.new, index);
        let Some(at) = change.old else {
            prop_assert_eq!(&change.what, &What::Added);
            continue;
        };
        seen.push(at);
        let (before, after) = (&old[at], &new[index]);
        let same_header = before.header == after.header;
        prop_assert_eq!(before.print == after.print, change.what == What::Same);
        prop_assert!(before.kind == after.kind || about_the_same(before, after));
        match &change.what {
            What::Same | What::Changed => {}
            What::Body => prop_assert!(after.kind == Kind::Function && same_header),
            What::Inner(inner) => {
                prop_assert!(after.kind != Kind::Function && same_header);
                check_sound(&before.body, &after.body, inner)?;
            }
            What::Header(inner) => {
                prop_assert!(!same_header);
                prop_assert_eq!(inner.is_some(), after.kind == Kind::Class);
                if let Some(inner) = inner {
                    check_sound(&before.body, &after.body, inner)?;
                }
            }
            What::Added => prop_assert!(false, "added, and with a partner"),
        }
    }
    seen.sort_unstable();
    prop_assert_eq!(seen, (0..old.len()).collect::<Vec<_>>());
    Ok(())
}

fn same(changes: &Changes) -> usize {
    changes
        .items
        .iter()
        .filter(|change| change.what == What::Same)
        .count()
}

/// The longest the two could agree on, whatever their order: equal prints, pair by pair.
fn common(old: &Outline, new: &Outline) -> usize {
    let mut left: Vec<_> = old.body.iter().map(|s| (s.kind, s.print)).collect();
    let found = |s: &&Statement| {
        let at = left.iter().position(|print| *print == (s.kind, s.print));
        at.map(|at| left.swap_remove(at)).is_some()
    };
    new.body.iter().filter(found).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn text_is_the_same_as_itself_in_any_layout(module in module(), layout in layout()) {
        let other = outline::read(&render(&module, layout)).unwrap();
        let changes = diff::compare(&read(&module), &other);
        prop_assert!(changes.is_empty());
        prop_assert!(changes.items.iter().all(|change| change.old == Some(change.new)));
    }

    #[test]
    fn every_statement_is_accounted_for(old in module(), new in module()) {
        let (old, new) = (read(&old), read(&new));
        check_sound(&old.body.to_vec(), &new.body.to_vec(), &diff::compare(&old, &new))?;
    }

    #[test]
    fn whatever_is_equal_is_the_same(old in module(), new in module()) {
        let (old, new) = (read(&old), read(&new));
        prop_assert_eq!(same(&diff::compare(&old, &new)), common(&old, &new));
        prop_assert_eq!(same(&diff::compare(&new, &old)), common(&old, &new));
    }

    #[test]
    fn shuffled_statements_are_the_same(
        (old, new) in module().prop_flat_map(|old| (Just(old.clone()), Just(old).prop_shuffle()))
    ) {
        let (mut a, mut b) = (read(&old), read(&new));
        // A string that begins the text is its docstring, and nothing else is.
        for outline in [&mut a, &mut b] {
            let mut body = outline.body.to_vec();
            body.retain(|s| s.kind != Kind::Docstring && s.kind != Kind::Expr);
            outline.body = body.into();
        }
        prop_assert!(diff::compare(&a, &b).is_empty());
    }

    #[test]
    fn inserted_statement_is_the_only_change_and_undone_by_removal(
        old in module(), added in statement(), at in any::<prop::sample::Index>()
    ) {
        // Behind a docstring, so that no string becomes one.
        let mut old = old;
        old.insert(0, Node { decorators: vec![], head: "'doc'".into(), body: vec![] });
        let at = 1 + at.index(old.len());
        let mut new = old.clone();
        new.insert(at, added);
        let (old, new) = (read(&old), read(&new));
        let there = diff::compare(&old, &new);
        let kinds: Vec<_> = there.items.iter().filter(|c| c.what != What::Same).collect();
        prop_assert_eq!(kinds.len(), 1, "{:?}", there);
        prop_assert_eq!(&kinds[0].what, &What::Added);
        prop_assert_eq!(new.body[kinds[0].new].print, new.body[at].print);
        prop_assert!(there.removed.is_empty());
        let back = diff::compare(&new, &old);
        prop_assert_eq!(same(&back), old.body.len());
        prop_assert_eq!(back.removed.len(), 1);
    }

    #[test]
    fn edited_statement_is_the_only_change_and_undone_by_the_reverse(
        old in module(), edited in statement(), at in any::<prop::sample::Index>()
    ) {
        prop_assume!(!old.is_empty());
        let at = at.index(old.len());
        let mut new = old.clone();
        new[at] = edited;
        let mut back = new.clone();
        back[at] = old[at].clone();
        let (a, b, c) = (read(&old), read(&new), read(&back));
        let there = diff::compare(&a, &b);
        check_sound(&a.body.to_vec(), &b.body.to_vec(), &there)?;
        prop_assert!(same(&there) + 2 >= b.body.len());
        prop_assert!(diff::compare(&a, &c).is_empty());
    }
}
