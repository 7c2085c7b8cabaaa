#!/usr/bin/env python3
"""The small edits of small.txt, each compared with a fresh process as fuzz.py does.

    python3 tests/equivalence/small.py [--engine ...] [--python 3.13] [--only TEXT]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import edits  # noqa: E402
import fuzz  # noqa: E402
import run  # noqa: E402


def files(text):
    """{path: text} of `=== path` sections."""
    parts = re.split(r"(?m)^=== (\S+)\n", text)
    return dict(zip(parts[1::2], parts[2::2]))


def cases():
    """(title, case) of each section of small.txt."""
    text = (HERE / "small.txt").read_text()
    for title, body in re.findall(r"(?ms)^# ([^\n]+)\n(===.*?)(?=^\n# |\Z)", text):
        before, *after = body.split("---\n")
        versions = [edits.Version(files(before), modules(files(before)))]
        for step in after:
            new = {**versions[-1].files, **files(step)}
            versions.append(edits.Version(new, modules(new)))
        yield title, {"seed": 0, "versions": versions, "start": "after"}


def modules(paths):
    return [p[:-3].replace("/", ".").replace(".__init__", "") for p in paths]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload", choices=run.engines.NAMES)
    parser.add_argument("--python", help="interpreter: path, name or pyenv version")
    parser.add_argument("--only", default="", help="part of a title")
    options = parser.parse_args()
    if (code := fuzz.elsewhere(options, __file__)) is not None:
        return code
    fuzz.warm_up(options.engine)
    base, passed, failed = tempfile.mkdtemp(prefix="reload-small-"), 0, 0
    try:
        for title, case in cases():
            if options.only not in title:
                continue
            found = run.compare(case, options.engine, base)
            if found == "invalid":
                found = [("invalid", "a restart cannot run it", "")]
            passed += not found
            failed += bool(found)
            if found:
                print(f"FAIL  {title}")
                for kind, where, what in found[:4]:
                    print(f"          {kind}: {where}: {what}"[:300])
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
