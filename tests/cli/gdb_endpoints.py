# Where gdb may attach: TCP on a free port, a private unix socket, standard input and output, a pty.
from cli import *

needs_kvm()
KERNEL = guest("kernel64")
SESSION = ("break kernel_main", "continue", "stepi", "kill")
PATTERN = r"Breakpoint 1, kernel_main"


def serve(*options):
    vm = start("run", "--wait", "--serial", "none", *options, KERNEL)
    return vm, announced(vm)


for asked, shape in (("tcp:127.0.0.1:0", r"^tcp:127\.0\.0\.1:[1-9]\d*$"),):
    vm, where = serve("--gdb", asked)
    matches(where, shape)
    matches(gdb(f"target remote {where.removeprefix('tcp:')}", *SESSION, files=[KERNEL]), PATTERN)
    equal(vm.wait(LIMIT), 0, f"exit status with {asked}")

path = os.path.join(FOLDER, "socket")
vm, where = serve("--gdb", f"unix:{path}")
equal(where, f"unix:{path}", "announced")
equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the socket")
matches(gdb(f"target remote {path}", *SESSION, files=[KERNEL]), PATTERN)
equal(vm.wait(LIMIT), 0, "exit status with a unix socket")
assert not os.path.exists(path), "the socket is left"

pipe = f"{GDBVM} run --gdb stdio --serial none --wait {KERNEL}"
matches(gdb(f"target remote | {pipe}", *SESSION, files=[KERNEL]), PATTERN)

vm, where = serve("--gdb", "pty")
matches(where, r"^pty:/dev/pts/\d+$")
matches(gdb(f"target remote {where.removeprefix('pty:')}", *SESSION, files=[KERNEL]), PATTERN)
equal(vm.wait(LIMIT), 0, "exit status with a pty")

vm = start("run", "--wait", "--serial", "none", "--gdb", "tcp:0.0.0.0:0", "--gdb-allow-remote", KERNEL)
matches(vm.stderr.readline(), r"warning: anyone who can reach .* has full power over the guest")
vm.terminate()
