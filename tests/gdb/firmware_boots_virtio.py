# gdbvm: image hello16
# gdbvm: firmware /usr/share/seabios/bios-256k.bin
# gdbvm: args --drive {guests}/grub.img,if=virtio,snapshot
# gdbvm: local
# gdbvm: timeout 280
# A virtio disk that comes first is the firmware's first disk, before one on the IDE channel.
connect()
execute("set architecture i8086")
execute("hbreak *0x7c00")
hit("continue", 1)
equal(value("$dl") & 0xFF, 0x80, "the BIOS's number of the first disk")
with open(os.path.join(os.path.dirname(IMAGE), "grub.img"), "rb") as disk:
    equal(peek(0x7C00, 512), disk.read(512), "the boot sector")
equal(peek(0x475, 1), b"\x02", "disks that the BIOS knows")
matches(execute("monitor screen"), r"(?m)^SeaBIOS .*\n(.*\n)*Booting from Hard Disk\.\.\.$")

# core.img's first sector: GRUB has read it from that disk.
execute("delete")
execute("hbreak *0x8000")
hit("continue", 2)
