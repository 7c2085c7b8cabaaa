"""What functions of the standard library keep of what they are told, where no name of the program's leads
to it.

Runs in the namespace of registry.py, after calls.py.
"""


def kept_by(called):
    """The container in which such a function keeps it."""
    if configures(called):
        return sys.modules["logging"].root.handlers
    atexit = sys.modules.get("atexit")
    if atexit is not None and called is getattr(atexit, "register", kept_by):
        if not EXITS.used:
            EXITS.pull()
        return EXITS.listed
    return None


class _Probe:
    """What is equal to the functions with these numbers."""

    def __init__(self, equal=None):
        self.seen, self.equal = [], equal

    def __eq__(self, other):
        self.seen.append(other)
        return len(self.seen) - 1 == self.equal


class _Exit:
    """A registration with `atexit`. What the function is given, nobody can ask for."""

    def __init__(self, function):
        self.function = function

    def same(self, other):
        """Whether nobody can tell it from another one."""
        one, two = self.function, other.function
        return one is two or type(one) is type(two) in (types.MethodType, types.BuiltinFunctionType) and one == two


class Exits:
    """What is registered with `atexit`, which has it in no container, in a list that statements are looked for
    in as in others. What is taken out of that leaves when the unit is done: it could not be put back."""

    def __init__(self):
        # Those that are to stay; all that there are, with the addresses of the functions that are registered:
        # who has a function that another one lives on for is told of that one.
        self.listed, self.known, self.used = [], [], False
        # Those that were there before the unit, and those that calls had made which are gone or are made again.
        self.first, self.claimed = {}, {}

    def functions(self):
        """In the order of their registration."""
        probe = _Probe()
        sys.modules["atexit"].unregister(probe)
        return probe.seen

    def stays(self, item):
        return any(item is other for other in self.listed)

    def claim(self, entry):
        """What is taken out of the list as that of a call."""
        if entry.holder is self.listed:
            self.claimed[id(entry.member)] = entry.member

    def leaves(self, item):
        """Calls claim what has their function. Where that was registered more often than all of them together
        did, any of these may be another's, or one that was given something else: then none leaves."""
        if self.stays(item):
            return False
        others = [other for other, _ in self.known if id(other) in self.first and self.stays(other)]
        known = id(item) in self.first and id(item) in self.claimed
        return not (known and any(map(item.same, others)))

    def pull(self, listed=True):
        """Notes what came and what went; `listed`: what came is a statement's that stays."""
        first = not self.used
        known, self.known, self.used = self.known, [], True
        for function in self.functions():
            at = next((n for n, (_, other) in enumerate(known) if other == id(function)), None)
            if at is None:
                item = _Exit(function)
                if first:
                    self.first[id(item)] = item
                if listed:
                    self.listed.append(item)
            else:
                item, known = known[at][0], known[at + 1 :]
            self.known.append((item, id(function)))
        # What the program has unregistered.
        left = {id(item) for item, _ in self.known}
        self.listed[:] = [item for item in self.listed if id(item) in left]

    def push(self, listed=True):
        """Makes of it what the list says."""
        if not self.used:
            return
        self.pull(listed)
        atexit, others = sys.modules["atexit"], []
        leaving = {id(item) for item, _ in self.known if self.leaves(item)}
        for number, (item, function) in reversed(list(enumerate(self.known))):
            if id(item) in leaving or id(item.function) != function:
                atexit.unregister(_Probe(number))
                # A function lives on that a decorator, which is given nothing else, was told of anew.
                others += [] if id(item) in leaving else [item.function]
        for function in reversed(others):
            atexit.register(function)
        self.used = False
        for kept in (self.listed, self.known, self.first, self.claimed):
            kept.clear()


EXITS = Exits()


def configures(called):
    """Whether it is `basicConfig`."""
    logging = sys.modules.get("logging")
    return logging is not None and called is getattr(logging, "basicConfig", configures)


def entries_kept(registry, calls, number):
    """The entries of a call of `basicConfig`: the handlers that it made for the root logger, or was given."""
    _, node, scope = calls.found[number]
    logging, options = sys.modules["logging"], _options(node.value, scope)
    root, found = logging.root, []
    level = options.get("level")
    level = logging._nameToLevel.get(level) if isinstance(level, str) else level
    # That of another module, perhaps, after which this call did nothing.
    if not options.keys() - {"level", "force"} and level not in (None, root.level):
        return []
    other = type(level) is int and level != root.level
    for place, handler in enumerate(root.handlers):
        entry = Old(root.handlers, None, handler, (), place)
        if registry.snapshot.was_told(entry) or any(map(entry.same, registry.entries)):
            continue
        telling = _telling(handler, options)
        if _configured(handler, options, logging) and (telling or not other):
            entry.call = RootCall(calls, number, options.get("force") is True, telling)
            found.append(entry)
    if not isinstance(options.get("handlers"), list):
        found = found[:1]
    for entry in found:
        entry.before_others = True
    if found and type(level) is int:
        registry.amounts.append(RootLevel(level, registry.snapshot, found[0].call))
    return found


