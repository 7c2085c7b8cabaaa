//! Calls of what a program hands around: `(f if fast else g)(1)`, `sorted(xs, key=lambda x: K)`,
//! `def each(f, xs): return [f(x) for x in xs]`.

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{self as ast, Expr};

use super::scope::{Block, Place, resolve};
use super::statements::Reader;
use super::{handed, operators};

/// Builtins that call what they are given, while they are called.
const BUILTINS: [&str; 6] = ["filter", "iter", "map", "max", "min", "sorted"];
/// Functions and methods of the standard library that do, whatever they are called by.
const LIBRARY: [&str; 11] = [
    "accumulate",
    "dropwhile",
    "filterfalse",
    "groupby",
    "merge",
    "nlargest",
    "nsmallest",
    "reduce",
    "sort",
    "starmap",
    "takewhile",
];
/// Functions of the standard library that change the list they are given first, and nothing else.
const CHANGING: [&str; 9] = [
    "heapify",
    "heappop",
    "heappush",
    "heappushpop",
    "heapreplace",
    "insort",
    "insort_left",
    "insort_right",
    SHUFFLE,
];
/// The one that does not do the same when it is called again.
const SHUFFLE: &str = "shuffle";
/// Those that call what they are given by keyword.
const KEYED: [&str; 4] = ["dump", "dumps", "load", "loads"];
/// What makes a function that reads an attribute, or calls a method, of what it is given.
const GETTERS: [&str; 2] = ["attrgetter", "methodcaller"];
/// What calls the function that it was made of, or gives what it was given.
const MADE_OF: [&str; 9] = [
    "cmp_to_key",
    "copy",
    "get",
    "iter",
    "list",
    "next",
    "partial",
    "tuple",
    "values",
];

/// `c` of `a.b.c` and `c`; else nothing.
pub(super) fn last_name(expr: &Expr) -> &str {
    handed::last_name(expr).unwrap_or_default()
}

/// Whether a name is that of a function of the standard library that changes what it is given.
pub(super) fn changes_argument(name: &str) -> bool {
    CHANGING.contains(&name)
}

/// Whether what is called at a path changes the list it is given, as it would whenever it is called.
pub fn fills_argument(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    name != SHUFFLE && changes_argument(name)
}

fn is_made_of(func: &Expr) -> bool {
    MADE_OF.contains(&last_name(func)) || last_name(func) == "lru_cache"
}

impl<'a> Reader<'a> {
    /// What is called is worked out first: names in it may be what is called, functions made in it
    /// run now.
    pub(super) fn callee(&mut self, call: &'a ast::ExprCall) {
        let func = &*call.func;
        if let Expr::Attribute(method) = func
            && method.value.is_call_expr()
        {
            let frame = self.frame();
            match frame.deferred {
                0 => frame.calls_made = true,
                _ => frame.calls_given = true,
            }
        }
        let outer = std::mem::replace(&mut self.at_once, true);
        self.visit_expr(func);
        self.at_once = outer;
        self.parts_called(func);
        match func {
            // `(lambda f: f(3))(g)`
            Expr::Lambda(_) => self.arguments_called(&call.arguments),
            // `methodcaller("area", 2)(box)`
            Expr::Call(inner) => {
                let getter = last_name(&inner.func);
                if GETTERS.contains(&getter)
                    && let (Some(object), Some(name)) =
                        (call.arguments.args.first(), inner.arguments.args.first())
                {
                    self.looking(object, name);
                    self.method_called(object, name, getter == "methodcaller");
                }
            }
            _ => {}
        }
    }

    /// `object.name()`, if that is what is done.
    fn method_called(&mut self, object: &'a Expr, name: &'a Expr, called: bool) {
        if let (true, Expr::StringLiteral(name)) = (called, name)
            && let Some(path) = self.path_outside(object)
        {
            let path = format!("{path}.{}", name.value.to_str());
            self.frame().now().calls.push(path);
        }
    }

