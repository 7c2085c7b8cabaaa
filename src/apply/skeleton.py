"""What had the statements of a module put into a container? Without calling anything again.

`contents` runs the statements that made and filled a container, in a namespace aside. An item whose
value comes from a call (or from something that meant another thing then) becomes `Anything`, which
is equal to whatever it is compared with. Where not even the keys or the number of items can be
told, it raises.
"""
import ast
import bisect
import builtins
import heapq
import types
from collections import deque
from copy import copy
from functools import partial

# Calls without an effect: the names in outline/value.rs.
PURE = set(
    "list tuple dict set frozenset str int float bool bytes range zip enumerate len sorted min max "
    "sum abs round reversed map filter vars".split()
)
ASKING = set(
    "endswith items keys lower lstrip rstrip split splitlines startswith strip upper values".split()
)
COLLECTIONS = {"defaultdict", "OrderedDict", "deque", "Counter"}
# Methods that fill a container: the number of leading arguments that are no items.
METHODS = {
    "append": 0, "extend": 0, "insert": 1, "add": 9, "update": 0, "setdefault": 1, "pop": 9,
    "remove": 9, "discard": 9, "clear": 9, "reverse": 9,
}
SPREAD = {"extend", "update"}
# Functions of the standard library that change the list they are given, as in outline/given.rs.
ORDERING = set(
    "heapify heappush heappop heappushpop heapreplace insort insort_left insort_right".split()
)


class Unknown(Exception):
    pass


class Anything:
    """An item of which only the place in the text is known. It stands on the left of comparisons: the
    `__eq__` of an object may want its own kind."""

    __hash__ = None

    def __init__(self, place):
        self.place = place

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __repr__(self):
        return "ANYTHING"


def _unknown(*_):
    raise Unknown


def _item(live, filled, make, *place):
    try:
        item = make()
    except Exception:
        return Anything(place)
    # What the statements put into something that is in use is not to be put there now.
    item = copy(item) if filled and type(item) in (list, dict, set) else item
    return next((now for was, now in live if was is item), item)


def _own(value):
    """What the first statement gives a name, if it made that itself: others fill it."""
    if isinstance(value, (list, dict, set, deque)):
        raise Unknown
    return value


def _through(value):
    """What a loop goes through; an iterator would not be what it was afterwards."""
    if hasattr(value, "__next__"):
        raise Unknown
    return value


def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, Anything):
        return a.place == b.place
    if type(a) is dict:
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


def _told(value):
    """Whether all of a value is known."""
    if type(value) in (list, tuple):
        return all(map(_told, value))
    return all(map(_told, value.values())) if type(value) is dict else not isinstance(value, Anything)


def _augment(holder, key, make, *place):
    """`holder[key] += ...`: what comes of it, if what was there is known."""
    holder[key] = _item((), False, lambda: make(holder[key]), *place)


