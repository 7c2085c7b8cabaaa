"""Entries of containers that are taken out and put back, and what undoes it.

Runs in the namespace of registry.py, after walk.py.
"""


class Old:
    """An entry that an old statement made."""

    def __init__(self, holder, key, member, parents=(), place=None):
        self.holder, self.key, self.member, self.parents = holder, key, member, parents
        if isinstance(holder, set):
            place = None
        elif place is None:
            place = index_of(holder, key if isinstance(holder, dict) else member)
        self.place = place

    def same(self, other):
        return (
            self.holder is other.holder
            and self.member is other.member
            and (self.key is other.key if isinstance(self.holder, dict) else self.place == other.place)
        )

    def way(self):
        """The keys that lead to it."""
        own = [self.key] if isinstance(self.holder, dict) else []
        return [*(key for holder, key in reversed(self.parents) if isinstance(holder, dict)), *own]

    def stands(self):
        if isinstance(self.holder, dict):
            return self.key in self.holder and self.holder[self.key] is self.member
        return index_of(self.holder, self.member) is not None

    def take_out(self, prune):
        self.drop()
        self.leave(prune)

    def drop(self):
        if isinstance(self.holder, dict):
            del self.holder[self.key]
        elif isinstance(self.holder, set):
            _without(self.holder, self.member)
        else:
            del self.holder[index_of(self.holder, self.member)]

    def leave(self, prune):
        """Containers that were made for it go where they are empty."""
        inner = self.holder
        for parent, key in self.parents:
            made = isinstance(parent, collections.defaultdict) or prune
            if inner or not made or not isinstance(parent, dict) or parent.get(key) is not inner:
                break
            del parent[key]
            inner = parent


def _instead(item, twin, kept):
    """What is to stand where `item` stands, which is the twin (an address) or has it inside."""
    if id(item) == twin:
        return kept
    if type(item) is weakref.KeyedRef:
        return weakref.KeyedRef(kept, item.__callback__, item.key)
    if isinstance(item, weakref.ref):
        return weakref.ref(kept, item.__callback__) if id(item()) == twin else item
    if isinstance(item, tuple):
        items = [_instead(inner, twin, kept) for inner in item]
        if all(a is b for a, b in zip(item, items)):
            return item
        return type(item)._make(items) if hasattr(item, "_make") else tuple(items)
    return item


def _without(holder, member):
    """A set without a member whose hash may be another one by now."""
    _restore(holder, [item for item in set.__iter__(holder) if item is not member])


def _restore(container, items):
    """Other threads never see one of these without all that stays."""
    if type(container) is list:
        container[:] = items
        return
    made = next(kind for kind in MUTABLE if isinstance(container, kind))(items)
    if isinstance(container, dict):
        # Made first: a key that cannot be hashed or compared must not cost the others.
        if is_as(container, made):
            return
        if type(container) is dict:
            for key in [key for key in container if key not in made]:
                del container[key]
            same = True
            for (key, value), now in zip(made.items(), [*container, *(None for _ in made)]):
                same = same and key is now
                if not same:
                    container.pop(key, None)
                container[key] = value
            # A key may have another hash by now.
            if len(container) == len(made):
                return
    kind = type(container)
    try:
        # One that keeps more than its items in step is asked itself,
        _fill(kind, container, made)
        if isinstance(container, set) or is_as(container, made):
            return
    except Exception:
        pass
    # and one that refuses is not.
    bases = (collections.OrderedDict, collections.defaultdict, *MUTABLE)
    _fill(next(base for base in bases if isinstance(container, base)), container, made)


def _fill(kind, container, made):
    kind.clear(container)
    if isinstance(container, (dict, set)):
        kind.update(container, made)
    else:
        kind.extend(container, made)


def _order(container, items):
    """The same entries, or some of them, in another order; of a dict its keys."""
    _restore(container, in_order(container, items) if isinstance(container, dict) else items)


def arrange(holder, gone, fresh):
    """New entries of a dict or list into the places of old ones."""
    keyed, items = isinstance(holder, dict), list(holder)
    came = _numbers(items, fresh, keyed)
    places = [n for n in _numbers(items, gone, keyed) if n not in came]
    coming, drop = [items[n] for n in came], came + places[len(came):]
    wanted = list(items)
    for n in places[: len(coming)]:
        wanted[n] = coming.pop(0)
    for n in sorted(drop, reverse=True):
        del wanted[n]
    wanted += coming
    if len(wanted) != len(items) or any(map(operator.is_not, wanted, items)):
        _order(holder, wanted)


