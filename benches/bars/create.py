"""Bar 11: what tracking costs a host's start, in time and memory.

Files are written by one process, imported and tracked by others that are started later, as it is
in a program that is started again and again; only the first of those finds no byte code.

What the modules run has to be kept: when an edit is noticed, it is nowhere else. Tried were, with the
2,000 texts of this bar (3,443 bytes each; the same machine, busy, so the relations count):

    a copy in memory                      1.9 us a module   100 %
    snap, each alone                     13.2                53 %
    snap, blocks of 64 KiB               14.9                45 %
    lz4, each alone                      11.7                56 %
    lz4, blocks of 64 KiB                12.8                48 %
    lz4, with a dictionary               37.9                46 %
    zstd at its fastest (-50)             5.0                95 %
    zstd -1, each alone                  21.4                51 %
    zstd -1, blocks of 64 KiB            18.2                41 %
    an unlinked file, written one by one  7.1                 0 %
    the same, 256 KiB at a time           1.6                 0 %

(A fixed table of the most frequent pieces of Python texts, FSST, is neither faster nor much smaller
than snap.) Nothing packs to half in the time that the limit leaves. A file without a name does, and
its pages are the kernel's: it can give them up for the disk. So many texts go there; the first
128 KiB, and all where there can be no such file, are packed with snap.

Of the memory, 1.5 MiB are pages of the library's own code, resident from the first call on however
few the modules are: beside 2,000 modules more than a quarter of the limit.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import (IPython, Figures, Ours, Room, SCOPE_USER, bench, median, options,
                    resident_bytes)
from sources import Texts

PER_DIRECTORY = 50


def one_start(root, count):
    """In a process of its own: imports all, creates a reloader, and says what that took."""
    sys.dont_write_bytecode = False
    sys.path.insert(0, root)
    names = [f"pack{i // PER_DIRECTORY}.m{i}" for i in range(count)]
    modules = [importlib.import_module(name) for name in names]
    paths = [module.__file__ for module in modules]
    packages = sorted({name.split(".")[0] for name in names})
    paths += [sys.modules[name].__file__ for name in packages]
    dirs = [str(Path(root, name)) for name in packages]
    before, code = resident_bytes(), resident_bytes(files=True)
    ours = Ours(scope=SCOPE_USER)
    grown, code = resident_bytes() - before, resident_bytes(files=True) - code
    tracked = bench.stats(ours.handle)[0]
    assert tracked >= count, (tracked, count)
    floor = bench.floor_create(paths, dirs)
    result = {"ours": ours.create_ns / 1000, "grown": grown, "code": code, "floor": floor / 1000,
              "source": sum(os.stat(path).st_size for path in paths)}
    try:
        result["IPython 2"] = IPython(2).create_ns / 1000
    except ImportError:
        pass
    ours.close()
    print(json.dumps(result))


def main():
    if sys.argv[1] == "--start":
        one_start(sys.argv[2], int(sys.argv[3]))
        return
    args = options(__doc__)
    figures = Figures(args)
    texts = Texts()
    for count in (500,) if args.quick else (2000, 10000):
        room = Room("create")
        for i in range(count):
            package = f"pack{i // PER_DIRECTORY}"
            if i % PER_DIRECTORY == 0:
                room.write(f"{package}/__init__.py", "")
            room.write(f"{package}/m{i}.py", texts.make(i))
        time.sleep(3)
        starts = []
        for _ in range(3 if args.quick else 6):
            command = [os.environ["BENCH_HOST"], __file__, "--start", str(room.path),
                       str(count)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                                  env={k: v for k, v in os.environ.items()
                                       if k != "PYTHONDONTWRITEBYTECODE"})
            starts.append(json.loads(done.stdout))

        def of(key):
            return median([start[key] for start in starts[1:] if key in start])

        peers = {"IPython 2": of("IPython 2")} if "IPython 2" in starts[0] else {}
        dirs = count // PER_DIRECTORY
        figures.add(11, f"create, {count:,} modules in {dirs} directories", of("ours"),
                    of("floor"), 2, "us", peers, f"the very first {starts[0]['ours']:.0f}")
        source = of("source")
        figures.add(11, f"memory, {count:,} modules, {source / 1024:,.0f} KiB of source",
                    of("grown") / 1024, (source / 2 + 1024 * count) / 1024, 1, "KiB", {},
                    f"{(of('grown') - of('code')) / count:.0f} bytes a module and "
                    f"{of('code') / 1024:.0f} KiB of the library's code")
        room.close()
    figures.write()


main()
