//! Names that thousands of modules have in common, each kept once: what is the same name is the
//! same piece of memory, so that comparing two is comparing two addresses.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

/// All names that were asked for and are in use.
#[derive(Default)]
struct Names {
    known: FxHashSet<Arc<str>>,
    /// When there are so many, those that nobody uses any more are let go of.
    enough: usize,
}

static NAMES: Mutex<Option<Names>> = Mutex::new(None);

/// The one copy of a name.
pub fn shared(name: &str) -> Arc<str> {
    find(name, || name.into())
}

/// The same, and that copy is the one to be kept when there is none.
pub fn share(name: &Arc<str>) -> Arc<str> {
    find(name, || Arc::clone(name))
}

fn find(name: &str, make: impl FnOnce() -> Arc<str>) -> Arc<str> {
    let mut slot = NAMES.lock();
    let names = slot.get_or_insert_default();
    if let Some(known) = names.known.get(name) {
        return Arc::clone(known);
    }
    if names.known.len() >= names.enough {
        names.known.retain(|name| Arc::strong_count(name) > 1);
        names.enough = (names.known.len() * 2).max(1024);
    }
    let made = make();
    names.known.insert(Arc::clone(&made));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one() {
        let first = shared("names.equal");
        assert!(Arc::ptr_eq(&first, &shared("names.equal")));
        assert!(!Arc::ptr_eq(&first, &shared("names.other")));
        let own: Arc<str> = "names.own".into();
        assert!(Arc::ptr_eq(&own, &share(&own)) && Arc::ptr_eq(&own, &shared("names.own")));
        let late: Arc<str> = "names.equal".into();
        assert!(Arc::ptr_eq(&first, &share(&late)));
        for n in 0..5000 {
            shared(&format!("names.passing{n}"));
        }
        assert!(Arc::ptr_eq(&first, &shared("names.equal")));
        let kept = NAMES.lock().as_ref().map_or(0, |n| n.known.len());
        assert!(kept < 5000, "{kept}");
    }
}
