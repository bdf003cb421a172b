# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=8
# gdbvm: expect-exit 0
# gdbvm: expect-serial cpu 3: 8 rounds, visits 8 8 8 8 8 8 8 8
# All CPUs hit the same two breakpoints, one in memory, at the same time: each hit is told once, as the guest counts.
connect()
stop_at("kernel_main")
occupy_debug_registers(range(0x300000, 0x300003))
execute("break station_2")
execute("break station_6")
execute("tbreak power_off")
visits = {}
for _ in range(2 * 4 * 8):
    execute("continue")
    station = {"station_2": 2, "station_6": 6}[function()]
    cpu = value("cpu->id")
    equal(gdb.selected_thread().num, cpu + 1, "the thread that is told")
    visits.setdefault((cpu, station), []).append(value(f"cpu->visits[{station}]"))
equal(visits, {(cpu, station): [*range(8)] for cpu in range(4) for station in (2, 6)})
execute("continue")
equal(function(), "power_off")
execute("delete")
exits("continue")
