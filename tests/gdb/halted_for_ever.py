# gdbvm: image halt16
# gdbvm: expect-exit 0
# A guest that nothing can wake stops in gdb with a line that says so; without a debugger, that is its end.
connect()
matches(execute("continue"), "halted with interrupts off: nothing can wake it")
equal(peek(pc() - 1, 1), b"\xf4", "the instruction before pc")
execute("detach")
