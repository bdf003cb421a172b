# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: mi
# A development environment's session in all-stop mode: asynchronous commands, threads and the CPUs they are, interrupt.
gdb.connect()
number = gdb.run('-break-insert -c "cpu->id == 2" station_3')["bkpt"]["number"]
gdb.run("-exec-continue")
for visit in range(3):
    stop = gdb.wait_stop()
    equal((stop["reason"], stop["bkptno"], stop["thread-id"]), ("breakpoint-hit", number, "3"))
    equal(gdb.value("cpus[2].visits[3]"), visit)
    rows = gdb.run("-thread-info")["threads"]
    equal([row["state"] for row in rows], ["stopped"] * 4)
    equal(stop["core"], "2")
    for at, row in enumerate(rows):
        matches(row.get("name", "") + row.get("details", "") + row["target-id"], f"CPU {at}")
    gdb.run("-exec-continue")
gdb.wait_stop()
gdb.run(f"-break-delete {number}")
for _ in range(3):
    before = gdb.value("cpus[1].work_counter")
    gdb.run("-exec-continue")
    gdb.run("-exec-interrupt")
    stop = gdb.wait_stop()
    equal(stop.get("signal-name"), "SIGINT")
    check(gdb.value("cpus[1].work_counter") >= before, "it went back")
gdb.run("-exec-step-instruction --thread 2")
equal(gdb.wait_stop()["reason"], "end-stepping-range")
gdb.run("-target-detach")
