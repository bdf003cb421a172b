# gdbvm: image traps64
# gdbvm: append triple
# gdbvm: args --on-triple-fault exit
# gdbvm: expect-exit 3
# A triple fault is caught whatever --on-triple-fault says; without a debugger it then takes its course.
connect()
stop_at("triple_fault")
number = catch("triple-fault", "triple fault")
said = execute("continue")
matches(said, rf"(?m)^catchpoint {number}: triple fault at {pc():#x}")
matches(said, "received signal SIG(TRAP|SEGV)")
equal(function(), "triple_fault")
matches(execute("x/i $pc"), "div")
execute("detach")
