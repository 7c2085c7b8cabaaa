#!/bin/sh
# Fills the corpus with small modules of a Python's standard library, in pairs.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/outline_diff
"${PYTHON:-python3}" - <<'PYTHON'
import pathlib, sysconfig

files = sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py"))
small = [text for f in files if 0 < len(text := f.read_bytes()) < 3000 and b"\0" not in text]
for number, (old, new) in enumerate(zip(small, small[1:])):
    lines = old.splitlines(keepends=True)
    other = new if number % 2 else b"".join(lines[: len(lines) // 2] + lines[len(lines) // 2 + 1 :])
    if number >= 400:
        break
    pathlib.Path(f"corpus/outline_diff/seed{number}").write_bytes(old + b"\0" + other)
PYTHON
