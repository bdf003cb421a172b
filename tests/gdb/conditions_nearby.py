# gdbvm: image bench64
# gdbvm: append hlt
# In a tight loop a false condition leads from one pass to the next without the CPU: interrupts come all the same, Ctrl-C
# is heard, what else is in the loop is seen, and no pass is lost or doubled.
connect()
stop_at("sleep_often")
code = gdb.selected_frame().architecture().disassemble(pc(), count=40)
behind_hlt = next(after["addr"] for row, after in zip(code, code[1:]) if row["asm"] == "hlt")
stop_at(f"*{behind_hlt:#x}")
check(value("$eflags") & 0x200, "the guest does not take interrupts here")
execute("set var $pc = &calls")

# Interrupts: by the handler's count of them.
execute("break bench_hit")
hit("continue", int(value("$bpnum")))
ticks = value("timer_ticks")
execute(f"condition $bpnum timer_ticks >= {ticks + 5}")
hit("continue", int(value("$bpnum")))
equal(value("timer_ticks"), ticks + 5)
execute("delete")

for kind in ("break", "hbreak", "kernel break"):
    if kind == "kernel break":
        # No user pages any more: debug registers will do on every host.
        execute("set var *(unsigned long *)($cr3 & ~0xfff) &= ~4ul")
        kind = "break"
    # Each pass counts once.
    stop_at("bench_hit")
    now = value("i")
    execute(f"{kind} bench_hit if i == {now + 500}")
    number = int(value("$bpnum"))
    hit("continue", number)
    equal(value("i"), now + 500)
    equal(value("$rdi"), now + 500)

    # Another one in the loop, which the first would lead over.
    inner = [row["addr"] for row in gdb.selected_frame().architecture().disassemble(label("bench_hit"), count=3)][2]
    execute(f"condition {number} i == -1")
    execute(f"{kind} *{inner:#x}")
    other = int(value("$bpnum"))
    for call in range(3):
        hit("continue", other)
        equal((pc(), value("counter")), (inner, now + 500 + call))
    execute(f"condition {other} counter % 64 == 5")
    hit("continue", other)
    equal(value("counter") % 64, 5)

    # One whose condition never holds.
    execute(f"delete {other}")
    for at in range(5):
        before = value("counter")
        interrupted(after=0.01 * at)
        check(at == 0 or value("counter") > before, f"the guest stood still at {before}")
    execute("delete")

# A jump to itself, which is nothing but its breakpoint.
stop_at("bench_hit")
execute("set var *(unsigned short *)$pc = 0xfeeb")
here = pc()
for kind in ("break", "hbreak"):
    execute(f"{kind} *$pc if $rbp == 0x1234")
    for at in range(5):
        interrupted(after=0.01 * at)
    while pc() != here:
        interrupted(after=0.01)  # in the timer's handler
    execute("set var $rbp = 0x1234")
    hit("continue", int(value("$bpnum")))
    equal(pc(), here)
    execute("set var $rbp = 0")
    execute("delete")
