# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: local
# The host has no room for another machine: gdb hears why, the guest stays where it is, and a later reset works.
import resource

connect()
execute("break count_once")
hit("continue", 1)
hit("continue", 1)
equal(value("counter"), 1)
_, most = resource.prlimit(PID, resource.RLIMIT_NOFILE)
limits = resource.prlimit(PID, resource.RLIMIT_NOFILE, (0, most))
matches(execute("monitor reset"), "cannot be reset, and is as before: .*Too many open files")
resource.prlimit(PID, resource.RLIMIT_NOFILE, limits)
equal(value("counter"), 1)
equal(function(), "count_once")
hit("continue", 1)
equal(value("counter"), 2)
matches(execute("monitor reset"), "first instruction")
forget_registers()
equal(function(), "pvh_entry")
hit("continue", 1)
equal(value("counter"), 0)