    /// `attrgetter("size")` is `lambda it: it.size` in other words.
    pub(super) fn getter(&mut self, call: &'a ast::ExprCall) {
        let getter = last_name(&call.func);
        if !GETTERS.contains(&getter) {
            return;
        }
        let calls = getter == "methodcaller";
        let taken = if calls { 1 } else { usize::MAX };
        let names = call.arguments.args.iter().take(taken);
        let names = names.filter_map(Expr::as_string_literal_expr);
        let paths: Vec<&str> = names.map(|name| name.value.to_str()).collect();
        let members = paths.iter().flat_map(|path| path.split('.'));
        let later = u32::from(!self.at_once);
        let frame = self.frame();
        frame.deferred += later;
        frame.now().members.extend(members.map(str::to_owned));
        frame.calls_given |= calls && frame.deferred > 0;
        frame.deferred -= later;
    }

    /// What functions of the standard library, and methods of texts, ask of what they are given.
    pub(super) fn given_to_library(&mut self, func: &'a Expr) {
        self.implied(operators::of_library(last_name(func)));
        // `"{0.size}".format(box)`
        if let Expr::Attribute(method) = func
            && let Expr::StringLiteral(text) = &*method.value
            && method.attr.as_str() == "format"
        {
            let text = text.value.to_str();
            let fields = text.split('{').skip(1);
            let fields = fields.filter_map(|field| field.split(['}', '!', ':', '[']).next());
            let members: Vec<String> = fields
                .flat_map(|field| field.split('.').skip(1))
                .map(str::to_owned)
                .collect();
            self.frame().now().members.extend(members);
        }
    }

    /// The arguments of a call; functions that are made there for one that calls them run now.
    pub(super) fn arguments(&mut self, call: &'a ast::ExprCall) {
        let calls = self.calls_arguments(&call.func);
        let outer = self.at_once;
        self.at_once = calls || outer && is_made_of(&call.func);
        self.visit_arguments(&call.arguments);
        self.at_once = outer;
        if calls {
            self.arguments_called(&call.arguments);
        }
        self.changed_by_library(call);
        // `dumps(x, default=encode)`
        if KEYED.contains(&last_name(&call.func)) {
            for keyword in &*call.arguments.keywords {
                self.parts_called(&keyword.value);
            }
        }
    }

    /// `heapq.heappush(Q, x)` does to `Q` what `Q.append(x)` does.
    fn changed_by_library(&mut self, call: &'a ast::ExprCall) {
        if !changes_argument(last_name(&call.func)) {
            return;
        }
        let imported = match &*call.func {
            Expr::Name(name) => self.module.from_imports.contains(name.id.as_str()),
            Expr::Attribute(function) => self.is_module(&function.value),
            _ => false,
        };
        if imported && let Some(list) = call.arguments.args.first() {
            self.mutate(list);
        }
    }

