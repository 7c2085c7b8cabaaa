"""Code that is run to see what it gives, and is to do nothing else.

It runs under a profile function, which looks at all that is called before it is called: functions of
C by a list, functions in Python by the names that they use. What the code can reach that is not its
own is noted before and put back where it was changed, and then the result is not used.
"""
import dis
import opcode

# Events of a run. What takes longer is no set-up.
EVENTS = 60_000
# Modules of C and of the standard library that do nothing but compute.
COMPUTING = {
    "_bisect", "_collections", "_decimal", "_functools", "_heapq", "_json", "_operator", "_sre", "_statistics",
    "_string", "_struct", "abc", "_abc", "_datetime", "binascii", "bisect", "cmath", "collections", "collections.abc",
    "contextlib", "copy", "copyreg", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "itertools",
    "json", "json.decoder", "json.encoder", "json.scanner", "keyword", "math", "ntpath", "numbers", "operator", "pathlib",
    "pathlib._abc", "pathlib._local", "pathlib._os", "pathlib.types", "posixpath",
    "re", "re._compiler", "re._parser", "reprlib", "sre_compile", "sre_parse", "statistics", "string", "struct",
    "textwrap", "types", "typing", "unicodedata", "zlib",
}  # fmt: skip
# What builtins must not be called, or not here.
REFUSED = {
    "open", "input", "exec", "eval", "compile", "__import__", "__build_class__", "breakpoint", "globals", "locals",
    "id", "exit",
}  # fmt: skip
# Functions of C, of modules that do other things too.
HARMLESS = {("_thread", "allocate_lock"), ("_thread", "RLock"), ("posix", "fspath"), ("nt", "fspath"), ("sys", "intern")}
# Functions of the standard library that make a lock, or give a logger that is there.
KNOWN = {("logging", "getLogger"), ("threading", "RLock")}
# Methods of loggers that say something.
SAYS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
# What tells the time or makes something up.
TELLING = {"now", "today", "utcnow"}
SHIPPED = getattr(sys, "stdlib_module_names", None)
READ_ONLY = (types.MappingProxyType, getattr(builtins, "frozendict", types.MappingProxyType))
KINDS_OF_DICT = (collections.OrderedDict, collections.defaultdict)
# What classes have that is Python's own.
DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
OF_CLASSES = {"_abc_impl", "__weakref__", "__dict__", "__parameters__", "__orig_bases__", "__annotations__"}
# What `io` has besides buffers may read and write files.
OTHER_STREAMS = [value for value in vars(io).values() if callable(value) and value not in BUFFERS]
SPECIAL = (classmethod, staticmethod, property, super, object, type, enumerate, filter, map, reversed, zip, slice)


def ships(name):
    top = name.partition(".")[0]
    if SHIPPED is not None:
        return top in SHIPPED
    path = getattr(sys.modules.get(top), "__file__", None)
    return path is None or path.startswith(opcode.__file__[: -len("opcode.py")]) and "site-packages" not in path


def operations(*names):
    found = (opcode.opmap.get(name, 256) for name in names)
    # Of what only a compiler has the numbers are larger.
    return frozenset(number for number in found if number < 256)


GLOBAL = operations("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_CLASSDEREF", "STORE_GLOBAL")
SETS = operations("STORE_GLOBAL", "DELETE_GLOBAL")
AROUND = operations("STORE_DEREF", "DELETE_DEREF")
LOADS = operations("IMPORT_NAME")
CONTEXT = operations("WITH_EXCEPT_START", "SETUP_WITH", "BEFORE_WITH")
CAUGHT = operations("PUSH_EXC_INFO", "SETUP_FINALLY")
ASKED = operations("CHECK_EXC_MATCH", "JUMP_IF_NOT_EXC_MATCH")


def imports(code, names):
    """The modules that an import in code gives, all of which are there; None where one is not."""
    found, last = [], [None, None]
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level, wanted = last
            name = step.argval
            if type(level) is not int:
                return None
            if level:
                package = names.get("__package__") or ""
                base = package.rsplit(".", level - 1)[0] if level > 1 else package
                name = f"{base}.{name}" if name else base
            module = sys.modules.get(name)
            if module is None:
                return None
            found.append(module)
            for part in wanted or ():
                inner = vars(module).get(part, sys.modules.get(f"{name}.{part}"))
                if inner is None:
                    return None
                if isinstance(inner, types.ModuleType):
                    found.append(inner)
        elif step.opname.startswith(("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON")):
            last = [last[1], step.argval]
    return found


