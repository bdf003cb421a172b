# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial ^(?!(.|\n)*(task ended|panic))
# What a program stores in user mode is watched as well, where user mode runs natively, too.
connect()
stop_at("user_main")
execute("watch user_counter")
number = gdb.breakpoints()[-1].number
for count in range(1, 11):
    hit("continue", number)
    equal((function(), value("user_counter"), value("$cs") & 3), ("count_up", count, 3))
execute("delete")
stop_at("handle_user_call if frame->rax == 2")
equal(value("user_counter"), 50000)
power_off_soon()
exits("continue")
