# The console goes where --serial says.
import socket

from cli import *

needs_kvm()
TICKS = ("run", "--gdb", "none", "--append", "ticks=5")
path = os.path.join(FOLDER, "log")
equal(run(*TICKS, "--serial", f"file:{path}", guest("kernel64")), (0, "", ""), "file")
with open(path, encoding="latin-1") as log:
    matches(log.read(), "5 ticks: power off")
equal(run(*TICKS, "--serial", "none", guest("kernel64")), (0, "", ""), "none")

vm = start("run", "--gdb", "none", "--append", "forever", "--serial", f"unix:{FOLDER}/console", guest("kernel64"))
client = socket.socket(socket.AF_UNIX)
while True:
    try:
        client.connect(f"{FOLDER}/console")
        break
    except (FileNotFoundError, ConnectionRefusedError):
        assert vm.poll() is None, vm.stderr.read()
read_until(client.fileno(), r"speed 1, position \d")
vm.terminate()
vm.wait(LIMIT)

vm = start("run", "--gdb", "none", "--append", "forever", "--serial", "pty", guest("kernel64"))
with open(announced(vm, "serial: pty:"), "rb+", buffering=0) as terminal:
    read_until(terminal.fileno(), r"speed 1, position \d")
