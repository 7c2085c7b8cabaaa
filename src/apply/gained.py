"""What an edited constructor gives to new objects, where the class now asks those for it that were made before.

`gains` compares two texts of a class. Objects keep the attributes that they have, and get none but those that
methods of the class read by now, or that generated ones do (fields). What comes of it tells for an object which
of these it lacks and what they are, from what the object has stored of its arguments, from defaults and from
the names of the module. Nothing of the program is called but what only makes an empty or plain thing.
"""
import ast
import builtins
import dis
import inspect
import logging
import re
import types

# Calls of these make something, and do nothing else.
MAKERS = {
    "_queue", "_thread", "array", "collections", "contextvars", "datetime", "decimal", "fractions", "itertools",
    "pathlib", "queue", "string", "threading", "types", "uuid", "weakref",
}
# The constructor is not gone through further down than this, through setters and branches.
GAIN_DEEP = 6


class _Stop(Exception):
    """The constructor ends here."""


class _ClassText:
    """What the text of a class says about making objects of it."""

    def __init__(self, text):
        [node] = ast.parse(text).body
        if not isinstance(node, ast.ClassDef):
            raise Unknown
        self.makers, self.setters, self.getters, self.fields, self.binds = {}, {}, {}, [], set()
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self._function(part)
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                self.fields.append(part.target.id)
            if isinstance(part, ast.Assign):
                self.binds.update(t.id for t in part.targets if isinstance(t, ast.Name))
        self.stores = set()
        for function in self.makers.values():
            self.stores |= self._stores(function)
        self.asks = set()
        for part in node.body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name not in self.makers:
                self.asks |= _asked_for(part)
        init = self.makers.get("__init__")
        self.arguments = _arguments(init) if init else []

    def _function(self, part):
        self.binds.add(part.name)
        if part.name in ("__init__", "__post_init__") and not part.decorator_list:
            self.makers[part.name] = part
        for decorator in part.decorator_list:
            if isinstance(decorator, ast.Attribute) and decorator.attr == "setter":
                self.setters[part.name] = part
            elif isinstance(decorator, ast.Name) and decorator.id == "property":
                self.getters[part.name] = part

    def _stores(self, function, depth=0):
        me, out = _first_argument(function), set()
        for node in ast.walk(function):
            if _is_mine(node, me) and isinstance(node.ctx, ast.Store):
                setter = self.setters.get(node.attr)
                if setter is None:
                    out.add(node.attr)
                elif depth < GAIN_DEEP:
                    out |= self._stores(setter, depth + 1)
        return out

    def plain(self, function=None, argument=None, depth=0):
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
                    out.setdefault(value.id, []).extend(self.plain(setter, None, depth + 1).get(given, ()))
        return out


def _arguments(function):
    args = function.args
    return [arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]][1:]


def _first_argument(function):
    args = [*function.args.posonlyargs, *function.args.args]
    if not args:
        raise Unknown
    return args[0].arg


def _asked_for(function):
    args = [*function.args.posonlyargs, *function.args.args]
    me = args[0].arg if args else None
    return {node.attr for node in ast.walk(function) if _is_mine(node, me) and isinstance(node.ctx, ast.Load)}


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


def gains(old, new, kind):
    """What objects of a class may lack that were made by its old text; None where nothing."""
    # By `__migrate__` the author does it.
    if any("__migrate__" in vars(base) for base in kind.__mro__):
        return None
    old, new = _ClassText(old), _ClassText(new)
    # What a property gave is asked for by others. What the constructor gives is perhaps asked for only now.
    names = (new.asks | (old.getters.keys() - new.getters.keys())) & new.stores
    names -= old.asks & old.stores
    fields = [name for name in _fields_of(kind) if name in new.fields and name not in old.fields]
    # Where the class has a default, it answers.
    fields = [name for name in fields if not _answers(vars(kind).get(name, kind), kind)]
    return Gains(old, new, kind, names, fields) if names or fields else None


def _fields_of(kind):
    own = vars(kind)
    for mark in ("__dataclass_fields__", "__pydantic_fields__", "model_fields"):
        if isinstance(own.get(mark), dict):
            return [name for name, field in own[mark].items() if _is_real(field)]
    return [field.name for field in own.get("__attrs_attrs__", ())]


def _answers(entry, kind):
    return entry is not kind and not isinstance(entry, types.MemberDescriptorType)


