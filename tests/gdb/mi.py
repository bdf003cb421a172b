"""gdb driven as a development environment does: by its machine interface (GDB manual, "The GDB/MI Interface").

A test with `# gdbvm: mi` runs here, outside gdb, with this module's words and gdbtest's checks; `gdb` is the Gdb below.
"""
import collections
import os
import re
import subprocess
import sys
import threading
import time
import traceback

import gdbvm_report

ENDPOINT = os.environ["GDBVM_TEST_ENDPOINT"]
SLOW = bool(os.environ["GDBVM_TEST_SLOW"])
PATIENCE = 60  # seconds: guards against hangs, measures nothing


class Failed(Exception):
    pass


def equal(found, expected, what="value"):
    if found != expected:
        raise Failed(f"{what}: expected {expected!r}, found {found!r}")


def check(condition, what):
    if not condition:
        raise Failed(what)


def matches(text, pattern):
    check(re.search(pattern, text), f"expected {pattern!r} in:\n{text}")


class Results:
    """Parses the results of one record: `name="…",name={…},name=[…]`."""

    ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

    def __init__(self, text):
        self._text = text
        self._at = 0

    def parse(self):
        return self._pairs("")

    def _peek(self):
        return self._text[self._at : self._at + 1]

    def _take(self, expected=""):
        found = self._peek()
        check(found and (not expected or found == expected), f"no MI at {self._at}: {self._text}")
        self._at += 1
        return found

    def _pairs(self, end):
        found = {}
        while self._peek() not in ("", end):
            name, value = self._pair()
            found[name] = value
            if self._peek() == ",":
                self._take()
        return found

    def _pair(self):
        name = re.compile(r"[^=]*").match(self._text, self._at)[0]
        self._at += len(name)
        self._take("=")
        return name, self._value()

    def _value(self):
        opener = self._take()
        if opener == '"':
            return self._string()
        found = self._pairs("}") if opener == "{" else self._list()
        self._take()
        return found

    def _list(self):
        found = []
        while self._peek() != "]":
            found.append(self._value() if self._peek() in '"{[' else self._pair()[1])
            if self._peek() == ",":
                self._take()
        return found

    def _string(self):
        found = ""
        while (letter := self._take()) != '"':
            if letter == "\\":
                letter = self._take()
                letter = self.ESCAPES.get(letter, letter)
            found += letter
        return found


class Gdb:
    """A stock gdb. Commands are answered in order; what happens meanwhile is kept for wait_stop()."""

    def __init__(self, symbols):
        command = [os.environ["GDBVM_TEST_GDB"], "-nx", "-nh", "-q", "-i=mi3"]
        command += ["-iex", "set debuginfod enabled off", "-iex", "set confirm off"] + symbols
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         text=True, bufsize=1)
        self._changed = threading.Condition()
        self._answers = {}
        self._stops = collections.deque()
        self._said = []
        self._ended = False
        self._last = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            print(line, end="", flush=True)
            answer = re.match(r"(\d+)\^(done|running|connected|error|exit)(?:,(.*))?$", line.rstrip("\n"))
            stop = re.match(r"\*stopped(?:,(.*))?$", line.rstrip("\n"))
            with self._changed:
                if answer:
                    self._answers[int(answer[1])] = (answer[2], Results(answer[3] or "").parse())
                elif stop:
                    self._stops.append(Results(stop[1] or "").parse())
                else:
                    self._said.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self, condition, what):
        with self._changed:
            end = time.monotonic() + PATIENCE
            while not (found := condition()):
                check(not self._ended and time.monotonic() < end, f"never came: {what}")
                self._changed.wait(1)
            return found

    def connect(self, non_stop=False):
        """Asynchronously, as development environments do; all CPUs stand then, with no stop left to be waited for."""
        self.run("-gdb-set mi-async on")
        self.run(f"-gdb-set non-stop {'on' if non_stop else 'off'}")
        self.run(f"-target-select remote {ENDPOINT}")
        if "running" in self.states().values():
            self.run("-exec-interrupt --all")
        wait_for(lambda: set(self.states().values()) == {"stopped"}, "the stop at the start")
        with self._changed:
            self._stops.clear()

    def send(self, command):
        """Sends a command; returns its class (`done`, `running`, `error`, …) and results."""
        self._last += 1
        token = self._last
        print(f"{token}{command}", flush=True)
        self._process.stdin.write(f"{token}{command}\n")
        self._process.stdin.flush()
        self._wait(lambda: token in self._answers, f"the answer to `{command}`")
        return self._answers.pop(token)

    def run(self, command):
        """A command that must succeed; returns its results."""
        kind, results = self.send(command)
        check(kind != "error", f"`{command}`: {results.get('msg')}")
        return results

    def fails(self, command, pattern=""):
        kind, results = self.send(command)
        equal(kind, "error", f"`{command}`")
        matches(results.get("msg", ""), pattern)

    def value(self, expression, thread=None):
        where = f"--thread {thread} --frame 0 " if thread else ""
        found = self.run(f'-data-evaluate-expression {where}"{expression}"')["value"]
        return int(found.split()[0], 0)

    def wait_stop(self, thread=None):
        """The next stop (of this thread), which is then forgotten."""

        def found():
            for stop in self._stops:
                if thread is None or stop.get("thread-id") == str(thread):
                    self._stops.remove(stop)
                    return stop
            return None

        return self._wait(found, f"a stop of thread {thread or 'any'}")

    def no_stop(self):
        """What has stopped so far has been waited for. (Others may still be to come.)"""
        with self._changed:
            equal(list(self._stops), [], "stops")

    def said(self, pattern):
        """Waits until gdb, or the guest's console, has said this."""
        self._wait(lambda: re.search(pattern, "".join(self._said)), pattern)

    def states(self):
        """Of each thread: `stopped` or `running`."""
        return {int(row["id"]): row["state"] for row in self.run("-thread-info")["threads"]}

    def end(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, f"never came: {what}")
        time.sleep(0.01)


def main(path, symbols):
    gdbvm_report.wait_for_vm()
    gdb = Gdb(symbols)
    problems = []
    try:
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        exec(code, {"__name__": "__test__", **globals(), "gdb": gdb})
    except BaseException as error:  # noqa: BLE001 - whatever it was, the test has failed
        traceback.print_exc(file=sys.stdout)
        kind = "expectation" if isinstance(error, Failed) else "python-exception"
        lines = [row.lineno for row in traceback.extract_tb(error.__traceback__) if row.filename == path]
        problems.append([kind, f"{path}:{lines[-1] if lines else 0}: {type(error).__name__}: {error}"])
    finally:
        gdb.end()
    gdbvm_report.tell(verdict="failed" if problems else "passed", problems=problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
