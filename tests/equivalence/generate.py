"""Makes programs: statements of many kinds over what is bound before them."""

from __future__ import annotations

import random

from idioms import Idioms
from program import Cat, Module, Program, Stmt

#: How often a kind of statement is made.
KINDS = {"const": 14, "derived": 12, "func": 20, "klass": 16, "container": 8, "mutate": 5, "deco": 5,
         "enumeration": 5, "named": 4, "instance": 5, "closure": 5, "conditional": 5, "guarded": 4,
         "loop": 3, "state": 5, "called": 4, "alias": 3, "twice": 2, "annotated": 2, "generator": 3,
         "late": 4, "lambda_": 3, "partial": 2, "attribute": 1}
#: Statements that reach into another statement's object at import time; `--features` adds them.
RARE = {"registry": 3, "foreign": 2, "counted": 2, "deleted": 2, "shares": 16}
#: Statements as people write them, see idioms.py: a group of its own.
GROUPS = {"idioms": {"idiom": 40, "late_import": 5}}


class Maker(Idioms):
    def __init__(self, rng: random.Random, program: Program):
        self.rng, self.p = rng, program
        self.kinds = dict(KINDS)
        for kind in (kind for kind in RARE if kind in program.features):
            self.kinds[kind] = RARE[kind]
        for group in (group for group in GROUPS if group in program.features):
            self.kinds.update(GROUPS[group])

    # -- expressions -------------------------------------------------------------------------

    def pick(self, env, *cats):
        names = [n for n, c in env.items() if c.cat in cats]
        return self.rng.choice(names) if names else None

    def int(self, env, depth=0):
        """An expression that is an int, from literals and what `env` has."""
        rng = self.rng
        if depth < 2 and rng.random() < 0.3:
            op = rng.choice(["+", "-", "*", "+"])
            return f"({self.int(env, depth + 1)} {op} {self.int(env, depth + 1)})"
        if not env or rng.random() < 0.25:
            return str(rng.randrange(1, 100))
        name, c = rng.choice(list(env.items()))
        return self.int_of(name, c, env) or str(rng.randrange(1, 100))

    def int_of(self, name, c, env):
        rng = self.rng
        if c.cat == "int":
            return name
        if c.cat == "fn":
            return f"{name}({rng.randrange(1, 9)})" if c.params and rng.random() < 0.4 else f"{name}()"
        if c.cat == "list":
            return rng.choice([f"len({name})", f"sum({name})"])
        if c.cat == "dict":
            return rng.choice([f"len({name})", f"sum({name}.values())"])
        if c.cat == "gen":
            return f"sum({name}())"
        methods = [] if "no-methods" in self.p.features else c.methods
        if c.cat in ("cls", "obj") and (c.attrs or methods):
            choice = rng.choice([*c.attrs, *methods])
            if choice in c.attrs:
                return f"{name}.{choice}"
            call = "" if choice in c.props else "()"
            return f"{name}.{choice}{call}" if c.cat == "obj" else f"{name}().{choice}{call}"
        if c.cat == "enum" and c.attrs:
            return f"{name}.{rng.choice(c.attrs)}.value"
        if c.cat == "nt":
            return f"{name}().{rng.choice(c.attrs)}"
        if c.cat == "mod":
            target = self.p.module(c.attrs[0])
            there = {n: k for n, k in self.p.env(target).items() if k.cat in ("int", "fn", "cls", "list", "enum")}
            if there:
                n, k = rng.choice(list(there.items()))
                inner = self.int_of(n, k, {})
                return f"{name}.{inner}" if inner and inner.startswith(n) else (
                    inner.replace(f"({n})", f"({name}.{n})") if inner else None)
        return None

    # -- statements --------------------------------------------------------------------------

    def stmt(self, module, env):
        kind = self.rng.choices(list(self.kinds), list(self.kinds.values()))[0]
        made = getattr(self, kind)(module, env)
        return made or self.const(module, env)

    def const(self, module, env):
        name = self.p.new("K")
        value = self.literal(env)
        return Stmt("const", {name: Cat("int")}, f"{name} = {value}")

    def literal(self, env):
        return str(self.rng.randrange(1, 1000))

    def derived(self, module, env):
        name = self.p.new("T")
        return Stmt("derived", {name: Cat("int")}, f"{name} = {self.int(env)}")

    def annotated(self, module, env):
        name = self.p.new("K")
        return Stmt("derived", {name: Cat("int")}, f"{name}: int = {self.int(env)}")

    def alias(self, module, env):
        source = self.pick(env, "fn", "cls", "list", "dict", "enum")
        if not source:
            return None
        c = env[source]
        name = self.p.new({"fn": "f", "cls": "C", "list": "L", "dict": "D", "enum": "E"}[c.cat])
        return Stmt("alias", {name: c}, f"{name} = {source}")

    def shares(self, module, env):
        """Another name for an object of this module or another one, alone or in something."""
        name = self.p.new("A")
        text = self.shared_text(module, env, name)
        return text and Stmt("shares", {name: Cat("shared")}, text)

    def shared_text(self, module, env, name):
        rng = self.rng
        kinds = ("list", "dict", "fn", "cls", "enum", "obj")
        sources = {n: c.cat for n, c in env.items() if c.cat in kinds}
        for owner, c in env.items():
            if c.cat == "mod":
                there = self.p.env(self.p.module(c.attrs[0]))
                sources.update({f"{owner}.{n}": k.cat for n, k in there.items() if k.cat in kinds})
        # Containers more often: they are what is merged in place.
        sources = [n for n, cat in sources.items() for _ in range(5 if cat in ("list", "dict") else 1)]
        if not sources:
            return None
        one, other = rng.choice(sources), rng.choice(sources)
        return rng.choice([
            *[f"{name} = {one}"] * 4, f"{name} = {one} or {other}", f"{name} = [{one}, {other}]",
            f"{name} = {{'a': {one}, 'b': [{other}]}}", f"{name} = ({one}, {other})",
            f"class {name}:\n    one = {one}\n    two = [{other}]",
            f"{name} = (lambda: {one})()", f"{name} = {{'a': [{rng.randrange(9)}], 'b': {one}}}",
        ])

    def container(self, module, env):
        rng = self.rng
        form = rng.randrange(5)
        items = [self.int(env, 1) for _ in range(rng.randrange(1, 5))]
        if form < 2:
            name = self.p.new("L")
            text = f"[{', '.join(items)}]" if form else f"[n * {self.int(env, 1)} for n in range({rng.randrange(1, 5)})]"
            return Stmt("container", {name: Cat("list")}, f"{name} = {text}")
        name = self.p.new("D")
        pairs = ", ".join(f"'k{i}': {item}" for i, item in enumerate(items))
        text = f"{{{pairs}}}" if form < 4 else f"{{n: n + {self.int(env, 1)} for n in ({rng.randrange(9)}, 11)}}"
        return Stmt("container", {name: Cat("dict")}, f"{name} = {text}")

    def mutate(self, module, env):
        """A chain on a container or number of this module."""
        own = {n: c for s in module.stmts for n, c in s.cats.items() if n in env and s.kind == "container"}
        ints = {n for s in module.stmts for n, c in s.cats.items() if s.kind in ("const", "derived") and n in env}
        rng = self.rng
        if ints and rng.random() < 0.3:
            name = rng.choice(sorted(ints))
            return Stmt("mutate", {}, f"{name} += {self.int({k: v for k, v in env.items() if k != name}, 1)}")
        if not own:
            return None
        name, c = rng.choice(list(own.items()))
        made = next(i for i, s in enumerate(module.stmts) if name in s.cats)
        if "(" in module.stmts[made].text and any(
                name in self.p.render_stmt(module, s) for s in module.stmts[made + 1:] if s.kind != "mutate"):
            return None  # see Program.half_filled
        rest = {k: v for k, v in env.items() if k != name}
        value = self.int(rest, 1)
        if c.cat == "list":
            text = rng.choice([f"{name}.append({value})", f"{name} += [{value}]", f"{name}.extend([{value}, 3])"])
        else:
            key = f"'k{rng.randrange(6)}'"
            text = rng.choice([f"{name}[{key}] = {value}", f"{name}.update({{{key}: {value}}})",
                               f"{name}.setdefault({key}, {value})"])
        return Stmt("mutate", {}, text)

    def loop(self, module, env):
        source = self.pick(env, "list")
        name = self.p.new("T")
        over = source or f"range({self.rng.randrange(2, 6)})"
        n = self.p.new("K")
        return Stmt("loop", {name: Cat("int"), n: Cat("int")},
                    f"{name} = {n} = {self.int(env)}\nfor {n} in {over}:\n    {name} += {n} + {self.int(env, 1)}")

    def conditional(self, module, env):
        rng, name = self.rng, self.p.new("f")
        test = f"{self.int(env, 1)} > {rng.randrange(100)}"
        if rng.random() < 0.5:
            name = self.p.new("K")
            return Stmt("conditional", {name: Cat("int")},
                        f"if {test}:\n    {name} = {self.int(env)}\nelse:\n    {name} = {self.int(env)}")
        return Stmt("conditional", {name: Cat("fn")},
                    f"if {test}:\n    def {name}():\n        return {self.int(env)}\nelse:\n"
                    f"    def {name}():\n        return {self.int(env)}")

    def guarded(self, module, env):
        name = self.p.new("K")
        bad = self.rng.choice(["import no_such_module_here", "int('x')", "{}['gone']", "pass"])
        return Stmt("guarded", {name: Cat("int")},
                    f"try:\n    {bad}\n    {name} = {self.int(env)}\nexcept (ImportError, ValueError, KeyError):\n"
                    f"    {name} = {self.int(env)}")

    def state(self, module, env):
        """Run-time state: the host calls `bump`, a reload must not lose what it counted."""
        name, bump = self.p.new("S"), self.p.new("b")
        if self.rng.random() < 0.5:
            return Stmt("state", {name: Cat("state"), bump: Cat("bump")},
                        f"{name} = 0\ndef {bump}():\n    global {name}\n    {name} += 1\n    return {name}")
        return Stmt("state", {name: Cat("state"), bump: Cat("bump")},
                    f"{name} = []\ndef {bump}():\n    {name}.append(len({name}))\n    return len({name})")

    def called(self, module, env):
        """A function that binds a global, called at import."""
        name, setter = self.p.new("K"), self.p.new("h")
        return Stmt("called", {name: Cat("int"), setter: Cat("other")},
                    f"def {setter}():\n    global {name}\n    {name} = {self.int(env)}\n{setter}()")

    def twice(self, module, env):
        name = self.p.new("f")
        return Stmt("twice", {name: Cat("fn")},
                    f"def {name}():\n    return {self.int(env)}\n"
                    f"def {name}():\n    return {self.int(env)}")

    def lambda_(self, module, env):
        name = self.p.new("f")
        return Stmt("lambda", {name: Cat("fn")}, f"{name} = lambda a={self.int(env, 1)}: a + {self.int(env)}")

    def partial(self, module, env):
        source = self.pick({n: c for n, c in env.items() if c.params}, "fn")
        if not source:
            return None
        name = self.p.new("f")
        self.need(module, "import functools")
        return Stmt("partial", {name: Cat("fn")}, f"{name} = functools.partial({source}, {self.int(env, 1)})")

    def attribute(self, module, env):
        own = {n for s in module.stmts if s.kind == "def" for n, c in s.cats.items() if c.cat == "fn" and n in env}
        if not own:
            return None
        return Stmt("attribute", {}, f"{self.rng.choice(sorted(own))}.note = {self.int(env, 1)}")

    # -- functions ---------------------------------------------------------------------------

    def params(self, env):
        rng = self.rng
        out = [f"{n}={self.int(env, 1)}" for n in ("a", "b")[:rng.randrange(3)]]
        if out and rng.random() < 0.3:
            out.append(rng.choice([f"*, c={self.int(env, 1)}", "*rest", "**more"]))
        return out

    def body(self, env, params):
        rng, lines = self.rng, []
        local = [p.split("=")[0] for p in params if "=" in p and "*" not in p]
        scope = {**env, **{n: Cat("int") for n in local}}
        for _ in range(rng.randrange(3)):
            form = rng.randrange(6)
            if form == 0:
                lines.append(f"t = {self.int(scope)}")
                scope["t"] = Cat("int")
            elif form == 1:
                lines += [f"if {self.int(scope, 1)} > {rng.randrange(200)}:", f"    return {self.int(scope)}"]
            elif form == 2:
                lines.append(f"u = [n + {self.int(scope, 1)} for n in range({rng.randrange(4)})]")
                scope["u"] = Cat("list")
            elif form == 3:
                lines += [f"def inner(n={self.int(scope, 1)}):", f"    return n + {self.int(scope)}"]
                scope["inner"] = Cat("fn")
            elif form == 4:
                lines += ["try:", f"    v = {self.int(scope, 1)} // {rng.randrange(2)}",
                          "except ZeroDivisionError:", f"    v = {self.int(scope, 1)}"]
                scope["v"] = Cat("int")
            else:
                lines += ["w = 0", f"for n in range({rng.randrange(1, 4)}):", f"    w += n * {self.int(scope, 1)}"]
                scope["w"] = Cat("int")
        lines.append(f"return {self.int(scope)}")
        return lines

    def func(self, module, env):
        name, params = self.p.new("f"), self.params(env)
        decorators = []
        cat = Cat("fn", params=[p for p in params if "*" not in p])
        if self.rng.random() < 0.3:
            decorators = self.decorators(module, env)
        parts = {"name": name, "params": params, "decorators": decorators, "body": self.body(env, params),
                 "doc": self.doc(), "returns": self.rng.choice(["", "", " -> int"])}
        return Stmt("def", {name: cat}, parts=parts)

    def doc(self):
        return self.rng.choice([None, None, f"Text {self.rng.randrange(100)}."])

    def late(self, module, env):
        """A function that may read what is bound below it; nobody calls it at import."""
        made = self.func(module, self.p.env(module) or env)
        made.parts["decorators"] = []
        made.parts["params"] = []
        made.cats = {made.parts["name"]: Cat("late")}
        made.parts["body"] = self.body({n: c for n, c in self.p.env(module).items()} or env, [])
        return made

    def generator(self, module, env):
        name = self.p.new("y")
        body = [f"for n in range({self.rng.randrange(1, 4)}):", f"    yield n + {self.int(env)}"]
        return Stmt("def", {name: Cat("gen")}, parts={"name": name, "params": [], "decorators": [], "body": body})

    def closure(self, module, env):
        """A factory and a closure that it made at import."""
        factory, made = self.p.new("h"), self.p.new("f")
        inner = self.rng.choice([["def inner(a=1):", f"    return a + n + {self.int(env)}", "return inner"],
                                 [f"return lambda a=2: a * n + {self.int(env)}"],
                                 [f"base = n + {self.int(env, 1)}", "def inner():", "    return base", "return inner"]])
        text = f"def {factory}(n):\n" + "\n".join("    " + line for line in inner)
        return Stmt("closure", {factory: Cat("factory"), made: Cat("fn")},
                    f"{text}\n{made} = {factory}({self.int(env, 1)})")

    def deco(self, module, env):
        rng, name = self.rng, self.p.new("d")
        form = rng.randrange(5)
        wrap = ["    @functools.wraps(fn)"] if form in (0, 2) else []
        inner = [*wrap, "    def wrapper(*args, **kwargs):", f"        return fn(*args, **kwargs) + {self.int(env, 1)}",
                 "    return wrapper"]
        if wrap:
            self.need(module, "import functools")
        if form < 2:
            return Stmt("deco", {name: Cat("deco")}, "\n".join([f"def {name}(fn):", *inner]))
        if form == 2:
            inner = ["    " + line for line in inner]
            inner[-2] += " + n"
            return Stmt("deco", {name: Cat("decof")}, "\n".join([f"def {name}(n):", "    def outer(fn):", *inner, "    return outer"]))
        if form == 3:
            return Stmt("deco", {name: Cat("deco")}, f"def {name}(fn):\n    fn.tag = {self.int(env, 1)}\n    return fn")
        return Stmt("deco", {name: Cat("cdeco")}, f"def {name}(cls):\n    cls.tag = {self.int(env, 1)}\n    return cls")

    def decorators(self, module, env):
        rng, found = self.rng, []
        for _ in range(rng.choice([1, 1, 2])):
            name = self.pick(env, "deco", "decof")
            if name:
                found.append(f"@{name}" if env[name].cat == "deco" else f"@{name}({self.int(env, 1)})")
        if not found or rng.random() < 0.1:
            self.need(module, "import functools")
            found.append(rng.choice(["@functools.lru_cache(maxsize=None)", "@functools.lru_cache"]))
        return found

    def need(self, module, line):
        """An import of the standard library at the top of the module."""
        if not any(s.text == line for s in module.stmts):
            module.stmts.insert(0, Stmt("std", {}, line))

    # -- classes -----------------------------------------------------------------------------

    def klass(self, module, env):
        rng, name = self.rng, self.p.new("C")
        data = rng.random() < 0.25
        parts = {"name": name, "bases": [], "decorators": [], "members": [], "doc": self.doc(), "data": data}
        if data:
            self.need(module, "import dataclasses")
            parts["decorators"] = [rng.choice(["@dataclasses.dataclass", "@dataclasses.dataclass(order=True)",
                                               "@dataclasses.dataclass(frozen=True)"])]
        elif rng.random() < 0.45:
            base = self.pick({n: c for n, c in env.items() if not c.props or c.props != ["frozen"]}, "cls")
            parts["bases"] = [base] if base and env[base].simple else []
        if not data and rng.random() < 0.1 and self.pick(env, "cdeco"):
            parts["decorators"] = [f"@{self.pick(env, 'cdeco')}"]
        for _ in range(rng.randrange(1, 6)):
            parts["members"].append(self.member(env, parts))
        stmt = Stmt("class", {name: Cat("cls")}, parts=parts)
        self.recat(stmt, env)
        return stmt

    def recat(self, stmt, env):
        """What can be read of a class, from its members."""
        c = Cat("cls", simple=not stmt.parts["data"])
        for m in stmt.parts["members"]:
            if m["kind"] in ("attr", "field"):
                c.attrs.append(m["name"])
            elif m["kind"] in ("method", "property", "static", "class"):
                c.methods.append(m["name"])
                if m["kind"] == "property":
                    c.props.append(m["name"])
        members = [m for m in stmt.parts["members"] if m["name"] in c.methods]
        shaky = {m["name"] for m in members if "self.i" in m["text"] or "super()" in m["text"]}
        for _ in members:
            shaky |= {m["name"] for m in members if any(f"self.{n}(" in m["text"] for n in shaky)}
        c.stable = [m["name"] for m in members if m["name"] not in shaky]
        stmt.cats[stmt.parts["name"]] = c

    def member(self, env, parts):
        rng = self.rng
        if parts["data"] and rng.random() < 0.6:
            name = self.p.new("x")
            if rng.random() < 0.2:
                return {"kind": "listfield", "name": name,
                        "text": f"{name}: list = dataclasses.field(default_factory=list)"}
            return {"kind": "field", "name": name, "text": f"{name}: int = {self.int(env, 1)}"}
        attrs = [m["name"] for m in parts["members"] if m["kind"] == "attr"]
        own = [m["name"] for m in parts["members"] if m["kind"] in ("method", "static", "class")]
        form = rng.choices(["attr", "method", "property", "static", "class", "init", "inner", "derived", "setter", "override"],
                           [24, 30, 8, 6, 6, 8, 4, 8, 3, 8])[0]
        if form == "init" and (parts["data"] or any(m["kind"] == "init" for m in parts["members"])):
            form = "method"
        scope = dict(env)
        if form == "attr":
            name = self.p.new("c")
            return {"kind": "attr", "name": name, "text": f"{name} = {self.int(env)}"}
        if form == "derived" and attrs:
            name = self.p.new("c")
            return {"kind": "attr", "name": name, "text": f"{name} = {rng.choice(attrs)} + {self.int(env, 1)}"}
        if form == "init":
            name = self.p.new("i")
            lines = ["def __init__(self):", f"    self.{name} = {self.int(env)}"]
            if parts["bases"]:
                lines.insert(1, "    super().__init__()")
            return {"kind": "init", "name": name, "text": "\n".join(lines)}
        if form == "inner":
            name = self.p.new("C")
            return {"kind": "inner", "name": name,
                    "text": f"class {name}:\n    def {self.p.new('g')}(self):\n        return {self.int(env)}"}
        if form == "override" and parts["bases"] and parts["bases"][0] in env:
            base = env[parts["bases"][0]]
            methods = [m for m in base.methods if m not in base.props]
            if methods and not any(m["name"] == methods[0] for m in parts["members"]):
                return {"kind": "method", "name": methods[0],
                        "text": f"def {methods[0]}(self):\n    return super().{methods[0]}() + {self.int(env, 1)}"}
        reach = [f"self.{n}" for n in attrs] + [f"self.{n}()" for n in own]
        extra = f" + {rng.choice(reach)}" if reach and rng.random() < 0.6 else ""
        init = next((m["name"] for m in parts["members"] if m["kind"] == "init"), None)
        if init and rng.random() < 0.3:
            extra += f" + self.{init}"
        name = self.p.new("g")
        if form == "property":
            return {"kind": "property", "name": name,
                    "text": f"@property\ndef {name}(self):\n    return {self.int(scope)}{extra}"}
        if form == "static":
            return {"kind": "static", "name": name, "text": f"@staticmethod\ndef {name}():\n    return {self.int(scope)}"}
        if form == "class":
            reach = f" + cls.{rng.choice(attrs)}" if attrs else ""
            return {"kind": "class", "name": name, "text": f"@classmethod\ndef {name}(cls):\n    return {self.int(scope)}{reach}"}
        if form == "setter":
            return {"kind": "property", "name": name,
                    "text": f"@property\ndef {name}(self):\n    return {self.int(scope)}\n"
                            f"@{name}.setter\ndef {name}(self, value):\n    raise ValueError({self.int(env, 1)})"}
        params = "".join(f", {p}" for p in self.params(env))
        body = [f"    {line}" for line in self.body(scope, [])]
        body[-1] += extra
        return {"kind": "method", "name": name, "text": "\n".join([f"def {name}(self{params}):", *body])}

    def instance(self, module, env):
        source = self.pick(env, "cls")
        if not source:
            return None
        name, c = self.p.new("o"), env[source]
        # what an instance got in `__init__` is state; nothing is to be derived from it
        return Stmt("instance", {name: Cat("obj", [a for a in c.attrs if a[0] == "c"], list(c.stable), list(c.props))},
                    f"{name} = {source}()")

    def enumeration(self, module, env):
        rng, name = self.rng, self.p.new("E")
        self.need(module, "import enum")
        members = []
        for _ in range(rng.randrange(1, 4)):
            v = self.p.new("V")
            members.append({"kind": "value", "name": v, "text": f"{v} = {rng.choice([self.literal(env), self.int(env, 1)])}"})
        if rng.random() < 0.4:
            members.append({"kind": "method", "name": "", "text": f"def {self.p.new('g')}(self):\n    return self.value + {self.int(env, 1)}"})
        parts = {"name": name, "bases": [rng.choice(["enum.Enum", "enum.Enum", "enum.IntEnum"])], "decorators": [],
                 "members": members, "doc": self.doc(), "data": False, "enum": True}
        return Stmt("class", {name: Cat("enum", [m["name"] for m in members if m["kind"] == "value"])}, parts=parts)

    def named(self, module, env):
        rng, name = self.rng, self.p.new("N")
        fields = [self.p.new("x") for _ in range(rng.randrange(1, 3))]
        if rng.random() < 0.4:
            self.need(module, "import collections")
            values = ", ".join(self.int(env, 1) for _ in fields)
            return Stmt("named", {name: Cat("nt", fields)},
                        f"{name} = collections.namedtuple('{name}', {fields!r}, defaults=[{values}])")
        self.need(module, "import typing")
        lines = [f"    {f}: int = {self.int(env, 1)}" for f in fields]
        lines += [f"    def {self.p.new('g')}(self):", f"        return self.{fields[0]} + {self.int(env, 1)}"]
        return Stmt("named", {name: Cat("nt", fields)}, "\n".join([f"class {name}(typing.NamedTuple):", *lines]))

    # -- rare: statements that change other statements' objects -----------------------------------

    def registry(self, module, env):
        """A registry of this module and a decorator that fills it."""
        reg, deco = self.p.new("R"), self.p.new("d")
        return Stmt("registry", {reg: Cat("reg"), deco: Cat("deco")},
                    f"{reg} = {{}}\ndef {deco}(fn):\n    {reg}[fn.__name__] = fn\n    return fn")

    def foreign(self, module, env):
        """Changes a container that another module made."""
        taken = [s for s in module.stmts if s.kind == "import" and s.parts["form"] == "from"]
        names = [s.parts["alias"] or s.parts["name"] for s in taken]
        names = [n for n in names if n in env and env[n].cat == "list"]
        if not names:
            return None
        return Stmt("foreign", {}, f"{self.rng.choice(names)}.append({self.int({}, 1)})")

    def counted(self, module, env):
        """A function with a memory, called at import."""
        total, fn, a, b = self.p.new("T"), self.p.new("h"), self.p.new("K"), self.p.new("K")
        return Stmt("counted", {total: Cat("int"), fn: Cat("other"), a: Cat("int"), b: Cat("int")},
                    f"{total} = 0\ndef {fn}(n):\n    global {total}\n    {total} += n\n    return n + 1\n"
                    f"{a} = {fn}({self.int({}, 1)})\n{b} = {fn}({self.int(env, 1)})")

    def deleted(self, module, env):
        tmp, name = self.p.new("K"), self.p.new("T")
        return Stmt("deleted", {name: Cat("int")}, f"{tmp} = {self.int(env)}\n{name} = {tmp} + 1\ndel {tmp}")

    # -- imports -----------------------------------------------------------------------------

    def imports(self, module, position=None):
        """An import of an earlier module."""
        rng, p = self.rng, self.p
        earlier = [m for m in p.modules[:p.index(module.name)] if m.name != "__init__"]
        if not earlier:
            return None
        target = rng.choice(earlier)
        there = {n: c for n, c in p.env(target).items() if c.cat not in ("mod", "state", "bump", "other", "reg")}
        form = rng.choices(["from", "mod", "star"], [70, 20, 10])[0]
        parts = {"form": form, "target": target.name, "name": None, "alias": None,
                 "style": rng.choice(["relative", "absolute"])}
        if form == "from":
            if not there:
                return None
            parts["name"], c = rng.choice(list(there.items()))
            if rng.random() < 0.25:
                parts["alias"] = p.new(parts["name"][0])
        elif form == "mod":
            parts["alias"] = p.new("m") if rng.random() < 0.2 else target.name
        return Stmt("import", {}, parts=parts)


