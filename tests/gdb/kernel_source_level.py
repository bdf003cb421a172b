# gdbvm: image kernel64
# gdbvm: append ticks=20
# gdbvm: expect-exit 0
# gdbvm: expect-serial 20 ticks: power off
# A kernel in C at source level: break by name, back trace through an interrupt, print a struct, run to the end.
connect()
equal(function(), "pvh_entry")
execute("break kernel_main")
hit("continue", 1)
equal(function(), "kernel_main")
execute("break schedule")
hit("continue", 2)
matches(execute("bt"), r"schedule.*\n.*timer_tick.*\n.*handle_trap.*\n.*signal handler called")
matches(execute("p *current_task"), r'name = .* "\w+"')
execute("delete")
exits("continue")
