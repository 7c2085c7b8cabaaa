"""What statements that change objects leave after an edit, where what they had done cannot be taken off.

`m = Machine()` and `for e in EVENTS: m.fire(e)`: the loop is not to go on from where it had left `m`. What
import gives is worked out twice, on objects of its own: as it was, before anything is edited, and as it is
now. The objects that live get the difference; what the program did to them stays.

Runs after picture.py and guard.py.
"""

import gc
import importlib

# Of lists that are longer than this, what stands elsewhere is not looked for.
LONG = 64
# What is of no object alone.
STILL = (*VALUES, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)


def run_aside(module, codes, chain, made, once):
    """Runs statements of a module in a namespace of their own. `chain`: the names that they bind, `made` those of
    definitions among them; `once` says whether the module binds names once. The namespace, what says which
    function of the module one of there means, and the attributes that were added to."""
    own = chain - made
    live = {id(module[name]) for name in own if name in module and not saying(module[name])}
    for quiet in (False, True):
        space = dict(module)
        for name in chain:
            space.pop(name, None)
        copies = copy_functions(codes, module, space)

        def named(value, space=space, copies=copies):
            if type(value) is not types.FunctionType or value.__globals__ is not space:
                return value
            known = copies.get(id(value))
            if known is not None:
                return known[1]
            own = module.get(value.__name__)
            if (
                value.__qualname__ == value.__name__
                and value.__name__ in made
                and type(own) is types.FunctionType
                and own.__code__.co_name == value.__name__
                and not hasattr(own, "__wrapped__")
            ):
                return own
            return value

        guard = Guard(module, space, own, live, quiet)
        loader = Loader(guard)
        for name, value in module.items():
            if value is importlib:
                space[name] = loader
            elif value is importlib.import_module:
                space[name] = loader.import_module
            elif value is sys.modules.get("pkgutil", guard):
                space[name] = loader
            elif value is getattr(sys.modules.get("pkgutil"), "iter_modules", guard):
                space[name] = loader.iter_modules
        guard.ours = {id(loader), id(loader.import_module), id(loader.iter_modules)}
        space.update(contexts(guard))
        try:
            run_guarded(codes, guard)
        except Refused as refused:
            if quiet or "print()" not in str(refused):
                raise
            continue
        if not once(guard.used):
            raise Refused("a name that it uses is bound several times")
        return space, named, guard.adds
    return None


class Loader:
    """In place of `importlib` and `pkgutil`: gives modules that are there, and says which there are."""

    def __init__(self, guard):
        def import_module(name, package=None):
            found = sys.modules.get(name) if type(name) is str and package is None else None
            if found is None:
                raise Refused("it imports something")
            guard.watch_module(found)
            return found

        def iter_modules(path=None, prefix=""):
            guard.off = True
            try:
                return list(sys.modules["pkgutil"].iter_modules(path, prefix))
            finally:
                guard.off = False

        self.import_module, self.iter_modules = import_module, iter_modules


def leading_to(module, classes):
    """The names of a module that lead to instances of these classes."""
    if any("__migrate__" in type.__dict__["__dict__"].__get__(kind) for kind in classes):
        # It says itself what its objects get.
        return set()
    return {name for name, value in module.items() if leads_to(value, classes)}


def leads_to(value, classes):
    kinds = set(classes)
    todo, seen = [value], {id(value)}
    while todo and len(seen) < MOST:
        value = todo.pop()
        if isinstance(value, STILL):
            continue
        if not kinds.isdisjoint(type.__dict__["__mro__"].__get__(type(value))):
            return True
        for part in gc.get_referents(value):
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)
    return False


def copy_functions(codes, module, space):
    """Functions of the module see its names; copies of them see those of the run."""
    copies = {}
    todo = [name for code in codes for name in names_in(code)]
    while todo:
        name = todo.pop()
        function = space.get(name)
        if type(function) is types.FunctionType and function.__globals__ is module:
            copy = types.FunctionType(
                function.__code__, space, function.__name__, function.__defaults__, function.__closure__
            )
            copy.__kwdefaults__, copy.__qualname__ = function.__kwdefaults__, function.__qualname__
            copy.__dict__.update(function.__dict__)
            copies[id(copy)] = copy, function
            space[name] = copy
            todo += names_in(function.__code__)
    return copies


