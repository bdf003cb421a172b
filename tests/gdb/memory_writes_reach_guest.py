# gdbvm: image kernel64
# gdbvm: append ticks=40
# gdbvm: expect-exit 0
# gdbvm: expect-serial hello from kernel64: speed 1, position 1,
# gdbvm: expect-serial howdy: speed 5, position 6,
# What gdb writes, the guest works with.
connect()
execute("break print_status")
hit("continue", 1)
hit("continue", 1)
execute("set var speed = 5")
execute('set {char[6]} greeting = "howdy"')
equal(value("speed"), 5)
execute("delete")
exits("continue")
