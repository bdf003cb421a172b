# What a guest writes to a drive is in its file afterwards; with snapshot it is not. What can't be a drive is refused.
from cli import *

needs_kvm()
SECTORS = 100
ORIGINAL = b"".join(bytes([number]) * 512 for number in range(SECTORS))
WRITTEN = bytes((i + 0xA0) & 0xFF for i in range(512))


def legacy(*drives, append="drives write sector=3"):
    options = [word for drive in drives for word in ("--drive", drive)]
    return run("run", "--gdb", "none", *options, "--append", append, guest("legacy32"))


def content(path):
    with open(path, "rb") as image:
        return image.read()


disk = file("disk,with comma", ORIGINAL)
spec = disk.replace(",", ",,")
status, out, err = legacy(f"{spec},snapshot")
equal((status, err), (0, ""))
matches(out, r"drive 0: 100 sectors, read error 0, ends with 00 00\n")
matches(out, r"drive 0: sector 3 written: error 0, there\n")
matches(out, r"drive 1: status 00\nirq 14 came\n")
equal(content(disk), ORIGINAL)

status, out, err = legacy(f"{spec},ro")
matches(out, r"drive 0: sector 3 written: error 44, not there\n")
equal(content(disk), ORIGINAL)

status, out, err = legacy(spec)
matches(out, r"drive 0: sector 3 written: error 0, there\n")
equal(content(disk), ORIGINAL[: 3 * 512] + WRITTEN + ORIGINAL[4 * 512 :])

status, out, err = legacy(spec, append="drives write sector=100")  # one beyond the last
matches(out, r"drive 0: sector 100 written: error 10, not there\n")
equal(len(content(disk)), SECTORS * 512)

for drives, pattern in (
    (["/does/not/exist"], "/does/not/exist.*No such file"),
    (["/"], "is a directory"),
    ([file("empty", b"")], "is empty"),
    ([f"{spec},if=floppy"], "if=floppy"),
    ([spec, spec], "another program .*writes"),
    ([f"{spec},ro"] * 3, "two IDE drives"),
):
    status, out, err = legacy(*drives)
    equal((status, out, err.count("\n")), (2, "", 1), err)
    matches(err, pattern)