    fn calls_arguments(&self, func: &'a Expr) -> bool {
        match func {
            Expr::Name(name) if BUILTINS.contains(&name.id.as_str()) => {
                self.is_builtin(name.id.as_str())
            }
            Expr::Attribute(attribute) if matches!(attribute.attr.as_str(), "sub" | "subn") => {
                matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "re")
            }
            _ => LIBRARY.contains(&last_name(func)),
        }
    }

    fn arguments_called(&mut self, arguments: &'a ast::Arguments) {
        for argument in &*arguments.args {
            self.parts_called(argument);
        }
        for keyword in &*arguments.keywords {
            self.parts_called(&keyword.value);
        }
    }

    /// What this is made of is called.
    pub(super) fn parts_called(&mut self, expr: &'a Expr) {
        let all = |reader: &mut Self, items: &'a [Expr]| {
            items.iter().for_each(|item| reader.parts_called(item));
        };
        match expr {
            Expr::Name(name) => {
                self.calls_given(expr);
                if !self.is_builtin(name.id.as_str()) {
                    self.called(expr);
                }
            }
            Expr::Attribute(_) if self.path(expr).is_some() => {
                self.calls_given(expr);
                self.called(expr);
            }
            Expr::If(choice) => {
                self.parts_called(&choice.body);
                self.parts_called(&choice.orelse);
            }
            Expr::BoolOp(choice) => all(self, &choice.values),
            Expr::Named(named) => self.parts_called(&named.value),
            Expr::Starred(starred) => self.parts_called(&starred.value),
            Expr::Await(inner) => self.parts_called(&inner.value),
            Expr::Tuple(items) => all(self, &items.elts),
            Expr::List(items) => all(self, &items.elts),
            Expr::Set(items) => all(self, &items.elts),
            Expr::Dict(table) => table.items.iter().for_each(|i| self.parts_called(&i.value)),
            Expr::Subscript(part) => self.parts_called(&part.value),
            Expr::Call(call) if is_made_of(&call.func) => {
                if let Expr::Attribute(method) = &*call.func {
                    self.parts_called(&method.value);
                }
                self.arguments_called(&call.arguments);
            }
            Expr::Call(call) => self.given_called(&call.func),
            _ => {}
        }
    }

    /// `self.size`, where that is set or changed in place.
    pub(super) fn sets(&mut self, path: Option<&str>) {
        let attribute = path.and_then(|path| path.split_once('.'));
        let frame = self.frame();
        if let Some((_, attribute)) = attribute
            && frame.deferred > 0
            && !frame.sets.iter().any(|known| known == attribute)
        {
            frame.sets.push(attribute.to_owned());
        }
    }

    /// A call of this name or attribute: of something that the function around it was given?
    pub(super) fn calls_given(&mut self, func: &'a Expr) {
        if self.frame().deferred == 0 {
            return;
        }
        let Some(path) = self.path(func) else { return };
        if resolve(&self.scopes, &path.root) != Place::Local {
            return;
        }
        // `self.callback(1)`; what the function defines itself is not given.
        let scope = self
            .scopes
            .iter()
            .rev()
            .find(|s| s.bound.contains(&path.root));
        let given = match func {
            Expr::Name(_) => scope.is_some_and(|scope| !scope.made.contains(&path.root)),
            Expr::Attribute(attribute) => {
                attribute.value.is_name_expr()
                    && scope.is_some_and(|scope| {
                        scope.block == Block::Function && scope.first.as_ref() == Some(&path.root)
                    })
            }
            _ => false,
        };
        self.frame().calls_given |= given;
    }

    /// `expr` is gone through: what it is made of counts as called, if it is a path.
    pub(super) fn iterated(&mut self, expr: &'a Expr) {
        self.implied(operators::ITERATED);
        match expr {
            Expr::Tuple(_) | Expr::List(_) | Expr::Set(_) => self.parts_called(expr),
            Expr::Call(call) => {
                // `for f in TABLE.values()`
                if let Expr::Attribute(method) = &*call.func
                    && matches!(method.attr.as_str(), "items" | "keys" | "values")
                {
                    self.called(&method.value);
                }
            }
            _ => self.called(expr),
        }
    }

    /// What a loop goes through; functions that are made there are what the loop is about. `skims`:
    /// only to say what is in it.
    pub(super) fn gone_through(&mut self, expr: &'a Expr, skims: bool) {
        // `for name, f in {"a": f}.items()`
        let table = match expr {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if method.value.is_dict_expr() => Some(&*method.value),
                _ => None,
            },
            _ => None,
        };
        let display =
            table.is_some() || matches!(expr, Expr::Tuple(_) | Expr::List(_) | Expr::Set(_));
        let outer = std::mem::replace(&mut self.at_once, display);
        self.visit_expr(expr);
        self.at_once = outer;
        let skimmed = match expr {
            Expr::Call(call) => &*call.func,
            _ => expr,
        };
        let path = match skims && self.frame().deferred == 0 {
            true => self.path_outside(skimmed),
            false => None,
        };
        match (path, expr) {
            // Not `for f in TABLE.values()`, where they are called perhaps.
            (Some(path), Expr::Call(_)) => {
                self.implied(operators::ITERATED);
                self.frame().skims.push(path);
            }
            (path, _) => {
                self.frame().skims.extend(path);
                self.iterated(expr);
            }
        }
        if let Some(table) = table {
            self.parts_called(table);
        }
    }
}
