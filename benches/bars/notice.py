"""Bar 12: how soon the wake-up descriptor tells of a save by another process."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import Figures, Ours, Room, bench, median, options

# Saves after a while, and says when: the moment before the call that makes the save whole.
WRITER = """
import os, sys, time
for line in sys.stdin:
    path, n = line.split()
    # Beside the watched directories, so that the rename is the only event in them.
    temp = os.path.join(sys.argv[1], 'save')
    with open(temp, 'w') as file:
        file.write('x = ' + n + '\\n')
    time.sleep(0.002)
    at = time.monotonic_ns()
    os.rename(temp, path)
    print(at, flush=True)
"""


def main():
    args = options(__doc__)
    figures = Figures(args)
    # A disk flushes a file that replaces another, which would be most of the time.
    room = Room("notice", in_memory=True)
    module, path = room.load("noticed", "x = 0\n")
    raw_room = Room("raw", in_memory=True)
    raw_path = raw_room.write("raw.py", "x = 0\n")
    ours = Ours(["noticed"])
    notify = bench.notify_fd(ours.handle)
    raw = bench.raw_watch(str(raw_room.path))
    python = Path(sys.prefix, "bin", f"python3.{sys.version_info.minor}")
    temp = Room("save", in_memory=True)
    writer = subprocess.Popen([python, "-c", WRITER, str(temp.path)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, bufsize=1)

    def save(target, n):
        writer.stdin.write(f"{target} {n}\n")
        writer.stdin.flush()

    def begun():
        return int(writer.stdout.readline())

    took = {"ours": [], "raw": []}
    def round_ours(n):
        save(path, n)
        at = bench.wait(notify)
        took["ours"].append((at - begun()) / 1000)
        ours.trigger()
        assert module.x == n

    def round_raw(n):
        save(raw_path, n)
        at = bench.wait(raw)
        took["raw"].append((at - begun()) / 1000)
        os.read(raw, 4096)

    for n in range(1, 50 if args.quick else 300):
        # Each is first in every second round.
        for turn in (round_ours, round_raw) if n % 2 else (round_raw, round_ours):
            turn(n)
    peers = peer_latencies(raw_room, save, begun, 5 if args.quick else 20)
    figures.add(12, "save by rename in another process", median(took["ours"]),
                median(took["raw"]), 1.5, "us", peers)
    writer.stdin.close()
    writer.wait()
    ours.close()
    room.close()
    raw_room.close()
    temp.close()
    figures.write()


def peer_latencies(room, save, begun, rounds):
    """The same for watchdog and watchfiles, which tell on a thread of theirs."""
    peers = {}
    seen = []
    told = threading.Event()

    def tell():
        seen.append(time.monotonic_ns())
        told.set()

    def measure(name):
        target = room.write(f"{name}/x.py", "")
        took = []
        for n in range(rounds):
            time.sleep(0.05)
            told.clear()
            seen.clear()
            save(target, n)
            at = begun()
            told.wait(10)
            time.sleep(0.01)
            later = [t for t in seen if t >= at]
            if later:
                took.append((later[0] - at) / 1000)
        if took:
            peers[name] = median(took)

    try:
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event):
                tell()

        room.write("watchdog/x.py", "")
        observer = Observer()
        observer.schedule(Handler(), str(room.path / "watchdog"))
        observer.start()
        measure("watchdog")
        observer.stop()
        observer.join()
    except ImportError:
        pass
    try:
        import watchfiles

        room.write("watchfiles/x.py", "")
        stop = threading.Event()

        def run():
            for _ in watchfiles.watch(room.path / "watchfiles", stop_event=stop):
                tell()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        time.sleep(0.3)
        measure("watchfiles")
        stop.set()
        thread.join(10)
    except ImportError:
        pass
    return peers


main()