def make(seed, features=()):
    """A program from a seed."""
    rng = random.Random(seed)
    program = Program([], "pk" if rng.random() < 0.25 else "", features=set(features))
    maker = Maker(rng, program)
    for i in range(rng.choices([1, 2, 3, 4, 5], [15, 30, 30, 15, 10])[0]):
        module = Module(f"m{i}", [], doc=f"Module {i}." if rng.random() < 0.3 else "",
                        indent=rng.choice(["    ", "    ", "    ", "  "]))
        program.modules.append(module)
        for _ in range(rng.randrange(0, 4) if i else 0):
            made = maker.imports(module)
            if made:
                module.stmts.append(made)
        for _ in range(rng.randrange(2, 9)):
            module.stmts.append(maker.stmt(module, program.env(module)))
        if rng.random() < 0.15:
            public = [n for n, c in program.env(module).items() if c.cat != "mod"]
            module.all_names = sorted(rng.sample(public, rng.randrange(1, len(public) + 1))) if public else None
    if program.package and rng.random() < 0.5:
        top = Module("__init__", [])
        program.modules.append(top)
        for _ in range(rng.randrange(1, 3)):
            made = maker.imports(top)
            if made:
                top.stmts.append(made)
    program.counter += 1000  # edits start their names there: easy to tell in a report
    return program, maker
