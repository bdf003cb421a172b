# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append shared
# gdbvm: running
# gdbvm: local
# gdbvm: timeout 240
# Four CPUs, eight breakpoints in memory with conditions, and a debugger that comes, breaks, interrupts and goes, twenty
# times: each visit of the CPU whose condition is true is told exactly once, and what is counted at the target agrees
# with what the guest counts.
STATIONS = range(8)
places = {label(f"station_{station}"): station for station in STATIONS}


def bytes_to_count():
    """Of the instructions of a station that load, increase and store its counter."""
    start = min(places)
    last = gdb.selected_inferior().architecture().disassemble(start, count=3)[-1]
    matches(last["asm"], r"^mov +%rax,0x[0-9a-f]+\(%rdi\)")
    return last["addr"] + last["length"] - start


def visits(cpu):
    return [value(f"cpus[{cpu}].visits[{station}]") for station in STATIONS]


def standing():
    """How many CPUs stand in each station before it has counted them: hit or about to be, no visit for the guest yet."""
    count = [0] * len(STATIONS)
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        for place, station in places.items():
            count[station] += place <= pc() < place + COUNTED
    return count


def totals():
    return [sum(row) for row in zip(*(visits(cpu) for cpu in range(4)))]


def counted():
    """Each station's hits as the target counts them, whether it or gdb finds the condition false."""
    said = execute("monitor info breakpoints")
    found = []
    for place in sorted(places, key=places.get):
        row = re.search(rf"{place:#018x}  (?:byte|not set).*hit (\d+) times(?:, its condition was false (\d+) times)?", said)
        found.append(int(row[1]) + int(row[2] or 0))
    return found


def told(cpu, times):
    """The stations' breakpoints stop on this CPU only; its visits are told without a gap, each once."""
    start = visits(cpu)
    last = {}
    for _ in range(times):
        execute("continue")
        station = places[pc()]
        equal((gdb.selected_thread().num, value("cpu->id")), (cpu + 1, cpu), "who stopped")
        now = value(f"cpu->visits[{station}]")
        if station in last:
            equal(now, last[station] + 1, f"the visit of station {station} that is told")
        else:
            check(start[station] <= now <= start[station] + 1, f"station {station}: first told {now} of {start[station]}")
        last[station] = now
    for station, seen in last.items():
        check(visits(cpu)[station] <= seen + 1, f"station {station}: {visits(cpu)[station]} visits, last told {seen}")


def counts_agree(round_):
    """A while in which no condition is true."""
    for row in gdb.breakpoints():
        row.condition = "cpu->id == 77"
    interrupted(after=0.01)  # the new conditions are at the target
    guest, entered, ours = totals(), standing(), counted()
    for _ in range(3):
        # gdb itself steps the selected thread off a breakpoint that it stands on, hit or not.
        if pc() in places:
            entered[places[pc()]] += 1
        interrupted(after=0.02 * (round_ % 3))
    done, still_entered, now = totals(), standing(), counted()
    for station in STATIONS:
        hits = now[station] - ours[station]
        expected = done[station] - guest[station]
        low, high = expected - entered[station], expected + still_entered[station]
        check(low <= hits <= high, f"station {station}: {hits} hits of {low} to {high} visits")


worked = 0
for round_ in range(6 if SLOW else 20):
    connect()
    COUNTED = bytes_to_count()
    wait_for(lambda: value("work_begins") or interrupted(after=0.05), "the CPUs' start")
    occupy_debug_registers(range(0x300000, 0x300004))
    fillers = len(gdb.breakpoints())
    for station in STATIONS:
        execute(f"break station_{station} if cpu->id == {round_ % 4}")
    told(round_ % 4, 24)
    for row in gdb.breakpoints()[:fillers]:
        check(row.hit_count == 0, "an address where nobody comes was hit")
    counts_agree(round_)
    equal(value("panicked"), 0)
    total = sum(value(f"cpus[{cpu}].work_counter") for cpu in range(4))
    check(total > worked, "no work done since the last debugger")
    worked = total
    execute("delete")
    execute("detach")
