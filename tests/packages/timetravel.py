#!/usr/bin/env python3
"""Time travel: real packages change version under a live process, and their own tests judge it.

For a pair of versions of a pure-Python package: import the old one, hold objects of it, swap the
files for the other version's, run one check, and run the target version's own test suite in that
process. Cold: test files are imported after the swap. Warm: before it, so that they hold references
into the old version. A fresh process on the target version says which tests pass at all.

    python3 tests/packages/timetravel.py                 every pair, both directions
    python3 tests/packages/timetravel.py --subset        three packages, one pair each: for CI
    python3 tests/packages/timetravel.py --only click --engine ipython2 --verbose

Downloads (wheels for the code, sdists for the tests) stay in target/packages, the virtual
environment with pytest in target/venvs.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "target"
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "equivalence")]

import engines  # noqa: E402

#: name: versions; import names; where the sdist has its tests (a folder or a file, `|` between those of
#: several versions; where a version has none, the other's are taken); what else pytest is told.
PACKAGES = {
    "click": (["8.1.3", "8.1.7"], ["click"], "tests", []),
    "toolz": (["0.12.0", "1.0.0"], ["toolz", "tlz"], "toolz/tests", []),
    "inflection": (["0.4.0", "0.5.1"], ["inflection"], "test_inflection.py", []),
    "more-itertools": (["10.1.0", "10.5.0"], ["more_itertools"], "tests", []),
    "packaging": (["23.1", "24.1"], ["packaging"], "tests",
                  ["--ignore=tests/test_version.py", "--ignore=tests/test_specifiers.py"]),
    "attrs": (["22.2.0", "23.2.0"], ["attr", "attrs"], "tests", ["--ignore=tests/test_mypy.yml"]),
    "humanize": (["4.6.0", "4.9.0"], ["humanize"], "tests", []),
    "boltons": (["23.0.0", "24.0.0"], ["boltons"], "tests", []),
    "idna": (["3.4", "3.7"], ["idna"], "tests", []),
    "parse": (["1.19.0", "1.20.2"], ["parse"], "tests|test_parse.py", []),
    "jinja2": (["3.1.2", "3.1.4"], ["jinja2"], "tests", []),
    "pyparsing": (["3.0.9", "3.1.2"], ["pyparsing"], "tests",
                  ["--ignore=tests/test_examples.py", "--ignore=tests/test_diagram.py"]),
    "cachetools": (["5.3.0", "5.5.0"], ["cachetools"], "tests", []),
    "sqlparse": (["0.4.4", "0.5.1"], ["sqlparse"], "tests", []),
    "itsdangerous": (["2.0.1", "2.2.0"], ["itsdangerous"], "tests", []),
    "blinker": (["1.6.2", "1.8.2"], ["blinker"], "tests", []),
    "marshmallow": (["3.20.1", "3.22.0"], ["marshmallow"], "tests", []),
    "natsort": (["8.2.0", "8.4.0"], ["natsort"], "tests", []),
    "traitlets": (["5.9.0", "5.14.3"], ["traitlets"], "tests|traitlets/tests", ["--ignore=tests/test_typing.py"]),
    "h11": (["0.13.0", "0.14.0"], ["h11"], "h11/tests", []),
    "parso": (["0.8.2", "0.8.4"], ["parso"], "test", []),
    "werkzeug": (["2.3.8", "3.0.6"], ["werkzeug"], "tests", ["--ignore=tests/test_serving.py"]),
    "markdown": (["3.4.4", "3.7"], ["markdown"], "tests", []),
    "wtforms": (["3.0.1", "3.1.2"], ["wtforms"], "tests", []),
    "transitions": (["0.9.0", "0.9.2"], ["transitions"], "tests", []),
    "structlog": (["22.3.0", "24.4.0"], ["structlog"], "tests", []),
    "tenacity": (["8.2.2", "9.0.0"], ["tenacity"], "tests", ["--ignore=tests/test_tornado.py"]),
}
#: Names (of the first package) that are run-time state: what they hold grows with every class that is
#: made, and a live process has made more of them.
STATE = {"attrs": ["_make._CountingAttr"]}
SUBSET = ["inflection", "cachetools", "click"]
#: What the test suites need, and the peers.
REQUIREMENTS = ["pytest<9", "hypothesis", "freezegun", "pretend", "markupsafe", "pytz", "simplejson", "pytest-mock",
                "six", "typing-extensions", "ephemeral-port-reserve", "pytest-xprocess"]
#: Clock times and folders of ours in the names of parametrized tests.
TIMES = re.compile(r"\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}|timetravel-\w{8}")
PEERS = ["ipython", "jurigged"]


# -- packages ------------------------------------------------------------------------------------


def interpreter(name):
    """An interpreter by path, by name, or by version among pyenv's."""
    if os.path.sep in name:
        return name
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{name}*/bin/python3"))
    return str(found[-1]) if found else f"python{name}"


