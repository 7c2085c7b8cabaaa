"""What a call of the old text had added to numbers that objects and tables keep: `self.count += 1`,
`seen[name] = seen.get(name, 0) + 1`; and to texts and tuples. Told from the text, where that leaves no
doubt.

Runs in the namespace of registry.py, after values.py.
"""

# Statements behind which the rest of a function may not have run.
_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom, ast.Await)
_COMPOUND = (ast.If, ast.For, ast.While, ast.Try, ast.With)
# What grows at its end as a number does.
PIECES = (str, bytes, tuple)
# Names of modules, with these, that a statement has bound anew: nothing has been added there yet.
ANEW = set()


def leaves(node):
    """Whether a statement may leave out those below it."""
    return isinstance(node, _COMPOUND) and any(isinstance(part, _LEAVES) for part in ast.walk(node))


def branch(node, values):
    """The statements of an `if` that ran, where that follows from what a function was given; False
    where it cannot be told, None where there are none."""
    if not isinstance(node, ast.If):
        return False
    # What objects and tables had then, they may have no more.
    for part in ast.walk(node.test):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and getattr(part, "attr", None) not in SPELLING:
            return False
        if isinstance(part, ast.Name) and isinstance(values.namespace.get(part.id), MUTABLE):
            return False
    try:
        return (node.body if values.data(node.test) else node.orelse) or None
    except Unknown:
        return False


