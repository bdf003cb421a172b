# gdbvm: image bench64
# gdbvm: append calls
# gdbvm: running
# Twenty times a debugger comes to the running guest, breaks in its loop and goes: the guest runs on, its counter always right.
seen = -1
for at in range(20):
    connect()
    now = value("counter")
    check(now > seen or at == 0, f"the counter stood still at {now} while no debugger was there")
    if at % 2:
        occupy_debug_registers([0x200000 + at for at in range(4)])
    execute("break bench_hit")
    number = gdb.breakpoints()[-1].number
    for _ in range(5):
        before = value("counter")
        hit("continue", number)
        equal(value("i"), value("counter") + 1, "the argument")
        check(value("counter") > before or at == 0, "the counter stands still")
    seen = value("counter")
    execute("detach")
    execute("delete")
    time.sleep(0.01)
