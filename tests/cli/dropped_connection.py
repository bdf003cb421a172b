# A debugger that vanishes while the guest runs, in each mode of --on-disconnect.
from cli import *
from rsp import Debugger

needs_kvm()


def vanish(mode):
    """Plants breakpoints, lets the guest run, and drops the connection."""
    options = ("--wait", "--serial", "none", "--gdb", "tcp:127.0.0.1:0", "--on-disconnect", mode)
    vm = start("run", *options, guest("bench64"))
    where = announced(vm)
    debugger = Debugger(where)
    matches(debugger.ask("?"), "^T05")
    for address in range(0x300000, 0x300008):
        equal(debugger.ask(f"Z0,{address:x},1"), "OK", "Z0")
    debugger.send("vCont;c")
    debugger.drop()
    return vm, where


def come_back(where):
    """Attaches; while the server still holds the lost connection, a newcomer is refused."""
    while True:
        debugger = Debugger(where)
        reply = debugger.ask("?")
        if reply.startswith("T"):
            return debugger, reply
        debugger.drop()


def counter(debugger):
    return debugger.ask(f"m{COUNTER:x},8")


def planted(debugger):
    return debugger.ask("qRcmd," + b"info breakpoints".hex())


symbols = subprocess.run(["nm", guest("bench64")], capture_output=True, text=True, check=True).stdout
COUNTER = int(re.search(r"^([0-9a-f]+) \w counter$", symbols, re.MULTILINE)[1], 16)

vm, where = vanish("continue")
first, _ = come_back(where)
before = counter(first)
equal(first.ask("D"), "OK", "detach")
first.drop()
while True:
    second, _ = come_back(where)
    if counter(second) != before:
        break
    equal(second.ask("D"), "OK", "detach")
    second.drop()
second.send("k")
equal(vm.wait(LIMIT), 0, "exit status after k")

vm, where = vanish("stop")
first, _ = come_back(where)
before = counter(first), first.ask("g")
first.drop()
second, _ = come_back(where)
equal((counter(second), second.ask("g")), before, "the guest that waits")
second.send("k")
equal(vm.wait(LIMIT), 0, "exit status after k")

vm, where = vanish("exit")
equal(vm.wait(LIMIT), 0, "exit status after the connection was lost")
