# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=20 shared
# gdbvm: expect-exit 0
# gdbvm: expect-serial cpu 2: 20 rounds, visits 20 20 20 20 20 20 20 20
# gdbvm: expect-serial shared: 80
# Watchpoints hold on all CPUs: a shared counter stops on any, one CPU's own at each of its changes, on that CPU.
connect()
stop_at("work_round")

# Two CPUs may store before both are stopped: then the first stop shows both stores and gdb passes over the second.
execute("watch shared_counter")
shared = gdb.breakpoints()[-1].number
before, threads = value("shared_counter"), set()
while before < 40:
    hit("continue", shared)
    equal(function(), "touch_shared")
    now = value("shared_counter")
    check(before < now <= before + 4, f"from {before} to {now}")
    before = now
    threads.add(gdb.selected_thread().num)
if not SLOW:  # with one host CPU, the one that is launched first is the first to store
    check(len(threads) > 1, f"only {threads} stored")
execute(f"delete {shared}")

execute("watch cpus[2].visits[5]")
own = gdb.breakpoints()[-1].number
for visit in range(value("cpus[2].visits[5]") + 1, 21):
    said = hit("continue", own)
    matches(said, rf"Old value = {visit - 1}\s+New value = {visit}\s")
    equal((function(), gdb.selected_thread().num), ("station_5", 3))
execute("delete")
exits("continue")