def why_not(code, names):
    """Why code must not run: what no `except` of its own may catch, it does not; and it says whether
    it sets names of its module."""
    used = code.co_code[::2]
    some = set(used)
    if some & AROUND and code.co_freevars:
        return "it sets names of a function around it"
    if some & LOADS and imports(code, names) is None:
        return "it imports something"
    if some & CONTEXT:
        return "it uses a context"
    if sum(map(used.count, CAUGHT)) > sum(map(used.count, ASKED)):
        return "it catches whatever is raised"
    return None


def names_used(code):
    """The names of the module that code uses, those that it uses for more than their attributes, and the
    attributes that it adds to."""
    names, whole, adds, adding, last = set(), set(), set(), False, None
    for step in dis.get_instructions(code):
        if last is not None and step.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            whole.add(last)
        last = step.argval if step.opcode in GLOBAL else None
        if last is not None:
            names.add(last)
        if step.opname.startswith("INPLACE_") or step.opname == "BINARY_OP" and step.argrepr.endswith("="):
            adding = True
        elif step.opname == "STORE_ATTR":
            adds |= {step.argval} if adding else set()
            adding = False
        elif step.opname == "STORE_SUBSCR":
            # `d[k] += 1`, `d[k] = d.get(k, 0) + 1`
            adds |= {"[]"} if adding or "get" in code.co_names else set()
            adding = False
    return names, whole, adds


