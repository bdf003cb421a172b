# gdbvm: image traps64
# gdbvm: append debugdata rounds=10
# gdbvm: requires data-debug-registers=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial debugdata: 10 hits of 10, 0 elsewhere, registers kept
# The guest's own data watchpoint works while the debugger watches the same word and has breakpoints.
connect()
stop_at("job_debugdata")
execute("watch own_word")
watch = gdb.breakpoints()[-1].number
execute("hbreak jobs_done")
for at in range(1, 10):
    hit("continue", watch)
    equal((function(), value("own_word")), ("own_store", at))
execute("delete")
exits("continue")
