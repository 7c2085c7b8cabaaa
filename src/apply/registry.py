"""What had a statement of the old text put into containers that are not its module's own?

A decorator, a base class, a called function or method puts an object into a registry: a dict, a
list or a set, under a key, in a tuple, in an object of its own, in a list of a dict. `Registry`
looks at the containers that running a statement can reach, before it runs and after; what the old
version had put there goes, and what the new one puts there stands in its place.
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
# How deep an object is looked for, and how many objects are looked at for one statement.
DEPTH, BUDGET = 6, 20_000


class Unknown(Exception):
    pass


def _standard(path):
    """A file of the standard library, or none at all."""
    return not path or path.startswith(STANDARD) and not path.startswith(INSTALLED)


def _plain(value):
    """An object of a class that was written in Python, without a life of its own."""
    kind = type(value)
    return (
        kind.__flags__ & 1 << 9  # a heap type
        and not isinstance(value, (*ATOMS, *FUNCTIONS, *MUTABLE))
        and "__getattribute__" not in kind.__dict__
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


def _names(code):
    out, todo = set(), [code]
    while todo:
        code = todo.pop()
        out.update(code.co_names)
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return out


def _texts(code):
    out, todo = set(), [code]
    while todo:
        for item in todo.pop().co_consts:
            if isinstance(item, types.CodeType):
                todo.append(item)
            elif isinstance(item, str):
                out.add(item)
    return out


# Objects looked at in this check: when there were many, registries are looked at from above only.
SPENT, LIMIT = [0], 8_000_000
FLAT = {str, bytes, int, float, complex, bool, type(None), type, types.ModuleType}
LEAVES = FLAT | {types.FunctionType}


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

    def may(self, value):
        """Whether something may be in there."""
        kind = type(value)
        if kind in LEAVES:
            return kind is types.FunctionType and hasattr(value, "__wrapped__")
        if kind is tuple and LEAVES.issuperset(map(type, value)):
            return not self.wanted.keys().isdisjoint(map(id, value))
        return True

    def items(self, value, chain, top):
        deep = len(chain) < DEPTH and self.budget > 0 and SPENT[0] < LIMIT
        if any(value is holder for holder, _, _ in chain):
            return
        wanted = self.wanted
        if isinstance(value, dict):
            self.spend(len(value))
            found = [
                (key, item) for key, item in value.items()
                if id(item) in wanted or id(key) in wanted
                or deep and (type(item) not in FLAT and self.may(item) or type(key) is tuple)
            ]
            for key, item in found:
                self.at(key, [*chain, (value, "key", key)], deep and isinstance(key, tuple))
                self.at(item, [*chain, (value, "value", key)], deep)
        elif isinstance(value, (list, collections.deque, tuple, set, frozenset)):
            self.spend(len(value))
            place = isinstance(value, tuple)
            found = [
                (number, item) for number, item in enumerate(value)
                if id(item) in wanted or deep and type(item) not in FLAT and self.may(item)
            ]
            for number, item in found:
                kind = "field" if place else "item"
                self.at(item, [*chain, (value, (kind, number if place else None), item)], deep)
        elif isinstance(value, functools.partial):
            self.at(value.func, [*chain, (value, "partial", None)], False)
        elif isinstance(value, types.MethodType):
            self.at(value.__func__, [*chain, (value, "method", None)], False)
        elif isinstance(value, types.FunctionType):
            inner = value.__dict__.get("__wrapped__")
            self.at(inner, [*chain, (value, "wrapped", None)], False)
        elif deep and _plain(value) and not top:
            for name, item in _state(value).items():
                if id(item) in self.wanted or isinstance(item, (tuple, *MUTABLE)):
                    self.at(item, [*chain, (value, (type(value), name), name)], deep)


def _shape(chain):
    return tuple(kind for _, kind, _ in chain)


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
    holder, kind, key = chain[number]
    return holder.get(key) if kind == "value" else key


class Old:
    """An entry that an old statement made."""

    def __init__(self, holder, key, member, parents=(), place=None):
        self.holder, self.key, self.member, self.parents = holder, key, member, parents
        if isinstance(holder, dict) and place is None:
            self.place = next((n for n, k in enumerate(holder) if k is key), None)
        elif isinstance(holder, set):
            self.place = None
        else:
            self.place = _index(holder, member) if place is None else place

    def same(self, other):
        return (
            self.holder is other.holder
            and self.member is other.member
            and (self.key is other.key if isinstance(self.holder, dict) else self.place == other.place)
        )

    def stands(self):
        if isinstance(self.holder, dict):
            return self.key in self.holder and self.holder[self.key] is self.member
        if isinstance(self.holder, set):
            return any(item is self.member for item in self.holder)
        return _index(self.holder, self.member) is not None

    def take_out(self, prune):
        if isinstance(self.holder, dict):
            del self.holder[self.key]
        elif isinstance(self.holder, set):
            _without(self.holder, self.member)
        else:
            del self.holder[_index(self.holder, self.member)]
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
    rest = {item for item in holder if item is not member}
    holder.clear()
    holder.update(rest)


def _index(holder, member):
    return next((n for n, item in enumerate(holder) if item is member), None)


def _restore(container, items):
    if isinstance(container, dict):
        now = list(container.items())
        if len(now) == len(items) and all(a is c and b is d for (a, b), (c, d) in zip(now, items)):
            return
        # Made first: a key that cannot be hashed or compared must not cost the others.
        made = dict(items)
        container.clear()
        container.update(made)
    elif isinstance(container, set):
        made = set(items)
        container.clear()
        container.update(made)
    else:
        container.clear()
        container.extend(items)


def _save(container):
    return dict(container) if isinstance(container, dict) else list(container)


def _untouched(container, items):
    if len(container) != len(items) or not all(map(operator.is_, container, items)):
        return False
    return not isinstance(container, dict) or all(
        map(operator.is_, container.values(), items.values()))


def _copy(container):
    return list(container.items()) if isinstance(container, dict) else list(container)


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


class Snapshot:
    """What was in registries before a unit of changes, for the undo log."""

    def __init__(self):
        self.kept = {}

    def keep(self, container, items):
        self.kept.setdefault(id(container), (container, items))

    def restore(self):
        for container, items in self.kept.values():
            _restore(container, _copy(items))


class Registry:
    """The registries of one statement, from before it runs until after."""

    def __init__(self, before, after, snapshot):
        """`before` is what the old version called, `after` what the new one calls."""
        reach, other = Reach(after), Reach(before)
        self.snapshot = snapshot
        self.roots = list(reach.found)
        self.common = len(self.roots)
        self.roots += [r for r in other.found if all(r is not root for root in self.roots)]
        self.names = reach.names | other.names
        files = reach.files + other.files
        self.shipped = any(f.startswith(STANDARD + INSTALLED) for f in files)
        self.origins = {**other.origins, **reach.origins}
        self.old, self.entries, self.made, self.lives = [], [], [], set()
        self.unplaced, self.news, self.seen_at = [], [], set()
        # What is in them now; the objects that hold it, kept so that no address is used twice.
        self.copies, self.objects = {}, {}
        budget = BUDGET
        for self.root in self.roots:
            budget = self.remember(self.root, 0, budget)

    def remember(self, value, depth, budget):
        if id(value) in self.copies or depth > DEPTH or budget < 0:
            return budget
        if isinstance(value, MUTABLE):
            items = _save(value)
            self.copies[id(value)] = value, items, self.root
            self.snapshot.keep(value, items)
            budget -= len(items)
            SPENT[0] += len(items)
            if budget > 0 and SPENT[0] < LIMIT:
                for item in items.values() if isinstance(items, dict) else items:
                    if type(item) not in LEAVES:
                        budget = self.remember(item, depth + 1, budget)
        elif isinstance(value, tuple):
            if not LEAVES.issuperset(map(type, value)):
                for item in value:
                    budget = self.remember(item, depth + 1, budget)
        elif _plain(value) and depth and id(value) not in self.objects:
            self.objects[id(value)] = value
            for item in _state(value).values():
                if isinstance(item, MUTABLE):
                    budget = self.remember(item, depth + 1, budget)
        return budget

    def changed(self, pairs, edited):
        """Which names of which modules have other contents now. `edited`: what is in them acts
        differently, too."""
        self.pairs = {id(old): new for new, old in pairs}
        roots = {}
        for container, items, root in self.copies.values():
            if _untouched(container, items):
                continue
            had, now = _copy(items), _copy(container)
            if len(had) != len(now) or not all(map(self.like, had, now)):
                roots[id(root)] = root
        if edited:
            told = {id(value) for pair in pairs for value in pair}
            for who, number in self.seen_at:
                if who in told:
                    roots[id(self.roots[number])] = self.roots[number]
        found = [origin for key in roots for origin in self.origins.get(key) or ()]
        return [origin for origin in found if isinstance(origin[0], str)]

    def like(self, a, b, depth=0):
        if a is b or id(a) in self.pairs and self.pairs[id(a)] is b:
            return True
        if type(a) is not type(b) or depth > DEPTH:
            return False
        if isinstance(a, (tuple, list)):
            return len(a) == len(b) and all(self.like(x, y, depth + 1) for x, y in zip(a, b))
        if isinstance(a, ATOMS):
            return a == b
        if isinstance(a, (dict, set)) or not _plain(a):
            return False
        x, y = _state(a), _state(b)
        return x.keys() == y.keys() and all(self.like(x[k], y[k], depth + 1) for k in x)

    def prune(self):
        return not self.names.isdisjoint(["setdefault", "defaultdict"])

    # What a definition, or an instance that a statement makes, is known by.

    def look(self, made):
        """Notes where the objects are that the old version had made."""
        self.made = targets(made)
        walk = Walk({id(old): old for old in self.made})
        for number, root in enumerate(self.roots):
            for old, chain in walk.chains(root):
                self.old.append((old, number, _shape(chain), self.levels(chain)))
                self.seen_at.add((old, number))

    def level(self, chain):
        """Where in a chain an object stands that the registry made for the entry."""
        for number, (holder, _, _) in enumerate(chain):
            if _plain(holder) and id(holder) not in self.objects:
                return _entry(chain[:number])
        return None

    def levels(self, chain):
        """The entries that an object is in, by their numbers in the chain; `None`: the innermost."""
        places = [n for n, step in enumerate(chain) if isinstance(step[0], MUTABLE)]
        found = {number: self.entry(chain, number) for number in places}
        found[None] = found[places[-1]]
        keyed = [n for n in places if chain[n][1] == "value" and n + 1 < len(chain) and _plain(chain[n + 1][0])]
        found["wide"] = found[keyed[0] if keyed else places[-1]]
        return found

    def entry(self, chain, number=None):
        number = _entry(chain) if number is None else number
        holder, _, key = chain[number]
        parents = [(h, k) for h, _, k in reversed(chain[:number])]
        # The one at the top is the registry itself.
        return Old(holder, key, _member(chain, number), parents)

    def live(self, now):
        """What the definition is now: what is not in it any more is gone."""
        self.lives = {id(value) for value in targets(now)}

    def settle(self, pairs, alone, loose):
        """Takes out what the old version had put where the new one put itself. `pairs` are objects
        of the new version and those of the old one. `alone`: nobody else in the module tells a
        registry of the definition. `loose`: what tells it is another one, and may do it
        in another way."""
        walk = Walk({id(new): new for new, _ in pairs})
        places = {}
        for number, root in enumerate(self.roots):
            for new, chain in walk.chains(root):
                places.setdefault((new, number), []).append(chain)
                self.news.append((new, chain))
                self.seen_at.add((new, number))
        partners = {id(old): new for new, old in pairs}
        gone, fresh = {}, {}
        for old, number, shape, found in self.old:
            new = partners.get(old)
            chains = places.get((id(new), number), ())
            levels = {_shape(chain): self.level(chain) for chain in chains}
            if shape in levels:
                gone.setdefault((old, number), []).append(found[levels[shape]])
                fresh[old, number] = [self.entry(c, levels[_shape(c)]) for c in chains]
            elif (loose or not levels) and self.sure(shape) and (
                levels
                or new is None and old not in self.lives
                or new is not None and alone and number >= self.common
            ):
                gone.setdefault((old, number), []).append(found[None])
        for key, entries in gone.items():
            self.replace(entries, fresh.get(key, ()))
        filled = {id(entry.holder) for entries in gone.values() for entry in entries}
        for (_, number), chains in places.items():
            for chain in chains:
                if id(chain[_entry(chain)][0]) not in filled:
                    self.unplaced.append((number, chain))

    def arrive(self, new):
        """A definition that is new."""
        walk = Walk({id(value): value for value in targets(new)})
        for number, root in enumerate(self.roots):
            self.unplaced += [(number, chain) for _, chain in walk.chains(root)]

    def place(self, later):
        """What is new stands before what later definitions told the registry."""
        objects = {id(value): value for made in later for value in targets(made)}
        for root, chain in self.unplaced:
            number = _entry(chain)
            holder = chain[number][0]
            if isinstance(holder, set):
                continue
            entry, places = self.entry(chain), []
            for _, other in Walk(objects).chains(self.roots[root]):
                if _shape(other) == _shape(chain) and other[number][0] is holder:
                    places.append(self.entry(other, number).place)
            first = min((place for place in places if place is not None), default=None)
            if first is not None and entry.place is not None and entry.place > first:
                items = _copy(holder)
                items.insert(first, items.pop(entry.place))
                _restore(holder, items)

    def adopt(self, pairs):
        """What the new version put there becomes what lives on: `pairs` of both."""
        lives = {id(new): kept for new, kept in pairs}
        for new, chain in self.news:
            if new in lives:
                kept = lives[new]
                last, _, name = chain[-1]
                if _plain(last):
                    # One that the registry made for this entry; an older one is the heap's affair.
                    if id(last) not in self.objects:
                        object.__setattr__(last, name, kept)
                    continue
                number = _entry(chain)
                if not all(isinstance(step[0], tuple) for step in chain[number + 1 :]):
                    continue
                holder, kind, key = chain[number]
                if isinstance(holder, dict) and kind == "value":
                    holder[key] = _instead(holder[key], new, kept)
                elif isinstance(holder, dict) and kind == "key":
                    items = list(holder.items())
                    _restore(holder, [(_instead(k, new, kept) if k is key else k, v) for k, v in items])
                elif isinstance(holder, set):
                    _without(holder, key)
                    holder.add(_instead(key, new, kept))
                elif isinstance(holder, (list, collections.deque)):
                    at = _index(holder, key)
                    if at is not None:
                        holder[at] = _instead(key, new, kept)

    def sure(self, shape):
        """A registry's own way to hold something."""
        return all(not isinstance(kind, tuple) or isinstance(kind[0], str) for kind in shape)

    def forget(self, wide):
        """Takes out all of the object. Whether there was any. `wide`: with the object under a key
        that it is somewhere in."""
        self.entries = [found["wide" if wide else None] for *_, found in self.old]
        return self.take_out()

    def replace(self, gone, new):
        """Old entries go, new ones get their places."""
        new = [entry for entry in new if not any(entry.member is old.member for old in gone)]
        gone = [old for old in gone if old.stands() and not any(
            entry.holder is old.holder and entry.key == old.key and isinstance(old.holder, dict)
            for entry in new)]
        for holder in [old.holder for old in gone]:
            ours = [old for old in gone if old.holder is holder]
            fresh = [entry for entry in new if entry.holder is holder]
            if fresh:
                arrange(holder, ours, fresh)
        for old in gone:
            if old.stands():
                self.key_before(old, new)
                old.take_out(self.prune())

    def key_before(self, old, new):
        """The first of a list in a dict made the key for it; what is the first of another list now
        makes that key in the same place."""
        for entry in new:
            if old.place != 0 or not (old.parents and entry.parents):
                continue
            (outer, key), (other, came) = old.parents[0], entry.parents[0]
            if outer is not other or not isinstance(outer, dict) or key not in outer:
                continue
            had = self.copies.get(id(outer), (None, (), None))[1]
            if any(came is k or came == k for k in had):
                continue
            keys = [k for k in outer if k != came]
            keys.insert(keys.index(key), came)
            _restore(outer, [(k, outer[k]) for k in keys])

    # What a call is known by: its arguments.

    def call(self, text, line, bodies, namespace, again):
        """Notes the entries that the calls in an old statement had made. `again`: the author wants
        the same done once more; then only those that tell of objects, not notes in a journal."""
        if self.shipped:
            return
        for called, node, scope in Calls(text, line, bodies, namespace).found:
            values, result = arguments(node, scope)
            if not values or again and all(isinstance(v, PLAIN) for v in values):
                continue
            reached = Reach([called])
            reach = {id(root) for root in reached.found}
            # What is merely read has nothing from the call.
            reach -= reached.named - reached.filled
            for root in self.roots:
                if id(root) not in reach:
                    continue
                best, score = [], 0
                for entry in self.candidates(root, 0):
                    points = entry_of(entry, values, result)
                    if points > score:
                        best, score = [], points
                    if points and points == score and not any(map(entry.same, self.entries)):
                        best.append(entry)
                self.entries += best[:1]

    def candidates(self, root, depth):
        keyed = isinstance(root, dict)
        entries = list(root.items()) if keyed else [(None, item) for item in root]
        for number, (key, item) in enumerate(entries):
            yield Old(root, key, item, (), None if keyed else number)
            if isinstance(item, MUTABLE) and depth < 3:
                for inner in self.candidates(item, depth + 1):
                    inner.parents = (*inner.parents, (root, key))
                    yield inner

    def take_out(self):
        """Before the new version of the call runs."""
        done = []
        for entry in self.entries:
            if entry.stands():
                entry.take_out(self.prune())
                done.append(entry)
        self.entries = done
        self.between = {id(e.holder): (e.holder, _copy(e.holder)) for e in done}
        return bool(done)

    def put(self):
        """After it: what came stands where the other was."""
        for holder, had in self.between.values():
            if isinstance(holder, set):
                continue
            now = _copy(holder)
            places = [e.place for e in self.entries if e.holder is holder]
            if len(now) != len(had) + len(places):
                continue
            rest, fresh = now[: len(had)], now[len(had) :]
            if isinstance(holder, dict):
                if [k for k, _ in rest] != [k for k, _ in had]:
                    continue
            elif any(a is not b for a, b in zip(rest, had)):
                continue
            for place, item in sorted(zip(places, fresh), key=lambda pair: pair[0]):
                rest.insert(place, item)
            _restore(holder, rest)


def arrange(holder, gone, fresh):
    """New entries of a container into the places of old ones."""
    if isinstance(holder, set):
        return
    if isinstance(holder, dict):
        keys = list(holder)
        old, new = [e.key for e in gone], [e.key for e in fresh]
        wanted = _swap(keys, old, new, lambda a, b: a is b or a == b)
        if wanted != keys:
            _restore(holder, [(key, holder[key]) for key in wanted])
    else:
        items = list(holder)
        old, new = [e.member for e in gone], [e.member for e in fresh]
        wanted = _swap(items, old, new, lambda a, b: a is b)
        if len(wanted) != len(items) or any(a is not b for a, b in zip(wanted, items)):
            _restore(holder, wanted)


def _swap(items, old, new, same):
    has = lambda group, item: any(same(item, other) for other in group)
    coming = [item for item in items if has(new, item)]
    out = []
    for item in items:
        if has(new, item):
            continue
        if has(old, item):
            if coming:
                out.append(coming.pop(0))
            continue
        out.append(item)
    return out + coming
