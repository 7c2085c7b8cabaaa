//! Attributes and names that code spells when it runs: any that begin as they do may be meant.

use std::collections::BTreeSet;

use super::settled::Seen;
use super::{Dirty, Functions};
use crate::outline::{Kind, computed};

impl Functions<'_> {
    /// What the attributes begin with that are computed.
    pub(super) fn computed<'m>(
        &self,
        members: impl IntoIterator<Item = &'m (impl AsRef<str> + ?Sized + 'm)>,
    ) -> impl Iterator<Item = &'m str> {
        let found = members.into_iter().filter_map(|m| computed(m.as_ref()));
        found.filter(|(_, own)| !own).map(|(start, _)| start)
    }

    /// The attributes of a class, or of what it is derived from, that begin so.
    pub(super) fn spelled(&self, class: &str, starts: &[&str], dirty: &Dirty) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        if starts.is_empty() {
            return out;
        }
        let lineage = self.lineage(class);
        for class in std::iter::once(class).chain(lineage.iter().copied()) {
            let inside = format!("{class}.");
            let root = self.root(super::root(class));
            let known = root.by_path.keys().map(String::as_str);
            let known = known.filter(|path| path.starts_with(&inside));
            let differ = [&dirty.behaviour, &dirty.values]
                .into_iter()
                .flat_map(|map| {
                    let from = map.range(inside.clone()..).map(|(path, _)| path.as_str());
                    from.take_while(|path| path.starts_with(&inside))
                });
            for path in known.chain(differ) {
                let member = &path[inside.len()..];
                let end = member.find(['.', '<']).unwrap_or(member.len());
                let member = &member[..end];
                let meant = |start: &&&str| member.starts_with(**start);
                if !member.is_empty()
                    && !member.starts_with("__")
                    && starts.iter().find(meant).is_some()
                {
                    out.insert(member.to_owned());
                }
            }
        }
        out
    }

    /// Why one of the module's own names that are computed acts differently: `globals()["do_" + name]()`.
    pub(super) fn own_differ<'m>(
        &self,
        members: impl IntoIterator<Item = &'m (impl AsRef<str> + ?Sized + 'm)>,
        dirty: &Dirty,
        seen: &mut Seen,
    ) -> Option<String> {
        let starts = members.into_iter().filter_map(|m| computed(m.as_ref()));
        for (start, _) in starts.filter(|(_, own)| *own) {
            for statement in &self.outline().body {
                if matches!(statement.kind, Kind::Function | Kind::Class)
                    && statement.name.starts_with(start)
                    && let Some(why) = self.differs(&statement.name, dirty, seen)
                {
                    return Some(why);
                }
            }
        }
        None
    }
}
