# gdbvm: image teach32.img
# gdbvm: symbols teach32_boot.elf
# gdbvm: args --memory 224 --cpus 2 --drive {guests}/teach32.img,snapshot --drive {guests}/teach32fs.img,ro
# A teaching kernel's boot block at source level: A20, into protected mode, and the kernel read from the disk by programmed
# I/O; up to where the kernel turns on 32-bit paging, which not every host can do.
GUESTS = os.path.dirname(IMAGE)
connect()
equal(pc(), 0x7C00, "pc")
equal(function(), "start")
equal(value("$cr0") & 1, 0, "PE")
stop_at("open_a20")
stop_at("turn_protection_on")
equal(value("$cr0") & 1, 0, "PE")
execute("stepi")
equal(value("$cr0") & 1, 1, "PE")
stop_at("protected")
matches(execute("info threads"), r"(?s)\* 1 .*protected-32.*protected \(\).*CPU 1 waiting for SIPI")

# Its C code: one sector after the other.
stop_at("load_kernel")
matches(execute("bt"), r"^#0  load_kernel .*\n#1 .*protected \(\)")
execute("break read_sector if sector == 3")
number = gdb.breakpoints()[-1].number
hit("continue", number)
matches(execute("bt"), r"^#0 .*read_sector .*sector=\S*3\).*\n#1 .*read_bytes .*\n#2 .*load_kernel .*\n#3 .*protected")
execute(f"delete {number}")
with open(IMAGE, "rb") as file:
    image = file.read()
to = value("to")
execute("finish")
equal(peek(to, 512), image[3 * 512 : 4 * 512], "sector 3")
equal(peek(0x7C00, 512), image[:512], "the boot block")

# The kernel's segments.
stop_at("load_segment")
first = {name: value(f"segment->{name}") for name in ("physical", "offset", "file_size", "virtual")}
equal(first["physical"], 0x100000)
equal(first["virtual"] & 0xFFFFFFFF, 0x80100000)
execute("finish")
loaded = image[512 + first["offset"] :][: first["file_size"]]
equal(peek(0x100000, len(loaded)), loaded, "the kernel's code")

# The kernel's first instructions, which run where they are loaded.
execute(f"add-symbol-file {GUESTS}/teach32.elf")
stop_at("entry")
matches(execute("info line"), "entry.S")
stop_at("entry_turns_paging_on")
directory = value("$cr3")
equal(directory, value("(unsigned)&boot_directory") - 0x80000000)
equal(peek(directory, 4), bytes.fromhex("83000000"), "the large page at 0")
equal(peek(directory + 0x800, 8), bytes.fromhex("8300000083004000"), "the large pages from 0x80000000 on")
equal(value("$cr4") & 0x10, 0x10, "CR4.PSE")
