"""What modules that are imported for the first time put into containers of those that were there.

Runs after walk.py, snapshot.py and reach.py, in one namespace with them.
"""

# So many entries are looked at.
ARRIVING = 100_000


class Arrivals:
    """The containers of a program's modules, from before an import until after."""

    def __init__(self):
        self.modules = set(sys.modules)
        self.had, self.seen, self.left = {}, set(), ARRIVING
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) if type(module) is types.ModuleType else None
            if isinstance(file, str) and not _standard(file) and not file.startswith(INSTALLED):
                for path, value in list(vars(module).items()):
                    if not path.startswith("__"):
                        try:
                            self.at(value, name, path, 0)
                        except Exception:
                            # An object of the program's that refuses: its readers are not told.
                            continue

    def at(self, value, module, path, depth):
        if self.left <= 0 or depth > 3:
            return
        if issubclass(type(value), MUTABLE):
            if id(value) in self.had:
                self.had[id(value)][2].append((module, path))
                return
            self.left -= 1 + len(value)
            self.had[id(value)] = value, _save(value), [(module, path)]
            for inner in list(value.values() if isinstance(value, dict) else value):
                if issubclass(type(inner), MUTABLE):
                    self.at(inner, module, path, depth + 1)
        elif issubclass(type(value), type):
            # Of an imported class its own module tells.
            if value.__module__ != module or id(value) in self.seen:
                return
            self.seen.add(id(value))
            derived = list(type.__subclasses__(value))
            self.had[id(value)] = value, derived, [(module, path + ".__subclasses__")]
            for name, item in list(vars(value).items()):
                if issubclass(type(item), MUTABLE) and not name.startswith("__"):
                    self.at(item, module, f"{path}.{name}", depth + 1)
        elif _plain(value) and not _standard(getattr(sys.modules.get(type(value).__module__), "__file__", None)):
            self.left -= 1
            for name, item in _state(value).items():
                if issubclass(type(item), MUTABLE) or _plain(item):
                    self.at(item, module, f"{path}.{name}", depth + 1)

    def changed(self):
        """Of which modules, and under which names there, those are that have other entries now."""
        if self.modules == set(sys.modules):
            return []
        out = []
        for value, had, origins in self.had.values():
            now = list(type.__subclasses__(value)) if isinstance(value, type) else value
            if not _entries(now, had):
                out += [origin for origin in origins if origin not in out]
        return out


def _entries(now, had):
    """Whether they have the same entries, without asking those."""
    if len(now) != len(had):
        return False
    if isinstance(now, dict):
        pairs = zip(dict.items(now), dict.items(had))
        return all(a is c and b is d for (a, b), (c, d) in pairs)
    if isinstance(now, set):
        return {id(value) for value in now} == {id(value) for value in had}
    return all(a is b for a, b in zip(now, had))
