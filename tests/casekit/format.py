"""Cases as documents: a Markdown file per topic, a second-level heading per case.

A file opens with `# R3 Values follow` (the line of the contract it is about). A case is

    ## A sentence that is the promise

    Prose on why it matters, or where it comes from.

    > semantics: state; python-min: 3.12

    ```py v1:mod.py        a file of the first version
    ```py v2:mod.py        the file after the edit; files that are not named stay
    ```diff v2:mod.py      the same as an edit: ' ' and '-' lines are found, '+' lines replace
    ```py before           the host's code on version 1, in the host's namespace
    ```py after            runs after the check and prints
    ```text expect         what it prints, where a fresh process can't tell

Words after the path of a file: `deleted`, `latin-1`, `bom`, `crlf`.

More blocks: `fresh` (instead of `before` in the fresh process), `swap` (live only: how the files
change, gets `fs`), `make v1` (writes generated files with `fs`, in both processes), `report`
(asserts about `report`, the check's JSON). A block of a later step names it: `after v3`; an
`after` without one is used in every step that has none of its own.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

SEMANTICS = {"restart", "state", "identity", "live", "failure"}
OPTIONS = {
    "semantics": "restart",
    "contract": "",
    "python-min": "3.9",
    "python-max": "3.99",
    "needs": "",
    "mtime": "bump",
    "start": "before",
    "reloaders": "1",
    "quiet": "yes",
    "status": "",
    "full-policy": "",
    "note": "",
}
ROLES = {"before", "fresh", "after", "swap", "make", "report", "expect"}


class FormatError(Exception):
    """A case file that can't be read; the text names the file and the line."""


@dataclass
class Case:
    id: str
    title: str
    contract: str
    line: int
    options: dict = field(default_factory=lambda: dict(OPTIONS))
    #: {version: {path: bytes, or None for a deletion}}, only what the version changes
    files: dict = field(default_factory=dict)
    #: {role: {version: text}}; `before` and `fresh` stand under version 1
    blocks: dict = field(default_factory=dict)

    @property
    def semantics(self):
        return self.options["semantics"]

    @property
    def last(self):
        versions = [1, *self.files]
        for role in ("make", "swap", "after"):
            versions += self.blocks.get(role, {})
        return max(versions)

    def block(self, role, version):
        return self.blocks.get(role, {}).get(version)

    def after(self, version):
        own = self.blocks["after"]
        return own.get(version, own.get(0))

    def python(self, key):
        return tuple(int(part) for part in self.options[key].split("."))

    def tree(self, version):
        """All files as they stand at a version: {path: bytes}."""
        out = {}
        for step in range(1, version + 1):
            for path, data in self.files.get(step, {}).items():
                if data is None:
                    out.pop(path, None)
                else:
                    out[path] = data
        return out


def slug(title):
    text = title.lower().replace("__", "_").replace("'", "")
    words = re.sub(r"[^a-z0-9_]+", "-", text).strip("-")
    return words[:72].rstrip("-")


def encode(text, words, where):
    data = text
    if "crlf" in words:
        data = data.replace("\n", "\r\n")
    raw = data.encode("latin-1" if "latin-1" in words else "utf-8")
    unknown = set(words) - {"crlf", "latin-1", "bom", "deleted"}
    if unknown:
        raise FormatError(f"{where}: unknown words {sorted(unknown)}")
    return b"\xef\xbb\xbf" + raw if "bom" in words else raw


def edited(old, text, where):
    """Applies a diff block: runs of ' '/'-' lines are looked for, hunks are parted by `@@`."""
    lines = old.split("\n")
    for hunk in re.split(r"^@@.*\n", text, flags=re.M):
        if not hunk.strip():
            continue
        take, put = [], []
        for row in hunk.rstrip("\n").split("\n"):
            mark, rest = row[:1] or " ", row[1:]
            if mark not in " +-":
                raise FormatError(f"{where}: a line of a diff starts with {mark!r}")
            if mark in " -":
                take.append(rest)
            if mark in " +":
                put.append(rest)
        spots = [i for i in range(len(lines)) if lines[i : i + len(take)] == take]
        if not take or len(spots) != 1:
            raise FormatError(f"{where}: {len(spots)} places for the hunk\n{hunk}")
        lines[spots[0] : spots[0] + len(take)] = put
    return "\n".join(lines)


def read(path: Path):
    """The cases of one file, in order."""
    lines = path.read_text(encoding="utf-8").split("\n")
    contract, cases, case = "", [], None
    number = 0
    while number < len(lines):
        line = lines[number]
        where = f"{path.name}:{number + 1}"
        number += 1
        if line.startswith("# "):
            contract = line[2:].split()[0]
        elif line.startswith("## "):
            title = line[3:].strip()
            case = Case(f"{path.stem}/{slug(title)}", title, contract, number)
            cases.append(case)
        elif line.startswith("> ") and case:
            for part in line[2:].split(";"):
                key, _, value = part.partition(":")
                if key.strip() not in OPTIONS:
                    raise FormatError(f"{where}: unknown option {key.strip()!r}")
                case.options[key.strip()] = value.strip()
        elif line.startswith("```"):
            words = shlex.split(line[3:])
            body = []
            while number < len(lines) and lines[number] != "```":
                body.append(lines[number])
                number += 1
            if number == len(lines):
                raise FormatError(f"{where}: the block has no end")
            number += 1
            if case:
                block(case, words, "".join(row + "\n" for row in body), where)
    for case in cases:
        check(case, path)
    return cases


def block(case, words, text, where):
    if len(words) < 2:
        raise FormatError(f"{where}: a block needs a language and a role")
    language, role, rest = words[0], words[1], words[2:]
    if ":" in role:
        version, _, name = role.partition(":")
        step = int(version.lstrip("v"))
        old = case.tree(step).get(name)
        if language == "diff":
            if old is None:
                raise FormatError(f"{where}: no earlier {name} to edit")
            text = edited(old.decode(), text, where)
        data = None if "deleted" in rest else encode(text, rest, where)
        case.files.setdefault(step, {})[name] = data
        return
    if role not in ROLES:
        raise FormatError(f"{where}: unknown role {role!r}")
    default = {"before": 1, "fresh": 1, "make": 1, "after": 0}.get(role, 2)
    step = int(rest[0].lstrip("v")) if rest else default
    if step in case.blocks.setdefault(role, {}):
        raise FormatError(f"{where}: a second {role} for the same step")
    case.blocks[role][step] = text


def check(case, path):
    where = f"{path.name}:{case.line}: {case.title}"
    if case.semantics not in SEMANTICS:
        raise FormatError(f"{where}: semantics {case.semantics!r}")
    if case.options["contract"]:
        case.contract = case.options["contract"]
    if not re.fullmatch(r"R\d+", case.contract):
        raise FormatError(f"{where}: contract line {case.contract!r}")
    if "after" not in case.blocks or "before" not in case.blocks:
        raise FormatError(f"{where}: needs a before and an after")
    if case.last < 2:
        raise FormatError(f"{where}: nothing changes")
    if case.semantics == "failure" and not case.blocks.get("expect", {}).get(2):
        raise FormatError(f"{where}: a fresh process can't tell what a failure prints")


def load(folder: Path):
    cases = [case for path in sorted(folder.glob("*.md"))
             if path.name != "README.md" for case in read(path)]
    seen = {}
    for case in cases:
        if case.id in seen:
            raise FormatError(f"two cases are called {case.id}")
        seen[case.id] = case
    return cases
