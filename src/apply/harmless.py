"""What can be called, or be done with a value, without anything of the program being run but what only stores."""
import dis
import enum
import inspect
import sys
import types

# Classes of these make something that is empty or plain, and do nothing else.
MAKERS = {"array", "collections", "datetime", "decimal", "fractions", "pathlib", "queue", "_queue", "threading", "uuid"}
MAKERS_BY_NAME = {
    "weakref.WeakSet", "weakref.WeakKeyDictionary", "weakref.WeakValueDictionary", "itertools.count", "string.Template",
    "random.Random", "_io.StringIO", "_io.BytesIO", "types.SimpleNamespace", "argparse.Namespace",
    "concurrent.futures.thread.ThreadPoolExecutor",
}
if sys.version_info >= (3, 10):
    # Before, they ask for the loop of the thread, and make one.
    MAKERS_BY_NAME |= {"asyncio.locks.Lock", "asyncio.locks.Event", "asyncio.locks.Semaphore", "asyncio.queues.Queue"}
# Functions that do so. Asked for where they are: a host that has no `threading` is not to get it from us,
# which would take the thread of a check for the main one.
HARMLESS = (
    ("logging", "getLogger"), ("re", "compile"), ("threading", "Lock"), ("threading", "RLock"), ("os", "getpid"),
    ("os", "getcwd"), ("uuid", "uuid1"), ("uuid", "uuid4"), ("datetime", "datetime.now"), ("datetime", "datetime.utcnow"),
    ("datetime", "date.today"),
    *(("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
)
# They want texts.
HARMLESS_PATHS = ("join", "basename", "dirname", "splitext", "normpath", "abspath", "expanduser")
# What objects of these are asked, no program answers.
PLAIN_MODULES = {"pathlib", "datetime", "decimal", "fractions", "uuid"}
GAIN_FIXED = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (list, dict, set, tuple, frozenset)
QUIET_STEPS = ("LOAD_CONST", "LOAD_COMMON", "LOAD_FAST", "LOAD_SMALL_INT", "BUILD_", "CALL", "PRECALL",
               "KW_NAMES", "PUSH_NULL", "POP_TOP", "RETURN_", "COPY", "DUP_TOP", "STORE_FAST")
# They go through what they are given, or ask it for its hash.
ASKING_STEPS = ("LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE")
SPARE_STEPS = ("CACHE", "NOP", "RESUME", "EXTENDED_ARG", "MAKE_CELL", "NOT_TAKEN")


def _is_fixed(value):
    """Whether nobody can change a value."""
    return type(value) in GAIN_FIXED or isinstance(value, (type, types.FunctionType, enum.Enum)) or (
        type(value) in (tuple, frozenset) and all(map(_is_fixed, value))
    )


def _is_plain(value, depth=0):
    """Whether no code of the program is asked whatever is done with a value."""
    if _is_fixed(value) and not isinstance(value, (type, types.FunctionType, enum.Enum)):
        return True
    kind = type(value)
    if kind not in CONTAINERS or depth > 3 or len(value) > 1000:
        module = type.__dict__["__module__"].__get__(kind)
        return isinstance(module, str) and module.partition(".")[0] in PLAIN_MODULES
    inner = [*value, *value.values()] if kind is dict else value
    return all(_is_plain(item, depth + 1) for item in inner)


def _safe(value):
    if not _is_plain(value):
        raise Unknown
    return value


def _at(module, path):
    found = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part, _unknown)
    return found


def _is_of_paths(function):
    """Whether this is a function about names of files, which looks at no disk."""
    return any(function is _at(module, name) for module in ("posixpath", "ntpath") for name in HARMLESS_PATHS)


def _is_harmless(maker, depth=0, given=False):
    """Whether calling this makes something and does nothing else, as far as its code tells. `given`: it is given
    something, and is not to ask that for anything."""
    if any(maker is _at(module, path) for module, path in HARMLESS):
        return True
    if type(maker) is types.FunctionType:
        return _is_quiet(maker, None, depth, given)
    if not isinstance(maker, type):
        return False
    module = type.__dict__["__module__"].__get__(maker)
    if module == "builtins":
        return maker is object or maker in CONTAINERS or maker in GAIN_FIXED
    if module.partition(".")[0] in MAKERS or f"{module}.{maker.__name__}" in MAKERS_BY_NAME:
        return type(maker) is type or module.startswith("collections")
    return _is_storing(maker, depth, given)


def _is_storing(kind, depth=0, given=False):
    """Whether making an object of a class of the program only stores plain things in it, and what it is given."""
    if type(kind) is not type or kind.__new__ is not object.__new__ or kind.__setattr__ is not object.__setattr__:
        return False
    init = kind.__init__
    return init is object.__init__ or type(init) is types.FunctionType and _is_quiet(init, kind, depth, given)


def _is_quiet(function, kind, depth, given):
    """Whether a function only makes plain things and stores them in the new object that it is given, if any."""
    code = function.__code__
    takes = code.co_argcount + code.co_kwonlyargcount > (kind is not None)
    if depth > 3 or takes and not given or code.co_freevars or code.co_flags & (
        inspect.CO_VARARGS | inspect.CO_VARKEYWORDS | inspect.CO_GENERATOR | inspect.CO_COROUTINE
        | inspect.CO_ASYNC_GENERATOR
    ):
        return False
    before = None
    for step in dis.get_instructions(code):
        name = step.opname
        if name in SPARE_STEPS:
            continue
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            found = function.__globals__.get(step.argval, vars(builtins).get(step.argval))
            if not _is_fixed(found) or isinstance(found, (type, types.FunctionType)):
                if not _is_harmless(found, depth + 1):
                    return False
        elif name == "STORE_ATTR":
            # Two names in one step, since 3.13.
            onto = before.argval[-1] if isinstance(before.argval, tuple) else before.argval
            if kind is None or not before.opname.startswith("LOAD_FAST") or onto != code.co_varnames[0]:
                return False
            entries = [vars(base).get(step.argval) for base in kind.__mro__]
            if any(hasattr(type(e), "__set__") and not isinstance(e, types.MemberDescriptorType) for e in entries):
                return False
        elif name in ASKING_STEPS:
            if before.opname != "LOAD_CONST":
                return False
        elif not name.startswith(QUIET_STEPS):
            return False
        elif takes and step.arg and name.startswith(("CALL", "BUILD_SET", "BUILD_MAP", "BUILD_CONST_KEY_MAP")):
            return False
        before = step
    return True