class Guard:
    """The profile function of one run, in a namespace that takes the place of a module's. `own`: the names in
    there that are the run's; `live`: the addresses of what the module has by these."""

    def __init__(self, module, space, own, live, quiet):
        self.module, self.space, self.own, self.live, self.quiet = module, space, own, live, quiet
        self.left, self.codes, self.modules = EVENTS, set(), set()
        # Attributes that it adds to, and "[]" where that are items.
        self.adds = set()
        # The names of the module that it uses as they are now.
        self.used = set()
        # What is not the run's own, and what was in it.
        self.around = {}
        # What takes the place of something, and is not looked into.
        self.ours = set()
        # What is called at the moment only looks, and is known.
        self.off, self.known = False, None
        self.muted = []
        self.refused = None

    def __call__(self, frame, event, about):
        if self.off or frame.f_globals is globals():
            # What takes the place of a stream, and what runs all this.
            if event == "return" and frame is self.known:
                self.off, self.known = False, None
            return
        try:
            if self.refused is None:
                self.left -= 1
                if self.left < 0:
                    raise Refused("it takes too long")
                if event == "call":
                    self.called(frame)
                elif event == "c_call":
                    self.c_called(about)
        except Refused as refused:
            self.refused = str(refused)
        except Exception as error:
            self.refused = f"it cannot be looked at: {error!r}"
        if self.refused is not None:
            raise Refused(self.refused)

    def called(self, frame):
        code, names = frame.f_code, frame.f_globals
        if (code, id(names)) in self.codes:
            return
        self.codes.add((code, id(names)))
        if code.co_argcount:
            first = frame.f_locals.get(code.co_varnames[0])
            kind = first if isinstance(first, type) else type(first)
            if kind.__flags__ & 1 << 9:
                self.watch_class(kind)
        if names is not self.space:
            name = names.get("__name__", "")
            if name == "importlib._bootstrap" and code.co_name == "_handle_fromlist":
                # `from package import module`, which is there.
                return
            if (name, code.co_name) in KNOWN and self.is_there(frame) or self.silences(frame):
                self.off, self.known = True, frame
                return
            if not isinstance(name, str) or ships(name) and name not in COMPUTING:
                raise Refused(f"it calls {code.co_name} of {name}")
            if ships(name):
                return
        why = why_not(code, names)
        if why is not None:
            raise Refused(f"{code.co_name} must not be called: {why}")
        for module in imports(code, names) or ():
            self.watch_module(module)
        if names is not self.space and not SETS.isdisjoint(code.co_code[::2]):
            raise Refused(f"{code.co_name} sets names of a module")
        used, whole, adds = names_used(code)
        if "BaseException" in used:
            raise Refused(f"{code.co_name} catches whatever is raised")
        self.adds |= adds
        self.use(code, names, used, whole)

    def is_there(self, frame):
        name = frame.f_locals.get("name")
        if name is None:
            return True
        loggers = sys.modules["logging"].Logger.manager.loggerDict
        return type(name) is str and is_logger(loggers.get(name))

    def silences(self, frame):
        """Whether a logger is asked to say something, which it does not now."""
        first = frame.f_locals.get("self")
        if not is_logger(first) or frame.f_code.co_name not in SAYS:
            return False
        self.muted.append((first, first.disabled))
        first.disabled = True
        return True

    def use(self, code, names, used, whole):
        if names is self.module and not self.own.isdisjoint(used):
            raise Refused(f"{code.co_name} has names of the module")
        for name in used:
            if names is self.space and name in self.own:
                continue
            value = names.get(name, MISSING)
            if value is MISSING:
                value = vars(builtins).get(name, MISSING)
            elif id(value) in self.ours:
                continue
            elif names is self.space or names is self.module:
                self.used.add(name)
            if isinstance(value, types.ModuleType) and name in whole:
                self.watch_module(value)
            if value is not MISSING:
                self.admit(value, code.co_names)

    def admit(self, value, attributes=()):
        if isinstance(value, types.ModuleType):
            name = value.__name__
            if name in COMPUTING or name == "builtins":
                return
            if name in ("logging", "threading"):
                # What they do is looked at where it is called.
                self.around.setdefault(id(value), (value, "module", dict(vars(value))))
                return
            if name == "io" and not any(vars(value).get(part) in OTHER_STREAMS for part in attributes):
                return
            if ships(name) or "Extension" in type(getattr(value, "__loader__", None)).__name__:
                raise Refused(f"it uses {name}")
            if (id(value), attributes) not in self.modules:
                self.modules.add((id(value), attributes))
                self.around.setdefault(id(value), (value, "module", dict(vars(value))))
                for attribute in attributes:
                    if attribute in vars(value):
                        self.admit(vars(value)[attribute], attributes)
            return
        if isinstance(value, type):
            if of_python(value):
                self.watch_class(value)
            elif not (
                value in VALUES
                or value in SPECIAL
                or value in CONTAINERS
                or value in (tuple, frozenset, bytearray)
                or value in LOCKS
                or value in BUFFERS
                or issubclass(value, BaseException)
                or value.__module__.lstrip("_") in COMPUTING | SAYING
            ):
                raise Refused(f"it uses {value.__qualname__}")
            return
        if isinstance(value, types.BuiltinFunctionType):
            self.c_called(value)
        self.watch(value)

    def c_called(self, function):
        owner, name = getattr(function, "__self__", None), function.__name__
        if name == "__subclasses__" or name in ("getattr", "setattr", "vars") and self.modules:
            raise Refused(f"it calls {name}")
        if owner is None or isinstance(owner, types.ModuleType):
            module = getattr(function, "__module__", None) or ""
            if module == "builtins":
                if name == "print" and self.quiet or name not in REFUSED and name != "print":
                    return
                raise Refused(f"it calls {name}()")
            if module in COMPUTING or (module, name) in HARMLESS:
                return
            raise Refused(f"it calls {module}.{name}()")
        kind = owner if isinstance(owner, type) else type(owner)
        allowed = (
            kind in BUFFERS
            or kind.__module__ == "builtins" and not issubclass(kind, (types.FrameType, types.CodeType))
            or kind.__module__.lstrip("_") in COMPUTING | SAYING and name not in TELLING
            or of_python(kind)
        )
        if not allowed or issubclass(kind, types.GeneratorType):
            raise Refused(f"it calls {name} of {kind.__qualname__}")

    def watch_class(self, kind):
        """The same of a class: what it has, and what its methods have."""
        if not of_python(kind):
            return
        if type(kind) is not type and type(kind).__flags__ & 1 << 9:
            self.watch_class(type(kind))
        for base in type.__dict__["__mro__"].__get__(kind):
            if id(base) in self.around or not base.__flags__ & 1 << 9 or ships(base.__module__):
                continue
            content = dict(type.__dict__["__dict__"].__get__(base))
            if "__del__" in content:
                raise Refused("it makes what does something when it goes")
            self.around[id(base)] = base, "class", content
            for name, value in content.items():
                if name not in OF_CLASSES and not isinstance(value, DESCRIPTORS):
                    self.watch(value)

    def watch(self, value, deep=0):
        """Notes what an object has in it that is not the run's own, and what that leads to."""
        if isinstance(value, types.ModuleType):
            self.watch_module(value)
        if id(value) in self.around:
            return
        if isinstance(value, type):
            self.watch_class(value)
        elif isinstance(value, types.BuiltinFunctionType) and saying(value):
            self.c_called(value)
        if saying(value) and not isinstance(value, enum.Enum) or type(value) in LOCKS:
            return
        if id(value) in self.live:
            raise Refused("it sees what lives")
        if len(self.around) > MOST or deep > DEEPEST:
            raise Refused("there is too much around")
        kind, step = type(value), deep + 1
        if isinstance(value, (tuple, frozenset)):
            self.around[id(value)] = value, None, None
            inner = value
        elif kind is types.MethodType:
            inner = value.__self__, value.__func__
        elif kind in (classmethod, staticmethod):
            inner = (value.__func__,)
        elif kind is property:
            inner = [part for part in (value.fget, value.fset, value.fdel) if part is not None]
        elif kind is types.FunctionType:
            content = []
            for cell in value.__closure__ or ():
                try:
                    content.append((cell, cell.cell_contents))
                except ValueError:
                    pass
            self.around[id(value)] = value, "function", (content, dict(value.__dict__))
            given = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
            inner = [*(inside for _, inside in content), *value.__dict__.values(), *given]
        elif kind is functools.cached_property:
            inner = (value.func,)
        elif kind in READ_ONLY:
            inner = list(value.values())
        elif kind is functools.partial:
            inner = value.func, value.args, value.keywords
        elif isinstance(value, enum.Enum):
            self.around[id(value)] = value, "object", ((None, ()), state_of(value))
            inner = list(state_of(value).values())
        elif kind in CONTAINERS or kind.__flags__ & 1 << 9 and of_python(kind) or kind in KINDS_OF_DICT:
            if base_of(value) is not None and len_of(value) > LARGE:
                raise Refused("there is too much around")
            items = items_of(value)
            own = kind.__flags__ & 1 << 9 and kind not in KINDS_OF_DICT
            state = state_of(value) if own else {}
            self.around[id(value)] = value, "object", (items, state)
            if own:
                self.watch_class(kind)
            inner = [*items[1], *state.values()]
        else:
            raise Refused(f"it can reach an object of {kind.__qualname__}")
        for part in inner:
            self.watch(part, step)

    def watch_module(self, module):
        """The same of a module that something has."""
        name = module.__name__
        if name in COMPUTING or name == "builtins":
            return
        if ships(name) or "Extension" in type(getattr(module, "__loader__", None)).__name__:
            raise Refused(f"it can reach {name}")
        if (id(module), None) in self.modules:
            return
        self.modules.add((id(module), None))
        self.around.setdefault(id(module), (module, "module", dict(vars(module))))
        for name, value in list(vars(module).items()):
            if not name.startswith("__") and not isinstance(value, (types.ModuleType, types.FunctionType)):
                self.watch(value)

    def put_back(self):
        """Whether nothing around was changed; what was, is put back."""
        clean = True
        while self.muted:
            logger, logger.disabled = self.muted.pop()
        for value, kind, content in self.around.values():
            if kind is not None:
                clean = unchanged(value, kind, content) and clean
        return clean


