# gdbvm: image kernel64
# gdbvm: append triple
# gdbvm: expect-exit 3
# A triple fault stops in gdb, with a line that says what happened, and registers as they were; without gdb it is a
# crash.
connect()
matches(signalled("continue", "SIGSEGV"), r"triple fault at 0xffffffff80[0-9a-f]+ .*IDT base")
equal(function(), "triple_fault")
matches(execute("bt"), r"#0 .*triple_fault(.*\n)+.*check_health(.*\n)+.*console_task")
matches(execute("x/i $pc"), "div")
equal(value("$al"), 1)
signalled("continue", "SIGSEGV")
execute("detach")
