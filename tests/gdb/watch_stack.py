# gdbvm: image traps64
# gdbvm: append stack timer
# gdbvm: expect-exit 0
# gdbvm: expect-serial stack: local 55 after 10 calls
# A local variable lives on the stack, where interrupts push their frames: its page is never protected, and the
# watchpoint ends with the function.
connect()
stop_at("change_local")
execute("next")
execute("next")  # past the initialisation
execute("watch local")
number = gdb.breakpoints()[-1].number
total = value("local")
for at in range(1, 11):
    before, total = total, total + at
    said = hit("continue", number)
    if at == 1 and "debug register" not in mechanism(value("(unsigned long)&local")):
        matches(said, rf"watch 0x[0-9a-f]+ \(8 bytes\): by stepping and comparing.*its page holds the stack of CPU 0")
    matches(said, rf"Old value = {before}\s+New value = {total}\s")
    equal(function(), "change_local")
    equal(value("elsewhere.counter"), at - 1, "calls before the change")
matches(execute("continue"), rf"Watchpoint {number} deleted because the program has left the block")
equal(function(), "job_stack")
exits("continue")
