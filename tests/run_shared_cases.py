#!/usr/bin/env python3
"""Runs the shared example cases with our library, once on every CPython of the machine.

    run_shared_cases.py [--lib FILE] [--folder DIR] [--python EXE ...] [--only PATTERN] [-v]

The examples are expected in ../shared/cases beside the project and bring their own runner. Some
need third-party packages: those are installed into an environment for each CPython below
target/venvs, made when it is missing; without a package index the cases that need them are
named and left out. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from casekit import pythons  # noqa: E402
from run_cases import has, library  # noqa: E402

PACKAGES = ["attrs", "click", "flask", "pydantic"]


def environment(exe, number):
    """A Python with the packages; the plain one when they can't be had."""
    if has(exe, " ".join(PACKAGES)):
        return exe
    place = HERE.parent / "target" / "venvs" / ".".join(map(str, number))
    python = place / "bin" / "python"
    done = place / "complete"
    if not done.exists():
        made = subprocess.run([exe, "-m", "venv", "--clear", str(place)], capture_output=True)
        if made.returncode == 0:
            made = subprocess.run(
                [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES],
                capture_output=True, text=True)
        if made.returncode:
            print(f"{'.'.join(map(str, number))}: no packages: {str(made.stderr)[-300:]}")
            return exe
        done.write_text("\n".join(PACKAGES) + "\n")
    return str(python)


def run(folder, exe, lib, only):
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "results.json")
        command = [sys.executable, str(folder / "run_cases.py"), "--engine", "pyreload",
                   "--python", exe, "--json", str(out)]
        if only:
            command += ["--only", only]
        done = subprocess.run(command, capture_output=True, text=True,
                              env={**os.environ, "PYRELOAD_LIB": lib})
        if not out.exists():
            raise SystemExit(f"the shared runner ended without results\n{done.stdout}{done.stderr}")
        return json.loads(out.read_text())["results"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lib")
    parser.add_argument("--folder", default=str(HERE.parent.parent / "shared" / "cases"))
    parser.add_argument("--python", action="append", metavar="EXE")
    parser.add_argument("--only")
    parser.add_argument("--venvs", action="store_true", help="only make the environments")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    lib = None if options.venvs else library(options.lib)
    found = ([(exe, pythons.version(exe)) for exe in options.python] if options.python
             else pythons.find())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        exes = list(pool.map(lambda pair: environment(*pair), found))
        if options.venvs:
            print("\n".join(exes))
            return 0
        answers = list(pool.map(
            lambda exe: run(Path(options.folder), exe, lib, options.only), exes))

    passed = failed = 0
    for (_, number), results in zip(found, answers):
        name = ".".join(map(str, number))
        bad = [r for r in results if r["status"] not in ("pass", "skip")]
        left = [r for r in results if r["status"] == "skip"]
        good = len(results) - len(bad) - len(left)
        passed, failed = passed + good, failed + len(bad)
        for result in bad:
            print(f"FAIL {name} {result['case']} ({result['status']})")
            if options.verbose:
                print("     " + (result["detail"] or "").replace("\n", "\n     "))
                for error in result.get("engine_errors") or []:
                    print("     engine: " + error.strip().replace("\n", "\n     "))
        print(f"{name:5} {good:4} of {good + len(bad)}" +
              (f", not run: {', '.join(r['case'] for r in left)}" if left else ""))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
