"""What a set of modules is, as a flat dict of strings that two processes can compare.

A path such as `m0.C1.area.code.lines` maps to a text. Objects with identity (functions, classes,
instances, mutable containers) are written out where they are met first; the next path to the same
object says `same as PATH`. So aliases, from-imports and shared containers are part of the picture.
"""

from __future__ import annotations

import bisect
import dataclasses
import dis
import enum
import functools
import hashlib
import re
import sys
import types

#: What the import system keeps in a module; and what Python keeps in a class.
MODULE_NOISE = {"__builtins__", "__cached__", "__spec__", "__loader__", "__file__", "__package__",
                "__path__", "__name__", "__warningregistry__"}
CLASS_NOISE = {"__dict__", "__weakref__", "_abc_impl", "__annotations_cache__", "__slotnames__",
               "__abstractmethods_cache__"}
WITH_PARTS = (types.FunctionType, type, list, set, frozenset, dict, types.MappingProxyType, property,
              staticmethod, classmethod, types.MethodType, functools.partial, functools.cached_property,
              dataclasses.Field)
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
#: `from __future__ import division` and older ones mark code and change nothing.
IDLE_FUTURES = 0x20000 | 0x40000 | 0x80000 | 0x100000 | 0x200000 | 0x800000
PURE = re.compile(r"[fg]\d+")
ATOMS = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), type(NotImplemented))