class _Parts(ast.NodeTransformer):
    def __init__(self, unknown):
        self.unknown, self.text = unknown, 0
        # Items are filled: `X["a"].append(1)`.
        self.filled = False

    def _raise(self, near):
        return ast.copy_location(ast.Call(ast.Name("__unknown__", ast.Load()), [], []), near)

    def visit_Call(self, node):
        func = node.func
        if isinstance(func, ast.Name) and func.id in PURE and hasattr(builtins, func.id):
            if func.id == "vars" and any(map(self.differs_inside, node.args)):
                return self._raise(node)
            return self.generic_visit(node)
        name = getattr(func, "id", getattr(func, "attr", ""))
        if name in COLLECTIONS or isinstance(func, ast.Attribute) and name in ASKING:
            return self.generic_visit(node)
        return self._raise(node)

    def visit_Name(self, node):
        return self._raise(node) if node.id in self.unknown else node

    def visit_Attribute(self, node):
        if f".{node.attr}" in self.unknown or ast.unparse(node) in self.unknown:
            return self._raise(node)
        if node.attr == "__dict__" and self.differs_inside(node.value):
            return self._raise(node)
        return self.generic_visit(node)

    def differs_inside(self, node):
        """Whether all that a module or class has is not what it was: `vars(handlers)`."""
        inside = ast.unparse(node) + "."
        return any(path.startswith(inside) for path in self.unknown)

    def visit_Lambda(self, node):
        return node

    def visit_NamedExpr(self, node):
        return self._raise(node)

    visit_Await = visit_Yield = visit_YieldFrom = visit_NamedExpr

    def item(self, node):
        """An expression whose value is one item."""
        if isinstance(node, ast.Starred):
            return ast.Starred(self.spread(node.value), node.ctx)
        if isinstance(node, (ast.Dict, ast.List, ast.Tuple)):
            return self.spread(node)
        empty = ast.arguments([], [], None, [], [], None, [])
        made = ast.Lambda(empty, self.visit(node))
        place = [ast.Constant(n) for n in (self.text, node.lineno, node.col_offset)]
        return ast.copy_location(ast.Call(ast.Name("__item__", ast.Load()), [made, *place], []), node)

    def spread(self, node):
        """An expression that is a container of items."""
        if isinstance(node, ast.Dict):
            node.keys = [key and self.visit(key) for key in node.keys]
            node.values = [self.item(v) if k else self.spread(v) for k, v in zip(node.keys, node.values)]
        elif isinstance(node, (ast.List, ast.Tuple)):
            node.elts = [self.item(e) for e in node.elts]
        elif isinstance(node, (ast.ListComp, ast.DictComp)):
            field = "elt" if isinstance(node, ast.ListComp) else "value"
            made = getattr(node, field)
            setattr(node, field, None)
            node.generators = [self.visit(g) for g in node.generators]
            if field == "value":
                node.key = self.visit(node.key)
            setattr(node, field, self.item(made))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict" and not node.args:
            for keyword in node.keywords:
                keyword.value = self.item(keyword.value) if keyword.arg else self.spread(keyword.value)
        else:
            return self.visit(node)
        return node

    def statement(self, node, name, first):
        if first and isinstance(node, (ast.Assign, ast.AnnAssign)):
            value = self.spread(node.value)
            there = isinstance(value, (ast.Name, ast.Attribute, ast.Subscript))
            if there and getattr(value, "id", "") != "__made__":
                value = ast.copy_location(ast.Call(ast.Name("__own__", ast.Load()), [value], []), value)
            node = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), node)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            node.value = self.spread(node.value)
        elif isinstance(node, ast.AugAssign) and _item_of(node.target, name):
            node = self.augment(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and _item_of(node.targets[0], name):
            self.keys(node.targets[0])
            node.value = self.item(node.value)
        elif isinstance(node, ast.Delete) and len(node.targets) == 1 and _item_of(node.targets[0], name):
            self.keys(node.targets[0])
        elif isinstance(node, ast.Expr) and _method_of(node.value, name) in METHODS:
            call, method = node.value, node.value.func.attr
            self.keys(call.func.value)
            self.filled |= isinstance(call.func.value, ast.Subscript)
            plain = METHODS[method]
            make = self.spread if method in SPREAD else self.item
            call.args = [self.visit(a) if i < plain else make(a) for i, a in enumerate(call.args)]
            for keyword in call.keywords:
                keyword.value = self.item(keyword.value) if keyword.arg else self.spread(keyword.value)
        elif not first and isinstance(node, (ast.Expr, ast.Assign)) and _orders(node.value, name):
            # What it takes out plays no part.
            call = node.value
            call.args[1:] = [self.item(argument) for argument in call.args[1:]]
            for keyword in call.keywords:
                keyword.value = self.visit(keyword.value)
            node = ast.copy_location(ast.Expr(call), node)
        elif isinstance(node, (ast.For, ast.If)) and not first:
            node = self.block(node, name)
        else:
            raise Unknown
        return node

    def block(self, node, name):
        """`for key in KEYS: X[key] = ...`, and that under an `if`."""
        outer = self.unknown
        if isinstance(node, ast.For):
            through = self.visit(node.iter)
            if not isinstance(node.iter, ast.Call):
                through = ast.Call(ast.Name("__through__", ast.Load()), [through], [])
            node.iter = ast.copy_location(through, node.iter)
            bound = {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
            if name in bound or node.orelse:
                raise Unknown
            self.unknown = outer - bound
        else:
            node.test = self.visit(node.test)
            node.orelse = [self.statement(part, name, False) for part in node.orelse]
        node.body = [self.bound(part, name) or self.statement(part, name, False) for part in node.body]
        self.unknown = outer
        return node

    def bound(self, node, name):
        """A definition in a loop, which is an item of which the place is known; None if it is none."""
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.decorator_list:
            return None
        head = node if isinstance(node, ast.ClassDef) else node.args
        if any(getattr(part, "id", None) == name for part in ast.walk(head)):
            return None
        self.unknown = self.unknown | {node.name}
        return ast.copy_location(ast.Pass(), node)

    def keys(self, node):
        """Those of a part of the container."""
        while isinstance(node, ast.Subscript):
            node.slice = self.visit(node.slice)
            node = node.value
            self.filled |= isinstance(node, ast.Subscript)

    def augment(self, node):
        """`X[key] += value` as a call."""
        value = self.spread(node.value) if isinstance(node.value, ast.List) else self.visit(node.value)
        it = ast.arguments([], [ast.arg("it")], None, [], [], None, [])
        made = ast.Lambda(it, ast.BinOp(ast.Name("it", ast.Load()), node.op, value))
        # Made again it would not be what was there.
        place = [ast.Constant(n) for n in (self.text, 0, node.col_offset)]
        self.keys(node.target)
        holder = node.target.value
        for part in ast.walk(holder):
            if hasattr(part, "ctx"):
                part.ctx = ast.Load()
        call = ast.Call(ast.Name("__augment__", ast.Load()), [holder, node.target.slice, made, *place], [])
        return ast.copy_location(ast.Expr(call), node)


def _within(node, name):
    """Whether an expression is `X`, or a part of it: `X["a"]["b"]`."""
    while isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        node = node.value
    return isinstance(node, ast.Name) and node.id == name


def _item_of(target, name):
    return isinstance(target, ast.Subscript) and _within(target, name)


def _method_of(node, name):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _within(node.func.value, name):
        return node.func.attr
    return None


def _orders(node, name):
    """Whether it is a call of one of those with this list: `heapq.heappush(X, 1)`."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    function = getattr(node.func, "id", getattr(node.func, "attr", ""))
    return function in ORDERING and getattr(node.args[0], "id", None) == name


def in_order(live, fresh, base, heap):
    """Lets a list have what it has after import and what the program has put there or taken out since
    then, of which only the order of the items tells where it stands: which import had given `base`."""
    taken, added, items = list(base), [], list(fresh)
    for entry in live:
        at = next((at for at, item in enumerate(taken) if fits(entry, item)), None)
        if at is None:
            added.append(entry)
        else:
            del taken[at]
    for item in taken:
        at = next((at for at, entry in enumerate(items) if fits(entry, item)), None)
        if at is not None:
            del items[at]
    # A key is known to the functions of the program alone.
    if heap or all(not b < a for a, b in zip(items, items[1:])):
        put = heapq.heappush if heap else bisect.insort
        heapq.heapify(items) if heap and taken else None
        for entry in added:
            put(items, entry)
    else:
        items += added
    live[:] = items


def contents(texts, gone, name, namespace, unknown):
    """The container `name` after the statements `texts`, of which the first one makes it; those
    whose numbers are in `gone` are left out."""
    if len(texts) > 4 and 0 not in gone:
        # What is no container is not looked for in hundreds of calls of its methods.
        contents(texts[:1], (), name, namespace, unknown)
    parts = _Parts(set(unknown))
    tree = ast.parse("")
    for parts.text, text in enumerate(texts):
        if parts.text not in gone:
            (node,) = ast.parse(text).body
            tree.body.append(parts.statement(node, name, parts.text == 0))
    code = compile(ast.fix_missing_locations(tree), "pyreload/skeleton.py", "exec", 0, True)
    item = partial(_item, namespace.get("__live__", ()), parts.filled)
    scope = {**namespace, "__unknown__": _unknown, "__item__": item, "__augment__": _augment}
    scope["__through__"] = _through
    scope["__own__"] = _own if len(texts) > 1 else lambda value: value
    exec(code, scope)
    return scope[name]


def _again(texts, place, namespace):
    """The value of one item, made again by the expression at a place: another one had been put over
    it, and nothing else tells what it was."""
    number, line, column = place
    tree = ast.parse(texts[number])
    nodes = list(ast.walk(tree))
    if any(isinstance(node, ast.comprehension) for node in nodes):
        raise Unknown
    at = [n for n in nodes if isinstance(n, ast.expr) and (n.lineno, n.col_offset) == (line, column)]
    code = compile(ast.Expression(at[0]), "pyreload/skeleton.py", "eval", 0, True)
    return eval(code, namespace)


def retract(live, texts, gone, name, namespace, unknown, now, for_good):
    """Takes out of `live` what the statements `gone` had put there, where the program left it
    alone; what they had put it over is made again in the namespace `now`, if they do not run again or
    go on from it. Whether that could be told."""
    had = contents(texts, (), name, namespace, unknown)
    keeps = contents(texts, gone, name, namespace, unknown)
    over = for_good or any(isinstance(ast.parse(texts[n]).body[0], ast.AugAssign) for n in gone)
    again = (lambda place: _again(texts, place, now)) if over else None
    # All is known before anything is done.
    todo = []
    if not _less(live, had, keeps, again, todo):
        return False
    for step in todo:
        step()
    return True


def _less(live, had, keeps, again, todo):
    if not type(live) is type(had) is type(keeps):
        return False
    if type(live) is dict:
        for key, value in had.items():
            if key not in live or not value == live[key]:
                # The program, or another statement, has changed something in it.
                if key in live and key in keeps and _inner(live[key], value, keeps[key]):
                    _less(live[key], value, keeps[key], again, todo)
            elif key not in keeps:
                todo.append(partial(live.__delitem__, key))
            elif _same(value, keeps[key]):
                pass
            elif _inner(live[key], value, keeps[key]):
                _less(live[key], value, keeps[key], again, todo)
            elif isinstance(keeps[key], Anything):
                if again is not None:
                    todo.append(partial(live.__setitem__, key, again(keeps[key].place)))
            elif _told(keeps[key]):
                todo.append(partial(live.__setitem__, key, keeps[key]))
    elif type(live) is list:
        if had != live[: len(had)]:
            return False
        rest, at = list(had), 0
        kept = list(live)
        for item in keeps:
            while at < len(rest) and not _same(item, rest[at]):
                if _inner(kept[at], rest[at], item):
                    _less(kept[at], rest[at], item, again, todo)
                    break
                del rest[at], kept[at]
            at += 1
        del kept[at : len(rest)]
        todo.append(partial(live.__setitem__, slice(None), kept))
    elif type(live) is set:
        todo.append(partial(live.difference_update, had - keeps))
    else:
        return False
    return True


def _inner(live, had, keeps):
    """Whether something was put into a container in a container."""
    return type(live) is type(had) is type(keeps) and type(live) in (dict, list)


def added(text, name, space):
    """What `X += Y + Z`, `X.extend(Y)`, `X.append(Y)` puts into the list X, of lists that have names."""
    [statement] = ast.parse(text).body
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if not isinstance(call.func, ast.Attribute) or call.keywords or len(call.args) != 1:
            raise Unknown
        target, [value] = call.func.value, call.args
        if call.func.attr == "append":
            value = ast.List([value], ast.Load())
        elif call.func.attr != "extend":
            raise Unknown
    else:
        raise Unknown
    if not isinstance(target, ast.Name) or target.id != name:
        raise Unknown
    return list(as_written(value, space))


def as_written(node, space):
    """The value of names, lists, tuples and sums of them, which nothing has to be called for."""
    if isinstance(node, ast.Name):
        value = space[node.id]
    elif isinstance(node, ast.List):
        value = [item(part, space) for part in node.elts]
    elif isinstance(node, ast.Tuple):
        value = tuple(item(part, space) for part in node.elts)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        value = as_written(node.left, space) + as_written(node.right, space)
    else:
        raise Unknown
    if type(value) not in (list, tuple):
        raise Unknown
    return value


def item(node, space):
    """One entry of a list: a constant, or what a name is bound to."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return space[node.id]
    raise Unknown


def take_out(live, items):
    """Takes the last of the places out of a list where these items stand in a row; is none left?"""
    items = [_key(entry) for entry in items]
    keys = [_key(entry) for entry in live]
    for start in range(len(keys) - len(items), -1, -1):
        if keys[start : start + len(items)] == items:
            del live[start : start + len(items)]
            return True
    return not set(items) & set(keys)


def _key(entry):
    kind = type(entry)
    return (kind, entry) if kind in (int, float, str, bytes, bool) else id(entry)


def _path(node):
    names = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise Unknown
    return [node.id, *names]


def direct(text, name, space, unknown):
    """What a statement such as `X += [1]`, `m.X["a"]["b"] = 2`, `X.update(a=1)` puts into which
    container: that, the items, the container that has a name, the keys below it, and the class that
    has it (or None) with that name. Below `if` and the like all that is done to `name` must be done to
    one container."""
    [node] = ast.parse(text).body
    if isinstance(node, (ast.If, ast.For, ast.With, ast.Try)):
        first = name.split(".")[0]
        inner = [_target(n) for n in ast.walk(node) if isinstance(n, (ast.AugAssign, ast.Assign, ast.Expr))]
        targets = [t for t in inner if t is not None and _first(t) == first]
    else:
        targets = [_target(node)]
    if not targets or None in targets or len({ast.unparse(target) for target in targets}) > 1:
        raise Unknown
    target = targets[0]
    keys, named = [], target
    while isinstance(named, ast.Subscript):
        keys.insert(0, ast.literal_eval(named.slice))
        named = named.value
    first, *attributes = path = _path(named)
    root = space[first]
    for name in attributes:
        # A module may be given as it was.
        if not isinstance(root, (types.ModuleType, types.SimpleNamespace, type)):
            raise Unknown
        owner, root = root, vars(root)[name]
    if attributes and isinstance(owner, type):
        return _direct(node, targets, root, keys, space, unknown) + ((owner, path[-1]),)
    return _direct(node, targets, root, keys, space, unknown) + ((None, path[-1]),)


def _target(node):
    """What a statement puts something into."""
    if isinstance(node, ast.AugAssign):
        return node.target
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return node.targets[0].value if isinstance(node.targets[0], ast.Subscript) else None
    if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "func", None), ast.Attribute):
        return node.value.func.value
    return None


