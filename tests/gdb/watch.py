# gdbvm: image bench64
# Watchpoints stop behind the write that they watch for.
connect()
stop_at("spin")
execute("watch counter")
for expected in range(value("counter") + 1, value("counter") + 20):
    execute("continue")
    equal(value("counter"), expected)
execute("delete")
execute("rwatch counter")
execute("continue")
equal(function(), "spin")
execute("delete")
execute("awatch counter")
execute("continue")
execute("continue")
execute("delete")
interrupted(after=0.01)