def items_of(value):
    """What a container has in it: what puts it back, and what is looked at further."""
    base = base_of(value)
    if base is None:
        return None, ()
    if base is dict:
        content = entries_of(value)
        return content, list(content.values())
    content = list(base.__iter__(value))
    return content, content


def alike_shallow(one, other):
    if len(one) != len(other):
        return False
    if isinstance(one, dict):
        return all(a is b and one[a] is other[b] for a, b in zip(one, other))
    return all(a is b for a, b in zip(one, other))


def unchanged(value, kind, content):
    """Whether a thing is as it was noted; else it is put back."""
    if kind == "class":
        now = dict(type.__dict__["__dict__"].__get__(value))
        clean = True
        for name in [*now, *content]:
            if now.get(name, MISSING) is content.get(name, MISSING):
                continue
            # What an abstract class remembers of questions, and what has `__class_cell__` and the like.
            if name in ("_abc_impl", "__abstractmethods__", "__annotations_cache__", "__static_attributes__"):
                continue
            clean = False
            if name in content:
                type.__setattr__(value, name, content[name])
            elif name in type.__dict__["__dict__"].__get__(value):
                type.__delattr__(value, name)
        return clean
    if kind == "function":
        cells, attributes = content
        clean = True
        for cell, inside in cells:
            if cell.cell_contents is not inside:
                cell.cell_contents, clean = inside, False
        if not alike_shallow(value.__dict__, attributes):
            clean = False
            value.__dict__.clear()
            value.__dict__.update(attributes)
        return clean
    if kind == "module":
        clean = True
        for name in {**vars(value), **content}:
            if vars(value).get(name, MISSING) is not content.get(name, MISSING):
                clean = False
                if name in content:
                    vars(value)[name] = content[name]
                else:
                    del vars(value)[name]
        return clean
    (items, _), state = content
    clean = True
    if items is not None and not alike_shallow(items_of(value)[0], items):
        refill(value, items)
        clean = False
    if type(value).__flags__ & 1 << 9 and type(value) not in KINDS_OF_DICT:
        now = state_of(value)
        for name in {**now, **state}:
            if now.get(name, MISSING) is not state.get(name, MISSING):
                set_state(value, name, state.get(name, MISSING))
                clean = False
    return clean


