# gdbvm: image bench64
# Steps over what holds interrupts or traps back, over a repeated string instruction, and over a change of the flags: each
# ends where the CPU's manual says, and no trap flag is left in the flags.
connect()
stop_at("spin")
TF, IF = 0x100, 0x200
code = value("(unsigned long)&spin")
text = value("$rsp") - 0x800 & ~0xFF  # below the stack, where nothing is
saved = peek(code, 32)


def put(text_bytes):
    poke(code, text_bytes)
    execute(f"set $pc = {code:#x}")


def step(expected):
    execute("stepi")
    check(pc() in [code + at for at in expected], f"a step ended at {pc() - code}, not at one of {expected}")
    equal(value("$eflags") & TF, 0, "the trap flag")


# mov %ss,%eax; mov %eax,%ss; nop; nop: no trap behind the load of SS, but behind the instruction that follows it; a CPU
# in software may stop at both.
put("8cd0" "8ed0" "90" "90")
step([2])
step([4, 5])
if pc() == code + 4:
    step([5])

# cli; sti; nop; nop: a trap comes behind STI, interrupts do not.
put("fa" "fb" "90" "90" "90")
step([1])
equal(value("$eflags") & IF, 0, "interrupts")
step([2])
check(value("$eflags") & IF, "interrupts are on")
step([3])
execute("set $eflags = $eflags & ~0x200")

# rep stosb: one iteration a step, or all of them, as the host has it.
execute(f"set $rdi = {text:#x}")
execute("set $ecx = 3")
execute("set $al = 0x5a")
put("f3aa" "90" "90")
for _ in range(4):
    step([0, 2])
    if pc() == code + 2:
        break
equal((pc(), value("$rcx"), value("$rdi")), (code + 2, 0, text + 3))
equal(peek(text, 3), b"ZZZ")

# pushf; pop %rax; push %rax; popf: the guest never sees a trap flag of ours.
put("9c" "58" "50" "9d" "90")
for at in (1, 2, 3, 4):
    step([at])
equal(value("$rax") & TF, 0, "the trap flag that the guest read")
