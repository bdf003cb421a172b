# gdbvm: image traps64
# gdbvm: append reset
# gdbvm: args --on-reset exit
# gdbvm: expect-exit 0
# A reset ends the VM, as gdb is told.
connect()
execute("break job_reset")
hit("continue", 1)
exits("continue", 0)
