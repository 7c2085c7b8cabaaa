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


class Exits:
    """What is registered with `atexit`, which has it in no container, in a list that statements are looked for
    in as in others. What is taken out of that leaves when the unit is done: it could not be put back."""

    def __init__(self):
        # Those that are to stay; all that there are, with the addresses of the functions that are registered:
        # who has a function that another one lives on for is told of that one.
        self.listed, self.known, self.used = [], [], False

    def functions(self):
        """In the order of their registration."""
        probe = _Probe()
        sys.modules["atexit"].unregister(probe)
        return probe.seen

    def stays(self, item):
        return any(item is other for other in self.listed)

    def pull(self, listed=True):
        """Notes what came and what went; `listed`: what came is a statement's that stays."""
        known, self.known, self.used = self.known, [], True
        for function in self.functions():
            at = next((n for n, (_, other) in enumerate(known) if other == id(function)), None)
            if at is None:
                item = _Exit(function)
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
        for number, (item, function) in reversed(list(enumerate(self.known))):
            if not self.stays(item) or id(item.function) != function:
                atexit.unregister(_Probe(number))
                # A function lives on that a decorator, which is given nothing else, was told of anew.
                others += [item.function] if self.stays(item) else []
        for function in reversed(others):
            atexit.register(function)
        self.used = False
        self.listed.clear()
        self.known.clear()


EXITS = Exits()


def configures(called):
    """Whether it is `basicConfig`."""
    logging = sys.modules.get("logging")
    return logging is not None and called is getattr(logging, "basicConfig", configures)


def entries_kept(registry, call, scope):
    """The entries of a call of `basicConfig`: the handlers that it made for the root logger, or was given."""
    logging, options = sys.modules["logging"], _options(call, scope)
    root, found = logging.root, []
    level = options.get("level")
    level = logging._nameToLevel.get(level) if isinstance(level, str) else level
    # That of another module, perhaps, after which this call did nothing.
    if not options.keys() - {"level", "force"} and level not in (None, root.level):
        return []
    for number, handler in enumerate(root.handlers):
        entry = Old(root.handlers, None, handler, (), number)
        if registry.snapshot.was_told(entry) or any(map(entry.same, registry.entries)):
            continue
        if _configured(handler, options, logging):
            found.append(entry)
    if not isinstance(options.get("handlers"), list):
        found = found[:1]
    for entry in found:
        entry.before_others = True
    if found and type(level) is int:
        registry.amounts.append(RootLevel(level, registry.snapshot))
    return found


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

    def __init__(self, level, snapshot):
        self.level, self.root = level, sys.modules["logging"].root
        snapshot.kept.setdefault((id(self.root), "level"), (Level(self.root, {"level"}), None))

    def take_off(self, snapshot, gone):
        mine = self.root.level == self.level
        if mine:
            self.root.setLevel(sys.modules["logging"].WARNING)
        return mine

    def end(self, snapshot):
        pass


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
