# gdbvm: image hello16
# gdbvm: image protected32
# gdbvm: image kernel64
# gdbvm: image bench64
# 1000 times stepi from the first instruction: each ends where the instruction leads, never elsewhere.
connect()
if IMAGE.endswith("hello16"):
    execute("set architecture i8086")
# Opcodes of jumps, calls, returns, repeated strings and HLT, as far as the guests use them.
LEAD_AWAY = {*range(0x70, 0x80), 0xC3, 0xCF, 0xE2, 0xE8, 0xE9, 0xEA, 0xEB, 0xF3, 0xF4, 0xFF}


def loads_ss(code):
    """The CPU holds the trap back until after the next instruction (SDM 3A 6.8.3)."""
    return code[0] == 0x17 or code[0] == 0x8E and code[1] >> 3 & 7 == 2


def leads_away(code):  # 40-4f: a REX prefix, or in other modes INC and DEC, which lead nowhere
    return code[0] in LEAD_AWAY or loads_ss(code) or code[0] >> 4 == 4 and leads_away(code[1:]) or code[0] == 0x0F and code[1] >> 4 == 8


def next_of(address):
    """Behind the instruction, as gdb's disassembler sees it."""
    return address + gdb.selected_frame().architecture().disassemble(address)[0]["length"]


previous = pc()
right_mode = not IMAGE.endswith("64")  # gdb can't know that the first instructions of a 64-bit guest are 32-bit code
for at in range(60 if SLOW else 1000):
    right_mode = right_mode or value("$efer") & 0x400 != 0
    code, behind = peek(previous, 15), next_of(previous)
    gdb.execute("stepi", to_string=True)
    now = pc()
    if right_mode and now != behind:
        check(leads_away(code), f"step {at}: from {previous:#x} ({code[:4].hex()}) to {now:#x}, not {behind:#x}")
    previous = now
