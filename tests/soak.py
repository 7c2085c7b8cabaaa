"""Reloads one module many times and looks at what grows.

    python3 tests/soak.py target/release/libpyreload.so [RELOADS]

Each round edits a function, a method, a constant, or fails, in turn. After a warm-up the
process is measured every tenth of the way: resident memory, allocated blocks of Python, objects
that the collector knows, open files. The last must not lie above the first by more than the
slack named below.
"""

import ctypes
import gc
import os
import shutil
import sys
import tempfile

RSS_SLACK_BYTES = 2 << 20
BLOCKS_SLACK = 500
OBJECTS_SLACK = 100

VERSIONS = [
    "CONST = {n}\ndef f(x):\n    return x + {n}\nclass C:\n    def m(self):\n        return {n}\n",
    "CONST = {n}\ndef f(x):\n    y = {n}\n    return x + y\nclass C:\n    def m(self):\n"
    "        return {n}\n    @property\n    def p(self):\n        return CONST\n",
    "import sys\nCONST = {n}\nTABLE = [CONST, CONST + 1]\ndef f(x, y={n}):\n    return x + y\n"
    "class C:\n    z = CONST\n    def m(self):\n        return [i for i in (CONST,)][0]\n",
    "CONST = {n}\ndef f(x):\n    return x\nraise ValueError({n})\n",
    "def f(x:\n",
]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure():
    gc.collect()
    return (
        resident(),
        sys.getallocatedblocks(),
        len(gc.get_objects()),
        len(os.listdir("/proc/self/fd")),
    )


def main(library, reloads):
    lib = ctypes.PyDLL(library)
    folder = tempfile.mkdtemp(prefix="pyreload-soak-")
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True

    def save(text):
        with open(os.path.join(folder, "soaked.py.part"), "w") as file:
            file.write(text)
        os.rename(file.name, os.path.join(folder, "soaked.py"))

    save(VERSIONS[0].format(n=0))
    import soaked

    reloader = ctypes.c_void_p()
    assert lib.pyreload_create(None, ctypes.byref(reloader)) == 0
    live, f = soaked.C(), soaked.f
    expected = 0
    rows = []
    warm_up = max(reloads // 10, 50)
    for i in range(1, warm_up + reloads + 1):
        kind = i % len(VERSIONS)
        save(VERSIONS[kind].format(n=i))
        report = ctypes.c_void_p()
        status = lib.pyreload_check(reloader, 0, ctypes.byref(report))
        fails = kind >= 3
        assert status == (1 if fails else 0), (i, status)
        assert report.value
        lib.pyreload_report_free(report)
        if not fails:
            expected = i
            assert live.m() == i, (i, live.m())
            assert f is soaked.f and f(1) == 1 + i, (i, f(1))
        assert soaked.CONST == expected, (i, soaked.CONST)
        if i >= warm_up and (i - warm_up) % max(reloads // 10, 1) == 0:
            rows.append((i,) + measure())
    lib.pyreload_destroy(reloader)
    shutil.rmtree(folder)

    print("Python %d.%d.%d" % sys.version_info[:3])
    print("%9s %12s %10s %9s %6s" % ("reloads", "rss KiB", "blocks", "objects", "files"))
    for row in rows:
        print("%9d %12d %10d %9d %6d" % (row[0], row[1] >> 10, row[2], row[3], row[4]))
    first, last = rows[1], rows[-1]
    grown = [b - a for a, b in zip(first, last)]
    assert grown[1] <= RSS_SLACK_BYTES, "resident memory grew by %d bytes" % grown[1]
    assert grown[2] <= BLOCKS_SLACK, "%d more blocks" % grown[2]
    assert grown[3] <= OBJECTS_SLACK, "%d more objects" % grown[3]
    assert grown[4] <= 0, "%d more open files" % grown[4]
    print("nothing grew over %d reloads" % (last[0] - first[0]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000)
