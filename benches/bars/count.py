"""Triggers for callgrind to count; see `count.sh`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import EVENT, Ours, Room, bench, module_text

LEAF = """CONST = {value}


def func(x):
    return x + {value}


class Thing:
    def value(self):
        return {value}
"""
USER = """from leaf import CONST, func, Thing


def use():
    return CONST, func(0), Thing().value()
"""

what, times = sys.argv[1], int(sys.argv[2])
room = Room("count")


def fanout(importers=200):
    """A leaf that many take a constant, a function and a class from."""
    _, path = room.load("leaf", LEAF.format(value=0))
    users = [room.load(f"user{i}", USER)[0] for i in range(importers)]
    ours = Ours(["leaf"] + [user.__name__ for user in users])
    for n in range(1, times + 1):
        path.write_text(LEAF.format(value=n))
        ours.trigger()
        assert all(user.CONST == n for user in users)
    room.close()


def bulk(files=100):
    """Many files at once."""
    text, function = module_text(100)
    loaded = [room.load(f"bulk{i}", text) for i in range(files)]
    ours = Ours([module.__name__ for module, _ in loaded])
    for n in range(1, times + 1):
        new = module_text(100, value=n)[0]
        for _, path in loaded:
            path.write_text(new)
        _, report = ours.trigger()
        assert len(report["modules"]) == files
    room.close()


def floor(files=100):
    """What bar 9 compares with, for the same files."""
    text, function = module_text(100)
    loaded = [room.load(f"bulk{i}", text) for i in range(files)]
    old = text.encode()
    for n in range(1, times + 1):
        new = module_text(100, value=n)[0]
        for _, path in loaded:
            path.write_text(new)
        edits = [(str(path), old, getattr(module, function), None) for module, path in loaded]
        bench.floor_edit(edits, 0)
        old = new.encode()
    room.close()


if what in ("fanout", "bulk", "floor"):
    globals()[what]()
    sys.exit()
lines = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
text, function = module_text(lines)
module, path = room.load("counted", text)
ours = Ours(["counted"])
for _ in range(3):
    ours.trigger()
edits = {"edit": "value", "call": "call", "constant": "constant"}
if what in edits or what == "lines":
    for n in range(1, times + 1):
        change = {edits[what]: n} if what in edits else {"extra": "# a comment\n" * (1 + n % 7)}
        path.write_text(module_text(lines, **change)[0])
        _, report = ours.trigger()
        assert report, "the edit was not seen"
else:
    bench.repeat(ours.handle, EVENT if what == "on" else 1 << 16, times)
room.close()
