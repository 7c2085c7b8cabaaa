"""What Python remembers of a class: of which abstract classes it is one, and which function a
`functools.singledispatch` has for it. Both hold only as long as its names and bases stay."""

import abc
import gc
import types
import weakref

try:
    import _abc
except ImportError:
    _abc = None


def below(kinds):
    """These classes and all that are derived from them, by their addresses."""
    found, todo = {}, list(kinds)
    while todo:
        kind = todo.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            todo.extend(type.__subclasses__(kind))
    return found


def dispatches(table):
    """Whether a `singledispatch` function keeps here what it has looked up."""
    clears = [
        holder
        for holder in gc.get_referrers(table)
        if type(holder) is types.MethodType and holder.__name__ == "clear"
    ]
    holders = gc.get_referrers(*clears) if clears else ()
    return any(
        type(holder) is dict and any(holder.get("_clear_cache") is clear for clear in clears)
        for holder in holders
    )


def forget(kinds, rebased):
    """The names of these classes are others, or, if `rebased`, their bases."""
    kinds = below(kinds)
    asked, tables = False, {}
    for kind in kinds.values():
        for ref in weakref.getweakrefs(kind):
            back = getattr(ref, "__callback__", None)
            if type(back) is types.BuiltinFunctionType:
                # How abstract classes hold what they were asked about.
                asked = asked or back.__name__ == "_destroy"
            elif type(back) is types.FunctionType and back.__globals__ is vars(weakref):
                owner = (back.__defaults__ or (None,))[0]
                table = owner() if isinstance(owner, weakref.ref) else None
                if type(table) is weakref.WeakKeyDictionary:
                    tables[id(table)] = table
    if asked and _abc:
        for abstract in below([object]).values():
            # One that `type.__new__` made has no such answers.
            if isinstance(abstract, abc.ABCMeta) and "_abc_impl" in vars(abstract):
                _, known, others, _ = _abc._get_dump(abstract)
                if any(id(ref()) in kinds for refs in (known, others) for ref in refs):
                    _abc._reset_caches(abstract)
    if asked or rebased:
        for table in filter(dispatches, tables.values()):
            table.clear()
