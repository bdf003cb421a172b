# gdbvm: image traps64
# gdbvm: append reset
# gdbvm: args --on-reset stop
# A reset stops the guest before it happens, without a catchpoint; it happens when the guest goes on.
connect()
execute("break job_reset")
for _ in range(3):
    hit("continue", 1)
    matches(trapped("continue"), "the guest resets the machine")
    matches(function(), "job_reset|outb|halt_forever")
    equal(value("$cr0") >> 31 & 1, 1, "CR0.PG: the machine is as before the reset")
hit("continue", 1)
