# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: hello from user mode
# More breakpoints than debug registers, set at the 32-bit entry before any of their addresses is mapped: each is hit.
connect()
equal(function(), "pvh_entry")
names = "kernel_main descriptors_init paging_init start_tasks timer_init".split()
names += "schedule timer_tick count_once print_status say".split()
missing = {}
for name in names:
    execute(f"break {name}")
    missing[gdb.breakpoints()[-1].number] = name
first = []
while missing:
    execute("continue")
    event = last_event()
    check(isinstance(event, gdb.BreakpointEvent), f"{event} while {list(missing.values())} were never hit")
    name = missing.pop(event.breakpoint.number, None)
    if name:
        first.append(name)
        equal(function(), name)
    if function() in ("schedule", "timer_tick"):  # at each tick: a slow host would get no further
        event.breakpoint.delete()
equal(first[:5], names[:5], "the order of the start")
kinds = [how for _, how in armed()]
check(sum(how == "debug register" for how in kinds) <= 4, f"too many debug registers: {kinds}")
check(sum(how.startswith("byte") for how in kinds) >= len(names) - 6, f"too few in memory: {kinds}")
execute("delete")
power_off_soon()
exits("continue")
