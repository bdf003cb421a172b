# gdbvm: image kernel64
# gdbvm: append forever
# gdbvm: expect-exit 0
# `kill` ends the VM.
connect()
stop_at("kernel_main")
execute("kill")
equal([thread for thread in gdb.selected_inferior().threads()], [], "threads")
