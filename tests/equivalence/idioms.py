"""Statements as people write them: what `--features idioms` adds to the generator, and how they are
edited. A template stands for each: `#` is an int, made from what is bound above; a name of a letter
and `?`, such as `f?1`, is a new one."""

from __future__ import annotations

import ast
import re

from program import Cat, Stmt

#: What a template binds, by the letter of its names.
CATS = {"f": "fn", "C": "plain", "K": "int", "T": "int", "L": "list", "D": "dict", "E": "other", "N": "other",
        "h": "other", "d": "other", "o": "other", "R": "reg"}

#: (imports, what can be read of the names: `{name: Cat}` in the terms of the template, text)
TEMPLATES = {
    "dispatch": (["functools"], {"K?4": Cat("int")}, """\
@functools.singledispatch
def h?1(x):
    return #
@h?1.register(int)
def _(x):
    return x + #
@h?1.register
def _(x: str):
    return #
K?4 = h?1(#) + h?1('a') + h?1(None)
def f?5():
    return h?1(#) + h?1('b') + h?1(())"""),
    "subclasses": ([], {}, """\
class C?1:
    known = {}
    def __init_subclass__(cls, weight=#, **more):
        super().__init_subclass__(**more)
        cls.known[cls.__name__] = cls
        cls.weight = weight
    def g?2(self):
        return #
class C?3(C?1):
    def g?4(self):
        return self.g?2() + self.weight
class C?5(C?1, weight=#):
    def g?2(self):
        return super().g?2() + #
def f?6():
    return sum(c.weight + c().g?2() for c in C?1.known.values())"""),
    "metaclass": ([], {"K?5": Cat("int")}, """\
class C?1(type):
    made = []
    def __new__(mcs, name, bases, space):
        space['tag'] = #
        made = super().__new__(mcs, name, bases, space)
        mcs.made.append(made)
        return made
    def g?6(cls):
        return #
class C?2(metaclass=C?1):
    c?3 = #
    def g?4(self):
        return self.tag + self.c?3
K?5 = C?2.tag + C?2.g?6()"""),
    "extends": ([], {"C?3": Cat("plain")}, """\
def d?1(cls):
    cls.extra = #
    cls.g?2 = lambda self: self.extra + #
    return cls
@d?1
class C?3:
    c?4 = #
    def g?5(self):
        return self.g?2() + self.c?4"""),
    "wraps_class": ([], {}, """\
def d?1(n):
    def outer(cls):
        class Inner(cls):
            def g?2(self):
                return super().g?2() + n
        Inner.__name__ = cls.__name__
        Inner.__qualname__ = cls.__qualname__
        return Inner
    return outer
@d?1(#)
class C?3:
    def g?2(self):
        return #"""),
    "table": ([], {}, """\
def f?1(n=#):
    return n + #
class C?2:
    def g?3(self):
        return #
D?4 = {'a': f?1, 'b': lambda n=#: n + #, 'c': C?2, 'd': C?2().g?3}
def f?5():
    return D?4['a']() + D?4['b']() + D?4['c']().g?3() + D?4['d']()"""),
    "abstract": (["abc"], {}, """\
class C?1(abc.ABC):
    @abc.abstractmethod
    def g?2(self):
        return #
    def g?3(self):
        return self.g?2() + #
class C?4(C?1):
    def g?2(self):
        return super().g?2() + #
K?5 = C?4().g?3()"""),
    "generic": (["typing"], {}, """\
h?1 = typing.TypeVar('h?1')
class C?2(typing.Generic[h?1]):
    c?3: int = #
    def g?4(self) -> 'h?1':
        return #
class C?5(C?2[int]):
    def g?4(self):
        return super().g?4() + self.c?3
h?6 = C?2[str]
K?7 = C?5().g?4() + h?6().g?4()"""),
    "protocol": (["typing"], {}, """\
@typing.runtime_checkable
class C?1(typing.Protocol):
    def g?2(self) -> int: ...
class C?3:
    def g?2(self):
        return #
K?4 = # if isinstance(C?3(), C?1) else #"""),
    "typed_dict": (["typing"], {}, """\
class N?1(typing.TypedDict, total=False):
    a: int
    b: 'str'
D?2 = N?1(a=#)
K?3 = D?2['a'] + len(N?1.__annotations__)"""),
    "fallback": ([], {}, """\
try:
    from no_such_module_here import f?1
except ImportError:
    def f?1(a=#):
        return a + #
else:
    f?1 = None
K?2 = f?1() + f?1(#)"""),
    "optional": ([], {}, """\
try:
    import json as h?1
    import no_such_module_here as h?2
except ImportError:
    h?2 = None
K?3 = # if h?2 is None else #
if h?1:
    def f?4():
        return #"""),
    "type_checking": (["typing"], {}, """\
if typing.TYPE_CHECKING:
    from collections.abc import Iterator
def f?1(a: 'Iterator' = #) -> 'Iterator':
    return #"""),
    "nonlocal": ([], {}, """\
def h?1(n):
    total = #
    def add(m):
        nonlocal total
        total += m + n
        return total
    def look():
        return total + #
    return add, look
h?2, f?3 = h?1(#)
h?2(#)"""),
    "async": ([], {}, """\
async def h?1(n):
    return n + #
async def h?2():
    return await h?1(#) + await h?1(#)
def f?3():
    try:
        h?2().send(None)
    except StopIteration as stop:
        return stop.value
K?4 = f?3()"""),
    "context": (["contextlib"], {}, """\
@contextlib.contextmanager
def h?1(n=#):
    yield n + #
def f?2():
    with h?1() as value:
        return value + #
with h?1(#) as K?3:
    pass"""),
    "cached": (["functools"], {}, """\
class C?1:
    @functools.cached_property
    def g?2(self):
        return #
    @functools.lru_cache(None)
    def g?3(self):
        return self.g?2 + #
K?4 = C?1().g?2"""),
    "descriptor": ([], {}, """\
class C?1:
    def __init__(self, n=#):
        self.n = n
    def __set_name__(self, owner, name):
        owner.named = name
    def __get__(self, instance, owner=None):
        return self.n + #
class C?2:
    c?3 = C?1(#)
    def g?4(self):
        return self.c?3 + len(self.named)
K?5 = C?2.c?3"""),
    "members": (["enum"], {}, """\
class E?1(enum.Enum):
    V?2 = (#, 'a')
    V?3 = (#, 'b')
    def __init__(self, number, text):
        self.number = number
    @property
    def doubled(self):
        return self.number * 2 + #
    @classmethod
    def first(cls):
        return next(iter(cls))
K?4 = E?1.V?2.doubled + E?1.first().number
D?5 = {E?1.V?2: #, E?1.V?3: #}
def f?6():
    return D?5[E?1.V?3] + E?1.V?3.doubled"""),
    "flags": (["enum"], {}, """\
class E?1(enum.Flag):
    V?2 = enum.auto()
    V?3 = enum.auto()
    V?4 = V?2 | V?3
h?5 = E?1.V?2 | E?1.V?3
K?6 = h?5.value + #
def f?7():
    return (E?1.V?4 & E?1.V?3).value + #"""),
    "names": (["enum"], {}, """\
class E?1(str, enum.Enum):
    V?2 = 'one'
    V?3 = 'two'
    @classmethod
    def _missing_(cls, value):
        return cls.V?2
    def __str__(self):
        return self.value
D?4 = {m.value: len(m.name) + # for m in E?1}
K?5 = len(str(E?1('three')))"""),
    "fields": (["dataclasses", "typing"], {}, """\
@dataclasses.dataclass
class C?1:
    x?2: int = #
    x?3: list = dataclasses.field(default_factory=lambda: [#])
    c?4: typing.ClassVar[int] = #
    start: dataclasses.InitVar[int] = #
    def __post_init__(self, start):
        self.x?2 += start
    def total(self):
        return self.x?2 + sum(self.x?3) + self.c?4
@dataclasses.dataclass
class C?6(C?1):
    x?7: int = #
    def total(self):
        return super().total() + self.x?7
K?8 = C?6().total() + len(dataclasses.fields(C?6))"""),
    "slots": ([], {}, """\
class C?1:
    __slots__ = ('a', 'b')
    def __init__(self, a=#, b=#):
        self.a, self.b = a, b
    def total(self):
        return self.a + self.b
    def __call__(self):
        return self.total() + #
    def __eq__(self, other):
        return self.a == other.a
o?3 = C?1(#)
K?4 = C?1()()"""),
    "namespace": (["types"], {}, """\
o?1 = types.SimpleNamespace(a=#, b=#)
o?1.c = #
K?2 = o?1.a + o?1.c
def f?3():
    return o?1.b"""),
    "texts": (["re"], {}, """\
h?1 = f"{#}-{#:>4}"
h?2 = re.compile(rf"[a-c]{{{#}}}")
K?3 = len(h?1) + len(h?2.pattern)
def f?4():
    return len(h?2.pattern) + len(f"{h?1}!{#}")"""),
    "unpacked": ([], {}, """\
K?1, K?2 = #, #
K?3, *L?4 = K?2, #, #
(K?5, K?6), K?7 = (K?1, #), #
if (K?8 := #) > #:
    K?8 += #"""),
    "built": ([], {}, """\
D?1 = {}
L?2 = []
for n in range(3):
    D?1[n] = # + n
    if n > 0:
        L?2.append(n * #)
D?1.update(a=#)
D?3 = {**D?1, 'b': #}
K?4 = sum(D?3.values()) + sum(L?2)"""),
    "nested": ([], {}, """\
D?1 = {'a': #, 'b': #}
h?2 = {'deep': {'x': #, 'y': [#, #]}, 'table': D?1}
h?2['deep']['x'] += #
h?2['deep']['y'].append(#)
K?3 = h?2['deep']['x'] + sum(h?2['deep']['y']) + h?2['table']['a']"""),
    "mixins": ([], {}, """\
class C?1:
    c?2 = #
    def g?3(self):
        return self.c?2 + #
class C?4:
    def g?3(self):
        return super().g?3() + #
class C?5(C?4, C?1):
    c?2 = #
    g?6 = C?1.g?3
K?7 = C?5().g?3() + C?5().g?6()"""),
    "decorator_class": (["functools"], {}, """\
class C?1:
    def __init__(self, fn):
        self.fn = fn
        functools.update_wrapper(self, fn)
    def __call__(self, *args):
        return self.fn(*args) + #
    def __get__(self, instance, owner):
        return self if instance is None else functools.partial(self, instance)
@C?1
def f?2():
    return #
class C?3:
    @C?1
    def g?4(self):
        return #
K?5 = f?2() + C?3().g?4()"""),
    "made": ([], {}, """\
class C?1:
    def g?2(self):
        return #
C?3 = type('C?3', (C?1,), {'g?4': lambda self: self.g?2() + #, 'c?5': #})
K?6 = C?3().g?4() + C?3.c?5"""),
    "methods": (["functools", "operator"], {}, """\
class C?1:
    def _get(self):
        return #
    g?2 = property(_get)
    def g?3(self, a=#, b=#):
        return a + b
    g?4 = functools.partialmethod(g?3, #)
    g?5 = staticmethod(lambda: #)
h?6 = operator.attrgetter('g?2')
K?7 = h?6(C?1()) + C?1().g?4()"""),
    "ordering": (["functools"], {}, """\
@functools.total_ordering
class C?1:
    def __init__(self, n=#):
        self.n = n
    def __eq__(self, other):
        return self.n == other.n
    def __lt__(self, other):
        return self.n < other.n + #
    def __hash__(self):
        return self.n
K?2 = max(C?1(#), C?1(#), C?1()).n"""),
    "plugins": ([], {}, """\
R?1 = {}
def d?2(name, weight=#):
    def add(fn):
        R?1[name] = (fn, weight)
        return fn
    return add
@d?2('one')
def f?3(n=#):
    return n + #
@d?2('two', weight=#)
def f?4(n=#):
    return n + #
def f?5():
    return sum(fn() + weight for fn, weight in R?1.values())"""),
    "classes": ([], {}, """\
class C?1:
    order = #
    def g?2(self):
        return #
class C?3(C?1):
    order = #
L?4 = sorted([c.order for c in (C?1, C?3)])
D?5 = {c.__name__: c for c in (C?1, C?3)}
def f?6():
    return sum(c().g?2() for c in D?5.values())"""),
    "lazy": ([], {}, """\
def h?1():
    global K?2
    if K?2 is None:
        K?2 = #
    return K?2
K?2 = None
def f?3():
    return (K?2 or #) + #"""),
    "configured": ([], {}, """\
class C?1:
    c?2 = #
    c?3 = c?2 + #
    c?4 = [c?3, #]
    c?5 = {'a': c?2}
    c?5['b'] = #
    if c?2 > #:
        c?6 = #
    else:
        c?6 = #
    for _n in range(2):
        c?4.append(_n + #)
    def g?7(self):
        return self.c?6 + sum(self.c?4) + sum(self.c?5.values())
C?1.c?8 = C?1.c?3 + #
K?9 = C?1().g?7() + C?1.c?8"""),
    "iterated": (["itertools"], {}, """\
h?1 = itertools.count(#)
K?2, K?3 = next(h?1), next(h?1)
T?4 = sum(itertools.accumulate([#, #]))"""),
    "guard": ([], {}, """\
def h?1(argv=None):
    return #
if __name__ == '__main__':
    h?1()
assert h?1() is not None
K?2 = h?1() if h?1 else #"""),
    "inherits_error": ([], {}, """\
class C?1(Exception):
    code = #
    def __init__(self, text='a'):
        super().__init__(text)
class C?2(C?1):
    code = C?1.code + #
def f?3():
    try:
        raise C?2('b')
    except C?1 as error:
        return error.code + #
K?4 = f?3()"""),
    "default": ([], {}, """\
K?1 = #
if # > #:
    K?1 = #
K?2 = K?1 + #"""),
    "tried": ([], {}, """\
K?1 = #
try:
    from no_such_module_here import K?1
except ImportError:
    pass
K?2 = K?1 + #"""),
    "converted": ([], {}, """\
K?1 = #
D?2 = {'a': #}
try:
    K?1 = D?2['a']
except KeyError:
    pass
K?3 = K?1 + #"""),
    "layers": ([], {}, """\
K?1 = #
L?2 = [#]
if K?1 > #:
    K?1 = #
    L?2 = L?2 + [#]
elif K?1 < #:
    L?2.append(#)
if # > #:
    L?2 = [#]
K?3 = K?1 + sum(L?2)
def f?4():
    return K?1 + len(L?2)"""),
    "replaced": ([], {}, """\
def f?1():
    return #
class C?2:
    c?3 = #
if # > #:
    def f?1():
        return #
    class C?2:
        c?3 = #
K?4 = f?1() + C?2.c?3"""),
    "marks": ([], {}, """\
def d?1(n):
    def mark(fn):
        fn.weight = n + #
        return fn
    return mark
@d?1(#)
def f?2():
    return #
K?3 = f?2.weight + #"""),
    "scan": ([], {}, """\
def f?1():
    return #
K?2 = len([n for n in globals() if n.startswith('f')]) + #
def h?3(names):
    return sorted(n for n in names if n[:1] in 'fC')
K?4 = len(h?3(globals()))"""),
    "bases": ([], {}, """\
class C?1:
    c?2 = #
class C?3:
    c?2 = #
    def g?7(self):
        return #
class C?4(C?3, C?1):
    pass
class C?5(C?4):
    pass
K?6 = C?5.c?2 + #
K?8 = # if issubclass(C?5, C?1) else #
K?9 = C?5().g?7() if hasattr(C?5, 'g?7') else #"""),
    "set_in_loop": ([], {}, """\
class C?1:
    pass
for n in ('a', 'b', 'c')[:#]:
    setattr(C?1, n, #)
K?2 = len([n for n in vars(C?1) if len(n) == 1])"""),
    "handed_on": ([], {}, """\
def h?1(**given):
    return given
D?2 = h?1(a=#, b=#)
D?2['c'] = #
K?3 = sum(D?2.values())"""),
    "delegates": ([], {}, """\
class C?1:
    def __getattr__(self, name):
        if name.startswith('v'):
            return #
        raise AttributeError(name)
    def __getitem__(self, key):
        return key + #
    def __len__(self):
        return 2
    def __iter__(self):
        yield #
        yield #
o?2 = C?1()
K?3 = o?2.value + o?2[#] + len(o?2) + sum(o?2)"""),
}

