# gdbvm: image traps64
# gdbvm: append triple
# gdbvm: args --on-triple-fault exit
# gdbvm: expect-exit 3
# A triple fault is caught whatever --on-triple-fault says; without a debugger it then takes its course.
connect()
stop_at("triple_fault")
number = catch("triple-fault", "triple fault")
said = caught(number, r"triple fault at 0x[0-9a-f]+.*")
matches(said, rf"triple fault at {pc():#x}")
equal(function(), "triple_fault")
matches(execute("x/i $pc"), "div")
execute("detach")
