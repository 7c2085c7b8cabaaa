"""Globals that functions set when they are called: to say that they have run, `_ready = True`, or to what
they were told, `_lang = name`.

Runs in the namespace of registry.py, after calls.py.
"""


def _declared(node):
    """The names that a function sets which are its module's."""
    return {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}


def raised(callables):
    """Those that functions set to a constant and look at, and that have it: while they do, calling them again
    may do nothing. The names of modules, and those."""
    out = []
    for function in Reach(callables).seen.values():
        if not isinstance(function, types.FunctionType) or not _stored(function.__code__)[1]:
            continue
        found = definition(function)
        space = function.__globals__
        module = space.get("__name__")
        if found is None or type(module) is not str or _standard(function.__code__.co_filename):
            continue
        names = _declared(found[2])
        looked = {p.id for p in ast.walk(found[2]) if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Load)}
        for part in ast.walk(found[2]):
            if not isinstance(part, ast.Assign) or not isinstance(part.value, ast.Constant):
                continue
            for target in part.targets:
                name = getattr(target, "id", None)
                if name in names & looked and name in space and same_value(space[name], part.value.value):
                    out.append((module, name))
    return out


def told_globals(text, line, bodies, namespace):
    """Those of other modules that a call sets to a plain value: the names of modules, those, and the values."""
    calls = Calls(text, line, bodies, namespace, True)
    return [
        (space["__name__"], name, value)
        for space, name, value in calls.globals.values()
        if isinstance(value, PLAIN) and type(space.get("__name__")) is str
    ]