def environment(python, engine):
    """A virtual environment with pytest; peers only when asked for."""
    version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                             capture_output=True, text=True, check=True).stdout.strip()
    folder = TARGET / "venvs" / f"timetravel-{version}"
    exe = folder / "bin" / "python"
    wanted = REQUIREMENTS + (PEERS if engine in engines.NEEDS else [])
    mark = folder / "installed.json"
    if mark.exists() and set(wanted) <= set(json.loads(mark.read_text())):
        return exe
    if not exe.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([exe, "-m", "pip", "install", "-q", *wanted], check=True)
    mark.write_text(json.dumps(sorted(wanted)))
    return exe


def fetched(python, name, version):
    """(folder with the code as installed, folder with the sdist), downloaded once."""
    folder = TARGET / "packages" / f"{name}-{version}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        download = [python, "-m", "pip", "download", "-q", "--no-deps"]
        for kind, option in (("wheel", "--only-binary"), ("sdist", "--no-binary")):
            subprocess.run([*download, option, ":all:", "-d", folder / kind, f"{name}=={version}"], check=True)
        with zipfile.ZipFile(next((folder / "wheel").iterdir())) as archive:
            archive.extractall(folder / "site")
        with tarfile.open(next((folder / "sdist").iterdir())) as archive:
            archive.extractall(folder / "unpacked")
        (folder / "done").touch()
    return folder / "site", next((folder / "unpacked").iterdir())


# -- one journey ----------------------------------------------------------------------------------


class Traveller:
    """Starts the processes of a package's pairs, and keeps what fresh ones said."""

    def __init__(self, options, exe, python):
        self.options, self.exe, self.python, self.fresh = options, exe, python, {}

    def run(self, name, mode, old, target, extra=()):
        versions, imports, tests, arguments = PACKAGES[name]
        code, _ = fetched(self.python, name, old)
        new, source = fetched(self.python, name, target)
        there = [t for t in tests.split("|") if (source / t).exists()]
        if not there:  # a release without its tests: those of the other one, as far as they pass fresh
            _, source = fetched(self.python, name, next(v for v in versions if v != target))
        work = Path(os.path.realpath(tempfile.mkdtemp(prefix="timetravel-")))
        try:
            shutil.copytree(code, work / "site")
            shutil.copytree(source, work / "sdist", symlinks=True)
            # the code under test is that of `site`, never the copy that lies beside the tests
            for folder in (work / "sdist", work / "sdist" / "src", work / "sdist" / "lib"):
                for imported in imports:
                    if not any(t.startswith(imported) for t in tests.split("|")):
                        shutil.rmtree(folder / imported, ignore_errors=True)
                        (folder / f"{imported}.py").unlink(missing_ok=True)
            tests = next((t for t in tests.split("|") if (source / t).exists()), tests)
            target_tests = tests
            if tests.split("/")[0] in imports:  # tests inside the package: run those of the site
                target_tests = str(work / "site" / tests)
            job = {"mode": mode, "engine": self.options.engine, "site": str(work / "site"), "new": str(new),
                   "tests": str(work / "sdist"), "imports": imports, "arguments": [target_tests, *arguments],
                   "explain": self.options.explain, "names_only": self.options.names_only, **dict(extra)}
            (work / "job.json").write_text(json.dumps(job))
            env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
            env.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", IPYTHONDIR=str(work / "ipython"), HOME=str(work))
            with open(work / "log", "wb") as log:
                try:
                    subprocess.run([self.exe, HERE / "traveller.py", work / "job.json", work / "result.json"],
                                   cwd=work, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   timeout=self.options.timeout)
                except subprocess.TimeoutExpired:
                    return {"status": "timeout", "outcomes": {}, "error": f"no end after {self.options.timeout} s"}
            if not (work / "result.json").exists():
                text = (work / "log").read_text(errors="replace")[-20000:]
                return {"status": "crash", "outcomes": {}, "error": text or "no output"}
            result = json.loads((work / "result.json").read_text())
            result["raw_passed"] = [test for test, outcome in result.get("outcomes", {}).items() if outcome == "passed"]
            result["outcomes"] = {TIMES.sub("#", test): outcome for test, outcome in result.get("outcomes", {}).items()}
            return result
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def fresh_of(self, name, version):
        if (name, version) not in self.fresh:
            self.fresh[name, version] = self.run(name, "fresh", version, version)
        return self.fresh[name, version]

    def again_of(self, name, version):
        if (name, version, "again") not in self.fresh:
            self.fresh[name, version, "again"] = self.run(name, "again", version, version)
        return self.fresh[name, version, "again"]

    def pair(self, name, old, target):
        imports, state = PACKAGES[name][1], STATE.get(name, [])
        fresh = self.fresh_of(name, target)
        passed = {t for t, o in fresh["outcomes"].items() if o == "passed"}
        row = {"package": name, "old": old, "target": target, "fresh_passed": len(passed),
               "fresh_not_passed": sorted(set(fresh["outcomes"]) - passed)}
        if fresh["status"] != "ran" or not passed and not self.options.names_only:
            row["error"] = fresh.get("error") or fresh.get("text", "")[-1500:]
            return row
        again = self.again_of(name, target)
        chance = {d.rpartition(" ")[0] for d in
                  compare_namespaces(again["namespaces"], fresh["namespaces"])["differ"]}
        extra = {"fresh_namespaces": fresh["namespaces"], "passed": fresh["raw_passed"],
                 "fresh_definitions": {path: v for path, v in fresh["definitions"].items()
                                       if again["definitions"].get(path) == v
                                       and path.replace(":", ".") not in {f"{imports[0]}.{s}" for s in state}}}
        for mode in ("cold", "warm"):
            got = self.run(name, mode, old, target, extra)
            good = {t for t, o in got["outcomes"].items() if o == "passed"}
            a, b = got.get("explained", {}), fresh.get("explained", {})
            for path in sorted({*a, *b}):
                if a.get(path) != b.get(path):
                    print(f"    {mode} {path}: {a.get(path)}  fresh: {b.get(path)}")
            row[mode] = {
                "status": got["status"], "passed": len(passed & good),
                "missing": len(passed - set(got["outcomes"])), "lost": sorted(passed - good),
                "error": got.get("error"), "failures": got.get("failures", []), "outcomes": got.get("report"),
                "seconds": got.get("seconds"), "changed_files": got.get("changed_files"),
                "late_files": got.get("late_files", []), "held": got.get("held", [0, 0]), "wrong": got.get("wrong", []),
                "live": got.get("live", [0, 0]), "dead": got.get("dead", []), "text": got.get("text", "")[-6000:],
                "notes": got.get("notes", []),
                "bases": got.get("bases", {}),
                **compare_namespaces(got.get("namespaces", {}), fresh["namespaces"],
                                     {*chance, *got.get("state", []), *(f"{imports[0]}.{s}" for s in state)})}
            unexplained(row[mode])
        return row


