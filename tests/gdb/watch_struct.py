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
matches(said, rf"watch {address:#x} \(100 bytes\): by page protection: \S")
matches(mechanism(address), "^page protection, 100 bytes")
equal(function(), "store_id")
for name in ("name", "point", "id", "name", "point"):
    said = hit("continue", number)
    check("page protection" not in said, "how it works is told once")
    equal(function(), f"store_{name}")
    equal(pc(), label(f"stored_{name}"), "pc")
execute("delete")

# The same in packets, of any length: the stop reply says which of them it was.
def stopped_by(address):
    execute("set debug remote on")
    said = signalled("continue", "SIGTRAP")
    execute("set debug remote off")
    matches(said, rf"Packet received: T05[^\n]*;watch:{address:x};")


equal(packet(f"Z2,{address:x},64"), "OK")
equal(packet(f"Z2,{address:x},64"), "OK")
stopped_by(address)
equal(function(), "store_id")
equal(packet(f"z2,{address:x},64"), "OK")
page = value("(unsigned long)&watched")
equal(packet(f"Z2,{page:x},2000"), "OK")  # two whole pages
stopped_by(page)
equal(function(), "store_name")
equal(packet(f"z2,{page:x},2000"), "OK")
matches(packet(f"Z2,{page:x},0"), "^E")
exits("continue")
