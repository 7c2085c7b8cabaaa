//! The walk over statements: one frame for each that becomes a `Statement`.

use super::gather::{Frame, settled};
use super::kinds::{assigned, kind, simple_name};
use super::prints::{self, Prints};
use super::scope::{Bindings, Block, Context, Place, Scope, import_bound, mangle, resolve};
use super::{
    Facts, Import, Kind, Outline, Part, Print, Shell, Span, Statement, Uses, Value, value,
};
use super::{collects, operators, skims};
use crate::text::LineIndex;
use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use std::borrow::Cow;
use std::sync::Arc;

/// Reads one module.
pub(super) struct Reader<'a> {
    lines: LineIndex,
    pub prints: Prints,
    /// What the module's own block binds.
    pub module: Bindings<'a>,
    /// Scopes inside the module's, the innermost last.
    pub scopes: Vec<Scope<'a>>,
    /// Statements being read, the innermost last; the first is for the module itself.
    frames: Vec<Frame>,
    /// Names that the blocks around what is being read have bound before it.
    pub given: Vec<Cow<'a, str>>,
    /// Functions that are made here run where they stand: see `given`.
    pub at_once: bool,
    /// The class whose name mangles.
    pub class: Option<&'a str>,
    /// `from __future__ import annotations`: annotations are text.
    annotations_are_text: bool,
    /// Bytes and lines before the text that is read.
    before: (u32, u32),
    /// Statements stand before it.
    inside: bool,
    pub outline: Outline,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str, prints: Prints, body: &'a [Stmt], part: &Part<'a>) -> Self {
        let mut module = Bindings::of_block(None, body);
        let mut context = Context::of(&module);
        if let Some(around) = part.around {
            context = around.and(&context);
            around.tell(&mut module);
        }
        Self {
            lines: LineIndex::new(source),
            prints,
            module,
            scopes: Vec::new(),
            frames: vec![Frame::default()],
            given: Vec::new(),
            at_once: false,
            class: None,
            annotations_are_text: part.around.is_some_and(|a| a.annotations_are_text),
            before: (part.bytes, part.lines),
            inside: part.inside,
            outline: Outline::within(context),
        }
    }

    /// The outline, and the tokens of the text.
    pub(super) fn outline(mut self, body: &'a [Stmt]) -> (Outline, Prints) {
        for stmt in body {
            if let Stmt::ImportFrom(import) = stmt
                && import.level == 0
                && import.module.as_deref() == Some("__future__")
            {
                for alias in &import.names {
                    self.annotations_are_text |= alias.name.as_str() == "annotations";
                    self.outline.future.push(alias.name.to_string());
                }
            }
        }
        if self.annotations_are_text {
            let context = std::sync::Arc::make_mut(&mut self.outline.context);
            context.annotations_are_text = true;
        }
        let mut mentions_super = false;
        let mut statements = Vec::with_capacity(body.len());
        for (index, stmt) in body.iter().enumerate() {
            let statement = self.statement(stmt, index == 0 && !self.inside);
            mentions_super |= std::mem::take(&mut self.outline.mentions_super);
            statements.push(statement);
            // The module's frame gathers nothing.
            self.frames.truncate(1);
            self.frames[0] = Frame::default();
        }
        self.outline.mentions_super = mentions_super;
        self.outline.body = statements.into();
        for list in [&mut self.outline.future, &mut self.outline.imported] {
            list.sort_unstable();
            list.dedup();
        }
        (self.outline, self.prints)
    }

    pub(super) fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    pub(super) fn mangled(&self, name: &'a str) -> Cow<'a, str> {
        mangle(self.class, name)
    }

    /// Reads a statement of a module or class body, or a definition anywhere.
    fn statement(&mut self, stmt: &'a Stmt, first: bool) -> Statement {
        self.frames.push(Frame {
            scopes: self.scopes.len(),
            ..Frame::default()
        });
        match stmt {
            Stmt::FunctionDef(def) => self.function(def),
            Stmt::ClassDef(def) => self.class_definition(def),
            _ => self.walk(stmt),
        }
        if let Stmt::Expr(told) = stmt {
            self.told(&told.value, false);
        }
        if let Some(value) = assigned(stmt) {
            self.applied(value, 0);
        }
        let made = match stmt {
            Stmt::FunctionDef(def) => !def.decorator_list.is_empty(),
            _ => assigned(stmt).is_some_and(Expr::is_call_expr),
        };
        if made && self.scopes.last().is_some_and(|s| s.block == Block::Class) {
            self.implied(&[operators::NAMED]);
        }
        let mut frame = self.frames.pop().unwrap_or_default();
        let plain = match stmt {
            Stmt::FunctionDef(_) => frame.plain(),
            _ => None,
        };
        if self.scopes.is_empty() {
            // What a class body declared `global` is bound in the module when the class runs.
            let written = std::mem::take(&mut frame.uses.global_writes);
            frame.uses.binds.extend(written);
        }
        let mut shell = (!frame.handed.is_empty()).then(|| frame.later.clone());
        if let Some(later) = &mut shell {
            later.settle();
            let beyond = std::mem::take(&mut frame.beyond);
            frame.later.absorb(&beyond);
        }
        frame.settle();
        if self.frames.len() > 1 {
            let around = self.frame();
            let handed = match stmt {
                Stmt::FunctionDef(def) => around.handed.iter().any(|n| n == def.name.as_str()),
                _ => false,
            };
            around.absorb(&frame, handed);
        }
        self.finished(stmt, frame, (shell, plain), first)
    }

    fn finished(
        &self,
        stmt: &'a Stmt,
        frame: Frame,
        (shell, plain): (Option<Uses>, Option<Uses>),
        first: bool,
    ) -> Statement {
        let kind = kind(stmt, first);
        let range = stmt.range();
        let tokens = self
            .prints
            .tokens(range.start().to_u32(), range.end().to_u32());
        let print = self.prints.print(tokens.clone());
        let lambdas = self.prints.has_lambda(tokens.clone());
        let (decorators, header) = match stmt {
            Stmt::FunctionDef(def) => self.heads(range, &def.decorator_list, &def.body),
            Stmt::ClassDef(def) => self.heads(range, &def.decorator_list, &def.body),
            _ if !frame.holes.is_empty() => {
                (0, self.prints.print_around(tokens.clone(), &frame.holes))
            }
            _ => (
                0,
                value::set_by(stmt).map_or(print, |set| self.print_of(set.range())),
            ),
        };
        let value = match kind {
            Kind::MainGuard => Value::Other,
            _ => self.value(stmt),
        };
        let plain = plain.map(|uses| {
            let holes = frame.hint_tokens(tokens.start);
            Arc::new(self.prints.plain(&tokens, holes, uses))
        });
        let passed = frame.methods_passed(kind);
        let uses = frame.uses.and(&frame.class);
        let facts = Facts {
            kind,
            name: simple_name(stmt).unwrap_or_default().to_owned(),
            print,
            header,
            decorators,
            value,
            given: value::given(stmt, &uses.reads),
            uses,
            head: frame.head,
            metaclass: self.metaclass(stmt).unwrap_or_default(),
            later: frame.later,
            imports: frame.imports,
            late: frame.late.into(),
            alias: value::is_alias(stmt),
            display: value == Value::Other && value::is_display(stmt),
            mentions_super: self.frames.len() == 1 && self.outline.mentions_super,
            lambdas,
            plain,
            shell: shell.map(|later| {
                let around = self.prints.print_around(tokens, &frame.handed_bodies);
                Arc::new(Shell {
                    print: prints::both(around, &frame.taken),
                    later,
                    handed: frame.handed,
                })
            }),
            applied: frame.applied.into(),
            told: frame.told.into(),
            gives: frame.gives.into(),
            passed,
            implied: settled(frame.implied),
            later_implied: settled(frame.later_implied),
            calls_given: frame.calls_given,
            calls_made: frame.calls_made,
            sets: frame.sets.into(),
            asks_bases: collects::asks_bases(stmt),
            skims: frame.skims.into(),
            handed_on: super::stored::handed(stmt),
        };
        Statement::new(self.span(stmt), facts, frame.body)
    }

    fn print_of(&self, range: TextRange) -> Print {
        let (start, end) = (range.start().to_u32(), range.end().to_u32());
        self.prints.print(self.prints.tokens(start, end))
    }

    fn heads(
        &self,
        range: TextRange,
        decorators: &[ast::Decorator],
        body: &[Stmt],
    ) -> (Print, Print) {
        let upto = |end| self.print_of(TextRange::new(range.start(), end));
        let header = upto(body.first().map_or(range.end(), Ranged::start));
        let decorators = decorators.last().map_or(0, |last| upto(last.end()));
        (decorators, header)
    }

    fn span(&self, stmt: &Stmt) -> Span {
        let (start, end) = (stmt.start().to_u32(), stmt.end().to_u32());
        let line = self.lines.line(start);
        let decorators = match stmt {
            Stmt::FunctionDef(def) => def.decorator_list.last(),
            Stmt::ClassDef(def) => def.decorator_list.last(),
            _ => None,
        };
        let keyword = decorators.and_then(|last| self.prints.next_start(last.end().to_u32()));
        let (bytes, lines) = self.before;
        Span {
            start: bytes + start,
            end: bytes + end,
            line: lines + line,
            end_line: lines + self.lines.line(end.saturating_sub(1).max(start)),
            def_line: lines + keyword.map_or(line, |start| self.lines.line(start)),
            column: self.lines.column(start),
        }
    }

    fn value(&self, stmt: &Stmt) -> Value {
        let builtin = |name: &str| {
            !self.module.bound.contains(name) && resolve(&self.scopes, name) == Place::Module
        };
        let imported = |name: &str| self.module.from_imports.contains(name);
        let names = value::Names {
            builtin: &builtin,
            imported: &imported,
        };
        match stmt {
            Stmt::Assign(assign) if assign.targets.iter().all(Expr::is_name_expr) => {
                value::classify(&assign.value, &names)
            }
            Stmt::AnnAssign(assign) if assign.target.is_name_expr() => match &assign.value {
                Some(value) => value::classify(value, &names),
                None => Value::Other,
            },
            Stmt::TypeAlias(_) => Value::Pure,
            Stmt::For(_) | Stmt::If(_) if value::fills(std::slice::from_ref(stmt), &names) => {
                Value::Pure
            }
            _ => Value::Other,
        }
    }

    /// The body of a statement that does not begin a new statement of the outline.
    fn walk_block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            match stmt {
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                    let statement = self.statement(stmt, false);
                    self.frame().body.push(statement);
                }
                _ => self.walk(stmt),
            }
        }
    }

    /// A block that runs with these names bound: what it reads of them is not what they meant before.
    fn giving(&mut self, targets: &[&'a Expr], body: &'a [Stmt]) {
        let outer = self.given.len();
        let mut todo = targets.to_vec();
        while let Some(target) = todo.pop() {
            match target {
                Expr::Name(name) => {
                    let name = self.mangled(name.id.as_str());
                    self.given.push(name);
                }
                Expr::Starred(starred) => todo.push(&starred.value),
                Expr::Tuple(tuple) => todo.extend(&tuple.elts),
                Expr::List(list) => todo.extend(&list.elts),
                _ => {}
            }
        }
        self.walk_block(body);
        self.given.truncate(outer);
    }

    fn walk(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => self.walk_block(std::slice::from_ref(stmt)),
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                self.imported_by_call(assign);
                for target in &assign.targets {
                    self.alias(target, &assign.value);
                    self.target(target, true);
                }
            }
            Stmt::AugAssign(assign) => {
                self.read_target(&assign.target);
                self.implied(operators::of_operator(assign.op));
                self.visit_expr(&assign.value);
                self.target(&assign.target, true);
                self.mutate(&assign.target);
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.visit_expr(value);
                    self.alias(&assign.target, value);
                }
                // A function's own annotations are never evaluated.
                if !self.in_function() {
                    self.annotation(&assign.annotation);
                } else if assign.value.is_some() {
                    self.local_hint(assign);
                }
                if assign.value.is_some() || !assign.target.is_name_expr() {
                    self.target(&assign.target, true);
                }
            }
            Stmt::TypeAlias(alias) => {
                self.type_parameters(alias.type_params.as_deref());
                // Evaluated when asked for; but who asked before an edit has the old value.
                self.visit_expr(&alias.value);
                self.end_type_parameters(alias.type_params.as_deref());
                self.target(&alias.name, true);
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    self.delete(target);
                }
            }
            Stmt::Expr(expr) => {
                self.visit_expr(&expr.value);
                self.effect(&expr.value);
            }
            Stmt::For(_)
            | Stmt::While(_)
            | Stmt::If(_)
            | Stmt::With(_)
            | Stmt::Try(_)
            | Stmt::Match(_) => self.compound(stmt),
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.import_statement(stmt),
            Stmt::Global(stmt) => {
                for name in &stmt.names {
                    let name = self.mangled(name.as_str());
                    self.outline.mentions_super |= name == "super";
                    if let Some(scope) = self.scopes.last_mut()
                        && scope.block == Block::Class
                    {
                        scope.globals.insert(name);
                    }
                }
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Assert(_) => {
                ast::visitor::walk_stmt(self, stmt);
                if let Some(value) = stmt.as_return_stmt().and_then(|s| s.value.as_deref()) {
                    self.returned(value);
                }
            }
            Stmt::Nonlocal(_)
            | Stmt::Pass(_)
            | Stmt::Break(_)
            | Stmt::Continue(_)
            | Stmt::IpyEscapeCommand(_) => {}
        }
    }

    fn compound(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::For(stmt) => {
                self.gone_through(&stmt.iter, skims::block(stmt));
                self.target(&stmt.target, true);
                self.giving(&[&stmt.target], &stmt.body);
                self.walk_block(&stmt.orelse);
            }
            Stmt::While(stmt) => {
                self.visit_expr(&stmt.test);
                self.walk_block(&stmt.body);
                self.walk_block(&stmt.orelse);
            }
            Stmt::If(stmt) => {
                self.visit_expr(&stmt.test);
                self.walk_block(&stmt.body);
                for clause in &stmt.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.visit_expr(test);
                    }
                    self.walk_block(&clause.body);
                }
            }
            Stmt::With(stmt) => {
                for item in &stmt.items {
                    self.visit_expr(&item.context_expr);
                    self.implied(&["__enter__", "__exit__"]);
                    if let Some(target) = &item.optional_vars {
                        self.target(target, true);
                    }
                }
                let targets = stmt.items.iter();
                let targets: Vec<&Expr> = targets
                    .filter_map(|item| item.optional_vars.as_deref())
                    .collect();
                self.giving(&targets, &stmt.body);
            }
            Stmt::Try(stmt) => {
                self.walk_block(&stmt.body);
                for handler in &stmt.handlers {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    if let Some(class) = &handler.type_ {
                        self.visit_expr(class);
                    }
                    if let Some(name) = &handler.name {
                        self.store(name.as_str());
                    }
                    self.walk_block(&handler.body);
                }
                self.walk_block(&stmt.orelse);
                self.walk_block(&stmt.finalbody);
            }
            Stmt::Match(stmt) => {
                self.visit_expr(&stmt.subject);
                for case in &stmt.cases {
                    self.visit_pattern(&case.pattern);
                    if let Some(guard) = &case.guard {
                        self.visit_expr(guard);
                    }
                    self.walk_block(&case.body);
                }
            }
            _ => {}
        }
    }

    fn import_statement(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(stmt) => {
                for alias in &stmt.names {
                    let bound = import_bound(alias);
                    self.import(Import {
                        level: 0,
                        module: alias.name.to_string(),
                        name: None,
                        bound: bound.to_owned(),
                        aliased: alias.asname.is_some(),
                    });
                    self.imported(bound);
                }
            }
            Stmt::ImportFrom(stmt) => {
                for alias in &stmt.names {
                    let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.import(Import {
                        level: stmt.level,
                        module: stmt
                            .module
                            .as_ref()
                            .map(ToString::to_string)
                            .unwrap_or_default(),
                        name: Some(alias.name.to_string()),
                        bound: bound.to_owned(),
                        aliased: alias.asname.is_some(),
                    });
                    if bound == "*" {
                        self.outline.star = true;
                    } else {
                        self.imported(bound);
                    }
                }
            }
            _ => {}
        }
    }

    fn imported(&mut self, bound: &'a str) {
        if self.scopes.is_empty() {
            self.outline.imported.push(bound.to_owned());
        }
        self.store(bound);
    }

    pub(super) fn in_function(&self) -> bool {
        self.scopes
            .iter()
            .rev()
            .find(|s| s.block != Block::Comprehension)
            .is_some_and(|s| s.block == Block::Function)
    }

    pub(super) fn annotation(&mut self, annotation: &'a Expr) {
        if !self.annotations_are_text {
            self.visit_expr(annotation);
        }
    }

    fn function(&mut self, def: &'a ast::StmtFunctionDef) {
        self.decorators(&def.decorator_list);
        self.defaults(&def.parameters);
        self.type_parameters(def.type_params.as_deref());
        self.hints(def);
        let mut bindings = Bindings::of_block(self.class, &def.body);
        bindings.add_parameters(self.class, &def.parameters);
        // What is put into an attribute of the class that is made is most often in one of this.
        if def.name.as_str() == "__init_subclass__"
            && let Some(class) = self.class
            && let Some(first) = def.parameters.iter().next()
        {
            let name = self.mangled(first.name().as_str());
            bindings.defaults.push((name, class));
        }
        self.begin_function(bindings);
        self.hand_out(def);
        self.walk_block(&def.body);
        self.end_function();
        self.end_type_parameters(def.type_params.as_deref());
        self.store(def.name.as_str());
        if let Some(first) = def.body.first() {
            let body = self
                .prints
                .tokens(first.start().to_u32(), def.end().to_u32());
            self.frame().holes = vec![body];
        }
    }

    fn class_definition(&mut self, def: &'a ast::StmtClassDef) {
        self.decorators(&def.decorator_list);
        self.type_parameters(def.type_params.as_deref());
        if let Some(arguments) = &def.arguments {
            self.visit_arguments(arguments);
        }
        let frame = self.frame();
        frame.head = frame.uses.clone().and(&frame.class);
        let outer = self.class.replace(def.name.as_str());
        let given = ["__module__", "__qualname__"].map(Cow::Borrowed);
        let scope = Scope::new(Block::Class, given.into_iter().collect());
        self.scopes.push(scope);
        for (index, stmt) in def.body.iter().enumerate() {
            let statement = self.statement(stmt, index == 0);
            self.frame().body.push(statement);
        }
        self.scopes.pop();
        self.class = outer;
        self.end_type_parameters(def.type_params.as_deref());
        self.store(def.name.as_str());
    }

    fn decorators(&mut self, decorators: &'a [ast::Decorator]) {
        for decorator in decorators {
            self.visit_expr(&decorator.expression);
            self.called(&decorator.expression);
            self.applied(&decorator.expression, 1);
            self.told(&decorator.expression, true);
        }
    }

    pub(super) fn defaults(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = &parameter.default {
                self.visit_expr(default);
            }
        }
    }

    pub(super) fn begin_function(&mut self, bindings: Bindings<'a>) {
        self.scopes.push(Scope {
            globals: bindings.globals,
            defaults: bindings.defaults,
            made: bindings.made,
            first: bindings.first,
            ..Scope::new(Block::Function, bindings.bound)
        });
        self.frame().deferred += 1;
    }

    pub(super) fn end_function(&mut self) {
        self.scopes.pop();
        self.frame().deferred -= 1;
    }

    fn type_parameters(&mut self, parameters: Option<&'a ast::TypeParams>) {
        let Some(parameters) = parameters else { return };
        let names = parameters
            .iter()
            .map(|p| self.mangled(p.name().as_str()))
            .collect();
        let scope = Scope::new(Block::TypeParameters, names);
        self.scopes.push(scope);
        self.visit_type_params(parameters);
    }

    fn end_type_parameters(&mut self, parameters: Option<&'a ast::TypeParams>) {
        if parameters.is_some() {
            self.scopes.pop();
        }
    }

    /// A name is bound in the scope of the code being read.
    pub(super) fn store(&mut self, name: &'a str) {
        let name = self.mangled(name);
        self.outline.mentions_super |= name == "super" && self.in_module_block();
        for index in (0..self.scopes.len()).rev() {
            let scope = &mut self.scopes[index];
            let global = scope.globals.contains(&name);
            match scope.block {
                Block::Comprehension | Block::TypeParameters => continue,
                Block::Function | Block::Class if global => {
                    self.frame().now().global_writes.push(name.into_owned());
                }
                Block::Function => {}
                Block::Class => {
                    scope.bound.insert(name.clone());
                    self.frame().uses.binds.push(name.into_owned());
                }
            }
            return;
        }
        self.frame().uses.binds.push(name.into_owned());
    }

    /// The code being read belongs to the module's own block.
    pub(super) fn in_module_block(&self) -> bool {
        self.scopes
            .iter()
            .all(|scope| scope.block == Block::Comprehension)
    }

    fn delete(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                let name = self.mangled(name.id.as_str());
                match self.scopes.last_mut() {
                    Some(scope) if scope.globals.contains(&name) => {
                        self.frame().now().global_writes.push(name.into_owned());
                    }
                    Some(scope) if scope.block == Block::Class => {
                        scope.bound.remove(&name);
                        self.frame().uses.deletes.push(name.into_owned());
                    }
                    Some(_) => {}
                    None => self.frame().uses.deletes.push(name.into_owned()),
                }
            }
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.delete(target)),
            Expr::List(list) => list.elts.iter().for_each(|target| self.delete(target)),
            _ => self.target(target, true),
        }
    }
}
