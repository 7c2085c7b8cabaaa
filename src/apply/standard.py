"""What functions of the standard library keep of what they are told, where no name of the program's leads
to it.

Runs in the namespace of registry.py, after calls.py.
"""


def kept_by(called):
    """The container in which such a function keeps it."""
    logging = sys.modules.get("logging")
    if logging is not None and called is getattr(logging, "basicConfig", kept_by):
        return logging.root.handlers
    return None


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
