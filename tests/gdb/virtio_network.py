# gdbvm: image virtio64
# gdbvm: args --net user,mac=02:00:00:00:00:07
# gdbvm: local
# gdbvm: expect-exit 0
# gdbvm: expect-serial card 02:00:00:00:00:07\n(.|\n)*offered 10\.0\.2\.15, router 10\.0\.2\.2\n.*router is 52:55:0a:00:02:02
# A frame that comes by itself, while no CPU runs, is seen by a watchpoint; while the guest stands, none comes into memory.
connect()
stop_at("job_network")
execute("watch received[24]")
number = gdb.breakpoints()[-1].number
hit("continue", number)
equal(value("received[24]"), 0x08)  # IPv4
before = peek(label("received"), 1526)
matches(execute("monitor info devices"), "virtio network")
equal(peek(label("received"), 1526), before, "the frame")
execute("delete")
stop_at("address_offered")
equal(peek(label("address"), 4), bytes([10, 0, 2, 15]))
exits("continue")
