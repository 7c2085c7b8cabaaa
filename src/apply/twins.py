"""Which function inside of an edited one is which? Those that live get the code of the one that stands in
their place now: under the same key or name or with the same text beside it, wherever that is; else of
one that does the same; else of the one between the same neighbours.
"""
import collections
import dis
import types

LOADS = ("LOAD_", "PUSH_NULL", "COPY", "KW_NAMES", "RESUME", "CACHE", "NOP", "EXTENDED_ARG")
# Whose value is what is on top, and nothing else.
NAMES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")
# 3.11 takes the arguments before it calls.
CALLS = ("PRECALL",) if "PRECALL" in dis.opmap else ("CALL", "CALL_FUNCTION", "CALL_METHOD")
CALLS_KW = ("CALL_KW", "CALL_FUNCTION_KW")
# So many pairs are compared.
MANY = 100_000
# So much of two pieces of code is to be the same where their places say that they are two.
MUCH = 0.5


class Places:
    """Runs through code as the interpreter does, and looks only at what is on the stack: what lies in which
    place there."""

    def __init__(self, code):
        # By the address of the code of a function: where it is kept, from the inside to the outside.
        self.found = {}
        self.depth, self.constants, self.holds, self.paths = 0, {}, {}, {}
        self.keywords, self.named, self.reached = (), code.co_consts, ""
        last = None
        try:
            for step in dis.get_instructions(code):
                self.step(step, last)
                if step.opname.startswith("LOAD_CONST") and isinstance(step.argval, types.CodeType):
                    last = step
        except Exception:
            # An operation of a newer Python: what is known by now counts.
            pass

    def step(self, step, last):
        name, depth = step.opname, self.depth
        argument = step.arg if step.opcode >= dis.HAVE_ARGUMENT else None
        self.kept(step, name, depth)
        after = depth + dis.stack_effect(step.opcode, argument, jump=False)
        self.depth = after
        if name == "MAKE_FUNCTION" and last is not None:
            self.drop(after - 1)
            self.found[id(last.argval)] = () if id(last.argval) not in self.found else None
            self.holds[after - 1] = [last.argval]
        elif name == "SET_FUNCTION_ATTRIBUTE":
            held = self.holds.pop(depth - 1, [])
            self.drop(after - 1)
            self.holds[after - 1] = held
        elif name.startswith(LOADS):
            self.drop(min(depth, after))
            self.path(step, name, depth, after)
            if name in ("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_CONST_IMMORTAL"):
                self.constants[after - 1] = step.argval
            if name == "KW_NAMES":
                # 3.11's `dis` does not know what these are.
                self.keywords = self.named[step.arg]
        elif name.startswith(("STORE_", "POP_", "DELETE_", "RETURN_")):
            self.drop(after)
        else:
            inside = [held for place, held in self.holds.items() if place >= after - 1]
            texts = tuple(filter(None, (self.text(place) for place in range(after - 1, depth))))
            self.drop(after - 1)
            if inside:
                self.holds[after - 1] = [code for held in inside for code in held]
            if texts:
                # `prefix + "open"`, `route("/a")`
                self.constants[after - 1] = texts

    def path(self, step, name, depth, after):
        """`self.ok.connect`: what is called, and names that are keys."""
        if not isinstance(step.argval, str) or name.startswith("LOAD_CONST"):
            return
        before = self.reached if name.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER")) else ""
        path = f"{before}.{step.argval}" if before else step.argval
        for place in range(max(min(depth, after - 1), 0), after):
            self.paths[place] = path
        self.reached = path

    def kept(self, step, name, depth):
        """What an operation keeps, and under what."""
        argument = step.arg
        if name in NAMES:
            self.label(depth - 1, "name", step.argval)
        elif name.startswith("RETURN_"):
            self.label(depth - 1, "return", None)
        elif name == "STORE_ATTR":
            self.label(depth - 2, "attribute", step.argval)
        elif name == "STORE_SUBSCR":
            self.label(depth - 3, "key", self.text(depth - 1))
        elif name == "MAP_ADD":
            self.label(depth - 1, "key", self.text(depth - 2))
        elif name == "BUILD_CONST_KEY_MAP":
            keys = self.constants.get(depth - 1, ())
            for at, key in enumerate(keys):
                self.label(depth - 1 - argument + at, "key", key)
        elif name == "BUILD_MAP":
            for at in range(depth - 2 * argument, depth, 2):
                self.label(at + 1, "key", self.text(at))
        elif name in CALLS:
            self.called(depth, argument, depth - argument, self.keywords)
            self.keywords = ()
        elif name in CALLS_KW:
            self.called(depth - 1, argument, depth - 1 - argument, self.constants.get(depth - 1, ()))
        elif name in ("BUILD_TUPLE", "BUILD_LIST"):
            self.beside(range(depth - argument, depth), (), "")

    def called(self, end, count, first, keywords):
        below = first - 1
        callee = self.paths.get(below) or self.paths.get(below - 1) or ""
        if self.holds.get(below) and not count:
            # How a decorator is called.
            self.label(below, "beside", (self.paths.get(below - 1), (self.text(below - 1),)))
        elif count == 1 and self.constants.get(below):
            self.label(first, "beside", (callee, (self.constants[below],)))
        else:
            self.beside(range(first, end), keywords, callee)

    def beside(self, places, keywords, callee):
        named = len(places) - len(keywords)
        texts = tuple(filter(None, map(self.text, places[:named])))
        for at, place in enumerate(places):
            if at >= named:
                self.label(place, "argument", (keywords[at - named], (callee, texts)))
            else:
                self.label(place, "beside", (callee, texts))

    def text(self, place):
        value = self.constants.get(place)
        return value if isinstance(value, (str, int, tuple)) else self.paths.get(place)

    def label(self, place, kind, value):
        for code in self.holds.get(place, ()):
            if self.found[id(code)] is not None:
                self.found[id(code)] += ((kind, value),)

    def drop(self, first):
        for known in (self.constants, self.holds, self.paths):
            for place in [place for place in known if place >= first]:
                del known[place]


