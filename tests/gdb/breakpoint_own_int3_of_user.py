# gdbvm: image kernel64
# gdbvm: append forever
# User mode runs an int3 of its own, while ours are planted for it: the kernel's handler counts it, and ours still hit.
connect()
stop_at("user_main")
occupy_debug_registers(range(0x7fff00001000, 0x7fff00001003))
execute("break call_kernel")
number = gdb.breakpoints()[-1].number
before = value("breakpoints_seen")
execute("set var *(unsigned char*)$pc = 0xcc")  # of the prefix of `mov string, %rsi`: what follows is `mov string, %esi`
hit("continue", number)
equal(value("breakpoints_seen"), before + 1)
equal(gdb.execute("x/s argument", to_string=True).count("hello from user mode"), 1)