def _is_real(field):
    # No ClassVar and no InitVar.
    return getattr(getattr(field, "_field_type", None), "name", "_FIELD") == "_FIELD"


class Gains:
    def __init__(self, old, new, kind, names, fields):
        self.old, self.new, self.kind, self.names, self.fields = old, new, kind, names, fields
        self.was = old.plain()
        for name in old.fields:
            self.was.setdefault(name, [name])
        self.globals = {}
        init = vars(kind).get("__init__")
        if isinstance(init, types.FunctionType):
            self.globals = init.__globals__
        self.codes = {}

    def of(self, thing):
        """What an object is to be given: pairs of name and value, names that it has under another name
        now, and those for which nothing can be told."""
        kind = type(thing)
        if not _reaches(kind, self.kind):
            return [], [], []
        lacking = {name for name in [*self.names, *self.fields] if not _has(thing, name)}
        if not lacking:
            return [], [], []
        setter = kind.__setattr__
        own = isinstance(setter, types.FunctionType) and not setter.__code__.co_filename.startswith("<")
        if own and not self.fields:
            # It may do anything with what it is given.
            return [], [], sorted(lacking)
        self.thing, self.lacking, self.given, self.moved = thing, lacking, {}, set()
        for name in self.fields:
            if name in lacking:
                self._field(name)
        for maker in ("__init__", "__post_init__"):
            function = self.new.makers.get(maker)
            if function is not None and lacking - self.given.keys():
                self._make(function)
        open_ = sorted(lacking - self.given.keys())
        state = getattr(thing, "__dict__", {})
        gone = [] if open_ else [name for name in sorted(self.old.stores) if name in state and self._is_gone(name)]
        del self.thing
        return list(self.given.items()), [*gone, *(n for n in self.moved if n in state and n in self.old.fields)], open_

    def _is_gone(self, name):
        if name in self.new.stores:
            return False
        entry = next((vars(base)[name] for base in type(self.thing).__mro__ if name in vars(base)), None)
        return hasattr(type(entry), "__set__")

    def _field(self, name):
        found = vars(self.kind)
        if "__dataclass_fields__" in found:
            import dataclasses

            field = found["__dataclass_fields__"][name]
            default, factory = field.default, field.default_factory
            missing = dataclasses.MISSING
        elif "__attrs_attrs__" in found:
            import attr

            field = next(field for field in found["__attrs_attrs__"] if field.name == name)
            missing, default, factory = attr.NOTHING, field.default, attr.NOTHING
            if isinstance(default, attr.Factory):
                if default.takes_self:
                    return
                default, factory = missing, default.factory
        else:
            field = (found.get("__pydantic_fields__") or found.get("model_fields"))[name]
            if field.is_required():
                missing = default = factory = None
            else:
                missing, factory = None, field.default_factory
                default = field.default if factory is None else None
                if factory is None:
                    self.given[name] = field.get_default()
                    return
        if default is not missing:
            self.given[name] = default
        elif factory is not missing:
            if _is_harmless(factory):
                self.given[name] = factory()
        else:
            self._renamed(name)

    def _renamed(self, name):
        """A field without a default, in the place of one that is gone."""
        at = self.new.fields.index(name)
        was = self.old.fields[at] if at < len(self.old.fields) else None
        if was is not None and was not in self.new.fields:
            state = getattr(self.thing, "__dict__", {})
            if was in state:
                self.given[name] = state[was]
                self.moved.add(was)

    def _make(self, function):
        known, origin = {}, {}
        try:
            parameters = inspect.signature(vars(self.kind)[function.name]).parameters
        except (KeyError, TypeError, ValueError):
            parameters = {}
        names = _arguments(function)
        for at, name in enumerate(names):
            was = name
            if was not in self.old.arguments and was not in self.was:
                # Handed over in the same place under another name.
                there = self.old.arguments[at] if at < len(self.old.arguments) else None
                if there is not None and there not in names and len(names) >= len(self.old.arguments):
                    was = there
            for attribute in self.was.get(was, ()):
                # In the dict, also where a property stands before it now.
                state = getattr(self.thing, "__dict__", {})
                if attribute in state:
                    known[name], origin[name] = state[attribute], attribute
                elif _has(self.thing, attribute):
                    known[name], origin[name] = _mine(self.thing, attribute), attribute
            if name in known or was in self.old.arguments:
                continue
            parameter = parameters.get(name)
            if parameter is not None and parameter.default is not parameter.empty:
                known[name] = parameter.default
        unknown = {name for name in self._names(function) if name not in known}
        try:
            self._run(function.body, _first_argument(function), known, unknown, origin, 0)
        except _Stop:
            pass

    @staticmethod
    def _names(function):
        """Those that are the function's own."""
        names = set(_arguments(function))
        for arg in (function.args.vararg, function.args.kwarg):
            if arg is not None:
                names.add(arg.arg)
        return names

    def _run(self, body, me, known, unknown, origin, depth):
        for part in body:
            pairs = _pairs(part)
            for target, value in pairs:
                if isinstance(target, ast.Name):
                    self._bind(target.id, value, me, known, unknown, origin)
                elif _is_mine(target, me):
                    self._store(target.attr, value, me, known, unknown, origin, depth)
                else:
                    self._forget(target, known, unknown)
            if pairs:
                continue
            if isinstance(part, ast.If) and depth < GAIN_DEEP:
                try:
                    test = self._value(part.test, me, known, unknown)
                except Exception:
                    self._forget(part, known, unknown)
                    continue
                self._run(part.body if test else part.orelse, me, known, unknown, origin, depth + 1)
            elif isinstance(part, (ast.Return, ast.Raise)):
                raise _Stop
            elif not isinstance(part, (ast.Expr, ast.Pass, ast.Assert)):
                self._forget(part, known, unknown)

    def _bind(self, name, value, me, known, unknown, origin):
        origin.pop(name, None)
        try:
            if value is None:
                raise Unknown
            known[name] = self._value(value, me, known, unknown)
            unknown.discard(name)
        except Exception:
            known.pop(name, None)
            unknown.add(name)

    def _forget(self, part, known, unknown):
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                known.pop(node.id, None)
                unknown.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                # Set here in a way that is not known, whatever was to be told before.
                self.given.pop(node.attr, None)
                self.lacking.add(node.attr) if node.attr in self.names and not _has(self.thing, node.attr) else None

    def _store(self, name, value, me, known, unknown, origin, depth):
        setter = self.new.setters.get(name)
        try:
            if value is None:
                raise Unknown
            if setter is not None:
                (argument,) = _arguments(setter)
                handed = self._value(value, me, known, unknown)
                inner = {argument: handed}
                where = {argument: origin[value.id]} if isinstance(value, ast.Name) and value.id in origin else {}
                if depth < GAIN_DEEP:
                    try:
                        self._run(setter.body, _first_argument(setter), inner, set(), where, depth + 1)
                    except _Stop:
                        pass
                return
            if name not in self.lacking:
                return
            self.given[name] = self._value(value, me, known, unknown)
            if isinstance(value, ast.Name) and value.id in origin:
                self.moved.add(origin[value.id])
        except _Stop:
            raise
        except Exception:
            self.given.pop(name, None)

    def _value(self, node, me, known, unknown):
        key = id(node), frozenset(unknown)
        if key not in self.codes:
            parts = _GainParts(unknown, me, self.globals, known)
            tree = ast.parse(ast.unparse(node), mode="eval")
            tree = ast.fix_missing_locations(parts.visit(tree))
            # The node stays alive with its code: others are not to have its address.
            self.codes[key] = node, compile(tree, "pyreload/gained.py", "eval", 0, True)
        given = self.given

        def mine(name):
            return given[name] if name in given else _mine(self.thing, name)

        names = {"__unknown__": _unknown, "__mine__": mine, "__kind__": type(self.thing)}
        return eval(self.codes[key][1], {**self.globals, **known, **names})


