#!/usr/bin/env python3
"""Soak: ten thousand reloads in one process, and nothing grows.

A set of modules is edited over and over: a function's body, a class, a constant that another
module imported, a dataclass, an enum, lines that only move, a syntax error. After a warm-up these
must stay flat: resident memory, `sys.getallocatedblocks()`, tracked objects, garbage, subclasses,
open descriptors, threads, `sys.modules`.

    python3 tests/soak_reload.py [--count 10000] [--engine pyreload|importlib|none]
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import engines  # noqa: E402

BASE = '''\
import dataclasses
import enum
import functools

LIMIT = {n}

def traced(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return fn(*args)
    return wrapper

class Shape:
    sides = {n}

    def area(self):
        return self.sides + {n}

    @property
    def name(self):
        return "shape {n}"

class Colour(enum.Enum):
    RED = 1
    BLUE = {n} + 10

@dataclasses.dataclass
class Point:
    x: int = {n}
    y: int = 2

def area(a=LIMIT):
    return a + {n}
'''
USER = '''\
from soak_base import LIMIT, Colour, Point, Shape, area, traced

DOUBLE = LIMIT * 2
TABLE = {{"limit": LIMIT, "n": {n}}}

class Square(Shape):
    def area(self):
        return super().area() + {n}

@traced
def call(n={n}):
    return area() + n + DOUBLE

adder = (lambda k: lambda a: a + k + {n})(3)
'''


def edits(count):
    """(file, text, whether it can be imported): only a part differs from the edit before."""
    base, user = {}, {}
    for i in range(count):
        kind, n = i % 8, i % 977
        if kind == 0:
            base["area"] = n
        elif kind == 1:
            base["limit"] = n
        elif kind == 2:
            base["class"] = n
        elif kind == 3:
            base["point"] = n
        elif kind == 4:
            user["n"] = n
        elif kind == 5:
            base["top"] = n % 7
        elif kind == 6:
            base["enum"] = n
        text = BASE
        for mark, key in (("LIMIT = {n}", "limit"), ("return a + {n}", "area"), ("sides = {n}", "class"),
                          ("self.sides + {n}", "class"), ("shape {n}", "class"), ("BLUE = {n}", "enum"),
                          ("x: int = {n}", "point")):
            text = text.replace(mark, mark.replace("{n}", str(base.get(key, 5))))
        text = "# moved\n" * base.get("top", 0) + text
        if kind == 7:
            yield "soak_base.py", text + f"def broken(:  # {n}\n", False, base, user
            continue
        yield ("soak_user.py", USER.format(n=user.get("n", 5)), True, base, user) if kind == 4 else \
            ("soak_base.py", text, True, base, user)


def expected(base, user):
    limit, n = base.get("limit", 5), user.get("n", 5)
    return limit + base.get("area", 5) + n + limit * 2


class Gauges:
    """The figures that must not grow."""

    def __init__(self):
        with open("/proc/self/statm") as f:
            self.rss_kib = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
        gc.collect()
        self.blocks = sys.getallocatedblocks()
        self.objects = len(gc.get_objects())
        self.garbage = len(gc.garbage)
        base = sys.modules["soak_base"]
        self.subclasses = len(type.__subclasses__(base.Shape)) + len(type.__subclasses__(object))
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()
        self.modules = len(sys.modules)


#: What may be added between the first sample after the warm-up and the last, whatever the count.
SLACK = {"rss_kib": 2048, "blocks": 600, "objects": 150, "garbage": 0, "subclasses": 0, "descriptors": 0,
         "threads": 0, "modules": 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload", choices=engines.NAMES)
    parser.add_argument("--count", type=int, default=10000, help="how many reloads")
    options = parser.parse_args()
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="reload-soak-")))
    try:
        return soak(options, folder)
    finally:
        shutil.rmtree(folder)


def soak(options, folder):
    (folder / "soak_base.py").write_text(BASE.replace("{n}", "5"))
    (folder / "soak_user.py").write_text(USER.format(n=5))
    sys.path.insert(0, str(folder))
    space = {}
    exec("from soak_user import *\nimport soak_base, soak_user", space)
    square, point = space["Square"](), space["Point"]()
    kept = space["call"]
    engine = engines.make(options.engine, folder, space)
    samples, wrong = [], 0
    at = {options.count * k // 10 for k in range(1, 11)}
    started = time.monotonic()
    for i, (name, text, good, base, user) in enumerate(edits(options.count), 1):
        new = folder / (name + ".new")
        new.write_text(text)
        os.replace(new, folder / name)
        failed = engine.check()
        if bool(failed) == good or kept() != expected(base, user):
            wrong += 1
            if wrong <= 3:
                print(f"edit {i} of {name}: {failed or 'no failure reported'}; "
                      f"call() is {kept()}, should be {expected(base, user)}")
        if i in at:
            samples.append((i, Gauges()))
    took = time.monotonic() - started
    alive = isinstance(square, sys.modules["soak_user"].Square) and isinstance(point, sys.modules["soak_base"].Point)
    print(f"engine {options.engine}, Python {sys.version.split()[0]}: {options.count} reloads in {took:.1f} s "
          f"({took / options.count * 1e6:.0f} us each, with the save)")
    print(f"{'reloads':>8} " + " ".join(f"{name:>11}" for name in SLACK))
    for i, gauges in samples:
        print(f"{i:8} " + " ".join(f"{getattr(gauges, name):11}" for name in SLACK))
    failed = 0
    first, last = samples[1][1], samples[-1][1]
    for name, slack in SLACK.items():
        grown = getattr(last, name) - getattr(first, name)
        failed += grown > slack
        if grown > slack:
            print(f"FAIL  {name} grew by {grown} from reload {samples[1][0]} to {samples[-1][0]} (allowed: {slack})")
    if wrong:
        print(f"FAIL  {wrong} edits gave another result than a restart")
    if not alive:
        print("FAIL  the objects made before the first edit are not of the current classes")
    failed += bool(wrong) + (not alive)
    print(f"{len(SLACK) + 2 - failed} passed, {failed} failed")
    engine.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
