//! What a statement fills by the way: `A = reg.add("a", 1)` gives A its value, and puts something into
//! `reg.items`. So do loops and branches with such calls, and decorators that are methods of a class.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Dirty, Functions, inside, root};
use crate::outline::{Import, Kind, Statement, Uses, Value};

impl<'a> Functions<'a> {
    /// The attributes of objects and classes that methods which a statement calls may set or fill, as
    /// paths; the object alone where nobody can tell.
    pub fn filled_by_the_way(&self, statement: &Statement) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let decorated = statement.kind == Kind::Function && statement.decorators != 0;
        let gives = matches!(
            statement.kind,
            Kind::Assign | Kind::AugAssign | Kind::Compound
        );
        if !decorated && !gives || statement.value != Value::Other {
            return out;
        }
        for path in &statement.uses.calls {
            let owner = path.rsplit_once('.').map(|(owner, _)| owner);
            // What objects take by decorators is known by what they hold.
            if !decorated || owner.is_some_and(|owner| self.is_class(owner)) {
                out.extend(self.calling_fills(path).iter().cloned());
            }
        }
        // `ok = Button(root, "OK")`, which puts itself into what it is given.
        for handed in &statement.handed_on {
            let class = self.defines_class(&handed.to) || self.is_of_program(&handed.to);
            if class
                && !self.made_by(&handed.what).is_empty()
                && !self.only_hands(statement, &handed.what)
            {
                out.insert(handed.what.clone());
            }
        }
        out
    }

    /// Whether a path begins with what a module of the program gives.
    fn is_of_program(&self, path: &str) -> bool {
        let mut imports = self.imports(root(path));
        imports.any(|import| self.elsewhere.is_of_program(import))
    }

    /// What calling one path fills by the way.
    fn calling_fills(&self, path: &str) -> Rc<[String]> {
        if let Some(known) = self.by_the_way.borrow().get(path) {
            return Rc::clone(known);
        }
        let mut out = BTreeSet::new();
        match path.rsplit_once('.') {
            Some((owner, _)) if !self.is_module(owner) => {
                self.method_fills(owner, path, &mut out);
                if self.has_other_names(owner) {
                    let others = self.kept_elsewhere([path]).into_iter();
                    out.extend(others.map(|path| inside::whole(&path).to_owned()));
                }
            }
            _ => out.extend(self.kept_elsewhere([path])),
        }
        let found: Rc<[String]> = out.into_iter().collect();
        let mut by_the_way = self.by_the_way.borrow_mut();
        by_the_way.insert(path.to_owned(), Rc::clone(&found));
        found
    }

    fn method_fills(&self, owner: &str, path: &str, out: &mut BTreeSet<String>) {
        let Some(attributes) = self.sets_of(path) else {
            if self.is_known(root(owner)) {
                out.insert(owner.to_owned());
            }
            return;
        };
        let class = self.made_by(owner).first();
        for attribute in attributes {
            // A table of the class that all of its instances fill.
            if let Some(class) = class
                && self.has(&format!("{class}.{attribute}"))
            {
                out.insert(format!("{class}.{attribute}"));
            }
            out.insert(format!("{owner}.{attribute}"));
        }
    }

    /// `root.children` has other items, where the class of `root` is another module's: what its methods
    /// look at is known there.
    pub fn fill_for_others(&self, path: &str, why: &str, dirty: &mut Dirty) {
        let owner = root(path);
        let mut makers = self.made_by(owner).iter();
        if makers
            .any(|maker| !self.defines_class(maker) && self.imports(root(maker)).next().is_some())
        {
            dirty.acts_given(&inside::place_of(path), why);
        }
    }

    /// What other modules hold of what these paths are given, by the names that it has here.
    fn kept_elsewhere<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> BTreeSet<String> {
        let takers = paths.into_iter().flat_map(|path| {
            let imports = self.imports(root(path));
            imports.map(move |import| (import, path.to_owned()))
        });
        let takers: Vec<(&Import, String)> = takers.collect();
        self.named_here(takers)
    }

    pub(super) fn named_here(&self, takers: Vec<(&Import, String)>) -> BTreeSet<String> {
        let mut holders = BTreeSet::new();
        let beside: Vec<&Import> = match takers.is_empty() {
            true => Vec::new(),
            false => self.all_imports().collect(),
        };
        for (import, path) in takers {
            for (module, paths) in self.elsewhere.keeps(import, &path) {
                for other in &beside {
                    holders.extend(self.as_imported(other, &module, &paths));
                }
            }
        }
        holders
    }

    /// How an import names paths of a module.
    fn as_imported(&self, import: &Import, module: &str, paths: &BTreeSet<String>) -> Vec<String> {
        let (there, bound) = (self.elsewhere.module_of(import), &import.bound);
        let whole = |path: &String| match import.name.as_deref() {
            Some("*") if there == module => Some(path.clone()),
            Some(name) if there == module => {
                let rest = path.strip_prefix(name)?;
                (rest.is_empty() || rest.starts_with('.')).then(|| format!("{bound}{rest}"))
            }
            // `from package import module`
            Some(name) => {
                let inner = module.strip_prefix(&*there)?.strip_prefix('.')?;
                (inner == name).then(|| format!("{bound}.{path}"))
            }
            None if there != module => None,
            None if import.aliased => Some(format!("{bound}.{path}")),
            None => Some(format!("{there}.{path}")),
        };
        paths.iter().filter_map(whole).collect()
    }

    fn all_imports(&self) -> impl Iterator<Item = &'a Import> + use<'a> {
        let outline: &'a crate::outline::Outline = self.outline();
        let places = outline.index().importing(&outline.body).into_iter();
        places.flat_map(move |at| &outline.body[at].imports)
    }

    /// Whether a name is bound in the module to what may be an object of the program.
    fn is_known(&self, name: &str) -> bool {
        !self.made_by(name).is_empty()
            || self.defines_class(name)
            || self.imports(name).any(|import| import.bound == name)
    }

    /// Whether what another module has may go by another name here, too.
    fn has_other_names(&self, owner: &str) -> bool {
        self.imports(root(owner)).any(|import| {
            let mut beside = self.all_imports();
            beside.any(|other| other.module == import.module && !std::ptr::eq(other, import))
        })
    }

    /// Whether a path is that of a class, as far as is known: one that is imported may be.
    fn is_class(&self, path: &str) -> bool {
        self.defines_class(path) || self.made_by(path).is_empty() && !self.is_function(path)
    }

    /// Whether a path is that of a module, for what imports say: `import a.b`.
    fn is_module(&self, path: &str) -> bool {
        let whole = |import: &&Import| match import.aliased {
            true => import.bound == path,
            false => import.module == path || import.module.starts_with(&format!("{path}.")),
        };
        let mut imports = self.imports(root(path));
        imports.any(|import| import.name.is_none() && whole(&import))
    }
}

