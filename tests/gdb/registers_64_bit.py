# gdbvm: image kernel64
# gdbvm: append ticks=5
# gdbvm: expect-exit 0
# gdbvm: expect-serial 5 ticks: power off
# Every register can be read and written; what is written reaches the CPU; put back, the guest does not notice.
connect()
stop_at("paging_init")  # the guest's own descriptor tables are loaded

GENERAL = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15".split()
X87 = "fctrl fstat ftag fiseg fioff foseg fooff fop".split()
OTHERS = "rip eflags cs ss ds es fs gs fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer mxcsr".split()
before = {name: value(f"${name}") for name in GENERAL + OTHERS + X87}


def write(name, number):
    size = gdb.parse_and_eval(f"${name}").type.sizeof
    execute(f"set ${name} = ({'long' if size == 8 else 'int'}) {number:#x}")  # gdb casts to flags from their size only


def expect(name, number):
    equal(value(f"${name}") & 0xFFFFFFFFFFFFFFFF, number & 0xFFFFFFFFFFFFFFFF, name)


# Two bytes that change no register: what we find behind them has been in the CPU.
code = before["rip"]
original = peek(code, 2)
poke(code, "9090")
changes = {name: 0x1122334455667700 + at for at, name in enumerate(GENERAL)}
changes |= {"fs_base": 0x123456789ABC, "gs_base": 0xFFFF800000001000, "k_gs_base": 0xFFFF800000002000}
changes |= {"eflags": before["eflags"] ^ 1, "cr2": 0xDEAD000, "cr8": 5, "mxcsr": 0x1FC0, "fctrl": 0x27F}
changes |= {"cr0": before["cr0"] ^ 0x40000, "cr4": before["cr4"] ^ 0x80}  # AM; PGE
changes |= {"ds": 0x10, "es": 0x1B, "fs": 0, "gs": 0x10}
for name in sorted(changes, key=lambda row: row.endswith("base")):  # a selector loads its base: bases last
    write(name, changes[name])
execute("set $xmm0.v2_int64[1] = 0x1122334455667788")
execute("set $xmm15.v4_int32[2] = 77")
execute("set $st0 = 1.5")
for _ in range(2):
    for name, number in changes.items():
        expect(name, number)
    equal(value("$xmm0.v2_int64[1]"), 0x1122334455667788, "the upper half of xmm0")
    equal(value("$xmm15.v4_int32[2]"), 77, "xmm15")
    equal(float(gdb.parse_and_eval("$st0")), 1.5, "st0")
    execute("stepi")
    forget_registers()
equal(pc(), code + 2, "pc")

# Flags are shown by name.
matches(execute("print $eflags"), r"\[ .*\]")
matches(execute("print $cr0"), r"\[ .*\bPG\b.*\bPE\b.*\]|\[ .*\bPE\b.*\bPG\b.*\]")
matches(execute("print $cr4"), r"\[ .*\bPAE\b.*\]")
matches(execute("print $efer"), r"\[ .*\bLME\b.*\bLMA\b.*\]")
matches(execute("print $mxcsr"), r"\[ .*\bIM\b.*\]")
matches(execute("info registers float"), r"fctrl +0x27f")

# A refused write says why, and changes nothing.
fails("set $rip = 0x8000000000000000", "not a canonical address")
fails("set $fs_base = 0x8000000000000000", "not a canonical address")
fails("set $ds = 0x7f8", "limit|beyond|outside|table")
fails("set $cr0 = (long) 1 << 31", "cr0")
fails("set $mxcsr = 0x10000", "MXCSR")
forget_registers()
expect("ds", 0x10)
expect("cr0", changes["cr0"])

poke(code, original.hex())
for name in sorted(changes, key=lambda row: row.endswith("base")):
    write(name, before[name])
write("rip", code)
for name, number in before.items():
    if name not in X87:
        expect(name, number)
exits("continue")
