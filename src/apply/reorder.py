"""Entries of registries whose definitions and calls stand in another order now.

Runs in the namespace of registry.py and calls.py, after them.
"""


def reorder(registry, made, calls):
    """`made`: definitions, each with its place in the old text and in the new one; `calls` likewise, as
    text, line, bodies, namespace and whether it has run. The names of whose containers' items stand in another order then."""
    ranks = {}
    for was, now, value in made:
        for target in targets(value):
            known = ranks.setdefault(id(target), (was, now))
            if known != (was, now):
                ranks[id(target)] = None
    walk = Walk({key: None for key, rank in ranks.items() if rank is not None})
    held, above = {}, collections.defaultdict(list)
    for root in registry.roots:
        for who, chain in walk.chains(root):
            for holder, _, _, number in chain:
                if isinstance(holder, MUTABLE):
                    _, places = held.setdefault(id(holder), (holder, {}))
                    places.setdefault(number, set()).add(ranks[who])
                    above[id(holder)].append(root)
    for was, now, *call, fresh in calls:
        registry.entries = []
        # What one that has run told is known to be of no call of the old text.
        told = registry.snapshot.told
        registry.snapshot.told = {} if fresh else told
        registry.call(*call, False)
        registry.snapshot.told = told
        for entry in registry.entries:
            if entry.place is not None:
                _, places = held.setdefault(id(entry.holder), (entry.holder, {}))
                places.setdefault(entry.place, set()).add((was, now))
                above[id(entry.holder)] += [entry.holder, *(parent for parent, _ in entry.parents)]
    changed = {}
    for holder, places in held.values():
        if not isinstance(holder, set) and not registry.sorts(holder) and _rearrange(
            holder, places, not registry.names.isdisjoint(AT_FRONT)
        ):
            changed.update((id(root), root) for root in above[id(holder)])
    found = [origin for key in changed for origin in registry.origins.get(key) or ()]
    return [origin for origin in found if isinstance(origin[0], str)]


# What puts something before what is there.
AT_FRONT = {"insert", "appendleft", "extendleft"}


def _rearrange(holder, places, front):
    """Puts entries into the order of the new text, if they stand in that of the old one, or, where they
    are put at the `front`, the other way round. Whether that changed anything."""
    numbers = sorted(places)
    olds = [min(was for was, _ in places[number]) for number in numbers]
    news = [min(now for _, now in places[number]) for number in numbers]
    if olds == sorted(olds):
        wanted = sorted(range(len(numbers)), key=lambda at: news[at])
    elif front and olds == sorted(olds, reverse=True):
        wanted = sorted(range(len(numbers)), key=lambda at: -news[at])
    else:
        return False
    if wanted == list(range(len(numbers))) or numbers[-1] >= len(holder):
        return False
    items = list(holder)
    came = [items[numbers[at]] for at in wanted]
    for number, item in zip(numbers, came):
        items[number] = item
    _order(holder, items)
    return True
