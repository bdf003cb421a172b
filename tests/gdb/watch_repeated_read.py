# gdbvm: image traps64
# gdbvm: append writes rounds=2
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 2 rounds, neighbour 40
# A repeated instruction that reads its third element from the stack, where reads are found by stepping if not by a debug register.
connect()
stop_at("store_moved")
from_ = value("$rdi") & 0xFFFFFFFFFFFFFFFF
element = value(f"*(unsigned long *){from_ + 16:#x}")
execute(f"rwatch *(unsigned long *){from_ + 16:#x}")
number = gdb.breakpoints()[-1].number
said = hit("continue", number)
matches(said, rf"Value = {element}\b")
if "debug register" not in mechanism(from_ + 16):
    matches(said, "by stepping and comparing")
equal(function(), "store_moved")
check(pc() in (label("storing_moved"), label("stored_moved")), "at the repeated instruction")
check(value("$rcx") <= 1, f"{value('$rcx')} elements are left, the third is read")
execute("delete")
exits("continue")
