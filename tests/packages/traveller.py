"""One journey of time travel, in a process of its own (see timetravel.py, which starts it).

argv: a JSON file with {mode, engine, site, new, tests, imports, arguments}, and where the JSON
result goes. `site` is the folder on sys.path that holds the old version; `new` holds the target.
"""

from __future__ import annotations

import collections
import importlib
import io
import json
import os
import pkgutil
import shutil
import sys
import time
import traceback
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "equivalence")]

import engines  # noqa: E402
import snapshot  # noqa: E402


# -- files -----------------------------------------------------------------------------------


def tree(folder):
    return {str(p.relative_to(folder)): p for p in sorted(Path(folder).rglob("*"))
            if p.is_file() and "__pycache__" not in p.parts}


def swap(site, new):
    """Turns `site` into `new`, each file atomically; deletes what is gone."""
    have, want = tree(site), tree(new)
    changed = 0
    for name, source in want.items():
        target = Path(site) / name
        data = source.read_bytes()
        if name in have and have[name].read_bytes() == data:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name("." + target.name + ".part")
        part.write_bytes(data)
        os.replace(part, target)
        changed += 1
    for name in have:
        if name not in want:
            (Path(site) / name).unlink()
            changed += 1
    for folder in sorted(Path(site).rglob("*"), reverse=True):  # what else the import system would see
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return changed


# -- modules and what is held of them ---------------------------------------------------------


def modules_of(names):
    return sorted(n for n, m in sys.modules.items() if n.split(".")[0] in names and isinstance(m, types.ModuleType))


def import_all(names):
    """A package and all its submodules that can be imported."""
    for name in names:
        module = importlib.import_module(name)
        for info in pkgutil.walk_packages(getattr(module, "__path__", []), name + ".", onerror=lambda n: None):
            last = info.name.rpartition(".")[2]
            if last == "__main__" or {"test", "tests"} & set(info.name.split(".")) or last.startswith("test_"):
                continue
            try:
                importlib.import_module(info.name)
            except (Exception, SystemExit):
                pass  # other systems' consoles, optional dependencies
    return modules_of(names)


def described(path, v, own, codes=None):
    """A digest of an object's whole structure; instances' attributes are state."""
    picture = snapshot.Snapshot(own, instances=False, codes=codes)
    try:
        picture.value(path, v)
    except Exception as error:  # a descriptor that raises
        picture.out[path] = f"{type(error).__name__}: {error}"
    return snapshot.digest(sorted(picture.out.items()))


def explained(wanted, names):
    """The whole structure of one name, for `--explain`; of every name for `all`."""
    out = {}
    for name in names:
        for key, v in sorted(vars(sys.modules[name]).items()):
            if key not in NOISE and wanted in ("all", f"{name}.{key}"):
                picture = snapshot.Snapshot(names, instances=False)
                picture.value(f"{name}.{key}", v)
                out.update(picture.out)
    return out


def reaches(path, names, classes):
    """Whether what a path means leads to one of the classes (`module:name`)."""
    name, _, key = path.rpartition(".")
    picture = snapshot.Snapshot(names, instances=False)
    picture.value(path, vars(sys.modules[name])[key])
    wanted = tuple(f"class {c.replace(':', '.')} " for c in classes)
    return any(text.startswith(wanted) for text in picture.out.values())


#: Names that a test run or the import system keeps in a module.
NOISE = snapshot.MODULE_NOISE | {"__warningregistry__", "__pytest_asyncio_scoped_event_loop"}


def namespaces(names):
    """{module: {name: digest}} of everything in the modules."""
    codes = {}
    return {name: {key: described(f"{name}.{key}", v, names, codes) for key, v in sorted(vars(sys.modules[name]).items())
                   if key not in NOISE and not child(name, key, v)}
            for name in names}


def child(name, key, v):
    """A submodule is an attribute of its package from its import on, and those are looked at one by one."""
    return isinstance(v, types.ModuleType) and v.__name__ == f"{name}.{key}"


def definitions(names):
    """(path, object) of functions and classes, methods included, where they are defined."""
    for name in names:
        for key, v in sorted(vars(sys.modules[name]).items()):
            if not isinstance(v, (types.FunctionType, type)):
                continue  # not even asked: it may make an attribute of every name
            if getattr(v, "__module__", None) != name or getattr(v, "__qualname__", None) != key:
                continue
            if isinstance(v, types.FunctionType):
                yield f"{name}:{key}", v
            elif isinstance(v, type):
                yield f"{name}:{key}", v
                for attribute, item in sorted(vars(v).items()):
                    if isinstance(item, types.FunctionType) and item.__qualname__ == f"{key}.{attribute}":
                        yield f"{name}:{key}.{attribute}", item


def shapes(names):
    """{path: digest} of the definitions; under `path@wrapped` of what a decorator put something around."""
    out, codes = {}, {}
    for path, v in definitions(names):
        out[path] = described(path, v, names, codes)
        if inner(v) is not v:
            out[path + "@wrapped"] = described(path, inner(v), names, codes)
    return out


