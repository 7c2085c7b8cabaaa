#!/usr/bin/env python3
"""An unmodified real host: Debian's gdb, which embeds CPython.

The library is loaded by ctypes inside gdb's own Python and hooked where gdb lets scripts in:
before a prompt (`gdb.events.before_prompt`), before one command (`define hook-NAME`), and at a
stop of the debugged program (`gdb.events.stop`). A user's script is edited while gdb runs; the
command it registered (an object that gdb's C++ side holds) must run the new code.

gdb sits on a pseudo terminal, since `before_prompt` only fires where there is a prompt.

    python3 tests/hosts/gdb_test.py [--engine pyreload|importlib|none] [--verbose]
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

PROMPT = b"(gdb) "

#: A gdb user's script: a command with state, a helper module, a stop handler.
SCRIPT = '''\
import gdb
from colours import paint, LIMIT

class Count(gdb.Command):
    """Counts how often it was called."""

    def __init__(self):
        super().__init__("count", gdb.COMMAND_USER)
        self.calls = 0

    def invoke(self, argument, from_tty):
        self.calls += 1
        print(f"<{paint('VERSION')} calls={self.calls} limit={LIMIT}>")

def on_stop(event):
    print(f"<stopped VERSION, {type(event).__name__}>")
'''
HELPER = '''\
LIMIT = NUMBER

def paint(text):
    return "PAINT:" + text
'''

#: What the user's ~/.gdbinit would hold.
SETUP = '''\
import sys
sys.path[:0] = [{tests!r}, {folder!r}]
import gdb, engines
engine = engines.make({engine!r}, {folder!r}, globals())

def check(*_event):
    for failure in engine.check():
        print("<failed " + failure + ">")

gdb.events.before_prompt.connect(check)
gdb.events.stop.connect(check)
import userscript
command = userscript.Count()
known = (id(command), id(userscript.Count), id(userscript.on_stop))
gdb.events.stop.connect(userscript.on_stop)
engine.after_exec()
'''


class Gdb:
    """gdb on a pseudo terminal: send a line, get what it printed up to the next prompt."""

    def __init__(self, arguments, verbose):
        self.verbose = verbose
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", HOME=tempfile.gettempdir())
            os.environ.pop("PYTHONHOME", None)
            os.environ.pop("PYTHONPATH", None)
            os.execvp("gdb", ["gdb", "-nx", "-q", *arguments])
        self.read()

    def read(self, seconds=60):
        end, text = time.monotonic() + seconds, b""
        while not text.endswith(PROMPT):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise SystemExit(f"gdb did not answer in {seconds} s; it said:\n{text.decode()}")
            try:
                part = os.read(self.terminal, 65536)
            except OSError:  # EIO: the other end is gone
                part = b""
            if not part:
                raise SystemExit(f"gdb ended; it said:\n{text.decode()}")
            text += part
        if self.verbose:
            print(text.decode(), end="", flush=True)
        return re.sub(r"\x1b\[[0-9;?]*[a-z]", "", text.decode()).replace("\r", "")

    def say(self, line):
        os.write(self.terminal, line.encode() + b"\n")
        return self.read()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Story:
    """One gdb session and the user's two files."""

    def __init__(self, engine, verbose):
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="pyreload-gdb-")))
        self.save(version="one", number=10, paint="1")
        setup = self.folder / "setup.py"
        setup.write_text(SETUP.format(tests=str(TESTS), folder=str(self.folder), engine=engine))
        self.gdb = Gdb([], verbose)
        for line in ("set width 0", "set confirm off", "set pagination off",
                     "set debuginfod enabled off", "set startup-with-shell off"):
            self.gdb.say(line)
        said = self.gdb.say(f"source {setup}")
        if "Error" in said:
            raise SystemExit(f"the set-up script failed in gdb:\n{said}")
        self.gdb.say("define hook-count\npython check()\nend")

    def save(self, name="userscript.py", **values):
        """Saves as editors do: a new file renamed over the old one."""
        texts = {"userscript.py": SCRIPT.replace("VERSION", values.get("version", "")),
                 "colours.py": HELPER.replace("NUMBER", str(values.get("number", 0)))
                 .replace("PAINT", values.get("paint", ""))}
        if name == "userscript.py" and "number" in values:
            self.save("colours.py", **values)
        new = self.folder / (name + ".new")
        new.write_text(values.get("text") or texts[name])
        os.replace(new, self.folder / name)

    def close(self):
        self.gdb.close()
        shutil.rmtree(self.folder)


