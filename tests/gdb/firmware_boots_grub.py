# gdbvm: image grub.img
# gdbvm: local
# gdbvm: firmware /usr/share/seabios/bios.bin
# gdbvm: timeout 280
# SeaBIOS finds the disk and boots GRUB from it, to its prompt.
connect()
execute("set architecture i8086")
execute("hbreak *0x7c00")
hit("continue", 1)
equal(value("$dl") & 0xFF, 0x80, "the BIOS's number of the first disk")
equal(peek(0x7DFE, 2), b"\x55\xaa", "the boot sector's signature")
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
