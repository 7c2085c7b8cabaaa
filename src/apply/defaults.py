"""Defaults of a nested function's parameters, for functions that were made from its old text.

`defaults` reads the text of the function that a code object was compiled from. What the live function
has for a parameter it keeps (`def f(x, n=n)` in a loop); others are evaluated where that takes nothing
but constants and names of the module.
"""
import ast
import builtins
import tokenize

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Unknown(Exception):
    pass


def _found(code):
    """The node of the function and the names of the scopes around it."""
    with tokenize.open(code.co_filename) as file:
        tree = ast.parse(file.read())
    hits = []

    def walk(node, around):
        for child in ast.iter_child_nodes(node):
            inner = around
            if isinstance(child, FUNCTIONS):
                lines = [child.lineno] + [d.lineno for d in getattr(child, "decorator_list", ())]
                if min(lines) == code.co_firstlineno and getattr(child, "name", "<lambda>") == code.co_name:
                    hits.append((child, around))
                inner = around | _bound(child)
            walk(child, inner)

    walk(tree, frozenset())
    if len(hits) != 1:
        raise Unknown
    return hits[0]


def _bound(function):
    names = {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def _value(node, around, space):
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, around, space), node.attr)
    if not isinstance(node, ast.Name) or node.id in around:
        raise Unknown
    return space[node.id] if node.id in space else getattr(builtins, node.id)


def _parameters(code):
    end = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[:code.co_argcount], code.co_varnames[code.co_argcount:end]


def defaults(function, code):
    """(`__defaults__`, `__kwdefaults__`) for the function with the new code; None if they are not known."""
    names = _parameters(function.__code__)[0]
    own = function.__defaults__ or ()
    had = dict(zip(names[len(names) - len(own):], own))
    had.update(function.__kwdefaults__ or {})
    try:
        node, around = _found(code)
        space = function.__globals__

        def value(name, default):
            return had[name] if name in had else _value(default, around, space)

        arguments = node.args
        names = [a.arg for a in arguments.posonlyargs + arguments.args]
        given = arguments.defaults
        positional = tuple(map(value, names[len(names) - len(given):], given))
        keywords = {a.arg: value(a.arg, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    except (Unknown, OSError, SyntaxError, UnicodeError, AttributeError):
        return None
    return positional or None, keywords or None
