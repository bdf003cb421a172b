# gdbvm: image kernel64
# gdbvm: append ticks=20
# gdbvm: expect-exit 0
# Breakpoints that live in memory do not show in it: neither while they are inserted nor after the run.
connect()
stop_at("kernel_main")
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
places = [value(f"(unsigned long)&{name}") for name in ("schedule", "timer_tick", "inventory_audit", "count_once")]
before = [peek(place, 16) for place in places]
execute("set breakpoint always-inserted on")
numbers = [execute(f"break *{place:#x}") and gdb.breakpoints()[-1].number for place in places]
for _ in range(8):
    execute("continue")
    check(last_event().breakpoints[0].number in numbers, "stopped elsewhere")
    equal([peek(place, 16) for place in places], before, "code bytes at a stop")
    for place in places:
        matches(packet(f"m{place:x},1"), f"^{before[places.index(place)][0]:02x}$")
for place in places:
    matches(mechanism(place), "^byte")

# Physical memory hides them as well.
physical = places[0] - 0xFFFFFFFF80000000
equal(packet("Qqemu.PhyMemMode:1"), "OK")
equal(packet(f"m{physical:x},10"), before[0].hex(), "physical bytes")
equal(packet("Qqemu.PhyMemMode:0"), "OK")

# What gdb writes over a breakpoint stays when the breakpoint goes: the function returns at once, the
# counter stands still.
counter = value("counter")
once = value("(unsigned long)&count_once")
poke(once, "c3")
equal(peek(once, 1), b"\xc3", "the new byte")
execute("delete")
stop_at("end_of_run")
equal(peek(once, 1), b"\xc3", "the new byte, at the end")
check(value("counter") - counter <= 1, "the counter went on")  # one call may have been under way
exits("continue")
