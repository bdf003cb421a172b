# gdbvm: image hello16
# gdbvm: args --on-disconnect stop
# gdbvm: expect-exit 0
# gdbvm: expect-serial lift-off
# Real mode without symbols: `set architecture i8086` works before and after `target remote`; addresses are linear.


def look():
    code = r"=> 0x7c00:\s+ljmp +\$0x0?,\$0x7c05\n +0x7c05:\s+xor +%ax,%ax\n +0x7c07:\s+mov +%ax,%ds"
    matches(execute("x/4i $pc"), code)
    equal(pc(), 0x7C00, "pc")
    matches(execute("info registers"), r"cs +0x")


connect()
execute("set architecture i8086")
look()
execute("disconnect")
execute("set architecture i8086")
connect()
look()
execute("break *0x7c05")
hit("continue", 1)
execute("stepi")
equal(pc(), 0x7C07, "pc")
matches(execute("x/i $pc"), r"mov +%ax,%ds")
execute("set $eax = 0x1234")
execute("stepi")
equal(value("$ds"), 0x1234, "ds")
execute("delete")
execute("set $pc = 0x7c05")
exits("continue")
