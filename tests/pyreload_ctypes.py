"""The C API through ctypes: the one place where the Python harnesses know it.

`PyDLL` keeps the GIL over a call, as a host does that is about to run Python. Every function
used here is declared with its types, so that a handle is never cut to 32 bits.

    from pyreload_ctypes import Reloader
    with Reloader() as reloader:
        status, report = reloader.check()       # report: the JSON of the C API as a dict, or None
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

OK, ERR_RELOAD = 0, 1
TRIGGER_SCRIPT, TRIGGER_COMMAND, TRIGGER_EVENT, TRIGGER_ALL = 1, 2, 4, 0xFFFFFFFF
CHECK_DRY_RUN, CHECK_RESCAN, CHECK_FORCE = 1, 2, 4
SCOPE_USER, SCOPE_INSTALLED, SCOPE_NONE = 0, 1, 2
WATCH_AUTO, WATCH_POLL, WATCH_OFF = 0, 1, 2
(EVENT_SOURCE_CHANGED, EVENT_BEFORE_RELOAD, EVENT_MODULE_RELOADED, EVENT_MODULE_FAILED,
 EVENT_AFTER_RELOAD) = (1 << bit for bit in range(5))


class Options(ctypes.Structure):
    """The head of `pyreload_options` that is known here; `struct_size` says how much that is."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("trigger_mode", ctypes.c_uint32),
        ("scope", ctypes.c_uint32),
        ("watch", ctypes.c_uint32),
        ("poll_interval_ms", ctypes.c_uint32),
        ("debounce_ms", ctypes.c_uint32),
    ]


CALLBACK = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
FREE = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

_P, _S, _U32, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_int
_OUT = ctypes.POINTER(ctypes.c_void_p)
#: name -> (result, arguments). A status is an int.
_FUNCTIONS = {
    "version": (_U32, []),
    "version_string": (_S, []),
    "status_string": (_S, [_INT]),
    "last_error": (_S, []),
    "options_init": (None, [_P, ctypes.c_size_t]),
    "create": (_INT, [_P, _OUT]),
    "destroy": (None, [_P]),
    "set_trigger_mode": (_INT, [_P, _U32]),
    "trigger_mode": (_U32, [_P]),
    "trigger": (_INT, [_P, _U32, _OUT]),
    "track_imports": (_INT, [_P]),
    "check": (_INT, [_P, _U32, _OUT]),
    "reload": (_INT, [_P, _S, _U32, _OUT]),
    "pending": (ctypes.c_size_t, [_P]),
    "include": (_INT, [_P, _S]),
    "exclude": (_INT, [_P, _S]),
    "modules": (_INT, [_P, _OUT]),
    "module_list_free": (None, [_P]),
    "module_list_len": (ctypes.c_size_t, [_P]),
    "module_list_name": (_S, [_P, ctypes.c_size_t]),
    "module_list_path": (_S, [_P, ctypes.c_size_t]),
    "module_list_state": (_INT, [_P, ctypes.c_size_t]),
    "track_namespace": (_INT, [_P, ctypes.py_object]),
    "install_module": (_INT, [_P, _S]),
    "add_callback": (_INT, [_P, _S, _U32, CALLBACK, _P, FREE, ctypes.POINTER(ctypes.c_uint64)]),
    "remove_callback": (_INT, [_P, ctypes.c_uint64]),
    "event_kind": (_U32, [_P]),
    "report_free": (None, [_P]),
    "report_text": (_S, [_P]),
    "report_json": (_S, [_P]),
}


def library_path() -> Path:
    """PYRELOAD_LIB, else the newer of this checkout's release and debug builds."""
    given = os.environ.get("PYRELOAD_LIB")
    if given:
        return Path(given).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parent.parent / "target")
    built = [p for p in (target / "release/libpyreload.so", target / "debug/libpyreload.so") if p.exists()]
    if not built:
        raise SystemExit("no libpyreload.so: run `cargo build`, or set PYRELOAD_LIB")
    return max(built, key=lambda p: p.stat().st_mtime)


