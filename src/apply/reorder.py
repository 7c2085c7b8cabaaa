"""Entries of registries whose definitions and calls stand in another order now.

Runs in the namespace of registry.py and calls.py, after them. Only containers that what is called
fills, and which are not known to have an order of their own, are touched.
"""

# What says where an entry stands by other means than by being the next.
PLACING = SORTING | {"sorted", "insert", "appendleft", "extendleft", "move_to_end", "reverse", "reversed"}
# Entries of a container that are gone through for calls.
LARGE = 2000


def _key(callables):
    """By what statements are known that tell the same."""
    key = []
    for called in callables:
        called = called.value if isinstance(called, Named) else called
        if isinstance(called, types.BuiltinFunctionType):
            key.append((called.__name__, id(called.__self__)))
        elif isinstance(called, types.MethodType):
            key.append((id(called.__func__), id(called.__self__)))
        else:
            key.append(id(called))
    return tuple(key)


def groups(items):
    """`items` have their callables first: those that tell the same, together."""
    found = {}
    for callables, *item in items:
        found.setdefault(_key(callables), (list(callables), []))[1].append(item)
    return [group for group in found.values() if len(group[1]) > 1]


def _told(registry, was, now, made, call):
    """The entries of a definition, or of a call (text, line, bodies, namespace, whether it has run):
    root, holder and number."""
    if call is None:
        walk = Walk({id(target): None for target in targets(made)})
        for root in registry.roots:
            for _, chain in walk.chains(root):
                for holder, _, _, number in chain:
                    if isinstance(holder, MUTABLE):
                        yield root, holder, number
        return
    *call, fresh = call
    registry.entries = []
    # What one that has run told is known to be of no call of the old text.
    told = registry.snapshot.told
    registry.snapshot.told = {} if fresh else told
    registry.call(*call, False)
    registry.snapshot.told = told
    for entry in registry.entries:
        if entry.place is not None:
            root = entry.parents[-1][0] if entry.parents else entry.holder
            yield root, entry.holder, entry.place


def _touches(registry, root, holder):
    saved = id(holder) in registry.snapshot.kept
    return saved and registry.fills(root) and type(holder) in (list, dict, collections.deque, collections.defaultdict)


def _ready(registry, items):
    calls = any(call is not None for *_, call in items)
    return registry.names.isdisjoint(PLACING) and not (
        calls and any(len(root) > LARGE for root in registry.roots)
    )


def _changed(registry, roots):
    found = [origin for root in roots for origin in registry.origins.get(id(root)) or ()]
    return [origin for origin in found if isinstance(origin[0], str)]


def reorder(registry, items):
    """`items`: place in the old text, place in the new one, and what was made or the call. Puts their
    entries into the order of the new text where they stand in that of the old one. The names of what
    has its items in another order then."""
    if not _ready(registry, items):
        return []
    held, members = {}, collections.defaultdict(set)
    for was, now, made, call in items:
        for root, holder, number in _told(registry, was, now, made, call):
            _, _, places = held.setdefault(id(holder), (root, holder, {}))
            places.setdefault(number, set()).add((was, now))
            members[id(root)].add(was)
    everyone = {was for was, *_ in items}
    changed = {}
    for root, holder, places in held.values():
        # One that has not all of them is filled by something else.
        if members[id(root)] == everyone and _touches(registry, root, holder) and _rearrange(holder, places):
            changed[id(root)] = root
    return _changed(registry, changed.values())


def _rearrange(holder, places):
    numbers = sorted(places)
    olds = [min(was for was, _ in places[number]) for number in numbers]
    news = [min(now for _, now in places[number]) for number in numbers]
    wanted = sorted(range(len(numbers)), key=lambda at: news[at])
    if olds != sorted(olds) or wanted == list(range(len(numbers))) or numbers[-1] >= len(holder):
        return False
    if _partly(holder, places):
        return False
    items = list(holder)
    came = [items[numbers[at]] for at in wanted]
    for number, item in zip(numbers, came):
        items[number] = item
    _order(holder, items)
    return True


def _partly(holder, places):
    """Whether each of the statements may have put more there than is known: beside its entry stands one
    that says nothing of whose it is. What belongs together is not to be torn apart."""
    items = list(holder.items()) if isinstance(holder, dict) else list(holder)
    tellers = collections.defaultdict(list)
    for number, those in places.items():
        for teller in those:
            tellers[teller].append(number)

    def stray(at):
        return 0 <= at < len(items) and at not in places and not _of_definition(items[at])

    return any(
        all(any(stray(number + step) for number in numbers) for numbers in tellers.values())
        for step in (1, -1)
    )


def _of_definition(item):
    """Whether a function or class is in an entry: that of another definition."""
    leaves = list(_leaves(item, 0))
    leaves += [value for leaf in leaves if _plain(leaf) for value in _state(leaf).values()]
    return any(isinstance(leaf, (type, *FUNCTIONS)) for leaf in leaves)


def came(registry, items):
    """The first of `items` is a call that is new: what it told, which stands at the end, goes before
    what the first of the others told."""
    if not _ready(registry, items):
        return []
    (was, now, made, call), *later = items
    fresh = [found for found in _told(registry, was, now, made, call) if _touches(registry, *found[:2])]
    changed = {}
    for root, holder, number in fresh:
        mine = [n for _, h, n in fresh if h is holder]
        if number < len(holder) - len(mine):
            continue
        for item in later:
            others = [n for _, h, n in _told(registry, *item) if h is holder and n not in mine]
            if others:
                order = list(holder)
                order.insert(min(others), order.pop(number))
                _order(holder, order)
                changed[id(root)] = root
                break
    return _changed(registry, changed.values())
