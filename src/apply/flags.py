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


def growing(registry, module, name):
    """The functions of a module that add to one of its globals, `NAMES = NAMES + [n]`, do nothing else with
    it, and give nothing of it: calling them again would add the same once more."""
    functions = [f for f in registry.reach.seen.values() if isinstance(f, types.FunctionType)]
    ours = [f for f in functions if f.__globals__.get("__name__") == module]
    return [f.__qualname__ for f in ours if only_grows(f, name)]


def only_grows(function, name):
    """Whether a function only adds to a global."""
    found = definition(function)
    if not found or name not in _declared(found[2]):
        return False
    means = [part for part in ast.walk(found[2]) if isinstance(part, ast.Name) and part.id == name]
    known = set()
    for part in ast.walk(found[2]):
        if isinstance(part, ast.AugAssign):
            known.add(id(part.target))
        elif isinstance(part, ast.Assign) and len(part.targets) == 1 and getattr(part.targets[0], "id", None) == name:
            read = {id(inner) for inner in ast.walk(part.value)}
            if any(id(inner) in read for inner in means):
                known |= {id(part.targets[0]), *read}
    return bool(means) and all(id(part) in known for part in means)


def successor(registry, holder):
    """What a global is now that meant this container: `NAMES = NAMES + [n]`."""
    spaces = registry.globals.values()
    found = [space.get(name) for space, had in spaces for name, value in had.items() if value is holder]
    grown = found[0] if found and type(found[0]) is type(holder) else holder
    return holder if grown is not holder and "sorted" in registry.names else grown
