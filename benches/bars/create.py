"""Bar 11: what tracking costs a host's start, in time and memory."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import (Figures, IPython, Ours, Room, SCOPE_USER, bench, median, module_text,
                    options, resident_bytes)


# As in a program that is started again and again: what is imported has its byte code on disk.
sys.dont_write_bytecode = False


def main():
    args = options(__doc__)
    figures = Figures(args)
    room = Room("create")
    made, paths, dirs = 0, [], []
    text, _ = module_text(100)
    for count in (500,) if args.quick else (2000, 10000):
        for i in range(made, count):
            package = f"pack{count}_{i // 50}"
            if i % 50 == 0 or i == made:
                paths.append(str(room.write(f"{package}/__init__.py", "")))
                dirs.append(str(room.path / package))
            paths.append(str(room.write(f"{package}/m{i}.py", text)))
        importlib.invalidate_caches()
        for i in range(made, count):
            importlib.import_module(f"pack{count}_{i // 50}.m{i}")
        made = count
        took, floors, grown = [], [], []
        for _ in range(3 if args.quick else 7):
            before = resident_bytes()
            ours = Ours(scope=SCOPE_USER)
            grown.append(resident_bytes() - before)
            tracked = bench.stats(ours.handle)[0]
            assert tracked >= count, (tracked, count)
            took.append(ours.create_ns / 1000)
            ours.close()
            floors.append(bench.floor_create(paths, dirs) / 1000)
        peers = {}
        try:
            peers["IPython 2"] = median([IPython(2).create_ns / 1000 for _ in range(3)])
        except ImportError:
            pass
        figures.add(11, f"create, {count:,} modules in {len(dirs)} directories", median(took),
                    median(floors), 2, "us", peers, f"the very first {took[0]:.0f}")
        source = sum(Path(path).stat().st_size for path in paths)
        # The first one grew the heap; what later ones reuse is not seen as growth.
        figures.add(11, f"memory, {count:,} modules with {source // 1024:,} KiB of source",
                    grown[0] / 1024, (source / 2 + 1024 * count) / 1024, 1, "KiB", {},
                    f"{grown[0] / count:.0f} bytes a module")
    room.close()
    figures.write()


main()
