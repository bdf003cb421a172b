# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: hello from user mode
# Single steps lead from the kernel by IRETQ into user mode, on there, and by an exception back into the kernel.
connect()
stop_at("enter_user_mode")
for _ in range(20):
    if value("$cs") & 3 != 3:
        execute("stepi")
equal(function(), "user_main")
equal(pc(), value("(unsigned long)&user_main"), "pc")
while peek(pc(), 2) != b"\x0f\x0b":
    equal(value("$cs") & 3, 3, "CPL")
    gdb.execute("stepi", to_string=True)
user = pc()
execute("stepi")
equal(value("$cs") & 3, 0, "CPL")
matches(function(), "trap_6|trap_common")
execute("break handle_user_call")
hit("continue", 2)
equal(value("frame->rip"), user)
execute("delete")
power_off_soon()
exits("continue")
