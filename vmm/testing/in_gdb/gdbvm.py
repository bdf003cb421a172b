"""For Python tests of `gdbvm test`, which run inside gdb: `from gdbvm import *`.

gdb is connected, and the guest stands at its first instruction. Everything of gdb's own Python module works as well. What
does not hold raises Failed, with what was expected and what was found; that ends the test.
"""
import os
import re
import sys
import threading
import time
import typing

import gdb
import gdbvm_report

ENDPOINT = os.environ["GDBVM_TEST_ENDPOINT"]  # what `target remote` takes
FOLDER = os.environ["GDBVM_TEST_FOLDER"]  # the test's own, which goes when it ends
IMAGE = os.environ["GDBVM_TEST_IMAGE"]
SLOW = bool(os.environ["GDBVM_TEST_SLOW"])  # the VM is elsewhere: gdb waits for each packet

_SERIAL = os.environ["GDBVM_TEST_SERIAL"]
_MAY_MISS = [re.compile(row) for row in os.environ["GDBVM_TEST_MAY_MISS"].split("\n") if row]
_CRASHES = ("SIGSEGV", "SIGILL", "SIGABRT")  # triple fault, what KVM can't execute, what the host can't run
_CRASH = re.compile(r"triple fault at .*|this host's KVM cannot execute .*|the host cannot run the guest .*")
_HALTED = "nothing can wake it"

__all__ = ["ENDPOINT", "FOLDER", "IMAGE", "SLOW", "Failed", "Stop", "check", "connect", "equal", "execute", "expect", "gdb", "go",
           "matches", "monitor", "reset", "run_to_end", "run_until", "send", "serial", "skip", "stop_at", "value"]  # fmt: skip


class Failed(Exception):
    """What a test expected does not hold. `kind`: how the runner counts it (README.md)."""

    def __init__(self, text, kind="expectation"):
        super().__init__(text)
        self.kind = kind


class Skipped(BaseException):
    pass


class Stop(typing.NamedTuple):
    """Why the guest stands. `how`: breakpoint, signal, halted (for ever), crashed, ended, other, or nothing: it did not run."""

    how: str
    text: str  # "stopped at breakpoint 1 in schedule", "ended with exit status 0", "crashed: triple fault at …"
    numbers: tuple = ()  # of the breakpoints it stands at
    signal: str | None = None
    status: int | None = None  # the exit status of an ended guest
    unhit: tuple = ()  # breakpoints that an ended guest has not hit
    said: str = ""  # what the command that ran the guest printed


# --- gdb's commands


_screen = open(os.memfd_create("screen"), "w+", encoding="utf-8", errors="replace")


def execute(command):
    """Runs a gdb command; returns all that its user sees: of errors, of stops and of gdbvm's lines, too.

    gdb.error: the command failed."""
    print(f"(gdb) {command}")
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    _screen.seek(0)
    _screen.truncate()
    os.dup2(_screen.fileno(), 1)
    os.dup2(_screen.fileno(), 2)
    text = ""
    try:
        gdb.execute(command)
    except gdb.error as error:
        print(error)
        raise
    finally:
        gdb.flush(gdb.STDOUT)
        gdb.flush(gdb.STDERR)
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])
        _screen.seek(0)
        text = _screen.read()
        print(text, end="")
        _shown[:] = [text]
    return text


_shown = [""]  # by the last command


def monitor(command):
    """Runs a command of gdbvm's own; returns what it prints (`monitor help` lists them)."""
    text = execute(f"monitor {command}")
    if text.startswith("unknown command "):
        raise Failed(f"`monitor {command}`: {text.strip()}", "gdb-error")
    return text


def connect(remote="remote"):
    """Connects gdb, in a test with `# gdbvm: connect no`; `remote` or `extended-remote`. Returns what gdb said."""
    return execute(f"target {remote} {ENDPOINT}")


def value(expression):
    """The value of an expression in the program's language: a Python int, float or (of a char array) str where it is one,
    else a gdb.Value."""
    found = gdb.parse_and_eval(expression)
    kind = found.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_VOID):
        return found
    if kind.code == gdb.TYPE_CODE_FLT:
        return float(found)
    if kind.code == gdb.TYPE_CODE_ARRAY:
        element = kind.target().strip_typedefs()
        return found.string(errors="replace") if element.sizeof == 1 and element.name == "char" else found
    return int(found)


# --- checks


def check(condition, what):
    """`condition` must be true; `what` says what is wrong otherwise."""
    if not condition:
        raise Failed(what)


def equal(found, expected, what="value"):
    if found != expected:
        raise Failed(f"{what}: expected {_shown_as(expected)}, found {_shown_as(found)}")


