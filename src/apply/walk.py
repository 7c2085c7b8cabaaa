"""Where objects are in a container: what registries, calls and their readers look at it with.

The first of the texts that share the namespace of registry.py; what is done for every entry of a
container is done by `sift`, `remember`, `differences` and others of sieve.rs, which are in it: a
statement may be one of hundreds that tell a registry of thousands.
"""
import ast
import collections
import dis
import functools
import operator
import sys
import sysconfig
import types
import weakref

MUTABLE = (dict, list, set, collections.deque)
ATOMS = (str, bytes, int, float, complex, bool, type(None), type, types.ModuleType)
PLAIN = (str, bytes, int, float, complex, bool, tuple, type(None))
FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)
PATHS = sysconfig.get_paths()
STANDARD = tuple(PATHS[k] + "/" for k in ("stdlib", "platstdlib") if k in PATHS)
INSTALLED = tuple(PATHS[k] + "/" for k in ("purelib", "platlib") if k in PATHS)
# Whose objects other threads work with all the time, as in sieve.rs. What is in a queue is looked at.
SHARED = set("_thread asyncio concurrent multiprocessing selectors socket subprocess threading".split())
SORTING = {"sort", "insort", "insort_left", "insort_right", "heappush", "heapreplace", "heappushpop", "heapify"}
# Methods of containers that put nothing of what they are given into them: `sort(key=lambda f: f.order)`.
ASKING = set("clear count difference discard get index isdisjoint issubset issuperset pop remove sort union".split())
# How deep an object is looked for, and how many objects are looked at for one statement.
DEPTH, BUDGET = 6, 200_000


class Unknown(Exception):
    pass


def _standard(path):
    """A file of the standard library, or none at all."""
    return not path or path.startswith(STANDARD) and not path.startswith(INSTALLED)


def _standard_code(called):
    """The code of a function of the standard library."""
    function = getattr(called, "__func__", None) if isinstance(called, types.MethodType) else called
    code = function.__code__ if isinstance(function, types.FunctionType) else None
    return code if code is not None and _standard(code.co_filename) else None


def asks_only(called):
    """Whether a call is that of a container's method which puts nothing into it, or of one of the standard
    library that calls only such: `log.removeHandler`."""
    if isinstance(called, types.BuiltinFunctionType):
        return called.__name__ in ASKING
    code = _standard_code(called)
    if code is None or not isinstance(called, types.MethodType):
        return False
    fills = FILLING.intersection(code.co_names)
    return bool(fills) and fills <= ASKING


def _plain(value):
    """An object of a class that was written in Python, without a life of its own."""
    kind = type(value)
    return (
        kind.__flags__ & 1 << 9  # a heap type
        and not isinstance(value, (*ATOMS, *FUNCTIONS, *MUTABLE))
        and "__getattribute__" not in kind.__dict__
        and not any(k.__dict__.get("__module__", "").partition(".")[0] in SHARED for k in kind.__mro__)
    )


def _state(value):
    """The attributes of an object, without running its code."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    out = dict(own) if isinstance(own, dict) else {}
    for kind in type(value).__mro__:
        for name, slot in kind.__dict__.items():
            if type(slot) is types.MemberDescriptorType and name not in out:
                try:
                    out[name] = slot.__get__(value, kind)
                except AttributeError:
                    pass
    return out


def gives(code):
    """The attributes through which a method gives, whatever it does before, what it is called on has:
    `()` for one that gives that itself; None where that cannot be told."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("CACHE", "NOP")]
    found = set()
    for at, step in enumerate(steps):
        if not step.opname.startswith("RETURN_") or step.opname == "RETURN_GENERATOR":
            continue
        names = []
        for before in reversed(steps[:at]):
            if before.opname != "LOAD_ATTR":
                break
            names.insert(0, before.argval)
        first = steps[at - len(names) - 1] if at > len(names) else step
        # `OTHERS or self.items` comes there in two ways.
        if any(s.is_jump_target for s in steps[at - len(names) : at + 1]):
            first = step
        own = first.opname.startswith("LOAD_FAST") and code.co_varnames[:1] == (first.argval,)
        found.add(tuple(names) if own else None)
    return found.pop() if len(found) == 1 else None


def attribute(owner, name):
    """An attribute of an object, without running code of the program for it."""
    kind = type(owner)
    if kind is types.ModuleType:
        if name in vars(owner):
            return vars(owner)[name]
        raise Unknown
    if isinstance(owner, type):
        for base in type.__dict__["__mro__"].__get__(owner):
            if name in type.__dict__["__dict__"].__get__(base):
                return _bound(vars(base)[name], None, owner)
        # How enumerations find their members.
        hook = getattr(kind, "__getattr__", None)
        if type(hook) is types.FunctionType and _standard(hook.__code__.co_filename):
            return getattr(owner, name)
    else:
        state = _state(owner)
        if name in state:
            return state[name]
    for base in kind.__mro__:
        if name in vars(base):
            return _bound(vars(base)[name], owner, kind)
    raise Unknown


