"""Bar 9: 500 of 2,000 files change at once, as `git checkout` does it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import (Figures, IPython, Jurigged, Ours, Room, bench, median, module_text, options)


def main():
    args = options(__doc__)
    figures = Figures(args)
    room = Room("bulk")
    count, changed = (400, 100) if args.quick else (2000, 500)
    families = {}
    for family in ("ours", "floor", "peer"):
        loaded = []
        for i in range(count):
            text, function = module_text(100)
            loaded.append((*room.load(f"{family}{i}", text), function, text.encode()))
        families[family] = loaded
    ours = Ours([f"ours{i}" for i in range(count)])

    def save(family, n):
        new = module_text(100, value=n)[0]
        for _, path, _, _ in families[family][:changed]:
            path.write_text(new)
        return new.encode()

    def check(family, n):
        for module, _, function, _ in families[family][:changed]:
            assert getattr(module, function)(0) % 10 == (n + int(function.split("_")[1])) % 10

    took = {"ours": [], "floor": []}
    old = families["floor"][0][3]
    for n in range(1, 4 if args.quick else 8):
        save("ours", n)
        ns, report = ours.trigger()
        check("ours", n)
        took["ours"].append(ns / 1000)
        new = save("floor", n)
        edits = [(str(path), old, getattr(module, function), None)
                 for module, path, function, _ in families["floor"][:changed]]
        took["floor"].append(bench.floor_edit(edits, 0) / 1000)
        check("floor", n)
        old = new
    peers = {}
    try:
        ipython = IPython(2, only={f"peer{i}" for i in range(count)})
        ipython.trigger()
        ns = []
        for n in range(11, 14):
            save("peer", n)
            ns.append(ipython.trigger() / 1000)
        peers["IPython 2"] = median(ns)
        if not args.quick:
            jurigged = Jurigged([(f"peer{i}", families["peer"][i][1]) for i in range(changed)])
            save("peer", 20)
            peers["jurigged"] = sum(jurigged.trigger(path) / 1000
                                    for _, path, _, _ in families["peer"][:changed])
    except ImportError:
        pass
    figures.add(9, f"{changed} of {count:,} files at once", median(took["ours"][1:]),
                median(took["floor"][1:]), 2, "us", peers, f"first {took['ours'][0]:.0f}")
    ours.close()
    room.close()
    figures.write()


main()
