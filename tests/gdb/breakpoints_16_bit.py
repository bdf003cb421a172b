# gdbvm: image hello16
# gdbvm: symbols hello16.elf
# gdbvm: expect-exit 0
# gdbvm: expect-serial 12 11 10 4 3 2 1 lift-off
# Every way to stop, in real mode at source level.
connect()
equal(pc(), 0x7C00, "pc")
stop_at("print_countdown")
equal(value("(short)countdown"), 12)
matches(execute("bt"), r"#0 .*print_countdown.*\n#1 .*(start|countdown_loop)")
execute("next")  # mov
execute("step")
equal(function(), "print_number")

# Twelve has two digits: the first is printed by recursion.
execute("break print_number if $ax < 10")
number = gdb.breakpoints()[-1].number
hit("continue", number)
matches(execute("bt"), r"#0 .*print_number.*\n#1 .*print_number.*\n#2 .*print_countdown")
execute(f"delete {number}")
execute("finish")
equal(function(), "print_number")
execute("finish")
equal(function(), "print_countdown")

execute("advance *countdown_loop")
execute("advance print_countdown")
equal(value("(short)countdown"), 11)
execute("hbreak put_char")
number = gdb.breakpoints()[-1].number
hit("continue", number)
execute("up")
equal(function(), "print_number")
execute(f"delete {number}")
stop_at("*countdown_loop")
equal(value("(short)countdown"), 10)
execute(f"until *{pc() + 3}")  # behind the call: 10 is printed
execute("set var *(short *)&countdown = 5")
execute("break power_off")
number = gdb.breakpoints()[-1].number
hit("continue", number)
equal(value("(short)countdown"), 0)
execute("delete")
exits("jump *$pc")
