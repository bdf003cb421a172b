# gdbvm: image bench64
# gdbvm: append calls
# Z and z are idempotent; a fifth hardware breakpoint is refused with a sentence, and so is what nobody can do.
connect()
stop_at("bench_hit")
here = pc()
for kind in (0, 1):
    for _ in range(3):
        equal(packet(f"Z{kind},{here:x},1"), "OK")
    equal(packet(f"z{kind},{here:x},1"), "OK")
    equal(packet(f"z{kind},{here:x},1"), "OK")
interrupted(after=0.05)  # nothing is left of them

for at in range(4):
    equal(packet(f"Z1,{0x300000 + at:x},1"), "OK")
matches(packet("Z1,300004,1"), r"^E\..*only 4 debug registers")
equal(packet("Z1,300003,1"), "OK")  # is there already
for at in range(4):
    equal(packet(f"z1,{0x300000 + at:x},1"), "OK")
equal(packet("Z9,1000,1"), "")
matches(packet("Z0,xyz,1"), "^E")

# The same in gdb's words.
for at in range(5):
    execute(f"hbreak *{0x300000 + at:#x}")
fails("continue", "only 4 debug registers")
execute("delete")
execute("break bench_hit")
hit("continue", gdb.breakpoints()[-1].number)
equal(value("i"), value("counter") + 1, "the argument")
