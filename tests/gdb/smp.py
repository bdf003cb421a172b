# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=40 shared
# gdbvm: expect-exit 0
# gdbvm: expect-serial 4 CPUs
# Four CPUs: started by INIT and SIPI, each a thread; breakpoints hold on all, every hit is counted and equals the
# guest's own count; one steps while the others stand.
connect()
equal(len(gdb.selected_inferior().threads()), 4)
matches(execute("info threads"), r"CPU 0 .*\n(.*\n)*.*CPU 3 .*")
matches(execute("info threads"), r"CPU 0 running, .*\n(.*\n)*.*CPU 3 waiting for SIPI, real")
stop_at("ap_start")
check(gdb.selected_thread().num > 1, "an AP runs the start page")
stop_at("station_0")

# Each CPU's visits of one station.
execute("break station_3")
number = gdb.breakpoints()[-1].number
hits = {}
ROUNDS = 10
while min(hits.values(), default=0) < ROUNDS or len(hits) < 4:
    hit("continue", number)
    thread = gdb.selected_thread().num
    hits[thread] = hits.get(thread, 0) + 1
    equal(value("cpu->visits[3]"), hits[thread] - 1, f"visits of CPU {thread - 1} before hit {hits[thread]}")
matches(execute("thread apply all print $rip"), r"(?s)Thread 1\.4.*Thread 1\.1 |Thread 4.*Thread 1 ")
execute(f"delete {number}")

# One CPU alone.
execute("set scheduler-locking on")
me = gdb.selected_thread().num
others = [t for t in range(1, 5) if t != me]
before = [value(f"cpus[{t - 1}].visits[0]") for t in others]
for _ in range(20):
    execute("stepi")
    equal(gdb.selected_thread().num, me, "the thread that steps")
execute("next")
stop_at("station_5")
equal([value(f"cpus[{t - 1}].visits[0]") for t in others], before, "the others stand still")
execute("set scheduler-locking off")
exits("continue")
