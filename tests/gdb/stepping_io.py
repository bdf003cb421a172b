# gdbvm: image hello16
# gdbvm: expect-serial ^Hello
# A step over port I/O, string instructions too, ends with the access made and the registers changed.
connect()
execute("set architecture i8086")
TEXT, BUFFER = 0x8100, 0x9000


def step_until(end):
    for _ in range(20):
        if pc() != end:
            execute("stepi")
    equal(pc(), end, "pc")


for address in (0x7C07, 0x7C09, 0x7C0B, 0x7C0D):  # up to where the segments are loaded
    execute(f"until *{address:#x}")

# rep outsb: five characters to the debug console
poke(TEXT, b"Hello".hex())
poke(0x8000, "f36e")
for name, number in (("pc", 0x8000), ("esi", TEXT), ("ecx", 5), ("edx", 0xE9)):
    execute(f"set ${name} = {number}")
step_until(0x8002)
equal(value("$esi") & 0xFFFF, TEXT + 5, "si")
equal(value("$ecx") & 0xFFFF, 0, "cx")

# in al, dx of the line status; rep insb of the same
poke(0x8002, "ec" + "f36c")
execute("set $eax = 0x1200")
execute("set $edx = 0x3fd")
execute("stepi")
equal(value("$eax") & 0xFFFF, 0x1260, "ax: the transmitter is idle")
poke(BUFFER, "00" * 4)
execute(f"set $edi = {BUFFER:#x}")
execute("set $ecx = 3")
step_until(0x8005)
equal(peek(BUFFER, 4).hex(), "60606000", "what insb stored")
equal(value("$edi") & 0xFFFF, BUFFER + 3, "di")

# out dx, al and in eax, dx where nothing answers
poke(0x8005, "ee" + "66ed")
execute("set $edx = 0x1234")
execute("stepi")
equal(pc(), 0x8006, "pc")
execute("stepi")
equal(value("$eax") & 0xFFFFFFFF, 0xFFFFFFFF, "eax")
