# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial ^(?!(.|\n)*panic)
# Watchpoints in a kernel that timer interrupts, task switches and user mode keep busy: no store is missed, none is
# counted twice.
connect()
stop_at("count_once")


def counts_up(expression, who, times):
    execute(f"watch {expression}")
    number = gdb.breakpoints()[-1].number
    last = value(expression)
    for _ in range(times):
        hit("continue", number)
        equal((value(expression), function()), (last + 1, who), expression)
        last += 1
    execute("delete")


counts_up("counter", "bump", 10)
counts_up("ticks", "timer_tick", 10)
counts_up("inventory.rounds", "inventory_audit", 5)
counts_up("user_calls", "handle_user_call", 2)
execute("watch current_task")
switch = gdb.breakpoints()[-1].number
before = value("current_task")
for _ in range(6):
    hit("continue", switch)
    equal(function(), "schedule")
    check(value("current_task") != before, "the same task")
    before = value("current_task")
execute("delete")
power_off_soon()
exits("continue")