def names_in(code):
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [*code.co_names, *(name for const in inner for name in names_in(const))]


def pictures(one, others, named=None):
    """Two pictures of names to objects, of which each has what the other has not."""
    first, second = Picture(), Picture(named=named)
    for value in one.values():
        first.node(value)
    for value in others.values():
        second.node(value)
    shared = first.nodes.keys() & second.nodes.keys()
    first, second = Picture(shared), Picture(shared, named)
    one = {name: first.node(value) for name, value in one.items()}
    others = {name: second.node(value) for name, value in others.items()}
    if any(node.kind == "opaque" for node in second.nodes.values()):
        raise Refused("it makes what cannot be looked into")
    return one, others


class Rehearsal:
    """What import gave, and what was there, before an edit."""

    def __init__(self, module, codes, chain, made, once):
        self.module = module
        space, named, _ = run_aside(module, codes, chain, made, once)
        gave = {name: space[name] for name in chain if name in space}
        live = {name: module[name] for name in chain if name in module}
        self.live, self.gave = pictures(live, gave, named)
        self.buffers = [(part, written(part)) for part in live.values() if type(part) in BUFFERS]
        # What import gave is not to live on: the heap is asked for instances of classes.
        todo, seen = list(self.gave.values()), set()
        while todo:
            node = todo.pop()
            if node.kind == "value" or id(node) in seen:
                continue
            seen.add(id(node))
            for parts in (node.parts, node.items):
                todo += (parts.values() if isinstance(parts, dict) else parts) or ()
            if node.kind != "function" and not (node.kind == "tuple" and fixed(node.value)):
                node.value = MISSING

    def put_back(self):
        """What statements have written since, where the edit fails after all."""
        for buffer, was in self.buffers:
            if not buffer.closed and written(buffer) != was:
                rewrite(buffer, *was)

    def settle(self, codes, chain, made, once, same, untouched):
        """After the edit: gives what lives what import gives now; under the names that are the `same`, that
        is what lived before. `untouched`: no statement has run on it, so that what is in it besides is what
        the edit gave it. Names that are bound to something else, those whose objects have something else in
        them, and what undoes it."""
        module = self.module
        space, named, adds = run_aside(module, codes, chain, made, once)
        gives = {name: space[name] for name in chain if name in space and name not in made}
        now = {name: module[name] for name in gives if name in module}
        now, gives = pictures(now, gives, named)
        merge = Merge(module, space, adds, untouched)
        bound, three = [], {}
        for name, node in gives.items():
            live, gave, here = self.live.get(name), self.gave.get(name), now.get(name)
            if here is not None and name in same and name not in self.gave:
                # It had to do with none of them before: what it is now, statements have told it.
                merge.done[id(node)] = here.value
                continue
            other = here is not None and (live is None or live.value is not here.value)
            if other and here.kind != "value" and name not in same:
                # The edit made it anew.
                live, gave = here, None
            three[name] = gave, live, node
        merge.pair(three.values())
        for name, those in three.items():
            merge.name = name
            value = merge.value(*those)
            here = now.get(name)
            if here is None or not says(here.value, value):
                bound.append((name, value))
        return bound, *merge.write(), merge.notes


