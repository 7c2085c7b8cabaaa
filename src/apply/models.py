"""What pydantic has worked out of classes that changed: the schemas of those, and all that it made of them.

A model takes its fields, validators and options from its bases when it is made; whatever has a model inside,
another model or a `TypeAdapter`, has compiled that in. Nobody is told when the class changes. Here it is worked out
again, in the classes and adapters that live, without a class being made: hooks of the program are not called.
"""
import copy
import gc
import sys
import types

DECORATORS, PRIVATE, COMPLETE = "__pydantic_decorators__", "__private_attributes__", "__pydantic_complete__"
COMPILED = ("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__")
# What those that are derived from a class have from it.
HANDED_DOWN = (DECORATORS, PRIVATE, "model_config", "__class_vars__", "__pydantic_custom_init__", "__pydantic_post_init__")
ATOMS = (type(None), bool, int, float, complex, str, bytes)
# Their functions make data classes; what those are called with is worked out from the function of `dataclasses`.
DATA_CLASSES = "pydantic._internal._dataclasses"


class Models:
    """`changed`: pairs of a class, and the entries that it had before; `reshaped`: others with other fields."""

    def __init__(self, changed, reshaped):
        self.before = {id(kind): had for kind, had in changed}
        differ = [kind for kind, had in changed if _differs(kind, had)]
        self.changed = [kind for kind, _ in changed]
        self.derived = _derived(differ)
        known = {id(kind) for kind in self.changed}
        every = self.changed + [kind for kind in self.derived if id(kind) not in known]
        wanted = {id(kind) for kind in differ + self.derived + reshaped}
        holders, self.adapters = _holders(wanted) if wanted else ([], [])
        known = {id(kind) for kind in every}
        self.classes = every + [kind for kind in holders if id(kind) not in known]
        self.notes = []

    def renew(self):
        for kind in self.derived:
            self._inherit(kind)
        for kind in self.changed:
            _decorate(kind)
        # None of them may take what another one has compiled before the edit; and those that were not complete,
        # and need not be made so, build themselves when they are used.
        todo = [kind for kind in self.classes if vars(kind).get(COMPLETE) or any(kind is one for one in self.changed)]
        complete = [vars(kind).get(COMPLETE, False) for kind in todo]
        for kind in todo:
            for name in COMPILED:
                if name in vars(kind):
                    type.__delattr__(kind, name)
            type.__setattr__(kind, COMPLETE, False)
        for kind, was in zip(todo, complete):
            # Who was complete is not told that it is.
            type.__setattr__(kind, COMPLETE, was)
            if "__dataclass_fields__" in vars(kind):
                _rebuild_data_class(kind)
            else:
                kind.model_rebuild(force=True, raise_errors=False, _types_namespace={})
        for adapter in self.adapters:
            self._rebuild_adapter(adapter)
        return self.notes

    def _had(self, kind):
        return self.before.get(id(kind)) or vars(kind)

    def _inherit(self, kind):
        """Gives a class what its bases have now. What it says itself stays."""
        # Its own ones are recorded before they change: the next one is derived from it.
        self.before.setdefault(id(kind), dict(vars(kind)))
        _decorate(kind)
        if "__dataclass_fields__" in vars(kind):
            return
        own = vars(kind)
        new = {_fields_entry(kind): _fields(kind), "__pydantic_setattr_handlers__": {}}
        for entry in PRIVATE, "model_config":
            had, have = {}, {}
            for base in kind.__bases__:
                had.update(self._had(base).get(entry) or {})
                have.update(getattr(base, entry, None) or {})
            mine = own.get(entry) or {}
            said = {name: value for name, value in mine.items() if name not in had or had[name] is not value}
            new[entry] = {**have, **said}
        had = {name for base in kind.__bases__ for name in self._had(base).get("__class_vars__") or ()}
        have = {name for base in kind.__bases__ for name in getattr(base, "__class_vars__", ())}
        new["__class_vars__"] = set(own.get("__class_vars__") or ()) - had | have
        new["__pydantic_custom_init__"] = not getattr(kind.__init__, "__pydantic_base_init__", False)
        base = sys.modules["pydantic"].BaseModel
        new["__pydantic_post_init__"] = None if kind.model_post_init is base.model_post_init else "model_post_init"
        for name, value in new.items():
            if name in own:
                type.__setattr__(kind, name, value)
        # That of a frozen one asks for the fields that there were.
        made = own.get("__hash__")
        maker = getattr(sys.modules.get("pydantic._internal._model_construction"), "make_hash_func", None)
        if maker is not None and getattr(made, "__module__", None) == maker.__module__:
            type.__setattr__(kind, "__hash__", maker(kind))

    def _rebuild_adapter(self, adapter):
        state = adapter.__dict__
        before = dict(state)
        module = sys.modules.get(getattr(adapter, "_module_name", None))
        try:
            adapter.rebuild(force=True, _types_namespace=dict(vars(module)) if module is not None else {})
        except (AttributeError, sys.modules["pydantic"].PydanticUndefinedAnnotation) as error:
            # A version that can not, or a name that only the function knew which made it.
            state.clear()
            state.update(before)
            self.notes.append(f"{adapter!r} keeps what it was made of: {error}")


