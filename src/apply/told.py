"""What registries were told of a definition beside the definition itself: its name, and classes that
an abstract base takes for its own.

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
        if isinstance(item, MUTABLE) and len(parents) < 2:
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
