# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=3 events
# gdbvm: expect-exit 0
# gdbvm: expect-serial cpu 3: 3 faults, 3 writes, 6 loads
# Loads of CR3 by four CPUs, which are all stepped for it, while an exception is caught, too.
connect()
stop_at("station_0")  # by all before the first event
load = catch("cr3", "cr3")
division = catch("exception 0", "exception 0 (#DE)")
COUNTERS = {load: "loads", division: "faults"}
roots = [label("boot_pml4"), label("other_root")]
seen = {number: [0] * 4 for number in COUNTERS}
for _ in range(4 * 3 * 3):
    said = trapped("continue")
    lines = re.findall(r"(?m)^catchpoint (\d+): (.*)$", said)
    equal(len(lines), 1, "events told")
    number = int(lines[0][0])
    cpu = gdb.selected_thread().num - 1
    count = seen[number][cpu]
    equal(value(f"cpus[{cpu}].{COUNTERS[number]}"), count, f"{COUNTERS[number]} of CPU {cpu} before this one")
    seen[number][cpu] += 1
    if number == load:
        matches(lines[0][1], rf": {roots[count % 2]:#x} -> {roots[1 - count % 2]:#x}$")
        equal(value("$cr3"), roots[1 - count % 2])
    else:
        matches(lines[0][1], f"at {label('faulting_division'):#x}")
equal(seen, {load: [6] * 4, division: [3] * 4})
exits("continue")
