"""What does a statement call, and what had a call of the old text told a registry? Found by its
arguments, without calling anything.

Runs in the namespace of registry.py, after values.py.
"""

# Where the functions are from that fill lists which they are given.
LISTS = {"_bisect", "_heapq", "bisect", "heapq"}


def _statement(text):
    """The statement of a text."""
    body = ast.parse(text).body
    return body[0] if len(body) == 1 else None


@functools.lru_cache(maxsize=None)
def _placed(text, line):
    """The same with its lines; a function may be called hundreds of times."""
    node = _statement(text)
    if node is not None:
        ast.increment_lineno(node, line - 1)
    return node


class _Made:
    """An instance of a class that the call made for this alone: `add(Filter("x"))`. It has no name."""

    def __init__(self, kind, scope, direct):
        self.kind, self.scope, self.direct = kind, scope, direct
        # What it was made with, where it has a name in the function that made it.
        self.given = []

    def made(self, value):
        return type(value) is self.kind and all(value is not other for other in self.scope.values())


class _Fresh:
    """An instance that the call had made for this alone, and what is known of its attributes."""

    def __init__(self, kind):
        self.kind, self.state = kind, {}


class Calls:
    """The calls that a statement of the old text made, with the names that they saw: its own, those
    of a loop over what can be told, those of a function of the module that it calls.

    `bodies` are the texts of functions of the module, by name, and the lines they begin on."""

    def __init__(self, text, line, bodies, namespace, deep=False):
        """`deep`: also the calls in functions of other modules."""
        self.bodies, self.module, self.deep = bodies, namespace, deep
        self.found = []
        # By position: the call in whose function a call stands.
        self.around = {}
        self.within = None
        # What calls of classes made, by those.
        self.fresh = {}
        # In how many functions of other modules it is; the calls that stand in one, by position.
        self.beyond, self.foreign = 0, set()
        # Assignments that may not have been reached.
        self.unsure = set()
        # The globals that functions of other modules set, by the last of them; those of the one that it is in.
        self.globals, self.declared = {}, ({}, ())
        # What they had added to numbers; in how many statements that may not have run it is.
        self.amounts, self.doubt = [], 0
        node = _placed(text, line)
        if node is not None:
            self.expand([node], namespace, 0)

    def expand(self, body, scope, depth):
        doubt = self.doubt
        for node in body:
            if len(self.found) > 500:
                break
            # `app.total += 5`, in a function or at the top level.
            adds = depth or isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute)
            if adds and self.deep and not self.doubt:
                values = _Values(scope)
                amount = Amount.of(node, values) or Amount.of_global(node, values, *self.declared)
                self.amounts += [amount] if amount else []
            taken = depth and self.deep and branch(node, _Values(scope))
            if taken:
                self.expand(taken, scope, depth)
                node = ast.copy_location(ast.If(ast.Constant(True), taken, []), node)
                if isinstance(taken[-1], (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                    break
            elif taken is None:
                continue
            else:
                self.step(node, scope, depth)
            if leaves(node):
                self.doubt += 1
        self.doubt = doubt

    def step(self, node, scope, depth):
        if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)) or _adds(node):
            self.parts(node.value, scope, depth)
            self.leaf(node, scope, depth)
            self.arguments(node.value, scope, depth)
            if depth:
                self.attribute(node, scope)
                self.local(node, scope)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and depth:
            scope.names.update(brought_in(node, scope))
        elif isinstance(node, ast.For):
            for names in self.rounds(node, scope):
                self.expand(node.body, _Scope(scope, names), depth)
        elif isinstance(node, ast.If) and self.beyond:
            # `if name not in POOL: POOL[name] = ...`: done before for somebody else perhaps.
            return
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            self.doubt += not isinstance(node, ast.With)
            if isinstance(node, ast.If):
                if id(node) not in self.unsure:
                    self.unsure.update(map(id, ast.walk(node)))
            for item in getattr(node, "items", ()):
                self.part(item.context_expr, scope, depth)
            for part in ("body", "orelse", "finalbody"):
                self.perhaps(getattr(node, part, []), scope, depth, isinstance(node, ast.With))
            self.doubt -= not isinstance(node, ast.With)

    def perhaps(self, body, scope, depth, surely):
        """Statements that may not have been reached: of what they bind nothing is known below them."""
        inner = scope if surely or not depth else _Scope(scope, {})
        self.expand(body, inner, depth)
        if inner is not scope:
            scope.names.update(inner.names)
            bound = [n for part in body for n in ast.walk(part) if isinstance(n, ast.Name)]
            scope.names.update((n.id, _Scope.HIDDEN) for n in bound if isinstance(n.ctx, ast.Store))

    def attribute(self, node, scope):
        """`self.name = name` in a constructor."""
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
            return
        made = scope.get(target.value.id)
        if isinstance(made, _Fresh):
            made.state[target.attr] = _Scope.HIDDEN
            if id(node) not in self.unsure:
                try:
                    made.state[target.attr] = _Values(scope).visit(node.value)
                except Unknown:
                    pass

    def local(self, node, scope):
        """`key = f"{a}.{b}"` in a function."""
        for name in [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]:
            scope.names[name] = _Scope.HIDDEN
            try:
                scope.names[name] = _Values(scope).visit(node.value)
                if id(node) not in self.unsure:
                    self.set_global(name, scope.names[name])
            except Unknown:
                if isinstance(node.value, ast.Call) and (made := _instance(node.value, _Values(scope), True)):
                    call = ast.copy_location(ast.Expr(node.value), node)
                    scope.names[name], made[0].given = made[0], arguments(call, scope)[0]

    def set_global(self, name, value):
        space, names = self.declared
        if name in names:
            self.globals[id(space), name] = space, name, value

    def parts(self, value, scope, depth):
        """Calls in what a statement makes: `[note(1), note(2)]`, `{n: note(n) for n in NAMES}`."""
        if isinstance(value, (ast.ListComp, ast.SetComp, ast.DictComp)):
            if len(value.generators) == 1 and not value.generators[0].ifs:
                inner = [value.key, value.value] if isinstance(value, ast.DictComp) else [value.elt]
                for names in self.rounds(value.generators[0], scope):
                    for part in inner:
                        self.part(part, _Scope(scope, names), depth)
        elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            for part in value.elts:
                self.part(part, scope, depth)
        elif isinstance(value, ast.Dict):
            for part in value.values:
                self.part(part, scope, depth)
        elif isinstance(value, ast.BinOp):
            self.part(value.left, scope, depth)
            self.part(value.right, scope, depth)
        elif isinstance(value, (ast.Attribute, ast.Subscript)):
            self.part(value.value, scope, depth)

    def arguments(self, value, scope, depth):
        """Calls in what a call is given: `str(note(1))`."""
        if isinstance(value, ast.Call):
            for part in (*value.args, *(keyword.value for keyword in value.keywords)):
                self.part(part.value if isinstance(part, ast.Starred) else part, scope, depth)

    def part(self, value, scope, depth):
        if len(self.found) > 500:
            return
        if isinstance(value, ast.Call):
            self.leaf(ast.copy_location(ast.Expr(value), value), scope, depth)
            self.arguments(value, scope, depth)
        else:
            self.parts(value, scope, depth)

    def leaf(self, node, scope, depth):
        values = _Values(scope)
        many = each(grows(node, self.declared[1]), values)
        if many is not None:
            for part in many:
                self.leaf(part, scope, depth)
            return
        if isinstance(node, ast.AugAssign):
            # `clicked += slot`, where that is a method of a signal.
            function = ast.Attribute(node.target, AUGMENTS[type(node.op)], ast.Load())
            call = ast.Call(function, [node.value], [])
            node = ast.copy_location(ast.Expr(value=ast.copy_location(call, node)), node)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0].value
        elif isinstance(node.value, ast.Call):
            target = node.value.func
        else:
            return
        inner = target.value if isinstance(target, ast.Attribute) else None
        if isinstance(inner, ast.Call) and values.imports(inner):
            inner = None
        if isinstance(inner, ast.Call) and handed_out(inner, values):
            # `menu("Edit").add("Cut")`: what is called is that of an object that is there.
            inner = None
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and not _gets(inner):
            return self.chain(node.value, scope, depth)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
            return self.passing(inner, node.value, scope, depth)
        try:
            called = values.visit(target)
        except Unknown:
            return
        self.around[len(self.found)] = self.within
        if self.beyond:
            self.foreign.add(len(self.found))
        self.found.append((called, node, scope))
        own = isinstance(called, types.FunctionType)
        if own and called.__module__ == self.module.get("__name__") and depth < 3:
            outer, self.within = self.within, len(self.found) - 1
            self.inside(called.__name__, node.value, scope, depth)
            self.within = outer
        elif depth < 3 and isinstance(called, type):
            if isinstance(node.value, ast.Call) and node.value.func is target:
                self.made(called, node.value, scope, depth)
        elif isinstance(node.value, ast.Call) and (self.deep or sets_up(called)):
            self.enter(called, node.value, scope, depth)

    def enter(self, called, call, scope, depth, owner=None):
        """The calls in a method, or a function of another module; `owner`: what it is called on, if it
        is not bound to that."""
        found = definition(called) if depth < 3 else None
        if not found:
            return
        outer, self.within = self.within, len(self.found) - 1
        function, bound, text = found
        names = given(function, owner or bound, text, call, _Values(scope))
        # The body of a generator runs later, or never.
        later = bool(function.__code__.co_flags & inspect.CO_GENERATOR)
        self.beyond += 1
        self.doubt += later
        known = len(self.amounts)
        declared, self.declared = self.declared, (function.__globals__, _declared(text))
        names = {**THEN.get(id(function.__globals__), {}), **names}
        self.expand(text.body, _Scope(function.__globals__, names, _ran(function)), depth + 1)
        self.amounts[known:] = [a for a in self.amounts[known:] if a.told_by(function, text)]
        self.doubt -= later
        self.beyond -= 1
        self.within, self.declared = outer, declared

    def passing(self, making, call, scope, depth):
        """`C("a").show()`, where that is made for this alone, and perhaps fills a list of the module."""
        number = len(self.found)
        self.fresh.pop(id(making), None)
        self.part(making, scope, depth)
        if depth < 3 and len(self.found) > number and isinstance(made := self.fresh.get(id(making)), _Fresh):
            self.inside(f"{made.kind.__name__}.{call.func.attr}", call, scope, depth, made)

    def made(self, kind, call, scope, depth):
        """What a constructor fills when it is called."""
        made = self.fresh[id(call)] = _Fresh(kind)
        name = f"{kind.__name__}.__init__"
        if kind.__module__ == self.module.get("__name__") and name in self.bodies:
            outer, self.within = self.within, len(self.found) - 1
            self.inside(name, call, scope, depth, made)
            self.within = outer
        elif self.deep:
            mro = type.__dict__["__mro__"].__get__(kind)
            maker = next((vars(base)["__init__"] for base in mro if "__init__" in vars(base)), None)
            if isinstance(maker, types.FunctionType):
                self.enter(maker, call, scope, depth, [made])

    def chain(self, call, scope, depth):
        """`menu.add(A()).add(B())`, where each call gives the object that it is called on."""
        calls = []
        while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            calls.append(call)
            call = call.func.value
        try:
            owner = _Values(scope).visit(call)
        except Unknown:
            return
        for call in reversed(calls):
            if _plain(owner):
                found = next((vars(k)[call.func.attr] for k in type(owner).__mro__ if call.func.attr in vars(k)), None)
                if isinstance(found, types.FunctionType):
                    node = ast.copy_location(ast.Expr(value=call), call)
                    self.around[len(self.found)] = self.within
                    self.found.append((types.MethodType(found, owner), node, scope))
                    if self.deep:
                        self.enter(types.MethodType(found, owner), call, scope, depth)
                    if gives(found.__code__) == ():
                        continue
            return

    def inside(self, name, call, scope, depth, made=None):
        """The calls in a function of the module, or in a method of what was `made` for this alone."""
        for text, line in self.bodies.get(name, ()):
            node = _placed(text, line)
            if isinstance(node, ast.FunctionDef):
                names, values = {}, _Values(scope)
                parameters = node.args.args
                if made is not None and parameters:
                    names[parameters[0].arg], parameters = made, parameters[1:]
                for parameter, argument in zip(parameters, call.args):
                    names[parameter.arg] = _Scope.HIDDEN
                    try:
                        names[parameter.arg] = values.visit(argument)
                    except Unknown:
                        pass
                self.expand(node.body, _Scope(self.module, names), depth + 1)

    def rounds(self, node, scope):
        call = node.iter
        method = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not call.args
        try:
            if method and call.func.attr in ("items", "values", "keys"):
                over = as_it_was(_Values(scope).visit(call.func.value))
                over = getattr(over, call.func.attr)() if isinstance(over, dict) else ()
            else:
                over = as_it_was(_Values(scope).visit(call))
        except Unknown:
            return
        if not isinstance(over, (tuple, list, dict, set, type({}.items()), type({}.values()), type({}.keys()))):
            return
        for item in list(over)[:200]:
            if isinstance(node.target, ast.Name):
                yield {node.target.id: item}
            elif isinstance(node.target, ast.Tuple) and isinstance(item, (tuple, list)):
                names = [n.id for n in node.target.elts if isinstance(n, ast.Name)]
                if len(names) == len(item):
                    yield dict(zip(names, item))


