"""What a test uses inside gdb. Every check fails with what was expected and what was found."""
import os
import re
import sys
import tempfile
import threading
import time
import traceback

import gdb

ENDPOINT = os.environ["GDBVM_TEST_ENDPOINT"]
FOLDER = os.environ["GDBVM_TEST_FOLDER"]
IMAGE = os.environ["GDBVM_TEST_IMAGE"]
PID = int(os.environ["GDBVM_TEST_PID"])
SLOW = bool(os.environ["GDBVM_TEST_SLOW"])  # in the lab: 2 ms a packet, 20 kB/s


class Failed(Exception):
    pass


_screen = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def execute(command):
    """Runs a gdb command; returns all that its user sees: of errors, of stops and of the guest's console, too."""
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


def fails(command, pattern=""):
    """The command must fail; what the user sees of it must match."""
    try:
        execute(command)
    except gdb.error:
        return matches(_shown[0], pattern)
    raise Failed(f"`{command}` did not fail")


def equal(found, expected, what="value"):
    if found != expected:
        raise Failed(f"{what}: expected {expected!r}, found {found!r}")


def matches(text, pattern):
    if not re.search(pattern, text):
        raise Failed(f"expected {pattern!r} in:\n{text}")


def check(condition, what):
    if not condition:
        raise Failed(what)


def skip(reason):
    """Ends the test as skipped; what it checked so far held."""
    print(f"gdbtest: skipped: {reason}", flush=True)
    os._exit(0)


def connect(remote="remote"):
    return execute(f"target {remote} {ENDPOINT}")


def value(expression):
    return int(gdb.parse_and_eval(expression))


def pc():
    return value("$pc") & 0xFFFFFFFFFFFFFFFF


def label(name):
    """Where a symbol is: of a function, or a label in one."""
    return value(f"(unsigned long)&{name}") & 0xFFFFFFFFFFFFFFFF


def function():
    """The name of the function the guest stands in."""
    return gdb.selected_frame().name()


_events = []  # stops and exits, as gdb announced them
gdb.events.stop.connect(_events.append)
gdb.events.exited.connect(_events.append)


def last_event():
    return _events[-1] if _events else None


def hit(command, number):
    """Runs the command; it must stop at breakpoint `number`. Returns what was printed."""
    _events.clear()
    text = execute(command)
    event = last_event()
    numbers = [row.number for row in event.breakpoints] if isinstance(event, gdb.BreakpointEvent) else []
    check(number in numbers, f"`{command}` did not stop at breakpoint {number} but with {event} {numbers} at {pc():#x}")
    return text


def signalled(command, name):
    """Runs the command; the guest must stop with the signal `name`, such as SIGINT. Returns what was printed."""
    _events.clear()
    text = execute(command)
    event = last_event()
    found = event.stop_signal if isinstance(event, gdb.SignalEvent) else None
    equal(found, name, f"the signal that stopped `{command}`")
    return text


def trapped(command):
    """Runs the command; the guest must stop with SIGTRAP at nothing that gdb knows of. Returns what was printed."""
    _events.clear()
    text = execute(command)
    event = last_event()
    check(type(event) is gdb.StopEvent, f"`{command}` ended with {event}")
    matches(text, "received signal SIGTRAP")
    return text


def exits(command, code=0):
    """Runs the command; the guest must end with this exit code."""
    _events.clear()
    execute(command)
    event = last_event()
    check(isinstance(event, gdb.ExitedEvent), f"`{command}` ended with {event}, not with the guest's end")
    equal(getattr(event, "exit_code", None), code, "exit code")


def serial():
    with open(os.environ["GDBVM_TEST_SERIAL"], encoding="latin-1") as file:
        return file.read()


def wait_for(condition, what, seconds=60):
    """Polls; the time limit only guards against hangs."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"never came: {what}")
        time.sleep(0.01)


def interrupted(command="continue", after=0.0):
    """Runs the command and interrupts it, `after` so many seconds of running; the guest must stop with SIGINT."""
    timer = threading.Timer(after, gdb.post_event, [lambda: gdb.execute("interrupt")])

    def when_running(_):
        gdb.events.cont.disconnect(when_running)
        timer.start()

    gdb.events.cont.connect(when_running)
    signalled(command, "SIGINT")
    timer.cancel()


def stop_at(place):
    """Runs to a place that is reached for certain."""
    execute(f"tbreak {place}")
    execute("continue")
    check(isinstance(last_event(), gdb.StopEvent), f"the guest did not get to {place}")


def packet(text):
    """Sends a packet of the protocol past gdb's own; returns the reply."""
    said = execute(f"maintenance packet {text}")
    return re.search(r'received: "(.*)"', said, re.DOTALL)[1]


def packets(command):
    """Runs the command; returns the packets that gdb sent meanwhile."""
    execute("set debug remote on")
    text = execute(command)
    execute("set debug remote off")
    return re.findall(r"Sending packet: \$(.*?)#", text)


def catch(kind, name):
    """Sets a catchpoint; returns its number."""
    said = execute(f"monitor catch {kind}")
    matches(said, rf"^catchpoint \d+: {re.escape(name)}$")
    return int(re.search(r"\d+", said)[0])


def caught(number, pattern, command="continue"):
    """Runs the command; the guest must stop at catchpoint `number`, with a line that says what happened."""
    said = trapped(command)
    matches(said, rf"(?m)^catchpoint {number}: {pattern}$")
    return said


def forget_registers():
    """Makes gdb read the registers anew, after a packet that it knows nothing of."""
    execute("maintenance flush register-cache")


def poke(address, code):
    """Writes bytes, given in hexadecimal."""
    gdb.selected_inferior().write_memory(address, bytes.fromhex(code))


def peek(address, count):
    return bytes(gdb.selected_inferior().read_memory(address, count))


def armed():
    """How each breakpoint was armed when the guest ran last: (address, mechanism)."""
    rows = re.findall(r"^\w+ +(0x[0-9a-f]+)  (.*)$", execute("monitor info breakpoints"), re.MULTILINE)
    return [(int(address, 16), how) for address, how in rows]


def mechanism(address):
    return next(how for where, how in armed() if where == address)


def occupy_debug_registers(addresses):
    """Hardware breakpoints where the guest never comes, so that further breakpoints must go into memory."""
    for address in addresses:
        execute(f"hbreak *{address:#x}")


def power_off_soon():
    """kernel64 with `forever`, which gives slow hosts the time they need, ends at the next tick."""
    execute("set var options.tick_limit = 1")


def run(path):
    try:
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        exec(code, {"__name__": "__test__", **{k: v for k, v in globals().items() if not k.startswith("_")}})
    except BaseException:  # noqa: BLE001 - whatever it was, the test has failed
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    print("gdbtest: passed", flush=True)
