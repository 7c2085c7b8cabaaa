"""What registries were told of a definition beside the definition itself: its name, what decorators
and bases make of that, and classes that an abstract base takes for its own.

Runs in the namespace of registry.py, after calls.py.
"""
import abc

try:
    import _abc
except ImportError:
    _abc = None


def _tells(item, names):
    """Whether an entry is one of these names, or notes with one among them."""
    if type(item) is tuple:
        return all(isinstance(part, PLAIN) for part in item) and any(_tells(part, names) for part in item)
    return type(item) is str and item in names


def by_name(registry, called, name, made, gone):
    """Notes the entries of a definition that have its name and not the object:
    `__all__.append(f.__name__)`. A dict or set has one such entry however often it is told, so that
    only what is `gone` is taken out of those."""
    for base in map(virtual_base, called):
        again = any(base is other for other in registry.bases)
        if base is not None and isinstance(made, type) and not again:
            registry.virtual.append((base, made))
    if registry.shipped:
        return
    names = {name}
    for part in ("__name__", "__qualname__"):
        known = getattr(made, part, None)
        if isinstance(known, str):
            names |= {known, f"{made.__module__}.{known}", f"{made.__module__}:{known}"}
    reached = Reach(called)
    reach = {id(root) for root in reached.found} - (reached.named - reached.filled)
    for root in registry.roots:
        if id(root) in reach:
            _named(registry, root, names, gone, ())


def _named(registry, holder, names, gone, parents):
    keyed = isinstance(holder, dict)
    # Of thousands of entries most are neither names nor containers: told apart without a loop here.
    kinds = set(map(type, holder.values() if keyed else holder))
    if not (keyed and gone) and not any(issubclass(kind, (str, tuple, *MUTABLE)) for kind in kinds):
        return
    taken = False
    for number, (key, item) in enumerate(list(holder.items()) if keyed else [(None, i) for i in holder]):
        if keyed and gone and isinstance(item, MUTABLE) and _tells(key, names) and _is_data(item):
            registry.entries.append(Old(holder, key, item, parents, number))
        elif isinstance(item, MUTABLE) and len(parents) < 2:
            _named(registry, item, names, gone, ((holder, key), *parents))
        elif taken:
            continue
        elif keyed:
            if gone and _tells(key, names) and isinstance(item, PLAIN):
                registry.entries.append(Old(holder, key, item, parents, number))
        elif _tells(item, names) and (gone or isinstance(holder, (list, collections.deque))):
            registry.entries.append(Old(holder, None, item, parents, number))
            # A second one is that of another definition of this name.
            taken = True


def by_call(registry, made, text, line, namespace):
    """Notes what the decorators of a definition, its bases and its metaclass had told of it in words of
    their own: `HELP.append("/" + f.__name__)`."""
    node = _placed(text, line)
    if registry.shipped or not (registry.roots or registry.stored) or not hasattr(node, "decorator_list"):
        return
    calls = Calls("", 1, {}, namespace, True)
    for decorator in node.decorator_list:
        _decorated(calls, decorator, made, namespace)
    if isinstance(node, ast.ClassDef) and isinstance(made, type):
        told = {k.arg: k.value for k in node.keywords if k.arg}
        for base in type.__dict__["__mro__"].__get__(made)[1:]:
            _follow(calls, vars(base).get("__init_subclass__"), [made], told, namespace)
        bases = type.__dict__["__bases__"].__get__(made)
        for kind in type.__dict__["__mro__"].__get__(type(made)):
            for maker, first in (("__new__", kind), ("__init__", made)):
                _follow(calls, vars(kind).get(maker), [first, node.name, bases], told, namespace)
    registry.amounts, registry.by = calls.amounts, (text, line)
    if calls.found:
        registry.told_beside(calls, {})


def _decorated(calls, decorator, made, namespace):
    """The calls that a decorator had made."""
    values = _Values(namespace)
    try:
        if not isinstance(decorator, ast.Call):
            return _follow(calls, values.visit(decorator), [made], {}, namespace)
        found = definition(values.visit(decorator.func))
    except Unknown:
        return
    if not found:
        return
    function, _, text = found
    scope = _Scope(function.__globals__, given(*found, decorator, values), _ran(function))
    # `def command(name): def decorate(f): ...; return decorate`
    inner = {part.name: part for part in text.body if isinstance(part, ast.FunctionDef)}
    gives = [part.value.id for part in text.body if isinstance(part, ast.Return) and isinstance(part.value, ast.Name)]
    calls.beyond += 1
    calls.expand([part for part in text.body if not isinstance(part, ast.FunctionDef)], scope, 1)
    for name in gives:
        if name in inner:
            spec = inner[name].args
            plain = [p.arg for p in [*spec.posonlyargs, *spec.args]]
            names = {**dict.fromkeys(plain, _Scope.HIDDEN), **dict(zip(plain, [made]))}
            calls.expand(inner[name].body, _Scope(scope, names), 1)
    calls.beyond -= 1


def _follow(calls, called, values, told, namespace):
    """The calls in a function of the program, called with these."""
    if isinstance(called, (staticmethod, classmethod)):
        called = called.__func__
    code = getattr(getattr(called, "__func__", called), "__code__", None)
    if not isinstance(called, (types.FunctionType, types.MethodType)) or _standard(code.co_filename):
        return
    found = definition(called)
    if found:
        function, owner, text = found
        keywords = [ast.keyword(arg=name, value=value) for name, value in told.items()]
        call = ast.Call(func=ast.Name(id=called.__name__, ctx=ast.Load()), args=[], keywords=keywords)
        names = given(function, [*owner, *values], text, call, _Values(namespace))
        calls.beyond += 1
        calls.expand(text.body, _Scope(function.__globals__, names, _ran(function)), 1)
        calls.beyond -= 1


def virtual_base(called):
    """The abstract class whose `register` this is."""
    called = called.value if isinstance(called, Named) else called
    base = getattr(called, "__self__", None)
    own = getattr(called, "__func__", None) is abc.ABCMeta.register
    return base if own and isinstance(base, abc.ABCMeta) else None


def registered(base):
    """Weak references to the classes that were registered with an abstract one."""
    return _abc._get_dump(base)[0] if _abc else ()


def only_registered(base, known):
    """Makes an abstract class forget all that were registered with it and are not in `known`, which
    `registered` had told."""
    known = [ref() for ref in known]
    for kind in [ref() for ref in registered(base)]:
        if kind is not None and not any(kind is other for other in known):
            unregister(base, kind)


def unregister(base, kind):
    """Makes an abstract class forget one that was registered with it; whether it knew it."""
    known = [ref() for ref in registered(base)]
    if not any(other is kind for other in known):
        return False
    _abc._reset_registry(base)
    for other in known:
        if other is not None and other is not kind:
            base.register(other)
    # What is derived from it in this way is derived from its bases, too.
    for above in base.__mro__:
        if isinstance(above, abc.ABCMeta):
            _abc._reset_caches(above)
    return True
