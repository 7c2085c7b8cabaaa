"""What the bars share: modules to edit, peers to compare with, figures to report.

Runs inside the C host (`host.c`), whose module `bench` times the C API and the floors.
"""

import argparse
import ctypes
import importlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import types
from pathlib import Path

sys.dont_write_bytecode = True
if os.environ.get("BENCH_NO_PEERS"):
    # The interpreter may have some of its own.
    sys.path[:] = [path for path in sys.path if "site-packages" not in path]

import bench

SCOPE_USER, SCOPE_INSTALLED, SCOPE_NONE = 0, 1, 2
#: every kind of trigger that the bars use, but not the first of the program's own
EVENT = 4


def options(description):
    """The command line of a bar."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    parser.add_argument("--library", help="libpyreload, for the calls through ctypes")
    parser.add_argument("--json", help="where the figures go")
    parser.add_argument("--bars", type=int, nargs="*", help="only these")
    return parser.parse_args()


class Figures:
    """The figures of one run."""

    def __init__(self, args):
        self.args = args
        self.rows = []

    def add(self, bar, case, ours, floor, limit, unit="us", peers=None, note=""):
        """One measured case: the ratio of ours to its floor must not exceed the limit."""
        ratio = ours / floor if floor else None
        row = {"bar": bar, "case": case, "unit": unit, "ours": ours, "floor": floor,
               "ratio": ratio, "limit": limit, "met": ratio is not None and ratio <= limit,
               "peers": peers or {}, "note": note}
        self.rows.append(row)
        shown = {k: round(v, 1) for k, v in (peers or {}).items()}
        print(f"  {bar:>2} {case}: {ours:.4g} {unit}, floor {floor:.4g}, "
              f"x{ratio:.2f} (bar {limit}) {'ok' if row['met'] else 'MISSED'} {shown} {note}",
              flush=True)

    def wants(self, *bars):
        return not self.args.bars or any(bar in self.args.bars for bar in bars)

    def write(self):
        if self.args.json:
            Path(self.args.json).write_text(json.dumps(self.rows, indent=1))


class Room:
    """A directory of modules to edit, in front of `sys.path`."""

    def __init__(self, name, in_memory=False):
        memory = "/dev/shm" if in_memory and os.path.isdir("/dev/shm") else None
        prefix = f"pyreload-bench-{name}-"
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=memory)).resolve()
        sys.path.insert(0, str(self.path))

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, name, text):
        """Writes and imports a module."""
        path = self.write(name.replace(".", "/") + ".py", text)
        importlib.invalidate_caches()
        return importlib.import_module(name), path

    def close(self):
        sys.path.remove(str(self.path))
        shutil.rmtree(self.path, ignore_errors=True)


def median(values):
    return statistics.median(values)


FUNCTION = '''def function_{i}(a, b=1, *rest):
    """Adds up, for example {i}."""
    total = a * b + {i}
    for item in rest:
        total += item * OFFSET
    if total > 100:
        total = total - SCALE
    return total + {value}


'''
METHODS = '''class Shape{i}:
    """A shape, the one of number {i}."""

    sides = {i}

    def __init__(self, width, height=2):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height + OFFSET


'''
HEAD = '''"""A module of a program."""

import math
{extra}
OFFSET = 3
SCALE = {constant}
DOUBLE = SCALE * 2
NAMES = []


def register(name):
    NAMES.append(name)


register("first {call}")


'''


def module_text(lines, value=0, constant=7, call=0, extra=""):
    """A module of about so many lines; `value` is in the body of the function in its middle."""
    parts = [HEAD.format(constant=constant, call=call, extra=extra)]
    size = parts[0].count("\n")
    bodies = []
    i = 0
    while size < lines:
        text = (METHODS if i % 5 == 4 else FUNCTION).format(i=i, value=0)
        bodies.append(text)
        size += text.count("\n")
        i += 1
    middle = len(bodies) // 2
    middle -= middle % 5 == 4
    bodies[middle] = FUNCTION.format(i=middle, value=value)
    return "".join(parts + bodies), f"function_{middle}"


class Ours:
    """The C API, called by the C host."""

    def __init__(self, modules=None, scope=SCOPE_NONE):
        self.handle, self.create_ns = bench.create(scope, EVENT)
        for name in modules or []:
            bench.include(self.handle, name)
        bench.track_imports(self.handle)
        self.trigger()

    def trigger(self):
        """Nanoseconds of one trigger, and its report."""
        ns, status, report = bench.trigger(self.handle)
        report = json.loads(report) if report else None
        if status != 0:
            raise RuntimeError(f"status {status}: {report}")
        return ns, report

    def close(self):
        bench.destroy(self.handle)


class Ctypes:
    """The same reloader, called by ctypes."""

    def __init__(self, library, ours):
        function = ctypes.CDLL(library).pyreload_trigger
        function.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
        handle = ours.handle
        self.call = lambda: function(handle, EVENT, None)

    def trigger(self):
        begin = time.perf_counter_ns()
        self.call()
        return time.perf_counter_ns() - begin


class IPython:
    """`%autoreload 2` or `3`: the check that runs before a cell."""

    def __init__(self, mode, only=None):
        from IPython.extensions.autoreload import ModuleReloader

        logging_off()
        shell = types.SimpleNamespace(user_ns={}, ns={}, user_ns_hidden={},
                                      push=lambda names: None)
        begin = time.perf_counter_ns()
        self.reloader = ModuleReloader(shell)
        self.create_ns = time.perf_counter_ns() - begin
        self.reloader.enabled = True
        self.reloader.check_all = True
        self.reloader.autoload_obj = mode == 3
        for name in list(sys.modules) if only else []:
            if name not in only:
                self.reloader.mark_module_skipped(name)

    def trigger(self):
        begin = time.perf_counter_ns()
        self.reloader.check(True)
        return time.perf_counter_ns() - begin


def logging_off():
    import logging

    log = logging.getLogger("autoreload")
    log.addHandler(logging.NullHandler())
    log.propagate = False


class Jurigged:
    """jurigged, told which file changed: the work of its watcher thread."""

    def __init__(self, paths):
        from jurigged.register import registry

        self.files = {}
        begin = time.perf_counter_ns()
        for name, path in paths:
            registry.prepare(name, str(path))
            self.files[str(path)] = registry.get(str(path))
        self.create_ns = time.perf_counter_ns() - begin

    def trigger(self, path):
        begin = time.perf_counter_ns()
        self.files[str(path)].refresh()
        return time.perf_counter_ns() - begin


def reload_module(module):
    """`importlib.reload`, the manual way."""
    begin = time.perf_counter_ns()
    importlib.reload(module)
    return time.perf_counter_ns() - begin


def resident_bytes(files=False):
    """Of the process; or those that are pages of files, which are shared."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[2 if files else 1]) * os.sysconf("SC_PAGE_SIZE")