def inner(v):
    """What is inside the functions around a definition."""
    while isinstance(v, types.FunctionType) and "__wrapped__" in vars(v):
        v = v.__wrapped__
    return v


def find(path):
    """What is at a path now, or None."""
    name, _, qualified = path.partition(":")
    v = sys.modules.get(name)
    for part in qualified.split("."):
        v = vars(v).get(part) if isinstance(v, (type, types.ModuleType)) else None
    return v


class Held:
    """References of a host into the old version."""

    def __init__(self, names, space):
        self.definitions = list(definitions(names))
        self.instances, self.methods = [], []
        for path, v in self.definitions:
            if isinstance(v, type) and not issubclass(v, (type, tuple, BaseException)):
                try:
                    made = v()
                except (Exception, SystemExit):
                    continue
                if type(made) is not v:
                    continue  # `__new__` gave something else
                self.instances.append((path, made))
                for key, item in sorted(vars(v).items()):
                    # an instance may have something of its own of that name
                    if isinstance(item, types.FunctionType) and not key.startswith("__") \
                            and isinstance(getattr(made, key), types.MethodType):
                        self.methods.append((f"{path}.{key}", getattr(made, key)))
        self.imported = []
        for name in names:
            for key, v in sorted(vars(sys.modules[name]).items()):
                if not key.startswith("_") and not isinstance(v, types.ModuleType) and key not in space:
                    space[key] = v
                    self.imported.append((name, key))

    def judge(self, space, names, fresh, state=()):
        """How many held references mean the target version; `fresh` has its digests by path, `state` the
        paths of definitions that reach what the program changed before the edit."""
        fresh = {path: v for path, v in fresh.items() if path not in state}
        good, total, wrong = 0, 0, []
        live_good, live_total, dead = 0, 0, []
        codes = {}

        def score(path, ok):
            nonlocal good, total
            total += 1
            good += ok
            if not ok:
                wrong.append(path)

        def live(path, ok):
            nonlocal live_good, live_total
            live_total += 1
            live_good += ok
            if not ok:
                dead.append(path)

        for path, v in self.definitions:
            if path in fresh:
                # one that is decorated now is inside, and one that was holds what is plain now
                wanted = (fresh[path], fresh.get(path + "@wrapped"))
                score(path, described(path, v, names, codes) in wanted or described(path, inner(v), names, codes) in wanted)
        for path, v in self.methods:
            if path in fresh and isinstance(v, types.MethodType) and isinstance(v.__func__, types.FunctionType):
                score(path + " (bound)", described(path, v.__func__, names, codes) == fresh[path])
        for name, key in self.imported:
            if name in sys.modules and key in vars(sys.modules[name]):
                current = vars(sys.modules[name])[key]
                score(f"from {name} import {key}", space.get(key) is current or
                      type(current) in snapshot.ATOMS and type(space.get(key)) is type(current) and space.get(key) == current)
        for path, v in self.instances:
            current = find(path)
            if isinstance(current, type):
                # protocols and typed dicts refuse isinstance; a typed dict makes plain dicts
                live(f"isinstance {path}", type(v) is current or type(v) is dict)
        for path, v in self.methods:
            if path in fresh:
                live(f"current method {path}", getattr(v.__self__, path.rpartition(".")[2], None) == v)
        return {"held": [good, total], "wrong": wrong, "live": [live_good, live_total], "dead": dead}


# -- tests -------------------------------------------------------------------------------------


class Results:
    """A pytest plugin: the outcome of each test, and a place to travel between collection and run."""

    def __init__(self, between=None, collect_only=False):
        self.outcomes, self.errors, self.between, self.collect_only = {}, [], between, collect_only

    def pytest_collectreport(self, report):
        if report.failed:
            self.errors.append(report.nodeid)

    def pytest_collection_finish(self, session):
        if self.between:
            between, self.between = self.between, None
            between()
        if self.collect_only:
            session.items.clear()

    def pytest_runtest_logreport(self, report):
        before = self.outcomes.get(report.nodeid)
        if report.failed:
            self.outcomes[report.nodeid] = "failed"
        elif report.skipped and before is None:
            self.outcomes[report.nodeid] = "skipped"
        elif report.when == "call" and before is None:
            self.outcomes[report.nodeid] = "passed"


def run_tests(job, between=None):
    """`names_only` jobs collect the tests where that is part of the journey, and run none."""
    import pytest

    folder, arguments = job["tests"], job["arguments"]
    results = Results(between, job["names_only"])
    if job["names_only"] and not between:
        results.text = ""
        return results
    os.chdir(folder)
    where = io.StringIO()
    out, sys.stdout = sys.stdout, where
    # capturing stays on: tests of command line tools look at what was printed
    command = ["-q", "--tb=short", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-o", "addopts=",
               "-W", "ignore", "--rootdir", str(folder), *arguments]
    if "hypothesis" in sys.modules or _there("hypothesis"):
        command += ["--hypothesis-seed=0"]
    try:
        pytest.main(command, plugins=[results])
    finally:
        sys.stdout = out
    results.text = where.getvalue()[-20000:]
    return results


