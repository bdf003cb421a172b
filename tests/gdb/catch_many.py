# gdbvm: image traps64
# gdbvm: append cr3 ports mmio fault rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial cr3: 3 and 3 calls, sums 33333333 and 66666666
# gdbvm: expect-serial ports: 10 accesses, status D 80
# gdbvm: expect-serial mmio: 6 accesses, read ffffffff
# gdbvm: expect-serial fault: #DE 3, #GP 3, #PF 6, 12 as expected
# Catchpoints of all kinds, with breakpoints and a watchpoint among them: nothing is missed, the guest takes no harm.
if SLOW:
    skip("every instruction is stepped, which takes minutes there; each kind has a test of its own")
connect()
stop_at("job_cr3")
kinds = {"cr3": "cr3", "io 0xe9": "io port 0xe9", "io 0x71": "io port 0x71",
         "mmio 0xd0000000": "mmio 0xd0000000", "exception 14": "exception 14 (#PF)", "exception 0": "exception 0 (#DE)"}
times = dict(zip(kinds, (7, 4, 3, 6, 6, 3)))
numbers = {catch(kind, name): kind for kind, name in kinds.items()}
equal(len(numbers), len(kinds), "numbers of their own")
execute("break write_port")
execute("watch faults[13]")
execute("break jobs_done")
found = dict.fromkeys(kinds, 0)
stops = [0, 0]
while function() != "jobs_done":
    said = execute("continue")
    line = re.search(r"(?m)^catchpoint (\d+): ", said)
    if line:
        found[numbers[int(line[1])]] += 1
    else:
        stops[last_event().breakpoints[0].type == gdb.BP_HARDWARE_WATCHPOINT] += 1
equal(found, times)
equal(stops, [7 + 1, 3], "breakpoints, with the last, and watchpoints")
for number, kind in numbers.items():
    matches(execute("monitor info catch"), rf"(?m)^ *{number} +{re.escape(kinds[kind])}, hit {times[kind]} times$")
exits("continue")
