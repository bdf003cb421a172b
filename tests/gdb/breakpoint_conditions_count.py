# gdbvm: image bench64
# gdbvm: append calls
# A condition stops at the very call it names, and an ignore count after exactly so many.
CALL, IGNORED = (50, 19) if SLOW else (500, 99)
connect()
execute(f"break bench_hit if i == {CALL}")
hit("continue", 1)
equal(value("i"), CALL)
execute("condition 1")
execute(f"ignore 1 {IGNORED}")
hit("continue", 1)
last = value("i")
equal(last, CALL + IGNORED + 1)
execute("condition 1 i % 32 == 31")
for expected in range(last | 31, last + 96, 32):
    hit("continue", 1)
    equal(value("i"), expected)