def filled_by(called, node, scope):
    """The container that a call itself puts something into: `TABLE[key] = value`, `LIST.append(value)`,
    `heappush(LIST, value)`."""
    if isinstance(called, types.BuiltinFunctionType) and called.__name__ in SORTING and called.__module__ in LISTS:
        try:
            called = _Values(scope).visit(node.value.args[0])
        except (Unknown, AttributeError, IndexError):
            return None
    holder = called.__self__ if isinstance(called, types.BuiltinFunctionType) else called
    return holder if isinstance(holder, MUTABLE) else None


def _gets(node):
    """`TABLE.setdefault(key, [])`: an item that is there."""
    called = node.func
    return isinstance(called, ast.Attribute) and called.attr in ("get", "setdefault") and bool(node.args)


def _adds(node):
    return isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.BitOr))


def callees(text, line, bodies, namespace):
    """What a statement calls, and the containers that it sets an item of."""
    out = []
    calls = Calls(text, line, bodies, namespace).found
    for called, node, scope in calls:
        if not any(called is other for other in out):
            owned = _of_object(called) or _registers(called)
            origins = _origins(node, called, scope) if owned else None
            out.append(Named(called, origins) if origins else called)
    for called, node, scope in calls:
        # `Button(root, "OK")` puts itself into what it is given, `move(a, b, 3)` changes both.
        own = isinstance(called, (type, types.FunctionType, types.MethodType))
        if own and isinstance(node.value, ast.Call):
            for part in [*node.value.args, *(k.value for k in node.value.keywords)]:
                value = scope.get(part.id) if isinstance(part, ast.Name) else None
                if _plain(value) and all(value is not getattr(o, "value", o) for o in out):
                    out.append(Named(value, _bound_to(value, part.id)))
                out += _of_another(part, scope, namespace)
    for owner, name in summed(text, namespace):
        out.append(Named(owner, _bound_to(owner, name)))
    for called, node, scope in calls:
        owner = filled_by(called, node, scope)
        if owner is not None:
            out.append(Named(owner, _origins(node, owner, scope)))
    return out


