"""What objects have in them, noted without running code of theirs, so that it can be compared.

Runs in one namespace with guard.py and rehearsal.py.
"""
import _thread
import builtins
import collections
import enum
import functools
import io
import sys
import types

# So many objects, and so deep: what is larger is left as it is.
MOST, DEEPEST = 3000, 120
# And so many items in one container.
LARGE = 10_000
NUMBERS = (int, float, complex)
VALUES = (type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented))
# 3.15
VALUES += (builtins.sentinel,) if hasattr(builtins, "sentinel") else ()
# Of these modules objects are values, which compare by what they say.
SAYING = {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "re", "uuid", "zoneinfo", "operator"}
CONTAINERS = (list, collections.deque, dict, set)
MISSING = object()
# Each is like the other, and the one that is there stays.
LOCKS = (type(_thread.allocate_lock()), _thread.RLock)


# Texts and bytes that are being written.
BUFFERS = (io.StringIO, io.BytesIO)


class Refused(BaseException):
    """What a rehearsal cannot do. No `except Exception` of the program is to catch it."""


# What a class has that was written in C.
OF_C = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)


def of_python(kind):
    """Whether a class was made by Python code, and all that it is derived from, but for builtin
    containers."""
    for base in type.__dict__["__mro__"].__get__(kind):
        if base in CONTAINERS or base in (object, collections.OrderedDict, collections.defaultdict):
            continue
        if not base.__flags__ & 1 << 9 or made_in_c(base):
            return False
    return True


def made_in_c(kind):
    names = type.__dict__["__dict__"].__get__(kind)
    for name, value in names.items():
        if isinstance(value, OF_C) and value.__objclass__ is kind:
            return True
        if name == "__new__" and isinstance(value, types.BuiltinFunctionType):
            return True
        slots = "__slots__" in names or name in ("__dict__", "__weakref__")
        if isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType)) and not slots:
            if value.__objclass__ is kind:
                return True
    return False


def is_logger(value):
    logging = sys.modules.get("logging")
    return logging is not None and type(value) in (logging.Logger, logging.RootLogger)


def saying(value):
    """Whether a value stands for itself: it has nothing in it that could change."""
    kind = type(value)
    return (
        kind in VALUES
        or isinstance(value, (type, types.ModuleType, enum.Enum))
        or is_logger(value)
        or kind is types.BuiltinFunctionType and isinstance(value.__self__, (type(None), type, types.ModuleType))
        or kind.__module__.lstrip("_") in SAYING
        or kind.__module__ == "builtins" and not kind.__flags__ & 1 << 9 and kind.__name__.endswith("descriptor")
    )


def state_of(value):
    """The attributes of an object, those in slots too."""
    found = {}
    for kind in type.__dict__["__mro__"].__get__(type(value)):
        for name, slot in type.__dict__["__dict__"].__get__(kind).items():
            if type(slot) is types.MemberDescriptorType and name not in found:
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    pass
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return found
    if type(own) is dict:
        found.update(own)
    return found


def set_state(value, name, content):
    """Sets or takes away one attribute, without asking its class."""
    for kind in type.__dict__["__mro__"].__get__(type(value)):
        slot = type.__dict__["__dict__"].__get__(kind).get(name)
        if type(slot) is types.MemberDescriptorType:
            slot.__delete__(value) if content is MISSING else slot.__set__(value, content)
            return
    own = object.__getattribute__(value, "__dict__")
    if content is MISSING:
        own.pop(name, None)
    else:
        own[name] = content


def base_of(value):
    """The builtin container that an object is, or is derived from."""
    return next((kind for kind in CONTAINERS if isinstance(value, kind)), None)


def keys_of(value):
    """The keys of a dict in their order, without asking its class."""
    kind = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
    return list(kind.__iter__(value))


def entries_of(value):
    return {key: dict.__getitem__(value, key) for key in keys_of(value)}


def manner(value):
    """What else a container is made with."""
    if isinstance(value, collections.deque):
        return value.maxlen
    return value.default_factory if isinstance(value, collections.defaultdict) else None


def len_of(value):
    return base_of(value).__len__(value)


def written(buffer):
    """What is in a buffer, and where that is written next; nothing in one that is closed."""
    if buffer.closed:
        return None, None
    content = buffer.getvalue()
    if len(content) > LARGE * 100:
        raise Refused("there is too much in it")
    return content, buffer.tell()


class Node:
    """What one object has in it. `parts`: its attributes, items, entries by key; `items`: of an object that
    is derived from a container, what it has as such."""

    __slots__ = ("kind", "type", "manner", "value", "parts", "items")

    def __init__(self, kind, value):
        self.kind, self.type, self.manner, self.value = kind, type(value), manner(value), value
        self.parts = self.items = None

    def like(self, other):
        """Whether one may be the other, whatever is in them."""
        return self.kind == other.kind and self.type is other.type and self.manner == other.manner


