"""What an edited constructor gives to new objects, where the class now asks those for it that were made before.

`gains` compares two texts of a class. Objects keep the attributes that they have, and get none but those that
methods of the class read by now, or that generated ones do (fields). What comes of it tells for an object which
of these it lacks and what they are, from what the object has stored of its arguments, from defaults and from
the names of the module. Nothing of the program is called but what only makes an empty or plain thing.
"""
import ast
import builtins
import inspect
import types

# These do not look into what they are given.
SHALLOW = {"dict", "enumerate", "len", "list", "range", "reversed", "tuple", "zip"}


class _Stop(Exception):
    """The constructor ends here."""


class _Left(_Stop):
    """It has come to a `return`."""


def gained_names(old, new, kind):
    """What the constructor of a class gives now and did not give."""
    called = "__attrs_attrs__" in vars(kind)
    return sorted(_class_text(new, called).stores - _class_text(old, called).stores)


def gains(old, new, kind, asked=()):
    """What objects of a class may lack that were made by its old text; None where nothing. `asked`: what
    functions that are no methods of it ask for, too."""
    # By `__migrate__` the author does it.
    if any("__migrate__" in vars(base) for base in kind.__mro__):
        return None
    called = "__attrs_attrs__" in vars(kind)
    old, new = _class_text(old, called), _class_text(new, called)
    _CLASS_TEXTS.clear()
    if any(name in INDIRECT for maker in new.makers.values() for name in _all_names(maker)):
        return None
    # What the class gave to each is asked for by others. What the constructor gives is perhaps asked for only now.
    asked = new.asks | (old.members - new.members) | (set(asked) - old.stores)
    names = (asked & new.stores) - (old.asks & old.stores) - old.deletes - new.deletes
    fields = [name for name in _fields_of(kind) if name in new.fields and name not in old.fields]
    # Where the class has a default, it answers, if nothing makes another value of it.
    fields = [name for name in fields if name in new.stores or not _answers(vars(kind).get(name, kind), kind)]
    # What each object had for itself and the class has as a method now. What any method stores stays.
    hiding = (old.stores & (new.functions.keys() - old.functions.keys())) - new.stores - old.changes - new.changes
    known = {*old.fields, *old.members}
    private = [name for name in vars(kind).get("__private_attributes__") or () if name not in known]
    return Gains(old, new, kind, names, fields, hiding, private) if names or fields or hiding or private else None


def _all_names(function):
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _answers(entry, kind):
    return entry is not kind and not isinstance(entry, types.MemberDescriptorType)


