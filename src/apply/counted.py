"""What a statement of the old text had added to numbers of its module through the functions that it
calls: `global total; total += n`. Found by the texts, without calling anything.

Runs in the namespace of skeleton.py, after it.
"""

_HIDDEN = object()
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# In these a call may be made any number of times, or never.
_UNSURE = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# As deep as functions are followed.
_DEEPEST = 4


def _stored(node):
    """The names that statements bind, those of functions in them left out."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif not isinstance(node, ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))


def _declared(function):
    return {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}


class _Counted:
    """`bodies` are the texts of functions of the module, by name; `space` has what names meant."""

    def __init__(self, bodies, space, unknown):
        self.bodies, self.space, self.unknown = bodies, space, unknown
        # What was added to which name; None where that cannot be told.
        self.sums = {}

    def add(self, name, value):
        if value is None or self.sums.get(name, 0) is None:
            self.sums[name] = None
        else:
            self.sums[name] = self.sums.get(name, 0) + value

    def value(self, node, names):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and names.get(node.id, _HIDDEN) is not _HIDDEN:
            return names[node.id]
        hidden = {name for name, value in names.items() if value is _HIDDEN}
        unknown = hidden.union(path for path in self.unknown if path.split(".")[0] not in names)
        return contents([f"__it__ = {ast.unparse(node)}"], (), "__it__", {**self.space, **names}, unknown)

    def number(self, node, names):
        try:
            value = self.value(node, names)
        except Exception:
            return None
        return value if type(value) in (int, float) else None

    def function(self, name):
        texts = self.bodies.get(name, ())
        return ast.parse(texts[0][0]).body[0] if len(texts) == 1 else None

    def expression(self, node, names, depth):
        """The calls in what a statement computes."""
        todo = [node]
        while todo:
            node = todo.pop()
            if isinstance(node, _UNSURE):
                self.lose(node, set())
                continue
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in names:
                self.call(node.func.id, node, names, depth)
            todo.extend(ast.iter_child_nodes(node))

    def lose(self, node, seen):
        """Functions that may be called here, or not."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                self.lose_function(part.func.id, seen)

    def lose_function(self, name, seen):
        if name in seen:
            return
        seen.add(name)
        for text, _ in self.bodies.get(name, ()):
            function = ast.parse(text)
            for stored in _declared(function).intersection(
                node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
            ):
                self.add(stored, None)
            self.lose(function, seen)

    def call(self, name, call, names, depth):
        """A call, without one (`@name`) with arguments that cannot be told; the function that it gives."""
        function = self.function(name)
        if not isinstance(function, ast.FunctionDef) or function.decorator_list or depth > _DEEPEST:
            self.lose_function(name, set())
            return None
        inner = self.arguments(function.args, call, names)
        self.body(function, inner, depth)
        made = {node.name: node for node in function.body if isinstance(node, ast.FunctionDef)}
        last = function.body[-1]
        given = last.value if isinstance(last, ast.Return) else None
        given = made.get(given.id) if isinstance(given, ast.Name) else None
        return given and (given, inner)

    def arguments(self, parameters, call, names):
        plain = [*parameters.posonlyargs, *parameters.args]
        bare = [*plain, *parameters.kwonlyargs, parameters.vararg, parameters.kwarg]
        inner = {parameter.arg: _HIDDEN for parameter in bare if parameter}
        if call is None:
            return inner
        if any(isinstance(a, ast.Starred) for a in call.args) or any(not k.arg for k in call.keywords):
            return inner
        given = dict(zip((p.arg for p in plain[len(plain) - len(parameters.defaults):]), parameters.defaults))
        given.update((p.arg, d) for p, d in zip(parameters.kwonlyargs, parameters.kw_defaults) if d)
        told = {parameter.arg: argument for parameter, argument in zip(plain, call.args)}
        told.update((keyword.arg, keyword.value) for keyword in call.keywords)
        for space, values in (({}, given), (names, told)):
            for name, node in values.items():
                try:
                    inner[name] = self.value(node, space)
                except Exception:
                    inner[name] = _HIDDEN
        return inner

    def body(self, function, names, depth):
        declared = _declared(function)
        for at, node in enumerate(function.body):
            if isinstance(node, (ast.Global, ast.Pass, ast.Nonlocal)):
                continue
            stored = set(_stored(node))
            simple = isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return))
            if simple and getattr(node, "value", None) is not None:
                self.expression(node.value, names, depth + 1)
                for name in stored & declared:
                    self.add(name, self.added(node, name, names))
            elif not isinstance(node, _DEFINITIONS) and not simple:
                for name in stored & declared:
                    self.add(name, None)
                self.lose(node, set())
                if any(isinstance(part, (ast.Return, ast.Raise)) for part in ast.walk(node)):
                    # Whether the rest was reached is not known.
                    rest = ast.Module(function.body[at + 1 :], [])
                    for name in declared.intersection(_stored(rest)):
                        self.add(name, None)
                    self.lose(rest, set())
                    return
            names.update((name, _HIDDEN) for name in stored - declared)
            if isinstance(node, ast.Return):
                return

    def added(self, node, name, names):
        """`name += n`, `name -= n`, `name = name + n`"""
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            sign, part = node.op, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            left = node.value.left
            if len(node.targets) > 1 or not (isinstance(left, ast.Name) and left.id == name):
                return None
            sign, part = node.value.op, node.value.right
        else:
            return None
        value = self.number(part, names)
        if value is None or not isinstance(sign, (ast.Add, ast.Sub)):
            return None
        return value if isinstance(sign, ast.Add) else -value


def counted(text, bodies, space, unknown):
    """By name, what a statement had added; None where that cannot be told."""
    [node] = ast.parse(text).body
    found = _Counted(bodies, space, set(unknown))
    if isinstance(node, _DEFINITIONS):
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            named = call.func if call else decorator
            for part in [*call.args, *(k.value for k in call.keywords)] if call else ():
                found.expression(part, {}, 0)
            if isinstance(named, ast.Name):
                given = found.call(named.id, call, {}, 0)
                if given and call:
                    inner, names = given
                    found.body(inner, {**names, **found.arguments(inner.args, None, {})}, 0)
                elif call:
                    found.lose_function(named.id, set())
    elif getattr(node, "value", None) is not None:
        found.expression(node.value, {}, 0)
    else:
        found.lose(node, set())
    return found.sums
