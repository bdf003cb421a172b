# gdbvm: image kernel64
# gdbvm: append ticks=30
# gdbvm: expect-exit 0
# gdbvm: expect-serial 30 ticks: power off
# After `detach` the guest runs on as if nobody had been there: nothing planted is left to stop it.
connect()
for name in "kernel_main schedule timer_tick count_once print_status say inventory_audit".split():
    execute(f"break {name}")
for _ in range(20):
    execute("continue")
execute("detach")
