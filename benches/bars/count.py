"""Triggers for callgrind to count; see `count.sh`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import EVENT, Ours, Room, bench, module_text

what, times = sys.argv[1], int(sys.argv[2])
room = Room("count")
text, function = module_text(1000)
module, path = room.load("counted", text)
ours = Ours(["counted"])
for _ in range(3):
    ours.trigger()
if what == "edit":
    for n in range(1, times + 1):
        path.write_text(module_text(1000, value=n)[0])
        _, report = ours.trigger()
        assert report, "the edit was not seen"
else:
    bench.repeat(ours.handle, EVENT if what == "on" else 1 << 16, times)
room.close()
