# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: running
# gdbvm: local
# A debugger that comes to a running guest stops it where it is; the console has shown its life before.
wait_for(lambda: "[  1" in serial(), "the guest's second status line")
connect()
check(value("ticks") > 0, "no ticks")
check(pc() >> 32 == 0xFFFFFFFF or value("$cs") & 3 == 3, f"stopped at {pc():#x}")
execute("bt")
execute("break count_once")
before = value("counter")
hit("continue", 1)
execute("finish")
check(value("counter") >= before, "counter")
