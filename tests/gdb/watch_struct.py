# gdbvm: image traps64
# gdbvm: append writes rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 3 rounds, neighbour 60, loaded 3207, checksum b60ea9ffa7ea5a97
# A watched struct of 100 bytes stops at each store into it. How a watchpoint works is told when it is armed.
connect()
stop_at("job_writes")
address = value("(unsigned long)&watched.cells.record")
execute("watch -l watched.cells.record")
number = gdb.breakpoints()[-1].number
said = hit("continue", number)
matches(said, rf"watch {address:#x} \(100 bytes\): by page protection\b")
matches(mechanism(address), "^page protection.*, 100 bytes")
equal(function(), "store_id")
for name in ("name", "point", "id", "name", "point"):
    said = hit("continue", number)
    check("page protection" not in said, "how it works is told once")
    equal(function(), f"store_{name}")
    equal(pc(), label(f"stored_{name}"), "pc")
execute("delete")

# The same in packets, of any length. gdb passes over stops at what it did not set, each of which says which it was.
def stops(address):
    execute("tbreak count_elsewhere")
    execute("set debug remote on")
    said = execute("continue")
    execute("set debug remote off")
    equal(function(), "count_elsewhere")
    return len(re.findall(rf"Packet received: T05[^\n]*;watch:{address:x};", said))


stops(address)
equal(packet(f"Z2,{address:x},64"), "OK")
equal(packet(f"Z2,{address:x},64"), "OK")
equal(stops(address), 3, "stores into the struct")
equal(packet(f"z2,{address:x},64"), "OK")
matches(packet(f"Z2,{address:x},0"), "^E")
execute("monitor reset")
forget_registers()
stop_at("job_writes")
page = label("watched")
equal(packet(f"Z2,{page:x},2000"), "OK")
CHANGES = 20 + 12 + 1 + 1  # the neighbour's, other stores', and those of the two repeated instructions, at least
check(stops(page) >= CHANGES, "stores into two whole pages were missed")
equal(packet(f"z2,{page:x},2000"), "OK")
exits("continue")
