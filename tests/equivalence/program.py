"""Small programs of a few modules, as a model that can be rendered, checked and edited.

All names are unique in a program (`K3`, `f12`, `C5`, a member `g18`), so that a rename is one
substitution and "is it used" one search. What a fresh interpreter makes of a program does not
depend on anything but its files: no clock, no hash order, nothing outside.
"""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, field

NAME = re.compile(r"(?:\b(\w+)\s*\.\s*)?(?<![\w.])\b((?:[KTLDSRfyhdCENo]|m)\d+)\b")
WORD = re.compile(r"\b[A-Za-z_]\w*\b")


@dataclass
class Stmt:
    """A top-level statement. `cats` maps the names it binds to what they are."""

    kind: str
    cats: dict
    text: str = ""
    parts: dict = field(default_factory=dict)  # of functions, classes, imports: see generate.py

    def binds(self):
        return list(self.cats)


@dataclass
class Cat:
    """What is known of a name: `int`, `list`, `dict`, `fn`, `gen`, `late`, `cls`, `enum`, `nt`,
    `deco`, `cdeco`, `decof`, `obj`, `mod`, `factory`."""

    cat: str
    attrs: list = field(default_factory=list)    # int attributes readable on it
    methods: list = field(default_factory=list)  # zero-argument calls on it (or its instances)
    props: list = field(default_factory=list)
    stable: list = field(default_factory=list)   # the methods that read no instance attribute
    params: list = field(default_factory=list)
    simple: bool = True                          # a class: can be made without arguments


@dataclass
class Module:
    name: str
    stmts: list
    doc: str = ""
    all_names: list = None
    indent: str = "    "


