# gdbvm: image paging32
# gdbvm: append rounds=5
# gdbvm: append rounds=5 pae
# gdbvm: requires paging-32-bit=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: exit 15; 12 syscalls
# 32-bit and PAE paging: turned on by a step; 4 KiB and large pages, user pages before they are mapped.
connect()
matches(execute("show architecture"), "i386")
stop_at("paging_turned_on")
equal(value("$cr0") >> 31 & 1, 0, "CR0.PG before")
before = pc()
execute("stepi")
equal(value("$cr0") >> 31 & 1, 1, "CR0.PG after")
equal(pc(), before + 3, "behind mov cr0")
execute("stepi")
matches(execute("print $cr4"), "PAE" if value("$cr4") & 0x20 else "PSE")
equal(peek(value("(unsigned)&watched"), 8), bytes([1, 0, 0, 0, 2, 0, 0, 0]))
equal(value("call_log.count"), 0, "through the large page")
fails("x/x 0x12345678", "annot access")

# A breakpoint in a user page: in a debug register, then in memory.
stop_at("user_main")
equal(value("$cs") & 3, 3, "CPL")
occupy_debug_registers(range(0x00101000, 0x00101004))
execute("break write_watched")
hit("continue", gdb.breakpoints()[-1].number)
matches(mechanism(pc()), "^byte")
matches(execute("bt"), r"#0 +write_watched.*\n#1 .*work.*\n#2 .*user_main")
equal(value("watched"), 1, "not written yet")
execute("finish")
equal(value("watched"), value("total"))
execute("delete")

# From the timer's interrupt into the user program.
stop_at("timer_tick")
matches(execute("bt"), r"#0 +timer_tick(.*\n)+.*<signal handler called>(.*\n)+.*user_main")
exits("continue")
