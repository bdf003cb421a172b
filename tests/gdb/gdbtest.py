"""What our tests use inside gdb, beside the module `gdbvm` (vmm/testing/in_gdb), whose names they find here, too."""
import os
import re
import sys
import threading
import time

import gdb
import gdbvm
from gdbvm import *  # noqa: F403

PID = int(os.environ["GDBVM_TEST_PID"])


def fails(command, pattern=""):
    """The command must fail; what the user sees of it must match."""
    try:
        execute(command)
    except gdb.error:
        return matches(gdbvm._shown[0], pattern)
    raise Failed(f"`{command}` did not fail")


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
    text = go(command).said
    event = last_event()
    numbers = [row.number for row in event.breakpoints] if isinstance(event, gdb.BreakpointEvent) else []
    check(number in numbers, f"`{command}` did not stop at breakpoint {number} but with {event} {numbers} at {pc():#x}")
    return text


def signalled(command, name):
    """Runs the command; the guest must stop with the signal `name`, such as SIGINT. Returns what was printed."""
    _events.clear()
    text = go(command).said
    event = last_event()
    found = event.stop_signal if isinstance(event, gdb.SignalEvent) else None
    equal(found, name, f"the signal that stopped `{command}`")
    return text


def trapped(command):
    """Runs the command; the guest must stop with SIGTRAP at nothing that gdb knows of. Returns what was printed."""
    _events.clear()
    text = go(command).said
    event = last_event()
    check(type(event) is gdb.StopEvent, f"`{command}` ended with {event}")
    matches(text, "received signal SIGTRAP")
    return text


def exits(command, code=0):
    """Runs the command; the guest must end with this exit code."""
    _events.clear()
    go(command)
    event = last_event()
    check(isinstance(event, gdb.ExitedEvent), f"`{command}` ended with {event}, not with the guest's end")
    equal(getattr(event, "exit_code", None), code, "exit code")


def wait_for(condition, what, seconds=60):
    """Polls; the time limit only guards against hangs."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"never came: {what}")
        time.sleep(0.01)


def type_in(text):
    """Into the test's console, while the guest runs or stands; from any thread."""
    send(text.encode())


def answers(conversation, seconds=900):
    """From now on: whenever the console has said the next (regular expression, text) pair's first, types its second.
    Returns the pairs still to come."""
    left = list(conversation)

    def converse():
        at = 0
        end = time.monotonic() + seconds
        while left and time.monotonic() < end:
            found = re.compile(left[0][0]).search(serial(), at)
            if found:
                at = found.end()
                type_in(left.pop(0)[1])
            time.sleep(0.02)

    threading.Thread(target=converse, daemon=True).start()
    return left


def interrupted(command="continue", after=0.0):
    """Runs the command and interrupts it, `after` so many seconds of running; the guest must stop with SIGINT."""
    timer = threading.Timer(after, gdb.post_event, [lambda: gdb.execute("interrupt")])

    def when_running(_):
        gdb.events.cont.disconnect(when_running)
        timer.start()

    gdb.events.cont.connect(when_running)
    signalled(command, "SIGINT")
    timer.cancel()


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
