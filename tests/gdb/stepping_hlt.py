# gdbvm: image bench64
# gdbvm: append hlt
# A step over HLT ends behind it.
connect()
stop_at("hlt")
while peek(pc(), 1) != b"\xf4":
    gdb.execute("stepi", to_string=True)
here = pc()
execute("stepi")
equal(pc(), here + 1, "pc")
before = value("counter")
execute("tbreak *$pc")
execute("continue")
check(value("counter") > before, "the guest did not wake up")
