# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# gdbvm: expect-serial ^(?!(.|\n)*task ended)
# A step over an instruction that faults leads into the guest's handler, and the guest returns from it as if never
# stepped: no trap flag of ours is left in what it saved.
connect()
execute("break count_up")
hit("continue", 1)
execute("finish")
for _ in range(10):  # *saved = user_counter, in a page that is not there yet
    if value("$cs") & 3 == 3:
        execute("stepi")
equal(value("$cs") & 3, 0, "CPL")
execute("break handle_trap")
hit("continue", 2)
equal(value("frame->vector"), 14)
equal(value("frame->rflags") & 0x100, 0, "TF in the saved flags")
execute("delete 2")
execute("break call_kernel")
hit("continue", 3)
equal(value("number"), 2)
execute("delete")
power_off_soon()
stop_at("end_of_run")
equal(value("pages_on_demand"), 1)

exits("continue")
