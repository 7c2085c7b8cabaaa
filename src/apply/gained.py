"""What an edited constructor gives to new objects, where the class now asks those for it that were made before.

`gains` compares two texts of a class. Objects keep the attributes that they have, and get none but those that
methods of the class read by now, or that generated ones do (fields). What comes of it tells for an object which
of these it lacks and what they are, from what the object has stored of its arguments, from defaults and from
the names of the module. Nothing of the program is called but what only makes an empty or plain thing.
"""
import ast
import builtins
import dis
import enum
import inspect
import logging
import re
import types

# Calls of these make something, and do nothing else.
MAKERS = {
    "_queue", "_thread", "array", "collections", "contextvars", "datetime", "decimal", "fractions", "itertools",
    "pathlib", "queue", "string", "threading", "types", "uuid", "weakref",
}
GAIN_FIXED = (type(None), bool, int, float, complex, str, bytes)


class _Stop(Exception):
    """The constructor ends here."""


def gains(old, new, kind):
    """What objects of a class may lack that were made by its old text; None where nothing."""
    # By `__migrate__` the author does it.
    if any("__migrate__" in vars(base) for base in kind.__mro__):
        return None
    old, new = _ClassText(old), _ClassText(new)
    if any(name in INDIRECT for maker in new.makers.values() for name in _all_names(maker)):
        return None
    # What a property gave is asked for by others. What the constructor gives is perhaps asked for only now.
    asked = new.asks | (old.getters.keys() - new.getters.keys())
    names = (asked & new.stores) - (old.asks & old.stores)
    fields = [name for name in _fields_of(kind) if name in new.fields and name not in old.fields]
    # Where the class has a default, it answers, if nothing makes another value of it.
    fields = [name for name in fields if name in new.stores or not _answers(vars(kind).get(name, kind), kind)]
    return Gains(old, new, kind, names, fields) if names or fields else None


def _fields_of(kind):
    own = vars(kind)
    for mark in ("__dataclass_fields__", "__pydantic_fields__", "model_fields"):
        if isinstance(own.get(mark), dict):
            return [name for name, field in own[mark].items() if _is_real(field)]
    return [field.name for field in own.get("__attrs_attrs__", ())]