class _GainParts(_Parts):
    """An expression of a constructor, in which nothing is called that may do something."""

    def __init__(self, unknown, me, space, known):
        super().__init__(unknown)
        self.me, self.space, self.known = me, space, known

    def visit_Name(self, node):
        return self._raise(node) if node.id == self.me else super().visit_Name(node)

    def visit_Attribute(self, node):
        if not _is_mine(node, self.me):
            return super().visit_Attribute(node)
        if node.attr == "__class__":
            return ast.copy_location(ast.Name("__kind__", ast.Load()), node)
        call = ast.Call(ast.Name("__mine__", ast.Load()), [ast.Constant(node.attr)], [])
        return ast.copy_location(call, node)

    def visit_Lambda(self, node):
        # It would look its names up here.
        return self._raise(node)

    visit_GeneratorExp = visit_Lambda

    def visit_Call(self, node):
        mine = [getattr(argument, "id", None) for argument in node.args] == [self.me]
        if mine and getattr(node.func, "id", None) == "type" and not node.keywords:
            return ast.copy_location(ast.Name("__kind__", ast.Load()), node)
        try:
            first, *rest = _path(node.func)
        except Exception:
            return super().visit_Call(node)
        if first == self.me or first in self.unknown or first in self.known:
            return super().visit_Call(node) if rest and rest[-1] in ASKING else self._raise(node)
        if first not in self.space:
            return super().visit_Call(node)
        found = self.space[first]
        for part in rest:
            if not isinstance(found, (types.ModuleType, type)) or part not in vars(found):
                return super().visit_Call(node) if part in ASKING else self._raise(node)
            found = vars(found)[part]
        return self.generic_visit(node) if _is_harmless(found) else self._raise(node)


