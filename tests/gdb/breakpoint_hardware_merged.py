# gdbvm: image bench64
# gdbvm: append calls
# Hardware breakpoints at one address share a debug register; the fifth address is refused with a sentence, and the
# guest can go on once it is gone.
connect()
stop_at("bench_hit")
execute("break bench_hit")
for _ in range(3):
    execute("hbreak bench_hit")
numbers = [row.number for row in gdb.breakpoints()]
occupy_debug_registers(range(0x300000, 0x300003))
for _ in range(3):
    text = hit("continue", numbers[0])
    check(set(numbers) <= {row.number for row in last_event().breakpoints}, "all that are set there are hit")
said = execute("monitor info breakpoints")
equal(len(re.findall(r"(?m)^hbreak +0x[0-9a-f]+  debug register", said)), 4, "debug registers")

execute("stepi")
execute("hbreak *0x300003")
fails("continue", "only 4 debug registers")
execute(f"delete {gdb.breakpoints()[-1].number}")
before = value("counter")
hit("continue", numbers[0])
equal(value("counter"), before + 1)

# In packets, both kinds at one address, each removed by itself.
execute("delete")
here = pc()
for kind in (1, 0, 1, 0):
    equal(packet(f"Z{kind},{here:x},1"), "OK")
for at in range(3):
    equal(packet(f"Z1,{0x300000 + at:x},1"), "OK")
for kind in (1, 0):
    matches(packet("vCont;c"), r"^T05.*;(sw|hw)break:")
    forget_registers()
    equal(pc(), here, "pc")
    equal(packet(f"z{kind},{here:x},1"), "OK")
for at in range(3):
    equal(packet(f"z1,{0x300000 + at:x},1"), "OK")
interrupted(after=0.05)