class Merge:
    """Brings together what import gave, what lives, and what import gives."""

    def __init__(self, module, space, adds, untouched):
        self.module, self.space, self.adds, self.untouched = module, space, adds, untouched
        self.done, self.taken, self.todo, self.name = {}, set(), [], None
        # Which is which, where attributes, keys and places say so.
        self.pairs, self.paired = {}, set()
        self.before, self.edit = Comparison(), Comparison()
        self.notes = []

    def pair(self, three):
        todo = list(three)
        for gave, live, node in todo:
            if None in (gave, live) or node.kind == "value" or id(node) in self.pairs:
                continue
            if not node.like(gave) or not node.like(live):
                continue
            if id(live.value) in self.paired:
                continue
            self.pairs[id(node)] = gave, live
            self.paired.add(id(live.value))
            for parts in zip(*((those.parts, those.items) for those in (gave, live, node))):
                if isinstance(parts[2], dict):
                    todo += [tuple(part.get(key) for part in parts) for key in parts[2]]
                elif parts[2] is not None and node.kind != "set":
                    was, is_, now = parts
                    same = 0
                    while same < min(map(len, parts)) and self.edit.same(was[same], now[same]):
                        todo.append((was[same], is_[same], now[same]))
                        same += 1

    def value(self, gave, live, node, where="[]"):
        """What is to stand where import gives `node`: under which attribute, or in a container."""
        if node.kind == "value":
            return self.leaf(gave, live, node, where)
        if id(node) in self.done:
            return self.done[id(node)]
        if id(node) in self.pairs:
            gave, live = self.pairs[id(node)]
        elif live is not None and id(live.value) in self.paired:
            gave = live = None
        ours = live
        if live is None or not live.like(node) or id(live.value) in self.taken:
            ours = None
            if live is not None and gave is not None and not self.before.same(live, gave):
                return live.value
        if gave is None or ours is None or not gave.like(node):
            gave = None
        make = getattr(self, node.kind)
        return make(gave, ours, node)

    def leaf(self, gave, live, node, where="[]"):
        if live is None or gave is None or self.before.same(live, gave):
            return node.value
        if live.kind != "value" or gave.kind != "value":
            return live.value
        if says(node.value, gave.value):
            return live.value
        if where not in self.adds:
            # Both have set it: what the program did stays.
            place = f"{self.name}.{where}" if where != "[]" else f"what {self.name} has"
            self.notes.append(f"{place} has been set by the program to {short(live.value)}, and keeps that")
            return live.value
        kinds = {part.type for part in (gave, live, node)}
        if kinds <= {*NUMBERS}:
            return live.value + node.value - gave.value
        if kinds in ({str}, {bytes}) and live.value.startswith(gave.value):
            return node.value + live.value[len(gave.value) :]
        return live.value

    def take(self, ours, node):
        value = node.value if ours is None else ours.value
        self.done[id(node)] = value
        self.taken.add(id(value))
        return value

    def object(self, gave, ours, node):
        value = self.take(ours, node)
        state = self.entries(gave and gave.parts, ours and ours.parts, node.parts, True)
        items = None
        if node.items is not None:
            items = self.content(gave and gave.items, ours and ours.items, node.items)
        if ours is not None and self.untouched:
            state = gained(value, ours.parts, state)
        self.todo.append((self.name, value, items, state))
        return value

    def lock(self, gave, ours, node):
        return self.take(ours, node)

    def buffer(self, gave, ours, node):
        now = node.parts[0].value
        closed = now is None, ours is not None and ours.parts[0].value is None
        if closed == (False, True):
            # It cannot be opened again.
            ours = None
        value = self.take(ours, node)
        if ours is None or any(closed):
            return value
        was, here = gave and gave.parts[0].value, ours.parts[0].value
        if was is not None and not here.startswith(was):
            self.notes.append(f"{self.name} was written to otherwise by the program, and keeps what it has")
            return value
        self.todo.append((self.name, value, None, now if was is None else now + here[len(was) :]))
        return value

    def list(self, gave, ours, node):
        value = self.take(ours, node)
        items = self.content(gave and gave.parts, ours and ours.parts, node.parts)
        self.todo.append((self.name, value, items, None))
        return value

    dict = set = list

    def content(self, gave, ours, parts):
        if isinstance(parts, dict):
            return self.entries(gave, ours, parts)
        return self.sequence(gave, ours, parts)

    def entries(self, gave, ours, parts, named=False):
        gave, ours = gave or {}, ours or {}
        out = {}
        for key, node in parts.items():
            was = gave.get(key)
            if key not in ours and was is not None and self.edit.same(was, node):
                continue
            out[key] = self.value(was, ours.get(key), node, key if named else "[]")
        for key, live in ours.items():
            if key not in parts and not (key in gave and self.before.same(live, gave[key])):
                out[key] = live.value
        return out

    def sequence(self, gave, ours, parts):
        if ours is None:
            return [self.value(None, None, part) for part in parts]
        if gave is None:
            donors = [*ours, *(None for _ in parts)]
            return [self.value(None, donor, part) for donor, part in zip(donors, parts)]
        if len(ours) == len(gave) == len(parts) and fixed_all(parts) and fixed_all(gave) and fixed_all(ours):
            return [self.value(*those) for those in zip(gave, ours, parts)]
        if parts and fixed_all(parts) and fixed_all(gave) and fixed_all(ours):
            added = [live.value for live in without(ours, gave)]
            lost = without(gave, ours)
            if gave and len(lost) == len(gave):
                # The program has made another one of it.
                return [live.value for live in ours]
            if not lost and says_all(ours, gave):
                return [part.value for part in parts] + [live.value for live in ours[len(gave) :]]
            return [part.value for part in without(parts, lost)] + added
        if len(ours) < len(gave) or not all(map(corresponds, ours, gave)):
            if len(gave) == len(parts) and all(map(self.edit.same, gave, parts)):
                return [live.value for live in ours]
            raise Refused("the program has changed a list, too")
        partners = self.partners(gave, ours, parts)
        found = []
        for part, at in zip(parts, partners):
            those = (None, None) if at is None else (gave[at], ours[at])
            found.append(self.value(*those, part))
        return found + [live.value for live in ours[len(gave) :]]

    def partners(self, gave, ours, parts):
        """Which of the parts before each part is."""
        first, short = 0, min(len(gave), len(parts))
        while first < short and self.edit.same(gave[first], parts[first]):
            first += 1
        last = 0
        while last < short - first and self.edit.same(gave[-1 - last], parts[-1 - last]):
            last += 1
        out = [None] * len(parts)
        for at in range(first):
            out[at] = at
        for back in range(1, last + 1):
            out[-back] = len(gave) - back
        free = [at for at in range(first, len(gave) - last) if id(ours[at].value) not in self.paired]
        for at in range(first, len(parts) - last):
            node = parts[at]
            fit = [was for was in free[:LONG] if gave[was].like(node)]
            if fit:
                best = max(fit, key=lambda was: (likeness(gave[was], node), -abs(was - at)))
                out[at] = best
                free.remove(best)
        return out

    def tuple(self, gave, ours, node):
        if gave is not None and all(map(fixed_all, (gave.parts, ours.parts, node.parts))):
            if len(gave.parts) == len(ours.parts):
                return node.value if self.before.same(ours, gave) else ours.value
        if node.type is tuple and gave is not None and len(ours.parts) != len(gave.parts):
            # The program made a longer one of it.
            if len(ours.parts) < len(gave.parts) or not all(map(corresponds, ours.parts, gave.parts)):
                return ours.value
            more = tuple(live.value for live in ours.parts[len(gave.parts) :])
            return (*self.sequence(None, None, node.parts), *more)
        same = [part and part.parts if part and len(part.parts) == len(node.parts) else None for part in (gave, ours)]
        none = [None] * len(node.parts)
        if same[0] is None or same[1] is None:
            same = none, same[1] or none
        parts = [self.value(*those) for those in zip(*same, node.parts)]
        if ours is not None and len(parts) == len(ours.parts):
            if all(says(part, live.value) for part, live in zip(parts, ours.parts)):
                return ours.value
        kind = node.type
        return kind._make(parts) if hasattr(kind, "_make") else kind(parts)

    def method(self, gave, ours, node):
        of = self.value(*(part and part.parts[0] for part in (gave, ours)), node.parts[0])
        function = self.value(*(part and part.parts[1] for part in (gave, ours)), node.parts[1])
        if ours is not None and ours.value.__self__ is of and ours.value.__func__ is function:
            return self.take(ours, node)
        self.done[id(node)] = types.MethodType(function, of)
        return self.done[id(node)]

    def partial(self, gave, ours, node):
        function, arguments, keywords = [
            self.value(*(part and part.parts[at] for part in (gave, ours)), node.parts[at]) for at in range(3)
        ]
        if ours is not None and says(ours.value.func, function) and says(ours.value.args, arguments):
            if says(ours.value.keywords, keywords):
                return self.take(ours, node)
        self.done[id(node)] = functools.partial(function, *arguments, **keywords)
        return self.done[id(node)]

    def function(self, gave, ours, node):
        function = node.value
        if ours is not None and ours.value.__code__ == function.__code__ and len(ours.parts) == len(node.parts):
            function = ours.value
        elif function.__globals__ is self.space:
            twin = function
            function = types.FunctionType(
                twin.__code__, self.module, twin.__name__, twin.__defaults__, twin.__closure__
            )
            function.__kwdefaults__, function.__qualname__ = twin.__kwdefaults__, twin.__qualname__
            function.__dict__.update(twin.__dict__)
        if function is not (ours and ours.value):
            gave = ours = None
        self.done[id(node)] = function
        cells = function.__closure__ or ()
        parts = []
        for at, part in enumerate(node.parts):
            parts.append(self.value(*(those and those.parts[at] for those in (gave, ours)), part))
        for cell, part in zip(cells, parts):
            if part is not MISSING:
                self.todo.append((self.name, cell, None, part))
        if len(parts) > len(cells) and not says(function.__defaults__, tuple(parts[len(cells) :])):
            self.todo.append((self.name, function, None, tuple(parts[len(cells) :])))
        return function

    def write(self):
        """Carries it out. The names whose objects have something else in them, and what undoes it."""
        done, changed = [], []

        def undo():
            while done:
                done.pop()()

        try:
            for name, value, items, state in self.todo:
                if self.give(value, items, state, done) and name not in changed:
                    changed.append(name)
        except BaseException:
            undo()
            raise
        return changed, undo

    def give(self, value, items, state, done):
        if isinstance(value, (types.CellType, types.FunctionType)):
            name = "cell_contents" if isinstance(value, types.CellType) else "__defaults__"
            was = getattr(value, name)
            if says(was, state):
                return False
            done.append(lambda: setattr(value, name, was))
            setattr(value, name, state)
            return True
        if type(value) in BUFFERS:
            was = written(value)
            if was[0] == state:
                return False
            done.append(lambda: rewrite(value, *was))
            rewrite(value, state, len(state))
            return True
        any_other = False
        if items is not None:
            was = items_of(value)[0]
            if not same_content(was, items):
                done.append(lambda: refill(value, was))
                refill(value, items)
                any_other = True
        if state is not None:
            had = state_of(value)
            for name in {**had, **state}:
                old, new = had.get(name, MISSING), state.get(name, MISSING)
                if not says(old, new):
                    done.append(lambda name=name, old=old: set_state(value, name, old))
                    set_state(value, name, new)
                    any_other = True
        return any_other


