# Serial input that the guest does not read waits on the host, and goes on coming when the guest is reset.
import socket
import time

from cli import *

needs_kvm()
SERIAL, GDB = f"{FOLDER}/serial", f"{FOLDER}/gdb"
process = start("run", "--gdb", f"unix:{GDB}", "--serial", f"unix:{SERIAL}", "--append", "loop", guest("protected32"))
announced(process)
line = socket.socket(socket.AF_UNIX)
line.connect(SERIAL)
line.setblocking(False)


def sends(seconds):
    """Whether there is room for more within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return line.send(bytes(1024)) > 0
        except BlockingIOError:
            time.sleep(0.01)
    return False


while sends(0.5):
    pass
matches(gdb(f"target remote {GDB}", "monitor reset", "detach"), "detached")
assert sends(LIMIT), "nobody takes input after the reset"
process.terminate()
process.wait(LIMIT)
