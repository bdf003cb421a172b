# gdbvm: image bench64
# gdbvm: append calls
# A breakpoint in a function that is called with 0, 1, 2, …: not one call is missed or told twice, by whichever
# mechanism.
connect()
stop_at("bench_hit")
here = pc()
HITS = 50 if SLOW else 1000


def hit_often():
    execute("break bench_hit")
    before = value("i")
    for at in range(1, HITS + 1):
        gdb.execute("continue", to_string=True)
        equal(value("i"), before + at, "the argument")
    check(pc() == here, "stopped elsewhere")
    how = mechanism(here)
    execute("delete")
    return how


hit_often()
occupy_debug_registers(range(0x200000, 0x200004))
matches(hit_often(), "^byte")
