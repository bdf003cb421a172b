# gdbvm: image kernel64
# gdbvm: append ticks=20 int3
# gdbvm: expect-exit 0
# gdbvm: expect-serial own int3 survived, 1 seen
# An int3 of the guest's own goes to the guest, also while breakpoints are planted in memory around it.
connect()
stop_at("kernel_main")
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
execute("break print_status")
status = gdb.breakpoints()[-1].number
execute("break run_own_breakpoint")
own = gdb.breakpoints()[-1].number
execute("break print if $_streq(format, \"own int3 survived, %lu seen\\n\")")
survived = gdb.breakpoints()[-1].number
hit("continue", status)
hit("continue", own)
hit("continue", survived)
equal(value("breakpoints_seen"), 1)
execute("up")
equal(function(), "run_own_breakpoint")
execute("delete")
exits("continue")
