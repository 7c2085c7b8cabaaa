"""What a table has under a key from the statement that binds it: an entry that a call had put in its
place gives way to it again.

Runs in the namespace of registry.py, with elsewhere.py.
"""

# What makes a table of one that is there.
COPIES = ("dict", "OrderedDict", "copy", "deepcopy")


@functools.lru_cache(maxsize=None)
def _bound_in(text):
    """What the statements of a module bind its names to: the value, and the entries that are set below."""
    found = {}
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return found
    for node in body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        for target in getattr(node, "targets", None) or [node.target]:
            if isinstance(target, ast.Name):
                found[target.id] = node.value, []
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                found.get(target.value.id, (None, []))[1].append((target.slice, node.value))
    return found


def _outright(node, values):
    """The value of an expression that makes nothing: data, or what a name means."""
    made = (ast.Call, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await)
    if node is None or any(isinstance(part, made) for part in ast.walk(node)):
        raise Unknown
    return values.visit(node)


def _sources(node):
    """The displays, keywords and other tables that a new table is made of, the last one first."""
    if isinstance(node, ast.Dict):
        for key, value in reversed(list(zip(node.keys, node.values))):
            yield (value, None) if key is None else (key, value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _sources(node.right)
        yield from _sources(node.left)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in COPIES:
        for keyword in reversed(node.keywords):
            yield (keyword.value, None) if keyword.arg is None else (ast.Constant(keyword.arg), keyword.value)
        for source in reversed(node.args):
            yield (source, None)
        if isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
            yield (node.func.value, None)
    elif isinstance(node, ast.Name):
        yield (node, None)


def _set_first(space, path, table):
    """The expression that gave a name, or an attribute of an object that a name was given, its table, with
    the entries set below it and the names that it saw."""
    name, _, attribute = path.partition(".")
    node, below = _bound_in(_text(space.get("__file__") or "")).get(name, (None, ()))
    owner = space.get(name)
    if not attribute:
        return (node, below, space) if owner is table else (None, (), space)
    if not isinstance(node, ast.Call) or not _plain(owner) or _state(owner).get(attribute) is not table:
        return None, (), space
    found = definition(next((vars(k)["__init__"] for k in type(owner).__mro__ if "__init__" in vars(k)), None))
    if found is None or _Values(space).visit(node.func) is not type(owner):
        return None, (), space
    function, _, text = found
    names = given(function, [owner], text, node, _Values(space))
    sets = [
        part.value for part in text.body if isinstance(part, (ast.Assign, ast.AnnAssign))
        for target in getattr(part, "targets", None) or [part.target]
        if isinstance(target, ast.Attribute) and target.attr == attribute
    ]
    return (sets[-1] if sets else None), (), _Scope(function.__globals__, names)


def first_value(origins, table, key):
    """`Unknown` where there is none, or it cannot be told."""
    def same(other):
        return type(other) is type(key) and other == key

    for module, path in origins if type(key) in PLAIN else ():
        module = sys.modules.get(module) if isinstance(module, str) else None
        if not isinstance(module, types.ModuleType) or type(table) is not dict or path.count(".") > 1:
            continue
        node, below, scope = _set_first(vars(module), path, table)
        values = _Values(scope)
        for where, value in reversed(below):
            if same(values.visit(where)):
                return _outright(value, values)
        for source, value in _sources(node) if node is not None else ():
            if value is not None and same(values.visit(source)):
                return _outright(value, values)
            if value is None:
                inner = values.visit(source)
                if type(inner) is not dict:
                    raise Unknown
                if inner is not table and any(map(same, inner)):
                    return inner[key]
    raise Unknown


@functools.lru_cache(maxsize=None)
def _decorated_in(text):
    """The definitions of a module that have decorators which are called, the last one first."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return ()
    found = (node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)))
    calls = [(n.name, [d for d in n.decorator_list if isinstance(d, ast.Call)]) for n in found]
    return tuple((name, made) for name, made in reversed(calls) if made)


def registered_below(space, entry):
    """Another definition of the module that a decorator had put under the key of an entry: it was there until
    that one took its place. `Unknown` where there is none."""
    member, key = entry.member, entry.key
    if type(entry.holder) is not dict or type(key) not in PLAIN or not isinstance(member, (types.FunctionType, type)):
        raise Unknown
    values = _Values(space)
    for name, calls in _decorated_in(_text(space.get("__file__") or "")):
        other = space.get(name)
        if other is member or type(other) is not type(member) or name == member.__name__:
            continue
        for call in calls:
            # What it is registered under comes first.
            first = call.args[0] if call.args else None
            if not isinstance(first, ast.Constant) or type(first.value) is not type(key) or first.value != key:
                continue
            if any(root is entry.holder for root in Reach([values.visit(call.func)]).found):
                return other
    raise Unknown
