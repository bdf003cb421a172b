# gdbvm: image hello16
# A step over INT n in real mode, as in a call of the BIOS, ends at the handler; neither it nor the way back leaves TF behind.
connect()
execute("set architecture i8086")
start, vector, handler = 0x7C00, 0x60, 0x600
execute("set $sp = 0x7000")
poke(4 * vector, "00060000")
poke(handler, "40cf")  # inc ax; iret
poke(start, "cd609c9090")  # int 0x60; pushf; nop
execute("set $ax = 0")
flags = value("$eflags")
execute("stepi")
equal(pc(), handler, "the handler")
equal(value("$sp"), 0x7000 - 6)
ip, cs, saved = (value(f"*(unsigned short *){0x6FFA + 2 * word}") for word in range(3))
equal((ip, cs, saved), (start + 2, 0, flags), "the frame")
execute("stepi")
equal(value("$ax"), 1)
execute("stepi")
equal(pc(), start + 2, "back")
equal(value("$eflags") & 0x100, 0, "TF")
execute("stepi")
equal(value("*(unsigned short *)0x6ffe") & 0x100, 0, "TF behind pushf")

# The same by a breakpoint behind it: what was stepped over runs on without a trap of ours.
execute(f"set $pc = {start}")
execute("stepi")
execute(f"tbreak *{start + 3}")
execute("continue")
equal(pc(), start + 3)
equal(value("$ax"), 2)
