# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# Every way to stop, in a 64-bit kernel.
connect()
stop_at("kernel_main")
check(not gdb.breakpoints(), "the temporary breakpoint stays")
execute("next")  # over console_init
execute("next")
equal(function(), "kernel_main")
execute("advance start_tasks")
execute("finish")
equal(function(), "kernel_main")
execute("step")
equal(function(), "timer_init")
execute("finish")

# A line by its number, until out of a loop, a return value.
execute("break checksum")
number = gdb.breakpoints()[-1].number
hit("continue", number)
size = value("size")
execute(f"delete {number}")
matches(execute("finish"), r"Value returned is .* = \d+")
equal(function(), "audit_item")
stop_at("checksum")
execute("next")
for _ in range(50):
    if function() == "checksum":
        execute("until")
check(function() in ("audit_item", "inventory_audit"), f"until led to {function()}")

# Conditions, ignore counts and commands.
execute("break count_once if counter == 12")
number = gdb.breakpoints()[-1].number
hit("continue", number)
equal(value("counter"), 12)
execute("delete")
breakpoint = gdb.Breakpoint("count_once")
breakpoint.ignore_count = 5
breakpoint.commands = "silent\nset var speed = 3\nprint speed"
hit("continue", breakpoint.number)
equal(value("counter"), 18)
equal(breakpoint.hit_count, 6)
equal(value("speed"), 3)
breakpoint.delete()

# hbreak, disable and enable.
execute("hbreak print_status")
breakpoint = gdb.breakpoints()[-1]
hit("continue", breakpoint.number)
breakpoint.enabled = False
other = gdb.Breakpoint("sleep_ticks")
hit("continue", other.number)
other.delete()
breakpoint.enabled = True
hit("continue", breakpoint.number)
breakpoint.delete()

# A jump.
stop_at("count_once")
before = value("counter")
execute("tbreak bump")
execute("jump count_once")
equal(function(), "bump")
execute("finish")
equal(value("counter"), before + 1)
power_off_soon()
exits("continue")
