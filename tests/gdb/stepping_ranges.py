# gdbvm: image bench64
# gdbvm: append line
# `next` over a line of 40 000 instructions is one packet; a breakpoint in it and Ctrl-C end it where they should.
connect()
stop_at("bench_line")


def line():
    return gdb.selected_frame().find_sal().line


first = line()
execute("next")
equal(line(), first + 1, "the loop")
execute("set var line_sum = 0")
resumes = [packet for packet in packets("next") if packet.startswith("vCont;")]
check(0 < len(resumes) < 5, f"`next` took {len(resumes)} packets")
equal(line(), first + 2, "behind the loop")
equal(value("line_sum"), sum(range(8000)), "what the loop did")

# In the middle of the line: a breakpoint with a condition, then Ctrl-C.
stop_at("bench_line")
execute("next")
execute("set var line_sum = 0")
stores = [row["addr"] for row in gdb.selected_frame().architecture().disassemble(pc(), count=8)]
execute(f"break *{stores[2]:#x} if line_sum > 200")
number = gdb.breakpoints()[-1].number
hit("next", number)
check(200 < value("line_sum") < 300, f"stopped at a sum of {value('line_sum')}")
execute("delete")
interrupted("next")
equal(line(), first + 1)