def _fields_entry(kind):
    # Before 2.10 it was this one, which is a property of `BaseModel` now.
    return "model_fields" if type(vars(kind).get("model_fields")) is dict else "__pydantic_fields__"


def _fields_of(kind):
    return vars(kind).get(_fields_entry(kind)) or {}


def _declared(kind):
    own = vars(kind).get("__annotations__")
    if own is None and sys.version_info >= (3, 14):
        import annotationlib

        own = annotationlib.get_annotations(kind, format=annotationlib.Format.FORWARDREF)
    return own or {}


def _fields(kind):
    """The fields of a model as pydantic collects them."""
    parents = {}
    for base in reversed(kind.__bases__):
        parents.update(_fields_of(base))
    mine, declared = _fields_of(kind), _declared(kind)
    filled = _type_variables(kind)
    fields = {}
    for base in reversed(kind.__mro__):
        for name in _fields_of(base) if base is not kind and _is_made(base) else _declared(base):
            if name in fields:
                continue
            if name in mine and (name in declared or name not in parents and not _is_made(base)):
                fields[name] = mine[name]
            elif name in parents:
                field = fields[name] = getattr(parents[name], "_copy", lambda: copy.copy(parents[name]))()
                if filled:
                    field.apply_typevars_map(filled)
    return fields


def _type_variables(kind):
    """What stands for the type variables in `Box[int]`."""
    made = vars(kind).get("__pydantic_generic_metadata__") or {}
    if not made.get("origin"):
        return {}
    return dict(zip(made["origin"].__pydantic_generic_metadata__["parameters"], made["args"]))


def _is_made(kind):
    return DECORATORS in vars(kind)


def _decorate(kind):
    """Validators and others, its own ones and those of its bases, bound to the class."""
    mine = vars(kind)[DECORATORS]
    lists = {}
    for sort in type(mine).__dataclass_fields__:
        found = lists[sort] = {}
        for base in reversed(kind.__mro__[1:]):
            if _is_made(base):
                found.update(getattr(vars(base)[DECORATORS], sort))
        own = getattr(mine, sort)
        # Also those of bases that pydantic has not made.
        found.update((name, one) for name, one in own.items() if not _is_made(_owner(kind, name)))
        found.update((name, one) for name, one in own.items() if name in vars(kind))
        lists[sort] = {name: _bound(one, kind) for name, one in found.items()}
    type.__setattr__(kind, DECORATORS, type(mine)(**lists))


def _bound(one, kind):
    # As its `bind_to_cls` does, which asks for more since 2.14; this one finds it out by itself.
    return type(one).build(kind, cls_var_name=one.cls_var_name, shim=one.shim, info=copy.copy(one.info))


def _owner(kind, name):
    return next((base for base in kind.__mro__ if name in vars(base)), kind)