def compare_namespaces(live, fresh, chance=()):
    """Names that are the same in both, of all names; and which are not. `chance` are names that two
    fresh processes do not agree on."""
    same, total, differ = 0, 0, []
    for module in sorted({*live, *fresh}):
        a, b = live.get(module, {}), fresh.get(module, {})
        for name in sorted({*a, *b}):
            if f"{module}.{name}" in chance:
                continue
            total += 1
            if a.get(name) == b.get(name):
                same += 1
            else:
                how = "missing" if name not in a else "left over" if name not in b else "differs"
                differ.append(f"{module}.{name} {how}")
    return {"names": [same, total], "differ": differ}


def unexplained(got):
    """Counts the differences that no sentence of the report speaks of: one that has the name, or that
    of the class or function around it, or of a base, as a word."""
    words = {word for note in got["notes"] for word in re.findall(r"\w+", note)}

    def open_ones(paths):
        out = []
        for path in paths:
            name, _, qualified = path.partition(":")
            own = [path.rpartition(".")[2], *qualified.split(".")]
            own += got["bases"].get(f"{name}.{qualified.split('.')[0]}" if qualified else path, [])
            if not words & set(own):
                out.append(path)
        return out

    got["open"] = {"names": open_ones([d.rpartition(" ")[0].removesuffix(" left") for d in got["differ"]]),
                   "held": open_ones([w.partition(" (")[0].replace(" import ", ":").removeprefix("from ") for w in got["wrong"]]),
                   "live": open_ones([d.rpartition(" ")[2] for d in got["dead"]])}


def last_words(error):
    """The line of a log that says how a process ended."""
    lines = (error or "").strip().splitlines()
    return ([line for line in lines if "Fatal Python error" in line] or lines)[-1:]


