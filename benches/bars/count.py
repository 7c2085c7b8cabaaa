"""Idle triggers for callgrind to count; see `count.sh`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import EVENT, Room, SCOPE_NONE, bench

room = Room("count")
room.load("counted", "x = 1\n")
handle, _ = bench.create(SCOPE_NONE, EVENT)
bench.include(handle, "counted")
bench.track_imports(handle)
for _ in range(3):
    bench.trigger(handle)
# What these took is known from a run without the thousand.
bench.repeat(handle, EVENT if sys.argv[1] == "on" else 1 << 16, int(sys.argv[2]))
room.close()
