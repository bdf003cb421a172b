# gdbvm: image paging32
# gdbvm: image user64
# gdbvm: append rounds=2 int3
# gdbvm: append rounds=2 int3 pae
# gdbvm: requires syscall=yes
# gdbvm: requires paging-32-bit=yes
# gdbvm: expect-exit 0
# The guest's own int3, in its kernel and in user mode, reach its own handler while ours are planted.
connect()
stop_at("user_main")
equal(value("breakpoints_seen"), 1)
occupy_debug_registers(range(0x00101000, 0x00101004))
execute("break work")
hit("continue", gdb.breakpoints()[-1].number)
equal(value("breakpoints_seen"), 2)
execute("delete")
exits("continue")
