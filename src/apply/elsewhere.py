"""The text of functions, where their files still say what runs or said it before this edit: which key
and which value `put("a", 1)` made of what it was given stands there and nowhere else.

Runs in the namespace of registry.py, with values.py.
"""
import copy
import inspect
import io
import textwrap
import tokenize


# Edited functions with what they ran before, by address, and the texts of that, by file: past.rs.
CODES, TEXTS = {}, {}


@functools.lru_cache(maxsize=None)
def _text(file):
    try:
        with tokenize.open(file) as stream:
            return stream.read()
    except (OSError, SyntaxError, ValueError):
        return ""


@functools.lru_cache(maxsize=None)
def _lines(text):
    # Where Python's own tokenizer ends them.
    return io.StringIO(text).readlines()


def _alike(a, b):
    """Whether code, or a constant of it, is the same but for its lines."""
    if type(a) is str and type(b) is str and ".<locals>." in a:
        # Up to 3.10 the qualified name of a function inside is one, which says where it stands.
        return a.rpartition(".<locals>.")[2] == b.rpartition(".<locals>.")[2]
    if type(a) is not type(b) or not isinstance(a, types.CodeType):
        return type(a) is type(b) and a == b
    parts = a.co_code, a.co_names, a.co_varnames, len(a.co_consts)
    same = parts == (b.co_code, b.co_names, b.co_varnames, len(b.co_consts))
    return same and all(map(_alike, a.co_consts, b.co_consts))


def _compiled_from(code, text, closed=False):
    """The definition in a text that a function's code was compiled from. `closed`: also of one that
    closes over something."""
    lines = _lines(text)[code.co_firstlineno - 1:]
    if not lines or code.co_freevars and not closed:
        return None
    try:
        node = _statement(textwrap.dedent("".join(inspect.getblock(lines))))
        if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
            return None
        alone = copy.copy(node)
        alone.decorator_list, alone.returns = [], None
        if code.co_freevars:
            outer = _statement(f"def outer({', '.join(code.co_freevars)}): pass")
            outer.body, alone = [alone], outer
        # From 3.11 on a method is called in another way on a name that the module imports.
        for imports in (list, lambda: _imports(text)):
            made = compile(ast.Module([*imports(), alone], []), code.co_filename, "exec", 0, True)
            if code.co_freevars:
                made = next(c for c in made.co_consts if isinstance(c, types.CodeType))
            if any(isinstance(c, types.CodeType) and _alike(c, code) for c in made.co_consts):
                return node
    except (SyntaxError, ValueError, tokenize.TokenError):
        pass  # it stands elsewhere now
    return None


@functools.lru_cache(maxsize=None)
def _imports(text):
    """The import statements of a module."""
    found, todo = [], [ast.parse(text)]
    while todo:
        for node in ast.iter_child_nodes(todo.pop()):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if getattr(node, "module", None) != "__future__" and node.names[0].name != "*":
                    found.append(node)
            elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
                todo.append(node)
    return found


@_once
def _definition(code):
    """The same in the file, which may be another one by now, or in what it was before."""
    former = TEXTS.get(code.co_filename)
    if former is not None:
        node = _compiled_from(code, former)
        if node is not None:
            return node
    return _compiled_from(code, _text(code.co_filename))


def _ran(function):
    """The code that a function had before this edit."""
    return CODES[id(function)][1] if id(function) in CODES else function.__code__


def definition(called):
    """The function that a call runs, what it is called on, and its text; None if that cannot be told."""
    owner = []
    if isinstance(called, types.MethodType):
        called, owner = called.__func__, [called.__self__]
    for _ in range(DEPTH):
        if not isinstance(called, types.FunctionType):
            return None
        node = _definition(_ran(called))
        if node is not None:
            return called, owner, node
        called = called.__dict__.get("__wrapped__")
    return None


