"""The CPythons of this machine, found through pyenv and PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SUPPORTED = [(3, minor) for minor in range(9, 16)]
ASK = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"


def version(exe):
    """(3, 11) for an interpreter that starts, else None."""
    try:
        answer = subprocess.run([exe, "-c", ASK], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = answer.stdout.split()
    if answer.returncode or len(words) != 2 or words[0] != "cpython":
        return None
    return tuple(int(part) for part in words[1].split("."))


def newest(folder):
    return [int(part) for part in folder.name.split(".") if part.isdigit()]


def candidates():
    for exe in os.environ.get("PYRELOAD_PYTHONS", "").split(os.pathsep):
        if exe:
            yield exe
    root = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for folder in sorted(Path(root, "versions").glob("3.*"), key=newest, reverse=True):
        exe = folder / "bin" / "python3"
        if exe.exists():
            yield str(exe)
    for _, minor in SUPPORTED:
        exe = shutil.which(f"python3.{minor}")
        if exe:
            yield exe
    exe = shutil.which("python3")
    if exe:
        yield exe


def find():
    """[(exe, version)], one for each supported minor version, oldest first."""
    found = {}
    for exe in candidates():
        number = version(exe)
        if number in SUPPORTED:
            found.setdefault(number, exe)
    return [(exe, number) for number, exe in sorted(found.items())]
