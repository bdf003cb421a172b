# gdbvm: image traps64
# gdbvm: append cr3 rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial cr3: 3 and 3 calls, sums 33333333 and 66666666
# A page table in use is watched without protecting its page, or the CPU could not mark what it uses.
connect()
stop_at("load_cr3")
execute("watch spaces[1].table[1]")
number = gdb.breakpoints()[-1].number
for at in range(3):
    hit("continue", number)
    equal(function(), "mark_table")
    equal(value("spaces[1].table[1]"), 0 if at % 2 else 0x200)
    matches(mechanism(value("(unsigned long)&spaces[1].table[1]")), "^stepping and comparing, 8 bytes|^debug register")
exits("continue")