def _first(node):
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _direct(node, targets, root, keys, space, unknown):
    into = root
    for key in keys:
        into = into[key]
    empty = next((kind for kind in (list, dict, set) if isinstance(into, kind)), None)
    if empty is None:
        raise Unknown

    class Named(ast.NodeTransformer):
        def visit(self, node):
            if any(node is target for target in targets):
                return ast.copy_location(ast.Name("__it__", node.ctx), node)
            return self.generic_visit(node)

    text = ast.unparse(ast.fix_missing_locations(Named().visit(node)))
    made = f"__it__ = {empty.__name__}()"
    return into, contents([made, text], (), "__it__", space, unknown), root, keys


def fits(entry, item):
    return isinstance(item, Anything) or entry is item or type(entry) is type(item) and entry == item


def undo(into, items, base):
    """Takes what `direct` found out of the container again. `base` is what the statement that made it
    gives, if that can be told: what was put over that comes back. The place where items of a list
    were; None if there is none."""
    if isinstance(into, list):
        if all(isinstance(item, Anything) for item in items):
            return None
        size = len(items)
        for start in range(len(into) - size, -1, -1):
            if all(map(fits, into[start : start + size], items)):
                del into[start : start + size]
                return start
        for item in reversed(items):
            at = next((i for i in range(len(into) - 1, -1, -1) if fits(into[i], item)), None)
            if at is not None and not isinstance(item, Anything):
                del into[at]
    elif isinstance(into, set):
        into -= {item for item in items if base is None or item not in base}
    else:
        for key, value in items.items():
            if key in into and fits(into[key], value):
                if base is None or key not in base:
                    del into[key]
                elif not isinstance(base[key], Anything):
                    into[key] = base[key]
    return None


