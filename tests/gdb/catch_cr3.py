# gdbvm: image traps64
# gdbvm: append cr3 rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial cr3: 3 and 3 calls, sums 33333333 and 66666666
# A change of CR3 stops behind it, and tells both values.
connect()
stop_at("job_cr3")
number = catch("cr3", "cr3")
BASE = label("boot_pml4") - value("$cr3")
roots = [label("spaces[0].pml4") - BASE, label("spaces[1].pml4") - BASE]
old = label("boot_pml4") - BASE
for new in roots * 3 + [label("boot_pml4") - BASE]:
    caught(number, rf"cr3 at {label('loaded_cr3'):#x}: {old:#x} -> {new:#x}")
    equal((pc(), value("$cr3")), (label("loaded_cr3"), new))
    old = new
matches(execute("monitor info catch"), rf"(?m)^ *{number} +cr3, hit 7 times$")
exits("continue")
