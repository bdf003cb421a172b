# gdbvm: image hello16
# gdbvm: firmware /usr/share/seabios/bios.bin
# gdbvm: timeout 280
# gdbvm: local
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)Booting from Hard Disk.*Hello from 16-bit real mode, by the UART.*lift-off
# A disk of one sector, as the first steps of a boot loader have it, is booted by firmware.
connect()
execute("set architecture i8086")
execute("hbreak *0x7c00")
hit("continue", 1)
execute("delete")
exits("continue")
