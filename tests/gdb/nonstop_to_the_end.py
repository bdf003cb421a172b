# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=8 shared
# gdbvm: mi
# gdbvm: expect-exit 0
# gdbvm: expect-serial cpu 3: 8 rounds, visits 8 8 8 8 8 8 8 8
# gdbvm: expect-serial shared: 32
# Non-stop mode to the guest's end: each CPU stops at each of its visits, while others step over the same breakpoint;
# none slips through, none comes twice.
gdb.connect(non_stop=True)
number = gdb.run("-break-insert station_5")["bkpt"]["number"]
gdb.run("-exec-continue --all")
visits = {thread: [] for thread in range(1, 5)}
for _ in range(4 * 8):
    stop = gdb.wait_stop()
    equal((stop["reason"], stop["bkptno"]), ("breakpoint-hit", number))
    thread = int(stop["thread-id"])
    visits[thread].append(gdb.value("cpu->visits[5]", thread))
    equal(gdb.value("cpu->id", thread), thread - 1)
    gdb.run(f"-exec-continue --thread {thread}")
equal(visits, {thread: [*range(8)] for thread in range(1, 5)})
equal(gdb.wait_stop()["reason"], "exited-normally")
