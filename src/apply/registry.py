"""What had a statement of the old text put into containers that are not its module's own?

A decorator, a base class, a called function or method puts an object into a registry: a dict, a
list or a set, under a key, in a tuple, in an object of its own, in a list of a dict. `Registry`
looks at the containers that running a statement can reach, before it runs and after; what the old
version had put there goes, and what the new one puts there stands in its place.

Runs after walk.py, snapshot.py and reach.py, in one namespace with them.
"""


class Registry:
    """The registries of one statement, from before it runs until after."""

    def __init__(self, before, after, snapshot, module):
        """`before` is what the old version called, `after` what the new one calls; `module` has the names of
        the statement."""
        if EXITS.used:
            EXITS.pull()
        reach, other = Reach(after), Reach(before)
        self.snapshot, self.module = snapshot, module
        self.roots = list(reach.found)
        self.common = len(self.roots)
        self.roots += [r for r in other.found if all(r is not root for root in self.roots)]
        self.names, self.keys = reach.names | other.names, reach.keys | other.keys
        self.reach, self.stored = reach, other.stored
        # What had been added to numbers, and by which statement.
        self.amounts, self.by = [], None
        files = reach.files + other.files
        self.shipped = any(f.startswith(STANDARD + INSTALLED) for f in files)
        self.origins = {**other.origins, **reach.origins}
        self.old, self.entries, self.made, self.lives = [], [], [], set()
        self.several, self.instances = False, []
        # Abstract classes, and what was registered with them; those that the new version registers with.
        self.virtual = []
        self.bases = [virtual_base(v) for v in after if virtual_base(v) is not None]
        self.unplaced, self.worded, self.news, self.seen_at = [], [], [], set()
        # Before the statement runs, how much is in each.
        self.lengths = []
        # What is in them now; the objects that hold it, kept so that no address is used twice.
        self.copies, self.objects = {}, {}
        snapshot.keep_states(reach)
        snapshot.keep_states(other)
        # Numbers and texts that what is called sets, of objects and classes that have a name.
        self.states = [(owner, origin, self.plain_state(owner)) for owner, origin in {
            id(owner): (owner, origin) for reached in (other, reach) for owner, origin in named_owners(reached)
        }.values()] if self.stored or reach.stored else []
        # What the globals mean that functions of other modules set.
        self.globals = {}
        for space, names in [*reach.spaces.values(), *other.spaces.values()]:
            if space is not module:
                had = self.globals.setdefault(id(space), (space, {}))[1]
                had.update({name: space[name] for name in names if name in space})
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
        for owner, origins, had in self.states:
            now = self.plain_state(owner)
            for name in [name for name in {**had, **now} if had.get(name) != now.get(name)]:
                found += [(module, f"{path}.{name}") for module, path in origins]
        return [origin for origin in found if isinstance(origin[0], str)]

    def rebound(self):
        """The globals that mean something else now, with what they meant before."""
        return [
            (space["__name__"], name, value)
            for space, had in self.globals.values()
            for name, value in had.items()
            if not same_value(space.get(name), value) and type(space.get("__name__")) is str
        ]

    def plain_state(self, owner):
        space = vars(owner) if isinstance(owner, type) else _state(owner)
        names = self.stored | self.reach.stored
        return {name: space[name] for name in names if isinstance(space.get(name), (int, float, str))}

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

    def look(self, made, namespace=(), inner=None):
        """Notes where the objects are that the old version had made. `inner`: the function in what
        decorators made of it."""
        self.several = isinstance(made, (dict, list, tuple))
        self.made = instances_in(made, namespace) if self.several else targets(made)
        self.instances = list(self.instances_of(made))
        if inner is not None and all(inner is not target for target in self.made):
            self.made.append(inner)
        walk = Walk({id(old): old for old in self.made})
        for number, root in enumerate(self.roots):
            for old, chain in walk.chains(root):
                self.old.append((old, number, _shape(chain), self.levels(chain)))
                self.seen_at.add((old, number))

    def instances_of(self, made):
        """What the registries themselves made of a class, each with the number of the registry:
        `TABLE[cls.__name__] = cls()`. Several of one class are the program's, for all that is known."""
        for number, root in enumerate(self.roots if isinstance(made, type) else ()):
            items = dict.values(root) if isinstance(root, dict) else root
            items = items if type(root) in (dict, list, collections.defaultdict) and len(root) <= BUDGET else ()
            found = [item for item in items if type(item) is made]
            if len(found) == 1:
                yield found[0], number

    def look_instances(self, made):
        """Looks for those, too."""
        for item, number in self.instances_of(made):
            for old, chain in Walk({id(item): item}).chains(self.roots[number]):
                self.old.append((old, number, _shape(chain), self.levels(chain)))

    def settle_instances(self, pairs, anew):
        """A class that was told again has made another one: what there was stays, unless how they are made
        differs (`anew`)."""
        for item, number in self.instances:
            root = self.roots[number]
            twins = [new for new, old in pairs if old is type(item)]
            items = list(dict.values(root) if isinstance(root, dict) else root)
            came = [o for o in items if o is not item and any(type(o) is kind for kind in (type(item), *twins))]
            if len(came) != 1 or id(root) not in self.snapshot.kept:
                continue
            places = [Walk({id(one): one}).chains(root) for one in (item, came[0])]
            had, has = [self.entry(chains[0][1]) if chains else None for chains in places]
            if has is None or has.member is not came[0]:
                continue
            if anew:
                if had is not None:
                    self.replace([had], [has])
            elif isinstance(has.holder, dict):
                if had is not None:
                    had.take_out(self.prune())
                has.holder[has.key] = item
            elif had is not None:
                has.take_out(self.prune())

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
        found[None] = found[self.place_of(chain)]
        keyed = [n for n in places if chain[n][1] == "value" and n + 1 < len(chain) and _plain(chain[n + 1][0])]
        found["wide"] = found[keyed[0] if keyed else places[-1]]
        return found

    def place_of(self, chain):
        """The number of the entry that a registry made: the innermost container, or the one that has
        that as a record, `INFO[name] = {"run": f, "help": text}`."""
        number = _entry(chain)
        while number and self.is_record(chain[number], chain[number - 1]):
            number -= 1
        return number

    def is_record(self, inner, outer):
        """Whether a container was made for what is in it, under a key that no code names."""
        (holder, kind, key, _), (around, _, place, _) = inner, outer
        if not isinstance(around, MUTABLE) or isinstance(around, dict) and place in self.keys:
            return False
        if type(holder) is dict:
            return kind == "value" and type(key) is str and key in self.keys
        # `[f, "text"]`
        plain = (str, bytes, int, float, bool)
        return type(holder) is list and any(isinstance(item, plain) for item in holder) and not any(
            isinstance(item, (tuple, *MUTABLE)) for item in holder)

    def entry(self, chain, number=None):
        number = self.place_of(chain) if number is None else number
        holder, _, key, place = chain[number]
        parents = [(h, k) for h, _, k, _ in reversed(chain[:number])]
        if isinstance(holder, dict) and type(holder) not in (dict, collections.defaultdict):
            place = None  # one that may have an order of its own
        return Old(holder, key, _member(chain, number), parents, place)

    def live(self, now):
        """What the definition is now: what is not in it any more is gone."""
        several = isinstance(now, (dict, list, tuple))
        self.lives = {id(value) for value in (instances_in(now) if several else targets(now))}

    def settle(self, pairs, others, loose, anew=True):
        """Takes out what the old version had put where the new one put itself. `pairs` are objects
        of the new version and those of the old one. `others`: what else the module calls that may
        tell a registry of the definition. `loose`: what tells it is another one, and may do it
        in another way; `anew`: so may what a class is given, or it is another class."""
        self.hear()
        others = {id(root) for root in Reach(others).found}
        self.settle_instances(pairs, anew)
        if self.several:
            # The first in place of the first.
            pairs = [pair for new, _ in pairs[-1:] for pair in zip(instances_in(new), self.made)]
        walk = Walk({id(new): new for new, _ in pairs})
        places = {}
        for number, root in enumerate(self.roots):
            for new, chain in walk.chains(root):
                places.setdefault((new, number), []).append(chain)
                self.news.append((new, chain))
                self.seen_at.add((new, number))
        # A wrapper and what is in it may both stand for one; where it is told of one, that is meant.
        partners = {}
        for new, old in pairs:
            partners.setdefault(id(old), []).append(new)
        gone, fresh = {}, {}
        for old, number, shape, found in self.old:
            known = partners.get(old, [None])
            new = next((new for new in reversed(known) if (id(new), number) in places), known[-1])
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
            # `if name not in TABLE`: told again it stays away from where it stands already.
            keys, others = [e.way() for e in entries], [e.way() for e in fresh.get(key, ())]
            if (loose or not anew) and key[0] in self.lives and others and all(k and k in keys for k in others):
                entries[:] = [entry for entry, k in zip(entries, keys) if k in others]
            self.replace(_own(entries, fresh.get(key, ())), fresh.get(key, ()))
        filled = {id(entry.holder) for entries in gone.values() for entry in entries}
        for (_, number), chains in places.items():
            for chain in chains:
                if id(chain[self.place_of(chain)][0]) not in filled:
                    self.unplaced.append((number, chain))

    def arrive(self, new):
        """A definition that is new."""
        self.hear()
        walk = Walk({id(value): value for value in targets(new)})
        for number, root in enumerate(self.roots):
            for _, chain in walk.chains(root):
                self.unplaced.append((number, chain))
                self.tell(chain)
        # Its name, or another text that it has, at the end of a list.
        for holder, was, _ in self.copies.values():
            if type(holder) is list and len(holder) == len(was) + 1 and type(holder[-1]) is str:
                self.worded.append((holder, new))

    def tell(self, chain, instead=None):
        number = _entry(chain) if instead is not None else self.place_of(chain)
        holder, _, key, _ = chain[number]
        member = key if isinstance(holder, dict) else _member(chain, number)
        self.snapshot.tell(holder, member if instead is None else instead)

    def place(self, later):
        """What is new stands before what later definitions told the registry. Whether it does."""
        walk = Walk({id(value): value for made in later for value in targets(made)})
        rest = []
        came = collections.Counter(id(chain[self.place_of(chain)][0]) for _, chain in self.unplaced)
        for root, chain in self.unplaced:
            number = self.place_of(chain)
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
        self.worded = [(holder, new) for holder, new in self.worded if not place_word(holder, new, later)]
        return not rest and not self.worded

    def waits(self):
        return bool(self.unplaced or self.worded)

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
        return all(not isinstance(kind, tuple) or isinstance(kind[0], str) or kind[0] is _Exit for kind in shape)

    def forget(self, wide):
        """Takes out all of the object. Whether there was any. `wide`: with the object under a key
        that it is somewhere in."""
        self.entries = [found["wide" if wide else None] for *_, found in self.old]
        amounts, self.amounts = self.amounts, []
        done = self.take_out(True)
        self.amounts = amounts
        return done

    def replace(self, gone, new):
        """Old entries go, new ones get their places."""
        # A record into which the new version has put itself as the old one did.
        gone = [old for old in gone if not (isinstance(old.member, MUTABLE) and any(map(old.same, new)))]
        new = [entry for entry in new if not any(entry.member is old.member for old in gone)]
        gone = [old for old in gone if old.stands() and id(old.holder) in self.snapshot.kept and not any(
            entry.holder is old.holder and entry.key == old.key and isinstance(old.holder, dict)
            for entry in new)]
        # The table's own statement gives some of them.
        gone = [old for old in gone if not self.restore(old)]
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
        # Which key a function of another module makes of what it is given, its text tells.
        summing = list(summed(text, namespace))
        deep = bool(summing) or bool(self.roots or self.reach.stored or self.stored or self.globals) and not self.shipped
        calls = Calls(text, line, bodies, namespace, deep)
        self.amounts, self.by = [] if again else calls.amounts, (text, line)
        for amount in self.amounts if summing else ():
            amount.note(self.snapshot)
            self.stored.add(amount.key)
        self.states += [(owner, _bound_to(owner, name), self.plain_state(owner)) for owner, name in summing]
        self.told_by(calls, bodies, again)

    def constructed(self, text, line, bodies, namespace):
        """The same of the constructor of an object that the statement gives a name: what it had put
        somewhere beside the object."""
        if not self.shipped and (self.roots or self.reach.stored or self.stored):
            calls = Calls(text, line, bodies, namespace, True)
            self.amounts, self.by = calls.amounts, (text, line)
            self.told_beside(calls, bodies)

    def told_beside(self, calls, bodies):
        """What calls had told of an object beside itself, which is looked for by its identity."""
        known = len(self.entries)
        self.told_by(calls, bodies, False)
        said = self.entries[known:]
        plain = [e for e in said if isinstance(e.key, PLAIN) and (isinstance(e.member, PLAIN) or _is_data(e.member))]
        self.entries[known:] = plain

    def told_by(self, calls, bodies, again):
        shared = whole = None
        for called, node, scope in calls.found[:1]:
            _, result = arguments(node, scope)
            fresh = result is not None and makes_own(called, node, scope, bodies)
            shared = result if not fresh and not isinstance(result, ATOMS) else None
            whole = result if fresh else None
        # What a function of the module does is told from the calls in it, and from the call of it
        # only where those tell nothing.
        before, notes, told = list(self.entries), [], set()
        # Of which what they do is known.
        entered = set(calls.around.values())
        reaches = {}
        for number, (called, node, scope) in reversed(list(enumerate(calls.found))):
            # What else functions of other modules call with it may only have asked for it.
            holder = filled_by(called, node, scope)
            if number in calls.foreign and holder is None and not _keeps(called) or asks_only(called):
                continue
            if configures(called):
                self.note(entries_kept(self, calls, number), number, kept_by(called), calls, notes, told)
                continue
            values, result = arguments(node, scope)
            owner = getattr(called, "__self__", None)
            if result is None and isinstance(called, type) and _plain_class(called) and number not in calls.foreign:
                # `Task("a")`, which keeps itself somewhere.
                values = [*values, _Made(called, scope, True)]
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
            given = holder is not None and holder is not called and holder is not owner
            # `groups.setdefault(key, []).append(item)`
            nested = holder is not None and not any(holder is root for root in self.roots)
            if given and not nested:
                reach = {id(holder)}
            fresh = result is not None and makes_own(called, node, scope, bodies)
            for root in self.roots:
                if not nested and id(root) not in reach or (number, id(root)) in told:
                    continue
                if self.shipped and not (given or nested) and not _owns(called, root) and root is not kept_by(called):
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
                plain = number in entered and all(isinstance(v, PLAIN) for v in values)
                for entry in self.candidates(root, 0, Likely(values)):
                    # What is in an entry of its own, or of another call, stays whole.
                    if nested and entry.holder is not holder or plain and entry.parents:
                        continue
                    points = 0 if self.snapshot.was_told(entry) else entry_of(entry, values, result, fresh, owner)
                    if whole is not None and any(_meant(part) is whole for part in (entry.key, entry.member)):
                        points = 1000
                    if points > score:
                        best, score = [], points
                    if points and points == score and not any(map(entry.same, self.entries)):
                        best.append(entry)
                self.note(best[:1], number, root, calls, notes, told)
        notes.sort(key=lambda note: note[0])
        self.entries = before + in_turn([entry for _, entry in notes])

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

    def take_out(self, gone=False):
        """Before the new version of the call runs; `gone`: there is none."""
        if self.by in self.snapshot.ended:
            self.amounts = []
        if gone and self.amounts:
            self.snapshot.ended.add(self.by)
        self.amounts = [amount for amount in self.amounts if amount.take_off(self.snapshot, gone)]
        done, restored = [], False
        for entry in self.entries:
            # What was not noted would not come back from an edit that fails.
            if entry.stands() and id(entry.holder) in self.snapshot.kept and surely_of(entry, gone):
                if self.restore(entry):
                    restored = True
                    continue
                EXITS.claim(entry)
                entry.take_out(self.prune()) if gone else entry.drop()
                done.append(entry)
        self.entries = done
        self.aside = [] if gone else set_aside(done)
        self.lengths = [(root, len(root)) for root in self.roots if not isinstance(root, set)]
        holders = {id(e.holder): e.holder for e in done}
        self.between = {key: (holder, _save(holder)) for key, holder in holders.items()}
        for pair in self.virtual:
            if unregister(*pair):
                self.snapshot.virtual.append(pair)
        return bool(done or restored or self.amounts)

    def restore(self, entry):
        """Gives an entry the value that it has from the table's own statement, or from a definition that had
        been put there before. Whether it has one."""
        origins = self.origins.get(id(entry.holder)) or ()
        for look in (lambda: first_value(origins, entry.holder, entry.key), lambda: registered_below(self.module, entry)):
            try:
                entry.holder[entry.key] = look()
                return True
            except Exception:
                continue
        return False

    def hear(self):
        """After it: what it has told those that say it only when they are asked."""
        if EXITS.used:
            EXITS.pull()

    def put(self):
        """After it: what came stands where the other was."""
        self.hear()
        for amount in self.amounts:
            amount.end(self.snapshot)
        for root, length in self.lengths:
            # A statement below has not put this there.
            for item in itertools.islice(reversed(root), max(len(root) - length, 0)):
                if not isinstance(root[item] if isinstance(root, dict) else item, PLAIN):
                    self.snapshot.tell(root, item)
        for entry in self.entries:
            entry.leave(self.prune())
        for holder, had in self.between.values():
            places = [e.place for e in self.entries if e.holder is holder]
            holder = successor(self, holder)
            if isinstance(holder, set) or self.sorts(holder):
                continue
            now = _copy(holder)
            if len(now) != len(had) + len(places):
                continue
            rest, fresh = now[: len(had)], now[len(had) :]
            for item in fresh:
                # Not what a statement below has put there.
                key, member = item if isinstance(holder, dict) else (None, item)
                if not isinstance(member, PLAIN):
                    self.snapshot.tell(holder, key if isinstance(holder, dict) else member)
            if isinstance(holder, dict):
                if [k for k, _ in rest] != list(had):
                    continue
            elif any(a is not b for a, b in zip(rest, had)):
                continue
            for place, item in sorted(zip(places, fresh), key=lambda pair: pair[0]):
                rest.insert(place, item)
            _restore(holder, rest)
        for holder, items in self.aside:
            holder += items


