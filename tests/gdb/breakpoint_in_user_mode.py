# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: hello from user mode
# User mode under the kernel: breakpoints, stepi, next, step, finish, and a back trace across the ring.
connect()
execute("break user_main")
hit("continue", 1)
equal(value("$cs") & 3, 3, "CPL")
for _ in range(5):
    before = pc()
    gdb.execute("stepi", to_string=True)
    check(pc() != before, "stepi stands still")
    equal(value("$cs") & 3, 3, "CPL")

execute("hbreak count_up")
hit("continue", 2)
equal(value("rounds"), 50000)
counted = value("user_counter")
execute("set var rounds = 7")
execute("next")  # the loop is one line
equal(function(), "user_main")
equal(value("user_counter"), counted + 7)

# A page appears when it is first touched: a fault, of which user mode sees nothing.
execute("break call_kernel")
hit("continue", 3)
execute("up")
equal(value("*saved"), counted + 7)
execute("delete 3")
hit("continue", 2)
execute("finish")
execute("next")
execute("step")
equal(function(), "call_kernel")
execute("delete")

# From the kernel, the frames of user mode are in sight.
execute("break handle_user_call")
hit("continue", 4)
matches(execute("bt"), r"handle_user_call(.*\n)+.*signal handler called(.*\n)+.*user_main")
execute("delete")
power_off_soon()
exits("continue")
