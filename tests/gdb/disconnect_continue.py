# gdbvm: image bench64
# gdbvm: append calls
# gdbvm: args --on-disconnect continue
# The connection is lost without a word: the guest runs on, nothing planted, and the next debugger is welcome.
connect()
execute("break bench_hit")
hit("continue", 1)
before = value("i")
execute("set breakpoint always-inserted on")
execute("disconnect")
time.sleep(0.05)
execute("set breakpoint always-inserted off")
execute("delete")
connect()
while value("counter") <= before:
    interrupted(after=0.05)
check("bench_hit" not in execute("monitor info breakpoints"), "a breakpoint is left")
