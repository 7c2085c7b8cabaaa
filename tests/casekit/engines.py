"""What can bring a process up to date: the library, and two yardsticks for the runner itself.

An engine has `start(namespace)`, `check()` -> (status, report or None) and `stop()`. Status 0 is
fine, 1 says that a module kept its old version, None that the engine does not tell.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys

OK, ERR_RELOAD = 0, 1


class Pyreload:
    """The library through its C API. PyDLL keeps the GIL, as a host does that calls from Python,
    and raises when a call leaves a Python exception behind."""

    def __init__(self, config):
        self.config = config
        self.handle = None

    def start(self, namespace):
        self.lib = lib = ctypes.PyDLL(self.config["lib"])
        pointer, word = ctypes.c_void_p, ctypes.c_uint32
        lib.pyreload_create.argtypes = [pointer, ctypes.POINTER(pointer)]
        lib.pyreload_check.argtypes = [pointer, word, ctypes.POINTER(pointer)]
        lib.pyreload_track_namespace.argtypes = [pointer, ctypes.py_object]
        lib.pyreload_report_json.argtypes = [pointer]
        lib.pyreload_report_json.restype = ctypes.c_char_p
        lib.pyreload_report_free.argtypes = [pointer]
        lib.pyreload_report_free.restype = None
        lib.pyreload_last_error.restype = ctypes.c_char_p
        lib.pyreload_destroy.argtypes = [pointer]
        lib.pyreload_destroy.restype = None
        self.handle = pointer()
        self.expect_ok(lib.pyreload_create(None, ctypes.byref(self.handle)))
        self.expect_ok(lib.pyreload_track_namespace(self.handle, namespace))

    def after_exec(self, source):
        pass

    def expect_ok(self, status):
        if status not in (OK, ERR_RELOAD):
            text = (self.lib.pyreload_last_error() or b"").decode()
            raise RuntimeError(f"status {status}: {text}")
        return status

    def check(self):
        report = ctypes.c_void_p()
        status = self.lib.pyreload_check(self.handle, 0, ctypes.byref(report))
        text = None
        if report:
            text = self.lib.pyreload_report_json(report).decode()
            self.lib.pyreload_report_free(report)
        self.expect_ok(status)
        return status, None if text is None else json.loads(text)

    def stop(self):
        if self.handle:
            self.lib.pyreload_destroy(self.handle)
            self.handle = None


class Nothing:
    """Does nothing: what passes with it proves nothing about new code."""

    def __init__(self, config):
        self.root = config["root"]

    def start(self, namespace):
        pass

    def after_exec(self, source):
        """The host has run a piece of code; IPython keeps its books then."""

    def check(self):
        return None, None

    def stop(self):
        pass


class Importlib(Nothing):
    """importlib.reload of each changed module, for trying out the runner."""

    def start(self, namespace):
        self.seen = {}
        self.check()

    def check(self):
        importlib.invalidate_caches()
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if name == "__main__" or not path or not path.startswith(self.root + os.sep):
                continue
            try:
                with open(path, "rb") as stream:
                    data = stream.read()
            except OSError:
                continue
            old = self.seen.setdefault(name, data)
            if old != data:
                self.seen[name] = data
                try:
                    importlib.reload(module)
                except BaseException:
                    pass
        return None, None


class Peer(Nothing):
    """Another reloader, by the adapters that all harnesses share (tests/engines.py)."""

    name = ""

    def start(self, namespace):
        path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "engines.py")
        spec = importlib.util.spec_from_file_location("peer_engines", path)
        adapters = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(adapters)
        self.peer = adapters.make(self.name, self.root, namespace)

    def after_exec(self, source):
        self.peer.after_exec(source)

    def check(self):
        self.peer.check()
        return None, None

    def stop(self):
        self.peer.close()


ENGINES = {"pyreload": Pyreload, "none": Nothing, "importlib": Importlib}
PEERS = ["ipython2", "ipython3", "jurigged"]
ENGINES.update({name: type(name, (Peer,), {"name": name}) for name in PEERS})