def alike(a, b):
    """Whether code is the same but for its lines."""
    if type(a) is not type(b) or not isinstance(a, types.CodeType):
        # Up to 3.10 the qualified name of a function inside is a constant, which says where it stands.
        return type(a) is type(b) and (a == b or type(a) is str and ".<locals>." in a and ".<locals>." in b)
    for name in ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount"):
        if getattr(a, name) != getattr(b, name):
            return False
    if (a.co_kwonlyargcount, a.co_posonlyargcount) != (b.co_kwonlyargcount, b.co_posonlyargcount):
        return False
    return len(a.co_consts) == len(b.co_consts) and all(map(alike, a.co_consts, b.co_consts))


def words(code):
    found = {*code.co_names, *code.co_varnames, *code.co_freevars}
    for item in code.co_consts:
        found |= words(item) if isinstance(item, types.CodeType) else {repr(item)}
    return found - {"None"}


def likeness(a, b):
    one, other = words(a), words(b)
    return len(one & other) / (len(one | other) or 1)


def pair(old, new, olds, news):
    """For each of the `olds`, functions inside of `old` that have one name, which of the `news` it is; or None."""
    if len(olds) * len(news) > MANY:
        # Data, and no callbacks: in their order, where none came or went; else they keep their code.
        return [number if len(olds) == len(news) else None for number in range(len(olds))]
    before, after = Places(old).found, Places(new).found
    places = [before.get(id(code)) for code in olds], [after.get(id(code)) for code in news]
    out, free = [None] * len(olds), set(range(len(news)))

    def match(at, to):
        out[at] = to
        free.discard(to)

    for how in (tuple, inner, words_beside, first_beside):
        one, other = [[p and how(p) for p in side] for side in places]
        here, there = collections.Counter(one), collections.Counter(other)
        for at, place in enumerate(one):
            if place and out[at] is None and here[place] == 1 == there[place]:
                to = other.index(place)
                if to in free:
                    match(at, to)
    for at, code in enumerate(olds):
        if out[at] is None:
            same = [to for to in sorted(free) if alike(code, news[to])]
            # That between the same neighbours, where there are several.
            low, high = lower(out, at), upper(out, at, len(news))
            near = [to for to in same if low < to < high]
            if same:
                match(at, (near or same)[0])
    at = 0
    while at < len(olds):
        if out[at] is not None:
            at += 1
            continue
        end = at
        while end < len(olds) and out[end] is None:
            end += 1
        between = range(lower(out, at) + 1, upper(out, end - 1, len(news)))
        there = [to for to in between if to in free]
        if len(there) == end - at:
            for number, to in zip(range(at, end), there):
                if may_be(olds[number], news[to], places[0][number], places[1][to]):
                    match(number, to)
        else:
            for number in range(at, end):
                fit = [to for to in there if to in free and olds[number].co_argcount == news[to].co_argcount]
                best = max(fit, key=lambda to: likeness(olds[number], news[to]), default=None)
                if best is not None and likeness(olds[number], news[best]) >= MUCH:
                    match(number, best)
        at = end
    return out


def inner(place):
    """What is next to it alone."""
    return place[:1]


def words_beside(place):
    """The same, whatever is called with these texts."""
    kind, value = place[0]
    return kind, value[1] if kind == "beside" else value[0] if kind == "argument" else value


def first_beside(place):
    kind, value = place[0]
    return (value[1] or None) and (kind, value[1][0]) if kind == "beside" else None


def may_be(one, other, here, there):
    """Whether code that stands where the other one stood may be what became of it."""
    apart = here and there and here[0][1] and there[0][1] and here[0] != there[0]
    return not apart or likeness(one, other) >= MUCH


def lower(out, at):
    return next((to for to in reversed(out[:at]) if to is not None), -1)


def upper(out, at, end):
    return next((to for to in out[at + 1 :] if to is not None), end)
