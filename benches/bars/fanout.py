"""Bar 8: a leaf is edited that 1,000 modules import names from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Figures, IPython, Ours, Room, bench, median, options

LEAF = '''CONST = {value}


def func(x):
    return x + {value}


class Thing:
    def value(self):
        return {value}
'''
USER = '''from {leaf} import CONST, func, Thing


def use_{i}():
    return CONST, func(0), Thing().value()
'''


def main():
    args = options(__doc__)
    figures = Figures(args)
    room = Room("fanout")
    count = 200 if args.quick else 1000
    loaded = {}
    for leaf in ("leaf", "peer"):
        module, path = room.load(leaf, LEAF.format(value=0))
        users = [room.load(f"{leaf}_user{i}", USER.format(leaf=leaf, i=i))[0]
                 for i in range(count)]
        loaded[leaf] = (module, path, users)
    ours = Ours(["leaf"] + [f"leaf_user{i}" for i in range(count)])
    module, path, users = loaded["leaf"]
    took, stores = [], []
    others = loaded["peer"][2]
    spaces = [vars(user) for user in others]
    for n in range(1, 6 if args.quick else 16):
        path.write_text(LEAF.format(value=n))
        ns, report = ours.trigger()
        see = [getattr(user, f"use_{i}")() == (n, n, n) for i, user in enumerate(users)]
        assert all(see), f"{see.count(False)} of {count} are stale: {report}"
        took.append(ns / 1000)
        stores.append(bench.floor_fanout(str(path), spaces, "CONST", n) / 1000)
        # The caches of the processor are to know both alike.
        assert all(getattr(user, f"use_{i}")()[0] == n for i, user in enumerate(others))
    peers = {}
    module, path, users = loaded["peer"]
    note = ""
    for mode in (2, 3):
        try:
            ipython = IPython(mode, only={"peer"} | {f"peer_user{i}" for i in range(count)})
        except ImportError:
            break
        ipython.trigger()
        ns = []
        for n in range(100 * mode, 100 * mode + 4):
            path.write_text(LEAF.format(value=n))
            ns.append(ipython.trigger() / 1000)
        see = sum(getattr(user, f"use_{i}")()[0] == n for i, user in enumerate(users))
        peers[f"IPython {mode}"] = median(ns[1:])
        note += f" of IPython {mode}'s importers {100 * see // count} % see it;"
    figures.add(8, f"constant, function and class of a leaf, {count:,} importers",
                median(took[1:]), 1500 * count / 1000, 1, "us", peers,
                f"the floor is the bar, 1.5 ms; the first edit {took[0]:.0f} us; "
                f"to bind the name in each of them takes {median(stores[1:]):.0f} us;" + note)
    ours.close()
    room.close()
    figures.write()


main()
