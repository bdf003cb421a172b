# gdbvm: image kernel64
# gdbvm: append ticks=10
# gdbvm: requires int3-kernel-mode=emulation failure
# gdbvm: expect-exit 0
# gdbvm: expect-serial 10 ticks: power off
# An instruction that this host's KVM can't execute stops with SIGILL and says its bytes; gdb can go past it.
connect()
stop_at("count_once")
here = pc()
original = peek(here, 5)
poke(here, "f3480fb8c0")  # popcnt rax, rax
matches(signalled("continue", "SIGILL"), rf"cannot execute the instruction at {here:#x}.*f3 48 0f b8 c0")
equal(pc(), here, "pc")
signalled("stepi", "SIGILL")
equal(pc(), here, "pc")
poke(here, original.hex())
execute("stepi")
check(pc() != here, "it stands still")
exits("continue")
