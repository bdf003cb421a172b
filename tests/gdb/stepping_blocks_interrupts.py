# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: requires block-interrupts=yes
# While the timer ticks, single steps stay in the task they step; the monitor can change that, and the guest takes
# no harm.
connect()
stop_at("inventory_audit")


def in_handler_while_stepping(count):
    for _ in range(count):
        gdb.execute("stepi", to_string=True)
        frame = gdb.newest_frame()
        while frame is not None:
            if (frame.name() or "").startswith("trap_"):
                return True
            frame = frame.older()
    return False


check(value("$eflags") & 0x200, "interrupts are off")
check(not in_handler_while_stepping(500), f"a step landed in {function()}")
execute("monitor interrupts-while-stepping on")
check(in_handler_while_stepping(5000), "no step was ever interrupted")
for _ in range(2000):
    gdb.execute("stepi", to_string=True)
execute("monitor interrupts-while-stepping off")
stop_at("inventory_audit")
check(not in_handler_while_stepping(100), f"a step landed in {function()}")
