# --display text: the guest's screen as terminal output, keys as scan codes, the terminal left in order at the end.
import fcntl
import pty
import struct
import termios

from cli import *

needs_kvm()
ARGUMENTS = ["run", "--gdb", "none", "--display", "text"]
KEYS = [*ARGUMENTS, "--append", "screen keys", guest("legacy32")]


def screen(text):
    """What a terminal shows that was sent `text`: the few sequences that gdbvm uses."""
    rows, row, column = [[" "] * 80 for _ in range(26)], 0, 0
    for move, row_number, column_number, other, character in re.findall(
        r"(\x1b\[(\d+);(\d+)H)|(\x1b\[[?0-9;]*[A-Za-z])|(.)", text
    ):
        if move:
            row, column = int(row_number) - 1, int(column_number) - 1
        elif character:
            rows[row][column] = character
            column = min(column + 1, 79)
        elif other.endswith("J"):
            rows = [[" "] * 80 for _ in range(26)]
    return ["".join(cells).rstrip() for cells in rows]


# Pipes: what is typed into standard input reaches the guest, to the end.
process = start(*KEYS, stdin=subprocess.PIPE, encoding="utf-8")
out, err = process.communicate("aB\x1b[A\x1b", timeout=LIMIT)
equal((process.returncode, err), (0, ""))
rows = screen(out)
equal(rows[0], "legacy32")
equal(rows[1], "  yellow on black ☺ ░▒▓█")
equal(rows[24], " " * 74 + "corner")
equal(rows[10], "1e 9e 2a 30 b0 aa e0 48 e0 c8 01 81")
matches(out, r"\x1b\[0;97;44mlegacy32")

# A terminal: raw while the guest has it, as it was afterwards.
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
process = start(*KEYS, stdin=slave, stdout=slave, stderr=slave)
said = ""
while not screen(said)[24].endswith("corner"):
    said += read_until(master, "(?s).")
os.write(master, b"q")
while screen(said)[10] != "10 90":
    said += read_until(master, "(?s).")
equal(termios.tcgetattr(slave)[3] & termios.ICANON, 0, "canonical mode")
os.write(master, b"\x01x")
said += read_until(master, r"\x1b\[\?25h\x1b\[25;1H")
equal(process.wait(LIMIT), 0)
equal(termios.tcgetattr(slave), before)

# A guest that reads no keys does not keep Ctrl-A x from us.
process = start(*ARGUMENTS, "--append", "loop", guest("protected32"), stdin=slave, stdout=slave, stderr=slave)
read_until(master, r"\x1b\[2J")
for _ in range(20):
    os.write(master, b"k" * 100)
    while struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))[0]:
        pass
os.write(master, b"\x01x")
equal(process.wait(LIMIT), 0)

# Firmware has a screen by the VGA BIOS that lies beside it; that there is none is said.
rom = file("bios.bin", bytes(0xFFF0) + bytes.fromhex("b000e6f4f4") + bytes(11))  # out 0xf4, al
status, out, err = run(*ARGUMENTS, "--firmware", rom)
equal(status, 1, err)
matches(err, "no vgabios.bin beside .*bios.bin")
file("vgabios.bin", b"\x55\xaa")
status, out, err = run(*ARGUMENTS, "--firmware", rom)
equal((status, err), (1, ""))

for arguments, pattern in (
    ([*ARGUMENTS, "--serial", "stdio", guest("legacy32")], "--display and --serial cannot both"),
    (["run", "--gdb", "stdio", "--display", "text", guest("legacy32")], "gdb has"),
    (["debug", "--display", "text", guest("legacy32")], "gdb has"),
    (["run", "--display", "window", guest("legacy32")], "window"),
):
    status, out, err = run(*arguments)
    equal((status, out, err.count("\n")), (2, "", 1), err)
    matches(err, pattern)