def _numbers(items, entries, keyed):
    """Where entries are; or, of those that are nowhere, what is equal to their keys."""
    out, rest = set(), []
    for entry in entries:
        item, place = (entry.key if keyed else entry.member), entry.place
        if place is not None and place < len(items) and items[place] is item and place not in out:
            out.add(place)
        else:
            rest.append(item)
    if rest:
        found, _ = sift(items, {id(item): item for item in rest}, DEPTH, 0)
        out.update(number for number, *_ in found)
        if keyed:
            met = {id(item) for *_, item in found}
            out.update(items.index(item) for item in rest if id(item) not in met and item in items)
    return sorted(out)


def in_turn(entries):
    """Of entries of a list that are objects of one class, which nobody can tell from each other, the first is
    that of the first call."""
    groups = {}
    for number, entry in enumerate(entries):
        if type(entry.holder) is list and _plain(entry.member):
            groups.setdefault((id(entry.holder), type(entry.member)), []).append(number)
    entries = list(entries)
    for numbers in groups.values():
        ours = sorted((entries[number] for number in numbers), key=operator.attrgetter("place"))
        for number, entry in zip(numbers, ours):
            entries[number] = entry
    return entries


def _save(container):
    return dict(container) if isinstance(container, dict) else list(container)


def _copy(container):
    return list(container.items()) if isinstance(container, dict) else list(container)


class State:
    """What an object or a class has under names that code may set."""

    MISSING = object()

    def __init__(self, owner, names):
        self.owner, self.had = owner, {}
        space = self.space()
        for name in space if None in names else names:
            self.had[name] = space.get(name, self.MISSING)
        # Others are not there.
        self.all = None in names

    def space(self):
        if isinstance(self.owner, type):
            return dict(type.__dict__["__dict__"].__get__(self.owner))
        return self.owner if isinstance(self.owner, dict) else _state(self.owner)

    def restore(self):
        now = self.space()
        for name in [name for name in now if name not in self.had] if self.all else ():
            self.set(name, self.MISSING)
        for name, value in self.had.items():
            if now.get(name, self.MISSING) is not value:
                self.set(name, value)

    def set(self, name, value):
        owner = self.owner
        if isinstance(owner, type):
            type.__delattr__(owner, name) if value is self.MISSING else type.__setattr__(owner, name, value)
            return
        own = owner if isinstance(owner, dict) else None
        if own is None:
            for kind in type(owner).__mro__:
                slot = kind.__dict__.get(name)
                if type(slot) is types.MemberDescriptorType:
                    slot.__delete__(owner) if value is self.MISSING else slot.__set__(owner, value)
                    return
            own = object.__getattribute__(owner, "__dict__")
        if value is self.MISSING:
            own.pop(name, None)
        else:
            own[name] = value


class Snapshot:
    """What was in registries before a unit of changes, for the undo log."""

    def __init__(self):
        self.kept, self.latest = {}, {}
        # Statements that are gone whose numbers are taken off.
        self.ended = set()
        # How far texts and tuples are what statements added that ran since then.
        self.places = {}
        # What definitions that ran since then put there: no call of the old text had made it.
        self.told = {}
        # Classes that an abstract class was made to forget, and those that it was told of.
        self.virtual, self.added = [], []

    def tell(self, holder, named):
        self.told[id(holder), id(named)] = holder, named

    def was_told(self, entry):
        named = entry.key if isinstance(entry.holder, dict) else entry.member
        return (id(entry.holder), id(named)) in self.told

    def keep_states(self, reach):
        """Of what is reached, the attributes and globals that code sets."""
        owners = [(space, names) for space, names in reach.spaces.values()]
        if reach.stored:
            objects = [value for value in reach.seen.values() if _plain(value)]
            # `type(self).count += 1`
            classes = [*map(type, objects), *(v for v in reach.seen.values() if isinstance(v, type))]
            classes = {id(kind): kind for kind in classes if kind.__flags__ & 1 << 9}
            owners += [(owner, reach.stored) for owner in [*objects, *classes.values()]]
        for owner, names in owners:
            # Noted once: not where it is noted by its address as a container.
            key = id(owner), "state"
            if key not in self.kept:
                self.kept[key] = State(owner, names), None
            elif not names <= self.kept[key][0].had.keys() and not self.kept[key][0].all:
                self.kept[(*key, len(self.kept))] = State(owner, names), None

    def restore(self):
        EXITS.push(False)
        for base, kind in self.added:
            unregister(base, kind)
        for base, kind in self.virtual:
            base.register(kind)

    def put_back(self, first):
        """Containers that were noted when there were already `first` others. Each has been noted when
        something else may have changed it, which is undone later."""
        refused = None
        if EXITS.used:
            EXITS.pull(False)
        for key, (container, items) in list(self.kept.items())[first:]:
            # Noted anew if the changes are made in another way.
            del self.kept[key]
            self.latest.pop(key, None)
            try:
                if isinstance(container, State):
                    container.restore()
                    continue
                _restore(container, _copy(items))
            except Exception as error:
                refused = error
        if refused is not None:
            raise refused
