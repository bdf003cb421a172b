# gdbvm: image traps64
# gdbvm: append writes rounds=2
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 2 rounds, neighbour 40, loaded 215a, checksum
# Twenty watchpoints at once, in three pages: each is hit as often as its cell changes.
connect()
stop_at("job_writes")
CELLS = "qword dword word byte unaligned added exchanged record.id record.name[0] record.points[17]".split()
CELLS += [f"moved[{at}]" for at in range(4)] + [f"filled[{at}]" for at in (0, 9, 31)]
watches = {f"watched.cells.{cell}": 2 for cell in CELLS}
watches |= {"watched.across": 2, "watched.behind[0]": 2, "elsewhere.counter": 2}
equal(len(watches), 20)
rows = []
for expression in watches:
    execute(f"watch {expression}")
    rows.append(gdb.breakpoints()[-1])
execute("tbreak jobs_done")
for _ in range(100):
    execute("continue")
    check(isinstance(last_event(), gdb.BreakpointEvent), f"stopped with {last_event()}")
    if function() == "jobs_done":
        break
    matches(function(), "^store_|^count_elsewhere$")
equal({row.expression: row.hit_count for row in rows}, watches)
said = execute("monitor info breakpoints")
equal(len(re.findall(r"(?m)^watch +0x[0-9a-f]+  (?:page protection|stepping and comparing|debug register)", said)), 20)
execute("delete")
exits("continue")
