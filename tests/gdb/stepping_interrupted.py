# gdbvm: image bench64
# gdbvm: image kernel64
# gdbvm: append forever
# Ctrl-C ends a stepping without end, too, also when it arrives between two steps, while the guest stands still.
connect()
stop_at("spin" if IMAGE.endswith("bench64") else "inventory_audit")
for at in range(20):
    interrupted("stepi 100000000", after=0.01 * at)