def percent(pair):
    return f"{100 * pair[0] / pair[1]:6.2f}" if pair[1] else "     -"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload", choices=engines.NAMES)
    parser.add_argument("--python", default="3.11", help="interpreter: path or pyenv version")
    parser.add_argument("--subset", action="store_true", help=f"only {', '.join(SUBSET)}, forwards")
    parser.add_argument("--only", help="comma-separated packages")
    parser.add_argument("--verbose", action="store_true", help="show what was lost and what differs")
    parser.add_argument("--names-only", action="store_true",
                        help="compare names and held references; collect tests, but run none")
    parser.add_argument("--explain", metavar="MODULE.NAME",
                        help="show in what a name differs from a fresh one; `all` for every name")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one process")
    parser.add_argument("--jobs", type=int, default=1, help="packages at the same time")
    parser.add_argument("--json", default=str(TARGET / "timetravel.json"))
    parser.add_argument("--floor", type=float, help="fail below this percentage of tests that pass fresh")
    options = parser.parse_args()
    python = interpreter(options.python)
    exe = environment(python, options.engine)
    if options.engine == "pyreload":
        from pyreload_ctypes import library_path
        os.environ["PYRELOAD_LIB"] = str(library_path())
    names = [n for n in PACKAGES if (not options.only or n in options.only.split(","))
             and (not options.subset or n in SUBSET)]
    traveller, rows = Traveller(options, exe, python), []
    started = time.monotonic()
    print(f"{'package':15} {'old':>8} {'target':>8} {'fresh':>6} {'cold':>6} {'warm':>6} {'names %':>7} {'warm':>6} {'told %':>6} "
          f"{'held %':>6} {'warm':>6} {'live %':>6} {'open':>4} {'check ms':>8}", flush=True)

    def journeys(name):
        old, new = PACKAGES[name][0]
        return [traveller.pair(name, a, b) for a, b in ([(old, new)] if options.subset else [(old, new), (new, old)])]

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(journeys, names):
            for row in found:
                show(row, options.verbose)
            rows += found
    return total(rows, options, time.monotonic() - started)


def show(row, verbose):
    head = f"{row['package']:15} {row['old']:>8} {row['target']:>8} {row['fresh_passed']:6}"
    if "cold" not in row:
        print(head, "cannot be judged:", row["error"].strip().splitlines()[-1:], flush=True)
        return
    c, w = row["cold"], row["warm"]
    print(f"{head} {c['passed']:6} {w['passed']:6} {percent(c['names']):>7} {percent(w['names'])} {percent(told(row))} {percent(c['held'])} "
          f"{percent(w['held'])} {percent(c['live'])} {opens(row):4} {1000 * (c['seconds'] or 0):8.1f}", flush=True)
    for mode in ("cold", "warm"):
        got = row[mode]
        for text in last_words(got["error"]) + got["failures"][:5]:
            print(f"    {mode}: {text[:300]}", flush=True)
        if verbose:
            for label, items in (("lost", got["lost"]), ("name", got["differ"]), ("held", got["wrong"]), ("live", got["dead"])):
                for item in items[:15]:
                    print(f"    {mode} {label}: {item}")
                if len(items) > 15:
                    print(f"    {mode} {label}: ... and {len(items) - 15} more", flush=True)


def told(row):
    """Names that are the same as in a fresh process, or that the report speaks of, of all; cold and warm."""
    names = sum(row[mode]["names"][1] for mode in ("cold", "warm"))
    return names - sum(len(row[mode]["open"]["names"]) for mode in ("cold", "warm")), names


def opens(row):
    """How many differences nothing explains."""
    return sum(len(items) for mode in ("cold", "warm") for items in row[mode]["open"].values())


def total(rows, options, took):
    judged = [r for r in rows if "cold" in r]
    fresh = sum(r["fresh_passed"] for r in judged)
    sums = collections.Counter()
    for r in judged:
        for mode in ("cold", "warm"):
            for key in ("names", "held", "live"):
                sums[mode, key, 0] += r[mode][key][0]
                sums[mode, key, 1] += r[mode][key][1]
            sums[mode] += r[mode]["passed"]
    same = [sum(pair) for pair in zip(*map(told, judged))] or [0, 0]

    def both(mode, key):
        return percent((sums[mode, key, 0], sums[mode, key, 1])).strip()
    print(f"\nengine {options.engine}, Python {options.python}: {len(judged)} pairs, {fresh} tests pass fresh; "
          f"cold {percent((sums['cold'], fresh)).strip()} %, warm {percent((sums['warm'], fresh)).strip()} %; "
          f"names {both('cold', 'names')} / {both('warm', 'names')} %, the same or told in the report {percent(same)} %; held {both('cold', 'held')} / "
          f"{both('warm', 'held')} %; live {both('cold', 'live')} / {both('warm', 'live')} %; "
          f"{sum(map(opens, judged))} differences that the report does not explain; {took:.0f} s")
    Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    Path(options.json).write_text(json.dumps({"engine": options.engine, "python": options.python, "rows": rows}, indent=1))
    lost = sum(2 * r["fresh_passed"] for r in judged) - sums["cold"] - sums["warm"]
    print(f"{sums['cold'] + sums['warm']} passed, {lost} failed")
    if options.names_only:
        return int(len(judged) < len(rows) or any(map(opens, judged)))
    if options.floor is not None:
        return int(fresh == 0 or len(judged) < len(rows) or min(sums["cold"], sums["warm"]) * 100 < options.floor * fresh)
    return int(fresh == 0 or lost > 0)


if __name__ == "__main__":
    sys.exit(main())
