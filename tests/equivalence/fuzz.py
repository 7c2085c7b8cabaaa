#!/usr/bin/env python3
"""Equivalence fuzzing: after any edit, the process is what a restart would have made it.

Small programs of one to five modules are made, imported, and edited in one to five steps; each
step is a save and a check. Then a picture of the process (see snapshot.py), the results of calling
everything, objects held since before the first edit and run-time state are compared with a fresh
interpreter on the final files. A difference is shrunk and printed as files to paste.

    python3 tests/equivalence/fuzz.py --seconds 60 --jobs 2
    python3 tests/equivalence/fuzz.py --seed 7 --count 1 --keep     (one program, again)
    python3 tests/equivalence/fuzz.py --engine importlib --count 200
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pickle
import random
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import edits  # noqa: E402
import generate  # noqa: E402
import run  # noqa: E402
import shrink  # noqa: E402


def elsewhere(options, script):
    """The exit code of a script that was run again by the interpreter of --python, if one was asked for."""
    if not options.python or os.environ.get("PYRELOAD_FUZZ_CHILD"):
        return None
    command = [find_interpreter(options.python), script, *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "PYRELOAD_FUZZ_CHILD": "1"}).returncode


def make_case(seed, features):
    program, maker = generate.make(seed, features)
    rng = random.Random(seed * 2 + 1)
    versions = edits.script(rng, program, maker)
    return {"seed": seed, "versions": versions, "start": rng.choice(["after", "after", "before"])}


def find_interpreter(name):
    """An interpreter by path, by name, or by version among pyenv's."""
    if os.path.sep in name:
        return name
    found = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{name}*/bin/python3"))
    return str(found[-1]) if found and name[0].isdigit() else name


def signature(found):
    """What kind of difference it is, so that shrinking does not slide into another one."""
    return {(kind, re.sub(r"\d+", "#", where.split(".")[-1].split("[")[0]) if kind == "snapshot" else "")
            for kind, where, _what in found}


def report(case, found, limit=12):
    lines = [f"# seed {case['seed']}, engine created {case['start']} the imports"]
    lines += [f"# {kind}: {where}: {what}"[:400] for kind, where, what in found[:limit]]
    if len(found) > limit:
        lines.append(f"# ... and {len(found) - limit} more")
    previous = {}
    for number, version in enumerate(case["versions"]):
        note = f" (broken: {version.broken})" if version.broken else ""
        lines.append(f"#### v{number + 1}{note} {' '.join(version.ops)}".rstrip())
        for path, text in version.files.items():
            if previous.get(path) != text:
                lines += [f"## {path}", text.rstrip("\n")]
        lines += [f"## {path} deleted" for path in previous if path not in version.files]
        previous = version.files
    return "\n".join(lines)


def save(case, found, out):
    folder = Path(out) / f"seed{case['seed']}"
    for number, version in enumerate(case["versions"]):
        for path, text in version.files.items():
            file = folder / f"v{number + 1}" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    (folder / "differences.txt").write_text("\n".join(f"{k}: {w}: {t}" for k, w, t in found) + "\n")


def worker(options, features, base, first, step):
    """Yields what came of one batch after the other: (seeds, tallies, [(case, differences)])."""
    at = first
    while options.count is None or at < options.count:
        left = options.batch if options.count is None else min(options.batch, options.count - at)
        seeds = range(options.seed + at, options.seed + at + left)
        at += step
        cases = [make_case(seed, features) for seed in seeds]
        tally = collections.Counter({"no edit": sum(len(case["versions"]) < 2 for case in cases)})
        cases = [case for case in cases if len(case["versions"]) > 1]
        for case in cases:
            tally["steps"] += len(case["versions"]) - 1
            tally.update("op " + op for v in case["versions"] for op in v.ops)
            if options.keep:
                print(report(case, []))
        doubtful, slow = run.suspicious(cases, options.engine, base) if cases else ([], False)
        tally["same"] += len(cases) - len(doubtful)
        failing = []
        for case in doubtful:
            found = run.compare(case, options.engine, base)
            if found == "invalid":
                tally["invalid"] += 1
            elif slow and not found:
                tally["same"] += 1
            else:
                # No difference when alone: a program before it in the same process made it differ.
                tally["different" if found else "batch"] += 1
                failing.append((case, found))
        yield len(seeds), tally, failing