def given(function, owner, node, call, values):
    """What the parameters of a function mean in one call of it."""
    spec, hidden = node.args, _Scope.HIDDEN
    plain = [p.arg for p in [*spec.posonlyargs, *spec.args]]
    names = dict.fromkeys([*plain, *(p.arg for p in spec.kwonlyargs)], hidden)
    names.update(dict.fromkeys([p.arg for p in (spec.vararg, spec.kwarg) if p], hidden))
    defaults = function.__defaults__ or ()
    names.update(zip(plain[len(plain) - len(defaults):], defaults))
    names.update(function.__kwdefaults__ or {})
    names.update(zip(plain, owner))
    plain = plain[len(owner):]
    parts = [*zip(plain, call.args), *((k.arg, k.value) for k in call.keywords)]
    if any(isinstance(part, ast.Starred) or name is None for name, part in parts):
        return dict.fromkeys(names, hidden)
    others = {}
    for name, part in parts:
        try:
            value = values.visit(part)
        except Unknown:
            value = hidden
        (names if name in names else others)[name] = value
    # `*names` and `**options`
    more = call.args[len(plain):]
    if spec.vararg and not any(isinstance(part, ast.Starred) for part in more):
        try:
            names[spec.vararg.arg] = tuple(map(values.visit, more))
        except Unknown:
            pass
    if spec.kwarg and all(value is not hidden for value in others.values()):
        names[spec.kwarg.arg] = made_here(others)
    return names


def result(function, owner, node, call, values):
    """What a function gives that does nothing but put something together, `return f"{a}.{b}"`, or look
    for what is there: `if name not in POOL: POOL[name] = make(name)`, and then `return POOL[name]`."""
    if function.__code__.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise Unknown
    names = given(function, owner, node, call, values)
    return _outcome(node.body, type(values)(_Scope(function.__globals__, names, _ran(function)), values.depth + 1))


def _outcome(body, values):
    for part in body:
        if isinstance(part, ast.Return):
            return None if part.value is None else values.visit(part.value)
        if isinstance(part, ast.If):
            taken = part.body if values.data(part.test) else part.orelse
            if any(isinstance(inner, ast.Return) for inner in ast.walk(part)):
                return _outcome([*taken, *body[body.index(part) + 1 :]], values)
            if taken:
                # What it does there is not done now.
                raise Unknown
        elif isinstance(part, ast.Assign) and [type(t) for t in part.targets] == [ast.Name]:
            values.namespace.names[part.targets[0].id] = values.visit(part.value)
        elif not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) or isinstance(part, (ast.Global, ast.Pass))):
            raise Unknown
    return None


# What functions of the standard library are called that give an object which others have, too, or
# keep what they are told.
SHARED_BY = {"getLogger", "basicConfig", "atexit"}


@_once
def _sets_up(code):
    return not SHARED_BY.isdisjoint(_names(code))


def sets_up(called, depth=0):
    """Whether a function, or one of its module that it calls, asks the standard library for such."""
    function = called.__func__ if isinstance(called, types.MethodType) else called
    if not isinstance(function, types.FunctionType) or _standard(function.__code__.co_filename):
        return False
    code = _ran(function)
    if _sets_up(code):
        return True
    space = function.__globals__
    further = [space.get(name) for name in code.co_names] if depth < 2 else ()
    return any(f is not function and sets_up(f, depth + 1) for f in further if isinstance(f, types.FunctionType))


def handed_out(call, values):
    """Whether a call gives an object or a container that is there without it."""
    try:
        value = values.visit(call)
    except Unknown:
        return False
    return _plain(value) or isinstance(value, MUTABLE) and id(value) not in MADE


def brought_in(node, scope):
    """What an import in a function binds, of modules that are there."""
    out, hidden = {}, _Scope.HIDDEN
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            out[alias.asname or name] = sys.modules.get(name, hidden)
        return out
    name = node.module
    if node.level:
        package = (scope.get("__package__") or "").rsplit(".", node.level - 1)[0]
        name = f"{package}.{name}" if name else package
    module = sys.modules.get(name)
    if not isinstance(module, types.ModuleType):
        module = None
    for alias in node.names:
        known = THEN.get(id(vars(module)), {}) if module is not None else {}
        found = known.get(alias.name, vars(module).get(alias.name, hidden) if module is not None else hidden)
        out[alias.asname or alias.name] = sys.modules.get(f"{name}.{alias.name}", hidden) if found is hidden else found
    return out