def summed(text, namespace):
    """`app.total += 5`: the object, and its name."""
    node = _statement(text)
    target = node.target if isinstance(node, ast.AugAssign) else None
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        owner = namespace.get(target.value.id)
        if _plain(owner):
            yield owner, target.value.id


def _origins(node, owner, scope):
    """Which modules have a container, under the name that a statement gives it."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0]
    else:
        # Also of `A = reg.add("a")`.
        target = node.value.func if isinstance(node.value, ast.Call) else node.value
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        inner = target.func if isinstance(target, ast.Call) else target.value
        if isinstance(target, ast.Attribute):
            try:
                module = _Values(scope).visit(inner)
            except Unknown:
                module = None
            if isinstance(module, types.ModuleType):
                return [(module.__name__, target.attr)]
        target = inner
    if not isinstance(target, ast.Name):
        return []
    return _bound_to(scope.get(target.id), target.id)


def arguments(node, scope):
    """What can be told of the arguments, and what the statement bound to a name."""
    values, result = _Values(scope), None
    found, parts = [], []

    def take(call):
        parts.extend(a.value if isinstance(a, ast.Starred) else a for a in call.args)
        for keyword in call.keywords:
            parts.append(keyword.value)
            found.extend([keyword.arg] if keyword.arg else [])

    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        parts = [node.targets[0].slice, node.value]
    else:
        take(node.value)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            result = scope.get(node.targets[0].id)
    direct = set(map(id, parts))
    while parts:
        part = parts.pop(0)
        try:
            value = values.visit(part)
            found.append(value)
            if isinstance(value, _Made):
                found.extend(value.given)
            elif type(value) is dict and len(value) <= MOST:
                # `add({"name": name, "run": function})`: by what has an identity.
                found += [item for item in value.values() if not isinstance(item, PLAIN)]
        except Unknown:
            # `add(Route("/", view))`, `connect(partial(f, 1))`
            if isinstance(part, ast.Call):
                found.extend(_instance(part, values, id(part) in direct))
                take(part)
    return found, result


def _instance(call, values, direct):
    try:
        kind = values.visit(call.func)
    except Unknown:
        return []
    written = isinstance(kind, type) and kind.__flags__ & 1 << 9
    return [_Made(kind, values.namespace, direct)] if written and not issubclass(kind, (*ATOMS, *FUNCTIONS, *MUTABLE)) else []


def _text_of(function, bodies):
    """The text of a function, as far as it is the one that this is made of."""
    if isinstance(function, types.MethodType):
        function = function.__func__
    if not isinstance(function, types.FunctionType):
        return None
    texts = [text for text, _ in bodies.get(function.__name__, ())]
    if texts:
        node = _statement(texts[-1])
    else:
        found = definition(function)
        node = found[2] if found else None
    right = isinstance(node, ast.FunctionDef) and node.name == function.__code__.co_name
    return node if right else None


def hands_back(called, node, scope, bodies):
    """Whether a call gives what was made for it alone: `ok = root.add(Widget("ok"))`."""
    text = _text_of(called, bodies) if isinstance(node.value, ast.Call) else None
    if text is None:
        return False
    parameters = [p.arg for p in [*text.args.posonlyargs, *text.args.args]]
    given = [None] * isinstance(called, types.MethodType) + node.value.args
    named = {k.arg: k.value for k in node.value.keywords}
    for value in [inner.value for inner in _nodes(text) if isinstance(inner, ast.Return)]:
        if not isinstance(value, ast.Name) or value.id not in parameters:
            return False
        place = parameters.index(value.id)
        part = given[place] if place < len(given) else named.get(value.id)
        try:
            if not isinstance(part, ast.Call) or not isinstance(_Values(scope).visit(part.func), type):
                return False
        except Unknown:
            return False
    return any(isinstance(inner, ast.Return) for inner in _nodes(text))


def instances_in(container, namespace=()):
    """The objects of the program that a statement made and put into a container of its own: those of
    classes that make a new one for each call, and that have no name in the module."""
    items = container.values() if isinstance(container, dict) else container
    named = {id(value) for value in namespace.values()} if namespace else ()
    return [item for item in items if _plain(item) and id(item) not in named and _always_new(type(item))]


def _always_new(kind):
    return type(kind) in (type, abc.ABCMeta) and kind.__new__ is object.__new__


def _plain_class(kind):
    """A class of the program, whose instances are known by what is in them."""
    return bool(kind.__flags__ & 1 << 9) and _always_new(kind) and not issubclass(kind, (*ATOMS, *FUNCTIONS, *MUTABLE))


def makes_own(called, node, scope, bodies):
    """Whether what a call gives is made by it, or for it."""
    if isinstance(called, type):
        return _plain_class(called)
    return makes_new(called, bodies) or hands_back(called, node, scope, bodies)


def makes_new(function, bodies):
    """Whether what a function gives is an object that it makes for each call: `item = Item(n)`, kept
    somewhere, and then `return item`."""
    node = _text_of(function, bodies)
    if node is None:
        return False
    if isinstance(function, types.MethodType):
        function = function.__func__
    values = _Values(_Scope(function.__globals__, {"cls": object}))

    def made(call):
        try:
            return isinstance(call, ast.Call) and isinstance(values.visit(call.func), type)
        except Unknown:
            return False

    given = [inner.value for inner in _nodes(node) if isinstance(inner, ast.Return)]
    for value in given:
        if isinstance(value, ast.Name):
            # Bound once, whatever happens.
            stores = [n for n in _nodes(node) if isinstance(n, ast.Name) and n.id == value.id]
            stores = [n for n in stores if isinstance(n.ctx, ast.Store)]
            binds = [s for s in node.body if isinstance(s, ast.Assign) and s.targets == stores]
            value = binds[0].value if binds else None
        if not made(value):
            return False
    return bool(given)


def set_by(node, scope, table, shared):
    """The entry that `TABLE[key] = value` made: the one of that key, unless its value is known to be
    another one, or it is the `shared` object, which was there before perhaps."""
    if not isinstance(table, dict) or not isinstance(node, ast.Assign):
        return None
    values = _Values(scope)
    try:
        key = values.visit(node.targets[0].slice)
        member = table[key]
        if member is shared:
            return None
    except (Unknown, KeyError, TypeError, AttributeError):
        return None
    try:
        if values.visit(node.value) is not member:
            return None
    except Unknown:
        pass
    place = next(n for n, other in enumerate(table) if other == key)
    return Old(table, key, member, (), place)


def _nodes(function):
    """The nodes of a function's own body."""
    todo = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))