def load(path=None):
    """The library with all functions declared."""
    lib = ctypes.PyDLL(str(path or library_path()))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(lib, "pyreload_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


class Error(RuntimeError):
    """A call that did not do what it says; module failures are no error, they are in the report."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class Reloader:
    """One reloader; a context manager."""

    def __init__(self, scope=SCOPE_USER, watch=WATCH_AUTO, trigger_mode=TRIGGER_ALL, name=None,
                 namespace=None):
        self.lib = load()
        options = Options()
        self.lib.pyreload_options_init(ctypes.byref(options), ctypes.sizeof(options))
        options.scope, options.watch, options.trigger_mode = scope, watch, trigger_mode
        options.name = name.encode() if name else None
        self.handle = ctypes.c_void_p()
        self._kept = []
        self._ok(self.lib.pyreload_create(ctypes.byref(options), ctypes.byref(self.handle)))
        if namespace is not None:
            self.track_namespace(namespace)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.handle:
            self.lib.pyreload_destroy(self.handle)
            self.handle = None

    def _ok(self, status):
        if status != OK:
            name = self.lib.pyreload_status_string(status).decode()
            raise Error(status, f"{name}: {self.lib.pyreload_last_error().decode()}")

    def _reporting(self, function, *arguments):
        out = ctypes.c_void_p()
        status = function(self.handle, *arguments, ctypes.byref(out))
        report = None
        if out:
            report = json.loads(self.lib.pyreload_report_json(out).decode())
            self.text = self.lib.pyreload_report_text(out).decode()
            self.lib.pyreload_report_free(out)
        if status != ERR_RELOAD:
            self._ok(status)
        return status, report

    def check(self, flags=0):
        return self._reporting(self.lib.pyreload_check, flags)

    def trigger(self, kind=TRIGGER_EVENT):
        return self._reporting(self.lib.pyreload_trigger, kind)

    def reload(self, module, flags=0):
        return self._reporting(self.lib.pyreload_reload, module.encode(), flags)

    def track_imports(self):
        self._ok(self.lib.pyreload_track_imports(self.handle))

    def include(self, name):
        self._ok(self.lib.pyreload_include(self.handle, name.encode()))

    def exclude(self, name):
        self._ok(self.lib.pyreload_exclude(self.handle, name.encode()))

    def track_namespace(self, namespace):
        self._ok(self.lib.pyreload_track_namespace(self.handle, namespace))

    def install_module(self, name=None):
        self._ok(self.lib.pyreload_install_module(self.handle, name.encode() if name else None))

    def modules(self):
        """{name: (path or None, state)} of sys.modules."""
        out = ctypes.c_void_p()
        self._ok(self.lib.pyreload_modules(self.handle, ctypes.byref(out)))
        try:
            found = {}
            for i in range(self.lib.pyreload_module_list_len(out)):
                path = self.lib.pyreload_module_list_path(out, i)
                found[self.lib.pyreload_module_list_name(out, i).decode()] = (
                    path.decode() if path else None, self.lib.pyreload_module_list_state(out, i))
            return found
        finally:
            self.lib.pyreload_module_list_free(out)

    def on(self, events, function, key=None):
        """Calls function(kind); a true result of a BEFORE_RELOAD callback cancels the check."""
        def entry(_reloader, event, _data):
            return int(bool(function(self.lib.pyreload_event_kind(event))))

        kept = CALLBACK(entry), FREE(lambda _data: None)
        self._kept.append(kept)
        number = ctypes.c_uint64()
        self._ok(self.lib.pyreload_add_callback(self.handle, key.encode() if key else None, events,
                                                kept[0], None, kept[1], ctypes.byref(number)))
        return number.value


if __name__ == "__main__":
    print(library_path(), load().pyreload_version_string().decode(), "on", sys.version.split()[0])
