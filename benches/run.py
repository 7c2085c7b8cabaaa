#!/usr/bin/env python3
"""Times pyreload, its peers and the floors, interleaved, and holds them against the bars.

    python3 benches/run.py                 everything (some ten minutes)
    python3 benches/run.py --quick         small sizes, few rounds
    python3 benches/run.py --bars 2 4      only these

Writes `benches/results.json`, `benches/results.md` and `benches/chart.svg`; with --quick or
--bars, into `target/bench`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SCRIPTS = {"idle": (1, 2, 3), "edit": (4, 5, 6, 10), "heap": (7,), "fanout": (8,), "bulk": (9,),
           "create": (11,), "notice": (12,)}
PEERS = ["ipython", "jurigged", "watchfiles", "watchdog", "numpy", "pandas", "matplotlib"]


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, **more)


def find_python(wanted):
    """A CPython with a shared library and headers: the one named, pyenv's 3.11, or this one."""
    if wanted:
        return wanted
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for found in sorted(versions.glob("3.11.*/bin/python3.11")):
        return found
    return sys.executable


def config(python, name):
    code = f"import sysconfig; print(sysconfig.get_config_var({name!r}) or '')"
    return run(python, "-c", code, capture_output=True, text=True).stdout.strip()


def build(python, library, out):
    """The library, and the host that embeds `python`."""
    if library is None:
        run("cargo", "build", "--release", cwd=ROOT, env={**os.environ, "PYO3_PYTHON": str(python)})
        library = ROOT / "target" / "release" / "libpyreload.so"
    libdir, version = config(python, "LIBDIR"), config(python, "LDVERSION")
    include = run(python, "-c", "import sysconfig; print(sysconfig.get_path('include'))",
                  capture_output=True, text=True).stdout.strip()
    compiler = [os.environ.get("CC", "cc"), "-O2", "-std=gnu11"]
    run(*compiler, "-shared", "-fPIC", "-o", out / "libfloor.so", HERE / "floor.c")
    lib = Path(library).resolve()
    # Under another name first: a run that is in progress keeps its program.
    run(*compiler, "-o", out / "host.new", HERE / "host.c", f"-I{include}", f"-I{ROOT / 'include'}",
        out / "libfloor.so", lib, f"-L{libdir}", f"-lpython{version}",
        f"-Wl,-rpath,{libdir}:{out}:{lib.parent}", "-lm")
    os.replace(out / "host.new", out / "host")
    return lib, out / "host"


def peers_of(python):
    """A virtual environment with the peers."""
    version = run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])",
                  capture_output=True, text=True).stdout.strip()
    venv = ROOT / "target" / "venvs" / f"bench-{version}"
    if not (venv / "bin" / "python").exists():
        run(python, "-m", "venv", venv)
    probe = subprocess.run([venv / "bin" / "python", "-c", "import " + ", ".join(
        name if name != "ipython" else "IPython" for name in PEERS)], capture_output=True)
    if probe.returncode:
        run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", *PEERS)
    return venv / "lib" / f"python{version}" / "site-packages"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--bars", type=int, nargs="+", help="only these bars")
    parser.add_argument("--python", help="the CPython to embed")
    parser.add_argument("--library", help="a libpyreload.so that is built already")
    parser.add_argument("--no-peers", action="store_true", help="none of them, installed or not")
    args = parser.parse_args()
    out = ROOT / "target" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    python = find_python(args.python)
    library, host = build(python, args.library, out)
    prefix = config(python, "prefix")
    (out / "prefix").write_text(prefix)
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHOME": prefix,
           "BENCH_HOST": str(host)}
    env.pop("PYTHONPATH", None)
    if args.no_peers:
        env["BENCH_NO_PEERS"] = "1"
    else:
        env["PYTHONPATH"] = str(peers_of(python))
    rows, broken = [], []
    for script, bars in SCRIPTS.items():
        if args.bars and not set(bars) & set(args.bars):
            continue
        print(f"{script}:", flush=True)
        part = out / f"{script}.json"
        part.unlink(missing_ok=True)
        command = [host, HERE / "bars" / f"{script}.py", "--json", part, "--library", library]
        command += ["--quick"] if args.quick else []
        command += ["--bars", *args.bars] if args.bars else []
        if subprocess.run([str(c) for c in command], env=env, cwd=out).returncode:
            broken.append(script)
        if part.exists():
            rows += json.loads(part.read_text())
    rows.sort(key=lambda row: row["bar"])
    result = {"python": config(python, "VERSION"), "machine": machine(), "rows": rows}
    where = out if args.quick or args.bars else HERE
    (where / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    sys.path.insert(0, str(HERE))
    import chart

    text = chart.table(result)
    (where / "results.md").write_text(text)
    (where / "chart.svg").write_text(chart.svg(result))
    print("\n" + text)
    missed = [row for row in rows if not row["met"]]
    print(f"{len(rows) - len(missed)} of {len(rows)} met; written to {where}")
    if broken:
        sys.exit(f"these broke: {', '.join(broken)}")


def machine():
    name = "unknown"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}"


if __name__ == "__main__":
    main()
