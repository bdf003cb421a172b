# gdbvm: image user64
# gdbvm: append rounds=5
# gdbvm: requires syscall=yes
# gdbvm: expect-exit 0
# gdbvm: expect-serial user: exit 15; 9 syscalls, 9 int 0x80
# 64-bit user mode by single steps: into the kernel by SYSCALL and by int 0x80, out of it by SYSRETQ and by IRETQ. Nothing
# that the user program sees is changed by it, and a back trace leads across the ring.
MASK = (1 << 64) - 1
USER_GS, KERNEL_GS = "(unsigned long)&user_thread", "(unsigned long)&boot_cpu"
KEPT = "rbx rdi rsi rbp r12 r13 r14 r15 rsp".split()
RF = 0x10000


def gs_bases(now, other):
    equal(value("$gs_base") & MASK, value(now), "gs_base")
    equal(value("$k_gs_base") & MASK, value(other), "k_gs_base")


def there_and_back(point, entry, handler, way_out):
    stop_at(f"*&{point}")
    equal(value("$cs") & 3, 3, "CPL")
    gs_bases(USER_GS, KERNEL_GS)
    at, flags = pc(), value("$eflags")
    kept = {name: value(f"${name}") for name in KEPT}
    execute("stepi")
    equal(pc(), value(f"(unsigned long)&{entry}"), "the entry")
    equal(value("$cs") & 3, 0, "CPL")
    matches(execute("bt"), r"call_kernel(.*\n)+.*user_main")
    if entry == "syscall_entry":
        equal(value("$rcx"), at + 2, "rcx")
        equal(value("$r11") & 0x100, 0, "TF in r11")
        execute("stepi")  # swapgs
        gs_bases(KERNEL_GS, USER_GS)
    stop_at(handler)
    equal(value("frame->rip"), at + 2)
    equal(value("frame->rflags") & ~RF, flags & ~RF, "the saved flags")
    matches(execute("bt"), r"call_kernel(.*\n)+.*user_main")
    execute("finish")
    for _ in range(200):
        code = peek(pc(), 3)
        gdb.execute("stepi", to_string=True)
        if value("$cs") & 3 == 3:
            break
    equal(code[: len(way_out)], way_out, "how it left")
    equal(pc(), at + 2)
    equal(value("$eflags") & ~RF, flags & ~RF, "the flags")
    equal({name: value(f"${name}") for name in KEPT}, kept, "registers")
    gs_bases(USER_GS, KERNEL_GS)


connect()
stop_at("user_main")
equal(value("$cs") & 3, 3, "CPL")
there_and_back("syscall_point", "syscall_entry", "handle_syscall", b"\x48\x0f\x07")
there_and_back("int80_point", "trap_128", "handle_int80", b"\x48\xcf")
execute("finish")
execute("finish")
equal(function(), "user_main")

# Breakpoints in user memory, in the way into the kernel, and in both at once.
occupy_debug_registers(range(0x200000, 0x200004))
execute("break write_watched")
user = gdb.breakpoints()[-1].number
hit("continue", user)
matches(mechanism(pc()), "^byte")
execute("break syscall_entry")
kernel = gdb.breakpoints()[-1].number
hit("continue", kernel)
execute(f"delete {kernel}")
hit("continue", user)
execute("delete")
stop_at("timer_tick")
matches(execute("bt"), r"<signal handler called>(.*\n)+.*user_main")
exits("continue")
