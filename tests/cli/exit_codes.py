# How a guest ends is gdbvm's exit status.
from cli import *

needs_kvm()
QUIET = ("run", "--gdb", "none")
equal(run(*QUIET, guest("halt16")), (0, "", ""), "halted for ever")
status, out, err = run(*QUIET, guest("protected32"))
equal((status, err), (0, ""), "power-off")
matches(out, r"Hello from 32-bit protected mode!")
for code, expected in ((0, 1), (5, 11), (127, 255)):
    status, out, err = run(*QUIET, "--append", f"exit={code}", guest("protected32"))
    equal((status, err), (expected, ""), f"exit={code}")
status, out, err = run(*QUIET, "--append", "ticks=5", guest("kernel64"))
equal((status, err), (0, ""), "power-off")
matches(out, "5 ticks: power off")
for name in ("protected32", "kernel64"):
    status, out, err = run(*QUIET, "--append", "triple", guest(name))
    equal(status, 3, f"triple fault of {name}")
    matches(err, r"^gdbvm: the guest crashed: triple fault at 0x[0-9a-f]+ .*\n +rax [0-9a-f]{16} rbx(.*\n)+ cr0 ")