@dataclass
class Program:
    modules: list
    package: str = ""
    counter: int = 0
    features: set = field(default_factory=set)

    def copy(self):
        return pickle.loads(pickle.dumps(self))

    def new(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter}"

    def module(self, name):
        return next((m for m in self.modules if m.name == name), None)

    def index(self, name):
        return next((i for i, m in enumerate(self.modules) if m.name == name), len(self.modules))

    def full(self, name):
        if not self.package:
            return name
        return self.package if name == "__init__" else f"{self.package}.{name}"

    def import_order(self):
        return [self.full(m.name) for m in self.modules]

    # -- names -------------------------------------------------------------------------------

    def env(self, module, upto=None):
        """{name: Cat} at a position of a module: what its earlier statements bound."""
        env = {}
        for stmt in module.stmts[:upto]:
            self.bind(env, stmt)
        return env

    def bind(self, env, stmt):
        if stmt.kind == "import":
            form, target = stmt.parts["form"], self.module(stmt.parts["target"])
            if target is None:
                return
            if form == "mod":
                env[stmt.parts["alias"]] = Cat("mod", attrs=[target.name])
                return
            there = self.env(target)
            if form == "star":
                for name, cat in there.items():
                    if target.all_names is None and cat.cat != "mod" or name in (target.all_names or ()):
                        env[name] = cat
                return
            name = stmt.parts["name"]
            if name in there:
                env[stmt.parts["alias"] or name] = there[name]
            return
        if stmt.kind == "del":
            for name in stmt.parts["names"]:
                env.pop(name, None)
            return
        for name, cat in stmt.cats.items():
            env[name] = cat

    def valid(self):
        """Whether every name is bound before the statement that reads it."""
        for module in self.modules:
            env = {}
            for stmt in module.stmts:
                if stmt.kind == "import":
                    if self.index(stmt.parts["target"]) >= self.index(module.name):
                        if "cycle" not in stmt.parts:
                            return False
                    self.bind(env, stmt)
                    if stmt.parts["form"] == "from" and (stmt.parts["alias"] or stmt.parts["name"]) not in env:
                        return False
                    continue
                late = any(c.cat == "late" for c in stmt.cats.values())
                look = self.env(module) if late else env
                text = self.render_stmt(module, stmt)
                inside = set(re.findall(r"\bclass (\w+)", text))
                for owner, name in NAME.findall(text):
                    if owner:
                        continue
                    if name not in look and name not in stmt.cats and name not in inside:
                        return False
                for owner, name in re.findall(r"\b(m\d+(?:_q)?)\.(\w+)", text):
                    cat = look.get(owner)
                    if cat is None or cat.cat != "mod":
                        return False
                    target = self.module(cat.attrs[0])
                    if target is None or name not in self.env(target):
                        return False
                self.bind(env, stmt)
            if module.all_names is not None and any(n not in env for n in module.all_names):
                return False
            if self.half_filled(module) or self.early_cache(module):
                return False
        return True

    def early_cache(self, module):
        """Whether a cached function reads a number that changes later in the module: called in between,
        it goes on giving what it gave then. What a cache holds is state of run time."""
        changes = {re.split(r"\W", stmt.text, 1)[0] for stmt in module.stmts if stmt.kind == "mutate"}
        texts = [self.render_stmt(module, stmt) for stmt in module.stmts if stmt.kind == "def"]
        return any("lru_cache" in text and re.search(rf"\b{name}\b", text) for text in texts for name in changes)

    def half_filled(self, module):
        """Whether a statement reads a container between what made it, with calls, and what fills it.
        To run such a reader again would take the container as it was then: that is only to be had by
        calling again what made it, which nobody asked for."""
        made = {}
        for stmt in module.stmts:
            text = self.render_stmt(module, stmt)
            if stmt.kind == "mutate" and re.split(r"\W", text, 1)[0] in made:
                if made[re.split(r"\W", text, 1)[0]]:
                    return True
                continue
            for name in made:
                made[name] = made[name] or re.search(rf"\b{name}\b", text) is not None
            if stmt.kind in ("container", "derived") and re.search(r"\b(?!len|sum|range)\w+\(|\.values\(|\.g\d", text):
                made.update(dict.fromkeys(stmt.cats, False))
        return False

    def used(self, name, but=None):
        """Whether any statement but one mentions a word."""
        word = re.compile(rf"\b{name}\b")
        for module in self.modules:
            if name in (module.all_names or ()):
                return True
            for stmt in module.stmts:
                if stmt is not but and word.search(self.render_stmt(module, stmt)):
                    return True
        return False

    def rename(self, old, new):
        """The word `old` becomes `new` everywhere."""
        word = re.compile(rf"\b{old}\b")

        def walk(x):
            if isinstance(x, str):
                return word.sub(new, x)
            if isinstance(x, list):
                return [walk(i) for i in x]
            if isinstance(x, tuple):
                return tuple(walk(i) for i in x)
            if isinstance(x, dict):
                return {walk(k): walk(v) for k, v in x.items()}
            if hasattr(x, "__dataclass_fields__"):
                for key in x.__dataclass_fields__:
                    setattr(x, key, walk(getattr(x, key)))
            return x

        walk(self)

    # -- text --------------------------------------------------------------------------------

    def files(self):
        """{path: text}."""
        out = {}
        for module in self.modules:
            path = module.name + ".py"
            out[f"{self.package}/{path}" if self.package else path] = self.render(module)
        if self.package and f"{self.package}/__init__.py" not in out:
            out[f"{self.package}/__init__.py"] = ""
        return out

    def chunks(self, module):
        """The texts of a module's statements, in order."""
        out = [f'"""{module.doc}"""'] if module.doc else []
        out += [self.render_stmt(module, stmt) for stmt in module.stmts]
        if module.all_names is not None:
            out.insert(1 if module.doc else 0, f"__all__ = {sorted(module.all_names)!r}")
        return out

    def render(self, module, chunks=None):
        return "\n".join(self.chunks(module) if chunks is None else chunks) + "\n"

    def render_stmt(self, module, stmt):
        if stmt.kind == "import":
            text = self.render_import(stmt.parts)
        elif stmt.kind == "def":
            text = render_def(stmt.parts)
        elif stmt.kind == "class":
            text = render_class(stmt.parts)
        else:
            text = stmt.text
        head = "".join(f"{line}\n" for line in stmt.parts.get("lead", ()))
        if module.indent != "    ":
            text = re.sub(r"(?m)^( {4})+", lambda m: module.indent * (len(m.group(0)) // 4), text)
        return head + text

    def render_import(self, p):
        target = p["target"]
        dot = "." if p["style"] == "relative" else self.package
        if p["form"] == "mod":
            alias = f" as {p['alias']}" if p["alias"] != target else ""
            return f"from {dot} import {target}{alias}" if self.package else f"import {target}{alias}"
        source = (f".{target}" if p["style"] == "relative" else f"{self.package}.{target}") if self.package else target
        if p["form"] == "star":
            return f"from {source} import *"
        alias = f" as {p['alias']}" if p["alias"] else ""
        return f"from {source} import {p['name']}{alias}"


def indented(lines, by="    "):
    return [by + line if line else line for line in lines]


def render_def(p):
    out = list(p["decorators"])
    head = "async def" if p.get("async") else "def"
    out.append(f"{head} {p['name']}({', '.join(p['params'])}){p.get('returns', '')}:")
    if p.get("doc"):
        out.append(f'    """{p["doc"]}"""')
    out += indented(p["body"])
    return "\n".join(out)


def render_class(p):
    out = list(p["decorators"])
    bases = f"({', '.join(p['bases'])})" if p["bases"] else ""
    out.append(f"class {p['name']}{bases}:")
    if p.get("doc"):
        out.append(f'    """{p["doc"]}"""')
    for member in p["members"]:
        out += indented(member["text"].split("\n"))
    if len(out) == len(p["decorators"]) + 1:
        out.append("    pass")
    return "\n".join(out)
