"""`with` statements for a run aside. Nobody is to catch what refuses the run, nor to do anything after it:
so there a context is entered, and left where its body came to its end, and at no other time.

Runs after guard.py, before rehearsal.py.
"""
import ast


class Entering(ast.NodeTransformer):
    """Puts calls in the place of contexts, outside of functions."""

    def __init__(self):
        self.count = 0

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef

    def visit_With(self, node):
        if any(isinstance(part, (ast.Break, ast.Continue)) for part in ast.walk(node)):
            return node
        self.generic_visit(node)
        out, names = [], []
        for item in node.items:
            self.count += 1
            name = f"{CONTEXT_NAME}{self.count}"
            names.append(name)
            held = ast.Name(name, ast.Store())
            out.append(ast.Assign([held], item.context_expr))
            entered = ast.Call(ast.Name(ENTER, ast.Load()), [ast.Name(name, ast.Load())], [])
            into = item.optional_vars
            out.append(ast.Expr(entered) if into is None else ast.Assign([into], entered))
        out += node.body
        for name in reversed(names):
            left = ast.Call(ast.Name(LEAVE, ast.Load()), [ast.Name(name, ast.Load())], [])
            out.append(ast.Expr(left))
        return [ast.fix_missing_locations(ast.copy_location(part, node)) for part in out]


CONTEXT_NAME, ENTER, LEAVE = "__pyreload_context_", "__pyreload_enter__", "__pyreload_leave__"


def entering(text, filename, flags):
    """The code of a statement, with calls of `enter` and `leave` for its contexts."""
    tree = ast.parse(text, filename)
    return compile(Entering().visit(tree), filename, "exec", flags, True)


def contexts(guard):
    """What these call, by name. A lock need not be held: no other thread runs, and those that live are not
    to be touched."""

    def may_be(context):
        kind = type(context)
        if kind not in BUFFERS and not of_python(kind):
            guard.refused = guard.refused or f"it uses a context of {kind.__qualname__}"
            raise Refused(guard.refused)
        return kind

    def enter(context):
        return True if type(context) in LOCKS else may_be(context).__enter__(context)

    def leave(context):
        if type(context) not in LOCKS:
            may_be(context).__exit__(context, None, None, None)

    guard.ours |= {id(enter), id(leave)}
    return {ENTER: enter, LEAVE: leave}
