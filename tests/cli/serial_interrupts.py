# What is typed on the serial line interrupts the guest, gdb stands in its handler, and the line goes on afterwards.
import socket

from cli import *

needs_kvm()
SERIAL, GDB = f"{FOLDER}/serial", f"{FOLDER}/gdb"
process = start("run", "--wait", "--gdb", f"unix:{GDB}", "--serial", f"unix:{SERIAL}", "--append", "forever typing",
                guest("kernel64"))
announced(process)
line = socket.socket(socket.AF_UNIX)
line.connect(SERIAL)
line.send(b"hello\r")  # waits for the guest's driver

said = gdb(f"target remote {GDB}", "break serial_interrupt", "continue", "backtrace", "print typed[0]", "delete",
           "break line_typed", "continue", "print typed", "print serial_interrupts", "detach", files=[guest("kernel64")])
matches(said, r"hit Breakpoint 1|Breakpoint 1, serial_interrupt")
matches(said, r"#0 +serial_interrupt(.*\n)+#1 .*handle_trap \(frame=(.*\n)+#2 +<signal handler called>\n#3 ")
matches(said, r"\$1 = 0 '\\000'\n(.*\n)*\$2 = \"hello\", '\\000' .*\n\$3 = [1-9]")

read_until(line.fileno(), "typed: hello\r\n")
line.send(b"off\r")
equal(process.wait(LIMIT), 0, "exit status")
