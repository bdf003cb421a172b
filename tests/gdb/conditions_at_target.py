# gdbvm: image bench64
# gdbvm: append calls
# Conditions and dprintf are evaluated at the target: gdb hears of nothing that does not stop, the counts are exact.
connect()
stop_at("bench_hit")
FAR = 300 if SLOW else 3000


def counts(address):
    found = re.search(rf"{address:#018x}  .*hit (\d+) times(?:, its condition was false (\d+) times)?",
                      execute("monitor info breakpoints"))
    return int(found[1]), int(found[2] or 0)


before = value("i")
execute(f"break bench_hit if i == {before + FAR}")
number = gdb.breakpoints()[-1].number
sent = packets("continue")
equal(value("i"), before + FAR)
check(len(sent) < 30, f"{len(sent)} packets for {FAR} false conditions")
equal(counts(pc()), (2, FAR - 1), "hits, with the one of stop_at, and passes")

# Registers, memory, signs, more than one condition at an address.
execute(f"condition {number} $rdi % 7 == 3 && *(int *)&counter > -5 && (char)i < 0")
hit("continue", number)
now = value("i")
check(now % 7 == 3 and now & 0x80, f"stopped at {now}")
execute(f"break bench_hit if i == {now + 4}")
second = gdb.breakpoints()[-1].number
execute(f"condition {number} i == {now + 9}")
hit("continue", second)
equal(value("i"), now + 4)
hit("continue", number)
equal(value("i"), now + 9)
execute("delete")

# An expression that can't be evaluated stops, and says why.
now = value("i")
execute(f"break bench_hit if 10 / (i - {now + 3}) == 99")
text = execute("continue")
equal(value("i"), now + 3)
matches(text, "division by zero")
execute("delete")
execute("break bench_hit if *(int *)0x7fffffff0000 == 1")
matches(execute("continue"), "7fffffff0000")
execute("delete")

# dprintf, formatted here, with no stop.
execute("set dprintf-style agent")
now = value("i")
execute(r'dprintf bench_hit,"call %d of %#x\n", i, i')
behind = gdb.selected_frame().architecture().disassemble(pc(), count=2)[1]["addr"]
execute(f"tbreak *{behind:#x} if $edi == {now + 6}")
text = execute("continue")
for call in range(now + 1, now + 6):
    matches(text, f"call {call} of {call:#x}")
execute("delete")