def _rebuild_data_class(kind):
    own = vars(kind)
    # It takes the signature from the constructor, which was `dataclasses`' when the class was made.
    keep = ()
    if getattr(own.get("__init__"), "__module__", None) == DATA_CLASSES:
        keep = [(name, own[name]) for name in ("__init__", "__signature__") if name in own]
    rebuild = sys.modules["pydantic.dataclasses"].rebuild_dataclass
    rebuild(kind, force=True, raise_errors=False, _types_namespace={})
    for name, value in keep:
        type.__setattr__(kind, name, value)


def _derived(classes):
    """What pydantic made of classes that are derived from these, bases first."""
    found, todo = {}, list(classes)
    while todo:
        for sub in type.__subclasses__(todo.pop()):
            if id(sub) not in found:
                found[id(sub)] = sub
                todo.append(sub)
    return sorted(filter(_is_made, found.values()), key=lambda kind: len(kind.__mro__))


def _holders(wanted):
    """Classes and adapters that have one of these compiled in."""
    classes, todo, seen = [], [object], set()
    while todo:
        for sub in type.__subclasses__(todo.pop()):
            if id(sub) not in seen:
                seen.add(id(sub))
                todo.append(sub)
                if id(sub) not in wanted and _mentions(vars(sub).get(COMPILED[0]), wanted):
                    classes.append(sub)
    adapters = []
    kind = getattr(sys.modules.get("pydantic.type_adapter"), "TypeAdapter", None)
    for thing in gc.get_referrers(kind) if kind is not None else ():
        if type(thing) is kind and _mentions(thing.__dict__.get("core_schema"), wanted):
            adapters.append(thing)
    return classes, adapters


def _mentions(schema, wanted):
    todo, seen = [schema], set()
    while todo:
        part = todo.pop()
        if type(part) is dict:
            if id(part) not in seen:
                seen.add(id(part))
                # The function of a named tuple's is the class.
                if id(part.get("cls")) in wanted or id(part.get("function")) in wanted:
                    return True
                todo.extend(part.values())
        elif type(part) in (list, tuple):
            todo.extend(part)
    return False


def _differs(kind, had):
    """Whether others have something from a class that is not what it was."""
    have = vars(kind)
    entry = _fields_entry(kind)
    if not all(_alike(had.get(name), have.get(name)) for name in (entry, *HANDED_DOWN)):
        return True
    # They have the functions.
    lists = (getattr(have[DECORATORS], sort) for sort in type(have[DECORATORS]).__dataclass_fields__)
    return any(had.get(name) is not have.get(name) for sort in lists for name in sort)


def _alike(a, b, depth=0):
    """Whether two values say the same, as far as can be told without asking them."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b) or depth > 12:
        return False
    if kind in ATOMS:
        return a == b
    if kind in (list, tuple):
        return len(a) == len(b) and all(_alike(x, y, depth + 1) for x, y in zip(a, b))
    if kind is dict:
        # In this order.
        return _alike([*a], [*b], depth + 1) and _alike([*a.values()], [*b.values()], depth + 1)
    if kind in (set, frozenset):
        return all(type(x) in ATOMS for x in (*a, *b)) and a == b
    if kind is types.GenericAlias or kind.__module__ == "typing":
        parts = ("__origin__", "__args__", "__metadata__", "__forward_arg__")
        return hasattr(a, "__args__") and all(_alike(getattr(a, n, None), getattr(b, n, None), depth + 1) for n in parts)
    if kind.__module__.partition(".")[0] in ("pydantic", "annotated_types"):
        names = {name for base in kind.__mro__ for name in _slots(base)}
        names.update(getattr(a, "__dict__", ()), getattr(b, "__dict__", ()))
        # The functions, and what they are bound to, are asked for where the class has them.
        names -= {"func", "cls_ref", "wrapped_property"}
        return all(_alike(getattr(a, name, None), getattr(b, name, None), depth + 1) for name in names)
    return False


def _slots(kind):
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots
