# gdbvm: image bench64
# gdbvm: append mem
# gdbvm: args -m 256M
# gdbvm: local
# A dump of 64 MiB equals what the guest wrote there.
import array

connect()
execute("break memory_filled")
hit("continue", 1)
START, END, FACTOR = 16 << 20, 80 << 20, 0x9E3779B97F4A7C15
path = f"{FOLDER}/dump"
execute(f"dump binary memory {path} {START:#x} {END:#x}")
found = array.array("Q")
with open(path, "rb") as file:
    found.frombytes(file.read())
equal(len(found), (END - START) // 8, "quadwords")
expected = array.array("Q", ((START + 8 * at) * FACTOR & 0xFFFFFFFFFFFFFFFF for at in range(len(found))))
check(found == expected, "the dump differs from the pattern")
