"""What had statements set by names that they compute? Told by `contents` of `skeleton.py`, without running
them."""
import ast
import types


class _Names(ast.NodeTransformer):
    """`globals()`, and what means the same at the top of a module, as a dict of its own; also where
    `setattr` gives the module its names."""

    found = False

    def __init__(self, namespace):
        self.namespace = namespace

    def _is_module(self, node):
        if isinstance(node, ast.Name):
            module = self.namespace.get(node.id)
            return isinstance(module, types.ModuleType) and vars(module).get("__name__") == self.namespace["__name__"]
        return ast.unparse(node) == "sys.modules[__name__]"

    def visit_Expr(self, node):
        call = node.value
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "setattr" and self._is_module(call.args[0]):
            self.found = True
            return _set_name(call)
        return self.generic_visit(node)

    def visit_For(self, node):
        self.generic_visit(node)
        node.body = _nested(node.body)
        return node

    def visit_Call(self, node):
        if getattr(node.func, "id", "") in {"globals", "vars", "locals"} and not node.args:
            self.found = True
            return ast.copy_location(ast.Name("__names__", ast.Load()), node)
        return self.generic_visit(node)


def names(text, namespace, unknown):
    """The names that a statement such as `globals().update(...)` gave a module, with their values."""
    put = _Names(namespace)
    text = ast.unparse(ast.fix_missing_locations(put.visit(ast.parse(text))))
    if not put.found:
        raise Unknown
    return contents(["__names__ = {}", text], (), "__names__", namespace, unknown)


class _Sets(ast.NodeTransformer):
    """`setattr(C, key, value)` as an item of a dict of its own."""

    def __init__(self, name):
        self.name, self.found = name, False

    def visit_Expr(self, node):
        call = node.value
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "setattr":
            # Whatever it does, it has no say in which names are set.
            return None
        if getattr(call.args[0], "id", "") != self.name:
            return None
        self.found = True
        return _set_name(call)

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_For(self, node):
        self.generic_visit(node)
        node.body = _nested(node.body)
        return node


def _set_name(call):
    _, key, value = call.args
    return ast.Assign([ast.Subscript(ast.Name("__names__", ast.Load()), key, ast.Store())], value)


def _nested(body):
    """`key = name.upper()` in a loop, as a loop that goes once through that."""
    for at, part in enumerate(body):
        if isinstance(part, ast.Assign) and [type(target) for target in part.targets] == [ast.Name]:
            once = ast.For(part.targets[0], ast.Tuple([part.value], ast.Load()), _nested(body[at + 1 :]), [])
            return [*body[:at], once]
    return body


def sets(text, name, namespace, unknown):
    """The attributes that a statement such as `for key in KEYS: setattr(C, key, 1)` gave the class of
    this name, with their values."""
    put = _Sets(name)
    text = ast.unparse(ast.fix_missing_locations(put.visit(ast.parse(text))))
    if not put.found:
        raise Unknown
    return contents(["__names__ = {}", text], (), "__names__", namespace, unknown)
