# gdbvm: image paging32
# gdbvm: append rounds=5
# gdbvm: append rounds=5 pae
# gdbvm: requires paging-32-bit=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: exit 15; 12 syscalls
# 32-bit user mode by single steps: into the kernel by int 0x80, out of it by IRET, a back trace across the ring at each.
connect()
stop_at("user_main")
matches(execute("bt"), r"^#0  user_main \(\).*\n(?!#1)")
stop_at("call_kernel")
while peek(pc(), 2) != b"\xcd\x80":
    gdb.execute("stepi", to_string=True)
    equal(value("$cs") & 3, 3, "CPL")
at, stack = pc(), value("$esp")
execute("stepi")
equal(pc(), value("(unsigned)&trap_128"), "the gate's handler")
equal(value("$cs") & 3, 0, "CPL")
for _ in range(12):
    matches(execute("bt"), r"<signal handler called>.*\n.*call_kernel.*\n.*user_main|trap_128.*\n.*call_kernel.*\n.*user_main")
    execute("stepi")

stop_at("log_call")
matches(execute("bt"), r"log_call.*\n#1 .*handle_syscall(.*\n)+.*<signal handler called>\n.*call_kernel.*\n.*user_main")
equal(value("*(unsigned char *)call->arguments[0]"), ord("h"))
execute("finish")
equal(value("call_log.calls[0].eip"), at + 2)

stop_at("*&iret_point")
matches(execute("bt"), "user_main")
execute("stepi")
equal(value("$cs") & 3, 3, "CPL after IRET")
equal(pc(), at + 2)
equal(value("$esp"), stack)
check(not value("$eflags") & 0x100, "TF is left in user mode")
execute("finish")
equal(function(), "user_main")
execute("next")
execute("step")
execute("step")
equal(function(), "work")
stop_at("*&int80_point")
at = pc()
execute("nexti")
check(pc() in (at + 2, value("(unsigned)&trap_128")), "nexti over int 0x80")
exits("continue")
