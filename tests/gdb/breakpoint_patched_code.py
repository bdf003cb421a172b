# gdbvm: image traps64
# gdbvm: append patch rounds=6
# gdbvm: expect-exit 0
# gdbvm: expect-serial (patch: 6 calls, sum [0-9a-f]+, 0 wrong results, [0-9]+ wrong bytes(.|\n)*){2}
# A breakpoint at an instruction that the guest rewrites between its calls: each call is hit, the guest runs what it
# wrote, and gdb reads it; the guest, too, unless the breakpoint lies in memory. In a debug register and in memory.
connect()
CODE = ["b80000000090", "8d8701010101", "b80202020290", "8d8703030303", "b80404040490", "8d8705050505"]


def each_call():
    execute("break *patched_function")
    number = gdb.breakpoints()[-1].number
    for round_, code in enumerate(CODE):
        hit("continue", number)
        equal(value("$edi"), round_, "the argument")
        equal(peek(pc(), 6).hex(), code, "the function's bytes, as gdb sees them")
        how = mechanism(pc())
        execute("stepi")
        equal(pc(), label("patched_function") + (6 if round_ % 2 else 5), "behind the instruction")
    execute("delete")
    stop_at("jobs_done")
    return how


matches(each_call(), "^debug register")
matches(execute("monitor reset"), "first instruction")
forget_registers()
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
matches(each_call(), "^byte")
exits("continue")
