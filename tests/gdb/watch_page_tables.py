# gdbvm: image traps64
# gdbvm: append cr3 rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial cr3: 3 and 3 calls, sums 33333333 and 66666666
# A page table in use is watched without protecting its page, or the CPU could not mark what it uses.
connect()
stop_at("mark_table")
equal(value("$cr3"), label("spaces[0].pml4") - 0xFFFFFFFF80000000)
watches = []
for space in (0, 1):
    execute(f"watch spaces[{space}].table[1]")
    watches.append(gdb.breakpoints()[-1].number)
for at in range(6):
    hit("continue", watches[at % 2])
    equal(function(), "mark_table")
    equal(value(f"spaces[{at % 2}].table[1]"), 0 if at // 2 % 2 else 0x200)
    if at == 0:
        matches(mechanism(label("spaces[0].table[1]")), "^stepping and comparing|^debug register")
exits("continue")
