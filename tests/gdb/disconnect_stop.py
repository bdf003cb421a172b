# gdbvm: image bench64
# gdbvm: append calls
# gdbvm: args --on-disconnect stop
# The connection is lost: the guest waits where it is for the next debugger.
connect()
execute("break bench_hit")
hit("continue", 1)
hit("continue", 1)
before = pc(), value("i"), value("counter")
execute("disconnect")
connect()
equal((pc(), value("i"), value("counter")), before, "where the guest is")
hit("continue", 1)
equal(value("i"), before[1] + 1)
