# gdbvm: image traps64
# gdbvm: append writes timer rounds=4
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 4 rounds, neighbour 80, loaded 42b4, checksum
# Watchpoints with steps and breakpoints at the same place; what gdb itself writes does not stop.
connect()
stop_at("store_qword")
execute("watch watched.cells.qword")
watch = gdb.breakpoints()[-1].number
hit("stepi", watch)
equal((pc(), value("watched.cells.qword")), (label("stored_qword"), 0x100000001))
execute("stepi")
equal(function(), "store_all")

# A breakpoint at the store: first the one, then the other.
execute("break store_qword")
breakpoint = gdb.breakpoints()[-1].number
hit("continue", breakpoint)
hit("continue", watch)
equal((pc(), value("watched.cells.qword")), (label("stored_qword"), 0x200000002))
execute(f"delete {breakpoint}")

# A breakpoint right behind it: one stop is for both, or two at the same place.
execute("break *&stored_qword")
breakpoint = gdb.breakpoints()[-1].number
execute("continue")
equal(pc(), label("stored_qword"), "pc")
if watch not in [row.number for row in last_event().breakpoints]:
    hit("continue", watch)
equal((pc(), value("watched.cells.qword")), (label("stored_qword"), 0x300000003))
execute(f"delete {breakpoint}")
execute("set var watched.cells.qword = 7")
execute("watch watched.cells.neighbour if watched.cells.neighbour == 60")
hit("continue", gdb.breakpoints()[-1].number)
equal(value("watched.cells.qword"), 7)
execute("set var watched.cells.qword = 0x300000003")
execute(f"delete {gdb.breakpoints()[-1].number}")

execute("delete")
exits("continue")
