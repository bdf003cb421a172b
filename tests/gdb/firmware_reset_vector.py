# gdbvm: image grub.img
# gdbvm: local
# gdbvm: firmware /usr/share/seabios/bios.bin
# Firmware from the CPU's first instruction, in its ROM, to its copy below 1 MiB.
connect()
execute("set architecture i8086")
equal(pc() & 0xFFFFFFFF, 0xFFFFFFF0, "pc at the reset vector")
equal(value("$cs"), 0xF000)
matches(execute("x/i $pc"), r"ljmp +\$0xf000,\$0xe05b")
equal(peek(0xFFFF0, 16), peek(0xFFFFFFF0, 16), "the copy of the ROM")
execute("stepi")
equal(pc(), 0xFE05B, "pc behind the far jump")

# Breakpoints hold in the copy; in the ROM, gdb may write what the guest can't.
execute("stepi")
execute("tbreak *0xffff0")
jump = peek(0xFFFFFFF0, 1)
poke(0xFFFFFFF0, "90")
equal(peek(0xFFFFFFF0, 1), b"\x90", "the ROM, written by gdb")
poke(0xFFFFFFF0, jump.hex())
