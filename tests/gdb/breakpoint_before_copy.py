# gdbvm: image traps64
# gdbvm: append move rounds=5
# gdbvm: append movs rounds=5
# gdbvm: expect-exit 0
# gdbvm: expect-serial (move: 10 calls, sum 20, [01] wrong bytes(.|\n)*){3}
# A breakpoint may be set where the guest only later copies the code to, byte by byte or by a string instruction, and
# copies it again: each call is hit, and the guest finds the bytes that it wrote, but for those
# that a breakpoint in memory covers. In debug registers and in memory.
connect()


def each_call(command):
    execute(f"{command} late_function")
    number = gdb.breakpoints()[-1].number
    for round_ in [*range(5)] * 2:
        hit("continue", number)
        equal((function(), value("number")), ("late_function", round_))
    equal(value("late_calls"), 9, "calls before the last")
    execute("delete")
    stop_at("jobs_done")


def again():
    matches(execute("monitor reset"), "first instruction")
    forget_registers()


each_call("break")
again()
each_call("hbreak")
again()
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
each_call("break")
exits("continue")