def workers(options, features, base):
    """The batches of all workers, as they come; each worker is a process."""
    if options.jobs == 1:
        yield from worker(options, features, base, 0, options.batch)
        return
    readers = {}
    for number in range(options.jobs):
        reader, writer = os.pipe()
        if not os.fork():
            try:
                # Who holds a reading end of another worker's pipe keeps that one from ending.
                for other in [reader, *readers]:
                    os.close(other)
                with os.fdopen(writer, "wb") as out:
                    for batch in worker(options, features, base, number * options.batch, options.jobs * options.batch):
                        pickle.dump(batch, out)
                        out.flush()
            except BrokenPipeError:  # the parent has seen enough
                pass
            finally:
                os._exit(0)
        os.close(writer)
        readers[reader] = os.fdopen(reader, "rb")
    try:
        while readers:
            for ready in select.select(list(readers), [], [])[0]:
                try:
                    yield pickle.load(readers[ready])
                except EOFError:
                    readers.pop(ready).close()
    finally:
        for file in readers.values():
            file.close()
        for _ in range(options.jobs):
            os.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload", choices=run.engines.NAMES)
    parser.add_argument("--seed", type=int, default=1, help="of the first program; the next has one more")
    parser.add_argument("--count", type=int, help="how many programs (default: until --seconds are over)")
    parser.add_argument("--seconds", type=float, help="stop then (default 30 without --count)")
    parser.add_argument("--jobs", type=int, default=1, help="processes that work at the same time")
    parser.add_argument("--python", default=None, help="interpreter: path, name or pyenv version")
    parser.add_argument("--features", default="", help=f"rare statements: {','.join(generate.RARE)}, or all; idioms: "
                        "statements as people write them; "
                        "no-methods: values are not made by calling methods")
    parser.add_argument("--failures", type=int, default=5, help="stop shrinking and printing after so many")
    parser.add_argument("--stop", action="store_true", help="stop at that many failures altogether")
    parser.add_argument("--batch", type=int, default=20, help="programs per process; 1 isolates each")
    parser.add_argument("--shrink-seconds", type=float, default=30, help="for one failure")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--groups", action="store_true", help="print each failing seed with its first difference, alike ones together")
    parser.add_argument("--keep", action="store_true", help="print the program even without a difference")
    parser.add_argument("--out", help="folder for failing cases: v1/, v2/, ... and differences.txt")
    parser.add_argument("--json", help="write the figures there")
    options = parser.parse_args()
    if (code := elsewhere(options, __file__)) is not None:
        return code
    features = [f for f in options.features.replace("all", ",".join(generate.RARE)).split(",") if f]
    unknown = set(features) - {*generate.RARE, *generate.GROUPS, "no-methods"}
    if unknown:
        parser.error(f"no such features: {unknown}")
    warm_up(options.engine)
    seconds = options.seconds or (None if options.count else 30)
    base = tempfile.mkdtemp(prefix="reload-fuzz-")
    started, seeds = time.monotonic(), 0
    tally, kinds, failing, batches, groups = collections.Counter(), collections.Counter(), [], [], collections.defaultdict(list)
    batch = workers(options, features, base)
    try:
        for count, found_here, cases in batch:
            seeds += count
            tally.update(found_here)
            for case, found in cases:
                (failing if found else batches).append(case["seed"])
                if not found:
                    continue
                kinds.update({kind for kind, _where, _what in found})
                groups[group(found[0])].append((case["seed"], found[0]))
                if len(failing) > options.failures:
                    continue
                if not options.no_shrink:
                    case, found = shrink.shrink(case, found, lambda c: run.compare(c, options.engine, base), signature,
                                             options.shrink_seconds)
                print(report(case, found), "\n", flush=True)
                if options.out:
                    save(case, found, options.out)
            if options.stop and len(failing) >= options.failures:
                break
            if seconds is not None and time.monotonic() - started >= seconds:
                break
    finally:
        batch.close()
        run.shutil.rmtree(base, ignore_errors=True)
    took = time.monotonic() - started
    different = sorted(failing + batches)
    ran = tally["same"] + tally["different"] + tally["batch"]
    print(f"engine {options.engine}, Python {sys.version.split()[0]}, {seeds} seeds from {options.seed}: "
          f"{ran} programs, {tally['steps']} steps, {ran / max(took, 0.001):.0f} programs/s; not run: "
          f"{tally['invalid']} that a restart cannot run, {tally['no edit']} without an edit")
    ops = collections.Counter({name[3:]: n for name, n in tally.items() if name.startswith("op ")})
    print("edits:", ", ".join(f"{op} {n}" for op, n in ops.most_common()))
    if different:
        print("differences in:", ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()))
        print("seeds:", *different[:40])
    if options.groups:
        for name, members in sorted(groups.items(), key=lambda item: -len(item[1])):
            print(f"{len(members):5} {name}")
            for seed, (kind, where, what) in sorted(members)[:6]:
                print(f"      {seed}: {kind}: {where}: {what}"[:200])
    if batches:
        print("only after other programs in the same process (--batch):", *sorted(batches)[:40])
    if options.json:
        Path(options.json).write_text(json.dumps({
            "engine": options.engine, "python": sys.version.split()[0], "first_seed": options.seed,
            "programs": ran, "steps": tally["steps"], "different": len(different), "invalid": tally["invalid"],
            "kinds": kinds, "seeds": different, "seconds": round(took, 1)}, indent=1))
    print(f"{tally['same']} passed, {len(different)} failed")
    return 1 if different or not ran else 0


def group(difference):
    """The name under which differences are alike."""
    kind, where, what = difference
    return f"{kind} {re.sub('[0-9]+', '#', where)} {re.sub('[0-9]+', '#', what)[:40]}"


def warm_up(engine):
    """Imports what every child needs, so that a fork has it."""
    for name in ("dataclasses", "enum", "collections", "functools", "typing", "abc"):
        __import__(name)
    if engine == "pyreload":
        from pyreload_ctypes import load
        load()
    elif engine in run.engines.NEEDS:
        __import__({"ipython": "IPython.extensions.autoreload"}.get(run.engines.NEEDS[engine], run.engines.NEEDS[engine]))


if __name__ == "__main__":
    sys.exit(main())