def matches(text, pattern):
    """A regular expression must be found in the text."""
    if not re.search(pattern, text):
        raise Failed(f"expected {pattern!r} in:\n{text}")


def expect(expression, expected=None):
    """An expression in the program's language must have this value: a number, a str (of a char array), or a compiled regular
    expression, which what `print` shows must match. Without it, the expression must be true."""
    if isinstance(expected, re.Pattern):
        found = gdb.parse_and_eval(expression).format_string()
        if not expected.search(found):
            raise Failed(f"`{expression}`: expected {expected.pattern!r} in {found!r}")
        return
    found = value(expression)
    if expected is not None:
        equal(found, expected, f"`{expression}`")
    elif not found:
        raise Failed(f"`{expression}`: expected it to be true, found {_shown_as(found)}")


def _shown_as(found):
    return f"{found} ({found:#x})" if type(found) is int and abs(found) > 9 else repr(found)


def skip(reason):
    """Ends the test as skipped; what it checked so far held."""
    raise Skipped(reason)


# --- running


_running = False
_stop = Stop("nothing", "did not run")
_unseen = []  # how the guest crashed or ended, where the test has not looked at it
_crash = None  # what it crashed with last
_began = 0  # where on the screen what this run has printed begins


def go(command="continue"):
    """Runs a gdb command that lets the guest run, such as `next`; returns the Stop. A crash or an end that it returns counts as
    dealt with by the test, which otherwise fails by it."""
    global _stop
    _stop = Stop("nothing", "did not run")
    said = execute(command)
    _unseen.clear()
    return _stop._replace(said=said)


def stop_at(place, when=""):
    """Runs the guest to this place (a function, FILE:LINE, *ADDRESS), when the condition `when` is true there."""
    execute(f"tbreak {place} if {when}" if when else f"tbreak {place}")
    number = max(breakpoint.number for breakpoint in gdb.breakpoints())
    stop = go()
    if number not in stop.numbers:
        kinds = {"crashed": "guest-crash", "ended": "breakpoint-never-hit", "halted": "breakpoint-never-hit"}
        what = f"`{place}` was never hit{' with ' + when if when else ''}: the guest {stop.text}"
        raise Failed(what, kinds.get(stop.how, "expectation"))


def run_until(condition):
    """Runs the guest until an expression in the program's language, such as `ticks >= 3`, is true. It stands right behind what
    made it true. What the expression reads is watched, so let that be little."""
    if value(condition):
        return
    execute(f"watch {condition}")
    watch = max(gdb.breakpoints(), key=lambda breakpoint: breakpoint.number)
    while True:
        stop = go()
        if watch.is_valid() and stop.how == "breakpoint" and value(condition):
            break
        if not watch.is_valid() or watch.number not in stop.numbers:
            kind = "guest-crash" if stop.how == "crashed" else "expectation"
            raise Failed(f"expected `{condition}` to become true: the guest {stop.text}", kind)
    watch.delete()


def run_to_end(status=0):
    """Runs the guest to its end: its power-off, or its halt for ever, which is status 0; or what it wrote to the debug exit
    port."""
    stop = go()
    found = 0 if stop.how == "halted" else stop.status
    if found is None:
        kind = "guest-crash" if stop.how == "crashed" else "expectation"
        raise Failed(f"expected the guest to end with exit status {status}: it {stop.text}", kind)
    if found != status:
        raise Failed(f"expected the guest to end with exit status {status}: it {stop.text}", "exit-status")


def reset():
    """Brings the machine back to its first instruction; breakpoints stay."""
    matches(execute("monitor reset"), "first instruction")
    gdb.execute("maintenance flush register-cache", to_string=True)


# --- the guest's keyboard and console


def send(*what):
    """Types at the guest. str: keys of its keyboard by name, one after the other: send("shift-a", "ret"). bytes: to its serial
    line: send(b"ls\\n"). They wait until the guest runs and reads them."""
    for item in what:
        if isinstance(item, str):
            said = monitor(f"sendkey {item}")
            check(said.endswith(" typed\n"), f"send({item!r}): {said.strip()} (bytes go to the serial line)")
        else:
            _send_bytes(bytes(item))


def _send_bytes(data):
    path = f"{FOLDER}/input"
    check(os.path.exists(path), "send: this VM's serial line takes no input, as it is elsewhere")
    line = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        taken = os.write(line, data)
    except BlockingIOError:
        taken = 0
    finally:
        os.close(line)
    check(taken == len(data), f"send: expected room for {len(data)} bytes, found {taken}: the guest does not read them")