def digest(data) -> str:
    return hashlib.blake2b(repr(data).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class Snapshot:
    """Collects `out`. `own` are the names of the modules looked at: their code is compared, all
    else is named only. `state` are names whose values are run-time state; without `instances` the
    attributes of instances are, too. `codes` keeps what was said of code objects, for those who look
    at one process many times before anything can change."""

    def __init__(self, own, state=(), instances=True, codes=None):
        self.own, self.state, self.instances = set(own), set(state), instances
        self.codes = {} if codes is None else codes
        self.out = {}
        self.seen = {}
        self.keep = []  # ids must not be reused while we work

    def modules(self, names):
        for name in names:
            module = sys.modules.get(name)
            if module is None:
                self.out[name] = "not imported"
                continue
            space = vars(module)
            public = sorted(n for n in space if n not in MODULE_NOISE and not self.child(name, n, space[n]))
            self.out[name + ":names"] = " ".join(public)
            for key in public:
                if key not in self.state:
                    self.value(f"{name}.{key}", space[key])
        return self.out

    def child(self, name, key, v):
        """A submodule whose file is gone: it stays what it is for those who hold it."""
        return isinstance(v, types.ModuleType) and v.__name__ == f"{name}.{key}" and v.__name__ not in self.own

    # -- values ------------------------------------------------------------------------------

    def value(self, path, v):
        kind = type(v)
        if kind in ATOMS:
            self.out[path] = ADDRESS.sub("", repr(v))
        elif kind is tuple or kind is frozenset and self._plain(v):
            self._items(path, v if kind is tuple else sorted(v, key=repr), kind.__name__)
        elif isinstance(v, types.ModuleType):
            self.out[path] = f"module {v.__name__}"
        elif isinstance(v, types.CodeType):
            self.code(path, v)
        elif isinstance(v, (types.BuiltinFunctionType, types.MethodDescriptorType,
                            types.WrapperDescriptorType, types.GetSetDescriptorType,
                            types.MemberDescriptorType, types.ClassMethodDescriptorType)):
            self.out[path] = ADDRESS.sub("", repr(v))
        elif isinstance(v, enum.Enum) and not isinstance(v, type):
            self._enum_member(path, v)
        elif kind.__module__ not in self.own and not self._has_parts(v):
            # types of the standard library are cached and shared: neither identity nor the order
            # in which a union's members were first written says anything
            text = ADDRESS.sub("", repr(v))
            if kind.__module__ in ("typing", "types"):
                text = " ".join(sorted(re.findall(r"[\w.]+", text)))
            self.out[path] = f"instance of {kind.__module__}.{kind.__qualname__} {text}"
        elif id(v) in self.seen:
            self.out[path] = "same as " + self.seen[id(v)]
        else:
            self.seen[id(v)] = path
            self.keep.append(v)
            self._object(path, v)

    def _has_parts(self, v):
        """Whether `_object` looks into a thing."""
        # asked of the type: objects may make an attribute of every name that they are asked for
        return isinstance(v, WITH_PARTS) or hasattr(type(v), "cache_info") and hasattr(v, "__wrapped__")

    def _plain(self, items):
        return all(type(i) in ATOMS for i in items)

    def _items(self, path, items, kind):
        self.out[path] = f"{kind} of {len(items)}"
        for i, item in enumerate(items):
            self.value(f"{path}[{i}]", item)

    def _enum_member(self, path, v):
        kind = type(v)
        same = kind.__members__.get(v.name) is v if v.name else None
        self.out[path] = f"member {kind.__module__}.{kind.__qualname__}.{v.name} current={same}"

    def _object(self, path, v):
        if isinstance(v, types.FunctionType):
            self._function(path, v)
        elif isinstance(v, type):
            self._class(path, v)
        elif type(v) in (list, set, frozenset):
            self._items(path, v if type(v) is list else sorted(v, key=lambda i: ADDRESS.sub("", repr(i))), type(v).__name__)
        elif type(v) in (dict, types.MappingProxyType):
            self.out[path] = f"{type(v).__name__} of " + " ".join(ADDRESS.sub("", repr(k)) for k in v)
            for key, item in list(v.items()):
                self.value(f"{path}[{ADDRESS.sub('', repr(key))}]", item)
        elif isinstance(v, property):
            self.out[path] = f"property doc={v.__doc__!r}"
            for part in ("fget", "fset", "fdel"):
                self.value(f"{path}.{part}", getattr(v, part))
        elif isinstance(v, (staticmethod, classmethod)):
            self.out[path] = type(v).__name__
            self.value(f"{path}.__func__", v.__func__)
        elif isinstance(v, types.MethodType):
            self.out[path] = "bound method"
            self.value(f"{path}.__func__", v.__func__)
            self.value(f"{path}.__self__", v.__self__)
        elif isinstance(v, functools.partial):
            self.out[path] = "partial"
            self.value(f"{path}.func", v.func)
            self.value(f"{path}.args", v.args)
            self.value(f"{path}.keywords", v.keywords)
        elif isinstance(v, functools.cached_property):
            self.out[path] = f"cached_property {v.attrname} doc={v.__doc__!r}"
            self.value(f"{path}.func", v.func)
        elif hasattr(type(v), "cache_info") and hasattr(v, "__wrapped__"):
            # how full a cache is, is run-time state; that it serves stale results is seen by calls
            self.out[path] = f"{type(v).__name__} {v.__module__}.{v.__qualname__} doc={v.__doc__!r}"
            self.value(f"{path}.parameters", v.cache_parameters() if hasattr(v, "cache_parameters") else None)
            self.value(f"{path}.__wrapped__", v.__wrapped__)
        elif isinstance(v, dataclasses.Field):
            self.out[path] = "field"
            for part in ("name", "type", "default", "default_factory", "init", "repr", "compare",
                         "hash", "kw_only"):
                self.value(f"{path}.{part}", getattr(v, part, None))
        else:
            self._instance(path, v)

    def _instance(self, path, v):
        kind = type(v)
        self.out[path] = f"instance of {kind.__module__}.{kind.__qualname__}"
        if kind.__module__ not in self.own:  # a subclass of dict and the like
            self.out[path] += " " + ADDRESS.sub("", repr(v))
            return
        current = sys.modules.get(kind.__module__)
        for part in kind.__qualname__.split("."):
            current = getattr(current, part, None)
        self.out[path] += f" current={current is kind}"
        if isinstance(v, tuple):
            self._items(path + "!", tuple(v), "tuple")
        elif self.instances:
            for key, item in sorted(getattr(v, "__dict__", {}).items()):
                self.value(f"{path}!{key}", item)

    # -- functions ---------------------------------------------------------------------------

    def _function(self, path, f):
        generated = f.__code__.co_filename.startswith("<")
        if f.__module__ not in self.own and not generated and f.__closure__ is None:
            self.out[path] = f"function {f.__module__}.{f.__qualname__}"
            return
        self.out[path] = f"function {f.__module__}.{f.__qualname__} name={f.__name__} doc={f.__doc__!r}"
        self.out[path + ".globals"] = str(f.__globals__.get("__name__"))
        self.code(path + ".code", f.__code__)
        self.value(path + ".defaults", f.__defaults__)
        if f.__kwdefaults__ is not None:
            self.value(path + ".kwdefaults", f.__kwdefaults__)
        if f.__annotations__:
            self.value(path + ".annotations", dict(f.__annotations__))
        for key, item in sorted(vars(f).items()):
            self.value(f"{path}.dict.{key}", item)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
            try:
                self.value(f"{path}.closure.{name}", cell.cell_contents)
            except ValueError:
                self.out[f"{path}.closure.{name}"] = "empty"

    def code(self, path, c):
        if id(c) not in self.codes:
            self.codes[id(c)] = c, list(code_parts("", c))
        self.out.update((path + part, text) for part, text in self.codes[id(c)][1])

    # -- classes -----------------------------------------------------------------------------

    def _class(self, path, c):
        if c.__module__ not in self.own:
            self.out[path] = f"class {c.__module__}.{c.__qualname__}"
            return
        self.out[path] = f"class {c.__module__}.{c.__qualname__} name={c.__name__} of {type(c).__name__}"
        self.out[path + ".mro"] = " ".join(f"{b.__module__}.{b.__qualname__}" for b in c.__mro__)
        for i, base in enumerate(c.__bases__):
            self.value(f"{path}.bases[{i}]", base)
        space = c.__dict__
        names = sorted(n for n in space if n not in CLASS_NOISE and not stands_in(n, space[n]))
        self.out[path + ":names"] = " ".join(names)
        if isinstance(c, enum.EnumMeta):
            self._enum(path, c)
        for name in names:
            v = space[name]
            if name == "__static_attributes__":  # the order is that of a set
                v = tuple(sorted(v))
            elif name == "__abstractmethods__":
                v = frozenset(v)
            elif name.startswith(("_member_", "_value2member", "_unhashable", "_hashable")):
                continue
            elif name.startswith("_tuplegetter") or type(v).__name__ == "_tuplegetter":
                self.out[f"{path}.{name}"] = f"tuplegetter {v.__reduce__()[1]!r}"
                continue
            self.value(f"{path}.{name}", v)

    def _enum(self, path, c):
        listing = [f"{n}={ADDRESS.sub('', repr(m._value_))}" for n, m in c.__members__.items()]
        self.out[path + ":members"] = " ".join(listing)
        self.out[path + ":iteration"] = " ".join(m.name for m in c)
        found = []
        for m in c:
            try:
                found.append(str(c(m.value) is m and c[m.name] is m and type(m) is c))
            except Exception as error:
                found.append(type(error).__name__)
        self.out[path + ":lookups"] = " ".join(found)


def stands_in(name, v):
    """Of a class that lost its `__new__`: one that does what `object.__new__` does, and of which the
    report speaks."""
    return name == "__new__" and isinstance(v, types.BuiltinFunctionType) and not isinstance(v.__self__, type)


def code_parts(path, c):
    """What a code object is, and those inside it: (path, text)."""
    yield path, (f"{c.co_name} args={c.co_argcount},{c.co_posonlyargcount},{c.co_kwonlyargcount} "
                 f"flags={c.co_flags & ~IDLE_FUTURES:x} stack={c.co_stacksize} {getattr(c, 'co_qualname', '')}")
    yield path + ".names", f"{c.co_names} {c.co_varnames} {c.co_freevars} {c.co_cellvars}"
    yield path + ".first", str(c.co_firstlineno)
    if calls_methods(c):
        yield path + ".bytes", digest(instructions(c))
    else:
        yield path + ".bytes", digest(c.co_code)
        lines = list(c.co_lines()) if hasattr(c, "co_lines") else c.co_lnotab
        yield path + ".lines", digest(lines)
        if hasattr(c, "co_positions"):
            yield path + ".columns", digest(list(c.co_positions()))
            yield path + ".exceptions", digest(c.co_exceptiontable)
    for i, const in enumerate(c.co_consts):
        if isinstance(const, types.CodeType):
            yield from code_parts(f"{path}.const{i}", const)
        elif isinstance(const, frozenset):
            yield f"{path}.const{i}", "frozenset " + " ".join(sorted(map(repr, const)))
        else:
            yield f"{path}.const{i}", repr(const)


def calls_methods(c):
    """Whether a code object calls methods of names. From 3.11 on the compiler calls `NAME.method()`
    in another way where an import statement of the module binds NAME, also if NAME is the function's
    own: code that did not change is not compiled again for the sake of that, and does the same either
    way."""
    if sys.version_info < (3, 11):
        return False
    steps = list(dis.get_instructions(c))
    return any(a.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF")) and b.opname in ("LOAD_METHOD", "LOAD_ATTR")
               for a, b in zip(steps, steps[1:]))


def instructions(c):
    """The instructions of a code object, without what differs between the two ways."""
    steps = [s for s in dis.get_instructions(c) if s.opname not in ("PUSH_NULL", "CACHE", "EXTENDED_ARG")]
    places = [s.offset for s in steps]
    jumps = set(dis.hasjrel) | set(dis.hasjabs)
    out = []
    for s in steps:
        what = s.argrepr.replace("NULL + ", "").replace(" + NULL", "").replace("NULL|self + ", "")
        if s.opcode in jumps:
            what = bisect.bisect_left(places, s.argval)
        elif isinstance(s.argval, types.CodeType):
            what = "code"
        elif isinstance(s.argval, frozenset):
            what = sorted(map(repr, s.argval))  # its order is that in which the compiler met it
        out.append((s.opname.replace("LOAD_METHOD", "LOAD_ATTR"), what, tuple(s.positions or ())))
    return out


def call(function):
    """What a call gives, as text; exceptions too."""
    try:
        return ADDRESS.sub("", repr(function()))
    except RecursionError:
        return "RecursionError"
    except Exception as error:
        return f"{type(error).__name__}: {ADDRESS.sub('', str(error))}"


def calls(names):
    """Results of all functions (`f...`) and, on new instances, methods (`g...`) that take no
    argument: `{path: text}`."""
    out = {}
    for name in names:
        space = vars(sys.modules[name]) if name in sys.modules else {}
        for key in sorted(space):
            v = space[key]
            if isinstance(v, type) and v.__module__ == name:
                out.update(method_calls(f"{name}.{key}", v))
            elif callable(v) and not isinstance(v, type) and is_pure(key):
                out[f"{name}.{key}()"] = call(v)
    return out


def is_pure(name):
    """The generator's word: `f12` is a pure function, `g3` a pure method."""
    return name[0] in "fg" and PURE.fullmatch(name) is not None


def method_calls(path, c):
    out = {}
    if isinstance(c, enum.EnumMeta):
        targets = list(c)[:2]
    else:
        try:
            targets = [c()]
        except Exception as error:
            return {path + "()": f"{type(error).__name__}: {error}"}
    for i, target in enumerate(targets):
        out.update(attributes(f"{path}()" if not i else f"{path}(){i}", target))
    return out


def attributes(path, target):
    """Calls the pure methods and reads the pure properties of one object."""
    out = {}
    names = {n for c in type(target).__mro__ for n in c.__dict__ if is_pure(n)}
    for name in sorted(names):
        def look(name=name):
            got = getattr(target, name)
            return got() if callable(got) else got
        out[f"{path}.{name}"] = call(look)
    return out
