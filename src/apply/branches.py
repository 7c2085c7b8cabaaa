"""Which names did a compound statement bind? Only the branches that ran count.

`instrument` compiles a top-level statement so that each binding in one of its blocks is told to
`__pyreload_bound__` (called with a tuple of names). Functions and classes in it are left alone.
"""
import ast


def _names(node):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return (node.name,)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return tuple((a.asname or a.name).split(".")[0] for a in node.names if a.name != "*")
    found = []
    todo = [node]
    while todo:
        at = todo.pop()
        if isinstance(at, ast.Name) and isinstance(at.ctx, ast.Store):
            found.append(at.id)
        if not isinstance(at, (ast.Lambda, ast.FunctionDef, ast.ClassDef, ast.stmt)) or at is node:
            todo.extend(ast.iter_child_nodes(at))
    return tuple(found)


def _named(node):
    """What `(name := value)` binds in the test of a branch and the like."""
    found = []
    for field in ("test", "iter", "items", "subject"):
        parts = getattr(node, field, [])
        for part in parts if isinstance(parts, list) else [parts]:
            inner = (at for at in ast.walk(part) if isinstance(at, ast.NamedExpr))
            found.extend(at.target.id for at in inner)
    return tuple(found)


def _captured(case):
    """What the pattern of a `case` binds."""
    parts = ast.walk(case.pattern) if hasattr(case, "pattern") else ()
    names = (getattr(at, "name", None) or getattr(at, "rest", None) for at in parts)
    return tuple(name for name in names if name)


def _told(names, near):
    call = ast.Expr(
        ast.Call(ast.Name("__pyreload_bound__", ast.Load()), [ast.Constant(names)], [])
    )
    return ast.fix_missing_locations(ast.copy_location(call, near))


def _block(statements):
    out = []
    for statement in statements:
        nested = False
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(statement, field, None)
            if not isinstance(inner, list) or isinstance(
                statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ):
                continue
            nested = True
            if field in ("handlers", "cases"):
                for part in inner:
                    part.body = _block(part.body)
                    captured = _captured(part)
                    if captured:
                        part.body.insert(0, _told(captured, part.body[0]))
            else:
                setattr(statement, field, _block(inner))
        head = ()
        if isinstance(statement, (ast.For, ast.AsyncFor)):
            head = _names(statement.target)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            head = tuple(n for i in statement.items if i.optional_vars for n in _names(i.optional_vars))
        if head:
            statement.body.insert(0, _told(head, statement.body[0]))
        named = _named(statement) if nested else ()
        if named:
            out.append(_told(named, statement))
        out.append(statement)
        names = () if nested else _names(statement)
        if names:
            out.append(_told(names, statement))
    return out


def instrument(text, filename, flags):
    tree = compile(text, filename, "exec", flags | ast.PyCF_ONLY_AST, True)
    tree.body = _block(tree.body)
    return compile(tree, filename, "exec", flags, True)
