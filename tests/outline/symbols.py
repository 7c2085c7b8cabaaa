"""What CPython's own symbol table says of files: the oracle of the outline's scopes.

Reads paths, one a line; writes one JSON object a line. Definitions are told by place in the
module, since the source is written anew without what the symbol table counts and nothing reads.
"""

import ast
import json
import sys
import symtable

COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}


class Blank(ast.NodeTransformer):
    """Annotations of a function's own variables are never evaluated."""

    depth = 0

    def visit_function(self, node):
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self.visit(node.args)
        self.depth += 1
        node.body = [self.visit(s) for s in node.body]
        self.depth -= 1
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_function

    def visit_ClassDef(self, node):
        depth, self.depth = self.depth, 0
        self.generic_visit(node)
        self.depth = depth
        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        if self.depth:
            node.annotation = ast.Constant(0)
        return node


def globals_of(table):
    """Global names that a function reads, functions and classes in it included."""
    names = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    if table.get_name() == "top":
        # Which is how the symtable module knows the module's table.
        names -= {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_parameter()}
    # The table adds it to every function with `super()`.
    names.discard("__class__")
    for child in table.get_children():
        names |= globals_of(child)
    return names


def given(tree):
    """Names that a `for` or `with` of the module binds: what its block reads of them is its own."""
    targets = []
    for node in ast.walk(tree):
        targets += [node.target] if isinstance(node, ast.For) else []
        targets += [i.optional_vars for i in node.items if i.optional_vars] if isinstance(node, ast.With) else []
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def shadowed(table):
    """Names that a class body reads and binds: before it does, it reads the module's."""
    names = set()
    if table.get_type() == "class":
        names |= {s.get_name() for s in table.get_symbols() if s.is_local() and s.is_referenced()}
    for child in table.get_children():
        names |= shadowed(child)
    return names


def later_of(table):
    """Global names that the functions in a class read when they are called."""
    names = set()
    for child in table.get_children():
        if child.get_type() == "class":
            names |= later_of(child)
        elif child.get_name() in COMPREHENSIONS:
            names |= later_of(child)
        else:
            names |= globals_of(child)
    return names


def symbols(source):
    tree = Blank().visit(ast.parse(source))
    source = ast.unparse(ast.fix_missing_locations(tree))
    tree = ast.parse(source)
    module = symtable.symtable(source, "m", "exec")
    children = {}
    for child in module.get_children():
        children.setdefault((child.get_lineno(), child.get_name()), child)
    # The table does not say which statement a lambda is in, such as in a default.
    lambdas = set().union(*(globals_of(t) for t in module.get_children() if t.get_name() == "lambda"))
    definitions = []
    for node in tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        lines = [d.lineno for d in node.decorator_list] + [node.lineno]
        table = next(t for n in lines if (t := children.get((n, node.name))))
        names = later_of(table) if isinstance(node, ast.ClassDef) else globals_of(table)
        definitions.append([node.name, sorted(names), sorted(shadowed(table) | lambdas)])
    bound, read, annotated = set(), set(), set()
    for symbol in module.get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            read.add(symbol.get_name())
        if symbol.is_annotated():
            annotated.add(symbol.get_name())
    return {
        "definitions": definitions,
        "bound": sorted(bound),
        "read": sorted(read - given(tree)),
        "annotated": sorted(annotated),
    }


for path in sys.stdin.read().splitlines():
    try:
        with open(path, "rb") as file:
            result = symbols(file.read())
    except (SyntaxError, ValueError, RecursionError) as error:
        result = {"error": str(error)}
    print(json.dumps(result))
