# gdbvm: image traps64
# gdbvm: append writes rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 3 rounds, neighbour 60, loaded 3207, checksum b60ea9ffa7ea5a97
# rwatch stops behind a load and not behind a store; awatch behind both; loads nearby do not stop.
connect()
stop_at("job_writes")


def read_watch(kind, cell):
    execute(f"{kind} watched.cells.{cell}")
    return gdb.breakpoints()[-1].number


number = read_watch("rwatch", "loaded")
for at in range(2):
    matches(hit("continue", number), rf"Hardware read watchpoint {number}: watched.cells.loaded\s+Value = {0x10AD}\s")
    equal(function(), "load_loaded")
    equal(pc(), label("loaded_loaded"), "pc")
    equal(value("elsewhere.counter"), at, "rounds before")
execute("delete")

number = read_watch("awatch", "exchanged")
matches(hit("continue", number), rf"Hardware access \(read/write\) watchpoint {number}: watched.cells.exchanged\s+"
        rf"Old value = {2 << 32}\s+New value = {3 << 32}\s")
equal((function(), pc()), ("store_exchanged", label("stored_exchanged")))
execute("delete")
number = read_watch("awatch", "loaded")
matches(hit("continue", number), rf"watchpoint {number}: watched.cells.loaded\s+Value = {0x10AD}\s")
equal(function(), "load_loaded")
execute("delete")

# Only written from here on, until the checksum reads it.
number = read_watch("rwatch", "record.id")
execute("rwatch watched.cells.padding")
hit("continue", gdb.breakpoints()[-1].number)
matches(function(), "checksum|job_writes")
hit("continue", number)
matches(function(), "checksum|job_writes")
execute("delete")
exits("continue")
