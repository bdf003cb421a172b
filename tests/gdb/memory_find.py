# gdbvm: image bench64
# gdbvm: append mem
# gdbvm: args -m 256M
# `find` is answered by qSearch:memory: across pages, again from behind a hit, not beyond its end, up to what is not mapped.
connect()
execute("hbreak memory_filled")
hit("continue", 1)
START, END, FACTOR = 16 << 20, 80 << 20, 0x9E3779B97F4A7C15


def filled(address):
    return address * FACTOR & 0xFFFFFFFFFFFFFFFF


def found(what):
    execute(f"find {what}")
    return value("$numfound")


LAST = END - 8
equal(found(f"/g {START}, {END - 1}, {filled(LAST)}"), 1, "hits")
equal(value("(unsigned long) $_"), LAST, "the last quadword")
equal(found(f"/g {START}, {LAST - 1}, {filled(LAST)}"), 0, "hits before it")
EDGE = START + 0x5000 - 8
equal(found(f"/g {START}, {END - 1}, {filled(EDGE)}, {filled(EDGE + 8)}"), 1, "hits across two pages")
equal(value("(unsigned long) $_"), EDGE, "where the two are")
execute(f"set var *(long*){START} = 0x1122334455667788")
execute(f"set var *(long*){END - 8} = 0x1122334455667788")
equal(found(f"/g {START}, {END - 1}, 0x1122334455667788"), 2, "hits, each from behind the one before")
equal(found(f"/g {4 << 30}, +4096, 1"), 0, "hits where nothing is mapped")
equal(value("counter"), 0, "the guest can still be looked at")