def _telling(handler, options):
    """Whether a handler has what nobody but this call gives one, as far as it says."""
    given, stream, name = map(options.get, ("handlers", "stream", "filename"))
    if isinstance(given, list):
        return any(part is handler for part in given)
    if isinstance(name, str):
        return True
    common = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return stream not in (None, _Scope.HIDDEN) and all(stream is not other for other in common)


class RootCall:
    """A call of `basicConfig`, which did nothing where somebody had called it before."""

    def __init__(self, calls, number, forced, telling):
        self.forced, self.telling = forced, telling
        # The functions that it stands in, the innermost first.
        self.around = []
        while (number := calls.around[number]) is not None:
            self.around.append(calls.found[number][0])

    def surely(self, gone):
        """Whether it made the handler, as far as the texts of the program say. One that is not made again takes
        none with it that may be of a host, whose text nobody knows."""
        names = ["basicConfig", *(getattr(called, "__name__", "") for called in self.around)]
        tops = [(getattr(called, "__module__", None) or "").partition(".")[0] for called in self.around]
        said = [0] * len(names)
        for file, module in _program():
            text = _text(file)
            for number, name in enumerate(names):
                # Functions of others may have the same name.
                top = tops[number - 1] if number else name
                if name in text and (top in text or module.partition(".")[0] == top):
                    said[number] += _mentions(text, name)
        again = not gone and said[0] > 0
        if self.forced and again or not self.telling and not again:
            return self.forced and again
        # The call itself is still there if it is made again, and where only that of its function is gone.
        return all(times <= (number < len(names) - 1 or not gone) for number, times in enumerate(said))


def _program():
    """The files of the program's modules, each with the name of one."""
    files = {}
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType):
            # One that is only imported when it is asked for something is not.
            file = object.__getattribute__(module, "__dict__").get("__file__")
            if isinstance(file, str) and (file.endswith(".py") or name == "__main__"):
                files[file] = name
    return [(f, name) for f, name in files.items() if not _standard(f) and not f.startswith(INSTALLED)]


@functools.lru_cache(maxsize=64)
def _mentions(text, name):
    """How often a text means what has a name, beside importing it by that."""
    try:
        parts = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return 2
    names = [getattr(part, "id", getattr(part, "attr", None)) for part in parts]
    names += [part.name for part in parts if isinstance(part, ast.alias) and part.asname]
    return names.count(name)


def _options(call, scope):
    """What a call is given by name; `HIDDEN` where it cannot be told."""
    options, values = {}, _Values(scope)
    for keyword in call.keywords:
        try:
            value = values.visit(keyword.value)
        except Unknown:
            value = _Scope.HIDDEN
            if keyword.arg == "handlers" and isinstance(keyword.value, (ast.List, ast.Tuple)):
                value = [part for item in keyword.value.elts for part in _handlers(item, values)]
        if keyword.arg is not None:
            options[keyword.arg] = list(value) if isinstance(value, tuple) else value
        elif type(value) is dict:
            options.update(as_it_was(value))
    return options


def _handlers(item, values):
    try:
        return [values.visit(item)]
    except Unknown:
        return _instance(item, values, True) if isinstance(item, ast.Call) else []


def _configured(handler, options, logging):
    """Whether a handler may be one that the call with these options gave the root logger."""
    given, stream, name = map(options.get, ("handlers", "stream", "filename"))
    if given is not None:
        known = given if isinstance(given, list) else ()
        return any(part.made(handler) if isinstance(part, _Made) else part is handler for part in known)
    form, text = handler.formatter, options.get("format", logging.BASIC_FORMAT)
    if type(form) is not logging.Formatter or type(text) is str and "style" not in options and form._fmt != text:
        return False
    if name is not None:
        path = sys.modules["os"].path.abspath(name) if isinstance(name, str) else None
        return type(handler) is logging.FileHandler and path in (None, handler.baseFilename)
    known = stream is not None and stream is not _Scope.HIDDEN
    return type(handler) is logging.StreamHandler and (not known or handler.stream is stream)


class Level(State):
    """What loggers remember of levels goes with one that is put back."""

    def restore(self):
        State.restore(self)
        self.owner.setLevel(self.owner.level)


class RootLevel:
    """The level that a call of `basicConfig` gave the root logger: an amount as those of amounts.py."""

    def __init__(self, level, snapshot, call):
        self.level, self.root, self.call = level, sys.modules["logging"].root, call
        snapshot.kept.setdefault((id(self.root), "level"), (Level(self.root, {"level"}), None))

    def take_off(self, snapshot, gone):
        mine = self.root.level == self.level and self.call.surely(gone)
        if mine:
            self.root.setLevel(sys.modules["logging"].WARNING)
        return mine

    def end(self, snapshot):
        pass


def surely_of(entry, gone):
    """Whether a call had made an entry, and not only may have."""
    call = getattr(entry, "call", None)
    return call is None or call.surely(gone)


def set_aside(entries):
    """What stands behind entries whose call does nothing where there are others: these came later. What was
    taken away, with the list that it is to be put back to."""
    lists = {id(e.holder): e.holder for e in entries if getattr(e, "before_others", False)}
    out = []
    for holder in lists.values():
        place = min(e.place for e in entries if e.holder is holder)
        out.append((holder, holder[place:]))
        del holder[place:]
    return out
