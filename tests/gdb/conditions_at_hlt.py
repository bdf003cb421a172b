# gdbvm: image bench64
# gdbvm: append hlt
# A false condition at HLT, and a jump back to it: the guest sleeps each time until the timer wakes it.
connect()
stop_at("sleep_often")
code = gdb.selected_frame().architecture().disassemble(pc(), count=40)
hlt, behind = next((row["addr"], after["addr"]) for row, after in zip(code, code[1:]) if row["asm"] == "hlt")
stop_at(f"*{hlt:#x}")
ROUNDS = 5 if SLOW else 30
for kind in ("break", "hbreak", "kernel's"):
    if kind == "kernel's":
        # No user pages any more: debug registers will do on every host.
        execute("set var *(unsigned long *)($cr3 & ~0xfff) &= ~4ul")
        kind = "break"
    counter, ticks = value("counter"), value("timer_ticks")
    execute(f"{kind} *{hlt:#x} if counter == {counter + ROUNDS}")
    number = int(value("$bpnum"))
    hit("continue", number)
    equal((pc(), value("counter")), (hlt, counter + ROUNDS))
    check(value("timer_ticks") >= ticks + ROUNDS - 1, f"{ROUNDS} times asleep within {value('timer_ticks') - ticks} ticks")
    execute("delete")

# Nothing but the HLT: hlt; jmp to it.
saved = value(f"*(unsigned short *)({hlt:#x} + 1)")
execute(f"set var *(unsigned short *)({hlt:#x} + 1) = 0xfdeb")
for kind in ("break", "hbreak"):
    ticks = value("timer_ticks")
    execute(f"{kind} *{hlt:#x} if timer_ticks == {ticks + ROUNDS}")
    hit("continue", int(value("$bpnum")))
    equal((pc(), value("timer_ticks")), (hlt, ticks + ROUNDS))
    execute("delete")

# With interrupts off it is the end: nothing behind it is done.
execute(f"set var *(unsigned char *)({hlt:#x} - 1) = 0xfa")
execute(f"set var *(unsigned short *)({hlt:#x} + 1) = {saved}")
# Not in the lab: a CPU that was stepped off HLT and then sent elsewhere gets a #DB there, without these breakpoints' doing.
for kind in () if SLOW else ("break", "hbreak"):
    execute(f"set var $pc = {hlt:#x} - 1")
    counter = value("counter")
    execute(f"{kind} *{hlt:#x} if counter == -1")
    matches(trapped("continue"), "halted with interrupts off")
    equal((pc(), value("counter")), (behind, counter))
    execute("delete")
    # Told also while user pages are looked through for a breakpoint.
    execute("set var *(unsigned long *)($cr3 & ~0xfff) |= 4ul")