def same_objects(story):
    said = story.gdb.say("python print('<same', known == (id(command), id(userscript.Count),"
                         " id(userscript.on_stop)), type(command) is userscript.Count, '>')")
    return expect(said, "<same True True >")


def expect(said, *wanted):
    missing = [text for text in wanted if text not in said]
    return "" if not missing else f"expected {missing}, gdb said:\n{said}"


def before_prompt_brings_new_code(story):
    """An edit is live at the next prompt: without the hook of one command here."""
    wrong = expect(story.gdb.say("python command.invoke('', True)"), "<1:one calls=1 limit=10>")
    story.save(version="two")
    story.gdb.say("echo a prompt goes by\\n")
    return wrong or expect(story.gdb.say("python command.invoke('', True)"),
                           "<1:two calls=2 limit=10>") or same_objects(story)


def hook_of_a_command_brings_new_code(story):
    """The very next command runs the new code, with its state: gdb holds the command object."""
    story.save(version="three", number=30, paint="3")
    return expect(story.gdb.say("count"), "<3:three calls=3 limit=30>") or same_objects(story)


def dependency_alone(story):
    """Only the helper changes; the script that did `from colours import paint, LIMIT` follows."""
    story.save("colours.py", number=40, paint="4")
    return expect(story.gdb.say("count"), "<4:three calls=4 limit=40>") or same_objects(story)


def broken_save_keeps_the_old_code(story):
    """A syntax error is told once and the old code goes on; the mended file is live at once."""
    good = (story.folder / "userscript.py").read_text()
    story.save(text=good + "def broken(:\n")
    said = story.gdb.say("count")
    wrong = expect(said, "<failed ", "SyntaxError", "<4:three calls=5 limit=40>")
    again = story.gdb.say("count")
    if not wrong and "<failed " in again:
        wrong = f"the failure was told twice:\n{again}"
    story.save(version="four")
    return wrong or expect(story.gdb.say("count"), "<4:four calls=7 limit=40>") or same_objects(story)


def stop_event_brings_new_code(story):
    """A handler connected to gdb's stop event is the old object and runs the new code."""
    story.gdb.say("file /bin/true")
    said = story.gdb.say("starti")
    if "ptrace" in said and "not permitted" in said:
        return None
    wrong = expect(said, "<stopped four, ")
    story.save(version="five")
    wrong = wrong or expect(story.gdb.say("stepi"), "<stopped five, ")
    story.gdb.say("kill")
    return wrong or same_objects(story)


TESTS_IN_ORDER = [before_prompt_brings_new_code, hook_of_a_command_brings_new_code, dependency_alone,
                  broken_save_keeps_the_old_code, stop_event_brings_new_code]


def install_gdb():
    if shutil.which("gdb"):
        return
    subprocess.run(["apt-get", "install", "-y", "-q", "gdb"], check=True,
                   env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="pyreload")
    parser.add_argument("--verbose", action="store_true", help="show the whole session")
    options = parser.parse_args()
    install_gdb()
    if options.engine == "pyreload":
        from pyreload_ctypes import library_path
        os.environ["PYRELOAD_LIB"] = str(library_path())  # gdb may have another idea of `target`
    story = Story(options.engine, options.verbose)
    passed = failed = skipped = 0
    try:
        print(story.gdb.say("python print('gdb', gdb.VERSION, 'with Python', sys.version.split()[0])")
              .splitlines()[1])
        for test in TESTS_IN_ORDER:
            wrong = test(story)
            if wrong is None:
                skipped += 1
                print(f"skip  {test.__name__}: this machine forbids ptrace")
            elif wrong:
                failed += 1
                print(f"FAIL  {test.__name__}: {wrong}")
            else:
                passed += 1
                print(f"ok    {test.__name__}")
    finally:
        story.close()
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
