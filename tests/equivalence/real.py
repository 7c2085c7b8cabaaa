#!/usr/bin/env python3
"""Equivalence fuzzing on code that people wrote: modules of the standard library are copied,
imported under other names, used by one another and by a module of users, and edited at random
places. What comes out is compared with a fresh interpreter, as fuzz.py does.

    python3 tests/equivalence/real.py --seconds 60 --jobs 2
    python3 tests/equivalence/real.py --seed 7 --count 1 --show     (one program, its edits as a diff)

Nothing is called: the picture of the modules is compared (values, code, line tables, identities,
what is held since before the edit).
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import keyword
import os
import random
import re
import sys
import tempfile
import time
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fuzz  # noqa: E402
import run  # noqa: E402
import snapshot  # noqa: E402
from edits import Version  # noqa: E402

#: Importing a copy of one of these has no effect outside, and gives the same twice.
MODULES = """abc aifc argparse ast asynchat base64 bdb binhex bisect calendar cgi chunk cmd code codeop colorsys
compileall configparser contextlib copy copyreg csv dataclasses difflib dis doctest filecmp fileinput fnmatch
formatter fractions ftplib functools genericpath getopt getpass gettext glob graphlib gzip hashlib heapq hmac
imaplib imghdr inspect keyword linecache lzma mailbox mailcap mimetypes netrc nntplib ntpath numbers opcode
operator optparse pathlib pdb pickle pickletools pipes pkgutil plistlib poplib posixpath pprint profile pstats
py_compile pyclbr queue quopri random reprlib rlcompleter sched selectors shelve shlex shutil smtpd smtplib
sndhdr socketserver sre_compile sre_constants sre_parse stat statistics string stringprep struct subprocess
symtable tabnanny tarfile telnetlib tempfile textwrap timeit token tokenize trace traceback tracemalloc tty types
typing uu uuid wave weakref xdrlib zipapp zipfile _collections_abc _compat_pickle _markupbase _pydecimal
_strptime _weakrefset""".split()

TEXTS = {}


def texts():
    """The sources, of those that this Python has."""
    if not TEXTS:
        library = Path(os.__file__).parent
        for name in MODULES:
            path = library / f"{name}.py"
            if path.exists():
                text = path.read_text(encoding="utf-8", errors="replace")
                if text.isascii() and len(text) < 120_000:
                    TEXTS[name] = text
    return TEXTS


class Text:
    """A source, its tree, and what can be done to it at random places."""

    def __init__(self, rng, text):
        self.rng, self.text = rng, text
        self.lines = text.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        self.tree = ast.parse(text)

    def span(self, node, decorated=True):
        first = node.lineno
        if decorated and getattr(node, "decorator_list", None):
            first = min(d.lineno for d in node.decorator_list)
            begin = self.starts[first - 1] + len(self.lines[first - 1]) - len(self.lines[first - 1].lstrip())
        else:
            begin = self.starts[first - 1] + node.col_offset
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset

    def put(self, begin, end, new):
        return self.text[:begin] + new + self.text[end:]

    def pick(self, *kinds, where=lambda node: True):
        found = [n for n in ast.walk(self.tree) if isinstance(n, kinds) and where(n)]
        return self.rng.choice(found) if found else None

    def bodies(self, *kinds):
        """Lists of at least two statements."""
        out = []
        for node in ast.walk(self.tree):
            if isinstance(node, kinds):
                out += [b for b in (getattr(node, "body", None), getattr(node, "orelse", None))
                        if isinstance(b, list) and len(b) > 1]
        return out

    def block(self):
        """A list of statements of a class or of the module, most often; else of a function."""
        kinds = self.rng.choice([(ast.Module,), (ast.ClassDef,), (ast.ClassDef,), (ast.FunctionDef, ast.For, ast.If)])
        found = self.bodies(*kinds)
        return self.rng.choice(found) if found else None

    def lines_of(self, node):
        """Begin and end of the whole lines of a statement; None where it shares one."""
        begin, end = self.span(node)
        start = self.text.rfind("\n", 0, begin) + 1
        stop = self.text.find("\n", end) + 1 or len(self.text)
        rest = self.text[end:stop].strip()
        if self.text[start:begin].strip() or rest and not rest.startswith("#"):
            return None
        return start, stop

    def indent(self, node):
        begin = self.span(node)[0]
        return " " * (begin - self.text.rfind("\n", 0, begin) - 1)

    # -- edits: each gives a new text or None -----------------------------------------------

    def number(self):
        node = self.pick(ast.Constant, where=lambda n: type(n.value) is int)
        if node:
            begin, end = self.span(node)
            return self.put(begin, end, str(node.value + self.rng.choice([1, 2, 7])))

    def string(self):
        node = self.pick(ast.Constant, where=lambda n: isinstance(n.value, str) and n.value.isalpha())
        if node:
            begin, end = self.span(node)
            if self.text[begin:end] in (f"'{node.value}'", f'"{node.value}"'):
                return self.put(begin, end, repr(node.value + self.rng.choice("xyz")))

    def compare(self):
        node = self.pick(ast.Compare, where=lambda n: len(n.ops) == 1 and isinstance(n.ops[0], (ast.Eq, ast.Lt, ast.Gt)))
        if node:
            begin, end = self.span(node.left)[1], self.span(node.comparators[0])[0]
            middle = self.text[begin:end]
            new = middle.replace("==", "!=") if "==" in middle else middle.replace("<", ">=").replace(">", "<=", 1)
            if middle.strip() in ("==", "<", ">"):
                return self.put(begin, end, {"==": " != ", "<": " >= ", ">": " <= "}[middle.strip()]) if new else None

    def remove(self):
        block = self.block()
        if block:
            where = self.lines_of(self.rng.choice(block))
            return where and self.put(*where, "")

    def swap(self):
        block = self.block()
        if block:
            at = self.rng.randrange(len(block) - 1)
            a, b = self.lines_of(block[at]), self.lines_of(block[at + 1])
            if a and b and a[1] <= b[0]:
                return (self.text[:a[0]] + self.text[b[0]:b[1]] + self.text[a[1]:b[0]] + self.text[a[0]:a[1]]
                        + self.text[b[1]:])

    def far(self):
        """A statement goes somewhere else in its block."""
        block = self.block()
        if block and len(block) > 3:
            i, j = sorted(self.rng.sample(range(len(block)), 2))
            a, b = self.lines_of(block[i]), self.lines_of(block[j])
            if a and b and a[1] <= b[0]:
                if self.rng.random() < 0.5:
                    return self.text[:a[0]] + self.text[a[1]:b[1]] + self.text[a[0]:a[1]] + self.text[b[1]:]
                return self.text[:a[0]] + self.text[b[0]:b[1]] + self.text[a[0]:b[0]] + self.text[b[1]:]

    def insert(self):
        block = self.block()
        if block:
            node = self.rng.choice(block)
            where = self.lines_of(node)
            number = self.rng.randrange(1000)
            new = self.rng.choice([f"new_{number} = {number}", "pass", "# a comment", "", f"assert {number} or 1",
                                   f"def new_{number}(self=None):\n    return {number}",
                                   f"new_{number} = [n * {number} for n in range(3)]",
                                   f"@property\ndef new_{number}(self):\n    return {number}",
                                   f"class New{number}:\n    size = {number}"])
            if where:
                indent = self.indent(node)
                text = "".join(f"{indent}{line}\n" if line else "\n" for line in new.split("\n"))
                return self.put(where[0], where[0], text)

    def twice(self):
        """A statement that stands there twice."""
        block = self.block()
        if block:
            where = self.lines_of(self.rng.choice(block))
            if where and where[1] - where[0] < 4000:
                return self.put(where[1], where[1], self.text[where[0]:where[1]])

    def rename(self):
        node = self.pick(ast.FunctionDef, ast.ClassDef, where=lambda n: not n.name.startswith("__"))
        if node and not keyword.iskeyword(node.name):
            return re.sub(rf"\b{node.name}\b", node.name + "_2", self.text)

    def rename_one(self):
        """Only the definition: those who call it will not find it."""
        node = self.pick(ast.FunctionDef, where=lambda n: not n.name.startswith("__"))
        if node:
            begin = self.text.index(node.name, self.span(node, False)[0] + 3)
            return self.put(begin, begin + len(node.name), node.name + "_3")

    def parameter(self):
        node = self.pick(ast.FunctionDef, where=lambda n: n.args.args and not n.args.vararg and not n.args.kwonlyargs
                         and not n.args.kwarg and n.args.args[-1].lineno == n.lineno)
        if node:
            last = (node.args.defaults or node.args.args)[-1]
            if not node.args.defaults:
                end = self.span(last)[1]
                return self.put(end, end, f", extra={self.rng.randrange(9)}")
            begin, end = self.span(last)
            return self.put(begin, end, self.rng.choice(["None", "0", "'x'", "()"]))

    def decorate(self):
        node = self.pick(ast.FunctionDef)
        if node:
            if node.decorator_list and self.rng.random() < 0.7:
                where = self.lines_of(node)
                first = node.decorator_list[0]
                if where and first.lineno == first.end_lineno:
                    end = self.starts[first.lineno]
                    return self.put(where[0], end, "")
            name = self.rng.choice(["staticmethod", "classmethod", "property", "(lambda f: f)", "__import__('functools').lru_cache"])
            where = self.lines_of(node)
            if where and (sys.version_info >= (3, 9)):
                return self.put(where[0], where[0], f"{self.indent(node)}@{name}\n")

    def guard(self):
        """`if` around a statement, or a `try`."""
        block = self.block()
        if block:
            node = self.rng.choice(block)
            where = self.lines_of(node)
            if where and "'''" not in self.text[where[0]:where[1]] and '"""' not in self.text[where[0]:where[1]]:
                indent = self.indent(node)
                inner = re.sub(r"(?m)^(?=.)", "    ", self.text[where[0]:where[1]])
                head, tail = self.rng.choice([("if True:", ""), ("if not 0:", f"{indent}else:\n{indent}    pass\n"),
                                              ("try:", f"{indent}finally:\n{indent}    pass\n")])
                return self.put(*where, f"{indent}{head}\n{inner}{tail}")

    def base(self):
        node = self.pick(ast.ClassDef, where=lambda n: not n.decorator_list)
        if node:
            begin = self.span(node)[0]
            head_end = self.text.index(":", self.span(node.bases[-1])[1] if node.bases else begin)
            new = self.rng.choice([f"class {node.name}", f"class {node.name}(object)", f"class {node.name}(dict)"])
            if "(" in self.text[begin:head_end] and not node.keywords:
                return self.put(begin, head_end, new)
            if not node.bases and not node.keywords:
                return self.put(begin, head_end, f"class {node.name}(Exception)")

    def doc(self):
        node = self.pick(ast.Expr, where=lambda n: isinstance(n.value, ast.Constant) and isinstance(n.value.value, str))
        if node:
            begin, end = self.span(node)
            if self.rng.random() < 0.4:
                return self.put(begin, end, "pass")
            return self.put(begin, end, repr("text %d" % self.rng.randrange(99)))

    def generator(self):
        node = self.pick(ast.FunctionDef)
        if node:
            first = node.body[0]
            where = self.lines_of(first)
            if where:
                return self.put(where[0], where[0], f"{self.indent(first)}{self.rng.choice(['yield 1', 'x = lambda: 1', 'import os', 'return None'])}\n")

    def value(self):
        """What is assigned becomes something else."""
        node = self.pick(ast.Assign)
        if node:
            begin, end = self.span(node.value)
            return self.put(begin, end, self.rng.choice(["None", "[]", "{}", "(1, 2)", "3.5", "'text'"]))

    def item(self):
        """An item of a list, tuple, dict or set literal goes or comes twice."""
        node = self.pick(ast.List, ast.Tuple, ast.Dict, ast.Set, where=lambda n: len(getattr(n, "elts", getattr(n, "keys", []))) > 2)
        if node:
            if isinstance(node, ast.Dict):
                firsts = [(k or v) for k, v in zip(node.keys, node.values)]
                if any(k is None for k in node.keys):
                    return None
            else:
                firsts = node.elts
            at = self.rng.randrange(len(firsts) - 1)
            begin, next_begin = self.span(firsts[at])[0], self.span(firsts[at + 1])[0]
            if self.text[begin - 1] != "(" and self.text[next_begin - 1] != "(":
                if self.rng.random() < 0.6:
                    return self.put(begin, next_begin, "")
                return self.put(begin, begin, self.text[begin:next_begin])


