# gdbvm: image traps64
# gdbvm: append reset
# A reset is caught before it happens, and happens when the guest goes on; catchpoints stay over it.
connect()
execute("break job_reset")
number = catch("reset", "reset")
for at in range(1, 4):
    hit("continue", 1)
    caught(number, r"reset at 0x[0-9a-f]+")
    matches(function(), "job_reset|outb|halt_forever")
    equal(value("$cr0") >> 31 & 1, 1, "CR0.PG: the machine is as before the reset")
    matches(execute("monitor info catch"), rf"(?m)^ *{number} +reset, hit {at} times?$")
hit("continue", 1)
execute("monitor uncatch all")
hit("continue", 1)
