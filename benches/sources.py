"""Sources that differ from each other as those of a real program do: functions and methods cut out
of the standard library, put together anew. Texts that are all the same, or made of one pattern,
would flatter whoever keeps them packed."""

import ast
import random
import sysconfig
from pathlib import Path

#: So many files of the library are cut up.
ENOUGH = 300
NOT_THESE = {"site-packages", "dist-packages", "test", "tests"}
#: What the functions find at hand; they are never called.
IMPORTS = "collections functools io json math operator os re string sys time types".split()


def plain(node):
    """Whether a definition can be run anywhere: nothing in its head is looked up."""
    if not isinstance(node, ast.FunctionDef) or node.decorator_list or node.returns:
        return False
    spec = node.args
    given = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    heads = [*spec.defaults, *filter(None, spec.kw_defaults)]
    return (all(isinstance(value, ast.Constant) for value in heads)
            and not any(one is not None and one.annotation for one in given))


def pieces(library=None):
    """Two lists of texts: functions, and methods with their indentation."""
    functions, methods = [], []
    paths = Path(library or sysconfig.get_path("stdlib")).rglob("*.py")
    paths = sorted(path for path in paths if not NOT_THESE & set(path.parts))
    # Some of all kinds; all of them would only take longer.
    random.Random(7).shuffle(paths)
    for path in paths[:ENOUGH]:
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        lines = text.splitlines(keepends=True)
        for node in tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            into = methods if isinstance(node, ast.ClassDef) else functions
            for each in filter(plain, inner):
                cut = "".join(lines[each.lineno - 1:each.end_lineno])
                if cut.endswith("\n") and "\f" not in cut and "__class__" not in cut:
                    into.append(cut)
    return functions, methods


class Texts:
    """Modules of at least so many lines, half as much again on average; no two alike, and the
    same in every run."""

    def __init__(self, library=None):
        self.functions, self.methods = pieces(library)
        self.random = random.Random(11)

    def make(self, number, lines=70):
        pick = self.random
        parts = [f'"""Module {number} of a program."""\n\n']
        parts += [f"import {name}\n" for name in sorted(pick.sample(IMPORTS, 4))]
        parts.append(f"\nLIMIT_{number} = {pick.randrange(10**6)}\n")
        size = 8
        while size < lines:
            if pick.random() < 0.4:
                part = "\n\n" + pick.choice(self.functions)
            else:
                some = pick.sample(self.methods, pick.randrange(2, 6))
                part = f"\n\nclass Class{number}_{size}:\n" + "\n".join(some)
            parts.append(part)
            size += part.count("\n")
        return "".join(parts)
