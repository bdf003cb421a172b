# gdbvm: image user64
# gdbvm: image paging32
# gdbvm: append rounds=5
# gdbvm: requires data-debug-registers=yes
# gdbvm: requires paging-32-bit=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: exit 15
# Watchpoints on what user mode writes and on what the kernel writes: behind the write, before the neighbour's next.
connect()
stop_at("user_main")
execute("set var watched = 77")
execute("watch watched")
watch = gdb.breakpoints()[-1].number
total = 0
for number in range(1, 6):
    total += number
    hit("continue", watch)
    equal(function(), "write_watched")
    equal(value("watched"), total)
    equal(value("neighbour"), total + 1, "the neighbour's next write is still to come")
    if number == 2:
        break
execute("delete")
seen = "int80_seen" if gdb.lookup_global_symbol("int80_seen") else "syscalls_seen"
execute(f"watch {seen}")
before = value(seen)
hit("continue", gdb.breakpoints()[-1].number)
equal(value(seen), before + 1)
matches(function(), "handle_")
matches(execute("bt"), "user_main")
execute("delete")
exits("continue")
