# gdbvm: image traps64
# gdbvm: append ports rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)abc.*ports: 10 accesses, status D 80
# Port I/O stops behind the instruction, the access made, with what was written or read.
connect()
stop_at("job_ports")
written = catch("io 0xe9", "io port 0xe9")
read = catch("io 0x71", "io port 0x71")
old = "unknown"
for letter in "abc":
    said = caught(written, rf"io port 0xe9 written at 0x[0-9a-f]+, 1 byte: {old} -> {ord(letter):#x}")
    old = f"{ord(letter):#x}"
    matches(said, rf"written at {pc():#x},")
    equal(peek(pc() - 1, 1), b"\xee", "out dx, al")
    if not SLOW:  # the console is not here
        matches(serial(), rf"{letter}$")
    said = caught(read, r"io port 0x71 read at 0x[0-9a-f]+, 1 byte: 0x80")
    matches(said, rf"read at {pc():#x},")
    equal(peek(pc() - 1, 1), b"\xec", "in al, dx")
    equal(value("$al") & 0xFF, 0x80, "al")
matches(execute("monitor info catch"), rf"(?m)^ *{read} +io port 0x71, hit 3 times$")
execute(f"monitor uncatch {read}")
caught(written, r"io port 0xe9 written at .*, 1 byte: 0x63 -> 0xa")
execute("monitor uncatch all")
exits("continue")
