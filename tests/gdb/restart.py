# gdbvm: image kernel64
# gdbvm: append forever
# `monitor reset` and gdb's `run` bring the machine back to its first instruction; breakpoints stay.
connect("extended-remote")
equal(function(), "pvh_entry")
entry = pc()
execute("break count_once")
for _ in range(3):
    hit("continue", 1)
equal(value("counter"), 2)
execute("set var speed = 99")
matches(execute("monitor reset"), "first instruction")
forget_registers()
equal(pc(), entry, "pc")
equal(value("$cr0") >> 31, 0, "CR0.PG")
hit("continue", 1)
equal(value("counter"), 0)
equal(value("speed"), 1)

execute("set remote exec-file kernel64")
execute("starti")
equal(pc(), entry, "pc after starti")
hit("continue", 1)
equal(value("counter"), 0)
hit("continue", 1)
hit("run", 1)
equal(value("counter"), 0)