class Picture:
    """Nodes of what objects lead to. `shared` are addresses of what is not theirs: it is one with what others
    have, and no more is asked of it. `named` says which function or class of the module a copy means."""

    def __init__(self, shared=(), named=None):
        self.nodes, self.shared, self.named = {}, shared, named

    def node(self, value, deep=0):
        known = self.nodes.get(id(value))
        if known is not None:
            return known
        if self.named is not None:
            value = self.named(value)
            known = self.nodes.get(id(value))
            if known is not None:
                return known
        if saying(value) or id(value) in self.shared:
            return Node("value", value)
        if len(self.nodes) > MOST or deep > DEEPEST:
            raise Refused("there is too much in it")
        if base_of(value) is not None and len_of(value) > LARGE:
            raise Refused("there is too much in it")
        kind = type(value)
        node = self.nodes[id(value)] = Node("opaque", value)
        step = deep + 1
        if kind in (tuple, frozenset) or isinstance(value, tuple) and hasattr(kind, "_fields"):
            node.kind, node.parts = "tuple", [self.node(part, step) for part in value]
        elif kind in (list, collections.deque):
            node.kind, node.parts = "list", [self.node(part, step) for part in value]
        elif kind in (set, dict, collections.OrderedDict, collections.defaultdict, collections.Counter):
            self.fill(node, "parts", value, step)
            node.kind = "set" if kind is set else "dict"
        elif kind is types.MethodType:
            node.kind, node.parts = "method", [self.node(value.__self__, step), self.node(value.__func__, step)]
        elif kind is types.FunctionType:
            node.kind, node.parts = "function", self.cells(value, step)
        elif kind is functools.partial:
            node.kind = "partial"
            node.parts = [self.node(part, step) for part in (value.func, value.args, value.keywords)]
        elif kind in LOCKS:
            node.kind = "lock"
        elif kind in BUFFERS:
            node.kind, node.parts = "buffer", [Node("value", part) for part in written(value)]
        elif kind.__flags__ & 1 << 9 and of_python(kind):
            node.kind = "object"
            node.parts = {name: self.node(part, step) for name, part in state_of(value).items()}
            if base_of(value) is not None:
                self.fill(node, "items", value, step)
        return node

    def fill(self, node, where, value, step):
        base = base_of(value)
        if base is dict:
            content = {}
            if not saying(manner(value)):
                raise Refused("what a dict has by default is made by code")
            for key, part in entries_of(value).items():
                if not fixed(key):
                    raise Refused("a key is an object")
                content[key] = self.node(part, step)
        else:
            content = [self.node(part, step) for part in base.__iter__(value)]
            if base is set and not all(fixed(part.value) for part in content):
                raise Refused("objects are in a set")
        setattr(node, where, content)

    def cells(self, function, step):
        found = []
        if "<" in function.__qualname__ and function.__dict__:
            raise Refused("a function that is made has attributes")
        for cell in function.__closure__ or ():
            try:
                found.append(self.node(cell.cell_contents, step))
            except ValueError:
                found.append(Node("value", MISSING))
        found += [self.node(part, step) for part in function.__defaults__ or ()]
        if not all(map(fixed, (function.__kwdefaults__ or {}).values())):
            raise Refused("a default is an object")
        return found


def fixed(value):
    """Whether a value means the same wherever it is: as a key, among others."""
    if type(value) in (tuple, frozenset):
        return all(map(fixed, value))
    return saying(value)


def says(one, other):
    """Whether both mean the same. No code of the program is asked."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other) or isinstance(one, (type, types.ModuleType, enum.Enum)):
        return False
    if kind in (tuple, frozenset) and fixed(one) and fixed(other):
        if kind is frozenset:
            return one == other
        return len(one) == len(other) and all(map(says, one, other))
    if kind is types.MethodType:
        return one.__func__ is other.__func__ and one.__self__ is other.__self__
    if not saying(one) or not saying(other):
        return False
    if kind in (float, complex) and one != one:
        return other != other
    return bool(one == other) and repr(one) == repr(other)


class Comparison:
    """Whether two pictures show the same: nodes that have been taken for each other stay so."""

    def __init__(self):
        self.pairs, self.others = {}, {}

    def same(self, one, other):
        """What does not come true leaves nothing behind."""
        pairs, others = dict(self.pairs), dict(self.others)
        if self.alike(one, other):
            return True
        self.pairs, self.others = pairs, others
        return False

    def alike(self, one, other):
        if one.kind != other.kind:
            return False
        if one.kind == "value":
            return says(one.value, other.value)
        if one.value is other.value and one.value is not MISSING:
            return True
        known = self.pairs.get(id(one))
        if known is not None or id(other) in self.others:
            return known is other
        if not one.like(other) or one.kind == "opaque":
            return False
        if one.kind == "lock":
            return True
        if one.kind == "function" and one.value.__code__ != other.value.__code__:
            return False
        self.pairs[id(one)], self.others[id(other)] = other, one
        return self.parts(one.parts, other.parts, one.kind) and self.parts(one.items, other.items, kind_of(one))

    def parts(self, one, other, kind):
        if one is None or other is None:
            return one is other
        if len(one) != len(other):
            return False
        if isinstance(one, dict):
            return list(one) == list(other) and all(self.alike(one[key], other[key]) for key in one)
        if one and kind == "set":
            return {node.value for node in one} == {node.value for node in other}
        return all(map(self.alike, one, other))


def kind_of(node):
    """What the items of an object are."""
    return "set" if issubclass(node.type, set) else "list"
