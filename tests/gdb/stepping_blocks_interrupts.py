# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: requires block-interrupts=yes
# gdbvm: expect-serial ^(?!(.|\n)*panic)
# While the timer ticks, single steps stay in the task they step; the monitor can change that, and the guest takes
# no harm.
connect()
stop_at("inventory_audit")


def ticks_while_stepping(count):
    before = value("ticks")
    for _ in range(count):
        gdb.execute("stepi", to_string=True)
        if value("ticks") != before:
            return True
    return False


check(value("$eflags") & 0x200, "interrupts are off")
check(not ticks_while_stepping(50 if SLOW else 500), f"a step was interrupted, at {pc():#x}")
execute("monitor interrupts-while-stepping on")
check(ticks_while_stepping(5000), "no step was ever interrupted")
for _ in range(50 if SLOW else 2000):
    gdb.execute("stepi", to_string=True)
execute("monitor interrupts-while-stepping off")
stop_at("inventory_audit")
check(not ticks_while_stepping(30 if SLOW else 100), f"a step was interrupted, at {pc():#x}")
# The tasks that those interrupts left behind, too, run on as if never stepped.
for _ in range(3):
    stop_at("print_status")
