# gdbvm: image kernel64
# gdbvm: append ticks=5
# gdbvm: expect-exit 0
# gdbvm: expect-serial 5 ticks: power off
# The trap flag that steps the CPU does not show where the guest stores its flags.
connect()
stop_at("save_and_stop_interrupts")
while peek(pc(), 1) != b"\x9c":
    execute("stepi")
execute("stepi")
equal(value("*(unsigned long *)$rsp") & 0x100, 0, "TF as PUSHF stored it")
equal(value("$eflags") & 0x100, 0, "TF in eflags")
exits("continue")
