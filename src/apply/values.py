"""What an expression of an old text had given, found out without running anything of the program's.

Runs in the namespace of registry.py, before calls.py.
"""
import enum
import importlib
import itertools

# What is often looped over, and calls nothing else.
COUNTING = {kind.__name__: kind for kind in (range, enumerate, zip, list, tuple, reversed)}
# How that is gone through of which nothing is used up and no code of the program is asked.
WAYS = {kind.__iter__ for kind in (list, tuple, dict, set, frozenset, str, bytes, range, collections.deque,
                                   collections.OrderedDict, enum.EnumMeta)}
# So much of it is.
MOST = 1000
# Methods of a text that make something else of it.
SPELLING = set("""capitalize casefold center count endswith find format join ljust lower lstrip partition
               removeprefix removesuffix replace rjust rpartition rsplit rstrip split splitlines
               startswith strip swapcase title upper zfill""".split())
# Functions that give something for data and do nothing.
PURE = {made.__name__: made for made in (abs, bool, chr, float, hash, int, len, max, min, ord, repr, round,
                                         str, sum)}
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, group: item in group,
    ast.NotIn: lambda item, group: item not in group,
}
# `!s`, `!r` and `!a` in a text with values.
CONVERSIONS = {ord("s"): str, ord("r"): repr, ord("a"): ascii}


# Containers that expressions made here, by address. What is in those of the program may have changed
# since the statement ran.
MADE = {}


def made_here(container):
    MADE[id(container)] = container
    return container


# What was in containers of the program before this edit changed them, by address. Of data and instances
# only: classes are to go when nobody else has them.
WERE = {}


# Names of modules, by their dicts, that this edit bound to something else, and what they were.
THEN = {}


def keep_name(module, name, before):
    if _is_data(before):
        THEN.setdefault(id(module), {}).setdefault(name, before)


def keep_contents(container, before):
    if id(container) in WERE or not isinstance(before, (list, dict)) or len(before) > MOST:
        return
    if all(_plain(item) or _is_data(item) for item in (before.values() if isinstance(before, dict) else before)):
        WERE[id(container)] = container, before


# The same of attributes of classes.
ENTRIES = {}


def keep_entry(kind, name, before):
    if _is_data(before):
        ENTRIES.setdefault((id(kind), name), before)


def entry_then(owner, name):
    """What an attribute of a class, perhaps read of an instance, was before this edit."""
    if ENTRIES and not (isinstance(owner, types.ModuleType) or not isinstance(owner, type) and name in _state(owner)):
        for kind in (owner if isinstance(owner, type) else type(owner)).__mro__:
            if (id(kind), name) in ENTRIES:
                return ENTRIES[id(kind), name]
            if name in vars(kind):
                break
    raise Unknown


def as_it_was(container):
    """What is to be looked at for that which an old statement had seen in a container."""
    known = WERE.get(id(container))
    return container if known is None or known[0] is not container else known[1]


def _is_data(value, depth=0):
    if type(value) in (tuple, list):
        return depth < 3 and len(value) <= MOST and all(_is_data(item, depth + 1) for item in value)
    if type(value) is dict:
        return _is_data([*value, *value.values()], depth)
    return type(value) in PLAIN


def alike(a, b, depth=0):
    """Whether two containers have the same data, and nothing else, in them."""
    if type(a) is not type(b) or depth > 4:
        return False
    if type(a) in (list, tuple):
        return len(a) == len(b) <= MOST and all(alike(x, y, depth + 1) for x, y in zip(a, b))
    if type(a) is dict:
        same = len(a) == len(b) <= MOST and a.keys() == b.keys() and _is_data(list(a))
        return same and all(alike(a[key], b[key], depth + 1) for key in a)
    return type(a) in PLAIN and a == b


class _Scope:
    """Names that hide those of a module: for each call and each round of a loop a copy of all names
    would cost more than what is asked of it. `code`: what the function runs whose names they are."""

    __slots__ = "module", "names", "code"

    # A parameter of which nothing is known.
    HIDDEN = object()

    def __init__(self, scope, names, code=None):
        if isinstance(scope, _Scope):
            code = code or scope.code
            scope, names = scope.module, {**scope.names, **names}
        self.module, self.names, self.code = scope, names, code

    def get(self, name, default=None):
        if name in self.names:
            value = self.names[name]
            return default if value is self.HIDDEN else value
        return self.module.get(name, default)

    def __contains__(self, name):
        return self.get(name, self.HIDDEN) is not self.HIDDEN

    def __getitem__(self, name):
        return self.get(name)

    def values(self):
        yield from (value for value in self.names.values() if value is not self.HIDDEN)
        yield from (value for name, value in list(self.module.items()) if name not in self.names)


