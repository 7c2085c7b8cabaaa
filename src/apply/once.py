"""What functions compute once and keep: `if _config is None: _config = load()`. Where that would be
something else now, it is forgotten, for the statement that runs again to compute it again.

Runs in the namespace of registry.py, after told.py.
"""
import gc


def _guards(text):
    """What a function looks at before it computes it, and how it tells that it is not there."""
    for part in ast.walk(text):
        if isinstance(part, ast.Compare) and len(part.ops) == 1:
            op, right = part.ops[0], part.comparators[0]
            if isinstance(op, (ast.Is, ast.IsNot)) and isinstance(right, ast.Constant) and right.value is None:
                yield part.left, "none"
            elif isinstance(op, (ast.In, ast.NotIn)):
                yield right, "items"
        elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
            yield part.operand, "flag"
        elif isinstance(part, ast.Call) and getattr(part.func, "id", None) == "hasattr" and len(part.args) == 2:
            if isinstance(part.args[1], ast.Constant) and isinstance(part.args[1].value, str):
                yield ast.Attribute(part.args[0], part.args[1].value, ast.Load()), "gone"
        elif isinstance(part, ast.Try):
            for inner in (node for stmt in part.body for node in ast.walk(stmt)):
                if isinstance(inner, ast.Attribute):
                    yield inner, "gone"
                elif isinstance(inner, ast.Subscript):
                    yield inner.value, "items"


def _kept(text):
    """The names and attributes that a function computes once, and how it tells that it has not."""
    whole, items = set(), set()
    for part in ast.walk(text):
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        value = getattr(part, "value", None)
        empty = isinstance(value, ast.Constant) and value.value in (None, False)
        if isinstance(part, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and not empty:
            for target in targets:
                if isinstance(target, ast.Subscript):
                    items.add(ast.unparse(target.value))
                else:
                    whole.add(ast.unparse(target))
    found = {}
    for node, how in _guards(text):
        if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) in (items if how == "items" else whole):
            found.setdefault(ast.unparse(node), (node, how))
    return found.values()


def _text_that_runs(function):
    """The text of a function, which may close over something; not of what it wraps."""
    code = _ran(function)
    if _standard(code.co_filename):
        return None
    for text in (TEXTS.get(code.co_filename, ""), _text(code.co_filename)):
        node = _compiled_from(code, text, True)
        if node is not None:
            return node
    return None


class Once:
    """Forgets what a function has computed once. `names` are those of classes that make other
    instances now."""

    def __init__(self, snapshot, names):
        self.snapshot, self.names = snapshot, set(names)

    def forget(self, called, kind):
        """`kind`: the class whose method it is."""
        for _ in range(DEPTH):
            if isinstance(called, (staticmethod, classmethod, types.MethodType)):
                called = called.__func__
            elif isinstance(called, property):
                called = called.fget
            else:
                break
        if _plain(called) and isinstance(getattr(type(called), "__call__", None), types.FunctionType):
            # A decorator that is a class.
            kind, called = type(called), type(called).__call__
        text = _text_that_runs(called) if isinstance(called, types.FunctionType) else None
        if text is None:
            return
        parameters = [*text.args.posonlyargs, *text.args.args]
        own = parameters[0].arg if parameters and kind is not None else None
        of_class = own and (text.name in ("__new__", "__init_subclass__", "__class_getitem__") or any(
            getattr(d, "id", None) == "classmethod" for d in text.decorator_list))
        local = {n.id for n in ast.walk(text) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        shared = {n for s in ast.walk(text) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
        for node, how in _kept(text):
            if isinstance(node, ast.Name):
                self.variable(called, node.id, how, node.id in local - shared)
            elif isinstance(node.value, ast.Name) and node.value.id == own:
                self.attribute(kind, node.attr, how, of_class)
            elif isinstance(node.value, ast.Name):
                owner = called.__globals__.get(node.value.id)
                if isinstance(owner, type) or _plain(owner):
                    self.of(owner, node.attr, how)

    def variable(self, function, name, how, local):
        if name in function.__code__.co_freevars:
            cell = function.__closure__[function.__code__.co_freevars.index(name)]
            try:
                value = cell.cell_contents
            except ValueError:
                return
            if how == "items":
                self.items(value)
        elif not local and name in function.__globals__:
            value = function.__globals__[name]
            self.items(value) if how == "items" else self.set(function.__globals__, name, value, how)

    def attribute(self, kind, name, how, of_class):
        if of_class or issubclass(kind, type):
            return self.of(kind, name, how)
        kinds, todo = [], [kind]
        while todo:
            kinds.append(todo.pop())
            todo += type.__subclasses__(kinds[-1])
        for made in gc.get_referrers(*kinds):
            if any(type(made) is one for one in kinds) and name in _state(made):
                self.of(made, name, how)

    def of(self, owner, name, how):
        if isinstance(owner, type):
            holders = [base for base in owner.__mro__ if name in vars(base)]
            if not holders:
                return
            owner, value = holders[0], vars(holders[0])[name]
        else:
            value = _state(owner).get(name)
        self.items(value) if how == "items" else self.set(owner, name, value, how)

    def set(self, owner, name, value, how):
        if value is None or value is False or isinstance(value, (types.FunctionType, type, property)):
            return
        key = id(owner), "state"
        while key in self.snapshot.kept:
            key = (*key, len(self.snapshot.kept))
        state = State(owner, {name})
        self.snapshot.kept[key] = state, None
        # One that is told by being there is taken away from the instance alone.
        gone = how == "gone" and not isinstance(owner, (type, dict))
        state.set(name, State.MISSING if gone else False if value is True else None)

    def items(self, holder):
        """Of a table what was computed, data, and the one instance of a class."""
        if type(holder) is not dict:
            return
        gone = [
            key for key, value in holder.items()
            if _is_data(value) or isinstance(key, type) and isinstance(value, key) and key.__name__ in self.names
        ]
        if gone:
            self.snapshot.kept.setdefault(id(holder), (holder, _save(holder)))
            for key in gone:
                del holder[key]
