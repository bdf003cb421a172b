# gdbvm: image legacy32
# gdbvm: append screen
# gdbvm: expect-exit 0
# gdbvm: expect-serial cursor at 165
# The guest's text screen and its cursor, as text and as a picture.
import struct
import zlib


def picture(path):
    """Width, height, and whether all its rows are there."""
    with open(path, "rb") as file:
        data = file.read()
    equal(data[:8], b"\x89PNG\r\n\x1a\n", "signature")
    chunks, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks[kind] = chunks.get(kind, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth = struct.unpack(">IIB", chunks[b"IHDR"][:9])
    return width, height, len(zlib.decompress(chunks[b"IDAT"])) == height * (width * depth // 8 + 1)


connect()
equal(execute("monitor screen"), "cursor: row 0, column 0, from 0\n")
stop_at("screen_drawn")
rows = execute("monitor screen").split("\n")
equal(rows[0], "legacy32")
equal(rows[1], "  yellow on black ☺ ░▒▓█")
equal(rows[2:24], [""] * 22)
equal(rows[24:], [" " * 74 + "corner", "cursor: row 2, column 5, from 0", ""])
matches(execute("monitor info devices"), "port 03c0-03df  VGA text")
execute("set {unsigned short}0xb8000 = 0x0758")  # gdb writes, the screen shows
matches(execute("monitor screen"), "^Xegacy32\n")
matches(execute("monitor screendump"), "name of a file")
matches(execute(f"monitor screendump {FOLDER}/screen"), "ends in .png")
matches(execute("monitor screendump /does/not/exist/x.png"), "/does/not/exist/x.png.*No such file")
if not SLOW:  # the file is not here
    matches(execute(f"monitor screendump {FOLDER}/screen.png"), r"screen.png: a PNG of \d+ bytes")
    equal(picture(f"{FOLDER}/screen.png"), (640, 400, True))
exits("continue")
