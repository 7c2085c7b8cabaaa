"""Bars 1, 2 and 3: a trigger when nothing changed."""

import importlib
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import (IPython, Figures, Ours, Room, SCOPE_INSTALLED, SCOPE_USER, bench, median,
                    module_text, options)

KINDS = ["off", "load", "on", "epoll_wait", "FIONREAD", "read"]


def measure(ours, rounds, gil):
    """Medians in nanoseconds by kind of call, and the lowest of the three looks."""
    took = bench.idle(ours.handle, rounds, 500, gil)
    result = {kind: median(list_) for kind, list_ in zip(KINDS, took)}
    result["floor"] = min(result[kind] for kind in ("epoll_wait", "FIONREAD", "read"))
    return result


def main():
    args = options(__doc__)
    figures = Figures(args)
    rounds = 60 if args.quick else 300
    room = Room("idle")
    text, _ = module_text(30)
    made = 0
    on = {}
    for count in (50, 2000) if args.quick else (50, 1000, 2000, 10000):
        room.write(f"pack{count}/__init__.py", "")
        for i in range(made, count):
            package = f"pack{count}"
            if i % 100 == 0:
                room.write(f"{package}/sub{i // 100}/__init__.py", "")
            room.write(f"{package}/sub{i // 100}/m{i}.py", text)
        if made % 100:
            room.write(f"pack{count}/sub{made // 100}/__init__.py", "")
        importlib.invalidate_caches()
        for i in range(made, count):
            importlib.import_module(f"pack{count}.sub{i // 100}.m{i}")
        made = count
        ours = Ours(scope=SCOPE_USER)
        tracked = bench.stats(ours.handle)[0]
        assert tracked >= count, (tracked, count)
        result = measure(ours, rounds, 1)
        on[count] = result["on"] / result["floor"]
        if count == 50:
            figures.add(1, "kind switched off", result["off"], result["load"], 4, "ns")
        peers = {}
        ipython = IPython(2)
        ipython.trigger()
        looks = [ipython.trigger() for _ in range(5)]
        peers["IPython 2"] = median(looks)
        figures.add(2, f"nothing changed, {count:,} modules", result["on"], result["floor"], 1.5,
                    "ns", peers, f"read {result['read']:.0f}, FIONREAD {result['FIONREAD']:.0f}")
        if count == 50:
            free = measure(ours, rounds, 0)
            figures.add(3, "the same without the GIL held", free["on"], free["floor"], 1.5, "ns")
            stop = threading.Event()

            def compute():
                x = 0
                while not stop.is_set():
                    x = (x * 3 + 1) % 1000003

            thread = threading.Thread(target=compute)
            thread.start()
            busy = measure(ours, rounds, 0)
            stop.set()
            thread.join()
            figures.add(3, "while another thread computes in Python", busy["on"], busy["floor"],
                        1.5, "ns")
        ours.close()
    low, high = min(on), max(on)
    figures.add(2, f"flat: {high:,} against {low} modules", on[high], on[low], 1.1,
                "x the floor")
    if not args.quick or args.bars:
        try:
            import matplotlib.pyplot  # noqa: F401
            import pandas  # noqa: F401
        except ImportError:
            pass
        else:
            ours = Ours(scope=SCOPE_INSTALLED)
            tracked = bench.stats(ours.handle)[0]
            result = measure(ours, rounds, 1)
            figures.add(2, f"numpy, pandas, matplotlib: {tracked:,} modules tracked",
                        result["on"], result["floor"], 1.5, "ns")
            ours.close()
    room.close()
    figures.write()


main()
