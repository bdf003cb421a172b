# gdbvm: image traps64
# gdbvm: append cr3 rounds=4
# gdbvm: expect-exit 0
# gdbvm: expect-serial (cr3: 4 and 4 calls, sums 44444444 and 88888888(.|\n)*){4}
# One linear address, two pages: a breakpoint there is hit in both address spaces, with `monitor break-filter cr3` only
# in one. Breakpoints in the kernel's half are not filtered. In a debug register and in memory.
connect()


def calls(spaces):
    """Where the breakpoint at the common address must be hit, by what the function there returns."""
    execute("break *at_two_places")
    number = gdb.breakpoints()[-1].number
    for space in spaces:
        hit("continue", number)
        equal((pc(), value("$cr3")), (0x400000, roots[space]))
        equal(peek(pc(), 6).hex(), ("b81111111190", "b82222222290")[space], "the page's own bytes")
    execute(f"delete {number}")


def again():
    execute("delete")
    stop_at("jobs_done")
    matches(execute("monitor reset"), "first instruction")
    forget_registers()
    stop_at("job_cr3")


stop_at("job_cr3")
BASE = label("boot_pml4") - value("$cr3")
roots = [label("spaces[0].pml4") - BASE, label("spaces[1].pml4") - BASE]
calls([0, 1] * 4)

again()
said = execute(f"monitor break-filter cr3 {roots[1] | 0x18:#x}")  # the low twelve bits do not count
matches(said, f"{roots[1]:#x}")
matches(execute("monitor info breakpoints"), f"{roots[1]:#x}")
execute("break mark_table")
kernel = gdb.breakpoints()[-1].number
hit("continue", kernel)
equal(value("$cr3"), roots[0], "the first space's root")
execute(f"delete {kernel}")
calls([1] * 4)

again()
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
calls([1] * 4)

again()
execute("monitor break-filter none")
occupy_debug_registers(range(0xFFFFFFFF90000000, 0xFFFFFFFF90000004))
for space in (0, 1):  # an address space is known once the guest was seen in it
    stop_at("mark_table")
    equal(value("$cr3"), roots[space])
calls([0, 1] * 3)
for wrong in ("", "cr3", "cr3 x", "cr4 5", "none 5"):
    matches(execute(f"monitor break-filter {wrong}"), "takes .*cr3.*none")
exits("continue")