def increment(node):
    """What a statement adds to, what it adds, whether it takes that off, and whether it makes the
    number if it is not there; or None."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
        return node.target, node.value, isinstance(node.op, ast.Sub), False
    sums = isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.BinOp)
    if not sums or not isinstance(node.value.op, (ast.Add, ast.Sub)):
        return None
    target, left = node.targets[0], node.value.left
    less = isinstance(node.value.op, ast.Sub)
    if not isinstance(target, (ast.Attribute, ast.Subscript, ast.Name)):
        return None
    if ast.unparse(target) == ast.unparse(left):
        return target, node.value.right, less, False
    if isinstance(target, ast.Subscript) and isinstance(left, ast.Call) and len(left.args) == 2:
        table, key = ast.unparse(target.value), ast.unparse(target.slice)
        if ast.unparse(left.func) == f"{table}.get" and list(map(ast.unparse, left.args)) == [key, "0"]:
            return target, node.value.right, less, True
    return None


@functools.lru_cache(maxsize=None)
def used(text):
    """The attributes that a function does more with than adding to them: a number that it goes by was
    another one then, and may be one that the program goes by since."""
    found, inside, counted = set(), set(), set()
    for part in ast.walk(text):
        if added := increment(part):
            inside.update(map(id, ast.walk(part.target if isinstance(part, ast.AugAssign) else part.value.left)))
            if isinstance(added[1], ast.Constant):
                counted.add(getattr(added[0], "attr", None))
    for part in ast.walk(text):
        # What it gives is the sum. One that counts by ones gives numbers that others know things by.
        if isinstance(part, ast.Return) and part.value is not None:
            inside.update(id(a) for a in ast.walk(part.value) if isinstance(a, ast.Attribute) and a.attr not in counted)
    for part in ast.walk(text):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load) and id(part) not in inside:
            found.add(part.attr)
    return found


class Amount:
    """What one statement had added to one number."""

    def __init__(self, owner, key, value, makes):
        self.owner, self.key, self.value = owner, key, value
        self.makes = makes or isinstance(owner, (collections.Counter, collections.defaultdict))

    @classmethod
    def of(cls, node, values):
        found = increment(node)
        if not found or not isinstance(found[0], (ast.Attribute, ast.Subscript)):
            return None
        target, added, less, makes = found
        try:
            owner, value = values.visit(target.value), values.data(added)
            key = target.attr if isinstance(target, ast.Attribute) else values.data(target.slice)
        except Unknown:
            return None
        if type(value) not in (int, float) and (less or not value or type(value) not in PIECES):
            return None
        if isinstance(target, ast.Attribute):
            known = isinstance(owner, type) or _plain(owner)
        else:
            known = isinstance(owner, (dict, list)) and type(owner).__setitem__ in (dict.__setitem__, list.__setitem__)
        if not known:
            return None
        made = Piece if type(value) in PIECES else cls
        return made(owner, key, -value if less else value, makes)

    @classmethod
    def of_global(cls, node, values, space, names):
        """The same of a global that a function adds to."""
        found = increment(node)
        if not found or not isinstance(found[0], ast.Name) or found[0].id not in names:
            return None
        if (space.get("__name__"), found[0].id) in ANEW:
            return None
        try:
            value = values.data(found[1])
        except Unknown:
            return None
        if type(value) not in (int, float) and (found[2] or not value or type(value) not in PIECES):
            return None
        made = PieceOfGlobal if type(value) in PIECES else OfGlobal
        return made(space, found[0].id, -value if found[2] else value, False)

    def in_table(self):
        """Whether it is an item of a table."""
        return isinstance(self.owner, MUTABLE)

    def told_by(self, function, text):
        """Whether a function did nothing else with the number."""
        return self.in_table() or self.key not in used(text)

    def noted(self, snapshot):
        """Whether an edit that fails puts it back."""
        if self.in_table():
            return id(self.owner) in snapshot.kept
        state = snapshot.kept.get((id(self.owner), "state"))
        return state is not None and (state[0].all or self.key in state[0].had)

    def note(self, snapshot):
        """Keeps what it is now, should the edit fail."""
        if self.in_table() or self.noted(snapshot):
            return
        known = snapshot.kept.setdefault((id(self.owner), "state"), (State(self.owner, set()), None))
        known[0].had.update(State(self.owner, {self.key}).had)

    def take_off(self, snapshot, gone):
        """`gone`: nothing will add to it again."""
        if not self.noted(snapshot):
            return False
        less = self.less(self.now(), snapshot)
        if less is None:
            return False
        self.set(less)
        if gone:
            self.end(snapshot)
        return True

    def now(self):
        if self.in_table():
            try:
                return self.owner[self.key]
            except (LookupError, TypeError):
                return None
        return State(self.owner, (self.key,)).had[self.key]

    def set(self, value):
        if self.in_table():
            self.owner[self.key] = value
        else:
            State(self.owner, ()).set(self.key, value)

    def less(self, now, snapshot):
        """What is there without it; None where that cannot be told."""
        return now - self.value if type(now) in (int, float) else None

    def end(self, snapshot):
        """A number that was made for what is not counted any more goes."""
        if self.makes and isinstance(self.owner, dict) and dict.get(self.owner, self.key) == 0:
            dict.pop(self.owner, self.key)


class OfGlobal(Amount):
    """The same of a number that a module has under a name."""

    def in_table(self):
        return False

    def told_by(self, function, text):
        return self.owner is not function.__globals__ or only_grows(function, self.key)

    def now(self):
        return self.owner.get(self.key)


def _find(whole, part, place):
    if not isinstance(whole, tuple):
        return whole.find(part, place)
    places = range(place, len(whole) - len(part) + 1)
    return next((n for n in places if whole[n:n + len(part)] == part), -1)


class Piece(Amount):
    """The same for a text or a tuple."""

    def less(self, now, snapshot):
        if type(now) is not type(self.value):
            return None
        # Statements run in their order: what those above put there is passed.
        place = snapshot.places.get((id(self.owner), self.key), 0)
        size, place = len(self.value), _find(now, self.value, place)
        if place < 0 or _find(now, self.value, place + 1) >= 0:
            return None  # It may be what something else has put there.
        self.place, self.before, self.rest = place, now[:place], now[place + size:]
        return self.before + self.rest

    def end(self, snapshot):
        """What came at the end stands where the other was."""
        now, size = self.now(), len(self.before) + len(self.rest)
        had = self.before + self.rest
        if type(now) is type(had) and now[:size] == had:
            self.set(self.before + now[size:] + self.rest)
            snapshot.places[id(self.owner), self.key] = self.place + len(now) - size


class PieceOfGlobal(OfGlobal, Piece):
    """The same of a text or a tuple."""
