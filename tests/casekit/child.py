"""Runs cases, each in a process of its own that is forked from this one.

Started once for each interpreter. Reads a JSON line per case on stdin, answers with one on
stdout. Forking from a process that has imported the usual parts of the standard library costs a
few milliseconds, a new interpreter a hundred. Runs on Python 3.9 and later.
"""

from __future__ import annotations

import base64
import ctypes
import io
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import types

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from casekit import engines  # noqa: E402

# what cases use anyway
import abc, asyncio, collections, contextlib, copy, dataclasses, datetime, enum  # noqa: E401,E402,F401
import fractions, functools, importlib, importlib.util, inspect, logging, pickle, sqlite3  # noqa: E401,E402,F401
import threading, typing, weakref, argparse, unittest.mock  # noqa: E401,E402,F401

TIMEOUT = 20
LOADED = {}


class Out(io.TextIOBase):
    """sys.stdout of a case: keeps text while an observation runs, drops it otherwise."""

    def __init__(self):
        self.text = None

    def writable(self):
        return True

    def write(self, text):
        if self.text is not None:
            self.text.append(text)
        return len(text)


class Files:
    """The sources on disk. `fs` in swap and make blocks."""

    def __init__(self, case, root):
        self.case, self.root = case, root
        self.t0 = int(time.time()) - 1000
        self.tick = 0
        self.how = "bump"
        self.check = lambda: None
        self.version = 1

    def path(self, name):
        return os.path.join(self.root, name)

    def stamp(self, name, how=None, old=None):
        """bump: newer than all before; older; same: as before; now: the clock's."""
        how = how or self.how
        if how == "now" or (how == "same" and old is None):
            return
        if how == "bump":
            self.tick += 2
            when = (self.t0 + self.tick) * 10**9
        elif how == "older":
            self.tick += 1
            when = (self.t0 - 3600 * self.tick) * 10**9
        else:
            when = old
        os.utime(self.path(name), ns=(when, when))

    def write(self, name, data, mtime=None):
        path = self.path(name)
        old = os.stat(path).st_mtime_ns if os.path.exists(path) else None
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data.encode() if isinstance(data, str) else data)
        self.stamp(name, mtime, old)

    def replace(self, name, data, mtime=None):
        """Saves as careful editors do: a new file next to it, renamed into place."""
        path = self.path(name)
        old = os.stat(path).st_mtime_ns if os.path.exists(path) else None
        with open(path + ".tmp~", "wb") as stream:
            stream.write(data.encode() if isinstance(data, str) else data)
        os.replace(path + ".tmp~", path)
        self.stamp(name, mtime, old)

    def read(self, name):
        with open(self.path(name), "rb") as stream:
            return stream.read()

    def delete(self, name):
        path = self.path(name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def touch(self, name):
        self.stamp(name, "bump")

    def data(self, name, version):
        """The text of a file as the case gives it for a version."""
        for step in range(version, 0, -1):
            if name in self.case["files"].get(str(step), {}):
                return base64.b64decode(self.case["files"][str(step)][name])
        raise KeyError(name)

    def apply(self, version):
        """Turns the tree from the version before into this one."""
        for name, data in self.case["files"].get(str(version), {}).items():
            if data is None:
                self.delete(name)
                folder = os.path.dirname(self.path(name))
                if folder != self.root and set(os.listdir(folder)) <= {"__pycache__"}:
                    shutil.rmtree(folder)
            else:
                self.write(name, base64.b64decode(data))
        self.run("make", version)
        self.version = version

    def run(self, role, version):
        code = self.case["blocks"].get(role, {}).get(str(version))
        if code is not None:
            exec(compile(code, f"<{role}>", "exec"), {"fs": self, "os": os, "version": version})
        return code is not None


class Run:
    """One case in this process."""

    def __init__(self, case, root):
        self.case, self.root = case, root
        self.fs = Files(case, root)
        self.out = Out()
        self.where = "setup"
        self.steps, self.problems, self.engines = [], [], []

    def execute(self, code, name, optimize=0):
        try:
            exec(compile(code, f"<{name}>", "exec", dont_inherit=True, optimize=optimize), self.ns)
        finally:
            for engine in self.engines:
                engine.after_exec(code)

    def observe(self, version):
        self.where = f"after v{version}"
        self.out.text = []
        try:
            self.execute(self.case["after"][str(version)], "after")
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
            self.trouble = traceback.format_exc()
        text, self.out.text = "".join(self.out.text), None
        self.steps.append([version, text])

    def host(self):
        """A namespace as a host has it: __main__ with nothing in it."""
        main = types.ModuleType("__main__")
        self.ns = main.__dict__
        self.ns["__builtins__"] = __builtins__
        sys.modules["__main__"] = main
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        sys.path[:] = [self.root] + [p for p in sys.path if not p.startswith(ours)]
        sys.argv[:] = [""]
        sys.stdout = self.out

    def fresh(self, version):
        for step in range(1, version + 1):
            self.fs.apply(step)
        # what a made file was in an earlier version is of no interest
        for folder, _, _ in list(os.walk(self.root)):
            if os.path.basename(folder) == "__pycache__":
                shutil.rmtree(folder)
        self.host()
        blocks = self.case["blocks"]
        code = blocks.get("fresh") or blocks["before"]
        self.where = "before"
        # before may assert facts about version 1
        self.execute(code["1"], "before", optimize=1)
        self.observe(version)

    def start(self):
        self.where = "start"
        for _ in range(int(self.case["options"]["reloaders"])):
            engine = engines.ENGINES[self.case["engine"]](self.case)
            self.engines.append(engine)
            engine.start(self.ns)

    def check(self, quiet=False):
        status, report = None, None
        for engine in self.engines:
            answer, found = engine.check()
            status = answer if status in (None, 0) else status
            report = report or found
        if quiet and (report is not None or status):
            self.problems.append(f"{self.where}: a check without a change reports {report}")
        return status, report

    def live(self):
        options = self.case["options"]
        self.fs.how = "bump"
        self.fs.apply(1)
        self.fs.how = options["mtime"]
        self.fs.check = self.check
        self.host()
        if options["start"] == "before":
            self.start()
        self.where = "before"
        self.execute(self.case["blocks"]["before"]["1"], "before")
        if options["start"] == "after":
            self.start()
        if self.engines and options["quiet"] == "yes":
            self.where = "quiet check"
            self.check(quiet=True)
        for version in range(2, self.case["last"] + 1):
            self.where = f"swap v{version}"
            if not self.fs.run("swap", version):
                self.fs.apply(version)
            if not self.engines:
                self.start()
            self.where = f"check v{version}"
            status, report = self.check()
            self.judge(version, status, report)
            if options["quiet"] == "yes":
                self.where = f"quiet check v{version}"
                self.check(quiet=True)
            self.observe(version)

    def judge(self, version, status, report):
        if status is None:
            return
        self.reports = getattr(self, "reports", []) + [report]
        code = self.case["blocks"].get("report", {}).get(str(version))
        if code is not None:
            modules = {m["name"]: m for m in (report or {}).get("modules", [])}
            try:
                exec(compile(code, "<report>", "exec"), {"report": report, "modules": modules, "status": status})
            except Exception as error:
                self.problems.append(f"report v{version}: {type(error).__name__}: {error}")
        want = self.case["options"]["status"].split() or (
            ["1", "0"] if self.case["options"]["semantics"] == "failure" else ["0"]
        )
        want = want[min(version - 2, len(want) - 1)]
        if want != "any" and str(status) != want:
            self.problems.append(f"check v{version}: status {status}, not {want}")


def child(case, root, write):
    """The forked process: run the case, tell the result, end."""
    log = os.open(os.path.join(os.path.dirname(root), "log"), os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    run = Run(case, root)
    result = {}
    try:
        if case["mode"] == "fresh":
            run.fresh(case["version"])
        else:
            run.live()
    except BaseException:
        result["error"] = f"{run.where}: {traceback.format_exc()}"
    result.update(steps=run.steps, problems=run.problems, reports=getattr(run, "reports", []),
                  trouble=getattr(run, "trouble", None))
    # stop first: a crash in it must show as a crash
    try:
        for engine in run.engines:
            engine.stop()
    except BaseException:
        result["error"] = f"stop: {traceback.format_exc()}"
    data = json.dumps(result, default=repr).encode()
    while data:
        data = data[os.write(write, data) :]
    os._exit(0)  # a case may leave threads behind


WARM = """
TOLD, STEPS = {}, [1, 2]
STEPS.append(3)

def told(name):
    def deco(function):
        TOLD[name] = function
        return function
    return deco

@told("before")
def step(): return 1

class Machine:
    def __init__(self): self.at = 0
    def go(self, by): self.at += by

machine = Machine()
for by in STEPS:
    machine.go(by)
"""


def warm(lib):
    """One edit here: the library compiles its Python texts at the first one in a process, which is most
    of what a small case costs. A reloader of its own, which is gone before any case starts."""
    root = tempfile.mkdtemp(prefix="case-warm-")
    path = os.path.join(root, "case_warm.py")
    sys.path.insert(0, root)
    engine = engines.Pyreload({"lib": lib})
    try:
        for text in (WARM, WARM.replace("before", "after").replace("append(3)", "append(4)")):
            with open(path, "w") as stream:
                stream.write(text)
            if engine.handle is None:
                module = importlib.import_module("case_warm")
                engine.start({"case_warm": module})
            status, report = engine.check()
        if status or module.machine.at != 7 or list(module.TOLD) != ["after"]:
            raise SystemExit(f"the first edit fails: {report}")
    finally:
        engine.stop()
        sys.path.remove(root)
        sys.modules.pop("case_warm", None)
        sys.path_importer_cache.pop(root, None)
        shutil.rmtree(root)


def serve(case):
    for name in case["options"]["needs"].split():
        # once here, not in each child; a module that is not the user's is not looked at anyway
        importlib.import_module(name)
    if case["engine"] == "pyreload" and case["lib"] not in LOADED:
        # mapped once, so that a child need not relocate it
        LOADED[case["lib"]] = ctypes.PyDLL(case["lib"])
        warm(case["lib"])
    place = os.path.realpath(tempfile.mkdtemp(prefix="case-"))
    root = os.path.join(place, "site")
    os.mkdir(root)
    case["root"] = root
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        child(case, root, write)
    os.close(write)
    data, deadline = b"", time.monotonic() + TIMEOUT
    while True:
        ready, _, _ = select.select([read], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            break
        part = os.read(read, 65536)
        if not part:
            break
        data += part
    os.close(read)
    _, status = os.waitpid(pid, 0)
    with open(os.path.join(place, "log"), errors="replace") as stream:
        log = stream.read()[-3000:]
    shutil.rmtree(place, ignore_errors=True)
    try:
        result = json.loads(data)
    except ValueError:
        what = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "no answer"
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            what = f"no answer within {TIMEOUT} s"
        result = {"error": what, "steps": [], "problems": []}
    result["log"] = log
    return result


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        print(json.dumps(serve(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