class Gains:
    def __init__(self, old, new, kind, names, fields, hiding, private):
        self.old, self.new, self.kind, self.names, self.fields, self.hiding = old, new, kind, names, fields, hiding
        self.private = private
        self.was = old.plain()
        for name in old.fields:
            self.was.setdefault(name, [name])
        self.globals = {}
        init = vars(kind).get("__init__")
        if isinstance(init, types.FunctionType):
            self.globals = init.__globals__
        self.codes = {}
        # What the constructor does something else to than to bind it: it has another value each time.
        self.touched, self.shared = set(), set()
        for maker in new.makers.values():
            touched, attributes = _touched(maker)
            self.touched |= touched
            self.shared |= attributes - new.stores
        self.space = {**self.globals, "__unknown__": _unknown, "__safe__": _safe, "__each__": _each, "__part__": _part,
                      "__plain__": _plain_method, "__look__": self.look, "__mine__": self.mine}
        self.sums = {}

    def of(self, thing):
        """What an object is to be given: pairs of name and value, names that it has under another name
        now, and those for which nothing can be told; and in which order its fields are set."""
        if not _reaches(type(thing), self.kind):
            return [], [], [], []
        values, gone, open_ = self._told(thing)
        if self.private:
            values += self._privates(thing, open_)
        return values, gone, open_, _fields_of(type(thing)) if self.fields else []

    def _privates(self, thing, open_):
        """The attributes that a model keeps beside its fields, with those that it lacks."""
        had = object.__getattribute__(thing, "__pydantic_private__") or {}
        more = {}
        for name in self.private:
            attribute = (vars(type(thing)).get("__private_attributes__") or {}).get(name)
            attribute = attribute or vars(self.kind)["__private_attributes__"][name]
            factory = attribute.default_factory
            if name in had or factory is None and type(attribute.default).__name__ == "PydanticUndefinedType":
                continue
            if factory is None or _is_harmless(factory):
                more[name] = attribute.get_default() if factory is None else factory()
            else:
                open_.append(name)
        return [("__pydantic_private__", {**had, **more})] if more else []

    def _told(self, thing):
        kind = type(thing)
        lacking = {name for name in [*self.names, *self.fields] if not _has(thing, name)}
        # Left from where the class had it under this name before: the value of the other one counts.
        left = {name for name in self.names - lacking if self._is_left(name)}
        # Constructors of derived classes, which hand over what they like and set what they like.
        self.below = _constructors_below(kind, self.kind)
        hides = [name for name in sorted(self.hiding) if self._hides(thing, name)]
        if not lacking and not left:
            return [], hides, []
        setter = kind.__setattr__
        own = isinstance(setter, types.FunctionType) and not _is_generated(setter)
        if own and not self.fields:
            # It may do anything with what it is given.
            return [], hides, sorted(lacking)
        self.thing, self.lacking, self.given, self.moved = thing, lacking | left, {}, {}
        for name in self.fields:
            if name in lacking:
                self._field(name)
        for maker in GAIN_MAKERS:
            function = self.new.makers.get(maker)
            if function is not None:
                self._make(function)
        for code in self.below:
            for name in [name for name in self.given if name in code.co_names]:
                del self.given[name]
        for name in left - self.moved.keys():
            self.given.pop(name, None)
        open_ = sorted(lacking - self.given.keys())
        state = getattr(thing, "__dict__", {})
        gone = [] if open_ else [name for name in sorted(self.old.stores) if name in state and self._is_gone(name)]
        gone += [name for name in self.moved.values() if name in state and name in self.old.fields]
        del self.thing
        return list(self.given.items()), [*gone, *hides], open_

    def _hides(self, thing, name):
        """Whether an object has something for itself instead of the method that its class has now."""
        if name not in getattr(thing, "__dict__", ()) or any(name in code.co_names for code in self.below):
            return False
        # What can be called has been put there instead of it.
        if callable(thing.__dict__[name]):
            return False
        found = next((base for base in type(thing).__mro__ if name in vars(base)), None)
        return found is self.kind and not hasattr(type(vars(found)[name]), "__set__")

    def _is_left(self, name):
        old = self.old
        return name not in old.stores and name not in old.changes and name not in old.fields

    def _is_gone(self, name):
        if name in self.new.stores:
            return False
        entry = next((vars(base)[name] for base in type(self.thing).__mro__ if name in vars(base)), None)
        return hasattr(type(entry), "__set__")

    def _field(self, name):
        found = vars(_noted_in(type(self.thing), self.kind, name))
        if "__dataclass_fields__" in found:
            import dataclasses

            field = found["__dataclass_fields__"][name]
            default, factory = field.default, field.default_factory
            missing = dataclasses.MISSING
        elif "__attrs_attrs__" in found:
            import attr

            field = next(field for field in found["__attrs_attrs__"] if field.name == name)
            missing, default, factory = attr.NOTHING, field.default, attr.NOTHING
            if isinstance(default, attr.Factory):
                if default.takes_self:
                    return
                default, factory = missing, default.factory
        else:
            field = (found.get("__pydantic_fields__") or found.get("model_fields"))[name]
            if field.is_required():
                missing = default = factory = None
            else:
                missing, factory = None, field.default_factory
                default = field.default if factory is None else None
                if factory is None:
                    self.given[name] = field.get_default()
                    return
        if getattr(field, "converter", None) is not None:
            return
        if default is not missing:
            self.given[name] = default
        elif factory is not missing:
            if _is_harmless(factory):
                self.given[name] = factory()
        else:
            self._renamed(name)

    def _renamed(self, name):
        """A field without a default, in the place of one that is gone."""
        at = self.new.fields.index(name)
        was = self.old.fields[at] if at < len(self.old.fields) else None
        if was is not None and was not in self.new.fields:
            state = getattr(self.thing, "__dict__", {})
            if was in state:
                self.given[name] = state[was]
                self.moved[name] = was

    def _make(self, function):
        known, origin = {}, {}
        try:
            parameters = inspect.signature(vars(self.kind)[function.name]).parameters
        except (KeyError, TypeError, ValueError):
            parameters = {}
        names = _arguments(function)
        for at, name in enumerate(names):
            was = name
            if was not in self.old.arguments and was not in self.was:
                # Handed over in the same place under another name.
                there = self.old.arguments[at] if at < len(self.old.arguments) else None
                if there is not None and there not in names and len(names) >= len(self.old.arguments):
                    was = there
            for attribute in self.was.get(was, ()):
                # In the dict, also where a property stands before it now.
                state = getattr(self.thing, "__dict__", {})
                if attribute in state:
                    known[name], origin[name] = state[attribute], attribute
                elif _has(self.thing, attribute):
                    known[name], origin[name] = _mine(self.thing, attribute), attribute
            # Handed over by those that were not asked for it yet.
            if name in known or was in self.old.arguments or self.below or self.old.takes_any:
                continue
            parameter = parameters.get(name)
            if parameter is not None and parameter.default is not parameter.empty:
                known[name] = parameter.default
        unknown = {name for name in self._names(function) if name not in known}
        try:
            self._run(function.body, _first_argument(function), known, unknown, origin, 0)
        except _Stop:
            pass

    @staticmethod
    def _names(function):
        """Those that are the function's own."""
        names = set(_arguments(function))
        for arg in (function.args.vararg, function.args.kwarg):
            if arg is not None:
                names.add(arg.arg)
        return names

    def _run(self, body, me, known, unknown, origin, depth):
        for part in body:
            if isinstance(part, ast.AugAssign):
                _, part = self.sums.setdefault(id(part), (part, _as_assignment(part)))
            pairs = _pairs(part)
            for target, value in pairs:
                if isinstance(target, ast.Name):
                    self._bind(target.id, value, me, known, unknown, origin)
                elif _is_mine(target, me):
                    self._store(target.attr, value, me, known, unknown, origin, depth)
                else:
                    self._forget(target, me, known, unknown)
            if pairs or isinstance(part, (ast.Pass, ast.Assert)):
                continue
            if isinstance(part, ast.If) and depth < GAIN_DEEP:
                try:
                    test = _safe(self._value(part.test, me, known, unknown))
                except Exception:
                    self._forget(part, me, known, unknown)
                    continue
                self._run(part.body if test else part.orelse, me, known, unknown, origin, depth + 1)
            elif isinstance(part, ast.Return):
                raise _Left
            elif isinstance(part, ast.Raise):
                raise _Stop
            elif depth < GAIN_DEEP and self._inner(part, me, known, unknown, depth):
                self._forget_given(part, known, unknown)
            elif not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
                self._forget(part, me, known, unknown)

    def _inner(self, part, me, known, unknown, depth):
        """`self.reset()`: a method of the class itself, gone through like the constructor. Whether it was."""
        call = part.value if isinstance(part, ast.Expr) else None
        if not isinstance(call, ast.Call) or not _is_mine(call.func, me):
            return False
        name = call.func.attr
        method = self.new.functions.get(name)
        found = next((vars(base)[name] for base in type(self.thing).__mro__ if name in vars(base)), None)
        if not isinstance(method, ast.FunctionDef) or method.decorator_list or found is not vars(self.kind).get(name):
            return False
        if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(method)):
            return False
        inner = self._handed(call, method, found, me, known, unknown)
        if inner is None:
            return False
        before = dict(self.given)
        try:
            self._run(method.body, _first_argument(method), inner, self._names(method) - inner.keys(), {}, depth + GAIN_INSIDE)
        except _Left:
            pass
        except _Stop:
            # What it does further down is done to some only.
            self.given = before
            return False
        return True

    def _handed(self, call, method, function, me, known, unknown):
        """What a method knows of its arguments; None where it is not known which is which."""
        try:
            bound = inspect.signature(function).bind(None, *call.args, **{k.arg: k.value for k in call.keywords})
        except (TypeError, ValueError):
            return None
        if any(isinstance(node, ast.Starred) for node in call.args):
            return None
        out = {}
        for name, parameter in list(bound.signature.parameters.items())[1:]:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name not in bound.arguments:
                out[name] = parameter.default
                continue
            try:
                out[name] = self._value(bound.arguments[name], me, known, unknown)
            except Exception:
                pass
        return out

    @staticmethod
    def _forget_given(part, known, unknown):
        """What somebody was given may have been changed there."""
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id in known and not _is_fixed(known[node.id]):
                del known[node.id]
                unknown.add(node.id)

    def _bind(self, name, value, me, known, unknown, origin):
        origin.pop(name, None)
        try:
            if value is None:
                raise Unknown
            known[name] = self._value(value, me, known, unknown)
            unknown.discard(name)
        except Exception:
            known.pop(name, None)
            unknown.add(name)

    def _forget(self, part, me, known, unknown):
        """What a statement may do that is not gone through: it may change all that it mentions."""
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and node.id != me:
                if not isinstance(node.ctx, ast.Load) or not _is_fixed(known.get(node.id)):
                    known.pop(node.id, None)
                    unknown.add(node.id)
            elif _is_mine(node, me):
                self._drop(node.attr, not isinstance(node.ctx, ast.Load))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._called(node.func, me, set())
        if any(isinstance(node, (ast.Return, ast.Raise)) for node in ast.walk(part)):
            # What stands below runs for some and for others not.
            raise _Stop

    def _drop(self, name, always):
        if name in self.given and (always or not _is_fixed(self.given[name])):
            del self.given[name]

    def _called(self, function, me, seen):
        """A method of the object is called: what it mentions may be another thing then."""
        own = _is_mine(function, me)
        above = isinstance(function.value, ast.Call) and getattr(function.value.func, "id", "") == "super"
        if above or own and function.attr not in self.new.functions:
            # Of a base.
            for name in list(self.given):
                self._drop(name, True)
        elif own and function.attr not in seen:
            seen.add(function.attr)
            inner = self.new.functions[function.attr]
            for name in _mentioned(inner, ast.Store) | _mentioned(inner, ast.Del):
                self._drop(name, True)
            for name in _mentioned(inner, ast.Load):
                self._drop(name, False)
            args = [*inner.args.posonlyargs, *inner.args.args]
            for node in ast.walk(inner):
                if args and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    self._called(node.func, args[0].arg, seen)

    def _store(self, name, value, me, known, unknown, origin, depth):
        setter = self.new.setters.get(name)
        try:
            if value is None:
                raise Unknown
            if setter is not None:
                (argument,) = _arguments(setter)
                handed = self._value(value, me, known, unknown)
                inner = {argument: handed}
                where = {argument: origin[value.id]} if isinstance(value, ast.Name) and value.id in origin else {}
                if depth < GAIN_DEEP:
                    try:
                        self._run(setter.body, _first_argument(setter), inner, set(), where, depth + 1)
                    except _Stop:
                        pass
                return
            if name not in self.lacking:
                return
            moved = origin.get(value.id) if isinstance(value, ast.Name) else None
            if moved in self.new.stores and _is_fixed(known[value.id]):
                self._trust(moved, known[value.id])
            if moved is None:
                for used in ast.walk(value):
                    if isinstance(used, ast.Name) and used.id in origin:
                        self._trust(origin[used.id], known[used.id])
            self.given[name] = self._value(value, me, known, unknown)
            if moved is not None and moved != name:
                self.moved[name] = moved
        except _Stop:
            raise
        except Exception:
            self.given.pop(name, None)

    def _trust(self, attribute, value):
        """Whether an attribute still has what the constructor was given: who computes something of it wants
        that, who has it under another name what there is."""
        if attribute in self.old.changes or attribute in self.new.changes or not _is_fixed(value):
            raise Unknown

    def _value(self, node, me, known, unknown):
        key = id(node), frozenset(unknown)
        if key not in self.codes:
            parts = _GainParts(unknown | self.touched, me, self.globals, known)
            tree = ast.parse(ast.unparse(node), mode="eval")
            tree = ast.fix_missing_locations(parts.visit(tree))
            # The node stays alive with its code: others are not to have its address.
            self.codes[key] = node, compile(tree, "pyreload/gained.py", "eval", 0, True)
        space = self.space
        space.update(known, __kind__=type(self.thing), __self__=self.thing)
        try:
            return eval(self.codes[key][1], space)
        finally:
            for name in known:
                if name in self.globals:
                    space[name] = self.globals[name]
                else:
                    space.pop(name, None)

    def mine(self, name):
        """An attribute of the object, as far as it can be had without asking it."""
        if name in self.shared:
            raise Unknown
        return self.given[name] if name in self.given else _mine(self.thing, name)

    def look(self, of, name):
        """The same of something else."""
        if name in self.shared:
            raise Unknown
        if isinstance(of, types.ModuleType):
            return vars(of)[name]
        if not isinstance(of, type):
            return _mine(of, name)
        if name in getattr(of, "_member_map_", ()):
            return of._member_map_[name]
        if name == "__name__" and type(of) is type:
            return of.__name__
        entry = next((vars(base)[name] for base in type.__dict__["__mro__"].__get__(of) if name in vars(base)), _unknown)
        if hasattr(type(entry), "__get__"):
            raise Unknown
        return entry


