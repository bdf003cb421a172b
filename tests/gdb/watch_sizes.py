# gdbvm: image traps64
# gdbvm: append writes rounds=3
# gdbvm: expect-exit 0
# gdbvm: expect-serial writes: 3 rounds, neighbour 60, loaded 3207, checksum b60ea9ffa7ea5a97
# Watchpoints of every size and alignment, and stores of every kind: each stops right behind the store, with the old
# and the new value; stores nearby, loads and stores of the same value do not stop; the guest takes no harm.
connect()
stop_at("job_writes")


def stored(round_, cell, name, new):
    """The next store into the cell is the one in store_NAME, of this value."""
    execute(f"watch watched.{cell}")
    number = gdb.breakpoints()[-1].number
    old = value(f"watched.{cell}")
    text = hit("continue", number)
    equal(function(), f"store_{name}", f"round {round_}, who stored")
    behind = [label(f"stored_{name}")]
    if name in ("filled", "moved"):  # a repeated instruction may stop between its rounds
        behind.append(label(f"storing_{name}"))
    check(pc() in behind, f"stopped at {pc():#x}, not behind the store at {behind[0]:#x}")
    equal(value(f"watched.{cell}"), new, cell)
    matches(text, rf"Hardware watchpoint {number}: watched\.{re.escape(cell)}\s+Old value = {old}\b.*\s+New value = {new}\b")
    execute(f"delete {number}")


for at in (1, 2):
    stored(at, "cells.byte", "byte", at)
    stored(at, "cells.word", "word", at * 0x101)
    stored(at, "cells.dword", "dword", at * 0x10101)
    stored(at, "cells.qword", "qword", at * 0x100000001)
    stored(at, "cells.unaligned", "unaligned", at * 0x1000000010001)
    stored(at, "across", "across", at * 0x0101010101010101)
    stored(at, "cells.added", "added", 3 * at)
    stored(at, "cells.exchanged", "exchanged", at << 32)
    stored(at, "cells.filled[17]", "filled", at + 0x30)
    stored(at, "cells.moved[2]", "moved", at * 3)
    stored(at, "cells.record.id", "id", 1000 + at)
    stored(at, "cells.record.name[0]", "name", ord("a") + at)
    stored(at, "cells.record.points[17]", "point", at * at)
    stored(at, "behind[0]", "behind", at ^ 0xFF)

# A part of what is stored, then what is not changed, with a condition that is met late.
execute("watch *(char *)&watched.across")
hit("continue", gdb.breakpoints()[-1].number)
equal(function(), "store_across")
execute("delete")
execute("watch watched.cells.unchanged")
execute("watch watched.cells.loaded")
execute("watch watched.cells.padding")
execute("watch watched.cells.neighbour if watched.cells.neighbour == 53")
hit("continue", gdb.breakpoints()[-1].number)
equal((function(), value("watched.cells.neighbour")), ("store_neighbour", 53))
exits("continue")
