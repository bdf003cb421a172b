# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# Every monitor command.
connect()
stop_at("count_once")
matches(execute("monitor help"), r"info registers(.*\n)+.*info cpus(.*\n)+.*interrupts-while-stepping(.*\n)+.*quit")
matches(execute("monitor info registers"), rf"rip {pc():016x}(.*\n)+.*gdt .*idt(.*\n)+ cr0 ")
matches(execute("monitor info registers 0"), rf"rip {pc():016x}")
matches(execute("monitor info registers 7"), "takes a CPU from 0 to 0")
matches(execute("monitor info cpus"), rf"CPU 0: long-64, CPL 0, pc {pc():#x}, interrupts on, running")
matches(execute("monitor info exits"), r"port I/O +[1-9]\d*(.*\n)+.*triple fault +0")
matches(execute("monitor info devices"), r"port 03f8-03ff")
matches(execute("monitor info breakpoints"), rf"break +{pc():#x}")
matches(execute("monitor frobnicate"), "unknown command `frobnicate`: see `monitor help`")
matches(execute("monitor info breakpoints now"), "takes no arguments")
matches(execute("monitor interrupts-while-stepping maybe"), "takes `on` or `off`")
matches(execute("monitor interrupts-while-stepping on"), "interrupts while stepping: on")
matches(execute("monitor quit"), "the VM ends")
