# gdbvm: image bench64
# gdbvm: append calls
# A breakpoint in a function that is called with 0, 1, 2, …: not one call is missed or told twice, by whichever
# mechanism.
connect()
stop_at("bench_hit")
here = pc()


def hit_1000_times():
    execute("break bench_hit")
    before = value("i")
    for at in range(1, 1001):
        gdb.execute("continue", to_string=True)
        equal(value("i"), before + at, "the argument")
    check(pc() == here, "stopped elsewhere")
    how = mechanism(here)
    execute("delete")
    return how


hit_1000_times()
occupy_debug_registers(range(0x200000, 0x200004))
matches(hit_1000_times(), "^byte")