def _as_assignment(part):
    """`x += 1` as `x = x + 1`."""
    read = ast.parse(ast.unparse(part.target), mode="eval").body
    value = ast.copy_location(ast.BinOp(read, part.op, part.value), part)
    return ast.copy_location(ast.Assign([part.target], value), part)


def _touched(function):
    """What a constructor changes in place, `COUNT.total += 1`, `ALL.append(self)`, `type(self).made += 1`: names of
    the module, and attributes of whatever but the object itself."""
    me = _first_argument(function)
    own = set(Gains._names(function))
    own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own.add(me)
    shared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    names, attributes = set(shared), set()
    for node in ast.walk(function):
        roots = []
        if isinstance(node, ast.AugAssign):
            roots = [node.target]
        elif isinstance(node, ast.Assign):
            roots = [target for target in node.targets if not isinstance(target, ast.Name)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            roots = [node.value.func]
        for root in roots:
            if _is_mine(root, me) and not isinstance(node, ast.Expr):
                continue
            while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
                if isinstance(root, ast.Attribute):
                    attributes.add(root.attr)
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name):
                names.add(root.id)
    return names - (own - shared), attributes


class _GainParts(_Parts):
    """An expression of a constructor, in which nothing of the program is called, nor its operators."""

    def __init__(self, unknown, me, space, known):
        super().__init__(unknown)
        self.me, self.space, self.known = me, space, known

    def by(self, name, node, *args):
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(args), []), node)

    def plain(self, node):
        return self.by("__safe__", node, self.visit(node))

    def visit_Name(self, node):
        return self._raise(node) if node.id == self.me else super().visit_Name(node)

    def visit_Attribute(self, node):
        if _is_mine(node, self.me):
            if node.attr == "__class__":
                return ast.copy_location(ast.Name("__kind__", ast.Load()), node)
            return self.by("__mine__", node, ast.Constant(node.attr))
        return self.by("__look__", node, self.visit(node.value), ast.Constant(node.attr))

    def visit_Subscript(self, node):
        if not isinstance(node.ctx, ast.Load) or isinstance(node.slice, ast.Slice):
            return self._raise(node)
        return self.by("__part__", node, self.visit(node.value), self.visit(node.slice))

    def visit_BinOp(self, node):
        return ast.copy_location(ast.BinOp(self.plain(node.left), node.op, self.plain(node.right)), node)

    def visit_UnaryOp(self, node):
        return ast.copy_location(ast.UnaryOp(node.op, self.plain(node.operand)), node)

    def visit_BoolOp(self, node):
        return ast.copy_location(ast.BoolOp(node.op, [*map(self.plain, node.values[:-1]), self.visit(node.values[-1])]), node)

    def visit_IfExp(self, node):
        return ast.copy_location(ast.IfExp(self.plain(node.test), self.visit(node.body), self.visit(node.orelse)), node)

    def visit_Compare(self, node):
        same = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        take = self.visit if same else self.plain
        return ast.copy_location(ast.Compare(take(node.left), node.ops, [*map(take, node.comparators)]), node)

    def visit_FormattedValue(self, node):
        node.value = self.plain(node.value)
        return node

    def visit_comprehension(self, node):
        node.iter = self.by("__each__", node.iter, self.visit(node.iter))
        node.ifs = [*map(self.plain, node.ifs)]
        return node

    def visit_Lambda(self, node):
        # It would look its names up here.
        return self._raise(node)

    visit_GeneratorExp = visit_Lambda

    def visit_Call(self, node):
        mine = [getattr(argument, "id", None) for argument in node.args] == [self.me]
        if mine and getattr(node.func, "id", None) == "type" and not node.keywords:
            return ast.copy_location(ast.Name("__kind__", ast.Load()), node)
        if any(isinstance(part, ast.Starred) for part in node.args) or any(k.arg is None for k in node.keywords):
            return self._raise(node)
        try:
            first, *rest = _path(node.func)
        except Exception:
            return self._method(node)
        if first == self.me or first in self.unknown or first in self.known:
            return self._method(node)
        if first not in self.space:
            return self._builtin(node, first) if not rest else self._raise(node)
        found = self.space[first]
        for part in rest:
            if not isinstance(found, (types.ModuleType, type)) or part not in vars(found):
                return self._method(node)
            found = vars(found)[part]
        if _is_of_paths(found):
            node.args = [*map(self.plain, node.args)]
            return node if not node.keywords else self._raise(node)
        if not _is_harmless(found, given=bool(node.args or node.keywords)):
            return self._raise(node)
        return self._given(node, node.func, isinstance(found, type) and _is_storing(found, given=True))

    def _builtin(self, node, name):
        if name not in PURE | {"object"} or not hasattr(builtins, name) or name in ("map", "filter", "vars", "sorted"):
            return self._raise(node)
        if name == "len" and not all(isinstance(a, ast.Name) and a.id in self.known for a in node.args):
            # So many there were then.
            return self._raise(node)
        take = (lambda part: self.by("__each__", part, self.visit(part))) if name in SHALLOW - {"range"} else self.plain
        node.args = [*map(take, node.args)]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def _given(self, node, function, me=False):
        """`me`: the object may be given, too: it is only stored."""

        def take(part):
            own = me and isinstance(part, ast.Name) and part.id == self.me
            return ast.copy_location(ast.Name("__self__", ast.Load()), part) if own else self.visit(part)

        arguments = [*map(take, node.args)]
        keywords = [ast.keyword(k.arg, take(k.value)) for k in node.keywords]
        return ast.copy_location(ast.Call(function, arguments, keywords), node)

    def _method(self, node):
        """A method of something: those of values that nobody can change do nothing but give another one."""
        if not isinstance(node.func, ast.Attribute):
            return self._raise(node)
        of = node.func.value
        inner = ast.Call(None, [of, ast.Constant(node.func.attr), *node.args], node.keywords)
        return ast.copy_location(self._given(inner, ast.Name("__plain__", ast.Load())), of)


