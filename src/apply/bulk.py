"""Statements that put many things into a container at once, as those that put in each:
`items.extend([a, b])`, `config.update(debug=True)`, `names |= {a}`.

Runs in the namespace of registry.py, after values.py.
"""

# By the kind of the container: methods that take several, and the one that takes one.
WHOLE = {
    list: ({"extend", "__iadd__"}, "append"),
    collections.deque: ({"extend", "__iadd__"}, "append"),
    set: ({"update", "__ior__"}, "add"),
    dict: ({"update", "__ior__"}, None),
}
AUGMENTS = {ast.Add: "__iadd__", ast.BitOr: "__ior__"}


def each(node, values):
    """The statements for each of what a statement puts into a container; None where it is no such."""
    if isinstance(node, ast.AugAssign):
        target, method = node.target, AUGMENTS.get(type(node.op))
        given, named = [node.value], []
    elif isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        target, method = node.value.func.value, node.value.func.attr
        given, named = node.value.args, node.value.keywords
    else:
        return None
    if method not in ("extend", "update", "__iadd__", "__ior__") or len(given) > 1:
        return None
    try:
        holder = values.visit(target)
    except Unknown:
        return None
    if isinstance(holder, set) and method == "__iadd__":
        method = "__ior__"
    for kind, (many, single) in WHOLE.items():
        if isinstance(holder, kind):
            own = getattr(type(holder), method, None)
            # A class of the program may do it in a way of its own.
            if method not in many or own is not None and own is not getattr(kind, method, None):
                return None
            break
    else:
        return None
    if single is None:
        parts = [*(_items(given[0], values) if given else ())]
        for keyword in named:
            more = _items(keyword.value, values) if keyword.arg is None else [(ast.Constant(keyword.arg), keyword.value)]
            parts += more
        made = [ast.Assign([ast.Subscript(ast.Constant(holder), key, ast.Store())], value) for key, value in parts]
    else:
        parts = _elements(given[0], values) if given else ()
        function = ast.Attribute(ast.Constant(holder), single, ast.Load())
        made = [ast.Expr(ast.Call(function, [part], [])) for part in parts]
    return [ast.fix_missing_locations(ast.copy_location(part, node)) for part in made[:MOST]]


def grows(node, names):
    """`NAMES = NAMES + [n]`, `CFG = {**CFG, **kw}` for one of these globals, as what adds to it."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if not isinstance(target, ast.Name) or target.id not in names:
        return node
    value = node.value
    if isinstance(value, ast.Call) and getattr(value.func, "id", None) == "sorted" and value.args:
        value = value.args[0]

    def itself(part):
        return isinstance(part, ast.Name) and part.id == target.id

    rest, operation = None, ast.Add()
    if isinstance(value, ast.BinOp) and itself(value.left):
        rest, operation = value.right, value.op
    elif isinstance(value, (ast.List, ast.Set)):
        rest = [part for part in value.elts if not itself(getattr(part, "value", None))]
        rest = ast.List(rest, ast.Load()) if len(rest) < len(value.elts) else None
    elif isinstance(value, ast.Dict):
        items = list(zip(value.keys, value.values))
        others = [(key, part) for key, part in items if key is not None or not itself(part)]
        if len(others) == len(items) - 1:
            rest, operation = ast.Dict([key for key, _ in others], [part for _, part in others]), ast.BitOr()
    return node if rest is None else ast.copy_location(ast.AugAssign(target, operation, rest), node)


def _elements(node, values):
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return node.elts
    try:
        found = values.visit(node)
    except Unknown:
        return []
    known = type(found) is tuple or id(found) in MADE
    return [ast.Constant(item) for item in found] if known else []


def _items(node, values):
    if isinstance(node, ast.Dict):
        parts = []
        for key, value in zip(node.keys, node.values):
            parts += [(key, value)] if key is not None else _items(value, values)
        return parts
    try:
        found = values.visit(node)
    except Unknown:
        return []
    return [(ast.Constant(key), ast.Constant(item)) for key, item in found.items()] if type(found) is dict and id(found) in MADE else []


def _leaves(value, depth):
    yield value
    if type(value) is tuple and depth < 3:
        for part in value:
            yield from _leaves(part, depth + 1)


class Likely:
    """Most entries of a registry are told from those of a call at once."""

    SIMPLE = {str, bytes, int, float, complex, bool, type(None)}

    def __init__(self, values):
        # An entry may be a tuple of what it was given as one.
        values = [part for value in values for part in _leaves(value, 0)]
        self.ids = {id(value) for value in values}
        self.plain = [value for value in values if type(value) in self.SIMPLE]
        # Others are known by more than their identity.
        self.any = any(isinstance(v, (_Lambda, _Made, types.MethodType)) for v in values)

    def not_of(self, key, item, keyed):
        """Certainly none of the call's: nothing in it is an argument by identity, and something in
        it is no argument."""
        strange = False
        for part in (*((key,) if keyed else ()), *(item if type(item) is tuple else (item,))):
            if id(part) in self.ids:
                return False
            kind = type(part)
            if kind in self.SIMPLE:
                strange = strange or part not in self.plain
            elif kind is types.FunctionType:
                strange = True
            else:
                return False
        return strange and not self.any
