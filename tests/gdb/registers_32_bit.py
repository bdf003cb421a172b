# gdbvm: image protected32
# gdbvm: expect-exit 0
# gdbvm: expect-serial fibonacci\(10\) = 55
# With an ELF32 file gdb takes the machine for an i386; its registers are there under their 32-bit names.
connect()
matches(execute("show architecture"), "i386")
equal(function(), "start")
equal(pc(), value("(unsigned)&start"), "pc")
stop_at("fibonacci")
for group in ("general", "float", "vector", "all"):
    gdb.execute(f"info registers {group}", to_string=True)
matches(execute("info registers eip"), rf"eip +{pc():#x}")
saved = {name: value(f"${name}") for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eflags")}
for at, name in enumerate(saved):
    execute(f"set ${name} = {0x11223300 + at}" if name != "eflags" else "set $eflags = 0x6")
forget_registers()
for at, name in enumerate(saved):
    equal(value(f"${name}"), 0x11223300 + at if name != "eflags" else 6, name)
execute("set $st0 = -2.25")
equal(float(gdb.parse_and_eval("$st0")), -2.25, "st0")
matches(execute("print $cr0"), r"\[ .*\bPE\b.*\]")
for name, number in saved.items():
    execute(f"set ${name} = {number}")
exits("continue")