def refill(value, items):
    """Gives a container these items, of which it keeps those that it has where it can."""
    base = base_of(value)
    if base is list:
        list.__setitem__(value, slice(None), items)
    elif base is dict:
        now = keys_of(value)
        for key in now:
            if key not in items:
                dict.__delitem__(value, key)
        kept = [key for key in now if key in items]
        if kept != list(items)[: len(kept)]:
            made = dict(items)
            for key in list(made):
                dict.pop(value, key, None)
                dict.__setitem__(value, key, made[key])
            if isinstance(value, collections.OrderedDict):
                for key in made:
                    collections.OrderedDict.move_to_end(value, key)
            return
        for key, item in items.items():
            if dict.get(value, key, MISSING) is not item:
                dict.__setitem__(value, key, item)
    elif base is set:
        set.intersection_update(value, items)
        set.update(value, items)
    else:
        base.clear(value)
        base.extend(value, items)


class Mute:
    """Takes the place of a stream for one thread; others write into it as before."""

    def __init__(self, stream):
        self.stream, self.thread = stream, _thread.get_ident()

    def write(self, text):
        return len(text) if _thread.get_ident() == self.thread else self.stream.write(text)

    def flush(self):
        if _thread.get_ident() != self.thread:
            self.stream.flush()

    def __getattr__(self, name):
        return getattr(self.stream, name)


RESET = sys.setprofile


def run_guarded(codes, guard):
    """Runs code. What is refused, or fails, is said by an exception."""
    if sys.getprofile() is not None:
        raise Refused("something else looks at what is called")
    if len(sys._current_frames()) > 1:
        # They may change meanwhile what would be put back.
        raise Refused("other threads run")
    streams = sys.stdout, sys.stderr
    if guard.quiet:
        sys.stdout = Mute(sys.stdout)
    try:
        RESET(guard)
        try:
            for code in codes:
                exec(code, guard.space)
        finally:
            RESET(None)
    except Refused:
        pass
    except Exception as error:
        guard.refused = guard.refused or f"it fails: {error!r}"
    finally:
        # A context may have set them, which was not left.
        sys.stdout, sys.stderr = streams
        clean = guard.put_back()
    if guard.refused is not None:
        raise Refused(guard.refused)
    if not clean:
        raise Refused("it changes what is not its own")
