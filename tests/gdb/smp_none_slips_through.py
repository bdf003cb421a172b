# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=60 shared
# gdbvm: expect-exit 0
# gdbvm: expect-serial shared: 240
# Four CPUs run over the same breakpoints, which are false, in memory and in debug registers: while one steps over it,
# none of the others slips through. Every pass is counted, and each stop comes with the CPU whose it is.
connect()
stop_at("kernel_main")
occupy_debug_registers(range(0x300000, 0x300002))
for station in range(8):
    execute(f"break station_{station} if cpu->id == 77")
execute("break station_3 if cpu->id == 1 && round % 20 == 19")
stops = gdb.breakpoints()[-1].number
execute("tbreak power_off")
for round_ in (19, 39, 59):
    execute("set debug remote on")
    said = hit("continue", stops)
    execute("set debug remote off")
    equal((gdb.selected_thread().num, value("cpu->id"), value("round")), (2, 1, round_))
    matches(said, r"Packet received: T05[^\n]*;core:1;")
    matches(execute("info threads"), r"\* 2 [^\n]*CPU 1\b")
execute("continue")
equal(function(), "power_off")

said = execute("monitor info breakpoints")
kinds = set()
for station in range(8):
    row = re.search(rf"{label(f'station_{station}'):#018x}  (.*), hit (\d+) times, its condition was false (\d+) times", said)
    true = 3 if station == 3 else 0
    equal((int(row[2]), int(row[3])), (true, 4 * 60 - true), f"hits and passes of station {station}")
    equal([value(f"cpus[{cpu}].visits[{station}]") for cpu in range(4)], [60] * 4)
    kinds.add(row[1].split()[0])
check("byte" in kinds and "debug" in kinds, f"how they were set: {kinds}")
execute("delete")
exits("continue")
