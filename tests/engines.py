"""Reloaders behind one small interface, so that peers stand beside ours in every harness.

    engine = make("pyreload", root, namespace)
    engine.after_exec(source)     # the host ran a piece of code (IPython keeps books on it)
    failures = engine.check()     # texts of what could not be reloaded
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

NAMES = ["pyreload", "importlib", "none", "ipython2", "ipython3", "jurigged"]
#: what has to be importable in the interpreter that runs the engine
NEEDS = {"ipython2": "ipython", "ipython3": "ipython", "jurigged": "jurigged"}


class Nothing:
    """No reloader at all: the floor. What it passes needed no reload."""

    def __init__(self, root, namespace):
        self.root = str(Path(root))

    def after_exec(self, source=""):
        pass

    def check(self):
        return []

    def close(self):
        pass


class Pyreload(Nothing):
    """Ours, through the C API."""

    #: a kernel queue is closed slowly: who makes many reloaders may do without
    poll = False

    def __init__(self, root, namespace):
        super().__init__(root, namespace)
        from pyreload_ctypes import SCOPE_USER, WATCH_AUTO, WATCH_POLL, Reloader

        watch = WATCH_POLL if self.poll else WATCH_AUTO
        self.reloader = Reloader(scope=SCOPE_USER, watch=watch, namespace=namespace)
        self.report = None

    def after_exec(self, source=""):
        self.reloader.track_imports()

    def check(self):
        _status, self.report = self.reloader.check()
        return failures(self.report)

    def close(self):
        self.reloader.close()


def failures(report):
    """"module: error" for each module of a report (of ours) that has an error."""
    found = []
    for module in (report or {}).get("modules", []):
        if module.get("error"):
            found.append(f"{module.get('name')}: {module['error']}")
    return found


class ImportlibReload(Nothing):
    """The careful manual user: `importlib.reload` of each module whose bytes differ."""

    def __init__(self, root, namespace):
        super().__init__(root, namespace)
        self.seen = {}
        self.after_exec()

    def _modules(self):
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and path.startswith(self.root + os.sep):
                try:
                    yield name, module, path, Path(path).read_bytes()
                except OSError:
                    pass

    def after_exec(self, source=""):
        for _name, _module, path, text in self._modules():
            self.seen.setdefault(path, text)

    def check(self):
        importlib.invalidate_caches()
        failed = []
        for name, module, path, text in list(self._modules()):
            if self.seen.get(path) == text:
                continue
            try:
                importlib.reload(module)
                self.seen[path] = text
            except BaseException as error:  # a module may raise SystemExit
                failed.append(f"{name}: {type(error).__name__}: {error}")
        self.after_exec()
        return failed


class IPython(Nothing):
    """`%autoreload`, by the calls that IPython itself makes around a cell."""

    mode = "2"

    def __init__(self, root, namespace):
        super().__init__(root, namespace)
        from IPython.extensions.autoreload import AutoreloadMagics

        logging.getLogger("autoreload").addHandler(logging.NullHandler())
        logging.getLogger("autoreload").propagate = False
        shell = types.SimpleNamespace(user_ns=namespace, ns=namespace, user_ns_hidden={},
                                      push=namespace.update, register_magics=lambda *a: None)
        self.magics = AutoreloadMagics(shell)
        self.magics.autoreload(self.mode)
        self.magics.loaded_modules = set(sys.modules)
        self._before("")

    def _before(self, code):
        self.magics.pre_run_cell(types.SimpleNamespace(raw_cell=code, transformed_cell=code))

    def after_exec(self, source=""):
        self.magics._last_execution_info = types.SimpleNamespace(raw_cell=source,
                                                                 transformed_cell=source)
        self.magics.post_execute_hook()

    def check(self):
        self._before("pass")
        self.after_exec("pass")
        return [f"{path}: autoreload failed" for path in sorted(self.magics._reloader.failed)]


class IPython3(IPython):
    mode = "3"


class Jurigged(Nothing):
    """jurigged without its thread: `refresh` of each file, as its watcher would do."""

    def __init__(self, root, namespace):
        super().__init__(root, namespace)
        from jurigged.live import watch

        self.errors = []
        self.watcher = watch([self.root], autostart=False, debounce=0, logger=self._log)
        self.registry = self.watcher.registry

    def _log(self, event):
        if isinstance(event, Exception):
            self.errors.append(f"{type(event).__name__}: {event}")

    def check(self):
        self.errors = []
        for path in sorted({*self.registry.precache, *self.registry.cache}):
            if os.path.exists(path) and self.registry.get(path) is not None:
                self.watcher.refresh(path)
        return self.errors


_ENGINES = {"pyreload": Pyreload, "importlib": ImportlibReload, "none": Nothing,
            "ipython2": IPython, "ipython3": IPython3, "jurigged": Jurigged}


def make(name, root, namespace):
    return _ENGINES[name](root, namespace)