def _all_names(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


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
        # What the constructor does something else to than to bind it: it has another value each time.
        self.touched = set()
        for maker in new.makers.values():
            self.touched |= _touched(maker)

    def of(self, thing):
        """What an object is to be given: pairs of name and value, names that it has under another name
        now, and those for which nothing can be told."""
        kind = type(thing)
        if not _reaches(kind, self.kind):
            return [], [], []
        lacking = {name for name in [*self.names, *self.fields] if not _has(thing, name)}
        # Left from where the class had it under this name before: the value of the other one counts.
        left = {name for name in self.names - lacking if self._is_left(name)}
        if not lacking and not left:
            return [], [], []
        setter = kind.__setattr__
        own = isinstance(setter, types.FunctionType) and not setter.__code__.co_filename.startswith("<")
        if own and not self.fields:
            # It may do anything with what it is given.
            return [], [], sorted(lacking)
        self.thing, self.lacking, self.given, self.moved = thing, lacking | left, {}, {}
        # Constructors of derived classes, which hand over what they like and set what they like.
        self.below = _constructors_below(kind, self.kind)
        for name in self.fields:
            if name in lacking:
                self._field(name)
        for maker in GAIN_MAKERS:
            function = self.new.makers.get(maker)
            if function is not None:
                self._make(function)
        for code in self.below:
            for name in [name for name in self.given if name in code.co_names]:
                del self.given[name]
        for name in left - self.moved.keys():
            self.given.pop(name, None)
        open_ = sorted(lacking - self.given.keys())
        state = getattr(thing, "__dict__", {})
        gone = [] if open_ else [name for name in sorted(self.old.stores) if name in state and self._is_gone(name)]
        gone += [name for name in self.moved.values() if name in state and name in self.old.fields]
        del self.thing
        return list(self.given.items()), gone, open_

    def _is_left(self, name):
        old = self.old
        return name not in old.stores and name not in old.changes and name not in old.fields

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
        if getattr(field, "converter", None) is not None:
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
                self.moved[name] = was

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
            # Handed over by those that were not asked for it yet.
            if name in known or was in self.old.arguments or self.below or self.old.takes_any:
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
            if isinstance(part, ast.AugAssign):
                part = _as_assignment(part)
            pairs = _pairs(part)
            for target, value in pairs:
                if isinstance(target, ast.Name):
                    self._bind(target.id, value, me, known, unknown, origin)
                elif _is_mine(target, me):
                    self._store(target.attr, value, me, known, unknown, origin, depth)
                else:
                    self._forget(target, me, known, unknown)
            if pairs or isinstance(part, (ast.Pass, ast.Assert)):
                continue
            if isinstance(part, ast.If) and depth < GAIN_DEEP:
                try:
                    test = self._value(part.test, me, known, unknown)
                except Exception:
                    self._forget(part, me, known, unknown)
                    continue
                self._run(part.body if test else part.orelse, me, known, unknown, origin, depth + 1)
            elif isinstance(part, (ast.Return, ast.Raise)):
                raise _Stop
            elif not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
                self._forget(part, me, known, unknown)

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

    def _forget(self, part, me, known, unknown):
        """What a statement may do that is not gone through: it may change all that it mentions."""
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id != me:
                if not isinstance(node.ctx, ast.Load) or not _is_fixed(known.get(node.id)):
                    known.pop(node.id, None)
                    unknown.add(node.id)
            elif _is_mine(node, me):
                self._drop(node.attr, not isinstance(node.ctx, ast.Load))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._called(node.func, me, set())
        if any(isinstance(node, (ast.Return, ast.Raise)) for node in ast.walk(part)):
            # What stands below runs for some and for others not.
            raise _Stop

    def _drop(self, name, always):
        if name in self.given and (always or not _is_fixed(self.given[name])):
            del self.given[name]

    def _called(self, function, me, seen):
        """A method of the object is called: what it mentions may be another thing then."""
        own = _is_mine(function, me)
        above = isinstance(function.value, ast.Call) and getattr(function.value.func, "id", "") == "super"
        if above or own and function.attr not in self.new.functions:
            # Of a base.
            for name in list(self.given):
                self._drop(name, True)
        elif own and function.attr not in seen:
            seen.add(function.attr)
            inner = self.new.functions[function.attr]
            for name in _mentioned(inner, ast.Store) | _mentioned(inner, ast.Del):
                self._drop(name, True)
            for name in _mentioned(inner, ast.Load):
                self._drop(name, False)
            args = [*inner.args.posonlyargs, *inner.args.args]
            for node in ast.walk(inner):
                if args and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    self._called(node.func, args[0].arg, seen)

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
            moved = origin.get(value.id) if isinstance(value, ast.Name) else None
            if moved in self.new.stores and _is_fixed(known[value.id]):
                self._trust(moved, known[value.id])
            if moved is None:
                for used in ast.walk(value):
                    if isinstance(used, ast.Name) and used.id in origin:
                        self._trust(origin[used.id], known[used.id])
            self.given[name] = self._value(value, me, known, unknown)
            if moved is not None and moved != name:
                self.moved[name] = moved
        except _Stop:
            raise
        except Exception:
            self.given.pop(name, None)

    def _trust(self, attribute, value):
        """Whether an attribute still has what the constructor was given: who computes something of it wants
        that, who has it under another name what there is."""
        if attribute in self.old.changes or attribute in self.new.changes or not _is_fixed(value):
            raise Unknown

    def _value(self, node, me, known, unknown):
        key = id(node), frozenset(unknown)
        if key not in self.codes:
            parts = _GainParts(unknown | self.touched, me, self.globals, known)
            tree = ast.parse(ast.unparse(node), mode="eval")
            tree = ast.fix_missing_locations(parts.visit(tree))
            # The node stays alive with its code: others are not to have its address.
            self.codes[key] = node, compile(tree, "pyreload/gained.py", "eval", 0, True)
        given = self.given

        def mine(name):
            return given[name] if name in given else _mine(self.thing, name)

        names = {"__unknown__": _unknown, "__mine__": mine, "__kind__": type(self.thing), "__plain__": _plain_method}
        return eval(self.codes[key][1], {**self.globals, **known, **names})


def _as_assignment(part):
    """`x += 1` as `x = x + 1`."""
    read = ast.parse(ast.unparse(part.target), mode="eval").body
    value = ast.copy_location(ast.BinOp(read, part.op, part.value), part)
    return ast.copy_location(ast.Assign([part.target], value), part)


def _touched(function):
    """Names of the module that a constructor changes in place: `COUNT.total += 1`, `ALL.append(self)`."""
    own = set(Gains._names(function))
    own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own.add(_first_argument(function))
    out = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    for node in ast.walk(function):
        roots = []
        if isinstance(node, ast.AugAssign):
            roots = [node.target]
        elif isinstance(node, ast.Assign):
            roots = [target for target in node.targets if not isinstance(target, ast.Name)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            roots = [node.value.func]
        for root in roots:
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            if isinstance(root, ast.Name):
                out.add(root.id)
    return out - own


def _is_fixed(value):
    """Whether nobody can change a value."""
    return type(value) in GAIN_FIXED or isinstance(value, (type, types.FunctionType, enum.Enum)) or (
        type(value) in (tuple, frozenset) and all(map(_is_fixed, value))
    )


def _constructors_below(kind, base):
    """The code of the constructors of a class and its bases that run before that of one of these."""
    out = []
    for each in kind.__mro__:
        if each is base:
            return out
        for name in GAIN_MAKERS:
            function = vars(each).get(name)
            if isinstance(function, types.FunctionType):
                out.append(function.__code__)
    return out


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
            return self._method(node)
        if first == self.me or first in self.unknown or first in self.known:
            return self._method(node)
        if first == "len" and any(isinstance(a, ast.Name) and a.id in self.space for a in node.args):
            # So many there were then.
            return self._raise(node)
        if first not in self.space:
            return super().visit_Call(node)
        found = self.space[first]
        for part in rest:
            if not isinstance(found, (types.ModuleType, type)) or part not in vars(found):
                return self._method(node)
            found = vars(found)[part]
        return self.generic_visit(node) if _is_harmless(found) else self._raise(node)

    def _method(self, node):
        """A method of something: those of values that nobody can change do nothing but give another one."""
        if not isinstance(node.func, ast.Attribute):
            return self._raise(node)
        of = node.func.value
        node = ast.Call(ast.Name("__plain__", ast.Load()), [of, ast.Constant(node.func.attr), *node.args], node.keywords)
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return ast.copy_location(node, of)


def _plain_method(of, method, *args, **keywords):
    if type(of) not in GAIN_FIXED and not (type(of) in (dict, list, set, tuple) and method in ASKING):
        raise Unknown
    return getattr(of, method)(*args, **keywords)


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
