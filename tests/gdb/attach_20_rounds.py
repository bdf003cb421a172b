# gdbvm: image bench64
# gdbvm: append calls
# gdbvm: running
# Twenty times a debugger comes to the running guest, breaks in its loop and goes: the guest runs on,
# its counter always right.
seen = -1
for at in range(6 if SLOW else 20):
    connect()
    now = value("counter")
    for _ in range(100):
        if now > seen:
            break
        execute("detach")
        time.sleep(0.05)  # the host may be busy
        connect()
        now = value("counter")
    check(now > seen, f"the counter stood still at {now} while no debugger was there")
    if at % 2:
        occupy_debug_registers(range(0x200000, 0x200004))
    execute("break bench_hit")
    number = gdb.breakpoints()[-1].number
    hit("continue", number)
    first = value("i")
    for further in range(5):
        equal(value("i"), first + further, "the argument")
        equal(value("counter"), first + further - 1 if first + further else 0, "the counter")
        hit("continue", number)
    seen = value("counter")
    execute("detach")
    execute("delete")
    time.sleep(0.01)
