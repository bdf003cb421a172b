# gdbvm: image traps64
# gdbvm: append fault timer rounds=4
# gdbvm: expect-exit 0
# gdbvm: expect-serial fault: #DE 4, #GP 4, #PF 8, 16 as expected
# An exception that is caught stops at the handler's first instruction and tells where it happened and why. Others, and
# interrupts, pass.
connect()
stop_at("job_fault")
MISSING = 0x123456789000
page_fault = catch("exception 14", "exception 14 (#PF)")


def page_faults(round_):
    for at, code, address in (("store", 2, MISSING + round_), ("load", 0, MISSING + 8)):
        caught(page_fault, rf"exception 14 \(#PF\) at {label('faulting_' + at):#x}: error code {code:#x}, CR2 {address:#x}")
        equal(pc(), label("trap_14"), "the handler")
        equal(value("*(unsigned long *)$rsp"), code, "the error code on the stack")


page_faults(0)
equal((value("faults[14]"), value("faults[0]"), value("faults[13]")), (1, 0, 0), "handled so far")
division = catch("exception 0", "exception 0 (#DE)")
protection = catch("exception 13", "exception 13 (#GP)")
for at in range(2):
    caught(division, rf"exception 0 \(#DE\) at {label('faulting_division'):#x}")
    equal(pc(), label("trap_0"), "the handler")
    caught(protection, rf"exception 13 \(#GP\) at {label('faulting_segment'):#x}: error code 0x1230")
    equal(pc(), label("trap_13"), "the handler")
    page_faults(at + 1)
said = execute("monitor info catch")
for number, name, hits in ((page_fault, "14 (#PF)", 6), (division, "0 (#DE)", 2), (protection, "13 (#GP)", 2)):
    matches(said, rf"(?m)^ *{number} +exception {re.escape(name)}, hit {hits} times$")

# The back trace leads through the handler's frame to the instruction that faulted.
execute(f"monitor uncatch {division}")
caught(protection, r"exception 13 .*")
matches(execute("bt"), r"#0 +<signal handler called>\n#1 .*fault_segment")
execute("monitor uncatch all")
check("exception" not in execute("monitor info catch"), "a catchpoint is left")
exits("continue")
