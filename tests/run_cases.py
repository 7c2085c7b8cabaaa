#!/usr/bin/env python3
"""Runs the behaviour cases of tests/cases on every CPython of the machine.

    run_cases.py [--lib FILE] [--python EXE ...] [--only GLOB ...] [-v] [--json FILE]
    run_cases.py --engine restart     check the cases themselves against fresh processes
    run_cases.py --engine none        which cases pass without any reloader (they prove no change)
    run_cases.py --engine jurigged --python EXE     a peer that this interpreter can import
    run_cases.py --policy full        the cases that must hold in full mode too, in full mode

Each case runs in a process of its own. Where it gives no `expect`, a fresh process on the final
files says what it must print. Python 3.11 or later for this file; the cases run on 3.9 and later.
The format is described in casekit/format.py. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import fnmatch
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from casekit import engines, format, pythons  # noqa: E402

SHM = "/dev/shm"
LIBRARIES = ["libpyreload.so", "libpyreload.dylib", "pyreload.dll"]


def library(given):
    """The library to test: what was asked for, else the newest build."""
    for name in (given, os.environ.get("PYRELOAD_LIB")):
        if name:
            if not Path(name).exists():
                raise SystemExit(f"there is no {name}")
            return str(Path(name).resolve())
    target = HERE.parent / "target"
    for profile in ("debug", "release"):
        # cargo test leaves the library in deps, cargo build beside it as well
        paths = [target / profile / sub / name for sub in (".", "deps") for name in LIBRARIES]
        if built := [path for path in paths if path.exists()]:
            return str(max(built, key=lambda path: path.stat().st_mtime))
    raise SystemExit("no library found; build it with cargo build or name it with --lib")


def in_memory():
    """Whether there is room for the files of cases where no disk has to follow."""
    try:
        room = os.statvfs(SHM)
    except (AttributeError, OSError):
        return False
    return os.access(SHM, os.W_OK) and room.f_bavail * room.f_frsize > 64 * 1024 * 1024


class Server:
    """A process of one interpreter that forks a child for each case."""

    def __init__(self, exe):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        env["PYTHONHASHSEED"] = "0"
        if "TMPDIR" not in env and in_memory():
            env["TMPDIR"] = SHM
        self.process = subprocess.Popen(
            [exe, str(HERE / "casekit" / "child.py")], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the server of an interpreter ended")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def message(case, engine, lib, policy):
    tail = b'\n__reload_policy__ = "full"\n' if policy == "full" else b""
    files = {}
    for version, changes in case.files.items():
        files[str(version)] = {
            name: None if data is None else base64.b64encode(
                data + tail if name.endswith(".py") else data).decode()
            for name, data in changes.items()}
    return {
        "files": files, "options": case.options, "last": case.last, "engine": engine, "lib": lib,
        "blocks": {role: {str(v): text for v, text in blocks.items()}
                   for role, blocks in case.blocks.items()},
        "after": {str(v): case.after(v) for v in range(2, case.last + 1)},
    }


def diff(want, got):
    rows = difflib.unified_diff(want.splitlines(), got.splitlines(), "expected", "printed",
                                lineterm="", n=2)
    return "\n".join(rows)


def run_case(case, server, engine, lib, policy):
    """What went wrong, as text; empty when nothing did."""
    base = message(case, engine, lib, policy)
    problems, want = [], {}
    for version in range(2, case.last + 1):
        expected = case.block("expect", version)
        if expected is None or (engine == "restart" and case.semantics == "restart"):
            result = server.ask({**base, "mode": "fresh", "version": version, "engine": "none"})
            if result.get("error") or result.get("trouble"):
                problems.append(f"fresh v{version}: {result.get('error') or result['trouble']}")
                continue
            printed = result["steps"][0][1]
            if not printed:
                problems.append(f"fresh v{version} prints nothing")
            if expected is not None and printed != expected:
                problems.append(f"fresh v{version}:\n{diff(expected, printed)}")
            expected = printed if expected is None else expected
        want[version] = expected
    if engine == "restart" or problems:
        return "\n".join(problems), {}
    result = server.ask({**base, "mode": "live"})
    if result.get("error"):
        problems.append(result["error"] + result["log"])
    problems += result["problems"]
    got = dict(result["steps"])
    for version, expected in want.items():
        if version not in got:
            problems.append(f"v{version} was not reached")
        elif got[version] != expected:
            problems.append(f"v{version}:\n{diff(expected, got[version])}")
    if problems and result.get("trouble"):
        problems.append(result["trouble"])
    return "\n".join(problems), result


#: what full mode promises: state, derived values and hooks are not among it
FULL = {"R1", "R2", "R5", "R6", "R7", "R8", "R9"}


def fits(case, number, policy):
    if not case.python("python-min") <= number <= case.python("python-max"):
        return False
    if policy == "full":
        natural = case.semantics != "state" and case.contract in FULL
        return (case.options["full-policy"] or ("yes" if natural else "no")) == "yes"
    return True


def has(exe, names, cache={}):
    key = (exe, names)
    if names and key not in cache:
        code = ("import importlib.util as u, sys; "
                f"sys.exit(any(u.find_spec(n) is None for n in {names.split()!r}))")
        cache[key] = subprocess.run([exe, "-c", code]).returncode == 0
    return not names or cache[key]


def venv(exe, number):
    """The interpreter with the third-party packages, if run_shared_cases.py made one."""
    place = HERE.parent / "target" / "venvs" / ".".join(map(str, number)) / "bin" / "python"
    return str(place) if place.exists() else exe


def work(tasks, results, options):
    servers = {}
    while True:
        try:
            case, exe, number = tasks.get_nowait()
        except queue.Empty:
            break
        if exe not in servers:
            servers[exe] = Server(exe)
        began = time.monotonic()
        try:
            text, result = run_case(case, servers[exe], options.engine, options.lib, options.policy)
        except Exception as error:  # a broken server must not look like a pass
            text, result = f"runner: {type(error).__name__}: {error}", {}
            servers.pop(exe).process.kill()
        results.append((case, number, text, result, time.monotonic() - began))
    for server in servers.values():
        server.close()


def table(results, versions):
    lines = sorted({case.contract for case, *_ in results}, key=lambda r: int(r[1:]))
    print("      " + "".join(f"{'.'.join(map(str, v)):>10}" for v in versions))
    for contract in [*lines, "all"]:
        row = []
        for version in versions:
            texts = [text for case, number, text, *_ in results
                     if number == version and contract in (case.contract, "all")]
            row.append(f"{sum(not text for text in texts)}/{len(texts)}")
        print(f"{contract:6}" + "".join(f"{cell:>10}" for cell in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lib", help="the library (default: $PYRELOAD_LIB, target/debug, release)")
    parser.add_argument("--python", action="append", metavar="EXE", help="may be repeated")
    parser.add_argument("--ends", action="store_true", help="of the Pythons the oldest and the newest")
    parser.add_argument("--between", type=int, default=1, metavar="N",
                        help="with Pythons between the oldest and the newest, but for the runner's own version, each N-th")
    parser.add_argument("--stated", action="store_true",
                        help="only cases that say themselves what a fresh process prints")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of the cases each N-th")
    parser.add_argument("--only", action="append", metavar="GLOB", help="ids or parts of ids")
    parser.add_argument("--engine", default="pyreload",
                        choices=[*engines.ENGINES, "restart"])
    parser.add_argument("--policy", choices=["full"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="show why cases failed")
    options = parser.parse_args()

    cases = format.load(HERE / "cases")
    if options.only:
        cases = [case for case in cases
                 if any(fnmatch.fnmatch(case.id, p) or p in case.id for p in options.only)]
    if options.stated:
        cases = [case for case in cases if case.semantics == "restart" and any(
            case.block("expect", version) is not None for version in range(2, case.last + 1))]
    cases = cases[:: options.every]
    if options.list:
        for case in cases:
            print(f"{case.contract:4} {case.semantics:9} {case.id}")
        print(len(cases), "cases")
        return 0
    if options.engine == "pyreload":
        options.lib = library(options.lib)
    if options.python:
        found = [(exe, pythons.version(exe)) for exe in options.python]
        if bad := [exe for exe, number in found if number is None]:
            raise SystemExit(f"not a CPython: {', '.join(bad)}")
    else:
        found = pythons.find()
    if options.ends and len(found) > 2:
        found = [min(found, key=lambda f: f[1]), max(found, key=lambda f: f[1])]
    if not found:
        raise SystemExit("no CPython found; name one with --python")
    tasks, missing = queue.Queue(), []
    ends = {min(number for _, number in found), max(number for _, number in found), sys.version_info[:2]}
    for exe, number in found:
        for case in cases if number in ends else cases[:: options.between]:
            if not fits(case, number, options.policy):
                continue
            chosen = exe if has(exe, case.options["needs"]) else venv(exe, number)
            if has(chosen, case.options["needs"]):
                tasks.put((case, chosen, number))
            else:
                missing.append((case, number))
    results, began = [], time.monotonic()
    threads = [threading.Thread(target=work, args=(tasks, results, options))
               for _ in range(max(1, options.jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.sort(key=lambda r: (r[1], r[0].id))

    failed = [r for r in results if r[2]]
    for case, number, text, result, _ in failed:
        print(f"FAIL {'.'.join(map(str, number))} {case.contract} {case.id}")
        if options.verbose:
            print("     " + text.rstrip().replace("\n", "\n     "))
            for report in result.get("reports") or []:
                print("     report: " + json.dumps(report)[:1500])
    for case, number in missing:
        print(f"not run: {case.id} on {'.'.join(map(str, number))}, needs {case.options['needs']}")
    table(results, [number for _, number in found])
    print(f"{len(cases)} cases, {time.monotonic() - began:.1f} s")
    if options.json:
        Path(options.json).write_text(json.dumps([
            {"case": case.id, "contract": case.contract, "python": ".".join(map(str, number)),
             "semantics": case.semantics, "problem": text, "reports": result.get("reports"),
             "seconds": round(seconds, 3)}
            for case, number, text, result, seconds in results], indent=1))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
