"""Which containers can what is called put something into, and what does its code look at? Found by
what code names, without calling anything.

Runs in the namespace of registry.py, after walk.py.
"""


def _once(function):
    """Code does not change: what it says is found out once in a check."""
    known = {}

    def of(code):
        found = known.get(id(code))
        if found is None:
            found = known[id(code)] = code, function(code)
        return found[1]

    return of


@_once
def _names(code):
    out, todo = set(), [code]
    while todo:
        code = todo.pop()
        out.update(code.co_names)
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return out


def _constants(code):
    """Those of a piece of code and of what it makes."""
    todo = [code]
    while todo:
        for item in todo.pop().co_consts:
            if isinstance(item, types.CodeType):
                todo.append(item)
            else:
                yield item


@_once
def _texts(code):
    return {item for item in _constants(code) if isinstance(item, str)}


@_once
def _keys(code):
    """Texts that code may use as keys of what it makes: `{"run": f, "help": text}`."""
    items = [item if type(item) is tuple else (item,) for item in _constants(code)]
    return {part for item in items for part in item if type(part) is str}


# Names that say: it looks at all of a class.
GENERIC = {"vars", "dir", "__dict__", "getmembers", "getattr", "get_type_hints", "signature"}


def looks(callables, changed):
    """Whether calling them with a class looks at names of the class."""
    reach = Reach(callables)
    if not GENERIC.isdisjoint(reach.names):
        return True
    return not (reach.names | reach.texts).isdisjoint(changed)


def consumes(owner, maker, data, functions):
    """Whether the `__init_subclass__` that a class of the standard library has makes something of these
    names of a class, or of all that it has. Others are asked by `looks`."""
    if not _standard(maker.__code__.co_filename) or maker.__module__ in ("typing", "typing_extensions"):
        return False
    known = _names(maker.__code__) | _texts(maker.__code__)
    # What it hands on to: `cls._compile_pattern()`, from 3.14 on.
    for name in known.intersection(vars(owner)):
        further = getattr(vars(owner)[name], "__func__", None)
        if isinstance(further, types.FunctionType):
            known |= _names(further.__code__) | _texts(further.__code__)
    if not known.isdisjoint(data) or not known.isdisjoint(functions):
        return True
    through = "__dict__" in known and not known.isdisjoint(["items", "keys", "values"])
    return bool(data) and (through or not known.isdisjoint(["vars", "dir", "getmembers"]))


# Names that say: it looks at the docstring of what it is given, or at whether that is a generator.
DOCUMENTS = {"__doc__", "getdoc"}
KINDS = {"isgeneratorfunction", "isasyncgenfunction", "iscoroutinefunction", "co_flags"}


def _said_inside(before, text):
    """What a definition says of itself in its body: its docstring, and whether it is a generator."""
    tree = ast.parse(f"if 1:\n{before}{text}" if before else text)
    body = tree.body[0].body if before else tree.body
    node = body[0] if body else None
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ast.get_docstring(tree, False), False
    todo, yields = list(node.body), False
    while todo:
        part = todo.pop()
        yields = yields or isinstance(part, (ast.Yield, ast.YieldFrom))
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(part)
    return ast.get_docstring(node, False), yields


def looks_at_bodies(callables, bases, pairs):
    """Whether calling them with a definition looks at what it says of itself, and that is something else
    in one of these pairs: 2 where another kind of function is seen, 1 where only another docstring is. Bases are
    told of classes that are derived from them."""
    callables = list(callables)
    for base in bases:
        if not isinstance(base, type):
            continue
        hook = getattr(base.__init_subclass__, "__func__", None)
        callables += [part for part in (hook, type(base)) if part not in (None, type)]
        if issubclass(base, type):
            callables.append(base)
    if not callables:
        return 0
    reach = Reach(callables)
    names = reach.names | reach.texts
    # `from inspect import getdoc as doc`
    names.update(f.__name__ for f in reach.seen.values() if isinstance(f, types.FunctionType))
    documents, kinds = not names.isdisjoint(DOCUMENTS), not names.isdisjoint(KINDS)
    seen = 0
    for pair in pairs if documents or kinds else ():
        (before, yielded), (after, yields) = [_said_inside(*text) for text in pair]
        seen = max(seen, 2 * (kinds and yielded != yields), documents and before != after)
    return int(seen)


class Named:
    """A container, or the method of an object, that is called by the name of a module."""

    def __init__(self, value, origins):
        self.value, self.origins = value, origins


def _bound_to(value, name):
    """The modules in which a name means this object; of a function also the one that defines it."""
    found = [
        (key, name)
        for key, module in list(sys.modules.items())
        if isinstance(module, types.ModuleType) and vars(module).get(name, sys) is value
    ]
    if isinstance(value, types.FunctionType) and value.__name__ != name:
        home = sys.modules.get(value.__module__)
        if isinstance(home, types.ModuleType) and vars(home).get(value.__name__) is value:
            found.append((value.__module__, value.__name__))
    return found


