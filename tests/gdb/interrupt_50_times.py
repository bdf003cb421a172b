# gdbvm: image bench64
# gdbvm: append spin
# gdbvm: append hlt
# gdbvm: append pio
# gdbvm: append user
# Ctrl-C stops a guest that runs, sleeps, does port I/O or is in user mode, 50 times of 50, and it goes on from there.
connect()
seen = 0
for at in range(10 if SLOW else 50):
    interrupted(after=0.001 * (at % 10))
    now = value("counter")
    check(now >= seen, f"the counter went back from {seen} to {now}")
    seen = now
    before = pc()
    execute("stepi")  # it is a stop like any other
while value("counter") <= seen:
    interrupted(after=0.05)
