# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# Breakpoints in user mode while `hbreak`s hold all debug registers; the guest's own int3 there reaches its handler, where
# a breakpoint works, too.
connect()
stop_at("user_main")
occupy_debug_registers(range(0x7fff00001000, 0x7fff00001004))
execute("break call_kernel")
number = gdb.breakpoints()[-1].number
before = value("breakpoints_seen")
own = pc()
code = peek(own, 1)
execute("set var *(unsigned char*)$pc = 0xcc")  # of the prefix of `mov string, %rsi`: what follows is `mov string, %esi`
hit("continue", number)
equal(value("breakpoints_seen"), before + 1)
equal(gdb.execute("x/s argument", to_string=True).count("hello from user mode"), 1)
poke(own, code.hex())
execute("break count_up")
hit("continue", gdb.breakpoints()[-1].number)
equal(value("$cs") & 3, 3, "CPL")
equal(value("breakpoints_seen"), before + 1)
execute("delete")
power_off_soon()
exits("continue")
