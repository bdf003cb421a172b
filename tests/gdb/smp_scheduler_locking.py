# gdbvm: image smp64
# gdbvm: args --cpus 4
# gdbvm: running
# Who may run while one CPU steps: with `scheduler-locking step` none of the others, but all when it goes on; each CPU can be
# stepped by `thread apply all`.
connect()
stop_at("station_2 if cpu->id == 3")
equal(gdb.selected_thread().num, 4)


def work():
    return [value(f"cpus[{cpu}].hits") for cpu in range(3)]


def where():
    places = {}
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        places[thread.num] = pc()
    return places


execute("set scheduler-locking step")
before = work()
for _ in range(30):
    execute("stepi")
    equal(gdb.selected_thread().num, 4, "the thread that steps")
execute("next")
equal(work(), before, "what the others did meanwhile")
end = time.monotonic() + 60
while not all(now > then for now, then in zip(work(), before)):
    check(time.monotonic() < end, "the others stood still")
    stop_at("station_2 if cpu->id == 3")

execute("set scheduler-locking on")
for _ in range(5):
    before = where()
    said = execute("thread apply all -s stepi")
    equal([number for number, place in where().items() if place == before[number]], [], "threads that did not step")
    for number, place in before.items():
        behind = place + gdb.selected_frame().architecture().disassemble(place)[0]["length"]
        code = peek(place, 1)[0]
        jumps = code in (0xC3, 0xE8, 0xE9, 0xEB) or 0x70 <= code < 0x80 or code == 0x0F
        check(jumps or where()[number] == behind, f"thread {number} went from {place:#x} to {where()[number]:#x}")
execute("thread 2")
before = [value(f"cpus[{cpu}].hits") for cpu in (0, 2, 3)]
stop_at("station_7")
equal((gdb.selected_thread().num, value("cpu->id")), (2, 1))
equal([value(f"cpus[{cpu}].hits") for cpu in (0, 2, 3)], before, "the others stand still")
execute("set scheduler-locking off")
interrupted(after=0.05)
execute("detach")
