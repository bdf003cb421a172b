# What is wrong with a command line or an image is said in one line, with exit status 2.
from cli import *

needs_kvm()
NOTHING = file("nothing", b"")
TEXT = file("text", b"just some text\n" * 100)
SHORT_ELF = file("short-elf", b"\x7fELF\x02\x01\x01" + bytes(20))
with open(guest("kernel64"), "rb") as image:
    KERNEL = image.read()
CUT_ELF = file("cut-elf", KERNEL[:4096])
FOREIGN_ELF = file("foreign-elf", KERNEL[:18] + b"\xb7\x00" + KERNEL[20:])  # e_machine: AArch64


def bzimage(extended_load_flags, initrd_most=0x7FFFFFFF):
    """The least Linux kernel that is one, by its setup header."""
    image = bytearray(1024 + 0x240)
    image[0x1F1] = 1
    for at, value, size in ((0x1F4, 0x24, 4), (0x1FE, 0xAA55, 2), (0x200, 0x6AEB, 2), (0x202, 0x53726448, 4), (0x206, 0x20F, 2),
                            (0x22C, initrd_most, 4), (0x236, extended_load_flags, 2), (0x258, 0x200000, 8), (0x260, 0x10000, 4)):  # fmt: skip
        image[at : at + size] = value.to_bytes(size, "little")
    return bytes(image)


BZ32 = file("bzImage32", bzimage(0))
BZ64 = file("bzImage64", bzimage(1))
CUT_BZ64 = file("bzImage-cut", bzimage(1)[:1100])
BZ64_LOW = file("bzImage-low", bzimage(1, initrd_most=0x2FFFFF))
LARGE = file("large", bytes(4 << 20))
OPTIONS = file("options", b"--memory\n0\n")
HALT = guest("halt16")

for arguments, pattern in (
    ([], "subcommand"),
    (["frobnicate"], "frobnicate|subcommand"),
    (["run"], "IMAGE.*--firmware"),
    (["run", "--firmware", TEXT], "1500 bytes are no PC firmware.*SeaBIOS"),
    (["run", "--firmware", "/does/not/exist"], "/does/not/exist.*No such file"),
    (["run", "--firmware", TEXT, HALT], "give one of them"),
    (["debug", "--firmware", TEXT, "--append", "quiet"], "--append.*boot loader"),
    (["run", "--firmware", TEXT, "--format", "elf"], "--format is for an IMAGE"),
    (["run", "/does/not/exist"], "/does/not/exist.*No such file"),
    (["run", "/"], "/"),
    (["run", NOTHING], "nothing"),
    (["run", TEXT], "none of multiboot"),
    (["run", SHORT_ELF], "elf: field"),
    (["run", CUT_ELF], "field .* at offset"),
    (["run", FOREIGN_ELF], "e_machine"),
    (["run", "--format", "floppy", HALT], "floppy"),
    (["run", "--format", "flat@xyz", HALT], "flat"),
    (["run", "--format", "multiboot", HALT], "multiboot"),
    (["run", "-m", "lots", HALT], "lots.*not a memory size"),
    (["run", "-m", "4K", HALT], "too little memory"),
    (["run", "-m", "9999999G", HALT], "memory"),
    (["run", "-c", "0", HALT], "0"),
    (["run", "--gdb", "carrier-pigeon", HALT], "carrier-pigeon"),
    (["run", "--gdb", "tcp:127.0.0.1:99999", HALT], "99999"),
    (["run", "--gdb", "tcp:0.0.0.0:0", HALT], "gdb-allow-remote"),
    (["run", "--gdb", "unix:/does/not/exist/socket", HALT], "/does/not/exist"),
    (["run", "--gdb", "none", "--serial", "modem", HALT], "modem"),
    (["run", "--gdb", "none", "--serial", "file:/does/not/exist/file", HALT], "/does/not/exist"),
    (["run", "--gdb", "none", "--virtio-console", "modem", HALT], "modem"),
    (["run", "--gdb", "none", "--serial", "stdio", "--virtio-console", "stdio", HALT], "--virtio-console and --serial cannot both"),
    (["run", "--gdb", "none", "--net", "carrier-pigeon", HALT], "carrier-pigeon.*user, tap"),
    (["run", "--gdb", "none", "--net", "user,hostfwd=tcp:22", HALT], "hostfwd=tcp:22"),
    (["run", "--gdb", "none", "--net", "tap,ifname=a-name-that-is-long", HALT], "no name of an interface"),
    (["run", "--gdb", "none", *["--drive", f"{TEXT},if=virtio,ro"] * 9, HALT], "more than 8 virtio devices"),
    (["run", "--gdb", "none", "--initrd", "/does/not/exist", guest("protected32")], "/does/not/exist"),
    (["run", "--gdb", "none", "--on-triple-fault", "shrug", HALT], "--on-triple-fault: `shrug` is none of auto"),
    (["run", "--gdb", "none", "--on-disconnect", "shrug", HALT], "--on-disconnect: `shrug` is none of continue"),
    (["run", "--gdb", "none", "--on-reset", "shrug", HALT], "--on-reset: `shrug` is none of restart, stop, exit"),
    (["run", "--gdb", "none", "--registers", "shrug", HALT], "--registers: `shrug` is none of auto, x86-64, any"),
    (["run", "--gdb", "none", "--display", "shrug", HALT], "--display: `shrug` is none of text, none"),
    (["run", "--gdb", "none", "--symbols", "/does/not/exist", HALT], "/does/not/exist.*No such file"),
    (["run", "--gdb", "none", "--drive", f"{TEXT},if=scsi", HALT], "if=scsi.*no option of a drive"),
    (["run", "--gdb", "none", *["--drive", f"{TEXT},ro"] * 3, HALT], "two IDE drives"),
    (["run", "--gdb", "none", "-m", "1M", BZ64], "beyond RAM: use -m 3M or more"),
    (["run", "--gdb", "none", "-m", "3M", "--initrd", LARGE, BZ64], "initrd.*no room.*below 3 MiB: use a larger -m"),
    (["run", "--gdb", "none", "-m", "64M", "--initrd", LARGE, BZ64_LOW], r"initrd.*no room.*below 3 MiB\n"),
    (["run", "--gdb", "none", CUT_BZ64], "syssize.*the file ends before"),
    (["run", "--gdb", "none", "--cpu", "-avx,kvm-cl0ck", HALT], "kvm-cl0ck.*near it: kvmclock"),
    (["run", "--gdb", "none", BZ32], "xloadflags.*32-bit kernel"),
    (["run", "--gdb", "none", "--initrd", TEXT, "--module", TEXT, BZ64], "one initrd"),
    (["run", "--gdb", "none", "--log-level", "loud", HALT], "loud"),
    (["run", "--gdb", "none", "--no-such-option", HALT], "no-such-option"),
    (["run", "--gdb", "none", HALT, "--", "-batch"], "gdbvm debug"),
    (["debug", "--gdb", "none", HALT], "^gdbvm: --gdb is for `gdbvm run`"),
    (["run", "@/does/not/exist"], "/does/not/exist"),
    (["run", f"@{OPTIONS}", HALT], "memory"),
    (["image", TEXT], "none of multiboot"),
    (["image", "/does/not/exist"], "/does/not/exist"),
):
    status, out, err = run(*arguments)
    what = f"gdbvm {' '.join(arguments)}: {err!r}"
    equal(status, 2, what)
    equal(out, "", what)
    equal(err.count("\n"), 1, what)
    assert err[:-1].isprintable(), what
    assert err.startswith("gdbvm: ") and err.endswith("\n"), what
    assert re.search(pattern, err), what
