# gdbvm: image bench64
# gdbvm: requires data-debug-registers=no
# Where the host cannot do data watchpoints, gdb's user hears so at once.
connect()
stop_at("spin")
matches(packet(f"Z2,{value('(unsigned long)&counter'):x},8"), r"^E.*this host's KVM never fires data watchpoints")
execute("watch counter")
fails("continue", "hardware watchpoint|data watchpoints")
execute("delete")
interrupted(after=0.01)