def entry_of(entry, values, result, fresh, owner=None):
    """How much speaks for it that a call with these arguments made this entry; 0: it did not.
    `fresh`: it made the `result`, which else may be anybody's. `owner`: whose method was called;
    what that keeps says nothing of an entry that has it."""
    leaves = []

    def flat(value, depth):
        if isinstance(value, weakref.ref):
            value = value()
        if isinstance(value, (tuple, list)) and depth < 3:
            for item in value:
                flat(item, depth + 1)
        elif isinstance(value, dict) and depth < 3:
            for key, item in value.items():
                flat(item, depth + 1)
        elif isinstance(value, functools.partial):
            flat(value.func, depth + 1)
        elif isinstance(value, types.MethodType) or not _plain(value) or depth > 2:
            leaves.append(value)
        elif value is owner or any(value is other for other in values):
            leaves.append(value)
        else:
            inner = [v for v in _state(value).values()]
            for item in inner:
                flat(item, depth + 1)
            leaves.append(value)

    keyed = isinstance(entry.holder, dict)
    if isinstance(entry.member, MUTABLE) and (not keyed or entry.key in [v for v in values if isinstance(v, PLAIN)]):
        # `add(["a", 1])`: the statement says all that is in it.
        if any(alike(entry.member, v) for v in values):
            return 100
    if keyed:
        flat(entry.key, 0)
    if isinstance(entry.member, MUTABLE) and not any(entry.member is v for v in values):
        if isinstance(entry.member, (list, set)) or any(isinstance(v, MUTABLE) for v in entry.member.values()):
            return 0  # its own entries are looked at
    flat(entry.member, 0)
    known = fresh and isinstance(result, type) or not isinstance(result, ATOMS)
    if result is not None and known and any(l is result for l in leaves):
        return 1000 if fresh else 0
    outer = [key for _, key in entry.parents]

    def same(a, b):
        for one, other in ((a, b), (b, a)):
            if isinstance(other, (_Lambda, _Made)) and other.made(one):
                return True
        if a is b:
            return True
        return type(a) is type(b) and isinstance(a, (*ATOMS, tuple, types.MethodType, types.BuiltinFunctionType)) and a == b

    def among(value, group):
        return any(same(value, other) for other in group)

    objects = [v for v in values if not isinstance(v, (*PLAIN, _Made))]
    ours = [v for v in values if among(v, leaves) or among(v, [entry.member, entry.key if keyed else entry])]
    around = [v for v in values if among(v, outer)]
    inside = [v for v in objects if among(v, leaves) or among(v, outer)]
    if objects and len(inside) == len(objects) and any(among(v, leaves) for v in objects):
        return len(ours) + len(around)
    told = [v for v in values if same(entry.member, v)] and (not keyed or among(entry.key, values))
    if leaves and ours and (told or all(among(leaf, values) for leaf in leaves)):
        return len(ours) + len(around)
    if not objects and any(isinstance(v, _Made) and v.direct and v.made(entry.member) for v in values):
        return len(ours) + len(around)
    return 0
