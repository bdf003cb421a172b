# gdbvm: image traps64
# gdbvm: append hypercall rounds=3
# gdbvm: requires data-debug-registers=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial hypercall: 3 calls, 3 refused
# Hypercalls are caught. (The probe stands for hardware virtualisation: on PVM no VMCALL ever ends.)
connect()
stop_at("job_hypercall")
number = catch("hypercall", "hypercall")
for at in range(3):
    caught(number, r"hypercall .*")
    equal(function(), "hypercall")
    equal(value("accesses"), at)
matches(execute("monitor info catch"), rf"(?m)^ *{number} +hypercall, hit 3 times$")
exits("continue")
