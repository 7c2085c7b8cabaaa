//! Objects that keep what they were given: `window = Window(model)` is not made again, and loses
//! nothing, when something else is put into the model. What asks the window for that is told.

use std::collections::BTreeSet;

use super::{Dirty, Functions, root};
use crate::outline::{Handed, Kind, Statement};

/// The attributes and methods, of objects of these classes, from which something is computed once: it
/// would stay what it is.
fn computed_from<'a>(classes: &[&'a Statement]) -> BTreeSet<&'a str> {
    let methods = || {
        let members = classes.iter().flat_map(|class| class.body.iter());
        members.filter(|member| member.kind == Kind::Function && member.name != "__init__")
    };
    let once = methods().flat_map(|method| method.handed_on.iter());
    let mut found: BTreeSet<&str> = once.map(|read| read.what.as_str()).collect();
    let mut todo: Vec<&str> = found.iter().copied().collect();
    while let Some(name) = todo.pop() {
        for method in methods().filter(|method| method.name == name) {
            let reads = method.later.members.iter().map(String::as_str);
            todo.extend(reads.filter(|read| found.insert(read)));
        }
    }
    found
}

impl Functions<'_> {
    /// The parameters that the constructor of a class keeps and does not look at, as far as can be
    /// told.
    pub fn stores(&self, class: &str) -> Vec<Handed> {
        let (body, index) = (&self.outline().body, self.outline().index());
        let [only] = index.writers(body, root(class))[..] else {
            return Vec::new();
        };
        let found = match body[only].kind {
            // At the top level its name is all of its path.
            Kind::Class if body[only].name == class => self.stores_here(&body[only]),
            Kind::Import => {
                let mut imports = body[only].imports.iter();
                let import = imports.find(|import| import.bound == root(class));
                import.and_then(|import| self.elsewhere.stores(import, class))
            }
            _ => None,
        };
        found.unwrap_or_default()
    }

    fn stores_here(&self, class: &Statement) -> Option<Vec<Handed>> {
        const OTHERS: [&str; 2] = ["__new__", "__init_subclass__"];
        // They keep what they had computed of it.
        const CACHES: [&str; 4] = ["cached_property", "cache", "lru_cache", "reify"];
        let (body, index) = (&self.outline().body, self.outline().index());
        let class = self.at(&class.name).first()?.name.as_str();
        let mut texts: Vec<&Statement> = Vec::new();
        for name in self.closed(class)? {
            let [only] = index.writers(body, name)[..] else {
                return None;
            };
            let text = &body[only];
            let plain = text.decorators == 0 && text.metaclass.is_empty();
            let caches = |path: &String| CACHES.contains(&path.rsplit('.').next().unwrap_or(path));
            let mut members = text.body.iter();
            if members.any(|member| member.decorators != 0 && member.uses.reads.iter().any(caches))
            {
                return None;
            }
            if text.kind != Kind::Class || !plain || self.is_set_outside(name, "__init__") {
                return None;
            }
            texts.push(text);
        }
        let binding = |name: &str| -> Vec<&Statement> {
            let members = texts.iter().flat_map(|text| text.body.iter());
            let binds = |member: &&Statement| member.uses.binds.iter().any(|n| n == name);
            members.filter(binds).collect()
        };
        let made = binding("__init__");
        if OTHERS.iter().any(|name| !binding(name).is_empty())
            || made.iter().any(|made| !self.asks_nobody(made))
        {
            return None;
        }
        // The first class that has one has the one that counts; a body that binds it twice, none.
        let own = texts.iter().find_map(|text| {
            let binds = |member: &&Statement| member.uses.binds.iter().any(|n| n == "__init__");
            let found: Vec<&Statement> = text.body.iter().filter(binds).collect();
            (!found.is_empty()).then_some(found)
        })?;
        let [made] = own[..] else { return None };
        let used = computed_from(&texts);
        // A descriptor may look at what it is given.
        let free =
            |kept: &&Handed| binding(&kept.to).is_empty() && !used.contains(kept.to.as_str());
        Some(made.handed_on.iter().filter(free).cloned().collect())
    }

    /// Whether a constructor reads and calls nothing of the program: it sees nothing of what it is
    /// given in another way.
    fn asks_nobody(&self, made: &Statement) -> bool {
        let (body, index) = (&self.outline().body, self.outline().index());
        let uses = made.at_once();
        let of_library = |at: usize| {
            let mut imports = body[at].imports.iter();
            body[at].kind == Kind::Import
                && imports.all(|i| i.bound != "*" && !self.elsewhere.is_of_program(i))
        };
        let mut paths = uses.reads.iter().chain(&uses.calls);
        made.kind == Kind::Function
            && uses.mutates.is_empty()
            && paths.all(|path| index.writers(body, root(path)).into_iter().all(of_library))
    }

    /// The names of what a statement gives to objects that only keep it.
    fn handed_on(&self, statement: &Statement) -> Vec<String> {
        let mut out = Vec::new();
        let mut looked: BTreeSet<&String> = BTreeSet::new();
        for handed in &statement.handed_on {
            let stores = self.stores(&handed.to);
            let kept = stores.iter().find(|kept| match handed.place {
                Some(_) => kept.place == handed.place,
                None => kept.keyword == handed.keyword,
            });
            match kept {
                Some(_) => out.push(handed.what.clone()),
                None => _ = looked.insert(&handed.what),
            }
        }
        out.retain(|name| !looked.contains(name));
        out
    }

    /// Whether a statement does nothing with a name but hand on what that is.
    pub(super) fn only_hands(&self, statement: &Statement, name: &str) -> bool {
        let mut given = statement.handed_on.iter();
        given.any(|handed| handed.what == name)
            && self
                .handed_on(statement)
                .iter()
                .any(|handed| handed == name)
    }

    /// What differs, without what a statement only hands on that has but other contents.
    pub(super) fn without_handed(&self, statement: &Statement, dirty: &Dirty) -> Option<Dirty> {
        let other = |name: &String| dirty.filled.contains(name) || dirty.refilled.contains(name);
        let mut given = statement.handed_on.iter();
        if !given.any(|handed| other(&handed.what)) {
            return None;
        }
        let mut out: Option<Dirty> = None;
        for name in self.handed_on(statement) {
            if other(&name) {
                let out = out.get_or_insert_with(|| dirty.clone());
                out.values.remove(&name);
                out.filled.remove(&name);
            }
        }
        out
    }

    /// Tells those who ask the object that a statement makes for what it keeps.
    pub(super) fn tell_handed(&self, statement: &Statement, dirty: &mut Dirty) {
        let mut given = statement.handed_on.iter();
        if statement.kind != Kind::Assign
            || !given.any(|handed| dirty.values.contains_key(&handed.what))
        {
            return;
        }
        for name in self.handed_on(statement) {
            if let (Some(why), [bound]) = (dirty.values.get(&name), &statement.uses.binds[..]) {
                let why = why.clone();
                // What has the object may ask it for that.
                dirty.fill(bound, why);
            }
        }
    }
}
