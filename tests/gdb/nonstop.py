# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: mi
# Non-stop mode: a CPU that stops does not stop the others. It is looked at and stepped while they run on; one of them,
# or all, can be told to stop.
gdb.connect(non_stop=True)
number = gdb.run('-break-insert -c "cpu->id == 2" station_3')["bkpt"]["number"]
gdb.run("-exec-continue --all")
stop = gdb.wait_stop(3)
equal((stop["reason"], stop["bkptno"], stop["stopped-threads"]), ("breakpoint-hit", number, ["3"]))
equal(stop["core"], "2")
equal(gdb.states(), {1: "running", 2: "running", 3: "stopped", 4: "running"})


def counter(cpu):
    return gdb.value(f"cpus[{cpu}].work_counter", 3)


def run_on(*cpus):
    """These make progress, while the one that is looked at stands."""
    mine = counter(2)
    for cpu in cpus:
        before = counter(cpu)
        wait_for(lambda: counter(cpu) > before, f"progress of CPU {cpu}")
    equal(counter(2), mine, "the stopped CPU's counter")


run_on(0, 1, 3)
first = gdb.value("cpus[2].visits[3]", 3)
equal(gdb.value("cpu->id", 3), 2)

# Steps of the one, while the others run.
for _ in range(5):
    before = gdb.value("(unsigned long)$pc", 3)
    gdb.run("-exec-step-instruction --thread 3")
    stop = gdb.wait_stop(3)
    equal((stop["reason"], stop["stopped-threads"]), ("end-stepping-range", ["3"]))
    check(gdb.value("(unsigned long)$pc", 3) != before, "it did not step")
run_on(0, 1, 3)
gdb.run("-exec-finish --thread 3")
equal(gdb.wait_stop(3)["reason"], "function-finished")
equal(gdb.value("cpus[2].visits[3]", 3), first + 1)

# It goes on alone, to its next visit.
for visit in range(first + 1, first + 4):
    gdb.run("-exec-continue --thread 3")
    equal(gdb.wait_stop(3)["reason"], "breakpoint-hit")
    equal(gdb.value("cpus[2].visits[3]", 3), visit)
equal(gdb.states(), {1: "running", 2: "running", 3: "stopped", 4: "running"})

# Another is told to stop: no signal, and only that one.
gdb.run("-exec-interrupt --thread 1")
stop = gdb.wait_stop(1)
equal((stop["reason"], stop["signal-name"], stop["stopped-threads"]), ("signal-received", "0", ["1"]))
equal(gdb.states(), {1: "stopped", 2: "running", 3: "stopped", 4: "running"})
still = counter(0)
run_on(1, 3)
equal(counter(0), still, "the interrupted CPU's counter")

# All stop, all go on.
gdb.run("-exec-interrupt --all")
gdb.wait_stop(2)
gdb.wait_stop(4)
equal(set(gdb.states().values()), {"stopped"})
before = [counter(cpu) for cpu in range(4)]
gdb.run("-exec-step-instruction --thread 2")
gdb.wait_stop(2)
equal([counter(cpu) for cpu in (0, 2, 3)], [before[cpu] for cpu in (0, 2, 3)], "the counters of those that stand")
gdb.no_stop()
gdb.run("-exec-continue --all")
gdb.wait_stop(3)
run_on(0, 1, 3)

# A breakpoint set while they run is hit by each of them.
gdb.run(f"-break-delete {number}")
gdb.run("-exec-continue --thread 3")
number = gdb.run("-break-insert station_6")["bkpt"]["number"]
for thread in range(1, 5):
    equal(gdb.wait_stop(thread)["bkptno"], number)
gdb.run(f"-break-delete {number}")
gdb.run("-exec-continue --all")
wait_for(lambda: set(gdb.states().values()) == {"running"}, "all run")
gdb.run("-target-detach")
