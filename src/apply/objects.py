"""What did making an object give an attribute of it? Without making another one."""
import ast
import dis
import inspect
import types

INIT = ("__new__", "__init__", "__post_init__")
# Through these anything may be set.
INDIRECT = {"setattr", "__setattr__", "__dict__", "vars", "exec", "eval"}


def stores(owner, name):
    """Whether setting an attribute does nothing but store it."""
    kind = type(owner)
    plain = {(base.__setattr__, base.__delattr__) for base in (object, types.SimpleNamespace)}
    if (kind.__setattr__, kind.__delattr__) not in plain:
        return False
    found = (vars(base)[name] for base in kind.__mro__ if name in vars(base))
    return type(getattr(owner, "__dict__", None)) is dict and not any(
        hasattr(type(entry), "__set__") for entry in found
    )


def given(made, assigned, owner, name, space, inits):
    """Whether it can be told, and the value in a list; None where there is none. `made` is the
    statement that made the object, `assigned` one of the same module that sets the attribute."""
    try:
        if assigned is not None:
            [statement] = ast.parse(assigned).body
            return True, [_value(statement.value, space)]
        return True, _by_call(ast.parse(made).body[0].value, owner, name, space, inits)
    except Exception:
        return False, None


def _value(node, space):
    """The value of an expression that nothing has to be called for."""
    node = ast.Expression(_Parts(set()).visit(node))
    code = compile(ast.fix_missing_locations(node), "pyreload/objects.py", "eval", 0, True)
    return eval(code, {**space, "__unknown__": _unknown})


def _by_call(call, owner, name, space, inits):
    kind = type(owner)
    if not isinstance(call, ast.Call):
        raise Unknown
    first, *rest = _path(call.func)
    maker = space[first]
    for part in rest:
        maker = vars(maker)[part]
    if maker is not kind or type(kind) is not type:
        raise Unknown
    if kind is types.SimpleNamespace:
        if call.args or any(keyword.arg is None for keyword in call.keywords):
            raise Unknown
        found = [keyword.value for keyword in call.keywords if keyword.arg == name]
        return [_value(found[0], space)] if found else None
    own = [base for base in kind.__mro__ if base.__module__ != "builtins"]
    init = next((vars(base)["__init__"] for base in own if "__init__" in vars(base)), None)
    setters = _setters(own, init, name)
    if init is None:
        if setters:
            raise Unknown
        return None
    if not isinstance(init, types.FunctionType):
        raise Unknown
    generated = "__dataclass_fields__" in vars(kind) and init.__code__.co_filename == "<string>"
    if generated:
        if setters - {init}:
            raise Unknown
        if name not in kind.__dataclass_fields__:
            return None
        return [_argument(call, init, name, space)]
    (base,) = (base for base in own if vars(base).get("__init__") is init)
    [function] = ast.parse(inits[base]).body
    me = function.args.args[0].arg
    for node in ast.walk(function):
        # Who is given the object may set anything.
        handed = isinstance(node, ast.Call) and [*node.args, *(k.value for k in node.keywords)]
        if any(isinstance(part, ast.Name) and part.id == me for part in handed or ()):
            raise Unknown
    if not setters:
        return None
    if setters != {init}:
        raise Unknown
    return [_in_init(function, me, call, init, name, space)]


def _setters(classes, init, name):
    """The functions that run when an object is made and may set the attribute."""
    functions = {}
    for base in reversed(classes):
        for key, entry in vars(base).items():
            functions.setdefault(key, []).extend(_functions(entry))
    todo = [name for name in INIT if name in functions]
    seen, out = set(), set()
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        for function in functions.get(key, ()):
            for code in _codes(function.__code__):
                if INDIRECT & set(code.co_names):
                    raise Unknown
                todo.extend(code.co_names)
                stored = (i.argval for i in dis.get_instructions(code) if i.opname == "STORE_ATTR")
                if name in stored:
                    out.add(function)
    return out


def _functions(entry):
    if isinstance(entry, types.FunctionType):
        yield entry
        for cell in entry.__closure__ or ():
            try:
                inner = cell.cell_contents
            except ValueError:
                continue
            if isinstance(inner, types.FunctionType) and inner is not entry:
                yield from _functions(inner)
    elif isinstance(entry, (staticmethod, classmethod)):
        yield from _functions(entry.__func__)
    elif isinstance(entry, property):
        for inner in (entry.fget, entry.fset):
            yield from _functions(inner)


def _codes(code):
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _argument(call, init, name, space):
    """What a call gives a parameter."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise Unknown
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    bound = inspect.signature(init).bind(None, *call.args, **keywords)
    if name in bound.arguments:
        return _value(bound.arguments[name], space)
    default = inspect.signature(init).parameters[name].default
    plain = (int, float, complex, str, bytes, bool, tuple, frozenset, type(None))
    if type(default) not in plain:
        raise Unknown
    return default


def _in_init(function, me, call, init, name, space):
    """The value that `self.name = ...` gives in the body of a constructor."""
    targets = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == name and not isinstance(node.ctx, ast.Load)
    ]
    for statement in function.body:
        goals = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and goals == targets:
            break
    else:
        raise Unknown
    if not isinstance(targets[0].value, ast.Name) or targets[0].value.id != me:
        raise Unknown
    names = {node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)}
    inside = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)
              and not isinstance(node.ctx, ast.Load)}
    if names & inside or me in names:
        raise Unknown
    scope = dict(init.__globals__)
    parameters = inspect.signature(init).parameters
    for used in names & set(parameters):
        scope[used] = _argument(call, init, used, space)
    return _value(statement.value, scope)


def restore(kind, had):
    """Gives a class the attributes back that it had."""
    for name in [name for name in vars(kind) if name not in had]:
        type.__delattr__(kind, name)
    for name, value in had.items():
        if vars(kind).get(name, had) is not value:
            type.__setattr__(kind, name, value)
