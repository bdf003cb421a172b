# gdbvm: image kernel64
# gdbvm: append ticks=5
# gdbvm: expect-exit 0
# One description for all modes: from unpaged 32-bit code into long mode by single steps, with all registers read
# at each.
connect()
equal(function(), "pvh_entry")
equal(value("$cr0") >> 31, 0, "CR0.PG at the entry")
steps = 0
modes = set()
while function() != "kernel_main":
    before = pc()
    execute("stepi")
    check(pc() != before, f"a step did not move from {before:#x}")
    for group in ("general", "float", "vector", "system", "all"):
        gdb.execute(f"info registers {group}", to_string=True)
    modes.add((value("$cr0") >> 31 & 1, value("$efer") >> 10 & 1, value("$cs")))
    steps += 1
    check(steps < 100, f"lost on the way to kernel_main, at {pc():#x}")
check({(paging, long_mode) for paging, long_mode, _ in modes} == {(0, 0), (1, 1)}, f"modes seen: {modes}")
equal(value("$cs"), 8, "cs in long mode")
exits("continue")
