# gdbvm: image bench64
# gdbvm: append pio
# gdbvm: running
# A debugger that goes takes its catchpoints along: the guest runs on, and the next debugger finds none.
connect()
number = catch("io 0x80", "io port 0x80")
for _ in range(3):
    caught(number, r"io port 0x80 written at 0x[0-9a-f]+, 1 byte: (unknown|0x0) -> 0x0")
before = value("counter")
execute("detach")
connect()
check("0x80" not in execute("monitor info catch"), "a catchpoint is left")
interrupted(after=0.05)
check(value("counter") > before, "the guest stood still")
