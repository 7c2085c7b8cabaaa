"""Bar 7: a class is edited while the heap is large."""

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Figures, IPython, Ours, Room, bench, median, options

TEXT = '''class Point:
    """A point."""

    kind = "point"

    def __init__(self, x):
        self.x = x

    def twice(self):
        return self.x * 2 + {value}

    {more}


def other():
    return 1
'''


def main():
    args = options(__doc__)
    figures = Figures(args)
    room = Room("heap")
    point, path = room.load("point", TEXT.format(value=0, more=""))
    peer, peer_path = room.load("peer", TEXT.format(value=0, more=""))
    ours = Ours(["point"])
    instances = [point.Point(i) for i in range(100_000)]
    others = [peer.Point(i) for i in range(100_000)]
    heap = []
    took = {"body of a method": {}, "a method added and removed": {}}
    peers = {}
    sizes = (100_000, 1_000_000) if args.quick else (100_000, 1_000_000, 5_000_000)
    try:
        ipython = IPython(3, only={"peer"})
        ipython.trigger()
    except ImportError:
        ipython = None
    n = 0
    for size in sizes:
        heap.extend([] for _ in range(size - len(heap)))
        gc.collect()
        gc.disable()
        for case, list_ in took.items():
            ns = []
            for i in range(12):
                n += 1
                more = f"def more(self):\n        return {n}" if "added" in case and n % 2 else ""
                path.write_text(TEXT.format(value=n, more=more))
                one, report = ours.trigger()
                assert instances[5].twice() == 10 + n, report
                assert hasattr(instances[5], "more") == bool(more), report
                ns.append(one / 1000)
            list_[size] = median(ns[2:])
        if ipython:
            ns = []
            for i in range(3):
                n += 1
                peer_path.write_text(TEXT.format(value=n, more=""))
                ns.append(ipython.trigger() / 1000)
            peers[size] = median(ns)
        gc.enable()
    low, high = min(sizes), max(sizes)
    for case, list_ in took.items():
        shown = {f"IPython 3, {size:,}": us for size, us in peers.items()}
        figures.add(7, f"{case}: heap of {high:,} against {low:,} objects", list_[high],
                    list_[low], 1.2, "us", shown)
    ours.close()
    room.close()
    figures.write()


main()
