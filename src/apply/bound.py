"""May a compound statement have bound a name to this value? Told by its text, without running it."""
import ast
import builtins
import importlib.util
import sys
import types

BOUND_PLAIN = (type(None), bool, int, float, complex, str, bytes)
BOUND_DISPLAYS = {ast.List: list, ast.ListComp: list, ast.Dict: dict, ast.DictComp: dict, ast.Set: set, ast.SetComp: set,
            ast.Tuple: tuple, ast.JoinedStr: str}


def may_bind(text, name, live, space, first, last):
    """`first`, `last`: the lines that it stands on in the file. `False` only where it is certain."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == name and (node.decorator_list or _defined_in(node, live, first, last)):
                return True
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                if node.value is not None and _given_in(node.value, live, space, first, last):
                    return True
            elif any(_binds_in(target, name) for target in targets):
                return True
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(_imported_in(node, alias, name, live, space) for alias in node.names):
                return True
        elif isinstance(node, ast.AugAssign):
            if _binds_in(node.target, name):
                return True
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            if _binds_in(node.target, name):
                return True
        elif isinstance(node, ast.withitem):
            if node.optional_vars is not None and _binds_in(node.optional_vars, name):
                return True
        elif getattr(node, "name", None) == name or getattr(node, "rest", None) == name:
            return True
    return False


def _binds_in(target, name):
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(target))


def _stands_in(function, first, last):
    return isinstance(function, types.FunctionType) and first <= function.__code__.co_firstlineno <= last


def _defined_in(node, live, first, last):
    if not isinstance(node, ast.ClassDef):
        return not isinstance(live, types.FunctionType) or _stands_in(live, first, last)
    if not isinstance(live, type):
        return False
    functions = [entry for entry in vars(live).values() if isinstance(entry, types.FunctionType)]
    return not functions or any(_stands_in(function, first, last) for function in functions)


def _imported_in(node, alias, name, live, space):
    if (alias.asname or alias.name.split(".")[0]) != name:
        return False
    if isinstance(node, ast.Import):
        whole = alias.name if alias.asname else alias.name.split(".")[0]
        return live is sys.modules.get(whole)
    where = "." * node.level + (node.module or "")
    try:
        where = importlib.util.resolve_name(where, space.get("__package__"))
    except (ImportError, ValueError):
        return True
    module = sys.modules.get(where)
    if module is None or not isinstance(module, types.ModuleType):
        return module is not None
    found = vars(module).get(alias.name, sys.modules.get(f"{where}.{alias.name}"))
    return _same_plain(found, live) or "__getattr__" in vars(module)


def _same_plain(value, live):
    # The program's objects are not to be asked whether they are equal.
    return value is live or type(value) is type(live) and type(live) in BOUND_PLAIN and value == live


def _given_in(value, live, space, first, last):
    if isinstance(value, ast.IfExp):
        return any(_given_in(part, live, space, first, last) for part in (value.body, value.orelse))
    if isinstance(value, ast.BoolOp):
        return any(_given_in(part, live, space, first, last) for part in value.values)
    if isinstance(value, ast.Constant):
        return _same_plain(value.value, live)
    if type(value) in BOUND_DISPLAYS:
        return type(live) is BOUND_DISPLAYS[type(value)]
    if isinstance(value, ast.Lambda):
        return _stands_in(live, first, last)
    made = value.func if isinstance(value, ast.Call) else value
    parts = []
    while isinstance(made, ast.Attribute):
        parts.append(made.attr)
        made = made.value
    if not isinstance(made, ast.Name):
        return True
    found = space.get(made.id, vars(builtins).get(made.id, space))
    for part in reversed(parts):
        if not isinstance(found, (types.ModuleType, type)) or part not in vars(found):
            return True
        found = vars(found)[part]
    if found is space:
        return True
    if not isinstance(value, ast.Call):
        # A name may have meant something else by then.
        return _same_plain(found, live) or type(found) is type(live)
    if not isinstance(found, type) or "__new__" in vars(found) and found.__module__ == space.get("__name__"):
        return True
    return found in type.mro(type(live)) if type(live) is not type else True