/// What a method does, without the attributes that it fills and others have only filled as well: what
/// they have put there is no matter of what it puts there.
pub(super) fn but_for_filled<'u>(
    method: &Statement,
    uses: &'u Uses,
    dirty: &Dirty,
) -> Cow<'u, Uses> {
    if method.sets.is_empty() && uses.writes.is_empty() || dirty.filled.is_empty() {
        return Cow::Borrowed(uses);
    }
    let is_of = |path: &str, attribute: &str| {
        path.rsplit_once('.')
            .is_some_and(|(_, last)| last == attribute)
    };
    let only_filled = |attribute: &&str| {
        let mut values = dirty.values.keys().filter(|path| is_of(path, attribute));
        let first = values.next();
        first.is_some_and(|path| dirty.filled.contains(path))
            && values.all(|path| dirty.filled.contains(path))
    };
    // `self.names` and `Animal.names`
    let written = uses.writes.iter();
    let written = written.filter_map(|path| path.rsplit_once('.').map(|(_, last)| last));
    let sets = method.sets.iter().map(String::as_str);
    let filled: Vec<&str> = sets.chain(written).filter(only_filled).collect();
    if filled.is_empty() {
        return Cow::Borrowed(uses);
    }
    let mut uses = uses.clone();
    uses.members
        .retain(|member| !filled.contains(&member.as_str()));
    Cow::Owned(uses)
}