def _each(value):
    """What can be gone through without asking the program."""
    if type(value) not in (*CONTAINERS, str, bytes, range, enumerate, zip, reversed):
        raise Unknown
    return value


def _part(of, key):
    if type(of) not in (dict, list, tuple, str) or not _is_plain(key):
        raise Unknown
    return of[key]


def _plain_method(of, method, *args, **keywords):
    if not all(map(_is_plain, (*args, *keywords.values()))):
        raise Unknown
    if type(of) not in GAIN_FIXED and not (type(of) in (dict, list, set, tuple) and method in ASKING):
        raise Unknown
    return getattr(of, method)(*args, **keywords)


def _has(thing, name):
    """Whether an object has something of its own under a name, or somebody else keeps it for it."""
    if name in getattr(thing, "__dict__", ()):
        return True
    for base in type(thing).__mro__:
        entry = vars(base).get(name)
        if isinstance(entry, types.MemberDescriptorType):
            try:
                entry.__get__(thing)
            except AttributeError:
                return False
            return True
        if hasattr(type(entry), "__set__"):
            return True
    return False


def _mine(thing, name):
    """What an object has under a name, without asking it."""
    for base in type(thing).__mro__:
        entry = vars(base).get(name)
        if isinstance(entry, types.MemberDescriptorType):
            return entry.__get__(thing)
        if hasattr(type(entry), "__set__"):
            raise Unknown
    if name in thing.__dict__:
        return thing.__dict__[name]
    entry = next((vars(base)[name] for base in type(thing).__mro__ if name in vars(base)), thing)
    if entry is thing or hasattr(type(entry), "__get__"):
        raise Unknown
    return entry


def _reaches(kind, base):
    """Whether making an object of a class runs the constructor of a base of it."""
    for each in kind.__mro__:
        if each is base:
            return True
        init = vars(each).get("__init__")
        if init is None:
            continue
        if not isinstance(init, types.FunctionType):
            return False
        names = {name for code in _codes(init.__code__) for name in code.co_names}
        generated = _is_generated(init)
        if not generated and "__init__" not in names:
            return False
    return False