NEW = re.compile(r"([a-zA-Z])\?(\d)")


def bound(text):
    """The names that a text binds in its module."""
    out, todo = set(), list(ast.parse(text).body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            out.add(node.name)
            out.update(n for inner in ast.walk(node) if isinstance(inner, ast.Global) for n in inner.names)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            out.add(node.id)
        elif isinstance(node, ast.alias):
            out.add(node.asname or node.name)
        if not isinstance(node, ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
    return out


class Idioms:
    """What a maker can make beside its own statements."""

    def idiom(self, module, env):
        kind = self.rng.choice(list(TEMPLATES))
        imports, known, template = TEMPLATES[kind]
        names, cats = {}, {}

        def name(found):
            if found.group() not in names:
                names[found.group()] = self.p.new(found.group(1))
            return names[found.group()]

        text = NEW.sub(name, template)
        text = re.sub("#", lambda _: self.int(env, 1), text)
        own = bound(text)
        for written, new in names.items():
            if new in own and new[0] in CATS:
                cats[new] = known.get(written) or Cat(CATS[new[0]])
        for line in imports:
            self.need(module, f"import {line}")
        return Stmt("idiom", cats, text)


    def late_import(self, module, env):
        """A function that imports when it is called, and what calling it gave."""
        before = self.p.modules[:self.p.index(module.name)]
        kinds = ("int", "fn", "list", "dict", "cls", "enum")
        known = [(m, n, c) for m in before for n, c in self.p.env(m).items() if c.cat in kinds]
        if not known:
            return None
        target, name, cat = self.rng.choice(known)
        function, value = self.p.new("f"), self.p.new("K")
        where, read = self.p.full(target.name), self.int_of(name, cat, {}) or "1"
        through = re.sub(rf"(?<![.\w]){name}", f"other.{name}", read)
        local = self.rng.choice([
            f"from {where} import {name}\n    return {read} + {self.int({}, 1)}",
            f"import {where} as other\n    return {through}",
        ])
        text = f"def {function}():\n    {local}\n{value} = {function}() + {self.int(env, 1)}"
        return Stmt("idiom", {function: Cat("fn"), value: Cat("int")}, text)


class IdiomEdits:
    """How an editor changes such a statement."""

    def idiom_name(self):
        """Another of its names of the same kind in the place of one: other bases, another function."""
        found = self.find("idiom")
        if not found:
            return False
        text = found[2].text
        names = sorted(set(re.findall(r"(?<![\w.'\"])[CKLDfh]\d+\b", text)))
        places = [m for m in re.finditer(r"(?<![\w.'\"])[CKLDfh]\d+\b(?! =|\()", text)
                  if not re.search(r"(def|class|import) $", text[:m.start()])]
        if not places:
            return False
        at = self.rng.choice(places)
        others = [n for n in names if n[0] == at.group()[0] and n != at.group()]
        if not others:
            return False
        new = text[:at.start()] + self.rng.choice(others) + text[at.end():]
        return self.became(found[2], new.split("\n"))

    def idiom_number(self):
        """Another number in it, or an expression in its place."""
        found = self.find("idiom")
        if not found:
            return False
        m, i, s = found
        numbers = list(re.finditer(r"(?<![\w.'\"])\d+\b", s.text))
        if not numbers:
            return False
        at = self.rng.choice(numbers)
        new = str(self.rng.randrange(1, 1000)) if self.rng.random() < 0.6 else self.maker.int(self.without(self.p.env(m, i), s), 1)
        s.text = s.text[:at.start()] + new + s.text[at.end():]
        return True

    def idiom_line(self):
        """A line is gone, is there twice, or changes places with the next."""
        found = self.find("idiom")
        if not found:
            return False
        lines = found[2].text.split("\n")
        at, form = self.rng.randrange(len(lines)), self.rng.randrange(4)
        if form == 0:
            lines.insert(at, lines[at])
        elif form == 1 and at + 1 < len(lines):
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        elif form == 2:
            indent = re.match(" *", lines[at]).group()
            lines.insert(at, indent + self.rng.choice(["pass", "_note = 1", "# a remark", "def g0(self=None): return 1"]))
        else:
            del lines[at]
        return self.became(found[2], lines)

    def idiom_block(self):
        """A definition inside it is gone, or stands elsewhere."""
        found = self.find("idiom")
        if not found:
            return False
        lines = found[2].text.split("\n")
        begins = [n for n, line in enumerate(lines) if re.match(r" *(async )?(def|class|@|[a-zA-Z]\w* = )", line)]
        if not begins:
            return False
        begin = self.rng.choice(begins)
        indent = len(re.match(" *", lines[begin]).group())
        end = begin + 1
        while end < len(lines) and (len(re.match(" *", lines[end]).group()) > indent or lines[end - 1].lstrip().startswith("@")):
            end += 1
        block = lines[begin:end]
        del lines[begin:end]
        if self.rng.random() < 0.5:
            places = [n for n in range(len(lines) + 1)
                      if n == len(lines) or len(re.match(" *", lines[n]).group()) == indent]
            at = self.rng.choice(places)
            lines[at:at] = block
        return self.became(found[2], lines)

    def became(self, stmt, lines):
        text = "\n".join(lines)
        try:
            compile(text, "idiom", "exec")
        except SyntaxError:
            return False
        stmt.text = text
        stmt.cats = {n: c for n, c in stmt.cats.items() if re.search(rf"\b{n}\b", text)}
        return bool(text)
