# gdbvm: image grub.img
# gdbvm: local
# gdbvm: firmware /usr/share/seabios/bios.bin
# gdbvm: timeout 280
# SeaBIOS finds the disk and boots GRUB from it, to its prompt, on the serial line and on the screen of its VGA BIOS.
connect()
execute("set architecture i8086")
execute("hbreak *0x7c00")
hit("continue", 1)
equal(value("$dl") & 0xFF, 0x80, "the BIOS's number of the first disk")
equal(peek(0x7DFE, 2), b"\x55\xaa", "the boot sector's signature")
# The ACPI tables are where SeaBIOS has put them, linked and summed up.
area = peek(0xF0000, 0x10000)
rsdp = next(area[at:at + 36] for at in range(0, 0x10000, 16) if area[at:at + 8] == b"RSD PTR ")
equal((sum(rsdp[:20]) & 0xFF, sum(rsdp) & 0xFF), (0, 0), "sums of the RSDP")
xsdt = int.from_bytes(rsdp[24:32], "little")
tables = [xsdt] + [int.from_bytes(peek(xsdt + at, 8), "little") for at in (36, 44)]
for address, name in zip(tables, (b"XSDT", b"FACP", b"APIC")):
    table = peek(address, int.from_bytes(peek(address + 4, 4), "little"))
    equal((table[:4], sum(table) & 0xFF), (name, 0), "an ACPI table")

matches(execute("x/i $pc"), "jmp +0x7c65")
execute("stepi")
equal(pc(), 0x7C65, "pc in GRUB's boot.img")
execute("delete")

# core.img's first sector, which loads the others.
execute("hbreak *0x8000")
hit("continue", 2)
matches(serial(), "Booting from Hard Disk")
execute("detach")


def shown():
    """The console without escape sequences, with which SeaBIOS moves its cursor on the serial line."""
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|c)", "", serial())


wait_for(lambda: "grub>" in shown(), "GRUB's prompt", 250)
matches(shown(), r"(?s)SeaBIOS.*Booting from Hard Disk.*GRUB loading.*Welcome to GRUB!.*grub\.cfg was read.*grub>")
connect()
matches(execute("monitor screen"), r"(?m)^ +GNU GRUB +version .*\n(.*\n)+grub>$")
execute("monitor sendkey h")
execute("monitor sendkey i")
execute("detach")
wait_for(lambda: shown().endswith("hi"), "what was typed", 60)
connect()
matches(execute("monitor screen"), r"(?m)^grub> hi\n*cursor: row \d+, column 8, from 0$")
