"""Makes a failing case small: fewer steps, modules, statements and members, smaller edits."""

from __future__ import annotations

import ast
import copy
import re
import time


def shrink(case, found, compare, signature, seconds):
    """The smallest case found within a time that still shows a difference of the same kind."""
    want, end = signature(found), time.monotonic() + seconds
    changed = True
    while changed and time.monotonic() < end:
        changed = False
        for candidate in candidates(case):
            if time.monotonic() > end:
                break
            got = compare(candidate)
            if got != "invalid" and got and signature(got) & want:
                case, found, changed = candidate, got, True
                break
    return case, found


def candidates(case):
    """Cases that are a little smaller, large steps first."""
    versions = case["versions"]
    for i in range(len(versions)):
        if len(versions) > 2:
            yield with_versions(case, versions[:i] + versions[i + 1:])
    for module in versions[-1].modules:
        new = [without_module(v, module) for v in versions]
        yield with_versions(case, new)
    for i in range(1, len(versions)):  # undo one step's change of one file
        for path in versions[i].files:
            before = versions[i - 1].files.get(path)
            if before is not None and before != versions[i].files[path] and not versions[i].broken:
                yield with_versions(case, [with_file(v, path, before) if k >= i and v.files.get(path) == versions[i].files[path]
                                           else v for k, v in enumerate(versions)])
    for path in sorted({p for v in versions for p in v.files}):
        for key in unit_keys(versions, path):
            new = [with_file(v, path, drop(v.files.get(path), key)) for v in versions]
            if any(a.files != b.files for a, b in zip(new, versions)):
                yield with_versions(case, new)
    for path in sorted({p for v in versions for p in v.files}):
        for new in simpler_edits(versions, path):
            yield with_versions(case, new)
    for path in sorted({p for v in versions for p in v.files}):
        for old in expressions(versions, path):
            yield with_versions(case, [with_file(v, path, v.files[path].replace(old, "1")) if path in v.files else v
                                       for v in versions])
        for new in no_parameters(versions, path):
            yield with_versions(case, new)
    if case["start"] != "after":
        yield {**case, "start": "after"}


def with_versions(case, versions):
    out = [versions[0]]
    for v in versions[1:]:  # a step that changes nothing is no step
        if v.files != out[-1].files or v.broken:
            out.append(v)
    return {**case, "versions": out if len(out) > 1 else out * 2}


def with_file(version, path, text):
    if version.files.get(path) == text or text is None:
        return version
    new = copy.copy(version)
    new.files = {**version.files, path: text}
    return new


def without_module(version, module):
    path = module.replace(".", "/") + ".py"
    if path not in version.files:
        return version
    new = copy.copy(version)
    new.files = {p: t for p, t in version.files.items() if p != path}
    new.modules = [m for m in version.modules if m != module]
    return new


def units(text):
    """(key, first line, last line) of statements, outer ones first. A key is the same in all versions
    where the statement defines the same names or has the same text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    lines, out = text.split("\n"), []

    def walk(body, where):
        for node in body:
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            names = bound(node)
            key = (where, " ".join(names) if names else "\n".join(lines[first - 1:node.end_lineno]).strip())
            out.append((key, first, node.end_lineno, len(body) == 1 and where != ""))
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                walk(node.body, where + "/" + node.name)
                for d in node.decorator_list:
                    out.append(((where + "/" + node.name, "@" + ast.unparse(d)), d.lineno, d.end_lineno, False))

    walk(tree.body, "")
    return out


def bound(node):
    if hasattr(node, "name"):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = getattr(node, "targets", None) or [node.target]
        return [t.id for t in targets if isinstance(t, ast.Name)]
    return []


def unit_keys(versions, path):
    keys = {}
    for v in versions:
        for key, *_ in units(v.files.get(path) or ""):
            keys[key] = True
    return list(keys)


def drop(text, key):
    """The text without the statements of that key."""
    if text is None:
        return None
    found = [(first, last, alone) for k, first, last, alone in units(text) if k == key]
    lines = text.split("\n")
    for first, last, alone in reversed(found):
        indent = lines[first - 1][:len(lines[first - 1]) - len(lines[first - 1].lstrip())]
        lines[first - 1:last] = [indent + "pass"] if alone else []
    return "\n".join(lines)


def simpler_edits(versions, path):
    """One statement keeps an earlier version's text from a step on; or blank lines and comments go."""
    stripped = [with_file(v, path, bare(v.files.get(path))) for v in versions]
    if any(a.files != b.files for a, b in zip(stripped, versions)):
        yield stripped
    for i in range(1, len(versions)):
        a, b = versions[i - 1].files.get(path), versions[i].files.get(path)
        if a is None or b is None or a == b:
            continue
        old = {k: a.split("\n")[f - 1:e] for k, f, e, _ in units(a)}
        for key, first, last, _alone in units(b):
            lines = b.split("\n")
            if key in old and old[key] != lines[first - 1:last]:
                lines[first - 1:last] = old[key]
                text = "\n".join(lines)
                yield [with_file(v, path, text) if k >= i and v.files.get(path) == b else v
                       for k, v in enumerate(versions)]


def bare(text):
    if text is None:
        return None
    return "\n".join(line for line in text.split("\n") if line.strip() and not line.strip().startswith("#")) + "\n"


def expressions(versions, path):
    """Texts of compound expressions, long ones first."""
    found = set()
    for v in versions:
        text = v.files.get(path) or ""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        found |= {ast.get_source_segment(text, n) for n in ast.walk(tree)
                  if isinstance(n, ast.BinOp) or isinstance(n, ast.Call) and not n.args}
    return sorted((f for f in found if f), key=len, reverse=True)


def no_parameters(versions, path):
    """Functions lose one parameter each."""
    names = sorted({n for v in versions for n in re.findall(r"def (\w+)\(", v.files.get(path) or "")})
    for name in names:
        for last in (r",\s*\w+=[^,()]*(?=\))", r"\w+=[^,()]*(?=\))", r",\s*\*{1,2}\w+(?=\))"):
            pattern = re.compile(rf"(def {name}\([^()\n]*?){last}")
            yield [with_file(v, path, pattern.sub(r"\1", v.files[path])) if path in v.files else v for v in versions]
