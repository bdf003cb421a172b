# gdbvm: image traps64
# gdbvm: append msr rounds=3
# gdbvm: requires msr-exits=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial msr: 6 accesses, 0 wrong
# Reads and writes of one MSR stop behind them, with its values.
connect()
stop_at("job_msr")
other = catch("msr 0xc0000101", "msr 0xc0000101")
number = catch("msr 0xc0000102", "msr 0xc0000102")
BASE = 0xFFFFFFFF80000000
for at in range(1, 4):
    old, new = BASE + (at - 1) * 0x1000 if at > 1 else 0, BASE + at * 0x1000
    caught(number, rf"msr 0xc0000102 written at {label('written_msr'):#x}: {old:#x} -> {new:#x}")
    equal(pc(), label("written_msr"), "pc")
    caught(number, rf"msr 0xc0000102 read at {label('read_msr_done'):#x}: {new:#x}")
    equal(pc(), label("read_msr_done"), "pc")
    equal(value("$rdx << 32 | (unsigned int)$rax") & 0xFFFFFFFFFFFFFFFF, new, "edx:eax")
said = execute("monitor info catch")
matches(said, rf"(?m)^ *{number} +msr 0xc0000102, hit 6 times$")
matches(said, rf"(?m)^ *{other} +msr 0xc0000101, hit 0 times$")
exits("continue")
