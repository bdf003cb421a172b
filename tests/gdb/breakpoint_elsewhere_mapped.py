# gdbvm: image bench64
# gdbvm: append calls
# bench64 is mapped at 0 and at 0xffffffff80000000: a breakpoint at the other name of running code is
# silent, and harmless.
connect()
stop_at("bench_hit")
other = pc() + 0xFFFFFFFF80000000
occupy_debug_registers(range(0x200000, 0x200004))
execute(f"break *{other:#x}")
before = value("counter")
for _ in range(3):
    interrupted(after=0.1)
matches(mechanism(other), "^byte")
check(value("counter") > before, "the guest stands still")
execute("break bench_hit")
hit("continue", gdb.breakpoints()[-1].number)
equal(value("i"), value("counter") + 1, "the argument")
