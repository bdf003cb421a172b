# gdbvm: image traps64
# gdbvm: append debugregs trapflag rounds=10
# gdbvm: expect-exit 0
# gdbvm: expect-serial (?s)\A(?=(.*?debugregs: 10 hits of 10, 0 elsewhere, registers kept\n.*?trapflag: 60 steps in 10 rounds){3})(.*?debugregs: (0|10) hits of 10, 0 elsewhere, registers kept\n.*?trapflag: 60 steps in 10 rounds){4}
# The guest's own debug registers and its own trap flag work as without a debugger, while this one uses debug registers
# and watchpoints, also at the same place.
connect()


def again():
    stop_at("jobs_done")
    execute("delete")
    matches(execute("monitor reset"), "first instruction")
    forget_registers()
    stop_at("job_debugregs")


# All debug registers used for other places: where the CPU has no more, the guest's rest, and work again afterwards.
stop_at("job_debugregs")
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))

# A breakpoint where the guest has its own: hit before each call, once or, as the guest's handler returns there, twice.
again()
execute("break own_function")
execute("tbreak job_trapflag")
before = set()
execute("continue")
while function() == "own_function":
    before.add((value("own_calls"), value("own_calls") <= value("own_hits[0]") <= value("own_calls") + 1))
    execute("continue")
equal(function(), "job_trapflag")
equal(before, {(at, True) for at in range(10)}, "calls and hits")
equal(value("own_hits[0]"), 10)
execute("delete")
execute("break own_steps_round")
steps = gdb.breakpoints()[-1].number
for at in range(10):
    hit("continue", steps)
    equal(value("own_steps"), 6 * at, "steps before")

# One in its handler.
again()
execute("break handle_debug_exception")
handler = gdb.breakpoints()[-1].number
for at in range(10):
    hit("continue", handler)
    equal((value("own_hits[0]"), value("own_calls"), value("frame->rip")), (at, at, label("own_function")))
execute("delete")

# A watchpoint on what its functions change.
again()
execute("watch own_calls")
watch = gdb.breakpoints()[-1].number
for at in range(10):
    hit("continue", watch)
    equal((value("own_calls"), value("own_hits[0]")), (at + 1, at + 1))
execute("delete")
exits("continue")