def _there(name):
    import importlib.util
    return importlib.util.find_spec(name) is not None


# -- journeys ------------------------------------------------------------------------------------


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    result = {"status": "error"}
    sys.dont_write_bytecode = True
    sys.path.insert(0, job["site"])
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(os.path.dirname(sys.argv[1]), "hypothesis")
    try:
        {"fresh": fresh, "again": again, "cold": cold, "warm": warm}[job["mode"]](job, result)
        result["status"] = "ran"
    except BaseException:
        result["error"] = traceback.format_exc()
    Path(sys.argv[2]).write_text(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)  # never wait for what a test left behind


def fresh(job, result):
    names = import_all(job["imports"])
    result["namespaces"] = namespaces(names)
    result["explained"] = explained(job["explain"], names) if job["explain"] else {}
    result["definitions"] = shapes(names)
    results = run_tests(job)
    result.update(outcomes=results.outcomes, errors=results.errors, text=results.text)


def again(job, result):
    """Another fresh process, without tests: names that differ from the first one's differ by chance."""
    names = import_all(job["imports"])
    result["namespaces"] = namespaces(names)
    result["definitions"] = shapes(names)


class Journey:
    """The live process: the old version, held objects, an engine."""

    def __init__(self, job, result):
        self.job, self.result, self.space = job, result, {"__name__": "__host__"}
        import_all(job["imports"])
        names = modules_of(job["imports"])
        self.before = namespaces(names)
        codes = {}
        self.shapes = {path: described(path, v, names, codes) for path, v in definitions(names)}
        self.held = Held(modules_of(job["imports"]), self.space)
        self.engine = engines.make(job["engine"], job["site"], self.space)
        self.engine.after_exec("")

    def travel(self):
        job, result = self.job, self.result
        # what importing the tests put into the package is run-time state
        now = namespaces(list(self.before))
        result["state"] = [f"{name}.{key}" for name, had in self.before.items() for key in {*had, *now[name]}
                           if had.get(key) != now[name].get(key)]
        codes = {}
        changed = {path for path, v in definitions(list(self.before))
                   if self.shapes.get(path, "") != described(path, v, list(self.before), codes)}
        changed_classes = [path for path in changed if isinstance(find(path), type)]
        time.sleep(0.02)  # peers that compare times need a later one
        result["changed_files"] = swap(job["site"], job["new"])
        started = time.perf_counter()
        try:
            result["failures"] = self.engine.check()
        except Exception as error:
            result["failures"] = [f"the check raised {type(error).__name__}: {error}"]
        result["seconds"] = time.perf_counter() - started
        result["report"] = summary(getattr(self.engine, "report", None))
        result["notes"] = notes(getattr(self.engine, "report", None))
        import_all(job["imports"])  # submodules that are new
        names = [n for n in modules_of(job["imports"]) if n in job["fresh_namespaces"]]
        result["namespaces"] = namespaces(names)
        result["explained"] = explained(job["explain"], names) if job["explain"] else {}
        result["bases"] = {f"{name}.{key}": sorted({c.__name__ for c in v.__mro__ if c.__module__ in names})
                           for name in names for key, v in vars(sys.modules[name]).items() if isinstance(v, type)}
        # what is new reaches the same state through a class that has it
        result["state"] += [f"{name}.{key}" for name in names for key in vars(sys.modules[name])
                            if key not in self.before.get(name, ()) and key not in NOISE
                            and changed_classes and reaches(f"{name}.{key}", names, changed_classes)]
        result.update(self.held.judge(self.space, names, job["fresh_definitions"], changed))


def summary(report):
    if not report:
        return None
    return dict(collections.Counter(str(m.get("outcome")) for m in report.get("modules", [])))


def notes(report):
    """What the report says of what it could not do, or did in another way."""
    out = []
    for module in (report or {}).get("modules", []):
        out += module.get("notes", [])
        out += [f"{c['name']}: {c['reason']}" for c in module.get("changes", []) if c["action"] == "kept"]
    return out


def cold(job, result):
    journey = Journey(job, result)
    journey.travel()
    results = run_tests(job)
    result.update(outcomes=results.outcomes, errors=results.errors, text=results.text)


def warm(job, result):
    """Test files are imported (collected) on the old version, run on the new one. Those that the old
    version cannot import are collected after the swap."""
    journey = Journey(job, result)

    def between():
        journey.engine.after_exec("")
        journey.travel()

    results = run_tests(job, between)
    outcomes = dict(results.outcomes)
    result["late_files"] = results.errors
    if "namespaces" not in result:  # nothing could be collected: there was no moment between
        journey.travel()
    if results.errors or not job["names_only"] and set(job["passed"]) - set(outcomes):
        # also tests inside the package, which the old version has others of
        again = run_tests(job)
        for test, outcome in again.outcomes.items():
            outcomes.setdefault(test, outcome)
        results.text += again.text
    result.update(outcomes=outcomes, errors=[], text=results.text)


if __name__ == "__main__":
    main()