def same_value(one, other):
    return one is other or type(one) is type(other) and isinstance(one, PLAIN) and one == other


def named_owners(reached):
    """The objects whose methods are called by a name, and the classes whose code is, with those names."""
    for value, _, origin in reached.objects:
        if origin:
            yield value, origin
    for value in reached.seen.values():
        if isinstance(value, type) and value.__flags__ & 1 << 9:
            yield value, [(value.__module__, value.__qualname__)]


def _meant(part):
    """What a weak reference means, which `WeakSet` and `WeakKeyDictionary` keep."""
    return part() if isinstance(part, weakref.ref) else part


def _owns(called, root):
    """Whether a method is called on an object that has this container itself: what others of the
    standard library or of packages do with theirs is their own affair."""
    if not isinstance(called, types.MethodType) or isinstance(called.__self__, type):
        return False
    return any(value is root for value in _state(called.__self__).values())


def _keeps(called):
    """Whether it is a method of the standard library that puts what it is given into what its object has,
    `log.addHandler`, or one of its functions that keep it."""
    if kept_by(called) is not None:
        return True
    code = _standard_code(called)
    return code is not None and isinstance(called, types.MethodType) and bool(_filled(code)) and not asks_only(called)


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


def place_word(holder, new, later):
    """Puts the last text of a list, which `new` told it, before that of a later definition. Whether it does."""
    word = holder[-1]
    for made in later:
        if word == getattr(new, "__name__", None):
            other = getattr(made, "__name__", None)
        elif isinstance(new, type) and isinstance(made, type):
            names = [name for name, value in vars(new).items() if type(value) is str and value == word]
            other = next((vars(made)[name] for name in names if name in vars(made)), None)
        else:
            return False
        if type(other) is str and other in holder[:-1]:
            holder.insert(holder.index(other), holder.pop())
            return True
    return False
