"""What the text of a class says about making objects of it."""
import ast
import types

GAIN_MAKERS = ("__init__", "__post_init__", "__attrs_post_init__")
# The constructor is not gone through further down than this, through setters and branches.
GAIN_DEEP = 6
# So much of that a method takes which it calls.
GAIN_INSIDE = 2


class _ClassText:
    """What the text of a class says about making objects of it. `called`: what a call gives is a field of it, too,
    `x = attr.ib()`."""

    def __init__(self, text, called=False):
        [node] = ast.parse(text).body
        if not isinstance(node, ast.ClassDef):
            raise Unknown
        _mangle(node)
        self.makers, self.setters, self.getters, self.fields = {}, {}, {}, []
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self._function(part)
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                self.fields.append(part.target.id)
            elif called and isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
                self.fields.extend(target.id for target in part.targets if isinstance(target, ast.Name))
        self.functions = {f.name: f for f in node.body if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))}
        self.stores = set()
        for function in self.makers.values():
            self.stores |= self._stores(function)
        assigned = [target for part in node.body if isinstance(part, ast.Assign) for target in part.targets]
        # What each object can be asked for.
        self.members = {*self.functions, *(target.id for target in assigned if isinstance(target, ast.Name))}
        self.asks, self.changes, self.deletes = set(), set(), set()
        for part in node.body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name not in self.makers:
                self.asks |= _mentioned(part, ast.Load)
                self.deletes |= _mentioned(part, ast.Del)
                self.changes |= _mentioned(part, ast.Store) | self.deletes
        init = self.makers.get("__init__")
        self.arguments = _arguments(init) if init else []
        self.takes_any = init is not None and init.args.kwarg is not None

    def _function(self, part):
        if part.name in GAIN_MAKERS and not part.decorator_list:
            self.makers[part.name] = part
        for decorator in part.decorator_list:
            if isinstance(decorator, ast.Attribute) and decorator.attr == "setter":
                self.setters[part.name] = part
            elif isinstance(decorator, ast.Name) and decorator.id == "property":
                self.getters[part.name] = part

    def _stores(self, function, depth=0, seen=()):
        me, out, seen = _first_argument(function), set(), {*seen, function.name}
        for node in ast.walk(function):
            if _is_mine(node, me) and isinstance(node.ctx, ast.Store):
                setter = self.setters.get(node.attr)
                if setter is None:
                    out.add(node.attr)
                elif depth < GAIN_DEEP:
                    out |= self._stores(setter, depth + 1, seen)
            elif isinstance(node, ast.Call) and _is_mine(node.func, me) and depth < GAIN_DEEP:
                inner = self.functions.get(node.func.attr)
                if inner is not None and not inner.decorator_list and inner.name not in seen:
                    out |= self._stores(inner, depth + GAIN_INSIDE, seen)
        return out

    def plain(self, function=None, depth=0):
        """The attributes that have what the arguments of the constructor were, by argument."""
        function = function or self.makers.get("__init__")
        out = {}
        if function is None:
            return out
        me, known = _first_argument(function), set(_arguments(function))
        for node in ast.walk(function):
            # What is bound again is not what was handed over.
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                known.discard(node.id)
        for part in function.body:
            for target, value in _pairs(part):
                if not _is_mine(target, me) or not isinstance(value, ast.Name) or value.id not in known:
                    continue
                setter = self.setters.get(target.attr)
                if setter is None:
                    out.setdefault(value.id, []).append(target.attr)
                elif depth < GAIN_DEEP and len(_arguments(setter)) == 1:
                    (given,) = _arguments(setter)
                    out.setdefault(value.id, []).extend(self.plain(setter, depth + 1).get(given, ()))
        return out


_CLASS_TEXTS = {}


def _class_text(text, called):
    """The same, read once for both that ask for it."""
    key = text, called
    if key not in _CLASS_TEXTS:
        _CLASS_TEXTS[key] = _ClassText(text, called)
    return _CLASS_TEXTS[key]


def _arguments(function):
    args = function.args
    return [arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]][1:]


def _first_argument(function):
    args = [*function.args.posonlyargs, *function.args.args]
    if not args:
        raise Unknown
    return args[0].arg


def _mangle(node):
    """Gives private names in a class those that they have outside of it."""
    front = "_" + node.name.lstrip("_")
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr.startswith("__") and not part.attr.endswith("__"):
            part.attr = front + part.attr


def _mentioned(function, how):
    """The attributes of its first argument that a function loads or stores."""
    args = [*function.args.posonlyargs, *function.args.args]
    me = args[0].arg if args else None
    return {node.attr for node in ast.walk(function) if _is_mine(node, me) and isinstance(node.ctx, how)}


def _is_mine(node, me):
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == me


def _pairs(part):
    """Targets of an assignment, each with its value; None where that is a part of something."""
    if isinstance(part, ast.AnnAssign):
        return [(part.target, part.value)] if part.value is not None else []
    if not isinstance(part, ast.Assign):
        return []
    out = []
    for target in part.targets:
        if not isinstance(target, (ast.Tuple, ast.List)):
            out.append((target, part.value))
        elif isinstance(part.value, ast.Tuple) and len(part.value.elts) == len(target.elts):
            out.extend(zip(target.elts, part.value.elts))
        else:
            out.extend((each, None) for each in target.elts)
    return out


def _fields_of(kind):
    own = vars(kind)
    for mark in ("__dataclass_fields__", "__pydantic_fields__", "model_fields"):
        if isinstance(own.get(mark), dict):
            return [name for name, field in own[mark].items() if _is_real(field)]
    return [field.name for field in own.get("__attrs_attrs__", ())]


def _noted_in(kind, base, name):
    """The class between these, or the last one, of which a library has noted this field first: it may have another
    default there."""
    for each in kind.__mro__:
        if each is base or name in _fields_of(each):
            return each
    return base


def _is_real(field):
    # No ClassVar and no InitVar.
    return getattr(getattr(field, "_field_type", None), "name", "_FIELD") == "_FIELD"


def _is_generated(function):
    return function.__code__.co_filename.startswith("<")


def _constructors_below(kind, base):
    """The code of the constructors of a class and its bases that run before that of one of these, as far as somebody
    wrote it: what is generated from fields sets those that it is told of."""
    out = []
    for each in kind.__mro__:
        if each is base:
            return out
        for name in GAIN_MAKERS:
            function = vars(each).get(name)
            if isinstance(function, types.FunctionType) and not _is_generated(function):
                out.append(function.__code__)
    return out
