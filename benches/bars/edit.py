"""Bars 4, 5, 6 and 10: from a saved edit to new code that is live."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import (Ctypes, Figures, IPython, Jurigged, Ours, Room, bench, median, module_text,
                    options, reload_module, resident_bytes)


class Subject:
    """One module on disk that one contender keeps up to date."""

    def __init__(self, room, name, lines):
        self.lines, self.value, self.constant, self.call, self.extra = lines, 0, 7, 0, ""
        text, self.function = self.text()
        self.module, self.path = room.load(name, text)
        self.old = text.encode()

    def text(self):
        return module_text(self.lines, self.value, self.constant, self.call, self.extra)

    def save(self, **changes):
        for name, value in changes.items():
            setattr(self, name, value)
        self.path.write_text(self.text()[0])

    def remember(self):
        self.old = self.text()[0].encode()

    def get(self):
        return getattr(self.module, self.function)

    def is_live(self):
        total = 1 + int(self.function.rpartition("_")[2])
        if total > 100:
            total -= self.constant
        return self.get()(1) == total + self.value

    def functions(self):
        found = []
        for value in vars(self.module).values():
            inside = vars(value).values() if isinstance(value, type) else [value]
            found += [f for f in inside if type(f) is type(main)]
        return found


def body(n):
    return {"value": n}


def lines(n):
    return {"extra": "# a comment\n" * (1 + n % 7)}


def constant(n):
    return {"constant": n}


def top_call(n):
    return {"call": n}


def check(subject, kind, report=None):
    if kind is body:
        assert subject.is_live(), report
    elif kind is lines:
        first = subject.module.function_0.__code__.co_firstlineno
        line = subject.text()[0].split("\n")[first - 1]
        assert line.startswith("def function_0("), (first, line, report)
    elif kind is constant:
        assert subject.module.SCALE == subject.constant, report
        assert subject.module.DOUBLE == 2 * subject.constant, report
        reader = sys.modules.get("reader")
        if reader is not None and hasattr(reader, "SCALE"):
            assert reader.SCALE == subject.constant, "an importer is stale"
    else:
        assert subject.module.NAMES[-1] == f"first {subject.call}", report


class Bench:
    def __init__(self, args, size):
        self.args, self.size = args, size
        self.room = Room("edit")
        self.subject = Subject(self.room, "m_ours", size)
        self.floor = Subject(self.room, "m_floor", size)
        self.room.load("reader", "from m_ours import SCALE\n")
        self.ours = Ours(["m_ours", "reader"])
        self.ctypes = Ctypes(args.library, self.ours)
        self.count = 1000

    def floor_ns(self, kind):
        """Reads, compares, compiles one function, swaps; moves all when lines were inserted."""
        before = self.floor.text()[0].count("\n")
        # For all kinds but `lines` the floor's edit is that of one function.
        self.floor.save(**(lines(self.count) if kind is lines else body(self.count)))
        moved = self.floor.functions() if kind is lines else None
        function = None if kind is lines else self.floor.get()
        edit = (str(self.floor.path), self.floor.old, function, moved)
        by = self.floor.text()[0].count("\n") - before
        self.pause()
        ns = bench.floor_edit([edit], by)
        self.floor.remember()
        check(self.floor, lines if kind is lines else body)
        if kind is lines:
            # Floor 5 is floor 4 and the new line numbers.
            ns += self.floor_ns(body)
        return ns

    def ours_ns(self, kind, through=None):
        self.subject.save(**kind(self.count))
        self.pause()
        if through is not None:
            ns, report = through.trigger(), None
        else:
            ns, report = self.ours.trigger()
        check(self.subject, kind, report)
        return ns

    def pause(self):
        if self.wait:
            time.sleep(self.wait)

    def measure(self, kind, rounds, wait=0.0):
        """Medians in microseconds: ours, ours by ctypes, the floor; they take turns."""
        self.wait = wait
        took = {"ours": [], "ctypes": [], "floor": []}
        for i in range(rounds + 2):
            for name in took:
                self.count += 1
                if name == "floor":
                    ns = self.floor_ns(kind)
                else:
                    ns = self.ours_ns(kind, self.ctypes if name == "ctypes" else None)
                if i >= 2:
                    took[name].append(ns / 1000)
        return {name: median(list_) for name, list_ in took.items()}

    def peers(self, kind, rounds):
        """What others need for the same edit."""
        result = {}

        def measure(name, subject, trigger):
            took, begin = [], time.monotonic()
            for i in range(rounds + 1):
                self.count += 1
                subject.save(**kind(self.count))
                ns = trigger()
                if i:
                    took.append(ns / 1000)
                if took and time.monotonic() > begin + 5:
                    break
            result[name] = median(took)

        subject = Subject(self.room, "m_reload", self.size)
        measure("importlib.reload", subject, lambda: reload_module(subject.module))
        for mode in (2, 3) if self.size <= 1000 else (2,):
            subject = Subject(self.room, f"m_ipython{mode}", self.size)
            try:
                ipython = IPython(mode, only={f"m_ipython{mode}"})
            except ImportError:
                break
            ipython.trigger()
            measure(f"IPython {mode}", subject, ipython.trigger)
            del sys.modules[f"m_ipython{mode}"]
        if kind is body and self.size <= 10000:
            subject = Subject(self.room, "m_jurigged", self.size)
            try:
                jurigged = Jurigged([("m_jurigged", subject.path)])
            except ImportError:
                return result
            measure("jurigged", subject, lambda: jurigged.trigger(subject.path))
        for name in ("m_reload", "m_jurigged"):
            sys.modules.pop(name, None)
        return result

    def close(self):
        self.ours.close()
        self.room.close()
        for name in ("m_ours", "m_floor", "reader"):
            sys.modules.pop(name, None)


def main():
    args = options(__doc__)
    figures = Figures(args)
    sizes = (100, 1000) if args.quick else (100, 1000, 10000, 30000)
    warm_us, floor4 = {}, {}
    for size in sizes if figures.wants(4, 5, 6) else ():
        rounds = 10 if args.quick else 30
        this = Bench(args, size)
        peer_rounds = 2 if size >= 10000 else 5
        warm = this.measure(body, rounds)
        warm_us[size], floor4[size] = warm["ours"], warm["floor"]
        if figures.wants(4):
            peers = this.peers(body, peer_rounds)
            figures.add(4, f"body of one function, {size:,} lines, warm", warm["ours"],
                        warm["floor"], 2, "us", peers, f"by ctypes {warm['ctypes']:.0f}")
            cold = this.measure(body, max(5, rounds // 3), 0.1)
            figures.add(4, f"body of one function, {size:,} lines, after 100 ms", cold["ours"],
                        cold["floor"], 2)
        if figures.wants(5):
            moved = this.measure(lines, rounds)
            peers = this.peers(lines, peer_rounds) if size <= 1000 else {}
            figures.add(5, f"lines inserted, {size:,} lines", moved["ours"], moved["floor"], 2,
                        "us", peers)
        if figures.wants(6):
            for kind, what in ((constant, "one constant"), (top_call, "one top-level call")):
                took = this.measure(kind, rounds)
                peers = this.peers(kind, peer_rounds) if size == 1000 else {}
                figures.add(6, f"{what}, {size:,} lines", took["ours"], took["floor"], 3, "us",
                            peers)
        this.close()
    if figures.wants(4) and 30000 in warm_us:
        figures.add(4, "30,000 against 1,000 lines", warm_us[30000], warm_us[1000], 3, "us", {},
                    f"the floor itself x{floor4[30000] / floor4[1000]:.1f}")
    if figures.wants(10):
        tenth(args, figures)
    figures.write()


def tenth(args, figures):
    """Bar 10: does it stay as fast, and as small?"""
    edits = 200 if args.quick else 1000
    this = Bench(args, 1000)
    this.wait = 0
    took, memory = [], []
    for _ in range(edits):
        this.count += 1
        took.append(this.ours_ns(body) / 1000)
        memory.append(resident_bytes())
    # The first edit builds what the others use; the machine's own drift is the floor's affair.
    part = edits // 10
    figures.add(10, f"edits {edits - part} to {edits} against 2 to {part}", median(took[-part:]),
                median(took[1:part]), 1.1, "us", {}, f"the very first {took[0]:.0f}")
    grown = (memory[-1] - memory[edits // 5]) / 1024
    figures.add(10, "resident memory at the end against a fifth of the way", memory[-1] / 1024,
                memory[edits // 5] / 1024, 1.01, "KiB", {}, f"{grown:+.0f} KiB")
    this.close()


main()