def reached(owner, name):
    """An attribute that a statement asks for, as far as it can be had without running anything."""
    try:
        return attribute(owner, name)
    except Unknown:
        for kind in (owner if isinstance(owner, type) else type(owner)).__mro__:
            found = kind.__dict__.get(name)
            # A signal that gives each object one of its own; only asked for what the statement asks.
            if _plain(found) and not name.startswith("_") and hasattr(type(found), "__get__"):
                try:
                    return getattr(owner, name)
                except Exception:
                    break
            if found is not None:
                break
        raise


class _Values(ast.NodeVisitor):
    """Evaluates what can be evaluated without running anything of the program's."""

    def __init__(self, namespace, depth=0):
        self.namespace, self.depth = namespace, depth

    def generic_visit(self, node):
        raise Unknown

    def visit_Constant(self, node):
        return node.value

    def visit_Name(self, node):
        if node.id in self.namespace:
            return self.namespace[node.id]
        builtins = self.namespace.get("__builtins__")
        builtins = builtins if isinstance(builtins, dict) else vars(builtins or sys)
        if node.id in builtins:
            return builtins[node.id]
        raise Unknown

    def visit_Attribute(self, node):
        owner = self.visit(node.value)
        if isinstance(owner, _Fresh):
            if node.attr == "__class__":
                return owner.kind
            value = owner.state.get(node.attr, _Scope.HIDDEN)
            if value is _Scope.HIDDEN:
                raise Unknown
            return value
        if isinstance(owner, types.ModuleType) and node.attr in THEN.get(id(vars(owner)), ()):
            return THEN[id(vars(owner))][node.attr]
        try:
            return entry_then(owner, node.attr)
        except Unknown:
            return reached(owner, node.attr)

    def visit_Subscript(self, node):
        owner = as_it_was(self.visit(node.value))
        if type(owner) in (dict, list, tuple, collections.defaultdict):
            try:
                return dict.__getitem__(owner, self.visit(node.slice)) if isinstance(owner, dict) else owner[self.visit(node.slice)]
            except (LookupError, TypeError):
                pass
        raise Unknown

    def visit_Index(self, node):  # 3.8
        return self.visit(node.value)

    def visit_Tuple(self, node):
        return tuple(self.visit(item) for item in node.elts)

    def visit_List(self, node):
        return made_here([self.visit(item) for item in node.elts])

    def visit_Dict(self, node):
        if None in node.keys:
            raise Unknown
        try:
            return made_here({self.data(key): self.visit(value) for key, value in zip(node.keys, node.values)})
        except TypeError:
            raise Unknown from None

    def visit_ListComp(self, node):
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise Unknown
        made, way = [], node.generators[0]
        over = self.visit(way.iter)
        if type(over) not in (list, tuple, dict) or len(over) > MOST or not (type(over) is tuple or id(over) in MADE):
            raise Unknown
        for item in over:
            if isinstance(way.target, ast.Name):
                names = {way.target.id: item}
            elif isinstance(way.target, ast.Tuple) and type(item) in (list, tuple) and len(item) == len(way.target.elts):
                names = {getattr(part, "id", None): value for part, value in zip(way.target.elts, item)}
            else:
                raise Unknown
            inner = type(self)(_Scope(self.namespace, names), self.depth)
            if all(inner.data(test) for test in way.ifs):
                made.append(inner.visit(node.elt))
        return made_here(made)

    # For what it is given to, it is the same.
    visit_GeneratorExp = visit_ListComp

    def visit_Lambda(self, node):
        return _Lambda(node.lineno, self.namespace)

    def visit_Call(self, node):
        made = node.func.id if isinstance(node.func, ast.Name) else ""
        if made in COUNTING and not node.keywords and self.visit(node.func) is COUNTING[made]:
            given = [self.visit(argument) for argument in node.args]
            if all(isinstance(v, int) or getattr(type(v), "__iter__", None) in WAYS for v in given):
                try:
                    return list(itertools.islice(COUNTING[made](*given), MOST))
                except (TypeError, ValueError):
                    pass
        if made == "dict" and not node.args and self.visit(node.func) is dict:
            items = {}
            for keyword in node.keywords:
                value = self.visit(keyword.value)
                if keyword.arg is None and type(value) is not dict:
                    raise Unknown
                items.update(value if keyword.arg is None else {keyword.arg: value})
            return made_here(items)
        if _gets(node):
            owner = as_it_was(self.visit(node.func.value))
            if type(owner) in (dict, collections.defaultdict):
                try:
                    return dict.__getitem__(owner, self.visit(node.args[0]))
                except (LookupError, TypeError):
                    raise Unknown from None
        if made == "type" and len(node.args) == 1 and self.visit(node.func) is type:
            value = self.visit(node.args[0])
            return value.kind if isinstance(value, _Fresh) else type(value)
        if self.imports(node):
            return sys.modules[self.data(node.args[0])]
        if getattr(node.func, "attr", made) == "getLogger" and self.visit(node.func) is getattr(sys.modules.get("logging"), "getLogger", None):
            return self.logger(node)
        called = self.pure(node.func)
        if called is not None:
            given = [self.data(argument) for argument in node.args]
            named = {keyword.arg: self.data(keyword.value) for keyword in node.keywords}
            try:
                return called(*given, **named)
            except (TypeError, ValueError, LookupError, AttributeError):
                raise Unknown from None
        # What a function that does nothing else makes of it.
        if self.depth < 3:
            found = definition(self.visit(node.func))
            if found:
                return result(*found, node, self)
        raise Unknown

    def logger(self, node):
        """`getLogger("app")`, where there is one."""
        logging = sys.modules["logging"]
        name = self.data(node.args[0]) if len(node.args) == 1 else None
        found = logging.root if not name else logging.Logger.manager.loggerDict.get(name)
        if not isinstance(found, logging.Logger):
            raise Unknown
        return found

    def imports(self, node):
        """`import_module("plugin")`, of one that is there."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name != "import_module" or len(node.args) != 1 or node.keywords:
            return False
        try:
            return self.visit(node.func) is importlib.import_module and self.data(node.args[0]) in sys.modules
        except (Unknown, TypeError):
            return False

    def pure(self, function):
        """What is called, where that calls no code of the program: the method of a text, `len`."""
        if isinstance(function, ast.Attribute) and function.attr in SPELLING:
            text = self.visit(function.value)
            return getattr(text, function.attr) if type(text) is str else None
        known = PURE.get(function.id) if isinstance(function, ast.Name) else None
        return known if known is not None and self.visit(function) is known else None

    def data(self, node):
        """A value that answers without code of the program, however it is asked."""
        value = as_it_was(self.visit(node))
        if not _is_data(value):
            raise Unknown
        return value

    def visit_BinOp(self, node):
        operation = OPERATIONS.get(type(node.op))
        if operation is None:
            raise Unknown
        left, right = self.visit(node.left), self.visit(node.right)
        # Which runs nothing whatever is in them.
        joined = operation is operator.add and type(left) is type(right) and type(left) in (tuple, list)
        if not joined and not (_is_data(left) and _is_data(right)):
            raise Unknown
        try:
            return operation(left, right)
        except (TypeError, ValueError, LookupError, ArithmeticError, MemoryError):
            raise Unknown from None

    def visit_Compare(self, node):
        parts = [self.visit(node.left), *map(self.visit, node.comparators)]
        for kind, left, right in zip(map(type, node.ops), parts, parts[1:]):
            same = COMPARISONS.get(kind)
            alone = same in (operator.is_, operator.is_not)
            if kind in (ast.In, ast.NotIn) and type(right) in (dict, collections.defaultdict):
                # Whatever is under its keys.
                right = list(as_it_was(right)) if len(right) <= MOST else right
            if same is None or not alone and not (_is_data(left) and _is_data(right)):
                raise Unknown
            try:
                if not same(left, right):
                    return False
            except TypeError:
                raise Unknown from None
        return True

    def visit_BoolOp(self, node):
        for part in node.values:
            value = self.data(part)
            if bool(value) is isinstance(node.op, ast.Or):
                break
        return value

    def visit_IfExp(self, node):
        return self.visit(node.body if self.data(node.test) else node.orelse)

    def visit_JoinedStr(self, node):
        return "".join(map(self.visit, node.values))

    def visit_FormattedValue(self, node):
        value = self.data(node.value)
        if node.conversion in CONVERSIONS:
            value = CONVERSIONS[node.conversion](value)
        try:
            return format(value, self.visit(node.format_spec) if node.format_spec else "")
        except (TypeError, ValueError):
            raise Unknown from None

    def visit_UnaryOp(self, node):
        value = self.data(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float, complex)):
            return -value
        raise Unknown


def _inner_codes(code):
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield part
            yield from _inner_codes(part)


class _Lambda:
    """The function that a lambda of the old text made. Other files have lambdas on that line, too; and
    the text of a function of another module begins with line 1, wherever that stands."""

    def __init__(self, line, scope):
        self.line, self.module = line, scope.get("__name__")
        self.code = scope.code if isinstance(scope, _Scope) else None

    def made(self, function):
        if not isinstance(function, types.FunctionType) or function.__name__ != "<lambda>":
            return False
        code = function.__code__
        if self.code is None:
            return code.co_firstlineno == self.line and function.__globals__.get("__name__") == self.module
        line = code.co_firstlineno - self.code.co_firstlineno + 1
        return line == self.line and any(_alike(code, part) for part in _inner_codes(self.code))


def _of_another(part, scope, namespace):
    """The container of another module that a call is given: `register(reg.TABLE)`."""
    try:
        value = _Values(scope).visit(part) if isinstance(part, (ast.Name, ast.Attribute)) else None
        if not isinstance(value, MUTABLE):
            return []
        if isinstance(part, ast.Attribute):
            module = _Values(scope).visit(part.value)
            origins = [(module.__name__, part.attr)] if isinstance(module, types.ModuleType) else []
        else:
            origins = [o for o in _bound_to(value, part.id) if o[0] != namespace.get("__name__")]
    except Unknown:
        return []
    return [Named(value, origins)] if origins else []