def _has(thing, name):
    """Whether an object has something of its own under a name."""
    if name in getattr(thing, "__dict__", ()):
        return True
    for base in type(thing).__mro__:
        entry = vars(base).get(name)
        if isinstance(entry, types.MemberDescriptorType):
            try:
                entry.__get__(thing)
            except AttributeError:
                return False
            return True
    return False


def _mine(thing, name):
    """What an object has under a name, without asking it."""
    for base in type(thing).__mro__:
        entry = vars(base).get(name)
        if isinstance(entry, types.MemberDescriptorType):
            return entry.__get__(thing)
        if hasattr(type(entry), "__set__"):
            raise Unknown
    if name in thing.__dict__:
        return thing.__dict__[name]
    entry = next((vars(base)[name] for base in type(thing).__mro__ if name in vars(base)), thing)
    if entry is thing or hasattr(type(entry), "__get__"):
        raise Unknown
    return entry


def _reaches(kind, base):
    """Whether making an object of a class runs the constructor of a base of it."""
    for each in kind.__mro__:
        if each is base:
            return True
        init = vars(each).get("__init__")
        if init is None:
            continue
        if not isinstance(init, types.FunctionType):
            return False
        names = {name for code in _codes(init.__code__) for name in code.co_names}
        generated = init.__code__.co_filename.startswith("<")
        if not generated and "__init__" not in names:
            return False
    return False


def _is_harmless(maker, depth=0):
    """Whether calling this makes something and does nothing else, as far as its code tells."""
    if isinstance(maker, types.BuiltinFunctionType):
        return (getattr(maker, "__module__", None) or "").partition(".")[0] in MAKERS
    if maker in (logging.getLogger, re.compile):
        return True
    if isinstance(maker, types.FunctionType):
        module = (maker.__module__ or "").partition(".")[0]
        return module in MAKERS or _is_quiet(maker, depth)
    if not isinstance(maker, type):
        return False
    if maker.__module__ == "builtins":
        return maker.__name__ in PURE or maker is object
    if maker.__module__.partition(".")[0] in MAKERS:
        return True
    if type(maker) is not type or maker.__new__ is not object.__new__:
        return False
    init = maker.__init__
    return init is object.__init__ or isinstance(init, types.FunctionType) and _is_quiet(init, depth)


def _is_quiet(function, depth):
    """Whether a function only loads, makes plain things and stores them in what it is given."""
    if depth > 3:
        return False
    code, calls, methods = function.__code__, False, False
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return False
    for step in dis.get_instructions(code):
        name = step.opname
        if name.startswith(("IMPORT", "STORE_GLOBAL", "STORE_NAME", "STORE_SUBSCR", "STORE_DEREF", "DELETE", "RAISE", "FOR_ITER",
                            "SETUP", "JUMP_BACKWARD", "MAKE_FUNCTION")):
            return False
        calls |= name.startswith("CALL")
        methods |= name in ("LOAD_METHOD", "LOAD_ATTR", "LOAD_SUPER_ATTR", "LOAD_DEREF")
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            found = function.__globals__.get(step.argval, vars(builtins).get(step.argval))
            if callable(found) and not _is_harmless(found, depth + 1):
                return False
    return not (calls and methods)
