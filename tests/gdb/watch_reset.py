# gdbvm: image traps64
# gdbvm: append writes rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 3 rounds, neighbour 60, loaded 3207, checksum b60ea9ffa7ea5a97
# A watchpoint may be set before there is paging, stays over a reset of the machine, and ends with the debugger's
# going: the guest runs on to its end.
connect()
equal(function(), "pvh_entry")
execute("watch watched.cells.qword")
watch = gdb.breakpoints()[-1].number


def stored(round_):
    hit("continue", watch)
    equal((function(), value("watched.cells.qword")), ("store_qword", round_ * 0x100000001))


# Armed at the next stop for certain; without one, when the page is seen to be there, which may be a store too late.
stop_at("job_writes")
stored(1)
stored(2)
matches(execute("monitor reset"), "first instruction")
forget_registers()
stop_at("job_writes")
stored(1)
execute("detach")