def _registers(value):
    """Whether it is a function of the standard library that keeps what it is told in what it closes
    over: `size.register`."""
    function = isinstance(value, types.FunctionType) and value.__closure__
    return bool(function) and _standard(value.__code__.co_filename)


def _of_object(called):
    """Whether it is the method of an object, not of a class."""
    return isinstance(called, types.MethodType) and _plain(called.__self__)


def named(value, path, namespace):
    """What a path gives; with the modules that know the object whose method it is, or that is called."""
    if _of_object(value) or isinstance(value, types.FunctionType):
        path = path.rpartition(".")[0]
    elif isinstance(value, type) or not _plain(value):
        return value
    name, _, rest = path.partition(".")
    root = namespace.get(name)
    if isinstance(root, types.ModuleType):
        name, _, rest = rest.partition(".")
        origins = [(root.__name__, name)]
    else:
        origins = _bound_to(root, name)
    return Named(value, [(module, f"{name}.{rest}" if rest else name) for module, name in origins])


# Methods that put something into a container or take it out, and functions that do.
FILLING = set(
    "append appendleft extend extendleft insert add update setdefault pop popleft popitem remove discard clear "
    "heappush heappop heappushpop heapreplace insort insort_left insort_right setitem".split()
)


@_once
def _filled(code):
    """Names of globals and attributes that code does something to: those in front of a method that
    fills, else all of a line that fills or sets an item."""
    out, todo = set(), [code]
    while todo:
        code = todo.pop()
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        if FILLING.isdisjoint(code.co_names) and dis.opmap["STORE_SUBSCR"] not in code.co_code[::2]:
            continue
        line, fills, before = [], False, ""
        for step in dis.get_instructions(code):
            if step.starts_line:
                if fills:
                    out.update(line)
                line, fills = [], False
            name = step.opname
            if name in ("LOAD_METHOD", "LOAD_ATTR", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                if step.argval in FILLING:
                    # That of a local name is nobody else's.
                    fills = fills or not before.startswith("LOAD_FAST")
                line.append(step.argval)
            fills = fills or name == "STORE_SUBSCR"
            if name not in ("PUSH_NULL", "CACHE", "PRECALL"):
                before = name
        if fills:
            out.update(line)
    return out


@_once
def _stored(code):
    """Attributes and globals that code sets or deletes; all attributes (None) where it does so by
    other names than it has."""
    attributes, names, todo = set(), set(), [code]
    while todo:
        code = todo.pop()
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        steps = code.co_code[::2]
        if dis.opmap["STORE_ATTR"] in steps or dis.opmap["DELETE_ATTR"] in steps:
            attributes.update(code.co_names)
        if dis.opmap["STORE_GLOBAL"] in steps or dis.opmap["DELETE_GLOBAL"] in steps:
            names.update(code.co_names)
        if not {"setattr", "delattr", "__dict__", "vars", "__setattr__"}.isdisjoint(code.co_names):
            attributes.add(None)
    return attributes, names


@_once
def _ways_of_its_own(kind):
    """Whether attributes may be asked for that no code names: by the standard library, by a hook."""
    hooks = {"__getattr__", "__setattr__", "__getattribute__"}
    return any(
        _standard(getattr(sys.modules.get(base.__module__), "__file__", None))
        or not hooks.isdisjoint(vars(base))
        for base in kind.__mro__[:-1]
        if base.__module__ not in ("abc", "typing")
    )


class Reach:
    """The containers that calling objects can put something into."""

    def __init__(self, callables):
        self.found, self.names, self.seen = [], set(), {}
        self.files, self.texts, self.keys = [], set(), set()
        # Of which module they are, and under what name there.
        self.origins = {}
        # Containers that functions name, and those of them that they do something to.
        self.named, self.filled = set(), set()
        # Attributes that code sets, and the globals that it does.
        self.stored, self.spaces = set(), {}
        # Names that they fill, and those under which objects have containers.
        self.filling, self.inside = set(), {}
        # Objects, of whose attributes those count that are named somewhere: that may be further on.
        self.objects = []
        for value in callables:
            self.add(value, 0, None)
        known = None
        while known != (len(self.names), len(self.objects)):
            known = len(self.names), len(self.objects)
            for value, depth, origin in list(self.objects):
                self.kind(type(value), depth, {"__call__"})
                self.attributes(value, depth, origin)

    def add(self, value, depth, origin):
        if isinstance(value, Named) and isinstance(value.value, types.FunctionType):
            return self.function(value.value, depth, value.origins)
        if isinstance(value, Named):
            self.add(value.value, depth, value.origins)
            self.origins[id(value.value)] = value.origins
            return
        if value is sys.modules or isinstance(value, dict) and "__builtins__" in value:
            return
        if id(value) in self.seen or depth > 4 or len(self.seen) > 2000:
            return
        if isinstance(value, MUTABLE):
            self.seen[id(value)] = value
            self.found.append(value)
            self.origins[id(value)] = origin
            return
        if isinstance(value, types.MethodType):
            self.add(value.__func__, depth, origin)
            return self.add(value.__self__, depth, origin)
        if isinstance(value, types.BuiltinFunctionType):
            owner = kept_by(value) if depth == 0 and value.__name__ == "register" else None
            owner = value.__self__ if owner is None else owner
            return isinstance(owner, ATOMS) or self.add(owner, depth, origin)
        if isinstance(value, (staticmethod, classmethod)):
            return self.add(value.__func__, depth, origin)
        if isinstance(value, functools.partial):
            return self.add(value.func, depth, origin)
        if isinstance(value, property) or isinstance(value, ATOMS) and not isinstance(value, type):
            return
        self.seen[id(value)] = value
        if kept_by(value) is not None:
            self.add(kept_by(value), depth + 1, None)
        if isinstance(value, types.FunctionType):
            self.function(value, depth)
        elif isinstance(value, type):
            self.kind(value, depth, {"__call__", "__init__", "__new__", "__init_subclass__", "__prepare__", "__set_name__"})
        elif _plain(value):
            self.objects.append((value, depth, origin))

    def attributes(self, value, depth, origin):
        everything = not GENERIC.isdisjoint(self.names) or _ways_of_its_own(type(value))
        for name, item in _state(value).items():
            # A function that closes over something: how `singledispatchmethod` keeps its registry.
            closes = isinstance(item, types.FunctionType) and item.__closure__
            if not (everything or name in self.names or closes):
                continue
            if isinstance(item, MUTABLE) or _plain(item) or closes:
                inside = [(module, f"{path}.{name}") for module, path in origin or ()]
                self.inside.setdefault(id(item), name)
                self.add(item, depth + 1, inside or origin)

    def function(self, function, depth, origin=()):
        names = _names(function.__code__)
        space, globals_set = function.__globals__, ()
        # The standard library keeps its own books.
        if not _standard(function.__code__.co_filename):
            self.names |= names
            self.texts.update(_texts(function.__code__))
            self.keys.update(_keys(function.__code__))
            self.files.append(function.__code__.co_filename)
            attributes, globals_set = _stored(function.__code__)
            self.stored |= attributes
            if globals_set:
                self.spaces.setdefault(id(space), (space, set()))[1].update(globals_set)
        else:
            names = ()
        filled = _filled(function.__code__) if names else ()
        self.filling.update(filled)
        for name, value in list(vars(function).items()) if names else ():
            if isinstance(value, MUTABLE):
                self.add(value, depth + 1, [(function.__module__, f"{function.__qualname__}.{name}")])
        # A set of names has another order in each process, and who is met first tells of what is met.
        for name in sorted(names):
            value = space.get(name)
            if isinstance(value, types.ModuleType):
                if _standard(getattr(value, "__file__", None)):
                    continue
                for inner in sorted(names & vars(value).keys()):
                    if isinstance(vars(value)[inner], MUTABLE):
                        self.named.add(id(vars(value)[inner]))
                        if inner in filled:
                            self.filled.add(id(vars(value)[inner]))
                    self.add(vars(value)[inner], depth + 1, [(value.__name__, inner)])
            elif value is not None:
                if isinstance(value, MUTABLE):
                    self.named.add(id(value))
                    # `NAMES = NAMES + [n]` puts it into another one with all that was in this.
                    if name in filled or name in globals_set and only_grows(function, name):
                        self.filled.add(id(value))
                self.add(value, depth + 1, [(space.get("__name__"), name)])
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                inside = [(module, f"{path}.{free}") for module, path in origin]
                self.add(cell.cell_contents, depth + 1, inside or None)
            except ValueError:
                pass

    def kind(self, kind, depth, called):
        """A class or an instance is called, or one of its methods: those that have the name of
        something used."""
        wanted = self.names | called
        for base in kind.__mro__[:-1]:
            if base.__flags__ & 1 << 9:
                for name, value in list(vars(base).items()):
                    if isinstance(value, MUTABLE):
                        self.add(value, depth + 1, [(base.__module__, f"{base.__qualname__}.{name}")])
                    elif name in wanted and isinstance(
                        value, (types.FunctionType, staticmethod, classmethod)
                    ):
                        self.add(value, depth + 1, None)