def _bound(found, owner, kind):
    """What an entry of a class gives an object, or, with None, the class."""
    way = type(found)
    get = getattr(way, "__get__", None)
    if get is None or owner is None and way is functools.cached_property:
        return found
    own = type(get) is types.FunctionType and not _standard(get.__code__.co_filename)
    if own or way is functools.cached_property:
        raise Unknown
    if issubclass(way, (property, types.DynamicClassAttribute)) and owner is not None:
        # The statement has called it, and what it keeps it would give again.
        path = gives(found.fget.__code__) if type(found.fget) is types.FunctionType else None
        if not path:
            raise Unknown
        for name in path:
            owner = attribute(owner, name)
        return owner
    if way is classmethod and type(found.__func__) is property:
        raise Unknown
    return get(found, owner, kind)


# Objects looked at in this check: when there were many, registries are looked at from above only.
SPENT, LIMIT = [0], 40_000_000


class Walk:
    """Where objects are in a container: chains of (holder, kind of place, key)."""

    def __init__(self, wanted):
        self.wanted, self.out, self.budget = wanted, [], BUDGET

    def spend(self, count):
        self.budget -= count
        SPENT[0] += count

    def chains(self, root):
        """Of each object that is there: its address and where it is."""
        self.out = []
        self.items(root, [], True)
        return self.out

    def at(self, value, chain, deep):
        if isinstance(value, weakref.ref):
            value = value()
        if id(value) in self.wanted:
            self.out.append((id(value), tuple(chain)))
        elif deep and type(value) not in ATOMS:
            self.items(value, chain, False)

    def entry(self, value, number, key, item, chain, deep):
        """One of a container, with its number and, of a dict, its key."""
        if isinstance(value, dict):
            self.at(key, [*chain, (value, "key", key, number)], deep and isinstance(key, tuple))
            self.at(item, [*chain, (value, "value", key, number)], deep)
        else:
            place = ("field", number) if isinstance(value, tuple) else ("item", None)
            self.at(item, [*chain, (value, place, item, number)], deep)

    def first(self, holder, chain, shape):
        """The number of the first entry that has an object in this way."""
        found, _ = sift(holder, self.wanted, len(chain), self.budget)
        for number, key, item in found:
            self.out = []
            self.entry(holder, number, key, item, chain, True)
            if any(_shape(other) == shape for _, other in self.out):
                return number
        return None

    def items(self, value, chain, top):
        budget = self.budget if SPENT[0] < LIMIT else 0
        deep = len(chain) < DEPTH and budget > 0
        if any(value is holder for holder, *_ in chain):
            return
        if isinstance(value, (*MUTABLE, tuple, frozenset)):
            found, spent = sift(value, self.wanted, len(chain), budget)
            self.spend(spent)
            for number, key, item in found:
                self.entry(value, number, key, item, chain, deep)
        elif isinstance(value, functools.partial):
            self.at(value.func, [*chain, (value, "partial", None, None)], False)
        elif isinstance(value, types.MethodType):
            self.at(value.__func__, [*chain, (value, "method", None, None)], False)
            self.at(value.__self__, [*chain, (value, "self", None, None)], False)
        elif isinstance(value, types.FunctionType):
            inner = value.__dict__.get("__wrapped__")
            self.at(inner, [*chain, (value, "wrapped", None, None)], False)
        elif deep and _plain(value) and not top:
            for name, item in _state(value).items():
                if id(item) in self.wanted or isinstance(item, (tuple, *MUTABLE)):
                    self.at(item, [*chain, (value, (type(value), name), name, None)], deep)


def _shape(chain):
    return tuple(kind for _, kind, *_ in chain)


def _entry(chain):
    """The innermost container that can change: its number in the chain."""
    for number in range(len(chain) - 1, -1, -1):
        if isinstance(chain[number][0], MUTABLE):
            return number
    return None


def _member(chain, number):
    """What stands in that container: the value of a dict, the item of others."""
    if number + 1 < len(chain):
        return chain[number + 1][0]
    holder, kind, key, _ = chain[number]
    return holder.get(key) if kind == "value" else key


def _inner(value, depth=0):
    """Functions that a member or a wrapper is made of."""
    if depth > 4:
        return []
    if isinstance(value, (staticmethod, classmethod, types.MethodType)):
        return _inner(value.__func__, depth + 1)
    if isinstance(value, property):
        return [f for part in (value.fget, value.fset, value.fdel) for f in _inner(part, depth + 1)]
    if isinstance(value, (functools.partial, functools.cached_property)):
        return _inner(value.func, depth + 1)
    if isinstance(value, types.FunctionType):
        return [value, *_inner(value.__dict__.get("__wrapped__"), depth + 1)]
    return []


def targets(made):
    """The objects that a definition made, and that somebody may have been told of."""
    if isinstance(made, type):
        return [made, *(f for value in list(vars(made).values()) for f in _inner(value))]
    return [made, *(f for f in _inner(made) if f is not made)]