class Console(str):
    """What the guest has printed."""

    def wait_for(self, pattern, seconds=60):
        """Lets the guest run until its console matches the regular expression; then it stands. Returns the console. Where it
        matches already, the guest does not run. `seconds` is a guard against hangs."""
        wanted = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + seconds
        stop = _run_while(lambda: not wanted.search(serial()) and time.monotonic() < end)
        console = serial()
        if not wanted.search(console):
            interrupted = stop is None or stop.signal == "SIGINT"
            why = f"waited {seconds:g} seconds" if interrupted else f"the guest {stop.text}"
            kind = "guest-crash" if stop and stop.how == "crashed" else "expectation"
            raise Failed(f"expected {pattern!r} on the console; {why}. It ends with:\n{console[-500:]}", kind)
        return console


def serial():
    """The guest's console so far: a str, with wait_for()."""
    try:
        with open(_SERIAL, encoding="utf-8", errors="backslashreplace", newline="") as file:
            return Console(file.read().replace("\r\n", "\n"))
    except FileNotFoundError:
        raise Failed("serial: this VM's console is elsewhere") from None


def _run_while(waiting):
    """Lets the guest run while waiting() is true, then interrupts it; returns the Stop. A guest that gdb does not hold runs
    anyway; the Stop is then None."""
    if not waiting():
        return None
    if gdb.selected_thread() is None or gdb.selected_thread().is_running():
        while waiting():
            time.sleep(0.01)
        return None
    over = threading.Event()

    def interrupt():
        if _running and not over.is_set():
            gdb.execute("interrupt")

    def watch():
        while not over.is_set():
            if _running and not waiting():
                return gdb.post_event(interrupt)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return go()
    finally:
        over.set()
        watcher.join()


# --- what gdb announces


def _printed(since):
    """What has been printed on this screen, which is a file."""
    sys.stdout.flush()
    gdb.flush(gdb.STDOUT)
    gdb.flush(gdb.STDERR)
    with open("/proc/self/fd/1", "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(since if since <= end else 0, end - 65536))
        return file.read().decode("latin-1")


def _name(breakpoint):
    what = breakpoint.location or breakpoint.expression or "?"
    return f"breakpoint {breakpoint.number} (`{what}{' if ' + breakpoint.condition if breakpoint.condition else ''}`)"


def unhit():
    """The breakpoints that the guest should have hit and has not."""
    asked = (row for row in gdb.breakpoints() if row.enabled and row.visible and not row.hit_count)
    return tuple(_name(row) for row in asked
                 if not any(rule.search(row.location or row.expression or "") for rule in _MAY_MISS))  # fmt: skip


def _place():
    try:
        frame = gdb.selected_frame()
        return f"at {frame.pc():#x}" + (f" in {frame.name()}" if frame.name() else "")
    except gdb.error:
        return "somewhere"


def _stopped(event):
    if isinstance(event, gdb.BreakpointEvent):
        numbers = tuple(row.number for row in event.breakpoints)
        return Stop("breakpoint", f"stopped at breakpoint {', '.join(map(str, numbers))} {_place()}", numbers)
    signal = getattr(event, "stop_signal", None)
    printed = _printed(_began)
    if signal in _CRASHES:
        crash = _CRASH.search(printed)
        what = crash[0].split("; registers are")[0] if crash else f"{signal} {_place()}"
        return Stop("crashed", f"crashed: {what}", signal=signal)
    if _HALTED in printed:
        return Stop("halted", f"halted for ever {_place()}", unhit=unhit())
    return Stop("signal" if signal else "other", f"stopped {'with ' + signal + ' ' if signal else ''}{_place()}", signal=signal)


def _exited(event):
    status = getattr(event, "exit_code", None)
    crash = _CRASH.search(_printed(_began))
    if status is None and crash:
        return Stop("crashed", f"crashed: {crash[0].split('; registers are')[0]}")
    text = "ended" if status is None else f"ended with exit status {status}"
    return Stop("ended", text, status=status, unhit=unhit())


def _on_continue(_):
    global _running, _began
    if not _running:
        _running = True
        with open("/proc/self/fd/1", "rb") as file:
            _began = file.seek(0, os.SEEK_END)
        gdbvm_report.tell(running=True, unhit=unhit())


def _on_stop(event):
    global _running, _stop, _crash
    _running = False
    _stop = _exited(event) if isinstance(event, gdb.ExitedEvent) else _stopped(event)
    if _stop.how in ("crashed", "ended", "halted"):
        _unseen.append(_stop)
    _crash = _stop.text if _stop.how == "crashed" else _crash
    gdbvm_report.tell(running=False, unhit=())


gdb.events.cont.connect(_on_continue)
gdb.events.stop.connect(_on_stop)
gdb.events.exited.connect(_on_stop)
