# A range is stepped through while the other CPU runs, and leads for ever from a planted breakpoint, whose condition does not
# hold, to itself: Ctrl-C ends it.
import time

from cli import *
from rsp import Debugger

needs_kvm()
symbols = subprocess.run(["nm", guest("smp64")], capture_output=True, text=True, check=True).stdout
place = int(re.search(r"^([0-9a-f]+) \w station_7$", symbols, re.MULTILINE)[1], 16)
vm = start("run", "--wait", "--serial", "none", "-c", "2", "--gdb", "tcp:127.0.0.1:0", guest("smp64"))
debugger = Debugger(announced(vm))
matches(debugger.ask("?"), "^T05")


def stop(packet=None):
    if packet:
        debugger.send(packet)
    while (reply := debugger.reply()).startswith("O") and reply != "OK":
        pass
    return reply


equal(debugger.ask(f"Z1,{place:x},1"), "OK", "Z1")
matches(stop("vCont;c"), "^T05")
thread = re.search(r"thread:([^;]*);", debugger.ask("?"))[1]
equal(debugger.ask(f"z1,{place:x},1"), "OK", "z1")
equal(debugger.ask(f"M{place:x},3:90ebfe"), "OK", "nop, and a jump to itself")
# All debug registers are taken, so that the fifth lies in memory.
for address in range(0x300000, 0x300004):
    equal(debugger.ask(f"Z1,{address:x},1"), "OK", "Z1")
equal(debugger.ask(f"Z0,{place + 1:x},1;X3,220027"), "OK", "Z0 with the condition 0")
for _ in range(5):
    debugger.send(f"vCont;r{place:x},{place + 3:x}:{thread};c")
    time.sleep(0.05)
    debugger.socket.sendall(b"\x03")
    matches(stop(), "^T02")
debugger.send("k")
equal(vm.wait(LIMIT), 0, "exit status")