def rewrite(buffer, content, place):
    buffer.seek(0)
    buffer.truncate()
    buffer.write(content)
    buffer.seek(place)


def gained(value, before, state):
    """What an object is to have, where the edit may have given it other attributes than it had before."""
    now = state_of(value)
    had = {name: node.value for name, node in before.items()}
    for name in {**had, **state}:
        old, new = had.get(name, MISSING), state.get(name, MISSING)
        if not says(old, new) and (old is not MISSING or name not in now):
            now[name] = new
    return {name: part for name, part in now.items() if part is not MISSING}


def short(value):
    whole = repr(value)
    return whole if len(whole) <= 40 else whole[:40] + "..."


def fixed_all(nodes):
    return all(node.kind == "value" or node.kind == "tuple" and fixed(node.value) for node in nodes)


def says_all(ours, gave):
    return all(says(live.value, was.value) for live, was in zip(ours, gave))


def without(nodes, others):
    """What is in the first and not in the second, as often as it is there more often."""
    left = [other.value for other in others]
    out = []
    for node in nodes:
        at = next((at for at, value in enumerate(left) if says(value, node.value)), None)
        if at is None:
            out.append(node)
        else:
            del left[at]
    return out


def corresponds(live, gave):
    """Whether what lives may be what import gave at this place, whatever the program did to it."""
    if not live.like(gave):
        return False
    return live.kind != "value" or says(live.value, gave.value)


def likeness(one, other):
    """How many plain parts of two nodes say the same."""
    if isinstance(one.parts, dict):
        both = [(part, other.parts.get(key)) for key, part in one.parts.items()]
    else:
        both = list(zip(one.parts or (), other.parts or ()))
    return sum(a.kind == "value" and b is not None and b.kind == "value" and says(a.value, b.value) for a, b in both)


def same_content(one, other):
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(says(a, b) and says(one[a], other[b]) for a, b in zip(one, other))
    return all(map(says, one, other))
