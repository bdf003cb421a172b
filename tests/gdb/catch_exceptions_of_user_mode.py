# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial ^(?!(.|\n)*(task ended|panic))
# Exceptions of a program are caught as those of the kernel: its calls (ud2) and the page that is not there yet.
connect()
stop_at("enter_user_mode")
call = catch("exception 6", "exception 6 (#UD)")
caught(call, r"exception 6 \(#UD\) at 0x4[0-9a-f]{5}")
equal(pc(), label("trap_6"), "the handler")
matches(execute("bt"), "user_main")
missing = catch("exception 14", "exception 14 (#PF)")
caught(missing, r"exception 14 \(#PF\) at 0x4[0-9a-f]{5}: error code 0x6, CR2 0x500000")
equal(pc(), label("trap_14"), "the handler")
equal(value("pages_on_demand"), 0)
caught(call, r"exception 6 \(#UD\) at 0x4[0-9a-f]{5}")
equal((value("pages_on_demand"), value("user_calls")), (1, 1))
execute("monitor uncatch all")
power_off_soon()
exits("continue")
