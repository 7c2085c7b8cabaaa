"""Runs one case twice, each in a forked child: the program that is edited while it lives, and a
fresh one on the final files. Compares what they became."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import re
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import engines  # noqa: E402
import snapshot  # noqa: E402

TIMEOUT = 20


def forked(function, *arguments):
    """function(*arguments) in a child of its own; its result, or a text on how the child died."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            try:
                result = ("ok", function(*arguments))
            except BaseException:
                result = ("error", traceback.format_exc())
            with os.fdopen(writer, "wb") as out:
                out.write(pickle.dumps(result))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    data, end = [], time.monotonic() + TIMEOUT
    while True:
        ready, _, _ = select.select([reader], [], [], max(0, end - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(reader)
            return "hang", f"no end after {TIMEOUT} s"
        part = os.read(reader, 1 << 20)
        if not part:
            break
        data.append(part)
    os.close(reader)
    _pid, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "crash", signal.Signals(os.WTERMSIG(status)).name
    if not data:
        return "crash", f"exit code {os.WEXITSTATUS(status)} and no answer"
    return pickle.loads(b"".join(data))


class Folder:
    """The files of a program on disk."""

    def __init__(self, base):
        self.path = Path(tempfile.mkdtemp(prefix="reload-", dir=base))
        self.tick = 0

    def become(self, files, how="rename", stamp=False):
        self.tick += 2
        for path in sorted(self.path.rglob("*.py")):
            name = str(path.relative_to(self.path))
            if name not in files:
                path.unlink()
        for name, text in files.items():
            path = self.path / name
            if path.exists() and path.read_text() == text:
                continue
            path.parent.mkdir(exist_ok=True)
            if how == "rename":
                new = path.with_name("." + path.name + ".new")
                new.write_text(text)
                os.replace(new, path)
            else:
                path.write_text(text)
            if stamp:  # for peers that look at times only
                at = time.time() - 10000 + self.tick
                os.utime(path, (at, at))

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def prepare(folder):
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    sys.setrecursionlimit(400)
    importlib.invalidate_caches()


def forget(folder):
    """The next program of this child has modules of the same names."""
    for name in [n for n in sys.modules if re.fullmatch(r"m\d+|pk(\..*)?", n)]:
        del sys.modules[name]
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    for path in [p for p in sys.path_importer_cache if p.startswith(str(folder))]:
        del sys.path_importer_cache[path]


def fresh(files, modules, base, want=True):
    """A restart: import everything, look at it."""
    folder = Folder(base)
    try:
        folder.become(files)
        prepare(folder.path)
        try:
            for name in modules:
                importlib.import_module(name)
        except BaseException as error:
            return {"invalid": f"{type(error).__name__}: {error}"}
        if not want:
            return {}
        return {"snapshot": look(modules), "calls": snapshot.calls(modules)}
    finally:
        forget(folder.path)
        folder.remove()


def fresh_batch(cases, base):
    return [fresh(case["versions"][-1].files, case["versions"][-1].modules, base) for case in cases]


def look(modules):
    return snapshot.Snapshot(modules, state_names(modules), instances=False).modules(modules)


def state_names(modules):
    return {n for m in modules if m in sys.modules for n in vars(sys.modules[m]) if re.fullmatch(r"S\d+", n)}


def live(case, engine_name, base):
    """The program that lives through the edits."""
    folder = Folder(base)
    bump = engine_name not in ("pyreload", "none")
    problems, first, engine = [], case["versions"][0], None
    try:
        folder.become(first.files, stamp=bump)
        prepare(folder.path)
        space = {"__name__": "__host__"}
        # One in eight with the kernel's events; to close their queue takes as long as all the rest.
        engines.Pyreload.poll = case["seed"] % 8 != 0
        if case["start"] == "before":
            engine = engines.make(engine_name, folder.path, space)
        for name in first.modules:
            try:
                importlib.import_module(name)
            except BaseException as error:  # only the last version is known to run when this is asked
                return {"invalid": f"{type(error).__name__}: {error}"}
        if engine is None:
            engine = engines.make(engine_name, folder.path, space)
        held = hold(first.modules)
        imported = host_imports(first.modules, space, case["seed"])
        snapshot.calls(first.modules)  # caches get warm
        counted = count(first.modules)
        engine.after_exec("")
        quiet = engine.check()
        if quiet:
            problems.append(("quiet", "a check without an edit failed", quiet[0]))
        for number, version in enumerate(case["versions"][1:], 1):
            # Modules that the broken version imports first stay imported, as after any import that fails.
            there = [name for name in version.modules if name in sys.modules]
            before = look(there) if version.broken else None
            folder.become(version.files, version.save, bump)
            failed = engine.check()
            imported = [(n, k) for n, k in imported if k in vars(sys.modules.get(n, types))]
            if version.broken:
                if not failed and engine_name == "pyreload" and version.broken in there:
                    problems.append(("broken", f"step {number}: the failure was not reported", ""))
                after = look(there)
                for path, was, now in difference(before, after):
                    problems.append(("rollback", f"step {number}: {path}", f"{was}  ->  {now}"))
            elif failed:
                problems.append(("failure", f"step {number}: reported as failed", "; ".join(failed)))
        last = case["versions"][-1]
        for name in last.modules:
            try:
                importlib.import_module(name)
            except BaseException as error:
                problems.append(("import", name, f"{type(error).__name__}: {error}"))
        got = {"snapshot": look(last.modules), "calls": snapshot.calls(last.modules)}
        got["held"] = held_now(held, last.modules)
        got["problems"] = problems + host_now(imported, space) + count_now(counted, last.modules)
        return got
    finally:
        if engine is not None:
            engine.close()
        forget(folder.path)
        folder.remove()


def live_batch(cases, engine_name, base):
    return [live(case, engine_name, base) for case in cases]


# -- what the host holds ------------------------------------------------------------------------


def hold(modules):
    """Objects of the first version: functions, classes, instances, bound methods."""
    out = []
    for name in modules:
        for key, v in sorted(vars(sys.modules[name]).items()):
            if isinstance(v, types.FunctionType) or hasattr(v, "cache_info"):
                if snapshot.is_pure(key):
                    out.append((name, key, "function", v))
            elif isinstance(v, type) and v.__module__ == name and v.__name__ == key:
                out.append((name, key, "class", v))
                try:
                    made = v() if not issubclass(v, tuple) else None
                except Exception:
                    continue
                if type(made) is not v:  # a class may make something else
                    continue
                out.append((name, key, "instance", made))
                for method in sorted(n for n in dir(v) if snapshot.is_pure(n)):
                    try:
                        bound = getattr(made, method, None)
                    except Exception:  # a property
                        continue
                    if isinstance(bound, types.MethodType):
                        out.append((name, key, "method " + method, bound))
    return out


def held_now(held, modules):
    """What the held objects are now: {(module, name, kind): {"same": bool, "calls": {...}}}."""
    out = {}
    for name, key, kind, v in held:
        if name not in modules:
            continue
        current = vars(sys.modules[name]).get(key)
        entry = {}
        if kind in ("function", "class"):
            entry["same"] = current is v
        if kind == "function" and current is not None:
            entry["calls"] = {f"{name}.{key}()": snapshot.call(v)}
        elif kind == "instance" and isinstance(current, type):
            entry["same"] = type(v) is current
            entry["calls"] = snapshot.attributes(f"{name}.{key}()", v)
        elif kind.startswith("method ") and isinstance(current, type):
            entry["calls"] = {f"{name}.{key}().{kind.split()[1]}": snapshot.call(v)}
        out[name, key, kind] = entry
    return out


def host_imports(modules, space, seed):
    """`from m import X` in the host's own namespace."""
    out = []
    for name in modules:
        for key in sorted(vars(sys.modules[name])):
            if re.fullmatch(r"[KTLDfCEN]\d+", key) and (int(key[1:]) + seed) % 3 == 0 and key not in space:
                exec(f"from {name} import {key}", space)
                out.append((name, key))
    return out


def host_now(imported, space):
    problems = []
    for name, key in imported:
        current = vars(sys.modules[name]).get(key, problems)
        if current is not problems and space.get(key) is not current and not equal(space.get(key), current):
            problems.append(("host", f"{name}.{key} in the host's namespace",
                             f"{short(space.get(key))} instead of {short(current)}"))
    return problems


def equal(a, b):
    return type(a) is type(b) and type(a) in (int, str, float, tuple) and a == b


def short(v):
    return snapshot.ADDRESS.sub("", repr(v))[:100]


def count(modules):
    """Run-time state before the edits: `b9` counts in `S8`."""
    out = []
    for name in modules:
        space = vars(sys.modules[name])
        bumps = [k for k, v in space.items() if re.fullmatch(r"b\d+", k) and v.__module__ == name]
        for bump in bumps:
            space[bump]()
            space[bump]()
        for key in bumps:
            state = re.search(r"S\d+", " ".join(space[key].__code__.co_names))
            out.append((name, state.group(), space[state.group()], repr(space[state.group()])))
    return out


def count_now(counted, modules):
    problems = []
    for name, key, was, text in counted:
        now = vars(sys.modules[name]).get(key) if name in modules else was
        if repr(now) != text or isinstance(was, list) and now is not was:
            problems.append(("state", f"{name}.{key}", f"was {text}, is {short(now)}, same object {now is was}"))
    return problems


# -- comparison ---------------------------------------------------------------------------------


def difference(a, b):
    return [(k, a.get(k, "(nothing)"), b.get(k, "(nothing)")) for k in sorted({*a, *b}) if a.get(k) != b.get(k)]


def compare(case, engine_name, base):
    """The differences of a case as (kind, where, what); "invalid" when a restart cannot run it."""
    last = case["versions"][-1]
    how, new = forked(fresh, last.files, last.modules, base)
    if how != "ok" or "invalid" in new:
        return "invalid"
    how, old = forked(live, case, engine_name, base)
    if how == "ok" and "invalid" in old:
        return "invalid"
    if how != "ok":
        found = [(how, "the process", old.strip().splitlines()[-1] if old else "")]
    else:
        found = judge(case, old, new)
    if found:
        for version in case["versions"]:
            how, got = forked(fresh, version.files, version.modules, base, False)
            if how != "ok" or bool(version.broken) != ("invalid" in got):
                return "invalid"
    return found


def judge(case, old, new):
    found = list(old["problems"])
    found += [("snapshot", p, f"{is_}, fresh: {want}") for p, is_, want in difference(old["snapshot"], new["snapshot"])]
    found += [("calls", p, f"{is_}, fresh: {want}") for p, is_, want in difference(old["calls"], new["calls"])]
    return found + held_problems(case, old["held"], new)


def suspicious(cases, engine_name, base):
    """Which of many cases have to be looked at one by one, since a batch shares two children; and
    whether that is only because one of them takes too long for all."""
    how, new = forked(fresh_batch, cases, base)
    if how != "ok":
        return cases, how == "hang"
    runnable = [(case, n) for case, n in zip(cases, new)]
    how, old = forked(live_batch, [case for case, n in runnable if "invalid" not in n], engine_name, base)
    if how != "ok":
        return cases, how == "hang"
    old = iter(old)
    doubtful = []
    for case, n in runnable:
        o = n if "invalid" in n else next(old)
        if "invalid" in o or judge(case, o, n):
            doubtful.append(case)
    return doubtful, False


def held_problems(case, held, new):
    """Held objects that should be the current ones, or behave like them, and are or do not."""
    found, texts = [], None
    for (module, name, kind), entry in held.items():
        wrong_calls = [(p, is_, new["calls"][p]) for p, is_ in entry.get("calls", {}).items()
                       if p in new["calls"] and new["calls"][p] != is_]
        if entry.get("same", True) and not wrong_calls:
            continue
        texts = texts or Texts(case)
        expected = texts.same_kind(module, name)
        if not expected:
            continue
        if not entry.get("same", True) and (expected == "plain" or kind == "instance"):
            found.append(("held", f"{kind} {module}.{name}", "is no longer the current one"))
        for path, is_, want in wrong_calls:
            method = path.rpartition(".")[2]
            if kind == "function" or method not in texts.shaky and texts.same_method(module, name, method):
                found.append(("held", f"{kind} {path}", f"{is_}, fresh: {want}"))
    return found


class Texts:
    """What the texts of all versions say: which names mean one thing throughout."""

    def __init__(self, case):
        self.versions = []
        for version in case["versions"]:
            if version.broken:
                continue
            self.versions.append({m: ast.parse(version.files[path]) for m in version.modules
                                  for path in (m.replace(".", "/") + ".py", m.replace(".", "/") + "/__init__.py")
                                  if path in version.files})
        # A method is told by its name; what it reads of its instance is state of run time.
        bodies = [(n.name, ast.unparse(n)) for version in self.versions for tree in version.values()
                  for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and re.fullmatch(r"g\d+", n.name)]
        self.shaky = {n for n, b in bodies if "self.i" in b or "super()" in b}
        for _ in range(4):
            self.shaky |= {n for n, b in bodies if any(f"self.{s}(" in b for s in self.shaky)}

    def same_kind(self, module, name):
        """"plain": one undecorated definition in every version; "wrapped": with the same decorators,
        themselves unchanged; "": neither, nothing is promised."""
        seen = set()
        for version in self.versions:
            tree = version.get(module)
            if tree is None:
                return ""
            nodes = [n for n in tree.body if getattr(n, "name", None) == name]
            if len(nodes) != 1 or name in stores(tree, nodes[0]):
                return ""
            node = nodes[0]
            decorators = tuple(ast.unparse(d) for d in node.decorator_list)
            if isinstance(node, ast.ClassDef):
                bases = tuple(ast.unparse(b) for b in node.bases)
                # `object` as the only base cannot be changed in place, nor can the layout of data
                seen.add(("class", bool(bases), bases[0].startswith(("enum.", "typing.")) if bases else "",
                          self.slots(version, node)))
            else:
                # kinds of functions may change; wrappers ask for the kind when they are made
                seen.add((type(node).__name__, decorators, self.text_of(version, decorators), ()))
        if len(seen) != 1:
            return ""
        kind, decorators = next(iter(seen))[:2]
        if kind == "class" or not decorators:
            return "plain"
        return "wrapped" if not any("(" in d and "lru_cache" not in d for d in decorators) else ""

    def same_method(self, module, name, method):
        """Whether a method is of one kind throughout: a bound method cannot become a static one, nor
        an attribute or the method of a base that its name means now."""
        kinds, everywhere, givers = set(), set(), set()
        for version in self.versions:
            everywhere |= {tuple(ast.unparse(d) for d in n.decorator_list)
                           for tree in version.values() for n in ast.walk(tree)
                           if isinstance(n, ast.FunctionDef) and n.name == method}
            everywhere |= {None for tree in version.values() for n in ast.walk(tree)
                           if isinstance(n, ast.Name) and n.id == method and isinstance(n.ctx, ast.Store)}
            owners = [n for n in version[module].body if getattr(n, "name", None) == name]
            found = [n for n in owners[0].body if getattr(n, "name", None) == method] if owners else []
            kinds.add(tuple(ast.unparse(d) for n in found for d in n.decorator_list) if found else None)
            givers.add(self.giver(version, owners[0], method) if owners else None)
        # Bound before the edit, it is the method of the class that had it then. Where another class
        # gives it to this one now, nobody said that the old method should become that one.
        if len(givers) > 1:
            return False
        if len(everywhere) > 1 and everywhere & {None, ("staticmethod",), ("classmethod",), ("property",)}:
            return False
        return len(kinds) == 1 or not kinds & {None, ("staticmethod",), ("classmethod",), ("property",)}

    def giver(self, version, owner, method):
        """The name of the class that has a method which `owner` may have from a base."""
        for node in self.lineage(version, owner):
            if any(getattr(n, "name", None) == method for n in node.body):
                return node.name
        return None

    def lineage(self, version, owner):
        """A class and what it is derived from, as far as the texts tell by name."""
        classes = {n.name: n for tree in version.values() for n in tree.body if isinstance(n, ast.ClassDef)}
        found, todo = [], [owner]
        while todo:
            node = todo.pop(0)
            if node not in found:
                found.append(node)
                todo[:0] = [classes[b] for b in (ast.unparse(b).split(".")[-1] for b in node.bases) if b in classes]
        return found

    def slots(self, version, owner):
        """The layout of instances: one that differs needs another class, and no instance can move there."""
        return tuple(ast.unparse(n.value) for c in self.lineage(version, owner) for n in c.body
                     if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__slots__")

    def text_of(self, version, decorators):
        out = []
        for tree in version.values():
            out += [ast.unparse(n) for n in tree.body if getattr(n, "name", None) in decorators]
            out += [ast.unparse(n) for n in tree.body if isinstance(n, ast.ImportFrom)
                    and any((a.asname or a.name) in decorators for a in n.names)]
        return tuple(out)


def stores(tree, but):
    """Names that other top-level statements bind."""
    out = set()
    for node in tree.body:
        if node is not but:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    out.add(inner.id)
                elif isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                    out.add(inner.name)
    return out
