"""What had a statement of the old text put into containers that are not its module's own?

A decorator, a base class, a called function or method puts an object into a registry: a dict, a
list or a set, under a key, in a tuple, in an object of its own, in a list of a dict. `Registry`
looks at the containers that running a statement can reach, before it runs and after; what the old
version had put there goes, and what the new one puts there stands in its place.

What is done for every entry of a container is done by `sift`, `remember`, `differences` and
others of sieve.rs: a statement may be one of hundreds that tell a registry of thousands.
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
SORTING = {"sort", "insort", "insort_left", "insort_right", "heappush"}
# How deep an object is looked for, and how many objects are looked at for one statement.
DEPTH, BUDGET = 6, 200_000


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


def _once(function):
    """Code does not change: what it says is found out once in a check."""
    known = {}

    def of(code):
        found = known.get(id(code))
        if found is None:
            found = known[id(code)] = code, function(code)
        return found[1]

    return of


@_once
def _names(code):
    out, todo = set(), [code]
    while todo:
        code = todo.pop()
        out.update(code.co_names)
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return out


@_once
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

    def stands(self):
        if isinstance(self.holder, dict):
            return self.key in self.holder and self.holder[self.key] is self.member
        return index_of(self.holder, self.member) is not None

    def take_out(self, prune):
        if isinstance(self.holder, dict):
            del self.holder[self.key]
        elif isinstance(self.holder, set):
            _without(self.holder, self.member)
        else:
            del self.holder[index_of(self.holder, self.member)]
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


def _restore(container, items):
    """Other threads never see one of these without all that stays."""
    if type(container) is list:
        container[:] = items
    elif isinstance(container, dict):
        # Made first: a key that cannot be hashed or compared must not cost the others.
        made = dict(items)
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
        container.clear()
        container.update(made)
    elif isinstance(container, set):
        made = set(items)
        container.clear()
        container.update(made)
    else:
        container.clear()
        container.extend(items)


def _order(container, items):
    """The same entries, or some of them, in another order; of a dict its keys."""
    _restore(container, in_order(container, items) if isinstance(container, dict) else items)


def _save(container):
    return dict(container) if isinstance(container, dict) else list(container)


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
        self.kept, self.latest = {}, {}
        # What definitions that ran since then put there: no call of the old text had made it.
        self.told = {}
        # Classes that an abstract class was made to forget, and those that it was told of.
        self.virtual, self.added = [], []

    def tell(self, holder, named):
        self.told[id(holder), id(named)] = holder, named

    def was_told(self, entry):
        named = entry.key if isinstance(entry.holder, dict) else entry.member
        return (id(entry.holder), id(named)) in self.told

    def restore(self):
        for base, kind in self.added:
            unregister(base, kind)
        for base, kind in self.virtual:
            base.register(kind)

    def put_back(self, first):
        """Containers that were noted when there were already `first` others. Each has been noted when
        something else may have changed it, which is undone later."""
        refused = None
        for key, (container, items) in list(self.kept.items())[first:]:
            # Noted anew if the changes are made in another way.
            del self.kept[key]
            self.latest.pop(key, None)
            try:
                _restore(container, _copy(items))
            except Exception as error:
                refused = error
        if refused is not None:
            raise refused


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
        self.reach = reach
        files = reach.files + other.files
        self.shipped = any(f.startswith(STANDARD + INSTALLED) for f in files)
        self.origins = {**other.origins, **reach.origins}
        self.old, self.entries, self.made, self.lives = [], [], [], set()
        # Abstract classes, and what was registered with them; those that the new version registers with.
        self.virtual = []
        self.bases = [virtual_base(v) for v in after if virtual_base(v) is not None]
        self.unplaced, self.news, self.seen_at = [], [], set()
        # What is in them now; the objects that hold it, kept so that no address is used twice.
        self.copies, self.objects = {}, {}
        left = BUDGET
        for root in self.roots:
            budget = max(left, 0) if SPENT[0] < LIMIT else 0
            left = remember(
                _save, root, self.copies, self.objects, snapshot.kept, snapshot.latest, budget)
            SPENT[0] += budget - left

    def changed(self, pairs, edited):
        """Which names of which modules have other contents now. `edited`: what is in them acts
        differently, too."""
        self.pairs = {id(old): new for new, old in pairs}
        roots = {}
        for root, others in differences(self.copies):
            if others is None or not all(self.like(had, now) for had, now in others):
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

    def fills(self, root):
        """Whether what the new version calls puts something into a container, as far as its code says."""
        key, reach = id(root), self.reach
        if key in reach.named:
            return key in reach.filled
        return key not in reach.inside or reach.inside[key] in reach.filling

    def sorts(self, holder):
        """Whether the registry itself says where in a list an entry stands."""
        return isinstance(holder, list) and not self.names.isdisjoint(SORTING)

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
        for number, (holder, *_) in enumerate(chain):
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
        holder, _, key, place = chain[number]
        parents = [(h, k) for h, _, k, _ in reversed(chain[:number])]
        if isinstance(holder, dict) and type(holder) not in (dict, collections.defaultdict):
            place = None  # one that may have an order of its own
        return Old(holder, key, _member(chain, number), parents, place)

    def live(self, now):
        """What the definition is now: what is not in it any more is gone."""
        self.lives = {id(value) for value in targets(now)}

    def settle(self, pairs, others, loose):
        """Takes out what the old version had put where the new one put itself. `pairs` are objects
        of the new version and those of the old one. `others`: what else the module calls that may
        tell a registry of the definition. `loose`: what tells it is another one, and may do it
        in another way."""
        others = {id(root) for root in Reach(others).found}
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
                or new is not None and number >= self.common and id(self.roots[number]) not in others
            ):
                gone.setdefault((old, number), []).append(found[None])
        for key, entries in gone.items():
            self.replace(_own(entries, fresh.get(key, ())), fresh.get(key, ()))
        filled = {id(entry.holder) for entries in gone.values() for entry in entries}
        for (_, number), chains in places.items():
            for chain in chains:
                if id(chain[_entry(chain)][0]) not in filled:
                    self.unplaced.append((number, chain))

    def arrive(self, new):
        """A definition that is new."""
        walk = Walk({id(value): value for value in targets(new)})
        for number, root in enumerate(self.roots):
            for _, chain in walk.chains(root):
                self.unplaced.append((number, chain))
                self.tell(chain)

    def tell(self, chain, instead=None):
        number = _entry(chain)
        holder, _, key, _ = chain[number]
        member = key if isinstance(holder, dict) else _member(chain, number)
        self.snapshot.tell(holder, member if instead is None else instead)

    def place(self, later):
        """What is new stands before what later definitions told the registry. Whether it does."""
        walk = Walk({id(value): value for made in later for value in targets(made)})
        rest = []
        came = collections.Counter(id(chain[_entry(chain)][0]) for _, chain in self.unplaced)
        for root, chain in self.unplaced:
            number = _entry(chain)
            holder, entry = chain[number][0], self.entry(chain)
            if isinstance(holder, set) or self.sorts(holder):
                continue
            at = index_of(holder, entry.key if isinstance(holder, dict) else entry.member)
            # What does not stand at the end was put where it is.
            if at is None or at < len(holder) - came[id(holder)]:
                continue
            first = walk.first(holder, list(chain[:number]), _shape(chain))
            if first is None:
                rest.append((root, chain))
            elif at > first:
                items = list(holder)
                items.insert(first, items.pop(at))
                _order(holder, items)
        self.unplaced = rest
        return not rest

    def adopt(self, pairs):
        """What the new version put there becomes what lives on: `pairs` of both."""
        for new, kept in pairs:
            for base in self.bases:
                if isinstance(kept, type) and not any(ref() is kept for ref in registered(base)):
                    base.register(kept)
                    self.snapshot.added.append((base, kept))
        lives = {id(new): kept for new, kept in pairs}
        for new, chain in self.news:
            self.tell(chain)
            if new in lives:
                kept = lives[new]
                last, _, name, _ = chain[-1]
                if _plain(last):
                    # One that the registry made for this entry; an older one is the heap's affair.
                    if id(last) not in self.objects:
                        try:
                            object.__setattr__(last, name, kept)
                        except (AttributeError, TypeError):
                            # `partial.func`, which nobody can set: the heap's affair, too.
                            pass
                    continue
                number = _entry(chain)
                if not all(isinstance(step[0], tuple) for step in chain[number + 1 :]):
                    continue
                holder, kind, key, _ = chain[number]
                if isinstance(holder, dict) and kind == "value":
                    holder[key] = _instead(holder[key], new, kept)
                elif isinstance(holder, dict) and kind == "key":
                    items, at = list(holder.items()), index_of(holder, key)
                    if at is not None:
                        items[at] = (_instead(key, new, kept), items[at][1])
                        _restore(holder, items)
                elif isinstance(holder, set):
                    _without(holder, key)
                    holder.add(_instead(key, new, kept))
                elif isinstance(holder, (list, collections.deque)):
                    at = index_of(holder, key)
                    if at is not None:
                        holder[at] = _instead(key, new, kept)
                        self.tell(chain, holder[at])

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
        gone = [old for old in gone if old.stands() and id(old.holder) in self.snapshot.kept and not any(
            entry.holder is old.holder and entry.key == old.key and isinstance(old.holder, dict)
            for entry in new)]
        arranged = set()
        for holder in {id(old.holder): old.holder for old in gone}.values():
            ours = [old for old in gone if old.holder is holder]
            fresh = [entry for entry in new if entry.holder is holder]
            if fresh and not isinstance(holder, set) and not self.sorts(holder):
                arrange(holder, ours, fresh)
                arranged.add(id(holder))
        for old in gone:
            if id(old.holder) not in arranged and old.stands():
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
            had = self.copies.get(id(outer), (None, {}, None))[1]
            if came in had:
                continue
            keys = [k for k in outer if k != came]
            keys.insert(keys.index(key), came)
            _order(outer, keys)

    # What a call is known by: its arguments.

    def call(self, text, line, bodies, namespace, again):
        """Notes the entries that the calls in an old statement had made. `again`: the author wants
        the same done once more; then only those that tell of objects, not notes in a journal."""
        calls, shared = Calls(text, line, bodies, namespace), None
        for called, node, scope in calls.found[:1]:
            _, result = arguments(node, scope)
            fresh = result is not None and makes_new(called, bodies)
            shared = result if not fresh and not isinstance(result, ATOMS) else None
        # What a function of the module does is told from the calls in it, and from the call of it
        # only where those tell nothing.
        before, notes, told = list(self.entries), [], set()
        reaches = {}
        for number, (called, node, scope) in reversed(list(enumerate(calls.found))):
            values, result = arguments(node, scope)
            owner = getattr(called, "__self__", None)
            if virtual_base(called) is not None and values and not again:
                self.virtual.append((virtual_base(called), values[0]))
            if not values or again and all(isinstance(v, PLAIN) for v in values):
                continue
            reach = reaches.get(id(called))
            if reach is None:
                reached = Reach([called])
                reach = {id(root) for root in reached.found}
                # What is merely read has nothing from the call.
                reach -= reached.named - reached.filled
                reaches[id(called)] = reach
            fresh = result is not None and makes_new(called, bodies)
            for root in self.roots:
                if id(root) not in reach or (number, id(root)) in told:
                    continue
                if self.shipped and not _owns(called, root):
                    continue
                if called is root and self.of_others(root):
                    continue
                sure = called is root and id(node) not in calls.unsure
                entry = sure and set_by(node, scope, root, shared)
                if entry:
                    best = [] if any(map(entry.same, self.entries)) else [entry]
                    self.note(best, number, root, calls, notes, told)
                    continue
                best, score = [], 0
                for entry in self.candidates(root, 0, Likely(values)):
                    points = 0 if self.snapshot.was_told(entry) else entry_of(entry, values, result, fresh, owner)
                    if points > score:
                        best, score = [], points
                    if points and points == score and not any(map(entry.same, self.entries)):
                        best.append(entry)
                self.note(best[:1], number, root, calls, notes, told)
        notes.sort(key=lambda note: note[0])
        self.entries = before + [entry for _, entry in notes]

    def note(self, found, number, root, calls, notes, told):
        self.entries += found
        notes += [(number, entry) for entry in found]
        while found and (number := calls.around[number]) is not None:
            told.add((number, id(root)))

    def of_others(self, root):
        """Whether a table is one of a module that nobody here edits: what an entry of it was before
        cannot be told."""
        modules = [sys.modules.get(module) for module, _ in self.origins.get(id(root)) or ()]
        files = [getattr(module, "__file__", None) or "" for module in modules]
        return any(file.startswith(STANDARD + INSTALLED) for file in files)

    def candidates(self, root, depth, likely):
        keyed = isinstance(root, dict)
        entries = list(root.items()) if keyed else [(None, item) for item in root]
        for number, (key, item) in enumerate(entries):
            if likely.not_of(key, item, keyed):
                continue
            yield Old(root, key, item, (), number)
            if isinstance(item, MUTABLE) and depth < 3:
                for inner in self.candidates(item, depth + 1, likely):
                    inner.parents = (*inner.parents, (root, key))
                    yield inner

    def take_out(self):
        """Before the new version of the call runs."""
        done = []
        for entry in self.entries:
            # What was not noted would not come back from an edit that fails.
            if entry.stands() and id(entry.holder) in self.snapshot.kept:
                entry.take_out(self.prune())
                done.append(entry)
        self.entries = done
        holders = {id(e.holder): e.holder for e in done}
        self.between = {key: (holder, _save(holder)) for key, holder in holders.items()}
        for pair in self.virtual:
            if unregister(*pair):
                self.snapshot.virtual.append(pair)
        return bool(done)

    def put(self):
        """After it: what came stands where the other was."""
        for holder, had in self.between.values():
            if isinstance(holder, set) or self.sorts(holder):
                continue
            now = _copy(holder)
            places = [e.place for e in self.entries if e.holder is holder]
            if len(now) != len(had) + len(places):
                continue
            rest, fresh = now[: len(had)], now[len(had) :]
            if isinstance(holder, dict):
                if [k for k, _ in rest] != list(had):
                    continue
            elif any(a is not b for a, b in zip(rest, had)):
                continue
            for place, item in sorted(zip(places, fresh), key=lambda pair: pair[0]):
                rest.insert(place, item)
            _restore(holder, rest)


def _owns(called, root):
    """Whether a method is called on an object that has this container itself: what others of the
    standard library or of packages do with theirs is their own affair."""
    if not isinstance(called, types.MethodType) or isinstance(called.__self__, type):
        return False
    return any(value is root for value in _state(called.__self__).values())


def _own(entries, fresh):
    """Of entries that have the object, those that its definition made: one after the other. It has
    more than it makes now when somebody told the registry of it again, later."""
    if not 0 < len(fresh) < len(entries) or any(
        entry.holder is not entries[0].holder or entry.place is None for entry in entries
    ):
        return entries
    entries = sorted(entries, key=operator.attrgetter("place"))
    first = entries[0].place
    return [entry for number, entry in enumerate(entries) if entry.place == first + number]


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