def place(into, start, had, rest):
    """Moves what a list that was `rest`, or a dict that was `had`, got at its end to where that stood."""
    if isinstance(into, list):
        size = len(rest)
        if start is not None and start < size < len(into) and all(a is b for a, b in zip(into, rest)):
            into[start:] = into[size:] + into[start:size]
    elif type(into) is dict:
        new = [key for key in into if key not in had]
        gone = next((key for key in had if key not in into), None)
        order = []
        for key in had:
            if key is gone:
                order += new
                new = []
            if key in into:
                order.append(key)
        order += new
        _in_order(into, order)


def _in_order(into, order):
    """Brings the keys of a dict into an order."""
    now = list(into)
    same = next((n for n, (a, b) in enumerate(zip(now, order)) if a is not b), len(now))
    for key in order[same:]:
        into[key] = into.pop(key)


def arrange(live, rest, texts, name, namespace, unknown):
    """Moves what the last of the statements has just put into `live`, which was `rest` before, to
    where it would stand if all of them had run."""
    above = contents(texts[:-1], (), name, namespace, unknown)
    _arrange(live, rest, above, contents(texts, (), name, namespace, unknown))


def _arrange(live, rest, above, done):
    if not type(live) is type(rest) is type(above) is type(done):
        return
    if type(live) is dict:
        for key in above:
            if key in live and key in rest and key in done:
                _arrange(live[key], rest[key], above[key], done[key])
        # Keys by the objects that are in it.
        if live.keys() != rest.keys() or list(live) != list(rest):
            first = [key for key in live if key in done]
            places = {key: place for place, key in enumerate(done)}
            first.sort(key=places.__getitem__)
            _in_order(live, first + [key for key in live if key not in done])
    elif type(live) is list:
        start, size = len(above), len(rest)
        fixed = size < len(live) and all(map(_alike, live, rest)) and above == live[:start]
        if fixed and start < size and start < len(done) and above == done[:start]:
            live[start:] = live[size:] + live[start:size]
        for part in zip(live, rest, above, done):
            _arrange(*part)


def _alike(a, b):
    """Whether the one is the other, or a copy of it."""
    return a is b or type(a) is type(b) and type(a) in (list, dict, set)


def attribute(text, space, unknown):
    """What `C.a = 1` and `m.a = 1` set, of which class, module or object: that, the name, the value."""
    [node] = ast.parse(text).body
    call = getattr(node, "value", None)
    if isinstance(node, ast.Expr) and isinstance(call, ast.Call) and len(call.args) == 3:
        owner, name, value = call.args
        if getattr(call.func, "id", "") != "setattr" or not isinstance(name, ast.Constant):
            raise Unknown
        node = ast.Assign([ast.Attribute(owner, name.value, ast.Store())], value)
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        raise Unknown
    first, *names = _path(node.targets[0])
    owner = space[first]
    for name in names[:-1]:
        owner = vars(owner)[name]
    if not names:
        raise Unknown
    value = contents([f"__it__ = {ast.unparse(node.value)}"], (), "__it__", space, unknown)
    return owner, names[-1], value
