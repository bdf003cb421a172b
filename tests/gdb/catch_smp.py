# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: append rounds=5 events
# gdbvm: expect-exit 0
# gdbvm: expect-serial cpu 3: 5 faults, 5 writes, 10 loads
# Catchpoints on four CPUs that run into them at once: each event is told once, of the CPU whose it is.
connect()
stop_at("station_0")  # by all before the first event
division = catch("exception 0", "exception 0 (#DE)")
port = catch("io 0x80", "io port 0x80")
COUNTERS = {division: "faults", port: "writes"}
seen = {number: [0] * 4 for number in COUNTERS}
for _ in range(2 * 4 * 5):
    said = trapped("continue")
    lines = re.findall(r"(?m)^catchpoint (\d+): (.*)$", said)
    equal(len(lines), 1, "events told")
    number = int(lines[0][0])
    cpu = gdb.selected_thread().num - 1
    equal(value(f"cpus[{cpu}].{COUNTERS[number]}"), seen[number][cpu], f"{COUNTERS[number]} of CPU {cpu} before this one")
    seen[number][cpu] += 1
    if number == division:
        equal(pc(), label("trap_0"), "the handler")
        matches(lines[0][1], f"at {label('faulting_division'):#x}")
    else:
        matches(lines[0][1], rf"1 byte: .*-> {cpu:#x}$")
equal(seen, {number: [5] * 4 for number in COUNTERS})
exits("continue")