EDITS = {"number": 6, "string": 5, "compare": 3, "remove": 8, "swap": 5, "far": 4, "insert": 8, "twice": 3, "rename": 4,
         "rename_one": 2, "parameter": 4, "decorate": 4, "guard": 4, "base": 3, "doc": 3, "generator": 3, "value": 4,
         "item": 4}


def users(rng, names, sources):
    """A module that uses what others define."""
    lines = ["import functools"]
    for module in names:
        tree = ast.parse(sources[module])
        functions = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
        classes = [n.name for n in tree.body if isinstance(n, ast.ClassDef) and not n.keywords]
        constants = [t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
        style = rng.randrange(4)
        def name(n, module=module, style=style):
            return f"{module}.{n}" if style == 1 else n
        picked = [rng.choice(kind) for kind in (functions, classes, constants) if kind]
        if style == 0:
            lines.append(f"from {module} import *")
            lines += [f"from {module} import {n}" for n in picked if n.startswith("_")]
        elif style == 1:
            lines.append(f"import {module}")
        else:
            lines += [f"from {module} import {n}" for n in picked]
        for n in picked:
            tag = f"{module}_{n}"
            if n in functions:
                lines.append(rng.choice([f"A_{tag} = {name(n)}", f"P_{tag} = functools.partial({name(n)}, 1)",
                                         f"D_{tag} = {{'k': {name(n)}, 'n': {name(n)}.__name__}}",
                                         f"def u_{tag}(a={name(n)}):\n    return {name(n)}(a)"]))
            elif n in classes:
                lines.append(rng.choice([f"class S_{tag}({name(n)}):\n    def new(self):\n        return super().__init__",
                                         f"A_{tag} = {name(n)}", f"L_{tag} = [{name(n)}, {name(n)}.__mro__]",
                                         f"def u_{tag}(a: {name(n)} = None) -> {name(n)}:\n    return isinstance(a, {name(n)})"]))
            else:
                lines.append(rng.choice([f"V_{tag} = ({name(n)}, 1)", f"R_{tag} = repr({name(n)})[:40]",
                                         f"def u_{tag}(a={name(n)}):\n    return a, {name(n)}"]))
    return "\n".join(lines) + "\n"


def make_case(seed):
    rng = random.Random(seed)
    sources = texts()
    chosen = rng.sample(sorted(sources), rng.choice([1, 1, 2, 2, 3]))
    files, names = {}, {}
    for at, name in enumerate(chosen):
        names[name] = f"m{at}"
    for name in chosen:
        text = sources[name]
        for other, ours in names.items():
            text = re.sub(rf"(?m)^import {other}$", f"import {ours} as {other}", text)
            text = re.sub(rf"(?m)^from {other} import", f"from {ours} import", text)
        files[names[name] + ".py"] = text
    modules = list(names.values())
    if rng.random() < 0.7:
        files["m9.py"] = users(rng, modules, {names[n]: sources[n] for n in chosen})
        modules.append("m9")
    versions = [Version(dict(files), modules, ops=chosen)]
    for _ in range(rng.choice([1, 1, 2, 3])):
        ops = []
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            for _ in range(20):
                path = rng.choice(sorted(files))
                op = rng.choices(list(EDITS), list(EDITS.values()))[0]
                try:
                    new = getattr(Text(rng, files[path]), op)()
                    if new and new != files[path]:
                        compile(new, path, "exec")
                        files[path] = new
                        ops.append(f"{path}:{op}")
                        break
                except (SyntaxError, ValueError):
                    continue
        versions.append(Version(dict(files), modules, save=rng.choice(["rename", "write"]), ops=ops))
    return {"seed": seed, "versions": versions, "start": rng.choice(["after", "before"])}


def hold(modules):
    """Functions and classes only: nothing is called here."""
    out = []
    for name in modules:
        for key, v in sorted(vars(sys.modules[name]).items()):
            if isinstance(v, types.FunctionType) and v.__module__ == name and v.__name__ == key:
                out.append((name, key, "function", v))
            elif isinstance(v, type) and v.__module__ == name and v.__name__ == key:
                out.append((name, key, "class", v))
    return out


def show(case, found):
    lines = [f"# seed {case['seed']}, {' '.join(case['versions'][0].ops)}, created {case['start']} the imports"]
    lines += [f"# {kind}: {where}: {what}"[:300] for kind, where, what in found[:10]]
    for before, after in zip(case["versions"], case["versions"][1:]):
        lines.append(f"#### {' '.join(after.ops)}")
        for path, text in after.files.items():
            diff = difflib.unified_diff(before.files[path].splitlines(), text.splitlines(), path, path, lineterm="", n=2)
            lines += list(diff)[:80]
    return "\n".join(lines)


def judge(case, engine, base):
    """The differences of one case, without those of a case that a restart cannot run, or that two
    fresh processes would have as well."""
    found = run.compare(case, engine, base)
    if found == "invalid" or not found:
        return found
    last = case["versions"][-1]
    looks = [run.forked(run.fresh, last.files, last.modules, base) for _ in range(2)]
    if all(how == "ok" for how, _ in looks):
        shaky = {path for path, _, _ in run.difference(looks[0][1]["snapshot"], looks[1][1]["snapshot"])}
        found = [f for f in found if f[1] not in shaky]
    return found


def shrink(case, engine, base, seconds):
    """Fewer steps, fewer modules."""
    end = time.monotonic() + seconds
    best, found = case, judge(case, engine, base)
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        smaller = []
        versions = best["versions"]
        for at in range(len(versions) - 1):
            if len(versions) > 2:
                smaller.append([v for i, v in enumerate(versions) if i != at])
        for name in versions[0].modules:
            if len(versions[0].modules) > 1:
                smaller.append([Version({p: t for p, t in v.files.items() if p != name + ".py"},
                                        [m for m in v.modules if m != name], save=v.save, ops=v.ops) for v in versions])
        for candidate in smaller:
            if time.monotonic() > end:
                break
            got = judge({**best, "versions": candidate}, engine, base)
            if got and got != "invalid":
                best, found, progress = {**best, "versions": candidate}, got, True
                break
    return best, found


def work(options, first, count, base, out):
    for seed in range(first, first + count):
        try:
            case = make_case(seed)
            found = judge(case, options.engine, base)
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        if found and found != "invalid" and options.shrink_seconds:
            case, found = shrink(case, options.engine, base, options.shrink_seconds)
        text = show(case, found) if found and found != "invalid" or options.show else ""
        out.write(json.dumps([seed, "invalid" if found == "invalid" else "different" if found else "same", text]) + "\n")
        out.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload", choices=run.engines.NAMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--python", default=None, help="interpreter: path, name or pyenv version")
    parser.add_argument("--shrink-seconds", type=float, default=15)
    parser.add_argument("--show", action="store_true", help="print the edits even without a difference")
    options = parser.parse_args()
    if (code := fuzz.elsewhere(options, __file__)) is not None:
        return code
    fuzz.warm_up(options.engine)
    snapshot.calls, snapshot.call = (lambda names: {}), (lambda function: "")
    run.hold = hold
    base = tempfile.mkdtemp(prefix="reload-real-")
    end = time.monotonic() + (options.seconds or (1e9 if options.count else 30))
    tally = {"same": 0, "different": 0, "invalid": 0}
    seed, left, seeds = options.seed, options.count or 10**9, []
    try:
        while left > 0 and time.monotonic() < end:
            children = []
            for _ in range(options.jobs):
                count = min(10, left)
                if count <= 0:
                    break
                reader, writer = os.pipe()
                if os.fork() == 0:
                    os.close(reader)
                    try:
                        work(options, seed, count, base, os.fdopen(writer, "w"))
                    finally:
                        os._exit(0)
                os.close(writer)
                children.append(os.fdopen(reader))
                seed, left = seed + count, left - count
            for child in children:
                for line in child:
                    number, outcome, text = json.loads(line)
                    tally[outcome] += 1
                    if outcome == "different":
                        seeds.append(number)
                    if text:
                        print(text, "\n", flush=True)
            for _ in children:
                os.wait()
    finally:
        run.shutil.rmtree(base, ignore_errors=True)
    print(f"engine {options.engine}, Python {sys.version.split()[0]}: {tally['same'] + tally['different']} programs, "
          f"{tally['invalid']} that a restart cannot run")
    if seeds:
        print("seeds:", *seeds)
    print(f"{tally['same']} passed, {tally['different']} failed")
    return 1 if tally["different"] or not tally["same"] else 0


if __name__ == "__main__":
    sys.exit(main())
